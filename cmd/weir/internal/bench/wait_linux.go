package bench

import (
	"context"
	"syscall"
	"time"

	"github.com/weirstream/weir/cmd/weir/internal/pause"
)

// WaitPrecisely waits for a duration or until ctx ends, to about a tenth of a
// millisecond: a timer of the runtime may be a whole one late, so the rest is
// left to the system. It cannot be used in a bubble.
func WaitPrecisely(ctx context.Context, d time.Duration) error {
	const rest = 2 * time.Millisecond
	end := time.Now().Add(d)
	if d > rest {
		if err := pause.For(ctx, d-rest); err != nil {
			return err
		}
	}
	if left := time.Until(end); left > 0 {
		t := syscall.NsecToTimespec(int64(left))
		_ = syscall.Nanosleep(&t, nil) // a signal may cut it short: that is early by less than 2 ms
	}
	return ctx.Err()
}

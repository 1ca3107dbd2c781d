package wait

import (
	"context"
	"math"
	"time"
)

// Pause waits for d or a change, and reports whether one of them came before
// the end of ctx. The longest d there is is no wait at all: only a change ends
// it then.
func Pause(ctx context.Context, d time.Duration, changed, ended <-chan struct{}) bool {
	var due <-chan time.Time
	if d < math.MaxInt64 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-changed:
	case <-ended:
	case <-due:
	case <-ctx.Done():
		return false
	}
	return true
}

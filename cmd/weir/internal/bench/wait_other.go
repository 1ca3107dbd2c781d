//go:build !linux

package bench

import (
	"context"
	"time"

	"github.com/weirstream/weir/cmd/weir/internal/pause"
)

// WaitPrecisely waits for a duration or until ctx ends, as precisely as a timer
// does.
func WaitPrecisely(ctx context.Context, d time.Duration) error { return pause.For(ctx, d) }

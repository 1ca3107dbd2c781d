// Package pause waits.
package pause

import (
	"context"
	"time"
)

// For waits for a duration, if it is positive, or until ctx ends, whose error
// it returns then. A timer of the runtime may be a millisecond late.
func For(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

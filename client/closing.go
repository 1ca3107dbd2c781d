package client

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/wait"
)

// A closing says whether a reader was closed, and ends what waits when it is.
// The zero value is open.
type closing struct {
	done    atomic.Bool
	waiting wait.List
}

func (c *closing) closed() bool { return c.done.Load() }

func (c *closing) close() {
	c.done.Store(true)
	c.waiting.Wake()
}

// pause waits for d, if that is positive, or until the end of ctx or the
// closing, which are errors.
func (c *closing) pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	closed := c.waiting.Enter() // enter, then look: a closing in between is not missed
	if c.closed() {
		return weir.ErrClosed
	}
	switch {
	case !wait.Pause(ctx, d, closed, nil):
		return ctx.Err()
	case c.closed():
		return weir.ErrClosed
	}
	return nil
}

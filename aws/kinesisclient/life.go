package kinesisclient

import (
	"context"
	"time"

	"github.com/weirstream/weir"
)

// A life is that of a reader, until its Close, whoever calls that.
type life struct {
	ctx context.Context
	end context.CancelFunc
}

func newLife(ctx context.Context) life {
	ctx, end := context.WithCancel(context.WithoutCancel(ctx))
	return life{ctx, end}
}

func (l *life) over() bool { return l.ctx.Err() != nil }

// within returns a context that ends with ctx and with the life.
func (l *life) within(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(l.ctx, cancel)
	return ctx, func() { stop(); cancel() }
}

// pause waits for d, if that is positive, or until the end of ctx or of the
// life, which are errors.
func (l *life) pause(ctx context.Context, d time.Duration) error {
	if d > 0 {
		within, done := l.within(ctx)
		defer done()
		_ = pause(within, d) // ended by which of the two is looked at below
	}
	if l.over() {
		return weir.ErrClosed
	}
	return ctx.Err()
}

// pause waits for d, if that is positive, or until the end of ctx, whose error
// it returns.
func pause(ctx context.Context, d time.Duration) error {
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

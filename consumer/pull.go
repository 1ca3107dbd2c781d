package consumer

import (
	"context"
	"errors"
	"iter"
	"sync"
)

// errLeft says that the loop was left before it had processed a batch.
var errLeft = errors.New("the loop was left")

// Batches runs the group for a loop in place of a handler, and yields batches
// one at a time, of any shard. A batch is processed when the loop comes to the
// next one. One in which the loop is left is not, but for what [Batch.Ack] said
// of it: it comes again. To leave the loop ends the run, as the end of ctx does;
// what ended it otherwise is yielded last, with a nil batch.
//
// [Config.Handler] is not called. The policies for errors mean nothing here.
func (g *Group) Batches(ctx context.Context) iter.Seq2[*Batch, error] {
	return func(yield func(*Batch, error) bool) {
		if ctx == nil {
			yield(nil, g.Run(ctx))
			return
		}
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		offers, left := make(chan offer), make(chan struct{})
		var err error
		done := make(chan struct{})
		go func() {
			defer close(done)
			err = g.run(ctx, func(ctx context.Context, b *Batch) error { return take(ctx, b, offers, left) })
		}()
		leave := sync.OnceFunc(func() { stop(); close(left); <-done })
		defer leave() // also if the loop's body panics
		for {
			select {
			case o := <-offers:
				if !o.yield(yield) {
					return
				}
			case <-done:
				if err != nil {
					yield(nil, err)
				}
				return
			}
		}
	}
}

// An offer is a batch for the loop, whose handler waits for what comes of it.
type offer struct {
	batch  *Batch
	result chan<- error
}

// yield gives the batch to the loop's body, and reports whether the loop goes
// on.
func (o offer) yield(yield func(*Batch, error) bool) (more bool) {
	defer func() {
		if more {
			o.result <- nil
		} else {
			o.result <- errLeft
		}
	}()
	return yield(o.batch, nil)
}

// take is the handler of a loop.
func take(ctx context.Context, b *Batch, offers chan<- offer, left <-chan struct{}) error {
	result := make(chan error, 1)
	select {
	case offers <- offer{b, result}:
		return <-result
	case <-left:
		return errLeft
	case <-ctx.Done():
		return errLeft
	}
}

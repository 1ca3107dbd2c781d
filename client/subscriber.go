package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/weirstream/weir"
)

// A subscriber reads by the subscriptions of a consumer, one after the other.
type subscriber struct {
	losses
	stream   *weir.Stream
	consumer string
	shard    weir.ShardID
	at       weir.Position // where the next subscription begins
	last     bool          // the shard is read to its end
	closing  closing

	mu  sync.Mutex // guards sub; not held while waiting
	sub *weir.Subscription
}

// Next returns the next event. When the life of a subscription is over, another
// one goes on where it stood.
func (r *subscriber) Next(ctx context.Context) (weir.Batch, error) {
	for {
		if r.closing.closed() {
			return weir.Batch{}, weir.ErrClosed
		}
		b, err := r.current().Next(ctx)
		if err == nil {
			r.note(r.stream, r.at, b)
			r.at, r.last = b.Continue, b.Last
			return b, nil
		}
		if err != io.EOF || r.last {
			return weir.Batch{}, err
		}
		if err := r.subscribe(ctx); err != nil {
			return weir.Batch{}, fmt.Errorf("renew the subscription of consumer %q to %s: %w", r.consumer, r.shard, err)
		}
	}
}

func (r *subscriber) current() *weir.Subscription {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sub
}

// subscribe subscribes. Where a subscription of the same consumer and shard has
// just begun it waits, and takes over.
func (r *subscriber) subscribe(ctx context.Context) error {
	for {
		sub, err := r.stream.Subscribe(ctx, r.consumer, r.shard, r.at)
		if err == nil {
			return r.enter(sub)
		}
		var active *weir.LimitError
		if !errors.Is(err, weir.ErrSubscriptionActive) || !errors.As(err, &active) {
			return err
		}
		if err := r.closing.pause(ctx, active.RetryAfter); err != nil {
			return err
		}
	}
}

// enter makes a subscription the current one, unless the reader was closed
// meanwhile.
func (r *subscriber) enter(sub *weir.Subscription) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closing.closed() {
		sub.Close()
		return weir.ErrClosed
	}
	r.sub = sub
	return nil
}

// Close ends the reader.
func (r *subscriber) Close() error {
	r.closing.close()
	r.current().Close()
	return nil
}

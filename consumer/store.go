package consumer

import (
	"context"
	"fmt"
	"time"

	"github.com/weirstream/weir/lease"
)

// maxCalls is how many calls of a store may be under way at a time, those that
// nobody waits for any more included.
const maxCalls = 64

// A prompt store gives up when a context ends, whether the store does or not: a
// directory on a disk that is gone does not. Calls that never end are bounded by
// their number.
type prompt struct {
	store lease.Store
	calls chan struct{}
	grace time.Duration // a store that heeds the context has so long to return
}

func newPrompt(s lease.Store, failover time.Duration) prompt {
	return prompt{s, make(chan struct{}, maxCalls), failover / 20}
}

// List implements [lease.Store].
func (p prompt) List(ctx context.Context) ([]lease.Lease, error) {
	return ask(ctx, p, p.store.List)
}

// Create implements [lease.Store].
func (p prompt) Create(ctx context.Context, l lease.Lease) error {
	_, err := ask(ctx, p, func(ctx context.Context) (struct{}, error) { return struct{}{}, p.store.Create(ctx, l) })
	return err
}

// Update implements [lease.Store].
func (p prompt) Update(ctx context.Context, l lease.Lease) (lease.Lease, error) {
	return ask(ctx, p, func(ctx context.Context) (lease.Lease, error) { return p.store.Update(ctx, l) })
}

// Delete implements [lease.Store].
func (p prompt) Delete(ctx context.Context, l lease.Lease) error {
	_, err := ask(ctx, p, func(ctx context.Context) (struct{}, error) { return struct{}{}, p.store.Delete(ctx, l) })
	return err
}

// ask makes a call in a goroutine of its own, and waits for it until ctx ends.
func ask[T any](ctx context.Context, p prompt, call func(context.Context) (T, error)) (none T, err error) {
	select {
	case p.calls <- struct{}{}:
	case <-ctx.Done():
		return none, fmt.Errorf("%d calls of the store have no answer: %w", maxCalls, ctx.Err())
	}
	type answer struct {
		value T
		err   error
	}
	answers := make(chan answer, 1)
	go func() {
		v, err := call(ctx)
		answers <- answer{v, err}
		<-p.calls
	}()
	select {
	case a := <-answers:
		return a.value, a.err
	case <-ctx.Done():
	}
	timer := time.NewTimer(p.grace)
	defer timer.Stop()
	select {
	case a := <-answers:
		return a.value, a.err
	case <-timer.C:
		return none, fmt.Errorf("the store does not answer: %w", ctx.Err())
	}
}

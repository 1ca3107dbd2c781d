package queue

import (
	"context"

	"github.com/weirstream/weir/internal/clock"
)

// DeadLetters are the records of a queue that were delivered in vain as often
// as its settings allow. They stay in the queue until they are acknowledged or
// restored here, or expire in the stream, and are received as others are; there
// is no bound to how often. The receipts are for these methods alone.
type DeadLetters struct{ queue *Queue }

// DeadLetters returns the dead letters of the queue.
func (q *Queue) DeadLetters() DeadLetters { return DeadLetters{q} }

// Receive is [Queue.Receive] for dead letters. It never returns io.EOF.
func (d DeadLetters) Receive(ctx context.Context, max int) ([]Delivery, error) {
	return d.queue.receive(ctx, deadPath, Request{Max: max, Wait: -1}, max)
}

// TryReceive is [Queue.TryReceive] for dead letters.
func (d DeadLetters) TryReceive(ctx context.Context, max int) ([]Delivery, error) {
	return d.queue.receive(ctx, deadPath, Request{Max: max}, max)
}

// ReceiveWith is [Queue.ReceiveWith] for dead letters.
func (d DeadLetters) ReceiveWith(ctx context.Context, r Request) ([]Delivery, error) {
	return d.queue.receive(ctx, deadPath, r, 1)
}

// Acknowledge gives dead letters up: they are not delivered again in any way.
// See [Queue.Acknowledge].
func (d DeadLetters) Acknowledge(ctx context.Context, receipts ...Receipt) ([]error, error) {
	return d.queue.acknowledge(ctx, deadPath, receipts)
}

// Extend is [Queue.Extend] for dead letters.
func (d DeadLetters) Extend(ctx context.Context, extensions ...Extension) ([]error, error) {
	return d.queue.extend(ctx, deadPath, extensions)
}

// Restore makes dead letters records like all others, which can be received at
// once and as often as any; when they were received first stays as it is. See
// [Queue.Acknowledge] for what it returns.
func (d DeadLetters) Restore(ctx context.Context, receipts ...Receipt) ([]error, error) {
	q := d.queue
	return q.each(ctx, deadPath, len(receipts), func(i int) *Receipt { return &receipts[i] }, func(i int, _ clock.Instant) error {
		if !q.m.restore(&receipts[i]) {
			return errStale
		}
		return nil
	})
}

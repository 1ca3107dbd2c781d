package queue

import (
	"context"
	"io"
	"iter"
)

// Deliveries yields records one by one, as [Queue.Receive] returns them, and
// waits for more until ctx ends, which is the last thing it yields, or until
// there are no more to come. The loop acknowledges what it has done with
// [Delivery.Ack]. An error is yielded once, last, with a zero Delivery. A
// record is received when it is its turn, so leaving the loop leaves none in
// flight that was not seen.
func (q *Queue) Deliveries(ctx context.Context) iter.Seq2[Delivery, error] {
	return func(yield func(Delivery, error) bool) {
		for {
			list, err := q.Receive(ctx, 1)
			if err == io.EOF {
				return
			}
			if err != nil {
				yield(Delivery{}, err)
				return
			}
			if !yield(list[0], nil) {
				return
			}
		}
	}
}

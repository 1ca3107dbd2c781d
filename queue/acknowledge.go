package queue

import (
	"context"
	"time"

	"github.com/weirstream/weir/internal/clock"
)

// An Extension is a delivery and how long it is to last from now on.
type Extension struct {
	Receipt Receipt
	// Visibility is counted from the call. Zero, or less, lets the record come
	// back at once; at most [MaxVisibility].
	Visibility time.Duration
}

// Acknowledge tells the queue that records are done: they are not delivered
// again. On a stream on disk that holds after a crash, once Acknowledge has
// returned, if [weir.Config] Sync is zero.
//
// Success is per receipt: the list has an error for each, nil where it is
// acknowledged, and is nil itself if all are. The errors are [*ReceiptError]s.
// A receipt whose time has passed is good as long as the record was not
// delivered again; one that was acknowledged with already is good once more,
// for the last 4,096 records about. The other error is of the whole call:
// nothing is acknowledged then.
func (q *Queue) Acknowledge(ctx context.Context, receipts ...Receipt) ([]error, error) {
	return q.acknowledge(ctx, normalPath, receipts)
}

func (q *Queue) acknowledge(ctx context.Context, p path, receipts []Receipt) ([]error, error) {
	return q.each(ctx, p, len(receipts), func(i int) *Receipt { return &receipts[i] }, func(i int, now clock.Instant) error {
		if !q.m.acknowledge(&receipts[i], now) {
			return errStale
		}
		return nil
	})
}

// Extend changes when records come back, as each extension says. Receipts and
// errors are as in [Queue.Acknowledge]. A record whose time has passed is in
// flight again if it was not delivered again meanwhile; where as many are in
// flight as may be, its error is [ErrTooManyInFlight].
func (q *Queue) Extend(ctx context.Context, extensions ...Extension) ([]error, error) {
	return q.extend(ctx, normalPath, extensions)
}

func (q *Queue) extend(ctx context.Context, p path, extensions []Extension) ([]error, error) {
	for i := range extensions {
		if d := extensions[i].Visibility; d > MaxVisibility {
			return nil, invalidf("Extension.Visibility", "%v is more than %v", d, MaxVisibility)
		}
	}
	return q.each(ctx, p, len(extensions), func(i int) *Receipt { return &extensions[i].Receipt }, func(i int, now clock.Instant) error {
		x := &extensions[i]
		return q.m.extend(&x.Receipt, now, now.Plus(max(0, x.Visibility)))
	})
}

// each does something with each of n receipts.
func (q *Queue) each(ctx context.Context, p path, n int, receipt func(int) *Receipt, f func(int, clock.Instant) error) (errs []error, err error) {
	if err := q.checkCall(ctx); err != nil {
		return nil, err
	}
	if n > MaxRequest {
		return nil, invalidf("receipts", "%d are more than %d", n, MaxRequest)
	}
	err = q.do(func(now clock.Instant) error {
		for i := range n {
			err := q.check(receipt(i), p)
			if err == nil {
				err = f(i, now)
			}
			if err == nil {
				continue
			}
			if err == errStale {
				err = &ReceiptError{Queue: q.name, Reason: "the record was delivered again, or is no longer there", Err: ErrStaleReceipt}
			}
			if errs == nil {
				errs = make([]error, n)
			}
			errs[i] = err
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return errs, nil
}

// Ack acknowledges the delivery, as [Queue.Acknowledge] does.
func (d *Delivery) Ack(ctx context.Context) error {
	return first(d.queue.acknowledge(ctx, d.Receipt.path, []Receipt{d.Receipt}))
}

// Extend makes the record come back so long after the call.
func (d *Delivery) Extend(ctx context.Context, visibility time.Duration) error {
	return first(d.queue.extend(ctx, d.Receipt.path, []Extension{{d.Receipt, visibility}}))
}

// Return lets the record come back at once: the next who receives gets it, or,
// if it was delivered often enough, it is a dead letter.
func (d *Delivery) Return(ctx context.Context) error { return d.Extend(ctx, 0) }

// first returns the error of a call for one receipt.
func first(errs []error, err error) error {
	if err != nil || errs == nil {
		return err
	}
	return errs[0]
}

package client

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/weirstream/weir"
)

// A poller reads by GetRecords.
type poller struct {
	losses
	stream  *weir.Stream
	as      Reading
	it      weir.Iterator // zero when the shard is read to its end
	at      weir.Position // where it stands
	due     time.Time     // when to poll again; zero before the first poll
	records []weir.Record
	closing closing
}

// Next polls, when that is due.
func (r *poller) Next(ctx context.Context) (weir.Batch, error) {
	switch {
	case ctx == nil:
		return weir.Batch{}, errNilContext
	case r.closing.closed():
		return weir.Batch{}, weir.ErrClosed
	case r.it.IsZero():
		return weir.Batch{}, io.EOF
	}
	if err := r.await(ctx); err != nil {
		return weir.Batch{}, err
	}
	if r.as.Interval < 0 { // nobody asks when the next poll is due
		return r.get(ctx)
	}
	begin := time.Now()
	b, err := r.get(ctx)
	r.due = begin.Add(r.as.Pause(b, err))
	return b, err
}

// await waits until the next poll is due.
func (r *poller) await(ctx context.Context) error {
	if r.due.IsZero() {
		return ctx.Err()
	}
	return r.closing.pause(ctx, time.Until(r.due))
}

// get calls GetRecords. An iterator that has expired is replaced.
func (r *poller) get(ctx context.Context) (weir.Batch, error) {
	p, err := r.stream.AppendRecords(ctx, r.records[:0], r.it, r.as.MaxRecords)
	if errors.Is(err, weir.ErrIteratorExpired) {
		if err := r.renew(ctx); err != nil {
			return weir.Batch{}, err
		}
		p, err = r.stream.AppendRecords(ctx, r.records[:0], r.it, r.as.MaxRecords)
	}
	if err != nil {
		return weir.Batch{}, err
	}
	r.note(r.stream, r.at, p.Batch)
	r.records, r.it, r.at = p.Records, p.Next, p.Continue
	return p.Batch, nil
}

// renew replaces the iterator by one that stands where it stood.
func (r *poller) renew(ctx context.Context) error {
	it, err := r.stream.Iterator(ctx, r.it.ShardID(), r.at)
	if err == nil {
		r.it = it
	}
	return err
}

// Close ends the reader.
func (r *poller) Close() error {
	r.closing.close()
	return nil
}

package kinesisclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
)

// A poller reads by GetRecords.
type poller struct {
	losses
	stream  *Stream
	id      weir.ShardID
	shard   string // the same, as the service has it
	as      client.Reading
	limit   *int32
	life    life
	at      weir.Position // where it stands
	mark    mark          // until the first record behind it has come
	due     time.Time     // when to poll again; zero before the first poll
	turn    time.Time     // when it may, by its turn; zero while it has none
	refused int           // throttles in a row
	it      *string       // nil when the shard is read to its end
	records []weir.Record
}

// poll returns a reader that polls.
func (s *Stream) poll(ctx context.Context, shard weir.ShardID, from weir.Position, as client.Reading) (client.Reader, error) {
	r := &poller{stream: s, id: shard, shard: shard.String(), as: as, life: newLife(ctx), at: from}
	if as.MaxRecords > 0 {
		r.limit = aws.Int32(int32(as.MaxRecords))
	}
	opened := time.Now()
	if err := r.renew(ctx); err != nil {
		r.life.end()
		return nil, err
	}
	r.at = again(from, opened)
	if as.Polling || as.Interval < 0 {
		return r, nil
	}
	return newAhead(r, &s.ahead), nil
}

// renew gets an iterator that stands where the reader does.
func (r *poller) renew(ctx context.Context) error {
	mark, begin := markOf(r.at)
	at := placeOf(begin)
	out, err := r.stream.client.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{
		StreamName: &r.stream.name, ShardId: &r.shard,
		ShardIteratorType: at.kind, StartingSequenceNumber: at.number, Timestamp: at.time,
	})
	if err != nil {
		return r.stream.positionRefused(ctx, "iterator of "+r.shard, r.at, err)
	}
	r.it, r.mark = out.ShardIterator, mark
	return nil
}

// positionRefused is refused for calls that begin at a position.
func (s *Stream) positionRefused(ctx context.Context, what string, at weir.Position, err error) error {
	refused := s.refused(ctx, what, err)
	if !at.Number().IsZero() && codeOf(err) == codeInvalid && ctx.Err() == nil {
		return both(weir.ErrInvalidSequenceNumber, refused)
	}
	return refused
}

// Next polls, when that is due.
func (r *poller) Next(ctx context.Context) (weir.Batch, error) {
	if ctx == nil {
		return weir.Batch{}, errNilContext
	}
	if err := r.await(ctx); err != nil {
		return weir.Batch{}, err
	}
	begin := time.Now()
	within, done := r.life.within(ctx)
	defer done()
	b, err := r.get(within)
	r.due = begin.Add(r.pauseAfter(b, err))
	switch {
	case err == nil:
		return b, nil
	case r.life.over():
		return weir.Batch{}, weir.ErrClosed
	case ctx.Err() != nil:
		return weir.Batch{}, ctx.Err()
	}
	return weir.Batch{}, err
}

// await waits until the next poll is due and it is the reader's turn. A call
// that is given up on the way leaves the turn to the next call.
func (r *poller) await(ctx context.Context) error {
	var wait time.Duration
	if !r.due.IsZero() && r.it != nil {
		wait = time.Until(r.due)
	}
	if err := r.life.pause(ctx, wait); err != nil {
		return err
	}
	switch {
	case r.it == nil:
		return io.EOF
	case r.as.Interval < 0: // the caller sees to it
		return nil
	case r.turn.IsZero():
		r.turn = r.stream.turns.take(r.id, time.Now())
	}
	if err := r.life.pause(ctx, time.Until(r.turn)); err != nil {
		return err
	}
	r.turn = time.Time{}
	return nil
}

// pauseAfter returns how long after the beginning of a poll the next one is
// due: not before the back-off, if it was throttled.
func (r *poller) pauseAfter(b weir.Batch, err error) time.Duration {
	pause := r.as.Pause(b, err)
	switch {
	case err == nil:
		r.refused = 0
	case errors.Is(err, weir.ErrThroughputExceeded):
		r.refused++
		if r.as.Interval >= 0 {
			pause = max(r.as.Interval, backOff(r.refused))
		}
	}
	return pause
}

// get calls GetRecords. An iterator that has expired is replaced.
func (r *poller) get(ctx context.Context) (weir.Batch, error) {
	out, err := r.call(ctx)
	if codeOf(err) == codeExpiredIterator {
		r.stream.log.Warn("an iterator had expired, and is replaced", "shard", r.shard)
		if err := r.renew(ctx); err != nil {
			return weir.Batch{}, err
		}
		out, err = r.call(ctx)
	}
	if err != nil {
		return weir.Batch{}, r.stream.refused(ctx, "read "+r.shard, err)
	}
	return r.take(out)
}

func (r *poller) call(ctx context.Context) (*kinesis.GetRecordsOutput, error) {
	return r.stream.client.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: r.it, Limit: r.limit})
}

// take notes what a call returned, if it can be read.
func (r *poller) take(out *kinesis.GetRecordsOutput) (weir.Batch, error) {
	records, err := appendRecords(r.records[:0], out.Records)
	r.records = records
	if err != nil {
		return weir.Batch{}, r.unreadable(err)
	}
	children, err := childrenOf(out.ChildShards)
	if err != nil {
		return weir.Batch{}, r.unreadable(err)
	}
	if n := len(records); n > 0 {
		r.at = weir.AfterSequence(records[n-1].SequenceNumber)
	}
	r.it = out.NextShardIterator
	records, lost := r.mark.pass(records, r.it == nil)
	r.lose(r.stream, r.shard, lost)
	return weir.Batch{
		Shard: r.id, Last: r.it == nil, Records: records, Continue: r.at,
		Behind: millis(out.MillisBehindLatest), Children: children,
	}, nil
}

func (r *poller) unreadable(err error) error {
	return fmt.Errorf("stream %s: read %s: the answer cannot be read: %w", r.stream.name, r.shard, err)
}

// Close ends the reader.
func (r *poller) Close() error {
	r.life.end()
	return nil
}

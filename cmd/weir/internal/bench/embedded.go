package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/weirstream/weir"
)

// An embedded target is a stream of the engine in this process.
type embedded struct{ *weir.Stream }

// NewEmbedded returns a target that is a stream in this process.
func NewEmbedded(s *weir.Stream) Target { return embedded{s} }

// Shards returns the stream's shards.
func (t embedded) Shards(context.Context) ([]Shard, error) {
	var list []Shard
	for _, s := range t.Stream.Shards() {
		list = append(list, Shard{ID: s.ID, Range: s.HashKeyRange, Parents: s.Parents, Open: s.IsOpen()})
	}
	return list, nil
}

// count fills in what each shard took since the stream began.
func (t embedded) count(counts *shardCounts) {
	for _, s := range t.Snapshot().Shards {
		*counts.of(s.Shard) = shardCount{s.Total.IncomingRecords, s.Total.IncomingBytes, s.Total.WriteThrottled}
	}
}

// Split splits a shard in the middle.
func (t embedded) Split(_ context.Context, shard Shard) error {
	_, err := t.SplitShard(context.Background(), shard.ID, shard.Range.Middle())
	return err
}

// Merge merges two neighbours.
func (t embedded) Merge(_ context.Context, lower, upper weir.ShardID) error {
	_, err := t.MergeShards(context.Background(), lower, upper)
	return err
}

// Resize changes the number of shards.
func (t embedded) Resize(_ context.Context, shards int) error {
	_, err := t.Stream.Resize(context.Background(), shards)
	return err
}

// Register registers a consumer.
func (t embedded) Register(_ context.Context, consumer string) error {
	_, err := t.RegisterConsumer(context.Background(), consumer)
	return err
}

// Close does nothing: the stream goes with the process.
func (t embedded) Close(context.Context) error { return nil }

func (f Start) position() weir.Position {
	if f == Latest {
		return weir.Latest()
	}
	return weir.TrimHorizon()
}

// Poll returns a reader that calls GetRecords.
func (t embedded) Poll(ctx context.Context, shard weir.ShardID, from Start, limit int) (Reader, error) {
	it, err := t.Iterator(ctx, shard, from.position())
	if err != nil {
		return nil, err
	}
	return &embeddedPoll{stream: t.Stream, it: it, limit: limit, from: from, opened: it.IssuedAt()}, nil
}

// An embeddedPoll reads by GetRecords.
type embeddedPoll struct {
	stream  *weir.Stream
	it      weir.Iterator
	limit   int
	from    Start
	opened  time.Time // when the first iterator was issued
	records []weir.Record
	last    weir.SequenceNumber // zero if nothing was read
}

// Next is one call of GetRecords. An iterator that expired is replaced.
func (p *embeddedPoll) Next(ctx context.Context) (Batch, error) {
	b, err := p.stream.AppendRecords(ctx, p.records[:0], p.it, p.limit)
	if errors.Is(err, weir.ErrIteratorExpired) {
		if err = p.renew(ctx); err != nil {
			return Batch{}, err
		}
		b, err = p.stream.AppendRecords(ctx, p.records[:0], p.it, p.limit)
	}
	if err != nil {
		return Batch{}, err
	}
	p.records, p.it = b.Records, b.Next
	if n := len(b.Records); n > 0 {
		p.last = b.Records[n-1].SequenceNumber
	}
	return Batch{
		Records: b.Records, Behind: b.Behind,
		Ended: b.Next.IsZero(), Children: b.Children,
	}, nil
}

// renew replaces the iterator by one that stands where it stood.
func (p *embeddedPoll) renew(ctx context.Context) (err error) {
	from := weir.TrimHorizon()
	switch {
	case !p.last.IsZero():
		from = weir.AfterSequence(p.last)
	case p.from == Latest:
		from = weir.AtTime(p.opened)
	}
	p.it, err = p.stream.Iterator(ctx, p.it.ShardID(), from)
	return err
}

// Close does nothing.
func (p *embeddedPoll) Close() {}

// Subscribe returns a subscription of a registered consumer.
func (t embedded) Subscribe(ctx context.Context, consumer string, shard weir.ShardID, from Start) (Reader, error) {
	sub, err := t.Stream.Subscribe(ctx, consumer, shard, from.position())
	if err != nil {
		return nil, err
	}
	return &embeddedSubscription{t.Stream, consumer, sub, weir.Position{}}, nil
}

// An embeddedSubscription is renewed when its life is over.
type embeddedSubscription struct {
	stream   *weir.Stream
	consumer string
	sub      *weir.Subscription
	from     weir.Position // to continue from
}

// Next returns the next event.
func (s *embeddedSubscription) Next(ctx context.Context) (Batch, error) {
	e, err := s.sub.Next(ctx)
	if err == io.EOF {
		if err := s.renew(ctx); err != nil {
			return Batch{}, fmt.Errorf("renew the subscription of %s to %s: %w", s.consumer, s.sub.ShardID(), err)
		}
		e, err = s.sub.Next(ctx)
	}
	if err != nil {
		return Batch{}, err
	}
	s.from = e.Continue
	return Batch{
		Records: e.Records, Behind: e.Behind,
		Ended: e.Last, Children: e.Children,
	}, nil
}

func (s *embeddedSubscription) renew(ctx context.Context) error {
	sub, err := s.stream.Subscribe(ctx, s.consumer, s.sub.ShardID(), s.from)
	if err != nil {
		return err
	}
	s.sub.Close()
	s.sub = sub
	return nil
}

// Close ends the subscription.
func (s *embeddedSubscription) Close() { s.sub.Close() }

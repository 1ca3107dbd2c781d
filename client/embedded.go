package client

import (
	"context"

	"github.com/weirstream/weir"
)

// An Engine is a stream in this process. Make one with [Embedded]; the methods
// of the zero value return errors that match [weir.ErrInvalidArgument]. It
// implements [Stream], [Putter], [Resharder] and [Registrar].
type Engine struct{ stream *weir.Stream }

// Embedded returns a stream of the engine as a [Stream]. It can be copied, and
// there may be any number of it.
func Embedded(s *weir.Stream) Engine { return Engine{s} }

// check checks what the engine itself does not.
func (e Engine) check(ctx context.Context) error {
	switch {
	case e.stream == nil:
		return invalidf("stream", "is none; Embedded makes one")
	case ctx == nil:
		return errNilContext
	}
	return ctx.Err()
}

// Name returns the stream's name.
func (e Engine) Name() string {
	if e.stream == nil {
		return ""
	}
	return e.stream.Name()
}

// Limits returns the stream's limits, resolved; the service's if there is no
// stream.
func (e Engine) Limits() weir.Limits {
	if e.stream == nil {
		return weir.ServiceLimits()
	}
	return e.stream.Config().Limits
}

// PutRecord is [weir.Stream.PutRecord].
func (e Engine) PutRecord(ctx context.Context, key string, data []byte) (weir.Placed, error) {
	if e.stream == nil {
		return weir.Placed{}, e.check(ctx)
	}
	return e.stream.PutRecord(ctx, key, data)
}

// PutRecords is [weir.Stream.PutRecords]: the records of a shard keep their
// order.
func (e Engine) PutRecords(ctx context.Context, entries []weir.Entry) ([]weir.PutResult, error) {
	if e.stream == nil {
		return nil, e.check(ctx)
	}
	return e.stream.PutRecords(ctx, entries)
}

// Shards returns the shards, of which all is known.
func (e Engine) Shards(ctx context.Context) ([]weir.Shard, error) {
	if err := e.check(ctx); err != nil {
		return nil, err
	}
	return e.stream.ListShards(ctx, weir.ShardQuery{})
}

// SplitShard splits a shard.
func (e Engine) SplitShard(ctx context.Context, shard weir.ShardID, at weir.HashKey) error {
	if err := e.check(ctx); err != nil {
		return err
	}
	if at == (weir.HashKey{}) {
		list, err := e.stream.ListShards(ctx, weir.ShardQuery{From: shard, Limit: 1})
		if err != nil {
			return err
		}
		if len(list) > 0 && list[0].ID == shard {
			at = list[0].HashKeyRange.Middle()
		}
	}
	_, err := e.stream.SplitShard(ctx, shard, at)
	return err
}

// MergeShards merges two shards.
func (e Engine) MergeShards(ctx context.Context, lower, upper weir.ShardID) error {
	if err := e.check(ctx); err != nil {
		return err
	}
	_, err := e.stream.MergeShards(ctx, lower, upper)
	return err
}

// Resize changes the number of open shards.
func (e Engine) Resize(ctx context.Context, shards int) error {
	if err := e.check(ctx); err != nil {
		return err
	}
	_, err := e.stream.Resize(ctx, shards)
	return err
}

// RegisterConsumer registers a consumer.
func (e Engine) RegisterConsumer(ctx context.Context, name string) error {
	if err := e.check(ctx); err != nil {
		return err
	}
	_, err := e.stream.RegisterConsumer(ctx, name)
	return err
}

// DeregisterConsumer ends a consumer.
func (e Engine) DeregisterConsumer(ctx context.Context, name string) error {
	if err := e.check(ctx); err != nil {
		return err
	}
	return e.stream.DeregisterConsumer(ctx, name)
}

// Read returns a reader of a shard.
func (e Engine) Read(ctx context.Context, shard weir.ShardID, from weir.Position, as Reading) (Reader, error) {
	if err := e.check(ctx); err != nil {
		return nil, err
	}
	if err := as.Check(); err != nil {
		return nil, err
	}
	if err := CheckPosition(shard, from); err != nil {
		return nil, err
	}
	if as.Consumer == "" && !as.Polling {
		return e.push(shard, from, as)
	}
	from, err := e.pin(shard, from)
	if err != nil {
		return nil, err
	}
	if as.Polling {
		return e.poll(ctx, shard, from, as)
	}
	return e.subscribe(ctx, shard, from, as)
}

// pin returns the tip as the number that it comes after: what reads by
// iterators or subscriptions can then be renewed at any time, before its first
// batch too.
func (e Engine) pin(shard weir.ShardID, from weir.Position) (weir.Position, error) {
	if from.Kind() != weir.Latest().Kind() {
		return from, nil
	}
	r, err := e.stream.NewReader("", weir.Latest().In(shard))
	if err != nil {
		return from, err
	}
	defer r.Close()
	return weir.AfterSequence(r.Positions()[0]), nil
}

// push returns a reader that is handed the records as they are put.
func (e Engine) push(shard weir.ShardID, from weir.Position, as Reading) (Reader, error) {
	r, err := e.stream.NewReader("", from.In(shard))
	if err != nil {
		return nil, err
	}
	return &pushed{r, as.MaxRecords}, nil
}

// A pushed reader is the engine's own.
type pushed struct {
	reader *weir.Reader
	most   int
}

// Next returns the next records.
func (r *pushed) Next(ctx context.Context) (weir.Batch, error) {
	if r.most > 0 {
		return r.reader.NextBatch(ctx, r.most, 0)
	}
	return r.reader.Next(ctx)
}

// MayAggregate reports whether a record may be an aggregate.
func (r *pushed) MayAggregate() bool { return r.reader.MayAggregate() }

// Lost returns how many records had gone before the reader came to them.
func (r *pushed) Lost() int64 { return r.reader.Lost() }

// Close ends the reader.
func (r *pushed) Close() error {
	r.reader.Close()
	return nil
}

// poll returns a reader that calls GetRecords.
func (e Engine) poll(ctx context.Context, shard weir.ShardID, from weir.Position, as Reading) (Reader, error) {
	it, err := e.stream.Iterator(ctx, shard, from)
	if err != nil {
		return nil, err
	}
	return &poller{stream: e.stream, as: as, it: it, at: from}, nil
}

// subscribe returns a reader that is a consumer's subscription.
func (e Engine) subscribe(ctx context.Context, shard weir.ShardID, from weir.Position, as Reading) (Reader, error) {
	r := &subscriber{stream: e.stream, consumer: as.Consumer, shard: shard, at: from}
	if err := r.subscribe(ctx); err != nil {
		return nil, err
	}
	return r, nil
}

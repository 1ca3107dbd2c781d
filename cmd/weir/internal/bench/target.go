package bench

import (
	"context"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/workload"
)

// A Target is the stream that is under load. Several goroutines use it at a time.
//
// Whatever a limit of throughput refuses, records and calls, has an error that matches
// [weir.ErrThroughputExceeded]; a [*weir.LimitError] says which shard it was.
type Target interface {
	// PutRecord and PutRecords are the service's operations. They keep nothing of
	// what they are given.
	PutRecord(ctx context.Context, key string, data []byte) (weir.Placed, error)
	PutRecords(ctx context.Context, entries []weir.Entry) ([]weir.PutResult, error)

	// Shards returns all shards, open ones and those that still can be read.
	Shards(ctx context.Context) ([]Shard, error)
	// Poll returns a reader that calls GetRecords, for up to limit records each.
	Poll(ctx context.Context, shard weir.ShardID, from Start, limit int) (Reader, error)
	// Register registers a consumer for enhanced fan-out.
	Register(ctx context.Context, consumer string) error
	// Subscribe returns a reader that is a registered consumer's subscription, and
	// renews itself.
	Subscribe(ctx context.Context, consumer string, shard weir.ShardID, from Start) (Reader, error)

	// Split splits a shard in the middle, Merge merges two neighbours, Resize
	// changes the number of shards. They return when it is done.
	Split(ctx context.Context, shard Shard) error
	Merge(ctx context.Context, lower, upper weir.ShardID) error
	Resize(ctx context.Context, shards int) error

	// Close removes what was made for the load.
	Close(ctx context.Context) error
}

// A counter is a target that counts itself what each of its shards takes, those that
// vanish apart, so that producers need not: to look at where a record went costs a good
// part of what the engine's put may be measured with.
type counter interface{ count(*shardCounts) }

// A Start is where in a shard a reader begins.
type Start string

const (
	TrimHorizon Start = workload.FromTrimHorizon
	Latest      Start = workload.FromLatest
)

// A Shard is a shard of a target.
type Shard struct {
	ID      weir.ShardID
	Range   weir.HashKeyRange
	Parents []weir.ShardID
	Open    bool
}

// A Reader reads one shard. One goroutine uses it at a time.
type Reader interface {
	// Next is one call of GetRecords, or the next event of a subscription, for
	// which it waits. The batch is valid until the next call.
	Next(ctx context.Context) (Batch, error)
	// Close ends it.
	Close()
}

// A Batch is what one read gives.
type Batch struct {
	Records []weir.Record
	Behind  time.Duration // how old the last record is; zero at the tip
	// Ended says that the shard is closed and read to its end. Children follow it.
	Ended    bool
	Children []weir.Shard
}

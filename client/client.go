// Package client is what a stream is to those who use it: put records, list the
// shards, read a shard. Producers, consumers and all that stands on them are
// written against [Stream], so that they run on the engine in this process and
// on the service alike.
//
// [Embedded] makes a [weir.Stream] a Stream. Package kinesisclient, of the
// module github.com/weirstream/weir/aws, does it with a stream of the service
// or of whatever speaks its protocol. Both pass the tests of package
// clienttest, which are for other implementations too.
//
// [Reading] says how a shard is read. Its zero value is the best that the
// implementation has, so most callers need no other. Which shards are to be
// read, and when, is for the caller to decide: a shard's last batch names the
// children, and those the parents that come before them.
//
// [Resharder], [Registrar] and [Putter] are for the few who need more: ask with
// a type assertion.
//
// # Errors
//
// Implementations agree on these, whatever their own are called; more may be
// known through [errors.As], such as the service's exception.
//
//	io.EOF                         Next: the closed shard is read to its end
//	weir.ErrThroughputExceeded     a limit refused the call or the record; may pass later
//	weir.ErrLimitExceeded          a limit refused it that is no throughput, such as of consumers
//	weir.ErrInvalidArgument        an argument is out of bounds, such as a time in the future
//	weir.ErrInvalidSequenceNumber  a position's number is not one of the shard
//	weir.ErrShardNotFound          there is no such shard, or it has vanished
//	weir.ErrConsumerNotFound       no such consumer is registered, or no more
//	weir.ErrConsumerExists         the consumer is registered already
//	weir.ErrSubscriptionTakenOver  Next: somebody else reads the shard as the same consumer
//	weir.ErrClosed                 Next: the reader was closed
//	client.ErrMismatch             PutRecords: the answer is not one for those entries
//	the context's error            the call was given up
package client

import (
	"context"
	"errors"

	"github.com/weirstream/weir"
)

// ErrMismatch says that a call of PutRecords was answered with another number of
// results than it had entries. Nobody knows what was stored.
var ErrMismatch = errors.New("the answer has a wrong number of results")

// A Stream is a stream of records. All methods may be called by any number of
// goroutines at a time.
type Stream interface {
	// Name returns the stream's name.
	Name() string

	// PutRecords puts records with one outcome each, in the order of entries.
	// The records of a shard that are stored by one call keep their order where
	// the implementation says so; those of one call and a later one always do.
	// The entries are not kept.
	//
	// What a limit of throughput refuses matches [weir.ErrThroughputExceeded]
	// and gives a [*weir.LimitError] that names the shard, where that is known.
	// The error is not nil, and nothing is stored, if the call is refused as a
	// whole. If it is the context's, or the connection's to a stream elsewhere,
	// nobody knows what was stored.
	PutRecords(ctx context.Context, entries []weir.Entry) ([]weir.PutResult, error)

	// Shards returns the shards that can still be read, open and closed ones,
	// by id. Of each its range, its numbers and its parents are known, of which
	// some may have vanished; the rest of [weir.Shard] may be empty.
	Shards(ctx context.Context) ([]weir.Shard, error)

	// Read returns a reader of one shard from a position on, which is taken at
	// the call: from [weir.Latest] on, all that is put after Read has returned
	// is read. Positions are places in a shard: what [weir.Resume],
	// [weir.Position.ToTip] and [weir.Position.Strict] make is refused.
	Read(ctx context.Context, shard weir.ShardID, from weir.Position, as Reading) (Reader, error)
}

// A Reader reads one shard. Next is for one goroutine at a time; Close may be
// called from any.
type Reader interface {
	// Next returns the next batch and waits for it. Each record of the shard
	// comes once, in order, but for those that have gone before the reader came
	// to them. Iterators that expire and subscriptions that end are renewed
	// without loss or repetition.
	//
	// The last batch of a closed shard is Last and has the Children, and maybe
	// no records; [io.EOF] follows. Other batches without records say that
	// there was nothing to read, and how far the reader is behind; a caller
	// need not expect any. Reading goes on at Continue if the reader is lost.
	//
	// The slice of records is overwritten by the next call; its records may be
	// kept as [weir.Record] says.
	//
	// A call that a limit of throughput refused returns the error, for the
	// caller to count. After that, after the context's end, and after any other
	// error whose cause can pass, the reader stands where it stood, and Next
	// may be called again.
	Next(ctx context.Context) (weir.Batch, error)

	// Close ends the reader, and a Next that waits. It may be called more than
	// once.
	Close() error
}

// A Putter puts single records, for those who want the service's operation.
type Putter interface {
	// PutRecord puts a record and returns where it went.
	PutRecord(ctx context.Context, key string, data []byte) (weir.Placed, error)
}

// A Resharder changes the shards of a stream. The methods return when it is
// done and shards can be changed again.
type Resharder interface {
	// SplitShard splits an open shard at a hash key, with which the range of
	// the upper child begins. Zero, at which no shard can be split, means the
	// middle.
	SplitShard(ctx context.Context, shard weir.ShardID, at weir.HashKey) error
	// MergeShards merges two open shards whose ranges adjoin.
	MergeShards(ctx context.Context, lower, upper weir.ShardID) error
	// Resize splits and merges until so many shards are open, their ranges
	// even.
	Resize(ctx context.Context, shards int) error
}

// A Registrar registers consumers, which [Reading.Consumer] names.
type Registrar interface {
	// RegisterConsumer registers a consumer. It returns when one can read as
	// it.
	RegisterConsumer(ctx context.Context, name string) error
	// DeregisterConsumer ends a consumer and its readers. Its name may stay
	// taken for some seconds.
	DeregisterConsumer(ctx context.Context, name string) error
}

// Package lease keeps what the workers of a group share: who reads which
// shard, and how far it has been read.
//
// A [Lease] is a row of it, one for each shard. A [Store] holds the leases of
// one group, and knows nothing of time, workers or streams: it makes a row that
// is not there, and changes or deletes one that is still as it was seen.
// Everything else, such as when a lease may be taken from a worker that is no
// longer heard of, is for those who use it.
//
// Every write names the counter that its writer saw. So a worker that was
// paused, and does not know that its shard is another's by now, changes
// nothing: its checkpoint is refused.
//
// [Memory] keeps leases in the process, [Dir] in a directory that the processes
// of one machine share. Other modules keep them in a database. All of them pass
// the tests of package leasetest.
package lease

import (
	"context"
	"errors"
	"slices"
)

// A Lease says of a shard who reads it and how far it has been read. The names
// and meanings are those of the Kinesis Client Library's table.
type Lease struct {
	// Key is the shard's id, or of a group of several streams what names the
	// stream as well. It has 1 to [MaxKeyBytes]. It and all other text of a lease
	// are UTF-8 without zero bytes, and no longer than that.
	Key string
	// Stream names the stream that the shard is of.
	Stream string
	// Owner is the worker that holds the lease, "" if none does.
	Owner string
	// Wanted is the worker that asks the owner to hand the lease over, if one
	// does.
	Wanted string
	// Counter rises by one with each write. A write names the one that it saw.
	Counter int64
	// Switches is how often the owner changed since the last checkpoint.
	Switches int64
	// Checkpoint is how far the shard has been read.
	Checkpoint Checkpoint
	// State is what a handler keeps beside the checkpoint, in the same write; up
	// to [MaxStateBytes].
	State []byte
	// Parents are the keys of the shards that were closed to open this one;
	// Children those that were opened when it was closed, known at its end. They
	// are sets: a store may return them in another order, and nil for none.
	Parents, Children []string
	// FirstHashKey and LastHashKey are the shard's range, in decimal; both are
	// "" where that is not known.
	FirstHashKey, LastHashKey string
	// Throughput is what the shard's records came to of late, in KiB a second.
	Throughput float64
}

// Clone returns a lease that shares no memory with l.
func (l Lease) Clone() Lease {
	l.State, l.Parents, l.Children = slices.Clone(l.State), slices.Clone(l.Parents), slices.Clone(l.Children)
	return l
}

// A Checkpoint is a place in a shard: all records up to it have been processed,
// itself included. The zero value is none.
type Checkpoint struct {
	// Sequence is a sequence number in decimal, or [TrimHorizon], [Latest],
	// [AtTimestamp] or [ShardEnd].
	Sequence string
	// Sub is the index within an aggregated record, from zero. Of [AtTimestamp] it
	// is the time, in nanoseconds since 1970; zero if it is not known here.
	Sub uint64
}

// What a checkpoint says that is no record.
const (
	// TrimHorizon, Latest and AtTimestamp say where a shard is to be begun of
	// which nothing has been read.
	TrimHorizon = "TRIM_HORIZON"
	Latest      = "LATEST"
	AtTimestamp = "AT_TIMESTAMP"
	// ShardEnd says that a shard was closed and has been processed to its end.
	ShardEnd = "SHARD_END"
)

// IsEnded reports whether the shard has been processed to its end.
func (c Checkpoint) IsEnded() bool { return c.Sequence == ShardEnd }

// The errors of all stores, which [errors.Is] knows. Any other says that the
// store could not be asked, and that nobody knows whether it was written.
var (
	// ErrConflict says that a lease is not as it was seen: there is one already,
	// it has changed, or is gone. Nothing was written.
	ErrConflict = errors.New("the lease has changed")
	// ErrForeign says that a store holds something else than leases of the group,
	// or leases of a later version. Nothing was written.
	ErrForeign = errors.New("not the leases of this group")
)

// A Store holds the leases of one group. All methods may be called by any number
// of goroutines, and by other processes where the store says so, at a time; they
// keep and share nothing of what they are given and return. They return when
// ctx ends, with its error.
type Store interface {
	// List returns all leases, in the order of their keys.
	List(ctx context.Context) ([]Lease, error)
	// Create makes a lease, with the counter that l has. The error matches
	// [ErrConflict] if there is one of that key.
	Create(ctx context.Context, l Lease) error
	// Update puts l in the place of the lease of its key, if that still has the
	// counter of l, and returns it as it is then: with a counter one higher. The
	// error matches [ErrConflict] if it has another; what is there is returned
	// then, the zero value if nothing is.
	Update(ctx context.Context, l Lease) (Lease, error)
	// Delete deletes the lease of l's key, if it still has the counter of l. The
	// error matches [ErrConflict] if it has another; that there is none is fine.
	Delete(ctx context.Context, l Lease) error
}

// A Watcher is a store that tells of changes, so that nobody needs to ask now
// and then.
type Watcher interface {
	// Changed returns a channel that is closed at the next change that may concern
	// others: a lease is made or deleted, has another owner or is wanted by
	// another worker, or its shard has ended. That a lease was renewed, and how
	// far a shard has been read, need not be told: it happens all the time.
	Changed() <-chan struct{}
}

package consumer

import (
	"errors"
	"fmt"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/lease"
)

// ErrRunning says that a group is run already: it is run once at a time.
var ErrRunning = errors.New("the group is running")

// ErrLeaseLost is the cause of the end of a handler's context, as
// [context.Cause] tells it, whose shard another worker has or may have.
var ErrLeaseLost = errors.New("the lease is lost")

// ErrDraining is the cause of the end of a handler's context that has been given
// [Config.Patience] to finish, because Run ends or another worker is to have the
// shard.
var ErrDraining = errors.New("the time to finish is over")

// A HandlerError says that a handler failed to process a batch, where
// [Config.OnError] is [Stop].
type HandlerError struct {
	Stream      string
	Shard       weir.ShardID
	First, Last weir.SequenceNumber // of the batch
	Attempts    int
	Err         error // the handler's; a [*PanicError] if it panicked
}

// Error returns where and what the handler failed to process, and why.
func (e *HandlerError) Error() string {
	return fmt.Sprintf("%s %v: handler failed %d times with records %v to %v: %v", e.Stream, e.Shard, e.Attempts, e.First, e.Last, e.Err)
}

// Unwrap returns the handler's error.
func (e *HandlerError) Unwrap() error { return e.Err }

// A PanicError is the error of a handler that panicked.
type PanicError struct {
	Value any    // what it panicked with
	Stack []byte // of the goroutine
}

// Error returns what the handler panicked with.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// An ExpiredError says that records have gone before the group read them. It
// matches [weir.ErrRecordsLost].
type ExpiredError struct {
	Stream   string
	Shard    weir.ShardID
	Position lease.Checkpoint // how far the shard had been read
	Lost     int64            // how many records have gone; 0 if nobody knows
	// Horizon is the number of the oldest record that there is, or zero if there
	// is none: the shard has vanished.
	Horizon weir.SequenceNumber
}

// Error returns where the group stood and where the stream begins now.
func (e *ExpiredError) Error() string {
	where := fmt.Sprintf("%s %v: position %s is older than what is kept", e.Stream, e.Shard, e.Position.Sequence)
	if e.Horizon.IsZero() {
		return where + ": the shard has vanished"
	}
	return fmt.Sprintf("%s: %d records have gone, the oldest is %v", where, e.Lost, e.Horizon)
}

// Is reports whether target is [weir.ErrRecordsLost].
func (e *ExpiredError) Is(target error) bool { return target == weir.ErrRecordsLost }

// A StuckError says that handlers have not returned though their contexts have
// ended: Run has left them behind.
type StuckError struct {
	Group  string
	Shards []string // stream and shard of each
}

// Error returns the group and the shards.
func (e *StuckError) Error() string {
	return fmt.Sprintf("group %s: handlers of %v do not return", e.Group, e.Shards)
}

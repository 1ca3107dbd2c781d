package weir

import (
	"errors"
	"fmt"
	"time"

	"github.com/weirstream/weir/internal/journal"
)

// The conditions that a caller may want to tell apart. Errors of this package
// match one of them through [errors.Is]; those that carry more are documented
// with their type.
var (
	// ErrInvalidArgument is what an argument outside its bounds matches. The
	// error is an [*ArgumentError].
	ErrInvalidArgument = errors.New("invalid argument")
	// ErrThroughputExceeded says that a limit of throughput refused the call or
	// the record: nothing happened, and the same may succeed later. The error is
	// a [*LimitError]. The service calls it ProvisionedThroughputExceeded.
	ErrThroughputExceeded = errors.New("throughput exceeded")
	// ErrLimitExceeded says that a limit other than one of throughput refused the
	// call: how many consumers or shards there may be, or how often a stream may be
	// changed. The error is a [*LimitError]. The service has the same name for it.
	ErrLimitExceeded = errors.New("limit exceeded")
	// ErrWrongMode says that the operation is for streams in the other capacity
	// mode.
	ErrWrongMode = errors.New("not possible in this capacity mode")
	// ErrMemoryFull says that the record did not fit into [Config.MaxBytes], or
	// that [Config.Memory] is full.
	ErrMemoryFull = errors.New("memory limit reached")
	// ErrShardNotFound says that the stream has no such shard: it never had, or
	// the shard was closed and its last record has expired.
	ErrShardNotFound = errors.New("shard not found")
	// ErrShardClosed says that a shard takes part in no more splits, merges or
	// writes because it was split or merged already.
	ErrShardClosed = errors.New("shard closed")
	// ErrIteratorExpired says that a shard iterator was used later than
	// [Limits.IteratorLifetime] after its issue. The error is an
	// [*IteratorExpiredError].
	ErrIteratorExpired = errors.New("shard iterator expired")
	// ErrInvalidIterator says that an iterator, or a text given for one, is none of
	// this stream.
	ErrInvalidIterator = errors.New("invalid shard iterator")
	// ErrInvalidSequenceNumber says that a sequence number is malformed, or was
	// given for a shard that it does not belong to, or was given out by a run
	// that is lost, see [LoadStream]. The error is a [*SequenceNumberError].
	ErrInvalidSequenceNumber = errors.New("invalid sequence number")
	// ErrConsumerExists says that a consumer of that name is registered already.
	// The service calls it ResourceInUse.
	ErrConsumerExists = errors.New("consumer exists")
	// ErrConsumerNotFound says that no consumer of that name is registered, or
	// that it was deregistered while a subscription of it ran.
	ErrConsumerNotFound = errors.New("consumer not found")
	// ErrSubscriptionActive says that a subscription of the same consumer to the
	// same shard began less than [Limits.SubscribeTakeover] ago. The error is a
	// [*LimitError]. The service calls it ResourceInUse.
	ErrSubscriptionActive = errors.New("subscription active")
	// ErrSubscriptionTakenOver says that a subscription ended because the same
	// consumer subscribed to the same shard again.
	ErrSubscriptionTakenOver = errors.New("subscription taken over")
	// ErrClosed says that a [Reader] or a [Subscription] was used after its Close,
	// or that something was put after [Stream.EndWrites] or [Stream.Close].
	ErrClosed = errors.New("closed")
	// ErrStorage says that a stream on disk could not write down what it was told,
	// of which nothing happened, or could not read what has left memory. The error
	// is a [*StorageError].
	ErrStorage = errors.New("storage failed")
	// ErrInUse says that somebody else has the directory of a stream open.
	ErrInUse = errors.New("directory in use")
	// ErrRecordsLost says that records had gone before a reader whose position is
	// [Position.Strict] came to them. The error is a [*RecordsLostError].
	ErrRecordsLost = errors.New("records lost")
	// ErrDamaged says that what was to be loaded or opened is no saved stream, or
	// was cut off or changed since it was written.
	ErrDamaged = errors.New("saved stream is damaged")
)

// An ArgumentError says which argument was refused and why. It matches
// [ErrInvalidArgument].
type ArgumentError struct {
	Field  string // such as "partition key"
	Reason string // with the value and the limit
}

// Error returns the field and the reason.
func (e *ArgumentError) Error() string { return e.Field + ": " + e.Reason }

// Is reports whether target is [ErrInvalidArgument].
func (e *ArgumentError) Is(target error) bool { return target == ErrInvalidArgument }

func invalidf(field, format string, args ...any) error {
	return &ArgumentError{Field: field, Reason: fmt.Sprintf(format, args...)}
}

// An IteratorExpiredError says when a shard iterator was issued, used, and how
// long it would have lived. It matches [ErrIteratorExpired].
type IteratorExpiredError struct {
	Issued, Used time.Time
	Lifetime     time.Duration // [Limits.IteratorLifetime], never zero
}

// Error returns both times, to the nanosecond, and the lifetime.
func (e *IteratorExpiredError) Error() string {
	return fmt.Sprintf("shard iterator expired: issued %s, used %s, lives %v",
		e.Issued.Format(time.RFC3339Nano), e.Used.Format(time.RFC3339Nano), e.Lifetime)
}

// Is reports whether target is [ErrIteratorExpired].
func (e *IteratorExpiredError) Is(target error) bool { return target == ErrIteratorExpired }

// A SequenceNumberError says why a sequence number was refused. It matches
// [ErrInvalidSequenceNumber].
type SequenceNumberError struct {
	Text    string  // the number as it was given
	Reason  string  // such as "did not come from this stream"
	Shard   ShardID // the shard it was used with
	Encodes ShardID // the shard it belongs to; differs from Shard when that is the reason
	// Malformed says that no stream can have given the number out.
	Malformed bool
}

// Error returns the number and the reason.
func (e *SequenceNumberError) Error() string {
	return fmt.Sprintf("sequence number %s %s", e.Text, e.Reason)
}

// Is reports whether target is [ErrInvalidSequenceNumber].
func (e *SequenceNumberError) Is(target error) bool { return target == ErrInvalidSequenceNumber }

// A RecordsLostError says which records a reader has lost: they expired, or
// were dropped or trimmed, before it came to them. It matches [ErrRecordsLost].
// The reader goes on behind them.
type RecordsLostError struct {
	Stream  string
	Shard   ShardID
	Records int64 // how many
	// From and To name the first and the last of them. The second of arrival that
	// they encode is not that of the records, which nobody knows any more.
	From, To SequenceNumber
}

// Error returns where, how many and which records are lost.
func (e *RecordsLostError) Error() string {
	return fmt.Sprintf("%s of stream %s: %d records are gone unread, %s to %s", e.Shard, e.Stream, e.Records, e.From, e.To)
}

// Is reports whether target is [ErrRecordsLost].
func (e *RecordsLostError) Is(target error) bool { return target == ErrRecordsLost }

// A StorageError says why a stream on disk could not write, or not read what
// has left memory. It matches [ErrStorage] and what Err matches: syscall.ENOSPC
// says that the disk is full, and the same may succeed when it has room again.
// After a sync that failed nothing can be put until the stream is closed and
// opened again, because it is not known what of the file is on disk. Readers go
// on in either case. A read that failed may succeed if it is tried again,
// unless Err matches [ErrDamaged].
type StorageError struct {
	Stream, Dir string
	Err         error // why, never nil
}

// Error returns the stream, its directory and the text of Err.
func (e *StorageError) Error() string {
	return fmt.Sprintf("stream %s in %s: %v", e.Stream, e.Dir, e.Err)
}

// Is reports whether target is [ErrStorage].
func (e *StorageError) Is(target error) bool { return target == ErrStorage }

// Unwrap returns Err.
func (e *StorageError) Unwrap() error { return e.Err }

// damagedf is of a copy or a journal that says what cannot be.
func damagedf(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrDamaged}, args...)...)
}

// storageError makes an error of the journal one of this package.
func storageError(err error) error {
	switch damage := (*journal.Damage)(nil); {
	case errors.As(err, &damage):
		return damagedf("%w", err)
	case errors.Is(err, journal.ErrLocked):
		return fmt.Errorf("%w: %w", ErrInUse, err)
	default:
		return err
	}
}

package queue

import (
	"errors"
	"fmt"

	"github.com/weirstream/weir"
)

// The conditions that a caller may want to tell apart, beside those of package
// weir: what matches [weir.ErrInvalidArgument] is an argument out of bounds,
// [weir.ErrClosed] a queue that was closed, [weir.ErrStorage] one that could
// not write down what it was told.
var (
	// ErrInvalidReceipt says that a receipt is none of this queue, or of its other
	// path: one for a dead letter is no receipt for what Receive returned. The
	// error is a [*ReceiptError]. The service calls it InvalidArgument.
	ErrInvalidReceipt = errors.New("invalid receipt")
	// ErrStaleReceipt says that a receipt was good once: since then the record was
	// delivered again, acknowledged, restored, became a dead letter or expired.
	// The error is a [*ReceiptError]. The service calls it ResourceNotFound.
	ErrStaleReceipt = errors.New("stale receipt")
	// ErrTooManyInFlight says that there are records, and as many in flight as
	// may be: some have to be acknowledged, or to come back, first.
	ErrTooManyInFlight = errors.New("too many records in flight")
	// ErrDeleted says that the queue was deleted. The error matches
	// [weir.ErrClosed] too.
	ErrDeleted = fmt.Errorf("queue deleted: %w", weir.ErrClosed)
	// ErrDamaged says that what was to be loaded or opened is no saved queue, or
	// was cut off or changed since it was written. It is [weir.ErrDamaged].
	ErrDamaged = weir.ErrDamaged
)

// A ReceiptError says why a receipt was refused. It matches [ErrInvalidReceipt]
// or [ErrStaleReceipt].
type ReceiptError struct {
	Queue  string
	Reason string
	// Err is ErrInvalidReceipt or ErrStaleReceipt.
	Err error
}

// Error returns the queue and the reason.
func (e *ReceiptError) Error() string {
	return fmt.Sprintf("queue %s: %v: %s", e.Queue, e.Err, e.Reason)
}

// Unwrap returns Err.
func (e *ReceiptError) Unwrap() error { return e.Err }

// errStale is ErrStaleReceipt of a machine, which does not know its name.
var errStale = errors.New("stale")

func invalidf(field, format string, args ...any) error {
	return &weir.ArgumentError{Field: field, Reason: fmt.Sprintf(format, args...)}
}

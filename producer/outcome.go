package producer

import (
	"time"

	"github.com/weirstream/weir"
)

// An Outcome is what became of a record.
type Outcome struct {
	// Placed says where the record is stored, unless Err says why it is not. The
	// records of an aggregate share it.
	weir.Placed
	// Aggregated says that the record is part of an aggregate, and Sub which of
	// its records, from 0.
	Aggregated bool
	Sub        int
	// Err is nil if the record is stored, else an [*Error].
	Err error
	// Took is how long it was from the put to the outcome. Of a burst, in which
	// records come a microsecond after each other, it is exact to some of those; of
	// the record in which a burst ends, to a millisecond.
	Took time.Duration
	// Attempts are the calls that had the record, the first one first: those that
	// failed, of many the first three and the last, and the one that succeeded.
	// Records that were stored by the same call may share the slice; nobody must
	// write to it.
	Attempts []Attempt
}

// An Attempt is one call that was to put a record.
type Attempt struct {
	Began time.Time
	Took  time.Duration
	// Code is empty if the attempt succeeded: else the service's name of the
	// error, such as "ProvisionedThroughputExceededException", or one of
	// "MemoryFull", "Storage", "Timeout", "Canceled", "Closed", "WrongShard",
	// "RecordCountMismatch" and "Error". Message is the error's text.
	Code, Message string

	err error
}

// Err returns the error of an attempt that failed.
func (a Attempt) Err() error { return a.err }

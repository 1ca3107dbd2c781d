package client

import (
	"fmt"
	"time"

	"github.com/weirstream/weir"
)

// A Reading says how a shard is read. The zero value is the best way that the
// implementation has: on the embedded engine the reader is handed the records
// as they are put, without polling, quota or encoding; on the service it polls.
type Reading struct {
	// Consumer, unless empty, names a registered consumer, as which the shard
	// is read: by enhanced fan-out, with a throughput of its own. It has one
	// reader of a shard; where another one has just begun, Read waits for up to
	// five seconds, and takes over.
	Consumer string
	// Polling reads by calls of GetRecords, one for each call of Next. They
	// spend the shard's read quota, which all who poll share.
	Polling bool
	// MaxRecords is how many records a batch has at most. Zero means as many as
	// the implementation gives at once; at most 10,000. It is not for
	// consumers.
	MaxRecords int
	// Interval is how long after the beginning of one poll Next makes the next
	// one, for which it waits. Zero means a second, and a fifth of one as long
	// as there is more to read, which is as often as the service lets a shard
	// be read. Negative means at once: the caller sees to it.
	Interval time.Duration
}

// The defaults of [Reading.Interval].
const (
	pollIdle   = time.Second
	pollBehind = time.Second / 5
)

const maxReadRecords = 10_000

// Check returns an error that matches [weir.ErrInvalidArgument] if the fields
// are out of bounds or contradict each other.
func (as Reading) Check() error {
	switch {
	case as.Consumer != "" && as.Polling:
		return invalidf("reading", "consumer %q does not poll", as.Consumer)
	case as.Consumer != "" && as.MaxRecords != 0:
		return invalidf("reading", "consumer %q cannot choose how many records it is given", as.Consumer)
	case as.MaxRecords < 0 || as.MaxRecords > maxReadRecords:
		return invalidf("reading", "up to %d records at once; 1 to %d are allowed", as.MaxRecords, maxReadRecords)
	}
	return nil
}

// Pause returns how long after the beginning of a poll the next one is made,
// given what the poll returned. It is for implementations.
func (as Reading) Pause(b weir.Batch, err error) time.Duration {
	switch {
	case as.Interval != 0:
		return max(0, as.Interval)
	case err == nil && b.Behind > 0:
		return pollBehind
	default:
		return pollIdle
	}
}

// CheckPosition returns an error if Read cannot begin at a position: one that
// matches [weir.ErrInvalidArgument] if it is more than a place in the shard,
// and [weir.ErrInvalidSequenceNumber] if its number is of another shard. It is
// for implementations.
func CheckPosition(shard weir.ShardID, from weir.Position) error {
	place := Place(from)
	if from != place && from != place.In(shard) {
		return invalidf("position", "%v is no place in %v", from, shard)
	}
	if n := from.Number(); !n.IsZero() && n.Shard() != shard {
		return &weir.SequenceNumberError{
			Text: n.String(), Reason: fmt.Sprintf("belongs to %s, not to %s", n.Shard(), shard), Shard: shard, Encodes: n.Shard(),
		}
	}
	return nil
}

// Place returns the place of a position without all that was asked beside it.
// It is for implementations.
func Place(from weir.Position) weir.Position {
	switch from.Kind() {
	case "LATEST":
		return weir.Latest()
	case "AT_TIMESTAMP":
		return weir.AtTime(from.Time())
	case "AT_SEQUENCE_NUMBER":
		return weir.AtSequence(from.Number())
	case "AFTER_SEQUENCE_NUMBER":
		return weir.AfterSequence(from.Number())
	default:
		return weir.TrimHorizon()
	}
}

var errNilContext = invalidf("context", "is nil")

func invalidf(field, format string, args ...any) error {
	return &weir.ArgumentError{Field: field, Reason: fmt.Sprintf(format, args...)}
}

package weir

import (
	"cmp"
	"fmt"
	"time"

	"github.com/weirstream/weir/internal/shardlog"
)

// A Position says where in a shard to begin reading. The zero value is the trim
// horizon.
type Position struct {
	kind   positionKind
	number SequenceNumber // for atSequence and afterSequence
	ms     int64          // for atTime; Unix milliseconds
}

type positionKind int

const (
	trimHorizon positionKind = iota
	latest
	atTime
	atSequence
	afterSequence
)

// TrimHorizon is the oldest record that is still readable.
func TrimHorizon() Position { return Position{kind: trimHorizon} }

// Latest is just after the newest record: what is put from now on.
func Latest() Position { return Position{kind: latest} }

// AtTime is the first record that arrived at t or later, t taken to the
// millisecond. A time before the trim horizon means the trim horizon; one after
// the newest record means the tip; one in the future is refused with an error
// that matches [ErrInvalidArgument].
func AtTime(t time.Time) Position { return Position{kind: atTime, ms: instantOf(t).ms()} }

// AtSequence is the record with number n, or the next one that is readable if
// that record is trimmed or n lies between two records. The shard's starting
// sequence number is its beginning. A number beyond the newest record is a
// place to wait for. A number that was given out after the stream was saved
// that was loaded since is refused with an error that matches
// [ErrInvalidSequenceNumber].
func AtSequence(n SequenceNumber) Position { return Position{kind: atSequence, number: n} }

// AfterSequence is the record that follows the one with number n.
func AfterSequence(n SequenceNumber) Position { return Position{kind: afterSequence, number: n} }

// String returns the position in the service's words.
func (p Position) String() string {
	switch p.kind {
	case latest:
		return "LATEST"
	case atTime:
		return "AT_TIMESTAMP " + timeOfMs(p.ms).Format(time.RFC3339Nano)
	case atSequence:
		return "AT_SEQUENCE_NUMBER " + p.number.String()
	case afterSequence:
		return "AFTER_SEQUENCE_NUMBER " + p.number.String()
	default:
		return "TRIM_HORIZON"
	}
}

// locate returns where p lies in the shard.
func (sh *shard) locate(p Position, now instant) (shardlog.Cursor, error) {
	switch p.kind {
	case latest:
		return shardlog.Cursor{Next: sh.log.End()}, nil
	case atTime:
		return sh.locateTime(p.ms, now)
	case atSequence, afterSequence:
		i, err := sh.locateNumber(p.number)
		if p.kind == afterSequence {
			i++
		}
		return shardlog.Cursor{Next: sh.clampToEnd(max(1, i))}, err
	default:
		return shardlog.Cursor{Next: sh.log.First()}, nil
	}
}

func (sh *shard) locateTime(ms int64, now instant) (shardlog.Cursor, error) {
	if ms > now.ms() {
		return shardlog.Cursor{}, invalidf("timestamp", "%s lies in the future: the time is %s",
			timeOfMs(ms).Format(time.RFC3339Nano), now.time().Format(time.RFC3339Nano))
	}
	return sh.log.SeekArrival(ms - 1), nil
}

// lostReason says why a number is refused that only a lost run can have given
// out.
const lostReason = "was given out after the stream was saved that was loaded since; what it named is lost"

// locateNumber returns the index that n encodes, if n is a number of this shard.
func (sh *shard) locateNumber(n SequenceNumber) (uint64, error) {
	refuse := func(encodes ShardID, reason string) (uint64, error) {
		return 0, &SequenceNumberError{Text: cmp.Or(n.String(), "0"), Reason: reason, Shard: sh.shard, Encodes: encodes}
	}
	p, ok := n.decode()
	switch {
	case !ok:
		return refuse(sh.shard, "is invalid")
	case p.shard != sh.shard:
		return refuse(p.shard, fmt.Sprintf("belongs to %s, not to %s", p.shard, sh.shard))
	case p.version != sequenceVersion || p.created != sh.created:
		return refuse(sh.shard, "did not come from this stream")
	}
	if _, lost := sh.log.Lost(p.index); lost {
		return refuse(sh.shard, lostReason)
	}
	if e := sh.ending.Load(); p.index == closedShardIndex && (e == nil || p.time != e.second) {
		// The ending number of a lost run, in which the shard was closed.
		return refuse(sh.shard, lostReason)
	}
	return p.index, nil
}

// clampToEnd keeps an index from lying beyond the end of a closed shard.
func (sh *shard) clampToEnd(i uint64) uint64 {
	if e := sh.ending.Load(); e != nil && i > e.index {
		return e.index
	}
	return i
}

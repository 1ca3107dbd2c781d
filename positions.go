package weir

import (
	"slices"
	"strings"

	"github.com/weirstream/weir/internal/lineage"
	"github.com/weirstream/weir/internal/shardlog"
)

// Positions says how far a whole stream has been read: for each shard that was
// begun the number of the last record given out, or its starting number when
// there was none yet, and for each shard that was read to its end its ending
// number. Shards that are not begun, and those that have vanished, are left out.
// [Positions.Of] says it for one shard.
//
// It prints as text, is read back by [ParsePositions], and can be kept for as long
// as the stream: what has been trimmed meanwhile is left out when reading resumes.
// The zero value is no positions.
type Positions []SequenceNumber

// Progress is how far a shard has been read.
type Progress int

const (
	// NotBegun is that nothing of the shard has been read.
	NotBegun Progress = iota
	// Begun is that the shard is being read, though it may not have given a record.
	Begun
	// Finished is that the shard was closed and has been read to its end, or that it
	// was closed before the place from which the stream is read.
	Finished
)

// String returns the progress in words.
func (p Progress) String() string {
	switch p {
	case Begun:
		return "begun"
	case Finished:
		return "finished"
	default:
		return "not begun"
	}
}

// Of returns how far a shard has been read, and the number to continue after: no
// number if the shard is not begun, its starting number if it is begun and gave no
// record, else the last record's, and its ending number if it is finished. Of a
// record that has been trimmed the number has another second than it had; it
// still names the same place.
//
// Of a shard that had vanished when the positions were taken nothing is known, and
// Of says that it is not begun; so do positions that were saved before finished
// shards were part of them.
func (p Positions) Of(shard ShardID) (Progress, SequenceNumber) {
	for _, n := range p {
		parts, ok := n.decode()
		switch {
		case !ok || parts.shard != shard:
		case parts.index == closedShardIndex:
			return Finished, n
		default:
			return Begun, n
		}
	}
	return NotBegun, SequenceNumber{}
}

// String returns the numbers separated by commas.
func (p Positions) String() string {
	texts := make([]string, len(p))
	for i, n := range p {
		texts[i] = n.String()
	}
	return strings.Join(texts, ",")
}

// MarshalText returns what String does.
func (p Positions) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what [ParsePositions] reads.
func (p *Positions) UnmarshalText(text []byte) (err error) {
	*p, err = ParsePositions(string(text))
	return err
}

// ParsePositions reads what [Positions.String] returned; empty text is no
// positions. The error matches [ErrInvalidSequenceNumber].
func ParsePositions(text string) (Positions, error) {
	if text == "" {
		return nil, nil
	}
	var p Positions
	for _, part := range strings.Split(text, ",") {
		n, err := ParseSequenceNumber(part)
		if err != nil {
			return nil, err
		}
		p = append(p, n)
	}
	return p, nil
}

// Positions returns how far the reader has read: all records that Next returned
// are covered, the batch in hand included.
func (r *Reader) Positions() Positions {
	r.mu.Lock()
	defer r.mu.Unlock()
	var p Positions
	for _, at := range r.cursors {
		p = append(p, at.sh.numberBefore(at.cursor.Next))
	}
	switch {
	case r.walk != nil:
		return append(p, r.finishedLocked()...)
	case len(p) == 0:
		return Positions{r.only.endingNumber()}
	default:
		return p
	}
}

// finishedLocked returns the ending numbers of the shards that were read to their
// end and have not vanished: those that the walk still needs, and those from which
// one comes that was begun or read.
func (r *Reader) finishedLocked() (p Positions) {
	reading, before := make(map[ShardID]bool), make(map[ShardID]bool)
	for _, at := range r.cursors {
		reading[at.sh.shard] = true
	}
	for _, sh := range slices.Backward(r.stream.routes.Load().all) { // children before their parents
		finished := before[sh.shard] || r.walk.Over(sh.shard)
		if !finished && !reading[sh.shard] {
			continue
		}
		for _, parent := range sh.parents {
			before[parent] = true
		}
		// A shard whose children are open already may have no ending yet, for a moment.
		if n := sh.endingNumber(); finished && !n.IsZero() {
			p = append(p, n)
		}
	}
	return p
}

// ResumeStream returns a reader of the whole stream that continues where the
// reader stood that gave the positions: nothing is left out that has not expired
// and nothing repeated. Shards that were opened since are begun in their turn.
// The error matches [ErrInvalidSequenceNumber] or [ErrShardNotFound] when a number
// is not one of this stream, and [ErrInvalidArgument] when there are no positions
// or they contradict each other.
func (s *Stream) ResumeStream(name string, p Positions) (*Reader, error) {
	if len(p) == 0 {
		return nil, invalidf("positions", "there are none")
	}
	return s.readOn(name, p, TrimHorizon())
}

// resume continues at positions.
func (r *Reader) resume(p Positions, routes *routing, horizonMs int64) error {
	places, err := r.stream.locatePositions(p, routes, horizonMs)
	if err != nil {
		return err
	}
	var from lineage.Start[ShardID]
	for _, at := range places {
		if at.finished() {
			from.Ended = append(from.Ended, kin([]*shard{at.sh})...)
		} else {
			from.Begun = append(from.Begun, kin([]*shard{at.sh})...)
		}
	}
	r.walk = lineage.New(kin(routes.closedAfter(horizonMs)), from)
	for _, sh := range from.Begun {
		if r.walk.Over(sh.ID) {
			return invalidf("positions", "%v is given as well as a shard that follows it", sh.ID)
		}
	}
	for id := range r.walk.Ready() {
		sh, c := routes.shard(id), shardlog.Cursor{Next: 1}
		if at, ok := places[id]; ok {
			c.Next = sh.clampToEnd(min(at.index, closedShardIndex-1) + 1)
		}
		r.cursors = append(r.cursors, &shardCursor{sh, c})
	}
	return nil
}

// A place is what a number of some positions says: the index of the last record
// that was read of a shard.
type place struct {
	sh    *shard
	index uint64
}

// finished reports whether the shard was read to its end.
func (p place) finished() bool { return p.index == closedShardIndex && p.sh.ending.Load() != nil }

// locatePositions returns what positions say of shards that have not vanished.
// What those held that have vanished is expired.
func (s *Stream) locatePositions(p Positions, routes *routing, horizonMs int64) (map[ShardID]place, error) {
	places := make(map[ShardID]place, len(p))
	for _, n := range p {
		sh, i, err := s.locateNumber(n, routes, horizonMs)
		switch {
		case err != nil:
			return nil, err
		case sh == nil:
			continue
		}
		if _, twice := places[sh.shard]; twice {
			return nil, invalidf("positions", "%v is given twice", sh.shard)
		}
		places[sh.shard] = place{sh, i}
	}
	return places, nil
}

// locateNumber returns the shard and the index that n encodes, or no shard if it
// has vanished.
func (s *Stream) locateNumber(n SequenceNumber, routes *routing, horizonMs int64) (*shard, uint64, error) {
	parts, ok := n.decode()
	if !ok {
		return nil, 0, &SequenceNumberError{Text: n.String(), Reason: "is invalid", Shard: parts.shard, Encodes: parts.shard}
	}
	if parts.shard >= routes.next {
		return nil, 0, s.shardNotFound(parts.shard)
	}
	sh := routes.shard(parts.shard)
	if sh == nil || sh.expired(horizonMs) {
		return nil, 0, nil
	}
	i, err := sh.locateNumber(n)
	return sh, i, err
}

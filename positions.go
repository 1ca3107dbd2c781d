package weir

import (
	"slices"
	"strings"

	"github.com/weirstream/weir/internal/shardlog"
)

// Positions says how far a whole stream has been read: for each shard that is
// being read the number of the last record given out, and for a shard that is
// read to its end, but not yet its children, its ending number. It prints as
// text, is read back by [ParsePositions], and can be kept for as long as the
// stream: what has been trimmed meanwhile is left out when reading resumes.
type Positions []SequenceNumber

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
		p = append(p, newSequenceNumber(at.sh.created, at.sh.shard, at.cursor.Next-1, at.sh.created))
	}
	for _, sh := range r.ended {
		p = append(p, sh.endingNumber())
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
	now, routes := s.now(), s.routes.Load()
	r := &Reader{stream: s, name: name, whole: true, ended: make(map[ShardID]*shard)}
	for _, n := range p {
		if err := r.resumeShard(n, routes, now); err != nil {
			return nil, err
		}
	}
	ancestors := r.ancestors(routes)
	for _, at := range r.cursors {
		if ancestors[at.sh.shard] {
			return nil, invalidf("positions", "%v is given as well as a shard that follows it", at.sh.shard)
		}
	}
	r.beginFollowing(routes, ancestors, s.horizonMs(now))
	s.readers.add(r)
	return r, nil
}

// resumeShard continues one shard. One that has vanished is passed over: what it
// held has expired.
func (r *Reader) resumeShard(n SequenceNumber, routes *routing, now instant) error {
	sh, i, err := r.stream.locateNumber(n, routes, now)
	if sh == nil || err != nil {
		return err
	}
	if r.reads(sh.shard) || r.ended[sh.shard] != nil {
		return invalidf("positions", "%v is given twice", sh.shard)
	}
	if i == closedShardIndex && sh.ending.Load() != nil {
		r.ended[sh.shard] = sh
		return nil
	}
	r.cursors = append(r.cursors, &shardCursor{sh, shardlog.Cursor{Next: sh.clampToEnd(min(i, closedShardIndex-1) + 1)}})
	return nil
}

// locateNumber returns the shard and the index that n encodes, or no shard if it
// has vanished.
func (s *Stream) locateNumber(n SequenceNumber, routes *routing, now instant) (*shard, uint64, error) {
	parts, ok := n.decode()
	if !ok {
		return nil, 0, &SequenceNumberError{Text: n.String(), Reason: "is invalid", Shard: parts.shard, Encodes: parts.shard}
	}
	if parts.shard >= routes.next {
		return nil, 0, s.shardNotFound(parts.shard)
	}
	sh := routes.shard(parts.shard)
	if sh == nil || sh.expired(s.horizonMs(now)) {
		return nil, 0, nil
	}
	i, err := sh.locateNumber(n)
	return sh, i, err
}

func (r *Reader) reads(id ShardID) bool {
	return slices.ContainsFunc(r.cursors, func(at *shardCursor) bool { return at.sh.shard == id })
}

// ancestors returns the shards that precede those which positions speak of.
func (r *Reader) ancestors(routes *routing) map[ShardID]bool {
	ancestors := make(map[ShardID]bool)
	var addParents func(sh *shard)
	addParents = func(sh *shard) {
		for _, id := range sh.parents {
			if parent := routes.shard(id); parent != nil && !ancestors[id] {
				ancestors[id] = true
				addParents(parent)
			}
		}
	}
	for _, at := range r.cursors {
		addParents(at.sh)
	}
	for _, sh := range r.ended {
		addParents(sh)
	}
	return ancestors
}

// beginFollowing begins the shards that follow those which positions speak of and
// have no parent that is still to be read. Parents that have expired count as
// read; the two of a merge expire at the same time.
func (r *Reader) beginFollowing(routes *routing, ancestors map[ShardID]bool, horizonMs int64) {
	gone := func(sh *shard) bool { return sh == nil || sh.expired(horizonMs) }
	var begun []*shard
	for _, sh := range routes.all {
		if gone(sh) || ancestors[sh.shard] || r.ended[sh.shard] != nil || r.reads(sh.shard) {
			continue
		}
		if !slices.ContainsFunc(sh.parents, func(id ShardID) bool {
			return r.ended[id] == nil && !gone(routes.shard(id))
		}) {
			begun = append(begun, sh)
		}
	}
	for _, sh := range begun {
		r.cursors = append(r.cursors, &shardCursor{sh, shardlog.Cursor{Next: 1}})
		for _, parent := range sh.parents {
			delete(r.ended, parent)
		}
	}
}

package weir

import (
	"errors"
	"strings"
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

// ParsePositions reads what [Positions.String] returned. The error matches
// [ErrInvalidSequenceNumber].
func ParsePositions(text string) (Positions, error) {
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
		p = append(p, newSequenceNumber(at.sh.created, at.sh.shard, at.cursor.next-1, at.sh.created))
	}
	for _, sh := range r.ended {
		p = append(p, sh.endingNumber())
	}
	return p
}

// ResumeStream returns a reader of the whole stream that continues where the
// reader stood that gave the positions: nothing is left out that has not expired
// and nothing repeated. Shards that were opened since are begun in their turn.
// The error matches [ErrInvalidSequenceNumber] when a number is not one of this
// stream, and [ErrInvalidArgument] when there are no positions.
func (s *Stream) ResumeStream(name string, p Positions) (*Reader, error) {
	if len(p) == 0 {
		return nil, invalidf("positions", "there are none")
	}
	r := &Reader{stream: s, name: name, whole: true, ended: make(map[ShardID]*shard)}
	now := s.now()
	routes := s.routes.Load()
	for _, n := range p {
		if err := r.resumeShard(n, now); err != nil {
			return nil, err
		}
	}
	known := r.known(routes)
	var begun []*shard
	for _, sh := range routes.all {
		if !known[sh.shard] && !sh.expired(s.horizonMs(now)) && r.parentsEnded(sh, routes) {
			r.begin(sh)
			begun = append(begun, sh)
		}
	}
	r.forget(begun)
	s.readers.add(r)
	return r, nil
}

// resumeShard continues one shard. One that has vanished is passed over: what it
// held has expired.
func (r *Reader) resumeShard(n SequenceNumber, now instant) error {
	parts, ok := n.decode()
	if !ok {
		return &SequenceNumberError{Text: n.String(), Reason: "is invalid", Shard: parts.shard, Encodes: parts.shard}
	}
	sh, err := r.stream.readable(parts.shard, now)
	if errors.Is(err, ErrShardNotFound) && parts.shard < r.stream.routes.Load().next {
		return nil
	}
	if err != nil {
		return err
	}
	i, err := sh.locateNumber(n)
	if err != nil {
		return err
	}
	if i == closedShardIndex {
		r.ended[sh.shard] = sh
		return nil
	}
	r.cursors = append(r.cursors, &shardCursor{sh, cursor{next: sh.clampToEnd(i + 1)}})
	return nil
}

// known returns the shards that positions speak of, and all their ancestors.
func (r *Reader) known(routes *routing) map[ShardID]bool {
	known := make(map[ShardID]bool)
	var add func(sh *shard)
	add = func(sh *shard) {
		if sh == nil || known[sh.shard] {
			return
		}
		known[sh.shard] = true
		for _, parent := range sh.parents {
			add(routes.shard(parent))
		}
	}
	for _, at := range r.cursors {
		add(at.sh)
	}
	for _, sh := range r.ended {
		add(sh)
	}
	return known
}

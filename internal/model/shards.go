package model

import (
	"math/big"
	"time"
)

// Shards returns the shards that have not vanished at now.
func (s *Stream) Shards(now int64) []*Shard {
	var list []*Shard
	for _, sh := range s.shards {
		if !s.vanished(sh, now) {
			list = append(list, sh)
		}
	}
	return list
}

// Shard returns a shard, vanished or not. It must have existed.
func (s *Stream) Shard(id int) *Shard { return s.shards[id] }

// Split closes a shard and opens two.
func (s *Stream) Split(id int, at *big.Int, now int64) ([]int, Fault) {
	if s.OnDemand() {
		return nil, WrongMode
	}
	sh, f := s.openShard(id, now)
	if f != OK {
		return nil, f
	}
	if !sh.canSplit(at) {
		return nil, BadArgument
	}
	return s.replace(now, []*Shard{sh}, sh.Start, plus(at, -1), at, sh.End), OK
}

// canSplit reports whether both children would have two hash keys.
func (sh *Shard) canSplit(at *big.Int) bool {
	return at.Cmp(plus(sh.Start, 2)) >= 0 && at.Cmp(plus(sh.End, -1)) <= 0
}

// middle returns where the upper half begins; the lower one is not smaller.
func (sh *Shard) middle() *big.Int {
	width := plus(new(big.Int).Sub(sh.End, sh.Start), 1)
	half := new(big.Int).Rsh(plus(width, 1), 1)
	return half.Add(half, sh.Start)
}

// Merge closes two neighbours, the lower one first, and opens one.
func (s *Stream) Merge(lower, upper int, now int64) ([]int, Fault) {
	if s.OnDemand() {
		return nil, WrongMode
	}
	lo, f := s.openShard(lower, now)
	if f != OK {
		return nil, f
	}
	hi, f := s.openShard(upper, now)
	if f != OK {
		return nil, f
	}
	if plus(lo.End, 1).Cmp(hi.Start) != 0 {
		return nil, BadArgument
	}
	return s.replace(now, []*Shard{lo, hi}, lo.Start, hi.End), OK
}

func plus(n *big.Int, d int64) *big.Int { return new(big.Int).Add(n, big.NewInt(d)) }

func (s *Stream) openShard(id int, now int64) (*Shard, Fault) {
	sh := s.shard(id, now)
	switch {
	case sh == nil:
		return nil, ShardNotFound
	case sh.Closed:
		return nil, ShardClosed
	default:
		return sh, OK
	}
}

// replace closes the parents and opens children with the given bounds. The
// parents close now, but not before their newest record arrived; the children's
// creation is a second later, as on the service, or more if it would not be
// later than the parents' creation.
func (s *Stream) replace(now int64, parents []*Shard, bounds ...*big.Int) []int {
	closed, created := now/1e6, int64(0)
	var ids []int
	for _, sh := range parents {
		closed = max(closed, sh.newest)
		created = max(created, sh.Created)
		ids = append(ids, sh.ID)
	}
	created = max(created, closed/1000, s.opensAfter) + 1
	var children []int
	for i := 0; i < len(bounds); i += 2 {
		child := s.open(bounds[i], bounds[i+1], ids, created, closed)
		children = append(children, child.ID)
	}
	for _, sh := range parents {
		sh.Closed, sh.ClosedAt, sh.EndSecond, sh.Children = true, closed, created-1, children
	}
	s.forget(now)
	return children
}

// forget makes final which shards have vanished.
func (s *Stream) forget(now int64) {
	for _, sh := range s.shards {
		if sh.gone = s.vanished(sh, now); sh.gone {
			sh.trimmed = len(sh.records)
		}
	}
}

// trim makes final which records have expired.
func (s *Stream) trim(now int64) {
	for _, sh := range s.shards {
		sh.trimmed = int(s.first(sh, now))
	}
}

// Trim makes final what has expired, which matters only to a clock that steps
// back afterwards.
func (s *Stream) Trim(now int64) {
	s.trim(now)
	s.forget(now)
}

// TrimTo makes the records up to a number unreadable.
func (s *Stream) TrimTo(number string, now int64) Fault {
	n, ok := parse(number)
	if !ok {
		return BadSequenceNumber
	}
	if n.shard >= len(s.shards) {
		return ShardNotFound
	}
	sh := s.shards[n.shard]
	if s.vanished(sh, now) {
		return OK
	}
	if n.created != sh.Created {
		return BadSequenceNumber
	}
	next, ok := sh.locate(n)
	if !ok {
		return BadSequenceNumber
	}
	sh.trimmed = max(sh.trimmed, int(min(next, uint64(len(sh.records)))))
	return OK
}

// SetRetention changes the retention: what had expired stays so.
func (s *Stream) SetRetention(d time.Duration, now int64) Fault {
	s.CatchUp(now)
	if d == s.config.Retention {
		return OK
	}
	if d < s.config.MinRetention || d > s.config.MaxRetention {
		return BadArgument
	}
	s.Trim(now)
	s.config.Retention = d
	s.Trim(now)
	return OK
}

// Held returns how many records can be read and how many bytes they have.
func (s *Stream) Held(now int64) (records, bytes int64) {
	for _, sh := range s.shards {
		if s.vanished(sh, now) {
			continue
		}
		for _, r := range s.Readable(sh.ID, now) {
			records++
			bytes += int64(r.size())
		}
	}
	return records, bytes
}

func (s *Stream) heldMemory(now int64) int64 {
	records, bytes := s.Held(now)
	return bytes + records*recordOverhead
}

// hasRoom reports whether a record fits into MaxBytes, all older ones dropped
// if they may be.
func (s *Stream) hasRoom(size int, now int64) bool {
	need := int64(size + recordOverhead)
	if s.config.MaxBytes == 0 {
		return true
	}
	if s.config.DropOldest {
		return need <= s.config.MaxBytes
	}
	return s.heldMemory(now)+need <= s.config.MaxBytes
}

// dropExcess drops the oldest records until the rest fits into MaxBytes.
func (s *Stream) dropExcess(now int64) {
	if s.config.MaxBytes == 0 || !s.config.DropOldest {
		return
	}
	for s.heldMemory(now) > s.config.MaxBytes {
		s.trim(now)
		s.dropFrom(now)
	}
}

// dropFrom drops the oldest record, of the lowest shard if there are several,
// and what follows it there as long as no other shard has an older one.
func (s *Stream) dropFrom(now int64) {
	var from *Shard
	other := int64(1) << 62 // the oldest arrival in another shard
	for _, sh := range s.shards {
		if sh.trimmed == len(sh.records) {
			continue
		}
		oldest := sh.records[sh.trimmed].Arrival
		switch {
		case from == nil:
			from = sh
		case oldest < from.records[from.trimmed].Arrival:
			from, other = sh, from.records[from.trimmed].Arrival
		default:
			other = min(other, oldest)
		}
	}
	for {
		r := from.records[from.trimmed]
		from.trimmed++
		s.Counts.Dropped++
		s.Counts.DroppedBytes += int64(r.size())
		if s.heldMemory(now) <= s.config.MaxBytes || from.trimmed == len(from.records) ||
			from.records[from.trimmed].Arrival > other {
			return
		}
	}
}

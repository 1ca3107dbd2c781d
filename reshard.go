package weir

import (
	"fmt"
	"slices"
	"time"
)

// A Shard describes one shard of a stream.
type Shard struct {
	ID           ShardID
	HashKeyRange HashKeyRange
	// Parents are the shards that were closed to open this one: none for the
	// stream's first shards, one after a split, two after a merge (the lower hash
	// key range first). They may have vanished since.
	Parents []ShardID
	// Children are the shards that were opened when this one was closed.
	Children []ShardID
	// StartingSequenceNumber is less than every record's of the shard,
	// EndingSequenceNumber greater. The latter is zero while the shard is open.
	StartingSequenceNumber, EndingSequenceNumber SequenceNumber
	// OpenedAt and ClosedAt are when it began and ceased to take writes. ClosedAt
	// is zero while the shard is open.
	OpenedAt, ClosedAt time.Time
}

// IsOpen reports whether the shard takes writes.
func (d Shard) IsOpen() bool { return d.EndingSequenceNumber.IsZero() }

// ShardOf returns the open shard that takes a partition key's records.
func (s *Stream) ShardOf(key string) ShardID { return s.ShardOfHashKey(HashPartitionKey(key)) }

// ShardOfHashKey returns the open shard that takes records of a hash key.
func (s *Stream) ShardOfHashKey(k HashKey) ShardID {
	if s.Mode() == OnDemand {
		s.catchUp(s.now())
	}
	routes := s.routes.Load()
	return routes.open[routes.place(k)].shard
}

// SplitShard closes an open shard and opens two in its place, the second of
// which begins at hash key at. As on the service at must lie from the shard's
// start + 2 to its end - 1, so that each child has two hash keys at least. It
// returns the children, the lower one first.
func (s *Stream) SplitShard(id ShardID, at HashKey) ([2]ShardID, error) {
	s.reshard.Lock()
	defer s.reshard.Unlock()
	if err := s.provisionedLocked(); err != nil {
		return [2]ShardID{}, err
	}
	now := s.now()
	sh, err := s.openShardLocked(id, now)
	if err != nil {
		return [2]ShardID{}, err
	}
	if !sh.keys.CanSplitAt(at) {
		return [2]ShardID{}, invalidf("new starting hash key",
			"%s is not both greater than one plus the start of %s, %s, and less than its end, %s",
			at, id, sh.keys.Start, sh.keys.End)
	}
	children := s.replaceLocked([]*shard{sh},
		[]HashKeyRange{{sh.keys.Start, at.Sub(1)}, {at, sh.keys.End}}, now)
	return [2]ShardID{children[0].shard, children[1].shard}, nil
}

// MergeShards closes two open shards and opens one in their place. As on the
// service the first must be the one with the lower hash keys, and the other
// follow it without a gap.
func (s *Stream) MergeShards(lower, upper ShardID) (ShardID, error) {
	s.reshard.Lock()
	defer s.reshard.Unlock()
	if err := s.provisionedLocked(); err != nil {
		return 0, err
	}
	now := s.now()
	lo, err := s.openShardLocked(lower, now)
	if err != nil {
		return 0, err
	}
	hi, err := s.openShardLocked(upper, now)
	if err != nil {
		return 0, err
	}
	if !lo.keys.Adjoins(hi.keys) {
		return 0, invalidf("shards", "%s and %s are not an adjacent pair, the lower one first", lower, upper)
	}
	children := s.replaceLocked([]*shard{lo, hi}, []HashKeyRange{{lo.keys.Start, hi.keys.End}}, now)
	return children[0].shard, nil
}

// openShardLocked returns an open shard. The caller holds reshard.
func (s *Stream) openShardLocked(id ShardID, now instant) (*shard, error) {
	sh, err := s.readable(id, now)
	if err != nil {
		return nil, err
	}
	if sh.ending.Load() != nil { // written under reshard only
		return nil, fmt.Errorf("%s of stream %s: %w", id, s.name, ErrShardClosed)
	}
	return sh, nil
}

func (s *Stream) shardNotFound(id ShardID) error {
	return fmt.Errorf("%s of stream %s: %w", id, s.name, ErrShardNotFound)
}

// replaceLocked closes the parents, neighbours in rising order, and opens shards
// with the given ranges in their place. The caller holds reshard. now may have
// passed, if nothing was put since.
func (s *Stream) replaceLocked(parents []*shard, ranges []HashKeyRange, now instant) []*shard {
	change := s.changeLocked(now)
	children := change.replace(parents, ranges)
	change.publish()
	return children
}

// A shardChange is one or more splits and merges of one moment, from the closing
// of the first parent to the publication of the new routing. Puts that look a
// closed parent up meanwhile wait for reshard and look again.
type shardChange struct {
	stream *Stream
	kind   shardKind
	now    instant
	open   []*shard // by hash key, as it will be
	opened []*shard // by the change, some of them closed by it too
	closed []*shard
	ending []shardEnding // of closed
	next   ShardID
}

// changeLocked begins a change. The caller holds reshard until it is published.
func (s *Stream) changeLocked(now instant) *shardChange {
	routes := s.routes.Load()
	return &shardChange{stream: s, kind: s.shardKind(), now: now, open: slices.Clone(routes.open), next: routes.next}
}

// replace closes parents to writers and makes their children. No put reaches the
// parents from then on. A child's creation second exceeds the ending second of its
// parents, so all its sequence numbers exceed theirs.
func (c *shardChange) replace(parents []*shard, ranges []HashKeyRange) []*shard {
	var ids []ShardID
	ending := shardEnding{closedMs: c.now.ms()}
	for _, parent := range parents {
		ids = append(ids, parent.shard)
		ending.closedMs = max(ending.closedMs, parent.close())
		ending.second = max(ending.second, parent.created)
	}
	ending.second = max(ending.second, uint64(ending.closedMs)/1000)
	for _, keys := range ranges {
		id := logID{created: ending.second + 1, shard: c.next}
		ending.children = append(ending.children, newShard(c.kind, id, keys, ids, ending.closedMs))
		c.next++
	}
	for _, parent := range parents {
		c.closed, c.ending = append(c.closed, parent), append(c.ending, ending)
	}
	c.opened = append(c.opened, ending.children...)
	place := c.place(parents[0])
	c.open = slices.Replace(c.open, place, place+len(parents), ending.children...)
	return ending.children
}

// place returns the place of an open shard.
func (c *shardChange) place(sh *shard) int {
	place, _ := slices.BinarySearchFunc(c.open, sh.keys.Start,
		func(sh *shard, start HashKey) int { return sh.keys.Start.Compare(start) })
	return place
}

// publish opens the new shards to writers, and then ends the closed ones for
// readers, who learn of the children.
func (c *shardChange) publish() {
	routes := c.stream.routes.Load()
	all := append(slices.Clone(routes.all), c.opened...)
	c.stream.routes.Store(newRouting(all, c.open, c.next, routes.retired))
	for i, sh := range c.closed {
		sh.finish(c.ending[i])
	}
	c.stream.waiting.Wake()
	c.stream.forgetExpiredLocked(c.stream.horizonMs(c.now))
}

// close ends the shard for writers: later puts find it closed. It returns the
// arrival of the newest record.
func (sh *shard) close() int64 {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.closed = true
	return sh.lastMs
}

// finish ends a shard that is closed to writers for readers too, who learn of its
// children.
func (sh *shard) finish(e shardEnding) {
	e.index = sh.log.End()
	sh.ending.Store(&e)
	sh.waiting.Wake()
}

// forgetExpiredLocked removes closed shards whose last record has expired. The
// caller holds reshard.
func (s *Stream) forgetExpiredLocked(horizonMs int64) {
	routes := s.routes.Load()
	gone := func(sh *shard) bool { return sh.expired(horizonMs) }
	if !slices.ContainsFunc(routes.all, gone) {
		return
	}
	past := routes.retired
	for _, sh := range routes.all {
		if gone(sh) {
			s.trimShard(sh, horizonMs) // or MaxBytes would count its records for ever
			past.add(sh)
		}
	}
	all := slices.DeleteFunc(slices.Clone(routes.all), gone)
	s.routes.Store(newRouting(all, routes.open, routes.next, past))
}

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
	sh, err := s.openShardLocked(id)
	if err != nil {
		return [2]ShardID{}, err
	}
	if !sh.keys.Start.Add(1).less(at) || !at.less(sh.keys.End) {
		return [2]ShardID{}, invalidf("new starting hash key",
			"%s is not both greater than one plus the start of %s, %s, and less than its end, %s",
			at, id, sh.keys.Start, sh.keys.End)
	}
	children := s.replaceLocked([]*shard{sh},
		[]HashKeyRange{{sh.keys.Start, at.Sub(1)}, {at, sh.keys.End}})
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
	lo, err := s.openShardLocked(lower)
	if err != nil {
		return 0, err
	}
	hi, err := s.openShardLocked(upper)
	if err != nil {
		return 0, err
	}
	if lo.keys.End.Add(1) != hi.keys.Start || hi.keys.Start == (HashKey{}) { // no neighbours around the end
		return 0, invalidf("shards", "%s and %s are not an adjacent pair, the lower one first", lower, upper)
	}
	children := s.replaceLocked([]*shard{lo, hi}, []HashKeyRange{{lo.keys.Start, hi.keys.End}})
	return children[0].shard, nil
}

// openShardLocked returns an open shard. The caller holds reshard.
func (s *Stream) openShardLocked(id ShardID) (*shard, error) {
	sh, err := s.readable(id, s.now())
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
// with the given ranges in their place. The caller holds reshard. Puts that have
// looked a parent up already find it closed, wait for reshard and look again.
func (s *Stream) replaceLocked(parents []*shard, ranges []HashKeyRange) []*shard {
	return s.replaceAtLocked(parents, ranges, s.now())
}

// replaceAtLocked is replaceLocked at a time that may have passed, if nothing was
// put since.
func (s *Stream) replaceAtLocked(parents []*shard, ranges []HashKeyRange, now instant) []*shard {
	routes := s.routes.Load()
	// No put reaches the parents from here on. A child's creation second exceeds
	// the ending second of its parents, so all its sequence numbers exceed theirs.
	var ids []ShardID
	ending := shardEnding{closedMs: now.ms()}
	for _, parent := range parents {
		ids = append(ids, parent.shard)
		ending.closedMs = max(ending.closedMs, parent.close())
		ending.second = max(ending.second, parent.created)
	}
	ending.second = max(ending.second, uint64(ending.closedMs)/1000)
	for i, keys := range ranges {
		id := logID{created: ending.second + 1, shard: routes.next + ShardID(i)}
		ending.children = append(ending.children, newShard(s, id, keys, ids, ending.closedMs))
	}
	s.routes.Store(routes.replace(parents, ending.children))
	for _, parent := range parents {
		parent.finish(ending)
	}
	s.forgetExpiredLocked(s.horizonMs(now))
	return ending.children
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
	e.index = sh.tail.Load().end()
	sh.ending.Store(&e)
	sh.wake()
}

// replace returns the routing after parents gave way to children.
func (r *routing) replace(parents, children []*shard) *routing {
	open := slices.Clone(r.open)
	place := slices.Index(open, parents[0])
	open = slices.Replace(open, place, place+len(parents), children...)
	all := append(slices.Clone(r.all), children...)
	return newRouting(all, open, r.next+ShardID(len(children)), r.retired)
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
			sh.trim(horizonMs) // or MaxBytes would count its records for ever
			past.add(sh)
		}
	}
	all := slices.DeleteFunc(slices.Clone(routes.all), gone)
	s.routes.Store(newRouting(all, routes.open, routes.next, past))
}

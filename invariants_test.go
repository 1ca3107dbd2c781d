package weir

import (
	"fmt"
	"slices"
)

// CheckInvariants checks what must hold whenever no call is under way.
func CheckInvariants(s *Stream) error {
	s.reshard.Lock()
	defer s.reshard.Unlock()
	routes := s.routes.Load()
	if err := checkRouting(routes); err != nil {
		return err
	}
	held := int64(0)
	for _, sh := range routes.all {
		if err := checkShard(sh); err != nil {
			return fmt.Errorf("%v: %w", sh.shard, err)
		}
		if err := checkParents(routes, sh); err != nil {
			return fmt.Errorf("%v: %w", sh.shard, err)
		}
		sh.mu.Lock()
		held += sh.heldBytesLocked()
		sh.mu.Unlock()
	}
	return checkMemory(s, held)
}

func checkMemory(s *Stream, held int64) error {
	switch counted := s.full.held.Load(); {
	case s.full.max == 0:
		return nil
	case counted != held:
		return fmt.Errorf("%d bytes are counted as held, but the shards hold %d", counted, held)
	case held > s.full.max:
		return fmt.Errorf("%d bytes are held, more than MaxBytes, %d", held, s.full.max)
	}
	return nil
}

// checkRouting checks that the open ranges cover the key space exactly once.
func checkRouting(r *routing) error {
	byID := func(a, b *shard) int { return int(a.shard) - int(b.shard) }
	if !slices.IsSortedFunc(r.all, byID) {
		return fmt.Errorf("shards are not in the order of their ids")
	}
	next := HashKey{}
	for i, sh := range r.open {
		switch {
		case sh.keys.Start != next:
			return fmt.Errorf("%v begins at %v, not at %v", sh.shard, sh.keys.Start, next)
		case sh.keys.End.less(sh.keys.Start):
			return fmt.Errorf("%v has the empty range %v", sh.shard, sh.keys)
		case r.starts[i] != sh.keys.Start:
			return fmt.Errorf("%v is looked up under %v, but begins at %v", sh.shard, r.starts[i], sh.keys.Start)
		case r.shard(sh.shard) != sh:
			return fmt.Errorf("%v is open but not listed", sh.shard)
		}
		next = sh.keys.End.Add(1)
	}
	if next != (HashKey{}) {
		return fmt.Errorf("the open shards end at %v", next.Sub(1))
	}
	for _, sh := range r.all {
		if open := slices.Contains(r.open, sh); open == sh.closed || sh.shard >= r.next {
			return fmt.Errorf("%v: open is %v, closed is %v, next is %v", sh.shard, open, sh.closed, r.next)
		}
	}
	return nil
}

// checkParents checks that a child's numbers exceed its parents'.
func checkParents(r *routing, sh *shard) error {
	for _, id := range sh.parents {
		parent := r.shard(id)
		if parent == nil {
			continue // vanished
		}
		e := parent.ending.Load()
		switch {
		case e == nil:
			return fmt.Errorf("its parent %v is open", id)
		case !slices.Contains(e.children, sh):
			return fmt.Errorf("its parent %v does not know it", id)
		case parent.endingNumber().Compare(sh.startingNumber()) >= 0:
			return fmt.Errorf("its numbers do not exceed those of its parent %v", id)
		}
	}
	return nil
}

func checkShard(sh *shard) error {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if err := checkTail(sh); err != nil {
		return err
	}
	if err := checkIndex(sh); err != nil {
		return err
	}
	lastMs := sh.opened
	for i := range sh.ring.n {
		g := sh.ring.at(i)
		if g.baseMs < lastMs {
			return fmt.Errorf("segment %d begins at %d, before %d", i, g.baseMs, lastMs)
		}
		if err := checkSegment(g); err != nil {
			return fmt.Errorf("segment %d: %w", i, err)
		}
		lastMs = g.arrival(int(g.count.Load()) - 1)
		if i > 0 {
			if err := checkNeighbours(sh.ring.at(i-1), g); err != nil {
				return fmt.Errorf("segment %d: %w", i, err)
			}
		}
	}
	if sh.lastMs < lastMs {
		return fmt.Errorf("the newest record arrived at %d, later than lastMs, %d", lastMs, sh.lastMs)
	}
	return nil
}

// checkTail checks the two ends of the shard.
func checkTail(sh *shard) error {
	g := sh.active
	end, first := g.base+uint64(sh.n), sh.first.Load()
	switch {
	case sh.tail.Load() != g:
		return fmt.Errorf("the active segment is not the tail")
	case g.next.Load() != nil:
		return fmt.Errorf("the active segment has a successor")
	case int(g.count.Load()) != sh.n:
		return fmt.Errorf("%d of %d records are published", g.count.Load(), sh.n)
	case first < 1 || first > end:
		return fmt.Errorf("the trim horizon is %d, the end %d", first, end)
	case sh.ring.n > 0 && sh.ring.at(sh.ring.n-1) != g:
		return fmt.Errorf("the active segment is not the newest of the ring")
	case sh.ring.n > 0 && (first < sh.ring.oldest().base || first >= sh.ring.oldest().end()):
		return fmt.Errorf("the trim horizon %d lies outside the oldest segment", first)
	case sh.ring.n == 0 && (sh.n != 0 || len(g.arena) != 0 || first != end):
		return fmt.Errorf("a shard without segments has %d records", sh.n)
	}
	e := sh.ending.Load()
	if sh.closed != (e != nil) || e != nil && (e.index != end || e.closedMs < sh.lastMs || len(e.children) == 0) {
		return fmt.Errorf("closed is %v, end is %d, ending is %+v", sh.closed, end, e)
	}
	return nil
}

// checkIndex checks that the index has the segments of the ring, no more.
func checkIndex(sh *shard) error {
	var indexed, published []indexEntry
	collect := func(index *segmentIndex, to *[]indexEntry) {
		if index != nil {
			index.Ascend(func(e indexEntry) bool {
				*to = append(*to, e)
				return true
			})
		}
	}
	collect(sh.index, &indexed)
	collect(sh.published.Load(), &published)
	if !slices.Equal(indexed, published) {
		return fmt.Errorf("the published index is not the writer's")
	}
	if len(indexed) != sh.ring.n {
		return fmt.Errorf("%d segments are indexed, %d are in the ring", len(indexed), sh.ring.n)
	}
	for i, e := range indexed {
		if e != entryOf(sh.ring.at(i)) {
			return fmt.Errorf("segment %d is indexed as %+v", i, e)
		}
	}
	return nil
}

// checkNeighbours checks that a segment continues the one before it.
func checkNeighbours(before, g *segment) error {
	switch {
	case before.end() != g.base:
		return fmt.Errorf("begins at record %d; the one before ends at %d", g.base, before.end())
	case before.bytes+int64(before.used) != g.bytes:
		return fmt.Errorf("begins at byte %d; the one before ends at %d", g.bytes, before.bytes+int64(before.used))
	case before.next.Load() != g:
		return fmt.Errorf("the one before does not link to it")
	}
	return nil
}

// checkSegment checks that the headers of a segment tile its arena, or what would
// be in it if the segment were not hollow.
func checkSegment(g *segment) error {
	n, end, delta := int(g.count.Load()), 0, int64(0)
	kept := g.used
	if g.hollow {
		kept = 0
	}
	if n == 0 || kept+n*headerBytes > len(g.arena) || g.used >= maxSegmentBytes {
		return fmt.Errorf("%d records of %d bytes in an arena of %d", n, g.used, len(g.arena))
	}
	for i := range n {
		h := g.header(i)
		if h.end() < end+h.keyLen() || h.end()-end > MaxRecordBytes || h.delta() < delta {
			return fmt.Errorf("record %d: key of %d bytes, data to byte %d, %d ms; the one before ends at byte %d, %d ms",
				i, h.keyLen(), h.end(), h.delta(), end, delta)
		}
		end, delta = h.end(), h.delta()
	}
	if end != g.used {
		return fmt.Errorf("%d bytes are used, the records end at %d", g.used, end)
	}
	return nil
}

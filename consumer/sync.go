package consumer

import (
	"cmp"
	"slices"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/lease"
)

// A start is a shard that is to get a lease, and the place to begin it.
type start struct {
	shard      weir.Shard
	checkpoint string
}

// firstLeases returns the shards that get a lease where there is none yet: those
// that were open at the place where the group begins. Each key has one of them.
func firstLeases(shards []weir.Shard, from weir.Position) (starts []start) {
	over := func(s weir.Shard) bool { return false }
	switch from.Kind() {
	case lease.Latest:
		over = func(s weir.Shard) bool { return !s.IsOpen() }
	case lease.AtTimestamp:
		second := from.Time().Truncate(time.Second)
		over = func(s weir.Shard) bool { return !s.IsOpen() && s.EndingSequenceNumber.Time().Before(second) }
	}
	known := make(map[weir.ShardID]bool)
	for _, s := range shards {
		if !over(s) {
			known[s.ID] = true
		}
	}
	for _, s := range shards {
		if known[s.ID] && !slices.ContainsFunc(s.Parents, func(id weir.ShardID) bool { return known[id] }) {
			starts = append(starts, start{s, from.Kind()})
		}
	}
	return inOrder(starts)
}

// missingLeases returns the shards that are to get a lease though none of those
// who read their parents makes it, where there are leases.
func missingLeases(shards []weir.Shard, leased func(weir.ShardID) bool, from weir.Position) []start {
	s := syncing{leased: leased, from: from.Kind(), shards: make(map[weir.ShardID]weir.Shard), covered: make(map[weir.ShardID]bool),
		starts: make(map[weir.ShardID]start)}
	for _, shard := range shards {
		s.shards[shard.ID] = shard
	}
	for _, shard := range inOrderOfOpening(shards) {
		if !shard.IsOpen() || leased(shard.ID) {
			continue
		}
		if !s.cover(shard.ID) && s.from == lease.Latest {
			s.begin(shard, lease.Latest)
		}
	}
	var starts []start
	for _, st := range s.starts {
		starts = append(starts, st)
	}
	return inOrder(starts)
}

// A syncing is one search for shards without a lease.
type syncing struct {
	leased  func(weir.ShardID) bool
	from    string
	shards  map[weir.ShardID]weir.Shard
	covered map[weir.ShardID]bool // memo
	starts  map[weir.ShardID]start
}

// begin gives a shard a lease, unless it gets one already.
func (s *syncing) begin(shard weir.Shard, checkpoint string) {
	if _, there := s.starts[shard.ID]; !there && !s.leased(shard.ID) {
		s.starts[shard.ID] = start{shard, checkpoint}
	}
}

// cover reports whether a shard is covered: it has a lease, or will be read once
// the leases of its ancestors are at their end. Ancestors get the leases that
// this takes.
func (s *syncing) cover(id weir.ShardID) bool {
	if covered, known := s.covered[id]; known {
		return covered
	}
	shard, listed := s.shards[id]
	covered := listed && s.coverListed(shard)
	s.covered[id] = covered
	return covered
}

func (s *syncing) coverListed(shard weir.Shard) bool {
	if s.leased(shard.ID) {
		return true
	}
	var parents []weir.Shard
	covered := make(map[weir.ShardID]bool)
	for _, id := range shard.Parents {
		if p, listed := s.shards[id]; listed {
			parents = append(parents, p)
			if s.cover(id) {
				covered[id] = true
			}
		}
	}
	switch {
	case len(parents) == 0 && s.from == lease.Latest:
		return false
	case len(parents) == 0: // the oldest of its line
		s.begin(shard, s.from)
		return true
	case len(covered) == 0:
		return false
	}
	for _, p := range parents {
		if !covered[p.ID] {
			// A merged child needs both. The one that nobody has begun begins
			// where the group does.
			s.begin(p, s.from)
			s.covered[p.ID] = true
		}
	}
	return true
}

func inOrderOfOpening(shards []weir.Shard) []weir.Shard {
	return slices.SortedFunc(slices.Values(shards), compareShards)
}

// compareShards orders shards by their beginning, so that a worker that is
// interrupted leaves no child with a lease whose parent has none.
func compareShards(a, b weir.Shard) int {
	return cmp.Or(a.StartingSequenceNumber.Compare(b.StartingSequenceNumber), cmp.Compare(a.ID, b.ID))
}

func inOrder(starts []start) []start {
	slices.SortFunc(starts, func(a, b start) int { return compareShards(a.shard, b.shard) })
	return starts
}

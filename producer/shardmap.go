package producer

import (
	"container/heap"
	"iter"
	"slices"
	"sort"
	"time"

	"github.com/weirstream/weir"
)

// A shardMap is what is known of a stream's shards.
type shardMap struct {
	ranges map[weir.ShardID]weir.HashKeyRange // of closed ones too; nil until the first answer
	wanted bool
	asked  bool          // the question is under way
	askAt  time.Duration // not before
	failed int           // how often in a row
	same   int           // how often in a row the answer was nothing new
	lost   bool          // it could not be had the first time
}

// How often shards are asked for: at once, then so much later, and ever later if
// that fails, or tells nothing new though records land elsewhere than predicted:
// a stream may distribute them itself.
const (
	mapInterval    = time.Second
	mapMaxInterval = 30 * time.Second
)

// missing reports whether nothing can be put before it is known which shards
// there are.
func (s *shardMap) missing(needed bool) bool { return needed && s.ranges == nil && !s.lost }

// wantsShards reports whether the stream is to be asked for its shards now.
func (m *machine) wantsShards(now time.Duration) bool {
	return m.shards.wanted && !m.shards.asked && now >= m.shards.askAt
}

// ask notes that the stream is asked for its shards.
func (m *machine) ask() { m.shards.asked, m.shards.wanted = true, false }

// learn takes in which shards there are, or that nobody can tell: then records
// go as they are, one call at a time, until somebody can.
func (m *machine) learn(list []weir.Shard, err error, now time.Duration) {
	m.now = max(m.now, now)
	m.place()
	s := &m.shards
	s.asked = false
	open := openShards(list)
	if err != nil || open == nil {
		s.lost = s.ranges == nil
		s.wanted = true
		s.askAt = m.now + mapWait(s.failed)
		s.failed++
		return
	}
	s.failed, s.lost = 0, false
	s.ranges = make(map[weir.ShardID]weir.HashKeyRange, len(list))
	for _, sh := range list {
		s.ranges[sh.ID] = sh.HashKeyRange
	}
	m.counts.maps++
	if m.relane(open) {
		s.same = 0
	}
	s.askAt = m.now + mapWait(s.same)
	s.same++
	waiting := m.unjudged
	m.unjudged = nil
	for _, g := range waiting {
		(&settling{m: m, b: &batch{}}).judge(g)
		m.land(g.flight)
	}
	if len(m.unjudged) > 0 { // the list is not up to date
		s.wanted, s.same, s.askAt = true, 0, m.now+mapInterval
	}
}

// mapWait returns how long after an answer shards are asked for again, at the
// earliest, if so many before it were no better.
func mapWait(before int) time.Duration {
	wait := mapInterval
	for range min(before, 10) {
		wait += wait / 2
	}
	return min(wait, mapMaxInterval)
}

// openShards returns the open ones of a list by range. It returns nil if they do
// not cover the key space once, which a list can look like that was made while
// shards were changed.
func openShards(list []weir.Shard) (open []weir.Shard) {
	for _, sh := range list {
		if sh.IsOpen() {
			open = append(open, sh)
		}
	}
	slices.SortFunc(open, func(a, b weir.Shard) int { return a.HashKeyRange.Start.Compare(b.HashKeyRange.Start) })
	if len(open) == 0 || open[0].HashKeyRange.Start != wholeRange.Start || open[len(open)-1].HashKeyRange.End != wholeRange.End {
		return nil
	}
	for i := range open[1:] {
		if !open[i].HashKeyRange.Adjoins(open[i+1].HashKeyRange) {
			return nil
		}
	}
	return open
}

// laneOf returns the lane of a hash key.
func (m *machine) laneOf(k weir.HashKey) *lane {
	if len(m.lanes) == 1 {
		return m.lanes[0]
	}
	i := sort.Search(len(m.lanes), func(i int) bool { return k.Compare(m.lanes[i].keys.End) <= 0 })
	return m.lanes[i]
}

// overlapping yields the lanes that have a part of a range.
func (m *machine) overlapping(r weir.HashKeyRange) iter.Seq[*lane] {
	return func(yield func(*lane) bool) {
		i := sort.Search(len(m.lanes), func(i int) bool { return r.Start.Compare(m.lanes[i].keys.End) <= 0 })
		for ; i < len(m.lanes) && m.lanes[i].keys.Start.Compare(r.End) <= 0; i++ {
			if !yield(m.lanes[i]) {
				return
			}
		}
	}
}

// relane makes the lanes those of the open shards, and reports whether they were
// others. What waits is dealt again in its order, and what overlaps a call under
// way is busy.
func (m *machine) relane(open []weir.Shard) (changed bool) {
	if slices.EqualFunc(open, m.lanes, func(sh weir.Shard, l *lane) bool { return l.known && l.id == sh.ID }) {
		return false
	}
	old := m.lanes
	known := make(map[weir.ShardID]*lane)
	var fresh []waiting
	var later []*record
	for _, l := range old {
		for l.fresh.n > 0 {
			fresh = append(fresh, m.takeFresh(l))
		}
		for len(l.later) > 0 {
			later = append(later, m.takeLater(l))
		}
		if l.place >= 0 {
			m.rest(l)
		}
		l.busy = 0
		if l.known {
			known[l.id] = l
		}
	}
	lanes := make([]*lane, len(open))
	for i, sh := range open {
		if lanes[i] = known[sh.ID]; lanes[i] == nil {
			lanes[i] = m.newLane(sh.ID, true, sh.HashKeyRange)
			for l := range m.overlapping(sh.HashKeyRange) { // m.lanes are still the old ones
				lanes[i].notBefore = max(lanes[i].notBefore, l.notBefore)
			}
		}
	}
	m.lanes, m.turn = lanes, 0
	for f := range m.flights {
		for _, p := range f.parts {
			for l := range m.overlapping(p.keys) {
				l.busy++
			}
		}
	}
	slices.SortFunc(fresh, func(a, b waiting) int { return int(int64(a.r.n) - int64(b.r.n)) })
	for _, w := range fresh {
		l := m.laneOf(w.r.hash)
		l.fresh.push(w)
		m.count(l, 1, int(w.bytes))
	}
	for _, r := range later {
		l := m.laneOf(r.hash)
		l.later.Push(r)
		m.count(l, 1, r.bytes())
	}
	for _, l := range lanes {
		heap.Init(&l.later)
	}
	return true
}

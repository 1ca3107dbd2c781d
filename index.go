package weir

import (
	"math"

	"github.com/google/btree"
)

// A segmentIndex finds the segment of a record by its index in the shard or by
// its arrival. It has one entry a segment, not one a record: inside a segment
// records are found by arithmetic and binary search. The writer changes its own
// tree under the shard's mutex and publishes immutable clones of it.
type segmentIndex = btree.BTreeG[indexEntry]

// indexEntry is a segment with its first record's index and arrival. Both rise
// together, so one tree serves lookups by either.
type indexEntry struct {
	base   uint64
	baseMs int64
	seg    *segment // nil in the pivot of a lookup
}

const (
	indexDegree = 16
	anyBase     = math.MaxUint64 // in a pivot: look up by arrival
)

func newSegmentIndex() *segmentIndex {
	return btree.NewG(indexDegree, func(a, b indexEntry) bool {
		if a.base == anyBase || b.base == anyBase {
			return a.baseMs < b.baseMs
		}
		return a.base < b.base
	})
}

func entryOf(g *segment) indexEntry { return indexEntry{base: g.base, baseMs: g.baseMs, seg: g} }

// lastBefore returns the last segment whose first record is not beyond pivot, or
// the oldest segment if there is none, or nil if the index is empty.
func lastBefore(index *segmentIndex, pivot indexEntry) *segment {
	if index == nil {
		return nil
	}
	var found *segment
	index.DescendLessOrEqual(pivot, func(e indexEntry) bool {
		found = e.seg
		return false
	})
	if found == nil {
		oldest, _ := index.Min()
		found = oldest.seg
	}
	return found
}

// byNumber finds the segment that holds the record with this index in the shard.
func byNumber(index *segmentIndex, i uint64) *segment {
	return lastBefore(index, indexEntry{base: i})
}

// byArrival finds the segment that holds the last record that arrived at ms or
// before.
func byArrival(index *segmentIndex, ms int64) *segment {
	return lastBefore(index, indexEntry{base: anyBase, baseMs: ms})
}

// segmentRing is the live segments of a shard, oldest first, in a ring buffer:
// appending takes a place at the head, retention frees places at the tail.
type segmentRing struct {
	slots []*segment // length zero or a power of two
	tail  int        // place of the oldest
	n     int
}

func (r *segmentRing) at(i int) *segment { return r.slots[(r.tail+i)&(len(r.slots)-1)] }

func (r *segmentRing) oldest() *segment { return r.at(0) }

func (r *segmentRing) push(g *segment) {
	if r.n == len(r.slots) {
		r.grow()
	}
	r.slots[(r.tail+r.n)&(len(r.slots)-1)] = g
	r.n++
}

func (r *segmentRing) grow() {
	slots := make([]*segment, max(4, 2*len(r.slots)))
	for i := range r.n {
		slots[i] = r.at(i)
	}
	r.slots, r.tail = slots, 0
}

// pop removes the oldest segment.
func (r *segmentRing) pop() *segment {
	g := r.oldest()
	r.slots[r.tail] = nil
	r.tail = (r.tail + 1) & (len(r.slots) - 1)
	r.n--
	return g
}

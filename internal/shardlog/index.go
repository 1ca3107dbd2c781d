package shardlog

import (
	"math"
	"slices"

	"github.com/google/btree"
)

// An index finds the block of a record by the record's index or its arrival. It
// has one entry a block, not one a record: inside a block records are found by
// arithmetic and binary search. The writers change a tree of their own and
// publish immutable clones of it.
type index = btree.BTreeG[indexEntry]

// indexEntry is a block with its first record's index and arrival. Both rise
// together, so one tree serves lookups by either.
type indexEntry struct {
	base   uint64
	baseMs int64
	block  *Block // nil in the pivot of a lookup
}

const (
	indexDegree = 16
	anyBase     = math.MaxUint64 // in a pivot: look up by arrival
)

func newIndex() *index {
	return btree.NewG(indexDegree, func(a, b indexEntry) bool {
		if a.base == anyBase || b.base == anyBase {
			return a.baseMs < b.baseMs
		}
		return a.base < b.base
	})
}

func entryOf(b *Block) indexEntry { return indexEntry{base: b.base, baseMs: b.baseMs, block: b} }

// lastBefore returns the last block whose first record is not beyond pivot, or
// the oldest block if there is none, or nil if the index is empty.
func lastBefore(x *index, pivot indexEntry) *Block {
	if x == nil {
		return nil
	}
	var found *Block
	x.DescendLessOrEqual(pivot, func(e indexEntry) bool {
		found = e.block
		return false
	})
	if found == nil {
		oldest, _ := x.Min()
		found = oldest.block
	}
	return found
}

// byNumber finds the block that holds the record with index i.
func byNumber(x *index, i uint64) *Block { return lastBefore(x, indexEntry{base: i}) }

// byArrival finds the block that holds the last record that arrived at ms or
// before.
func byArrival(x *index, ms int64) *Block {
	return lastBefore(x, indexEntry{base: anyBase, baseMs: ms})
}

// A ring is the live blocks of a log, oldest first, in a ring buffer: appending
// takes a place at the head, trimming frees places at the tail.
type ring struct {
	slots []*Block // length zero or a power of two
	tail  int      // place of the oldest
	n     int
}

func (r *ring) at(i int) *Block { return r.slots[(r.tail+i)&(len(r.slots)-1)] }

func (r *ring) push(b *Block) {
	if r.n == len(r.slots) {
		r.grow()
	}
	r.slots[(r.tail+r.n)&(len(r.slots)-1)] = b
	r.n++
}

func (r *ring) grow() {
	slots := make([]*Block, max(4, 2*len(r.slots)))
	for i := range r.n {
		slots[i] = r.at(i)
	}
	r.slots, r.tail = slots, 0
}

// replace puts blocks in the place of one.
func (r *ring) replace(i int, blocks []*Block) {
	var behind []*Block
	for r.n > i {
		behind = append(behind, r.popNewest())
	}
	for _, b := range blocks {
		r.push(b)
	}
	for _, b := range slices.Backward(behind[:len(behind)-1]) {
		r.push(b)
	}
}

// pop removes the oldest block.
func (r *ring) pop() *Block {
	b := r.at(0)
	r.slots[r.tail] = nil
	r.tail = (r.tail + 1) & (len(r.slots) - 1)
	r.n--
	return b
}

// popNewest removes the newest block.
func (r *ring) popNewest() *Block {
	place := (r.tail + r.n - 1) & (len(r.slots) - 1)
	b := r.slots[place]
	r.slots[place] = nil
	r.n--
	return b
}

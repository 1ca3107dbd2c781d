package shardlog

import (
	"cmp"
	"fmt"
	"sync"
	"weak"
)

// A Place is where some of a log's records lie outside of memory: those from
// index First on and before End, in that order, maybe with others between.
type Place struct {
	First, End uint64
	File       uint64
	At, To     int64 // bytes of the file
}

// Before reports whether p lies before another place.
func (p Place) Before(other Place) bool {
	return p.File < other.File || p.File == other.File && p.At < other.At
}

// A Shelf has the records that have left memory.
type Shelf interface {
	// Fetch adds the records of a place to f, all of them and no others. An error
	// says why that cannot be.
	Fetch(p Place, f *Filling) error
}

// A cold is what a block has whose records have left memory. Such a block has
// no arena: a reader gets a copy of it with an arena of its own.
//
// Invariant: the cold blocks of a log are its oldest ones, and the active block
// is none.
type cold struct {
	shelf  Shelf
	place  Place // of the block's records and no others
	lastMs int64 // arrival of the last

	mu sync.Mutex // held while the records are fetched: once for all who want them
	// loaded is the copy that was made last, as long as a reader has it.
	loaded weak.Pointer[Block]
}

func (c *cold) count() int { return int(c.place.End - c.place.First) }

// A Filling is a block whose records are being fetched.
type Filling struct {
	b    *Block
	stub *Block // what it is a copy of
	n    int
	last int64 // arrival
}

// Add adds the next record, which arrived at ms. It reports false if that
// cannot be the next one.
func (f *Filling) Add(key string, data []byte, ms int64) bool {
	b, size := f.b, len(key)+len(data)
	if len(key) >= 1<<keyBits || ms < f.last || ms-b.baseMs > maxDeltaMs || b.used+size+headerBytes*(f.n+1) > len(b.arena) {
		return false
	}
	b.write(f.n, key, data, ms)
	f.n++
	f.last = ms
	return true
}

// IsDone reports whether all records were added that should be there.
func (f *Filling) IsDone() bool {
	c := f.stub.cold
	return f.n == c.count() && f.b.used == f.stub.used && f.last == c.lastMs
}

// fetch returns a copy of a cold block with its records.
func (b *Block) fetch() (*Block, error) {
	c := b.cold
	c.mu.Lock()
	defer c.mu.Unlock()
	if full := c.loaded.Value(); full != nil {
		return full, nil
	}
	size := b.used + headerBytes*c.count()
	full := &Block{
		arena: NewArena(size + 1), asked: size, // it is one byte less
		base: b.base, from: b.from, baseMs: b.baseMs, records: b.records, bytes: b.bytes, copied: c,
	}
	f := Filling{b: full, stub: b, last: b.baseMs}
	if err := c.shelf.Fetch(c.place, &f); err != nil {
		return nil, err
	}
	// What follows now: if that leaves memory too, its link says so.
	full.next.Store(b.next.Load())
	c.loaded = weak.Make(full)
	return full, nil
}

// OnDiskAt returns where the record at c lies, with others, if it has left
// memory.
func (l *Log) OnDiskAt(c Cursor) (p Place, ok bool) {
	if limit := l.settle(&c); c.Next >= limit {
		return Place{}, false
	}
	if on := cmp.Or(c.block.cold, c.block.copied); on != nil {
		return on.place, true
	}
	return Place{}, false
}

// A failure is why records that have left memory cannot be read.
type failure struct{ err error }

// Err returns why the last call with the cursor found nothing though there are
// records; nil if there are none, or were some.
func (c *Cursor) Err() error {
	if c.failed == nil {
		return nil
	}
	return c.failed.err
}

// fetch brings the records of the cold block that c is at into memory. It
// returns the index after the last published one of what c is at then, or
// c.Next if they cannot be read.
func (l *Log) fetch(c *Cursor, end uint64) uint64 {
	for c.failed == nil && c.block.cold != nil && c.Next < end {
		full, err := c.block.fetch()
		switch {
		case err == nil:
			c.block = full
		case l.first.Load() > c.Next:
			// Trimmed in the meantime, and the file may be gone.
			c.Next, c.block = l.first.Load(), nil
			end = l.settle(c)
		default:
			c.failed = &failure{err}
		}
	}
	if c.failed != nil {
		return c.Next
	}
	return end
}

// isPast reports whether the record at c, which is in a cold block, arrived at
// ms or before.
func (l *Log) isPast(c *Cursor, ms int64) bool {
	at, ok := l.arrivalCold(c)
	return ok && at <= ms
}

// Evictable returns the indexes of the oldest block that is in memory, and the
// arrival of its first record, if the block may leave memory once its records
// are on disk. The newest ones stay. The caller holds the writers' lock, as for
// Evict.
func (l *Log) Evictable() (from, to uint64, ms int64, ok bool) {
	if l.ring.n < l.cold+2 {
		return 0, 0, 0, false
	}
	b, next := l.ring.at(l.cold), l.ring.at(l.cold+1)
	// While nothing of the next block is published all of that may be retracted,
	// and this one be written to again.
	if b.hollow || next.base >= l.end.Load() {
		return 0, 0, 0, false
	}
	return b.base, next.from, b.baseMs, true
}

// Evict gives up the memory of the block that [Log.Evictable] says, whose
// records lie in those places, one after the other. It returns what has left
// memory; nothing if places do not have all of them.
func (l *Log) Evict(shelf Shelf, places []Place) (gone Extent) {
	b, next, before := l.ring.at(l.cold), l.ring.at(l.cold+1), l.outside()
	stubs := b.stubs(shelf, places, int(next.from-b.base), l.first.Load())
	if len(stubs) == 0 {
		return Extent{}
	}
	for i, s := range stubs {
		s.next.Store(next)
		if i > 0 {
			stubs[i-1].next.Store(s)
		}
		if m := l.options.Memory; m != nil {
			m.Count(blockBytes)
		}
	}
	l.ring.replace(l.cold, stubs)
	l.index.Delete(entryOf(b))
	for _, s := range stubs {
		l.index.ReplaceOrInsert(entryOf(s))
	}
	l.uncount(b)
	// As where blocks are dropped: who meets the link finds the others in the
	// index.
	l.lookup.Store(l.index.Clone())
	if l.cold > 0 {
		l.ring.at(l.cold - 1).next.Store(stubs[0])
	}
	b.next.Store(released)
	l.cold += len(stubs)
	l.evicted = Extent{next.records, next.bytes}
	l.trimmed = l.before(l.first.Load())
	return l.evicted.Minus(before)
}

// stubs returns what stands for the n records of a block when these have left
// memory, a block for each place, but for those places before index first. It
// returns nil if places do not have all records.
func (b *Block) stubs(shelf Shelf, places []Place, n int, first uint64) (list []*Block) {
	at := b.base
	for _, p := range places {
		p.First, p.End = max(p.First, b.base), min(p.End, b.base+uint64(n))
		if p.First >= p.End {
			continue
		}
		if p.First != at {
			return nil
		}
		at = p.End
		if p.End <= first {
			continue
		}
		// What is trimmed stays behind, or the oldest record would seem to be older
		// than it was.
		p.First = max(p.First, first)
		i, j := int(p.First-b.base), int(p.End-b.base)
		s := &Block{
			base: p.First, from: p.First, baseMs: b.arrival(i), records: b.records + int64(i), bytes: b.bytes + int64(b.Start(i)),
			used: b.Start(j) - b.Start(i), cold: &cold{shelf: shelf, place: p, lastMs: b.arrival(j - 1)},
		}
		if i == 0 {
			s.from = b.from
		}
		list = append(list, s)
	}
	if at != b.base+uint64(n) {
		return nil
	}
	return list
}

// outside returns the records before those that are in memory: trimmed ones,
// and those that are on disk alone.
func (l *Log) outside() Extent {
	if l.evicted.Records > l.trimmed.Records {
		return l.evicted
	}
	return l.trimmed
}

// coldUpTo returns how many of the oldest blocks are cold and have only records
// that arrived at ms or before.
func (l *Log) coldUpTo(ms int64) int {
	for i := range l.cold {
		if l.ring.at(i).cold.lastMs > ms {
			return i
		}
	}
	return l.cold
}

// OnDisk returns the records that are not trimmed and have left memory. Of
// bytes it may return more: those of a block that is trimmed in part.
func (l *Log) OnDisk() Extent { return l.outside().Minus(l.trimmed) }

// arrivalCold returns when the record at c, which is in a cold block, arrived,
// without a look at it if the block says so.
func (l *Log) arrivalCold(c *Cursor) (ms int64, ok bool) {
	b := c.block
	switch i := int(c.Next - b.base); {
	case i == 0 || b.baseMs == b.cold.lastMs:
		return b.baseMs, true
	case i == b.cold.count()-1:
		return b.cold.lastMs, true
	}
	if end := l.fetch(c, c.Next+1); c.Next >= end || c.block.cold != nil {
		return 0, false
	}
	return c.block.arrival(int(c.Next - c.block.base)), true
}

// seekCold returns the first record of a cold block that arrived after ms, or
// how many it has if there is none, and the block to read it from.
func (b *Block) seekCold(ms int64) (in *Block, i int, failed *failure) {
	n := b.cold.count()
	switch {
	case ms < b.baseMs:
		return b, 0, nil
	case ms >= b.cold.lastMs:
		return b, n, nil
	}
	full, err := b.fetch()
	if err != nil {
		return b, 0, &failure{err}
	}
	return full, full.searchTime(n, ms, b.cold.lastMs), nil
}

// Skip leaves out the next n indexes. Nobody reads the log yet.
func (l *Log) Skip(n uint64) error {
	end := l.appendedEnd()
	if n == 0 || n > maxIndex || l.next+n > maxIndex || end != l.end.Load() {
		return fmt.Errorf("%d indexes are to be skipped from %d on", n, l.next)
	}
	gaps := l.gaps
	if k := len(gaps); k > 0 && gaps[k-1].From == end {
		gaps = gaps[:k-1]
	}
	l.gaps = append(gaps[:len(gaps):len(gaps)], Gap{end, l.next + n})
	l.next += n
	old := l.active
	if l.ring.n == 0 {
		l.begin(&Block{base: l.next, from: end, baseMs: old.lastMs(l.n), records: old.records + int64(l.n), bytes: old.bytes + int64(old.used)}, end)
		return nil
	}
	// The index of a record is its place in its block: nothing may be added to this
	// one.
	full := &Block{
		hollow: old.hollow, base: old.base, from: old.from, baseMs: old.baseMs, records: old.records, bytes: old.bytes, used: old.used,
	}
	if !old.hollow {
		full.arena = append(full.arena, old.arena[:old.used]...)
	}
	full.arena = append(full.arena, old.arena[len(old.arena)-headerBytes*l.n:]...)
	full.asked = len(full.arena)
	l.uncount(old)
	l.options.count(full.asked, full.asked)
	l.ring.popNewest()
	if l.ring.n > 0 {
		l.ring.at(l.ring.n - 1).next.Store(full)
	}
	l.active = full
	l.enter(full)
	return nil
}

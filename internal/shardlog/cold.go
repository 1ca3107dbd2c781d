package shardlog

import (
	"encoding/binary"
	"fmt"
	"sync"
	"unsafe"
	"weak"
)

// A Place is where some of a log's records lie outside of memory: those from
// index First on and before End, in that order, maybe with others between.
type Place struct {
	First, End uint64
	File       uint64
	At, To     int64 // bytes of the file
	Views      bool  // the records may be views of what is read, which these keep
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
// no arena: a reader gets a copy of it that has its records.
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

// A scatter is a block of records that were fetched: they lie here and there in
// memory that others may have views of too. Its arena has before the headers
// the place of each record, in the order of the records: which memory, and in
// the lower half where in it.
type scatter struct {
	Block
	of     *cold
	memory [][]byte
	first  [2][]byte // of memory, mostly all
}

const placeBytes = 8

// IsScattered reports whether [Block.View] is to be asked where the keys and
// the data of the block's records are.
func (b *Block) IsScattered() bool { return b.copied != nil }

// View returns the key and the data of record i of a scattered block, which has
// that header and begins, as [Block.Start] says, at start. They are not copied.
func (b *Block) View(i, start int, h Header) (key string, data []byte) {
	p := binary.LittleEndian.Uint64(b.arena[placeBytes*i:])
	at := int(uint32(p))
	m := b.copied.memory[p>>32][at : at+h.End()-start]
	k := h.KeyLen()
	return unsafe.String(unsafe.SliceData(m[:k]), k), m[k:len(m):len(m)]
}

// A Filling is a block whose records are being fetched.
type Filling struct {
	b    *Block
	stub *Block // what it is a copy of
	n    int
	last int64  // arrival
	in   uint64 // what [Filling.In] said, as in a place
	own  []byte // what was copied; nil if nothing was
	mine uint64 // where that is, as in a place
}

// Add adds a copy of the next record, which arrived at ms. It reports false if
// that cannot be the next one.
func (f *Filling) Add(key, data []byte, ms int64) bool {
	size := len(key) + len(data)
	if !f.fits(len(key), size, ms) {
		return false
	}
	if f.own == nil {
		f.own = NewArena(f.stub.used - f.b.used + 1)[:0]
		f.mine = f.add(f.own[:cap(f.own)])
	}
	at := len(f.own)
	f.own = append(append(f.own, key...), data...)
	f.note(f.mine|uint64(at), len(key), size, ms)
	return true
}

// In says what memory [Filling.View] is about from now on. Nobody changes it
// any more, as long as the block is used or a view of it.
func (f *Filling) In(memory []byte) { f.in = f.add(memory) }

// View adds the next record, whose key and data of size bytes lie at a place in
// that memory, as Add does but without a copy.
func (f *Filling) View(at, keyLen, size int, ms int64) bool {
	if !f.fits(keyLen, size, ms) {
		return false
	}
	f.note(f.in|uint64(at), keyLen, size, ms)
	return true
}

// add adds memory, and returns its place but for where in it.
func (f *Filling) add(memory []byte) uint64 {
	s := f.b.copied
	s.memory = append(s.memory, memory)
	return uint64(len(s.memory)-1) << 32
}

// fits reports whether a record can be the next one.
func (f *Filling) fits(keyLen, size int, ms int64) bool {
	return keyLen < 1<<keyBits && ms >= f.last && ms-f.b.baseMs <= maxDeltaMs && f.n < f.stub.cold.count() && size <= f.stub.used-f.b.used
}

// note takes note of the next record, which lies at a place.
func (f *Filling) note(place uint64, keyLen, size int, ms int64) {
	b := f.b
	binary.LittleEndian.PutUint64(b.arena[placeBytes*f.n:], place)
	b.used += size
	f.n++
	h := newHeader(keyLen, b.used, ms-b.baseMs)
	binary.LittleEndian.PutUint64(b.arena[len(b.arena)-headerBytes*f.n:], uint64(h))
	f.last = ms
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
	n := c.count()
	s := &scatter{Block: Block{
		arena: NewArena((placeBytes+headerBytes)*n + 1), // it is one byte less
		base:  b.base, from: b.from, baseMs: b.baseMs, records: b.records, bytes: b.bytes,
	}, of: c}
	full := &s.Block
	full.copied, s.memory = s, s.first[:0]
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
	switch b := c.block; {
	case b.cold != nil:
		return b.cold.place, true
	case b.copied != nil:
		return b.copied.of.place, true
	default:
		return Place{}, false
	}
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

// An Evictable is a block that may leave memory.
type Evictable struct {
	From, To uint64 // the indexes of its records, the second behind the last
	Ms       int64  // arrival of the first
	Bytes    int64  // of keys and data
}

// Finish says that nothing is appended any more, and all that was is there to
// stay: then the newest block may leave memory too. The caller holds the
// writers' lock.
func (l *Log) Finish() { l.ended = true }

// seal puts an empty block behind the newest one of a log that has ended, so
// that this one is as those before it. Not where a gap is the end: readers
// would be moved over it.
func (l *Log) seal() {
	if !l.ended || l.n == 0 || l.next != l.end.Load() {
		return
	}
	old, b := l.active, l.empty()
	l.options.count(0, 0)
	l.active, l.n = b, 0
	l.enter(b)
	old.next.Store(b)
}

// Evictable returns the oldest block that is in memory, if it may leave that
// once its records are on disk. The newest ones stay, unless the log has ended.
// The caller holds the writers' lock, as for Evict.
func (l *Log) Evictable() (e Evictable, ok bool) {
	l.seal()
	if l.ring.n < l.cold+2 {
		return e, false
	}
	b, next := l.ring.at(l.cold), l.ring.at(l.cold+1)
	// While nothing of the next block is published all of that may be retracted,
	// and this one be written to again.
	if b.hollow || next.base >= l.end.Load() && !l.ended {
		return e, false
	}
	return Evictable{From: b.base, To: next.from, Ms: b.baseMs, Bytes: int64(b.used)}, true
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
	if n == 0 || n > maxIndex || l.next+n > maxIndex || end != l.end.Load() || l.ended {
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

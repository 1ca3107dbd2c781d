// Package shardlog is one ordered log of records in memory: what a shard is
// made of. It knows keys, data, sizes and arrival times; it knows no stream, no
// quota and no clock.
//
// Writing has two steps. [Log.Append] adds a record, [Log.Publish] shows it to
// readers; what must be on disk before anybody sees it is made so in between.
// Whoever holds the lock that guards a log calls the methods that write.
// Readers hold a [Cursor] and take no lock: a writer fills a record in, then
// stores the index up to which records are published, and a reader loads that
// index and touches only what lies below it.
//
// What a reader finds are views of the log's memory. They stay valid after the
// record is trimmed, because a block is left to the garbage collector.
package shardlog

import (
	"cmp"
	"sync/atomic"
)

// Options say what kind of log to make.
type Options struct {
	// Hollow keeps of each record its sizes and its arrival, but neither key nor
	// data.
	Hollow bool
	// BlockBytes is how large a block may be that has more than one record. Zero
	// means 1 MiB.
	BlockBytes int
	// NewArena returns a block of so many bytes, which need not be zero. Nil means
	// [NewArena].
	NewArena func(n int) []byte
	// Memory counts what blocks take. Nil means that nobody does. It is called
	// with the writers' lock held.
	Memory Memory
	// Aggregated is set before a record is published that may be an aggregate of
	// the Kinesis Producer Library. Nil means that nobody asks. Of a hollow log it
	// is never set.
	Aggregated *atomic.Bool
}

// note notes that data is appended.
func (o *Options) note(data []byte) {
	if MayAggregate(data) && o.Aggregated != nil && !o.Aggregated.Load() {
		o.Aggregated.Store(true)
	}
}

// A Memory counts bytes for a bound.
type Memory interface {
	// Take counts n bytes unless that is too many.
	Take(n int64) bool
	// Count counts n bytes that are taken in any case, or given back if n is
	// negative.
	Count(n int64)
}

// blockBytes is what a block takes beside its arena: itself, its place in the
// ring and in the index.
const blockBytes = 256

// A Log is one ordered log of records, each with an index. Indexes rise by one
// from 1 on, but for gaps that [Restore] leaves.
//
// Invariants: arrival times never fall; the record with index i lies in the
// last block whose base is at most i; index i is readable from the moment in
// which end passes it until first does.
type Log struct {
	options Options // immutable

	// Guarded by the writers' lock.
	active  *Block // where records are appended; tail's value
	ended   bool   // nothing is appended any more
	n       int    // records in active, published or not
	next    uint64 // index of the record that is appended next
	ring    ring
	index   *index // the writers' own; nil until there is a block with records
	trimmed Extent // all records below first; of bytes fewer where that is in a cold block
	cold    int    // how many of the oldest blocks are cold
	evicted Extent // all records before those that never left memory
	gaps    []Gap  // immutable

	_ [64]byte // keeps what readers load off the writers' cache lines

	tail   atomic.Pointer[Block] // the newest block, or an empty one; never nil
	lookup atomic.Pointer[index] // clone of index; nil until there is a block
	first  atomic.Uint64         // oldest index that is not trimmed
	end    atomic.Uint64         // index after the newest published record
}

// Init makes the zero Log an empty one whose first record will have index 1.
func (l *Log) Init(o Options) {
	l.init(o)
	l.begin(&Block{base: 1, from: 1}, 1)
}

func (l *Log) init(o Options) {
	if o.NewArena == nil {
		o.NewArena = NewArena
	}
	l.options = o
}

// begin makes b, which has no records, the active block of a log whose oldest
// and newest record lie before index end.
func (l *Log) begin(b *Block, end uint64) {
	l.active, l.next = b, b.base
	l.tail.Store(b)
	l.first.Store(end)
	l.end.Store(end)
}

// First returns the oldest index that is not trimmed. There may be no record
// with that index yet.
func (l *Log) First() uint64 { return l.first.Load() }

// End returns the index after the newest published record.
func (l *Log) End() uint64 { return l.end.Load() }

// An Extent is how many records something holds, and how many bytes their keys
// and data have together.
type Extent struct{ Records, Bytes int64 }

// Plus returns e and o together.
func (e Extent) Plus(o Extent) Extent { return Extent{e.Records + o.Records, e.Bytes + o.Bytes} }

// Minus returns what e holds beyond o.
func (e Extent) Minus(o Extent) Extent { return Extent{e.Records - o.Records, e.Bytes - o.Bytes} }

// Appended returns all that was ever appended, published or not.
func (l *Log) Appended() Extent {
	b := l.active
	return Extent{b.records + int64(l.n), b.bytes + int64(b.used)}
}

// Published returns all that was ever published. Readers may call it.
func (l *Log) Published() Extent { return l.before(l.end.Load()) }

// before returns all records before index i, which must not be beyond the
// published end. Of indexes that are trimmed it may return more.
func (l *Log) before(i uint64) Extent {
	c := Cursor{Next: i}
	l.settle(&c)
	return c.before()
}

// Held returns the records that are appended, not trimmed, and in memory.
func (l *Log) Held() Extent {
	return l.Appended().Minus(l.outside())
}

// Append adds a record that arrived at ms, in Unix milliseconds, without
// showing it to readers, and returns its index. ms must not lie before the
// arrival of the record before. key has at most 2047 bytes, key and data have
// at most [MaxRecordBytes].
func (l *Log) Append(key string, data []byte, ms int64) uint64 {
	size := len(key) + len(data)
	if !l.active.fits(l.n, size, ms) {
		l.roll(size, ms)
	}
	if l.active.hollow {
		l.active.writeHollow(l.n, 1, len(key), size, ms)
	} else {
		l.active.write(l.n, key, data, ms)
		l.options.note(data)
	}
	i := l.next
	l.n++
	l.next++
	return i
}

// CopiesAtOnce is how many records one call of [Log.AppendCopies] is for.
const CopiesAtOnce = 1 << 20

// AppendCopies appends n records that are all alike, and returns the index of
// the first.
func (l *Log) AppendCopies(key string, data []byte, ms int64, n int) uint64 {
	i, size := l.next, len(key)+len(data)
	if !l.options.Hollow {
		l.options.note(data)
	}
	for n > 0 {
		k := min(n, l.active.room(l.n, size, ms))
		if k == 0 {
			l.roll(size, ms)
			continue
		}
		l.active.writeCopies(l.n, k, key, data, ms)
		l.n += k
		l.next += uint64(k)
		n -= k
	}
	return i
}

// Publish shows readers all that was appended.
func (l *Log) Publish() { l.end.Store(l.appendedEnd()) }

// PublishTo shows readers the records before index i, unless they see more
// already. There must be a record with index i-1.
func (l *Log) PublishTo(i uint64) {
	if i > l.end.Load() {
		l.end.Store(i)
	}
}

// Next returns the index of the record that is appended next.
func (l *Log) Next() uint64 { return l.next }

// Retract takes back what was appended and is not published, and returns what
// that was. The records appended next get its indexes.
func (l *Log) Retract() Extent {
	was, end := l.Appended(), l.end.Load()
	var gone []*Block
	for l.ring.n > 0 && l.active.from >= end {
		b := l.ring.popNewest()
		gone = append(gone, b)
		l.retractTo(b)
	}
	// Not where all of it is published: a gap may follow.
	if b := l.active; l.n > 0 && end < b.base+uint64(l.n) {
		l.n, l.next = int(end-b.base), end
		b.used = b.Start(l.n)
	}
	if len(gone) > 0 {
		for _, b := range gone {
			l.index.Delete(entryOf(b))
			l.uncount(b)
		}
		// The tail first: who finds the index empty looks whether it is still the one
		// that was there before. The links last: a reader may wait in such a block for
		// its first record, and looks the index up when it meets the link.
		l.tail.Store(l.active)
		l.lookup.Store(l.index.Clone())
		for _, b := range gone {
			b.next.Store(released)
		}
	}
	l.dropBlocks() // of which the trimmed records are left
	return was.Minus(l.Appended())
}

// retractTo makes the block before b, which has no published record, the active
// one again.
func (l *Log) retractTo(b *Block) {
	l.next = b.base
	if l.ring.n == 0 {
		l.active = &Block{base: b.base, from: b.from, baseMs: b.baseMs, records: b.records, bytes: b.bytes}
		l.n = 0
		return
	}
	old := l.ring.at(l.ring.n - 1)
	l.active, l.n = old, int(b.from-old.base)
	old.next.Store(nil)
}

// roll begins a block that has room for a record of size bytes. Its predecessor
// links to it at once, published or not: what readers may touch is said by end
// alone.
func (l *Log) roll(size int, ms int64) {
	old := l.active
	asked := l.arenaBytes(size)
	b := &Block{
		arena: l.options.NewArena(asked), asked: asked, hollow: l.options.Hollow,
		base: l.next, from: l.appendedEnd(), baseMs: ms,
		records: old.records + int64(l.n), bytes: old.bytes + int64(old.used),
	}
	l.active, l.n = b, 0
	l.enter(b)
	old.next.Store(b)
}

// appendedEnd returns the index after the newest record, published or not.
func (l *Log) appendedEnd() uint64 {
	if l.n == 0 {
		return l.active.from // a gap may lie between
	}
	return l.active.base + uint64(l.n)
}

// enter makes b the newest block of the ring and of the index.
func (l *Log) enter(b *Block) {
	l.ring.push(b)
	if l.index == nil {
		l.index = newIndex()
	}
	l.index.ReplaceOrInsert(entryOf(b))
	l.lookup.Store(l.index.Clone())
	l.tail.Store(b)
}

// arenaBytes returns how large an arena to ask for for the block after the
// active one, whose first record has size bytes, and counts the block.
func (l *Log) arenaBytes(size int) int {
	n, old := l.n, l.active
	most := cmp.Or(l.options.BlockBytes, fullArenaBytes)
	want, least := arenaBytes(old.used+headerBytes*n, size, most), arenaBytes(0, size, most)
	if l.options.Hollow {
		want = hollowArenaBytes(headerBytes*n, n+1, old.used+size)
		least = want
	}
	return l.options.count(want, least)
}

// count counts a block, and returns how large its arena may be: least where
// there is no room for what is wanted. A record that has come as far as this is
// stored.
func (o *Options) count(want, least int) int {
	switch {
	case o.Memory == nil:
		return want
	case least < want && o.Memory.Take(int64(want)+blockBytes):
		return want
	default:
		o.Memory.Count(int64(least) + blockBytes)
		return least
	}
}

// uncount takes back what was counted of a block.
func (l *Log) uncount(b *Block) {
	if m := l.options.Memory; m != nil {
		m.Count(-int64(b.asked) - blockBytes)
	}
}

// CountIn counts what the blocks take that there are, and those to come. They
// were not counted before.
func (l *Log) CountIn(m Memory) {
	l.options.Memory = m
	for i := range l.ring.n {
		m.Count(int64(l.ring.at(i).asked) + blockBytes)
	}
}

// TrimTo makes the records before index i unreadable, as far as they are
// published, releases the memory below by whole blocks, and returns what was
// trimmed of the records in memory.
func (l *Log) TrimTo(i uint64) Extent {
	c := l.oldest()
	c.Next = i
	return l.trimTo(&c)
}

// trimTo is TrimTo for a cursor.
func (l *Log) trimTo(c *Cursor) Extent {
	// A cursor that was settled may lie behind a gap that nothing is published
	// behind.
	i := min(c.Next, l.end.Load())
	if i <= l.first.Load() {
		return Extent{}
	}
	c.Next = i
	l.settle(c)
	was := l.outside()
	l.trimmed = c.before()
	l.first.Store(i)
	l.dropBlocks()
	return l.outside().Minus(was)
}

// oldest returns a cursor at the oldest record that is not trimmed. The writers
// know its block without looking it up.
func (l *Log) oldest() Cursor {
	c := Cursor{Next: l.first.Load()}
	if l.ring.n > 0 {
		c.block = l.ring.at(0)
	}
	return c
}

// TrimExpired trims what arrived at ms or before. Of a block that has left
// memory it trims nothing as long as it has a record that did not.
func (l *Log) TrimExpired(ms int64) Extent {
	c := l.oldest()
	if i := l.coldUpTo(ms); i < l.cold {
		c.Next = l.ring.at(i).from
		return l.trimTo(&c)
	}
	if l.cold > 0 {
		c = Cursor{Next: max(c.Next, l.ring.at(l.cold).from), block: l.ring.at(l.cold)}
	}
	l.SkipTo(&c, ms)
	return l.trimTo(&c)
}

// TrimBlocks is TrimExpired for whole blocks only: most calls look at one
// number and are done, so every append can afford it.
func (l *Log) TrimBlocks(ms int64) (gone Extent) {
	for l.ring.n > 1 && l.ring.at(1).baseMs <= ms {
		// Whatever the oldest block holds arrived no later than the next block's first.
		i := l.ring.at(1).from
		if i > l.end.Load() {
			break // what is not published is not trimmed
		}
		trimmed := l.TrimTo(i)
		gone.Records += trimmed.Records
		gone.Bytes += trimmed.Bytes
	}
	return gone
}

// TrimBytes trims the oldest published record and those after it that did not
// arrive after ms, until the trimmed ones count for need bytes, each with so
// much overhead.
func (l *Log) TrimBytes(need, overhead, ms int64) Extent {
	c := l.oldest()
	var counted int64
	for n := 0; n == 0 || counted < need; n++ {
		limit := l.settle(&c)
		if c.Next >= limit {
			break
		}
		b, i := c.block, int(c.Next-c.block.base)
		if n > 0 && b.arrival(i) > ms {
			break
		}
		counted += int64(b.Header(i).End()-b.Start(i)) + overhead
		c.Next++
	}
	return l.trimTo(&c)
}

// dropBlocks lets go of the blocks below the trim horizon. A dropped block is
// left to the garbage collector, because readers may hold views of it. Its link
// is made to say so, or one stale cursor would keep all that followed alive.
func (l *Log) dropBlocks() {
	first := l.first.Load()
	var dropped []*Block
	for l.ring.n > 1 && l.ring.at(1).from <= first {
		dropped = append(dropped, l.ring.pop())
		l.cold = max(0, l.cold-1)
	}
	if l.ring.n == 1 && first >= l.appendedEnd() {
		dropped = append(dropped, l.ring.pop())
		l.rest()
	}
	if len(dropped) == 0 {
		return
	}
	for _, b := range dropped {
		l.index.Delete(entryOf(b))
		l.uncount(b)
	}
	// In this order: who meets the link looks the index up, and must not find the
	// block there again.
	l.lookup.Store(l.index.Clone())
	for _, b := range dropped {
		b.next.Store(released)
	}
}

// rest leaves the log with an empty block that takes no memory.
func (l *Log) rest() {
	l.active, l.n = l.empty(), 0
	l.tail.Store(l.active)
}

// empty returns a block without records that comes after the active one.
func (l *Log) empty() *Block {
	old := l.active
	return &Block{
		base: l.next, from: l.appendedEnd(), baseMs: old.lastMs(l.n),
		records: old.records + int64(l.n), bytes: old.bytes + int64(old.used),
	}
}

// MemoryBytes returns what the log's blocks take. Readers may call it.
func (l *Log) MemoryBytes() (n int64) {
	c := Cursor{Next: l.first.Load()}
	l.settle(&c)
	for b := c.block; b != nil && b != released; b = b.next.Load() {
		n += int64(len(b.arena))
	}
	return n
}

// ReadAtOnce returns how many of most bytes a reader of several logs is to take
// from one of them before it goes on to the next. Where records leave memory
// that is a block: those of all logs that were put at about the same time lie
// at about the same place, and are read from there once if the reader stays
// there.
func (l *Log) ReadAtOnce(most int) int { return min(most, cmp.Or(l.options.BlockBytes, most)) }

// BlockCount returns how many blocks hold records.
func (l *Log) BlockCount() int { return l.ring.n }

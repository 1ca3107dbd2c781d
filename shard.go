package weir

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirstream/weir/internal/wait"
)

// A shard is one ordered log of records with the hash key range that it takes
// writes for. Writers take its mutex once for a put, or once for its part of a
// batch. Readers take no lock: they follow what writers publish through the
// atomic fields.
//
// Invariants: arrival times never fall; the record with index i lies in the last
// segment whose base is at most i; index i is readable from the moment in which
// its segment's count passes it until the trim horizon does.
type shard struct {
	logID  // immutable
	stream *Stream
	keys   HashKeyRange // immutable
	// parents are the shards that were closed to open this one: none, one after a
	// split, two after a merge, the lower first. Immutable.
	parents []ShardID
	opened  int64 // immutable; Unix milliseconds

	mu     sync.Mutex // guards what follows; taken after Stream.reshard, never two shards' at once
	closed bool       // takes no more puts
	quota  writeQuota
	lastMs int64       // arrival of the newest record; the next one's is not earlier
	clock  steadyClock // for quota
	active *segment    // where records are appended; tail's value
	n      int         // records in active; published as active.count
	ring   segmentRing
	index  *segmentIndex // the writer's own; nil until there is a segment
	marks  markHistory
	markMs int64 // when the next second begins for marks

	load *shardLoad // guarded by Stream.reshard instead; nil unless open and on-demand

	_ [64]byte // keeps what readers load off the writers' cache lines

	tail      atomic.Pointer[segment]      // the newest segment, or an empty one; never nil
	published atomic.Pointer[segmentIndex] // clone of index; nil until there is a segment
	first     atomic.Uint64                // oldest index that is not trimmed
	ending    atomic.Pointer[shardEnding]  // nil while the shard is open
	waiting   wait.List
	counts    history
	// What PutRecords put so far; the rest came from PutRecord.
	batchRecords, batchBytes atomic.Int64

	readMu sync.Mutex // guards reads
	reads  readQuota
}

// shardEnding is what is known of a shard once it is closed.
type shardEnding struct {
	index    uint64 // index after the last record
	closedMs int64
	second   uint64 // second of closing, as the ending sequence number has it
	children []*shard
}

func newShard(s *Stream, id logID, keys HashKeyRange, parents []ShardID, nowMs int64) *shard {
	sh := &shard{logID: id, stream: s, keys: keys, parents: parents, opened: nowMs}
	sh.quota = newWriteQuota(s.limits)
	if s.recordBytes.Load() > DefaultRecordBytes {
		sh.quota.admitLarge()
	}
	sh.counts.begin(s.counts.window, numShardCounts)
	sh.reads = newReadQuota(s.limits)
	sh.lastMs = nowMs
	sh.active = &segment{base: 1}
	sh.tail.Store(sh.active)
	sh.first.Store(1)
	return sh
}

// startingNumber returns the number before the shard's first record.
func (sh *shard) startingNumber() SequenceNumber {
	return newSequenceNumber(sh.created, sh.shard, 0, sh.created)
}

// endingNumber returns the number after the shard's last record, or the zero
// number while the shard is open.
func (sh *shard) endingNumber() SequenceNumber {
	e := sh.ending.Load()
	if e == nil {
		return SequenceNumber{}
	}
	return newSequenceNumber(sh.created, sh.shard, closedShardIndex, e.second)
}

// describe returns the shard as callers see it.
func (sh *shard) describe() Shard {
	d := Shard{
		ID: sh.shard, HashKeyRange: sh.keys, Parents: slices.Clone(sh.parents),
		StartingSequenceNumber: sh.startingNumber(), EndingSequenceNumber: sh.endingNumber(),
		OpenedAt: timeOfMs(sh.opened),
	}
	if e := sh.ending.Load(); e != nil {
		d.ClosedAt = timeOfMs(e.closedMs)
		for _, child := range e.children {
			d.Children = append(d.Children, child.shard)
		}
	}
	return d
}

// Segments begin small, so that a shard that is hardly used costs next to
// nothing, and quadruple while they fill up.
const (
	firstSegmentBytes = 4 << 10
	fullSegmentBytes  = 1 << 20
)

// appendLocked writes a record without publishing it and returns its index and
// arrival. The caller holds mu, has called stampLocked for ms, and calls
// publishLocked before it lets go of mu.
func (sh *shard) appendLocked(key string, data []byte, ms int64) uint64 {
	size := len(key) + len(data)
	if !sh.active.fits(sh.n, size, ms) {
		sh.rollLocked(size, ms)
	}
	if sh.active.hollow {
		sh.active.writeHollow(sh.n, 1, len(key), size, ms)
	} else {
		sh.active.write(sh.n, key, data, ms)
	}
	i := sh.active.base + uint64(sh.n)
	sh.n++
	return i
}

// stampLocked returns the arrival of what is put at ms: never earlier than what
// the shard holds already. It reports whether this is the first put of a second
// on the stream, in which case the caller calls tidy when it has let go of mu.
func (sh *shard) stampLocked(ms int64) (arrival int64, tidy bool) {
	if ms > sh.lastMs {
		sh.lastMs = ms
	}
	if sh.lastMs >= sh.markMs {
		tidy = sh.markLocked()
	}
	return sh.lastMs, tidy
}

func (sh *shard) publishLocked() { sh.active.count.Store(uint32(sh.n)) }

// rollLocked makes a new segment active that has room for a record of size
// bytes. Its predecessor's records are published before it can be seen.
func (sh *shard) rollLocked(size int, ms int64) {
	sh.publishLocked()
	old := sh.active
	g := &segment{
		arena: sh.newArenaLocked(size), hollow: sh.stream.config.Hollow,
		base: old.base + uint64(sh.n), baseMs: ms, bytes: old.bytes + int64(old.used),
	}
	sh.active, sh.n = g, 0
	sh.ring.push(g)
	if sh.index == nil {
		sh.index = newSegmentIndex()
	}
	sh.index.ReplaceOrInsert(entryOf(g))
	sh.published.Store(sh.index.Clone())
	sh.tail.Store(g)
	old.next.Store(g)
}

// newArenaLocked returns the block of the segment after the active one.
func (sh *shard) newArenaLocked(size int) []byte {
	n, old := sh.n, sh.active
	if sh.stream.config.Hollow {
		return sh.stream.newArena(hollowArenaBytes(headerBytes*n, n+1, old.used+size))
	}
	return sh.stream.newArena(segmentSize(old.used+headerBytes*n, size))
}

// segmentSize returns how large a block to ask for when the one before was filled
// with so many bytes and the first record takes size bytes. A segment may also end
// because its records lie days apart; then it was hardly filled, and the next one
// is small.
func segmentSize(filled, size int) int {
	n := min(max(firstSegmentBytes, 4*filled), fullSegmentBytes)
	return max(n, size+headerBytes+1)
}

// cursor is a position in a shard: the index of the next record to be read. It
// remembers the segment it was last seen in, which spares a lookup.
type cursor struct {
	next uint64
	seg  *segment // nil or any segment of the shard
}

// settle moves c.seg to the segment that holds the record c.next and returns how
// many records that segment has published; there is such a record if and only
// if c.next is below base plus that count. Positions in trimmed segments move up
// to the oldest record that is left.
func (sh *shard) settle(c *cursor) int {
	g := c.seg
	if g == nil || c.next < g.base {
		g = sh.seek(c)
	}
	for {
		n := g.count.Load()
		if c.next < g.base+uint64(n) {
			c.seg = g
			return int(n)
		}
		next := g.next.Load()
		if next == nil && g == sh.tail.Load() {
			c.seg = g
			return int(n)
		}
		// The segment has a successor, so its count is final; load it once more
		// in case it grew between the two loads above.
		if c.next < g.base+uint64(g.count.Load()) {
			continue
		}
		if g = next; g == nil { // cut off by retention, or replaced just now
			g = sh.seek(c)
		}
	}
}

// seek looks c.next up in the index, without regard to c.seg.
func (sh *shard) seek(c *cursor) *segment {
	g := byNumber(sh.published.Load(), c.next)
	if g == nil {
		g = sh.tail.Load()
	}
	if c.next < g.base {
		c.next = g.base
	}
	return g
}

// clampToHorizon moves c up to the oldest record that is readable when what
// arrived at horizonMs or before has expired.
func (sh *shard) clampToHorizon(c *cursor, horizonMs int64) {
	if first := sh.first.Load(); c.next < first {
		c.next = first
	}
	n := sh.settle(c)
	if i := int(c.next - c.seg.base); c.next < c.seg.base || i >= n || c.seg.arrival(i) > horizonMs {
		return
	}
	sh.seekArrival(c, horizonMs)
}

// seekArrival moves c up to the first record that arrived after ms, or to the
// tip if there is none.
func (sh *shard) seekArrival(c *cursor, ms int64) {
	g := byArrival(sh.published.Load(), ms)
	if g == nil {
		g = sh.tail.Load()
	}
	for {
		n := int(g.count.Load())
		i := g.searchTime(n, ms)
		if next := g.next.Load(); i < n || next == nil {
			c.seg, c.next = g, max(c.next, g.base+uint64(i))
			return
		} else if n == int(g.count.Load()) {
			g = next
		}
	}
}

// read appends to dst at most maxRecords records from c on, of at most maxBytes
// together, but one at least if there is one, and moves c behind them. It also
// returns how many bytes they have.
func (sh *shard) read(dst []Record, c *cursor, horizonMs int64, maxRecords, maxBytes int) ([]Record, int) {
	sh.clampToHorizon(c, horizonMs)
	size, before, most := 0, len(dst), len(dst)+min(maxRecords, math.MaxInt-len(dst))
	for len(dst) < most {
		n := sh.settle(c)
		if c.next >= c.seg.base+uint64(n) {
			break
		}
		i := int(c.next - c.seg.base)
		j := c.seg.fitting(i, i+min(n-i, most-len(dst)), maxBytes-size)
		if j == i && len(dst) > before {
			break
		}
		j = max(j, i+1) // a record larger than maxBytes goes alone
		bytes := c.seg.header(j-1).end() - c.seg.start(i)
		if cap(dst)-len(dst) < j-i {
			dst = slices.Grow(dst, sh.expect(c, j-i, bytes, most-len(dst), maxBytes-size))
		}
		dst = c.seg.appendViews(dst, i, j, sh.logID)
		size += bytes
		c.next += uint64(j - i)
	}
	return dst, size
}

// expect returns how many records to make room for when the next n have so many
// bytes: as many as a budget will hold if the others are of the same size.
func (sh *shard) expect(c *cursor, n, bytes, maxRecords, maxBytes int) int {
	there := min(uint64(maxRecords), sh.end()-c.next)
	fitting := uint64(maxBytes)/uint64(max(1, bytes/n)) + 1
	return max(n, int(min(there, fitting)))
}

// end returns the index after the newest published record.
func (sh *shard) end() uint64 {
	g := sh.tail.Load()
	for {
		end := g.end()
		next := g.next.Load()
		if next == nil {
			return end
		}
		g = next
	}
}

// finished reports whether c has passed the last record of a closed shard.
func (sh *shard) finished(c *cursor) bool {
	e := sh.ending.Load()
	return e != nil && c.next >= e.index
}

// expired reports whether the shard is closed and its last record cannot be read
// any more.
func (sh *shard) expired(horizonMs int64) bool {
	e := sh.ending.Load()
	return e != nil && e.closedMs <= horizonMs
}

// horizonMs returns the arrival, in Unix milliseconds, at or before which
// records have expired at now.
func horizonMs(now instant, retention time.Duration) int64 {
	return floorMs(int64(now) - int64(retention))
}

// floorMs converts Unix nanoseconds to milliseconds, rounding down.
func floorMs(ns int64) int64 {
	ms := ns / int64(time.Millisecond)
	if ns%int64(time.Millisecond) < 0 {
		ms--
	}
	return ms
}

package weir

import (
	"encoding/binary"
	"strings"
	"sync/atomic"
	"time"
	"unsafe"
)

// A segment is one stretch of a shard's records in one block of memory that
// holds no pointers. Partition keys and data fill the block from its beginning,
// one record after the other; a header of eight bytes for each record fills it
// from its end. It is full when the two would meet.
//
//	| key data | key data | key data |  ...free...  | header 2 | header 1 | header 0 |
//
// On a hollow stream the block holds headers only, and used and the ends in the
// headers say where keys and data would be.
//
// Invariant: what lies below count is never written again, so readers need no
// lock: the writer fills a record and its header in, then stores count; a reader
// loads count, then touches only what lies below it.
type segment struct {
	arena  []byte
	base   uint64 // index in the shard of the first record
	baseMs int64  // arrival of the first record, Unix milliseconds
	bytes  int64  // sizes of all records of the shard before this segment
	used   int    // bytes of keys and data; the writer's, guarded by the shard's mutex

	hollow bool // immutable; keys and data are counted, not kept

	count atomic.Uint32           // records that readers may see
	next  atomic.Pointer[segment] // nil for the newest segment, and cut when retention drops this one
}

// A header packs what is known of one record: from the right the length of its
// partition key (11 bits, at most 256 characters of 4 bytes), the end of its
// data in the arena (25 bits), and its arrival in milliseconds after the
// segment's first (28 bits, three days).
type header uint64

const (
	headerBytes = 8

	keyBits = 11
	endBits = 25

	maxSegmentBytes = 1 << endBits
	maxDeltaMs      = 1<<(64-keyBits-endBits) - 1
)

func newHeader(keyLen, end int, delta int64) header {
	return header(uint64(delta)<<(keyBits+endBits) | uint64(end)<<keyBits | uint64(keyLen))
}

func (h header) keyLen() int  { return int(h & (1<<keyBits - 1)) }
func (h header) end() int     { return int(h >> keyBits & (1<<endBits - 1)) }
func (h header) delta() int64 { return int64(h >> (keyBits + endBits)) }

func (g *segment) header(i int) header {
	return header(binary.LittleEndian.Uint64(g.arena[len(g.arena)-headerBytes*(i+1):]))
}

// start returns where the key of record i begins.
func (g *segment) start(i int) int {
	if i == 0 {
		return 0
	}
	return g.header(i - 1).end()
}

// arrival returns the arrival of record i in Unix milliseconds.
func (g *segment) arrival(i int) int64 { return g.baseMs + g.header(i).delta() }

// end returns the index after the newest published record.
func (g *segment) end() uint64 { return g.base + uint64(g.count.Load()) }

// fits reports whether a record of size bytes that arrives at ms has room as the
// n-th of the segment.
func (g *segment) fits(n, size int, ms int64) bool {
	if ms-g.baseMs > maxDeltaMs {
		return false
	}
	return g.used+size+headerBytes*(n+1) <= len(g.arena) || g.hollow && g.hollowRoom(n, size) > 0
}

// write fills in record n of a segment that is not hollow without publishing it.
// It must fit.
func (g *segment) write(n int, key string, data []byte, ms int64) {
	at := g.used
	at += copy(g.arena[at:], key)
	at += copy(g.arena[at:], data)
	g.used = at
	h := newHeader(len(key), at, ms-g.baseMs)
	binary.LittleEndian.PutUint64(g.arena[len(g.arena)-headerBytes*(n+1):], uint64(h))
}

// searchTime returns the first of the n published records that arrived after
// ms, or n if there is none.
func (g *segment) searchTime(n int, ms int64) int {
	lo, hi := 0, n
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if g.arrival(mid) > ms {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo
}

// fitting returns the end of the longest run of records from i, of the n
// published ones, that takes at most budget bytes.
func (g *segment) fitting(i, n, budget int) int {
	start := g.start(i)
	if g.header(n-1).end()-start <= budget {
		return n
	}
	lo, hi := i, n-1 // the run ends in lo..hi
	for lo < hi {
		mid := int(uint(lo+hi+1) >> 1)
		if g.header(mid-1).end()-start <= budget {
			lo = mid
		} else {
			hi = mid - 1
		}
	}
	return lo
}

// appendViews appends records i to j (exclusive) to dst, which has room for them,
// as views of the arena.
func (g *segment) appendViews(dst []Record, i, j int, id logID) []Record {
	if g.hollow {
		return g.appendHollow(dst, i, j, id)
	}
	at, n := g.start(i), len(dst)
	dst = dst[:n+j-i]
	var (
		ms      = int64(-1) // arrival of the record before
		arrival time.Time   // the same
		zeroth  SequenceNumber
	)
	for ; i < j; i++ {
		h := g.header(i)
		if now := g.baseMs + h.delta(); now != ms { // often many arrive at once
			ms = now
			arrival, zeroth = timeOfMs(ms), id.number(0, ms)
		}
		key, end := at+h.keyLen(), h.end()
		r := &dst[n]
		r.SequenceNumber = zeroth.atIndex(g.base + uint64(i))
		r.PartitionKey = unsafe.String(unsafe.SliceData(g.arena[at:key]), key-at)
		r.Data = g.arena[key:end:end]
		r.ArrivalTime = arrival
		at, n = end, n+1
	}
	return dst
}

// newArena returns a block of n bytes but one that need not be zero: readers see
// nothing of an arena but what was written, and zeroing a MiB takes as long as a
// thousand puts, all of which the one that begins a segment would have to wait
// for. A strings.Builder is the way to such memory: the first byte is made its
// string and never touched again, the others belong to nobody else.
func newArena(n int) []byte {
	var b strings.Builder
	b.Grow(n)
	b.WriteByte(0)
	return unsafe.Slice(unsafe.StringData(b.String()), n)[1:]
}

func timeOfMs(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// logID is what the sequence numbers of a shard have in common.
type logID struct {
	created uint64
	shard   ShardID
}

func (id logID) number(index uint64, ms int64) SequenceNumber {
	return newSequenceNumber(id.created, id.shard, index, uint64(ms)/1000)
}

package shardlog

import (
	"encoding/binary"
	"strings"
	"sync/atomic"
	"unsafe"
)

// A Block is one stretch of a log's records in one arena that holds no
// pointers. Partition keys and data fill the arena from its beginning, one
// record after the other; a header of eight bytes for each record fills it from
// its end. It is full when the two would meet.
//
//	| key data | key data | ..free.. | header 2 | header 1 | header 0 |
//
// In a hollow log the arena holds headers only, and used and the ends in the
// headers say where keys and data would be.
//
// Invariant: what is published is never written again.
type Block struct {
	arena  []byte
	asked  int    // the size of arena that was asked for, as it is counted
	base   uint64 // index of the first record
	from   uint64 // the index after the last record before; less than base behind a gap
	baseMs int64  // arrival of the first record, Unix milliseconds
	hollow bool
	cold   *cold    // not nil: the records have left memory, and there is no arena
	copied *scatter // not nil: the block is a copy of such a one

	records, bytes int64 // of the log before this block

	used int // bytes of keys and data; the writers'

	next atomic.Pointer[Block] // nil for the newest block, released for a trimmed one
}

// released is what a trimmed block links to: what came after must be looked up.
// It never changes.
var released = new(Block)

// A Header packs what is known of one record: from the right the length of its
// partition key (11 bits, at most 256 characters of 4 bytes), the end of its
// data in the arena (25 bits), and its arrival in milliseconds after the
// block's first (28 bits, three days).
type Header uint64

const (
	headerBytes = 8

	keyBits = 11
	endBits = 25

	maxBlockBytes = 1 << endBits
	maxDeltaMs    = 1<<(64-keyBits-endBits) - 1

	// MaxRecordBytes is how large a record may be, key and data together. The
	// format bounds it, and [Options.Hollow] by what it gives out.
	MaxRecordBytes = 10 << 20

	// HeaderBytes is what a record takes beside its key and its data.
	HeaderBytes = headerBytes
	// MaxBlockBytes is more than the keys and data of a block take.
	MaxBlockBytes = maxBlockBytes
)

func newHeader(keyLen, end int, delta int64) Header {
	return Header(uint64(delta)<<(keyBits+endBits) | uint64(end)<<keyBits | uint64(keyLen))
}

// KeyLen returns the length of the partition key in bytes.
func (h Header) KeyLen() int { return int(h & (1<<keyBits - 1)) }

// End returns where the data ends in the arena.
func (h Header) End() int { return int(h >> keyBits & (1<<endBits - 1)) }

// Delta returns the arrival in milliseconds after the block's first record's.
func (h Header) Delta() int64 { return int64(h >> (keyBits + endBits)) }

// Header returns what is known of record i of the block.
func (b *Block) Header(i int) Header {
	return Header(binary.LittleEndian.Uint64(b.arena[len(b.arena)-headerBytes*(i+1):]))
}

// Start returns where the key of record i begins.
func (b *Block) Start(i int) int {
	if i == 0 {
		return 0
	}
	return b.Header(i - 1).End()
}

// Base returns the index of the block's first record.
func (b *Block) Base() uint64 { return b.base }

// BaseMs returns the arrival of the block's first record in Unix milliseconds.
func (b *Block) BaseMs() int64 { return b.baseMs }

// IsHollow reports whether the block holds headers only.
func (b *Block) IsHollow() bool { return b.hollow }

// Key returns the bytes from at to end of the arena as a string, without
// copying.
func (b *Block) Key(at, end int) string {
	return unsafe.String(unsafe.SliceData(b.arena[at:end]), end-at)
}

// Data returns the bytes from at to end of the arena, without room to append
// to.
func (b *Block) Data(at, end int) []byte { return b.arena[at:end:end] }

// arrival returns the arrival of record i in Unix milliseconds.
func (b *Block) arrival(i int) int64 { return b.baseMs + b.Header(i).Delta() }

// lastMs returns the arrival of the last of n records.
func (b *Block) lastMs(n int) int64 {
	if n == 0 {
		return b.baseMs
	}
	return b.arrival(n - 1)
}

// published returns how many records of the block lie before index end. next is
// what the block links to, which must not be released: loaded once, because a
// block that is trimmed meanwhile cannot tell its extent any more.
func (b *Block) published(end uint64, next *Block) int {
	if next != nil {
		end = min(end, next.from)
	}
	return int(max(end, b.base) - b.base)
}

// fits reports whether a record of size bytes that arrives at ms has room as
// record n.
func (b *Block) fits(n, size int, ms int64) bool {
	if ms-b.baseMs > maxDeltaMs {
		return false
	}
	return b.used+size+headerBytes*(n+1) <= len(b.arena) || b.hollow && b.hollowRoom(n, size) > 0
}

// room returns how many records of size bytes that arrive at ms have room after
// the first n.
func (b *Block) room(n, size int, ms int64) int {
	switch {
	case ms-b.baseMs > maxDeltaMs:
		return 0
	case b.hollow:
		return b.hollowRoom(n, size)
	default:
		return (len(b.arena) - headerBytes*n - b.used) / (size + headerBytes)
	}
}

// write fills in record n of a block that is not hollow. It must fit.
func (b *Block) write(n int, key string, data []byte, ms int64) {
	at := b.used
	at += copy(b.arena[at:], key)
	at += copy(b.arena[at:], data)
	b.used = at
	h := newHeader(len(key), at, ms-b.baseMs)
	binary.LittleEndian.PutUint64(b.arena[len(b.arena)-headerBytes*(n+1):], uint64(h))
}

// writeCopies fills in k records from n on. They must have room.
func (b *Block) writeCopies(n, k int, key string, data []byte, ms int64) {
	if b.hollow {
		b.writeHollow(n, k, len(key), len(key)+len(data), ms)
		return
	}
	for i := n; i < n+k; i++ {
		b.write(i, key, data, ms)
	}
}

// searchTime returns the first of n records that arrived after ms, or n if
// there is none. until is when the record behind them arrived, or the last of
// them.
//
// The headers of a large block lie in twenty pages, which are seldom in a
// cache, and each step of a binary search meets another one. So it guesses from
// an even rate, looks around with growing steps, and searches what is left.
func (b *Block) searchTime(n int, ms, until int64) int {
	lo, hi := 0, n // what is sought lies in lo..hi
	if ms >= b.baseMs && ms < until {
		lo, hi = b.around(int(int64(n)*(ms-b.baseMs)/(until-b.baseMs)), n, ms)
	}
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if b.arrival(mid) > ms {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo
}

// around returns bounds of the first of n records that arrived after ms, from
// looking at the record i and at ever more distant ones on one side of it.
func (b *Block) around(i, n int, ms int64) (lo, hi int) {
	const nearby = 64 // headers; eight cache lines
	lo, hi = 0, n
	if b.arrival(i) > ms {
		hi = i
		for step := nearby; hi-step > lo; step *= 4 {
			if i = hi - step; b.arrival(i) <= ms {
				return i + 1, hi
			}
			hi = i
		}
		return lo, hi
	}
	lo = i + 1
	for step := nearby; lo+step < hi; step *= 4 {
		if i = lo + step; b.arrival(i) > ms {
			return lo, i
		}
		lo = i + 1
	}
	return lo, hi
}

// fitting returns the end of the longest run of records from i, of the first n,
// that takes at most budget bytes.
func (b *Block) fitting(i, n, budget int) int {
	start := b.Start(i)
	if b.Header(n-1).End()-start <= budget {
		return n
	}
	lo, hi := i, n-1 // the run ends in lo..hi
	for lo < hi {
		mid := int(uint(lo+hi+1) >> 1)
		if b.Header(mid-1).End()-start <= budget {
			lo = mid
		} else {
			hi = mid - 1
		}
	}
	return lo
}

// Blocks begin small, so that a log that is hardly used costs next to nothing,
// and quadruple while they fill up.
const (
	firstArenaBytes = 4 << 10
	fullArenaBytes  = 1 << 20
)

// arenaBytes returns how large an arena to ask for when the one before was
// filled with so many bytes and the first record takes size bytes. A block may
// also end because its records lie days apart; then it was hardly filled, and
// the next one is small.
func arenaBytes(filled, size, most int) int {
	n := min(max(firstArenaBytes, 4*filled), most)
	return max(n, size+headerBytes+1)
}

// NewArena returns n bytes, but one, of which n is at least one, that need not
// be zero: readers see nothing of an arena but what was written, and zeroing a
// MiB takes as long as a thousand puts, all of which the one that begins a
// block would have to wait for. A strings.Builder is the way to such memory:
// the first byte is made its string and never touched again, the others belong
// to nobody else.
func NewArena(n int) []byte {
	var b strings.Builder
	b.Grow(n)
	b.WriteByte(0)
	return unsafe.Slice(unsafe.StringData(b.String()), n)[1:]
}

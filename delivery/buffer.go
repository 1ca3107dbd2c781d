package delivery

import (
	"sync"
	"unsafe"
)

// A kind is where an object goes.
type kind byte

const (
	delivered kind = iota // to the sink
	failed                // to the error output
	backup                // to the backup of raw records
)

// A slot is what records have in common that may be in one object.
type slot struct {
	kind kind
	// id is one partition's, unlike all others of the kind: the values of the
	// keys that prefixes refer to, or the type of an error.
	id string
	// byChance says that its records have failed by how things were at the
	// moment, and others may the next time: that one lies within an object which
	// is done does not say then that it is in it.
	byChance bool
}

// An item is a record on its way into an object.
type item struct {
	slot
	// values are those of the keys that the prefix refers to.
	values []string
	record Record
}

// recordBytes is what a record in a buffer takes besides its data and key, about.
const recordBytes = 160

// memoryOf returns what a record counts for in memory.
func memoryOf(r *Record) int { return recordBytes + len(r.Data) + len(r.PartitionKey) }

// A buffer is an object that is still filled. What it has shares no memory with
// the stream: views would keep all that is around them.
type buffer struct {
	slot
	values  []string
	records []Record
	bytes   int // of data
	memory  int
	arena   []byte
	arenas  [][]byte // the large ones, to be given back
	spare   *spare   // nil if nothing is

	serial uint64 // unlike those of all other buffers
	order  uint64 // of the record of which its first item is
	before place  // of the record before that
	// until is where it was cut before, of a buffer that is filled again after a
	// crash; else zero.
	until place
}

// Arenas grow with what is in them, so that many small buffers take little.
const (
	smallestArena = 1 << 10
	largestArena  = 256 << 10
)

// add takes a record in, with something behind its data.
func (b *buffer) add(r *Record, delimiter string) {
	n := len(b.records)
	b.records = append(b.records, *r)
	kept := &b.records[n]
	b.room(len(r.PartitionKey) + len(r.Data) + len(delimiter))
	key := b.keep(r.PartitionKey)
	data := len(b.arena)
	b.arena = append(append(b.arena, r.Data...), delimiter...)
	kept.Data = b.arena[data:len(b.arena):len(b.arena)]
	kept.PartitionKey = unsafe.String(unsafe.SliceData(key), len(key))
	b.bytes += len(kept.Data)
	b.memory += memoryOf(kept)
}

// room makes room in the arena, which is not written any more where records
// are. What is large has an arena of its own.
func (b *buffer) room(n int) {
	if n <= cap(b.arena)-len(b.arena) {
		return
	}
	size := max(n, min(largestArena, max(smallestArena, 2*cap(b.arena))))
	if size != largestArena || b.spare == nil {
		b.arena = make([]byte, 0, size)
		return
	}
	b.arena = b.spare.arena()
	b.arenas = append(b.arenas, b.arena)
}

// giveBack lets what the buffer holds be used by others. Nobody may have its
// records any more.
func (b *buffer) giveBack() {
	if b.spare == nil {
		return
	}
	for _, a := range b.arenas {
		b.spare.arenas.Put((*[largestArena]byte)(a[:largestArena]))
	}
	clear(b.records)
	records := b.records[:0]
	b.spare.records.Put(&records)
	b.records, b.arenas = nil, nil
}

// A spare has what settled buffers have given back. The zero value is empty.
type spare struct {
	arenas  sync.Pool // of *[largestArena]byte
	records sync.Pool // of *[]Record, whose records are zero
}

func (s *spare) arena() []byte {
	if a, ok := s.arenas.Get().(*[largestArena]byte); ok {
		return a[:0]
	}
	return make([]byte, 0, largestArena)
}

// few returns room for some records.
func (s *spare) few(n int) []Record {
	if s != nil {
		if r, ok := s.records.Get().(*[]Record); ok && (cap(*r) >= n || n == 0) && cap(*r) <= 2*max(n, 1024) {
			return *r
		}
	}
	return make([]Record, 0, n)
}

func (b *buffer) keep(text string) []byte {
	n := len(b.arena)
	b.arena = append(b.arena, text...)
	return b.arena[n:len(b.arena):len(b.arena)]
}

func (b *buffer) first() place { return b.records[0].place() }
func (b *buffer) last() place  { return b.records[len(b.records)-1].place() }

// A cut is an object's records, from the time when there is nothing to be added
// to them until they are settled.
type cut struct {
	*buffer
	entry *entry
}

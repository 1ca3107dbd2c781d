package goals_test

import (
	"crypto/md5"
	"encoding/binary"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/google/btree"

	"github.com/weirstream/weir"
)

// A floorShard is the least that a shard can be: a lock and memory to copy to.
type floorShard struct {
	mu    sync.Mutex
	arena []byte
	used  int
	now   time.Time // when somebody put last
	_     [64]byte
}

func newFloorShards(n int) []floorShard {
	shards := make([]floorShard, n)
	for i := range shards {
		shards[i].arena = make([]byte, 8<<20)
	}
	return shards
}

// put overwrites what is oldest: the memory is warm, and bounded.
func (sh *floorShard) put(key string, data []byte) {
	if sh.used+len(key)+len(data) > len(sh.arena) {
		sh.used = 0
	}
	sh.used += copy(sh.arena[sh.used:], key)
	sh.used += copy(sh.arena[sh.used:], data)
}

func floorPlace(key string, shards int) int {
	sum := md5.Sum([]byte(key))
	place, _ := bits.Mul64(binary.BigEndian.Uint64(sum[:8]), uint64(shards))
	return int(place)
}

// floorPut is MD5, clock, lock and copy: what a put cannot do without.
func floorPut(shards, size int) work { return floorPuts(newFloorShards(shards), size) }

// floorPuts does that to shards that others may put to as well.
func floorPuts(floor []floorShard, size int) work {
	data := make([]byte, size)
	return func(n int) {
		for i := range n {
			key := keys[i%keyCount]
			sh := &floor[floorPlace(key, len(floor))]
			now := time.Now()
			sh.mu.Lock()
			sh.now = now
			sh.put(key, data)
			sh.mu.Unlock()
		}
	}
}

// farApart reports whether the machine's processors are far from each other at
// the moment: whether eight goroutines that only hash, lock and copy get less
// done than one. A virtual machine's processors are moved, and where they then
// share no cache, one that takes a lock from another waits longer than the
// other half of the work takes. That says nothing about a stream.
func farApart() bool {
	floor := newFloorShards(8)
	scaling := ratios(parallel(8, func() work { return floorPuts(floor, 100) }), besideSpin(floorPuts(floor, 100)))
	return slices.Max(scaling.ratios) > 0.9
}

// floorBatch is one clock reading a batch, MD5 one by one, and for each shard
// one lock and the copies.
func floorBatch(shards, size int) work {
	const batch = 500
	floor, data := newFloorShards(shards), make([]byte, size)
	places := make([][]string, shards)
	return func(n int) {
		for first := 0; first < n; first += batch {
			floor[0].now = time.Now()
			for i := range batch {
				key := keys[(first+i)%keyCount]
				place := floorPlace(key, shards)
				places[place] = append(places[place], key)
			}
			for place, put := range places {
				sh := &floor[place]
				sh.mu.Lock()
				for _, key := range put {
					sh.put(key, data)
				}
				sh.mu.Unlock()
				places[place] = put[:0]
			}
		}
	}
}

// floorMD5 is the hash of a key alone.
func floorMD5(n int) {
	for i := range n {
		floorSum = md5.Sum([]byte(keys[i%keyCount]))
	}
}

var floorSum [md5.Size]byte

// floorViews builds records out of memory that is laid out for it, and shows
// them to use.
func floorViews(records int, use func([]weir.Record)) work {
	type header struct {
		end, key uint32
		ms       int64
	}
	arena := make([]byte, records*116)
	headers := make([]header, records)
	for i := range headers {
		headers[i] = header{uint32(116 * (i + 1)), 16, time.Now().UnixMilli()}
	}
	shared := string(arena)
	buf := make([]weir.Record, 10_000)
	number := weir.SequenceNumber{}
	at, start := 0, uint32(0)
	return func(n int) {
		for read := 0; read < n; read += len(buf) {
			for i := range buf {
				h := headers[at]
				buf[i] = weir.Record{
					SequenceNumber: number, PartitionKey: shared[start : start+h.key],
					Data: arena[start+h.key : h.end : h.end], ArrivalTime: time.UnixMilli(h.ms),
				}
				at, start = at+1, h.end
			}
			if at == len(headers) {
				at, start = 0, 0
			}
			use(buf)
		}
	}
}

// floorLookup looks numbers up in a B-tree with an entry for each block.
func floorLookup(blocks int) work {
	type entry struct {
		base uint64
		_    int64 // the arrival
		at   *int
	}
	const each = 8456 // records a block
	tree := btree.NewG(16, func(a, b entry) bool { return a.base < b.base })
	for i := range blocks {
		tree.ReplaceOrInsert(entry{base: uint64(i) * each, at: new(int)})
	}
	random := rand.New(rand.NewPCG(1, 1))
	sought := make([]uint64, 100_000)
	for i := range sought {
		sought[i] = random.Uint64N(uint64(blocks) * each)
	}
	next, found := 0, entry{}
	return func(n int) {
		for range n {
			tree.DescendLessOrEqual(entry{base: sought[next%len(sought)]}, func(e entry) bool {
				found = e
				return false
			})
			next++
		}
		runtime.KeepAlive(found)
	}
}

// mutexAndSlice is the obvious log: a slice of records, each with its own data.
func mutexAndSlice(n int) any {
	type log struct {
		mu      sync.Mutex
		records []weir.Record
	}
	l := new(log)
	for i := range n {
		l.mu.Lock()
		l.records = append(l.records, weir.Record{PartitionKey: fmt.Sprint(i), Data: make([]byte, 100)})
		l.mu.Unlock()
	}
	return l
}

// leave and touch are what to do with records that were read: nothing, or to
// look at one byte of each.
func leave([]weir.Record) {}

func touch(records []weir.Record) {
	for i := range records {
		touched += records[i].Data[0]
	}
}

// touched keeps the looking from being optimised away.
var touched byte

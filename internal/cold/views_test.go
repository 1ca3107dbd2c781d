package cold_test

import (
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/internal/cold"
	"github.com/weirstream/weir/internal/shardlog"
)

// What readers hold stays as it is while they read on, whether it is a view of
// what was read or a copy, and whatever the attic does with its memory.
func TestShelf_heldRecordsStayWhileOthersAreRead(t *testing.T) {
	for _, blocks := range [][]int{{64 << 10}, {64 << 10, 4 << 10, 32 << 10}, slices.Repeat([]int{4 << 10}, 200)} {
		logs := len(blocks)
		r := newRig(t, logs, 1, 0)
		r.blocks(blocks...)
		for i := range 3000 / logs {
			for log := range r.rooms {
				r.group(batch{log: log, data: []string{numbered(log, i, 1000), ""}})
			}
			if i%7 == 0 {
				r.group(batch{log: 0, data: []string{numbered(0, -i, 500)}, copies: 3})
			}
		}
		large := make([]string, 1500)
		for i := range large {
			large[i] = numbered(0, i, 1000)
		}
		r.group(batch{log: 0, data: large})
		r.put(100, 1000)
		held, want := make([][][]byte, logs), make([][]string, logs)
		hold := func(log int) {
			l, c := r.rooms[log].Log, shardlog.Cursor{Next: 1}
			held[log] = nil
			for n, _ := l.Take(&c, 1, 0, true); n > 0; n, _ = l.Take(&c, 1, 0, true) {
				_, d := viewOf(c.Block())
				assert.Equal(t, len(d), cap(d), "there is no room to append to")
				held[log] = append(held[log], d)
				c.Next++
			}
			require.NoError(t, c.Err())
		}
		for log := range want {
			want[log] = r.all(log)
		}
		r.evictAll()
		for log := range min(logs, 10) {
			hold(log)
		}
		for log := range min(logs, 10) {
			r.all(log)
			require.Len(t, held[log], len(want[log]))
			for i, d := range held[log] {
				require.Equal(t, want[log][i], string(d))
			}
		}
	}
}

// A record that is held keeps no more than a piece of a file, and where its log
// has little of that, no more than its block.
func TestShelf_whatARecordKeeps(t *testing.T) {
	for _, test := range []struct {
		logs, block int
		together    int   // records of a log in a group
		least, most int64 // bytes of the heap for each record
	}{
		{2, 64 << 10, 1, 100 << 10, 700 << 10},
		{2, 4 << 10, 1, 0, 8 << 10},
		{100, 64 << 10, 1, 0, 80 << 10},
		{1, 64 << 10, 1500, 0, 80 << 10},
	} {
		r := newRig(t, test.logs, 1, 0)
		r.blocks(slices.Repeat([]int{test.block}, test.logs)...)
		for i := range 15_000 / test.logs / test.together {
			for log := range r.rooms {
				r.group(batch{log: log, data: slices.Repeat([]string{numbered(log, i, 1000)}, test.together)})
			}
		}
		kept := r.keptByARecord(max(64, 2000/uint64(test.logs)))
		assert.GreaterOrEqual(t, kept, test.least, test)
		assert.LessOrEqual(t, kept, test.most, test)
	}
}

// keptByARecord lets all leave memory that can, reads every n-th record of the
// first log, and returns how much of the heap each of them keeps.
func (r *rig) keptByARecord(n uint64) int64 {
	r.evictAll()
	log := r.rooms[0].Log
	last := uint64(log.OnDisk().Records)
	r.all(0)
	r.attic.Forget()
	before := heapBytes()
	var held [][]byte
	for c := (shardlog.Cursor{Next: 1}); c.Next < last; c.Next += n {
		n, _ := log.Take(&c, 1, 0, true)
		require.Equal(r.t, 1, n)
		_, d := viewOf(c.Block())
		held = append(held, d)
	}
	r.attic.Forget()
	kept := (heapBytes() - before) / int64(len(held))
	runtime.KeepAlive(held)
	return kept
}

// Readers of streams that share a budget get copies: what they hold is not
// counted, and views would keep pieces of the files, many times as large. The
// records are the same.
func TestBudget_readersGetCopies(t *testing.T) {
	for _, shared := range []bool{false, true} {
		r := newRig(t, 2, 1, 0)
		r.blocks(64<<10, 64<<10)
		if shared {
			share := cold.ShareOf(cold.Enter(newCounted(32 << 20)))
			defer share.Leave()
			r.attic = share.Attic(r.dir, 0)
			for id := range r.rooms {
				r.rooms[id].Shelf = r.attic.NewShelf(int64(id))
			}
		}
		r.put(3000, 1000)
		want := r.all(0)
		kept := r.keptByARecord(600)
		if shared {
			assert.LessOrEqual(t, kept, int64(80<<10), "its block, and nothing else")
		} else {
			assert.GreaterOrEqual(t, kept, int64(100<<10), "else there were no difference to see")
		}
		assert.Equal(t, want, r.all(0))
	}
}

func heapBytes() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

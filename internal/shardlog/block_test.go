package shardlog

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestHeader_holdsItsLimits(t *testing.T) {
	for _, keyLen := range []int{0, 1, 256 * 4, 1<<keyBits - 1} {
		for _, end := range []int{0, 1, 1 << 20, maxBlockBytes - 1} {
			for _, delta := range []int64{0, 1, maxDeltaMs} {
				h := newHeader(keyLen, end, delta)
				assert.Equal(t, []int64{int64(keyLen), int64(end), delta}, []int64{int64(h.KeyLen()), int64(h.End()), h.Delta()})
			}
		}
	}
}

// A block's records arrive within 2^28 ms.
func TestBlock_spansAsManyMillisecondsAsAHeaderHolds(t *testing.T) {
	for _, hollow := range []bool{false, true} {
		for _, copies := range []bool{false, true} {
			t.Run(fmt.Sprintf("hollow=%v/copies=%v", hollow, copies), func(t *testing.T) {
				var l Log
				l.Init(Options{Hollow: hollow})
				put := func(ms int64) {
					if copies {
						l.AppendCopies("k", nil, ms, 1)
					} else {
						l.Append("k", nil, ms)
					}
					l.Publish()
					at, ok := l.ArrivalOf(l.End() - 1)
					require.True(t, ok)
					assert.Equal(t, ms, at)
					require.NoError(t, l.Check())
				}
				put(5)
				put(5 + maxDeltaMs)
				assert.Equal(t, 1, l.BlockCount())
				put(6 + maxDeltaMs)
				assert.Equal(t, 2, l.BlockCount())
			})
		}
	}
}

// Blocks that are not hollow hold records of any size up to the largest, and
// are filled to the last byte.
func TestBlock_holdsTheLargestRecord(t *testing.T) {
	var l Log
	l.Init(Options{})
	for _, size := range []int{0, MaxRecordBytes - 1, MaxRecordBytes, 1, MaxRecordBytes - 1} {
		l.Append("k", make([]byte, max(size, 1)-1), 0)
		require.NoError(t, l.Check())
	}
	assert.Equal(t, 0, len(l.ring.at(1).arena)-(MaxRecordBytes-1)-headerBytes, "no byte is free")
}

func TestBlock_isFilledToTheLastByte(t *testing.T) {
	arena := func(int) []byte { return make([]byte, 100) }
	for used, blocks := range map[int]int{99 - 24: 1, 100 - 24: 1, 101 - 24: 2} {
		var l Log
		l.Init(Options{NewArena: arena})
		l.Append("", make([]byte, 10), 0)
		l.Append("key", nil, 0)
		l.Append("", make([]byte, used-13), 0)
		assert.Equal(t, blocks, l.BlockCount(), "%d bytes", used)
		l.Publish()
		require.NoError(t, l.Check())
	}
}

// Copies fill a block as far as records appended one by one do.
func TestBlock_roomIsWhatFits(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		hollow := random.IntN(2) == 0
		b := &Block{arena: make([]byte, random.IntN(400)), hollow: hollow, used: random.IntN(50)}
		if hollow && random.IntN(2) == 0 {
			b.used = maxBlockBytes - 1 - random.IntN(50)
		}
		n, size := random.IntN(5), random.IntN(20)
		if !hollow && b.used+n*headerBytes > len(b.arena) {
			continue // no such block
		}
		assert.Equal(t, b.room(n, size, 0) > 0, b.fits(n, size, 0), "%+v, %d records, %d bytes", b, n, size)
	}
}

func TestBlock_searches(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		b := &Block{arena: make([]byte, 4000), baseMs: 100}
		n, ms := 1+random.IntN(20), int64(100)
		sizes, arrivals := make([]int, n), make([]int64, n)
		for i := range n {
			sizes[i], arrivals[i] = random.IntN(4)*random.IntN(4), ms
			b.write(i, "", make([]byte, sizes[i]), ms)
			ms += int64(random.IntN(3))
		}
		for at := int64(98); at < ms+2; at++ {
			want := 0
			for want < n && arrivals[want] <= at {
				want++
			}
			last := arrivals[n-1]
			for _, until := range []int64{last, last + 1, last + 1000} {
				require.Equal(t, want, b.searchTime(n, at, until))
			}
		}
		for i := range n {
			budget := random.IntN(60) - 1
			want, left := i, budget
			for want < n && sizes[want] <= left {
				left -= sizes[want]
				want++
			}
			require.Equal(t, want, b.fitting(i, n, budget), "%v from %d for %d", sizes, i, budget)
		}
	}
}

func TestNewArena_hasItsBytesButOne(t *testing.T) {
	for _, n := range []int{1, 2, 16, firstArenaBytes, fullArenaBytes, MaxRecordBytes + headerBytes + 1} {
		arena := NewArena(n)
		assert.Len(t, arena, n-1)
		for i := range arena {
			arena[i] = 1 // must be ours to write
		}
	}
}

// Blocks quadruple while they fill up, to a MiB, and begin small again where
// one ended for its age.
func TestArenaBytes(t *testing.T) {
	for _, row := range []struct{ filled, size, want int }{
		{0, 0, 4 << 10}, {1 << 10, 0, 4 << 10}, {1<<10 + 1, 0, 4<<10 + 4}, {1 << 20, 5, 1 << 20}, {4 << 20, 5, 1 << 20},
		{0, 4<<10 - 9, 4 << 10}, {0, 4<<10 - 8, 4<<10 + 1}, {9, MaxRecordBytes, MaxRecordBytes + 9},
	} {
		assert.Equal(t, row.want, arenaBytes(row.filled, row.size, fullArenaBytes), "%+v", row)
	}
}

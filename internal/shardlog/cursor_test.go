package shardlog_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/internal/shardlog"
)

// tens returns a log of n published records of so many bytes, the first of
// which arrived at 10, the second at 20 and so on.
func tens(n, size int) *shardlog.Log {
	l := new(shardlog.Log)
	l.Init(shardlog.Options{})
	for i := range n {
		l.Append("k", make([]byte, size-1), int64(10*i+10))
	}
	l.Publish()
	return l
}

func TestTake_bounds(t *testing.T) {
	l := tens(10, 100)
	for _, row := range []struct {
		name         string
		next         uint64
		most, budget int
		alone        bool
		n            int
	}{
		{"all", 1, math.MaxInt, math.MaxInt, false, 10},
		{"zero is the first", 0, 10, math.MaxInt, false, 10},
		{"the last", 10, 10, 100, false, 1},
		{"behind the last", 11, 10, 100, true, 0},
		{"far behind", math.MaxUint64, 10, 100, true, 0},
		{"no record at the beginning of a block", 1, 0, 1000, true, 0},
		{"no record", 5, 0, 1000, true, 0},
		{"fewer than none", 5, -1, 1000, true, 0},
		{"no bytes", 5, 10, 0, false, 0},
		{"no bytes, alone", 5, 10, 0, true, 1},
		{"fewer than no bytes", 5, 10, -1, false, 0},
		{"one byte too few", 5, 10, 299, false, 2},
		{"exactly", 5, 10, 300, false, 3},
		{"exactly, alone changes nothing", 5, 10, 300, true, 3},
		{"most", 5, 2, 300, true, 2},
	} {
		c := shardlog.Cursor{Next: row.next}
		n, size := l.Take(&c, row.most, row.budget, row.alone)
		assert.Equal(t, []int{row.n, 100 * row.n}, []int{n, size}, row.name)
		assert.Equal(t, max(1, row.next), c.Next, row.name)
	}
}

// Records without a byte fit into no budget at all.
func TestTake_emptyRecords(t *testing.T) {
	var l shardlog.Log
	l.Init(shardlog.Options{})
	l.AppendCopies("", nil, 1, 5)
	l.Append("k", nil, 1)
	l.Publish()
	var c shardlog.Cursor
	n, size := l.Take(&c, 10, 0, false)
	assert.Equal(t, []int{5, 0}, []int{n, size})
}

func TestSkipTo_boundaries(t *testing.T) {
	l := tens(9, 2000) // two a block
	l.TrimTo(3)
	for _, row := range []struct {
		next uint64
		ms   int64
		want uint64
	}{
		{0, math.MinInt64, 3}, {0, 29, 3}, {0, 30, 4}, {0, 31, 4}, {5, 30, 5}, {5, 50, 6}, {5, 69, 7},
		{0, 89, 9}, {0, 90, 10}, {0, math.MaxInt64, 10}, {10, 50, 10}, {12, 90, 12},
	} {
		c := shardlog.Cursor{Next: row.next}
		l.SkipTo(&c, row.ms)
		assert.Equal(t, row.want, c.Next, "%+v", row)
	}
}

func TestLog_arrivals(t *testing.T) {
	l := tens(9, 2000)
	l.Append("k", nil, 500) // not published
	l.TrimTo(4)
	for next, want := range map[uint64]int64{0: 40, 3: 40, 4: 40, 5: 50, 9: 90, 10: -1, math.MaxUint64: -1} {
		ms, ok := l.ArrivalAt(shardlog.Cursor{Next: next})
		assert.Equal(t, want >= 0, ok)
		assert.Equal(t, max(want, 0), ms)
	}
	for i, want := range map[uint64]int64{0: -1, 1: -1, 3: 30, 4: 40, 9: 90, 10: -1, math.MaxUint64: -1} {
		ms, ok := l.ArrivalOf(i) // 3 is trimmed, but in the block of 4
		assert.Equal(t, want >= 0, ok, "%d", i)
		assert.Equal(t, max(want, 0), ms)
	}
}

func TestBefore_isBetweenTheEnds(t *testing.T) {
	l := tens(9, 2000)
	l.Append("k", nil, 500) // not published
	l.TrimTo(6)
	for next, want := range map[uint64]int64{0: 5, 1: 5, 6: 5, 7: 6, 9: 8, 10: 9, 11: 9, math.MaxUint64: 9} {
		assert.Equal(t, shardlog.Extent{Records: want, Bytes: 2000 * want}, l.Before(shardlog.Cursor{Next: next}))
	}
	l.TrimTo(10)
	require.NoError(t, l.Check())
	assert.Equal(t, shardlog.Extent{Records: 9, Bytes: 18000}, l.Before(shardlog.Cursor{}))
	assert.Equal(t, shardlog.Extent{Records: 1, Bytes: 1}, l.Held())
}

// A cursor that forgot its block reads on as before.
func TestCursor_forgets(t *testing.T) {
	l := tens(9, 2000)
	c := shardlog.Cursor{Next: 4}
	l.Take(&c, 1, math.MaxInt, true)
	b, i := c.Block()
	c.Forget()
	l.Take(&c, 1, math.MaxInt, true)
	again, j := c.Block()
	assert.Same(t, b, again)
	assert.Equal(t, i, j)
}

// Whatever the rate is like at which records arrive, a time is found where
// counting finds it.
func TestLog_seekArrivalFindsWhatCountingFinds(t *testing.T) {
	const n = 30_000
	rng := rand.New(rand.NewPCG(1, 2))
	gaps := map[string]func(i int) int64{
		"even":         func(int) int64 { return 3 },
		"random":       func(int) int64 { return rng.Int64N(5) },
		"all at once":  func(int) int64 { return 0 },
		"batches":      func(i int) int64 { return int64(i%500/499) * 1000 },
		"late burst":   func(i int) int64 { return map[bool]int64{true: 5000}[i < 100] },
		"rare":         func(i int) int64 { return map[bool]int64{true: 1 << 20}[i%3000 == 2999] },
		"slowing down": func(i int) int64 { return int64(i / 1000) },
	}
	for name, gap := range gaps {
		t.Run(name, func(t *testing.T) {
			var l shardlog.Log
			l.Init(shardlog.Options{})
			const begin = 1_000_000
			arrivals, ms := []int64{}, int64(begin)
			for i := range n {
				arrivals = append(arrivals, ms)
				l.Append("key", make([]byte, 100), ms)
				ms += gap(i)
			}
			l.Publish()
			l.TrimTo(1000)
			place := func(ms int64) uint64 { // of the first after ms, and not trimmed
				i := 999
				for i < n && arrivals[i] <= ms {
					i++
				}
				return uint64(i + 1)
			}
			for range 100 {
				at := arrivals[rng.IntN(n)] + rng.Int64N(3) - 1
				require.Equal(t, place(at), l.SeekArrival(at).Next, at)
			}
			for _, at := range []int64{0, begin - 1, begin, ms - 1, ms, ms + 1<<40} {
				require.Equal(t, place(at), l.SeekArrival(at).Next, at)
			}
		})
	}
}

func TestLog_seekArrivalOfAnEmptyLog(t *testing.T) {
	var l shardlog.Log
	l.Init(shardlog.Options{})
	require.EqualValues(t, 1, l.SeekArrival(5).Next)
	l.Append("k", nil, 3)
	require.EqualValues(t, 1, l.SeekArrival(5).Next, "what is not published is not there")
	l.Publish()
	require.EqualValues(t, 2, l.SeekArrival(5).Next)
	require.EqualValues(t, 1, l.SeekArrival(2).Next)
	l.TrimTo(2)
	require.EqualValues(t, 2, l.SeekArrival(2).Next)
}

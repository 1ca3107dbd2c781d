package plan_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/internal/keyspace"
	"github.com/weirstream/weir/internal/plan"
)

// even returns n shards of the same size, with ids from 0 on.
func even(n int) (open []plan.Shard) {
	for i, keys := range keyspace.Even(n) {
		open = append(open, plan.Shard{ID: int64(i), Keys: keys})
	}
	return open
}

// carriedOut does the steps one after the other, as slowly as can be, and
// checks that each is possible when its turn comes.
func carriedOut(t *testing.T, open []plan.Shard, steps []plan.Step, next int64) []plan.Shard {
	open = slices.Clone(open)
	find := func(id int64) int {
		return slices.IndexFunc(open, func(sh plan.Shard) bool { return sh.ID == id })
	}
	for _, st := range steps {
		i := find(st.Lower)
		require.GreaterOrEqual(t, i, 0, "%v", st)
		require.Equal(t, next, st.Child, "%v", st)
		if st.IsSplit() {
			require.True(t, open[i].Keys.CanSplitAt(st.At), "%v", st)
			lower, upper := open[i].Keys.SplitAt(st.At)
			open = slices.Replace(open, i, i+1, plan.Shard{ID: next, Keys: lower}, plan.Shard{ID: next + 1, Keys: upper})
			next += 2
			continue
		}
		require.Equal(t, i+1, find(st.Upper), "%v", st)
		open = slices.Replace(open, i, i+2, plan.Shard{ID: next, Keys: open[i].Keys.Union(open[i+1].Keys)})
		next++
	}
	return open
}

func requireEven(t *testing.T, open []plan.Shard, n int) {
	require.Len(t, open, n)
	for i, sh := range open {
		require.InDelta(t, 1/float64(n), sh.Keys.Share(), 1e-9)
		require.True(t, i == 0 || open[i-1].Keys.Adjoins(sh.Keys))
	}
}

func TestResize_anyNumberByTheFewestSteps(t *testing.T) {
	for current := 1; current <= 16; current++ {
		for target := 1; target <= 40; target++ {
			steps, err := plan.Resize(even(current), target, 100)
			require.NoError(t, err)
			requireEven(t, carriedOut(t, even(current), steps, 100), target)
			common := gcd(current, target) - 1 // boundaries that both layouts have
			assert.Len(t, steps, current-1-common+target-1-common, "%d to %d", current, target)
		}
	}
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

func TestResize_fromAnyRanges(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 4))
	for range 200 {
		open := even(1 + random.IntN(5))
		next := int64(len(open))
		for range random.IntN(12) {
			sh := open[random.IntN(len(open))]
			at := sh.Keys.Start.Plus(keyspace.Key{Hi: random.Uint64() >> random.IntN(64), Lo: random.Uint64()})
			if sh.Keys.CanSplitAt(at) {
				open = carriedOut(t, open, []plan.Step{{Lower: sh.ID, Upper: plan.Split, At: at, Child: next}}, next)
				next += 2
			}
		}
		target := 1 + random.IntN(20)
		if target == len(open) || target == 2*len(open) || 2*target == len(open) {
			continue
		}
		steps, err := plan.Resize(open, target, next)
		require.NoError(t, err)
		requireEven(t, carriedOut(t, open, steps, next), target)
	}
}

func TestResize_doublingSplitsEachShardOnceAndHalvingMergesNeighbours(t *testing.T) {
	steps, err := plan.Resize(even(3), 6, 3)
	require.NoError(t, err)
	ranges := keyspace.Even(3)
	assert.Equal(t, []plan.Step{
		{Lower: 0, Upper: plan.Split, At: ranges[0].Middle(), Child: 3},
		{Lower: 1, Upper: plan.Split, At: ranges[1].Middle(), Child: 5},
		{Lower: 2, Upper: plan.Split, At: ranges[2].Middle(), Child: 7},
	}, steps)
	steps, err = plan.Resize(even(4), 2, 9)
	require.NoError(t, err)
	assert.Equal(t, []plan.Step{{Lower: 0, Upper: 1, Child: 9}, {Lower: 2, Upper: 3, Child: 10}}, steps)
}

func TestResize_presentNumberChangesNothing(t *testing.T) {
	steps, err := plan.Resize(even(5), 5, 5)
	require.NoError(t, err)
	assert.Empty(t, steps)
}

func TestResize_namesTheShardThatIsTooNarrow(t *testing.T) {
	two := keyspace.Key{Lo: 2}
	lower, upper := keyspace.Even(1)[0].SplitAt(two)
	steps, err := plan.Resize([]plan.Shard{{ID: 7, Keys: lower}, {ID: 8, Keys: upper}}, 4, 9)
	var narrow *plan.NarrowError
	require.ErrorAs(t, err, &narrow)
	assert.EqualValues(t, 7, narrow.Shard)
	assert.Empty(t, steps)
}

// The time of a plan rises with the number of shards, not with its square.
func BenchmarkResize(b *testing.B) {
	for _, c := range [][2]int{{10_000, 20_000}, {10_000, 19_999}, {40_000, 79_999}} {
		b.Run(fmt.Sprintf("from=%d/to=%d", c[0], c[1]), func(b *testing.B) {
			open := even(c[0])
			b.ReportAllocs()
			for b.Loop() {
				if _, err := plan.Resize(open, c[1], int64(len(open))); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestCover(t *testing.T) {
	for n := 1; n < 5; n++ {
		assert.True(t, plan.Cover(even(n)))
		for i := range n {
			assert.False(t, plan.Cover(slices.Delete(even(n), i, i+1)), "%d of %d is missing", i, n)
			assert.False(t, plan.Cover(slices.Insert(even(n), i, even(n)[i])), "%d of %d is there twice", i, n)
		}
	}
}

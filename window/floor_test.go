package window

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
)

// halves are two shards of the same size, and keyIn a key of each.
var halves = weir.EvenRanges(2)

func keyIn(keys weir.HashKeyRange) string {
	for c := 'a'; ; c++ {
		if keys.Contains(weir.HashPartitionKey(string(c))) {
			return string(c)
		}
	}
}

// childOf makes a child of parents, as it is after it was kept.
func childOf(t *testing.T, keys weir.HashKeyRange, parents ...heritage[ev, []int64, []int64]) *evMachine {
	m := newMachine(parents[0].state.plan, "test", 7)
	for i, p := range parents { // a parent's windows come from a lease
		parents[i].state = revived(t, p.state)
	}
	m.inherit(keys, parents)
	return revived(t, m)
}

// After a split each child has the windows of its keys, and the watermark.
func TestMachine_splitGivesEachChildItsKeys(t *testing.T) {
	low, high := keyIn(halves[0]), keyIn(halves[1])
	all := weir.EvenRanges(1)[0]
	parent := machineOf(t, Config[ev, []int64, []int64]{Windows: Tumbling(10*ms, values()), Bound: 5 * ms})
	given(parent, ev{low, 1, 1}, ev{high, 2, 2}, ev{high, 11, 3})
	for i, want := range [][]string{
		{low + " [0,10) final [1]"},
		{high + " [0,10) final [2]", high + " [10,20) final [3]"},
	} {
		m := childOf(t, halves[i], heritage[ev, []int64, []int64]{all, parent})
		require.EqualValues(t, 5, m.watermark)
		require.Equal(t, want, given(m, ev{keyIn(halves[i]), 100, 9}))
	}
}

// After a merge the child has the windows of both, and begins at the lesser
// watermark; what was late for a key in its parent is late in the child.
func TestMachine_mergeTakesTheLeastWatermark(t *testing.T) {
	low, high := keyIn(halves[0]), keyIn(halves[1])
	c := Config[ev, []int64, []int64]{Windows: Tumbling(10*ms, values())}
	a, b := machineOf(t, c), machineOf(t, c)
	require.Equal(t, []string{low + " [0,10) final [1]"}, given(a, ev{low, 1, 1}, ev{low, 25, 2}))
	require.Empty(t, given(b, ev{high, 2, 3}))
	all := weir.EvenRanges(1)[0]
	m := childOf(t, all, heritage[ev, []int64, []int64]{halves[0], a}, heritage[ev, []int64, []int64]{halves[1], b})
	require.EqualValues(t, 1, m.watermark)

	require.Equal(t, []string{"aside " + low + " 4"}, given(m, ev{low, 7, 4}), "its window was told, and is over")
	require.Empty(t, given(m, ev{high, 8, 5}), "of the other parent it is not")
	require.Equal(t, []string{high + " [0,10) final [3 5]"}, given(m, ev{low, 24, 6}))
	require.Len(t, m.floors, 1)
	m = childOf(t, halves[0], heritage[ev, []int64, []int64]{all, m})
	require.Len(t, m.floors, 1, "a child of the child knows it too")
	require.Equal(t, []string{low + " [20,30) final [2 6]"}, given(m, ev{low, 30, 7}))
	require.Empty(t, m.floors)
}

// A window that is kept for late records in one parent is not told anew, as if
// it were complete only now, in the child.
func TestMachine_mergeKeepsWhatWasCompleted(t *testing.T) {
	low, high := keyIn(halves[0]), keyIn(halves[1])
	c := Config[ev, []int64, []int64]{Windows: Tumbling(10*ms, values()), Lateness: 100 * ms}
	a, b := machineOf(t, c), machineOf(t, c)
	require.Equal(t, []string{low + " [0,10) final [1]"}, given(a, ev{low, 1, 1}, ev{low, 25, 2}))
	require.Empty(t, given(b, ev{high, 2, 3}))
	m := childOf(t, weir.EvenRanges(1)[0], heritage[ev, []int64, []int64]{halves[0], a}, heritage[ev, []int64, []int64]{halves[1], b})
	require.Equal(t, []string{low + " [0,10) late [1 4]", high + " [0,10) final [3]"}, given(m, ev{low, 7, 4}, ev{high, 12, 5}))
}

// A record whose hash key its producer gave is not where its key says. Its
// windows go to one child, not to both and not to none.
func TestMachine_splitOfExplicitHashKeys(t *testing.T) {
	quarters := weir.EvenRanges(4)
	high := keyIn(halves[1])
	parent := machineOf(t, Config[ev, []int64, []int64]{Windows: Tumbling(10*ms, values())})
	given(parent, ev{high, 1, 1}) // in the lower half
	lower := childOf(t, quarters[0], heritage[ev, []int64, []int64]{halves[0], parent})
	upper := childOf(t, quarters[1], heritage[ev, []int64, []int64]{halves[0], parent})
	require.Equal(t, []int{1, 0}, []int{lower.open, upper.open})

	told := machineOf(t, Config[ev, []int64, []int64]{
		Windows: Tumbling(10*ms, values()), HashKey: func(*weir.Record) weir.HashKey { return quarters[1].Start },
	})
	given(told, ev{high, 1, 1})
	lower = childOf(t, quarters[0], heritage[ev, []int64, []int64]{halves[0], told})
	upper = childOf(t, quarters[1], heritage[ev, []int64, []int64]{halves[0], told})
	require.Equal(t, []int{0, 1}, []int{lower.open, upper.open})
}

// A key whose records were in both parents: its windows are merged, or stand
// side by side where nothing merges them.
func TestMachine_mergeOfAKeyThatWasInBoth(t *testing.T) {
	add := func(to *[]int64, v ev) { *to = append(*to, v.value) }
	for name, c := range map[string]struct {
		windows Windows[ev, []int64, []int64]
		want    []string
	}{
		"merged":       {Tumbling(10*ms, values()), []string{"x [0,10) final [1 2]"}},
		"side by side": {Tumbling(10*ms, Of(add, func(of []int64) []int64 { return of })), []string{"x [0,10) final [1]", "x [0,10) final [2]"}},
		"session":      {Session(9*ms, values()), []string{"x [1,11) final [2 1]"}},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := machineOf(t, Config[ev, []int64, []int64]{Windows: c.windows}), machineOf(t, Config[ev, []int64, []int64]{Windows: c.windows})
			given(a, ev{"x", 1, 1})
			given(b, ev{"x", 2, 2})
			m := childOf(t, weir.EvenRanges(1)[0], heritage[ev, []int64, []int64]{halves[0], a}, heritage[ev, []int64, []int64]{halves[1], b})
			require.ElementsMatch(t, c.want, given(m, ev{"y", 100, 3}))
		})
	}
}

// A session that was told and is joined to another one is gone.
func TestMachine_sessionThatWasToldIsGone(t *testing.T) {
	m := machineOf(t, Config[ev, []int64, []int64]{Windows: Session(5*ms, values()), Lateness: 50 * ms})
	require.Equal(t, []string{"a [0,5) final [1]"}, given(m, ev{"a", 0, 1}, ev{"a", 9, 2}))
	require.Equal(t, []string{"a [0,5) gone", "a [0,14) late [1 2 3]"}, func() []string {
		got := given(m, ev{"b", 14, 0}, ev{"a", 4, 3})
		require.Equal(t, "a [9,14) final [2]", got[0])
		require.Equal(t, "a [9,14) gone", got[2])
		return []string{got[1], got[3]}
	}())
}

// A time that is far ahead of the record's arrival would make all others late.
func TestMachine_timesOutOfBounds(t *testing.T) {
	m := machineOf(t, Config[ev, []int64, []int64]{Windows: Tumbling(10*ms, values()), Ahead: time.Second})
	for _, c := range []struct {
		ms   int64
		says string
	}{
		{1001, "is more than 1s after the record's arrival"},
		{1 << 50, "is not within the years 1 to 9999"},
		{-1 << 50, "is not within the years 1 to 9999"},
	} {
		m.feed(recordsOf([]ev{{"a", c.ms, 1}}, int(m.counts.records)), nil)
		require.Len(t, m.rejected, 1)
		require.ErrorIs(t, m.rejected[0].Err, weir.ErrInvalidArgument)
		require.ErrorContains(t, m.rejected[0].Err, c.says)
		require.Equal(t, int64(earliest), m.watermark)
		m.rejected = nil
	}
	require.Empty(t, given(m, ev{"a", 1000, 1}))
	require.EqualValues(t, 999, m.watermark)
	require.Equal(t, []string{"aside a 1"}, given(m, ev{"a", 980, 1}), "old ones are only late")
}

// A record at which code of the caller panics is set aside, and the next ones
// are taken.
func TestMachine_panicsAreSetAside(t *testing.T) {
	c := Config[ev, []int64, []int64]{Windows: Tumbling(10*ms, Of(func(to *[]int64, v ev) {
		if v.value == 13 {
			panic("thirteen")
		}
		*to = append(*to, v.value)
	}, func(of []int64) []int64 { return of }))}
	m := machineOf(t, c)
	m.feed(recordsOf([]ev{{"a", 1, 1}, {"a", 2, 13}, {"a", 3, 2}, {"a", 4, 13}}, 0), nil)
	require.Len(t, m.rejected, 2)
	require.ErrorContains(t, m.rejected[0].Err, "panic: thirteen")
	m.rejected = nil
	require.Equal(t, []string{"a [0,10) final [1 2]"}, given(m, ev{"a", 10, 3}))
	require.EqualValues(t, 2, m.counts.rejected)
}

// A window at whose result the aggregator panics is set aside and given up, also
// if it is the clock that completes it, and others are not touched by it.
func TestMachine_resultsThatPanicAreSetAside(t *testing.T) {
	c := Config[ev, []int64, []int64]{Windows: Tumbling(10*ms, Of(func(to *[]int64, v ev) { *to = append(*to, v.value) }, func(of []int64) []int64 {
		if of[0] == 13 {
			panic("thirteen")
		}
		return of
	}))}
	m := machineOf(t, c)
	m.feed(recordsOf([]ev{{"a", 1, 13}, {"b", 2, 1}, {"a", 10, 13}}, 0), nil)
	require.Len(t, m.rejected, 1)
	require.ErrorContains(t, m.rejected[0].Err, "panic: thirteen")
	require.Equal(t, Event[ev]{Key: "a", Time: timeOf(0)}, m.rejected[0].Event)
	m.rejected = nil
	require.Equal(t, []string{"b [0,10) final [1]"}, given(m))
	require.Equal(t, 1, m.open)
	m.raise(20)
	require.Len(t, m.rejected, 1)
	require.Zero(t, m.open)
	require.EqualValues(t, 2, m.counts.rejected)
}

// Records that were taken are not taken again, nor the first ones of an
// aggregate of which the rest is still to come.
func TestMachine_takesRecordsOnce(t *testing.T) {
	m := machineOf(t, Config[ev, []int64, []int64]{Windows: Tumbling(10*ms, values())})
	records := recordsOf([]ev{{"a", 1, 1}, {"a", 2, 2}, {"a", 3, 3}}, 0)
	records[2].SequenceNumber = records[1].SequenceNumber
	m.feed(records[:2], []uint64{0, 0})
	m = revived(t, m)
	m.feed(records, []uint64{0, 0, 1})
	m.feed(records, []uint64{0, 0, 1})
	require.Equal(t, []string{"a [0,10) final [1 2 3]"}, given(m, ev{"a", 10, 4}))
}

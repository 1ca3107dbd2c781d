package seconds_test

import (
	"flag"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/internal/seconds"
)

var seedFlag = flag.Uint64("seed", 0, "of random tests; 0 means the time")

func random(t *testing.T) *rand.Rand {
	t.Helper()
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-seed=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

const (
	calls = iota
	bytes
	sums
)

const (
	age = sums + iota
	kinds
)

func newHistory(window int64) *seconds.History {
	h := new(seconds.History)
	h.Init(window, sums, kinds-sums)
	return h
}

// countsOf returns what the history remembers by second.
func countsOf(h *seconds.History, from int64) map[int64][kinds]int64 {
	list := map[int64][kinds]int64{}
	for at, n := range h.Seconds(from) {
		list[at] = [kinds]int64(n)
	}
	return list
}

func TestHistory_addsUpSumsAndKeepsMaxima(t *testing.T) {
	h := newHistory(60)
	assert.Empty(t, countsOf(h, 0))
	assert.Equal(t, []int64{0, 0, 0}, h.Totals())
	assert.Zero(t, h.Peak(bytes))

	h.Add(100, calls, 1, 10, 7)
	h.Add(100, calls, 1, 20, 3)
	h.Add(101, bytes, 25)
	h.Add(102, bytes, 30, 9)
	assert.Equal(t, map[int64][kinds]int64{100: {2, 30, 7}, 101: {0, 25, 0}, 102: {0, 30, 9}}, countsOf(h, 0))
	assert.Equal(t, map[int64][kinds]int64{102: {0, 30, 9}}, countsOf(h, 102))
	assert.Equal(t, []int64{2, 85, 9}, h.Totals())
	assert.Equal(t, seconds.Peak{N: 30, At: 100}, h.Peak(bytes), "the first that had as many")
	assert.Equal(t, seconds.Peak{N: 9, At: 102}, h.Peak(age))
	for range h.Seconds(0) {
		break
	}
}

func TestHistory_countsForTheNewerSecondWhenTheClockStepsBack(t *testing.T) {
	h := newHistory(4)
	h.Add(-5, calls, 1)
	h.Add(0, calls, 1)
	assert.Equal(t, map[int64][kinds]int64{1: {2, 0, 0}}, countsOf(h, 0), "before 1970")
	h.Add(9, calls, 1)
	h.Add(5, calls, 1) // has the place that 9 took
	assert.Equal(t, map[int64][kinds]int64{9: {2, 0, 0}}, countsOf(h, 0))
}

// Whatever the gaps, a history remembers exactly the seconds of its window.
func TestHistory_remembersItsWindow(t *testing.T) {
	rng := random(t)
	for range 200 {
		window := 1 + rng.Int64N(50)
		h, want := newHistory(window), map[int64][kinds]int64{}
		at := 1 + rng.Int64N(100)
		for range 200 {
			at += rng.Int64N(3)
			if rng.IntN(20) == 0 {
				at += rng.Int64N(2 * window)
			}
			n := rng.Int64N(100)
			h.Add(at, bytes, n, n)
			counted := want[at]
			counted[bytes] += n
			counted[age] = max(counted[age], n)
			want[at] = counted
			maps.DeleteFunc(want, func(second int64, _ [kinds]int64) bool { return second <= at-window })
			require.Equal(t, want, countsOf(h, at-window+1), "window %d", window)
		}
	}
}

// Those who read see a second whole, and totals that never fall.
func TestHistory_isReadWhileItCounts(t *testing.T) {
	h := newHistory(20)
	var counting sync.WaitGroup
	for range 2 {
		counting.Go(func() {
			for i := range int64(5000) {
				h.Add(1+i/50, calls, 1, 1)
			}
		})
	}
	done := make(chan struct{})
	go func() { counting.Wait(); close(done) }()
	for last, counting := int64(0), true; counting; {
		select {
		case <-done:
			counting = false
		default:
		}
		for at, n := range h.Seconds(0) {
			assert.LessOrEqual(t, n[calls], int64(10_000), at)
		}
		total := h.Totals()[calls]
		assert.GreaterOrEqual(t, total, last)
		last = total
	}
	assert.Equal(t, []int64{10_000, 10_000, 0}, h.Totals())
}

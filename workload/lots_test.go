package workload_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/workload"
)

// allLots returns what NextLots gives in steps of a second: totals by step, and by
// range.
func allLots(t *testing.T, w workload.Workload, open workload.Open, ranges []weir.HashKeyRange) (bySecond, byRange []int64, bytes int64) {
	t.Helper()
	g, err := workload.NewGenerator(w, open)
	require.NoError(t, err)
	byRange = make([]int64, len(ranges))
	var lots []workload.Lot
	for until, more := time.Second, true; more; until += time.Second {
		lots, more = g.NextLots(lots[:0], until, ranges)
		var n int64
		for _, lot := range lots {
			require.Positive(t, lot.Records)
			n += lot.Records
			byRange[lot.Range] += lot.Records
			bytes += lot.Bytes
		}
		bySecond = append(bySecond, n)
	}
	require.NoError(t, g.Err())
	return bySecond, byRange, bytes
}

// allNext returns the same from Next.
func allNext(t *testing.T, w workload.Workload, ranges []weir.HashKeyRange) (bySecond, byRange []int64, bytes int64) {
	t.Helper()
	byRange = make([]int64, len(ranges))
	for _, a := range arrivals(t, w) {
		second := int(a.At / time.Second)
		for len(bySecond) <= second {
			bySecond = append(bySecond, 0)
		}
		bySecond[second]++
		for i, r := range ranges {
			if r.Contains(a.Key.Hash) {
				byRange[i]++
			}
		}
		bytes += int64(len(a.Key.Text) + a.Bytes)
	}
	return bySecond, byRange, bytes
}

func total(values []int64) (n int64) {
	for _, v := range values {
		n += v
	}
	return n
}

func TestNextLots_agreesWithNext(t *testing.T) {
	zipf := workload.Keys{Count: 1000, Zipf: 1}
	for name, traffic := range map[string]workload.Traffic{
		"uniform": {Rate: workload.Rate{Constant: 2000}, Keys: workload.Keys{Count: 500}},
		"zipf":    {Rate: workload.Rate{Constant: 2000}, Keys: zipf, Sizes: workload.Sizes{Median: 500}},
		"few a step": {
			Rate: workload.Rate{Constant: 11}, Keys: zipf, Sizes: workload.Sizes{Min: 100, Max: 300},
		},
		"hot and unique": {
			Rate: workload.Rate{Constant: 2000},
			Keys: workload.Keys{Unique: true, Hot: []workload.HotKey{{Key: "hot", Share: 0.25}}},
		},
		"ramp":  {Rate: workload.Rate{Ramp: &workload.Ramp{From: 1, To: 3000}}, Keys: zipf},
		"burst": {Rate: workload.Rate{Burst: &workload.Burst{Records: 5000, Every: workload.Duration(7 * time.Second)}}, Keys: zipf},
	} {
		t.Run(name, func(t *testing.T) {
			ranges := weir.EvenRanges(5)
			w := run(60*time.Second, traffic)
			w.Seed = 42
			seconds, found, bytes := allLots(t, w, nil, ranges)
			wantSeconds, want, wantBytes := allNext(t, w, ranges)
			for len(wantSeconds) < len(seconds) {
				wantSeconds = append(wantSeconds, 0)
			}
			assert.Equal(t, wantSeconds, seconds, "records of each second")
			n := float64(total(want))
			for i := range ranges {
				p := float64(want[i]) / n
				assert.InDelta(t, want[i], found[i], 4*math.Sqrt(2*n*p*(1-p)), "range %d", i)
			}
			assert.InEpsilon(t, wantBytes, bytes, 4*2/math.Sqrt(n), "sizes do not deviate from their mean by twice as much")
		})
	}
}

func TestNextLots_poissonCounts(t *testing.T) {
	for _, perSecond := range []float64{3, 50, 1e6, 1e9} {
		w := run(2000*time.Second, workload.Traffic{Rate: workload.Rate{Constant: perSecond}, Arrivals: workload.Poisson})
		w.Seed = 3
		seconds, _, _ := allLots(t, w, nil, weir.EvenRanges(8))
		n := make([]int, len(seconds))
		for i := range n {
			n[i] = int(seconds[i])
		}
		mean, variance := moments(n)
		assert.InDelta(t, perSecond, mean, 4*math.Sqrt(perSecond/2000))
		assert.InEpsilon(t, perSecond, variance, 4*math.Sqrt((2+1/perSecond)/2000))
	}
}

// Per step and range counts are binomial: neither more even nor less than single
// draws would be.
func TestNextLots_dealsLikeSingleDraws(t *testing.T) {
	const steps = 4000
	for _, perSecond := range []float64{5, 40, 1000, 1e6, 1e9} {
		w := run(steps*time.Second, workload.Traffic{Rate: workload.Rate{Constant: perSecond}, Keys: workload.Keys{Unique: true}})
		w.Seed = 9
		g := newGenerator(t, w)
		ranges := weir.EvenRanges(4)
		found := make([][]int, len(ranges))
		var lots []workload.Lot
		for step := range steps {
			lots, _ = g.NextLots(lots[:0], time.Duration(step+1)*time.Second, ranges)
			for i := range found {
				found[i] = append(found[i], 0)
			}
			for _, lot := range lots {
				found[lot.Range][step] = int(lot.Records)
			}
		}
		for i := range found {
			mean, variance := moments(found[i])
			want := perSecond * 0.25 * 0.75
			assert.InDelta(t, perSecond/4, mean, 4*math.Sqrt(want/steps), "%v/s, range %d", perSecond, i)
			assert.InEpsilon(t, want, variance, 4*math.Sqrt((2+1/want)/steps), "%v/s, range %d", perSecond, i)
		}
	}
}

func TestNextLots_bytesAddUp(t *testing.T) {
	w := run(1000*time.Second, workload.Traffic{
		Rate: workload.Rate{Constant: 3}, Keys: workload.Keys{Count: 10}, // "key-0": 5 bytes
		Sizes: workload.Sizes{Min: 10, Max: 11}, // 10.5 on average
	})
	_, byRange, bytes := allLots(t, w, nil, weir.EvenRanges(3))
	assert.EqualValues(t, 3000, total(byRange))
	assert.InDelta(t, 3000*15.5, float64(bytes), 1)
}

func TestNextLots_rangesMayChange(t *testing.T) {
	g := newGenerator(t, run(10*time.Second, workload.Traffic{Rate: workload.Rate{Constant: 1000}, Keys: workload.Keys{Unique: true}}))
	var n int64
	for step := range 10 {
		ranges := weir.EvenRanges(1 + step)
		lots, more := g.NextLots(nil, time.Duration(step+1)*time.Second, ranges)
		assert.Equal(t, step < 9, more)
		for _, lot := range lots {
			assert.InDelta(t, 1000/float64(1+step), float64(lot.Records), 4*16)
			n += lot.Records
		}
	}
	assert.EqualValues(t, 10_000, n)
}

// Ranges in any order, that leave out half of the keys.
func TestNextLots_rangesInAnyOrder(t *testing.T) {
	w := run(10*time.Second, workload.Traffic{Rate: workload.Rate{Constant: 1000}, Keys: workload.Keys{Count: 4}})
	all := weir.EvenRanges(8)
	_, want, _ := allNext(t, w, all)
	_, found, _ := allLots(t, w, nil, []weir.HashKeyRange{all[6], all[1], all[3], all[4]})
	for i, r := range []int{6, 1, 3, 4} {
		assert.InDelta(t, want[r], found[i], 4*75, "range %d", r)
	}
}

func TestNextLots_endsAfterRecords(t *testing.T) {
	w := run(10*time.Second, workload.Traffic{Rate: workload.Rate{Constant: 100}})
	w.Traffic = append(w.Traffic, workload.Traffic{Rate: workload.Rate{Constant: 300}})
	w.Records = 1111
	seconds, _, _ := allLots(t, w, nil, weir.EvenRanges(2))
	assert.Equal(t, []int64{400, 400, 311}, seconds)
}

func TestNextLots_countsTraces(t *testing.T) {
	records := []workload.Traced{traced(0, "a"), traced(0.5, "b"), traced(2.5, "a"), traced(2, "c")}
	ranges := weir.EvenRanges(2)
	bySecond, byRange, bytes := allLots(t, traceOf(1), opening(records, nil), ranges)
	assert.Equal(t, []int64{2, 0, 2}, bySecond)
	want := make([]int64, 2)
	for _, r := range records {
		for i := range ranges {
			if ranges[i].Contains(weir.HashPartitionKey(r.Key)) {
				want[i]++
			}
		}
	}
	assert.Equal(t, want, byRange)
	assert.EqualValues(t, 4*101, bytes)

	w := traceOf(1)
	w.Records = 3
	bySecond, _, _ = allLots(t, w, opening(records, nil), ranges)
	assert.Equal(t, []int64{2, 0, 1}, bySecond)
}

// Nothing can come: the run ends all the same.
func TestNextLots_endsWithoutRecords(t *testing.T) {
	w := workload.Workload{Records: 1, Traffic: []workload.Traffic{{
		Rate: workload.Rate{Constant: 1}, From: workload.Duration(workload.MaxDuration),
	}}}
	g := newGenerator(t, w)
	lots, more := g.NextLots(nil, workload.MaxDuration-1, weir.EvenRanges(1))
	assert.Empty(t, lots)
	assert.True(t, more)
	lots, more = g.NextLots(nil, workload.MaxDuration, weir.EvenRanges(1))
	assert.Empty(t, lots)
	assert.False(t, more)
	assert.Empty(t, arrivals(t, w))
}

func TestNextLots_refusesMax(t *testing.T) {
	g := newGenerator(t, workload.Workload{Records: 10, Traffic: []workload.Traffic{{Rate: workload.Rate{Max: true}}}})
	lots, more := g.NextLots(nil, time.Second, weir.EvenRanges(1))
	assert.Empty(t, lots)
	assert.False(t, more)
	assert.EqualError(t, g.Err(), "traffic[0].rate.max: only a load generator can put as fast as it goes")
}

func TestNextLots_traceBreaksOff(t *testing.T) {
	g, err := workload.NewGenerator(traceOf(1), opening([]workload.Traced{traced(0, "a")}, assert.AnError))
	require.NoError(t, err)
	lots, more := g.NextLots(nil, time.Second, weir.EvenRanges(1))
	assert.Equal(t, []workload.Lot{{Range: 0, Records: 1, Bytes: 101}}, lots)
	assert.False(t, more)
	assert.ErrorIs(t, g.Err(), assert.AnError)
}

func TestNextLots_manyRangesAndHugeRates(t *testing.T) {
	w := run(time.Minute, workload.Traffic{Rate: workload.Rate{Constant: workload.MaxPerSecond}, Keys: workload.Keys{Unique: true}})
	seconds, byRange, _ := allLots(t, w, nil, weir.EvenRanges(1000))
	for _, n := range seconds {
		assert.EqualValues(t, workload.MaxPerSecond, n)
	}
	for _, n := range byRange {
		assert.InDelta(t, 60e6, n, 5*math.Sqrt(60e6))
	}
}

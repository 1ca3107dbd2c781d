package workload_test

import (
	"flag"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/workload"
)

var seedFlag = flag.Int64("seed", 0, "of random tests; zero means a new one")

// newSeed returns the seed of a random test, and prints it.
func newSeed(t *testing.T) int64 {
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Int64()
	}
	t.Logf("-seed %d", seed)
	return seed
}

// run returns a workload with one traffic.
func run(lasts time.Duration, t workload.Traffic) workload.Workload {
	return workload.Workload{Duration: workload.Duration(lasts), Traffic: []workload.Traffic{t}}
}

// arrivals returns all records of a workload, at most a million.
func arrivals(t *testing.T, w workload.Workload) (all []workload.Arrival) {
	t.Helper()
	g, err := workload.NewGenerator(w, nil)
	require.NoError(t, err)
	for a := (workload.Arrival{}); g.Next(&a); {
		all = append(all, a)
		require.Less(t, len(all), 1_000_001)
	}
	require.NoError(t, g.Err())
	return all
}

// counts returns how many records come in each step of a run.
func counts(all []workload.Arrival, step, lasts time.Duration) []int {
	n := make([]int, (lasts+step-1)/step)
	for _, a := range all {
		n[a.At/step]++
	}
	return n
}

func TestGenerator_countsOfEachShape(t *testing.T) {
	const s = workload.Duration(time.Second)
	for name, test := range map[string]struct {
		rate  workload.Rate
		from  workload.Duration
		lasts workload.Duration // of the traffic; zero: to the end
		want  []int             // in each of 10 seconds
	}{
		"constant": {
			rate: workload.Rate{Constant: 4},
			want: []int{4, 4, 4, 4, 4, 4, 4, 4, 4, 4},
		},
		"constant below one a second": { // at 0, 3⅓ and 6⅔ s
			rate: workload.Rate{Constant: 0.3},
			want: []int{1, 0, 0, 1, 0, 0, 1, 0, 0, 0},
		},
		"constant within the run": {
			rate: workload.Rate{Constant: 4}, from: 2 * s, lasts: 3 * s,
			want: []int{0, 0, 4, 4, 4, 0, 0, 0, 0, 0},
		},
		"constant past the end": {
			rate: workload.Rate{Constant: 4}, from: 8 * s, lasts: 30 * s,
			want: []int{0, 0, 0, 0, 0, 0, 0, 0, 4, 4},
		},
		"ramp up": { // t² until t: 1, 4, 9 ...
			rate: workload.Rate{Ramp: &workload.Ramp{From: 0, To: 20}},
			want: []int{1, 3, 5, 7, 9, 11, 13, 15, 17, 19},
		},
		"ramp down": { // 20t - t²: 19, 36, 51 ...
			rate: workload.Rate{Ramp: &workload.Ramp{From: 20, To: 0}},
			want: []int{19, 17, 15, 13, 11, 9, 7, 5, 3, 1},
		},
		"ramp that is level": {
			rate: workload.Rate{Ramp: &workload.Ramp{From: 4, To: 4}},
			want: []int{4, 4, 4, 4, 4, 4, 4, 4, 4, 4},
		},
		"ramp over its own time": { // from 0 to 8 in 4 s: t²
			rate: workload.Rate{Ramp: &workload.Ramp{From: 0, To: 8}}, from: s, lasts: 4 * s,
			want: []int{0, 1, 3, 5, 7, 0, 0, 0, 0, 0},
		},
		// 60t + 40/(2π/4) sin(2πt/4), 25.46 being 40/(2π/4): 85.46, 120, 154.54, 240 ...
		"wave": {
			rate: workload.Rate{Wave: &workload.Wave{Low: 20, High: 100, Period: 4 * s}},
			want: []int{86, 34, 35, 85, 86, 34, 35, 85, 86, 34},
		},
		// The same by what people know of their traffic: the daily mean and the peak.
		"wave by mean and peak": {
			rate: workload.Rate{Wave: &workload.Wave{Mean: 60, Peak: 100, Period: 4 * s}},
			want: []int{86, 34, 35, 85, 86, 34, 35, 85, 86, 34},
		},
		// With a peak at 1 s, and nothing at 3 s: 50t - 31.83 (cos(2πt/4) - 1): 81.83, 163.66, 181.83, 200 ...
		"wave with a later peak": {
			rate: workload.Rate{Wave: &workload.Wave{Low: 0, High: 100, Period: 4 * s, PeakAt: s}},
			want: []int{82, 82, 18, 18, 82, 82, 18, 18, 82, 82},
		},
		"wave that is level": {
			rate: workload.Rate{Wave: &workload.Wave{Low: 4, High: 4, Period: 3 * s}},
			want: []int{4, 4, 4, 4, 4, 4, 4, 4, 4, 4},
		},
		"burst once": {
			rate: workload.Rate{Burst: &workload.Burst{Records: 7}}, from: 3 * s,
			want: []int{0, 0, 0, 7, 0, 0, 0, 0, 0, 0},
		},
		"burst again and again": {
			rate: workload.Rate{Burst: &workload.Burst{Records: 7, Every: 4 * s}}, from: s,
			want: []int{0, 7, 0, 0, 0, 7, 0, 0, 0, 7},
		},
		"burst within a time": { // 4 a second
			rate: workload.Rate{Burst: &workload.Burst{Records: 8, Every: 5 * s, Within: 2 * s}},
			want: []int{4, 4, 0, 0, 0, 4, 4, 0, 0, 0},
		},
		"burst that never stops": {
			rate: workload.Rate{Burst: &workload.Burst{Records: 8, Every: 2 * s, Within: 2 * s}},
			want: []int{4, 4, 4, 4, 4, 4, 4, 4, 4, 4},
		},
		"steps": {
			rate: workload.Rate{Steps: []workload.Step{{At: s, Rate: 2}, {At: 3 * s, Rate: 0}, {At: 5 * s, Rate: 5}, {At: 8 * s}}},
			want: []int{0, 2, 2, 0, 0, 5, 5, 5, 0, 0},
		},
		"steps of parts of a record": { // half a record by 1 s, a whole one by 2 s
			rate: workload.Rate{Steps: []workload.Step{{Rate: 0.5}, {At: s, Rate: 0.5}, {At: 2 * s, Rate: 3}, {At: 4 * s, Rate: 1}}},
			want: []int{1, 0, 3, 3, 1, 1, 1, 1, 1, 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := run(10*time.Second, workload.Traffic{Rate: test.rate, From: test.from, For: test.lasts})
			assert.Equal(t, test.want, counts(arrivals(t, w), time.Second, 10*time.Second))
		})
	}
}

func TestGenerator_evenTimes(t *testing.T) {
	times := func(lasts time.Duration, r workload.Rate) (all []time.Duration) {
		for _, a := range arrivals(t, run(lasts, workload.Traffic{Rate: r})) {
			all = append(all, a.At)
		}
		return all
	}
	const ms = time.Millisecond
	assert.Equal(t, []time.Duration{0, 1 * ms, 2 * ms, 3 * ms}, times(4*ms, workload.Rate{Constant: 1000}), "one each millisecond; the end is exclusive")
	assert.Equal(t, []time.Duration{0, 1 * ms, 2 * ms, 3 * ms, 4 * ms}, times(4*ms+time.Microsecond, workload.Rate{Constant: 1000}), "a little more")
	assert.Equal(t, []time.Duration{0, 333_333_333, 666_666_667}, times(time.Second, workload.Rate{Constant: 3}), "rounded to the nanosecond, without drift")
	assert.Equal(t, []time.Duration{0, 1000 * ms, 1414_213_562, 1732_050_808}, times(2*time.Second, workload.Rate{Ramp: &workload.Ramp{To: 4}}), "square roots")
}

// A record in a year's run comes when the formula says, as if it were the first.
func TestGenerator_doesNotDrift(t *testing.T) {
	const year = 365 * 24 * time.Hour
	g := newGenerator(t, run(year, workload.Traffic{Rate: workload.Rate{Constant: 1. / 60}, Keys: workload.Keys{Count: 1}}))
	var a workload.Arrival
	n := 0
	for ; g.Next(&a); n++ {
		const noise = 16 // nanoseconds: the spacing of floating point there
		if math.Abs(float64(n)*60e9-float64(a.At)) > noise {
			require.InDelta(t, float64(n)*60e9, float64(a.At), noise, "record %d", n)
		}
	}
	assert.Equal(t, 365*24*60, n)
}

// Over any interval the records are as many as the integral of the rate, to one.
func TestGenerator_countsAreTheIntegral(t *testing.T) {
	const lasts = 100 * time.Second
	seed := newSeed(t)
	r := rand.New(rand.NewPCG(uint64(seed), 0))
	for range 5 {
		from, to := r.Float64()*100, r.Float64()*100
		low, high := r.Float64()*100, 100+r.Float64()*100
		period, peak := 1+r.Float64()*200, r.Float64()*300
		within := r.Float64() * 7
		turn := 2 * math.Pi / period
		for name, test := range map[string]struct {
			rate     workload.Rate
			integral func(s float64) float64
		}{
			"constant": {workload.Rate{Constant: high}, func(s float64) float64 { return high * s }},
			"ramp": {
				workload.Rate{Ramp: &workload.Ramp{From: workload.PerSecond(from), To: workload.PerSecond(to)}},
				func(s float64) float64 { return from*s + (to-from)*s*s/200 },
			},
			"wave": {
				workload.Rate{Wave: &workload.Wave{
					Low: workload.PerSecond(low), High: workload.PerSecond(high),
					Period: workload.Duration(period * 1e9), PeakAt: workload.Duration(peak * 1e9),
				}},
				func(s float64) float64 {
					return (low+high)/2*s + (high-low)/2/turn*(math.Sin(turn*(s-peak))+math.Sin(turn*peak))
				},
			},
			"burst": {
				workload.Rate{Burst: &workload.Burst{Records: 500, Every: workload.Duration(7 * time.Second), Within: workload.Duration(within * 1e9)}},
				func(s float64) float64 {
					return 500 * (math.Floor(s/7) + min(1, (s-7*math.Floor(s/7))/within))
				},
			},
		} {
			all := arrivals(t, run(lasts, workload.Traffic{Rate: test.rate}))
			require.True(t, slices.IsSortedFunc(all, func(a, b workload.Arrival) int { return int(a.At - b.At) }), name)
			for range 20 {
				start, end := r.Float64()*100, r.Float64()*100
				if start > end {
					start, end = end, start
				}
				n := 0
				for _, a := range all {
					if s := a.At.Seconds(); start <= s && s < end {
						n++
					}
				}
				require.InDelta(t, test.integral(end)-test.integral(start), float64(n), 1.001, "%s from %v to %v s", name, start, end)
			}
		}
	}
}

func TestGenerator_poissonCountsAndGaps(t *testing.T) {
	const seconds = 2000
	w := run(seconds*time.Second, workload.Traffic{Rate: workload.Rate{Constant: 100}, Arrivals: workload.Poisson})
	w.Seed = 7
	all := arrivals(t, w)
	assert.InDelta(t, 100*seconds, float64(len(all)), 4*math.Sqrt(100*seconds))
	mean, variance := moments(counts(all, time.Second, seconds*time.Second))
	assert.InDelta(t, 100, mean, 4*math.Sqrt(100./seconds))
	assert.InDelta(t, 100, variance, 4*100*math.Sqrt(2./seconds), "the variance of a Poisson distribution is its mean")
	longer := 0 // gaps than 20 ms: one in e²
	for i := 1; i < len(all); i++ {
		if all[i].At-all[i-1].At > 20*time.Millisecond {
			longer++
		}
	}
	expected := float64(len(all)) * math.Exp(-2)
	assert.InDelta(t, expected, float64(longer), 4*math.Sqrt(expected))
}

// Random arrivals follow the shape of their rate.
func TestGenerator_poissonFollowsARamp(t *testing.T) {
	w := run(100*time.Second, workload.Traffic{
		Rate: workload.Rate{Ramp: &workload.Ramp{From: 0, To: 2000}}, Arrivals: workload.Poisson,
	})
	for i, n := range counts(arrivals(t, w), 10*time.Second, 100*time.Second) {
		expected := 1000 * float64((i+1)*(i+1)-i*i) // of 10 t²
		assert.InDelta(t, expected, float64(n), 4*math.Sqrt(expected), "step %d", i)
	}
}

func moments(values []int) (mean, variance float64) {
	for _, v := range values {
		mean += float64(v) / float64(len(values))
	}
	for _, v := range values {
		variance += (float64(v) - mean) * (float64(v) - mean) / float64(len(values))
	}
	return mean, variance
}

package workload_test

import (
	"math"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/workload"
)

func TestGenerator_mergesTrafficByTimeThenOrder(t *testing.T) {
	w := run(time.Second, workload.Traffic{Rate: workload.Rate{Constant: 2}})
	w.Traffic = append(w.Traffic,
		workload.Traffic{Rate: workload.Rate{Constant: 4}},
		workload.Traffic{Rate: workload.Rate{Burst: &workload.Burst{Records: 2}}, From: workload.Duration(250 * time.Millisecond)},
	)
	type arrival struct {
		ms      int64
		traffic int
	}
	var got []arrival
	for _, a := range arrivals(t, w) {
		got = append(got, arrival{a.At.Milliseconds(), a.Traffic})
	}
	assert.Equal(t, []arrival{{0, 0}, {0, 1}, {250, 1}, {250, 2}, {250, 2}, {500, 0}, {500, 1}, {750, 1}}, got)
}

// copied returns records with their keys' texts, which can be compared.
func copied(all []workload.Arrival, traffic int) (texts []string, sizes []int, times []time.Duration) {
	for _, a := range all {
		if a.Traffic == traffic {
			texts, sizes, times = append(texts, a.Key.Text), append(sizes, a.Bytes), append(times, a.At)
		}
	}
	return texts, sizes, times
}

func TestGenerator_sameSeedSameRecords(t *testing.T) {
	random := workload.Traffic{
		Rate: workload.Rate{Constant: 100}, Arrivals: workload.Poisson,
		Keys: workload.Keys{Zipf: 1.1}, Sizes: workload.Sizes{Median: 100, Spread: 3},
	}
	w := run(10*time.Second, random)
	w.Seed = 1
	keys, sizes, times := copied(arrivals(t, w), 0)

	again, againSizes, againTimes := copied(arrivals(t, w), 0)
	assert.Equal(t, keys, again)
	assert.Equal(t, sizes, againSizes)
	assert.Equal(t, times, againTimes)

	w.Seed = 2
	other, otherSizes, otherTimes := copied(arrivals(t, w), 0)
	assert.NotEqual(t, keys, other)
	assert.NotEqual(t, sizes, otherSizes)
	assert.NotEqual(t, times, otherTimes)

	w.Seed = 1
	w.Traffic = append(w.Traffic, random)
	all := arrivals(t, w)
	beside, besideSizes, besideTimes := copied(all, 0)
	assert.Equal(t, keys, beside, "another traffic changes nothing")
	assert.Equal(t, sizes, besideSizes)
	assert.Equal(t, times, besideTimes)
	second, _, _ := copied(all, 1)
	assert.NotEqual(t, keys, second[:min(len(keys), len(second))], "and is not the same again")

	w.Traffic = w.Traffic[:1]
	w.Traffic[0].Sizes = workload.Sizes{Max: 50}
	beside, _, besideTimes = copied(arrivals(t, w), 0)
	assert.Equal(t, keys, beside, "other sizes leave keys and times alone")
	assert.Equal(t, times, besideTimes)
}

func TestGenerator_endsAfterRecords(t *testing.T) {
	w := run(10*time.Second, workload.Traffic{Rate: workload.Rate{Constant: 100}})
	w.Records = 250
	all := arrivals(t, w)
	require.Len(t, all, 250)
	assert.Equal(t, 2490*time.Millisecond, all[249].At)

	w.Duration = 0
	assert.Len(t, arrivals(t, w), 250, "no duration needed")
	w.Duration, w.Records = workload.Duration(time.Second), 101
	assert.Len(t, arrivals(t, w), 100, "the end comes first")
}

func TestGenerator_maxIsDueAtOnce(t *testing.T) {
	w := workload.Workload{Records: 1000, Traffic: []workload.Traffic{{Rate: workload.Rate{Max: true}}}}
	all := arrivals(t, w)
	require.Len(t, all, 1000)
	assert.Zero(t, all[999].At)
}

func TestGenerator_staysEnded(t *testing.T) {
	g := newGenerator(t, run(time.Millisecond, workload.Traffic{Rate: workload.Rate{Constant: 1000}}))
	var a workload.Arrival
	require.True(t, g.Next(&a))
	for range 3 {
		assert.False(t, g.Next(&a))
	}
}

func TestGenerator_allocatesNothing(t *testing.T) {
	g := newGenerator(t, run(time.Hour, workload.Traffic{
		Rate: workload.Rate{Constant: 1e6}, Arrivals: workload.Poisson,
		Keys: workload.Keys{Zipf: 1}, Sizes: workload.Sizes{Median: 100},
	}))
	var a workload.Arrival
	assert.Zero(t, testing.AllocsPerRun(1000, func() { g.Next(&a) }))
}

// frequencies returns how often each key comes in n records.
func frequencies(t *testing.T, n int64, k workload.Keys) map[string]int {
	w := workload.Workload{Records: n, Seed: 11, Traffic: []workload.Traffic{{Rate: workload.Rate{Constant: 1000}, Keys: k}}}
	found := make(map[string]int)
	for _, a := range arrivals(t, w) {
		found[a.Key.Text]++
		if a.Key.Hash != weir.HashPartitionKey(a.Key.Text) {
			require.Equal(t, weir.HashPartitionKey(a.Key.Text), a.Key.Hash)
		}
	}
	return found
}

// chiSquare returns how far counts are from what is expected of them; for many
// classes it is close to a normal distribution about their number.
func chiSquare(expected map[string]float64, found map[string]int) (chi float64) {
	for key, e := range expected {
		chi += (float64(found[key]) - e) * (float64(found[key]) - e) / e
	}
	return chi
}

func TestKeys_followZipf(t *testing.T) {
	const keys, n = 100, 200_000
	for _, s := range []float64{0, 0.5, 0.99, 1, 1.5} {
		found := frequencies(t, n, workload.Keys{Count: keys, Zipf: s})
		var sum float64
		for k := 1; k <= keys; k++ {
			sum += math.Pow(float64(k), -s)
		}
		expected := make(map[string]float64)
		for k := 1; k <= keys; k++ {
			expected["key-11-"+strconv.Itoa(k-1)] = n * math.Pow(float64(k), -s) / sum
		}
		assert.Len(t, found, keys)
		freedom := float64(keys - 1)
		assert.InDelta(t, freedom, chiSquare(expected, found), 4*math.Sqrt(2*freedom), "zipf %v", s)
	}
}

// Which keys share a shard is chance as much as when they come, so the seed is in the
// names. Without one they are as they always were.
func TestKeys_seedIsInTheNames(t *testing.T) {
	for seed, want := range map[int64]string{0: "key-0", 7: "key-7-0", -7: "key--7-0"} {
		w := run(time.Second, workload.Traffic{Rate: workload.Rate{Constant: 1}, Keys: workload.Keys{Count: 1}})
		w.Seed = seed
		assert.Equal(t, want, arrivals(t, w)[0].Key.Text)
	}
}

func TestKeys_hotShares(t *testing.T) {
	const n = 100_000
	for name, k := range map[string]workload.Keys{
		"numbered": {Count: 100}, "zipf": {Count: 100, Zipf: 1}, "unique": {Unique: true},
		"weighted": {Weighted: []workload.WeightedKey{{Key: "a", Weight: 3}, {Key: "b"}}},
	} {
		k.Hot = []workload.HotKey{{Key: "hot", Share: 0.3}, {Key: "warm", Share: 0.1}}
		found := frequencies(t, n, k)
		assert.InDelta(t, 0.3*n, float64(found["hot"]), 4*math.Sqrt(0.3*0.7*n), name)
		assert.InDelta(t, 0.1*n, float64(found["warm"]), 4*math.Sqrt(0.1*0.9*n), name)
	}
	all := frequencies(t, 1000, workload.Keys{Hot: []workload.HotKey{{Key: "hot", Share: 1}}})
	assert.Equal(t, map[string]int{"hot": 1000}, all)
}

func TestKeys_weighted(t *testing.T) {
	const n = 100_000
	found := frequencies(t, n, workload.Keys{Weighted: []workload.WeightedKey{{Key: "a", Weight: 6}, {Key: "b", Weight: 3}, {Key: "c"}}})
	expected := map[string]float64{"a": 0.6 * n, "b": 0.3 * n, "c": 0.1 * n}
	assert.Len(t, found, 3)
	assert.Less(t, chiSquare(expected, found), 18.0, "two degrees of freedom, one run in 8,000")
}

func TestKeys_unique(t *testing.T) {
	found := frequencies(t, 100_000, workload.Keys{Unique: true})
	assert.Len(t, found, 100_000)
	for key := range found {
		assert.Len(t, key, 16)
		break
	}
}

func TestKeys_fileHasToBeRead(t *testing.T) {
	_, err := workload.NewGenerator(run(time.Second, workload.Traffic{
		Rate: workload.Rate{Constant: 1}, Keys: workload.Keys{File: "keys.tsv"},
	}), nil)
	assert.EqualError(t, err, "traffic[0]: keys.file: keys.tsv is not read yet")
}

// sizesOf returns the sizes of n records.
func sizesOf(t *testing.T, n int64, z workload.Sizes) (sizes []int) {
	w := workload.Workload{Records: n, Seed: 5, Traffic: []workload.Traffic{{Rate: workload.Rate{Constant: 1000}, Sizes: z}}}
	for _, a := range arrivals(t, w) {
		sizes = append(sizes, a.Bytes)
	}
	return sizes
}

func TestSizes_fixed(t *testing.T) {
	assert.Equal(t, []int{256, 256}, sizesOf(t, 2, workload.Sizes{}))
	assert.Equal(t, []int{1500, 1500}, sizesOf(t, 2, workload.Sizes{Fixed: 1500}))
	empty := workload.Sizes{Weighted: []workload.WeightedSize{{Bytes: 0}}}
	assert.Equal(t, []int{0, 0}, sizesOf(t, 2, empty))
}

func TestSizes_uniform(t *testing.T) {
	found := make(map[int]int)
	for _, size := range sizesOf(t, 110_000, workload.Sizes{Min: 10, Max: 20}) {
		found[size]++
	}
	require.Len(t, found, 11)
	for size := 10; size <= 20; size++ {
		assert.InDelta(t, 10_000, float64(found[size]), 4*100, "%d bytes", size)
	}
}

// The median is the median, and the 84th percentile Spread times as much.
func TestSizes_logNormal(t *testing.T) {
	const n = 100_000
	below := func(sizes []int, bytes int) (share float64) {
		for _, size := range sizes {
			if size < bytes {
				share += 1. / n
			}
		}
		return share
	}
	sizes := sizesOf(t, n, workload.Sizes{Median: 10_000, Spread: 3})
	const deviation = 4 * 0.5 / 316 // of a share of 100,000 records
	assert.InDelta(t, 0.0228, below(sizes, 10_000/9), deviation)
	assert.InDelta(t, 0.1587, below(sizes, 10_000/3), deviation)
	assert.InDelta(t, 0.5, below(sizes, 10_000), deviation)
	assert.InDelta(t, 0.8413, below(sizes, 30_000), deviation)
	assert.InDelta(t, 0.9772, below(sizes, 90_000), deviation)

	cut := sizesOf(t, n, workload.Sizes{Median: 10_000, Spread: 3, Min: 5000, Max: 30_000})
	assert.Zero(t, below(cut, 5000))
	assert.InDelta(t, 0.5, below(cut, 10_000), deviation, "what is cut stays on its side")
	assert.InDelta(t, 0.8413, below(cut, 30_000), deviation)
	assert.InDelta(t, 1, below(cut, 30_001), 1e-9)
}

// People know the mean of their records: bytes by records. It holds for what is
// generated, whatever is cut, and Volume expects the same.
func TestSizes_mean(t *testing.T) {
	for name, z := range map[string]workload.Sizes{
		"nothing is cut":     {Mean: 1024},
		"most is cut":        {Mean: 1024, Spread: 8, Min: 800, Max: 4096},
		"the mean is a cut":  {Mean: 4000, Spread: 2, Max: 4096},
		"all are alike":      {Mean: 1024, Spread: 1},
		"all are cut to one": {Mean: 700, Min: 700, Max: 700},
	} {
		t.Run(name, func(t *testing.T) {
			const n = 200_000
			var total float64
			for _, size := range sizesOf(t, n, z) {
				total += float64(size)
			}
			assert.InEpsilon(t, float64(z.Mean), total/n, 0.015)
			w := run(time.Second, workload.Traffic{
				Rate: workload.Rate{Constant: 1000}, Keys: workload.Keys{Weighted: []workload.WeightedKey{{Key: "k"}}}, Sizes: z,
			})
			v, err := w.Volume(nil)
			require.NoError(t, err)
			assert.InEpsilon(t, float64(z.Mean)+1, v.Bytes/v.Records, 0.001)
		})
	}
}

func TestSizes_weighted(t *testing.T) {
	found := make(map[int]int)
	for _, size := range sizesOf(t, 100_000, workload.Sizes{Weighted: []workload.WeightedSize{{Bytes: 100, Weight: 9}, {Bytes: 9000}}}) {
		found[size]++
	}
	assert.Len(t, found, 2)
	assert.InDelta(t, 10_000, float64(found[9000]), 4*95)
}

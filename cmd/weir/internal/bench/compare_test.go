package bench_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/cmd/weir/internal/bench"
	"github.com/weirstream/weir/cmd/weir/internal/figures"
	"github.com/weirstream/weir/workload"
)

// setOf returns runs of so many records a second.
func setOf(perSecond ...float64) *bench.Set {
	s := &bench.Set{
		Target: bench.TargetName{Kind: "embedded"}, Workload: workload.Workload{Name: "w"},
		Environment: bench.Environment{Go: "go1.25", OS: "linux", Arch: "amd64", CPU: "x", GOMAXPROCS: 2},
	}
	for _, v := range perSecond {
		r := &bench.Result{RecordsPerSec: v}
		r.Latency.Put = figures.Latency{Count: 1, P99: time.Duration(1e9 / v)}
		s.Runs = append(s.Runs, r)
	}
	return s
}

// change compares and returns what it says of a metric.
func change(t *testing.T, before, after *bench.Set, metric string) bench.Change {
	t.Helper()
	for _, c := range bench.Compare(before, after, "a", "b").Changes {
		if c.Metric == metric {
			return c
		}
	}
	require.Fail(t, "no "+metric)
	return bench.Change{}
}

// The p of the Mann-Whitney U test by hand: of the C(n+m, n) ways to choose n
// of the n+m ranks, those whose sum is at least as far from n·(n+m+1)/2 as the
// one seen.
func TestCompare_exactP(t *testing.T) {
	for name, tt := range map[string]struct {
		before, after []float64
		want          float64
	}{
		// C(8,4) = 70, and only 1+2+3+4 and 5+6+7+8 are as far from 18.
		"apart": {[]float64{1, 2, 3, 4}, []float64{5, 6, 7, 8}, 2. / 70},
		// 1+2+3+5 = 11 is 7 from 18. As far: 10, 11, 25 and 26, one way each.
		"one swapped": {[]float64{1, 2, 3, 5}, []float64{4, 6, 7, 8}, 4. / 70},
		// C(10,5) = 252.
		"five and five": {[]float64{6, 7, 8, 9, 10}, []float64{1, 2, 3, 4, 5}, 2. / 252},
		// 1+4+6+7 = 18 is the mean: nothing is nearer.
		"in the middle": {[]float64{1, 4, 6, 7}, []float64{2, 3, 5, 8}, 1},
		// All equal: each rank is 4.5, so every way is as far from the mean:
		// not at all.
		"all equal": {[]float64{3, 3, 3, 3}, []float64{3, 3, 3, 3}, 1},
		// Ranks 2.5 (four times) and 6.5 (four times): of the 70 ways only the
		// one with all small and the one with all great ones are as far.
		"ties in each": {[]float64{1, 1, 1, 1}, []float64{2, 2, 2, 2}, 2. / 70},
		// Ranks 1, 2, 3 and five times 6. Before has 1+2+3+6 = 12, 6 from 18.
		// Five ways choose 1, 2, 3 and a six; five ways choose four sixes, 24,
		// as far above.
		"ties across": {[]float64{1, 2, 3, 9}, []float64{9, 9, 9, 9}, 10. / 70},
	} {
		t.Run(name, func(t *testing.T) {
			assert.InDelta(t, tt.want, change(t, setOf(tt.before...), setOf(tt.after...), "throughput").P, 1e-12)
			assert.InDelta(t, tt.want, change(t, setOf(tt.after...), setOf(tt.before...), "throughput").P, 1e-12)
		})
	}
}

func TestCompare_verdicts(t *testing.T) {
	for name, tt := range map[string]struct {
		before, after   []float64
		throughput, put bench.Verdict
	}{
		"faster":        {[]float64{100, 101, 102, 103}, []float64{200, 201, 202, 203}, bench.Improved, bench.Improved},
		"slower":        {[]float64{200, 201, 202, 203}, []float64{100, 101, 102, 103}, bench.Worse, bench.Worse},
		"overlapping":   {[]float64{100, 110, 120, 130}, []float64{105, 115, 125, 135}, bench.Noise, bench.Noise},
		"the same":      {[]float64{100}, []float64{100}, bench.Same, bench.Same},
		"one run each":  {[]float64{100}, []float64{90}, bench.MaybeWorse, bench.MaybeWorse},
		"three overlap": {[]float64{100, 110, 120}, []float64{90, 100, 105}, bench.Noise, bench.Noise},
		"three do not":  {[]float64{100, 110, 120}, []float64{121, 122, 123}, bench.MaybeBetter, bench.MaybeBetter},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, tt.throughput, change(t, setOf(tt.before...), setOf(tt.after...), "throughput").Verdict)
			assert.Equal(t, tt.put, change(t, setOf(tt.before...), setOf(tt.after...), "put.p99").Verdict)
		})
	}
}

func TestComparison_WorseThan(t *testing.T) {
	slower := bench.Compare(setOf(100, 101, 102, 103), setOf(90, 91, 92, 93), "a", "b")
	assert.NoError(t, slower.WorseThan(0.2))
	assert.EqualError(t, slower.WorseThan(0.05), "worse by more than 5.0 %: throughput -9.9 %, put.p99 +10.9 %")
	noisy := bench.Compare(setOf(100, 200, 150, 120), setOf(110, 90, 160, 101), "a", "b")
	assert.NoError(t, noisy.WorseThan(0), "noise does not count")
	single := bench.Compare(setOf(100), setOf(80), "a", "b")
	assert.Error(t, single.WorseThan(0.05), "one run each has nothing but the change itself")

	before, after := setOf(1), setOf(1)
	after.Runs[0].Throttled = 5
	assert.ErrorContains(t, bench.Compare(before, after, "a", "b").WorseThan(0.5), "throttled from zero")
}

func TestCompare_warns(t *testing.T) {
	before, after := setOf(1, 2, 3, 4), setOf(1, 2, 3, 4)
	assert.Empty(t, bench.Compare(before, after, "a", "b").Warnings)

	after = setOf(1)
	after.Target.Kind, after.Environment.CPU, after.Environment.GOMAXPROCS = "aws", "y", 4
	after.Workload.Name, after.Environment.Go = "v", "go1.26"
	after.Runs[0].Interrupted = true
	assert.Equal(t, []string{
		"the targets differ: embedded before, aws after",
		`the workloads differ: "w" before, "v" after`,
		"the processors differ: x before, y after",
		"the numbers of processors differ: 2 before, 4 after",
		"the versions of Go differ: go1.25 before, go1.26 after",
		"1 run after, and it takes 4 of each to tell a change from noise: --repeat 4",
		"a run after was interrupted",
	}, bench.Compare(before, after, "a", "b").Warnings)

	after = setOf(1, 2, 3, 4)
	after.Workload.Seed, before.Workload.About = 7, "only words"
	assert.Equal(t, []string{"the workloads differ in their settings"}, bench.Compare(before, after, "a", "b").Warnings)
}

func TestReadSet(t *testing.T) {
	var b bytes.Buffer
	want := setOf(1, 2)
	require.NoError(t, json.NewEncoder(&b).Encode(want))
	got, err := bench.ReadSet(&b)
	require.NoError(t, err)
	assert.Equal(t, want, got)

	for text, reason := range map[string]string{
		"":                                      "is no result of weir bench --json",
		"{":                                     "is no result of weir bench --json",
		"{}":                                    "it has no runs",
		`{"runs":[{}]}`:                         "it has no runs",
		`{"target":{"kind":"x"},"runs":[null]}`: "run 0 is null",
		`{"target":{"kind":"x"},"runs":[` + strings.Repeat("{},", bench.MaxRuns) + `{}]}`: "has 51 runs; at most 50",
	} {
		_, err := bench.ReadSet(strings.NewReader(text))
		assert.ErrorContains(t, err, reason, "%.40s", text)
	}
}

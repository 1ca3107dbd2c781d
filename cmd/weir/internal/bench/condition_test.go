package bench_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/cmd/weir/internal/bench"
	"github.com/weirstream/weir/cmd/weir/internal/figures"
)

// runs are three with a put p99 of 4, 5 and 9 ms, and no consumers.
func runs() []*bench.Result {
	var list []*bench.Result
	for _, p99 := range []time.Duration{9, 4, 5} {
		r := &bench.Result{RecordsPerSec: 12_000, BytesPerSec: 2 << 20}
		r.Count = bench.Count{Records: 900, Throttled: 100}
		r.Latency.Put = figures.Latency{Count: 900, P50: 2 * time.Millisecond, P99: p99 * time.Millisecond, P999: time.Second}
		list = append(list, r)
	}
	return list
}

func TestCondition_Check(t *testing.T) {
	for text, want := range map[string]string{
		// The median of 4, 5 and 9 ms is 5.
		"p99>5ms":                  "",
		"p99>=5ms":                 "p99>=5ms: put.p99 is 5ms, the median of 3 runs",
		"p99 > 4999us":             "p99 > 4999us: put.p99 is 5ms, the median of 3 runs",
		"put.p99<5ms":              "",
		"put.p99<=5ms":             "put.p99<=5ms: put.p99 is 5ms, the median of 3 runs",
		"put.p99==5ms":             "put.p99==5ms: put.p99 is 5ms, the median of 3 runs",
		"p99.9>=1s":                "p99.9>=1s: put.p99.9 is 1s, the median of 3 runs",
		"throughput<10k":           "",
		"throughput<12.001k/s":     "throughput<12.001k/s: throughput is 12,000/s, the median of 3 runs",
		"throughput >= 0.012M":     "throughput >= 0.012M: throughput is 12,000/s, the median of 3 runs",
		"throughput_bytes<2MiB":    "",
		"throughput_bytes<2.1MB/s": "throughput_bytes<2.1MB/s: throughput_bytes is 2.0 MiB, the median of 3 runs",
		"throttled>99":             "throttled>99: throttled is 100, the median of 3 runs",
		"throttled_share>10%":      "",
		"throttled_share>=0.1":     "throttled_share>=0.1: throttled_share is 10.0 %, the median of 3 runs",
		"errors>0":                 "",
		"propagation.p50>1s":       "propagation.p50>1s: propagation.p50 was not measured",
		"age.max>0s":               "age.max>0s: age.max was not measured",
		"allocs_per_record>0.01":   "allocs_per_record>0.01: allocs_per_record was not measured",
	} {
		c, err := bench.ParseCondition(text)
		require.NoError(t, err, text)
		err = c.Check(runs())
		if want == "" {
			assert.NoError(t, err, text)
		} else {
			assert.EqualError(t, err, want)
		}
	}
}

func TestParseCondition_refuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                     `"" is no condition such as p99>5ms`,
		"p99":                  "is no condition",
		"p99>":                 "is no condition",
		">5ms":                 "is no condition",
		"p99=5ms":              "is no condition",
		"p99!=5ms":             "is no condition",
		"p98>5ms":              `no metric "p98"; there are age.max, alloc_bytes_per_record,`,
		"p99>5":                `"5" is no time such as 5ms`,
		"p99>fast":             `"fast" is no time`,
		"throughput<10ms":      `"10ms" is no number a second`,
		"throughput<10 k k":    "is no number",
		"throughput<NaN":       "is no number",
		"throttled>1%":         `"1%" is no number such as 1000 or 10k`,
		"throttled_share>1MiB": "is no number from 0 to 1 or a percentage",
		"heap.max>1XB":         "is no number of bytes",
	} {
		_, err := bench.ParseCondition(text)
		assert.ErrorContains(t, err, want, text)
	}
}

func TestCheckAll_namesAll(t *testing.T) {
	var list []bench.Condition
	for _, text := range []string{"p99>1ms", "errors>0", "throttled>0"} {
		c, err := bench.ParseCondition(text)
		require.NoError(t, err)
		list = append(list, c)
	}
	assert.EqualError(t, bench.CheckAll(list, runs()[:1]), "p99>1ms: put.p99 is 9ms\nthrottled>0: throttled is 100")
	assert.NoError(t, bench.CheckAll(list[1:2], runs()))
}

func TestMetrics_haveDistinctNames(t *testing.T) {
	seen := make(map[string]bool)
	for _, m := range bench.Metrics() {
		assert.False(t, seen[m.Name], m.Name)
		assert.NotEmpty(t, m.About, m.Name)
		assert.NotEmpty(t, m.Better, m.Name)
		seen[m.Name] = true
	}
}

func TestMedian(t *testing.T) {
	assert.Zero(t, bench.Median(nil))
	assert.Equal(t, 3.0, bench.Median([]float64{3}))
	assert.Equal(t, 2.0, bench.Median([]float64{9, 1, 2}))
	assert.Equal(t, 2.5, bench.Median([]float64{9, 1, 2, 3}))
}

package bench_test

import (
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/cmd/weir/internal/bench"
	"github.com/weirstream/weir/cmd/weir/internal/figures"
	"github.com/weirstream/weir/cmd/weir/internal/report"
	"github.com/weirstream/weir/workload"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func fixedLatency(n int64) figures.Latency {
	return figures.Latency{
		Count: n, Min: 900, Mean: 30 * time.Microsecond, P50: 12_345, P90: 100 * time.Microsecond, P95: time.Millisecond,
		P99: 3456 * time.Microsecond, P999: 40 * time.Millisecond, P9999: 50 * time.Millisecond, Max: 1234 * time.Millisecond,
		Curve: []figures.Percentile{{Percent: 0, Time: 900}, {Percent: 90, Time: 100 * time.Microsecond}},
	}
}

// sample is a set with something in every part.
func sample(n int) *bench.Set {
	s := &bench.Set{
		Target: bench.TargetName{Kind: "endpoint", Endpoint: "http://127.0.0.1:4567", Stream: "weir-bench-1"},
		Workload: workload.Workload{
			Name: "orders", Consumers: []workload.Consumer{{Count: 2}, {FanOut: true}}, Producers: workload.Producers{Count: 3, Batch: 10},
		},
		Environment: bench.Environment{Weir: "v1", Go: "go1.25.0", OS: "linux", Arch: "amd64", CPU: "Some CPU", CPUs: 2, GOMAXPROCS: 2},
	}
	for i := range n {
		r := &bench.Result{
			Started: time.Date(2026, time.March, 2, 9, 0, i, 0, time.UTC), Duration: 60, WarmUp: 10, Total: 61,
			Offered: 50_000, OfferedPerSec: 1000, Unsent: 4,
			Count:         bench.Count{Records: 49_990 - int64(i), Bytes: 5 << 20, Calls: 5000, Throttled: 120, Retried: 114, GivenUp: 3, Errors: 3},
			RecordsPerSec: 999.8 - float64(i), BytesPerSec: 104857.6,
			Latency: bench.Latencies{Put: fixedLatency(49_990), PutCall: fixedLatency(5000), Propagation: fixedLatency(99_980), EndToEnd: fixedLatency(99_980), Lateness: fixedLatency(4000)},
			Consumers: []bench.ConsumerResult{
				{Name: "consumer-1-1", Records: 49_990, PerSecond: 999.8, Calls: 120, Throttled: 5, MaxAge: 1500 * time.Millisecond, Propagation: fixedLatency(49_990)},
				{Name: "consumer-2", FanOut: true, Records: 49_000, PerSecond: 980, Calls: 3000, Unread: 990, Propagation: fixedLatency(49_000)},
			},
			Queues: []bench.QueueResult{{
				Name: "jobs", Workers: 60, Receives: 49_000, Received: 50_100, Redelivered: 110, Acknowledged: 49_900, PerSecond: 998, Late: 7, Waiting: 85, Dead: 5,
				Utilisation: 0.693, Wait: fixedLatency(49_990), Done: fixedLatency(49_900), AcknowledgeCall: fixedLatency(48_000),
			}},
			Shards: []bench.ShardResult{
				{Shard: 0, Records: 30_000, PerSecond: 600, Bytes: 3 << 20, Share: 0.6, Throttled: 120},
				{Shard: 1, Records: 19_990, PerSecond: 399.8, Bytes: 2 << 20, Share: 0.4},
			},
			Reshards: []bench.Reshard{
				{What: "split shardId-000000000000", At: 20, Took: 3 * time.Millisecond}, {What: "resize to 9 shards", At: 30, Error: "too many"},
			},
			Failures: []bench.Failure{{Error: "connection reset", Count: 3}},
			Process: &bench.Process{
				Allocations: 1000, AllocBytes: 1 << 20, GCs: 7, GCPause: time.Millisecond, GCPauseMax: 400 * time.Microsecond,
				HeapMax: 64 << 20, CPU: time.Second, AllocationsPerRecord: 0.02, AllocBytesPerRecord: 20.9, CPUPerRecord: 20_004,
			},
			ShardNames: []weir.ShardID{0, 1},
			Timeline: []bench.Point{
				{At: 30, Seconds: 30, Offered: 25_000, Count: bench.Count{Records: 25_000}, Shards: []int64{25_000}},
				{At: 60, Seconds: 30, Offered: 25_000, Count: bench.Count{Records: 24_990}, Shards: []int64{5000, 19_990}},
			},
		}
		s.Runs = append(s.Runs, r)
	}
	return s
}

// golden compares a text with a file, or rewrites the file.
func golden(t *testing.T, name, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		assert.LessOrEqual(t, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")), 110, line)
		assert.NotContains(t, line, "NaN")
	}
	file := "testdata/" + name + ".txt"
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, string(want), text)
}

func TestSet_Print(t *testing.T) {
	flatOut, interrupted, nothing := sample(1), sample(1), sample(1)
	flatOut.Target = bench.TargetName{Kind: "embedded"}
	flatOut.Runs[0].Offered, flatOut.Runs[0].Unsent = 0, 0
	interrupted.Runs[0].Interrupted = true
	nothing.Target = bench.TargetName{Kind: "aws", Region: "eu-west-1", Stream: "orders"}
	nothing.Runs[0] = &bench.Result{Interrupted: true}
	for name, s := range map[string]*bench.Set{
		"one": sample(1), "three": sample(3), "flat-out": flatOut, "interrupted": interrupted, "nothing": nothing,
	} {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			require.NoError(t, s.Print(&b))
			golden(t, name, b.String())
		})
	}
}

func TestSet_PrintManyShards(t *testing.T) {
	s := sample(1)
	for i := range 40 {
		s.Runs[0].Shards = append(s.Runs[0].Shards, bench.ShardResult{Shard: weir.ShardID(i + 2), Records: int64(i)})
	}
	var b strings.Builder
	require.NoError(t, s.Print(&b))
	assert.Contains(t, b.String(), "and 30 less busy")
}

func TestComparison_Print(t *testing.T) {
	before, after := sample(4), sample(4)
	for i, r := range after.Runs {
		r.RecordsPerSec = 1100 + float64(i)
		r.Latency.Put.P99 *= 2
		r.Latency.Put.P50 += time.Duration(i)
		r.Errors = 0
	}
	before.Runs[0].Latency.Put.P50 += 5
	c := bench.Compare(before, after, "before.json", "after.json")
	for name, all := range map[string]bool{"compare": false, "compare-all": true} {
		var b strings.Builder
		require.NoError(t, c.Print(&b, all))
		golden(t, name, b.String())
	}
}

func TestSet_Page(t *testing.T) {
	for _, n := range []int{1, 3} {
		var b strings.Builder
		require.NoError(t, report.Write(&b, sample(n).Page()))
		for _, want := range []string{"weir bench: orders", "Throughput by shard", "Latency by percentile", "Behind", "Garbage collection", "consumer-2"} {
			assert.Contains(t, b.String(), want)
		}
	}
	empty := sample(1)
	empty.Runs[0] = &bench.Result{Interrupted: true}
	require.NoError(t, report.Write(&strings.Builder{}, empty.Page()))
}

// fields returns the names of an object's fields.
func fields(t *testing.T, v any) (names []string) {
	t.Helper()
	text, err := json.Marshal(v)
	require.NoError(t, err)
	var object map[string]any
	require.NoError(t, json.Unmarshal(text, &object))
	for name := range object {
		names = append(names, name)
	}
	return names
}

// The names of the fields are a promise to scripts.
func TestSet_JSONFields(t *testing.T) {
	s := sample(1)
	r := s.Runs[0]
	assert.ElementsMatch(t, []string{"target", "workload", "environment", "runs"}, fields(t, s))
	assert.ElementsMatch(t, []string{
		"started", "interrupted", "duration_seconds", "warm_up_seconds", "total_seconds", "offered", "offered_per_second",
		"unsent", "records", "bytes", "calls", "throttled", "retried", "given_up", "errors", "records_per_second",
		"bytes_per_second", "latency", "consumers", "queues", "shards", "reshards", "failures", "process", "shard_names", "timeline",
	}, fields(t, r))
	assert.ElementsMatch(t, []string{"put", "put_call", "propagation", "end_to_end", "lateness"}, fields(t, r.Latency))
	assert.ElementsMatch(t, []string{
		"count", "min_ns", "mean_ns", "p50_ns", "p90_ns", "p95_ns", "p99_ns", "p999_ns", "p9999_ns", "max_ns", "curve",
	}, fields(t, r.Latency.Put))
	assert.ElementsMatch(t, []string{
		"name", "fan_out", "records", "bytes", "records_per_second", "calls", "throttled", "errors", "unread", "max_age_ns",
		"propagation", "end_to_end",
	}, fields(t, r.Consumers[0]))
	assert.ElementsMatch(t, []string{"shard", "records", "records_per_second", "bytes", "share", "throttled"}, fields(t, r.Shards[0]))
	assert.ElementsMatch(t, []string{
		"allocations", "alloc_bytes", "gcs", "gc_pause_ns", "gc_pause_max_ns", "heap_max_bytes", "cpu_ns",
		"allocations_per_record", "alloc_bytes_per_record", "cpu_ns_per_record",
	}, fields(t, r.Process))
	assert.Subset(t, fields(t, r.Timeline[0]), []string{
		"at_seconds", "seconds", "offered", "records", "bytes", "throttled", "read", "read_throttled", "put", "propagation",
		"age_ns", "backlog", "shards",
	})
}

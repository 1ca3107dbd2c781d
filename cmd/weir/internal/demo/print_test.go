package demo_test

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
	"github.com/weirstream/weir/cmd/weir/internal/demo"
	"github.com/weirstream/weir/cmd/weir/internal/figures"
	"github.com/weirstream/weir/cmd/weir/internal/input"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// sample is a result with something in every part.
func sample() *demo.Result {
	start := time.Date(2026, time.March, 2, 9, 0, 0, 0, time.UTC)
	latency := figures.Latency{
		Count: 12_345, Mean: 30500 * time.Microsecond, P50: 125 * time.Microsecond, P90: 104 * time.Millisecond,
		P99: 309 * time.Millisecond, P999: 412500 * time.Microsecond, Max: 1234 * time.Millisecond,
	}
	return &demo.Result{
		Input: "access.log", Format: "Apache combined log", Limits: "service", Producers: 4,
		Rejected: 7, Rejections: []input.Rejection{{Line: 1234, Reason: "the user agent has no closing quote", Text: "x\x1b[31m"}},
		Duration: 9.876, RecordsPerSec: 1250, BytesPerSecond: 300_000,
		RecordsIn: 12_345, RecordsOut: 12_345, BytesIn: 3_000_000, Throttled: 4567, Complete: true,
		Keys: 1753, HotKeys: []demo.KeyCount{
			{Key: "192.0.2.1", Records: 1200, Share: 0.0972, Shard: 1},
			{Key: strings.Repeat("long", 20), Records: 60, Share: 0.0049},
		},
		Shards: []demo.ShardResult{
			{Shard: 0, Records: 4000, Read: 4000, Bytes: 1_000_000, Share: 0.324, Busiest: 812, BusiestAt: 2.7},
			{Shard: 1, Records: 8345, Read: 8345, Bytes: 2_000_000, Share: 0.676, Throttled: 4567, Busiest: 1923, BusiestAt: 11},
		},
		Latency:     demo.Latencies{Put: latency, PutCall: latency, EndToEnd: latency, Stream: latency},
		IteratorAge: demo.IteratorAge{Max: 12 * time.Millisecond, Mean: 400 * time.Microsecond, Samples: 50},
		Minutes: []demo.Minute{
			{Start: start, Events: 9000, Statuses: map[int]int64{200: 8000, 304: 500, 404: 300, 503: 150, 0: 50}},
			{Start: start.Add(time.Hour), Events: 3345, Statuses: map[int]int64{200: 3345}},
		},
		TopPages: []demo.PageCount{{Page: "/", Events: 4000}, {Page: "/a", Events: 400}},
	}
}

func TestResult_Print(t *testing.T) {
	interrupted, broken, empty := sample(), sample(), &demo.Result{Input: "empty.log", Limits: "none", Complete: true, Producers: 1, Speed: 60}
	interrupted.Interrupted = true
	broken.Lost, broken.OrderViolations, broken.Complete = 3, 2, false
	for name, r := range map[string]*demo.Result{"complete": sample(), "interrupted": interrupted, "broken": broken, "empty": empty} {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			require.NoError(t, r.Print(&b))
			for line := range strings.Lines(b.String()) {
				assert.LessOrEqual(t, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")), 100, line)
				assert.NotContains(t, line, "\x1b")
				assert.NotContains(t, line, "NaN")
			}
			golden := "testdata/" + name + ".txt"
			if *update {
				require.NoError(t, os.WriteFile(golden, []byte(b.String()), 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			assert.Equal(t, string(want), b.String())
		})
	}
}

func TestResult_PrintManyShards(t *testing.T) {
	r := sample()
	for i := range 40 {
		r.Shards = append(r.Shards, demo.ShardResult{Shard: weir.ShardID(i + 2), Records: int64(i)})
	}
	var b strings.Builder
	require.NoError(t, r.Print(&b))
	assert.Contains(t, b.String(), "and 26 less busy")
}

// The names of the fields are a promise to scripts.
func TestResult_JSONFields(t *testing.T) {
	text, err := json.Marshal(sample())
	require.NoError(t, err)
	var fields map[string]any
	require.NoError(t, json.Unmarshal(text, &fields))
	for _, name := range []string{
		"input", "format", "rejected", "rejections", "limits", "speed", "producers", "interrupted", "duration_seconds",
		"records_per_second", "bytes_per_second", "records_in", "records_out", "bytes_in", "throttled", "lost",
		"duplicated", "order_violations", "complete", "keys", "hot_keys", "shards", "latency", "iterator_age", "minutes",
		"top_pages",
	} {
		assert.Contains(t, fields, name)
		delete(fields, name)
	}
	assert.Empty(t, fields, "fields without a promise")
	assert.Contains(t, string(text), `"put_call":{"count":12345,"mean_ms":30.5,"p50_ms":0.125,"p90_ms":104,"p99_ms":309,"p999_ms":412.5,"max_ms":1234}`)
	assert.Contains(t, string(text), `"iterator_age":{"max_ms":12,"mean_ms":0.4,"last_ms":0,"samples":50}`)
}

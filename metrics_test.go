package weir_test

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/metrics"
)

// secondsOf returns the stream's seconds, or those of shards of it.
func secondsOf(t *testing.T, s *weir.Stream, shards ...weir.ShardID) []metrics.Second {
	t.Helper()
	seconds, err := s.Seconds(time.Time{}, shards...)
	require.NoError(t, err)
	return seconds
}

// sum adds up the counts of seconds.
func sum(seconds []metrics.Second) (total metrics.Counts) {
	for _, s := range seconds {
		total.Add(s.Counts)
	}
	return total
}

// busyStream does some of everything on a stream of two shards, in two seconds.
func busyStream(t *testing.T) (*weir.Stream, *manualClock) {
	s, clock := clocked(t, weir.Config{Shards: 2, MaxBytes: 1000,
		Limits: weir.Limits{WriteRecordsPerSecond: 3, ReadCallsPerSecond: 2}})
	mustPut(t, s, "a", text(9)) // all of it goes to shard 0
	clock.Advance(500 * time.Millisecond)
	results, err := s.PutRecords(t.Context(), []weir.Entry{
		{PartitionKey: "a", Data: make([]byte, 19)}, {PartitionKey: "a", Data: make([]byte, 29)},
		{PartitionKey: "a"}, {PartitionKey: "a"}, {PartitionKey: "a"}, {PartitionKey: "a", Data: make([]byte, 1000)},
	})
	require.NoError(t, err)
	require.NoError(t, results[2].Err)
	require.ErrorIs(t, results[3].Err, weir.ErrThroughputExceeded)
	clock.Advance(time.Second)
	it := mustIterator(t, s, shard0, weir.TrimHorizon())
	mustGet(t, s, it, 2)
	mustGet(t, s, it, 0)
	_, err = s.GetRecords(t.Context(), it, 0)
	require.ErrorIs(t, err, weir.ErrThroughputExceeded)
	assert.Len(t, readable(t, s, shard0), 4)
	for range 4 {
		_, _ = s.PutRecord(t.Context(), "a", nil)
	}
	return s, clock
}

func TestStream_totals(t *testing.T) {
	s, _ := busyStream(t)
	want := metrics.Counts{
		IncomingRecords: 7, IncomingBytes: 10 + 20 + 30 + 1 + 3, PutRecordRecords: 4, PutRecordBytes: 13,
		PutRecordsCalls: 1, PutRecordsSuccess: 1, PutRecordsTotalRecords: 6,
		WriteThrottled: 2 + 1, PutRecordsThrottled: 2, RefusedRecords: 1,
		OutgoingRecords: 2 + 4 + 4, OutgoingBytes: 30 + 61 + 61,
		GetRecordsCalls: 2, GetRecordsRecords: 6, GetRecordsBytes: 91, ReadThrottled: 1, IteratorAgeMillis: 1000,
	}
	snap := s.Snapshot()
	assert.Equal(t, want, snap.Total)
	assert.Equal(t, want, sum(secondsOf(t, s)))
	assert.EqualValues(t, 7, snap.RecordsHeld)
	assert.EqualValues(t, 64, snap.BytesHeld)

	ofShard := want
	ofShard.PutRecordsCalls, ofShard.PutRecordsSuccess, ofShard.PutRecordsTotalRecords, ofShard.RefusedRecords = 0, 0, 0, 0
	assert.Equal(t, ofShard, snap.Shards[0].Total)
	assert.Zero(t, snap.Shards[1].Total)
	assert.Equal(t, ofShard, sum(secondsOf(t, s, shard0)))
	assert.Equal(t, ofShard, sum(secondsOf(t, s, shard0, 1, shard0)), "both shards, each once")
}

func TestStream_secondsAndPeaks(t *testing.T) {
	s, _ := busyStream(t)
	seconds := secondsOf(t, s)
	require.Len(t, seconds, 2)
	assert.Equal(t, epoch, seconds[0].At)
	assert.Equal(t, epoch.Add(time.Second), seconds[1].At)
	first, second := seconds[0].Counts, seconds[1].Counts
	assert.Equal(t, []int64{4, 61, 2, 0}, []int64{first.IncomingRecords, first.IncomingBytes, first.WriteThrottled, first.GetRecordsCalls})
	assert.Equal(t, []int64{3, 3, 1, 2}, []int64{second.IncomingRecords, second.IncomingBytes, second.WriteThrottled, second.GetRecordsCalls})
	for from, want := range map[time.Duration]int{time.Second: 1, 2 * time.Second: 0, time.Hour: 0} {
		later, err := s.Seconds(epoch.Add(from))
		require.NoError(t, err)
		assert.Len(t, later, want, from)
	}
	_, err := s.Seconds(epoch, shard0, 7)
	require.ErrorIs(t, err, weir.ErrShardNotFound)

	at := func(n int64, second int) metrics.Peak {
		return metrics.Peak{N: n, At: epoch.Add(time.Duration(second) * time.Second)}
	}
	snap := s.Snapshot()
	assert.Equal(t, metrics.Peaks{IncomingRecords: at(4, 0), IncomingBytes: at(61, 0), WriteThrottled: at(2, 0),
		GetRecordsBytes: at(91, 1), ReadThrottled: at(1, 1)}, snap.Shards[0].Peaks)
	assert.Equal(t, metrics.Peaks{IncomingRecords: at(4, 0), IncomingBytes: at(61, 0)}, snap.Peaks)
}

func TestStream_secondsReachAsFarAsTheWindow(t *testing.T) {
	s, clock := clocked(t, weir.Config{MetricsWindow: 10 * time.Second, Limits: weir.Limits{ReadCallsPerSecond: -1}})
	for i := range 30 {
		for range i%7 + 1 {
			mustPut(t, s, "k", "")
			mustGet(t, s, mustIterator(t, s, shard0, weir.Latest()), 0)
			clock.Advance(time.Millisecond)
		}
		clock.Advance(time.Second - time.Duration(i%7+1)*time.Millisecond)
	}
	seconds := secondsOf(t, s)
	require.Len(t, seconds, 9, "the tenth is the present one")
	for i, second := range seconds {
		assert.Equal(t, epoch.Add(time.Duration(21+i)*time.Second), second.At)
		assert.EqualValues(t, (21+i)%7+1, second.IncomingRecords)
		assert.LessOrEqual(t, second.GetRecordsCalls, int64(7))
	}
	assert.EqualValues(t, 115, s.Snapshot().Total.IncomingRecords, "totals are kept for good")
	clock.Advance(time.Hour)
	assert.Empty(t, secondsOf(t, s))
	assert.EqualValues(t, 7, s.Snapshot().Peaks.IncomingRecords.N, "and peaks")
	mustPut(t, s, "k", "")
	assert.Len(t, secondsOf(t, s), 1)
}

// As long as the window covers it all, the seconds add up to the totals.
func TestStream_secondsAddUpToTheTotals(t *testing.T) {
	rng := rand.New(rand.NewPCG(seed(t), 0))
	for range 30 {
		s, clock := clocked(t, weir.Config{Shards: 3, MaxBytes: 30_000, WhenFull: weir.DropOldest, MetricsWindow: 24 * time.Hour,
			Limits: weir.Limits{WriteRecordsPerSecond: 20, WriteBytesPerSecond: 5000}})
		for range 400 {
			someOperation(t, s, rng)
			clock.Advance(time.Duration(rng.IntN(int(800 * time.Millisecond))))
			if rng.IntN(20) == 0 {
				clock.Advance(-time.Duration(rng.Int64N(int64(5 * time.Second))))
			}
		}
		snap := s.Snapshot()
		require.Equal(t, snap.Total, sum(secondsOf(t, s)))
		for _, sh := range snap.Shards {
			seconds := secondsOf(t, s, sh.Shard)
			require.Equal(t, sh.Total, sum(seconds), sh.Shard)
			requirePeaks(t, sh.Peaks, seconds)
		}
	}
}

// What came in during a second of the stream is what came in during that second
// in its shards.
func TestStream_secondsAreThoseOfItsShards(t *testing.T) {
	rng := rand.New(rand.NewPCG(seed(t), 0))
	s, clock := clocked(t, weir.Config{Shards: 3})
	for range 500 {
		if rng.IntN(3) == 0 {
			_, _ = s.PutRecords(t.Context(), waitBatch(1+rng.IntN(20), 5, 100))
		} else {
			mustPut(t, s, []string{"a", "user-1", "partitionKey"}[rng.IntN(3)], text(rng.IntN(100)))
		}
		clock.Advance(time.Duration(rng.IntN(int(800 * time.Millisecond))))
		if rng.IntN(20) == 0 {
			shards := s.Shards()
			sh := shards[rng.IntN(len(shards))]
			_, _ = s.SplitShard(t.Context(), sh.ID, sh.HashKeyRange.Start.Add(uint64(rng.IntN(1000))))
		}
	}
	snap := s.Snapshot()
	ids := make([]weir.ShardID, len(snap.Shards))
	for i, sh := range snap.Shards {
		ids[i] = sh.Shard
	}
	whole, parts := secondsOf(t, s), secondsOf(t, s, ids...)
	require.Len(t, whole, len(parts))
	for i, second := range whole {
		second.PutRecordsCalls, second.PutRecordsSuccess, second.PutRecordsTotalRecords = 0, 0, 0
		require.Equal(t, parts[i], second)
	}
}

// requirePeaks checks peaks against the seconds they were taken from.
func requirePeaks(t *testing.T, p metrics.Peaks, seconds []metrics.Second) {
	t.Helper()
	var records, bytes, throttled int64
	for _, s := range seconds {
		records, bytes = max(records, s.IncomingRecords), max(bytes, s.IncomingBytes)
		throttled = max(throttled, s.WriteThrottled)
	}
	require.Equal(t, []int64{records, bytes, throttled}, []int64{p.IncomingRecords.N, p.IncomingBytes.N, p.WriteThrottled.N})
}

func someOperation(t *testing.T, s *weir.Stream, rng *rand.Rand) {
	key := []string{"a", "user-1", "partitionKey"}[rng.IntN(3)]
	shards := s.Shards()
	sh := shards[rng.IntN(len(shards))]
	switch n := rng.IntN(20); {
	case n < 8:
		_, _ = s.PutRecord(t.Context(), key, make([]byte, rng.IntN(3000)))
	case n < 12:
		_, _ = s.PutRecords(t.Context(), waitBatch(1+rng.IntN(20), 5, 100))
	case n < 17:
		_, _ = s.GetRecords(t.Context(), mustIterator(t, s, sh.ID, weir.TrimHorizon()), 1+rng.IntN(50))
	case n < 18:
		readable(t, s, sh.ID)
	case n < 19:
		_, _ = s.SplitShard(t.Context(), sh.ID, sh.HashKeyRange.Start.Add(uint64(rng.IntN(1000))))
	default:
		_, _ = s.MergeShards(t.Context(), sh.ID, shards[rng.IntN(len(shards))].ID)
	}
}

// The first two seconds of 1970 share a mark; setting it twice lost the first.
func TestStream_secondsOfAClockThatBeginsAtZero(t *testing.T) {
	at := time.Unix(0, 0)
	s := newStream(t, weir.Config{Now: func() time.Time { return at }})
	for range 4 {
		mustPut(t, s, "k", "")
		at = at.Add(500 * time.Millisecond)
	}
	assert.EqualValues(t, 4, sum(secondsOf(t, s, shard0)).IncomingRecords)
	assert.EqualValues(t, 4, sum(secondsOf(t, s)).IncomingRecords)
}

// Between the moment in which a closed shard expires and the one in which it is
// forgotten, the totals used to lack what it had counted.
func TestStream_totalsOutliveTheirShards(t *testing.T) {
	s, clock := clocked(t, weir.Config{})
	for range 10 {
		mustPut(t, s, "k", "data")
	}
	mustGet(t, s, mustIterator(t, s, shard0, weir.TrimHorizon()), 0)
	_, err := s.SplitShard(t.Context(), shard0, weir.HashKey{Hi: 1 << 63})
	require.NoError(t, err)
	want := s.Snapshot().Total
	require.EqualValues(t, 10, want.IncomingRecords)
	clock.Advance(24 * time.Hour)
	assert.Len(t, s.Snapshot().Shards, 2)
	assert.Equal(t, want, s.Snapshot().Total, "expired")
	s.Trim()
	assert.Equal(t, want, s.Snapshot().Total, "forgotten")
}

func TestSnapshot_json(t *testing.T) {
	s, _ := busyStream(t)
	text, err := json.Marshal(s.Snapshot())
	require.NoError(t, err)
	var snap struct {
		Stream string           `json:"stream"`
		At     time.Time        `json:"at"`
		Total  map[string]int64 `json:"total"`
		Held   int64            `json:"records_held"`
		Shards []struct {
			Shard string `json:"shard"`
			Open  bool   `json:"open"`
			Range struct {
				Start, End string
			} `json:"hash_key_range"`
		} `json:"shards"`
	}
	require.NoError(t, json.Unmarshal(text, &snap))
	assert.Equal(t, "test", snap.Stream)
	assert.Equal(t, epoch.Add(1500*time.Millisecond), snap.At)
	assert.EqualValues(t, 7, snap.Total["incoming_records"])
	assert.EqualValues(t, 3, snap.Total["write_throttled"])
	assert.EqualValues(t, 7, snap.Held)
	require.Len(t, snap.Shards, 2)
	assert.Equal(t, "shardId-000000000001", snap.Shards[1].Shard)
	assert.True(t, snap.Shards[1].Open)
	assert.Equal(t, "170141183460469231731687303715884105728", snap.Shards[1].Range.Start)
}

func TestSnapshot_string(t *testing.T) {
	s, _ := busyStream(t)
	lines := strings.Split(s.Snapshot().String(), "\n")
	assert.Equal(t, "test at 2026-11-02T10:00:01Z: 7 records in (64 bytes), 10 out, 7 held (64 bytes), "+
		"3 write throttles, 1 read throttles, iterator age 0s", lines[0])
	assert.Contains(t, lines, "shard                 records in  bytes in  throttled  busiest second  records out  held")
	assert.Contains(t, lines, "shardId-000000000000  7           64        3          4 records       10           7")
	assert.Contains(t, lines, "shardId-000000000001  0           0         0          0 records       0            0")
}

// A snapshot is read back from JSON as it was.
func TestSnapshot_jsonIsReadBack(t *testing.T) {
	s := newStream(t, weir.Config{Shards: 2, Settings: weir.Settings{Mode: weir.OnDemand}})
	mustPut(t, s, "k", "v")
	r, err := s.NewReader("behind", weir.TrimHorizon())
	require.NoError(t, err)
	defer r.Close()
	snap := s.Snapshot()
	require.NotEmpty(t, snap.Readers[0].Lags)
	b, err := json.Marshal(snap)
	require.NoError(t, err)
	var back weir.Snapshot
	require.NoError(t, json.Unmarshal(b, &back))
	assert.Equal(t, snap, back)
}

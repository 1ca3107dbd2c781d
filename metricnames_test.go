package weir_test

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
)

// valuesOf returns the metrics by name.
func valuesOf(metrics []weir.Metric, c weir.Counts) map[string]float64 {
	values := map[string]float64{}
	for _, m := range metrics {
		values[m.Name] = m.Of(c)
	}
	return values
}

// A stream's events by hand, and what each metric of the service says of them.
func TestStreamMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{Limits: weir.Limits{WriteRecordsPerSecond: 4, ReadCallsPerSecond: 2}})
		mustPut(t, s, "k", "12345")      // 6 bytes
		entries := make([]weir.Entry, 5) // three fit, two are throttled
		for i := range entries {         //
			entries[i] = weir.Entry{PartitionKey: "key", Data: []byte("1")} // 4 bytes
		}
		_, err := s.PutRecords(t.Context(), entries)
		require.NoError(t, err)
		_, err = s.PutRecords(t.Context(), entries[:1]) // throttled whole
		require.NoError(t, err)
		_, err = s.PutRecord(t.Context(), "k", nil) // throttled
		require.ErrorIs(t, err, weir.ErrThroughputExceeded)
		time.Sleep(1500 * time.Millisecond)
		it := mustIterator(t, s, shard0, weir.TrimHorizon())
		mustGet(t, s, it, 2) // two of four: 10 bytes, not at the tip
		mustGet(t, s, it, 4)
		_, err = s.GetRecords(t.Context(), it, 1)
		require.ErrorIs(t, err, weir.ErrThroughputExceeded)

		want := map[string]float64{
			"IncomingBytes": 18, "IncomingRecords": 4,
			"PutRecord.Bytes": 6, "PutRecord.Success": 0.5,
			"PutRecords.Bytes": 12, "PutRecords.Records": 3, "PutRecords.Success": 0.5,
			"PutRecords.TotalRecords": 6, "PutRecords.SuccessfulRecords": 3, "PutRecords.FailedRecords": 0,
			"PutRecords.ThrottledRecords": 3, "WriteProvisionedThroughputExceeded": 4,
			"GetRecords.Bytes": 28, "GetRecords.Records": 6, "GetRecords.IteratorAge": 1500,
			"GetRecords.IteratorAgeMilliseconds": 1500, "GetRecords.Success": 2.0 / 3,
			"ReadProvisionedThroughputExceeded": 1,
		}
		snap := s.Snapshot()
		assert.Equal(t, want, valuesOf(weir.StreamMetrics(), snap.Total))
		assert.Equal(t, map[string]float64{
			"IncomingBytes": 18, "IncomingRecords": 4, "IteratorAgeMilliseconds": 1500, "OutgoingBytes": 28,
			"OutgoingRecords": 6, "ReadProvisionedThroughputExceeded": 1, "WriteProvisionedThroughputExceeded": 4,
		}, valuesOf(weir.ShardMetricNames(), snap.Shards[0].Total))

		seconds := s.Seconds(time.Time{})
		require.Len(t, seconds, 2)
		assert.EqualValues(t, 4, seconds[0].WriteThrottled)
		assert.EqualValues(t, 1, seconds[1].ReadThrottled)
	})
}

func TestConsumerMetricNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{})
		_, err := s.RegisterConsumer("c")
		require.NoError(t, err)
		mustPut(t, s, "k", "12345")
		sub, err := s.Subscribe(t.Context(), "c", shard0, weir.TrimHorizon())
		require.NoError(t, err)
		defer sub.Close()
		_, err = s.Subscribe(t.Context(), "c", shard0, weir.TrimHorizon())
		require.ErrorIs(t, err, weir.ErrSubscriptionActive)
		_, err = sub.Next(t.Context())
		require.NoError(t, err)
		got := map[string]float64{}
		for _, m := range weir.ConsumerMetricNames() {
			got[m.Name] = m.Of(s.Snapshot().Consumers[0].Total)
		}
		assert.Equal(t, map[string]float64{
			"SubscribeToShard.RateExceeded": 1, "SubscribeToShard.Success": 1, "SubscribeToShardEvent.Success": 1,
			"SubscribeToShardEvent.Bytes": 6, "SubscribeToShardEvent.Records": 1, "SubscribeToShardEvent.MillisBehindLatest": 0,
		}, got)
	})
}

// A snapshot is read back from JSON as it was.
func TestSnapshot_jsonIsReadBack(t *testing.T) {
	s := newStream(t, weir.Config{Shards: 2, Mode: weir.OnDemand})
	mustPut(t, s, "k", "v")
	snap := s.Snapshot()
	b, err := json.Marshal(snap)
	require.NoError(t, err)
	var back weir.Snapshot
	require.NoError(t, json.Unmarshal(b, &back))
	assert.Equal(t, snap, back)
}

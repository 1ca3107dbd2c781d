package account_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/account"
)

// valuesOf returns the metrics by name.
func valuesOf[C any](list []account.Metric[C], c C) map[string]float64 {
	values := map[string]float64{}
	for _, m := range list {
		values[m.Name] = m.Of(c)
	}
	return values
}

// A stream's events by hand, and what each metric of the service says of them.
func TestStreamMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := weir.NewStream("s", weir.Config{Limits: weir.Limits{WriteRecordsPerSecond: 4, ReadCallsPerSecond: 2}})
		require.NoError(t, err)
		_, err = s.PutRecord(t.Context(), "k", []byte("12345")) // 6 bytes
		require.NoError(t, err)
		entries := make([]weir.Entry, 5) // three fit, two are throttled
		for i := range entries {         //
			entries[i] = weir.Entry{PartitionKey: "key", Data: []byte("1")} // 4 bytes
		}
		_, err = s.PutRecords(t.Context(), entries)
		require.NoError(t, err)
		_, err = s.PutRecords(t.Context(), entries[:1]) // throttled whole
		require.NoError(t, err)
		_, err = s.PutRecord(t.Context(), "k", nil) // throttled
		require.ErrorIs(t, err, weir.ErrThroughputExceeded)
		time.Sleep(1500 * time.Millisecond)
		it, err := s.Iterator(t.Context(), 0, weir.TrimHorizon())
		require.NoError(t, err)
		for _, limit := range []int{2, 4} { // two of four: 10 bytes, not at the tip
			_, err = s.GetRecords(t.Context(), it, limit)
			require.NoError(t, err)
		}
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
		assert.Equal(t, want, valuesOf(account.StreamMetrics(), snap.Total))
		assert.Equal(t, map[string]float64{
			"IncomingBytes": 18, "IncomingRecords": 4, "IteratorAgeMilliseconds": 1500, "OutgoingBytes": 28,
			"OutgoingRecords": 6, "ReadProvisionedThroughputExceeded": 1, "WriteProvisionedThroughputExceeded": 4,
		}, valuesOf(account.ShardMetrics(), snap.Shards[0].Total))

		seconds, err := s.Seconds(time.Time{})
		require.NoError(t, err)
		require.Len(t, seconds, 2)
		assert.EqualValues(t, 4, seconds[0].WriteThrottled)
		assert.EqualValues(t, 1, seconds[1].ReadThrottled)
	})
}

func TestConsumerMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := weir.NewStream("s", weir.Config{})
		require.NoError(t, err)
		_, err = s.RegisterConsumer(t.Context(), "c")
		require.NoError(t, err)
		_, err = s.PutRecord(t.Context(), "k", []byte("12345"))
		require.NoError(t, err)
		sub, err := s.Subscribe(t.Context(), "c", 0, weir.TrimHorizon())
		require.NoError(t, err)
		defer sub.Close()
		_, err = s.Subscribe(t.Context(), "c", 0, weir.TrimHorizon())
		require.ErrorIs(t, err, weir.ErrSubscriptionActive)
		_, err = sub.Next(t.Context())
		require.NoError(t, err)
		assert.Equal(t, map[string]float64{
			"SubscribeToShard.RateExceeded": 1, "SubscribeToShard.Success": 1, "SubscribeToShardEvent.Success": 1,
			"SubscribeToShardEvent.Bytes": 6, "SubscribeToShardEvent.Records": 1, "SubscribeToShardEvent.MillisBehindLatest": 0,
		}, valuesOf(account.ConsumerMetrics(), s.Snapshot().Consumers[0].Total))
	})
}

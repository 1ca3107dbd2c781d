package weir_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
)

func TestStream_iteratorExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{})
		it := mustIterator(t, s, shard0, weir.TrimHorizon())
		time.Sleep(weir.ServiceLimits().IteratorLifetime)
		mustGet(t, s, it, 1)
		time.Sleep(time.Nanosecond)
		_, err := s.GetRecords(t.Context(), it, 1)
		require.ErrorIs(t, err, weir.ErrIteratorExpired)
	})
}

func TestStream_putRecordWaitWaitsAsLongAsNeeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{})
		began := time.Now()
		for i := range 1500 {
			r, err := s.PutRecordWait(t.Context(), "k", fmt.Append(nil, i))
			require.NoError(t, err)
			require.EqualValues(t, i+1, r.SequenceNumber.Index())
		}
		assert.Equal(t, 500*time.Millisecond, time.Since(began))
	})
}

func TestStream_putRecordWaitForBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{})
		data := make([]byte, 512*kib-1)
		began := time.Now()
		for range 6 {
			_, err := s.PutRecordWait(t.Context(), "k", data)
			require.NoError(t, err)
		}
		assert.Equal(t, 2*time.Second, time.Since(began))
	})
}

func TestStream_putRecordWaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{Limits: weir.Limits{WriteRecordsPerSecond: 0.01}})
		mustPut(t, s, "k", "")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		_, err := s.PutRecordWait(ctx, "k", nil)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, time.Second, time.Since(began))
		_, err = s.PutRecordWait(t.Context(), "", nil)
		assert.ErrorIs(t, err, weir.ErrInvalidArgument, "other errors are not waited for")
		assert.Len(t, readable(t, s, shard0), 1)
	})
}

// waitBatch returns n entries of one to three keys.
func waitBatch(n, keys, size int) []weir.Entry {
	entries := make([]weir.Entry, n)
	for i := range entries {
		entries[i] = weir.Entry{PartitionKey: fmt.Sprint("key", i%keys), Data: fmt.Appendf(nil, "%0*d", size, i)}
	}
	return entries
}

func TestStream_putRecordsWaitWaitsAndKeepsOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{Shards: 3, Limits: weir.Limits{WriteRecordsPerSecond: 100}})
		entries := waitBatch(500, 7, 10)
		perShard := make(map[weir.ShardID]int)
		for _, e := range entries {
			perShard[s.ShardOf(e.PartitionKey)]++
		}
		most := 0
		for _, n := range perShard {
			most = max(most, n)
		}
		began := time.Now()
		results, err := s.PutRecordsWait(t.Context(), entries)
		require.NoError(t, err)
		assert.Equal(t, time.Duration(most-100)*10*time.Millisecond, time.Since(began))
		last := make(map[weir.ShardID]uint64)
		for i, r := range results {
			require.NoError(t, r.Err)
			require.Equal(t, s.ShardOf(entries[i].PartitionKey), r.ShardID)
			last[r.ShardID]++
			require.Equal(t, last[r.ShardID], r.SequenceNumber.Index(), "in the order of the entries")
		}
		assert.EqualValues(t, 500, s.Snapshot().Total.IncomingRecords)
	})
}

// A small record must not overtake a large one that waits.
func TestStream_putRecordsWaitLetsNothingOvertake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{})
		var entries []weir.Entry
		for i := range 6 {
			entries = append(entries, weir.Entry{PartitionKey: "k", Data: make([]byte, []int{1000, 1}[i%2]*kib)})
		}
		began := time.Now()
		results, err := s.PutRecordsWait(t.Context(), entries)
		require.NoError(t, err)
		for i, r := range results {
			assert.EqualValues(t, i+1, r.SequenceNumber.Index())
		}
		assert.InDelta(t, 1.933, time.Since(began).Seconds(), 0.001)
	})
}

func TestStream_putRecordsWaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{Limits: weir.Limits{WriteRecordsPerSecond: 10}})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second+50*time.Millisecond)
		defer cancel()
		results, err := s.PutRecordsWait(ctx, waitBatch(50, 1, 10))
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		for i, r := range results {
			if i < 20 {
				assert.NoError(t, r.Err)
				assert.EqualValues(t, i+1, r.SequenceNumber.Index())
			} else {
				assert.ErrorIs(t, r.Err, weir.ErrThroughputExceeded)
			}
		}
		assert.Len(t, readable(t, s, shard0), 20)
	})
}

func TestStream_putRecordsWaitRefusesWhatPutRecordsRefuses(t *testing.T) {
	s, _ := clocked(t, weir.Config{MaxBytes: 30})
	_, err := s.PutRecordsWait(t.Context(), nil)
	assert.ErrorIs(t, err, weir.ErrInvalidArgument)
	_, err = s.PutRecordsWait(t.Context(), make([]weir.Entry, 501))
	assert.ErrorIs(t, err, weir.ErrInvalidArgument)
	results, err := s.PutRecordsWait(t.Context(), []weir.Entry{{PartitionKey: "k"}, {PartitionKey: "k", Data: make([]byte, 30)}})
	assert.EqualError(t, err, "records[1]: memory limit reached", "a record that is not stored is found in the error")
	assert.ErrorIs(t, err, weir.ErrMemoryFull)
	assert.NoError(t, results[0].Err)
	assert.ErrorIs(t, results[1].Err, weir.ErrMemoryFull, "memory is not waited for")
}

func TestStream_waitersSurviveAReshard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{Limits: weir.Limits{WriteRecordsPerSecond: 10}})
		go func() {
			time.Sleep(2050 * time.Millisecond)
			_, err := s.SplitShard(shard0, weir.HashKey{Hi: 1 << 63})
			assert.NoError(t, err)
		}()
		entries := waitBatch(100, 5, 10)
		results, err := s.PutRecordsWait(t.Context(), entries)
		require.NoError(t, err)
		last := make(map[string]weir.SequenceNumber)
		for i, r := range results {
			require.NoError(t, r.Err)
			key := entries[i].PartitionKey
			assert.Positive(t, r.SequenceNumber.Compare(last[key]), "each key's numbers rise over the split")
			last[key] = r.SequenceNumber
		}
		n := 0
		for _, err := range s.AllToTip(t.Context(), weir.TrimHorizon()) {
			require.NoError(t, err)
			n++
		}
		assert.Equal(t, 100, n)
	})
}

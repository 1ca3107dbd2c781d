package weir_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
)

const overhead = weir.RecordOverheadBytes

func TestStream_refusesWhenMemoryIsFull(t *testing.T) {
	for _, c := range []struct {
		name string
		max  int64
		ok   bool
	}{
		{"one byte too few", 2*(100+overhead) - 1, false},
		{"exactly", 2 * (100 + overhead), true},
		{"one byte to spare", 2*(100+overhead) + 1, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, clock := clocked(t, weir.Config{MaxBytes: c.max})
			mustPut(t, s, "k", text(99))
			_, err := s.PutRecord(t.Context(), "k", make([]byte, 99))
			if c.ok {
				require.NoError(t, err)
				_, err = s.PutRecord(t.Context(), "k", nil)
			}
			assert.ErrorIs(t, err, weir.ErrMemoryFull)
			total := s.Snapshot().Total
			assert.EqualValues(t, 1, total.RefusedRecords)
			assert.Zero(t, total.DroppedRecords)
			assert.Zero(t, total.WriteThrottled)
			clock.Advance(24 * time.Hour)
			mustPut(t, s, "k", text(99)) // what expired makes room
		})
	}
}

func TestStream_batchIsRefusedRecordByRecordWhenFull(t *testing.T) {
	s, _ := clocked(t, weir.Config{MaxBytes: 2 * (100 + overhead)})
	results, err := s.PutRecords(t.Context(), []weir.Entry{
		{PartitionKey: "k", Data: make([]byte, 150)}, {PartitionKey: "k", Data: make([]byte, 99)}, {PartitionKey: "k"}})
	require.NoError(t, err)
	assert.NoError(t, results[0].Err)
	assert.Equal(t, weir.PutResult{Err: weir.ErrMemoryFull}, results[1])
	assert.NoError(t, results[2].Err, "a later record that fits is stored")
}

func TestStream_dropsOldestWhenMemoryIsFull(t *testing.T) {
	s, clock := clocked(t, weir.Config{MaxBytes: 3 * (10 + overhead), WhenFull: weir.DropOldest})
	for i := range 5 {
		mustPut(t, s, "k", fmt.Sprintf("record %02d", i)[:9])
		clock.Advance(time.Millisecond)
	}
	assert.Len(t, readable(t, s, shard0), 3)
	snap := s.Snapshot()
	assert.EqualValues(t, 2, snap.Total.DroppedRecords)
	assert.EqualValues(t, 20, snap.Total.DroppedBytes)
	assert.EqualValues(t, 3, snap.RecordsHeld)
	assert.EqualValues(t, 30, snap.BytesHeld)
	assert.EqualValues(t, 5, snap.Total.IncomingRecords)

	mustPut(t, s, "k", text(3*(10+overhead)-overhead-1))
	assert.Len(t, readable(t, s, shard0), 1, "a record that just fits drops all others")
	_, err := s.PutRecord(t.Context(), "k", make([]byte, 3*(10+overhead)-overhead))
	assert.ErrorIs(t, err, weir.ErrMemoryFull, "one that cannot fit drops none")
	assert.Len(t, readable(t, s, shard0), 1)
}

func TestStream_dropsOldestOfAllShards(t *testing.T) {
	s, clock := clocked(t, weir.Config{Shards: 2, MaxBytes: 4 * (2 + overhead), WhenFull: weir.DropOldest})
	to := func(shard int, data string) {
		t.Helper()
		key := s.Shards()[shard].HashKeyRange.Start
		_, err := s.Put(t.Context(), weir.Entry{PartitionKey: "k", Data: []byte(data), ExplicitHashKey: &key})
		require.NoError(t, err)
		clock.Advance(time.Millisecond)
	}
	to(1, "a")
	to(0, "b")
	to(1, "c")
	to(0, "d")
	to(0, "e")
	assert.Equal(t, []string{"b", "d", "e"}, readable(t, s, 0))
	assert.Equal(t, []string{"c"}, readable(t, s, 1))
	to(1, "f")
	assert.Equal(t, []string{"d", "e"}, readable(t, s, 0))
	assert.Equal(t, []string{"c", "f"}, readable(t, s, 1))
}

func TestStream_recordThatAQuotaRefusesDropsNothing(t *testing.T) {
	s, _ := clocked(t, weir.Config{MaxBytes: 2 * (2 + overhead), WhenFull: weir.DropOldest,
		Limits: weir.Limits{WriteRecordsPerSecond: 2}})
	mustPut(t, s, "k", "a")
	mustPut(t, s, "k", "b")
	_, err := s.PutRecord(t.Context(), "k", []byte("c"))
	require.ErrorIs(t, err, weir.ErrThroughputExceeded)
	results, err := s.PutRecords(t.Context(), []weir.Entry{{PartitionKey: "k"}})
	require.NoError(t, err)
	require.ErrorIs(t, results[0].Err, weir.ErrThroughputExceeded)
	assert.Equal(t, []string{"a", "b"}, readable(t, s, shard0))
	assert.Zero(t, s.Snapshot().Total.DroppedRecords)
}

// A reader that stops at the tip read as many records as were missing to the tip
// when it began a batch, even if the first of those were dropped meanwhile.
func TestStream_readToTheTipEndsThereThoughRecordsAreDropped(t *testing.T) {
	const n = 300 // more than a reader takes at once
	s, clock := clocked(t, weir.Config{MaxBytes: n * (4 + overhead), WhenFull: weir.DropOldest,
		Limits: weir.Limits{WriteRecordsPerSecond: -1}})
	for i := range n {
		mustPut(t, s, "k", fmt.Sprintf("%03d", i))
	}
	clock.Advance(time.Second)
	seen := 0
	for r, err := range s.RecordsToTip(t.Context(), shard0, weir.TrimHorizon()) {
		require.NoError(t, err)
		require.LessOrEqual(t, r.SequenceNumber.Index(), uint64(n))
		if seen++; seen == 1 {
			for i := range n {
				mustPut(t, s, "k", fmt.Sprintf("%03d", i))
			}
		}
	}
	assert.Equal(t, 256, seen, "the rest was dropped before it was read")
}

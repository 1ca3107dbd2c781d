package weir_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
)

func TestStream_retentionExactlyAtItsEnd(t *testing.T) {
	for _, retention := range []time.Duration{24 * time.Hour, 24*time.Hour + 1, 36*time.Hour + 1500*time.Microsecond} {
		synctest.Test(t, func(t *testing.T) {
			s := newStream(t, weir.Config{Retention: retention})
			arrived := time.Now()
			mustPut(t, s, "k", "first")
			time.Sleep(time.Millisecond)
			mustPut(t, s, "k", "second")

			time.Sleep(retention - time.Since(arrived) - 1)
			assert.Equal(t, []string{"first", "second"}, readable(t, s, shard0), "1 ns before")
			assert.EqualValues(t, 2, s.Snapshot().RecordsHeld)
			time.Sleep(time.Nanosecond)
			assert.Equal(t, []string{"second"}, readable(t, s, shard0), "exactly at")
			assert.EqualValues(t, 1, s.Snapshot().RecordsHeld)
			b := mustGet(t, s, mustIterator(t, s, shard0, weir.AtTime(arrived)), 0)
			assert.Equal(t, []string{"second"}, dataOf(b.Records))
			time.Sleep(time.Millisecond)
			assert.Empty(t, readable(t, s, shard0))
			assert.Zero(t, s.Snapshot().BytesHeld)
		})
	}
}

func TestStream_changedRetentionTakesEffectAtOnce(t *testing.T) {
	s, clock := clocked(t, weir.Config{Limits: weir.Limits{MinRetention: -1}})
	for i := range 5 {
		mustPut(t, s, "k", fmt.Sprint(i))
		clock.Advance(time.Hour)
	}
	require.NoError(t, s.SetRetention(3*time.Hour))
	assert.Equal(t, []string{"3", "4"}, readable(t, s, shard0), "the third is exactly three hours old")
	require.NoError(t, s.SetRetention(48*time.Hour))
	assert.Equal(t, []string{"3", "4"}, readable(t, s, shard0), "what had expired stays unreadable")
	clock.Advance(47*time.Hour - 1)
	assert.Equal(t, []string{"4"}, readable(t, s, shard0))
}

func TestStream_trimmedShardStaysUsable(t *testing.T) {
	s, clock := clocked(t, weir.Config{})
	old := mustPut(t, s, "k", "old")
	stale := mustGet(t, s, mustIterator(t, s, shard0, weir.TrimHorizon()), 0).Next
	clock.Advance(24 * time.Hour)
	s.Trim()
	assert.Zero(t, s.Snapshot().MemoryBytes, "an empty shard takes no memory")
	s.Trim()
	fresh := mustPut(t, s, "k", "new")
	assert.Equal(t, old.SequenceNumber.Index()+1, fresh.SequenceNumber.Index())
	clock.Advance(-24 * time.Hour)
	for name, it := range map[string]weir.Iterator{
		"horizon": mustIterator(t, s, shard0, weir.TrimHorizon()),
		"trimmed": mustIterator(t, s, shard0, weir.AtSequence(old.SequenceNumber)),
		"after":   mustIterator(t, s, shard0, weir.AfterSequence(old.SequenceNumber)),
		"held":    stale,
	} {
		assert.Equal(t, []string{"new"}, dataOf(mustGet(t, s, it, 0).Records), name)
	}
}

func TestStream_putsReleaseWhatExpired(t *testing.T) {
	s, clock := clocked(t, weir.Config{Limits: weir.Unlimited(), Retention: time.Minute})
	for range 100_000 {
		mustPut(t, s, "key", text(100))
		clock.Advance(6 * time.Millisecond)
	}
	snap := s.Snapshot()
	assert.EqualValues(t, 9_999, snap.RecordsHeld, "the last one is 6 ms old")
	assert.Less(t, snap.MemoryBytes, int64(10_000*111+3<<20))
}

// A shard that had vanished was forgotten with its records counted as held.
func TestStream_vanishedShardFreesMaxBytes(t *testing.T) {
	s, clock := clocked(t, weir.Config{MaxBytes: 1000})
	mustPut(t, s, "k", text(900))
	children, err := s.SplitShard(shard0, weir.HashKey{Hi: 1 << 63})
	require.NoError(t, err)
	clock.Advance(25 * time.Hour)
	_, err = s.MergeShards(children[0], children[1])
	require.NoError(t, err)
	require.NoError(t, weir.CheckInvariants(s))
	mustPut(t, s, "k", text(900))
}

func TestStream_memoryIncludesWhatIsNotReleased(t *testing.T) {
	s, clock := clocked(t, weir.Config{Limits: weir.Unlimited(), Retention: time.Minute})
	for range 1000 {
		mustPut(t, s, "key", text(1000))
	}
	before := s.Snapshot().MemoryBytes
	clock.Advance(30 * time.Second)
	mustPut(t, s, "key", text(1000))
	clock.Advance(30 * time.Second)
	snap := s.Snapshot()
	assert.EqualValues(t, 1, snap.RecordsHeld)
	assert.GreaterOrEqual(t, snap.MemoryBytes, before, "expired records are not released yet")
	s.Trim()
	assert.Less(t, s.Snapshot().MemoryBytes, before)
}

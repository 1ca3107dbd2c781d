package weir_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
)

// A closed shard takes no puts that would trim it, and nobody may read it: its
// memory goes all the same, and so does that of a shard that rests.
func TestStream_putsReleaseWhatOtherShardsHold(t *testing.T) {
	s, clock := clocked(t, weir.Config{Shards: 3, Limits: weir.Unlimited()})
	for i := range 300 {
		mustPut(t, s, fmt.Sprint(i), text(10_000))
	}
	_, err := s.SplitShard(t.Context(), shard0, hashKey(t, "1000"))
	require.NoError(t, err)
	require.Greater(t, weir.ArenaBytes(s), int64(3_000_000))
	for range 30 {
		clock.Advance(time.Hour)
		mustPut(t, s, "one key only", "v")
	}
	assert.Less(t, weir.ArenaBytes(s), int64(1<<20), "the one block that is written to")
	assert.Len(t, s.Shards(), 4, "the parent is forgotten")
}

// A block spans three days at most. Where records lie further apart than
// that, each has a block, and it must not be as large as that of a busy
// shard.
func TestStream_sparseRecordsTakeLittle(t *testing.T) {
	s, clock := clocked(t, weir.Config{Settings: weir.Settings{Retention: 365 * 24 * time.Hour}})
	for range 100 {
		mustPut(t, s, "k", "v")
		clock.Advance(80 * time.Hour)
	}
	assert.Len(t, readable(t, s, shard0), 100)
	assert.LessOrEqual(t, s.Snapshot().MemoryBytes, int64(100*4096))
}

func TestStream_reshardReadsTheClockOnce(t *testing.T) {
	readings := 0
	s := newStream(t, weir.Config{Shards: 4, Limits: weir.Unlimited(), Now: func() time.Time {
		readings++
		return epoch
	}})
	for name, f := range map[string]func() error{
		"split": func() error {
			_, err := s.SplitShard(t.Context(), 1, hashKey(t, "100000000000000000000000000000000000000"))
			return err
		},
		"merge": func() error { _, err := s.MergeShards(t.Context(), 2, 3); return err },
	} {
		readings = 0
		require.NoError(t, f())
		assert.Equal(t, 1, readings, name)
	}
	readings = 0
	_, err := s.Resize(t.Context(), 16)
	require.NoError(t, err)
	assert.Equal(t, 1, readings, "resize")
}

func TestStream_resizeIsBoundedWhateverTheLimits(t *testing.T) {
	s := newStream(t, weir.Config{Limits: weir.Unlimited()})
	for _, n := range []int{100_001, 1 << 28, 1<<31 - 1} {
		_, err := s.Resize(t.Context(), n)
		require.ErrorIs(t, err, weir.ErrLimitExceeded)
	}
	assert.Nil(t, weir.EvenRanges(0))
}

func TestStream_timesOutOfRange(t *testing.T) {
	s, _ := clocked(t, weir.Config{})
	_, err := s.Iterator(t.Context(), shard0, weir.AtTime(time.Unix(1<<62, 0)))
	assert.ErrorIs(t, err, weir.ErrInvalidArgument, "the far future is the future")
	_, err = s.Iterator(t.Context(), shard0, weir.AtTime(time.Unix(-1<<62, 0)))
	assert.NoError(t, err)
}

package console_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/console"
)

// Top has the hundred hottest streams, and says what there is in all.
func TestTop_saysHowManyThereAre(t *testing.T) {
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	var streams []*weir.Stream
	for i := range 150 {
		streams = append(streams, newStream(t, fmt.Sprintf("s%03d", i), weir.Config{Now: clock}))
		for range 10 * (1 + i/149) {
			_, err := streams[i].PutRecord(t.Context(), "k", []byte("x"))
			require.NoError(t, err)
		}
	}
	now = now.Add(time.Second)
	c, err := console.New(console.Config{Source: console.Streams(streams...), Now: clock})
	require.NoError(t, err)
	for unseen := 1; unseen > 0; now = now.Add(time.Millisecond) { // a slow machine comes to some with the next look
		top, err := c.Top(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 150, top.Total)
		if unseen = top.Unseen; unseen == 0 {
			assert.InDelta(t, 151, top.RecordsPerSecond, 1e-9)
			assert.Equal(t, "s149", top.Streams[0].Name)
			assert.LessOrEqual(t, len(top.Streams), 100)
		}
	}
}

// A shard that was throttled a moment ago is shown beside any number of others
// that are busy but within their limits.
func TestTop_showsWhoWasThrottled(t *testing.T) {
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	s := newStream(t, "orders", weir.Config{Now: clock, Shards: 60})
	burst := s.Shards()[59]
	put := func(sh weir.Shard, n int) {
		for range n {
			s.Put(t.Context(), weir.Entry{PartitionKey: "k", ExplicitHashKey: &sh.HashKeyRange.Start}) // some are refused
		}
	}
	put(burst, 1001)
	now = now.Add(20 * time.Second)
	for _, sh := range s.Shards()[:59] {
		put(sh, 10)
	}
	now = now.Add(time.Second)
	c, err := console.New(console.Config{Source: console.Streams(s), Now: clock})
	require.NoError(t, err)
	top, err := c.Top(t.Context())
	require.NoError(t, err)
	require.Len(t, top.Streams[0].Shards, 50)
	assert.Equal(t, burst.ID.String(), top.Streams[0].Shards[0].ID)
	assert.EqualValues(t, 1, top.Streams[0].Shards[0].Throttled)
}

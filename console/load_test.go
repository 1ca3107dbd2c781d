package console_test

import (
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/console"
)

var rowOfShard = regexp.MustCompile(`<th scope="row" class="left"><a [^>]*>(shardId-\d+)</a>`)

// A shard that was refused a burst is the hottest there is, although the mean of
// the last seconds is small: it is among those whose seconds are shown, and of the
// colour of what is at its limit.
func TestConsole_showsThrottledShardsFirst(t *testing.T) {
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	s := newStream(t, "orders", weir.Config{Shards: 40, Now: clock})
	to := func(id weir.ShardID, n int) (throttled int) {
		key := s.Shards()[id].HashKeyRange.Start
		for range n {
			if _, err := s.Put(t.Context(), weir.Entry{PartitionKey: "k", ExplicitHashKey: &key, Data: []byte("x")}); err != nil {
				require.ErrorIs(t, err, weir.ErrThroughputExceeded)
				throttled++
			}
		}
		return throttled
	}
	for range 10 {
		for id := range 20 {
			require.Zero(t, to(weir.ShardID(id), 300))
		}
		now = now.Add(time.Second)
	}
	for to(33, 500) == 0 {
	}
	now = now.Add(time.Second)
	c := newClient(t, console.Config{Source: console.Streams(s), Now: clock})
	rows := rowOfShard.FindAllStringSubmatch(c.get("shards?name=orders"), 2)
	require.Len(t, rows, 2)
	assert.Equal(t, "shardId-000000000033", rows[0][1])
	assert.Equal(t, "shardId-000000000000", rows[1][1])
	page := c.get("stream?name=orders")
	assert.Contains(t, page, ">shardId-000000000033</a>", "its seconds are shown")
	assert.Regexp(t, `<rect class="l10"[^>]*><title>shardId-000000000033: `, page)
	assert.NotRegexp(t, `<rect class="l10"[^>]*><title>shardId-000000000000: `, page)

	assert.Regexp(t, `the hottest is shardId-000000000033 with \d+ records a second and \d+ throttled in the last minute\.`, page)

	now = now.Add(time.Minute)
	rows = rowOfShard.FindAllStringSubmatch(c.get("shards?name=orders"), 1)
	assert.Equal(t, "shardId-000000000000", rows[0][1], "forgotten after a minute")
}

package console_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/console"
)

var preview = regexp.MustCompile(`<td class="left data"><code>(\w+ \d+)</code>`)

// followed returns what a page that follows the tip shows, in its order.
func followed(c client, query string) (list []string) {
	for _, row := range preview.FindAllStringSubmatch(c.get("records?name=orders&follow=1"+query), -1) {
		list = append(list, row[1])
	}
	return list
}

// The tip has the last fifty records of the last minute, the newest first, of all
// shards or one, and of those that are asked for.
func TestFollow_showsTheNewestRecords(t *testing.T) {
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	s := newStream(t, "orders", weir.Config{Shards: 2, Now: clock, Limits: weir.Limits{WriteRecordsPerSecond: -1, WriteBytesPerSecond: -1}})
	c := newClient(t, console.Config{Source: console.Streams(s), Now: clock})
	n := 0
	add := func(kind, key string, shard weir.ShardID) string {
		at := s.Shards()[shard].HashKeyRange.Start
		n++
		text := fmt.Sprint(kind, " ", n)
		_, err := s.Put(t.Context(), weir.Entry{PartitionKey: key, ExplicitHashKey: &at, Data: []byte(text)})
		require.NoError(t, err)
		return text
	}
	add("gone", "k", 0)
	assert.Equal(t, []string{"gone 1"}, followed(c, ""))
	now = now.Add(time.Minute + time.Second)
	assert.Empty(t, followed(c, ""), "it was more than a minute ago")

	var want []string
	for range 60 { // all of them in the same instant
		want = append([]string{add("same", "k", 0)}, want...)
	}
	assert.Equal(t, want[:50], followed(c, ""))
	now = now.Add(time.Second)
	other := add("other", "<key>", 1)
	assert.Equal(t, append([]string{other}, want[:49]...), followed(c, ""))
	assert.Equal(t, []string{other}, followed(c, "&shard=shardId-000000000001"))
	assert.Equal(t, []string{other}, followed(c, "&key=%3Ckey%3E"))
	assert.Empty(t, followed(c, "&key=none"))

	// What comes in faster than it can be looked at is looked at from where about a
	// thousand records are left.
	for range 5 {
		for i := range 1500 {
			add("busy", "k", 0)
			if i%10 == 9 {
				now = now.Add(time.Second / 150)
			}
		}
	}
	rows := followed(c, "&shard=shardId-000000000000")
	require.Len(t, rows, 50)
	first, err := strconv.Atoi(strings.TrimPrefix(rows[0], "busy "))
	require.NoError(t, err)
	assert.GreaterOrEqual(t, first, n-20, "not behind the tip")

	now = now.Add(time.Second)
	for range 3000 { // of one instant
		add("burst", "k", 0)
	}
	rows = followed(c, "")
	require.Len(t, rows, 50)
	assert.Equal(t, fmt.Sprint("burst ", n), rows[0])
	assert.Equal(t, fmt.Sprint("burst ", n-49), rows[49])

	_, err = s.SplitShard(t.Context(), 0, s.Shards()[0].HashKeyRange.Middle())
	require.NoError(t, err)
	assert.Equal(t, rows, followed(c, ""), "a shard that was closed of late has its last records")
	now = now.Add(2 * time.Minute)
	assert.Empty(t, followed(c, ""))
}

package console_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/console"
)

// Whatever the clock does and the limits are, each page can be drawn, of numbers.
func TestConsole_drawsStreamsOfAnyAge(t *testing.T) {
	begin := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	limits := []weir.Limits{{}, {WriteRecordsPerSecond: -1}, {WriteBytesPerSecond: -1}, {WriteRecordsPerSecond: -1, WriteBytesPerSecond: -1, ReadBytesPerSecond: -1}}
	ages := []time.Duration{0, 1, time.Second - 1, time.Second, -1, -time.Second, -time.Hour, time.Minute, 3 * time.Minute, 25 * time.Hour, 300 * 24 * time.Hour}
	for i, later := range ages {
		for _, limits := range []weir.Limits{limits[i%4], limits[3-i%2]} {
			now := begin
			clock := func() time.Time { return now }
			s := newStream(t, "orders", weir.Config{Shards: 2, Now: clock, Limits: limits})
			put(t, s, "k", "x")
			r, err := s.NewReader("late", weir.TrimHorizon())
			require.NoError(t, err)
			_, err = s.RegisterConsumer(t.Context(), "billing")
			require.NoError(t, err)
			for _, split := range []bool{false, true} {
				if split {
					_, err := s.SplitShard(t.Context(), s.ShardOf("k"), middleOf(s, s.ShardOf("k")))
					require.NoError(t, err)
				}
				now = now.Add(later)
				c := newClient(t, console.Config{Source: console.Streams(s), Now: clock})
				for _, path := range []string{
					"", "?sort=hot", "?sort=age", "stream?name=orders", "stream?name=orders&shard=shardId-000000000001", "shards?name=orders", "readers?name=orders",
					"records?name=orders", "records?name=orders&follow=1", "records?name=orders&from=time&pos=1m", "keys?name=orders", "settings?name=orders", "top.json", "change?do=resize&target=2&name=orders",
				} {
					got, what := c.do(http.MethodGet, path, nil), fmt.Sprintf("%s, %v later, %+v", path, later, limits)
					assert.Contains(t, []int{http.StatusOK, http.StatusNotFound}, got.Code, what) // shards vanish
					assert.NotRegexp(t, `NaN|Inf|"-?[0-9.]+e[+-]`, got.Body.String(), what)
				}
			}
			r.Close()
		}
	}
}

func middleOf(s *weir.Stream, id weir.ShardID) weir.HashKey {
	for _, sh := range s.Shards() {
		if sh.ID == id {
			return sh.HashKeyRange.Middle()
		}
	}
	return weir.HashKey{}
}

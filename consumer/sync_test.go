package consumer_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/internal/streamtest"
)

// generations returns the shards of the client library's own example: 0 and 1
// are merged into 6, 2 and 3 into 7, those into 8, and 5 is split into 9 and 10.
func generations(t *testing.T) []weir.Shard {
	s := streamtest.New(t, "orders", 6)
	merge := func(lower, upper, into weir.ShardID) {
		got, err := s.MergeShards(t.Context(), lower, upper)
		require.NoError(t, err)
		require.Equal(t, into, got)
	}
	merge(0, 1, 6)
	merge(2, 3, 7)
	merge(6, 7, 8)
	got, err := s.SplitShard(t.Context(), 5, s.Shards()[5].HashKeyRange.Middle())
	require.NoError(t, err)
	require.Equal(t, [2]weir.ShardID{9, 10}, got)
	return s.Shards()
}

func leased(ids ...weir.ShardID) func(weir.ShardID) bool {
	return func(id weir.ShardID) bool { return slices.Contains(ids, id) }
}

func TestSync_isThatOfTheClientLibrary(t *testing.T) {
	shards, past := generations(t), weir.AtTime(time.Now().Add(-time.Hour))
	for _, row := range []struct {
		name   string
		leased []weir.ShardID
		from   weir.Position
		want   []string
	}{
		{"its example, latest", []weir.ShardID{4, 5, 7}, weir.Latest(), []string{"6 LATEST"}},
		{"its example, trim horizon", []weir.ShardID{4, 5, 7}, weir.TrimHorizon(), []string{"0 TRIM_HORIZON", "1 TRIM_HORIZON"}},
		{"its example, a time", []weir.ShardID{4, 5, 7}, past, []string{"0 AT_TIMESTAMP", "1 AT_TIMESTAMP"}},
		{"all open shards have one", []weir.ShardID{4, 8, 9, 10}, weir.TrimHorizon(), nil},
		{"all are covered", []weir.ShardID{4, 5, 6, 7}, weir.TrimHorizon(), nil},
		{"one open shard has none, latest", []weir.ShardID{4, 9, 10}, weir.Latest(), []string{"8 LATEST"}},
		{"one open shard has none", []weir.ShardID{4, 9, 10}, weir.TrimHorizon(), []string{"0 TRIM_HORIZON", "1 TRIM_HORIZON", "2 TRIM_HORIZON", "3 TRIM_HORIZON"}},
		{"one half of a split", []weir.ShardID{4, 8, 9}, weir.Latest(), []string{"10 LATEST"}},
		{"one half of a split, trim horizon", []weir.ShardID{4, 8, 9}, weir.TrimHorizon(), []string{"5 TRIM_HORIZON"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			assert.Equal(t, row.want, consumer.MissingLeases(shards, leased(row.leased...), row.from))
		})
	}
}

func TestSync_firstLeasesCoverEachKeyOnce(t *testing.T) {
	shards := generations(t)
	for _, row := range []struct {
		name string
		from weir.Position
		want []string
	}{
		{"trim horizon", weir.TrimHorizon(), []string{"0 TRIM_HORIZON", "1 TRIM_HORIZON", "2 TRIM_HORIZON", "3 TRIM_HORIZON", "4 TRIM_HORIZON", "5 TRIM_HORIZON"}},
		{"latest", weir.Latest(), []string{"4 LATEST", "8 LATEST", "9 LATEST", "10 LATEST"}},
		{"before all", weir.AtTime(time.Now().Add(-time.Hour)), []string{"0 AT_TIMESTAMP", "1 AT_TIMESTAMP", "2 AT_TIMESTAMP", "3 AT_TIMESTAMP", "4 AT_TIMESTAMP", "5 AT_TIMESTAMP"}},
		{"behind all", weir.AtTime(time.Now().Add(time.Hour)), []string{"4 AT_TIMESTAMP", "8 AT_TIMESTAMP", "9 AT_TIMESTAMP", "10 AT_TIMESTAMP"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			assert.ElementsMatch(t, row.want, consumer.FirstLeases(shards, row.from))
		})
	}
}

// Whatever leases there are, a second sync behind a first one makes none, and a
// first one that was cut off makes none that leaves a parent out.
func TestSync_isIdempotent(t *testing.T) {
	shards := generations(t)
	for _, from := range []weir.Position{weir.TrimHorizon(), weir.Latest(), weir.AtTime(time.Now().Add(-time.Hour))} {
		for set := 1; set < 1<<len(shards); set++ {
			has := func(id weir.ShardID) bool { return set>>id&1 == 1 }
			got := consumer.MissingLeases(shards, has, from)
			after := set
			for _, text := range got {
				for id := range len(shards) {
					if text == consumer.FirstText(id, from) {
						after |= 1 << id
					}
				}
			}
			again := consumer.MissingLeases(shards, func(id weir.ShardID) bool { return after>>id&1 == 1 }, from)
			if !assert.Empty(t, again, "leases %b, from %v, made %v", set, from, got) {
				return
			}
		}
	}
}

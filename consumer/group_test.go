package consumer_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/internal/streamtest"
	"github.com/weirstream/weir/lease"
)

func TestGroup_processesAllAndGoesOnWhereItStood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store, d := streamtest.New(t, "orders", 4), new(lease.Memory), new(diary)
		streamtest.Put(t, s, streamtest.Numbered(10, 0, 100)...)
		first := run(t, config(s, store, "first", d.handler("first")))
		await(t, "100 records", func() bool { return d.len() == 100 })
		require.NoError(t, first.End())
		for _, l := range leases(t, store) {
			assert.Empty(t, l.Owner)
			assert.NotEqual(t, lease.TrimHorizon, l.Checkpoint.Sequence)
		}

		streamtest.Put(t, s, streamtest.Numbered(10, 100, 150)...)
		second := run(t, config(s, store, "second", d.handler("second")))
		await(t, "150 records", func() bool { return d.len() == 150 })
		require.NoError(t, second.End())

		assert.ElementsMatch(t, streamtest.Numbered(10, 0, 150), d.texts())
		inKeyOrder(t, d.texts())
		assert.Equal(t, map[string]int{"first": 100, "second": 50}, d.workers())
	})
}

func TestGroup_sharesShardsWithoutRepeating(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store, d := streamtest.New(t, "orders", 6), new(lease.Memory), new(diary)
		var workers []*running
		next := 0
		step := func() {
			streamtest.Put(t, s, streamtest.Numbered(20, next, next+60)...)
			next += 60
			await(t, "all", func() bool { return d.len() == next })
			time.Sleep(time.Second)
		}
		for _, name := range []string{"a", "b", "c"} {
			workers = append(workers, run(t, config(s, store, name, d.handler(name))))
			step()
		}
		for _, w := range workers {
			assert.Len(t, w.Metrics().Shards, 2)
			assert.Zero(t, w.Metrics().Lost)
		}
		moved := workers[0].Metrics().Released
		time.Sleep(time.Hour)
		assert.Equal(t, moved, workers[0].Metrics().Released, "an even spread moves nothing")
		require.NoError(t, workers[0].End())
		step()
		require.NoError(t, workers[1].End())
		step()
		assert.Len(t, workers[2].Metrics().Shards, 6)
		require.NoError(t, workers[2].End())

		assert.ElementsMatch(t, streamtest.Numbered(20, 0, next), d.texts(), "each once")
		inKeyOrder(t, d.texts())
	})
}

func TestGroup_followsSplitsAndMerges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store, d := streamtest.New(t, "orders", 2), new(lease.Memory), new(diary)
		a := run(t, config(s, store, "a", d.handler("a")))
		b := run(t, config(s, store, "b", d.handler("b")))
		next := 0
		for _, shards := range []int{4, 3, 8, 1, 5} {
			streamtest.Put(t, s, streamtest.Numbered(20, next, next+100)...)
			_, err := s.Resize(t.Context(), shards)
			require.NoError(t, err)
			streamtest.Put(t, s, streamtest.Numbered(20, next+100, next+200)...)
			next += 200
		}
		await(t, "all", func() bool { return d.len() == next })
		time.Sleep(10 * time.Minute)
		assert.Len(t, leases(t, store), 5, "leases of ended shards are deleted")
		require.NoError(t, a.End())
		require.NoError(t, b.End())
		assert.ElementsMatch(t, streamtest.Numbered(20, 0, next), d.texts(), "each once")
		inKeyOrder(t, d.texts())
	})
}

func TestGroup_aKilledWorkersShardsRunElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store, d := streamtest.New(t, "orders", 4), new(lease.Memory), new(diary)
		a := run(t, config(s, store, "a", d.handler("a")))
		b := run(t, config(s, store, "b", d.handler("b")))
		await(t, "a spread", func() bool { return len(a.Metrics().Shards) == 2 && len(b.Metrics().Shards) == 2 })
		require.NoError(t, a.End())
		began := time.Now()
		await(t, "all at b", func() bool { return len(b.Metrics().Shards) == 4 })
		assert.LessOrEqual(t, time.Since(began), 10*time.Millisecond)
	})
}

// A merged shard waits for the slower of its parents.
func TestGroup_aMergedShardWaitsForBothParents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store, d := streamtest.New(t, "orders", 2), new(lease.Memory), new(diary)
		streamtest.Put(t, s, streamtest.Numbered(10, 0, 10)...)
		_, err := s.Resize(t.Context(), 1)
		require.NoError(t, err)
		streamtest.Put(t, s, streamtest.Numbered(10, 10, 20)...)
		var free atomic.Bool
		g := run(t, config(s, store, "w", func(_ context.Context, b *consumer.Batch) error {
			if b.Shard == 1 && !free.Load() {
				return errPoison
			}
			d.note("w", b)
			return nil
		}))
		time.Sleep(time.Minute)
		d.mu.Lock()
		for _, e := range d.entries {
			assert.Equal(t, weir.ShardID(0), e.shard)
		}
		d.mu.Unlock()
		m := g.Metrics().Shards
		require.Len(t, m, 2)
		assert.Equal(t, weir.ShardID(2), m[1].Shard)
		assert.True(t, m[1].Waits)
		free.Store(true)
		await(t, "all", func() bool { return d.len() == 20 })
		require.NoError(t, g.End())
		inKeyOrder(t, d.texts())
	})
}

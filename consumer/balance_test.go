package consumer_test

import (
	"fmt"
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

// putInto puts records into one shard.
func putInto(t *testing.T, s *weir.Stream, shard weir.ShardID, records ...string) {
	var entries []weir.Entry
	for _, r := range records {
		entries = append(entries, weir.Entry{PartitionKey: fmt.Sprint("key-", shard), ExplicitHashKey: &s.Shards()[shard].HashKeyRange.Start, Data: []byte(r)})
	}
	results, err := s.PutRecords(t.Context(), entries)
	require.NoError(t, err)
	for _, r := range results {
		require.NoError(t, r.Err)
		require.Equal(t, shard, r.SequenceNumber.Shard())
	}
}

// load puts records into the shards for some minutes: of each so many KiB a
// second.
func load(t *testing.T, s *weir.Stream, minutes int, kib ...int) {
	kilobyte := string(make([]byte, 1024))
	for range 60 * minutes {
		for shard, n := range kib {
			for range n {
				putInto(t, s, weir.ShardID(shard), kilobyte)
			}
		}
		time.Sleep(time.Second)
	}
}

func TestGroup_writesTheThroughputOfItsShards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := streamtest.New(t, "orders", 3), new(lease.Memory)
		g := run(t, config(s, store, "w", new(diary).handler("w")))
		load(t, s, 10, 0, 5, 20)
		throughput := func(shard weir.ShardID) float64 { return leases(t, store)[shard.String()].Throughput }
		assert.Zero(t, throughput(0))
		assert.InDelta(t, 5, throughput(1), 0.25)
		assert.InDelta(t, 20, throughput(2), 1)
		require.NoError(t, g.End())
		next := run(t, config(s, store, "next", new(diary).handler("next")))
		await(t, "the leases", func() bool { return len(next.Metrics().Shards) == 3 })
		assert.InDelta(t, 20, throughput(2), 1, "who takes the lease goes on from it")
		load(t, s, 10, 5, 0, 0)
		assert.InDelta(t, 5, throughput(0), 0.25)
		assert.Less(t, throughput(2), 0.1)
	})
}

// Two shards come to as much as the other six together: by number each worker
// would have four, and one of them most of the work.
func TestGroup_weightedSpreadsWhatShardsComeTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kib := []int{12, 12, 4, 4, 4, 4, 4, 4}
		s, store, d := streamtest.New(t, "orders", len(kib)), new(lease.Memory), new(diary)
		worker := func(name string) *running {
			c := config(s, store, name, d.handler(name))
			c.Weighted = true
			return run(t, c)
		}
		// The workload of one worker, as it moves when a second one comes.
		a := worker("a")
		load(t, s, 5, kib...)
		b := worker("b")
		load(t, s, 5, kib...)
		weigh := func(w *running) (sum int) {
			for _, sh := range w.Metrics().Shards {
				sum += kib[sh.Shard]
			}
			return sum
		}
		assert.InDelta(t, 24, weigh(a), 2)
		assert.InDelta(t, 24, weigh(b), 2)
		moved := a.Metrics().Released + b.Metrics().Released
		assert.LessOrEqual(t, moved, int64(4), "few have to move")
		load(t, s, 20, kib...)
		assert.Equal(t, moved, a.Metrics().Released+b.Metrics().Released, "an even spread moves nothing")

		// What was busy falls silent, and another one is busy.
		load(t, s, 10, 1, 1, 1, 1, 1, 1, 1, 20)
		for _, w := range []*running{a, b} {
			for _, sh := range w.Metrics().Shards {
				if sh.Shard == 7 {
					assert.LessOrEqual(t, len(w.Metrics().Shards), 2, "who has the busy shard has little else")
				}
			}
			assert.Zero(t, w.Metrics().Lost)
		}
		require.NoError(t, a.End())
		require.NoError(t, b.End())
		assert.Equal(t, 30*60*48+10*60*27, d.len(), "each once")
	})
}

func TestMachine_weightedAsksForWhatMakesBothMostAlike(t *testing.T) {
	weighing := func(key, owner string, kib float64) lease.Lease {
		l := owned(key, owner, 1)
		l.Throughput = kib
		return l
	}
	for _, row := range []struct {
		name string
		rows []lease.Lease
		want string
	}{
		{"the middle one", []lease.Lease{weighing("a", "x", 50), weighing("b", "x", 30), weighing("c", "x", 9), weighing("d", "me", 20)}, "b"},
		{"one alone does not move", []lease.Lease{weighing("a", "x", 500)}, ""},
		{"to move it would turn the two round", []lease.Lease{weighing("a", "x", 50), weighing("b", "x", 0), weighing("c", "me", 40), weighing("d", "me", 5)}, "b"},
		{"a tenth more moves nothing", []lease.Lease{weighing("a", "x", 54), weighing("b", "x", 54), weighing("c", "me", 98)}, ""},
		{"idle ones are spread too", []lease.Lease{weighing("a", "x", 0), weighing("b", "x", 0)}, "a or b"},
		{"the one with the most gives", []lease.Lease{weighing("a", "x", 10), weighing("b", "x", 10), weighing("c", "y", 10), weighing("d", "y", 60), weighing("e", "y", 40)}, "d"},
		{"one that is asked for counts as gone", []lease.Lease{weighing("a", "x", 5), {Key: "b", Owner: "x", Wanted: "y", Throughput: 90}, weighing("c", "me", 5)}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := consumer.NewMachine(consumer.Config{Worker: "me", Weighted: true})
			m.List(1, row.rows...)
			_, ask, _ := m.Decide(1)
			if row.want == "a or b" {
				assert.Contains(t, []string{"a", "b"}, ask)
				return
			}
			assert.Equal(t, row.want, ask)
		})
	}
}

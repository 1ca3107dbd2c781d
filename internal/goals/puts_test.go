package goals_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirstream/weir"
)

func putGoals() []goal {
	return []goal{
		{"1", "PutRecord, 8 shards ÷ MD5, clock, lock and copy", 1.5, 0, false, func(tb testing.TB) sample {
			s := newStream(tb, 8, weir.Config{Settings: weir.Settings{Retention: live}})
			return ratios(putWork(tb, s, 100), floorPut(8, 100))
		}},
		{"1", "the same with a clock that is set every millisecond", 1.5, 0.9, false, func(tb testing.TB) sample {
			clock, stop := coarseClock()
			defer stop()
			s := newStream(tb, 8, weir.Config{Settings: weir.Settings{Retention: live}, Now: clock})
			return ratios(putWork(tb, s, 100), floorPut(8, 100))
		}},
		{"2", "PutRecord, one shard ÷ MD5 of its key", 1.2, 0.4, false, func(tb testing.TB) sample {
			return ratios(putWork(tb, newStream(tb, 1, weir.Config{Settings: weir.Settings{Retention: live}}), 100), floorMD5)
		}},
		{"3", "objects allocated by PutRecord", 0.01, 0, false, func(tb testing.TB) sample {
			return value(allocations(putWork(tb, newStream(tb, 8, weir.Config{Settings: weir.Settings{Retention: live}}), 100)))
		}},
		{"3", "objects allocated by a record of PutRecords", 0.01, 0, false, func(tb testing.TB) sample {
			return value(allocations(batchWork(tb, newStream(tb, 8, weir.Config{Settings: weir.Settings{Retention: live}}), 100)))
		}},
		{"4", "PutRecords of 500, 8 shards, a record ÷ that floor in batches", 1.3, 0.4, false, func(tb testing.TB) sample {
			return ratios(batchWork(tb, newStream(tb, 8, weir.Config{Settings: weir.Settings{Retention: live}}), 100), floorBatch(8, 100))
		}},
		{"8", "8 producers ÷ 1 beside a goroutine that spins, a record", 0.85, 0.6, true, nearby(func(tb testing.TB) sample {
			s := newStream(tb, 8, weir.Config{Settings: weir.Settings{Retention: live}})
			return ratios(parallel(8, func() work { return putWork(tb, s, 100) }), besideSpin(putWork(tb, s, 100)))
		})},
		{"8", "8 producers ÷ 8 of MD5, clock, lock and copy", 1.5, 0, true, func(tb testing.TB) sample {
			s, floor := newStream(tb, 8, weir.Config{Settings: weir.Settings{Retention: live}}), newFloorShards(8)
			return ratios(parallel(8, func() work { return putWork(tb, s, 100) }), parallel(8, func() work { return floorPuts(floor, 100) }))
		}},
		{"11", "PutRecord beside a replaying reader ÷ beside a spinning goroutine", 1.3, 1.15, true, func(tb testing.TB) sample {
			s := newStream(tb, 1, weir.Config{Settings: weir.Settings{Retention: live}})
			return ratios(besideReplay(tb, s, putWork(tb, s, 100)), besideSpin(putWork(tb, s, 100)))
		}},
		{"11", "PutRecord beside a reader at the tip ÷ beside a spinning goroutine", 3, 2, true, nearby(func(tb testing.TB) sample {
			s := newStream(tb, 1, weir.Config{Settings: weir.Settings{Retention: live}})
			return ratios(besideTail(tb, s, putWork(tb, s, 100)), besideSpin(putWork(tb, s, 100)))
		})},
	}
}

// allocations returns how many objects a unit of work allocates.
func allocations(w work) float64 {
	const units = 500_000
	w(units) // so that what is allocated once is there
	before := heapNow()
	w(units)
	var after runtime.MemStats
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / units
}

// fullGoals compare a put into a stream that is full and drops its oldest
// records with one into a stream whose records expire.
func fullGoals() (list []goal) {
	for _, shards := range []int{1, 8, 64, 1024} {
		what := fmt.Sprintf("PutRecord, %d shards, full and dropping ÷ expiring", shards)
		list = append(list, goal{"full", what, 5, 0, false, func(tb testing.TB) sample {
			full := limitedStream(tb, weir.Config{
				Shards: shards, Limits: weir.Unlimited(), MaxBytes: 64 << 20, WhenFull: weir.DropOldest,
			})
			put := putWork(tb, full, 100)
			put(1_000_000)
			return ratios(put, putWork(tb, newStream(tb, shards, weir.Config{Settings: weir.Settings{Retention: live}}), 100))
		}})
	}
	return list
}

func readGoals() []goal {
	backlog := func(tb testing.TB, consumers int) *weir.Stream {
		s := register(tb, newStream(tb, 1, weir.Config{}), consumers)
		batchWork(tb, s, 100)(500_000)
		return s
	}
	return []goal{
		{"9", "GetRecords of 10,000 views ÷ building such views", 1.2, 0.6, false, func(tb testing.TB) sample {
			return ratios(readWork(tb, filledStream(tb, 1_000_000), leave), floorViews(1_000_000, leave))
		}},
		// What the comparison with other libraries measures as goal 10, where records
		// that nobody looks at would count for nothing.
		{"9", "the same with a look at each record's data", 1.2, 0, false, func(tb testing.TB) sample {
			return ratios(readWork(tb, filledStream(tb, 1_000_000), touch), floorViews(1_000_000, touch))
		}},
		{"fan-out", "Subscription ÷ Reader, a record of a backlog", 1.5, 0, false, func(tb testing.TB) sample {
			s := backlog(tb, 1)
			return ratios(replayWork(tb, s, openSubscription, 1), replayWork(tb, s, openReader, 1))
		}},
		// What 16 subscriptions give out together must be 70 % of what as many as
		// there are processors give out.
		{"fan-out", "16 subscriptions ÷ one a processor, a record of a backlog", 1 / 0.7, 0, true, func(tb testing.TB) sample {
			s := backlog(tb, 16)
			return ratios(replayWork(tb, s, openSubscription, 16), replayWork(tb, s, openSubscription, min(16, runtime.GOMAXPROCS(0))))
		}},
	}
}

func shardGoals() []goal {
	return []goal{
		{"shards", "routing in 2,000 shards ÷ in 8", 2, 0, false, func(tb testing.TB) sample {
			return ratios(routeWork(tb, 2000), routeWork(tb, 8))
		}},
		{"shards", "bytes of an idle shard", 4096, 0, false, func(tb testing.TB) sample {
			before := heapNow()
			s := newStream(tb, 2000, weir.Config{})
			bytes := heapNow().HeapAlloc - before.HeapAlloc
			runtime.KeepAlive(s)
			return value(float64(bytes) / 2000)
		}},
		{"shards", "PutRecord during random resharding ÷ at rest", 1.5, 0, true, func(tb testing.TB) sample {
			s := newStream(tb, 8, weir.Config{Settings: weir.Settings{Retention: live}})
			put := putWork(tb, s, 100)
			return ratios(func(n int) { whileResharding(tb, s, func() { put(n) }) },
				putWork(tb, newStream(tb, 8, weir.Config{Settings: weir.Settings{Retention: live}}), 100))
		}},
		{"shards", "resize from 1,000 to 2,000 shards, ms", 1000, 0, false, func(tb testing.TB) sample {
			s := newStream(tb, 1000, weir.Config{})
			begin := time.Now()
			if _, err := s.Resize(context.Background(), 2000); err != nil {
				tb.Fatal(err)
			}
			return value(1000 * time.Since(begin).Seconds())
		}},
	}
}

// routeWork finds the shards of hash keys.
func routeWork(tb testing.TB, shards int) work {
	s := newStream(tb, shards, weir.Config{})
	random := rand.New(rand.NewPCG(1, 1))
	var hashes [keyCount]weir.HashKey
	for i := range hashes {
		hashes[i] = weir.HashKey{Hi: random.Uint64(), Lo: random.Uint64()}
	}
	return func(n int) {
		for i := range n {
			foundShard = s.ShardOfHashKey(hashes[i%keyCount])
		}
	}
}

var foundShard weir.ShardID

// whileResharding calls f while shards are split and merged at random, one step
// a millisecond.
func whileResharding(tb testing.TB, s *weir.Stream, f func()) {
	var stop atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		for step := 0; !stop.Load(); step++ {
			time.Sleep(time.Millisecond)
			reshardStep(tb, s, step)
		}
	}()
	f()
	stop.Store(true)
	<-done
}

// reshardStep splits a shard, or merges the two that the step before made.
func reshardStep(tb testing.TB, s *weir.Stream, step int) {
	open, err := s.ListShards(context.Background(), weir.ShardQuery{Filter: weir.ShardsAtLatest})
	if err != nil {
		tb.Error(err)
		return
	}
	if step%2 == 1 {
		n := len(open)
		_, err = s.MergeShards(context.Background(), open[n-2].ID, open[n-1].ID)
	} else {
		sh := open[rand.IntN(len(open))]
		_, err = s.SplitShard(context.Background(), sh.ID, weir.HashKey{Hi: sh.HashKeyRange.Start.Hi/2 + sh.HashKeyRange.End.Hi/2, Lo: 2})
	}
	if err != nil {
		tb.Error(err)
	}
}

package weir_test

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

var recordSizes = []struct {
	name string
	n    int
}{{"100B", 100}, {"1KiB", 1024}}

// BenchmarkFloor is the inevitable part of a put and of a batch: hash, clock,
// lock and copy. Divide by it what the other benchmarks say.
func BenchmarkFloor(b *testing.B) {
	for _, size := range recordSizes {
		b.Run("put/size="+size.name, func(b *testing.B) { runWork(b, size.n, floorPut(8, size.n)) })
		b.Run("batch/size="+size.name, func(b *testing.B) { runWork(b, size.n, floorBatch(8, size.n)) })
	}
	b.Run("views", func(b *testing.B) { runWork(b, 100, floorViews(1_000_000)) })
	b.Run("md5", func(b *testing.B) { runWork(b, 0, floorMD5) })
}

// runWork does b.N units of w, each a record of size bytes.
func runWork(b *testing.B, size int, w work) {
	b.ReportAllocs()
	b.SetBytes(int64(size))
	b.ResetTimer()
	w(b.N)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

func BenchmarkPutRecord(b *testing.B) {
	for _, size := range recordSizes {
		for _, shards := range []int{1, 8, 1024} {
			for _, producers := range []int{1, 8} {
				name := fmt.Sprintf("size=%s/shards=%d/producers=%d", size.name, shards, producers)
				b.Run(name, func(b *testing.B) {
					s := benchStream(b, shards, weir.Config{Settings: weir.Settings{Retention: benchLive}})
					runWork(b, size.n, parallel(producers, func() work { return putWork(b, s, size.n) }))
				})
			}
		}
	}
	b.Run("size=100B/shards=8/limits=finite", func(b *testing.B) {
		s, err := weir.NewStream("bench", weir.Config{Shards: 8, Settings: weir.Settings{Retention: benchLive}, Limits: weir.Limits{
			MinRetention: -1, WriteBytesPerSecond: 1e12, WriteRecordsPerSecond: 1e12,
		}})
		if err != nil {
			b.Fatal(err)
		}
		runWork(b, 100, putWork(b, s, 100))
	})
}

func BenchmarkPutRecords(b *testing.B) {
	for _, size := range recordSizes {
		for _, shards := range []int{1, 8, 1024} {
			b.Run(fmt.Sprintf("batch=500/size=%s/shards=%d", size.name, shards), func(b *testing.B) {
				s := benchStream(b, shards, weir.Config{Settings: weir.Settings{Retention: benchLive}})
				runWork(b, size.n, batchWork(b, s, size.n))
			})
		}
	}
}

func BenchmarkGetRecords(b *testing.B) {
	s := filledStream(b, 1_000_000)
	for _, readers := range []int{1, 4, 16} {
		b.Run(fmt.Sprintf("batch=10000/readers=%d", readers), func(b *testing.B) {
			runWork(b, 116, parallel(readers, func() work { return readWork(b, s) }))
		})
	}
}

func BenchmarkReader(b *testing.B) {
	s := filledStream(b, 1_000_000)
	ctx := context.Background()
	runWork(b, 116, func(n int) {
		for n > 0 {
			for range s.AllToTip(ctx, weir.TrimHorizon()) {
				if n--; n == 0 {
					break
				}
			}
		}
	})
}

func BenchmarkSequenceNumber(b *testing.B) {
	s := newStream(b, weir.Config{})
	at, err := s.PutRecord(b.Context(), "k", nil)
	if err != nil {
		b.Fatal(err)
	}
	text := at.SequenceNumber.String()
	var buf [64]byte
	b.Run("append", func(b *testing.B) {
		for b.Loop() {
			_, _ = at.SequenceNumber.AppendText(buf[:0])
		}
	})
	b.Run("parse", func(b *testing.B) {
		for b.Loop() {
			if _, err := weir.ParseSequenceNumber(text); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkGoalsShards is what many shards and resharding may cost.
func BenchmarkGoalsShards(b *testing.B) {
	b.Run("goal=s1/routing in 2000÷in 8", func(b *testing.B) {
		reportRatio(b, 2, routeWork(b, 2000), routeWork(b, 8))
	})
	b.Run("goal=s2/bytes of an idle shard", func(b *testing.B) {
		before := heapNow()
		s := benchStream(b, 2000, weir.Config{})
		reportValue(b, 4096, float64(heapNow().HeapAlloc-before.HeapAlloc)/2000)
		runtime.KeepAlive(s)
	})
	b.Run("goal=s3/put while resharding÷at rest", func(b *testing.B) {
		s := benchStream(b, 8, weir.Config{Settings: weir.Settings{Retention: benchLive}})
		put := putWork(b, s, 100)
		reportRatio(b, 1.5, func(n int) { whileResharding(b, s, func() { put(n) }) },
			putWork(b, benchStream(b, 8, weir.Config{Settings: weir.Settings{Retention: benchLive}}), 100))
	})
	b.Run("goal=s4/resize 1000 to 2000, ms", func(b *testing.B) {
		s := benchStream(b, 1000, weir.Config{})
		begin := time.Now()
		if _, err := s.Resize(b.Context(), 2000); err != nil {
			b.Fatal(err)
		}
		reportValue(b, 1000, float64(time.Since(begin).Milliseconds()))
	})
}

// routeWork finds the shards of hash keys.
func routeWork(b *testing.B, shards int) work {
	s := benchStream(b, shards, weir.Config{})
	random := rand.New(rand.NewPCG(1, 1))
	var keys [benchKeys]weir.HashKey
	for i := range keys {
		keys[i] = weir.HashKey{Hi: random.Uint64(), Lo: random.Uint64()}
	}
	return func(n int) {
		for i := range n {
			benchShard = s.ShardOfHashKey(keys[i%benchKeys])
		}
	}
}

var benchShard weir.ShardID

// whileResharding calls f while shards are split and merged at random, one step
// a millisecond.
func whileResharding(b *testing.B, s *weir.Stream, f func()) {
	var stop atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		for step := 0; !stop.Load(); step++ {
			time.Sleep(time.Millisecond)
			reshardStep(b, s, step)
		}
	}()
	f()
	stop.Store(true)
	<-done
}

// reshardStep splits a shard, or merges the two that the step before made.
func reshardStep(b *testing.B, s *weir.Stream, step int) {
	open, err := s.ListShards(b.Context(), weir.ShardQuery{Filter: weir.ShardsAtLatest})
	if err != nil {
		b.Error(err)
		return
	}
	if step%2 == 1 {
		n := len(open)
		_, err = s.MergeShards(b.Context(), open[n-2].ID, open[n-1].ID)
	} else {
		sh := open[rand.IntN(len(open))]
		_, err = s.SplitShard(b.Context(), sh.ID, weir.HashKey{Hi: sh.HashKeyRange.Start.Hi/2 + sh.HashKeyRange.End.Hi/2, Lo: 2})
	}
	if err != nil {
		b.Error(err)
	}
}

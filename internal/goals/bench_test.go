package goals_test

import (
	"context"
	"fmt"
	"testing"

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
	b.Run("views", func(b *testing.B) { runWork(b, 100, floorViews(1_000_000, leave)) })
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
					s := newStream(b, shards, weir.Config{Settings: weir.Settings{Retention: live}})
					runWork(b, size.n, parallel(producers, func() work { return putWork(b, s, size.n) }))
				})
			}
		}
	}
	b.Run("size=100B/shards=8/limits=finite", func(b *testing.B) {
		s, err := weir.NewStream("bench", weir.Config{Shards: 8, Settings: weir.Settings{Retention: live}, Limits: weir.Limits{
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
				s := newStream(b, shards, weir.Config{Settings: weir.Settings{Retention: live}})
				runWork(b, size.n, batchWork(b, s, size.n))
			})
		}
	}
}

func BenchmarkGetRecords(b *testing.B) {
	s := filledStream(b, 1_000_000)
	for _, readers := range []int{1, 4, 16} {
		b.Run(fmt.Sprintf("batch=10000/readers=%d", readers), func(b *testing.B) {
			runWork(b, 116, parallel(readers, func() work { return readWork(b, s, leave) }))
		})
	}
}

func BenchmarkReader(b *testing.B) {
	s := filledStream(b, 1_000_000)
	ctx := context.Background()
	runWork(b, 116, func(n int) {
		for n > 0 {
			for range s.Records(ctx, weir.TrimHorizon().ToTip()) {
				if n--; n == 0 {
					break
				}
			}
		}
	})
}

func BenchmarkSequenceNumber(b *testing.B) {
	s := newStream(b, 1, weir.Config{})
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

func BenchmarkPutCopies(b *testing.B) {
	for _, hollow := range []bool{false, true} {
		for _, n := range []int{1, 1000} {
			b.Run(fmt.Sprintf("hollow=%v/size=1KiB/n=%d", hollow, n), func(b *testing.B) {
				s := newStream(b, 8, weir.Config{Settings: weir.Settings{Retention: live}, Hollow: hollow})
				runWork(b, 1024, copiesWork(b, s, n))
			})
		}
	}
	b.Run("hollow=true/size=1KiB/n=1000/limits=finite", func(b *testing.B) {
		s := limitedStream(b, weir.Config{Settings: weir.Settings{Retention: live}, Hollow: true, Limits: weir.Limits{
			MinRetention: -1, WriteBytesPerSecond: 1e14, WriteRecordsPerSecond: 1e12,
		}})
		runWork(b, 1024, copiesWork(b, s, 1000))
	})
}

func BenchmarkHollow(b *testing.B) {
	b.Run("put/size=1KiB", func(b *testing.B) {
		runWork(b, 1024, putWork(b, newStream(b, 8, weir.Config{Settings: weir.Settings{Retention: live}, Hollow: true}), 1024))
	})
	b.Run("get/batch=10000", func(b *testing.B) {
		s := newStream(b, 1, weir.Config{Hollow: true})
		copiesWork(b, s, 1000)(1_000_000)
		runWork(b, 1024, readWork(b, s, leave))
	})
}

// BenchmarkSubscription reads a backlog again and again.
func BenchmarkSubscription(b *testing.B) {
	for _, size := range recordSizes {
		b.Run("size="+size.name, func(b *testing.B) {
			s := register(b, newStream(b, 1, weir.Config{}), 1)
			batchWork(b, s, size.n)(100_000)
			ctx := context.Background()
			runWork(b, size.n, func(n int) {
				for n > 0 {
					sub, err := openSubscription(s, 0, weir.TrimHorizon())
					if err != nil {
						b.Fatal(err)
					}
					for got := 0; n > 0 && got < 100_000; {
						records, err := sub.next(ctx)
						if err != nil {
							b.Fatal(err)
						}
						n, got = n-len(records), got+len(records)
					}
					sub.close()
				}
			})
		})
	}
}

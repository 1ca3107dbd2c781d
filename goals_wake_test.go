package weir_test

import (
	"context"
	"encoding/binary"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirstream/weir"
)

// BenchmarkGoalsWaking compares how long a record takes from a put to a reader
// that waits for it with the same over a Go channel, and what waiting readers
// cost.
func BenchmarkGoalsWaking(b *testing.B) {
	b.Run("goal=12/wake,idle÷channel", func(b *testing.B) { reportWaking(b, 1000, idle) })
	b.Run("goal=13/wake,busy÷channel", func(b *testing.B) { reportWaking(b, 4000, busy) })
	b.Run("goal=14/put÷put-without-check", func(b *testing.B) {
		s := benchStream(b, 8, weir.Config{Settings: weir.Settings{Retention: benchLive}})
		put, check := putWork(b, s, 100), weir.WakeCheck(s)
		var ratios []float64
		for range goalRounds {
			whole, part := perUnit(put, 500_000), perUnit(check, 500_000)
			ratios = append(ratios, whole/(whole-part))
		}
		reportValue(b, 1.05, median(ratios))
	})
	b.Run("goal=15/fan-out16÷1", func(b *testing.B) {
		reportRatio(b, 0.3, fanOutWork(b, 16), fanOutWork(b, 1))
	})
	b.Run("goal=11/put beside replay÷alone", func(b *testing.B) {
		s := benchStream(b, 1, weir.Config{Settings: weir.Settings{Retention: benchLive}})
		reportRatio(b, 1.3, beside(b, s, weir.TrimHorizon(), putWork(b, s, 100)), putWork(b, s, 100))
	})
	b.Run("goal=11/put beside tail÷alone", func(b *testing.B) {
		s := benchStream(b, 1, weir.Config{Settings: weir.Settings{Retention: benchLive}})
		reportRatio(b, 3, beside(b, s, weir.Latest(), putWork(b, s, 100)), putWork(b, s, 100))
	})
}

// BenchmarkGoalsRollOver compares the put in ten thousand that has to begin a
// segment with the same where the segment's memory is zeroed there and then.
func BenchmarkGoalsRollOver(b *testing.B) {
	b.Run("goal=19/p99.99,1M puts/s÷zeroing", func(b *testing.B) {
		const n = 2_000_000
		stream := func() *weir.Stream {
			return benchStream(b, 1, weir.Config{Settings: weir.Settings{Retention: 60 * time.Millisecond}})
		}
		reportPercentiles(b, 0.5, 0.9999,
			func() []time.Duration { return paced(n, putWork(b, stream(), 100)) },
			func() []time.Duration { return paced(n, putWork(b, weir.ZeroArenas(stream()), 100)) })
	})
}

// reportPercentiles takes two latency distributions in turn and reports the
// median ratio of their p-th quantile.
func reportPercentiles(b *testing.B, must, p float64, a, floor func() []time.Duration) {
	b.Helper()
	var ratios, as, fs []float64
	for range goalRounds {
		qa, qf := quantile(a(), p), quantile(floor(), p)
		ratios, as, fs = append(ratios, qa/qf), append(as, qa), append(fs, qf)
	}
	b.ReportMetric(median(ratios), "ratio")
	b.ReportMetric(must, "must")
	b.ReportMetric(median(as), "ns/unit")
	b.ReportMetric(median(fs), "floor-ns/unit")
	b.ReportMetric(0, "ns/op")
}

func quantile(d []time.Duration, p float64) float64 {
	slices.Sort(d)
	return float64(d[int(float64(len(d))*p)])
}

// idle and busy are what a producer does between two records.
func idle() { time.Sleep(100 * time.Microsecond) }

func busy() {
	for begin := time.Now(); time.Since(begin) < 30*time.Microsecond; {
	}
}

// reportWaking hands n records to a waiting reader and n to a goroutine that
// waits on a channel, one after the other so that both meet the same scheduler,
// and reports the ratio of the medians.
func reportWaking(b *testing.B, n int, pause func()) {
	b.Helper()
	var ratios, as, fs []float64
	for range goalRounds {
		stream, channel := wakeLatencies(b, n, pause)
		qa, qf := quantile(stream, 0.5), quantile(channel, 0.5)
		ratios, as, fs = append(ratios, qa/qf), append(as, qa), append(fs, qf)
	}
	b.ReportMetric(median(ratios), "ratio")
	b.ReportMetric(1.2, "must")
	b.ReportMetric(median(as), "ns/unit")
	b.ReportMetric(median(fs), "floor-ns/unit")
	b.ReportMetric(0, "ns/op")
}

// wakeLatencies returns how long n records and n channel messages were under way.
func wakeLatencies(b *testing.B, n int, pause func()) (stream, channel []time.Duration) {
	s, ctx := benchStream(b, 1, weir.Config{}), context.Background()
	reader, err := s.ReadShard("", 0, weir.TrimHorizon())
	if err != nil {
		b.Fatal(err)
	}
	defer reader.Close()
	begin, messages := time.Now(), make(chan time.Duration, n)
	var wg sync.WaitGroup
	wg.Go(func() {
		for len(stream) < n {
			records, _ := reader.Next(ctx)
			now := time.Since(begin)
			for _, r := range records {
				stream = append(stream, now-time.Duration(binary.LittleEndian.Uint64(r.Data)))
			}
		}
	})
	wg.Go(func() {
		for range n {
			sent := <-messages
			channel = append(channel, time.Since(begin)-sent)
		}
	})
	var data [8]byte
	for range n {
		pause()
		binary.LittleEndian.PutUint64(data[:], uint64(time.Since(begin)))
		s.PutRecord(ctx, "k", data[:])
		pause()
		messages <- time.Since(begin)
	}
	wg.Wait()
	return stream, channel
}

// fanOutWork puts records that readers wait for; a unit is one delivery to one
// reader.
func fanOutWork(b *testing.B, readers int) work {
	s := benchStream(b, 1, weir.Config{Settings: weir.Settings{Retention: benchLive * 20}})
	put, ctx := putWork(b, s, 100), context.Background()
	return func(n int) {
		each := (n + readers - 1) / readers
		var wg sync.WaitGroup
		for range readers {
			r, err := s.ReadShard("", 0, weir.Latest())
			if err != nil {
				b.Error(err)
				return
			}
			wg.Go(func() {
				defer r.Close()
				for got := 0; got < each; {
					records, err := r.Next(ctx)
					if err != nil {
						b.Error(err)
						return
					}
					got += len(records)
				}
			})
		}
		put(each)
		wg.Wait()
	}
}

// beside does w while a reader reads the stream again and again, or follows its
// tip.
func beside(b *testing.B, s *weir.Stream, from weir.Position, w work) work {
	return func(n int) {
		var stop atomic.Bool
		var wg sync.WaitGroup
		wg.Go(func() {
			for !stop.Load() {
				r, err := s.ReadShard("", 0, from)
				if err != nil {
					b.Error(err)
					return
				}
				for records, err := r.TryNext(); !stop.Load() && err == nil; records, err = r.TryNext() {
					if len(records) == 0 && from == weir.TrimHorizon() {
						break
					}
				}
				r.Close()
			}
		})
		w(n)
		stop.Store(true)
		wg.Wait()
	}
}

// paced does n units of work at a million a second and returns how long each took.
func paced(n int, w work) []time.Duration {
	taken := make([]time.Duration, n)
	begin := time.Now()
	for i := range taken {
		for due := time.Duration(i) * time.Microsecond; time.Since(begin) < due; {
		}
		at := time.Now()
		w(1)
		taken[i] = time.Since(at)
	}
	return taken
}

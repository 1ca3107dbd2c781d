package weir_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/weirstream/weir"
)

// BenchmarkGoalsFanOut compares subscriptions with bare channels, and many of
// them with one.
//
//	go test -run=- -bench=GoalsFanOut -benchtime=1x .
func BenchmarkGoalsFanOut(b *testing.B) {
	b.Run("wake,idle÷channel", func(b *testing.B) { reportEventWaking(b, 1000, idle) })
	b.Run("wake,busy÷channel", func(b *testing.B) { reportEventWaking(b, 4000, busy) })
	// What 16 subscriptions give out together must be 70 % of what as many as
	// there are processors give out.
	b.Run("16subscriptions÷1 a processor", func(b *testing.B) {
		s := backlogStream(b, 16)
		reportRatio(b, 1/0.7, replayWork(b, s, 16), replayWork(b, s, min(16, runtime.GOMAXPROCS(0))))
	})
	b.Run("subscription÷reader", func(b *testing.B) {
		s := backlogStream(b, 1)
		reportRatio(b, 1.5, replayWork(b, s, 1), readerWork(b, s))
	})
	b.Run("producer with 16 subscriptions÷1", func(b *testing.B) {
		reportRatio(b, 16, subscribedWork(b, 16), subscribedWork(b, 1))
	})
}

// BenchmarkSubscription reads a backlog again and again.
func BenchmarkSubscription(b *testing.B) {
	for _, size := range []int{100, 1 << 10} {
		b.Run(fmt.Sprintf("size=%d", size), func(b *testing.B) {
			s := subscribedStream(b, 1)
			batchWork(b, s, size)(100_000)
			sub := subscribeAgain(b, s, 0)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				if n == 0 {
					ev, ok, err := sub.TryNext()
					if err != nil {
						b.Fatal(err)
					}
					if n = len(ev.Records); !ok || n == 0 {
						sub, n = subscribeAgain(b, s, 0), 1
					}
				}
				n--
			}
		})
	}
}

// subscribedStream returns a stream of one shard with consumers whose limits are
// lifted.
func subscribedStream(b testing.TB, consumers int) *weir.Stream {
	s := benchStream(b, 1, weir.Config{})
	for i := range consumers {
		if _, err := s.RegisterConsumer(b.Context(), fmt.Sprintf("c%d", i)); err != nil {
			b.Fatal(err)
		}
	}
	return s
}

func backlogStream(b *testing.B, consumers int) *weir.Stream {
	s := subscribedStream(b, consumers)
	batchWork(b, s, 100)(500_000)
	return s
}

func subscribeAgain(b testing.TB, s *weir.Stream, consumer int) *weir.Subscription {
	sub, err := s.Subscribe(context.Background(), fmt.Sprintf("c%d", consumer), 0, weir.TrimHorizon())
	if err != nil {
		b.Fatal(err)
	}
	return sub
}

// reportEventWaking reports how long a record takes to a waiting subscription at
// the median, compared with a message over a channel.
func reportEventWaking(b *testing.B, n int, pause func()) {
	var ratios, as, fs []float64
	for range goalRounds {
		events, messages := eventLatencies(b, n, pause)
		qa, qf := quantile(events, 0.5), quantile(messages, 0.5)
		ratios, as, fs = append(ratios, qa/qf), append(as, qa), append(fs, qf)
	}
	b.ReportMetric(median(ratios), "ratio")
	b.ReportMetric(2, "must")
	b.ReportMetric(median(as), "ns/unit")
	b.ReportMetric(median(fs), "floor-ns/unit")
	b.ReportMetric(0, "ns/op")
}

// eventLatencies sends n records to a subscription and n messages over a channel,
// in turn so that both meet the same scheduler, and returns how long each took.
func eventLatencies(b *testing.B, n int, pause func()) (events, messages []time.Duration) {
	s, ctx := subscribedStream(b, 1), context.Background()
	sub, ch := subscribeAgain(b, s, 0), make(chan time.Duration, n)
	defer sub.Close()
	begin := time.Now()
	var wg sync.WaitGroup
	wg.Go(func() {
		for len(events) < n {
			ev, _ := sub.Next(ctx)
			now := time.Since(begin)
			for _, r := range ev.Records {
				events = append(events, now-time.Duration(binary.LittleEndian.Uint64(r.Data)))
			}
		}
	})
	wg.Go(func() {
		for range n {
			sent := <-ch
			messages = append(messages, time.Since(begin)-sent)
		}
	})
	var sent [8]byte
	for range n {
		pause()
		binary.LittleEndian.PutUint64(sent[:], uint64(time.Since(begin)))
		s.PutRecord(ctx, "k", sent[:])
		pause()
		ch <- time.Since(begin)
	}
	wg.Wait()
	return events, messages
}

// replayWork reads 1.6 million records a unit, divided among subscriptions.
func replayWork(b *testing.B, s *weir.Stream, subscriptions int) work {
	const records = 1_600_000
	return func(n int) {
		var wg sync.WaitGroup
		for i := range subscriptions {
			wg.Go(func() { replay(b, s, i, n*records/subscriptions) })
		}
		wg.Wait()
	}
}

// replay reads n records, from the beginning as often as it takes.
func replay(b *testing.B, s *weir.Stream, consumer, n int) {
	sub := subscribeAgain(b, s, consumer)
	for n > 0 {
		ev, ok, err := sub.TryNext()
		if err != nil {
			b.Error(err)
			return
		}
		if n -= len(ev.Records); !ok || len(ev.Records) == 0 {
			sub = subscribeAgain(b, s, consumer)
		}
	}
}

// readerWork is [replayWork] with one Reader.
func readerWork(b *testing.B, s *weir.Stream) work {
	const records = 1_600_000
	return func(n int) {
		for left := n * records; left > 0; {
			r, err := s.ReadShard("", 0, weir.TrimHorizon())
			if err != nil {
				b.Fatal(err)
			}
			batch, err := r.TryNext()
			for ; left > 0 && len(batch) > 0 && err == nil; batch, err = r.TryNext() {
				left -= len(batch)
			}
			r.Close()
		}
	}
}

// subscribedWork puts records in batches while subscriptions wait for them; a
// unit is one record that has come to all.
func subscribedWork(b *testing.B, subscriptions int) work {
	s := benchStream(b, 1, weir.Config{Settings: weir.Settings{Retention: time.Second}})
	for i := range subscriptions {
		if _, err := s.RegisterConsumer(b.Context(), fmt.Sprintf("c%d", i)); err != nil {
			b.Fatal(err)
		}
	}
	put, ctx := batchWork(b, s, 100), context.Background()
	return func(n int) {
		n = (n + 499) / 500 * 500
		var wg sync.WaitGroup
		for i := range subscriptions {
			sub, err := s.Subscribe(ctx, fmt.Sprintf("c%d", i), 0, weir.Latest())
			if err != nil {
				b.Error(err)
				return
			}
			wg.Go(func() {
				defer sub.Close()
				for got := 0; got < n; {
					ev, err := sub.Next(ctx)
					if err != nil {
						b.Error(err)
						return
					}
					got += len(ev.Records)
				}
			})
		}
		put(n)
		wg.Wait()
	}
}

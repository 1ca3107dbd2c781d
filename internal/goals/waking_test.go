package goals_test

import (
	"context"
	"encoding/binary"
	"sync"
	"testing"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/shardlog"
	"github.com/weirstream/weir/internal/wait"
)

// wakingGoals compare how long a record takes from a put to who waits for it
// with the same over a Go channel, and say what those who wait cost.
func wakingGoals() []goal {
	waking := func(open opener, n int, pause func()) func(testing.TB) sample {
		return func(tb testing.TB) (s sample) {
			for range rounds {
				records, messages := latencies(tb, open, n, pause)
				s.add(quantile(records, 0.5), quantile(messages, 0.5))
			}
			return s
		}
	}
	const kept = 20 * live
	readers := func(tb testing.TB, n int) work {
		s := newStream(tb, 1, weir.Config{Settings: weir.Settings{Retention: kept}})
		return deliverWork(tb, s, openReader, n, putWork(tb, s, 100))
	}
	subscriptions := func(tb testing.TB, n int) work {
		s := register(tb, newStream(tb, 1, weir.Config{Settings: weir.Settings{Retention: time.Second}}), n)
		return deliverWork(tb, s, openSubscription, n, batchWork(tb, s, 100))
	}
	return []goal{
		{"12", "wake-up of a Reader, idle producer, p50 ÷ a channel's", 1.2, 0.7, true, waking(openReader, 2000, idle)},
		{"13", "wake-up of a Reader, busy producer, p50 ÷ a channel's", 1.2, 0.15, true, waking(openReader, 4000, busy)},
		{"14", "PutRecord ÷ PutRecord without looking for waiters", 1.05, 1.02, false, func(tb testing.TB) (s sample) {
			const n = 500_000
			put := putWork(tb, newStream(tb, 8, weir.Config{Settings: weir.Settings{Retention: live}}), 100)
			for range rounds {
				whole, look := perUnit(put, n), perUnit(lookForWaiters, n)
				s.add(whole, whole-look)
			}
			return s
		}},
		{"15", "fan-out to 16 readers ÷ to 1, a delivery", 0.3, 0.1, true, func(tb testing.TB) sample {
			return ratios(readers(tb, 16), readers(tb, 1))
		}},
		{"fan-out", "wake-up of a Subscription, idle producer, p50 ÷ a channel's", 2, 0, true, waking(openSubscription, 1000, idle)},
		{"fan-out", "wake-up of a Subscription, busy producer, p50 ÷ a channel's", 2, 0, true, waking(openSubscription, 4000, busy)},
		{"fan-out", "fan-out to 16 subscriptions ÷ to 1, a delivery", 1, 0, true, func(tb testing.TB) sample {
			return ratios(subscriptions(tb, 16), subscriptions(tb, 1))
		}},
	}
}

// waiters are two lists of those who wait, of a shard and of a stream.
var waiters [2]wait.List

// lookForWaiters does what a put does for waiting readers when there are none.
func lookForWaiters(n int) {
	for range n {
		waiters[0].Wake()
		waiters[1].Wake()
	}
}

// idle and busy are what a producer does between two records.
func idle() { time.Sleep(100 * time.Microsecond) }

func busy() {
	for begin := time.Now(); time.Since(begin) < 30*time.Microsecond; {
	}
}

// latencies hands n records to a source that waits and n messages to a
// goroutine that waits on a channel, in turn so that both meet the same
// scheduler, and returns how long each was under way.
func latencies(tb testing.TB, open opener, n int, pause func()) (records, messages []time.Duration) {
	s, ctx := register(tb, newStream(tb, 1, weir.Config{}), 1), context.Background()
	src, err := open(s, 0, weir.TrimHorizon())
	if err != nil {
		tb.Fatal(err)
	}
	defer src.close()
	begin, channel := time.Now(), make(chan time.Duration, n)
	var wg sync.WaitGroup
	wg.Go(func() {
		for len(records) < n {
			list, err := src.next(ctx)
			now := time.Since(begin)
			if err != nil {
				tb.Error(err)
				return
			}
			for _, r := range list {
				records = append(records, now-time.Duration(binary.LittleEndian.Uint64(r.Data)))
			}
		}
	})
	wg.Go(func() {
		for range n {
			sent := <-channel
			messages = append(messages, time.Since(begin)-sent)
		}
	})
	var data [8]byte
	for range n {
		pause()
		binary.LittleEndian.PutUint64(data[:], uint64(time.Since(begin)))
		if _, err := s.PutRecord(ctx, "k", data[:]); err != nil {
			tb.Fatal(err)
		}
		pause()
		channel <- time.Since(begin)
	}
	wg.Wait()
	return records, messages
}

// rollOverGoals compare the append in ten thousand that has to begin a block
// with the same where the block's memory is zeroed there and then.
func rollOverGoals() []goal {
	return []goal{{"19", "p99.99 of an append, a million a second ÷ on zeroed memory", 0.5, 0.25, false, func(testing.TB) (s sample) {
		const n = 1_500_000
		zeroed := func(n int) []byte { return make([]byte, n) }
		for range rounds {
			s.add(quantile(paced(n, logWork(nil)), 0.9999), quantile(paced(n, logWork(zeroed)), 0.9999))
		}
		return s
	}}}
}

// logWork appends records of 100 bytes to a log as a put does, and trims what
// is old.
func logWork(newArena func(int) []byte) work {
	var mu sync.Mutex
	l, data := new(shardlog.Log), make([]byte, 100)
	l.Init(shardlog.Options{NewArena: newArena})
	return func(n int) {
		for i := range n {
			ms := time.Now().UnixMilli()
			mu.Lock()
			l.Append(keys[i%keyCount], data, ms)
			l.Publish()
			l.TrimBlocks(ms - 60)
			mu.Unlock()
		}
	}
}

// paced does n units of work at a million a second and returns how long each
// took.
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

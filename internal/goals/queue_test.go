package goals_test

import (
	"context"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/queue"
)

// queueGoals say what queues cost, their stream and those who put into it.
func queueGoals() []goal {
	return []goal{
		{"Q3", "queue, a million in flight, bytes a record beyond the stream's", 64, 24, false, func(tb testing.TB) sample {
			s := filledStream(tb, inFlight)
			var q *queue.Queue
			bytes := memoryOf(func() func() {
				q = queueOf(tb, s)
				receiveAll(tb, q, inFlight)
				return func() { runtime.KeepAlive(q) }
			})
			return value(bytes / inFlight)
		}},
		{"Q3", "the same, receiving ten, p99 ÷ with none in flight", 3, 1.2, false, func(tb testing.TB) (m sample) {
			full, empty := filledStream(tb, inFlight), filledStream(tb, 0)
			many, none := queueOf(tb, full), queueOf(tb, empty)
			receiveAll(tb, many, inFlight)
			for range rounds {
				m.add(quantile(receives(tb, full, many), 0.99), quantile(receives(tb, empty, none), 0.99))
			}
			return m
		}},
		{"Q4", "PutRecord beside a worker of four queues ÷ beside a spinning goroutine", 1.3, 1.05, true, func(tb testing.TB) sample {
			s := filledStream(tb, inFlight)
			return ratios(besideQueues(tb, s, putWork(tb, s, 100)), besideSpin(putWork(tb, s, 100)))
		}},
		{"Q5", "queue on disk, acknowledging, 64 workers, per record ÷ a sync", 0.1, 0.03, false, func(tb testing.TB) sample {
			return ratios(acknowledgements(tb), syncs(tb))
		}},
	}
}

const inFlight = 1_000_000

func queueOf(tb testing.TB, s *weir.Stream) *queue.Queue {
	q, err := queue.New(s, queue.Config{MaxInFlight: 2 * inFlight, Settings: queue.Settings{Visibility: queue.MaxVisibility}})
	require.NoError(tb, err)
	tb.Cleanup(func() { q.Close() })
	return q
}

// receiveAll receives n records.
func receiveAll(tb testing.TB, q *queue.Queue, n int) {
	for n > 0 {
		list, err := q.Receive(context.Background(), min(n, queue.MaxRequest))
		require.NoError(tb, err)
		n -= len(list)
	}
}

// receives puts ten records, receives them and acknowledges them, many times,
// and returns how long receiving took each time.
func receives(tb testing.TB, s *weir.Stream, q *queue.Queue) (took []time.Duration) {
	ctx, entries := context.Background(), make([]weir.Entry, 10)
	for i := range entries {
		entries[i] = weir.Entry{PartitionKey: keyOf(i), Data: hundredBytes}
	}
	receipts := make([]queue.Receipt, 0, len(entries))
	for range 20_000 {
		_, err := s.PutRecords(ctx, entries)
		require.NoError(tb, err)
		begin := time.Now()
		list, err := q.TryReceive(ctx, len(entries))
		took = append(took, time.Since(begin))
		require.NoError(tb, err)
		require.Len(tb, list, len(entries))
		receipts = receipts[:0]
		for i := range list {
			receipts = append(receipts, list[i].Receipt)
		}
		errs, err := q.Acknowledge(ctx, receipts...)
		require.NoError(tb, err)
		require.Nil(tb, errs)
	}
	return took
}

// besideQueues does w while a worker receives from four queues in turn, ten
// records at a time, and acknowledges. Their stream holds many: a queue that
// comes to the tip begins again.
func besideQueues(tb testing.TB, s *weir.Stream, w work) work {
	var queues [4]*queue.Queue
	ctx, next := context.Background(), 0
	receipts := make([]queue.Receipt, 0, 10)
	return beside(w, func() {
		q := &queues[next%len(queues)]
		next++
		if *q == nil {
			*q = queueOf(tb, s)
		}
		list, err := (*q).TryReceive(ctx, cap(receipts))
		receipts = receipts[:0]
		for i := range list {
			receipts = append(receipts, list[i].Receipt)
		}
		if err == nil {
			_, err = (*q).Acknowledge(ctx, receipts...)
		}
		if err != nil {
			tb.Error(err)
		}
		if len(list) < cap(receipts) {
			*q = nil
		}
	})
}

// acknowledgements acknowledges records of a queue on disk one by one, with 64
// workers. They were received before.
func acknowledgements(tb testing.TB) work {
	const workers = 64
	s, err := weir.Open(filepath.Join(tb.TempDir(), "s"), weir.Config{Shards: 8, Limits: weir.Unlimited()})
	require.NoError(tb, err)
	q := queueOf(tb, s)
	tb.Cleanup(func() { s.Close() })
	ctx := context.Background()
	var ready []queue.Receipt
	receive := func(n int) {
		for len(ready) < n {
			_, err := s.PutCopies(ctx, weir.Entry{PartitionKey: "key", Data: hundredBytes}, queue.MaxRequest)
			require.NoError(tb, err)
			list, err := q.Receive(ctx, queue.MaxRequest)
			require.NoError(tb, err)
			for i := range list {
				ready = append(ready, list[i].Receipt)
			}
		}
	}
	receive(300_000) // so many that this is seldom part of what is measured
	return func(n int) {
		receive(n + workers)
		each := (n + workers - 1) / workers
		var all sync.WaitGroup
		for w := range workers {
			mine := ready[w*each : (w+1)*each]
			all.Go(func() {
				for _, r := range mine {
					if errs, err := q.Acknowledge(ctx, r); err != nil || errs != nil {
						tb.Error(errs, err)
					}
				}
			})
		}
		all.Wait()
		ready = ready[workers*each:]
	}
}

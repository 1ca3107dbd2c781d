package goals_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/lease"
)

// groupGoals say what a group costs beside the readers that it reads with.
func groupGoals() []goal {
	const backlog = 1_000_000
	waking := func(pause func(), n int) func(testing.TB) sample {
		return func(tb testing.TB) (s sample) {
			for range rounds {
				handled, read := groupLatencies(tb, n, pause)
				s.add(quantile(handled, 0.5), quantile(read, 0.5))
			}
			return s
		}
	}
	return []goal{
		{"G1", "group, handler that does nothing ÷ Reader, a backlog", 1.5, 1.1, false, func(tb testing.TB) sample {
			s := filledStream(tb, backlog)
			return ratios(groupWork(tb, s, backlog), backlogWork(tb, s, backlog))
		}},
		{"G1", "the same of 8 shards, processor time", 1.5, 1.1, false, func(tb testing.TB) sample {
			s := newStream(tb, 8, weir.Config{})
			batchWork(tb, s, 100)(backlog)
			return processorRatios(tb, groupWork(tb, s, backlog), backlogWork(tb, s, backlog))
		}},
		{"G2", "put to handler, idle producer, p50 ÷ to a Reader", 1.5, 1.15, true, waking(idle, 2000)},
		{"G2", "put to handler, busy producer, p50 ÷ to a Reader", 1.5, 1.15, true, waking(busy, 4000)},
		{"G3", "64 shards of a worker that ends run at another one after, ms", 10, 1, true, func(tb testing.TB) (s sample) {
			for range rounds {
				s.ratios = append(s.ratios, 1000*takeOver(tb, 64).Seconds())
			}
			return s
		}},
		{"G5", "bytes of a group of 1,000 shards beyond their readers, a shard", 4096, 1024, false, func(tb testing.TB) sample {
			readers := memoryOf(func() func() { return waitingReaders(tb, 1000) })
			group := memoryOf(func() func() { return waitingGroup(tb, 1000) })
			return value((group - readers) / 1000)
		}},
	}
}

// groupOf returns a group of one worker that reads a stream from its beginning.
func groupOf(tb testing.TB, s *weir.Stream, store lease.Store, h consumer.Handler) *consumer.Group {
	g, err := consumer.New(consumer.Config{Name: "goals", Streams: []client.Stream{client.Embedded(s)}, Store: store, Handler: h})
	if err != nil {
		tb.Fatal(err)
	}
	return g
}

// groupWork processes a backlog of so many records from its beginning, each
// time with a new group; a unit is the whole of it.
func groupWork(tb testing.TB, s *weir.Stream, backlog int) work {
	return func(n int) {
		for range n {
			ctx, stop := context.WithCancel(context.Background())
			var left atomic.Int64
			left.Store(int64(backlog))
			g := groupOf(tb, s, new(lease.Memory), func(_ context.Context, b *consumer.Batch) error {
				if left.Add(-int64(len(b.Records))) == 0 {
					stop()
				}
				return nil
			})
			if err := g.Run(ctx); err != nil {
				tb.Error(err)
			}
			stop()
		}
	}
}

// backlogWork reads the same with readers of the whole stream.
func backlogWork(tb testing.TB, s *weir.Stream, backlog int) work {
	ctx := context.Background()
	return func(n int) {
		for range n {
			r, err := s.NewReader("", weir.TrimHorizon())
			if err != nil {
				tb.Fatal(err)
			}
			for left := backlog; left > 0; {
				b, err := r.Next(ctx)
				if err != nil {
					tb.Fatal(err)
				}
				left -= len(b.Records)
			}
			r.Close()
		}
	}
}

// processorRatios is ratios in processor time, for what uses several processors
// on one side only.
func processorRatios(tb testing.TB, w, base work) (s sample) {
	n := max(calibrate(w), calibrate(base))
	taken := func(w work) float64 {
		runtime.GC()
		begin := processorTime(tb)
		w(n)
		return float64(processorTime(tb)-begin) / float64(n)
	}
	w(n)
	base(n)
	for range rounds {
		s.add(taken(w), taken(base))
	}
	return s
}

// groupLatencies puts n records for a group and n for a reader that waits, in
// turn so that both meet the same scheduler, and returns how long each was
// under way.
func groupLatencies(tb testing.TB, n int, pause func()) (handled, read []time.Duration) {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	processed, plain := newStream(tb, 1, weir.Config{}), newStream(tb, 1, weir.Config{})
	begin := time.Now()
	underWay := func(r weir.Record, now time.Duration) time.Duration {
		return now - time.Duration(binary.LittleEndian.Uint64(r.Data))
	}
	r, err := openReader(plain, 0, weir.TrimHorizon())
	if err != nil {
		tb.Fatal(err)
	}
	defer r.close()
	g := groupOf(tb, processed, new(lease.Memory), func(_ context.Context, b *consumer.Batch) error {
		now := time.Since(begin)
		for _, r := range b.Records {
			handled = append(handled, underWay(r, now))
		}
		if len(handled) == n {
			stop()
		}
		return nil
	})
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := g.Run(ctx); err != nil {
			tb.Error(err)
		}
	})
	wg.Go(func() {
		for len(read) < n {
			list, err := r.next(context.Background())
			now := time.Since(begin)
			if err != nil {
				tb.Error(err)
				return
			}
			for _, r := range list {
				read = append(read, underWay(r, now))
			}
		}
	})
	var data [8]byte
	for range n {
		for _, s := range []*weir.Stream{processed, plain} {
			pause()
			binary.LittleEndian.PutUint64(data[:], uint64(time.Since(begin)))
			if _, err := s.PutRecord(context.Background(), "k", data[:]); err != nil {
				tb.Fatal(err)
			}
		}
	}
	wg.Wait()
	return handled, read
}

// takeOver has two workers share so many shards, ends one, and returns how long
// it takes until each of its shards has had a record processed by the other
// one.
func takeOver(tb testing.TB, shards int) time.Duration {
	s, store := newStream(tb, shards, weir.Config{}), new(lease.Memory)
	worker := func(h consumer.Handler) (g *consumer.Group, end func()) {
		g = groupOf(tb, s, store, h)
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- g.Run(ctx) }()
		return g, sync.OnceFunc(func() {
			stop()
			if err := <-done; err != nil {
				tb.Error(err)
			}
		})
	}
	var seen sync.Map
	var left atomic.Int64
	left.Store(int64(shards))
	all := make(chan time.Time, 1)
	a, endA := worker(func(context.Context, *consumer.Batch) error { return nil })
	defer endA()
	b, endB := worker(func(_ context.Context, b *consumer.Batch) error {
		if string(b.Records[0].Data) == "after" {
			if _, before := seen.LoadOrStore(b.Shard, true); !before && left.Add(-1) == 0 {
				all <- time.Now()
			}
		}
		return nil
	})
	defer endB()
	for len(a.Metrics().Shards) != shards/2 || len(b.Metrics().Shards) != shards/2 {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(10 * time.Millisecond)
	begin := time.Now()
	endA()
	for _, sh := range s.Shards() {
		e := weir.Entry{ExplicitHashKey: &sh.HashKeyRange.Start, PartitionKey: "k", Data: []byte("after")}
		if _, err := s.PutRecords(context.Background(), []weir.Entry{e}); err != nil {
			tb.Fatal(err)
		}
	}
	return (<-all).Sub(begin)
}

// memoryOf returns how many bytes of heap and stacks something takes. end ends
// it.
func memoryOf(open func() (end func())) float64 {
	before := heapNow()
	end := open()
	after := heapNow()
	end()
	return float64(after.HeapAlloc+after.StackInuse) - float64(before.HeapAlloc+before.StackInuse)
}

// waitingReaders puts a record into each of so many shards, and has a reader
// and a goroutine for each, which have read it and wait for more.
func waitingReaders(tb testing.TB, shards int) (end func()) {
	s := oneEach(tb, shards)
	ctx, stop := context.WithCancel(context.Background())
	var all, read sync.WaitGroup
	read.Add(shards)
	for i := range shards {
		all.Go(func() {
			r, err := s.NewReader("", weir.TrimHorizon().In(weir.ShardID(i)))
			if err != nil {
				tb.Error(err)
				read.Done()
				return
			}
			defer r.Close()
			for _, err := r.Next(ctx); err == nil; _, err = r.Next(ctx) {
				read.Done()
			}
		})
	}
	read.Wait()
	return func() { stop(); all.Wait() }
}

// waitingGroup does it with a group.
func waitingGroup(tb testing.TB, shards int) (end func()) {
	s := oneEach(tb, shards)
	ctx, stop := context.WithCancel(context.Background())
	var all, read sync.WaitGroup
	read.Add(shards)
	g := groupOf(tb, s, new(lease.Memory), func(context.Context, *consumer.Batch) error {
		read.Done()
		return nil
	})
	all.Go(func() {
		if err := g.Run(ctx); err != nil {
			tb.Error(err)
		}
	})
	read.Wait()
	for unwritten := true; unwritten; {
		time.Sleep(10 * time.Millisecond)
		unwritten = false
		for _, sh := range g.Metrics().Shards {
			unwritten = unwritten || sh.Unwritten
		}
	}
	return func() { stop(); all.Wait() }
}

// oneEach returns a stream of so many shards with a record in each.
func oneEach(tb testing.TB, shards int) *weir.Stream {
	s := newStream(tb, shards, weir.Config{})
	for i, sh := range s.Shards() {
		e := weir.Entry{ExplicitHashKey: &sh.HashKeyRange.Start, PartitionKey: fmt.Sprint(i), Data: make([]byte, 100)}
		if _, err := s.PutRecords(context.Background(), []weir.Entry{e}); err != nil {
			tb.Fatal(err)
		}
	}
	return s
}

package goals_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirstream/weir"
)

const (
	keyCount = 4096
	live     = 15 * time.Millisecond // retention that keeps some MiB a shard
)

// keys are partition keys of 16 bytes.
var keys = func() (keys [keyCount]string) {
	for i := range keys {
		keys[i] = fmt.Sprintf("user-%011d", i*7919)
	}
	return keys
}()

// newStream returns a stream without limits.
func newStream(tb testing.TB, shards int, c weir.Config) *weir.Stream {
	c.Shards = shards
	c.Limits = weir.Unlimited()
	return limitedStream(tb, c)
}

func limitedStream(tb testing.TB, c weir.Config) *weir.Stream {
	s, err := weir.NewStream("bench", c)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// filledStream returns a stream of one shard that holds n records of 100 bytes.
func filledStream(tb testing.TB, n int) *weir.Stream {
	s := newStream(tb, 1, weir.Config{})
	batchWork(tb, s, 100)(n)
	return s
}

// putWork puts records of size bytes, one by one.
func putWork(tb testing.TB, s *weir.Stream, size int) work {
	ctx, data := context.Background(), make([]byte, size)
	return func(n int) {
		for i := range n {
			if _, err := s.PutRecord(ctx, keys[i%keyCount], data); err != nil {
				tb.Error(err)
				return
			}
		}
	}
}

// batchWork puts records of size bytes in batches of 500; a unit is one record.
func batchWork(tb testing.TB, s *weir.Stream, size int) work {
	const batch = 500
	ctx, data := context.Background(), make([]byte, size)
	entries := make([]weir.Entry, batch)
	next := 0
	return func(n int) {
		for range (n + batch - 1) / batch {
			for i := range entries {
				entries[i] = weir.Entry{PartitionKey: keys[next%keyCount], Data: data}
				next++
			}
			if _, err := s.PutRecords(ctx, entries); err != nil {
				tb.Error(err)
				return
			}
		}
	}
}

// copiesWork puts copies of a record of 1 KiB, n at a time; a unit is one
// record.
func copiesWork(tb testing.TB, s *weir.Stream, n int) work {
	ctx, e := context.Background(), weir.Entry{PartitionKey: keys[0], Data: make([]byte, 1024-len(keys[0]))}
	return func(units int) {
		for range (units + n - 1) / n {
			if _, err := s.PutCopies(ctx, e, n); err != nil {
				tb.Error(err)
				return
			}
		}
	}
}

// readWork reads a shard from end to end, again and again, in batches of 10,000
// into a slice of its own, and shows them to use.
func readWork(tb testing.TB, s *weir.Stream, use func([]weir.Record)) work {
	ctx := context.Background()
	first := iterator(tb, s, weir.TrimHorizon())
	var buf []weir.Record
	it := first
	return func(n int) {
		for read := 0; read < n; read += len(buf) {
			batch, err := s.AppendRecords(ctx, buf[:0], it, 10_000)
			if err != nil {
				tb.Error(err)
				return
			}
			buf, it = batch.Records, batch.Next
			use(buf)
			if batch.Behind == 0 {
				it = first
			}
		}
	}
}

func iterator(tb testing.TB, s *weir.Stream, from weir.Position) weir.Iterator {
	it, err := s.Iterator(context.Background(), 0, from)
	if err != nil {
		tb.Fatal(err)
	}
	return it
}

// A source gives out the records of a shard as they come. Both a reader and the
// subscription of a registered consumer are one.
type source interface {
	next(ctx context.Context) ([]weir.Record, error) // waits for some
	tryNext() ([]weir.Record, error)                 // none at the tip
	close()
}

type readerSource struct{ *weir.Reader }

func (r readerSource) next(ctx context.Context) ([]weir.Record, error) {
	b, err := r.Next(ctx)
	return b.Records, err
}

func (r readerSource) tryNext() ([]weir.Record, error) {
	b, err := r.TryNext()
	return b.Records, err
}

func (r readerSource) close() { r.Close() }

type subscriptionSource struct{ *weir.Subscription }

func (s subscriptionSource) next(ctx context.Context) ([]weir.Record, error) {
	ev, err := s.Next(ctx)
	return ev.Records, err
}

func (s subscriptionSource) tryNext() ([]weir.Record, error) {
	ev, _, err := s.TryNext()
	return ev.Records, err
}

func (s subscriptionSource) close() { s.Close() }

// An opener opens the i-th source of a stream.
type opener func(s *weir.Stream, i int, from weir.Position) (source, error)

func openReader(s *weir.Stream, _ int, from weir.Position) (source, error) {
	r, err := s.NewReader("", from.In(0))
	return readerSource{r}, err
}

// openSubscription needs a stream that [register] has been called for.
func openSubscription(s *weir.Stream, i int, from weir.Position) (source, error) {
	sub, err := s.Subscribe(context.Background(), consumerName(i), 0, from)
	return subscriptionSource{sub}, err
}

func consumerName(i int) string { return fmt.Sprintf("c%d", i) }

// register registers so many consumers.
func register(tb testing.TB, s *weir.Stream, consumers int) *weir.Stream {
	for i := range consumers {
		if _, err := s.RegisterConsumer(context.Background(), consumerName(i)); err != nil {
			tb.Fatal(err)
		}
	}
	return s
}

// deliverWork puts records that sources wait for; a unit is one record that has
// come to one of them.
func deliverWork(tb testing.TB, s *weir.Stream, open opener, sources int, put work) work {
	ctx := context.Background()
	return func(n int) {
		each := (n + sources - 1) / sources
		each = (each + 499) / 500 * 500 // whole batches
		var wg sync.WaitGroup
		for i := range sources {
			src, err := open(s, i, weir.Latest())
			if err != nil {
				tb.Error(err)
				return
			}
			wg.Go(func() {
				defer src.close()
				for got := 0; got < each; {
					records, err := src.next(ctx)
					if err != nil {
						tb.Error(err)
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

// replayWork reads a backlog from its beginning as often as it takes, by
// several sources at a time; a unit is 1.6 million records that they gave out
// together, so that to open the sources weighs nothing.
func replayWork(tb testing.TB, s *weir.Stream, open opener, sources int) work {
	const unit = 1_600_000
	return func(n int) {
		var wg sync.WaitGroup
		for i := range sources {
			wg.Go(func() {
				for left := n * unit / sources; left > 0; {
					src, err := open(s, i, weir.TrimHorizon())
					if err != nil {
						tb.Error(err)
						return
					}
					for left > 0 {
						records, err := src.tryNext()
						if err != nil || len(records) == 0 {
							break
						}
						left -= len(records)
					}
					src.close()
				}
			})
		}
		wg.Wait()
	}
}

// besideReplay does w while the stream's first shard is read from end to end,
// again and again, into one slice.
func besideReplay(tb testing.TB, s *weir.Stream, w work) work {
	read := readWork(tb, s, leave)
	return beside(w, func() { read(1) })
}

// besideTail does w while a reader follows the tip of the stream's first shard.
func besideTail(tb testing.TB, s *weir.Stream, w work) work {
	return func(n int) {
		r, err := openReader(s, 0, weir.Latest())
		if err != nil {
			tb.Error(err)
			return
		}
		defer r.close()
		beside(w, func() {
			if _, err := r.tryNext(); err != nil {
				tb.Error(err)
			}
		})(n)
	}
}

// besideSpin does w while a goroutine uses another processor and touches no
// memory: the base of what uses two processors. On a machine that does nothing
// else, w takes as long as alone. Where something else runs too, or two
// processors are all there are for two goroutines and the garbage collector,
// both sides of a ratio have to share alike.
func besideSpin(w work) work { return beside(w, func() {}) }

// beside does w while another goroutine does f again and again.
func beside(w work, f func()) work {
	return func(n int) {
		var stop atomic.Bool
		var wg sync.WaitGroup
		wg.Go(func() {
			for !stop.Load() {
				f()
			}
		})
		w(n)
		stop.Store(true)
		wg.Wait()
	}
}

// parallel divides units among workers that run at once.
func parallel(workers int, each func() work) work {
	return func(n int) {
		var wg sync.WaitGroup
		for range workers {
			wg.Go(func() { each()((n + workers - 1) / workers) })
		}
		wg.Wait()
	}
}

// coarseClock returns a clock that is set every millisecond.
func coarseClock() (now func() time.Time, stop func()) {
	var current atomic.Pointer[time.Time]
	begin := time.Now()
	current.Store(&begin)
	done := make(chan struct{})
	go func() {
		for tick := time.NewTicker(time.Millisecond); ; {
			select {
			case t := <-tick.C:
				current.Store(&t)
			case <-done:
				tick.Stop()
				return
			}
		}
	}()
	return func() time.Time { return *current.Load() }, func() { close(done) }
}

func heapNow() runtime.MemStats {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m
}

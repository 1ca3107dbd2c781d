package producer_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/producer"
)

var (
	stresses   = flag.Int("stresses", 40, "how many producers are stressed")
	stressSeed = flag.Uint64("stress-seed", uint64(time.Now().UnixNano()), "of the first producer that is stressed; each next one has the next seed")
)

// Many goroutines put, flush, give up and close while calls fail and shards
// change: each record that was taken in has one outcome when Close returns, and
// what was delivered can be read.
func TestProducer_stressed(t *testing.T) {
	t.Log("seed", *stressSeed)
	for i := range *stresses {
		seed := *stressSeed + uint64(i)
		synctest.Test(t, func(t *testing.T) { stress(t, seed) })
		if t.Failed() {
			t.Fatalf("-stress-seed=%d -stresses=1", seed)
		}
	}
}

// A ledger notes of each record how often its outcome was told, and with which
// error the last time.
type ledger struct {
	mu    sync.Mutex
	taken map[string]bool
	told  map[string][]error
}

// dice are those of several goroutines.
type dice struct {
	mu     sync.Mutex
	random *rand.Rand
}

func (d *dice) float() float64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.random.Float64()
}

func (d *dice) upTo(most time.Duration) time.Duration {
	return time.Duration(d.float() * float64(most))
}

func stress(t *testing.T, seed uint64) {
	d := &dice{random: rand.New(rand.NewPCG(seed, 0))}
	limits := weir.Unlimited()
	if d.float() < 0.5 {
		limits.WriteRecordsPerSecond = 500
	}
	s := newStream(t, weir.Config{Shards: 1 + int(4*d.float()), Limits: limits})
	var to client.Stream = client.Embedded(s)
	if d.float() < 0.8 {
		to = &flaky{Stream: to, hook: faults(s, d)}
	}
	p, err := producer.New(producer.Config{
		Stream: to, Aggregate: d.float() < 0.5, Ordered: d.float() < 0.5, RefuseFull: d.float() < 0.2, Linger: d.upTo(200 * time.Millisecond),
		RecordBytes: 1000, MaxBytes: 4000 + int64(200_000*d.float()), TTL: time.Second + d.upTo(10*time.Second), Timeout: time.Second,
		Backoff: 10 * time.Millisecond, Calls: 1 + int(4*d.float()), Random: rand.NewPCG(seed, 1),
	})
	require.NoError(t, err)
	l := &ledger{taken: map[string]bool{}, told: map[string][]error{}}
	over := make(chan struct{})
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() { l.put(t, p, d, fmt.Sprint("goroutine ", g), over) })
	}
	all.Go(func() {
		for !isClosed(over) {
			ctx, stop := context.WithTimeout(t.Context(), d.upTo(3*time.Second))
			_ = p.Flush(ctx)
			stop()
			_, err := s.Resize(t.Context(), 1+int(5*d.float()))
			assert.NoError(t, err)
			time.Sleep(d.upTo(time.Second))
		}
	})
	time.Sleep(d.upTo(5 * time.Second))
	ctx, stop := context.WithTimeout(t.Context(), d.upTo(5*time.Second))
	defer stop()
	for range 2 { // who comes second waits, or gives up
		all.Go(func() { _ = p.Close(ctx) })
	}
	synctest.Wait()
	require.NoError(t, p.Close(context.Background()))
	m := p.Metrics() // what waits to be taken in may be refused still
	close(over)
	all.Wait()
	l.check(t, m)
	stored := map[string]bool{}
	for _, data := range readAll(t, s) {
		stored[strings.TrimSpace(data)] = true
	}
	for _, id := range l.delivered() {
		assert.True(t, stored[id], id)
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// faults makes some calls slow, fail before or after they are stored, or hang.
func faults(s *weir.Stream, d *dice) func(context.Context, int, []weir.Entry) ([]weir.PutResult, error, bool) {
	return func(ctx context.Context, _ int, entries []weir.Entry) ([]weir.PutResult, error, bool) {
		time.Sleep(d.upTo(100 * time.Millisecond))
		switch x := d.float(); {
		case x < 0.1:
			return nil, errors.New("connection refused"), true
		case x < 0.2:
			_, _ = s.PutRecords(ctx, entries)
			return nil, errors.New("connection reset"), true
		case x < 0.25:
			<-ctx.Done()
			return nil, ctx.Err(), true
		case x < 0.26:
			return []weir.PutResult{}, nil, true
		}
		return nil, nil, false
	}
}

// put puts records until it is over.
func (l *ledger) put(t *testing.T, p *producer.Producer, d *dice, name string, over <-chan struct{}) {
	for i := 0; !isClosed(over); i++ {
		id := fmt.Sprint(name, ", record ", i)
		e := weir.Entry{PartitionKey: fmt.Sprint("key-", i%7), Data: []byte(id)}
		if d.float() < 0.05 {
			e.Data = append(e.Data, strings.Repeat(" ", 800)...)
		}
		ctx, stop := context.WithTimeout(t.Context(), d.upTo(5*time.Second))
		err := p.PutAsync(ctx, e, func(o producer.Outcome) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.told[id] = append(l.told[id], o.Err)
		})
		stop()
		l.mu.Lock()
		l.taken[id] = err == nil
		l.mu.Unlock()
		if d.float() < 0.2 || err != nil {
			time.Sleep(d.upTo(100 * time.Millisecond))
		}
	}
}

// check checks that each record that was taken in has one outcome, and no other
// has one.
func (l *ledger) check(t *testing.T, m producer.Metrics) {
	taken := 0
	for id, was := range l.taken {
		if n := len(l.told[id]); was && n != 1 || !was && n != 0 {
			t.Errorf("%s: taken in %t, told %d times", id, was, n)
		}
		if was {
			taken++
		}
	}
	assert.EqualValues(t, m.Taken, taken)
	assert.Equal(t, m.Taken, m.Delivered+m.Failed)
	assert.Zero(t, m.Records)
	assert.Zero(t, m.Bytes)
}

// delivered returns the data of the records that were.
func (l *ledger) delivered() (list []string) {
	for id, errs := range l.told {
		if errs[0] == nil {
			list = append(list, id)
		}
	}
	return list
}

// Who is given room at the moment in which its context ends, or the producer is
// closed, takes in its record and is told the outcome, or gives the room back.
func TestProducer_roomThatComesTooLate(t *testing.T) {
	for name, late := range map[string]func(p *producer.Producer, cancel func()){
		"for the context": func(_ *producer.Producer, cancel func()) { cancel() },
		"for the producer": func(p *producer.Producer, _ func()) {
			go func() { _ = p.Close(context.Background()) }()
		},
	} {
		t.Run(name, func(t *testing.T) {
			var taken, refused int
			for range 1000 {
				s := free(t, 1)
				p, err := producer.New(producer.Config{Stream: client.Embedded(s), RecordBytes: 100, MaxBytes: 968, Linger: time.Microsecond})
				require.NoError(t, err)
				ctx, cancel := context.WithCancel(t.Context())
				require.NoError(t, p.PutAsync(ctx, entry("k", strings.Repeat("x", 99)), func(producer.Outcome) { late(p, cancel) }))
				told := 0
				err = p.PutAsync(ctx, entry("k", strings.Repeat("y", 99)), func(producer.Outcome) { told++ })
				require.NoError(t, p.Close(context.Background()))
				if err == nil {
					taken++
					require.Equal(t, 1, told)
				} else {
					refused++
					require.Zero(t, told)
				}
				require.Zero(t, p.Metrics().Bytes)
				cancel()
			}
			t.Log(taken, "taken in,", refused, "refused")
		})
	}
}

// What is counted against the bound is what the heap has, with calls under way,
// and with records that have failed again and again.
func TestProducer_memoryIsWithinTheBound(t *testing.T) {
	for _, packed := range []bool{false, true} {
		for _, size := range []int{10, 100, 10_000} {
			for _, failures := range []int64{0, 6} {
				t.Run(fmt.Sprintf("aggregate=%t/size=%d/failures=%d", packed, size, failures), func(t *testing.T) {
					held(t, packed, size, failures)
				})
			}
		}
	}
}

func held(t *testing.T, packed bool, size int, failures int64) {
	const most = 16 << 20
	gate, under := make(chan struct{}), make(chan struct{}, 1)
	var p *producer.Producer
	s := &flaky{Stream: client.Embedded(free(t, 1)), hook: func(_ context.Context, _ int, entries []weir.Entry) ([]weir.PutResult, error, bool) {
		if m := p.Metrics(); m.Throttled < failures*m.Taken {
			results := make([]weir.PutResult, len(entries))
			for i := range results {
				results[i].Err = &weir.LimitError{Quota: weir.QuotaWriteBytes, Stream: "orders", RetryAfter: time.Second}
			}
			return results, nil, true
		}
		select {
		case under <- struct{}{}:
		default:
		}
		<-gate
		return nil, errors.New("not now"), true
	}}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	p, err := producer.New(producer.Config{
		Stream: s, Aggregate: packed, MaxBytes: most, RecordBytes: 20_000, RefuseFull: true, Rate: -1, Timeout: -1,
		TTL: time.Hour, Backoff: time.Microsecond, MaxBackoff: time.Millisecond, Linger: time.Millisecond,
	})
	require.NoError(t, err)
	var failed atomic.Int64
	for err == nil {
		e := weir.Entry{PartitionKey: fmt.Sprint("key ", size%7), Data: make([]byte, size)}
		err = p.PutAsync(t.Context(), e, func(producer.Outcome) { failed.Add(1) })
	}
	require.ErrorIs(t, err, producer.ErrFull)
	<-under
	runtime.GC()
	runtime.ReadMemStats(&after)
	m := p.Metrics()
	heap := int64(after.HeapAlloc) - int64(before.HeapAlloc)
	t.Logf("%d records, %d bytes counted, %d bytes of heap", m.Records, m.Bytes, heap)
	assert.LessOrEqual(t, m.Bytes, int64(most))
	assert.Greater(t, m.Bytes, int64(most*9/10))
	const rounding = most / 8 // of sizes, by the allocator
	assert.Less(t, heap, int64(most+rounding+1<<20), "and what does not depend on records")
	close(gate)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	require.Error(t, p.Close(ctx))
	assert.Equal(t, m.Records, int(failed.Load()))
}

package producer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
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

func TestProducer_putsAndTellsTheOutcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := free(t, 4)
		p := newProducer(t, producer.Config{Stream: client.Embedded(s)})
		o, err := p.Put(t.Context(), entry("a", "hello"))
		require.NoError(t, err)
		assert.Equal(t, s.ShardOf("a"), o.ShardID)
		assert.Equal(t, o.ShardID, o.SequenceNumber.Shard())
		assert.Equal(t, []producer.Attempt{{Began: time.Now()}}, o.Attempts)
		assert.False(t, o.Aggregated)
		assert.Equal(t, []string{"hello"}, readAll(t, s))
		m := p.Metrics()
		assert.Equal(t, [4]int64{1, 1, 1, 1}, [4]int64{m.Taken, m.Delivered, m.Put, m.Entries})
	})
}

// While one call is under way the next one's records come together.
func TestProducer_batchesWhatComesMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &flaky{Stream: client.Embedded(free(t, 1)), hook: func(context.Context, int, []weir.Entry) ([]weir.PutResult, error, bool) {
			time.Sleep(10 * time.Millisecond)
			return nil, nil, false
		}}
		p := newProducer(t, producer.Config{Stream: s, Linger: -1, Calls: 1, Rate: -1})
		for i := range 1200 {
			require.NoError(t, p.PutAsync(t.Context(), entry("k", fmt.Sprint(i)), nil))
		}
		synctest.Wait()
		require.NoError(t, p.Flush(t.Context()))
		assert.LessOrEqual(t, p.Metrics().Put, int64(4))
	})
}

// Records of many goroutines, over splits and merges: all are there once, and
// those of each goroutine in their order.
func TestProducer_overReshards(t *testing.T) {
	for _, c := range []producer.Config{{}, {Aggregate: true}, {Ordered: true}, {Ordered: true, Aggregate: true, Calls: 4, Linger: 10 * time.Millisecond}} {
		t.Run(fmt.Sprintf("aggregate=%t/ordered=%t", c.Aggregate, c.Ordered), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { overReshards(t, c) })
		})
	}
}

func overReshards(t *testing.T, c producer.Config) {
	s := free(t, 2)
	c.Stream, c.MaxBytes, c.RecordBytes = client.Embedded(s), 3<<20, 1<<20
	p := newProducer(t, c)
	const producers, each = 8, 2000
	var all, resharding sync.WaitGroup
	for g := range producers {
		all.Go(func() {
			for i := range each {
				assert.NoError(t, p.PutAsync(t.Context(), entry(fmt.Sprint("producer ", g), fmt.Sprint(g*each+i)),
					func(o producer.Outcome) { assert.NoError(t, o.Err) }))
				if i%10 == 9 {
					time.Sleep(time.Duration(10+g) * time.Millisecond)
				}
			}
		})
	}
	var stop atomic.Bool
	resharding.Go(func() {
		random := rand.New(rand.NewPCG(1, 1))
		for !stop.Load() {
			_, err := s.Resize(t.Context(), 1+random.IntN(6))
			assert.NoError(t, err)
			time.Sleep(time.Duration(random.IntN(400)) * time.Millisecond)
		}
	})
	all.Wait()
	stop.Store(true)
	resharding.Wait()
	require.NoError(t, p.Flush(t.Context()))
	list := readAll(t, s)
	assert.Equal(t, slices.Sorted(slices.Values(numbers(producers*each))), slices.Sorted(slices.Values(list)), "each once")
	if !c.Aggregate || c.Ordered {
		inOrder(t, list, each)
	}
	m := p.Metrics()
	assert.Equal(t, int64(producers*each), m.Delivered)
	if c.Aggregate {
		assert.Greater(t, m.RecordsAnAggregate(), 2.0)
		assert.Positive(t, m.Mispredicted)
	}
}

// inOrder checks that the numbers of each goroutine, which have so many each,
// rise.
func inOrder(t *testing.T, list []string, each int) {
	newest := map[int]int{}
	for _, text := range list {
		var n int
		fmt.Sscan(text, &n)
		if last, ok := newest[n/each]; ok && last >= n {
			require.Fail(t, "out of order", "%d after %d", n, last)
		}
		newest[n/each] = n
	}
}

func TestProducer_waitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		s := &flaky{Stream: client.Embedded(free(t, 1)), hook: func(context.Context, int, []weir.Entry) ([]weir.PutResult, error, bool) {
			<-gate
			return nil, nil, false
		}}
		p := newProducer(t, producer.Config{Stream: s, Linger: -1, RecordBytes: 1000, MaxBytes: 3500, Timeout: -1})
		big := entry("k", strings.Repeat("x", 900))
		require.NoError(t, p.PutAsync(t.Context(), big, nil))
		synctest.Wait() // it is part of a call
		require.NoError(t, p.PutAsync(t.Context(), big, nil))

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		err := p.PutAsync(ctx, big, nil)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, time.Second, time.Since(began))

		var order []int
		var mu sync.Mutex
		var all sync.WaitGroup
		for i := range 3 {
			all.Go(func() {
				assert.NoError(t, p.PutAsync(t.Context(), big, func(producer.Outcome) {
					mu.Lock()
					defer mu.Unlock()
					order = append(order, i)
				}))
			})
			synctest.Wait()
		}
		small := make(chan error, 1)
		go func() { small <- p.PutAsync(t.Context(), entry("k", "small"), nil) }()
		synctest.Wait()
		assert.Empty(t, small, "it would fit, but others wait")
		assert.LessOrEqual(t, p.Metrics().Bytes, int64(3500))
		for range 5 { // one call after the other, so that one after the other has room
			gate <- struct{}{}
			synctest.Wait()
		}
		close(gate)
		all.Wait()
		require.NoError(t, <-small)
		require.NoError(t, p.Flush(t.Context()))
		assert.Equal(t, []int{0, 1, 2}, order)
	})
}

func TestProducer_refusesWhenFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		s := &flaky{Stream: client.Embedded(free(t, 1)), hook: func(context.Context, int, []weir.Entry) ([]weir.PutResult, error, bool) {
			<-gate
			return nil, nil, false
		}}
		p := newProducer(t, producer.Config{Stream: s, RecordBytes: 1000, MaxBytes: 3000, RefuseFull: true})
		n, err := 0, error(nil)
		for ; err == nil; n++ {
			err = p.PutAsync(t.Context(), entry("k", strings.Repeat("x", 87)), nil)
		}
		require.ErrorIs(t, err, producer.ErrFull)
		assert.EqualError(t, err, "producer: the buffer is full: 2568 of 3000 bytes are held, the record takes 856")
		assert.Equal(t, 4, n)
		close(gate)
	})
}

func TestProducer_lingers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProducer(t, producer.Config{Stream: client.Embedded(free(t, 1)), Linger: 20 * time.Millisecond})
		for range 2 {
			began := time.Now()
			o, err := p.Put(t.Context(), entry("k", ""))
			require.NoError(t, err)
			assert.Equal(t, 20*time.Millisecond, time.Since(began))
			assert.Equal(t, 20*time.Millisecond, o.Took)
		}
		began := time.Now()
		require.NoError(t, p.PutAsync(t.Context(), entry("k", ""), nil))
		require.NoError(t, p.Flush(t.Context()))
		assert.Zero(t, time.Since(began))
	})
}

// A call that does not return is given up, and its records are put again.
func TestProducer_givesUpCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &flaky{Stream: client.Embedded(free(t, 1)), hook: func(ctx context.Context, call int, _ []weir.Entry) ([]weir.PutResult, error, bool) {
			if call <= 2 {
				<-ctx.Done()
				return nil, ctx.Err(), true
			}
			return nil, nil, false
		}}
		p := newProducer(t, producer.Config{Stream: s, Timeout: time.Second, Linger: -1})
		o, err := p.Put(t.Context(), entry("k", "x"))
		require.NoError(t, err)
		require.Len(t, o.Attempts, 3)
		for i, code := range []string{"Timeout", "Timeout", ""} {
			assert.Equal(t, code, o.Attempts[i].Code)
		}
		assert.Equal(t, time.Second, o.Attempts[0].Took)
		assert.ErrorIs(t, o.Attempts[0].Err(), context.DeadlineExceeded)
		assert.Equal(t, int64(2), p.Metrics().Retries)
	})
}

func TestProducer_failsLoudlyIfTheAnswerIsNotOneForTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &flaky{Stream: client.Embedded(free(t, 1)), hook: func(ctx context.Context, call int, entries []weir.Entry) ([]weir.PutResult, error, bool) {
			return make([]weir.PutResult, len(entries)+1), nil, true
		}}
		var log lines
		p := newProducer(t, producer.Config{Stream: s, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		var d diary
		for range 3 {
			require.NoError(t, p.PutAsync(t.Context(), entry("k", "x"), d.note))
		}
		require.NoError(t, p.Flush(t.Context()))
		require.Len(t, d.all(), 3)
		for _, o := range d.all() {
			require.ErrorIs(t, o.Err, producer.ErrMismatch)
			assert.ErrorContains(t, o.Err, "4 for 3 records")
			assert.Equal(t, "RecordCountMismatch", o.Attempts[0].Code)
		}
		assert.Equal(t, 1, strings.Count(log.String(), "level=ERROR"))
		assert.Equal(t, int64(1), p.Metrics().Mismatches)
	})
}

func TestProducer_expires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limits := weir.Unlimited()
		s := newStream(t, weir.Config{Limits: limits, MaxBytes: 1 << 20})
		p := newProducer(t, producer.Config{Stream: client.Embedded(s), TTL: 3 * time.Second})
		for {
			if _, err := s.PutRecord(t.Context(), "k", make([]byte, 1000)); err != nil {
				require.ErrorIs(t, err, weir.ErrMemoryFull)
				break
			}
		}
		o, err := p.Put(t.Context(), weir.Entry{PartitionKey: "late", Data: make([]byte, 1000)})
		require.ErrorIs(t, err, producer.ErrExpired)
		require.ErrorIs(t, err, weir.ErrMemoryFull)
		var e *producer.Error
		require.ErrorAs(t, err, &e)
		assert.Equal(t, "late", e.Key)
		assert.Len(t, o.Attempts, 4, "the first three and the last")
		assert.Equal(t, "MemoryFull", o.Attempts[0].Code)
		assert.LessOrEqual(t, o.Took, 3*time.Second)
		assert.Greater(t, e.Attempts, 3)
	})
}

func TestProducer_refusesWhatNoStreamTakes(t *testing.T) {
	s := free(t, 1)
	p := newProducer(t, producer.Config{Stream: client.Embedded(s), RecordBytes: 100})
	for _, row := range []struct {
		e    weir.Entry
		is   error
		says string
	}{
		{entry("", "x"), weir.ErrInvalidArgument, "partition key: has 0 characters; 1 to 256 are allowed"},
		{entry(strings.Repeat("k", 257), "x"), weir.ErrInvalidArgument, "record: data and partition key have 258 bytes; at most 100 are allowed"},
		{entry("\xff", "x"), weir.ErrInvalidArgument, `partition key: "\xff" is not UTF-8`},
		{weir.Entry{PartitionKey: "k", Data: make([]byte, 100)}, producer.ErrTooLarge, "record: data and partition key have 101 bytes; at most 100 are allowed"},
	} {
		_, err := p.Put(t.Context(), row.e)
		require.ErrorIs(t, err, row.is)
		require.ErrorIs(t, err, weir.ErrInvalidArgument)
		assert.EqualError(t, err, row.says)
	}
	_, err := p.Put(t.Context(), weir.Entry{PartitionKey: "é", Data: make([]byte, 98)})
	require.NoError(t, err)
	//lint:ignore SA1012 it must not panic
	require.ErrorIs(t, p.PutAsync(nil, entry("k", ""), nil), weir.ErrInvalidArgument)
	ended, stop := context.WithCancel(t.Context())
	stop()
	require.ErrorIs(t, p.PutAsync(ended, entry("k", ""), nil), context.Canceled)
	assert.Equal(t, int64(1), p.Metrics().Taken)
}

func TestProducer_closes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := free(t, 1)
		p := newProducer(t, producer.Config{Stream: client.Embedded(s), Linger: time.Minute})
		var d diary
		for range 10 {
			require.NoError(t, p.PutAsync(t.Context(), entry("k", "x"), d.note))
		}
		began := time.Now()
		require.NoError(t, p.Close(t.Context()))
		assert.Zero(t, time.Since(began), "what lingers is put")
		assert.Len(t, d.all(), 10)
		require.NoError(t, p.Close(t.Context()))
		require.NoError(t, p.Flush(t.Context()))
		_, err := p.Put(t.Context(), entry("k", "x"))
		require.ErrorIs(t, err, weir.ErrClosed)
		assert.Len(t, readAll(t, s), 10)
	})
}

// A stream hangs. Close gives up when its context ends, and tells all outcomes.
func TestProducer_closesInTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &flaky{Stream: client.Embedded(free(t, 1)), hook: func(ctx context.Context, _ int, _ []weir.Entry) ([]weir.PutResult, error, bool) {
			<-ctx.Done()
			return nil, ctx.Err(), true
		}}
		p, err := producer.New(producer.Config{Stream: s, Linger: -1, Timeout: -1, RecordBytes: 1000, MaxBytes: 30_000, TTL: time.Hour})
		require.NoError(t, err)
		var d diary
		for range 3 { // the first is under way, the others wait
			require.NoError(t, p.PutAsync(t.Context(), entry("k", "x"), d.note))
			synctest.Wait()
		}
		waits := make(chan error, 1)
		go func() {
			for {
				if err := p.PutAsync(t.Context(), entry("k", strings.Repeat("x", 900)), d.note); err != nil {
					waits <- err
					return
				}
			}
		}()
		synctest.Wait()
		flushed := make(chan error, 1)
		go func() { flushed <- p.Flush(t.Context()) }()
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		second := make(chan error, 1)
		go func() { time.Sleep(time.Second); second <- p.Close(t.Context()) }()
		err = p.Close(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.ErrorContains(t, err, "records were not delivered")
		require.ErrorIs(t, <-waits, weir.ErrClosed)
		require.NoError(t, <-second)
		require.NoError(t, <-flushed, "the outcomes are there")
		m := p.Metrics()
		assert.Len(t, d.all(), int(m.Taken))
		for _, o := range d.all() {
			assert.ErrorIs(t, o.Err, weir.ErrClosed)
		}
		assert.Zero(t, m.Records)
		assert.Zero(t, m.Bytes)
	})
}

func TestProducer_flushEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		s := &flaky{Stream: client.Embedded(free(t, 1)), hook: func(context.Context, int, []weir.Entry) ([]weir.PutResult, error, bool) {
			<-gate
			return nil, nil, false
		}}
		p := newProducer(t, producer.Config{Stream: s, Timeout: -1})
		require.NoError(t, p.PutAsync(t.Context(), entry("k", "x"), nil))
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		require.ErrorIs(t, p.Flush(ctx), context.DeadlineExceeded)
		_, err := p.Put(ctx, entry("k", "y"))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		close(gate)
		require.NoError(t, p.Flush(t.Context()))
	})
}

// At the service's limits one producer is not throttled, and leaves nothing of
// them unused.
func TestProducer_keepsToTheLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{Shards: 2})
		p := newProducer(t, producer.Config{Stream: client.Embedded(s), TTL: time.Hour})
		began := time.Now()
		for i := range 40_000 {
			require.NoError(t, p.PutAsync(t.Context(), entry(fmt.Sprint(i), ""), nil))
		}
		require.NoError(t, p.Flush(t.Context()))
		assert.InDelta(t, 19, time.Since(began).Seconds(), 0.5, "a second's worth of each shard at once, then 2,000 a second")
		assert.Zero(t, p.Metrics().Throttled)
	})
}

// Several producers share a shard: they are throttled, slow down, and deliver
// all.
func TestProducer_sharesAShard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{})
		var all sync.WaitGroup
		var producers []*producer.Producer
		began := time.Now()
		for g := range 4 {
			p := newProducer(t, producer.Config{Stream: client.Embedded(s), TTL: time.Hour, Random: rand.NewPCG(1, uint64(g))})
			producers = append(producers, p)
			all.Go(func() {
				for range 10_000 {
					assert.NoError(t, p.PutAsync(t.Context(), entry("k", ""), func(o producer.Outcome) { assert.NoError(t, o.Err) }))
				}
				assert.NoError(t, p.Flush(t.Context()))
			})
		}
		all.Wait()
		assert.Less(t, time.Since(began), 70*time.Second, "39 s are the least")
		for _, p := range producers {
			assert.Positive(t, p.Metrics().Throttled)
			assert.Less(t, p.Metrics().Throttled, int64(10_000))
		}
	})
}

// Hundreds wait for room with records of a shard that cannot take them, and one
// with a record of another shard does not.
func TestProducer_hotShardsLeaveRoomToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{Shards: 2})
		require.NotEqual(t, s.ShardOf("a"), s.ShardOf("b"))
		p := newProducer(t, producer.Config{Stream: client.Embedded(s), TTL: time.Hour, MaxBytes: 4 << 20})
		ctx, stop := context.WithCancel(t.Context())
		var hot sync.WaitGroup
		var put atomic.Int64
		for range 500 {
			hot.Go(func() {
				for p.PutAsync(ctx, entry("a", "x"), nil) == nil {
					put.Add(1)
				}
			})
		}
		time.Sleep(10 * time.Second)
		for range 200 {
			began := time.Now()
			o, err := p.Put(t.Context(), entry("b", "x"))
			require.NoError(t, err)
			assert.Less(t, time.Since(began), 50*time.Millisecond)
			assert.Less(t, o.Took, 50*time.Millisecond)
			time.Sleep(100 * time.Millisecond)
		}
		m := p.Metrics()
		assert.InDelta(t, 2<<20, m.Bytes, 200<<10, "a half of the room")
		assert.InDelta(t, 31_000, put.Load()-int64(m.Records), 2000, "which is enough for the shard")
		stop()
		hot.Wait()
	})
}

// Nothing is left running where there is nothing to do.
func TestProducer_restsWithoutGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProducer(t, producer.Config{Stream: client.Embedded(free(t, 1))})
		_, err := p.Put(t.Context(), entry("k", "x"))
		require.NoError(t, err)
		synctest.Wait()
		assert.Zero(t, p.Metrics().Calls)
		began := time.Now()
		time.Sleep(24 * time.Hour) // no timer wakes up meanwhile
		assert.Equal(t, 24*time.Hour, time.Since(began))
	})
}

func TestConfig_validate(t *testing.T) {
	ok := producer.Config{Stream: client.Embedded(free(t, 1))}
	require.NoError(t, ok.Validate())
	for field, change := range map[string]func(*producer.Config){
		"Stream: is nil":                                     func(c *producer.Config) { c.Stream = nil },
		"Stream: has no name":                                func(c *producer.Config) { c.Stream = client.Engine{} },
		"AggregateBytes: 63 is not 64 to 1048576":            func(c *producer.Config) { c.AggregateBytes = 63 },
		"RecordBytes: 10485761 is not 1 to 10485760":         func(c *producer.Config) { c.RecordBytes, c.BatchBytes = 10<<20+1, 11<<20 },
		"BatchRecords: -1 is not 1 to":                       func(c *producer.Config) { c.BatchRecords = -1 },
		"BatchRecords: 501 is not 1 to 500":                  func(c *producer.Config) { c.Stream, c.BatchRecords = &flaky{Stream: c.Stream}, 501 },
		"BatchBytes: 51199 is not 51200 to":                  func(c *producer.Config) { c.RecordBytes, c.BatchBytes, c.ShardBytes = 10, 51199, 1 },
		"ShardBytes: -1 is not 1 to 10485760":                func(c *producer.Config) { c.ShardBytes = -1 },
		"MaxBytes: 967 is less than the 968 that one record": func(c *producer.Config) { c.RecordBytes, c.MaxBytes = 100, 967 },
		"Linger: 1h0m0.000000001s is not 0s to 1h0m0s":       func(c *producer.Config) { c.Linger = time.Hour + 1 },
		"TTL: 99ms is not 100ms to 24h0m0s":                  func(c *producer.Config) { c.TTL = 99 * time.Millisecond },
		"Backoff: -1ns is not 1ns to":                        func(c *producer.Config) { c.Backoff = -1 },
		"MaxBackoff: 99ms is not 100ms to":                   func(c *producer.Config) { c.MaxBackoff = 99 * time.Millisecond },
		"Calls: 257 is not 1 to 256":                         func(c *producer.Config) { c.Calls = 257 },
		"Timeout: 1h0m0.000000001s is not 0s to":             func(c *producer.Config) { c.Timeout = time.Hour + 1 },
		"Rate: 101 is not up to 100":                         func(c *producer.Config) { c.Rate = 101 },
	} {
		c := ok
		change(&c)
		err := c.Validate()
		require.ErrorIs(t, err, weir.ErrInvalidArgument, field)
		assert.ErrorContains(t, err, field)
		assert.NotContains(t, err.Error(), "\n", field)
		_, err = producer.New(c)
		require.ErrorIs(t, err, weir.ErrInvalidArgument)
	}
	err := producer.Config{Calls: -1, TTL: -1}.Validate()
	assert.Equal(t, 3, strings.Count(err.Error(), "\n")+1, "all that is wrong: %v", err)
}

// What another stream than the engine's answers is told with its own words.
func TestProducer_tellsTheServicesWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &flaky{Stream: client.Embedded(free(t, 1)), hook: func(ctx context.Context, call int, _ []weir.Entry) ([]weir.PutResult, error, bool) {
			if call == 1 {
				return nil, errors.New("connection reset by peer"), true
			}
			return nil, denied{}, true
		}}
		p := newProducer(t, producer.Config{Stream: s})
		o, err := p.Put(t.Context(), entry("k", "x"))
		var last denied
		require.ErrorAs(t, err, &last)
		assert.Equal(t, "Error", o.Attempts[0].Code)
		assert.Equal(t, "connection reset by peer", o.Attempts[0].Message)
		assert.Equal(t, "AccessDeniedException", o.Attempts[1].Code)
		assert.Regexp(t, `^stream orders: record of key "k", 2 attempts in .*: not you$`, err.Error())
	})
}

type denied struct{}

func (denied) Error() string     { return "not you" }
func (denied) ErrorCode() string { return "AccessDeniedException" }

// The data is read until the outcome is told, and no longer.
func TestProducer_lendsTheData(t *testing.T) {
	s := free(t, 1)
	p := newProducer(t, producer.Config{Stream: client.Embedded(s)})
	data := []byte("before")
	_, err := p.Put(t.Context(), weir.Entry{PartitionKey: "k", Data: data})
	require.NoError(t, err)
	copy(data, bytes.Repeat([]byte("x"), len(data)))
	assert.Equal(t, []string{"before"}, readAll(t, s))
}

package eventsource_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/eventsource"
	"github.com/weirstream/weir/internal/streamtest"
	"github.com/weirstream/weir/lease"
)

// What was not begun is tried again and is no attempt.
func TestSource_throttlesAreNoAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, f := streamtest.New(t, "orders", 1), &function{t: t}
		calls := 0
		f.answer = func(event) (any, error) {
			if calls++; calls <= 10 {
				return nil, fmt.Errorf("429: %w", eventsource.ErrNotStarted)
			}
			return nil, nil
		}
		streamtest.Put(t, s, "k 1")
		c := config(s, new(lease.Memory), f.call)
		c.Settings.MaximumRetryAttempts = number(0)
		r := run(t, c)
		streamtest.Pass(10 * time.Minute)
		assert.Len(t, f.batches(), 11)
		m := r.Metrics()
		assert.EqualValues(t, []int64{10, 1, 1, 0, 0}, []int64{m.Throttles, m.Invocations, m.InvokedEventCount, m.Errors, m.DroppedEventCount})
	})
}

// Eight invocations within a minute, as was seen of the service.
func TestSource_backsOffAsTheServiceWasSeenTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, f := streamtest.New(t, "orders", 1), &function{t: t, answer: func(event) (any, error) { return nil, errors.New("no") }}
		streamtest.Put(t, s, "k 1")
		c := config(s, new(lease.Memory), f.call)
		c.Settings.MaximumRecordAgeInSeconds = 60
		var failures []*eventsource.Failure
		c.OnFailure = eventsource.DestinationFunc(func(_ context.Context, f *eventsource.Failure) error {
			failures = append(failures, f)
			return nil
		})
		run(t, c)
		streamtest.Pass(2 * time.Minute)
		assert.Len(t, f.batches(), 8)
		require.Len(t, failures, 1)
		assert.Equal(t, "RecordAgeExceeded", failures[0].RequestContext.Condition)
		assert.Nil(t, failures[0].ResponseContext)
		assert.Equal(t, 8, failures[0].RequestContext.ApproximateInvokeCount)
		assert.NotContains(t, string(failures[0].Document(eventsource.QueueForm)), "responseContext")
	})
}

// A function that panics, ends its goroutine or takes too long has failed.
func TestSource_whatFailsAFunction(t *testing.T) {
	for name, fail := range map[string]func(ctx context.Context){
		"panic":  func(context.Context) { panic("x") },
		"goexit": func(context.Context) { goexit() },
		"late":   func(ctx context.Context) { <-ctx.Done() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, calls := streamtest.New(t, "orders", 1), 0
				streamtest.Put(t, s, "k 1")
				c := config(s, new(lease.Memory), func(ctx context.Context, _ []byte) ([]byte, error) {
					if calls++; calls < 3 {
						fail(ctx)
					}
					return nil, nil
				})
				c.Timeout = time.Second
				r := run(t, c)
				streamtest.Pass(time.Minute)
				assert.Equal(t, 3, calls)
				assert.EqualValues(t, 2, r.Metrics().Errors)
				require.NoError(t, r.End())
			})
		})
	}
}

// A function that does not return though it is told to is left behind, by name.
func TestSource_aFunctionThatDoesNotReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, free := streamtest.New(t, "orders", 1), make(chan struct{})
		streamtest.Put(t, s, "k 1")
		r := run(t, config(s, new(lease.Memory), func(context.Context, []byte) ([]byte, error) { <-free; return nil, nil }))
		streamtest.Pass(time.Second)
		began := time.Now()
		err := r.End()
		var stuck *consumer.StuckError
		require.ErrorAs(t, err, &stuck)
		assert.Equal(t, []string{"orders shardId-000000000000"}, stuck.Shards)
		assert.Equal(t, 40*time.Second, time.Since(began), "Patience and Failover")
		close(free)
		synctest.Wait()
	})
}

func TestSource_aMappingThatIsNotEnabledReadsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store, f := streamtest.New(t, "orders", 1), new(lease.Memory), &function{t: t}
		streamtest.Put(t, s, "k 1")
		c := config(s, store, f.call)
		c.Settings.Enabled = yes(false)
		r := run(t, c)
		streamtest.Pass(time.Hour)
		require.NoError(t, r.End())
		assert.Empty(t, f.batches())
		list, err := store.List(t.Context())
		require.NoError(t, err)
		assert.Empty(t, list)
	})
}

// A source is run once at a time, and again after that.
func TestSource_runsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, f := streamtest.New(t, "orders", 1), &function{t: t}
		r := run(t, config(s, new(lease.Memory), f.call))
		streamtest.Pass(time.Second)
		assert.Equal(t, consumer.ErrRunning, r.Run(t.Context()))
		streamtest.Put(t, s, "k 1")
		streamtest.Pass(time.Second)
		require.NoError(t, r.End())
		assert.Empty(t, r.Metrics().Shards)
		streamtest.Put(t, s, "k 2")
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		require.NoError(t, r.Run(ctx))
		assert.Equal(t, [][]string{{"k 1"}, {"k 2"}}, f.batches())
	})
}

// What stands in the metrics while a lane fails and others have nothing to do.
func TestSource_metricsSayWhereShardsStand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, f := streamtest.New(t, "orders", 2), &function{t: t, answer: func(event) (any, error) { return nil, errors.New("no") }}
		r := run(t, config(s, new(lease.Memory), f.call))
		streamtest.Pass(time.Second)
		placed, err := s.PutRecord(t.Context(), "k", []byte("bad"))
		require.NoError(t, err)
		streamtest.Pass(10 * time.Second)
		shards := r.Metrics().Shards
		require.Len(t, shards, 2)
		busy := shards[placed.ShardID]
		assert.Equal(t, eventsource.ShardMetrics{Shard: placed.ShardID, Behind: 1, HeldBytes: busy.HeldBytes, Lanes: 1, Failing: 1}, busy)
		assert.Greater(t, busy.HeldBytes, 300)
		assert.Equal(t, eventsource.ShardMetrics{Shard: 1 - placed.ShardID, Lanes: 1}, shards[1-placed.ShardID])
		m := r.Metrics()
		assert.Equal(t, 7750*time.Millisecond, m.IteratorAge, "at the sixth call")
		assert.Equal(t, m.IteratorAge, m.MaxIteratorAge)
	})
}

// An end comes while there is no room for more records: that is no failure of
// anybody, and nothing is waited for.
func TestSource_anEndWhileThereIsNoRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, f := streamtest.New(t, "orders", 1), &function{t: t, answer: func(event) (any, error) { return nil, errors.New("no") }}
		for range 25 {
			_, err := s.PutCopies(t.Context(), weir.Entry{PartitionKey: "k", Data: []byte("x")}, 1000)
			require.NoError(t, err)
		}
		var log bytes.Buffer
		c := config(s, new(lease.Memory), f.call)
		c.Group.Logger = slog.New(slog.NewTextHandler(&log, nil))
		r := run(t, c)
		streamtest.Pass(time.Minute)
		m := r.Metrics()
		assert.Less(t, int64(m.Shards[0].Behind), m.PolledEventCount, "one batch waits")
		began := time.Now()
		require.NoError(t, r.End())
		assert.Zero(t, time.Since(began))
		assert.Contains(t, log.String(), "function failed")
		assert.NotContains(t, log.String(), "handler failed")
	})
}

// An end comes while the last records of a shard fail: that is no failure of
// what waits for them.
func TestSource_anEndBehindTheEndOfAShard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, f := streamtest.New(t, "orders", 1), &function{t: t, answer: func(event) (any, error) { return nil, errors.New("no") }}
		streamtest.Put(t, s, "k 1")
		_, err := s.Resize(t.Context(), 2)
		require.NoError(t, err)
		var log bytes.Buffer
		c := config(s, new(lease.Memory), f.call)
		c.Group.Logger = slog.New(slog.NewTextHandler(&log, nil))
		r := run(t, c)
		streamtest.Pass(time.Minute)
		began := time.Now()
		require.NoError(t, r.End())
		assert.Zero(t, time.Since(began))
		assert.Contains(t, log.String(), "function failed")
		assert.NotContains(t, log.String(), "handler failed")
	})
}

func goexit() { runtime.Goexit() }

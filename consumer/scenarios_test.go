package consumer_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/internal/streamtest"
	"github.com/weirstream/weir/lease"
	"github.com/weirstream/weir/lease/leasetest"
)

// A worker crashes: nothing more is heard of it. Its shards run elsewhere after
// the failover time, and what comes again is what it had not written.
func TestGroup_aCrashRepeatsWhatWasNotWrittenAndNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store, d := streamtest.New(t, "orders", 4), new(lease.Memory), new(diary)
		faults := leasetest.NewFaults(store, 1)
		var dead atomic.Bool
		a := run(t, config(s, faults.Store(), "a", func(_ context.Context, b *consumer.Batch) error {
			if dead.Load() {
				return errors.New("the process is dead")
			}
			d.note("a", b)
			return nil
		}))
		streamtest.Put(t, s, streamtest.Numbered(20, 0, 100)...)
		await(t, "100", func() bool { return d.len() == 100 })
		time.Sleep(2 * time.Second) // they are written
		streamtest.Put(t, s, streamtest.Numbered(20, 100, 120)...)
		await(t, "120", func() bool { return d.len() == 120 })
		dead.Store(true)
		faults.Outage(24*time.Hour, true)
		began := time.Now()
		streamtest.Put(t, s, streamtest.Numbered(20, 120, 150)...)
		b := run(t, config(s, store, "b", d.handler("b")))
		await(t, "b has the rest", func() bool { return d.workers()["b"] >= 30 && distinct(d.texts()) == 150 })
		assert.InDelta(t, 10, time.Since(began).Seconds(), 0.1, "the failover time")
		assert.Len(t, b.Metrics().Shards, 4)
		inKeyOrder(t, d.texts())
		times := make(map[string]int)
		for _, text := range d.texts() {
			times[text]++
		}
		for _, text := range append(streamtest.Numbered(20, 0, 100), streamtest.Numbered(20, 120, 150)...) {
			assert.Equal(t, 1, times[text], text)
		}
		a.Stop()
	})
}

// A stream of the service lets a shard be polled 5 times a second. Those who poll
// more often are told, wait, and lose nothing.
func TestGroup_readsOnWhenItWasThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limits := weir.Unlimited()
		limits.ReadCallsPerSecond = weir.ServiceLimits().ReadCallsPerSecond
		s, err := weir.NewStream("orders", weir.Config{Shards: 2, Limits: limits})
		require.NoError(t, err)
		groups := []*running{}
		diaries := []*diary{new(diary), new(diary), new(diary)}
		for _, d := range diaries {
			c := config(s, new(lease.Memory), "w", d.handler("w"))
			c.Reading = client.Reading{Polling: true, Interval: 250 * time.Millisecond, MaxRecords: 10}
			groups = append(groups, run(t, c))
		}
		for i := range 60 {
			streamtest.Put(t, s, streamtest.Numbered(10, 10*i, 10*i+10)...)
			time.Sleep(time.Second)
		}
		await(t, "all", func() bool { return diaries[0].len() == 600 && diaries[1].len() == 600 && diaries[2].len() == 600 })
		for i, g := range groups {
			m := g.Metrics()
			assert.Greater(t, m.Throttled, int64(50))
			assert.Zero(t, m.ReadErrors)
			require.NoError(t, g.End())
			assert.ElementsMatch(t, streamtest.Numbered(10, 0, 600), diaries[i].texts(), "each once")
			inKeyOrder(t, diaries[i].texts())
		}
	})
}

// A handler is at work for longer than an iterator lives.
func TestGroup_readsOnWhenItsIteratorExpired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limits := weir.Unlimited()
		limits.IteratorLifetime = weir.ServiceLimits().IteratorLifetime
		s, err := weir.NewStream("orders", weir.Config{Shards: 1, Limits: limits})
		require.NoError(t, err)
		d := new(diary)
		c := config(s, new(lease.Memory), "w", func(_ context.Context, b *consumer.Batch) error {
			time.Sleep(limits.IteratorLifetime + time.Second)
			d.note("w", b)
			return nil
		})
		c.Reading = client.Reading{Polling: true, MaxRecords: 10}
		g := run(t, c)
		for i := range 6 {
			streamtest.Put(t, s, streamtest.Numbered(10, 10*i, 10*i+10)...)
			time.Sleep(time.Minute)
		}
		for n := range 100_000 {
			if d.len() == 60 {
				break
			}
			require.Less(t, n, 10_000)
			time.Sleep(time.Second)
		}
		m := g.Metrics()
		assert.Zero(t, m.Lost+m.ReadErrors)
		require.NoError(t, g.End())
		assert.Equal(t, streamtest.Numbered(10, 0, 60), d.texts(), "each once")
	})
}

// As a consumer, by enhanced fan-out, subscriptions end and begin.
func TestGroup_readsAsAConsumer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store, d := streamtest.New(t, "orders", 3), new(lease.Memory), new(diary)
		_, err := s.RegisterConsumer(t.Context(), "billing")
		require.NoError(t, err)
		worker := func(name string) *running {
			c := config(s, store, name, d.handler(name))
			c.Reading.Consumer = "billing"
			return run(t, c)
		}
		a := worker("a")
		n := 0
		more := func() {
			streamtest.Put(t, s, streamtest.Numbered(10, n, n+30)...)
			n += 30
			time.Sleep(4 * time.Minute)
		}
		more()
		more()
		b := worker("b")
		more()
		_, err = s.Resize(t.Context(), 5)
		require.NoError(t, err)
		more()
		more()
		assert.Equal(t, n, d.len())
		assert.Len(t, d.workers(), 2)
		require.NoError(t, a.End())
		more()
		require.NoError(t, b.End())
		assert.ElementsMatch(t, streamtest.Numbered(10, 0, n), d.texts(), "each once")
		inKeyOrder(t, d.texts())
	})
}

// distinct returns how many different texts there are.
func distinct(texts []string) int {
	seen := make(map[string]bool)
	for _, text := range texts {
		seen[text] = true
	}
	return len(seen)
}

// A mute stream does not list its shards, once it is mute.
type mute struct {
	client.Engine
	is *atomic.Bool
}

func (m mute) Shards(ctx context.Context) ([]weir.Shard, error) {
	if m.is.Load() {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return m.Engine.Shards(ctx)
}

// Listing the shards takes for ever, as a service does that does not answer.
// Leases are taken all the same, and Run ends.
func TestGroup_takesLeasesWhileTheStreamDoesNotListItsShards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store, d, silent := streamtest.New(t, "orders", 4), new(lease.Memory), new(diary), new(atomic.Bool)
		faults := leasetest.NewFaults(store, 1)
		a := run(t, config(s, faults.Store(), "a", d.handler("a")))
		c := config(s, store, "b", d.handler("b"))
		c.Streams, c.SyncEvery = []client.Stream{mute{client.Embedded(s), silent}}, time.Second
		b := run(t, c)
		await(t, "a spread", func() bool { return len(a.Metrics().Shards) == 2 && len(b.Metrics().Shards) == 2 })
		silent.Store(true)
		time.Sleep(2 * time.Second)
		faults.Outage(time.Hour, true) // nothing more is heard of a
		began := time.Now()
		await(t, "all at b", func() bool { return len(b.Metrics().Shards) == 4 })
		assert.InDelta(t, 10, time.Since(began).Seconds(), 3.5)
		began = time.Now()
		require.NoError(t, b.End())
		assert.Zero(t, time.Since(began))
		a.Stop()
	})
}

package weir_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/metrics"
)

// mustRegister registers consumers.
func mustRegister(t testing.TB, s *weir.Stream, names ...string) {
	t.Helper()
	for _, name := range names {
		_, err := s.RegisterConsumer(t.Context(), name)
		require.NoError(t, err)
	}
}

func mustSubscribe(t testing.TB, s *weir.Stream, consumer string, shard weir.ShardID, from weir.Position) *weir.Subscription {
	t.Helper()
	sub, err := s.Subscribe(t.Context(), consumer, shard, from)
	require.NoError(t, err)
	t.Cleanup(sub.Close)
	return sub
}

func mustNext(t testing.TB, sub *weir.Subscription) weir.Batch {
	t.Helper()
	ev, err := sub.Next(t.Context())
	require.NoError(t, err)
	return ev
}

func TestConsumer_registry(t *testing.T) {
	s, clock := clocked(t, weir.Config{})
	assert.Empty(t, s.Consumers())
	a, err := s.RegisterConsumer(t.Context(), "b.illing-1_x")
	require.NoError(t, err)
	assert.Equal(t, weir.Consumer{Name: "b.illing-1_x", CreatedAt: epoch}, a)
	clock.Advance(time.Second)
	b, err := s.RegisterConsumer(t.Context(), "audit")
	require.NoError(t, err)
	assert.Equal(t, []weir.Consumer{a, b}, s.Consumers(), "in the order of registration")

	_, err = s.RegisterConsumer(t.Context(), "audit")
	assert.ErrorIs(t, err, weir.ErrConsumerExists)
	assert.ErrorContains(t, err, `consumer "audit" of stream test`)

	require.NoError(t, s.DeregisterConsumer(t.Context(), "b.illing-1_x"))
	assert.ErrorIs(t, s.DeregisterConsumer(t.Context(), "b.illing-1_x"), weir.ErrConsumerNotFound)
	clock.Advance(time.Second)
	again, err := s.RegisterConsumer(t.Context(), "b.illing-1_x")
	require.NoError(t, err)
	assert.Equal(t, []weir.Consumer{b, again}, s.Consumers())
	assert.Equal(t, epoch.Add(2*time.Second), again.CreatedAt, "a new registration has a new time")
}

func TestConsumer_names(t *testing.T) {
	s := newStream(t, weir.Config{})
	for name, ok := range map[string]bool{
		"a": true, strings.Repeat("n", 128): true, "A.b_c-9": true,
		"": false, strings.Repeat("n", 129): false, "a b": false, "a/b": false, "é": false,
	} {
		_, err := s.RegisterConsumer(t.Context(), name)
		if ok {
			assert.NoError(t, err, "%q", name)
			continue
		}
		assert.ErrorIs(t, err, weir.ErrInvalidArgument, "%q", name)
		assert.ErrorContains(t, err, "consumer name")
	}
}

func TestConsumer_limit(t *testing.T) {
	for _, c := range []struct{ limit, admits int }{{0, 20}, {1, 1}, {50, 50}} {
		s := newStream(t, weir.Config{Limits: weir.Limits{Consumers: c.limit}})
		for i := range c.admits {
			mustRegister(t, s, fmt.Sprintf("c%d", i))
		}
		_, err := s.RegisterConsumer(t.Context(), "more")
		require.ErrorIs(t, err, weir.ErrLimitExceeded)
		assert.ErrorContains(t, err, fmt.Sprintf("stream test: %d consumers are the most", c.admits))
		require.NoError(t, s.DeregisterConsumer(t.Context(), "c0"))
		mustRegister(t, s, "more")
	}
	lifted := newStream(t, weir.Config{Limits: weir.Limits{Consumers: -1}})
	for i := range 200 {
		mustRegister(t, lifted, fmt.Sprintf("c%d", i))
	}
}

func TestConsumer_deregisterEndsSubscriptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{Shards: 2})
		mustRegister(t, s, "gone", "stays")
		waiting := mustSubscribe(t, s, "gone", 0, weir.Latest())
		idle := mustSubscribe(t, s, "gone", 1, weir.Latest())
		other := mustSubscribe(t, s, "stays", 0, weir.Latest())
		mustNext(t, waiting)
		ended := make(chan error)
		go func() {
			_, err := waiting.Next(t.Context())
			ended <- err
		}()
		synctest.Wait()
		require.NoError(t, s.DeregisterConsumer(t.Context(), "gone"))
		err := <-ended
		assert.ErrorIs(t, err, weir.ErrConsumerNotFound)
		assert.ErrorContains(t, err, `"gone"`)
		_, err = idle.Next(t.Context())
		assert.ErrorIs(t, err, weir.ErrConsumerNotFound)
		mustNext(t, other)

		_, err = s.Subscribe(t.Context(), "gone", 0, weir.Latest())
		assert.ErrorIs(t, err, weir.ErrConsumerNotFound)
		mustRegister(t, s, "gone")
		mustSubscribe(t, s, "gone", 0, weir.Latest()) // a new consumer: nothing to take over
	})
}

func TestFanout_limits(t *testing.T) {
	service := weir.Limits{
		Consumers: 20, SubscriptionLifetime: 5 * time.Minute, SubscribeTakeover: 5 * time.Second,
		IdleEventInterval: 5 * time.Second, SubscriptionBytesPerSecond: 2 << 20, EventBytes: 1 << 20, EventRecords: 10_000,
	}
	s := newStream(t, weir.Config{})
	got := s.Config().Limits
	assert.Equal(t, service, weir.Limits{
		Consumers: got.Consumers, SubscriptionLifetime: got.SubscriptionLifetime,
		SubscribeTakeover: got.SubscribeTakeover, IdleEventInterval: got.IdleEventInterval,
		SubscriptionBytesPerSecond: got.SubscriptionBytesPerSecond,
		EventBytes:                 got.EventBytes, EventRecords: got.EventRecords,
	})
	for field, c := range map[string]weir.Config{
		"GetRecordsDelay": {GetRecordsDelay: -1},
		"FanOutDelay":     {FanOutDelay: -1},
	} {
		_, err := weir.NewStream("test", c)
		assert.ErrorIs(t, err, weir.ErrInvalidArgument)
		assert.ErrorContains(t, err, "Config."+field)
	}
}

func TestFanout_metrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{})
		mustRegister(t, s, "billing", "audit")
		begin := time.Now().Truncate(time.Second)
		mustPut(t, s, "k", text(99))
		time.Sleep(1500 * time.Millisecond)
		mustPut(t, s, "k", text(99))

		sub := mustSubscribe(t, s, "billing", 0, weir.TrimHorizon())
		_, err := s.Subscribe(t.Context(), "billing", 0, weir.TrimHorizon())
		require.ErrorIs(t, err, weir.ErrSubscriptionActive)
		mustNext(t, sub)
		mustNext(t, sub) // idle, after five seconds
		mustPut(t, s, "k", text(199))
		time.Sleep(3 * time.Second)

		snap := s.Snapshot()
		want := metrics.Deliveries{
			SubscribeSuccess: 1, SubscribeRateExceeded: 1, Events: 2, EventRecords: 2, EventBytes: 200,
		}
		assert.Equal(t, []weir.ConsumerMetrics{{
			Consumer: weir.Consumer{Name: "billing", CreatedAt: begin.UTC()}, Shards: []weir.ShardID{0}, Total: want,
			PeakEventBytes:   metrics.Peak{N: 200, At: begin.Add(time.Second).UTC()},
			PeakEventRecords: metrics.Peak{N: 2, At: begin.Add(time.Second).UTC()},
			Age:              3 * time.Second,
		}, {
			Consumer: weir.Consumer{Name: "audit", CreatedAt: begin.UTC()},
		}}, snap.Consumers)
		assert.Equal(t, 3*time.Second, snap.IteratorAge)
		assert.Equal(t, int64(2), snap.Total.OutgoingRecords)
		assert.Equal(t, int64(200), snap.Shards[0].Total.OutgoingBytes)
		assert.Zero(t, snap.Total.GetRecordsRecords)
		assert.Contains(t, snap.String(), "billing")
		encoded, err := json.Marshal(snap.Consumers[0])
		require.NoError(t, err)
		assert.Contains(t, string(encoded), `{"name":"billing","created_at":"2000-01-01T00:00:00Z","shards":["shardId-000000000000"],"total":{"subscribe_success":1,`)

		seconds, err := s.ConsumerSeconds(begin, "billing")
		require.NoError(t, err)
		assert.Equal(t, []metrics.DeliverySecond{
			{At: begin.Add(time.Second).UTC(), Deliveries: metrics.Deliveries{
				SubscribeSuccess: 1, SubscribeRateExceeded: 1, Events: 1, EventRecords: 2, EventBytes: 200,
			}},
			{At: begin.Add(6 * time.Second).UTC(), Deliveries: metrics.Deliveries{Events: 1}},
		}, seconds)
		_, err = s.ConsumerSeconds(begin, "nobody")
		assert.ErrorIs(t, err, weir.ErrConsumerNotFound)
	})
}

// A subscription that falls behind shows by how much.
func TestFanout_metricsMillisBehindLatest(t *testing.T) {
	s, clock := clocked(t, weir.Config{Limits: weir.Limits{
		SubscriptionBytesPerSecond: 100, WriteBytesPerSecond: -1,
	}})
	mustRegister(t, s, "slow")
	sub := mustSubscribe(t, s, "slow", 0, weir.TrimHorizon())
	for range 3 {
		mustPut(t, s, "k", text(99))
	}
	for range 3 {
		_, ok, err := sub.TryNext()
		require.NoError(t, err)
		require.True(t, ok)
		clock.Advance(time.Second)
	}
	m := s.Snapshot().Consumers[0].Total
	assert.Equal(t, metrics.Deliveries{
		SubscribeSuccess: 1, Events: 3, EventRecords: 3, EventBytes: 300,
		MillisBehindLatest: 1000, MillisBehindLatestSum: 1000,
	}, m, "behind by 0 s, 1 s and, with the last record, at the tip")
}

// Subscriptions that were left behind take no room for good.
func TestFanout_subscriptionsAreForgotten(t *testing.T) {
	limits := weir.Unlimited()
	limits.SubscriptionLifetime = 0
	s, clock := clocked(t, weir.Config{Limits: limits})
	mustRegister(t, s, "c")
	shard := shard0
	for range 1000 {
		_, err := s.Subscribe(t.Context(), "c", shard, weir.Latest())
		require.NoError(t, err)
		clock.Advance(time.Hour)
		end, err := s.SplitShard(t.Context(), shard, weir.HashKey{Hi: 1 << 40})
		require.NoError(t, err)
		shard, err = s.MergeShards(t.Context(), end[0], end[1])
		require.NoError(t, err)
	}
	assert.LessOrEqual(t, weir.SubscriptionsKept(s, "c"), 64)
	assert.Len(t, s.Snapshot().Consumers[0].Shards, 0)
}

package weir_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/lineage"
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
			Lags:             map[weir.ShardID]metrics.Lag{0: {Records: 1, Bytes: 200, Age: 3 * time.Second}},
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

// What a subscription has not given out is told by shard, also when it has
// ended, until its shard is read to its end by another or has vanished.
func TestFanout_lagsByShard(t *testing.T) {
	s, clock := clocked(t, weir.Config{Shards: 3})
	mustRegister(t, s, "audit")
	lags := func() map[weir.ShardID]metrics.Lag { return s.Snapshot().Consumers[0].Lags }
	key := func(id weir.ShardID) weir.Entry {
		at := s.Shards()[id].HashKeyRange.Start
		return weir.Entry{PartitionKey: "k", ExplicitHashKey: &at, Data: []byte(text(9))}
	}
	put := func(id weir.ShardID, n int) {
		for range n {
			_, err := s.Put(t.Context(), key(id))
			require.NoError(t, err)
		}
	}
	assert.Empty(t, lags(), "nobody has subscribed")
	put(0, 3)
	put(1, 1)
	clock.Advance(2 * time.Second)
	put(0, 2)
	first := mustSubscribe(t, s, "audit", 0, weir.TrimHorizon())
	second := mustSubscribe(t, s, "audit", 1, weir.TrimHorizon())
	clock.Advance(time.Second)
	mustNext(t, second)
	want := map[weir.ShardID]metrics.Lag{0: {Records: 5, Bytes: 50, Age: 3 * time.Second}, 1: {}}
	assert.Equal(t, want, lags(), "of shard 2 nobody knows")

	second.Close()
	put(1, 4)
	clock.Advance(time.Second)
	want[0] = metrics.Lag{Records: 5, Bytes: 50, Age: 4 * time.Second}
	want[1] = metrics.Lag{Records: 4, Bytes: 40, Age: time.Second}
	assert.Equal(t, want, lags(), "whoever read shard 1 has gone, at what it gave out")
	assert.Equal(t, []weir.ShardID{0}, s.Snapshot().Consumers[0].Shards)
	assert.Equal(t, 4*time.Second, s.Snapshot().Consumers[0].Age, "of subscriptions alone")

	children, err := s.SplitShard(t.Context(), 0, s.Shards()[0].HashKeyRange.Middle())
	require.NoError(t, err)
	assert.Contains(t, lags(), weir.ShardID(0), "a closed shard has records left")
	mustNext(t, first)
	assert.Equal(t, map[weir.ShardID]metrics.Lag{1: want[1]}, lags(), "it was read to its end")
	mustSubscribe(t, s, "audit", children[0], weir.Latest())
	assert.Equal(t, metrics.Lag{}, lags()[children[0]])
	clock.Advance(25 * time.Hour)
	assert.Equal(t, metrics.Lag{}, lags()[1], "what has expired is nobody's lag")
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

// Whatever is split and merged meanwhile, and however often the subscriptions
// are renewed: every acknowledged record once, each key in the order of its
// puts.
func TestSubscription_everyRecordOnceInOrder(t *testing.T) {
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-seed=%d", seed)
	const producers, keys, steps = 8, 5, 60
	synctest.Test(t, func(t *testing.T) {
		limits := weir.Unlimited()
		limits.SubscriptionLifetime, limits.SubscribeTakeover = time.Second, 100*time.Millisecond
		limits.SubscriptionBytesPerSecond = 20_000
		s := newStream(t, weir.Config{Shards: 2, Limits: limits})
		followers := []string{"a", "b"}
		mustRegister(t, s, followers...)
		stopped := make(chan struct{})
		var put sync.WaitGroup
		acknowledged := make([]map[string]int, producers)
		for p := range producers {
			acknowledged[p] = make(map[string]int)
			put.Go(func() {
				produce(t, s, acknowledged[p], fmt.Sprintf("p%d", p), keys, stopped)
			})
		}
		var seen [2]map[string]int
		var read sync.WaitGroup
		ctx, cancel := context.WithCancel(t.Context())
		for i, name := range followers {
			seen[i] = make(map[string]int)
			follow(ctx, t, s, name, &read, observer(t, seen[i]))
		}
		random := rand.New(rand.NewPCG(seed, 1))
		for range steps {
			reshardAtRandom(t, s, random)
			time.Sleep(time.Duration(random.IntN(200)) * time.Millisecond)
		}
		close(stopped)
		put.Wait()
		time.Sleep(time.Minute)
		cancel()
		read.Wait()
		want := make(map[string]int)
		for _, part := range acknowledged {
			for key, n := range part {
				want[key] = n
			}
		}
		require.Len(t, want, producers*keys)
		for i, name := range followers {
			assert.Equal(t, want, seen[i], name)
		}
		m := s.Snapshot()
		assert.Empty(t, m.Consumers[0].Shards)
		assert.Greater(t, m.Consumers[0].Total.SubscribeSuccess, int64(2*steps))
	})
}

// produce puts records with rising numbers for each key until stopped, and
// notes how many were acknowledged.
func produce(t *testing.T, s *weir.Stream, acknowledged map[string]int, producer string, keys int, stopped <-chan struct{}) {
	for i := 0; ; i++ {
		select {
		case <-stopped:
			return
		case <-time.After(7 * time.Millisecond):
		}
		key := fmt.Sprintf("%s-%d", producer, i%keys)
		_, err := s.PutRecord(context.Background(), key, []byte(strconv.Itoa(acknowledged[key])))
		if assert.NoError(t, err) {
			acknowledged[key]++
		}
	}
}

// observer counts the records of each key and checks that none is out of order.
func observer(t *testing.T, seen map[string]int) func(ev weir.Batch) {
	return func(ev weir.Batch) {
		for _, r := range ev.Records {
			assert.Equal(t, strconv.Itoa(seen[r.PartitionKey]), string(r.Data), "%s in %v", r.PartitionKey, ev.Shard)
			seen[r.PartitionKey]++
		}
	}
}

// A follower reads a whole stream through subscriptions, each shard in a
// goroutine of its own, parents before children.
type follower struct {
	t        *testing.T
	stream   *weir.Stream
	consumer string
	shards   *sync.WaitGroup

	mu     sync.Mutex // guards what follows
	walk   *lineage.Walk[weir.ShardID]
	handle func(weir.Batch)
}

// follow begins to read the stream from its beginning, until ctx ends. One
// event is handled at a time.
func follow(ctx context.Context, t *testing.T, s *weir.Stream, consumer string, wg *sync.WaitGroup, handle func(weir.Batch)) {
	var listing []lineage.Shard[weir.ShardID]
	for _, d := range s.Shards() {
		listing = append(listing, lineage.Shard[weir.ShardID]{ID: d.ID, Parents: d.Parents})
	}
	f := &follower{
		t: t, stream: s, consumer: consumer, shards: wg, handle: handle,
		walk: lineage.New(listing, lineage.Start[weir.ShardID]{}),
	}
	f.begin(ctx, slices.Collect(f.walk.Ready()))
}

func (f *follower) begin(ctx context.Context, shards []weir.ShardID) {
	for _, shard := range shards {
		f.shards.Go(func() { f.read(ctx, shard) })
	}
}

// read reads a shard to its end, through as many subscriptions as that takes.
func (f *follower) read(ctx context.Context, shard weir.ShardID) {
	for from := weir.TrimHorizon(); ; {
		sub, err := f.stream.Subscribe(ctx, f.consumer, shard, from)
		var active *weir.LimitError
		switch {
		case ctx.Err() != nil:
			return
		case errors.As(err, &active):
			time.Sleep(active.RetryAfter)
			continue
		case !assert.NoError(f.t, err):
			return
		}
		for ev, err := range sub.Events(ctx) {
			if err != nil {
				assert.ErrorIs(f.t, err, context.Canceled)
				return
			}
			if f.took(ctx, ev); ev.Children != nil {
				return
			}
			from = ev.Continue
		}
	}
}

// took handles an event, and begins what follows the last one of a shard.
func (f *follower) took(ctx context.Context, ev weir.Batch) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.handle(ev)
	if ev.Children == nil {
		return
	}
	var children []lineage.Shard[weir.ShardID]
	for _, child := range ev.Children {
		children = append(children, lineage.Shard[weir.ShardID]{ID: child.ID, Parents: child.Parents})
	}
	f.begin(ctx, f.walk.Ended(ev.Shard, children...))
}

// The same without a bubble: goroutines that really run side by side.
func TestSubscription_everyRecordOnceAtFullSpeed(t *testing.T) {
	const producers, keys, each = 4, 5, 3000
	s := newStream(t, weir.Config{Shards: 2, Limits: weir.Unlimited()})
	mustRegister(t, s, "c")
	ctx, cancel := context.WithCancel(t.Context())
	seen := make(map[string]int)
	var read, put sync.WaitGroup
	follow(ctx, t, s, "c", &read, observer(t, seen))
	for p := range producers {
		put.Go(func() {
			for i := range each {
				_, err := s.PutRecord(t.Context(), fmt.Sprintf("p%d-%d", p, i%keys), []byte(strconv.Itoa(i/keys)))
				assert.NoError(t, err)
			}
		})
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		reshardAtRandom(t, s, random)
		time.Sleep(time.Duration(random.IntN(2000)) * time.Microsecond)
	}
	put.Wait()
	for s.Snapshot().Consumers[0].Total.EventRecords < producers*each && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	cancel()
	read.Wait()
	assert.Len(t, seen, producers*keys)
	for key, n := range seen {
		assert.Equal(t, each/keys, n, key)
	}
}

// Subscriptions of many consumers, put to and taken over at once.
func TestSubscription_manyAtOnce(t *testing.T) {
	const producers, consumers, each = 4, 4, 2000
	s := newStream(t, weir.Config{Limits: weir.Unlimited()})
	var wg sync.WaitGroup
	for c := range consumers {
		name := fmt.Sprintf("c%d", c)
		mustRegister(t, s, name)
		sub := mustSubscribe(t, s, name, 0, weir.TrimHorizon())
		wg.Go(func() {
			last := weir.SequenceNumber{}
			for n := 0; n < producers*each; {
				ev, err := sub.Next(t.Context())
				if !assert.NoError(t, err) {
					return
				}
				for _, r := range ev.Records {
					assert.Positive(t, r.SequenceNumber.Compare(last))
					last = r.SequenceNumber
				}
				n += len(ev.Records)
				if n%7 == 0 { // continue in another subscription
					sub, err = s.Subscribe(t.Context(), name, 0, ev.Continue)
					assert.NoError(t, err)
				}
				s.Snapshot()
			}
			sub.Close()
		})
	}
	for range producers {
		wg.Go(func() {
			for range each {
				mustPutAsync(t, s)
			}
		})
	}
	wg.Wait()
	assert.Equal(t, int64(consumers*producers*each), s.Snapshot().Total.OutgoingRecords)
}

func mustPutAsync(t *testing.T, s *weir.Stream) {
	_, err := s.PutRecord(context.Background(), "k", nil)
	assert.NoError(t, err)
}

package weir_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/lineage"
)

// Whatever is split and merged meanwhile, and however often the subscriptions are
// renewed: every acknowledged record once, each key in the order of its puts.
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

// produce puts records with rising numbers for each key until stopped, and notes
// how many were acknowledged.
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

// A follower reads a whole stream through subscriptions, each shard in a goroutine
// of its own, parents before children.
type follower struct {
	t        *testing.T
	stream   *weir.Stream
	consumer string
	shards   *sync.WaitGroup

	mu     sync.Mutex // guards what follows
	walk   *lineage.Walk[weir.ShardID]
	handle func(weir.Batch)
}

// follow begins to read the stream from its beginning, until ctx ends. One event
// is handled at a time.
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
		var active *weir.SubscriptionActiveError
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

package weir_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
)

// Whatever is split and merged meanwhile, and however often the subscriptions are
// renewed: every acknowledged record once, each key in the order of its puts.
func TestFollower_everyRecordOnceInOrder(t *testing.T) {
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
			f := mustFollow(t, s, name, weir.TrimHorizon())
			read.Go(func() { observe(t, f, ctx, seen[i]) })
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

// observe counts the records of each key and checks that none is out of order.
func observe(t *testing.T, f *weir.Follower, ctx context.Context, seen map[string]int) {
	for ev, err := range f.Events(ctx) {
		if err != nil {
			assert.ErrorIs(t, err, context.Canceled)
			return
		}
		for _, r := range ev.Records {
			if !assert.Equal(t, strconv.Itoa(seen[r.PartitionKey]), string(r.Data), "%s in %v", r.PartitionKey, ev.Shard) {
				return
			}
			seen[r.PartitionKey]++
		}
	}
}

// The same without a bubble: goroutines that really run side by side.
func TestFollower_everyRecordOnceAtFullSpeed(t *testing.T) {
	const producers, keys, each = 4, 5, 3000
	s := newStream(t, weir.Config{Shards: 2, Limits: weir.Unlimited()})
	mustRegister(t, s, "c")
	f := mustFollow(t, s, "c", weir.TrimHorizon())
	ctx, cancel := context.WithCancel(t.Context())
	seen := make(map[string]int)
	var read, put sync.WaitGroup
	read.Go(func() { observe(t, f, ctx, seen) })
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
					sub, err = s.Subscribe(t.Context(), name, 0, weir.AfterSequence(ev.ContinuationSequenceNumber))
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

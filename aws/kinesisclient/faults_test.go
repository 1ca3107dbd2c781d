package kinesisclient_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/kinesisclient"
	"github.com/weirstream/weir/aws/kinesistest"
	"github.com/weirstream/weir/client"
)

// readAll reads a shard and what follows it until ctx ends, and tries again
// whatever fails.
func readAll(ctx context.Context, s *kinesisclient.Stream, shard weir.ShardID, as client.Reading, saw func(weir.Record)) {
	r := retried(ctx, func() (client.Reader, error) { return s.Read(ctx, shard, weir.TrimHorizon(), as) })
	if r == nil {
		return
	}
	defer r.Close()
	for {
		b := retried(ctx, func() (*weir.Batch, error) {
			b, err := r.Next(ctx)
			return &b, err
		})
		if b == nil {
			return
		}
		for _, record := range b.Records {
			saw(record)
		}
		if b.Last {
			return
		}
	}
}

// retried calls until there is no error; it returns zero when ctx ends.
func retried[T any](ctx context.Context, call func() (T, error)) (zero T) {
	for {
		v, err := call()
		switch {
		case err == nil:
			return v
		case ctx.Err() != nil || err == io.EOF:
			return zero
		}
		time.Sleep(time.Second)
	}
}

// Whatever goes wrong with calls and connections, a reader gives each record of
// a shard once and in order.
func TestStream_losesAndRepeatsNothingWhenThingsFail(t *testing.T) {
	for name, as := range map[string]client.Reading{"polling": {}, "as a consumer": {Consumer: "c"}} {
		for seed := range uint64(4) {
			t.Run(fmt.Sprintf("%s/seed=%d", name, seed+1), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					chaos := kinesistest.Rough()
					chaos.ReshardEvery = 0 // one shard
					chaos.Duplicate = 0    // is the service's doing, and seen by all
					k := kinesistest.New(t, kinesistest.StreamSpec{Name: "orders", Shards: 1, Consumers: []string{"c"}},
						kinesistest.Chaos(seed+1, chaos))
					s := stream(t, k)
					ctx, cancel := context.WithCancel(t.Context())
					var got []string
					var reading sync.WaitGroup
					reading.Go(func() {
						readAll(ctx, s, 0, as, func(r weir.Record) { got = append(got, string(r.Data)) })
					})
					k.Generate("orders", kinesistest.Load{Records: 500, Keys: 1, Over: time.Hour})
					time.Sleep(10 * time.Minute)
					cancel()
					reading.Wait()
					var want []string
					for _, r := range k.Records("orders") {
						want = append(want, string(r.Data))
					}
					require.Len(t, want, 500)
					require.Equal(t, want, got)
				})
			})
		}
	}
}

// A connection that breaks is an error, after which the reader goes on.
func TestStream_goesOnAfterABrokenConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.StreamSpec{Name: "orders", Shards: 1, Consumers: []string{"c"}})
		k.Fail("SubscribeToShard").Nth(1).CutStream(1)
		k.Fail("GetRecords").Nth(1).ResetBefore()
		s := stream(t, k)
		for _, as := range []client.Reading{{}, {Consumer: "c"}} {
			r, err := s.Read(t.Context(), 0, weir.Latest(), as)
			require.NoError(t, err)
			failed := false
			for range 3 {
				if _, err := r.Next(t.Context()); err != nil {
					failed = true
					assert.False(t, errors.Is(err, io.EOF), "%v", err)
					assert.ErrorContains(t, err, "stream orders: ")
				}
			}
			assert.True(t, failed)
			_, err = s.PutRecord(t.Context(), "k", nil)
			require.NoError(t, err)
			for read := 0; read == 0; {
				b, err := r.Next(t.Context())
				require.NoError(t, err)
				read += len(b.Records)
			}
			require.NoError(t, r.Close())
		}
	})
}

// An ending is a context whose end can be seen before it is told.
type ending struct {
	context.Context
	over atomic.Bool
}

func (c *ending) Done() <-chan struct{} { return nil }

func (c *ending) Err() error {
	if c.over.Load() {
		return context.Canceled
	}
	return nil
}

// The end of a call's context is of that call, also where the consumer ends at
// the same time.
func TestStream_theEndOfAContextIsNotTheReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.StreamSpec{Name: "orders", Shards: 1, Consumers: []string{"c"}})
		s := stream(t, k)
		r, err := s.Read(t.Context(), 0, weir.Latest(), client.Reading{Consumer: "c"})
		require.NoError(t, err)
		ctx := &ending{Context: t.Context()}
		next := make(chan error)
		go func() {
			for {
				if _, err := r.Next(ctx); err != nil {
					next <- err
					return
				}
			}
		}()
		synctest.Wait()
		ctx.over.Store(true)
		require.NoError(t, s.DeregisterConsumer(t.Context(), "c"))
		assert.ErrorIs(t, <-next, weir.ErrConsumerNotFound)
		_, err = r.Next(t.Context())
		assert.ErrorIs(t, err, weir.ErrConsumerNotFound)
		require.NoError(t, r.Close())
	})
}

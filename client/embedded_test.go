package client_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/client/clienttest"
)

func embedded(t *testing.T, c weir.Config) (*weir.Stream, client.Engine) {
	t.Helper()
	s, err := weir.NewStream("orders", c)
	require.NoError(t, err)
	return s, client.Embedded(s)
}

func TestEngine_conforms(t *testing.T) {
	clienttest.Run(t, func(t *testing.T, shards int) client.Stream {
		_, e := embedded(t, weir.Config{Shards: shards})
		return e
	})
}

// Limits that differ from the service's change how long things take, and no
// promise.
func TestEngine_conformsWithShortLives(t *testing.T) {
	limits := weir.Unlimited()
	limits.IteratorLifetime, limits.SubscriptionLifetime = time.Millisecond, 3*time.Second
	limits.SubscribeTakeover, limits.IdleEventInterval = time.Second, -1
	limits.BatchRecords = 500 // the kit knows the service's
	clienttest.Run(t, func(t *testing.T, shards int) client.Stream {
		_, e := embedded(t, weir.Config{Shards: shards, Limits: limits})
		return e
	}, clienttest.Limits)
}

func TestEngine_zeroIsAnError(t *testing.T) {
	ctx := t.Context()
	for name, e := range map[string]client.Engine{"zero": {}, "of no stream": client.Embedded(nil)} {
		assert.Empty(t, e.Name())
		_, err := e.PutRecord(ctx, "k", nil)
		assert.ErrorIs(t, err, weir.ErrInvalidArgument, name)
		_, err = e.PutRecords(ctx, nil)
		assert.ErrorIs(t, err, weir.ErrInvalidArgument, name)
		_, err = e.Shards(ctx)
		assert.ErrorIs(t, err, weir.ErrInvalidArgument, name)
		_, err = e.Read(ctx, 0, weir.TrimHorizon(), client.Reading{})
		assert.ErrorIs(t, err, weir.ErrInvalidArgument, name)
		for _, err := range []error{
			e.SplitShard(ctx, 0, weir.HashKey{}), e.MergeShards(ctx, 0, 1), e.Resize(ctx, 2),
			e.RegisterConsumer(ctx, "c"), e.DeregisterConsumer(ctx, "c"),
		} {
			assert.ErrorIs(t, err, weir.ErrInvalidArgument, name)
		}
	}
}

func TestEngine_nilContextIsAnError(t *testing.T) {
	_, e := embedded(t, weir.Config{})
	ctx := context.Context(nil)
	_, err := e.PutRecords(ctx, []weir.Entry{{PartitionKey: "k"}})
	assert.ErrorIs(t, err, weir.ErrInvalidArgument)
	_, err = e.Shards(ctx)
	assert.ErrorIs(t, err, weir.ErrInvalidArgument)
	_, err = e.Read(ctx, 0, weir.TrimHorizon(), client.Reading{})
	assert.ErrorIs(t, err, weir.ErrInvalidArgument)
	require.NoError(t, e.RegisterConsumer(t.Context(), "c"))
	for _, as := range []client.Reading{{}, {Polling: true}, {Consumer: "c"}} {
		r, err := e.Read(t.Context(), 0, weir.TrimHorizon(), as)
		require.NoError(t, err)
		_, err = r.Next(ctx)
		assert.ErrorIs(t, err, weir.ErrInvalidArgument)
		assert.NoError(t, r.Close())
	}
}

// A reader polls as often as it is asked to.
func TestEngine_pollsAtIntervals(t *testing.T) {
	for name, c := range map[string]struct {
		interval         time.Duration
		behind, tip, far time.Duration // when the second, third and fourth poll are made
	}{
		"by default": {0, 200 * time.Millisecond, 1200 * time.Millisecond, 2200 * time.Millisecond},
		"chosen":     {time.Minute, time.Minute, 2 * time.Minute, 3 * time.Minute},
		"at once":    {-1, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, e := embedded(t, weir.Config{})
				for range 2 {
					_, err := s.PutRecord(t.Context(), "k", nil)
					require.NoError(t, err)
				}
				time.Sleep(time.Second) // or the reader would not be behind
				r, err := e.Read(t.Context(), 0, weir.TrimHorizon(), client.Reading{Polling: true, MaxRecords: 1, Interval: c.interval})
				require.NoError(t, err)
				begin := time.Now()
				for i, want := range []time.Duration{0, c.behind, c.tip, c.far} {
					_, err := r.Next(t.Context())
					require.NoError(t, err)
					assert.Equal(t, want, time.Since(begin), "poll %d", i+1)
				}
			})
		})
	}
}

// What a shard closed by EndWrites is followed by is nothing.
func TestEngine_endOfTheStream(t *testing.T) {
	s, e := embedded(t, weir.Config{})
	require.NoError(t, e.RegisterConsumer(t.Context(), "c"))
	require.NoError(t, s.EndWrites(t.Context()))
	for _, as := range []client.Reading{{}, {Polling: true}, {Consumer: "c"}} {
		r, err := e.Read(t.Context(), 0, weir.TrimHorizon(), as)
		require.NoError(t, err)
		b, err := r.Next(t.Context())
		require.NoError(t, err)
		assert.True(t, b.Last)
		assert.Empty(t, b.Children)
		assert.NoError(t, r.Close())
	}
}

// However a shard is read, the reader tells how many records had gone before it
// came to them.
func TestEngine_readersTellOfRecordsThatHaveGone(t *testing.T) {
	for name, as := range map[string]client.Reading{"pushed": {}, "polling": {Polling: true}, "consumer": {Consumer: "c"}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, e := embedded(t, weir.Config{})
				require.NoError(t, e.RegisterConsumer(t.Context(), "c"))
				var numbers []weir.SequenceNumber
				put := func(n int) {
					for range n {
						p, err := s.PutRecord(t.Context(), "k", nil)
						require.NoError(t, err)
						numbers = append(numbers, p.SequenceNumber)
					}
				}
				lost := func(from weir.Position, records int) int64 {
					r, err := e.Read(t.Context(), 0, from, as)
					require.NoError(t, err)
					defer r.Close()
					for n := 0; ; {
						b, err := r.Next(t.Context())
						require.NoError(t, err)
						if n += len(b.Records); n == records && (records > 0 || b.Last) {
							return r.(interface{ Lost() int64 }).Lost()
						}
					}
				}
				put(5)
				assert.Zero(t, lost(weir.AfterSequence(numbers[1]), 3))
				time.Sleep(12 * time.Hour)
				put(2)
				assert.Zero(t, lost(weir.AfterSequence(numbers[1]), 5))
				time.Sleep(12*time.Hour + time.Minute)
				assert.EqualValues(t, 3, lost(weir.AfterSequence(numbers[1]), 2))
				assert.EqualValues(t, 4, lost(weir.AtSequence(numbers[1]), 2))
				assert.Zero(t, lost(weir.AfterSequence(numbers[4]), 2))
				assert.Zero(t, lost(weir.TrimHorizon(), 2))
				require.NoError(t, e.SplitShard(t.Context(), 0, weir.HashKey{}))
				assert.Zero(t, lost(weir.AfterSequence(numbers[6]), 0))
				time.Sleep(12 * time.Hour)
				assert.EqualValues(t, 5, lost(weir.AfterSequence(numbers[1]), 0))
				assert.Zero(t, lost(weir.AfterSequence(numbers[6]), 0))
			})
		})
	}
}

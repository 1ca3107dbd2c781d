package consumer_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
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
)

// A beginner keeps the progress of the one shard that there is, and what it was
// given.
type beginner struct {
	diary
	mu2    sync.Mutex
	begun  []*consumer.Progress
	states []string
	last   int
}

func (b *beginner) config(s *weir.Stream, store lease.Store) consumer.Config {
	c := config(s, store, "w", func(_ context.Context, batch *consumer.Batch) error {
		b.note("", batch)
		if batch.Last {
			b.mu2.Lock()
			defer b.mu2.Unlock()
			b.last++
		}
		return nil
	})
	c.Begin = func(_ context.Context, p *consumer.Progress) {
		b.mu2.Lock()
		defer b.mu2.Unlock()
		b.begun, b.states = append(b.begun, p), append(b.states, string(p.State()))
	}
	return c
}

func (b *beginner) progress() *consumer.Progress {
	b.mu2.Lock()
	defer b.mu2.Unlock()
	return b.begun[len(b.begun)-1]
}

func TestProgress_positionAndStateAreOneWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store, b := streamtest.New(t, "orders", 1), new(lease.Memory), new(beginner)
		var numbers []weir.SequenceNumber
		for i := range 200 {
			at, err := s.PutRecord(t.Context(), "k", fmt.Append(nil, i))
			require.NoError(t, err)
			numbers = append(numbers, at.SequenceNumber)
		}
		c := b.config(s, store)
		c.MaxRecords = 1
		g := run(t, c)
		await(t, "all, more than may be held otherwise", func() bool { return b.len() == 200 })
		row := func() (string, string) {
			time.Sleep(2 * time.Second)
			l := leases(t, store)["shardId-000000000000"]
			return l.Checkpoint.Sequence, string(l.State)
		}
		check := func(sequence, state string) {
			t.Helper()
			at, kept := row()
			assert.Equal(t, sequence, at)
			assert.Equal(t, state, kept)
		}
		p := b.progress()
		check(lease.TrimHorizon, "")
		require.NoError(t, p.Done(weir.SequenceNumber{}, 0, []byte("begun")))
		check(lease.TrimHorizon, "begun")
		require.NoError(t, p.Done(numbers[9], 0, []byte("ten")))
		check(numbers[9].String(), "ten")
		require.NoError(t, p.Done(numbers[3], 0, []byte("late")))
		check(numbers[9].String(), "late")
		require.ErrorIs(t, p.Done(numbers[199].Later(time.Now().Add(time.Hour)), 0, nil), weir.ErrInvalidArgument)
		require.ErrorIs(t, p.Done(numbers[10], 0, make([]byte, lease.MaxStateBytes+1)), weir.ErrInvalidArgument)
		check(numbers[9].String(), "late")

		g.Stop()
		<-p.Stopping()
		p.Drop()
		began := time.Now()
		require.NoError(t, g.End())
		assert.Zero(t, time.Since(began), "nobody waits for what is dropped")

		run(t, c)
		await(t, "the rest again", func() bool { return b.len() == 200+190 })
		assert.Equal(t, []string{"", "late"}, b.states)
		require.NoError(t, b.progress().Done(numbers[199], 0, nil))
		check(numbers[199].String(), "")
	})
}

// A shard ends when all of it is done, not when all was delivered; its handler
// is told of the end.
func TestProgress_aShardEndsWhenItIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store, b := streamtest.New(t, "orders", 1), new(lease.Memory), new(beginner)
		at, err := s.PutRecord(t.Context(), "k", []byte("k 1"))
		require.NoError(t, err)
		g := run(t, b.config(s, store))
		await(t, "it", func() bool { return b.len() == 1 })
		_, err = s.Resize(t.Context(), 2)
		require.NoError(t, err)
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, 1, b.last)
		assert.Len(t, b.begun, 1, "children wait")
		require.NoError(t, b.begun[0].Done(at.SequenceNumber, 0, nil))
		await(t, "the children", func() bool { b.mu2.Lock(); defer b.mu2.Unlock(); return len(b.begun) == 3 })
		require.NoError(t, g.End())
	})
}

// What is done before the handler returns is done, also where the handler fails
// after that.
func TestProgress_maySayItBeforeTheHandlerReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store, b := streamtest.New(t, "orders", 1), new(lease.Memory), new(beginner)
		streamtest.Put(t, s, streamtest.Numbered(1, 0, 3)...)
		c := b.config(s, store)
		calls := 0
		c.Handler = func(_ context.Context, batch *consumer.Batch) error {
			calls++
			last := batch.Records[len(batch.Records)-1].SequenceNumber
			if err := b.progress().Done(last, 0, []byte("done")); err != nil || calls > 1 {
				return err
			}
			return fmt.Errorf("failed")
		}
		g := run(t, c)
		time.Sleep(10 * time.Second)
		assert.Equal(t, "done", string(leases(t, store)["shardId-000000000000"].State))
		began := time.Now()
		require.NoError(t, g.End())
		assert.Zero(t, time.Since(began), "nothing is waited for")
		assert.Equal(t, 2, calls)
	})
}

// What was written by Write is in the store when it returns, and of a shard that
// is another's it says so.
func TestProgress_writeReturnsWhenTheStoreHasIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store, b := streamtest.New(t, "orders", 1), new(lease.Memory), new(beginner)
		at, err := s.PutRecord(t.Context(), "k", []byte("k 1"))
		require.NoError(t, err)
		c := b.config(s, store)
		c.CheckpointEvery = time.Hour
		g := run(t, c)
		await(t, "it", func() bool { return b.len() == 1 })
		p := b.progress()
		require.NoError(t, p.Done(at.SequenceNumber, 0, []byte("one")))
		assert.Empty(t, leases(t, store)["shardId-000000000000"].State)
		require.NoError(t, p.Write(t.Context()))
		l := leases(t, store)["shardId-000000000000"]
		assert.Equal(t, "one", string(l.State))
		assert.Equal(t, at.SequenceNumber.String(), l.Checkpoint.Sequence)

		require.NoError(t, p.Write(t.Context()))
		assert.Equal(t, l.Counter, leases(t, store)["shardId-000000000000"].Counter, "nothing is written twice")

		l.Owner, l.Switches = "somebody", l.Switches+1
		_, err = store.Update(t.Context(), l)
		require.NoError(t, err)
		require.NoError(t, p.Done(weir.SequenceNumber{}, 0, []byte("two")))
		require.ErrorIs(t, p.Write(t.Context()), consumer.ErrLeaseLost)
		require.ErrorIs(t, p.Write(t.Context()), consumer.ErrLeaseLost)
		assert.Equal(t, "one", string(leases(t, store)["shardId-000000000000"].State))
		g.Stop()
		require.NoError(t, g.End())
	})
}

// A stalled stream is one whose shards cannot be read at times.
type stalled struct {
	client.Stream
	fails atomic.Bool
}

func (s *stalled) Read(ctx context.Context, id weir.ShardID, from weir.Position, as client.Reading) (client.Reader, error) {
	r, err := s.Stream.Read(ctx, id, from, as)
	return stalledReader{r, s}, err
}

type stalledReader struct {
	client.Reader
	stream *stalled
}

func (r stalledReader) Next(ctx context.Context) (weir.Batch, error) {
	if r.stream.fails.Load() {
		return weir.Batch{}, errors.New("it cannot be read")
	}
	return r.Reader.Next(ctx)
}

// A Progress knows how far behind its shard is, whether it can be read, and
// whether what it was told is written.
func TestProgress_knowsWhereItsShardStands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store, b := streamtest.New(t, "orders", 1), new(lease.Memory), new(beginner)
		streamtest.Put(t, s, streamtest.Numbered(1, 0, 20)...)
		time.Sleep(time.Minute)
		streamtest.Put(t, s, "k 1")
		stream := &stalled{Stream: client.Embedded(s)}
		c := b.config(s, store)
		c.Streams, c.CheckpointEvery = []client.Stream{stream}, time.Hour
		c.Reading = client.Reading{Polling: true, MaxRecords: 20, Interval: 10 * time.Second}
		g := run(t, c)
		time.Sleep(time.Second)
		behind, failing := b.progress().Behind()
		assert.Equal(t, []any{time.Minute, false}, []any{behind.Round(time.Second), failing})
		time.Sleep(time.Minute)
		behind, failing = b.progress().Behind()
		assert.Equal(t, []any{time.Duration(0), false}, []any{behind, failing})
		stream.fails.Store(true)
		time.Sleep(time.Minute)
		_, failing = b.progress().Behind()
		assert.True(t, failing)
		stream.fails.Store(false)
		streamtest.Put(t, s, "k 2")
		time.Sleep(time.Minute)
		_, failing = b.progress().Behind()
		assert.False(t, failing)

		assert.True(t, b.progress().Written())
		require.NoError(t, b.progress().Done(weir.SequenceNumber{}, 0, []byte("state")))
		assert.False(t, b.progress().Written())
		require.NoError(t, b.progress().Write(t.Context()))
		assert.True(t, b.progress().Written())
		g.Stop()
	})
}

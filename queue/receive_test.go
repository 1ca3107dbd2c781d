package queue_test

import (
	"context"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/queue"
)

// Those who wait are served in the order in which they came.
func TestQueue_servesWhoWaitsInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{})
		q := newQueue(t, s, queue.Config{})
		const waiters = 5
		var mu sync.Mutex
		var order []int
		var all sync.WaitGroup
		for i := range waiters {
			all.Go(func() {
				list, err := q.Receive(t.Context(), 1)
				assert.NoError(t, err)
				assert.Len(t, list, 1)
				mu.Lock()
				defer mu.Unlock()
				order = append(order, i)
			})
			synctest.Wait()
		}
		for range waiters {
			put(t, s, 1)
			synctest.Wait()
		}
		all.Wait()
		assert.Equal(t, []int{0, 1, 2, 3, 4}, order)
	})
}

// What a waiting receive waits for, beside records that are put, and that it
// returns then and not before.
func TestQueue_aWaitEnds(t *testing.T) {
	type queued struct {
		s      *weir.Stream
		q      *queue.Queue
		flying queue.Delivery
	}
	for name, c := range map[string]struct {
		dead   bool
		begin  func(t *testing.T, x queued)
		takes  time.Duration
		wanted int
		err    error
	}{
		"with a record that is put":      {begin: func(t *testing.T, x queued) { put(t, x.s, 1) }, takes: 2 * time.Second, wanted: 1},
		"when a time is over":            {takes: 10 * time.Second, wanted: 1},
		"when a record is given back":    {begin: func(t *testing.T, x queued) { assert.NoError(t, x.flying.Return(t.Context())) }, takes: 2 * time.Second, wanted: 1},
		"when time is made shorter":      {begin: func(t *testing.T, x queued) { assert.NoError(t, x.flying.Extend(t.Context(), time.Second)) }, takes: 3 * time.Second, wanted: 1},
		"when its own time is over":      {begin: func(t *testing.T, x queued) { assert.NoError(t, x.flying.Ack(t.Context())) }, takes: 20 * time.Second},
		"with the queue":                 {begin: func(t *testing.T, x queued) { assert.NoError(t, x.q.Close()) }, takes: 2 * time.Second, err: weir.ErrClosed},
		"when the queue is deleted":      {begin: func(t *testing.T, x queued) { assert.NoError(t, x.q.Delete(t.Context())) }, takes: 2 * time.Second, err: queue.ErrDeleted},
		"when a record is dead":          {dead: true, takes: 10 * time.Second, wanted: 1},
		"when a record dies before time": {dead: true, begin: func(t *testing.T, x queued) { assert.NoError(t, x.flying.Return(t.Context())) }, takes: 2 * time.Second, wanted: 1},
		"when all is over with the stream": {begin: func(t *testing.T, x queued) {
			assert.NoError(t, x.s.EndWrites(t.Context()))
			assert.NoError(t, x.flying.Ack(t.Context()))
		}, takes: 2 * time.Second, err: io.EOF},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := queued{s: newStream(t, weir.Config{})}
				settings := queue.Settings{Visibility: 10 * time.Second}
				if c.dead {
					settings.MaxReceives = 1
				}
				x.q = newQueue(t, x.s, queue.Config{Settings: settings})
				put(t, x.s, 1)
				x.flying = try(t, x.q, 1)[0]
				if c.begin != nil {
					time.AfterFunc(2*time.Second, func() { c.begin(t, x) })
				}
				began, receive := time.Now(), x.q.ReceiveWith
				if c.dead {
					receive = x.q.DeadLetters().ReceiveWith
				}
				list, err := receive(t.Context(), queue.Request{Wait: 20 * time.Second})
				assert.ErrorIs(t, err, c.err)
				assert.Len(t, list, c.wanted)
				assert.Equal(t, c.takes, time.Since(began))
			})
		})
	}
}

// A receive that was given up leaves nothing in flight.
func TestQueue_whoGivesUpTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{})
		q := newQueue(t, s, queue.Config{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := q.Receive(ctx, 1)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		put(t, s, 1)
		_, err = q.Receive(ctx, 1)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		list := try(t, q, 1)
		require.Len(t, list, 1)
		assert.Equal(t, 1, list[0].Receives)
	})
}

func TestQueue_boundsWhatIsInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{})
		q := newQueue(t, s, queue.Config{MaxInFlight: 3})
		put(t, s, 5)
		list := try(t, q, 10)
		require.Len(t, list, 3)
		_, err := q.TryReceive(t.Context(), 1)
		require.ErrorIs(t, err, queue.ErrTooManyInFlight)
		began := time.Now()
		_, err = q.ReceiveWith(t.Context(), queue.Request{Wait: time.Second})
		require.ErrorIs(t, err, queue.ErrTooManyInFlight)
		require.Equal(t, time.Second, time.Since(began))
		time.AfterFunc(time.Second, func() { assert.NoError(t, list[1].Ack(t.Context())) })
		more, err := q.Receive(t.Context(), 10)
		require.NoError(t, err)
		require.Equal(t, []string{"3"}, data(more))
		require.Equal(t, 2*time.Second, time.Since(began))
		require.NoError(t, list[0].Ack(t.Context()))
		require.NoError(t, list[2].Ack(t.Context()))
		require.NoError(t, more[0].Ack(t.Context()))
		require.Equal(t, []string{"4"}, data(try(t, q, 10)))
		require.Empty(t, try(t, q, 10), "no error where there is nothing")
	})
}

func TestQueue_boundsTheBytesOfAReceive(t *testing.T) {
	s := newStream(t, weir.Config{Settings: weir.Settings{RecordBytes: 10 << 20}})
	q := newQueue(t, s, queue.Config{})
	for range 4 {
		_, err := s.PutRecord(t.Context(), "k", make([]byte, 4<<20))
		require.NoError(t, err)
	}
	require.Len(t, try(t, q, 10), 2, "10 MiB if nothing is said")
	list, err := q.ReceiveWith(t.Context(), queue.Request{MaxBytes: 1})
	require.NoError(t, err)
	require.Len(t, list, 1, "one in any case")
}

func TestNew_beginsWhereItIsTold(t *testing.T) {
	clock := newClock()
	s := newStream(t, weir.Config{Now: clock.Now, Shards: 3})
	put(t, s, 2)
	clock.advance(time.Second)
	mark := clock.now
	put(t, s, 3)
	at := map[string]*queue.Queue{
		"all":    newQueue(t, s, queue.Config{}),
		"latest": newQueue(t, s, queue.Config{From: weir.Latest()}),
		"time":   newQueue(t, s, queue.Config{From: weir.AtTime(mark)}),
		"future": newQueue(t, s, queue.Config{From: weir.AtTime(mark.Add(time.Minute))}),
	}
	clock.advance(time.Second)
	put(t, s, 4)
	_, err := s.Resize(t.Context(), 5)
	require.NoError(t, err)
	clock.advance(time.Minute)
	put(t, s, 5)
	for name, want := range map[string]int{"all": 14, "latest": 9, "time": 12, "future": 5} {
		require.Len(t, try(t, at[name], 100), want, name)
	}
}

// Queues of one stream know nothing of each other, nor does the stream of them.
func TestQueue_queuesOfOneStreamAreIndependent(t *testing.T) {
	clock := newClock()
	s := newStream(t, weir.Config{Now: clock.Now, Shards: 2})
	twin := newStream(t, weir.Config{Now: clock.Now, Shards: 2})
	put(t, s, 10)
	put(t, twin, 10)
	a, b := newQueue(t, s, queue.Config{Name: "a"}), newQueue(t, s, queue.Config{Name: "b"})
	list := try(t, a, 10)
	for i := range list[:5] {
		require.NoError(t, list[i].Ack(t.Context()))
	}
	require.Len(t, try(t, b, 100), 10)
	clock.advance(30 * time.Second)
	require.Len(t, try(t, a, 100), 5)
	require.NoError(t, a.Delete(t.Context()))
	require.Len(t, try(t, b, 100), 10)
	assert.Equal(t, twin.Snapshot(), s.Snapshot(), "the stream's metrics")
}

// A record that expires is gone from the queue, whatever became of it there,
// and is counted.
func TestQueue_expiredRecordsAreGone(t *testing.T) {
	clock := newClock()
	s := newStream(t, weir.Config{Now: clock.Now})
	q := newQueue(t, s, queue.Config{Settings: queue.Settings{MaxReceives: 1, Visibility: 12 * time.Hour}})
	put(t, s, 3)
	flying := try(t, q, 1)[0]
	require.NoError(t, try(t, q, 1)[0].Return(t.Context()))
	c, err := q.Counts()
	require.NoError(t, err)
	require.Equal(t, queue.Counts{Visible: 1, InFlight: 1, DeadVisible: 1, Totals: queue.Totals{Received: 2, DeadLettered: 1}}, c)
	for _, d := range []time.Duration{11 * time.Hour, 5 * time.Hour} {
		clock.advance(d)
		require.NoError(t, flying.Extend(t.Context(), 12*time.Hour))
	}
	clock.advance(8*time.Hour - time.Millisecond)
	require.Equal(t, []string{"1"}, data(try(t, q.DeadLetters(), 10)), "just before")
	clock.advance(time.Millisecond)
	require.Empty(t, try(t, q, 10))
	require.Empty(t, try(t, q.DeadLetters(), 10))
	c, err = q.Counts()
	require.NoError(t, err)
	require.Equal(t, queue.Counts{Totals: queue.Totals{Received: 3, Redelivered: 1, DeadLettered: 1, Expired: 3, EmptyReceives: 2}}, c)
	require.ErrorIs(t, flying.Ack(t.Context()), queue.ErrStaleReceipt)
	require.NoError(t, q.CheckInvariants())
}

// What is trimmed in the stream does not come back.
func TestQueue_trimmedRecordsDoNotComeBack(t *testing.T) {
	clock := newClock()
	s := newStream(t, weir.Config{Now: clock.Now})
	q := newQueue(t, s, queue.Config{})
	put(t, s, 5)
	list := try(t, q, 10)
	require.NoError(t, s.TrimTo(list[2].SequenceNumber))
	clock.advance(30 * time.Second)
	require.Equal(t, []string{"3", "4"}, data(try(t, q, 10)))
	c, err := q.Counts()
	require.NoError(t, err)
	assert.EqualValues(t, 3, c.Expired)
}

// However often records are received and acknowledged, nothing is kept of them.
func TestQueue_whatIsDoneTakesNoMemory(t *testing.T) {
	s := newStream(t, weir.Config{})
	q := newQueue(t, s, queue.Config{})
	_, err := s.PutCopies(t.Context(), weir.Entry{PartitionKey: "k", Data: []byte("data")}, 50_000)
	require.NoError(t, err)
	kept := try(t, q, 1) // stays in flight before all others
	most := int64(0)
	for {
		list := try(t, q, 100)
		if len(list) == 0 {
			break
		}
		for i := range list {
			require.NoError(t, list[i].Ack(t.Context()))
		}
		most = max(most, q.MemoryOf())
	}
	assert.LessOrEqual(t, most, int64(64<<10))
	saved, err := q.Save()
	require.NoError(t, err)
	assert.Less(t, len(saved), 200)
	require.NoError(t, kept[0].Ack(t.Context()))
}

// Shards that have vanished are forgotten.
func TestQueue_forgetsShardsThatHaveVanished(t *testing.T) {
	clock := newClock()
	s := newStream(t, weir.Config{Now: clock.Now})
	q := newQueue(t, s, queue.Config{})
	for i := range 1000 {
		put(t, s, 1)
		for _, d := range try(t, q, 10) {
			require.NoError(t, d.Ack(t.Context()))
		}
		_, err := s.Resize(t.Context(), 1+(i+1)%2)
		require.NoError(t, err)
		clock.advance(2 * time.Hour)
	}
	assert.Less(t, q.Shards(), 200)
	require.NoError(t, q.CheckInvariants())
}

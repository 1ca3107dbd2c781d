package queue_test

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
	"github.com/weirstream/weir/internal/journal/journaltest"
	"github.com/weirstream/weir/queue"
)

func TestQueue_processKeepsARecordWhileItsHandlerRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{})
		q := newQueue(t, s, queue.Config{})
		put(t, s, 1)
		began := time.Now()
		var calls atomic.Int64
		require.NoError(t, s.EndWrites(t.Context()))
		require.NoError(t, q.Process(t.Context(), 3, func(context.Context, queue.Delivery) error {
			calls.Add(1)
			time.Sleep(10 * time.Minute)
			return nil
		}))
		assert.EqualValues(t, 1, calls.Load())
		assert.Equal(t, 10*time.Minute, time.Since(began))
		c, err := q.Counts()
		require.NoError(t, err)
		assert.Equal(t, queue.Counts{Totals: queue.Totals{Received: 1, Acknowledged: 1}}, c)
	})
}

func TestQueue_processBacksOffAndBuries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{})
		q := newQueue(t, s, queue.Config{Settings: queue.Settings{MaxReceives: 4}})
		put(t, s, 1)
		require.NoError(t, s.EndWrites(t.Context()))
		began, bad := time.Now(), errors.New("bad")
		var at []time.Duration
		failed := 0
		require.NoError(t, q.ProcessWith(t.Context(), queue.Processing{
			Workers: 2,
			Handle: func(_ context.Context, d queue.Delivery) error {
				at = append(at, time.Since(began))
				return bad
			},
			Failed: func(d queue.Delivery, err error) {
				failed++
				assert.Equal(t, failed, d.Receives)
				assert.ErrorIs(t, err, bad)
			},
		}))
		assert.Equal(t, []time.Duration{0, time.Second, 3 * time.Second, 7 * time.Second}, at)
		assert.Equal(t, 4, failed)
		require.Len(t, try(t, q.DeadLetters(), 10), 1)
	})
}

func TestQueue_processDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{})
		q := newQueue(t, s, queue.Config{})
		put(t, s, 10)
		for _, c := range []struct{ drain, takes time.Duration }{
			{0, 20 * time.Second}, {-1, time.Second}, {5 * time.Second, 6 * time.Second}, {time.Minute, 20 * time.Second},
		} {
			began := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			err := q.ProcessWith(ctx, queue.Processing{Workers: 2, Drain: c.drain, Handle: func(ctx context.Context, d queue.Delivery) error {
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(20 * time.Second):
					return nil
				}
			}})
			require.ErrorIs(t, err, context.DeadlineExceeded)
			assert.Equal(t, c.takes, time.Since(began), "drain %v", c.drain)
			cancel()
			time.Sleep(time.Hour)
		}
	})
}

// A clock that is set forward lets a record come back while it is handled: its
// handler is told, and somebody else has it.
func TestQueue_processEndsAHandlerWhoseRecordIsSomebodyElses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ahead atomic.Int64
		now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		s := newStream(t, weir.Config{Now: now})
		q := newQueue(t, s, queue.Config{})
		put(t, s, 1)
		require.NoError(t, s.EndWrites(t.Context()))
		var calls atomic.Int64
		var why error
		require.NoError(t, q.Process(t.Context(), 2, func(ctx context.Context, d queue.Delivery) error {
			if calls.Add(1) > 1 {
				return nil
			}
			ahead.Store(int64(time.Hour))
			q.Wake()
			<-ctx.Done()
			why = context.Cause(ctx)
			return why
		}))
		assert.ErrorIs(t, why, queue.ErrStaleReceipt)
		assert.EqualValues(t, 2, calls.Load())
	})
}

func TestQueue_processRefusesWhatIsOutOfBounds(t *testing.T) {
	s := newStream(t, weir.Config{})
	q := newQueue(t, s, queue.Config{})
	handle := func(context.Context, queue.Delivery) error { return nil }
	for want, p := range map[string]queue.Processing{
		"Processing.Workers: 0 is outside 1 to 10000":     {Handle: handle},
		"Processing.Workers: 10001 is outside 1 to 10000": {Handle: handle, Workers: 10_001},
		"Processing.Handle: is nil":                       {Workers: 1},
	} {
		assert.EqualError(t, q.ProcessWith(t.Context(), p), want)
	}
}

func TestQueue_deliveriesEndWithTheStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{Shards: 3})
		q := newQueue(t, s, queue.Config{})
		put(t, s, 20)
		require.NoError(t, s.EndWrites(t.Context()))
		n := 0
		for d, err := range q.Deliveries(t.Context()) {
			require.NoError(t, err)
			if n++; n%2 == 0 || d.Receives > 1 {
				require.NoError(t, d.Ack(t.Context()))
			}
		}
		assert.Equal(t, 30, n, "ten of them twice")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for _, err := range q.Deliveries(ctx) {
			require.ErrorIs(t, err, context.Canceled)
		}
	})
}

// Each record is handled once, and none is lost, whatever the workers of
// several processes do at the same time.
func TestQueue_manyWorkersShareTheRecords(t *testing.T) {
	s := newStream(t, weir.Config{Shards: 4})
	a := newQueue(t, s, queue.Config{Name: "a"})
	b, err := queue.OpenIn(s, queue.Config{Name: "b"}, journaltest.New())
	require.NoError(t, err)
	const n = 2000
	seen := map[*queue.Queue]map[string]int{a: {}, b: {}}
	var mu sync.Mutex
	var all sync.WaitGroup
	for q := range seen {
		for range 2 {
			all.Go(func() {
				assert.NoError(t, q.Process(t.Context(), 4, func(_ context.Context, d queue.Delivery) error {
					mu.Lock()
					defer mu.Unlock()
					seen[q][string(d.Data)]++
					return nil
				}))
			})
		}
	}
	for i := range n {
		_, err := s.PutRecord(t.Context(), fmt.Sprint(i), fmt.Append(nil, i))
		require.NoError(t, err)
		if i == n/2 {
			_, err := s.Resize(t.Context(), 8)
			require.NoError(t, err)
		}
	}
	require.NoError(t, s.EndWrites(t.Context()))
	all.Wait()
	for q, records := range seen {
		assert.Len(t, records, n, q.Name())
		for data, times := range records {
			assert.Equal(t, 1, times, data)
		}
		require.NoError(t, q.CheckInvariants())
	}
}

package window_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/lease"
	"github.com/weirstream/weir/window"
)

// What a handler refuses is not given to it again, neither after an error of
// Aside nor after an end.
func TestWindower_handlersRefuse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newStream(t, "s", 1), new(lease.Memory)
		var p page
		no := errors.New("no")
		var mended atomic.Bool
		var aside atomic.Int64
		c := counting{Windows: window.Tumbling(time.Second, window.Count[*weir.Record]()), Group: groupOf(s, store)}
		c.Handler = func(ctx context.Context, results []window.Result[int64]) error {
			require.NoError(t, p.handle(ctx, results))
			return fmt.Errorf("of two: %w", &window.RefusedError{Results: map[int]error{1: no, 7: no, -1: no}})
		}
		c.Aside = func(_ context.Context, list []window.Rejected[*weir.Record]) error {
			if !mended.Load() {
				return errors.New("down")
			}
			aside.Add(int64(len(list)))
			require.EqualError(t, list[0].Err, "window: result 1:b/946684800000-946684801000: no")
			require.ErrorIs(t, list[0].Err, no)
			return nil
		}
		put(t, s, "a", "b")
		time.Sleep(time.Second)
		put(t, s, "c")
		w, end := running(t, c)
		time.Sleep(time.Minute)
		assert.Equal(t, []string{"a 00:00:00 final 1", "b 00:00:00 final 1"}, p.take())
		assert.Greater(t, w.Metrics().Failures, int64(3), "Aside is asked again, the handler is not")
		mended.Store(true)
		time.Sleep(time.Minute)
		assert.EqualValues(t, 1, aside.Load())
		require.NoError(t, end())
		assert.Empty(t, p.take())

		c.Aside = nil
		c.Group.Store = new(lease.Memory)
		w, end = running(t, c)
		time.Sleep(time.Minute)
		require.NoError(t, end())
		assert.Len(t, p.take(), 2)
		assert.EqualValues(t, 1, w.Metrics().Rejected, "it is dropped, and counted")
	})
}

// A handler that the clock calls, and that does not return though its context has
// ended, does not hold Run up: it is named.
func TestWindower_namesAHandlerThatDoesNotReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, forever := newStream(t, "s", 1), make(chan struct{})
		c := counting{Windows: minute(), EarlyEvery: time.Second, Group: groupOf(s, new(lease.Memory))}
		c.Handler = func(context.Context, []window.Result[int64]) error { <-forever; return nil }
		put(t, s, "a")
		_, end := running(t, c)
		time.Sleep(10 * time.Second)
		var stuck *consumer.StuckError
		require.ErrorAs(t, end(), &stuck)
		assert.Equal(t, []string{"s shardId-000000000000"}, stuck.Shards)
		close(forever)
		synctest.Wait()
	})
}

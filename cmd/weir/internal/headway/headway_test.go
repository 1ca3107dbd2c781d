package headway_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/cmd/weir/internal/headway"
)

// A sink takes so many records a second, in the order in which they came.
func oldest(t *testing.T, giveUp time.Duration, rate, records int) (age, took time.Duration) {
	t.Helper()
	w, queue := headway.New(giveUp), make(chan time.Time, records)
	began := time.Now()
	var sink sync.WaitGroup
	sink.Go(func() {
		for came := range queue {
			time.Sleep(time.Second / time.Duration(rate))
			age = max(age, time.Since(came))
			w.Leave(true)
		}
	})
	for range records {
		require.NoError(t, w.Enter(t.Context()))
		queue <- time.Now()
	}
	close(queue)
	sink.Wait()
	return age, time.Since(began)
}

// Forty thousand lines into a shard that several share: most of them were given
// up without having been tried.
func TestWindow_nothingGrowsOldWhileItWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, rate := range []int{50, 333, 1000, 20_000} {
			age, took := oldest(t, 30*time.Second, rate, 40_000)
			first := (headway.Least + 2) * time.Second / time.Duration(rate) // each record at its turn
			assert.LessOrEqual(t, age, first+30*time.Second/4, "at %d a second", rate)
			assert.InDelta(t, 40_000/float64(rate), took.Seconds(), 0.01, "the sink never waits")
		}
		age, _ := oldest(t, 2*time.Second, 1000, 40_000)
		assert.Less(t, age, 2*time.Second)
	})
}

func TestWindow_whatIsGivenUpMakesItNoWider(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := headway.New(8 * time.Second)
		enter := func() (n int) {
			ctx, stop := context.WithTimeout(t.Context(), time.Millisecond)
			defer stop()
			for w.Enter(ctx) == nil {
				n++
			}
			return n
		}
		leave := func(n int, put bool) {
			for range n {
				w.Leave(put)
			}
		}
		assert.Equal(t, headway.Least, enter())
		leave(headway.Least, true)
		assert.Equal(t, 2*headway.Least, enter())
		time.Sleep(8 * time.Second) // an outage
		leave(2*headway.Least, false)
		assert.Equal(t, headway.Least, enter(), "what was put long ago does not count")
	})
}

func TestWindow_endsWithItsContext(t *testing.T) {
	w := headway.New(time.Second)
	ctx, stop := context.WithCancel(t.Context())
	for range headway.Least {
		require.NoError(t, w.Enter(ctx))
	}
	stop()
	assert.ErrorIs(t, w.Enter(ctx), context.Canceled)
}

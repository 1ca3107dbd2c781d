package systime_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirstream/weir/internal/systime"
)

func TestNew_tellsTheTimeOfABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := systime.New()
		for _, d := range []time.Duration{0, 1, time.Microsecond, time.Millisecond, time.Millisecond + 1, time.Hour, 9000 * time.Hour} {
			time.Sleep(d)
			assert.Equal(t, time.Now().UTC().Round(0), now(), d)
			assert.Equal(t, time.Now().UTC().Round(0), now(), d)
		}
	})
}

// A clock may be made outside a bubble and be used inside, where it is the year
// 2000.
func TestNew_changesOverToABubble(t *testing.T) {
	now := systime.New()
	outside := now()
	synctest.Test(t, func(t *testing.T) {
		assert.Equal(t, time.Now().UTC().Round(0), now())
		time.Sleep(100 * time.Nanosecond)
		assert.Equal(t, time.Now().UTC().Round(0), now())
	})
	assert.False(t, now().Before(outside))
}

// What it says lies between two readings of time.Now, but for the moment
// between the two that time.Now itself takes.
func TestNew_agreesWithTheWallClock(t *testing.T) {
	const slack = time.Second / 4 // for who is interrupted in that moment
	now := systime.New()
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for range 20_000 {
				before, is, after := time.Now(), now(), time.Now()
				assert.False(t, is.Before(before.Add(-slack)) || is.After(after.Add(slack)))
			}
		})
	}
	workers.Wait()
}

func BenchmarkNow(b *testing.B) {
	b.Run("systime", func(b *testing.B) {
		now := systime.New()
		for b.Loop() {
			now()
		}
	})
	b.Run("time.Now", func(b *testing.B) {
		for b.Loop() {
			time.Now()
		}
	})
}

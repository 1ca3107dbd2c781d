package serve

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// What help and README say that a crash loses, of a small state and of large
// ones. What was put right after a save had begun is safe when the next one is
// finished, which is when a crash would lose most.
func TestRepeat_whatACrashLoses(t *testing.T) {
	for takes, want := range map[time.Duration]time.Duration{
		time.Millisecond:       time.Second + 2*time.Millisecond,
		111 * time.Millisecond: time.Second + 222*time.Millisecond,
		500 * time.Millisecond: 11 * 500 * time.Millisecond,
		time.Second:            11 * time.Second, // where help promised two
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			var began time.Time
			var most time.Duration
			repeat(ctx, State{Every: time.Second}, func() error {
				last := began
				began = time.Now()
				time.Sleep(takes)
				if !last.IsZero() {
					most = max(most, time.Since(last))
				}
				return nil
			})
			assert.Equal(t, want, most, takes)
		})
	}
}

func TestRepeat_goesOnAfterAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second+time.Millisecond)
		defer cancel()
		failed, no := 0, errors.New("no room")
		repeat(ctx, State{Every: time.Second, Failed: func(err error) {
			assert.Equal(t, no, err)
			failed++
		}}, func() error { return no })
		assert.Equal(t, 10, failed)
	})
}

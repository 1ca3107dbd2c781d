package wait

import (
	"context"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestPause_endsWithWhatComesFirst(t *testing.T) {
	after := func(d time.Duration) <-chan struct{} {
		c := make(chan struct{})
		time.AfterFunc(d, func() { close(c) })
		return c
	}
	for _, c := range []struct {
		name           string
		d              time.Duration
		changed, ended time.Duration // zero: never
		context        time.Duration
		takes          time.Duration
		ok             bool
	}{
		{"the time", 2 * time.Second, 3 * time.Second, 0, time.Minute, 2 * time.Second, true},
		{"a change", 2 * time.Second, time.Second, 0, time.Minute, time.Second, true},
		{"an end", math.MaxInt64, 0, time.Second, time.Minute, time.Second, true},
		{"the context", math.MaxInt64, 0, 0, time.Minute, time.Minute, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), c.context)
				defer cancel()
				var changed, ended <-chan struct{}
				if c.changed > 0 {
					changed = after(c.changed)
				}
				if c.ended > 0 {
					ended = after(c.ended)
				}
				began := time.Now()
				assert.Equal(t, c.ok, Pause(ctx, c.d, changed, ended))
				assert.Equal(t, c.takes, time.Since(began))
			})
		})
	}
}

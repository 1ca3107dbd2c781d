package handclock_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirstream/weir/aws/internal/handclock"
)

func TestClock_movesOnlyByHand(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	c := handclock.New(at)
	assert.Equal(t, at, c.Now())
	c.Advance(time.Hour)
	c.Advance(-time.Minute)
	assert.Equal(t, at.Add(59*time.Minute), c.Now())
	assert.Equal(t, at.Add(59*time.Minute), c.Now())
}

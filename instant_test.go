package weir

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestInstant_clocksOutsideItsBoundsAreTakenForTheNearerEnd(t *testing.T) {
	assert.Zero(t, instantOf(time.Time{}))
	assert.Zero(t, instantOf(time.Unix(-1, 999_999_999)))
	assert.Equal(t, instant(1), instantOf(time.Unix(0, 1)))
	end := time.Unix(maxSecond, 0)
	assert.Equal(t, instantOf(end), instantOf(end.Add(time.Hour)))
	assert.Less(t, instantOf(end.AddDate(100, 0, 0)), never)
}

func TestInstant_plusEndsAtNever(t *testing.T) {
	assert.Equal(t, instant(3), instant(1).plus(2))
	assert.Equal(t, never-1, instant(1).plus(math.MaxInt64-2))
	assert.Equal(t, never, instant(1).plus(math.MaxInt64-1))
	assert.Equal(t, never, instant(2).plus(math.MaxInt64))
}

func TestInstant_horizonIsRoundedDown(t *testing.T) {
	at := instant(5 * time.Millisecond)
	assert.EqualValues(t, 4, horizonMs(at, time.Millisecond))
	assert.EqualValues(t, 3, horizonMs(at-1, time.Millisecond))
	assert.EqualValues(t, -1, horizonMs(0, 1), "also below zero")
}

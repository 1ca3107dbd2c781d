package clock

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestInstant_clocksOutsideItsBoundsAreTakenForTheNearerEnd(t *testing.T) {
	assert.Zero(t, Of(time.Time{}))
	assert.Zero(t, Of(time.Unix(-1, 999_999_999)))
	assert.Equal(t, Instant(1), Of(time.Unix(0, 1)))
	end := time.Unix(MaxSecond, 0)
	assert.Equal(t, Of(end), Of(end.Add(time.Hour)))
	assert.Less(t, Of(end.AddDate(100, 0, 0)), Never)
}

func TestInstant_plusEndsAtNever(t *testing.T) {
	assert.Equal(t, Instant(3), Instant(1).Plus(2))
	assert.Equal(t, Never-1, Instant(1).Plus(math.MaxInt64-2))
	assert.Equal(t, Never, Instant(1).Plus(math.MaxInt64-1))
	assert.Equal(t, Never, Instant(2).Plus(math.MaxInt64))
}

func TestInstant_horizonIsRoundedDown(t *testing.T) {
	at := Instant(5 * time.Millisecond)
	assert.EqualValues(t, 4, HorizonMs(at, time.Millisecond))
	assert.EqualValues(t, 3, HorizonMs(at-1, time.Millisecond))
	assert.EqualValues(t, -1, HorizonMs(0, 1), "also below zero")
}

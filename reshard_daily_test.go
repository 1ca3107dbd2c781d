package weir_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
)

// A clock that had gone years ahead and was set back kept a stream from being
// resized, and from switching its mode, until it got there again.
func TestStream_dailyLimitsOfAClockThatWasAhead(t *testing.T) {
	s, clock := clocked(t, weir.Config{Limits: weir.Limits{ResizesPerDay: 1, ModeSwitchesPerDay: 1}})
	const years = 10 * 365 * 24 * time.Hour
	resize := func() error {
		_, err := s.Resize(t.Context(), 3-len(openShards(t, s)))
		return err
	}
	clock.Advance(years)
	require.NoError(t, resize())
	require.ErrorIs(t, resize(), weir.ErrLimitExceeded)
	clock.Advance(-24 * time.Hour)
	var refused *weir.LimitError
	require.ErrorAs(t, resize(), &refused, "such a step does not lift the limit")
	assert.Equal(t, 48*time.Hour, refused.RetryAfter)
	clock.Advance(24*time.Hour - years)
	require.NoError(t, resize())
	require.ErrorAs(t, resize(), &refused)
	assert.Equal(t, 24*time.Hour, refused.RetryAfter)

	clock.Advance(years)
	require.NoError(t, setMode(s, weir.OnDemand))
	require.ErrorIs(t, setMode(s, weir.Provisioned), weir.ErrLimitExceeded)
	clock.Advance(-years)
	require.NoError(t, setMode(s, weir.Provisioned))
}

// A stream that was saved under a higher limit waits until there is room under
// the one that it is loaded with.
func TestStream_resizesOfBeforeUnderALowerLimit(t *testing.T) {
	s, clock := clocked(t, weir.Config{})
	for i := range 4 {
		_, err := s.Resize(t.Context(), 2-i%2)
		require.NoError(t, err)
		clock.Advance(time.Hour)
	}
	s = loaded(t, saved(t, s), weir.Config{Now: clock.Now, Limits: weir.Limits{ResizesPerDay: 2}})
	_, err := s.Resize(t.Context(), 2)
	var refused *weir.LimitError
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, 22*time.Hour, refused.RetryAfter)
	clock.Advance(refused.RetryAfter)
	_, err = s.Resize(t.Context(), 2)
	assert.NoError(t, err)
}

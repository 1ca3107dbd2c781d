package clickstream_test

import (
	"io"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/cmd/weir/internal/clickstream"
	"github.com/weirstream/weir/cmd/weir/internal/input"
)

func generate(t *testing.T, seed uint64, n int) []input.Event {
	t.Helper()
	g := clickstream.New(seed, n)
	var events []input.Event
	for {
		e, err := g.Next()
		if err == io.EOF {
			return events
		}
		require.NoError(t, err)
		events = append(events, e)
	}
}

func TestGenerator_sameSeedSameEvents(t *testing.T) {
	first := generate(t, 7, 2000)
	require.Len(t, first, 2000)
	assert.Equal(t, first, generate(t, 7, 2000))
	assert.Equal(t, first[:500], generate(t, 7, 500), "the number of events does not change them")
	assert.NotEqual(t, first, generate(t, 8, 2000))
}

func TestGenerator_none(t *testing.T) {
	assert.Empty(t, generate(t, 1, 0))
}

func TestGenerator_linesSayWhatTheEventSays(t *testing.T) {
	for _, want := range generate(t, 3, 2000) {
		got, err := input.ParseCombined(want.Raw)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

func TestGenerator_isSkewedAndBursts(t *testing.T) {
	keys, minutes, late := map[string]int{}, map[int64]int{}, 0
	events := generate(t, 1, 12_000)
	for i, e := range events {
		keys[e.Key]++
		minutes[e.Time.Unix()/60]++
		if i > 0 && e.Time.Before(events[i-1].Time) {
			late++
		}
	}
	var counts, loads []int
	for _, n := range keys {
		counts = append(counts, n)
	}
	for _, n := range minutes {
		loads = append(loads, n)
	}
	assert.Greater(t, slices.Max(counts), len(events)/20, "the busiest of %d keys", len(keys))
	assert.Greater(t, len(keys), 800)
	assert.Greater(t, slices.Max(loads), 3*slices.Min(loads)/2, "requests per minute %v", loads)
	assert.Greater(t, late, 50)
}

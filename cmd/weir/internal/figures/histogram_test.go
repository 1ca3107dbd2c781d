package figures_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirstream/weir/cmd/weir/internal/figures"
)

// Of 1 ms, 2 ms … 100 ms half are no longer than 50 ms, 99 of 100 than 99 ms,
// and the mean is 50.5 ms.
func TestHistogram_percentiles(t *testing.T) {
	h := figures.NewHistogram()
	for i := range 100 {
		h.Record(time.Duration(i+1) * time.Millisecond)
	}
	for percentile, want := range map[float64]time.Duration{
		0: 1, 1: 1, 50: 50, 90: 90, 99: 99, 99.9: 100, 100: 100,
	} {
		assert.InEpsilon(t, want*time.Millisecond, h.At(percentile), 0.001, "p%v", percentile)
	}
	assert.Equal(t, 50500*time.Microsecond, h.Mean())
	assert.Equal(t, time.Millisecond, h.Min())
	assert.Equal(t, 100*time.Millisecond, h.Max())
	assert.EqualValues(t, 100, h.Count())
}

func TestHistogram_bounds(t *testing.T) {
	h := figures.NewHistogram()
	assert.Zero(t, h.At(99))
	assert.Zero(t, h.Mean())
	h.Record(-time.Second)
	assert.Zero(t, h.Max())
	h.Record(48 * time.Hour)
	assert.Equal(t, figures.Longest, h.Max())
	assert.Equal(t, figures.Longest, h.At(100))
	h.RecordN(time.Second, 0)
	assert.EqualValues(t, 2, h.Count())
}

func TestHistogram_Add(t *testing.T) {
	a, b := figures.NewHistogram(), figures.NewHistogram()
	a.RecordN(time.Millisecond, 3)
	b.Record(9 * time.Millisecond)
	a.Add(figures.NewHistogram())
	a.Add(b)
	assert.EqualValues(t, 4, a.Count())
	assert.Equal(t, 3*time.Millisecond, a.Mean())
	assert.Equal(t, 9*time.Millisecond, a.At(100))
	a.Reset()
	assert.Zero(t, a.Count())
	assert.Zero(t, a.Max())
	b.Add(a)
	assert.Equal(t, 9*time.Millisecond, b.Min())
}

package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestMedian(t *testing.T) {
	for name, test := range map[string]struct {
		values []float64
		want   float64
	}{
		"none":            {nil, 0},
		"one":             {[]float64{7}, 7},
		"odd":             {[]float64{9, 1, 5}, 5},
		"even":            {[]float64{4, 1, 3, 2}, 2.5},
		"an odd one out":  {[]float64{1e9, 2, 3}, 3},
		"twice the same":  {[]float64{2, 2}, 2},
		"stays unchanged": {[]float64{3, 1, 2, 5, 4}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			before := append([]float64(nil), test.values...)
			assert.Equal(t, test.want, median(test.values))
			assert.Equal(t, before, test.values)
		})
	}
}

// A slow round slows both: the median of the ratios is not the ratio of the medians.
func TestRatios_areOfTheSameRound(t *testing.T) {
	assert.Equal(t, spread{Median: 2, Min: 1, Max: 3}, ratios([]float64{20, 300, 40}, []float64{10, 100, 40}))
}

func TestRatios_leaveOutWhatOneLacks(t *testing.T) {
	assert.Equal(t, spread{Median: 2, Min: 2, Max: 2}, ratios([]float64{20, 40, 60}, []float64{10, 0}))
	assert.Equal(t, spread{Median: 3, Min: 2, Max: 4}, ratios([]float64{20, 40}, []float64{10, 10, 5}))
	assert.Zero(t, ratios([]float64{20}, nil))
	assert.Zero(t, ratios(nil, []float64{20}))
}

func TestDigits(t *testing.T) {
	for v, want := range map[float64]string{
		0.004: "0.00", 1: "1.00", 9.994: "9.99", 9.996: "10.0", 99.94: "99.9", 99.96: "100", 1234.5: "1,234", 1e6: "1,000,000", 999: "999",
	} {
		assert.Equal(t, want, digits(v))
	}
}

package main

import "slices"

// A spread is the median of some values, the least and the greatest.
type spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// median returns the middle of some values, the mean of the two in the middle if
// their number is even, and 0 for none.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	switch {
	case n == 0:
		return 0
	case n%2 == 1:
		return sorted[n/2]
	default:
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
}

// ratios divides the values of a peer by those that the base had in the same
// rounds. A round that one of them lacks, or in which the base found nothing to
// measure, does not count.
func ratios(values, base []float64) spread {
	var list []float64
	for i, v := range values[:min(len(values), len(base))] {
		if base[i] > 0 {
			list = append(list, v/base[i])
		}
	}
	if len(list) == 0 {
		return spread{}
	}
	return spread{median(list), slices.Min(list), slices.Max(list)}
}

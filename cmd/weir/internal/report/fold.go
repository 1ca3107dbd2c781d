package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Fold keeps the n series with the greatest sums, in their order, and puts all
// others together into one more, named after their number. join says what two
// values are together: for rates a sum, for ages [math.Max]. It returns series
// as they are if there are not more than n.
func Fold(series []Series, n int, join func(a, b float64) float64) []Series {
	if len(series) <= n {
		return series
	}
	places := make([]int, len(series))
	for i := range places {
		places[i] = i
	}
	slices.SortStableFunc(places, func(a, b int) int { return cmp.Compare(series[b].sum(), series[a].sum()) })
	own, others := places[:n], places[n:]
	slices.Sort(own)
	slices.Sort(others)
	var list []Series
	for _, i := range own {
		list = append(list, series[i])
	}
	rest := Series{Name: fmt.Sprintf("%d others together", len(others)), Color: RestColor}
	for _, i := range others {
		rest.join(series[i], join)
	}
	return append(list, rest)
}

// Sum is what rates and counts are together.
func Sum(a, b float64) float64 { return a + b }

// sum adds up the values that are not gaps.
func (s Series) sum() (sum float64) {
	for _, v := range s.Values {
		if !math.IsNaN(v) {
			sum += v
		}
	}
	return sum
}

// join adds the values of another series. A gap of one leaves the other's value.
func (s *Series) join(other Series, join func(a, b float64) float64) {
	if s.Values == nil {
		s.Values, s.Kind = slices.Clone(other.Values), other.Kind
		return
	}
	for i, v := range other.Values {
		switch {
		case math.IsNaN(s.Values[i]):
			s.Values[i] = v
		case !math.IsNaN(v):
			s.Values[i] = join(s.Values[i], v)
		}
	}
}

package workload

import (
	"math"
	"math/rand/v2"
)

// sizer draws sizes of data.
type sizer struct {
	fixed   int
	min     int
	choices int     // of a uniform distribution, beginning with min; else zero
	table   []int32 // sizes; drawn alike, or by alias
	weights []float64
	alias   aliasTable
	random  *rand.PCG
}

// sizeQuantiles is how many quantiles stand for a log-normal distribution: enough
// for one record in 65,536 to be one of the largest.
const sizeQuantiles = 1 << 16

// newSizer returns the sizes of a traffic, whose fields are resolved.
func newSizer(z Sizes, seed int64, traffic int) *sizer {
	s := &sizer{fixed: int(z.Fixed), random: randomFor(seed, traffic, forSizes)}
	switch {
	case len(z.Weighted) > 0:
		for _, w := range z.Weighted {
			s.table = append(s.table, int32(w.Bytes))
			s.weights = append(s.weights, orOne(w.Weight))
		}
		s.alias = newAliasTable(s.weights)
	case z.lognormal():
		s.table = z.quantiles()
	case z.Max > 0:
		s.min, s.choices = int(z.Min), int(z.Max-z.Min)+1
	}
	return s
}

// draw returns a random size in bytes.
func (s *sizer) draw() int {
	switch {
	case s.weights != nil:
		return int(s.table[s.alias.draw(s.random.Uint64())])
	case s.table != nil:
		return int(s.table[s.random.Uint64()>>48]) // one of sizeQuantiles
	case s.choices > 0:
		return s.min + below(s.random.Uint64(), s.choices)
	default:
		return s.fixed
	}
}

// lognormal reports whether sizes are log-normal, by their median or their mean.
func (z Sizes) lognormal() bool { return z.Median > 0 || z.Mean > 0 }

// quantiles returns the sizes of a log-normal distribution, each as likely as any
// other.
func (z Sizes) quantiles() []int32 {
	times := make([]float64, sizeQuantiles) // the median
	deviation := math.Log(z.Spread)
	for i := range times {
		p := (float64(i) + 0.5) / sizeQuantiles
		times[i] = math.Exp(deviation * math.Sqrt2 * math.Erfinv(2*p-1))
	}
	median := float64(z.Median)
	if z.Mean > 0 {
		median = z.medianOfMean(times)
	}
	table := make([]int32, sizeQuantiles)
	for i, times := range times {
		table[i] = int32(math.Round(z.cut(median * times)))
	}
	return table
}

// cut returns a size, or the bound that it is beyond.
func (z Sizes) cut(size float64) float64 { return min(max(size, float64(z.Min)), float64(z.Max)) }

// medianOfMean returns the median whose sizes, so many times as large, have the mean
// once they are cut.
func (z Sizes) medianOfMean(times []float64) float64 {
	mean, smallest, largest := float64(z.Mean), times[0], times[len(times)-1]
	median := mean * float64(len(times)) / sum(times)
	if median*smallest >= float64(z.Min) && median*largest <= float64(z.Max) {
		return median // nothing is cut
	}
	const enough = 1e-6
	low, high := 0.0, float64(z.Max)/smallest // all are the smallest, and all the largest
	for range 200 {
		median = (low + high) / 2
		var total float64
		for _, times := range times {
			total += z.cut(median * times)
		}
		got := total / float64(len(times))
		if math.Abs(got-mean) <= enough*mean {
			break
		}
		if got > mean {
			high = median
		} else {
			low = median
		}
	}
	return median
}

// eachShare calls f for each size with its share of all records. A uniform
// distribution is left to the caller.
func (s *sizer) eachShare(f func(size int, share float64)) {
	if s.table == nil {
		f(s.fixed, 1)
		return
	}
	total := float64(len(s.table))
	if s.weights != nil {
		total = sum(s.weights)
	}
	for i, size := range s.table {
		weight := 1.0
		if s.weights != nil {
			weight = s.weights[i]
		}
		f(int(size), weight/total)
	}
}

// mean returns the expected size.
func (s *sizer) mean() (mean float64) {
	if s.choices > 0 {
		return float64(s.min) + float64(s.choices-1)/2
	}
	s.eachShare(func(size int, share float64) { mean += float64(size) * share })
	return mean
}

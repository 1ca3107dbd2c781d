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
	case z.Median > 0:
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

// quantiles returns the sizes of a log-normal distribution, each as likely as any
// other.
func (z Sizes) quantiles() []int32 {
	table := make([]int32, sizeQuantiles)
	deviation := math.Log(z.Spread)
	for i := range table {
		p := (float64(i) + 0.5) / sizeQuantiles
		size := float64(z.Median) * math.Exp(deviation*math.Sqrt2*math.Erfinv(2*p-1))
		table[i] = int32(math.Round(min(max(size, float64(z.Min)), float64(z.Max))))
	}
	return table
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

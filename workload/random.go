package workload

import (
	"math"
	"math/rand/v2"
)

// A purpose keeps random numbers that are drawn for different ends apart, so that
// other sizes, say, leave the keys as they are.
type purpose uint64

const (
	forArrivals purpose = iota + 1
	forKeys
	forSizes
	forUniqueKeys
	forLots
)

// randomFor returns the random numbers of one traffic for one purpose. They do not
// depend on what other traffic there is after it.
func randomFor(seed int64, traffic int, p purpose) *rand.PCG {
	x := scramble(uint64(seed))
	x = scramble(x ^ uint64(traffic))
	x = scramble(x ^ uint64(p))
	return rand.NewPCG(x, scramble(x))
}

// scramble is a permutation of the 64-bit numbers under which neighbours have
// nothing in common: the step of SplitMix64.
func scramble(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

const (
	// Below smallMean counts are drawn step by step; above it by rejection from a
	// hat (Hörmann 1993: PTRS and BTRS), at a cost that does not depend on the mean.
	// Both are exact.
	smallMean = 10
	// Above largeVariance it is a normal distribution: its skew, at most one in 10,000
	// there, is all that is lost.
	largeVariance = 1e8
)

// poisson draws from the Poisson distribution.
func poisson(r *rand.Rand, mean float64) int64 {
	switch {
	case mean <= 0:
		return 0
	case mean < smallMean:
		return poissonSmall(r, mean)
	case mean > largeVariance:
		return max(0, int64(math.Round(mean+math.Sqrt(mean)*r.NormFloat64())))
	default:
		return poissonLarge(r, mean)
	}
}

// poissonSmall counts the arrivals until exponential gaps fill the mean.
func poissonSmall(r *rand.Rand, mean float64) (n int64) {
	least := math.Exp(-mean)
	for product := r.Float64(); product > least; product *= r.Float64() {
		n++
	}
	return n
}

func poissonLarge(r *rand.Rand, mean float64) int64 {
	b := 0.931 + 2.53*math.Sqrt(mean)
	a := -0.059 + 0.02483*b
	squeeze := 0.9277 - 3.6224/(b-2)
	for {
		u, v := r.Float64()-0.5, r.Float64()
		us := 0.5 - math.Abs(u)
		k := math.Floor((2*a/us+b)*u + mean + 0.43)
		if us >= 0.07 && v <= squeeze {
			return int64(k)
		}
		if k < 0 || us < 0.013 && v > us {
			continue
		}
		inverse := 1.1239 + 1.1328/(b-3.4)
		if math.Log(v*inverse/(a/(us*us)+b)) <= k*math.Log(mean)-mean-logFactorial(k) {
			return int64(k)
		}
	}
}

// binomial draws how many of n come true, each with probability p.
func binomial(r *rand.Rand, n int64, p float64) int64 {
	switch {
	case n <= 0 || p <= 0:
		return 0
	case p >= 1:
		return n
	case p > 0.5:
		return n - binomial(r, n, 1-p)
	}
	mean := float64(n) * p
	if variance := mean * (1 - p); variance > largeVariance {
		k := int64(math.Round(mean + math.Sqrt(variance)*r.NormFloat64()))
		return min(max(0, k), n)
	}
	if mean < smallMean {
		return binomialSmall(r, n, p)
	}
	return binomialLarge(r, float64(n), p)
}

// binomialSmall adds up probabilities until they pass a random number.
func binomialSmall(r *rand.Rand, n int64, p float64) int64 {
	first := math.Exp(float64(n) * math.Log1p(-p))
	odds := p / (1 - p)
	for {
		u, probability := r.Float64(), first
		for k := int64(0); k <= n; k++ {
			if u < probability {
				return k
			}
			u -= probability
			probability *= odds * float64(n-k) / float64(k+1)
		}
	}
}

func binomialLarge(r *rand.Rand, n, p float64) int64 {
	deviation := math.Sqrt(n * p * (1 - p))
	b := 1.15 + 2.53*deviation
	a := -0.0873 + 0.0248*b + 0.01*p
	squeeze := 0.92 - 4.2/b
	for {
		u, v := r.Float64()-0.5, r.Float64()
		us := 0.5 - math.Abs(u)
		k := math.Floor((2*a/us+b)*u + n*p + 0.5)
		if us >= 0.07 && v <= squeeze {
			return int64(k)
		}
		if k < 0 || k > n {
			continue
		}
		alpha := (2.83 + 5.1/b) * deviation
		mode := math.Floor((n + 1) * p)
		ratio := logFactorial(mode) + logFactorial(n-mode) - logFactorial(k) - logFactorial(n-k) +
			(k-mode)*math.Log(p/(1-p))
		if math.Log(v*alpha/(a/(us*us)+b)) <= ratio {
			return int64(k)
		}
	}
}

// logFactorial returns the logarithm of k!, by Stirling's series where three terms of
// it are exact to all digits.
func logFactorial(k float64) float64 {
	if k < float64(len(logFactorials)) {
		return logFactorials[int(k)]
	}
	const halfLogTurn = 0.91893853320467274178 // log(2π)/2
	inverse := 1 / k
	return (k+0.5)*math.Log(k) - k + halfLogTurn +
		inverse*(1./12-inverse*inverse*(1./360-inverse*inverse/1260))
}

var logFactorials = func() (table [64]float64) {
	for k := 2; k < len(table); k++ {
		table[k] = table[k-1] + math.Log(float64(k))
	}
	return table
}()

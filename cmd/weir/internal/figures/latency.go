package figures

import (
	"math"
	"time"
)

// A Latency is how long something took. All is zero when there was nothing to
// measure. In JSON times are nanoseconds.
type Latency struct {
	Count int64         `json:"count"`
	Min   time.Duration `json:"min_ns"`
	Mean  time.Duration `json:"mean_ns"`
	P50   time.Duration `json:"p50_ns"`
	P90   time.Duration `json:"p90_ns"`
	P95   time.Duration `json:"p95_ns"`
	P99   time.Duration `json:"p99_ns"`
	P999  time.Duration `json:"p999_ns"`
	P9999 time.Duration `json:"p9999_ns"`
	Max   time.Duration `json:"max_ns"`
	// Curve has more of them, as far as there are records enough.
	Curve []Percentile `json:"curve,omitempty"`
}

// A NamedLatency is a latency with its name for people.
type NamedLatency struct {
	Name string
	Latency
}

// Named returns the latency with a name.
func (l Latency) Named(name string) NamedLatency { return NamedLatency{name, l} }

// A Percentile is a point of a latency's distribution.
type Percentile struct {
	Percent float64       `json:"percent"`
	Time    time.Duration `json:"ns"`
}

// Latency returns what has been counted.
func (h *Histogram) Latency() Latency {
	return Latency{
		Count: h.Count(), Min: h.Min(), Mean: h.Mean(), P50: h.At(50), P90: h.At(90), P95: h.At(95),
		P99: h.At(99), P999: h.At(99.9), P9999: h.At(99.99), Max: h.Max(), Curve: h.curve(),
	}
}

// curve returns percentiles from 0 to as many nines as there are values for:
// eight from each nine to the next.
func (h *Histogram) curve() (list []Percentile) {
	const steps = 8
	for n := 0; ; n++ {
		left := math.Pow(10, -float64(n)/steps) // of one
		if left*float64(h.Count()) < 1 {
			return list
		}
		percent := 100 * (1 - left)
		list = append(list, Percentile{percent, h.At(percent)})
	}
}

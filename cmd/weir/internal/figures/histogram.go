package figures

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

const (
	// Longest is what a longer time counts as.
	Longest = 24 * time.Hour

	digits = 3
)

// A Histogram counts how long things take: times from 1 ns to [Longest], each
// to three digits; the least and the greatest, the mean and the number are
// exact. It takes about 300 KiB, however much is counted. Use it from one
// goroutine at a time.
type Histogram struct {
	h        *hdrhistogram.Histogram
	min, max time.Duration
	sum      float64
}

// NewHistogram returns a histogram without times.
func NewHistogram() *Histogram {
	return &Histogram{h: hdrhistogram.New(1, int64(Longest), digits)}
}

// Record counts one time. A negative one counts as none.
func (h *Histogram) Record(d time.Duration) { h.RecordN(d, 1) }

// RecordN counts a time n times.
func (h *Histogram) RecordN(d time.Duration, n int64) {
	if n <= 0 {
		return
	}
	d = min(max(d, 0), Longest)
	if h.h.TotalCount() == 0 || d < h.min {
		h.min = d
	}
	h.max = max(h.max, d)
	h.sum += float64(d) * float64(n)
	_ = h.h.RecordValues(int64(d), n) // fails only out of bounds
}

// Add counts all that another has counted.
func (h *Histogram) Add(o *Histogram) {
	if o.Count() == 0 {
		return
	}
	if h.Count() == 0 || o.min < h.min {
		h.min = o.min
	}
	h.max = max(h.max, o.max)
	h.sum += o.sum
	h.h.Merge(o.h)
}

// Reset forgets all times.
func (h *Histogram) Reset() {
	if h.Count() == 0 {
		return
	}
	h.h.Reset()
	h.min, h.max, h.sum = 0, 0, 0
}

// Count returns how many times were counted.
func (h *Histogram) Count() int64 { return h.h.TotalCount() }

// At returns the time that percentile percent of all do not exceed, and zero
// when there is none: the smallest time counted such that at least so many are
// no longer.
func (h *Histogram) At(percentile float64) time.Duration {
	if h.Count() == 0 {
		return 0
	}
	return min(max(time.Duration(h.h.ValueAtQuantile(percentile)), h.min), h.max)
}

// Min returns the least time, zero when there is none.
func (h *Histogram) Min() time.Duration { return h.min }

// Max returns the greatest time, zero when there is none.
func (h *Histogram) Max() time.Duration { return h.max }

// Mean returns the mean, zero when there is none.
func (h *Histogram) Mean() time.Duration {
	if h.Count() == 0 {
		return 0
	}
	return time.Duration(h.sum / float64(h.Count()))
}

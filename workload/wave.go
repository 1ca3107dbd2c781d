package workload

import (
	"math"
	"time"
)

// wave is the curve of a [Wave]: the rate is
// low + (high-low)/2 * (1 + cos(2π(t-peak)/period)). Every period has as many
// records as any other, so that it computes within the first one only.
type wave struct {
	mean, swing float64 // records a second; the rate is mean ± swing
	period      time.Duration
	perPeriod   float64 // records
	turn        float64 // 2π/period, in seconds
	shift       float64 // phase at the beginning
	atZero      float64 // sine of it

	s, n, rate float64 // seconds within its period of the last record, what is expected before it, and the rate
}

func newWave(w Wave) *wave {
	c := &wave{
		mean:   float64(w.Low+w.High) / 2,
		swing:  float64(w.High-w.Low) / 2,
		period: time.Duration(w.Period),
	}
	c.perPeriod = c.mean * c.period.Seconds()
	c.turn = 2 * math.Pi / c.period.Seconds()
	c.shift = -c.turn * (time.Duration(w.PeakAt) % c.period).Seconds()
	c.atZero = math.Sin(c.shift)
	c.n, c.rate = c.countAndRate(0)
	return c
}

func (w *wave) before(t time.Duration) float64 {
	n, _ := w.countAndRate((t % w.period).Seconds())
	return float64(t/w.period)*w.perPeriod + n
}

// countAndRate returns how many records are expected in the first s seconds of a
// period, and the rate then.
func (w *wave) countAndRate(s float64) (n, rate float64) {
	sin, cos := math.Sincos(w.turn*s + w.shift)
	return w.mean*s + w.swing*(sin-w.atZero)/w.turn, w.mean + w.swing*cos
}

// at finds the time by Newton's method from where the last record was, kept between
// bounds that are halved where the rate is too low for it. Mostly one step will do.
func (w *wave) at(x float64) time.Duration {
	const enough = 1e-10 // seconds
	periods := math.Floor(x / w.perPeriod)
	if periods >= float64(math.MaxInt64/w.period) {
		return math.MaxInt64
	}
	x -= periods * w.perPeriod
	if w.n > x { // in another period
		w.s = 0
		w.n, w.rate = w.countAndRate(0)
	}
	low, high := w.s, w.period.Seconds()
	for range 200 {
		next := w.s + (x-w.n)/w.rate
		if !(next >= low && next <= high) {
			next = (low + high) / 2
		}
		w.s = next
		w.n, w.rate = w.countAndRate(next)
		if math.Abs(x-w.n) <= enough*w.rate || high-low <= enough {
			break
		}
		if w.n > x {
			high = next
		} else {
			low = next
		}
	}
	return time.Duration(periods)*w.period + fromSeconds(w.s)
}

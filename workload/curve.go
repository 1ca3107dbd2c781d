package workload

import (
	"math"
	"sort"
	"time"
)

// A curve is how many records are expected before a time, both counted from the
// beginning of their traffic. Both methods work from absolute positions: no error
// adds up, however long a run is.
type curve interface {
	// before returns how many records are expected before t.
	before(t time.Duration) float64
	// at returns when the number passes x, which is not negative: where no record is
	// expected for a while, the end of that while. Successive calls have rising x.
	at(x float64) time.Duration
}

// newCurve returns the curve of a rate over a traffic that lasts so long.
func newCurve(r Rate, lasts time.Duration) curve {
	switch {
	case r.Ramp != nil:
		return ramp{float64(r.Ramp.From), float64(r.Ramp.To), lasts.Seconds()}
	case r.Wave != nil:
		return newWave(*r.Wave)
	case r.Burst != nil:
		return burst{float64(r.Burst.Records), time.Duration(r.Burst.Every), time.Duration(r.Burst.Within)}
	case len(r.Steps) > 0:
		return newSteps(r.Steps)
	case r.Max:
		return atOnce{}
	default:
		return constant{r.Constant, float64(time.Second) / r.Constant}
	}
}

// fromSeconds returns s as a duration, the longest one if it is longer.
func fromSeconds(s float64) time.Duration { return fromNanoseconds(s * float64(time.Second)) }

func fromNanoseconds(ns float64) time.Duration {
	if ns >= math.MaxInt64 {
		return math.MaxInt64
	}
	return time.Duration(ns + 0.5)
}

// constant is always the same rate.
type constant struct {
	perSecond float64
	apart     float64 // nanoseconds from one record to the next
}

func (c constant) before(t time.Duration) float64 { return c.perSecond * t.Seconds() }

func (c constant) at(x float64) time.Duration { return fromNanoseconds(x * c.apart) }

// atOnce is no rate at all: everything is due at the beginning.
type atOnce struct{}

func (atOnce) before(time.Duration) float64 { return math.MaxInt64 }

func (atOnce) at(float64) time.Duration { return 0 }

// ramp changes evenly from one rate to another.
type ramp struct {
	from, to float64
	seconds  float64
}

func (r ramp) before(t time.Duration) float64 {
	s := t.Seconds()
	return r.from*s + (r.to-r.from)*s*s/(2*r.seconds)
}

// at solves the quadratic equation in the form that loses no digits when the rate
// hardly changes.
func (r ramp) at(x float64) time.Duration {
	if x == 0 {
		return 0
	}
	square := r.from*r.from + 2*(r.to-r.from)*x/r.seconds
	return fromSeconds(2 * x / (r.from + math.Sqrt(max(0, square))))
}

// burst is records at once, or evenly within a time, again and again.
type burst struct {
	records float64
	every   time.Duration // zero: once only
	within  time.Duration
}

func (b burst) before(t time.Duration) float64 {
	if t <= 0 {
		return 0
	}
	var whole float64
	if b.every > 0 {
		whole = float64((t - 1) / b.every)
		t -= time.Duration(whole) * b.every
	}
	if t >= b.within {
		return (whole + 1) * b.records
	}
	return (whole + float64(t)/float64(b.within)) * b.records
}

func (b burst) at(x float64) time.Duration {
	whole := math.Floor(x / b.records)
	if b.every == 0 && whole > 0 || whole*float64(b.every) >= math.MaxInt64/2 {
		return math.MaxInt64
	}
	part := max(0, x-whole*b.records) / b.records
	return time.Duration(whole)*b.every + fromNanoseconds(part*float64(b.within))
}

// steps holds one rate after the other.
type steps struct {
	starts []time.Duration
	rates  []float64
	counts []float64 // expected before each start
}

func newSteps(list []Step) *steps {
	s := &steps{}
	var count float64
	for i, step := range list {
		at := time.Duration(step.At)
		if i > 0 {
			count += s.rates[i-1] * (at - s.starts[i-1]).Seconds()
		}
		s.starts = append(s.starts, at)
		s.rates = append(s.rates, float64(step.Rate))
		s.counts = append(s.counts, count)
	}
	return s
}

func (s *steps) before(t time.Duration) float64 {
	i := sort.Search(len(s.starts), func(i int) bool { return s.starts[i] > t }) - 1
	if i < 0 {
		return 0
	}
	return s.counts[i] + s.rates[i]*(t-s.starts[i]).Seconds()
}

func (s *steps) at(x float64) time.Duration {
	i := sort.Search(len(s.counts), func(i int) bool { return s.counts[i] > x }) - 1
	if s.rates[i] == 0 { // the last one: all others with that count have records
		return math.MaxInt64
	}
	within := fromSeconds((x - s.counts[i]) / s.rates[i])
	if within > math.MaxInt64-s.starts[i] {
		return math.MaxInt64
	}
	return s.starts[i] + within
}

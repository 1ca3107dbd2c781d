package workload

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// source is the records of one traffic, one after the other.
type source struct {
	traffic   int
	from, end time.Duration // of the run; end is exclusive

	begun bool
	over  bool          // there is no next record
	at    time.Duration // of the next record

	keys  *keyTable
	sizes *sizer
	curve curve
	total int64 // records of evenly spaced traffic, in all
	given int64 // of them

	gaps     *rand.Rand // makes the gaps of random arrivals; nil if they are even
	expected float64    // records of random arrivals, in all
	position float64    // among them, of the next record

	forLots *rand.PCG // deals records to ranges

	trace  *traceReader // nil unless the traffic is a trace; then there is no curve
	speed  float64
	record tracedRecord // the next one
}

// newSource returns the records of t, the traffic with number i of a resolved
// workload.
func newSource(w Workload, t Traffic, i int, open Open) (*source, error) {
	s := &source{traffic: i, from: time.Duration(t.From), end: w.endOf(t)}
	if t.Trace != nil {
		reader, err := newTraceReader(t.Trace.File, open)
		s.trace, s.speed = reader, t.Trace.Speed
		return s, err
	}
	if t.Keys.File != "" {
		return nil, fmt.Errorf("keys.file: %s is not read yet", t.Keys.File)
	}
	s.keys = newKeyTable(t.Keys, w.Seed, i)
	s.sizes = newSizer(t.Sizes, w.Seed, i)
	s.forLots = randomFor(w.Seed, i, forLots)
	lasts := max(0, s.end-s.from)
	s.curve = newCurve(t.Rate, lasts)
	s.expected = s.curve.before(lasts)
	s.total = wholeRecords(s.expected)
	if t.Arrivals == Poisson {
		s.gaps = rand.New(randomFor(w.Seed, i, forArrivals))
	}
	return s, nil
}

// endOf returns when a traffic of a resolved workload ends.
func (w Workload) endOf(t Traffic) time.Duration {
	end := MaxDuration
	if w.Duration > 0 {
		end = time.Duration(w.Duration)
	}
	if t.For > 0 {
		end = min(end, time.Duration(t.From+t.For))
	}
	return end
}

// wholeRecords returns how many evenly spaced records come before a time before
// which so many are expected: the first one comes at the beginning.
func wholeRecords(expected float64) int64 {
	const noise = 1e-6 // far more than an error of floating point is
	n := math.Ceil(expected - noise)
	if n >= math.MaxInt64 {
		return math.MaxInt64
	}
	return max(0, int64(n))
}

// begin finds the time of the first record.
func (s *source) begin() {
	if !s.begun {
		s.begun = true
		s.advance()
	}
}

// advance finds the time of the next record.
func (s *source) advance() {
	switch {
	case s.trace != nil:
		s.advanceTrace()
	case s.gaps != nil:
		s.position += s.gaps.ExpFloat64()
		s.over = s.position >= s.expected
		s.place(s.position)
	default:
		s.over = s.given >= s.total
		s.place(float64(s.given))
		s.given++
	}
}

// place sets the time of the next record to when so many are expected.
func (s *source) place(x float64) {
	if !s.over {
		s.at = s.from + min(s.curve.at(x), s.end-s.from-1)
	}
}

func (s *source) advanceTrace() {
	at, r, ok := s.trace.pop()
	if !ok {
		s.over = true
		return
	}
	if s.speed != 1 {
		at = fromNanoseconds(float64(at) / s.speed)
	}
	s.record = r
	s.over = at >= s.end-s.from
	if s.over {
		s.endTrace(at)
		return
	}
	s.at = s.from + at
}

// endTrace stops reading at a record that comes so long after the first one. If
// nobody set an end, that is an error: a wrong time must not swallow all the rest.
func (s *source) endTrace(at time.Duration) {
	s.trace.stop()
	if s.end == MaxDuration {
		s.trace.err = fmt.Errorf("trace %s: record %d comes %v after the first one; a run lasts at most %v",
			s.trace.file, s.record.number, Duration(at), Duration(MaxDuration))
	}
}

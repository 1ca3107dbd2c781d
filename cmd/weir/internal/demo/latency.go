package demo

import (
	"sync"
	"time"

	"github.com/weirstream/weir/cmd/weir/internal/latency"
)

// A Latency is how long something took, in milliseconds. All is zero when there
// was nothing to measure.
type Latency struct {
	Count int64  `json:"count"`
	Mean  Millis `json:"mean_ms"`
	P50   Millis `json:"p50_ms"`
	P90   Millis `json:"p90_ms"`
	P99   Millis `json:"p99_ms"`
	P999  Millis `json:"p999_ms"`
	Max   Millis `json:"max_ms"`
}

// Latencies are the times that records take.
type Latencies struct {
	// Put is from when a record was due until it was acknowledged, waiting for
	// quota included.
	Put Latency `json:"put"`
	// PutCall is one call of the stream, of a batch.
	PutCall Latency `json:"put_call"`
	// EndToEnd is from when a record was due until a reader has it, which may be
	// before the whole batch is acknowledged.
	EndToEnd Latency `json:"end_to_end"`
	// Stream is from the call that stored a record until a reader has it.
	Stream Latency `json:"stream"`
}

// A NamedLatency is a latency with its name for people.
type NamedLatency struct {
	Name string
	Latency
}

// Rows returns the latencies as they are shown.
func (l Latencies) Rows() []NamedLatency {
	return []NamedLatency{
		{"put, from when it was due", l.Put},
		{"put, one call of a batch", l.PutCall},
		{"end to end, from when it was due", l.EndToEnd},
		{"stream, from call to reader", l.Stream},
	}
}

// A histogram tells what it has counted as a Latency.
type histogram struct{ *latency.Histogram }

func newHistogram() histogram { return histogram{latency.New()} }

func (h histogram) latency() Latency {
	at := func(percentile float64) Millis { return MillisOf(h.At(percentile)) }
	return Latency{
		Count: h.Count(), Mean: MillisOf(h.Mean()),
		P50: at(50), P90: at(90), P99: at(99), P999: at(99.9), Max: MillisOf(h.Max()),
	}
}

// putLatencies is what the producers measure.
type putLatencies struct {
	mu      sync.Mutex // guards what follows
	fromDue histogram  // of records
	call    histogram  // of calls
}

func newPutLatencies() *putLatencies {
	return &putLatencies{fromDue: newHistogram(), call: newHistogram()}
}

// record records one call and how long its records have been due.
func (l *putLatencies) record(fromDue []time.Duration, call time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.call.Record(call)
	for _, d := range fromDue {
		l.fromDue.Record(d)
	}
}

// readLatencies is what the readers measure, of records.
type readLatencies struct {
	mu       sync.Mutex // guards what follows
	fromDue  histogram
	fromSent histogram
}

func newReadLatencies() *readLatencies {
	return &readLatencies{fromDue: newHistogram(), fromSent: newHistogram()}
}

// record records how long ago records were due, and how long ago the puts that
// stored them were called.
func (l *readLatencies) record(fromDue, fromSent []time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, d := range fromDue {
		l.fromDue.Record(d)
	}
	for _, d := range fromSent {
		l.fromSent.Record(d)
	}
}

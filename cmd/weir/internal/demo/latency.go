package demo

import (
	"encoding/json"
	"sync"
	"time"

	"github.com/weirstream/weir/cmd/weir/internal/figures"
)

// Latencies are the times that records take.
type Latencies struct {
	// Put is from when a record was due until it was acknowledged, waiting for
	// quota included.
	Put figures.Latency
	// PutCall is one call of the stream, of a batch.
	PutCall figures.Latency
	// EndToEnd is from when a record was due until a reader has it, which may
	// be before the whole batch is acknowledged.
	EndToEnd figures.Latency
	// Stream is from the call that stored a record until a reader has it.
	Stream figures.Latency
}

// MarshalJSON returns the latencies in milliseconds.
func (l Latencies) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Put      jsonLatency `json:"put"`
		PutCall  jsonLatency `json:"put_call"`
		EndToEnd jsonLatency `json:"end_to_end"`
		Stream   jsonLatency `json:"stream"`
	}{jsonLatency(l.Put), jsonLatency(l.PutCall), jsonLatency(l.EndToEnd), jsonLatency(l.Stream)})
}

// A jsonLatency is a latency as the demo's JSON has always had it: other than
// that of weir bench it is in milliseconds, and has fewer percentiles.
type jsonLatency figures.Latency

// MarshalJSON returns the latency.
func (l jsonLatency) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Count int64   `json:"count"`
		Mean  float64 `json:"mean_ms"`
		P50   float64 `json:"p50_ms"`
		P90   float64 `json:"p90_ms"`
		P99   float64 `json:"p99_ms"`
		P999  float64 `json:"p999_ms"`
		Max   float64 `json:"max_ms"`
	}{
		l.Count, figures.Millis(l.Mean), figures.Millis(l.P50), figures.Millis(l.P90), figures.Millis(l.P99),
		figures.Millis(l.P999), figures.Millis(l.Max),
	})
}

// Rows returns the latencies as they are shown.
func (l Latencies) Rows() []figures.NamedLatency {
	return []figures.NamedLatency{
		l.Put.Named("put, from when it was due"),
		l.PutCall.Named("put, one call of a batch"),
		l.EndToEnd.Named("end to end, from when it was due"),
		l.Stream.Named("stream, from call to reader"),
	}
}

// putLatencies is what the producers measure.
type putLatencies struct {
	mu      sync.Mutex         // guards what follows
	fromDue *figures.Histogram // of records
	call    *figures.Histogram // of calls
}

func newPutLatencies() *putLatencies {
	return &putLatencies{fromDue: figures.NewHistogram(), call: figures.NewHistogram()}
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
	fromDue  *figures.Histogram
	fromSent *figures.Histogram
}

func newReadLatencies() *readLatencies {
	return &readLatencies{fromDue: figures.NewHistogram(), fromSent: figures.NewHistogram()}
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

package kinesisserver

import (
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// serverMetrics are what the server counts of itself. They are plain numbers
// until somebody asks for them, so that a server that nobody scrapes costs
// nothing: see [serverCollector].
type serverMetrics struct {
	inFlight    atomic.Int64
	panics      counter
	byOperation []atomic.Pointer[operationCounts] // as operations, and noOperation last; nil: none yet
	handler     func() http.Handler               // made at the first scrape
	scrapes     scrapes
}

// A counter only rises.
type counter struct{ atomic.Int64 }

// Inc adds one.
func (c *counter) Inc() { c.Add(1) }

func newServerMetrics(s *Server) *serverMetrics {
	return &serverMetrics{
		byOperation: make([]atomic.Pointer[operationCounts], len(operations)+1),
		handler:     sync.OnceValue(func() http.Handler { return newScrapeHandler(s) }),
	}
}

// noOperation stands for the operation of a request that names none.
const noOperation = "none"

// operationIndex is where each operation stands in operations. It is never
// changed.
var operationIndex = func() map[*operation]int {
	index := make(map[*operation]int, len(operations))
	for i := range operations {
		index[&operations[i]] = i
	}
	return index
}()

// durationBuckets reach from what a put takes to a subscription's five minutes,
// in rising order, each end inclusive.
var durationBuckets = [...]time.Duration{
	10 * time.Microsecond, 50 * time.Microsecond, 100 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond,
	500 * time.Millisecond, time.Second, 10 * time.Second, time.Minute, 5 * time.Minute,
}

// operationCounts are the counts of one operation.
type operationCounts struct {
	succeeded, received, sent counter
	nanoseconds               counter
	buckets                   [len(durationBuckets) + 1]counter // the last is for what took longer

	mu     sync.Mutex // guards failed
	failed map[string]int64
}

func (o *operationCounts) fail(code string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.failed == nil {
		o.failed = make(map[string]int64)
	}
	o.failed[code]++
}

func (o *operationCounts) took(d time.Duration) {
	o.nanoseconds.Add(int64(d))
	i := 0
	for i < len(durationBuckets) && d > durationBuckets[i] {
		i++
	}
	o.buckets[i].Inc()
}

func (m *serverMetrics) begin() { m.inFlight.Add(1) }

// end counts a request that was answered.
func (m *serverMetrics) end(x *exchange, took time.Duration) {
	o := m.of(x.op)
	if x.code == "" {
		o.succeeded.Inc()
	} else {
		o.fail(x.code)
	}
	o.took(took)
	o.received.Add(int64(x.received))
	o.sent.Add(int64(x.written))
	m.inFlight.Add(-1)
}

// of returns the counts of an operation; nil is none.
func (m *serverMetrics) of(op *operation) *operationCounts {
	i := len(operations)
	if op != nil {
		i = operationIndex[op]
	}
	if o := m.byOperation[i].Load(); o != nil {
		return o
	}
	m.byOperation[i].CompareAndSwap(nil, new(operationCounts))
	return m.byOperation[i].Load()
}

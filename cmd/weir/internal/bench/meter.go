package bench

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/weirstream/weir/cmd/weir/internal/course"
	"github.com/weirstream/weir/cmd/weir/internal/figures"
)

// A meter is what a run has counted and measured.
type meter struct {
	warmUp  time.Duration
	counter counter // nil if producers count what goes to which shard
	base    shardCounts

	mu          sync.Mutex // guards what follows
	total       Count
	shards      shardCounts
	offered     *course.Course[int64] // records that were due, by when they were
	offeredWarm int64                 // of them, those due after the warm-up
	put         *figures.Histogram    // from when a record was due, of those due after the warm-up
	call        *figures.Histogram    // of calls that began after the warm-up
	lateness    *figures.Histogram    // how late the bench itself was, with a free producer
	recentPut   *figures.Histogram    // what put has not got yet: since the last look
	coldPut     *figures.Histogram    // of those due during the warm-up, since the last look
	recentReads *figures.Histogram    // propagation, since the last look
	failures    []Failure
	unlisted    int64 // failures beyond those
}

// A Failure is an error that puts or reads met, and how often.
type Failure struct {
	Error string `json:"error"`
	Count int64  `json:"count"`
}

// identified is an error of the SDK that has the id of the request in its text.
type identified interface{ ServiceRequestID() string }

// maxFailures is how many different errors are listed.
const maxFailures = 10

func newMeter(warmUp time.Duration, target Target) *meter {
	m := &meter{
		warmUp: warmUp, offered: course.New(firstPeriod, maxPoints, func(a, b int64) int64 { return a + b }),
		put: figures.NewHistogram(), call: figures.NewHistogram(), lateness: figures.NewHistogram(),
		recentPut: figures.NewHistogram(), coldPut: figures.NewHistogram(), recentReads: figures.NewHistogram(),
	}
	if m.counter, _ = target.(counter); m.counted() {
		m.counter.count(&m.base)
	}
	return m
}

// counted reports whether the target counts what goes to which shard.
func (m *meter) counted() bool { return m.counter != nil }

// shardsLocked returns what went to which shard so far.
func (m *meter) shardsLocked() shardCounts {
	if m.counted() {
		m.counter.count(&m.shards)
	}
	var counts shardCounts
	for _, id := range m.shards.ids() {
		*counts.of(id) = m.shards.of(id).minus(*m.base.of(id))
	}
	return counts
}

// add takes over what a producer has counted, and sets it to zero.
func (m *meter) add(t *tally) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.total = m.total.plus(t.Count)
	if !m.counted() {
		t.shards.move(&m.shards)
	}
	t.Count = Count{}
}

// records returns how many were stored, as far as the producers have told.
func (m *meter) records() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.total.Records
}

// called records one call and its records: when those that were stored had been
// due, when the call began and when it ended.
func (m *meter) called(due []time.Duration, sent, done time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if sent >= m.warmUp {
		m.call.Record(done - sent)
	}
	for _, d := range due {
		if d >= m.warmUp {
			m.recentPut.Record(done - d)
		} else {
			m.coldPut.Record(done - d)
		}
	}
}

// unsent records that a record was never put: it has waited until now.
func (m *meter) unsent(due, now time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.offered.Add(due, 1)
	if due >= m.warmUp {
		m.offeredWarm++
		m.put.Record(now - due)
	}
}

// taken records that a producer took records that were due.
func (m *meter) taken(due []time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range due {
		m.offered.Add(d, 1)
		if d >= m.warmUp {
			m.offeredWarm++
		}
	}
}

// woke records how late a producer woke up that had waited for a record to be
// due.
func (m *meter) woke(due, now time.Duration) {
	if due < m.warmUp {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lateness.Record(now - due)
}

// failed counts an error.
func (m *meter) failed(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	// Errors are the same if they read the same: values of their own, such as
	// those of a client, come anew with each call. So do the ids of requests.
	text := err.Error()
	if call := (identified)(nil); errors.As(err, &call) {
		text = strings.ReplaceAll(text, ", RequestID: "+call.ServiceRequestID(), "")
	}
	i := slices.IndexFunc(m.failures, func(f Failure) bool { return f.Error == text })
	switch {
	case i >= 0:
		m.failures[i].Count++
	case len(m.failures) < maxFailures:
		m.failures = append(m.failures, Failure{text, 1})
	default:
		m.unlisted++
	}
}

// A look is the state of the meter at a moment.
type look struct {
	Count
	shards           shardCounts
	put, propagation PointLatency
}

// look returns the counts, and the latencies since the last look.
func (m *meter) look() look {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.put.Add(m.recentPut)
	recent := m.recentPut
	if m.coldPut.Count() > 0 {
		// The point shows the warm-up, too, which put never gets. Around its
		// end a period has records of both kinds.
		recent = m.coldPut
		recent.Add(m.recentPut)
	}
	l := look{Count: m.total, put: pointLatency(recent), propagation: pointLatency(m.recentReads)}
	l.shards = m.shardsLocked()
	for _, h := range []*figures.Histogram{m.recentPut, m.coldPut, m.recentReads} {
		h.Reset()
	}
	return l
}

func pointLatency(h *figures.Histogram) PointLatency {
	return PointLatency{h.At(50), h.At(99), h.Max()}
}

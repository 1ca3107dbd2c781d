package eventsource

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirstream/weir"
)

// Metrics are what a source has done since it was made, by the service's names.
type Metrics struct {
	// PolledEventCount is how many records were read, and FilteredOutEventCount
	// how many of those matched no filter.
	PolledEventCount, FilteredOutEventCount int64
	// InvokedEventCount is how many records the function was given, retries
	// included, and FailedInvokeEventCount how many of those were in invocations
	// that failed, wholly or in part.
	InvokedEventCount, FailedInvokeEventCount int64
	// DroppedEventCount is how many records were given up without a destination,
	// and OnFailureDestinationDeliveredEventCount how many with one.
	// DestinationDeliveryFailures is how often the destination failed; the
	// records wait then, and are not counted as dropped, as the service does.
	DroppedEventCount, OnFailureDestinationDeliveredEventCount, DestinationDeliveryFailures int64

	// Invocations is how often the function was begun, Errors how often it failed
	// by an error, and Throttles how often it was not begun. Retries, which the
	// service does not count, is how many of Invocations had a batch that had
	// failed as it was; halves, and rests behind a partial failure, are new ones.
	// Duration is how long it took in all, MaxDuration the longest of them.
	Invocations, Errors, Throttles, Retries int64
	Duration, MaxDuration                   time.Duration
	// ConcurrentExecutions is how many are under way.
	ConcurrentExecutions int64
	// IteratorAge is how old the last record of a batch was when the function came
	// to its end, of the last one; MaxIteratorAge the greatest of all.
	IteratorAge, MaxIteratorAge time.Duration

	// Shards are those that this worker is at, by id.
	Shards []ShardMetrics
}

// ShardMetrics are where the work on a shard stands.
type ShardMetrics struct {
	Shard weir.ShardID
	// Position is the number up to which all is finished, zero if nothing was yet.
	Position weir.SequenceNumber
	// Behind is how many records behind the position were read, and HeldBytes how
	// large those are that are not finished, as they are serialised.
	Behind    int
	HeldBytes int
	// Lanes is how many lanes there are, Busy how many have an invocation or a
	// report under way, and Failing how many have a batch that failed last.
	Lanes, Busy, Failing int
}

// counters are the counts of Metrics.
type counters struct {
	polled, filtered, invoked, failed atomic.Int64
	dropped, delivered, undelivered   atomic.Int64
	invocations, errors, throttles    atomic.Int64
	retries, current                  atomic.Int64

	mu                               sync.Mutex // guards what follows
	took, longest, latestAge, oldest time.Duration
}

func (c *counters) begin(records int64) {
	c.current.Add(1)
	c.invocations.Add(1)
	c.invoked.Add(records)
}

// notBegun takes back what begin counted.
func (c *counters) notBegun(records int64) {
	c.current.Add(-1)
	c.invocations.Add(-1)
	c.invoked.Add(-records)
	c.throttles.Add(1)
}

func (c *counters) end(took time.Duration) {
	c.current.Add(-1)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.took += took
	c.longest = max(c.longest, took)
}

func (c *counters) aged(age time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.latestAge = max(0, age)
	c.oldest = max(c.oldest, age)
}

// Metrics returns what the source has done.
func (s *Source) Metrics() Metrics {
	c := &s.counts
	m := Metrics{
		PolledEventCount: c.polled.Load(), FilteredOutEventCount: c.filtered.Load(),
		InvokedEventCount: c.invoked.Load(), FailedInvokeEventCount: c.failed.Load(),
		DroppedEventCount: c.dropped.Load(), OnFailureDestinationDeliveredEventCount: c.delivered.Load(),
		DestinationDeliveryFailures: c.undelivered.Load(),
		Invocations:                 c.invocations.Load(), Errors: c.errors.Load(), Throttles: c.throttles.Load(), Retries: c.retries.Load(), ConcurrentExecutions: c.current.Load(),
	}
	c.mu.Lock()
	m.Duration, m.MaxDuration, m.IteratorAge, m.MaxIteratorAge = c.took, c.longest, c.latestAge, c.oldest
	c.mu.Unlock()
	for _, r := range s.crew.Members() {
		m.Shards = append(m.Shards, r.metrics())
	}
	slices.SortFunc(m.Shards, func(a, b ShardMetrics) int { return cmp.Compare(a.Shard, b.Shard) })
	return m
}

func (r *runner) metrics() ShardMetrics {
	r.mu.Lock()
	defer r.mu.Unlock()
	d := r.desk
	m := ShardMetrics{Shard: r.progress.Shard(), Position: d.at, Behind: len(d.slots), HeldBytes: d.bytes, Lanes: len(d.lanes)}
	for i := range d.lanes {
		l := &d.lanes[i]
		if l.busy {
			m.Busy++
		}
		if l.trial != nil && l.trial.current().attempts > 0 {
			m.Failing++
		}
	}
	return m
}

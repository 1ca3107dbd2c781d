package producer

import (
	"math/bits"
	"time"
)

// Metrics are what a producer has done since it was made, and where it stands.
type Metrics struct {
	Stream string
	// Records and Bytes are what is held: records whose outcome was not told, and
	// what they take of [Config.MaxBytes]. Waiting of them are not part of a call;
	// Calls is how many calls are under way.
	Records, Waiting, Calls int
	Bytes                   int64
	// Taken is how many records were taken in. Of these Delivered were stored,
	// Failed were not, and Expired of those were too old.
	Taken, Delivered, Failed, Expired int64
	// Put is how many calls were made, and Entries how many records of the stream
	// they had.
	Put, Entries int64
	// Retries is how often a record was put back to be put again; Throttled how
	// often one was refused by a limit; Mismatches how many calls were answered
	// with a wrong number of results.
	Retries, Throttled, Mismatches int64
	// Aggregates is how many were delivered, and Aggregated the records in them.
	Aggregates, Aggregated int64
	// Mispredicted is how many entries landed in another shard than predicted;
	// WrongShard how many aggregates were put again for it. ShardLists is how
	// often the shards were learned.
	Mispredicted, WrongShard, ShardLists int64
	// Latency is how long records took from the put to being stored, by powers of
	// two: index i counts those of 2^i nanoseconds and more, below 2^(i+1).
	Latency [48]int64
}

// RecordsAnAggregate returns how many records an aggregate has on average; 0 if
// there are none.
func (m Metrics) RecordsAnAggregate() float64 {
	if m.Aggregates == 0 {
		return 0
	}
	return float64(m.Aggregated) / float64(m.Aggregates)
}

// LatencyQuantile returns a time that the share p, 0 to 1, of the records that
// were stored took at most, and not more than twice of it; 0 if there are none.
func (m Metrics) LatencyQuantile(p float64) time.Duration {
	total := int64(0)
	for _, n := range m.Latency {
		total += n
	}
	if total == 0 {
		return 0
	}
	below := int64(0)
	for i, n := range m.Latency {
		if below += n; float64(below) >= p*float64(total) {
			return 2<<i - 1
		}
	}
	return 2<<(len(m.Latency)-1) - 1
}

// counts are the counts of Metrics.
type counts struct {
	delivered, failed, expired     int64
	calls, entries                 int64
	retries, throttled, mismatches int64
	aggregates, aggregated         int64
	mispredicted, wrongShard, maps int64
	latencies                      latencies
}

// latencies are Metrics.Latency.
type latencies [48]int64

func (l *latencies) add(d time.Duration) { l[min(len(l)-1, max(0, bits.Len64(uint64(d))-1))]++ }

func (l *latencies) join(with *latencies) {
	for i, n := range with {
		l[i] += n
	}
}

// metrics returns what has been done, and where it stands.
func (m *machine) metrics() Metrics {
	c := &m.counts
	return Metrics{
		Stream: m.c.stream, Records: m.held, Waiting: m.waiting + len(m.intake.records), Calls: m.calls, Bytes: m.bytes,
		Taken: int64(m.newest), Delivered: c.delivered, Failed: c.failed, Expired: c.expired,
		Put: c.calls, Entries: c.entries, Retries: c.retries, Throttled: c.throttled, Mismatches: c.mismatches,
		Aggregates: c.aggregates, Aggregated: c.aggregated,
		Mispredicted: c.mispredicted, WrongShard: c.wrongShard, ShardLists: c.maps, Latency: c.latencies,
	}
}

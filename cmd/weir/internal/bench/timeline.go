package bench

import (
	"time"

	"github.com/weirstream/weir"
)

const (
	// firstPeriod is the time between two points to begin with. When there are
	// maxPoints, they are joined two by two and the period doubles.
	firstPeriod = 200 * time.Millisecond
	maxPoints   = 2000
	// maxLines is how many shards have a count of their own in each point. Later
	// ones are counted together.
	maxLines = 128
)

// A Point is one period of a run.
type Point struct {
	// At is the end of the period, in seconds since the run began, and Seconds how
	// long it was.
	At      float64 `json:"at_seconds"`
	Seconds float64 `json:"seconds"`
	// Offered is the records that were to be put in the period; zero for as fast as
	// possible. Count is what became of the puts that ended in it.
	Offered int64 `json:"offered"`
	Count
	// Read is the records that consumers processed, all together, and ReadThrottled
	// the reads that a limit refused.
	Read          int64 `json:"read"`
	ReadThrottled int64 `json:"read_throttled"`
	// Put and Propagation are of the period. When periods are joined the greater
	// one is kept.
	Put         PointLatency `json:"put"`
	Propagation PointLatency `json:"propagation"`
	// Age is the greatest age at the end of the period, Backlog the records that
	// consumers, all together, had not read by then.
	Age     time.Duration `json:"age_ns"`
	Backlog int64         `json:"backlog"`
	// Process is given for the embedded target.
	Heap    int64         `json:"heap_bytes,omitempty"`
	GCs     int64         `json:"gcs,omitempty"`
	GCPause time.Duration `json:"gc_pause_ns,omitempty"`
	// Shards is the records put to each of the shards, in the order of
	// [Result.ShardNames].
	Shards []int64 `json:"shards,omitempty"`
}

// A PointLatency is a few percentiles.
type PointLatency struct {
	P50 time.Duration `json:"p50_ns"`
	P99 time.Duration `json:"p99_ns"`
	Max time.Duration `json:"max_ns"`
}

func (l PointLatency) join(o PointLatency) PointLatency {
	return PointLatency{max(l.P50, o.P50), max(l.P99, o.P99), max(l.Max, o.Max)}
}

// join returns the period that is made of p and the one after it.
func (p Point) join(next Point) Point {
	next.Seconds += p.Seconds
	next.Offered += p.Offered
	next.Count = next.Count.plus(p.Count)
	next.Read += p.Read
	next.ReadThrottled += p.ReadThrottled
	next.Put, next.Propagation = next.Put.join(p.Put), next.Propagation.join(p.Propagation)
	next.Age, next.Heap = max(next.Age, p.Age), max(next.Heap, p.Heap)
	next.GCs += p.GCs
	next.GCPause += p.GCPause
	shards := make([]int64, max(len(p.Shards), len(next.Shards)))
	copy(shards, next.Shards)
	for i, n := range p.Shards {
		shards[i] += n
	}
	next.Shards = shards
	return next
}

// A timeline is the points of a run, of bounded number.
type timeline struct {
	points []Point
	period time.Duration
	lines  []weir.ShardID // the shards that have a line
}

func newTimeline() *timeline { return &timeline{period: firstPeriod} }

// add appends a point. One of no length is made a part of the one before it.
func (t *timeline) add(p Point) {
	if last := len(t.points) - 1; p.Seconds == 0 && last >= 0 {
		t.points[last] = t.points[last].join(p)
		return
	}
	t.points = append(t.points, p)
	if len(t.points) < maxPoints {
		return
	}
	for i := range len(t.points) / 2 {
		t.points[i] = t.points[2*i].join(t.points[2*i+1])
	}
	t.points = t.points[:len(t.points)/2]
	t.period *= 2
}

// line returns the place of a shard in Point.Shards, a new one if it is new; the
// last one is for all that have none.
func (t *timeline) line(id weir.ShardID) int {
	for i, known := range t.lines {
		if known == id {
			return i
		}
	}
	if len(t.lines) < maxLines {
		t.lines = append(t.lines, id)
		return len(t.lines) - 1
	}
	return maxLines
}

// buckets count by time, in periods of equal length that double as a run gets long.
type buckets struct {
	counts []int64
	period time.Duration
}

func newBuckets() *buckets { return &buckets{period: firstPeriod} }

// add counts n at a time.
func (b *buckets) add(at time.Duration, n int64) {
	i := int(at / b.period)
	for i >= maxPoints {
		b.double()
		i = int(at / b.period)
	}
	if i >= len(b.counts) {
		b.counts = append(b.counts, make([]int64, i+1-len(b.counts))...)
	}
	b.counts[i] += n
}

func (b *buckets) double() {
	joined := b.counts[:0]
	for i := 0; i < len(b.counts); i += 2 {
		n := b.counts[i]
		if i+1 < len(b.counts) {
			n += b.counts[i+1]
		}
		joined = append(joined, n)
	}
	clear(b.counts[len(joined):])
	b.counts = joined
	b.period *= 2
}

// between returns the count from one time to another, as if each bucket's were
// spread evenly.
func (b *buckets) between(from, to time.Duration) float64 {
	sum := 0.0
	for i := int(from / b.period); i < len(b.counts) && time.Duration(i)*b.period < to; i++ {
		begin := time.Duration(i) * b.period
		part := min(to, begin+b.period) - max(from, begin)
		sum += float64(b.counts[i]) * float64(part) / float64(b.period)
	}
	return sum
}

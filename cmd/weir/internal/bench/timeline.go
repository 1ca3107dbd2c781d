package bench

import (
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/cmd/weir/internal/course"
)

const (
	// firstPeriod is the time that a point stands for to begin with. There are
	// maxPoints at most.
	firstPeriod = 200 * time.Millisecond
	maxPoints   = 2000
	// maxLines is how many shards have a count of their own in each point.
	// Later ones are counted together.
	maxLines = 128
)

// A Point is one period of a run.
type Point struct {
	// At is the end of the period, in seconds since the run began, and Seconds
	// how long it was.
	At      float64 `json:"at_seconds"`
	Seconds float64 `json:"seconds"`
	// Offered is the records that were to be put in the period; zero for as
	// fast as possible. Count is what became of the puts that ended in it.
	Offered int64 `json:"offered"`
	Count
	// Read is the records that consumers processed, all together, and
	// ReadThrottled the reads that a limit refused.
	Read          int64 `json:"read"`
	ReadThrottled int64 `json:"read_throttled"`
	// Put and Propagation are of the period. When periods are joined the
	// greater one is kept.
	Put         PointLatency `json:"put"`
	Propagation PointLatency `json:"propagation"`
	// Age is the greatest age at the end of the period, Backlog the records
	// that consumers, all together, had not read by then.
	Age     time.Duration `json:"age_ns"`
	Backlog int64         `json:"backlog"`
	// Acknowledged is the records that workers of queues acknowledged, and Waiting
	// those that they had not at the end of the period, all queues together.
	Acknowledged int64 `json:"acknowledged,omitempty"`
	Waiting      int64 `json:"waiting,omitempty"`
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
	next.Acknowledged += p.Acknowledged
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

// A timeline is the course of a run.
type timeline struct {
	*course.Course[Point]
	lines []weir.ShardID // the shards that have a line
}

func newTimeline() *timeline {
	return &timeline{Course: course.New(firstPeriod, maxPoints, Point.join)}
}

// line returns the place of a shard in Point.Shards, a new one if it is new;
// the last one is for all that have none.
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

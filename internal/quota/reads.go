package quota

import (
	"math"
	"time"

	"golang.org/x/time/rate"
)

// Reads is the limits of a shard's shared readers. The zero value limits
// nothing.
type Reads struct {
	calls   *rate.Limiter // nil when unlimited
	bytes   *rate.Limiter // nil when unlimited
	blocked time.Time     // until then large reads are being paid for
	clock   Clock
}

// NewReads returns full buckets. A rate of infinity limits nothing.
func NewReads(callsPerSecond, bytesPerSecond rate.Limit) Reads {
	return Reads{calls: NewBucket(callsPerSecond), bytes: NewBucket(bytesPerSecond)}
}

// Limited reports whether there is any limit.
func (q *Reads) Limited() bool { return q.calls != nil || q.bytes != nil }

// Take admits one call at a reading of the stream's clock in Unix nanoseconds,
// or says what refuses it.
func (q *Reads) Take(now int64) Refusal {
	at, behind := q.clock.Read(now)
	if wait := q.blocked.Sub(at); wait > 0 {
		return Refusal{ReadBytes, wait + behind}
	}
	if q.calls != nil && !q.calls.AllowN(at, 1) {
		return Refusal{ReadCalls, max(1, Until(q.calls, at, 1)) + behind}
	}
	return Refusal{}
}

// Charge pays for size bytes that a call returned: from the bucket if it holds
// them, else by blocking the shard for as long as size takes at the limit. The
// bucket is empty afterwards, and calls that overlapped pay one after the
// other.
func (q *Reads) Charge(size int) {
	at := q.clock.time()
	if q.bytes == nil || size == 0 || q.bytes.AllowN(at, size) {
		return
	}
	if q.blocked.Before(at) {
		q.blocked = at
	}
	seconds := min(float64(size)/float64(q.bytes.Limit()), longestWait.Seconds())
	q.blocked = q.blocked.Add(time.Duration(math.Ceil(seconds * float64(time.Second))))
	takeUpTo(q.bytes, q.blocked, q.bytes.Burst())
}

package weir

import (
	"math"
	"time"

	"golang.org/x/time/rate"
)

// The numbers of the service. A MiB is 1,048,576 bytes.
const (
	mib = 1 << 20

	DefaultWriteBytesPerSecond   = 1 * mib // per shard, data and partition keys
	DefaultWriteRecordsPerSecond = 1000    // per shard
	DefaultReadBytesPerSecond    = 2 * mib // per shard, all shared readers together
	DefaultReadCallsPerSecond    = 5       // per shard, all shared readers together

	DefaultRecordBytes = 1 * mib  // data and partition key of one record
	MaxRecordBytes     = 10 * mib // what DefaultRecordBytes can be raised to, and the burst of large records

	DefaultBatchRecords = 500      // records of one PutRecords
	DefaultBatchBytes   = 10 * mib // data and partition keys of one PutRecords
	DefaultReadRecords  = 10000    // records of one GetRecords
	DefaultReadBytes    = 10 * mib // data and partition keys of one GetRecords

	DefaultIteratorLifetime = 300 * time.Second

	DefaultRetention    = 24 * time.Hour
	DefaultMinRetention = 24 * time.Hour
	DefaultMaxRetention = 8760 * time.Hour // 365 days

	DefaultResizeFactor  = 2     // double or half, in one resize
	DefaultMaxShards     = 10000 // that a resize may lead to
	DefaultResizesPerDay = 10    // in any 24 hours
)

// Limits are the quotas of a stream. The zero value of each field means the
// service's own limit; a negative value lifts it. A limit of a rate is a bucket
// that holds one second's worth, so after a pause a full second's worth passes
// at once and then the rate.
type Limits struct {
	// WriteBytesPerSecond is what a shard takes in, data and partition keys
	// together. Zero means 1 MiB/s. Where RecordBytes admits records above 1 MiB,
	// these draw on a second bucket that fills at the same rate and holds 10 MiB.
	// A record larger than its bucket passes when the bucket is full.
	WriteBytesPerSecond rate.Limit
	// WriteRecordsPerSecond is how many records a shard takes. Zero means 1,000.
	WriteRecordsPerSecond rate.Limit
	// ReadBytesPerSecond is what [Stream.GetRecords] gives out per shard. Zero
	// means 2 MiB/s. A call is never cut short by it: one that returns more than
	// is left pays by locking the shard for as long as its bytes take at this
	// rate, so that after 10 MiB nobody reads for five seconds.
	ReadBytesPerSecond rate.Limit
	// ReadCallsPerSecond is how often [Stream.GetRecords] may be called per
	// shard. Zero means 5.
	ReadCallsPerSecond rate.Limit

	// RecordBytes is how large a record may be, data and partition key together.
	// Zero means 1 MiB; at most 10 MiB, which is also what a negative value means.
	RecordBytes int
	// BatchRecords is how many records one PutRecords may carry. Zero means 500.
	BatchRecords int
	// BatchBytes is how large one PutRecords may be, data and partition keys
	// together. Zero means 10 MiB.
	BatchBytes int
	// ReadRecords is how many records one GetRecords returns at most, and the
	// largest limit a caller may ask for. Zero means 10,000.
	ReadRecords int
	// ReadBytes is how much one GetRecords returns at most, data and partition
	// keys together; a first record that is larger is returned alone. Zero means
	// 10 MiB.
	ReadBytes int

	// IteratorLifetime is how long a shard iterator can be used after its issue.
	// Zero means 300 s.
	IteratorLifetime time.Duration

	// MinRetention is the shortest retention a caller may ask for. Zero means
	// 24 h; negative means any positive duration.
	MinRetention time.Duration
	// MaxRetention is the longest retention a caller may ask for. Zero means
	// 8,760 h, which is 365 days.
	MaxRetention time.Duration

	// ResizeFactor is how far one [Stream.Resize] may go: to so many times the
	// open shards at most, and to that part of them at least. Zero means 2.
	ResizeFactor int
	// MaxShards is how many open shards a stream may be resized to. Zero means
	// 10,000.
	MaxShards int
	// ResizesPerDay is how many times a stream may be resized in any 24 hours.
	// Zero means 10.
	ResizesPerDay int
}

// Unlimited returns limits that are all lifted. What remains are the bounds of
// the format: keys of 1 to 256 characters and records of 10 MiB.
func Unlimited() Limits {
	return Limits{
		WriteBytesPerSecond: -1, WriteRecordsPerSecond: -1,
		ReadBytesPerSecond: -1, ReadCallsPerSecond: -1,
		RecordBytes: -1, BatchRecords: -1, BatchBytes: -1, ReadRecords: -1, ReadBytes: -1,
		IteratorLifetime: -1, MinRetention: -1, MaxRetention: -1,
		ResizeFactor: -1, MaxShards: -1, ResizesPerDay: -1,
	}
}

// withDefaults replaces zeros by the service's limits and negative values by
// the largest ones.
func (l Limits) withDefaults() Limits {
	l.WriteBytesPerSecond = rateOr(l.WriteBytesPerSecond, DefaultWriteBytesPerSecond)
	l.WriteRecordsPerSecond = rateOr(l.WriteRecordsPerSecond, DefaultWriteRecordsPerSecond)
	l.ReadBytesPerSecond = rateOr(l.ReadBytesPerSecond, DefaultReadBytesPerSecond)
	l.ReadCallsPerSecond = rateOr(l.ReadCallsPerSecond, DefaultReadCallsPerSecond)
	l.RecordBytes = limitOr(l.RecordBytes, DefaultRecordBytes, MaxRecordBytes)
	l.BatchRecords = limitOr(l.BatchRecords, DefaultBatchRecords, math.MaxInt)
	l.BatchBytes = limitOr(l.BatchBytes, DefaultBatchBytes, math.MaxInt)
	l.ReadRecords = limitOr(l.ReadRecords, DefaultReadRecords, math.MaxInt)
	l.ReadBytes = limitOr(l.ReadBytes, DefaultReadBytes, math.MaxInt)
	l.IteratorLifetime = limitOr(l.IteratorLifetime, DefaultIteratorLifetime, math.MaxInt64)
	l.MaxRetention = limitOr(l.MaxRetention, DefaultMaxRetention, math.MaxInt64)
	l.MinRetention = limitOr(l.MinRetention, DefaultMinRetention, 1)
	l.ResizeFactor = limitOr(l.ResizeFactor, DefaultResizeFactor, math.MaxInt32)
	l.MaxShards = limitOr(l.MaxShards, DefaultMaxShards, math.MaxInt32)
	l.ResizesPerDay = limitOr(l.ResizesPerDay, DefaultResizesPerDay, math.MaxInt32)
	return l
}

func rateOr(v, service rate.Limit) rate.Limit {
	return limitOr(v, service, rate.Inf)
}

// limitOr returns v, service if v is zero, or lifted if v is negative.
func limitOr[T ~int | ~int64 | ~float64](v, service, lifted T) T {
	switch {
	case v == 0:
		return service
	case v < 0:
		return lifted
	default:
		return v
	}
}

// check says which field of resolved limits is out of bounds.
func (l Limits) check() error {
	for name, v := range map[string]rate.Limit{
		"WriteBytesPerSecond": l.WriteBytesPerSecond, "WriteRecordsPerSecond": l.WriteRecordsPerSecond,
		"ReadBytesPerSecond": l.ReadBytesPerSecond, "ReadCallsPerSecond": l.ReadCallsPerSecond,
	} {
		if math.IsNaN(float64(v)) {
			return invalidf("Limits."+name, "is not a number")
		}
	}
	if l.RecordBytes > MaxRecordBytes {
		return invalidf("Limits.RecordBytes", "%d is above %d", l.RecordBytes, MaxRecordBytes)
	}
	if l.MinRetention > l.MaxRetention {
		return invalidf("Limits.MinRetention", "%v is above MaxRetention, %v", l.MinRetention, l.MaxRetention)
	}
	return nil
}

// checkRetention checks a retention against resolved limits.
func (l Limits) checkRetention(d time.Duration) error {
	if d < l.MinRetention || d > l.MaxRetention {
		return invalidf("retention", "%v is outside %v to %v", d, l.MinRetention, l.MaxRetention)
	}
	return nil
}

// newBucket returns a full bucket that holds one second of r, at least one
// token, or nil if r is infinite.
func newBucket(r rate.Limit) *rate.Limiter {
	return newBucketOf(r, float64(r))
}

func newBucketOf(r rate.Limit, size float64) *rate.Limiter {
	if r >= math.MaxInt32*mib { // an infinite one, or one that nobody can reach
		return nil
	}
	return rate.NewLimiter(r, max(1, int(math.Min(size, math.MaxInt))))
}

// writeQuota is the write limits of one shard. It is guarded by the shard's
// mutex. The zero value limits nothing.
type writeQuota struct {
	limited bool          // invariant: false if and only if all buckets are nil
	records *rate.Limiter // nil when unlimited, likewise the others
	bytes   *rate.Limiter
	burst   *rate.Limiter // for records above 1 MiB; nil unless the stream admits them
}

func newWriteQuota(l Limits) writeQuota {
	q := writeQuota{records: newBucket(l.WriteRecordsPerSecond), bytes: newBucket(l.WriteBytesPerSecond)}
	q.limited = q.records != nil || q.bytes != nil
	return q
}

// admitLarge prepares the bucket for records above 1 MiB, full.
func (q *writeQuota) admitLarge() {
	if q.bytes != nil && q.burst == nil {
		q.burst = newBucketOf(q.bytes.Limit(), math.Max(MaxRecordBytes, float64(q.bytes.Burst())))
	}
}

const (
	limitWriteRecords = "write records per second"
	limitWriteBytes   = "write bytes per second"
	limitReadCalls    = "read calls per second"
	limitReadBytes    = "read bytes per second"
)

// take takes one record of size bytes at now from all buckets, or nothing. It
// returns the limit that refused, or "", and after how long there is room.
func (q *writeQuota) take(now time.Time, size int) (limit string, wait time.Duration) {
	bytes := q.bytes
	if bytes != nil && size > bytes.Burst() && q.burst != nil {
		bytes = q.burst
	}
	if bytes != nil {
		if wait = untilTokens(bytes, now, size); wait > 0 {
			return limitWriteBytes, wait
		}
	}
	if q.records != nil && !q.records.AllowN(now, 1) {
		return limitWriteRecords, untilTokens(q.records, now, 1)
	}
	takeUpTo(q.bytes, now, size)
	takeUpTo(q.burst, now, size)
	return "", 0
}

// takeUpTo empties b by n tokens, or by all it has.
func takeUpTo(b *rate.Limiter, now time.Time, n int) {
	if b != nil && !b.AllowN(now, n) {
		b.AllowN(now, int(b.TokensAt(now)))
	}
}

// untilTokens returns how long from now it takes until b holds n tokens: zero
// if it does, never less than a nanosecond if it does not.
func untilTokens(b *rate.Limiter, now time.Time, n int) time.Duration {
	missing := float64(min(n, b.Burst())) - b.TokensAt(now)
	if missing <= 0 {
		return 0
	}
	nanoseconds := missing / float64(b.Limit()) * float64(time.Second)
	const forever = 100 * 365 * 24 * time.Hour
	switch {
	case nanoseconds < 1: // closer than a clock can tell
		return 0
	case nanoseconds > float64(forever):
		return forever
	default:
		return time.Duration(math.Ceil(nanoseconds))
	}
}

// readQuota is the limits of shared readers on one shard. It is guarded by the
// shard's read mutex.
type readQuota struct {
	calls   *rate.Limiter // nil when unlimited
	bytes   *rate.Limiter // nil when unlimited
	blocked time.Time     // until then a large read is being paid for
}

func newReadQuota(l Limits) readQuota {
	return readQuota{calls: newBucket(l.ReadCallsPerSecond), bytes: newBucket(l.ReadBytesPerSecond)}
}

// takeCall admits one call at now.
func (q *readQuota) takeCall(now time.Time) (limit string, wait time.Duration) {
	if wait := q.blocked.Sub(now); wait > 0 {
		return limitReadBytes, wait
	}
	if q.calls != nil && !q.calls.AllowN(now, 1) {
		return limitReadCalls, max(1, untilTokens(q.calls, now, 1))
	}
	return "", 0
}

// charge pays for size bytes that a call returned: from the bucket if it holds
// them, else by blocking the shard for as long as size takes at the limit.
func (q *readQuota) charge(now time.Time, size int) {
	if q.bytes == nil || size == 0 || q.bytes.AllowN(now, size) {
		return
	}
	q.blocked = now.Add(time.Duration(math.Ceil(float64(size) / float64(q.bytes.Limit()) * float64(time.Second))))
	q.bytes.AllowN(q.blocked, q.bytes.Burst())
}

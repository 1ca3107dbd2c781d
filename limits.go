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

	DefaultConsumers                  = 20 // registered on one stream
	DefaultSubscriptionLifetime       = 5 * time.Minute
	DefaultSubscribeTakeover          = 5 * time.Second
	DefaultIdleEventInterval          = 5 * time.Second
	DefaultSubscriptionBytesPerSecond = 2 * mib // per consumer and shard
	DefaultEventBytes                 = 1 * mib // data and partition keys of one event; not published by the service
	DefaultEventRecords               = 10000   // records of one event; not published by the service

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
	// those that are larger than the bucket draw on a second one, which fills at
	// the same rate and holds 10 MiB; what other records take is taken from both.
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

	// Consumers is how many consumers may be registered on the stream. Zero means
	// 20; the service allows 50 with on-demand advantage.
	Consumers int
	// SubscriptionLifetime is how long a subscription lives. Zero means 5 minutes.
	SubscriptionLifetime time.Duration
	// SubscribeTakeover is how long after a subscription began the same consumer
	// may not subscribe to the same shard again; after that the new subscription
	// takes over. Zero means 5 s; negative means that it always takes over.
	SubscribeTakeover time.Duration
	// IdleEventInterval is after how long a subscription gives an event without
	// records when there are none. Zero means 5 s; negative means never.
	IdleEventInterval time.Duration
	// SubscriptionBytesPerSecond is what a subscription gives out, whatever other
	// readers of the shard do. Zero means 2 MiB/s. It refuses nothing: past it a
	// subscription waits.
	SubscriptionBytesPerSecond rate.Limit
	// EventBytes is how large an event may be, data and partition keys together; a
	// first record that is larger is given alone. An event also holds no more than
	// a second's worth of SubscriptionBytesPerSecond. Zero means 1 MiB.
	EventBytes int
	// EventRecords is how many records an event may hold. Zero means 10,000.
	EventRecords int

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
	// 10,000; at most 100,000, which is also what a negative value means.
	MaxShards int
	// ResizesPerDay is how many times a stream may be resized in any 24 hours.
	// Zero means 10.
	ResizesPerDay int

	// OnDemandWriteBytesPerSecond bounds how far an on-demand stream grows: to as
	// many shards as take that much. Zero means 200 MiB/s; at most 10 GiB/s, which
	// is also what a negative value means.
	OnDemandWriteBytesPerSecond rate.Limit
	// ModeSwitchesPerDay is how often the capacity mode may be switched in any 24
	// hours. Zero means 2.
	ModeSwitchesPerDay int
}

// Unlimited returns limits that are all lifted. What remains are the bounds of
// the format, keys of 1 to 256 characters and records of 10 MiB, and what is no
// quota: the size of a subscription's events and how often an idle one gives one.
func Unlimited() Limits {
	return Limits{
		WriteBytesPerSecond: -1, WriteRecordsPerSecond: -1,
		ReadBytesPerSecond: -1, ReadCallsPerSecond: -1,
		RecordBytes: -1, BatchRecords: -1, BatchBytes: -1, ReadRecords: -1, ReadBytes: -1,
		IteratorLifetime: -1, MinRetention: -1, MaxRetention: -1,
		Consumers: -1, SubscriptionLifetime: -1, SubscribeTakeover: -1, SubscriptionBytesPerSecond: -1,
		ResizeFactor: -1, MaxShards: -1, ResizesPerDay: -1,
		OnDemandWriteBytesPerSecond: -1, ModeSwitchesPerDay: -1,
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
	l.Consumers = limitOr(l.Consumers, DefaultConsumers, math.MaxInt)
	l.SubscriptionLifetime = limitOr(l.SubscriptionLifetime, DefaultSubscriptionLifetime, math.MaxInt64)
	l.SubscribeTakeover = limitOr(l.SubscribeTakeover, DefaultSubscribeTakeover, 0)
	l.IdleEventInterval = limitOr(l.IdleEventInterval, DefaultIdleEventInterval, math.MaxInt64)
	l.SubscriptionBytesPerSecond = rateOr(l.SubscriptionBytesPerSecond, DefaultSubscriptionBytesPerSecond)
	l.EventBytes = limitOr(l.EventBytes, DefaultEventBytes, math.MaxInt)
	l.EventRecords = limitOr(l.EventRecords, DefaultEventRecords, math.MaxInt)
	l.MaxRetention = limitOr(l.MaxRetention, DefaultMaxRetention, math.MaxInt64)
	l.MinRetention = limitOr(l.MinRetention, DefaultMinRetention, 1)
	l.ResizeFactor = limitOr(l.ResizeFactor, DefaultResizeFactor, math.MaxInt32)
	l.MaxShards = limitOr(l.MaxShards, DefaultMaxShards, maxShards)
	l.ResizesPerDay = limitOr(l.ResizesPerDay, DefaultResizesPerDay, math.MaxInt32)
	l.OnDemandWriteBytesPerSecond = limitOr(l.OnDemandWriteBytesPerSecond,
		DefaultOnDemandWriteBytesPerSecond, MaxOnDemandWriteBytesPerSecond)
	l.ModeSwitchesPerDay = limitOr(l.ModeSwitchesPerDay, DefaultModeSwitchesPerDay, math.MaxInt32)
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
		"OnDemandWriteBytesPerSecond": l.OnDemandWriteBytesPerSecond,
		"SubscriptionBytesPerSecond":  l.SubscriptionBytesPerSecond,
	} {
		if math.IsNaN(float64(v)) {
			return invalidf("Limits."+name, "is not a number")
		}
	}
	if l.RecordBytes > MaxRecordBytes {
		return invalidf("Limits.RecordBytes", "%d is above %d", l.RecordBytes, MaxRecordBytes)
	}
	if l.OnDemandWriteBytesPerSecond > MaxOnDemandWriteBytesPerSecond {
		return invalidf("Limits.OnDemandWriteBytesPerSecond", "%v is above %v", l.OnDemandWriteBytesPerSecond, rate.Limit(MaxOnDemandWriteBytesPerSecond))
	}
	if l.MaxShards > maxShards {
		return invalidf("Limits.MaxShards", "%d is above %d", l.MaxShards, maxShards)
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

// takeMost takes records of size bytes at now, at most n and none that take
// would refuse, and returns how many: all that pass but those that do so only
// because a bucket lacks less than a nanosecond's worth, or is full and smaller
// than a record.
func (q *writeQuota) takeMost(now time.Time, size, n int) int {
	bytes := q.bytes
	if bytes != nil && size > bytes.Burst() && q.burst != nil {
		bytes = q.burst
	}
	n = holds(bytes, now, size, holds(q.records, now, 1, n))
	takeTimes(q.records, now, 1, n)
	takeTimes(q.bytes, now, size, n)
	takeTimes(q.burst, now, size, n)
	return n
}

// holds returns how many times size tokens b holds at now, at most n.
func holds(b *rate.Limiter, now time.Time, size, n int) int {
	if b == nil || size == 0 {
		return n
	}
	tokens := b.TokensAt(now)
	k := math.Floor(tokens / float64(size))
	if k*float64(size) > tokens { // rounded up
		k--
	}
	return int(min(float64(n), max(0, k)))
}

// takeTimes does what takeUpTo does n times.
func takeTimes(b *rate.Limiter, now time.Time, size, n int) {
	if b == nil || n == 0 {
		return
	}
	k := holds(b, now, size, n)
	b.AllowN(now, k*size)
	for range min(2, n-k) { // one may lack less than a nanosecond's worth, the next takes the rest
		takeUpTo(b, now, size)
	}
}

// takeUpTo empties b by n tokens, or by all it has.
func takeUpTo(b *rate.Limiter, now time.Time, n int) {
	if b != nil && !b.AllowN(now, n) {
		const rounding = 0.5e-9 // seconds: whole tokens are not to be missed by an error of floating point
		b.AllowN(now, int(b.TokensAt(now)+rounding*float64(b.Limit())))
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
	switch {
	case nanoseconds < 1: // closer than a clock can tell
		return 0
	case nanoseconds > float64(longestWait):
		return longestWait
	default:
		return time.Duration(math.Ceil(nanoseconds))
	}
}

// longestWait is the longest wait that is told.
const longestWait = 100 * 365 * 24 * time.Hour

// readQuota is the limits of shared readers on one shard. It is guarded by the
// shard's read mutex.
type readQuota struct {
	calls   *rate.Limiter // nil when unlimited
	bytes   *rate.Limiter // nil when unlimited
	blocked time.Time     // until then large reads are being paid for
	clock   steadyClock
}

// A steadyClock makes of the stream's clock one that never goes back, which is
// what limiters need. Readings of several goroutines may come in a wrong order;
// the clock stands still then. One that is more than a second back is a step of
// the clock itself, after which time goes on from where it stood.
type steadyClock struct {
	last  instant // given out last
	shift instant // from a reading to what is given out
}

const longestDisorder = instant(time.Second)

// read returns the time for a reading, and how far the reading is behind it.
func (c *steadyClock) read(now instant) (at time.Time, behind time.Duration) {
	if now+c.shift < c.last-longestDisorder {
		c.shift = c.last - now
	}
	behind = time.Duration(max(0, c.last-now-c.shift))
	c.last = max(c.last, now+c.shift)
	return c.last.time(), behind
}

func newReadQuota(l Limits) readQuota {
	return readQuota{calls: newBucket(l.ReadCallsPerSecond), bytes: newBucket(l.ReadBytesPerSecond)}
}

// takeCall admits one call at now.
func (q *readQuota) takeCall(now instant) (limit string, wait time.Duration) {
	at, behind := q.clock.read(now)
	if wait := q.blocked.Sub(at); wait > 0 {
		return limitReadBytes, wait + behind
	}
	if q.calls != nil && !q.calls.AllowN(at, 1) {
		return limitReadCalls, max(1, untilTokens(q.calls, at, 1)) + behind
	}
	return "", 0
}

// charge pays for size bytes that a call returned: from the bucket if it holds
// them, else by blocking the shard for as long as size takes at the limit. The
// bucket is empty afterwards, and calls that overlapped pay one after the other.
func (q *readQuota) charge(size int) {
	at := q.clock.last.time()
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

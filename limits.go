package weir

import (
	"math"
	"time"

	"golang.org/x/time/rate"

	"github.com/weirstream/weir/internal/quota"
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

// limitName is the limits of internal/quota in words.
var limitName = [...]string{
	quota.WriteRecords: "write records per second",
	quota.WriteBytes:   "write bytes per second",
	quota.ReadCalls:    "read calls per second",
	quota.ReadBytes:    "read bytes per second",
}

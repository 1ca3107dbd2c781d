package weir

import (
	"cmp"
	"fmt"
	"math"
	"reflect"
	"time"

	"golang.org/x/time/rate"

	"github.com/weirstream/weir/internal/quota"
	"github.com/weirstream/weir/internal/shardlog"
)

const (
	mib = 1 << 20

	// MaxRecordBytes is how large a record may be whatever the limits: what
	// [Limits.RecordBytes] can be raised to, and the burst of large records.
	MaxRecordBytes = shardlog.MaxRecordBytes

	day = 24 * time.Hour

	// maxShards is how many shards the service's largest stream may have, 10,000 by
	// request; it bounds only what may be asked for.
	maxShards = 100_000
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

// ServiceLimits returns the service's own limits: what the zero value of each
// field means. Those of events are not published by the service and are our
// choice.
func ServiceLimits() Limits {
	return Limits{
		WriteBytesPerSecond: 1 * mib, WriteRecordsPerSecond: 1000,
		ReadBytesPerSecond: 2 * mib, ReadCallsPerSecond: 5,
		RecordBytes: 1 * mib, BatchRecords: 500, BatchBytes: 10 * mib,
		ReadRecords: 10_000, ReadBytes: 10 * mib,
		IteratorLifetime: 300 * time.Second,
		Consumers:        20, SubscriptionLifetime: 5 * time.Minute, SubscribeTakeover: 5 * time.Second,
		IdleEventInterval: 5 * time.Second, SubscriptionBytesPerSecond: 2 * mib,
		EventBytes: 1 * mib, EventRecords: 10_000,
		MinRetention: day, MaxRetention: 365 * day,
		ResizeFactor: 2, MaxShards: 10_000, ResizesPerDay: 10,
		OnDemandWriteBytesPerSecond: 200 * mib, ModeSwitchesPerDay: 2,
	}
}

// Unlimited returns limits that are all lifted. What remains are the bounds of
// the format, keys of 1 to 256 characters and records of 10 MiB, and what is no
// quota: the size of a subscription's events and how often an idle one gives
// one.
func Unlimited() Limits {
	l := liftedLimits()
	l.IdleEventInterval, l.EventBytes, l.EventRecords = 0, 0, 0
	return l
}

// liftedLimits is what a negative value of each field means.
func liftedLimits() Limits {
	return Limits{
		WriteBytesPerSecond: rate.Inf, WriteRecordsPerSecond: rate.Inf,
		ReadBytesPerSecond: rate.Inf, ReadCallsPerSecond: rate.Inf,
		RecordBytes: MaxRecordBytes, BatchRecords: math.MaxInt, BatchBytes: math.MaxInt,
		ReadRecords: math.MaxInt, ReadBytes: math.MaxInt,
		IteratorLifetime: math.MaxInt64,
		Consumers:        math.MaxInt, SubscriptionLifetime: math.MaxInt64, SubscribeTakeover: -1,
		IdleEventInterval: math.MaxInt64, SubscriptionBytesPerSecond: rate.Inf,
		EventBytes: math.MaxInt, EventRecords: math.MaxInt,
		MinRetention: 1, MaxRetention: math.MaxInt64,
		ResizeFactor: math.MaxInt32, MaxShards: maxShards, ResizesPerDay: math.MaxInt32,
		OnDemandWriteBytesPerSecond: 10240 * mib, ModeSwitchesPerDay: math.MaxInt32,
	}
}

// withDefaults replaces zeros by the service's limits and negative values by
// the lifted ones. It goes by field, so that a new one needs its numbers above
// and nothing else.
func (l Limits) withDefaults() Limits {
	service, lifted := ServiceLimits(), liftedLimits()
	to := reflect.ValueOf(&l).Elem()
	for i := range to.NumField() {
		field := to.Field(i)
		switch sign := signOf(field); {
		case sign == 0:
			field.Set(reflect.ValueOf(service).Field(i))
		case sign < 0:
			field.Set(reflect.ValueOf(lifted).Field(i))
		}
	}
	return l
}

// signOf returns the sign of a number; 1 for what is none.
func signOf(v reflect.Value) int {
	if v.CanInt() {
		return cmp.Compare(v.Int(), 0)
	}
	if f := v.Float(); f <= 0 {
		return cmp.Compare(f, 0)
	}
	return 1
}

// check says which field of resolved limits is out of bounds, the first one of
// several.
func (l Limits) check() error {
	of := reflect.ValueOf(l)
	for i := range of.NumField() {
		if v := of.Field(i); v.CanFloat() && math.IsNaN(v.Float()) {
			return invalidf("Limits."+of.Type().Field(i).Name, "is not a number")
		}
	}
	most := liftedLimits()
	if l.RecordBytes > most.RecordBytes {
		return invalidf("Limits.RecordBytes", "%d is above %d", l.RecordBytes, most.RecordBytes)
	}
	if l.OnDemandWriteBytesPerSecond > most.OnDemandWriteBytesPerSecond {
		return invalidf("Limits.OnDemandWriteBytesPerSecond", "%v is above %v", l.OnDemandWriteBytesPerSecond, most.OnDemandWriteBytesPerSecond)
	}
	if l.MaxShards > most.MaxShards {
		return invalidf("Limits.MaxShards", "%d is above %d", l.MaxShards, most.MaxShards)
	}
	if l.MinRetention > l.MaxRetention {
		return invalidf("Limits.MinRetention", "%v is above MaxRetention, %v", l.MinRetention, l.MaxRetention)
	}
	return nil
}

// A Quota names a limit that refused something.
type Quota string

// The quotas of throughput, each of one shard. Later the same may pass.
const (
	// QuotaWriteBytes is [Limits.WriteBytesPerSecond].
	QuotaWriteBytes Quota = "write bytes per second"
	// QuotaWriteRecords is [Limits.WriteRecordsPerSecond].
	QuotaWriteRecords Quota = "write records per second"
	// QuotaReadBytes is [Limits.ReadBytesPerSecond].
	QuotaReadBytes Quota = "read bytes per second"
	// QuotaReadCalls is [Limits.ReadCallsPerSecond].
	QuotaReadCalls Quota = "read calls per second"
)

// QuotaSubscriptions is of one consumer and one shard: a subscription began
// less than [Limits.SubscribeTakeover] ago.
const QuotaSubscriptions Quota = "new subscriptions of a consumer"

// The quotas of a stream.
const (
	// QuotaConsumers is [Limits.Consumers].
	QuotaConsumers Quota = "consumers"
	// QuotaShards is [Limits.MaxShards].
	QuotaShards Quota = "shards"
	// QuotaResizeUp is the open shards times [Limits.ResizeFactor].
	QuotaResizeUp Quota = "shards after one resize"
	// QuotaResizeDown is the open shards over [Limits.ResizeFactor].
	QuotaResizeDown Quota = "fewest shards after one resize"
	// QuotaResizes is [Limits.ResizesPerDay].
	QuotaResizes Quota = "resizes in 24 hours"
	// QuotaModeSwitches is [Limits.ModeSwitchesPerDay].
	QuotaModeSwitches Quota = "mode switches in 24 hours"
)

// quotaOf is what internal/quota refuses, as callers know it.
var quotaOf = [...]Quota{
	quota.WriteRecords: QuotaWriteRecords,
	quota.WriteBytes:   QuotaWriteBytes,
	quota.ReadCalls:    QuotaReadCalls,
	quota.ReadBytes:    QuotaReadBytes,
}

// A LimitError says which limit refused a call or a record. It matches
// [ErrThroughputExceeded] if that is one of throughput, [ErrSubscriptionActive]
// if it is QuotaSubscriptions, else [ErrLimitExceeded].
type LimitError struct {
	Quota  Quota
	Stream string
	Shard  ShardID // of a quota of throughput, or of QuotaSubscriptions
	// Most is the limit, where it is a count: of QuotaResizeDown the fewest.
	Most int
	// RetryAfter is how long until the same may succeed: never zero for a quota of
	// throughput, zero where waiting is of no use.
	RetryAfter time.Duration
}

// isThroughput reports whether the limit is one of throughput.
func (e *LimitError) isThroughput() bool {
	switch e.Quota {
	case QuotaWriteBytes, QuotaWriteRecords, QuotaReadBytes, QuotaReadCalls:
		return true
	default:
		return false
	}
}

// Error has the stream, the shard if one is meant, the limit, and RetryAfter
// unless that is zero.
func (e *LimitError) Error() string {
	of := "stream " + e.Stream + ": "
	if e.Stream == "" { // it has no name yet
		of = ""
	}
	switch {
	case e.isThroughput(), e.Quota == QuotaSubscriptions:
		return fmt.Sprintf("%s of stream %s: over %s, retry after %v", e.Shard, e.Stream, e.Quota, e.RetryAfter)
	case e.RetryAfter > 0:
		return fmt.Sprintf("%s%d %s are the most, retry after %v", of, e.Most, e.Quota, e.RetryAfter)
	case e.Quota == QuotaResizeUp:
		return fmt.Sprintf("%s%d shards are the most after one resize", of, e.Most)
	case e.Quota == QuotaResizeDown:
		return fmt.Sprintf("%s%d shards are the fewest after one resize", of, e.Most)
	default:
		return fmt.Sprintf("%s%d %s are the most", of, e.Most, e.Quota)
	}
}

// Is reports whether target is [ErrThroughputExceeded], [ErrSubscriptionActive]
// or [ErrLimitExceeded], whichever e is one of.
func (e *LimitError) Is(target error) bool {
	switch {
	case e.isThroughput():
		return target == ErrThroughputExceeded
	case e.Quota == QuotaSubscriptions:
		return target == ErrSubscriptionActive
	default:
		return target == ErrLimitExceeded
	}
}

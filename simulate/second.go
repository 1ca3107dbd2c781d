package simulate

import (
	"slices"
	"time"

	"github.com/weirstream/weir"
)

// A Second is what happened in one second of virtual time.
type Second struct {
	// At is when it began.
	At time.Duration `json:"at_ns"`
	// WarmUp says that it is left out of the [Result].
	WarmUp bool `json:"warm_up,omitempty"`

	// Writes and Reads are those of all shards.
	Writes
	Reads
	// OpenShards is how many shards take writes at the end of the second, and
	// CapacityRecords and CapacityBytes what they take together in a second; -1
	// when there is no limit. What was asked of them is OfferedRecords and
	// OfferedBytes.
	OpenShards      int   `json:"open_shards"`
	CapacityRecords int64 `json:"capacity_records"`
	CapacityBytes   int64 `json:"capacity_bytes"`
	// HeldRecords and HeldBytes are what the stream holds for its retention.
	HeldRecords int64 `json:"held_records"`
	HeldBytes   int64 `json:"held_bytes"`

	// Shards are the open shards and those closed ones that anything happened to,
	// by id.
	Shards []ShardSecond `json:"shards"`
	// Consumers are in the order of the workload, each Count of them one.
	Consumers []ConsumerSecond `json:"consumers,omitempty"`
	// Queues are in the order of the workload.
	Queues []QueueSecond `json:"queues,omitempty"`
}

// Clone returns a copy that may be kept.
func (s *Second) Clone() Second {
	c := *s
	c.Shards, c.Consumers, c.Queues = slices.Clone(s.Shards), slices.Clone(s.Consumers), slices.Clone(s.Queues)
	return c
}

// Writes are records on their way into a stream. Bytes are data and partition
// keys together. A record that is throttled and tried again is offered once, and
// throttled each time.
type Writes struct {
	OfferedRecords  int64 `json:"offered_records"`
	OfferedBytes    int64 `json:"offered_bytes"`
	AcceptedRecords int64 `json:"accepted_records"`
	AcceptedBytes   int64 `json:"accepted_bytes"`
	// Throttled is what the write limits refused: ThrottledByRecords of the records
	// for the limit of records, the others for the limit of bytes.
	ThrottledRecords   int64 `json:"throttled_records"`
	ThrottledBytes     int64 `json:"throttled_bytes"`
	ThrottledByRecords int64 `json:"throttled_by_records"`
	// RetriedRecords is how often a record was tried again.
	RetriedRecords int64 `json:"retried_records"`
	// LostRecords were given up after the last try.
	LostRecords int64 `json:"lost_records"`
	LostBytes   int64 `json:"lost_bytes"`
	// RefusedRecords are none that the stream takes: too large, or with a bad key.
	RefusedRecords int64 `json:"refused_records"`
}

// add adds other writes.
func (w *Writes) add(o *Writes) {
	w.OfferedRecords += o.OfferedRecords
	w.OfferedBytes += o.OfferedBytes
	w.AcceptedRecords += o.AcceptedRecords
	w.AcceptedBytes += o.AcceptedBytes
	w.ThrottledRecords += o.ThrottledRecords
	w.ThrottledBytes += o.ThrottledBytes
	w.ThrottledByRecords += o.ThrottledByRecords
	w.RetriedRecords += o.RetriedRecords
	w.LostRecords += o.LostRecords
	w.LostBytes += o.LostBytes
	w.RefusedRecords += o.RefusedRecords
}

// ThrottledShare returns how many refusals there were for each record offered: the
// part that was throttled where nothing is tried again.
func (w *Writes) ThrottledShare() float64 {
	if w.OfferedRecords == 0 {
		return 0
	}
	return float64(w.ThrottledRecords) / float64(w.OfferedRecords)
}

// Reads are what consumers were given. Calls and throttles are those of consumers
// that share the read limits of their shards; records and bytes with enhanced
// fan-out have counts of their own, because they draw on no common limit.
type Reads struct {
	ReadCalls   int64 `json:"read_calls"` // that were not throttled
	ReadRecords int64 `json:"read_records"`
	ReadBytes   int64 `json:"read_bytes"`
	// ReadThrottled is the calls that a limit refused: ReadThrottledByCalls of them
	// the limit of calls, the others that of bytes.
	ReadThrottled        int64 `json:"read_throttled"`
	ReadThrottledByCalls int64 `json:"read_throttled_by_calls"`
	FanOutRecords        int64 `json:"fan_out_records"`
	FanOutBytes          int64 `json:"fan_out_bytes"`
	// CallQuotaUse and ByteQuotaUse are the calls and bytes as parts of what the
	// open shards' limits allow in this second, 1 being all; 0 where there is no
	// limit. ByteQuotaUse may be above 1: a large read is paid for afterwards.
	CallQuotaUse float64 `json:"call_quota_use"`
	ByteQuotaUse float64 `json:"byte_quota_use"`
}

// add adds the counts of other reads.
func (r *Reads) add(o *Reads) {
	r.ReadCalls += o.ReadCalls
	r.ReadRecords += o.ReadRecords
	r.ReadBytes += o.ReadBytes
	r.ReadThrottled += o.ReadThrottled
	r.ReadThrottledByCalls += o.ReadThrottledByCalls
	r.FanOutRecords += o.FanOutRecords
	r.FanOutBytes += o.FanOutBytes
}

// A ShardSecond is what happened to one shard in a second.
type ShardSecond struct {
	Shard weir.ShardID `json:"shard"`
	Open  bool         `json:"open"`
	Writes
	Reads
}

// A ConsumerSecond is what a consumer did in a second, and how far it was at the
// end of it.
type ConsumerSecond struct {
	Name string `json:"name"`
	// Running says that it has begun and is in no outage.
	Running bool `json:"running"`
	// Age is how old the oldest record is that it was not given yet; zero if there
	// is none.
	Age time.Duration `json:"age_ns"`
	// BehindLatest is how old the last record of a read was when more followed it,
	// at most in this second: the service's MillisBehindLatest.
	BehindLatest time.Duration `json:"behind_latest_ns"`
	// LagRecords is how many records it was not given yet.
	LagRecords int64 `json:"lag_records"`
	// ReadRecords and ReadBytes were given to it, ProcessedRecords it was done with.
	ReadRecords      int64 `json:"read_records"`
	ReadBytes        int64 `json:"read_bytes"`
	ProcessedRecords int64 `json:"processed_records"`
	// Throttled is its reads that a limit refused.
	Throttled int64 `json:"throttled"`
	// Busy is how long its workers processed, all together.
	Busy time.Duration `json:"busy_ns"`
	// LostRecords expired before it was given them: those found missing in this
	// second.
	LostRecords int64 `json:"lost_records"`
}

// A QueueSecond is what the workers of a queue did in a second, and how many
// records were where at the end of it.
type QueueSecond struct {
	Name string `json:"name"`
	// Receives is the calls that returned records. ReceivedRecords and
	// ReceivedBytes are what they returned, RedeliveredRecords those of them that
	// were received before.
	Receives           int64 `json:"receives"`
	ReceivedRecords    int64 `json:"received_records"`
	ReceivedBytes      int64 `json:"received_bytes"`
	RedeliveredRecords int64 `json:"redelivered_records"`
	// AcknowledgedRecords are done. LateRecords were processed, but their time was
	// over and somebody else had received them.
	AcknowledgedRecords int64 `json:"acknowledged_records"`
	LateRecords         int64 `json:"late_records"`
	// LostRecords expired.
	LostRecords int64 `json:"lost_records"`
	// LagRecords could be received at the end, InFlightRecords were, and
	// DeadRecords are dead letters.
	LagRecords      int64 `json:"lag_records"`
	InFlightRecords int64 `json:"in_flight_records"`
	DeadRecords     int64 `json:"dead_records"`
	// MaxWait is the longest from a record's arrival until it was received first,
	// MaxDone until it was acknowledged, of those for which that was now.
	MaxWait time.Duration `json:"max_wait_ns"`
	MaxDone time.Duration `json:"max_done_ns"`
	// Busy is how long the workers processed, all together.
	Busy time.Duration `json:"busy_ns"`
}

// Package metrics has what streams count, as plain values: [Counts] of a stream
// or a shard, [Deliveries] of a registered consumer, each in all or by the
// second, and the busiest seconds as [Peaks].
//
// The root package's Snapshot and Stream.Seconds give them out. Nothing here
// changes after that, and zero values are periods in which nothing happened.
// The JSON names are part of what is promised.
package metrics

import "time"

// Counts are the events of a period: all since the stream was created, or one
// second. Bytes are data and partition keys together.
type Counts struct {
	// IncomingRecords and IncomingBytes were put successfully.
	IncomingRecords int64 `json:"incoming_records"`
	IncomingBytes   int64 `json:"incoming_bytes"`
	// PutRecordRecords of them, one a call, came by PutRecord; the rest by
	// PutRecords.
	PutRecordRecords int64 `json:"put_record_records"`
	PutRecordBytes   int64 `json:"put_record_bytes"`
	// PutRecordsCalls is the calls of PutRecords that were not refused as a
	// whole, PutRecordsSuccess those of them that stored a record at least, and
	// PutRecordsTotalRecords the records they carried. Known per stream only.
	PutRecordsCalls        int64 `json:"put_records_calls"`
	PutRecordsSuccess      int64 `json:"put_records_success"`
	PutRecordsTotalRecords int64 `json:"put_records_total_records"`
	// WriteThrottled is the records, not calls, that a write limit refused, and
	// PutRecordsThrottled those of them that PutRecords carried. A record that
	// is put again is counted again. The service's name of the former is
	// WriteProvisionedThroughputExceeded.
	WriteThrottled      int64 `json:"write_throttled"`
	PutRecordsThrottled int64 `json:"put_records_throttled"`
	// RefusedRecords did not fit into Config.MaxBytes. Known per stream only.
	RefusedRecords int64 `json:"refused_records"`
	// DroppedRecords and DroppedBytes were dropped before their retention was
	// over, to stay within Config.MaxBytes.
	DroppedRecords int64 `json:"dropped_records"`
	DroppedBytes   int64 `json:"dropped_bytes"`
	// OutgoingRecords and OutgoingBytes were given to readers of any kind.
	OutgoingRecords int64 `json:"outgoing_records"`
	OutgoingBytes   int64 `json:"outgoing_bytes"`
	// GetRecordsCalls is the calls that succeeded, GetRecordsRecords and
	// GetRecordsBytes what they returned.
	GetRecordsCalls   int64 `json:"get_records_calls"`
	GetRecordsRecords int64 `json:"get_records_records"`
	GetRecordsBytes   int64 `json:"get_records_bytes"`
	// ReadThrottled is the calls of GetRecords that a read limit refused. The
	// service's name is ReadProvisionedThroughputExceeded.
	ReadThrottled int64 `json:"read_throttled"`
	// IteratorAgeMillis is the greatest age, in milliseconds, of the last
	// record that a GetRecords returned; 0 if all calls reached the tip.
	IteratorAgeMillis int64 `json:"iterator_age_millis"`
}

// Add adds the events of another shard or period. Of the two ages it keeps the
// greater.
func (c *Counts) Add(o Counts) {
	c.IncomingRecords += o.IncomingRecords
	c.IncomingBytes += o.IncomingBytes
	c.PutRecordRecords += o.PutRecordRecords
	c.PutRecordBytes += o.PutRecordBytes
	c.PutRecordsCalls += o.PutRecordsCalls
	c.PutRecordsSuccess += o.PutRecordsSuccess
	c.PutRecordsTotalRecords += o.PutRecordsTotalRecords
	c.WriteThrottled += o.WriteThrottled
	c.PutRecordsThrottled += o.PutRecordsThrottled
	c.RefusedRecords += o.RefusedRecords
	c.DroppedRecords += o.DroppedRecords
	c.DroppedBytes += o.DroppedBytes
	c.OutgoingRecords += o.OutgoingRecords
	c.OutgoingBytes += o.OutgoingBytes
	c.GetRecordsCalls += o.GetRecordsCalls
	c.GetRecordsRecords += o.GetRecordsRecords
	c.GetRecordsBytes += o.GetRecordsBytes
	c.ReadThrottled += o.ReadThrottled
	c.IteratorAgeMillis = max(c.IteratorAgeMillis, o.IteratorAgeMillis)
}

// A Second is the events of one second.
type Second struct {
	At time.Time `json:"at"`
	Counts
}

// A Peak is the most that a single second had of something, and which second
// that was.
type Peak struct {
	N  int64     `json:"n"`
	At time.Time `json:"at"` // zero if there was none
}

// Peaks are the busiest seconds since the stream was created.
type Peaks struct {
	IncomingRecords Peak `json:"incoming_records"`
	IncomingBytes   Peak `json:"incoming_bytes"`
	WriteThrottled  Peak `json:"write_throttled"`
	GetRecordsBytes Peak `json:"get_records_bytes"`
	ReadThrottled   Peak `json:"read_throttled"`
}

// A Lag is what there is in a shard that a reader has not been given yet. The
// zero Lag is of one that has come to the tip.
type Lag struct {
	Records int64 `json:"records"`
	Bytes   int64 `json:"bytes"` // of data and partition keys
	// Age is how long ago the oldest of them arrived; zero if there is none.
	Age time.Duration `json:"age_ns"`
}

// Deliveries are the events of a registered consumer in a period: all since
// it was registered, or one second.
type Deliveries struct {
	// SubscribeSuccess is the subscriptions that began, SubscribeRateExceeded
	// the calls of Subscribe that were refused with ErrSubscriptionActive. The
	// service's names are SubscribeToShard.Success and .RateExceeded.
	SubscribeSuccess      int64 `json:"subscribe_success"`
	SubscribeRateExceeded int64 `json:"subscribe_rate_exceeded"`
	// Events is the events given out, EventRecords and EventBytes what was in
	// them. The service's names are SubscribeToShardEvent.Success, .Records and
	// .Bytes.
	Events       int64 `json:"events"`
	EventRecords int64 `json:"event_records"`
	EventBytes   int64 `json:"event_bytes"`
	// MillisBehindLatest is the greatest of any event, MillisBehindLatestSum
	// the sum over all events; divided by Events it is the average.
	MillisBehindLatest    int64 `json:"millis_behind_latest"`
	MillisBehindLatestSum int64 `json:"millis_behind_latest_sum"`
}

// A DeliverySecond is the events of a registered consumer in one second.
type DeliverySecond struct {
	At time.Time `json:"at"`
	Deliveries
}

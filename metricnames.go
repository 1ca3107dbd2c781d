package weir

import "slices"

// A Metric is a metric of the service: its name, its unit and its definition as
// the service documents them, and how to find it in this package's counts.
type Metric struct {
	Name string
	// Unit is Bytes, Count or Milliseconds.
	Unit       string
	Definition string
	// Average says that the value of a period is an average or a maximum, and not
	// a sum: values of several periods must not be added up.
	Average bool

	of func(Counts) float64
}

// Of returns the metric's value for a period. A metric that says Success is the
// part of the calls that succeeded, from 0 to 1.
func (m Metric) Of(c Counts) float64 { return m.of(c) }

const (
	unitBytes        = "Bytes"
	unitCount        = "Count"
	unitMilliseconds = "Milliseconds"
)

// StreamMetrics returns the service's metrics of a stream, in its order, but for
// those of latency: a stream does not measure how long calls take. Their values
// come from the Counts of [Snapshot] and [Stream.Seconds].
func StreamMetrics() []Metric { return slices.Concat(incomingMetrics(), putMetrics(), getMetrics()) }

// ShardMetricNames returns the service's metrics of a shard, which it calls
// enhanced monitoring. Their values come from the Counts of [ShardMetrics] and
// [Stream.ShardSeconds].
func ShardMetricNames() []Metric {
	return slices.Concat(incomingMetrics(), []Metric{
		{"IteratorAgeMilliseconds", unitMilliseconds, "greatest age of the last record that a GetRecords returned", true,
			func(c Counts) float64 { return float64(c.IteratorAgeMillis) }},
		{"OutgoingBytes", unitBytes, "bytes given to readers of any kind", false,
			func(c Counts) float64 { return float64(c.OutgoingBytes) }},
		{"OutgoingRecords", unitCount, "records given to readers of any kind", false,
			func(c Counts) float64 { return float64(c.OutgoingRecords) }},
		{"ReadProvisionedThroughputExceeded", unitCount, "GetRecords calls that a read limit refused", false,
			func(c Counts) float64 { return float64(c.ReadThrottled) }},
		{"WriteProvisionedThroughputExceeded", unitCount, "records that a write limit refused", false,
			func(c Counts) float64 { return float64(c.WriteThrottled) }},
	})
}

func incomingMetrics() []Metric {
	return []Metric{
		{"IncomingBytes", unitBytes, "bytes put successfully, data and partition keys", false,
			func(c Counts) float64 { return float64(c.IncomingBytes) }},
		{"IncomingRecords", unitCount, "records put successfully", false,
			func(c Counts) float64 { return float64(c.IncomingRecords) }},
	}
}

func putMetrics() []Metric {
	stored := func(c Counts) float64 { return float64(c.IncomingRecords - c.PutRecordRecords) }
	return []Metric{
		{"PutRecord.Bytes", unitBytes, "bytes put by PutRecord", false,
			func(c Counts) float64 { return float64(c.PutRecordBytes) }},
		{"PutRecord.Success", unitCount, "the part of the PutRecord calls that succeeded", true,
			func(c Counts) float64 {
				return rateOf(c.PutRecordRecords, c.PutRecordRecords+c.WriteThrottled-c.PutRecordsThrottled)
			}},
		{"PutRecords.Bytes", unitBytes, "bytes put by PutRecords", false,
			func(c Counts) float64 { return float64(c.IncomingBytes - c.PutRecordBytes) }},
		{"PutRecords.Records", unitCount, "deprecated by the service: PutRecords.SuccessfulRecords", false, stored},
		{"PutRecords.Success", unitCount, "the part of the PutRecords calls that stored a record at least", true,
			func(c Counts) float64 { return rateOf(c.PutRecordsSuccess, c.PutRecordsCalls) }},
		{"PutRecords.TotalRecords", unitCount, "records that PutRecords carried", false,
			func(c Counts) float64 { return float64(c.PutRecordsTotalRecords) }},
		{"PutRecords.SuccessfulRecords", unitCount, "records that PutRecords stored", false, stored},
		{"PutRecords.FailedRecords", unitCount, "records of PutRecords refused by internal failures: always 0", false,
			func(Counts) float64 { return 0 }},
		{"PutRecords.ThrottledRecords", unitCount, "records of PutRecords that a write limit refused", false,
			func(c Counts) float64 { return float64(c.PutRecordsThrottled) }},
		{"WriteProvisionedThroughputExceeded", unitCount, "records, not calls, that a write limit refused", false,
			func(c Counts) float64 { return float64(c.WriteThrottled) }},
	}
}

func getMetrics() []Metric {
	age := func(c Counts) float64 { return float64(c.IteratorAgeMillis) }
	return []Metric{
		{"GetRecords.Bytes", unitBytes, "bytes that GetRecords returned", false,
			func(c Counts) float64 { return float64(c.GetRecordsBytes) }},
		{"GetRecords.Records", unitCount, "records that GetRecords returned", false,
			func(c Counts) float64 { return float64(c.GetRecordsRecords) }},
		{"GetRecords.IteratorAge", unitMilliseconds, "deprecated by the service: GetRecords.IteratorAgeMilliseconds", true, age},
		{"GetRecords.IteratorAgeMilliseconds", unitMilliseconds, "greatest age of the last record of a GetRecords; 0 is caught up", true, age},
		{"GetRecords.Success", unitCount, "the part of the GetRecords calls that no limit refused", true,
			func(c Counts) float64 { return rateOf(c.GetRecordsCalls, c.GetRecordsCalls+c.ReadThrottled) }},
		{"ReadProvisionedThroughputExceeded", unitCount, "GetRecords calls that a read limit refused", false,
			func(c Counts) float64 { return float64(c.ReadThrottled) }},
	}
}

// A ConsumerMetric is a metric of the service about a registered consumer.
type ConsumerMetric struct {
	Name, Unit, Definition string

	of func(ConsumerCounts) float64
}

// Of returns the metric's value for a period.
func (m ConsumerMetric) Of(c ConsumerCounts) float64 { return m.of(c) }

// ConsumerMetricNames returns the service's metrics of a registered consumer.
// Their values come from the ConsumerCounts of [ConsumerMetrics] and
// [Stream.ConsumerSeconds].
func ConsumerMetricNames() []ConsumerMetric {
	return []ConsumerMetric{
		{"SubscribeToShard.RateExceeded", unitCount, "subscriptions refused because another is active or came just before",
			func(c ConsumerCounts) float64 { return float64(c.SubscribeRateExceeded) }},
		{"SubscribeToShard.Success", unitCount, "subscriptions begun",
			func(c ConsumerCounts) float64 { return float64(c.SubscribeSuccess) }},
		{"SubscribeToShardEvent.Success", unitCount, "events given out",
			func(c ConsumerCounts) float64 { return float64(c.Events) }},
		{"SubscribeToShardEvent.Bytes", unitBytes, "bytes in events",
			func(c ConsumerCounts) float64 { return float64(c.EventBytes) }},
		{"SubscribeToShardEvent.Records", unitCount, "records in events",
			func(c ConsumerCounts) float64 { return float64(c.EventRecords) }},
		{"SubscribeToShardEvent.MillisBehindLatest", unitMilliseconds, "greatest distance of an event from the tip",
			func(c ConsumerCounts) float64 { return float64(c.MillisBehindLatest) }},
	}
}

// rateOf returns part/all, or 0 if there is nothing.
func rateOf(part, all int64) float64 { return float64(part) / float64(max(1, all)) }

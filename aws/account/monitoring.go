package account

import (
	"context"
	"slices"
	"strings"

	"github.com/weirstream/weir/metrics"
)

// A Metric is a metric that CloudWatch has of the service: its name, its unit
// and its definition as the service documents them, and how to find it in what
// the engine counts: [metrics.Counts] of a stream or a shard,
// [metrics.Deliveries] of a registered consumer.
//
// An account sends metrics nowhere. Their values come from the engine's
// Snapshot, Seconds and ConsumerSeconds.
type Metric[C any] struct {
	Name string
	// Unit is Bytes, Count or Milliseconds.
	Unit       string
	Definition string
	// Average says that the value of a period is an average or a maximum, and
	// not a sum: values of several periods must not be added up.
	Average bool

	of func(C) float64
}

// Of returns the metric's value for a period. A metric that says Success is the
// part of the calls that succeeded, from 0 to 1; but one of a consumer is their
// number.
func (m Metric[C]) Of(c C) float64 { return m.of(c) }

const (
	unitBytes        = "Bytes"
	unitCount        = "Count"
	unitMilliseconds = "Milliseconds"
)

type (
	countsMetric   = Metric[metrics.Counts]
	deliveryMetric = Metric[metrics.Deliveries]
)

// StreamMetrics returns the metrics of a stream, in the service's order. Those
// of latency are left out: the engine does not measure how long calls take.
func StreamMetrics() []Metric[metrics.Counts] {
	return slices.Concat(incomingMetrics(), putMetrics(), getMetrics())
}

// ShardMetrics returns the metrics of a shard, which are on only with enhanced
// monitoring, in the order in which the service lists them there.
func ShardMetrics() []Metric[metrics.Counts] {
	return slices.Concat(incomingMetrics(), []countsMetric{
		{"OutgoingBytes", unitBytes, "bytes given to readers of any kind", false,
			func(c metrics.Counts) float64 { return float64(c.OutgoingBytes) }},
		{"OutgoingRecords", unitCount, "records given to readers of any kind", false,
			func(c metrics.Counts) float64 { return float64(c.OutgoingRecords) }},
		{"WriteProvisionedThroughputExceeded", unitCount, "records that a write limit refused", false,
			func(c metrics.Counts) float64 { return float64(c.WriteThrottled) }},
		{"ReadProvisionedThroughputExceeded", unitCount, "GetRecords calls that a read limit refused", false,
			func(c metrics.Counts) float64 { return float64(c.ReadThrottled) }},
		{"IteratorAgeMilliseconds", unitMilliseconds, "greatest age of the last record that a GetRecords returned", true,
			func(c metrics.Counts) float64 { return float64(c.IteratorAgeMillis) }},
	})
}

func incomingMetrics() []countsMetric {
	return []countsMetric{
		{"IncomingBytes", unitBytes, "bytes put successfully, data and partition keys", false,
			func(c metrics.Counts) float64 { return float64(c.IncomingBytes) }},
		{"IncomingRecords", unitCount, "records put successfully", false,
			func(c metrics.Counts) float64 { return float64(c.IncomingRecords) }},
	}
}

func putMetrics() []countsMetric {
	stored := func(c metrics.Counts) float64 { return float64(c.IncomingRecords - c.PutRecordRecords) }
	return []countsMetric{
		{"PutRecord.Bytes", unitBytes, "bytes put by PutRecord", false,
			func(c metrics.Counts) float64 { return float64(c.PutRecordBytes) }},
		{"PutRecord.Success", unitCount, "the part of the PutRecord calls that succeeded", true,
			func(c metrics.Counts) float64 {
				return rateOf(c.PutRecordRecords, c.PutRecordRecords+c.WriteThrottled-c.PutRecordsThrottled)
			}},
		{"PutRecords.Bytes", unitBytes, "bytes put by PutRecords", false,
			func(c metrics.Counts) float64 { return float64(c.IncomingBytes - c.PutRecordBytes) }},
		{"PutRecords.Records", unitCount, "deprecated by the service: PutRecords.SuccessfulRecords", false, stored},
		{"PutRecords.Success", unitCount, "the part of the PutRecords calls that stored a record at least", true,
			func(c metrics.Counts) float64 { return rateOf(c.PutRecordsSuccess, c.PutRecordsCalls) }},
		{"PutRecords.TotalRecords", unitCount, "records that PutRecords carried", false,
			func(c metrics.Counts) float64 { return float64(c.PutRecordsTotalRecords) }},
		{"PutRecords.SuccessfulRecords", unitCount, "records that PutRecords stored", false, stored},
		{"PutRecords.FailedRecords", unitCount, "records of PutRecords refused by internal failures: always 0", false,
			func(metrics.Counts) float64 { return 0 }},
		{"PutRecords.ThrottledRecords", unitCount, "records of PutRecords that a write limit refused", false,
			func(c metrics.Counts) float64 { return float64(c.PutRecordsThrottled) }},
		{"WriteProvisionedThroughputExceeded", unitCount, "records, not calls, that a write limit refused", false,
			func(c metrics.Counts) float64 { return float64(c.WriteThrottled) }},
	}
}

func getMetrics() []countsMetric {
	age := func(c metrics.Counts) float64 { return float64(c.IteratorAgeMillis) }
	return []countsMetric{
		{"GetRecords.Bytes", unitBytes, "bytes that GetRecords returned", false,
			func(c metrics.Counts) float64 { return float64(c.GetRecordsBytes) }},
		{"GetRecords.Records", unitCount, "records that GetRecords returned", false,
			func(c metrics.Counts) float64 { return float64(c.GetRecordsRecords) }},
		{"GetRecords.IteratorAge", unitMilliseconds, "deprecated by the service: GetRecords.IteratorAgeMilliseconds", true, age},
		{"GetRecords.IteratorAgeMilliseconds", unitMilliseconds, "greatest age of the last record of a GetRecords; 0 is caught up", true, age},
		{"GetRecords.Success", unitCount, "the part of the GetRecords calls that no limit refused", true,
			func(c metrics.Counts) float64 { return rateOf(c.GetRecordsCalls, c.GetRecordsCalls+c.ReadThrottled) }},
		{"ReadProvisionedThroughputExceeded", unitCount, "GetRecords calls that a read limit refused", false,
			func(c metrics.Counts) float64 { return float64(c.ReadThrottled) }},
	}
}

// ConsumerMetrics returns the metrics of a registered consumer.
func ConsumerMetrics() []Metric[metrics.Deliveries] {
	return []deliveryMetric{
		{"SubscribeToShard.RateExceeded", unitCount, "subscriptions refused because another is active or came just before", false,
			func(c metrics.Deliveries) float64 { return float64(c.SubscribeRateExceeded) }},
		{"SubscribeToShard.Success", unitCount, "subscriptions begun", false,
			func(c metrics.Deliveries) float64 { return float64(c.SubscribeSuccess) }},
		{"SubscribeToShardEvent.Success", unitCount, "events given out", false,
			func(c metrics.Deliveries) float64 { return float64(c.Events) }},
		{"SubscribeToShardEvent.Bytes", unitBytes, "bytes in events", false,
			func(c metrics.Deliveries) float64 { return float64(c.EventBytes) }},
		{"SubscribeToShardEvent.Records", unitCount, "records in events", false,
			func(c metrics.Deliveries) float64 { return float64(c.EventRecords) }},
		{"SubscribeToShardEvent.MillisBehindLatest", unitMilliseconds, "greatest distance of an event from the tip", true,
			func(c metrics.Deliveries) float64 { return float64(c.MillisBehindLatest) }},
	}
}

// rateOf returns part/all, or 0 if there is nothing.
func rateOf(part, all int64) float64 { return float64(part) / float64(max(1, all)) }

// allMetrics stands for every one of ShardMetrics.
const allMetrics = "ALL"

// shardMetricNames returns what enhanced monitoring can report, in the order in
// which it is given out.
func shardMetricNames() []string {
	var names []string
	for _, m := range ShardMetrics() {
		names = append(names, m.Name)
	}
	return names
}

// EnableEnhancedMonitoring adds metrics to those that the stream reports for
// each shard. The output has what they were and what they are.
func (a *Account) EnableEnhancedMonitoring(ctx context.Context, in *EnableEnhancedMonitoringInput) (*EnableEnhancedMonitoringOutput, error) {
	return do(ctx, a, "EnableEnhancedMonitoring", in, func(c *control, in *EnableEnhancedMonitoringInput) (*EnableEnhancedMonitoringOutput, error) {
		st, before, err := c.setMonitoring(in.StreamName, in.StreamARN, in.ShardLevelMetrics, true)
		if err != nil {
			return nil, err
		}
		return &EnableEnhancedMonitoringOutput{
			StreamName: st.name, StreamARN: st.arn,
			CurrentShardLevelMetrics: before, DesiredShardLevelMetrics: slices.Clone(st.metrics),
		}, nil
	})
}

// DisableEnhancedMonitoring takes metrics out of those that the stream reports
// for each shard. The output has what they were and what they are.
func (a *Account) DisableEnhancedMonitoring(ctx context.Context, in *DisableEnhancedMonitoringInput) (*DisableEnhancedMonitoringOutput, error) {
	return do(ctx, a, "DisableEnhancedMonitoring", in, func(c *control, in *DisableEnhancedMonitoringInput) (*DisableEnhancedMonitoringOutput, error) {
		st, before, err := c.setMonitoring(in.StreamName, in.StreamARN, in.ShardLevelMetrics, false)
		if err != nil {
			return nil, err
		}
		return &DisableEnhancedMonitoringOutput{
			StreamName: st.name, StreamARN: st.arn,
			CurrentShardLevelMetrics: before, DesiredShardLevelMetrics: slices.Clone(st.metrics),
		}, nil
	})
}

// setMonitoring switches metrics on or off, and returns what they were.
func (c *control) setMonitoring(name, arn *string, wanted []string, on bool) (*stream, []string, error) {
	if len(wanted) == 0 {
		return nil, nil, missing("shardLevelMetrics")
	}
	st, err := c.active(name, arn)
	if err != nil {
		return nil, nil, err
	}
	known := shardMetricNames()
	for _, m := range wanted {
		if m != allMetrics && !slices.Contains(known, m) {
			return nil, nil, invalid("'["+strings.Join(wanted, ", ")+"]'", "shardLevelMetrics",
				"Member must satisfy constraint: [Member must satisfy enum value set: ["+strings.Join(known, ", ")+", ALL]]")
		}
	}
	before := st.metrics
	after := []string{}
	for _, m := range known {
		named := slices.Contains(wanted, m) || slices.Contains(wanted, allMetrics)
		if on && named || !named && slices.Contains(before, m) {
			after = append(after, m)
		}
	}
	st.metrics = after
	return st, append([]string{}, before...), nil
}

// monitoring describes the metrics that are on.
func (st *stream) monitoring() []EnhancedMetrics {
	return []EnhancedMetrics{{ShardLevelMetrics: append([]string{}, st.metrics...)}}
}

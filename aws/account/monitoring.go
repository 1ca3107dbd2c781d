package account

import (
	"context"
	"slices"
	"strings"
)

// metricNames are what enhanced monitoring can report, in the order in which
// they are given out.
var metricNames = [...]string{
	"IncomingBytes", "IncomingRecords", "OutgoingBytes", "OutgoingRecords",
	"WriteProvisionedThroughputExceeded", "ReadProvisionedThroughputExceeded", "IteratorAgeMilliseconds",
}

// allMetrics stands for every one of metricNames.
const allMetrics = "ALL"

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
func (c *control) setMonitoring(name, arn *string, metrics []string, on bool) (*stream, []string, error) {
	if len(metrics) == 0 {
		return nil, nil, missing("shardLevelMetrics")
	}
	st, err := c.active(name, arn)
	if err != nil {
		return nil, nil, err
	}
	for _, m := range metrics {
		if m != allMetrics && !slices.Contains(metricNames[:], m) {
			return nil, nil, invalid("'["+strings.Join(metrics, ", ")+"]'", "shardLevelMetrics",
				"Member must satisfy constraint: [Member must satisfy enum value set: ["+strings.Join(metricNames[:], ", ")+", ALL]]")
		}
	}
	before := st.metrics
	after := []string{}
	for _, m := range metricNames {
		named := slices.Contains(metrics, m) || slices.Contains(metrics, allMetrics)
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

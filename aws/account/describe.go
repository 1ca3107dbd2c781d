package account

import (
	"context"
	"time"

	"github.com/weirstream/weir"
)

const (
	maxDescribedShards = 100 // shards of one DescribeStream
	maxListedStreams   = 100 // streams of one ListStreams
)

// DescribeStream describes a stream and up to 100 of its shards by id, open and
// closed; the next page begins after the last id, as ExclusiveStartShardId. A
// stream that has not been ACTIVE has no shards.
func (a *Account) DescribeStream(ctx context.Context, in *DescribeStreamInput) (*DescribeStreamOutput, error) {
	return do(ctx, a, "DescribeStream", in, describeStream)
}

func describeStream(c *control, in *DescribeStreamInput) (*DescribeStreamOutput, error) {
	st, err := c.stream(in.StreamName, in.StreamARN)
	if err != nil {
		return nil, err
	}
	limit, err := pageSize("limit", in.Limit, maxDescribedShards)
	if err != nil {
		return nil, err
	}
	q := weir.ShardQuery{Limit: limit + 1}
	if in.ExclusiveStartShardId != nil {
		after, err := weir.ParseShardID(*in.ExclusiveStartShardId)
		if err != nil {
			return nil, c.a.shardNotFound(*in.ExclusiveStartShardId, st.name)
		}
		q.Filter, q.ShardID = weir.ShardsAfterID, after
	}
	d := StreamDescription{
		StreamName: st.name, StreamARN: st.arn, StreamStatus: st.status, StreamModeDetails: st.modeDetails(),
		Shards: []Shard{}, RetentionPeriodHours: st.retentionHours(), StreamCreationTimestamp: st.created,
		EnhancedMonitoring: st.monitoring(), EncryptionType: st.encryptionType(), KeyId: st.keyID(),
	}
	if st.open.Load() {
		shards, err := st.engine.ListShards(context.Background(), q)
		if err != nil {
			return nil, c.a.translate(err)
		}
		if d.HasMoreShards = len(shards) > limit; d.HasMoreShards {
			shards = shards[:limit]
		}
		d.Shards = shardsOf(shards)
	}
	return &DescribeStreamOutput{StreamDescription: d}, nil
}

// DescribeStreamSummary describes a stream without its shards.
func (a *Account) DescribeStreamSummary(ctx context.Context, in *DescribeStreamSummaryInput) (*DescribeStreamSummaryOutput, error) {
	return do(ctx, a, "DescribeStreamSummary", in, describeStreamSummary)
}

func describeStreamSummary(c *control, in *DescribeStreamSummaryInput) (*DescribeStreamSummaryOutput, error) {
	st, err := c.stream(in.StreamName, in.StreamARN)
	if err != nil {
		return nil, err
	}
	d := StreamDescriptionSummary{
		StreamName: st.name, StreamARN: st.arn, StreamStatus: st.status, StreamModeDetails: st.modeDetails(),
		RetentionPeriodHours: st.retentionHours(), StreamCreationTimestamp: st.created,
		EnhancedMonitoring: st.monitoring(), EncryptionType: st.encryptionType(), KeyId: st.keyID(),
		ConsumerCount: int32(len(st.consumers)), ChannelCount: int32(len(c.channelsOf(st))),
		QueueCount:         int32(len(c.queuesOf(st))),
		MaxRecordSizeInKiB: int32(st.engine.Settings().RecordBytes / 1024),
	}
	if st.open.Load() {
		d.OpenShardCount = int32(st.openShards())
	}
	if st.mode == ModeOnDemand {
		d.RecordDistributionStrategy = distributionName(st.engine.Settings().Distribution)
		if c.advantage() {
			warm := st.warm
			d.WarmThroughput = &warm
		}
	}
	return &DescribeStreamSummaryOutput{StreamDescriptionSummary: d}, nil
}

// ListStreams lists the streams by name, in whatever state they are, 100 at
// most. The next page begins after the last name, as ExclusiveStartStreamName,
// or with NextToken.
func (a *Account) ListStreams(ctx context.Context, in *ListStreamsInput) (*ListStreamsOutput, error) {
	return do(ctx, a, "ListStreams", in, listStreams)
}

func listStreams(c *control, in *ListStreamsInput) (*ListStreamsOutput, error) {
	limit, err := pageSize("limit", in.Limit, maxListedStreams)
	if err != nil {
		return nil, err
	}
	after := value(in.ExclusiveStartStreamName)
	if in.NextToken != nil {
		token, err := c.openToken(*in.NextToken, tokenOfStreams)
		if err != nil {
			return nil, err
		}
		after = token.After
	}
	out := &ListStreamsOutput{StreamNames: []string{}, StreamSummaries: []StreamSummary{}}
	for _, st := range c.sortedStreams() {
		if st.name <= after {
			continue
		}
		if out.HasMoreStreams = len(out.StreamNames) == limit; out.HasMoreStreams {
			out.NextToken = c.sealToken(pageToken{Kind: tokenOfStreams, After: out.StreamNames[limit-1]})
			break
		}
		out.StreamNames = append(out.StreamNames, st.name)
		out.StreamSummaries = append(out.StreamSummaries, st.summary())
	}
	return out, nil
}

// AllStreams is [Account.ListStreams] without its pages: all streams at once, for
// who shows them.
func (a *Account) AllStreams(ctx context.Context) (*ListStreamsOutput, error) {
	return do(ctx, a, "ListStreams", nil, func(c *control, _ *ListStreamsInput) (*ListStreamsOutput, error) {
		out := new(ListStreamsOutput)
		for _, st := range c.sortedStreams() {
			out.StreamNames = append(out.StreamNames, st.name)
			out.StreamSummaries = append(out.StreamSummaries, st.summary())
		}
		return out, nil
	})
}

func (st *stream) summary() StreamSummary {
	return StreamSummary{
		StreamName: st.name, StreamARN: st.arn, StreamStatus: st.status,
		StreamModeDetails: st.modeDetails(), StreamCreationTimestamp: st.created,
	}
}

func (st *stream) retentionHours() int32 { return int32(st.engine.Settings().Retention / time.Hour) }

// openShards returns how many shards take writes.
func (st *stream) openShards() int { return st.engine.Capacity().OpenShards }

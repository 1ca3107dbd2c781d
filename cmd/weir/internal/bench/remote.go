package bench

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/cmd/weir/internal/pause"
	"github.com/weirstream/weir/workload"
)

// A remote is a stream of an endpoint, with the service's SDK as client. The client
// must not repeat calls by itself.
type remote struct {
	client    *kinesis.Client
	name      string
	arn       string
	created   bool     // by us: Close deletes it
	consumers []string // registered by us: Close deregisters them
}

// A RemoteConfig says which stream of an endpoint to use.
type RemoteConfig struct {
	// Client calls the endpoint. It must not repeat calls that failed.
	Client *kinesis.Client
	// Stream is the one to make, as its Name or, if that is empty, Name say.
	Stream workload.Stream
	Name   string
	// Existing is one to use instead, which stays as it is.
	Existing string
}

// How long making and changing a stream may take.
const (
	patience  = 10 * time.Minute
	pollState = 100 * time.Millisecond
)

// NewRemote returns a target that is a stream of an endpoint: a new one, of which it
// waits until it can be used, or one that is there. The stream's limits are the
// endpoint's.
func NewRemote(ctx context.Context, c RemoteConfig) (Target, error) {
	r := &remote{client: c.Client, name: c.Existing}
	if c.Existing == "" {
		r.name = c.Name
		if err := r.create(ctx, c.Stream); err != nil {
			return nil, err
		}
	}
	if err := r.waitActive(ctx); err != nil {
		return nil, errors.Join(err, r.Close(context.WithoutCancel(ctx)))
	}
	if err := r.retain(ctx, c); err != nil {
		return nil, errors.Join(err, r.Close(context.WithoutCancel(ctx)))
	}
	return r, nil
}

// create makes the stream.
func (r *remote) create(ctx context.Context, s workload.Stream) error {
	in := &kinesis.CreateStreamInput{StreamName: &r.name}
	if s.Mode == workload.OnDemandMode {
		in.StreamModeDetails = &types.StreamModeDetails{StreamMode: types.StreamModeOnDemand}
		if s.WarmThroughput > 0 {
			in.WarmThroughputMiBps = aws.Int32(int32(s.WarmThroughput))
		}
		if s.Distribution == workload.AutoDistribution {
			in.RecordDistributionStrategy = types.RecordDistributionStrategyAuto
		}
	} else {
		in.ShardCount = aws.Int32(int32(max(1, s.Shards)))
	}
	if int(s.RecordBytes) > weir.ServiceLimits().RecordBytes {
		in.MaxRecordSizeInKiB = aws.Int32(int32((s.RecordBytes + 1023) / 1024))
	}
	if _, err := r.client.CreateStream(ctx, in); err != nil {
		return fmt.Errorf("create stream %s: %w", r.name, err)
	}
	r.created = true
	return nil
}

// retain sets the retention of a new stream, if it is not what new streams have.
func (r *remote) retain(ctx context.Context, c RemoteConfig) error {
	hours := time.Duration(c.Stream.Retention).Hours()
	if c.Existing != "" || hours <= weir.ServiceLimits().MinRetention.Hours() {
		return nil
	}
	_, err := r.client.IncreaseStreamRetentionPeriod(ctx, &kinesis.IncreaseStreamRetentionPeriodInput{
		StreamName: &r.name, RetentionPeriodHours: aws.Int32(int32(hours)),
	})
	if err != nil {
		return fmt.Errorf("retention of stream %s: %w", r.name, err)
	}
	return r.waitActive(ctx)
}

// waitActive waits until the stream can be used and changed.
func (r *remote) waitActive(ctx context.Context) error {
	return r.until(ctx, "stream "+r.name, func() (bool, error) {
		out, err := r.client.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: &r.name})
		if err != nil {
			return false, err
		}
		if r.arn == "" { // before anything else runs; later readers and this may run side by side
			r.arn = aws.ToString(out.StreamDescriptionSummary.StreamARN)
		}
		return out.StreamDescriptionSummary.StreamStatus == types.StreamStatusActive, nil
	})
}

// until asks again and again whether something is ready, less and less often.
func (r *remote) until(ctx context.Context, what string, ready func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for wait := pollState; ; wait = min(2*wait, 5*time.Second) {
		ok, err := ready()
		if err != nil && !errors.Is(throttle(err), weir.ErrThroughputExceeded) {
			return fmt.Errorf("%s: %w", what, err)
		}
		if ok {
			return nil
		}
		if pause.For(ctx, wait) != nil {
			return fmt.Errorf("%s is not ready: %w", what, context.Cause(ctx))
		}
	}
}

// Close deletes the stream if it was made for the load, else the consumers.
func (r *remote) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if r.created {
		_, err := r.client.DeleteStream(ctx, &kinesis.DeleteStreamInput{StreamName: &r.name, EnforceConsumerDeletion: aws.Bool(true)})
		if err != nil {
			return fmt.Errorf("delete stream %s: %w", r.name, err)
		}
		return nil
	}
	var errs []error
	for _, name := range r.consumers {
		_, err := r.client.DeregisterStreamConsumer(ctx, &kinesis.DeregisterStreamConsumerInput{StreamARN: &r.arn, ConsumerName: &name})
		if err != nil {
			errs = append(errs, fmt.Errorf("deregister consumer %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// PutRecord puts one record.
func (r *remote) PutRecord(ctx context.Context, key string, data []byte) (weir.Placed, error) {
	out, err := r.client.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: &r.name, PartitionKey: &key, Data: data})
	if err != nil {
		return weir.Placed{}, throttle(err)
	}
	shard, err := weir.ParseShardID(aws.ToString(out.ShardId))
	return weir.Placed{ShardID: shard}, err
}

// PutRecords puts records.
func (r *remote) PutRecords(ctx context.Context, entries []weir.Entry) ([]weir.PutResult, error) {
	records := make([]types.PutRecordsRequestEntry, len(entries))
	for i := range entries {
		records[i] = types.PutRecordsRequestEntry{PartitionKey: &entries[i].PartitionKey, Data: entries[i].Data}
	}
	out, err := r.client.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: &r.name, Records: records})
	if err != nil {
		return nil, throttle(err)
	}
	if len(out.Records) != len(entries) {
		return nil, fmt.Errorf("the answer has %d results for %d records", len(out.Records), len(entries))
	}
	results := make([]weir.PutResult, len(entries))
	for i := range out.Records {
		results[i] = resultOf(&out.Records[i])
	}
	return results, nil
}

// resultOf returns what became of one record.
func resultOf(e *types.PutRecordsResultEntry) weir.PutResult {
	if e.ErrorCode == nil {
		shard, err := weir.ParseShardID(aws.ToString(e.ShardId))
		return weir.PutResult{Placed: weir.Placed{ShardID: shard}, Err: err}
	}
	code, text := *e.ErrorCode, aws.ToString(e.ErrorMessage)
	if code == new(types.ProvisionedThroughputExceededException).ErrorCode() {
		return weir.PutResult{Err: limitError(text)}
	}
	return weir.PutResult{Err: fmt.Errorf("%s: %s", code, text)}
}

// throttle returns an error that matches [weir.ErrThroughputExceeded] if err says that
// a limit refused the call, and err otherwise.
func throttle(err error) error {
	var exceeded *types.ProvisionedThroughputExceededException
	var limit *types.LimitExceededException
	switch {
	case errors.As(err, &exceeded):
		return limitError(exceeded.ErrorMessage())
	case errors.As(err, &limit):
		return fmt.Errorf("%w: %w", weir.ErrThroughputExceeded, err)
	}
	return err
}

var shardInText = regexp.MustCompile(`shardId-\d+`)

// limitError returns the limit that refused something; its message names the shard.
func limitError(text string) error {
	shard, err := weir.ParseShardID(shardInText.FindString(text))
	if err != nil {
		return fmt.Errorf("%w: %s", weir.ErrThroughputExceeded, text)
	}
	return &weir.LimitError{Quota: weir.QuotaWriteBytes, Shard: shard, RetryAfter: time.Second}
}

// Shards lists the shards.
func (r *remote) Shards(ctx context.Context) ([]Shard, error) {
	var list []Shard
	in := &kinesis.ListShardsInput{StreamName: &r.name}
	for {
		out, err := r.client.ListShards(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("list the shards of %s: %w", r.name, err)
		}
		for _, s := range out.Shards {
			shard, err := shardOf(s)
			if err != nil {
				return nil, err
			}
			list = append(list, shard)
		}
		if out.NextToken == nil {
			return list, nil
		}
		in = &kinesis.ListShardsInput{NextToken: out.NextToken}
	}
}

func shardOf(s types.Shard) (Shard, error) {
	id, err1 := weir.ParseShardID(aws.ToString(s.ShardId))
	shard := Shard{ID: id, Open: s.SequenceNumberRange == nil || s.SequenceNumberRange.EndingSequenceNumber == nil}
	keys, err2 := rangeOf(s.HashKeyRange)
	shard.Range = keys
	parents, err3 := parentsOf([]string{aws.ToString(s.ParentShardId), aws.ToString(s.AdjacentParentShardId)})
	shard.Parents = parents
	return shard, errors.Join(err1, err2, err3)
}

func rangeOf(r *types.HashKeyRange) (weir.HashKeyRange, error) {
	if r == nil {
		return weir.HashKeyRange{}, nil
	}
	start, err1 := weir.ParseHashKey(aws.ToString(r.StartingHashKey))
	end, err2 := weir.ParseHashKey(aws.ToString(r.EndingHashKey))
	return weir.HashKeyRange{Start: start, End: end}, errors.Join(err1, err2)
}

// parentsOf reads the ids that are not empty.
func parentsOf(names []string) (ids []weir.ShardID, err error) {
	for _, name := range slices.DeleteFunc(names, func(s string) bool { return s == "" }) {
		id, bad := weir.ParseShardID(name)
		ids, err = append(ids, id), errors.Join(err, bad)
	}
	return ids, err
}

// Split splits a shard in the middle.
func (r *remote) Split(ctx context.Context, shard Shard) error {
	_, err := r.client.SplitShard(ctx, &kinesis.SplitShardInput{
		StreamName: &r.name, ShardToSplit: aws.String(shard.ID.String()),
		NewStartingHashKey: aws.String(shard.Range.Middle().String()),
	})
	if err != nil {
		return err
	}
	return r.waitActive(ctx)
}

// Merge merges two neighbours.
func (r *remote) Merge(ctx context.Context, lower, upper weir.ShardID) error {
	_, err := r.client.MergeShards(ctx, &kinesis.MergeShardsInput{
		StreamName: &r.name, ShardToMerge: aws.String(lower.String()), AdjacentShardToMerge: aws.String(upper.String()),
	})
	if err != nil {
		return err
	}
	return r.waitActive(ctx)
}

// Resize changes the number of shards.
func (r *remote) Resize(ctx context.Context, shards int) error {
	_, err := r.client.UpdateShardCount(ctx, &kinesis.UpdateShardCountInput{
		StreamName: &r.name, TargetShardCount: aws.Int32(int32(shards)), ScalingType: types.ScalingTypeUniformScaling,
	})
	if err != nil {
		return err
	}
	return r.waitActive(ctx)
}

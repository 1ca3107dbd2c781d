package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/kinesisclient"
	"github.com/weirstream/weir/workload"
)

// A remote is a stream of an endpoint, with the service's SDK as client. The client
// must not repeat calls by itself.
type remote struct {
	*kinesisclient.Stream
	client    *kinesis.Client
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

// patience is how long it may take until a stream or a consumer can be used.
const patience = 10 * time.Minute

// NewRemote returns a target that is a stream of an endpoint: a new one, of which it
// waits until it can be used, or one that is there. The stream's limits are the
// endpoint's.
func NewRemote(ctx context.Context, c RemoteConfig) (Target, error) {
	stream, err := kinesisclient.New(c.Client, cmp.Or(c.Existing, c.Name))
	if err != nil {
		return nil, err
	}
	r := &remote{Stream: stream, client: c.Client}
	if c.Existing == "" {
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
	in := &kinesis.CreateStreamInput{StreamName: aws.String(r.Name())}
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
		return fmt.Errorf("create stream %s: %w", r.Name(), err)
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
		StreamName: aws.String(r.Name()), RetentionPeriodHours: aws.Int32(int32(hours)),
	})
	if err != nil {
		return fmt.Errorf("retention of stream %s: %w", r.Name(), err)
	}
	return r.waitActive(ctx)
}

// waitActive waits until the stream can be used and changed.
func (r *remote) waitActive(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return r.WaitActive(ctx)
}

// RegisterConsumer registers a consumer, and remembers it.
func (r *remote) RegisterConsumer(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := r.Stream.RegisterConsumer(ctx, name)
	if err == nil || ctx.Err() != nil { // then there may be one
		r.consumers = append(r.consumers, name)
	}
	return err
}

// Close deletes the stream if it was made for the load, else the consumers.
func (r *remote) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if r.created {
		_, err := r.client.DeleteStream(ctx, &kinesis.DeleteStreamInput{StreamName: aws.String(r.Name()), EnforceConsumerDeletion: aws.Bool(true)})
		if err != nil {
			return fmt.Errorf("delete stream %s: %w", r.Name(), err)
		}
		return nil
	}
	var errs []error
	for _, name := range r.consumers {
		errs = append(errs, r.DeregisterConsumer(ctx, name))
	}
	return errors.Join(errs...)
}

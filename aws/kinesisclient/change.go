package kinesisclient

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/weirstream/weir"
)

// How often is looked whether a change is done: less and less often.
const (
	firstLook  = 100 * time.Millisecond
	slowestOne = 5 * time.Second
)

// until asks again and again whether something is done.
func until(ctx context.Context, what string, done func() (bool, error)) error {
	for wait := firstLook; ; wait = min(2*wait, slowestOne) {
		ok, err := done()
		switch {
		case ctx.Err() != nil:
		case ok:
			return nil
		case err != nil && !errors.Is(err, weir.ErrThroughputExceeded) && !errors.Is(err, weir.ErrLimitExceeded):
			return err
		}
		if pause(ctx, wait) != nil {
			return fmt.Errorf("%s is not ready: %w", what, context.Cause(ctx))
		}
	}
}

// WaitActive waits until the stream is ACTIVE: it can be used, and changed.
func (s *Stream) WaitActive(ctx context.Context) error {
	if ctx == nil {
		return errNilContext
	}
	return until(ctx, "stream "+s.name, func() (bool, error) {
		d, err := s.summary(ctx)
		return err == nil && d.StreamStatus == types.StreamStatusActive, err
	})
}

func (s *Stream) summary(ctx context.Context) (*types.StreamDescriptionSummary, error) {
	out, err := s.client.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: &s.name})
	if err != nil {
		return nil, s.refused(ctx, "describe", err)
	}
	return out.StreamDescriptionSummary, nil
}

// StreamARN returns the stream's ARN, which is asked for once.
func (s *Stream) StreamARN(ctx context.Context) (string, error) {
	if ctx == nil {
		return "", errNilContext
	}
	if arn := s.arn.Load(); arn != nil {
		return *arn, nil
	}
	d, err := s.summary(ctx)
	if err != nil {
		return "", err
	}
	arn := aws.ToString(d.StreamARN)
	s.arn.Store(&arn)
	return arn, nil
}

// StreamIdentifier returns the stream's full name, "account:name:creation second",
// by which the Kinesis Client Library and groups of several streams name it.
func (s *Stream) StreamIdentifier(ctx context.Context) (string, error) {
	if ctx == nil {
		return "", errNilContext
	}
	d, err := s.summary(ctx)
	if err != nil {
		return "", err
	}
	parts := strings.SplitN(aws.ToString(d.StreamARN), ":", 6) // arn:aws:kinesis:region:account:stream/name
	if len(parts) < 6 || d.StreamCreationTimestamp == nil {
		return "", fmt.Errorf("stream %s: ARN %q and the time of creation do not identify it", s.name, aws.ToString(d.StreamARN))
	}
	return fmt.Sprintf("%s:%s:%d", parts[4], s.name, d.StreamCreationTimestamp.Unix()), nil
}

// SplitShard splits a shard.
func (s *Stream) SplitShard(ctx context.Context, shard weir.ShardID, at weir.HashKey) error {
	if at == (weir.HashKey{}) {
		list, err := s.Shards(ctx)
		if err != nil {
			return err
		}
		if i := slices.IndexFunc(list, func(d weir.Shard) bool { return d.ID == shard }); i >= 0 {
			at = list[i].HashKeyRange.Middle()
		}
	}
	if ctx == nil {
		return errNilContext
	}
	_, err := s.client.SplitShard(ctx, &kinesis.SplitShardInput{
		StreamName: &s.name, ShardToSplit: aws.String(shard.String()), NewStartingHashKey: aws.String(at.String()),
	})
	if err != nil {
		return s.refused(ctx, "split "+shard.String(), err)
	}
	return s.WaitActive(ctx)
}

// MergeShards merges two shards.
func (s *Stream) MergeShards(ctx context.Context, lower, upper weir.ShardID) error {
	if ctx == nil {
		return errNilContext
	}
	_, err := s.client.MergeShards(ctx, &kinesis.MergeShardsInput{
		StreamName: &s.name, ShardToMerge: aws.String(lower.String()), AdjacentShardToMerge: aws.String(upper.String()),
	})
	if err != nil {
		return s.refused(ctx, fmt.Sprintf("merge %s and %s", lower, upper), err)
	}
	return s.WaitActive(ctx)
}

// Resize changes the number of open shards.
func (s *Stream) Resize(ctx context.Context, shards int) error {
	switch {
	case ctx == nil:
		return errNilContext
	case shards < 1 || shards > maxShards:
		return invalid("shards", fmt.Sprintf("%d is outside 1 to %d", shards, maxShards))
	}
	_, err := s.client.UpdateShardCount(ctx, &kinesis.UpdateShardCountInput{
		StreamName: &s.name, TargetShardCount: aws.Int32(int32(shards)), ScalingType: types.ScalingTypeUniformScaling,
	})
	if err != nil {
		return s.refused(ctx, fmt.Sprintf("resize to %d shards", shards), err)
	}
	return s.WaitActive(ctx)
}

// maxShards is more than any stream has; what is more is no number of shards.
const maxShards = 1 << 20

// RegisterConsumer registers a consumer, and waits until it is ACTIVE. It tries
// again for up to ten seconds where the service is at a limit, such as of
// consumers that are being registered at the same time, and where the name is
// still that of a consumer that is being deregistered.
func (s *Stream) RegisterConsumer(ctx context.Context, name string) error {
	if ctx == nil {
		return errNilContext
	}
	arn, err := s.StreamARN(ctx)
	if err != nil {
		return err
	}
	if err := s.register(ctx, arn, name); err != nil {
		return s.consumerRefused(ctx, "register", name, err)
	}
	return until(ctx, "consumer "+name, func() (bool, error) {
		d, err := s.describe(ctx, name)
		if err != nil {
			return false, s.consumerRefused(ctx, "describe", name, err)
		}
		return d.ConsumerStatus == types.ConsumerStatusActive, nil
	})
}

// register registers a consumer, and tries again what may pass.
func (s *Stream) register(ctx context.Context, arn, name string) error {
	const attempts = 10
	for attempt := 1; ; attempt++ {
		_, err := s.client.RegisterStreamConsumer(ctx, &kinesis.RegisterStreamConsumerInput{StreamARN: &arn, ConsumerName: &name})
		if err == nil || attempt == attempts || !s.mayRegister(ctx, name, err) {
			return err
		}
		if pause(ctx, time.Second/2+rand.N(time.Second/2)) != nil {
			return err // that ctx has ended is seen where it is told
		}
	}
}

// mayRegister reports whether a registration that was refused may pass later.
func (s *Stream) mayRegister(ctx context.Context, name string, err error) bool {
	switch codeOf(err) {
	case codeLimit, codeThrottling:
		return true
	case codeInUse: // by a consumer, by one that goes, or by the stream's change
		d, err := s.describe(ctx, name)
		return codeOf(err) == codeNotFound || err == nil && d.ConsumerStatus == types.ConsumerStatusDeleting
	}
	return false
}

// DeregisterConsumer ends a consumer. The service takes some seconds more until
// the name is free.
func (s *Stream) DeregisterConsumer(ctx context.Context, name string) error {
	if ctx == nil {
		return errNilContext
	}
	arn, err := s.StreamARN(ctx)
	if err != nil {
		return err
	}
	_, err = s.client.DeregisterStreamConsumer(ctx, &kinesis.DeregisterStreamConsumerInput{StreamARN: &arn, ConsumerName: &name})
	if err != nil {
		return s.consumerRefused(ctx, "deregister", name, err)
	}
	return nil
}

// describe describes a consumer.
func (s *Stream) describe(ctx context.Context, name string) (*types.ConsumerDescription, error) {
	arn, err := s.StreamARN(ctx)
	if err != nil {
		return nil, err
	}
	out, err := s.client.DescribeStreamConsumer(ctx, &kinesis.DescribeStreamConsumerInput{StreamARN: &arn, ConsumerName: &name})
	if err != nil {
		return nil, err
	}
	return out.ConsumerDescription, nil
}

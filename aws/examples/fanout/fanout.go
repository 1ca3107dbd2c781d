// Package fanout reads a shard with enhanced fan-out: the code under test of an
// example.
package fanout

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// Follow gives the records of a shard to handle, event by event, from its beginning on,
// subscribing again whenever a subscription ends, until the shard is closed and
// read to its end or ctx ends. Give each Follow a client of its own: the
// subscriptions of one client share a decoder in smithy-go v1.28.9, which the race
// detector reports.
func Follow(ctx context.Context, c *kinesis.Client, consumerARN, shard string, handle func(...types.Record)) error {
	at := &types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon}
	for {
		out, err := c.SubscribeToShard(ctx, &kinesis.SubscribeToShardInput{ConsumerARN: &consumerARN, ShardId: &shard, StartingPosition: at})
		var inUse *types.ResourceInUseException
		switch {
		case errors.As(err, &inUse): // within five seconds of the one before
			if err := pause(ctx, time.Second); err != nil {
				return err
			}
			continue
		case err != nil:
			return err
		}
		next, done := read(out.GetStream(), at, handle)
		if done {
			return nil
		}
		if at = next; ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// read reads a subscription to its end, and returns where to go on. What the
// stream failed with makes no difference to that.
func read(s *kinesis.SubscribeToShardEventStream, at *types.StartingPosition, handle func(...types.Record)) (*types.StartingPosition, bool) {
	defer s.Close() // it says no more than that the stream was cut off
	for e := range s.Events() {
		event, ok := e.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent)
		if !ok {
			continue
		}
		handle(event.Value.Records...)
		if event.Value.ContinuationSequenceNumber == nil {
			return nil, true
		}
		at = &types.StartingPosition{Type: types.ShardIteratorTypeAfterSequenceNumber, SequenceNumber: event.Value.ContinuationSequenceNumber}
	}
	return at, false
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

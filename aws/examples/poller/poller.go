// Package poller reads a shard by polling: the code under test of an example.
package poller

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// Kinesis is what Poll needs of a client.
type Kinesis interface {
	GetShardIterator(context.Context, *kinesis.GetShardIteratorInput, ...func(*kinesis.Options)) (*kinesis.GetShardIteratorOutput, error)
	GetRecords(context.Context, *kinesis.GetRecordsInput, ...func(*kinesis.Options)) (*kinesis.GetRecordsOutput, error)
}

// Poll gives the records of a shard to handle, batch by batch, from its beginning on, until the
// shard is closed and read to its end or ctx ends.
func Poll(ctx context.Context, k Kinesis, stream, shard string, handle func(...types.Record)) error {
	in := &kinesis.GetShardIteratorInput{StreamName: &stream, ShardId: &shard, ShardIteratorType: types.ShardIteratorTypeTrimHorizon}
	var iterator *string
	for {
		if iterator == nil {
			out, err := k.GetShardIterator(ctx, in)
			if err != nil {
				return err
			}
			iterator = out.ShardIterator
		}
		out, err := k.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: iterator})
		var expired *types.ExpiredIteratorException
		switch {
		case errors.As(err, &expired):
			iterator = nil // take another one after the last record
			continue
		case err != nil:
			return err
		}
		handle(out.Records...)
		if n := len(out.Records); n > 0 {
			in.ShardIteratorType, in.StartingSequenceNumber = types.ShardIteratorTypeAfterSequenceNumber, out.Records[n-1].SequenceNumber
		}
		if iterator = out.NextShardIterator; iterator == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(idle(aws.ToInt64(out.MillisBehindLatest))):
		}
	}
}

// idle returns how long to wait before the next read.
func idle(millisBehind int64) time.Duration {
	if millisBehind > 0 {
		return 200 * time.Millisecond // five calls a second is the limit
	}
	return time.Second
}

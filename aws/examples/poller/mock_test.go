package poller_test

import (
	"context"
	"strconv"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/examples/poller"
)

// mock is Kinesis made by hand, for comparison: docs/testing.md says what it tells
// and what it does not.
type mock struct {
	records []types.Record
	reads   int
}

func (m *mock) GetShardIterator(_ context.Context, in *kinesis.GetShardIteratorInput, _ ...func(*kinesis.Options)) (*kinesis.GetShardIteratorOutput, error) {
	at := 0
	if in.ShardIteratorType == types.ShardIteratorTypeAfterSequenceNumber {
		last, err := strconv.Atoi(*in.StartingSequenceNumber)
		if err != nil {
			return nil, err
		}
		at = last + 1
	}
	return &kinesis.GetShardIteratorOutput{ShardIterator: aws.String(strconv.Itoa(at))}, nil
}

func (m *mock) GetRecords(_ context.Context, in *kinesis.GetRecordsInput, _ ...func(*kinesis.Options)) (*kinesis.GetRecordsOutput, error) {
	if m.reads++; m.reads == 3 {
		return nil, &types.ExpiredIteratorException{}
	}
	at, err := strconv.Atoi(*in.ShardIterator)
	if err != nil {
		return nil, err
	}
	end := min(at+2, len(m.records))
	out := &kinesis.GetRecordsOutput{Records: m.records[at:end], MillisBehindLatest: aws.Int64(0)}
	if end < len(m.records) {
		out.NextShardIterator = aws.String(strconv.Itoa(end))
	}
	return out, nil
}

func TestPoll_withAMock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &mock{}
		for i := range 10 {
			m.records = append(m.records, types.Record{SequenceNumber: aws.String(strconv.Itoa(i)), PartitionKey: aws.String("a")})
		}
		var got []types.Record
		err := poller.Poll(t.Context(), m, "orders", "0", func(r ...types.Record) { got = append(got, r...) })
		require.NoError(t, err)
		require.Equal(t, m.records, got)
	})
}

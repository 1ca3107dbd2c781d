package clients_test

import (
	"crypto/md5"
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var trimHorizon = kinesis.GetShardIteratorInput{ShardIteratorType: types.ShardIteratorTypeTrimHorizon}

func putRecord(t *testing.T, s *session) {
	st := s.stream(t, 3)
	first := st.put("user-1", "a")
	assert.Equal(t, shard2, *first.ShardId)
	assert.Empty(t, first.EncryptionType)
	next, err := s.PutRecord(s.ctx, &kinesis.PutRecordInput{StreamARN: &st.arn, PartitionKey: aws.String("other"),
		ExplicitHashKey:           aws.String("340282366920938463463374607431768211455"),
		SequenceNumberForOrdering: first.SequenceNumber, Data: []byte{}})
	require.NoError(t, err)
	assert.Equal(t, shard2, *next.ShardId)
	a, _ := new(big.Int).SetString(*first.SequenceNumber, 10)
	b, _ := new(big.Int).SetString(*next.SequenceNumber, 10)
	assert.Equal(t, 1, b.Cmp(a), "%v after %v", b, a)
}

// batch are n records whose partition keys are their numbers.
func batch(n int) []types.PutRecordsRequestEntry {
	all := make([]types.PutRecordsRequestEntry, n)
	for i := range all {
		text := fmt.Sprint(i)
		all[i] = types.PutRecordsRequestEntry{PartitionKey: &text, Data: []byte(text)}
	}
	return all
}

func putRecords(t *testing.T, s *session) {
	st := s.stream(t, 4)
	entries := batch(500)
	out, err := s.PutRecords(s.ctx, &kinesis.PutRecordsInput{StreamName: &st.name, Records: entries})
	require.NoError(t, err)
	assert.EqualValues(t, 0, *out.FailedRecordCount)
	require.Len(t, out.Records, 500)
	for i, r := range out.Records {
		require.Nil(t, r.ErrorCode)
		hash := md5.Sum([]byte(*entries[i].PartitionKey))
		require.Equal(t, fmt.Sprintf("shardId-%012d", hash[0]>>6), *r.ShardId)
	}
	n := 0
	for i := range 4 {
		n += len(st.read(st.iterator(kinesis.GetShardIteratorInput{ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
			ShardId: aws.String(fmt.Sprintf("shardId-%012d", i))})))
	}
	assert.Equal(t, 500, n)
}

// getShardIterator is a row for each type of iterator.
func getShardIterator(t *testing.T, s *session) {
	st := s.stream(t, 1)
	st.put("k", "a")
	time.Sleep(5 * time.Millisecond)
	before := time.Now()
	b := st.put("k", "b")
	latest := st.iterator(kinesis.GetShardIteratorInput{ShardIteratorType: types.ShardIteratorTypeLatest})
	st.put("k", "c")
	assert.Equal(t, []string{"a", "b", "c"}, st.read(st.iterator(trimHorizon)))
	assert.Equal(t, []string{"b", "c"}, st.read(st.iterator(kinesis.GetShardIteratorInput{
		ShardIteratorType: types.ShardIteratorTypeAtSequenceNumber, StartingSequenceNumber: b.SequenceNumber})))
	assert.Equal(t, []string{"c"}, st.read(st.iterator(kinesis.GetShardIteratorInput{
		ShardIteratorType: types.ShardIteratorTypeAfterSequenceNumber, StartingSequenceNumber: b.SequenceNumber})))
	assert.Equal(t, []string{"b", "c"}, st.read(st.iterator(kinesis.GetShardIteratorInput{
		ShardIteratorType: types.ShardIteratorTypeAtTimestamp, Timestamp: &before})))
	assert.Equal(t, []string{"a", "b", "c"}, st.read(st.iterator(kinesis.GetShardIteratorInput{
		ShardIteratorType: types.ShardIteratorTypeAtTimestamp, Timestamp: aws.Time(before.AddDate(-1, 0, 0))})))
	assert.Equal(t, []string{"a", "b", "c"}, st.read(st.iterator(kinesis.GetShardIteratorInput{
		ShardIteratorType:      types.ShardIteratorTypeAtSequenceNumber,
		StartingSequenceNumber: st.shards()[0].SequenceNumberRange.StartingSequenceNumber})))
	assert.Equal(t, []string{"c"}, st.read(latest))
	assert.Equal(t, []string{"c"}, st.read(latest), "iterators may be used again")
}

func getRecords(t *testing.T, s *session) {
	st := s.stream(t, 1)
	at := time.Now()
	put := st.put("k", "a")
	st.put("k", "b")
	out, err := s.GetRecords(s.ctx, &kinesis.GetRecordsInput{ShardIterator: st.iterator(trimHorizon), Limit: aws.Int32(1), StreamARN: &st.arn})
	require.NoError(t, err)
	require.Len(t, out.Records, 1)
	r := out.Records[0]
	assert.Equal(t, *put.SequenceNumber, *r.SequenceNumber)
	assert.Equal(t, "k", *r.PartitionKey)
	assert.WithinDuration(t, at, *r.ApproximateArrivalTimestamp, time.Minute)
	assert.Empty(t, r.EncryptionType)
	assert.GreaterOrEqual(t, *out.MillisBehindLatest, int64(0))
	assert.Nil(t, out.ChildShards)
	out, err = s.GetRecords(s.ctx, &kinesis.GetRecordsInput{ShardIterator: out.NextShardIterator})
	require.NoError(t, err)
	assert.Equal(t, []string{"b"}, texts(out.Records))
	assert.EqualValues(t, 0, *out.MillisBehindLatest)

	st.split(shard0)
	for next := st.iterator(trimHorizon); ; next = out.NextShardIterator {
		out, err = s.GetRecords(s.ctx, &kinesis.GetRecordsInput{ShardIterator: next})
		require.NoError(t, err)
		if out.NextShardIterator == nil {
			break
		}
		assert.Nil(t, out.ChildShards, "while the shard has more")
	}
	require.Len(t, out.ChildShards, 2)
	assert.Equal(t, []string{shard0}, out.ChildShards[0].ParentShards)
	assert.NotEmpty(t, out.ChildShards[1].HashKeyRange.StartingHashKey)
}

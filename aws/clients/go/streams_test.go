package clients_test

import (
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

func createStream(t *testing.T, s *session) {
	_, err := s.CreateStream(s.ctx, &kinesis.CreateStreamInput{
		StreamName: aws.String("clicks"), ShardCount: aws.Int32(3), MaxRecordSizeInKiB: aws.Int32(2048),
		Tags: map[string]string{"team": "web"}})
	require.NoError(t, err)
	st := &stream{session: s, t: t, name: "clicks"}
	sum := st.summary()
	assert.Equal(t, types.StreamStatusActive, sum.StreamStatus)
	assert.EqualValues(t, 3, *sum.OpenShardCount)
	assert.EqualValues(t, 24, *sum.RetentionPeriodHours)
	assert.EqualValues(t, 2048, *sum.MaxRecordSizeInKiB)
	assert.Equal(t, types.StreamModeProvisioned, sum.StreamModeDetails.StreamMode)
	assert.Equal(t, "arn:aws:kinesis:us-east-1:"+s.account+":stream/clicks", *sum.StreamARN)
	assert.WithinDuration(t, time.Now(), *sum.StreamCreationTimestamp, time.Minute)
	assert.Equal(t, "113427455640312821154458202477256070484", *st.shards()[0].HashKeyRange.EndingHashKey)

	st = s.onDemand(t)
	assert.EqualValues(t, 4, *st.summary().OpenShardCount)
	assert.Equal(t, types.StreamModeOnDemand, st.summary().StreamModeDetails.StreamMode)
}

func deleteStream(t *testing.T, s *session) {
	st := s.stream(t, 1)
	st.register()
	_, err := s.DeleteStream(s.ctx, &kinesis.DeleteStreamInput{StreamName: &st.name})
	var inUse *types.ResourceInUseException
	require.ErrorAs(t, err, &inUse)
	_, err = s.DeleteStream(s.ctx, &kinesis.DeleteStreamInput{StreamName: &st.name, EnforceConsumerDeletion: aws.Bool(true)})
	require.NoError(t, err)
	_, err = s.DescribeStream(s.ctx, &kinesis.DescribeStreamInput{StreamName: &st.name})
	var notFound *types.ResourceNotFoundException
	require.ErrorAs(t, err, &notFound)
}

func describeStream(t *testing.T, s *session) {
	st := s.stream(t, 3)
	out, err := s.DescribeStream(s.ctx, &kinesis.DescribeStreamInput{StreamARN: &st.arn, Limit: aws.Int32(2)})
	require.NoError(t, err)
	d := out.StreamDescription
	assert.Equal(t, st.name, *d.StreamName)
	assert.Equal(t, types.StreamStatusActive, d.StreamStatus)
	assert.True(t, *d.HasMoreShards)
	assert.Equal(t, types.EncryptionTypeNone, d.EncryptionType)
	assert.Nil(t, d.KeyId)
	require.Len(t, d.EnhancedMonitoring, 1)
	require.Len(t, d.Shards, 2)
	assert.Equal(t, shard0, *d.Shards[0].ShardId)
	assert.Equal(t, "0", *d.Shards[0].HashKeyRange.StartingHashKey)
	assert.Nil(t, d.Shards[0].ParentShardId)
	assert.Nil(t, d.Shards[0].SequenceNumberRange.EndingSequenceNumber)
	out, err = s.DescribeStream(s.ctx, &kinesis.DescribeStreamInput{StreamName: &st.name, ExclusiveStartShardId: aws.String(shard1)})
	require.NoError(t, err)
	assert.False(t, *out.StreamDescription.HasMoreShards)
	require.Len(t, out.StreamDescription.Shards, 1)
}

func describeSummary(t *testing.T, s *session) {
	st := s.stream(t, 2)
	st.register()
	sum := st.summary()
	assert.EqualValues(t, 2, *sum.OpenShardCount)
	assert.EqualValues(t, 1, *sum.ConsumerCount)
	assert.EqualValues(t, 1024, *sum.MaxRecordSizeInKiB)
	assert.Nil(t, sum.WarmThroughput)
}

func listStreams(t *testing.T, s *session) {
	a, b := s.stream(t, 1), s.onDemand(t)
	out, err := s.ListStreams(s.ctx, &kinesis.ListStreamsInput{})
	require.NoError(t, err)
	assert.ElementsMatch(t, []string{a.name, b.name}, out.StreamNames)
	assert.False(t, *out.HasMoreStreams)
	require.Len(t, out.StreamSummaries, 2)
	out, err = s.ListStreams(s.ctx, &kinesis.ListStreamsInput{Limit: aws.Int32(1)})
	require.NoError(t, err)
	assert.Len(t, out.StreamNames, 1)
	assert.True(t, *out.HasMoreStreams)
}

func listShards(t *testing.T, s *session) {
	st := s.stream(t, 3)
	st.split(shard0)
	out, err := s.ListShards(s.ctx, &kinesis.ListShardsInput{StreamName: &st.name, MaxResults: aws.Int32(4)})
	require.NoError(t, err)
	require.Len(t, out.Shards, 4)
	require.NotNil(t, out.NextToken)
	assert.NotNil(t, out.Shards[0].SequenceNumberRange.EndingSequenceNumber, "it is closed")
	out, err = s.ListShards(s.ctx, &kinesis.ListShardsInput{NextToken: out.NextToken})
	require.NoError(t, err)
	require.Len(t, out.Shards, 1)
	assert.Nil(t, out.NextToken)
	assert.Equal(t, shard0, *out.Shards[0].ParentShardId)
	for filter, want := range map[*types.ShardFilter]int{
		{Type: types.ShardFilterTypeAtLatest}:                                       4,
		{Type: types.ShardFilterTypeAtTrimHorizon}:                                  3,
		{Type: types.ShardFilterTypeFromTrimHorizon}:                                5,
		{Type: types.ShardFilterTypeAfterShardId, ShardId: aws.String(shard1)}:      3,
		{Type: types.ShardFilterTypeFromTimestamp, Timestamp: aws.Time(time.Now())}: 4,
	} {
		out, err := s.ListShards(s.ctx, &kinesis.ListShardsInput{StreamName: &st.name, ShardFilter: filter})
		require.NoError(t, err)
		if filter.Type == types.ShardFilterTypeFromTimestamp {
			assert.GreaterOrEqual(t, len(out.Shards), want, filter.Type)
			continue
		}
		assert.Len(t, out.Shards, want, filter.Type)
	}
}

// split splits a shard in its middle, not in the millisecond in which it began.
func (st *stream) split(shard string) {
	st.t.Helper()
	time.Sleep(2 * time.Millisecond)
	for _, sh := range st.shards() {
		if *sh.ShardId != shard {
			continue
		}
		from, _ := new(big.Int).SetString(*sh.HashKeyRange.StartingHashKey, 10)
		to, _ := new(big.Int).SetString(*sh.HashKeyRange.EndingHashKey, 10)
		middle := new(big.Int).Add(from, to)
		_, err := st.SplitShard(st.ctx, &kinesis.SplitShardInput{StreamName: &st.name, ShardToSplit: &shard,
			NewStartingHashKey: aws.String(middle.Rsh(middle, 1).String())})
		require.NoError(st.t, err)
	}
}

func splitShard(t *testing.T, s *session) {
	st := s.stream(t, 1)
	st.split(shard0)
	all := st.shards()
	require.Len(t, all, 3)
	assert.NotNil(t, all[0].SequenceNumberRange.EndingSequenceNumber)
	assert.Equal(t, shard0, *all[2].ParentShardId)
	assert.Nil(t, all[2].AdjacentParentShardId)
	_, err := s.SplitShard(s.ctx, &kinesis.SplitShardInput{StreamName: &st.name, ShardToSplit: aws.String(shard0),
		NewStartingHashKey: aws.String("5")})
	var refused *types.InvalidArgumentException
	if assert.Error(t, err) && assert.ErrorAs(t, err, &refused) {
		assert.Equal(t, fmt.Sprintf("Shard %s in stream %s under account %s has already been merged or split, "+
			"and thus is not eligible for merging or splitting.", shard0, st.name, s.account), *refused.Message)
	}
}

func mergeShards(t *testing.T, s *session) {
	st := s.stream(t, 2)
	_, err := s.MergeShards(s.ctx, &kinesis.MergeShardsInput{StreamName: &st.name,
		ShardToMerge: aws.String(shard0), AdjacentShardToMerge: aws.String(shard1)})
	require.NoError(t, err)
	all := st.shards()
	require.Len(t, all, 3)
	assert.Equal(t, shard0, *all[2].ParentShardId)
	assert.Equal(t, shard1, *all[2].AdjacentParentShardId)
	assert.Equal(t, "340282366920938463463374607431768211455", *all[2].HashKeyRange.EndingHashKey)
}

func updateShardCount(t *testing.T, s *session) {
	st := s.stream(t, 2)
	out, err := s.UpdateShardCount(s.ctx, &kinesis.UpdateShardCountInput{StreamName: &st.name,
		TargetShardCount: aws.Int32(4), ScalingType: types.ScalingTypeUniformScaling})
	require.NoError(t, err)
	assert.EqualValues(t, 2, *out.CurrentShardCount)
	assert.EqualValues(t, 4, *out.TargetShardCount)
	assert.Equal(t, st.arn, *out.StreamARN)
	assert.EqualValues(t, 4, *st.summary().OpenShardCount)
	for _, sh := range st.shards()[2:] {
		assert.Contains(t, []string{shard0, shard1}, aws.ToString(sh.ParentShardId))
	}
}

func updateStreamMode(t *testing.T, s *session) {
	st := s.stream(t, 2)
	_, err := s.UpdateStreamMode(s.ctx, &kinesis.UpdateStreamModeInput{StreamARN: &st.arn,
		StreamModeDetails: &types.StreamModeDetails{StreamMode: types.StreamModeOnDemand}})
	require.NoError(t, err)
	assert.Equal(t, types.StreamModeOnDemand, st.summary().StreamModeDetails.StreamMode)
	assert.EqualValues(t, 2, *st.summary().OpenShardCount)
}

func updateWarmThroughput(t *testing.T, s *session) {
	st := s.onDemand(t)
	in := &kinesis.UpdateStreamWarmThroughputInput{StreamName: &st.name, WarmThroughputMiBps: aws.Int32(20)}
	_, err := s.UpdateStreamWarmThroughput(s.ctx, in)
	require.Error(t, err, "without the account's commitment")
	s.commit(t)
	out, err := s.UpdateStreamWarmThroughput(s.ctx, in)
	require.NoError(t, err)
	assert.EqualValues(t, 20, *out.WarmThroughput.TargetMiBps)
	assert.EqualValues(t, 20, *st.summary().WarmThroughput.TargetMiBps)
}

// commit turns On-demand Advantage on.
func (s *session) commit(t *testing.T) *types.MinimumThroughputBillingCommitmentOutput {
	t.Helper()
	out, err := s.UpdateAccountSettings(s.ctx, &kinesis.UpdateAccountSettingsInput{
		MinimumThroughputBillingCommitment: &types.MinimumThroughputBillingCommitmentInput{
			Status: types.MinimumThroughputBillingCommitmentInputStatusEnabled}})
	require.NoError(t, err)
	return out.MinimumThroughputBillingCommitment
}

func updateAccountSettings(t *testing.T, s *session) {
	c := s.commit(t)
	assert.Equal(t, types.MinimumThroughputBillingCommitmentOutputStatusEnabled, c.Status)
	assert.WithinDuration(t, time.Now(), *c.StartedAt, time.Minute)
	assert.Equal(t, 24*time.Hour, c.EarliestAllowedEndAt.Sub(*c.StartedAt))
}

func describeAccountSettings(t *testing.T, s *session) {
	out, err := s.DescribeAccountSettings(s.ctx, &kinesis.DescribeAccountSettingsInput{})
	require.NoError(t, err)
	if c := out.MinimumThroughputBillingCommitment; c != nil {
		assert.Equal(t, types.MinimumThroughputBillingCommitmentOutputStatusDisabled, c.Status)
	}
	s.commit(t)
	out, err = s.DescribeAccountSettings(s.ctx, &kinesis.DescribeAccountSettingsInput{})
	require.NoError(t, err)
	assert.Equal(t, types.MinimumThroughputBillingCommitmentOutputStatusEnabled, out.MinimumThroughputBillingCommitment.Status)
}

func updateMaxRecordSize(t *testing.T, s *session) {
	st := s.stream(t, 1)
	large := make([]byte, 9<<20)
	put := &kinesis.PutRecordInput{StreamName: &st.name, PartitionKey: aws.String("k"), Data: large}
	_, err := s.PutRecord(s.ctx, put)
	require.Error(t, err)
	_, err = s.UpdateMaxRecordSize(s.ctx, &kinesis.UpdateMaxRecordSizeInput{StreamARN: &st.arn, MaxRecordSizeInKiB: aws.Int32(10240)})
	require.NoError(t, err)
	assert.EqualValues(t, 10240, *st.summary().MaxRecordSizeInKiB)
	_, err = s.PutRecord(s.ctx, put)
	require.NoError(t, err)
	out, err := s.GetRecords(s.ctx, &kinesis.GetRecordsInput{
		ShardIterator: st.iterator(kinesis.GetShardIteratorInput{ShardIteratorType: types.ShardIteratorTypeTrimHorizon})})
	require.NoError(t, err)
	require.Len(t, out.Records, 1)
	assert.Len(t, out.Records[0].Data, len(large))
}

func updateDistribution(t *testing.T, s *session) {
	st := s.onDemand(t)
	_, err := s.UpdateStreamRecordDistributionStrategy(s.ctx, &kinesis.UpdateStreamRecordDistributionStrategyInput{
		StreamARN: &st.arn, RecordDistributionStrategy: types.RecordDistributionStrategyAuto})
	require.NoError(t, err)
	assert.Equal(t, types.RecordDistributionStrategyAuto, st.summary().RecordDistributionStrategy)
	put, err := s.PutRecord(s.ctx, &kinesis.PutRecordInput{StreamName: &st.name, Data: []byte("without a key")})
	require.NoError(t, err)
	out, err := s.GetRecords(s.ctx, &kinesis.GetRecordsInput{ShardIterator: st.iterator(kinesis.GetShardIteratorInput{
		ShardId: put.ShardId, ShardIteratorType: types.ShardIteratorTypeTrimHorizon})})
	require.NoError(t, err)
	require.Len(t, out.Records, 1)
	assert.Nil(t, out.Records[0].PartitionKey)
}

func increaseRetention(t *testing.T, s *session) {
	st := s.stream(t, 1)
	_, err := s.IncreaseStreamRetentionPeriod(s.ctx, &kinesis.IncreaseStreamRetentionPeriodInput{
		StreamName: &st.name, RetentionPeriodHours: aws.Int32(8760)})
	require.NoError(t, err)
	assert.EqualValues(t, 8760, *st.summary().RetentionPeriodHours)
}

func decreaseRetention(t *testing.T, s *session) {
	st := s.stream(t, 1)
	_, err := s.IncreaseStreamRetentionPeriod(s.ctx, &kinesis.IncreaseStreamRetentionPeriodInput{
		StreamName: &st.name, RetentionPeriodHours: aws.Int32(48)})
	require.NoError(t, err)
	_, err = s.DecreaseStreamRetentionPeriod(s.ctx, &kinesis.DecreaseStreamRetentionPeriodInput{
		StreamARN: &st.arn, RetentionPeriodHours: aws.Int32(24)})
	require.NoError(t, err)
	assert.EqualValues(t, 24, *st.summary().RetentionPeriodHours)
}

func enableMonitoring(t *testing.T, s *session) {
	st := s.stream(t, 1)
	out, err := s.EnableEnhancedMonitoring(s.ctx, &kinesis.EnableEnhancedMonitoringInput{
		StreamName: &st.name, ShardLevelMetrics: []types.MetricsName{types.MetricsNameAll}})
	require.NoError(t, err)
	assert.Empty(t, out.CurrentShardLevelMetrics)
	assert.Len(t, out.DesiredShardLevelMetrics, 7)
	assert.Equal(t, st.arn, *out.StreamARN)
}

func disableMonitoring(t *testing.T, s *session) {
	st := s.stream(t, 1)
	all := []types.MetricsName{types.MetricsNameIncomingBytes, types.MetricsNameOutgoingBytes}
	_, err := s.EnableEnhancedMonitoring(s.ctx, &kinesis.EnableEnhancedMonitoringInput{StreamName: &st.name, ShardLevelMetrics: all})
	require.NoError(t, err)
	out, err := s.DisableEnhancedMonitoring(s.ctx, &kinesis.DisableEnhancedMonitoringInput{StreamName: &st.name, ShardLevelMetrics: all[:1]})
	require.NoError(t, err)
	assert.ElementsMatch(t, all, out.CurrentShardLevelMetrics)
	assert.Equal(t, all[1:], out.DesiredShardLevelMetrics)
}

const key = "alias/aws/kinesis"

func startEncryption(t *testing.T, s *session) {
	st := s.stream(t, 1)
	st.put("k", "before")
	_, err := s.StartStreamEncryption(s.ctx, &kinesis.StartStreamEncryptionInput{
		StreamName: &st.name, EncryptionType: types.EncryptionTypeKms, KeyId: aws.String(key)})
	require.NoError(t, err)
	assert.Equal(t, types.EncryptionTypeKms, st.put("k", "after").EncryptionType)
	assert.Equal(t, types.EncryptionTypeKms, st.summary().EncryptionType)
	out, err := s.GetRecords(s.ctx, &kinesis.GetRecordsInput{ShardIterator: st.iterator(trimHorizon)})
	require.NoError(t, err)
	require.Len(t, out.Records, 2)
	assert.Empty(t, out.Records[0].EncryptionType, "of a plain record")
	assert.Equal(t, types.EncryptionTypeKms, out.Records[1].EncryptionType)
}

func stopEncryption(t *testing.T, s *session) {
	st := s.stream(t, 1)
	_, err := s.StartStreamEncryption(s.ctx, &kinesis.StartStreamEncryptionInput{
		StreamName: &st.name, EncryptionType: types.EncryptionTypeKms, KeyId: aws.String(key)})
	require.NoError(t, err)
	_, err = s.StopStreamEncryption(s.ctx, &kinesis.StopStreamEncryptionInput{
		StreamName: &st.name, EncryptionType: types.EncryptionTypeKms, KeyId: aws.String(key)})
	require.NoError(t, err)
	assert.Equal(t, types.EncryptionTypeNone, st.summary().EncryptionType)
	assert.Nil(t, st.summary().KeyId)
	assert.Empty(t, st.put("k", "plain").EncryptionType)
}

package clients_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func addTagsToStream(t *testing.T, s *session) {
	st := s.stream(t, 1)
	_, err := s.AddTagsToStream(s.ctx, &kinesis.AddTagsToStreamInput{StreamName: &st.name, Tags: map[string]string{"a": "1", "b": ""}})
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"a": "1", "b": ""}, st.tags())
}

// tags lists the stream's tags.
func (st *stream) tags() map[string]string {
	st.t.Helper()
	out, err := st.ListTagsForStream(st.ctx, &kinesis.ListTagsForStreamInput{StreamName: &st.name})
	require.NoError(st.t, err)
	return tagMap(out.Tags)
}

func tagMap(tags []types.Tag) map[string]string {
	all := make(map[string]string)
	for _, tag := range tags {
		all[*tag.Key] = aws.ToString(tag.Value)
	}
	return all
}

func listTagsForStream(t *testing.T, s *session) {
	st := s.create(t, &kinesis.CreateStreamInput{ShardCount: aws.Int32(1), Tags: map[string]string{"c": "3", "a": "1", "b": "2"}})
	out, err := s.ListTagsForStream(s.ctx, &kinesis.ListTagsForStreamInput{StreamName: &st.name, Limit: aws.Int32(2)})
	require.NoError(t, err)
	assert.True(t, *out.HasMoreTags)
	assert.Equal(t, map[string]string{"a": "1", "b": "2"}, tagMap(out.Tags))
	out, err = s.ListTagsForStream(s.ctx, &kinesis.ListTagsForStreamInput{StreamName: &st.name, ExclusiveStartTagKey: aws.String("b")})
	require.NoError(t, err)
	assert.False(t, *out.HasMoreTags)
	assert.Equal(t, map[string]string{"c": "3"}, tagMap(out.Tags))
}

func removeTags(t *testing.T, s *session) {
	st := s.create(t, &kinesis.CreateStreamInput{ShardCount: aws.Int32(1), Tags: map[string]string{"a": "1", "b": "2"}})
	_, err := s.RemoveTagsFromStream(s.ctx, &kinesis.RemoveTagsFromStreamInput{StreamName: &st.name, TagKeys: []string{"a", "unknown"}})
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"b": "2"}, st.tags())
}

func tagResource(t *testing.T, s *session) {
	st := s.stream(t, 1)
	consumer := st.register()
	for _, arn := range []*string{&st.arn, consumer} {
		_, err := s.TagResource(s.ctx, &kinesis.TagResourceInput{ResourceARN: arn, Tags: map[string]string{"x": "y"}})
		require.NoError(t, err)
		assert.Equal(t, map[string]string{"x": "y"}, s.tagsOf(t, arn))
	}
	assert.Equal(t, map[string]string{"x": "y"}, st.tags())
}

func (s *session) tagsOf(t *testing.T, arn *string) map[string]string {
	t.Helper()
	out, err := s.ListTagsForResource(s.ctx, &kinesis.ListTagsForResourceInput{ResourceARN: arn})
	require.NoError(t, err)
	return tagMap(out.Tags)
}

func untagResource(t *testing.T, s *session) {
	st := s.create(t, &kinesis.CreateStreamInput{ShardCount: aws.Int32(1), Tags: map[string]string{"a": "1", "b": "2"}})
	_, err := s.UntagResource(s.ctx, &kinesis.UntagResourceInput{ResourceARN: &st.arn, TagKeys: []string{"a"}})
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"b": "2"}, s.tagsOf(t, &st.arn))
}

func listTagsForResource(t *testing.T, s *session) {
	st := s.stream(t, 1)
	assert.Empty(t, s.tagsOf(t, &st.arn))
	out, err := s.RegisterStreamConsumer(s.ctx, &kinesis.RegisterStreamConsumerInput{StreamARN: &st.arn,
		ConsumerName: aws.String("tagged"), Tags: map[string]string{"k": "v"}})
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"k": "v"}, s.tagsOf(t, out.Consumer.ConsumerARN))
}

// policy is one that lets another account read a stream.
func (st *stream) policy() string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},` +
		`"Action":["kinesis:GetRecords"],"Resource":"` + st.arn + `"}]}`
}

func (st *stream) storedPolicy() string {
	st.t.Helper()
	out, err := st.GetResourcePolicy(st.ctx, &kinesis.GetResourcePolicyInput{ResourceARN: &st.arn})
	require.NoError(st.t, err)
	return *out.Policy
}

func (st *stream) putPolicy() {
	st.t.Helper()
	_, err := st.PutResourcePolicy(st.ctx, &kinesis.PutResourcePolicyInput{ResourceARN: &st.arn, Policy: aws.String(st.policy())})
	require.NoError(st.t, err)
}

func putResourcePolicy(t *testing.T, s *session) {
	st := s.stream(t, 1)
	st.putPolicy()
	assert.JSONEq(t, st.policy(), st.storedPolicy())
	_, err := s.PutResourcePolicy(s.ctx, &kinesis.PutResourcePolicyInput{ResourceARN: &st.arn, Policy: aws.String("{")})
	require.Error(t, err)
}

func getResourcePolicy(t *testing.T, s *session) {
	st := s.stream(t, 1)
	assert.Equal(t, "{}", st.storedPolicy())
	st.putPolicy()
	assert.JSONEq(t, st.policy(), st.storedPolicy())
}

func deleteResourcePolicy(t *testing.T, s *session) {
	st := s.stream(t, 1)
	st.putPolicy()
	_, err := s.DeleteResourcePolicy(s.ctx, &kinesis.DeleteResourcePolicyInput{ResourceARN: &st.arn})
	require.NoError(t, err)
	assert.Equal(t, "{}", st.storedPolicy())
}

func registerConsumer(t *testing.T, s *session) {
	st := s.stream(t, 1)
	in := &kinesis.RegisterStreamConsumerInput{StreamARN: &st.arn, ConsumerName: aws.String("one")}
	out, err := s.RegisterStreamConsumer(s.ctx, in)
	require.NoError(t, err)
	created := out.Consumer.ConsumerCreationTimestamp
	assert.Equal(t, fmt.Sprintf("%s/consumer/one:%d", st.arn, created.Unix()), *out.Consumer.ConsumerARN)
	_, err = s.RegisterStreamConsumer(s.ctx, in)
	var inUse *types.ResourceInUseException
	require.ErrorAs(t, err, &inUse)
}

func describeConsumer(t *testing.T, s *session) {
	st := s.stream(t, 1)
	arn := st.register()
	for _, in := range []*kinesis.DescribeStreamConsumerInput{
		{ConsumerARN: arn}, {StreamARN: &st.arn, ConsumerName: aws.String("consumer-1")},
	} {
		out, err := s.DescribeStreamConsumer(s.ctx, in)
		require.NoError(t, err)
		d := out.ConsumerDescription
		assert.Equal(t, *arn, *d.ConsumerARN)
		assert.Equal(t, st.arn, *d.StreamARN)
		assert.Equal(t, types.ConsumerStatusActive, d.ConsumerStatus)
	}
}

func listConsumers(t *testing.T, s *session) {
	st := s.stream(t, 1)
	for range 3 {
		st.register()
	}
	out, err := s.ListStreamConsumers(s.ctx, &kinesis.ListStreamConsumersInput{StreamARN: &st.arn, MaxResults: aws.Int32(2)})
	require.NoError(t, err)
	require.Len(t, out.Consumers, 2)
	require.NotNil(t, out.NextToken)
	out, err = s.ListStreamConsumers(s.ctx, &kinesis.ListStreamConsumersInput{StreamARN: &st.arn, NextToken: out.NextToken})
	require.NoError(t, err)
	require.Len(t, out.Consumers, 1)
	assert.Nil(t, out.NextToken)
}

func deregisterConsumer(t *testing.T, s *session) {
	st := s.stream(t, 1)
	arn := st.register()
	_, err := s.DeregisterStreamConsumer(s.ctx, &kinesis.DeregisterStreamConsumerInput{StreamARN: &st.arn, ConsumerName: aws.String("consumer-1")})
	require.NoError(t, err)
	_, err = s.DescribeStreamConsumer(s.ctx, &kinesis.DescribeStreamConsumerInput{ConsumerARN: arn})
	var notFound *types.ResourceNotFoundException
	require.ErrorAs(t, err, &notFound)
}

func describeLimits(t *testing.T, s *session) {
	s.stream(t, 3)
	s.onDemand(t)
	out, err := s.DescribeLimits(s.ctx, &kinesis.DescribeLimitsInput{})
	require.NoError(t, err)
	assert.EqualValues(t, 20000, *out.ShardLimit)
	assert.EqualValues(t, 3, *out.OpenShardCount)
	assert.EqualValues(t, 1, *out.OnDemandStreamCount)
	assert.EqualValues(t, 50, *out.OnDemandStreamCountLimit)
}

// channel creates a channel that delivers a new stream to a bucket.
func (s *session) channel(t *testing.T) *types.ChannelDescription {
	t.Helper()
	st := s.onDemand(t)
	out, err := s.CreateChannel(s.ctx, toBucket(s.account, st.name, st.arn))
	require.NoError(t, err)
	return out.ChannelDescription
}

// toBucket is a channel that delivers a stream to a bucket.
func toBucket(account, name, arn string) *kinesis.CreateChannelInput {
	return &kinesis.CreateChannelInput{
		ChannelName:             aws.String("channel-of-" + name),
		ServiceExecutionRoleARN: aws.String("arn:aws:iam::" + account + ":role/delivery"),
		StreamConfigurationList: []types.ChannelStreamConfiguration{{StreamARN: &arn,
			RecordConfiguration: &types.RecordConfiguration{RecordFormatType: types.RecordFormatTypeJson}}},
		S3DestinationConfiguration: &types.S3DestinationConfiguration{
			StorageConfiguration: &types.S3StorageConfiguration{BucketARN: aws.String("arn:aws:s3:::some-bucket"),
				ExpectedBucketOwner: &account, CompressionType: types.S3CompressionTypeGzip}},
		Tags: map[string]string{"k": "v"},
	}
}

func createChannel(t *testing.T, s *session) {
	d := s.channel(t)
	assert.Equal(t, fmt.Sprintf("arn:aws:kinesis:us-east-1:%s:channel/%s", s.account, *d.ChannelId), *d.ChannelARN)
	assert.Equal(t, map[string]string{"k": "v"}, s.tagsOf(t, d.ChannelARN))
	assert.EqualValues(t, 300, *d.S3DestinationConfiguration.DataFreshnessInSeconds)
	require.Len(t, d.StreamConfigurationList, 1)
}

func (s *session) describedChannel(t *testing.T, arn *string) *types.ChannelDescription {
	t.Helper()
	out, err := s.DescribeChannel(s.ctx, &kinesis.DescribeChannelInput{ChannelARN: arn})
	require.NoError(t, err)
	return out.ChannelDescription
}

func describeChannel(t *testing.T, s *session) {
	d := s.channel(t)
	got := s.describedChannel(t, d.ChannelARN)
	assert.Equal(t, types.ChannelStatusActive, got.ChannelStatus)
	assert.Equal(t, *d.ChannelName, *got.ChannelName)
	assert.WithinDuration(t, time.Now(), *got.ChannelCreationTimestamp, time.Minute)
}

func updateChannel(t *testing.T, s *session) {
	d := s.channel(t)
	_, err := s.UpdateChannel(s.ctx, &kinesis.UpdateChannelInput{ChannelARN: d.ChannelARN,
		S3DestinationConfiguration: &types.S3DestinationUpdateInput{DataFreshnessInSeconds: aws.Int32(600)}})
	require.NoError(t, err)
	assert.EqualValues(t, 600, *s.describedChannel(t, d.ChannelARN).S3DestinationConfiguration.DataFreshnessInSeconds)
}

func deleteChannel(t *testing.T, s *session) {
	d := s.channel(t)
	_, err := s.DeleteChannel(s.ctx, &kinesis.DeleteChannelInput{ChannelARN: d.ChannelARN})
	require.NoError(t, err)
	_, err = s.DescribeChannel(s.ctx, &kinesis.DescribeChannelInput{ChannelARN: d.ChannelARN})
	var notFound *types.ResourceNotFoundException
	require.ErrorAs(t, err, &notFound)
}

func listChannels(t *testing.T, s *session) {
	a, b := s.channel(t), s.channel(t)
	out, err := s.ListChannels(s.ctx, &kinesis.ListChannelsInput{})
	require.NoError(t, err)
	var arns []string
	for _, c := range out.ChannelSummaries {
		arns = append(arns, *c.ChannelARN)
	}
	assert.ElementsMatch(t, []string{*a.ChannelARN, *b.ChannelARN}, arns)
	assert.Nil(t, out.NextToken)
}

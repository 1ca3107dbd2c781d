package kinesisserver_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/account"
	"github.com/weirstream/weir/aws/kinesisserver"
)

// listen serves s on a port of loopback until the test is over.
func (s *server) listen() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(s.t, err)
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	s.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		assert.NoError(s.t, s.Shutdown(ctx))
		assert.ErrorIs(s.t, <-done, http.ErrServerClosed)
	})
	return l.Addr().String()
}

// A wire is a way to reach the server.
type wire struct {
	name   string
	scheme string
	proto  string
	config func(*http.Protocols)
}

var wires = []wire{
	{"HTTP/1.1", "http", "HTTP/1.1", func(p *http.Protocols) { p.SetHTTP1(true) }},
	{"HTTP/2 cleartext", "http", "HTTP/2.0", func(p *http.Protocols) { p.SetUnencryptedHTTP2(true) }},
	{"HTTP/1.1 over TLS", "https", "HTTP/1.1", func(p *http.Protocols) { p.SetHTTP1(true) }},
	{"HTTP/2 over TLS", "https", "HTTP/2.0", func(p *http.Protocols) { p.SetHTTP2(true) }},
}

// client returns an HTTP client for a wire, and the server's URL.
func (s *server) client(w wire, addr string) (*http.Client, string) {
	protocols := new(http.Protocols)
	w.config(protocols)
	roots := x509.NewCertPool()
	if der := s.Certificate(); der != nil {
		cert, err := x509.ParseCertificate(der)
		require.NoError(s.t, err)
		roots.AddCert(cert)
	}
	transport := &http.Transport{Protocols: protocols, TLSClientConfig: &tls.Config{RootCAs: roots}}
	s.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}, w.scheme + "://" + addr
}

// static are credentials that never change.
func static(key, secret string) aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: key, SecretAccessKey: secret}, nil
	})
}

func newSDK(client *http.Client, url string, change ...func(*kinesis.Options)) *kinesis.Client {
	o := kinesis.Options{
		Region: testRegion, Credentials: static(testAccount, "secret"), BaseEndpoint: &url,
		HTTPClient: client, RetryMaxAttempts: 1,
	}
	for _, f := range change {
		f(&o)
	}
	return kinesis.New(o)
}

// overTLS makes the server speak TLS beside cleartext.
func overTLS(c *kinesisserver.Config) { c.TLS = true }

// Every operation through the official client.
func TestSDK_operations(t *testing.T) {
	s := newServer(t, overTLS)
	addr := s.listen()
	for _, w := range wires {
		t.Run(w.name, func(t *testing.T) {
			client, url := s.client(w, addr)
			callEverything(t, s, newSDK(client, url), strings.NewReplacer("/", "-", ".", "-", " ", "-").Replace(w.name))
		})
	}
}

// callEverything calls all operations with results that are looked at.
func callEverything(t *testing.T, s *server, c *kinesis.Client, name string) {
	ctx := t.Context()
	arn := aws.String("arn:aws:kinesis:" + testRegion + ":" + testAccount + ":stream/" + name)
	stream := &name
	called := make(map[string]bool)
	ok := func(op string, out any, err error) {
		t.Helper()
		require.NoError(t, err, op)
		called[op] = true
	}

	created, err := c.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: stream, ShardCount: aws.Int32(2), Tags: map[string]string{"a": "b"}})
	ok("CreateStream", created, err)
	desc, err := c.DescribeStream(ctx, &kinesis.DescribeStreamInput{StreamARN: arn})
	ok("DescribeStream", desc, err)
	assert.Len(t, desc.StreamDescription.Shards, 2)
	assert.Equal(t, types.StreamStatusActive, desc.StreamDescription.StreamStatus)
	assert.WithinDuration(t, epoch, *desc.StreamDescription.StreamCreationTimestamp, 0)
	sum, err := c.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: stream})
	ok("DescribeStreamSummary", sum, err)
	assert.Equal(t, int32(2), *sum.StreamDescriptionSummary.OpenShardCount)
	list, err := c.ListStreams(ctx, &kinesis.ListStreamsInput{})
	ok("ListStreams", list, err)
	assert.Contains(t, list.StreamNames, name)

	callRecords(t, c, name, ok)
	callTags(t, c, name, *arn, ok)
	callSettings(t, s, c, name, *arn, ok)
	callConsumers(t, c, *arn, ok)
	callShards(t, c, name, ok)
	callChannels(t, c, name, *arn, ok)
	callAccount(t, c, ok)

	deleted, err := c.DeleteStream(ctx, &kinesis.DeleteStreamInput{StreamName: stream, EnforceConsumerDeletion: aws.Bool(true)})
	ok("DeleteStream", deleted, err)
	assert.Len(t, called, 45, "operations called")
}

type okFunc = func(op string, out any, err error)

func callRecords(t *testing.T, c *kinesis.Client, name string, ok okFunc) {
	ctx := t.Context()
	put, err := c.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: &name, PartitionKey: aws.String("a"), Data: []byte{0, 1}})
	ok("PutRecord", put, err)
	assert.Equal(t, "shardId-000000000000", *put.ShardId)
	assert.Len(t, *put.SequenceNumber, 56)
	puts, err := c.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: &name, Records: []types.PutRecordsRequestEntry{
		{PartitionKey: aws.String("a"), Data: []byte("x")}, {PartitionKey: aws.String("b"), Data: []byte{}, ExplicitHashKey: aws.String("0")}}})
	ok("PutRecords", puts, err)
	require.Len(t, puts.Records, 2)
	assert.Equal(t, int32(0), *puts.FailedRecordCount)
	it, err := c.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{StreamName: &name, ShardId: put.ShardId, ShardIteratorType: types.ShardIteratorTypeTrimHorizon})
	ok("GetShardIterator", it, err)
	got, err := c.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: it.ShardIterator})
	ok("GetRecords", got, err)
	require.Len(t, got.Records, 3)
	assert.Equal(t, []byte{0, 1}, got.Records[0].Data)
	assert.Equal(t, *put.SequenceNumber, *got.Records[0].SequenceNumber)
	assert.Equal(t, *puts.Records[1].SequenceNumber, *got.Records[2].SequenceNumber)
	assert.WithinDuration(t, epoch, *got.Records[0].ApproximateArrivalTimestamp, 0)
	assert.Empty(t, got.Records[0].EncryptionType)
	assert.Equal(t, int64(0), *got.MillisBehindLatest)
}

func callTags(t *testing.T, c *kinesis.Client, name, arn string, ok okFunc) {
	ctx := t.Context()
	out, err := c.AddTagsToStream(ctx, &kinesis.AddTagsToStreamInput{StreamName: &name, Tags: map[string]string{"c": "d"}})
	ok("AddTagsToStream", out, err)
	tag, err := c.TagResource(ctx, &kinesis.TagResourceInput{ResourceARN: &arn, Tags: map[string]string{"e": ""}})
	ok("TagResource", tag, err)
	tags, err := c.ListTagsForStream(ctx, &kinesis.ListTagsForStreamInput{StreamName: &name})
	ok("ListTagsForStream", tags, err)
	assert.Equal(t, []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}, {Key: aws.String("c"), Value: aws.String("d")},
		{Key: aws.String("e"), Value: aws.String("")}}, tags.Tags)
	removed, err := c.RemoveTagsFromStream(ctx, &kinesis.RemoveTagsFromStreamInput{StreamName: &name, TagKeys: []string{"a"}})
	ok("RemoveTagsFromStream", removed, err)
	untag, err := c.UntagResource(ctx, &kinesis.UntagResourceInput{ResourceARN: &arn, TagKeys: []string{"c"}})
	ok("UntagResource", untag, err)
	left, err := c.ListTagsForResource(ctx, &kinesis.ListTagsForResourceInput{ResourceARN: &arn})
	ok("ListTagsForResource", left, err)
	assert.Len(t, left.Tags, 1)
	policy, err := c.PutResourcePolicy(ctx, &kinesis.PutResourcePolicyInput{ResourceARN: &arn, Policy: aws.String(`{"Version":"2012-10-17","Statement":[]}`)})
	ok("PutResourcePolicy", policy, err)
	read, err := c.GetResourcePolicy(ctx, &kinesis.GetResourcePolicyInput{ResourceARN: &arn})
	ok("GetResourcePolicy", read, err)
	assert.JSONEq(t, `{"Version":"2012-10-17","Statement":[]}`, *read.Policy)
	gone, err := c.DeleteResourcePolicy(ctx, &kinesis.DeleteResourcePolicyInput{ResourceARN: &arn})
	ok("DeleteResourcePolicy", gone, err)
}

func callSettings(t *testing.T, s *server, c *kinesis.Client, name, arn string, ok okFunc) {
	ctx := t.Context()
	more, err := c.IncreaseStreamRetentionPeriod(ctx, &kinesis.IncreaseStreamRetentionPeriodInput{StreamName: &name, RetentionPeriodHours: aws.Int32(48)})
	ok("IncreaseStreamRetentionPeriod", more, err)
	less, err := c.DecreaseStreamRetentionPeriod(ctx, &kinesis.DecreaseStreamRetentionPeriodInput{StreamName: &name, RetentionPeriodHours: aws.Int32(24)})
	ok("DecreaseStreamRetentionPeriod", less, err)
	on, err := c.EnableEnhancedMonitoring(ctx, &kinesis.EnableEnhancedMonitoringInput{StreamName: &name, ShardLevelMetrics: []types.MetricsName{types.MetricsNameAll}})
	ok("EnableEnhancedMonitoring", on, err)
	assert.Len(t, on.DesiredShardLevelMetrics, 7)
	off, err := c.DisableEnhancedMonitoring(ctx, &kinesis.DisableEnhancedMonitoringInput{StreamName: &name, ShardLevelMetrics: []types.MetricsName{types.MetricsNameAll}})
	ok("DisableEnhancedMonitoring", off, err)
	start, err := c.StartStreamEncryption(ctx, &kinesis.StartStreamEncryptionInput{StreamName: &name, EncryptionType: types.EncryptionTypeKms, KeyId: aws.String("alias/aws/kinesis")})
	ok("StartStreamEncryption", start, err)
	put, err := c.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: &name, PartitionKey: aws.String("a"), Data: []byte{}})
	ok("PutRecord", put, err)
	assert.Equal(t, types.EncryptionTypeKms, put.EncryptionType)
	stop, err := c.StopStreamEncryption(ctx, &kinesis.StopStreamEncryptionInput{StreamName: &name, EncryptionType: types.EncryptionTypeKms, KeyId: aws.String("alias/aws/kinesis")})
	ok("StopStreamEncryption", stop, err)
	size, err := c.UpdateMaxRecordSize(ctx, &kinesis.UpdateMaxRecordSizeInput{StreamARN: &arn, MaxRecordSizeInKiB: aws.Int32(10240)})
	ok("UpdateMaxRecordSize", size, err)

	commit, err := c.UpdateAccountSettings(ctx, &kinesis.UpdateAccountSettingsInput{MinimumThroughputBillingCommitment: &types.MinimumThroughputBillingCommitmentInput{
		Status: types.MinimumThroughputBillingCommitmentInputStatusEnabled}})
	ok("UpdateAccountSettings", commit, err)
	assert.Equal(t, types.MinimumThroughputBillingCommitmentOutputStatusEnabled, commit.MinimumThroughputBillingCommitment.Status)
	mode, err := c.UpdateStreamMode(ctx, &kinesis.UpdateStreamModeInput{StreamARN: &arn, StreamModeDetails: &types.StreamModeDetails{StreamMode: types.StreamModeOnDemand}})
	ok("UpdateStreamMode", mode, err)
	warm, err := c.UpdateStreamWarmThroughput(ctx, &kinesis.UpdateStreamWarmThroughputInput{StreamName: &name, WarmThroughputMiBps: aws.Int32(5)})
	ok("UpdateStreamWarmThroughput", warm, err)
	assert.Equal(t, int32(5), *warm.WarmThroughput.TargetMiBps)
	auto, err := c.UpdateStreamRecordDistributionStrategy(ctx, &kinesis.UpdateStreamRecordDistributionStrategyInput{StreamARN: &arn, RecordDistributionStrategy: types.RecordDistributionStrategyAuto})
	ok("UpdateStreamRecordDistributionStrategy", auto, err)
}

func callConsumers(t *testing.T, c *kinesis.Client, arn string, ok okFunc) {
	ctx := t.Context()
	reg, err := c.RegisterStreamConsumer(ctx, &kinesis.RegisterStreamConsumerInput{StreamARN: &arn, ConsumerName: aws.String("c")})
	ok("RegisterStreamConsumer", reg, err)
	one, err := c.DescribeStreamConsumer(ctx, &kinesis.DescribeStreamConsumerInput{ConsumerARN: reg.Consumer.ConsumerARN})
	ok("DescribeStreamConsumer", one, err)
	assert.Equal(t, arn, *one.ConsumerDescription.StreamARN)
	all, err := c.ListStreamConsumers(ctx, &kinesis.ListStreamConsumersInput{StreamARN: &arn})
	ok("ListStreamConsumers", all, err)
	assert.Len(t, all.Consumers, 1)
	sub, err := c.SubscribeToShard(ctx, &kinesis.SubscribeToShardInput{ConsumerARN: reg.Consumer.ConsumerARN, ShardId: aws.String("shardId-000000000000"),
		StartingPosition: &types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon}})
	ok("SubscribeToShard", sub, err)
	event := (<-sub.GetStream().Events()).(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent).Value
	require.NotEmpty(t, event.Records)
	assert.Equal(t, []byte{0, 1}, event.Records[0].Data)
	assert.Nil(t, event.ChildShards)
	assert.NotEmpty(t, *event.ContinuationSequenceNumber)
	require.NoError(t, sub.GetStream().Close())
	dereg, err := c.DeregisterStreamConsumer(ctx, &kinesis.DeregisterStreamConsumerInput{StreamARN: &arn, ConsumerName: aws.String("c")})
	ok("DeregisterStreamConsumer", dereg, err)
}

func callShards(t *testing.T, c *kinesis.Client, name string, ok okFunc) {
	ctx := t.Context()
	name += "-shards"
	_, err := c.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: &name, ShardCount: aws.Int32(2)})
	require.NoError(t, err)
	split, err := c.SplitShard(ctx, &kinesis.SplitShardInput{StreamName: &name, ShardToSplit: aws.String("shardId-000000000000"), NewStartingHashKey: aws.String("1000")})
	ok("SplitShard", split, err)
	merge, err := c.MergeShards(ctx, &kinesis.MergeShardsInput{StreamName: &name, ShardToMerge: aws.String("shardId-000000000003"), AdjacentShardToMerge: aws.String("shardId-000000000001")})
	ok("MergeShards", merge, err)
	count, err := c.UpdateShardCount(ctx, &kinesis.UpdateShardCountInput{StreamName: &name, TargetShardCount: aws.Int32(4), ScalingType: types.ScalingTypeUniformScaling})
	ok("UpdateShardCount", count, err)
	assert.Equal(t, int32(2), *count.CurrentShardCount)
	shards, err := c.ListShards(ctx, &kinesis.ListShardsInput{StreamName: &name, ShardFilter: &types.ShardFilter{Type: types.ShardFilterTypeAtLatest}})
	ok("ListShards", shards, err)
	assert.Len(t, shards.Shards, 4)
	assert.Nil(t, shards.Shards[0].SequenceNumberRange.EndingSequenceNumber)
}

func callChannels(t *testing.T, c *kinesis.Client, name, arn string, ok okFunc) {
	ctx := t.Context()
	made, err := c.CreateChannel(ctx, &kinesis.CreateChannelInput{
		ChannelName: &name, ServiceExecutionRoleARN: aws.String("arn:aws:iam::123456789012:role/r"),
		StreamConfigurationList: []types.ChannelStreamConfiguration{{StreamARN: &arn, RecordConfiguration: &types.RecordConfiguration{RecordFormatType: types.RecordFormatTypeJson}}},
		S3DestinationConfiguration: &types.S3DestinationConfiguration{StorageConfiguration: &types.S3StorageConfiguration{
			BucketARN: aws.String("arn:aws:s3:::bucket"), ExpectedBucketOwner: aws.String(testAccount), CompressionType: types.S3CompressionTypeNone}},
	})
	ok("CreateChannel", made, err)
	channel := made.ChannelDescription.ChannelARN
	got, err := c.DescribeChannel(ctx, &kinesis.DescribeChannelInput{ChannelARN: channel})
	ok("DescribeChannel", got, err)
	assert.Equal(t, name, *got.ChannelDescription.ChannelName)
	changed, err := c.UpdateChannel(ctx, &kinesis.UpdateChannelInput{ChannelARN: channel,
		S3DestinationConfiguration: &types.S3DestinationUpdateInput{DataFreshnessInSeconds: aws.Int32(600)}})
	ok("UpdateChannel", changed, err)
	list, err := c.ListChannels(ctx, &kinesis.ListChannelsInput{})
	ok("ListChannels", list, err)
	assert.NotEmpty(t, list.ChannelSummaries)
	gone, err := c.DeleteChannel(ctx, &kinesis.DeleteChannelInput{ChannelARN: channel})
	ok("DeleteChannel", gone, err)
}

func callAccount(t *testing.T, c *kinesis.Client, ok okFunc) {
	limits, err := c.DescribeLimits(t.Context(), &kinesis.DescribeLimitsInput{})
	ok("DescribeLimits", limits, err)
	assert.Equal(t, int32(20000), *limits.ShardLimit)
	settings, err := c.DescribeAccountSettings(t.Context(), &kinesis.DescribeAccountSettingsInput{})
	ok("DescribeAccountSettings", settings, err)
}

// The client's typed errors.
func TestSDK_errors(t *testing.T) {
	accounts := account.Instant()
	accounts.Stream.Limits.WriteRecordsPerSecond = 1
	s := newServerOf(t, accounts).withStream()
	client, url := s.client(wires[0], s.listen())
	c := newSDK(client, url)
	ctx := t.Context()
	for _, row := range []struct {
		name string
		call func() error
		as   any
		text string
	}{
		{"ResourceNotFoundException", func() error {
			_, err := c.DescribeStream(ctx, &kinesis.DescribeStreamInput{StreamName: aws.String("x")})
			return err
		}, new(*types.ResourceNotFoundException), "Stream x under account 123456789012 not found."},
		{"ResourceInUseException", func() error {
			_, err := c.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: aws.String("s"), ShardCount: aws.Int32(1)})
			return err
		}, new(*types.ResourceInUseException), "Stream s under account 123456789012 already exists."},
		{"InvalidArgumentException", func() error {
			_, err := c.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: aws.String("x")})
			return err
		}, new(*types.InvalidArgumentException), "Invalid ShardIterator."},
		{"ValidationException", func() error {
			_, err := c.DescribeStream(ctx, &kinesis.DescribeStreamInput{StreamName: aws.String("s"), Limit: aws.Int32(0)})
			return err
		}, new(*types.ValidationException), one("0", "limit", atLeast(1))},
		{"LimitExceededException", func() error {
			_, err := c.UpdateShardCount(ctx, &kinesis.UpdateShardCountInput{StreamName: aws.String("s"), TargetShardCount: aws.Int32(7), ScalingType: types.ScalingTypeUniformScaling})
			return err
		}, new(*types.LimitExceededException), "over double"},
		{"ProvisionedThroughputExceededException", func() error {
			_, err1 := c.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: aws.String("s"), PartitionKey: aws.String("a"), Data: []byte{}})
			_, err2 := c.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: aws.String("s"), PartitionKey: aws.String("a"), Data: []byte{}})
			return errors.Join(err1, err2)
		}, new(*types.ProvisionedThroughputExceededException), "Rate exceeded for shard shardId-000000000000 in stream s under account 123456789012."},
		{"ExpiredIteratorException", func() error {
			it, err := c.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{StreamName: aws.String("s"), ShardId: aws.String("0"), ShardIteratorType: types.ShardIteratorTypeLatest})
			require.NoError(t, err)
			s.clock.Advance(301 * time.Second)
			_, err = c.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: it.ShardIterator})
			return err
		}, new(*types.ExpiredIteratorException), "tolerated delay of 300000 milliseconds"},
	} {
		t.Run(row.name, func(t *testing.T) {
			err := row.call()
			require.Error(t, err)
			assert.ErrorAs(t, err, row.as)
			assert.Contains(t, err.Error(), row.text)
			assert.Contains(t, err.Error(), "RequestID: ")
		})
	}
}

func TestSDK_paginators(t *testing.T) {
	s := newServer(t)
	client, url := s.client(wires[0], s.listen())
	c := newSDK(client, url)
	for i := range 3 {
		s.must("CreateStream", fmt.Sprintf(`{"StreamName":"s%d","ShardCount":3}`, i))
		s.must("RegisterStreamConsumer", fmt.Sprintf(`{"StreamARN":"arn:aws:kinesis:us-east-1:123456789012:stream/s0","ConsumerName":"c%d"}`, i))
	}
	var names []string
	for p := kinesis.NewListStreamsPaginator(c, &kinesis.ListStreamsInput{Limit: aws.Int32(1)}); p.HasMorePages(); {
		page, err := p.NextPage(t.Context())
		require.NoError(t, err)
		names = append(names, page.StreamNames...)
	}
	assert.Equal(t, []string{"s0", "s1", "s2"}, names)
	shards := 0
	for p := kinesis.NewDescribeStreamPaginator(c, &kinesis.DescribeStreamInput{StreamName: &names[0], Limit: aws.Int32(2)}); p.HasMorePages(); {
		page, err := p.NextPage(t.Context())
		require.NoError(t, err)
		shards += len(page.StreamDescription.Shards)
	}
	assert.Equal(t, 3, shards)
	consumers := 0
	for p := kinesis.NewListStreamConsumersPaginator(c, &kinesis.ListStreamConsumersInput{
		StreamARN: aws.String("arn:aws:kinesis:us-east-1:123456789012:stream/s0"), MaxResults: aws.Int32(2)}); p.HasMorePages(); {
		page, err := p.NextPage(t.Context())
		require.NoError(t, err)
		consumers += len(page.Consumers)
	}
	assert.Equal(t, 3, consumers)
}

// A 500 has the __type that the service sends, which the client has no type
// for; it knows it for a fault of the server and tries again.
func TestSDK_internalFailure(t *testing.T) {
	s := newServer(t).withStream()
	client, url := s.client(wires[0], s.listen())
	c := newSDK(client, url, func(o *kinesis.Options) {
		o.RetryMaxAttempts = 3
		o.Retryer = retry.NewStandard(func(o *retry.StandardOptions) {
			o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
		})
	})
	_, err := c.GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{StreamName: aws.String("s"), ShardId: aws.String("0"),
		ShardIteratorType: types.ShardIteratorTypeAtSequenceNumber, StartingSequenceNumber: aws.String("0")})
	var failed smithy.APIError
	require.ErrorAs(t, err, &failed)
	assert.Equal(t, "InternalFailure", failed.ErrorCode())
	var response *awshttp.ResponseError
	require.ErrorAs(t, err, &response)
	assert.Equal(t, http.StatusInternalServerError, response.HTTPStatusCode())
	var tried *retry.MaxAttemptsError
	require.ErrorAs(t, err, &tried)
	assert.Equal(t, 3, tried.Attempt)
}

package clients_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPaginators(t *testing.T) {
	over(t, "check", "Paginator: DescribeStream", func(t *testing.T, s *session) {
		st := s.stream(t, 5)
		pages := kinesis.NewDescribeStreamPaginator(s.Client, &kinesis.DescribeStreamInput{StreamName: &st.name, Limit: aws.Int32(2)})
		n := 0
		for pages.HasMorePages() {
			out, err := pages.NextPage(s.ctx)
			require.NoError(t, err)
			n += len(out.StreamDescription.Shards)
		}
		assert.Equal(t, 5, n)
	})
	over(t, "check", "Paginator: ListStreams", func(t *testing.T, s *session) {
		for range 5 {
			s.stream(t, 1)
		}
		pages := kinesis.NewListStreamsPaginator(s.Client, &kinesis.ListStreamsInput{Limit: aws.Int32(2)})
		names := map[string]bool{}
		for pages.HasMorePages() {
			out, err := pages.NextPage(s.ctx)
			require.NoError(t, err)
			for _, name := range out.StreamNames {
				names[name] = true
			}
		}
		assert.Len(t, names, 5)
	})
	over(t, "check", "Paginator: ListStreamConsumers", func(t *testing.T, s *session) {
		st := s.stream(t, 1)
		for range 5 {
			st.register()
		}
		pages := kinesis.NewListStreamConsumersPaginator(s.Client, &kinesis.ListStreamConsumersInput{StreamARN: &st.arn, MaxResults: aws.Int32(2)})
		n := 0
		for pages.HasMorePages() {
			out, err := pages.NextPage(s.ctx)
			require.NoError(t, err)
			n += len(out.Consumers)
		}
		assert.Equal(t, 5, n)
	})
	over(t, "check", "Paginator: ListChannels", func(t *testing.T, s *session) {
		for range 3 {
			s.channel(t)
		}
		pages := kinesis.NewListChannelsPaginator(s.Client, &kinesis.ListChannelsInput{MaxResults: aws.Int32(2)})
		n := 0
		for pages.HasMorePages() {
			out, err := pages.NextPage(s.ctx)
			require.NoError(t, err)
			n += len(out.ChannelSummaries)
		}
		assert.Equal(t, 3, n)
	})
}

func TestWaiters(t *testing.T) {
	over(t, "check", "Waiters: StreamExists and StreamNotExists", func(t *testing.T, s *session) {
		c := s.in(paced)
		name := aws.String("waited-for")
		_, err := c.CreateStream(s.ctx, &kinesis.CreateStreamInput{StreamName: name, ShardCount: aws.Int32(1)})
		require.NoError(t, err)
		in := &kinesis.DescribeStreamInput{StreamName: name}
		out, err := c.DescribeStream(s.ctx, in)
		require.NoError(t, err)
		assert.Equal(t, types.StreamStatusCreating, out.StreamDescription.StreamStatus)
		assert.Empty(t, out.StreamDescription.Shards)
		err = kinesis.NewStreamExistsWaiter(c, func(o *kinesis.StreamExistsWaiterOptions) {
			o.MinDelay, o.MaxDelay = 100*time.Millisecond, 200*time.Millisecond
		}).Wait(s.ctx, in, time.Minute)
		require.NoError(t, err)
		_, err = c.DeleteStream(s.ctx, &kinesis.DeleteStreamInput{StreamName: name})
		require.NoError(t, err)
		err = kinesis.NewStreamNotExistsWaiter(c, func(o *kinesis.StreamNotExistsWaiterOptions) {
			o.MinDelay, o.MaxDelay = 100*time.Millisecond, 200*time.Millisecond
		}).Wait(s.ctx, in, time.Minute)
		require.NoError(t, err)
	})
	over(t, "check", "Waiter: ChannelActive", func(t *testing.T, s *session) {
		s.Client = s.in(paced)
		arn := "arn:aws:kinesis:us-west-2:" + s.account + ":stream/delivered"
		_, err := s.CreateStream(s.ctx, &kinesis.CreateStreamInput{StreamName: aws.String("delivered"),
			StreamModeDetails: &types.StreamModeDetails{StreamMode: types.StreamModeOnDemand}})
		require.NoError(t, err)
		err = kinesis.NewStreamExistsWaiter(s.Client, func(o *kinesis.StreamExistsWaiterOptions) {
			o.MinDelay, o.MaxDelay = 100*time.Millisecond, 200*time.Millisecond
		}).Wait(s.ctx, &kinesis.DescribeStreamInput{StreamName: aws.String("delivered")}, time.Minute)
		require.NoError(t, err)
		out, err := s.CreateChannel(s.ctx, toBucket(s.account, "delivered", arn))
		require.NoError(t, err)
		assert.Equal(t, types.ChannelStatusCreating, out.ChannelDescription.ChannelStatus)
		err = kinesis.NewChannelActiveWaiter(s.Client, func(o *kinesis.ChannelActiveWaiterOptions) {
			o.MinDelay, o.MaxDelay = 100*time.Millisecond, 200*time.Millisecond
		}).Wait(s.ctx, &kinesis.DescribeChannelInput{ChannelARN: out.ChannelDescription.ChannelARN}, time.Minute)
		require.NoError(t, err)
	})
}

// as reports whether err is a T with a message, and returns it.
func as[T interface {
	error
	ErrorMessage() string
}](t *testing.T, err error) T {
	t.Helper()
	var typed T
	if assert.ErrorAs(t, err, &typed) {
		assert.NotEmpty(t, typed.ErrorMessage())
	}
	return typed
}

func TestTypedErrors(t *testing.T) {
	over(t, "check", "Typed errors: errors.As and the service's words", func(t *testing.T, s *session) {
		st := s.stream(t, 1)
		_, err := s.DescribeStream(s.ctx, &kinesis.DescribeStreamInput{StreamName: aws.String("none")})
		assert.Equal(t, "Stream none under account "+s.account+" not found.", as[*types.ResourceNotFoundException](t, err).ErrorMessage())

		_, err = s.CreateStream(s.ctx, &kinesis.CreateStreamInput{StreamName: &st.name, ShardCount: aws.Int32(1)})
		assert.Equal(t, "Stream "+st.name+" under account "+s.account+" already exists.", as[*types.ResourceInUseException](t, err).ErrorMessage())

		_, err = s.GetRecords(s.ctx, &kinesis.GetRecordsInput{ShardIterator: aws.String("x")})
		assert.Equal(t, "Invalid ShardIterator.", as[*types.InvalidArgumentException](t, err).ErrorMessage())

		_, err = s.CreateStream(s.ctx, &kinesis.CreateStreamInput{StreamName: aws.String("huge"), ShardCount: aws.Int32(30000)})
		as[*types.LimitExceededException](t, err)

		_, err = s.CreateStream(s.ctx, &kinesis.CreateStreamInput{StreamName: aws.String("a/b"), ShardCount: aws.Int32(0)})
		assert.Equal(t, "2 validation errors detected: Value '0' at 'shardCount' failed to satisfy constraint: "+
			"Member must have value greater than or equal to 1; Value 'a/b' at 'streamName' failed to satisfy constraint: "+
			"Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+", as[*types.ValidationException](t, err).ErrorMessage())

		_, err = s.PutRecord(s.ctx, &kinesis.PutRecordInput{StreamName: &st.name, PartitionKey: aws.String("k"), Data: []byte("x"), DryRun: aws.Bool(true)})
		as[*types.DryRunOperationException](t, err)
		assert.Empty(t, st.read(st.iterator(trimHorizon)), "a dry run stores nothing")

		var api smithy.APIError
		require.ErrorAs(t, err, &api)
		assert.Equal(t, smithy.FaultClient, api.ErrorFault())
		var response *awshttp.ResponseError
		require.ErrorAs(t, err, &response)
		assert.Equal(t, 400, response.HTTPStatusCode())
		assert.NotEmpty(t, response.ServiceRequestID())
		assert.NotEmpty(t, response.Response.Header.Get("X-Amz-Id-2"))
		assert.Equal(t, s.transport.major, response.Response.ProtoMajor, "the version of HTTP")
	})
	over(t, "check", "Typed errors: a stream or consumer that is not ACTIVE", func(t *testing.T, s *session) {
		c := s.in(paced)
		name := aws.String("slow")
		_, err := c.CreateStream(s.ctx, &kinesis.CreateStreamInput{StreamName: name, ShardCount: aws.Int32(1)})
		require.NoError(t, err)
		_, err = c.PutRecord(s.ctx, &kinesis.PutRecordInput{StreamName: name, PartitionKey: aws.String("k"), Data: []byte("x")})
		as[*types.ResourceNotFoundException](t, err)
		_, err = c.SplitShard(s.ctx, &kinesis.SplitShardInput{StreamName: name, ShardToSplit: aws.String(shard0), NewStartingHashKey: aws.String("5")})
		assert.Equal(t, "Stream slow under account "+s.account+" not ACTIVE, instead in state CREATING",
			as[*types.ResourceInUseException](t, err).ErrorMessage())
		require.NoError(t, kinesis.NewStreamExistsWaiter(c, func(o *kinesis.StreamExistsWaiterOptions) {
			o.MinDelay, o.MaxDelay = 100*time.Millisecond, 200*time.Millisecond
		}).Wait(s.ctx, &kinesis.DescribeStreamInput{StreamName: name}, time.Minute))
		out, err := c.RegisterStreamConsumer(s.ctx, &kinesis.RegisterStreamConsumerInput{ConsumerName: aws.String("c"),
			StreamARN: aws.String("arn:aws:kinesis:us-west-2:" + s.account + ":stream/slow")})
		require.NoError(t, err)
		assert.Equal(t, types.ConsumerStatusCreating, out.Consumer.ConsumerStatus)
		_, err = subscribe(s.ctx, c, out.Consumer.ConsumerARN, shard0, fromHorizon)
		as[*types.ResourceInUseException](t, err)
	})
	over(t, "check", "Typed errors: expired iterators and tokens", func(t *testing.T, s *session) {
		c := s.in(hasty)
		name := aws.String("old")
		_, err := c.CreateStream(s.ctx, &kinesis.CreateStreamInput{StreamName: name, ShardCount: aws.Int32(2)})
		require.NoError(t, err)
		it, err := c.GetShardIterator(s.ctx, &kinesis.GetShardIteratorInput{StreamName: name, ShardId: aws.String(shard0),
			ShardIteratorType: types.ShardIteratorTypeTrimHorizon})
		require.NoError(t, err)
		list, err := c.ListShards(s.ctx, &kinesis.ListShardsInput{StreamName: name, MaxResults: aws.Int32(1)})
		require.NoError(t, err)
		time.Sleep(3100 * time.Millisecond) // 310 s of the server's
		_, err = c.GetRecords(s.ctx, &kinesis.GetRecordsInput{ShardIterator: it.ShardIterator})
		assert.Contains(t, as[*types.ExpiredIteratorException](t, err).ErrorMessage(), "Iterator expired.")
		_, err = c.ListShards(s.ctx, &kinesis.ListShardsInput{NextToken: list.NextToken})
		as[*types.ExpiredNextTokenException](t, err)
	})
	over(t, "check", "Typed errors: throttled writes, reads and calls", func(t *testing.T, s *session) {
		c := s.in(limited)
		name := aws.String("busy")
		_, err := c.CreateStream(s.ctx, &kinesis.CreateStreamInput{StreamName: name, ShardCount: aws.Int32(1)})
		require.NoError(t, err)
		large := make([]byte, 900<<10)
		put := &kinesis.PutRecordInput{StreamName: name, PartitionKey: aws.String("k"), Data: large}
		err = untilRefused(func() (err error) { _, err = c.PutRecord(s.ctx, put); return err })
		assert.Equal(t, "Rate exceeded for shard "+shard0+" in stream busy under account "+s.account+".",
			as[*types.ProvisionedThroughputExceededException](t, err).ErrorMessage())
		it, err := c.GetShardIterator(s.ctx, &kinesis.GetShardIteratorInput{StreamName: name, ShardId: aws.String(shard0),
			ShardIteratorType: types.ShardIteratorTypeLatest})
		require.NoError(t, err)
		as[*types.ProvisionedThroughputExceededException](t, untilRefused(func() (err error) {
			_, err = c.GetRecords(s.ctx, &kinesis.GetRecordsInput{ShardIterator: it.ShardIterator})
			return err
		}))
		as[*types.LimitExceededException](t, untilRefused(func() (err error) {
			_, err = c.DescribeLimits(s.ctx, &kinesis.DescribeLimitsInput{})
			return err
		}))
	})
}

// untilRefused calls until that fails. A machine that is slow just then may stay below
// any limit for a while, so it has half a minute.
func untilRefused(call func() error) error {
	var err error
	for end := time.Now().Add(30 * time.Second); err == nil && time.Now().Before(end); {
		err = call()
	}
	return err
}

func TestPartialFailure(t *testing.T) {
	over(t, "check", "PutRecords: partial failure of a throttled shard", func(t *testing.T, s *session) {
		c := s.in(limited)
		name := aws.String("partly")
		_, err := c.CreateStream(s.ctx, &kinesis.CreateStreamInput{StreamName: name, ShardCount: aws.Int32(2)})
		require.NoError(t, err)
		entries := batch(4)
		for i := range entries {
			entries[i].Data = make([]byte, 700<<10)
			entries[i].ExplicitHashKey = aws.String("0")
		}
		entries[3].ExplicitHashKey = aws.String("340282366920938463463374607431768211455")
		out, err := c.PutRecords(s.ctx, &kinesis.PutRecordsInput{StreamName: name, Records: entries})
		require.NoError(t, err)
		failed := 0
		for _, r := range out.Records {
			if r.ErrorCode == nil {
				assert.NotNil(t, r.SequenceNumber)
				continue
			}
			failed++
			assert.Equal(t, "ProvisionedThroughputExceededException", *r.ErrorCode)
			assert.Equal(t, "Rate exceeded for shard "+shard0+" in stream partly under account "+s.account+".", *r.ErrorMessage)
			assert.Nil(t, r.ShardId)
			assert.Nil(t, r.SequenceNumber)
		}
		assert.EqualValues(t, failed, *out.FailedRecordCount)
		assert.Positive(t, failed)
		assert.Nil(t, out.Records[3].ErrorCode, "the other shard takes its record")
	})
}

func TestRetries(t *testing.T) {
	over(t, "check", "Retries: the standard retryer outlasts throttling", func(t *testing.T, s *session) {
		c := s.in(limited, func(o *kinesis.Options) {
			o.Retryer = retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts = 10 })
		})
		name := aws.String("retried")
		_, err := c.CreateStream(s.ctx, &kinesis.CreateStreamInput{StreamName: name, ShardCount: aws.Int32(1)})
		require.NoError(t, err)
		for range 4 {
			_, err = c.PutRecord(s.ctx, &kinesis.PutRecordInput{StreamName: name, PartitionKey: aws.String("k"), Data: make([]byte, 900<<10)})
			require.NoError(t, err)
		}
	})
}

func TestReading(t *testing.T) {
	over(t, "check", "GetRecords: every record once, in order, through a split and a merge", func(t *testing.T, s *session) {
		st := s.stream(t, 1)
		var want []string
		put := func(n int) {
			for range n {
				text := fmt.Sprint(len(want))
				st.put("one key", text)
				want = append(want, text)
			}
		}
		put(20)
		st.split(shard0)
		put(20)
		_, err := s.MergeShards(s.ctx, &kinesis.MergeShardsInput{StreamName: &st.name,
			ShardToMerge: aws.String(shard1), AdjacentShardToMerge: aws.String(shard2)})
		require.NoError(t, err)
		put(20)
		var got []string
		for queue := []string{shard0}; len(queue) > 0; queue = queue[1:] {
			next := st.iterator(kinesis.GetShardIteratorInput{ShardId: &queue[0], ShardIteratorType: types.ShardIteratorTypeTrimHorizon})
			for {
				out, err := s.GetRecords(s.ctx, &kinesis.GetRecordsInput{ShardIterator: next, Limit: aws.Int32(7)})
				require.NoError(t, err)
				got = append(got, texts(out.Records)...)
				if next = out.NextShardIterator; next == nil {
					for _, child := range out.ChildShards {
						if len(child.ParentShards) == 1 || queue[0] == child.ParentShards[1] {
							queue = append(queue, *child.ShardId)
						}
					}
					break
				}
				if len(out.Records) == 0 && len(got) == len(want) {
					break
				}
			}
		}
		assert.Equal(t, want, got)
	})
	over(t, "check", "GetRecords: a page of at most 10 MiB", func(t *testing.T, s *session) {
		st := s.stream(t, 1)
		for range 12 {
			st.put("k", strings.Repeat("x", 1<<20-1))
		}
		next, n := st.iterator(trimHorizon), 0
		for n < 12 {
			out, err := s.GetRecords(s.ctx, &kinesis.GetRecordsInput{ShardIterator: next})
			require.NoError(t, err)
			assert.LessOrEqual(t, len(out.Records), 10)
			n += len(out.Records)
			next = out.NextShardIterator
		}
		assert.Equal(t, 12, n)
	})
}

func TestAccounts(t *testing.T) {
	over(t, "check", "Accounts and regions are apart, foreign ARNs are refused", func(t *testing.T, s *session) {
		st := s.stream(t, 1)
		out, err := s.in("sa-east-1").ListStreams(s.ctx, &kinesis.ListStreamsInput{})
		require.NoError(t, err)
		assert.Empty(t, out.StreamNames)
		other := *s
		other.account = "777777777777"
		_, err = other.in(instant).DescribeStreamSummary(s.ctx, &kinesis.DescribeStreamSummaryInput{StreamARN: &st.arn})
		assert.Error(t, err)
	})
}

// signed returns a client of the endpoint that checks signatures.
func (s *session) signed(secret string) *kinesis.Client {
	return s.in(instant, func(o *kinesis.Options) {
		o.BaseEndpoint = aws.String(os.Getenv(s.transport.signed))
		o.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: os.Getenv("WEIR_SIGNED_KEY"), SecretAccessKey: secret}, nil
		})
	})
}

func TestSignatures(t *testing.T) {
	over(t, "check", "SigV4: right signatures pass, others do not", func(t *testing.T, s *session) {
		c := s.signed(os.Getenv("WEIR_SIGNED_SECRET"))
		name := aws.String(fmt.Sprintf("signed-%d", streams.Add(1)))
		_, err := c.CreateStream(s.ctx, &kinesis.CreateStreamInput{StreamName: name, ShardCount: aws.Int32(1)})
		require.NoError(t, err)
		out, err := c.DescribeStreamSummary(s.ctx, &kinesis.DescribeStreamSummaryInput{StreamName: name})
		require.NoError(t, err)
		assert.Contains(t, *out.StreamDescriptionSummary.StreamARN, os.Getenv("WEIR_SIGNED_ACCOUNT"))

		_, err = s.signed("wrong").ListStreams(s.ctx, &kinesis.ListStreamsInput{})
		var api smithy.APIError
		require.ErrorAs(t, err, &api)
		assert.Equal(t, "InvalidSignatureException", api.ErrorCode())
		_, err = c.ListStreams(s.ctx, &kinesis.ListStreamsInput{}, unsigned)
		require.ErrorAs(t, err, &api)
		assert.Equal(t, "MissingAuthenticationTokenException", api.ErrorCode())
	})
}

// unsigned drops the signature of a request.
func unsigned(o *kinesis.Options) {
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		return stack.Finalize.Add(middleware.FinalizeMiddlewareFunc("Unsigned",
			func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
				in.Request.(*smithyhttp.Request).Header.Del("Authorization")
				return next.HandleFinalize(ctx, in)
			}), middleware.After)
	})
}

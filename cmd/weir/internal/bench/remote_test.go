package bench_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/account"
	"github.com/weirstream/weir/aws/kinesisserver"
	"github.com/weirstream/weir/cmd/weir/internal/bench"
	"github.com/weirstream/weir/workload"
)

func noEnv(string) string { return "" }

// endpoint returns a client of a server on loopback.
func endpoint(t *testing.T) *kinesis.Client {
	t.Helper()
	accounts := kinesisserver.NewRegistry(kinesisserver.RegistryConfig{
		Open: func(id, region string) (*account.Account, error) {
			c := account.Instant()
			c.Stream = weir.Config{} // with the service's limits
			c.ID, c.Region = id, region
			return account.New(c)
		},
	})
	server, err := kinesisserver.New(kinesisserver.Config{Accounts: accounts})
	require.NoError(t, err)
	listening := httptest.NewServer(server.Handler())
	t.Cleanup(listening.Close)
	client, err := bench.NewClient(t.Context(), bench.ClientConfig{
		Endpoint: listening.URL, Region: "us-east-1", Connections: 8, Getenv: noEnv,
	})
	require.NoError(t, err)
	return client
}

// A failing target fails every other call as the SDK says it.
type failing struct {
	bench.Target
	calls int
}

func (f *failing) PutRecord(ctx context.Context, key string, data []byte) (weir.Placed, error) {
	if f.calls++; f.calls%2 == 1 {
		return f.Target.PutRecord(ctx, key, data)
	}
	return weir.Placed{}, fmt.Errorf("put a record: %w", &awshttp.ResponseError{
		RequestID: fmt.Sprint("request-", f.calls),
		ResponseError: &smithyhttp.ResponseError{
			Response: &smithyhttp.Response{Response: &http.Response{StatusCode: http.StatusInternalServerError}},
			Err:      errors.New("api error InternalFailure"),
		},
	})
}

// What differs by the request's id only is one error.
func TestRun_countsErrorsOfRequestsTogether(t *testing.T) {
	w := steady(10)
	res := run(t, w, func(c *bench.Config) { c.Target = &failing{Target: embedded(t, w, weir.Unlimited())} })
	assert.Equal(t, []bench.Failure{
		{Error: "put a record: https response error StatusCode: 500, api error InternalFailure", Count: 25},
	}, res.Failures)
}

// brief is 200 records in a fifth of a second.
func brief() workload.Workload {
	return workload.Workload{
		Duration:  workload.Duration(200 * time.Millisecond),
		Stream:    workload.Stream{Shards: 2},
		Traffic:   []workload.Traffic{{Rate: workload.Rate{Constant: 1000}, Sizes: workload.Sizes{Fixed: 100}}},
		Producers: workload.Producers{Count: 2},
	}
}

// A splitting target has what is put after the first hundred records wait for
// the split that the workload asks for: on a busy machine the run would be over
// before it.
type splitting struct {
	bench.Target
	records atomic.Int64
	split   chan struct{}
}

func (s *splitting) wait(n int) {
	if s.records.Add(int64(n)) > 100 {
		<-s.split
	}
}

func (s *splitting) PutRecord(ctx context.Context, key string, data []byte) (weir.Placed, error) {
	s.wait(1)
	return s.Target.PutRecord(ctx, key, data)
}

func (s *splitting) PutRecords(ctx context.Context, entries []weir.Entry) ([]weir.PutResult, error) {
	s.wait(len(entries))
	return s.Target.PutRecords(ctx, entries)
}

func (s *splitting) SplitShard(ctx context.Context, shard weir.ShardID, at weir.HashKey) error {
	defer close(s.split)
	return s.Target.SplitShard(ctx, shard, at)
}

func TestRemote_run(t *testing.T) {
	for name, batch := range map[string]int{"PutRecord": 1, "PutRecords": 50} {
		t.Run(name, func(t *testing.T) {
			client, w := endpoint(t), brief()
			w.Producers.Batch = batch
			w.Consumers = []workload.Consumer{
				{Name: "poller", Poll: workload.Duration(210 * time.Millisecond)}, {Name: "fan-out", FanOut: true, From: "latest"},
			}
			w.Reshards = []workload.Reshard{{At: workload.Duration(100 * time.Millisecond), Split: "shardId-000000000000"}}
			target, err := bench.NewRemote(t.Context(), bench.RemoteConfig{Client: client, Name: "load", Stream: w.Stream})
			require.NoError(t, err)
			res, err := bench.Run(t.Context(), bench.Config{
				Workload: w, Target: &splitting{Target: target, split: make(chan struct{})}, Drain: time.Minute,
			})
			require.NoError(t, err)
			assert.EqualValues(t, 200, res.Records)
			assert.Empty(t, res.Failures)
			require.Len(t, res.Reshards, 1)
			assert.Empty(t, res.Reshards[0].Error)
			assert.Len(t, res.Shards, 4, "the split one, its children, and the other")
			for _, c := range res.Consumers {
				assert.EqualValues(t, 200, c.Records, c.Name)
				assert.EqualValues(t, 200, c.Propagation.Count, c.Name)
			}
			require.NoError(t, target.Close(context.Background()))
			_, err = client.DescribeStreamSummary(t.Context(), &kinesis.DescribeStreamSummaryInput{StreamName: aws.String("load")})
			var gone *types.ResourceNotFoundException
			assert.ErrorAs(t, err, &gone, "what was made is deleted")
		})
	}
}

// A stream that is there already keeps its records and its own consumers, and what
// others put does not count.
func TestRemote_existing(t *testing.T) {
	client, w := endpoint(t), brief()
	name := aws.String("orders")
	_, err := client.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: name, ShardCount: aws.Int32(1)})
	require.NoError(t, err)
	target, err := bench.NewRemote(t.Context(), bench.RemoteConfig{Client: client, Existing: *name})
	require.NoError(t, err)
	for range 7 {
		_, err = client.PutRecord(t.Context(), &kinesis.PutRecordInput{
			StreamName: name, PartitionKey: aws.String("k"), Data: []byte("0123456789abcdefghi"),
		})
		require.NoError(t, err)
	}
	w.Consumers = []workload.Consumer{{FanOut: true}}
	res, err := bench.Run(t.Context(), bench.Config{Workload: w, Target: target, Existing: true, Drain: time.Minute})
	require.NoError(t, err)
	assert.EqualValues(t, 200, res.Records)
	assert.EqualValues(t, 207, res.Consumers[0].Records)
	assert.EqualValues(t, 200, res.Consumers[0].Propagation.Count)
	assert.Zero(t, res.Consumers[0].Unread)

	require.NoError(t, target.Close(context.Background()))
	out, err := client.DescribeStreamSummary(t.Context(), &kinesis.DescribeStreamSummaryInput{StreamName: name})
	require.NoError(t, err)
	assert.Zero(t, aws.ToInt32(out.StreamDescriptionSummary.ConsumerCount), "the bench's consumer is gone")
}

func TestRemote_throttles(t *testing.T) {
	w := workload.Workload{
		Duration:  workload.Duration(time.Millisecond),
		Traffic:   []workload.Traffic{{Rate: workload.Rate{Burst: &workload.Burst{Records: 4500}}, Sizes: workload.Sizes{Fixed: 10}}},
		Consumers: []workload.Consumer{{Count: 3, Poll: workload.Duration(50 * time.Millisecond)}},
	}
	for name, batch := range map[string]int{"PutRecord": 1, "PutRecords": 500} {
		t.Run(name, func(t *testing.T) {
			w.Producers.Batch = batch
			target, err := bench.NewRemote(t.Context(), bench.RemoteConfig{Client: endpoint(t), Name: "load"})
			require.NoError(t, err)
			res, err := bench.Run(t.Context(), bench.Config{Workload: w, Target: target, Drain: time.Minute})
			require.NoError(t, err)
			assert.EqualValues(t, 4500, res.Records+res.GivenUp)
			assert.Equal(t, res.GivenUp, res.Throttled)
			assert.Equal(t, res.Throttled, res.Shards[0].Throttled, "the shard is known from the message")
			for _, c := range res.Consumers {
				assert.Equal(t, res.Records, c.Records)
				assert.Zero(t, c.Propagation.Count, "records of 10 bytes carry no stamp")
			}
			if batch > 1 {
				assert.Positive(t, res.Throttled, "4,500 records at once")
				assert.Positive(t, res.Consumers[0].Throttled+res.Consumers[1].Throttled+res.Consumers[2].Throttled,
					"three consumers poll 60 times a second where 5 are allowed")
			}
		})
	}
}

func TestRemote_errors(t *testing.T) {
	client := endpoint(t)
	_, err := bench.NewRemote(t.Context(), bench.RemoteConfig{Client: client, Existing: "nope"})
	assert.ErrorContains(t, err, "stream nope: ")
	assert.ErrorContains(t, err, "ResourceNotFoundException")

	_, err = bench.NewRemote(t.Context(), bench.RemoteConfig{Client: client, Name: "twice"})
	require.NoError(t, err)
	_, err = bench.NewRemote(t.Context(), bench.RemoteConfig{Client: client, Name: "twice"})
	assert.ErrorContains(t, err, "create stream twice: ")
	assert.ErrorContains(t, err, "ResourceInUseException")
}

func TestCheckEndpoint(t *testing.T) {
	for text, want := range map[string]string{
		"http://127.0.0.1:4567": "", "https://localhost": "", "http://[::1]:4567/": "",
		"127.0.0.1:4567": "is no URL such as http://127.0.0.1:4567", "localhost:4567": "is no URL such as", "http://": "is no URL",
		"ftp://x": "is no URL", "http://x/y": "more than a host", "http://u:p@x": "more than a host", "http://x?y": "more than a host",
	} {
		err := bench.CheckEndpoint(text)
		if want == "" {
			assert.NoError(t, err, text)
		} else {
			assert.ErrorContains(t, err, want, text)
		}
	}
}

func TestIsLoopback(t *testing.T) {
	for text, want := range map[string]bool{
		"http://127.0.0.1:4567": true, "http://127.9.9.9": true, "http://[::1]:1": true, "http://localhost:4567": true,
		"http://10.0.0.1": false, "https://kinesis.us-east-1.amazonaws.com": false, "http://localhost.example": false,
		"http://127.0.0.1.example": false, "\x7f": false,
	} {
		assert.Equal(t, want, bench.IsLoopback(text), text)
	}
}

package kinesistest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/account"
	"github.com/weirstream/weir/aws/kinesistest"
)

// everywhere runs a test inside a bubble, outside of one, and on a clock that
// stands still.
func everywhere(t *testing.T, f func(t *testing.T, c kinesistest.Config)) {
	t.Run("bubble", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { f(t, kinesistest.Config{}) })
	})
	t.Run("wall", func(t *testing.T) { f(t, kinesistest.Config{}) })
	t.Run("still", func(t *testing.T) { f(t, kinesistest.Config{Start: time.Unix(1_700_000_000, 0)}) })
}

// put puts a record through the client.
// alike requires that what is told of a run is the same each time.
func alike(t *testing.T, run func() string) {
	t.Helper()
	first := run()
	for range 5 {
		assert.Equal(t, first, run())
	}
}

func put(t *testing.T, c *kinesis.Client, stream, key, data string) *kinesis.PutRecordOutput {
	t.Helper()
	out, err := c.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: &stream, PartitionKey: &key, Data: []byte(data)})
	require.NoError(t, err)
	return out
}

// iterator returns an iterator of a shard.
func iterator(t *testing.T, c *kinesis.Client, stream string, shard int, kind types.ShardIteratorType) *string {
	t.Helper()
	out, err := c.GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{
		StreamName: &stream, ShardId: aws.String(weir.ShardID(shard).String()), ShardIteratorType: kind,
	})
	require.NoError(t, err)
	return out.ShardIterator
}

func data(records []types.Record) []string {
	var list []string
	for _, r := range records {
		list = append(list, string(r.Data))
	}
	return list
}

// subscribe returns the event stream of a consumer on a shard.
func subscribe(t *testing.T, k *kinesistest.Fake, stream, consumer string, shard int) *kinesis.SubscribeToShardEventStream {
	t.Helper()
	// Each has a client of its own: the SDK's resets a buffer, always empty, for each
	// event of all its subscriptions, which is a race that is none of ours.
	own := k.Client(func(*kinesis.Options) {})
	out, err := own.SubscribeToShard(t.Context(), &kinesis.SubscribeToShardInput{
		ConsumerARN: aws.String(k.ConsumerARN(stream, consumer)), ShardId: aws.String(weir.ShardID(shard).String()),
		StartingPosition: &types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon},
	})
	require.NoError(t, err)
	return out.GetStream()
}

// next returns the next event.
func next(t *testing.T, s *kinesis.SubscribeToShardEventStream) *types.SubscribeToShardEvent {
	t.Helper()
	e, ok := <-s.Events()
	require.True(t, ok, "the stream has ended: %v", s.Err())
	return &e.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent).Value
}

// The example that the package was asked for with.
func TestFake_inABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 2))
		client := k.Client()
		for _, key := range []string{"a", "b", "c"} {
			put(t, client, "orders", key, "order of "+key)
		}
		time.Sleep(25 * time.Hour)
		k.Fail("GetRecords").Shard(1).Times(3).With(kinesistest.ExpiredIterator)
		k.Split("orders", 0)
		require.Len(t, k.Records("orders"), 3)
		require.Zero(t, k.Stream("orders").Snapshot().RecordsHeld)
	})
}

func TestFake_putAndGet(t *testing.T) {
	everywhere(t, func(t *testing.T, config kinesistest.Config) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 2), config)
		c := k.Client()
		out := put(t, c, "orders", "a", "one")
		k.Put("orders", "a", "two")
		got, err := c.GetRecords(t.Context(), &kinesis.GetRecordsInput{
			ShardIterator: iterator(t, c, "orders", int(k.Stream("orders").ShardOf("a")), types.ShardIteratorTypeTrimHorizon),
		})
		require.NoError(t, err)
		assert.Equal(t, []string{"one", "two"}, data(got.Records))
		assert.Equal(t, *out.SequenceNumber, k.Records("orders")[0].SequenceNumber.String())
	})
}

func TestFake_retentionPasses(t *testing.T) {
	everywhere(t, func(t *testing.T, config kinesistest.Config) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 1), config)
		c := k.Client()
		put(t, c, "orders", "a", "one")
		at := iterator(t, c, "orders", 0, types.ShardIteratorTypeTrimHorizon)
		k.Advance(25 * time.Hour)
		_, err := c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: at})
		var expired *types.ExpiredIteratorException
		require.ErrorAs(t, err, &expired)
		got, err := c.GetRecords(t.Context(), &kinesis.GetRecordsInput{
			ShardIterator: iterator(t, c, "orders", 0, types.ShardIteratorTypeTrimHorizon),
		})
		require.NoError(t, err)
		assert.Empty(t, got.Records)
		assert.Len(t, k.Records("orders"), 1, "what was put is remembered")
	})
}

func TestFake_subscribe(t *testing.T) {
	everywhere(t, func(t *testing.T, config kinesistest.Config) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 1), config)
		s := subscribe(t, k, "orders", "billing", 0)
		assert.Empty(t, next(t, s).Records)
		put(t, k.Client(), "orders", "a", "one")
		assert.Equal(t, []string{"one"}, data(next(t, s).Records))
		k.Advance(5 * time.Second)
		assert.Empty(t, next(t, s).Records, "five idle seconds")
		k.Split("orders", 0)
		end := next(t, s)
		assert.Nil(t, end.ContinuationSequenceNumber)
		assert.Len(t, end.ChildShards, 2)
		_, ok := <-s.Events()
		assert.False(t, ok)
		require.NoError(t, s.Close())
		require.NoError(t, s.Err())
	})
}

func TestFake_subscriptionLivesFiveMinutes(t *testing.T) {
	everywhere(t, func(t *testing.T, config kinesistest.Config) {
		config.Limits.IdleEventInterval = time.Minute
		k := kinesistest.New(t, config, kinesistest.StreamSpec{Name: "orders", Consumers: []string{"billing"}})
		s := subscribe(t, k, "orders", "billing", 0)
		next(t, s)
		events := 0
		for range 5 {
			k.Advance(time.Minute)
			if _, ok := <-s.Events(); ok {
				events++
			}
		}
		assert.Equal(t, 4, events)
		require.NoError(t, s.Err())
		require.NoError(t, s.Close())
	})
}

// The SDK's back-off takes virtual time, in a bubble and outside.
func TestFake_backOffTakesNoTime(t *testing.T) {
	everywhere(t, func(t *testing.T, config kinesistest.Config) {
		config.Seed = 1
		k := kinesistest.New(t, kinesistest.Stream("orders", 1), config)
		began, really := k.Now(), time.Now()
		for range 50 {
			k.Fail("PutRecord").Times(2).Throttle().Required()
			put(t, k.Client(), "orders", "a", "one")
		}
		assert.Greater(t, k.Now().Sub(began), 20*time.Second)
		require.Len(t, k.Calls(), 150)
		if !strings.HasSuffix(t.Name(), "bubble") {
			assert.Less(t, time.Since(really), 20*time.Second)
		}
	})
}

// Back-off depends on what failed and how often, not on which of several
// clients and goroutines comes first.
func TestFake_backOffIsDeterministic(t *testing.T) {
	run := func() (told string) {
		synctest.Test(t, func(t *testing.T) {
			k := kinesistest.New(t, kinesistest.Config{Seed: 5}, kinesistest.Stream("a", 1), kinesistest.Stream("b", 1))
			k.Fail("PutRecord").Stream("a").ResetBefore()
			k.Fail("PutRecord").Stream("b").Throttle()
			ends := make([]time.Duration, 2)
			var all sync.WaitGroup
			for i, stream := range []string{"a", "b"} {
				all.Go(func() {
					for range 5 {
						k.Client(func(o *kinesis.Options) { o.RetryMaxAttempts = 4 }).PutRecord(t.Context(),
							&kinesis.PutRecordInput{StreamName: &stream, PartitionKey: aws.String("x"), Data: []byte("x")})
					}
					ends[i] = time.Since(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC))
				})
			}
			all.Wait()
			assert.NotEqual(t, ends[0], ends[1])
			told = fmt.Sprint(ends)
		})
		return told
	}
	alike(t, run)
}

func TestFake_server(t *testing.T) {
	k := kinesistest.New(t, kinesistest.Stream("orders", 1))
	config := k.Config()
	config.HTTPClient = nil
	c := kinesis.NewFromConfig(config, func(o *kinesis.Options) { o.BaseEndpoint = aws.String(k.Server()) })
	put(t, c, "orders", "a", "one")
	k.Fail("PutRecord").Nth(1).ResetAfter()
	put(t, c, "orders", "a", "two")
	assert.Equal(t, []string{"one", "two", "two"}, k.Records("orders").Data(), "stored, and the answer lost")
	sub, err := c.SubscribeToShard(t.Context(), &kinesis.SubscribeToShardInput{
		ConsumerARN: aws.String(k.ConsumerARN("orders", "billing")), ShardId: aws.String("shardId-000000000000"),
		StartingPosition: &types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon},
	})
	require.NoError(t, err)
	assert.Len(t, next(t, sub.GetStream()).Records, 3)
	require.NoError(t, sub.GetStream().Close())
	res, err := http.Get(k.Server() + "/_weir/health")
	require.NoError(t, err)
	defer res.Body.Close()
	assert.Equal(t, 200, res.StatusCode)
}

func TestFake_transport(t *testing.T) {
	k := kinesistest.New(t, kinesistest.Stream("orders", 1))
	r, err := http.NewRequestWithContext(t.Context(), "POST", "http://anything", strings.NewReader(`{ "StreamName" : "orders" }`))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "Kinesis_20131202.DescribeStreamSummary")
	res, err := (&http.Client{Transport: k.Transport()}).Do(r)
	require.NoError(t, err)
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	assert.Contains(t, string(body), `"OpenShardCount":1`)
	assert.Equal(t, "orders", k.Calls()[0].Stream)
}

func TestFake_delays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Config{Delays: kinesistest.ServiceDelays()},
			kinesistest.StreamSpec{Name: "old", Retention: 48 * time.Hour, Consumers: []string{"billing"}})
		c := k.Client()
		put(t, c, "old", "a", "it was there before")
		require.NoError(t, subscribe(t, k, "old", "billing", 0).Close())
		_, err := c.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: aws.String("orders"), ShardCount: aws.Int32(1)})
		require.NoError(t, err)
		_, err = c.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: aws.String("orders"), PartitionKey: aws.String("a"), Data: []byte("x")})
		var missing *types.ResourceNotFoundException
		require.ErrorAs(t, err, &missing)
		require.NoError(t, kinesis.NewStreamExistsWaiter(c).Wait(t.Context(), &kinesis.DescribeStreamInput{StreamName: aws.String("orders")}, time.Minute))
		assert.Equal(t, account.DefaultCreateDelay, k.Now().Sub(k.Stream("orders").CreatedAt()).Truncate(account.DefaultCreateDelay))
		put(t, c, "orders", "a", "one")
	})
}

func TestFake_parallelFakesAreApart(t *testing.T) {
	for i := range 20 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			k := kinesistest.New(t, kinesistest.Stream("orders", 1))
			k.Fail("ListStreams").With(kinesistest.Validation).Required()
			put(t, k.Client(), "orders", "a", fmt.Sprint(i))
			_, err := k.Client().ListStreams(t.Context(), &kinesis.ListStreamsInput{})
			require.Error(t, err)
			assert.Equal(t, []string{fmt.Sprint(i)}, k.Records("orders").Data())
		})
	}
}

// Whoever hangs on to a call learns of its context's end.
func TestFake_contextEnds(t *testing.T) {
	everywhere(t, func(t *testing.T, config kinesistest.Config) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 1), config)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if !config.Start.IsZero() {
			cancel()
		}
		k.Fail("ListStreams").Latency(time.Hour)
		_, err := k.Client().ListStreams(ctx, &kinesis.ListStreamsInput{})
		assert.True(t, errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled), "%v", err)
	})
}

// A thousand fakes fit into a test binary: each takes 64 KiB at most. That each
// takes 50 µs at most is for BenchmarkNew to show.
func TestNew_cost(t *testing.T) {
	const fakes, batch = 1000, 100
	q := &quiet{TB: t}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	best := time.Hour
	for range fakes / batch {
		began := time.Now()
		for range batch {
			kinesistest.New(q, kinesistest.Stream("orders", 2))
		}
		best = min(best, time.Since(began)/batch)
	}
	runtime.ReadMemStats(&after)
	bytes := (after.TotalAlloc - before.TotalAlloc) / fakes
	t.Logf("%v and %d bytes a fake", best, bytes)
	assert.LessOrEqual(t, bytes, uint64(64<<10))
}

// A fake lives in one time. One that was made outside of a bubble says so in
// it, instead of mixing two clocks that are years apart.
func TestFake_madeOutsideOfTheBubble(t *testing.T) {
	k := kinesistest.New(t, kinesistest.Stream("a", 1))
	synctest.Test(t, func(t *testing.T) {
		_, err := k.Client().ListStreams(t.Context(), &kinesis.ListStreamsInput{})
		require.ErrorContains(t, err, "ListStreams from a synctest bubble to a fake that was made outside of it: call New in the bubble")
	})
	_, err := k.Client().ListStreams(t.Context(), &kinesis.ListStreamsInput{})
	require.NoError(t, err)
	k.AssertCalls("ListStreams", 1)
}

// What the test arranges does not spend the call rates of the code under test,
// and is not refused for them.
func TestFake_helpersSpendNoCallRates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		config := kinesistest.Config{ServiceCallRates: true}
		for i := range 7 { // the rate of CreateStream is five a second
			config.Streams = append(config.Streams, kinesistest.StreamSpec{Name: fmt.Sprint("s", i), Retention: 48 * time.Hour})
		}
		config.Streams = append(config.Streams, kinesistest.StreamSpec{Name: "a", Consumers: strings.Fields("1 2 3 4 5 6 7")})
		k := kinesistest.New(t, config)
		for range 50 {
			k.ConsumerARN("a", "1")
			k.Reshard("a")
		}
		for range 8 {
			k.Split("a", k.OpenShards("a")[0])
			open := k.OpenShards("a")
			k.Merge("a", open[0], open[1])
		}
		c := k.Client(once)
		refused := func(op string, rate int, call func() error) {
			for range rate {
				require.NoError(t, call(), op)
			}
			require.ErrorContains(t, call(), "LimitExceededException", op)
		}
		refused("SplitShard", 5, func() error {
			open := k.Stream("a").Shards()
			sh := open[len(open)-1]
			_, err := c.SplitShard(t.Context(), &kinesis.SplitShardInput{StreamName: aws.String("a"),
				ShardToSplit: aws.String(sh.ID.String()), NewStartingHashKey: aws.String(sh.HashKeyRange.Middle().String())})
			return err
		})
		refused("DescribeStreamConsumer", 20, func() error {
			_, err := c.DescribeStreamConsumer(t.Context(), &kinesis.DescribeStreamConsumerInput{StreamARN: aws.String(k.StreamARN("a")), ConsumerName: aws.String("1")})
			return err
		})
	})
}

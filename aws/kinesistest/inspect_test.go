package kinesistest_test

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/account"
	"github.com/weirstream/weir/aws/kinesistest"
)

func TestRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("a", 2))
		c := k.Client()
		put(t, c, "a", "x", "1")
		time.Sleep(time.Hour)
		put(t, c, "a", "y", "2")
		put(t, c, "a", "x", "3")
		time.Sleep(24 * time.Hour)
		k.Split("a", 0)
		put(t, c, "a", "x", "4")
		all := k.Records("a")
		assert.Equal(t, []string{"1", "2", "3", "4"}, all.Data(), "expired ones too")
		assert.Equal(t, []string{"1", "3", "4"}, all.Key("x").Data())
		assert.Len(t, all.Shard(k.Stream("a").ShardOf("y")), len(all.Shard(k.Stream("a").ShardOf("y"))))
		assert.Contains(t, all.String(), `x: "4"`)
		assert.Empty(t, k.Records("b"))
	})
}

// What is put past the fake is remembered too, though it expires before anybody
// asks.
func TestRecords_putThroughTheEngine(t *testing.T) {
	everywhere(t, func(t *testing.T, config kinesistest.Config) {
		k := kinesistest.New(t, config, kinesistest.Stream("a", 2))
		for i := range 3 {
			_, err := k.Stream("a").PutRecord(t.Context(), "x", fmt.Append(nil, i))
			require.NoError(t, err)
			k.Advance(25 * time.Hour)
		}
		_, err := k.Account().PutRecord(t.Context(), &account.PutRecordInput{StreamName: aws.String("a"), PartitionKey: aws.String("x"), Data: []byte("3")})
		require.NoError(t, err)
		k.Advance(100 * 24 * time.Hour)
		assert.Equal(t, []string{"0", "1", "2", "3"}, k.Records("a").Data())
	})
}

func TestRecords_deaggregate(t *testing.T) {
	k := kinesistest.New(t, kinesistest.Stream("a", 1))
	two := "f3899ac20a01610a01621a0508001a01781a0608011a02797a6fe1bc1407aabc41e3e0c88f3f668baf"
	hashed := "f3899ac20a026b3112013012273334303238323336363932303933383436333436333337343630373433313736383231313435351a09080010001a036f6e651a09080010011a0374776f56b73531463fdea59f4fa63ac8572173"
	damaged := strings.Replace(two, "797a6f", "797b6f", 1)
	empty := "f3899ac2" // and the MD5 of nothing is not there
	cutOff := aggregate("\x0a\x05a")
	noUsers := aggregate("\x0a\x01a")
	noSuchKey := aggregate("\x0a\x01a\x1a\x05\x08\x00\x1a\x01x\x1a\x05\x08\x01\x1a\x01y\x1a\x05\x08\x00\x1a\x01z")
	for _, text := range []string{two, hashed, noUsers, noSuchKey, damaged, empty, cutOff} {
		data, err := hex.DecodeString(text)
		require.NoError(t, err)
		k.Put("a", "outer", string(data))
	}
	k.Put("a", "plain", "data")
	all := k.Records("a")
	users := all.Deaggregate()
	var told []string
	for _, u := range users[:5] {
		assert.True(t, u.Aggregated)
		assert.Contains(t, all[:4].Where(func(r kinesistest.Record) bool { return r.SequenceNumber == u.SequenceNumber })[0].String(), "outer")
		told = append(told, fmt.Sprintf("%d %s %s %s", u.SubSequence, u.PartitionKey, u.ExplicitHashKey, u.Data))
	}
	assert.Equal(t, []string{"0 a  x", "1 b  yz", "0 k1 0 one", "1 k1 340282366920938463463374607431768211455 two", "0 a  x"}, told,
		"what is behind one that points to no key is not read")
	assert.Equal(t, all[4:], users[5:], "what is no aggregate stays")
}

// aggregate returns a protobuf message as the producer library sends it, in
// hexadecimal.
func aggregate(message string) string {
	sum := md5.Sum([]byte(message))
	return hex.EncodeToString([]byte("\xf3\x89\x9a\xc2" + message + string(sum[:])))
}

// Calls are in the order in which they began, whichever ends first.
func TestCalls_order(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("a", 1))
		k.Fail("ListStreams").Latency(time.Second)
		go k.Client().ListStreams(t.Context(), &kinesis.ListStreamsInput{})
		time.Sleep(time.Millisecond)
		put(t, k.Client(), "a", "x", "1")
		require.Len(t, k.Calls(), 1, "that are over")
		time.Sleep(time.Second)
		calls := k.Calls()
		require.Len(t, calls, 2)
		assert.Equal(t, []any{"ListStreams", 1, "PutRecord", 2}, []any{calls[0].Op, calls[0].N, calls[1].Op, calls[1].N})
	})
}

// A test that fails shows the calls that mattered, however many polls came
// since.
func TestNew_showsTheCallsThatMattered(t *testing.T) {
	s := failing(t, func(s *spy) {
		k := kinesistest.New(s, kinesistest.Config{Start: time.Unix(1_700_000_000, 0)}, kinesistest.Stream("a", 1))
		k.Fail("PutRecord").Nth(1).With(kinesistest.Validation)
		k.Client().PutRecord(s.Context(), &kinesis.PutRecordInput{StreamName: aws.String("a"), PartitionKey: aws.String("x"), Data: []byte("1")})
		at := iterator(t, k.Client(), "a", 0, types.ShardIteratorTypeLatest)
		for range 100 {
			out, err := k.Client().GetRecords(context.Background(), &kinesis.GetRecordsInput{ShardIterator: at})
			assert.NoError(t, err)
			at = out.NextShardIterator
			k.Advance(time.Second)
		}
		s.Errorf("no")
	})
	require.Len(t, s.logs, 1)
	assert.Contains(t, s.logs[0], "of 102")
	assert.Contains(t, s.logs[0], "ValidationException")
	assert.Contains(t, s.logs[0], "… 86 more")
	assert.Contains(t, s.logs[0], "#102")
	assert.NotContains(t, s.logs[0], "#80 ")
}

// A client that speaks CBOR is seen reading like any other.
func TestReaders_cbor(t *testing.T) {
	k := kinesistest.New(t, kinesistest.Stream("a", 1))
	k.Put("a", "x", "0")
	last := k.Put("a", "x", "1")
	k.Put("a", "x", "2")
	_, body := cborCall(t, k, "GetShardIterator", map[string]any{"StreamName": "a", "ShardId": "shardId-000000000000", "ShardIteratorType": "TRIM_HORIZON"})
	cborCall(t, k, "GetRecords", map[string]any{"ShardIterator": body["ShardIterator"], "Limit": 2})
	readers := k.Readers("a")
	require.Len(t, readers, 1)
	assert.Equal(t, last.SequenceNumber, readers[0].Last)
	assert.Equal(t, []int{2, 1}, []int{readers[0].Given, readers[0].Behind})
}

func TestCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("a", 2))
		c := k.Client(once)
		k.Fail("PutRecord").Nth(2).Latency(time.Second).Throttle()
		at := put(t, c, "a", "x", "1")
		_, err := c.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: aws.String("a"), PartitionKey: aws.String("x"), Data: []byte("2")})
		require.Error(t, err)
		_, err = c.ListShards(t.Context(), &kinesis.ListShardsInput{StreamARN: aws.String(k.StreamARN("a")),
			ShardFilter: &types.ShardFilter{Type: types.ShardFilterTypeAtTimestamp, Timestamp: aws.Time(k.Now())}})
		require.NoError(t, err)

		calls := k.Calls()
		require.Len(t, calls, 3)
		assert.Equal(t, "PutRecord", calls[0].Op)
		assert.Equal(t, "1", string(kinesistest.InputOf[kinesis.PutRecordInput](calls[0]).Data))
		assert.Equal(t, at.SequenceNumber, kinesistest.OutputOf[kinesis.PutRecordOutput](calls[0]).SequenceNumber)
		assert.Equal(t, k.Stream("a").ShardOf("x"), calls[0].Shard)
		assert.ErrorIs(t, calls[1].Err, kinesistest.ThroughputExceeded)
		assert.Equal(t, time.Second, calls[1].Took)
		assert.Nil(t, calls[1].Output())
		assert.Equal(t, calls[1].At.Add(time.Second), calls[2].At)
		listed := kinesistest.InputOf[kinesis.ListShardsInput](calls[2])
		assert.WithinDuration(t, k.Now(), *listed.ShardFilter.Timestamp, time.Millisecond)
		assert.Len(t, kinesistest.OutputOf[kinesis.ListShardsOutput](calls[2]).Shards, 2)
		assert.Nil(t, kinesistest.InputOf[kinesis.PutRecordInput](calls[2]))
		assert.Len(t, k.Calls("ListShards"), 1)
		assert.Len(t, calls.Failed(), 1)
		assert.Contains(t, calls.String(), "took 1s")
	})
}

func TestReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("a", 1))
		c := k.Client()
		k.Put("a", "k", "0")
		oldest := iterator(t, c, "a", 0, types.ShardIteratorTypeTrimHorizon)
		iterator(t, c, "a", 0, types.ShardIteratorTypeLatest)
		s := subscribe(t, k, "a", "billing", 0)
		next(t, s)
		for range 3 {
			time.Sleep(time.Second)
			k.Put("a", "k", "x")
		}
		out, err := c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: oldest, Limit: aws.Int32(2)})
		require.NoError(t, err)
		time.Sleep(time.Minute)
		var given, behind []int
		readers := k.Readers("a")
		for _, r := range readers {
			given, behind = append(given, r.Given), append(behind, r.Behind)
		}
		require.NoError(t, s.Close())
		assert.Equal(t, []int{2, 0}, given[:2])
		assert.Equal(t, []int{2, 3}, behind[:2])
		assert.Equal(t, 61*time.Second, readers[0].Age)
		assert.Equal(t, "billing", readers[2].Consumer)
		assert.Equal(t, *out.Records[1].SequenceNumber, readers[0].Last.String())
		assert.Contains(t, readers[1].String(), "3 behind")

		k.Split("a", 0)
		_, err = c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: out.NextShardIterator})
		require.NoError(t, err)
		assert.True(t, k.Readers("a")[0].Done)
	})
}

func TestThrottles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("a", 1))
		c := k.Client(once)
		at := iterator(t, c, "a", 0, types.ShardIteratorTypeLatest)
		for range 7 {
			c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: at})
		}
		time.Sleep(time.Second)
		c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: at})
		got := k.Throttles("a")
		require.Len(t, got, 1)
		assert.Equal(t, 2, got[0].Reads, "five calls a second")
		assert.Contains(t, got[0].String(), "2 reads")
	})
}

func TestNew_leaks(t *testing.T) {
	for name, row := range map[string]struct {
		leak func(t *spy, k *kinesistest.Fake)
		want string
	}{
		"event stream": {func(s *spy, k *kinesistest.Fake) { // the context is not the test's
			k.Client().SubscribeToShard(context.Background(), &kinesis.SubscribeToShardInput{
				ConsumerARN: aws.String(k.ConsumerARN("a", "billing")), ShardId: aws.String("shardId-000000000000"),
				StartingPosition: &types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon},
			})
		}, "an event stream of SubscribeToShard was not closed"},
		"response": {func(s *spy, k *kinesistest.Fake) {
			r, _ := http.NewRequest("POST", "http://fake", strings.NewReader("{}"))
			r.Header.Set("Content-Type", "application/x-amz-json-1.1")
			r.Header.Set("X-Amz-Target", "Kinesis_20131202.ListStreams")
			(&http.Client{Transport: k.Transport()}).Do(r)
		}, "the response of ListStreams was not closed"},
		"goroutine": {func(s *spy, k *kinesistest.Fake) {
			go func() { time.Sleep(2 * grace) }()
		}, "goroutines that the test started are still there"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := failing(t, func(t *spy) {
				k := kinesistest.New(t, kinesistest.Stream("a", 1))
				row.leak(t, k)
			})
			assert.Contains(t, s.said(), row.want)
		})
	}
}

const grace = 2 * time.Second

func TestFault_unused(t *testing.T) {
	s := failing(t, func(t *spy) {
		k := kinesistest.New(t, kinesistest.Stream("a", 1), kinesistest.Config{RequireFaults: true})
		k.Fail("PutRecord").Stream("a").Times(2).Throttle()
		k.Client(once).PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: aws.String("a"), PartitionKey: aws.String("x"), Data: []byte("2")})
	})
	require.Len(t, s.errors, 1)
	assert.Contains(t, s.said(), "inspect_test.go")
	assert.Contains(t, s.said(), "PutRecord of a ×2 throttle")
	assert.Contains(t, s.said(), "want 2 times, got 1; 1 of 1 calls matched it\n")
	assert.Contains(t, strings.Join(s.logs, ""), "ProvisionedThroughputExceededException", "the calls that led there")
}

// It says how those that came near missed it, and which declaration does
// nothing.
func TestFault_unusedSaysWhy(t *testing.T) {
	s := failing(t, func(t *spy) {
		k := kinesistest.New(t, kinesistest.Stream("a", 1))
		k.Fail("PutRecord").Stream("b").Throttle().Required()
		k.Fail("PutRecord").Stream("a")
		k.Client(once).PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: aws.String("a"), PartitionKey: aws.String("x"), Data: []byte("2")})
	})
	require.Len(t, s.errors, 2)
	assert.Contains(t, s.errors[0], "want 1 times, got 0; 0 of 1 calls matched it; another stream: 1\n  #1 ")
	assert.Contains(t, s.errors[1], "does nothing: say what happens")
}

func TestLambdaEvent(t *testing.T) {
	k := kinesistest.New(t, kinesistest.Stream("a", 1))
	c := k.Client()
	put(t, c, "a", "x", "one")
	out, err := c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: iterator(t, c, "a", 0, types.ShardIteratorTypeTrimHorizon)})
	require.NoError(t, err)
	for _, event := range []events.KinesisEvent{k.LambdaEvent(k.Records("a")), k.LambdaEventOf("a", weir.ShardID(0).String(), out.Records)} {
		require.Len(t, event.Records, 1)
		r := event.Records[0]
		assert.Equal(t, "one", string(r.Kinesis.Data))
		assert.Equal(t, "shardId-000000000000:"+*out.Records[0].SequenceNumber, r.EventID)
		assert.Equal(t, k.StreamARN("a"), r.EventSourceArn)
		assert.WithinDuration(t, *out.Records[0].ApproximateArrivalTimestamp, r.Kinesis.ApproximateArrivalTimestamp.Time, time.Millisecond)
	}
}

func TestAssertDataAndCalls(t *testing.T) {
	s := failing(t, func(t *spy) {
		k := kinesistest.New(t, kinesistest.Config{Start: time.Unix(1_700_000_000, 0)}, kinesistest.Stream("a", 1))
		k.Fail("PutRecord").Nth(2).Throttle()
		c := k.Client(once)
		for _, data := range []string{"1", "2", "3"} {
			c.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: aws.String("a"), PartitionKey: aws.String("x"), Data: []byte(data)})
		}
		assert.True(t, k.AssertData("a", "1", "3"))
		assert.True(t, k.AssertCalls("PutRecord", 3))
		k.AssertData("a", "1", "2", "3")
		k.AssertData("a", "1")
		k.AssertCalls("PutRecord", 4)
	})
	require.Len(t, s.errors, 3)
	assert.Equal(t, `kinesistest: records of a: want 3, got 2, alike up to number 1
want there: "2"
got:  22:13:20.000 a/0 x: "3"
the last puts:
  #1 22:13:20.000 PutRecord a/0, 1 records
  #2 22:13:20.000 PutRecord a/0, 1 records → ProvisionedThroughputExceededException: Rate exceeded for shard shardId-000000000000 in stream a und… [PutRecord number [2] throttle]
  #3 22:13:20.000 PutRecord a/0, 1 records
`, s.errors[0])
	assert.Contains(t, s.errors[1], "want there: no more")
	assert.Contains(t, s.errors[2], "want 4, got 3")
}

// An event stream that is left open in a bubble is reported, and does not keep
// the bubble from ending; calls after the end of the test fail.
func TestNew_leaksInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c *kinesis.Client
		s := failing(t, func(t *spy) {
			k := kinesistest.New(t, kinesistest.Stream("a", 1))
			c = k.Client(once)
			out, err := c.SubscribeToShard(context.Background(), &kinesis.SubscribeToShardInput{
				ConsumerARN: aws.String(k.ConsumerARN("a", "billing")), ShardId: aws.String("shardId-000000000000"),
				StartingPosition: &types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon},
			})
			assert.NoError(t, err)
			go func() {
				for range out.GetStream().Events() {
				}
			}()
		})
		assert.Contains(t, s.said(), "an event stream of SubscribeToShard was not closed")
		_, err := c.ListStreams(t.Context(), &kinesis.ListStreamsInput{})
		require.ErrorContains(t, err, "stop what calls it before the test returns")
	})
}

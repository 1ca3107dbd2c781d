package kinesistest_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/kinesistest"
)

// One record of a batch fails with whatever the test wants, and the others are
// stored: producers that retry throttled records only lose the rest.
func TestFault_failRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("a", 1))
		k.Fail("PutRecords").Nth(1).FailRecords(kinesistest.InternalFailure, 1)
		k.Fail("PutRecords").Times(1).FailRecords(kinesistest.KMSDisabled)
		k.Fail("PutRecords").Times(1).FailRecords(&types.InternalFailureException{Message: aws.String("own words")}, 0)
		k.Fail("PutRecords").Times(1).ThrottleRecords(2)
		k.Fail("PutRecords").Nth(2).FailRecordsIf(kinesistest.InternalFailure, func(_ int, e types.PutRecordsRequestEntry) bool { return *e.PartitionKey == "q" })
		batch := &kinesis.PutRecordsInput{StreamName: aws.String("a"), Records: entries("x", "y", "z")}
		var told []string
		for range 5 {
			out, err := k.Client().PutRecords(t.Context(), batch)
			require.NoError(t, err)
			told = append(told, fmt.Sprint(*out.FailedRecordCount, " of ", len(out.Records)))
			for i, r := range out.Records {
				assert.Equal(t, r.ErrorCode == nil, r.SequenceNumber != nil)
				if r.ErrorCode != nil {
					told = append(told, fmt.Sprint(i, " ", *r.ErrorCode, ": ", *r.ErrorMessage))
				}
			}
		}
		disabled := "KMSDisabledException: The request was rejected because the specified KMS key isn't enabled."
		assert.Equal(t, []string{
			"1 of 3", "1 InternalFailure: Internal service failure.",
			"3 of 3", "0 " + disabled, "1 " + disabled, "2 " + disabled,
			"1 of 3", "0 InternalFailure: own words",
			"1 of 3", "2 ProvisionedThroughputExceededException: Rate exceeded for shard shardId-000000000000 in stream a under account 000000000000.",
			"0 of 3",
		}, told)
		assert.Equal(t, []string{"x", "z", "y", "z", "x", "y", "x", "y", "z"}, k.Records("a").Data())
		assert.Contains(t, k.Calls()[0].Fault, "throttle records [1] with InternalFailure")
	})
}

// A subscription that neither sends nor ends: who waits for its next event waits
// for ever, unless it has a limit of its own.
func TestFault_fallSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("a", 1))
		k.Fail("SubscribeToShard").Nth(1).FallSilent(1).Required()
		k.Put("a", "x", "one")
		s := subscribe(t, k, "a", "billing", 0)
		assert.Equal(t, []string{"one"}, data(next(t, s).Records))
		k.Put("a", "x", "two")
		select {
		case e := <-s.Events():
			t.Fatalf("%v", e)
		case <-time.After(time.Hour):
		}
		call := k.Calls("SubscribeToShard")[0]
		assert.Equal(t, 1, call.Events)
		assert.NoError(t, call.Err, "it is not over")
		require.NoError(t, s.Close())
		assert.ErrorIs(t, k.Calls("SubscribeToShard")[0].Err, context.Canceled)

		s = subscribe(t, k, "a", "billing", 0) // the next one speaks
		assert.Equal(t, []string{"one", "two"}, data(next(t, s).Records))
		require.NoError(t, s.Close())
	})
}

// Short pages: readers that take a page shorter than their limit for the tip
// stop too early.
func TestConfig_pageRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Config{PageRecords: 2}, kinesistest.Stream("a", 1))
		k.Generate("a", kinesistest.Load{Records: 5, Keys: 1})
		var pages []int
		at := iterator(t, k.Client(), "a", 0, types.ShardIteratorTypeTrimHorizon)
		for _, limit := range []*int32{nil, aws.Int32(1), aws.Int32(1000)} {
			out, err := k.Client().GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: at, Limit: limit})
			require.NoError(t, err)
			pages, at = append(pages, len(out.Records)), out.NextShardIterator
		}
		assert.Equal(t, []int{2, 1, 2}, pages)
		assert.EqualValues(t, 1000, *kinesistest.InputOf[kinesis.GetRecordsInput](k.Calls("GetRecords")[2]).Limit, "is what was asked")
		_, err := k.Client(once).GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: at, Limit: aws.Int32(0)})
		require.ErrorContains(t, err, "ValidationException")
	})
}

// What is put together is taken apart again, by the fake and by a consumer that
// gets it from the client.
func TestAggregate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("a", 1))
		users := []kinesistest.UserRecord{
			{PartitionKey: "x", Data: []byte("1")},
			{PartitionKey: "y", ExplicitHashKey: "7", Data: []byte("2")},
			{PartitionKey: "x", ExplicitHashKey: "7", Data: nil},
		}
		placed := k.PutAggregate("a", users...)
		out, err := k.Client().GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: iterator(t, k.Client(), "a", 0, types.ShardIteratorTypeTrimHorizon)})
		require.NoError(t, err)
		require.Len(t, out.Records, 1)
		assert.Equal(t, "x", *out.Records[0].PartitionKey)
		assert.Equal(t, kinesistest.Aggregate(users...), out.Records[0].Data)
		var got []kinesistest.UserRecord
		for i, r := range k.Records("a").Deaggregate() {
			got = append(got, kinesistest.UserRecord{PartitionKey: r.PartitionKey, ExplicitHashKey: r.ExplicitHashKey, Data: slices.Clip(r.Data)})
			assert.True(t, r.Aggregated)
			assert.Equal(t, i, r.SubSequence)
			assert.Equal(t, placed.SequenceNumber, r.SequenceNumber)
		}
		require.Len(t, got, 3)
		assert.Empty(t, got[2].Data)
		got[2].Data = nil
		assert.Equal(t, users, got)
	})
}

// lags reads a shard page by page and returns how many records each had, and its
// lag.
func lags(t *testing.T, c *kinesis.Client, at *string, pages int) (records []int, behind []time.Duration, next *string) {
	for range pages {
		out, err := c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: at})
		require.NoError(t, err)
		records = append(records, len(out.Records))
		behind = append(behind, time.Duration(*out.MillisBehindLatest)*time.Millisecond)
		at = out.NextShardIterator
		time.Sleep(2 * time.Minute)
	}
	return records, behind, at
}

// The service answers with empty pages behind the tip: a poller that stops at
// the first one loses what comes after it.
func TestFault_emptyPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("a", 1))
		k.Fail("GetRecords").Times(4).EmptyPage().Required()
		k.Put("a", "x", "one")
		k.Put("a", "x", "two")
		at := iterator(t, k.Client(), "a", 0, types.ShardIteratorTypeTrimHorizon)
		records, behind, _ := lags(t, k.Client(), at, 6) // for longer than an iterator lives
		assert.Equal(t, []int{0, 0, 0, 0, 2, 0}, records)
		assert.True(t, slices.IsSortedFunc(behind, func(a, b time.Duration) int { return int(b - a) }), "%v", behind)
		assert.Greater(t, behind[3], time.Minute)
		assert.Zero(t, behind[4])
		assert.Equal(t, 2, k.Readers("a")[0].Given)
	})
}

// The same as a setting: at a reader's beginning, and after the tip.
func TestConfig_emptyPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Config{EmptyPages: 2, PageRecords: 1}, kinesistest.Stream("a", 1))
		k.Put("a", "x", "one")
		k.Put("a", "x", "two")
		at := iterator(t, k.Client(), "a", 0, types.ShardIteratorTypeTrimHorizon)
		records, behind, at := lags(t, k.Client(), at, 6)
		assert.Equal(t, []int{0, 0, 1, 1, 0, 0}, records)
		assert.Equal(t, []bool{true, true}, []bool{behind[0] > behind[1], behind[1] > 0})
		assert.Zero(t, behind[5])
		k.Put("a", "x", "three")
		records, _, _ = lags(t, k.Client(), at, 4)
		assert.Equal(t, []int{0, 0, 1, 0}, records)
	})
}

// An answer that the test has changed is what the code under test sees, and what
// Calls tells.
func TestEdit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("a", 1))
		k.Put("a", "x", "one")
		var plain, same *kinesis.GetRecordsOutput
		edits := []func(*kinesistest.Call, *kinesis.GetRecordsOutput){
			func(*kinesistest.Call, *kinesis.GetRecordsOutput) {},
			func(c *kinesistest.Call, out *kinesis.GetRecordsOutput) {
				out.MillisBehindLatest, out.Records[0].Data = nil, []byte(c.Stream+" edited")
				out.Records = append(out.Records, out.Records[0])
			},
		}
		at := iterator(t, k.Client(), "a", 0, types.ShardIteratorTypeTrimHorizon)
		read := func() *kinesis.GetRecordsOutput {
			out, err := k.Client().GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: at})
			require.NoError(t, err)
			return out
		}
		plain = read()
		kinesistest.Edit(k.Fail("GetRecords").Times(1), edits[0])
		same = read()
		same.NextShardIterator, same.ResultMetadata = plain.NextShardIterator, plain.ResultMetadata
		assert.Equal(t, plain, same, "nothing gets lost on the way")
		kinesistest.Edit(k.Fail("GetRecords").Times(1), edits[1]).Required()
		out := read()
		assert.Nil(t, out.MillisBehindLatest)
		assert.Equal(t, []string{"a edited", "a edited"}, data(out.Records))
		assert.Equal(t, plain.Records[0].ApproximateArrivalTimestamp, out.Records[1].ApproximateArrivalTimestamp)
		call := k.Calls("GetRecords")[2]
		assert.Equal(t, out.Records, kinesistest.OutputOf[kinesis.GetRecordsOutput](call).Records)
		assert.Contains(t, call.Fault, "edited")
		assert.Equal(t, []string{"one"}, k.Records("a").Data(), "what was put stays")
	})
	s := failing(t, func(s *spy) {
		defer func() { _ = recover() }()
		kinesistest.Edit(kinesistest.New(s).Fail("GetRecords"), func(*kinesistest.Call, *kinesis.PutRecordOutput) {})
	})
	assert.Contains(t, s.said(), `Edit of "GetRecords": its answer is a kinesis.GetRecordsOutput, not a kinesis.PutRecordOutput`)
}

// The answer breaks off: its record is stored, and a client that tries again
// stores it twice.
func TestFault_cutBody(t *testing.T) {
	everywhere(t, func(t *testing.T, config kinesistest.Config) {
		k := kinesistest.New(t, config, kinesistest.Stream("a", 1))
		k.Fail("PutRecord").Nth(1).CutBody().Required()
		_, err := k.Client(once).PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: aws.String("a"), PartitionKey: aws.String("x"), Data: []byte("1")})
		require.ErrorContains(t, err, "unexpected EOF")
		assert.ErrorContains(t, k.Calls()[0].Err, "unexpected EOF")
		assert.Len(t, k.Records("a"), 1)
	})
	k := kinesistest.New(t, kinesistest.Stream("a", 1))
	k.Fail("PutRecord").Times(2).CutBody().Required()
	config := k.Config()
	config.HTTPClient = nil
	c := kinesis.NewFromConfig(config, once, func(o *kinesis.Options) { o.BaseEndpoint = aws.String(k.Server()) })
	_, err := c.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: aws.String("a"), PartitionKey: aws.String("x"), Data: []byte("1")})
	require.ErrorContains(t, err, "EOF")
	assert.Len(t, k.Records("a"), 1)

	// Unlike the answer of a connection that is reset, this one begins.
	r, err := http.NewRequest("POST", k.Server(), strings.NewReader(`{"StreamName":"a","PartitionKey":"x","Data":""}`))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "Kinesis_20131202.PutRecord")
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	body, err := io.ReadAll(resp.Body)
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assert.EqualValues(t, resp.ContentLength/2, len(body))
}

// A client whose clock is off is refused, learns the service's time from the
// answer and signs by it from then on. One that tries once is refused once.
func TestConfig_clientSkew(t *testing.T) {
	for name, skew := range map[string]time.Duration{"ahead": 20 * time.Minute, "behind": -20 * time.Minute, "a little": 14 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := kinesistest.New(t, kinesistest.Config{ClientSkew: skew}, kinesistest.Stream("a", 1))
				for i := range 3 {
					put(t, k.Client(), "a", "x", fmt.Sprint(i))
				}
				s := subscribe(t, k, "a", "billing", 0)
				assert.Len(t, next(t, s).Records, 3)
				require.NoError(t, s.Close())
				failed := k.Calls("PutRecord").Failed()
				if name == "a little" {
					assert.Empty(t, failed)
					return
				}
				require.Len(t, failed, 1, "%v", k.Calls())
				assert.ErrorContains(t, failed[0].Err, "InvalidSignatureException: Signature ")
				_, err := k.Client(once, func(o *kinesis.Options) {}).ListStreams(t.Context(), &kinesis.ListStreamsInput{})
				require.ErrorContains(t, err, "15 min.)")
			})
		})
	}
}

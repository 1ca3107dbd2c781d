package kinesistest_test

import (
	"context"
	"fmt"
	"slices"
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
		disabled := "KMSDisabledException: The request was rejected because the specified customer master key (CMK) isn't enabled."
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

// Package flaky shows how to test against a network that breaks.
package flaky_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/examples/poller"
	"github.com/weirstream/weir/aws/kinesistest"
)

// The answer to a put is lost: the SDK tries again, and the record is there twice.
// Whoever cannot have that must tell duplicates apart when reading.
func TestPut_answerLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 1))
		k.Fail("PutRecord").Nth(1).ResetAfter().Required()

		_, err := k.Client().PutRecord(t.Context(), &kinesis.PutRecordInput{
			StreamName: aws.String("orders"), PartitionKey: aws.String("a"), Data: []byte("order 1"),
		})

		require.NoError(t, err)
		assert.Equal(t, []string{"order 1", "order 1"}, k.Records("orders").Data())
	})
}

// An hour of everything that can go wrong between a client and the service, the
// same one each time because of the seed. What chaos does is more than the SDK's
// retries get over, so the poller under test is started again when it gives up.
func TestPoller_badDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		profile := kinesistest.Rough()
		profile.ReshardEvery = 0 // the poller reads one shard
		k := kinesistest.New(t, kinesistest.Chaos(42, profile), kinesistest.Stream("orders", 1))
		check := k.Checker("orders", kinesistest.AtLeastOnce())

		done := make(chan int)
		go func() {
			starts := 1
			for poller.Poll(t.Context(), k.Client(), "orders", "shardId-000000000000", check.Saw) != nil {
				starts++
				time.Sleep(time.Second)
			}
			done <- starts
		}()
		k.Generate("orders", kinesistest.Load{Records: 200, Over: time.Hour})
		k.Split("orders", 0)

		starts := <-done
		require.True(t, check.Check())
		t.Logf("%d starts, %d repeats, %d calls failed", starts, check.Repeats(), len(k.Calls().Failed()))
		assert.Positive(t, check.Repeats())
	})
}

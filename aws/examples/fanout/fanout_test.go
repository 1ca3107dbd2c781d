package fanout_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/examples/fanout"
	"github.com/weirstream/weir/aws/kinesistest"
)

// A consumer with enhanced fan-out: subscriptions end after five minutes, one is
// cut, one ends with an exception, and no record is lost or given twice.
func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 1))
		k.Fail("SubscribeToShard").Nth(2).CutStream(40).Required()
		k.Fail("SubscribeToShard").Nth(1).InStreamException(30, kinesistest.InternalFailure).Required()
		check := k.Checker("orders", kinesistest.ExactlyOnce())
		arn := k.ConsumerARN("orders", "billing")

		done := make(chan error, 1)
		go func() { done <- fanout.Follow(t.Context(), k.Client(), arn, "shardId-000000000000", check.Saw) }()
		k.Generate("orders", kinesistest.Load{Records: 500, Over: 30 * time.Minute})
		k.Split("orders", 0)

		require.NoError(t, <-done)
		require.True(t, check.Check())
		assert.Greater(t, len(k.Calls("SubscribeToShard")), 6)
	})
}

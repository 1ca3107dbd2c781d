package poller_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/examples/poller"
	"github.com/weirstream/weir/aws/kinesistest"
)

// A consumer that polls, in a bubble: half an hour of records, an iterator that
// expires on the way, and a handler that takes its time take milliseconds.
func TestPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 1))
		k.Fail("GetRecords").Nth(100).With(kinesistest.ExpiredIterator).Required()
		check := k.Checker("orders", kinesistest.ExactlyOnce())

		done := make(chan error, 1)
		go func() { done <- poller.Poll(t.Context(), k.Client(), "orders", "shardId-000000000000", check.Saw) }()
		k.Generate("orders", kinesistest.Load{Records: 500, Over: 30 * time.Minute})
		k.Split("orders", 0) // closes the shard, so the poller comes to its end

		require.NoError(t, <-done)
		require.True(t, check.Check())
	})
}

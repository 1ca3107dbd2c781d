package queue_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/account"
	"github.com/weirstream/weir/aws/examples/queue"
	"github.com/weirstream/weir/aws/kinesistest"
)

// Three workers share the records of a queue over half an hour, in a bubble: an
// answer that is lost, an acknowledgement that is throttled, and a record that
// nobody can handle, which is a dead letter in the end.
func TestWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.StreamSpec{Name: "orders", OnDemand: true, Queues: []string{"billing"}})
		arn := k.QueueARN("orders", "billing")
		k.Fail("ReceiveQueueRecords").Nth(3).ResetAfter().Required()
		k.Fail("AcknowledgeQueueRecords").Nth(5).ThrottleRecords().Required()
		check := k.Checker("orders", kinesistest.FromAQueue())

		ctx, stop := context.WithCancel(t.Context())
		var workers sync.WaitGroup
		for range 3 {
			workers.Go(func() {
				err := queue.Work(ctx, queue.NewClient(k.Config(), arn), func(r queue.Record) error {
					time.Sleep(100 * time.Millisecond)
					check.SawRecordID(r.RecordId)
					if string(r.Data) == "poison" {
						return errors.New("cannot be handled")
					}
					return nil
				})
				assert.ErrorIs(t, err, context.Canceled)
			})
		}
		k.Put("orders", "somebody", "poison")
		k.Generate("orders", kinesistest.Load{Records: 500, Over: 30 * time.Minute})
		k.WaitFor("every record is handled", time.Minute, check.Complete)
		stop()
		workers.Wait()

		stats := k.Account().QueueStats()
		require.Len(t, stats, 1)
		assert.Zero(t, stats[0].Visible+stats[0].InFlight, "all others are acknowledged")
		dead, err := k.Account().ReceiveDeadLetterQueueRecords(t.Context(), &account.ReceiveQueueRecordsInput{QueueARN: &arn})
		require.NoError(t, err)
		require.Len(t, dead.QueueRecords, 1)
		assert.Equal(t, "poison", string(dead.QueueRecords[0].Data))
		require.True(t, check.Check())
	})
}

// A queue that is deleted ends the work.
func TestWork_deletedQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.StreamSpec{Name: "orders", OnDemand: true, Queues: []string{"billing"}})
		arn := k.QueueARN("orders", "billing")
		go func() {
			time.Sleep(time.Minute)
			_, err := k.Account().DeleteQueue(t.Context(), &account.DeleteQueueInput{QueueARN: &arn})
			assert.NoError(t, err)
		}()
		var refused *queue.Error
		require.ErrorAs(t, queue.Work(t.Context(), queue.NewClient(k.Config(), arn), nil), &refused)
		assert.Equal(t, "ResourceNotFoundException", refused.Code)
	})
}

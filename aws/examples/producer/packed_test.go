package producer_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/examples/producer"
	"github.com/weirstream/weir/aws/kinesistest"
)

func entries(n int) (list []weir.Entry) {
	for i := range n {
		list = append(list, weir.Entry{PartitionKey: fmt.Sprint("user-", i%10), Data: fmt.Append(nil, i)})
	}
	return list
}

// What would take a shard five seconds as records of their own takes none.
func TestPutPacked_realLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 1))
		began := time.Now()
		require.NoError(t, producer.PutPacked(t.Context(), k.Client(), "orders", entries(6000)))
		assert.Less(t, time.Since(began), time.Second)
		assert.Len(t, k.Records("orders").Deaggregate(), 6000)
		assert.Empty(t, k.Throttles("orders"))
	})
}

// Whatever fails, the records of each key come in order.
func TestPutPacked_keepsOrderWhenThingsFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 3))
		k.Fail("PutRecords").Nth(1, 3).ResetAfter().Required() // stored, the answer lost
		k.Fail("PutRecords").Nth(2).ThrottleRecords(0).Required()
		require.NoError(t, producer.PutPacked(t.Context(), k.Client(), "orders", entries(2000)))
		seen := map[string]bool{}
		next := map[string]int{}
		for _, r := range k.Records("orders").Deaggregate() {
			if seen[string(r.Data)] {
				continue // it came twice
			}
			seen[string(r.Data)] = true
			var n int
			_, err := fmt.Sscan(string(r.Data), &n)
			require.NoError(t, err)
			require.GreaterOrEqual(t, n, next[r.PartitionKey])
			next[r.PartitionKey] = n
		}
		assert.Len(t, seen, 2000)
	})
}

func TestPutPacked_saysWhatWasNotDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 1))
		k.Fail("PutRecords").ResetBefore()
		ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
		defer stop()
		err := producer.PutPacked(ctx, k.Client(), "orders", entries(3))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, weir.ErrClosed)
		assert.ErrorContains(t, err, `stream orders: record of key "user-2"`)
	})
}

package producer_test

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/examples/producer"
	"github.com/weirstream/weir/aws/kinesistest"
)

func batch(n int) []types.PutRecordsRequestEntry {
	list := make([]types.PutRecordsRequestEntry, n)
	for i := range list {
		list[i] = types.PutRecordsRequestEntry{PartitionKey: aws.String(fmt.Sprint(i)), Data: fmt.Append(nil, i)}
	}
	return list
}

// Some records of the first two calls are throttled: each is stored once in the
// end, and only what was refused is sent again.
func TestPutAll_retriesWhatWasRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 2))
		k.Fail("PutRecords").Nth(1).ThrottleRecords(3, 7, 8).Required()
		k.Fail("PutRecords").Nth(1).ThrottleRecords(0).Required() // of the second call: the first fault took the first

		require.NoError(t, producer.PutAll(t.Context(), k.Client(), "orders", batch(10)))

		assert.Len(t, k.Records("orders"), 10)
		var sizes []int
		for _, c := range k.Calls("PutRecords") {
			sizes = append(sizes, c.Records)
		}
		assert.Equal(t, []int{10, 3, 1}, sizes)
	})
}

// A shard takes 1,000 records a second, so 1,500 take some back-off.
func TestPutAll_realLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 1))
		for range 3 {
			require.NoError(t, producer.PutAll(t.Context(), k.Client(), "orders", batch(500)))
		}
		assert.Len(t, k.Records("orders"), 1500)
		assert.NotEmpty(t, k.Throttles("orders"))
	})
}

func TestPutAll_givesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 1))
		k.Fail("PutRecords").ThrottleRecords()
		require.ErrorContains(t, producer.PutAll(t.Context(), k.Client(), "orders", batch(2)), "2 records were refused")
		assert.Empty(t, k.Records("orders"))
	})
}

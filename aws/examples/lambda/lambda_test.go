package lambda_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/examples/lambda"
	"github.com/weirstream/weir/aws/kinesistest"
)

// A function is invoked with what was put; no clock is needed, so no bubble.
func TestHandler(t *testing.T) {
	k := kinesistest.New(t, kinesistest.Stream("orders", 1))
	k.Put("orders", "a", `{"id": "1", "amount": 5}`)
	k.Put("orders", "a", `{"id": "2", "amount": 7}`)
	k.Put("orders", "b", `nonsense`)
	k.Put("orders", "a", `{"id": "3", "amount": 9}`)

	total := 0
	handle := lambda.Handler(func(o lambda.Order) error {
		total += o.Amount
		return nil
	})
	res, err := handle(t.Context(), k.LambdaEvent(k.Records("orders").Shard(0)))

	require.NoError(t, err)
	assert.Equal(t, 12, total)
	require.Len(t, res.BatchItemFailures, 1)
	assert.Equal(t, k.Records("orders")[2].SequenceNumber.String(), res.BatchItemFailures[0].ItemIdentifier)
}

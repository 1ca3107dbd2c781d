package account_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/account"
)

// What a queue knows of the records that were received counts in the memory of
// accounts, and is given back with the queue.
func TestQueues_memory(t *testing.T) {
	c := account.Instant()
	c.Memory = account.NewMemory(64 << 20)
	f := newAccount(t, c)
	f.createOnDemand("D", "")
	created, err := f.CreateQueue(f.ctx, &account.CreateQueueInput{QueueName: ptr("q"),
		StreamConfigurationList: []account.QueueStreamConfiguration{{StreamARN: ptr(arnD)}}})
	require.NoError(t, err)
	arn := created.QueueDescription.QueueARN
	const records = 2000
	for range records / 500 {
		in := &account.PutRecordsInput{StreamName: ptr("D")}
		for range 500 {
			in.Records = append(in.Records, account.PutRecordsRequestEntry{PartitionKey: ptr("k")})
		}
		_, err := f.PutRecords(f.ctx, in)
		require.NoError(t, err)
	}
	before := c.Memory.Held()
	for range records / 10 {
		require.Len(t, f.receive(arn, 10, 300), 10)
	}
	assert.Equal(t, int64(64*records), c.Memory.Held()-before)
	_, err = f.DeleteQueue(f.ctx, &account.DeleteQueueInput{QueueARN: &arn})
	require.NoError(t, err)
	assert.LessOrEqual(t, c.Memory.Held(), before)
}

package serve

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/account"
	"github.com/weirstream/weir/aws/kinesisserver"
)

// The console of an account shows the queues of a stream, and restores their dead
// letters by the operations that clients call.
func TestSource_queues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		accounts := kinesisserver.NewRegistry(kinesisserver.RegistryConfig{Open: func(string, string) (*account.Account, error) { return account.New(Account(true, 0)) }})
		a, err := accounts.Account("", "")
		require.NoError(t, err)
		ctx := t.Context()
		for _, name := range []string{"orders", "other"} {
			_, err = a.CreateStream(ctx, Stream{Name: name}.input())
			require.NoError(t, err)
		}
		described, err := a.DescribeStreamSummary(ctx, &account.DescribeStreamSummaryInput{StreamName: account.Ptr("orders")})
		require.NoError(t, err)
		made, err := a.CreateQueue(ctx, &account.CreateQueueInput{
			QueueName: account.Ptr("mail"), StreamConfigurationList: []account.QueueStreamConfiguration{{StreamARN: &described.StreamDescriptionSummary.StreamARN}},
			QueueAttributes: &account.QueueAttributes{VisibilityTimeoutSeconds: account.Ptr(int32(0)), DeadLetterConfiguration: &account.DeadLetterConfiguration{TargetType: account.Ptr("BUILT_IN"), MaxReceiveCount: account.Ptr(int32(1))}},
		})
		require.NoError(t, err)
		for range 12 {
			_, err = a.PutRecord(ctx, &account.PutRecordInput{StreamName: account.Ptr("orders"), PartitionKey: account.Ptr("k"), Data: []byte("x")})
			require.NoError(t, err)
		}
		arn := made.QueueDescription.QueueARN
		for range 2 { // each is received once, and once is as often as may be
			_, err = a.ReceiveQueueRecords(ctx, &account.ReceiveQueueRecordsInput{QueueARN: &arn, WaitTimeSeconds: account.Ptr(int32(1))})
			require.NoError(t, err)
		}

		s := source{accounts}
		at, err := s.Stream(ctx, "", "orders")
		require.NoError(t, err)
		queues, err := s.queues(ctx, at)
		require.NoError(t, err)
		require.Len(t, queues, 1)
		assert.Equal(t, []string{"mail", arn}, []string{queues[0].Name, queues[0].ARN})
		state, err := queues[0].Look(ctx)
		require.NoError(t, err)
		assert.EqualValues(t, 12, state.Dead)
		var dead int64
		for _, sh := range state.Shards {
			assert.Zero(t, sh.Behind, "dead letters are no lag")
			dead += sh.Dead
		}
		assert.EqualValues(t, 12, dead)
		begin := time.Now()
		n, err := queues[0].Restore(ctx, 1000)
		require.NoError(t, err)
		assert.Equal(t, 12, n)
		assert.Zero(t, time.Since(begin), "it waits for none")
		queues, err = s.queues(ctx, at)
		require.NoError(t, err)
		state, err = queues[0].Look(ctx)
		require.NoError(t, err)
		assert.Zero(t, state.Dead)
		assert.EqualValues(t, 12, state.Visible)
		var behind int64
		for _, sh := range state.Shards {
			behind += sh.Behind
		}
		assert.EqualValues(t, 12, behind)

		at.Name = "other"
		queues, err = s.queues(ctx, at)
		require.NoError(t, err)
		assert.Empty(t, queues)
	})
}

// The queues of a stream are listed once a page, however many there are, and
// those of other streams are not looked at.
func TestSource_queuesOfMany(t *testing.T) {
	config := Account(true, 0)
	accounts := kinesisserver.NewRegistry(kinesisserver.RegistryConfig{Open: func(string, string) (*account.Account, error) { return account.New(config) }})
	a, err := accounts.Account("", "")
	require.NoError(t, err)
	ctx := t.Context()
	for _, stream := range []string{"orders", "other"} {
		_, err = a.CreateStream(ctx, Stream{Name: stream}.input())
		require.NoError(t, err)
		described, err := a.DescribeStreamSummary(ctx, &account.DescribeStreamSummaryInput{StreamName: &stream})
		require.NoError(t, err)
		for i := range 130 {
			_, err = a.CreateQueue(ctx, &account.CreateQueueInput{
				QueueName: account.Ptr(fmt.Sprintf("%s-%03d", stream, i)), StreamConfigurationList: []account.QueueStreamConfiguration{{StreamARN: &described.StreamDescriptionSummary.StreamARN}},
			})
			require.NoError(t, err)
		}
	}
	s := source{accounts}
	at, err := s.Stream(ctx, "", "orders")
	require.NoError(t, err)
	queues, err := s.queues(ctx, at)
	require.NoError(t, err)
	require.Len(t, queues, 130)
	for i, q := range queues {
		assert.Equal(t, fmt.Sprintf("orders-%03d", i), q.Name)
		name, stream := a.QueueOf(q.ARN)
		assert.Equal(t, []string{q.Name, "orders"}, []string{name, stream})
	}
}

// Of an account with thousands of streams each is listed with its status.
func TestSource_streamsOfMany(t *testing.T) {
	accounts := kinesisserver.NewRegistry(kinesisserver.RegistryConfig{Open: func(string, string) (*account.Account, error) { return account.New(Account(true, 0)) }})
	a, err := accounts.Account("", "")
	require.NoError(t, err)
	const n = 1500
	for i := range n {
		_, err := a.CreateStream(t.Context(), Stream{Name: fmt.Sprintf("s-%04d", i), Shards: 1}.input())
		require.NoError(t, err)
	}
	list, err := source{accounts}.Streams(t.Context())
	require.NoError(t, err)
	require.Len(t, list, n)
	for i, s := range list {
		assert.Equal(t, fmt.Sprintf("s-%04d ACTIVE", i), s.Name+" "+s.Status)
		assert.NotNil(t, s.Engine)
	}
}

package dynamolease_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/dynamolease"
	"github.com/weirstream/weir/lease"
)

// A table answers as it is told to, and keeps what it was asked.
type table struct {
	dynamolease.API // nil: what is not expected panics
	states          []types.TableStatus
	made            *dynamodb.CreateTableInput
	pages           [][]map[string]types.AttributeValue
	scans           []*dynamodb.ScanInput
	put             *dynamodb.PutItemInput
	update          *dynamodb.UpdateItemInput
	del             *dynamodb.DeleteItemInput
	got             map[string]types.AttributeValue
	err             error
}

func (f *table) DescribeTable(context.Context, *dynamodb.DescribeTableInput, ...func(*dynamodb.Options)) (*dynamodb.DescribeTableOutput, error) {
	state := f.states[0]
	if len(f.states) > 1 {
		f.states = f.states[1:]
	}
	if state == "" {
		return nil, new(types.ResourceNotFoundException)
	}
	return &dynamodb.DescribeTableOutput{Table: &types.TableDescription{
		TableStatus:          state,
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("leaseKey"), KeyType: types.KeyTypeHash}},
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("leaseKey"), AttributeType: types.ScalarAttributeTypeS}},
	}}, nil
}

func (f *table) CreateTable(_ context.Context, in *dynamodb.CreateTableInput, _ ...func(*dynamodb.Options)) (*dynamodb.CreateTableOutput, error) {
	f.made = in
	return &dynamodb.CreateTableOutput{}, f.err
}

func (f *table) Scan(_ context.Context, in *dynamodb.ScanInput, _ ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error) {
	asked := *in
	f.scans = append(f.scans, &asked)
	out := &dynamodb.ScanOutput{Items: f.pages[0]}
	if f.pages = f.pages[1:]; len(f.pages) > 0 {
		out.LastEvaluatedKey = map[string]types.AttributeValue{"leaseKey": s("last")}
	}
	return out, f.err
}

func (f *table) GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	return &dynamodb.GetItemOutput{Item: f.got}, nil
}

func (f *table) PutItem(_ context.Context, in *dynamodb.PutItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	f.put = in
	return nil, f.err
}

func (f *table) UpdateItem(_ context.Context, in *dynamodb.UpdateItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	f.update = in
	return nil, f.err
}

func (f *table) DeleteItem(_ context.Context, in *dynamodb.DeleteItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error) {
	f.del = in
	return nil, f.err
}

func opened(t *testing.T, f *table) lease.Store {
	f.states = []types.TableStatus{types.TableStatusActive}
	st, err := dynamolease.Open(t.Context(), f, "orders-app")
	require.NoError(t, err)
	return st
}

func TestStore_update(t *testing.T) {
	f := &table{}
	st := opened(t, f)
	got, err := st.Update(t.Context(), lease.Lease{Key: "a", Counter: 4, Owner: "me", Checkpoint: lease.Checkpoint{Sequence: "12"}})
	require.NoError(t, err)
	require.Equal(t, int64(5), got.Counter)
	const isLease = "#leaseCounter = :seen AND (attribute_not_exists(#entityType) OR #entityType = :lease)"
	require.Equal(t, isLease+" AND (attribute_not_exists(#checkpointOwner) OR #checkpointOwner <> :leaseOwner)", *f.update.ConditionExpression)
	require.Equal(t, "SET #checkpoint = :checkpoint, #checkpointSubSequenceNumber = :checkpointSubSequenceNumber,"+
		" #leaseCounter = :leaseCounter, #leaseOwner = :leaseOwner, #ownerSwitchesSinceCheckpoint = :ownerSwitchesSinceCheckpoint,"+
		" #weirCounter = :weirCounter"+
		" REMOVE #checkpointOwner, #pendingCheckpoint, #pendingCheckpointSubSequenceNumber, #pendingCheckpointState,"+
		" #childShardIds, #endingHashKey, #parentShardId, #startingHashKey, #throughputKBps,"+
		" #weirState, #weirStream, #weirWanted", *f.update.UpdateExpression)
	require.Equal(t, map[string]types.AttributeValue{
		":seen": n("4"), ":lease": s("LEASE"), ":leaseCounter": n("5"), ":leaseOwner": s("me"), ":checkpoint": s("12"),
		":checkpointSubSequenceNumber": n("0"), ":ownerSwitchesSinceCheckpoint": n("0"), ":weirCounter": n("5"),
	}, f.update.ExpressionAttributeValues)
	for short, name := range f.update.ExpressionAttributeNames {
		assert.Equal(t, short, "#"+name)
	}

	_, err = st.Update(t.Context(), lease.Lease{Key: "a", Counter: 5, Switches: 1})
	require.NoError(t, err)
	require.Equal(t, isLease, *f.update.ConditionExpression)
	require.Contains(t, *f.update.UpdateExpression, "REMOVE #checkpointOwner, #checkpoint,")

	_, err = st.Update(t.Context(), lease.Lease{Key: "a", Counter: 6, Owner: "me", Wanted: "you"})
	require.NoError(t, err)
	require.Equal(t, isLease+" AND #weirCounter = :seen", *f.update.ConditionExpression)
}

// What a server that says nothing of the row says when it is asked.
func TestStore_conflictOfOlderServers(t *testing.T) {
	f := &table{err: new(types.ConditionalCheckFailedException)}
	st := opened(t, f)
	there, err := st.Update(t.Context(), lease.Lease{Key: "a"})
	require.ErrorIs(t, err, lease.ErrConflict)
	require.Zero(t, there)
	f.got = javaRow("a")
	there, err = st.Update(t.Context(), lease.Lease{Key: "a"})
	require.ErrorIs(t, err, lease.ErrConflict)
	require.Equal(t, int64(7), there.Counter)
	require.ErrorIs(t, st.Create(t.Context(), lease.Lease{Key: "a"}), lease.ErrConflict)
	require.ErrorIs(t, st.Delete(t.Context(), lease.Lease{Key: "a"}), lease.ErrConflict)
}

// An error of the service is neither a conflict nor of another table.
func TestStore_errorsOfTheService(t *testing.T) {
	f := &table{pages: [][]map[string]types.AttributeValue{nil, nil}}
	st := opened(t, f)
	f.err = new(types.ProvisionedThroughputExceededException)
	_, listed := st.List(t.Context())
	_, updated := st.Update(t.Context(), lease.Lease{Key: "a"})
	for _, err := range []error{listed, updated, st.Create(t.Context(), lease.Lease{Key: "a"}), st.Delete(t.Context(), lease.Lease{Key: "a"})} {
		var throttled *types.ProvisionedThroughputExceededException
		require.ErrorAs(t, err, &throttled)
		require.ErrorContains(t, err, "table orders-app: ")
		require.NotErrorIs(t, err, lease.ErrConflict)
		require.NotErrorIs(t, err, lease.ErrForeign)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f.err = errors.New("the connection is closed")
	_, err := st.List(ctx)
	require.ErrorIs(t, err, context.Canceled)
}

func TestStore_createHasNoEmptyAttributes(t *testing.T) {
	f := &table{}
	require.NoError(t, opened(t, f).Create(t.Context(), lease.Lease{Key: "a", Counter: 3}))
	assert.Equal(t, []string{"checkpointSubSequenceNumber", "leaseCounter", "leaseKey", "ownerSwitchesSinceCheckpoint", "weirCounter"},
		slices.Sorted(maps.Keys(f.put.Item)))
	assert.Equal(t, "attribute_not_exists(leaseKey)", *f.put.ConditionExpression)
}

func TestStore_listsAllPages(t *testing.T) {
	f := &table{pages: [][]map[string]types.AttributeValue{{javaRow("b")}, {}, {javaRow("a")}}}
	list, err := opened(t, f).List(t.Context())
	require.NoError(t, err)
	require.Len(t, list, 2)
	assert.Equal(t, "a", list[0].Key)
	require.Len(t, f.scans, 3)
	assert.Nil(t, f.scans[0].ExclusiveStartKey)
	assert.NotNil(t, f.scans[2].ExclusiveStartKey)
	assert.True(t, *f.scans[0].ConsistentRead)
}

// A table is made and waited for, no longer than a context lasts.
func TestOpen_waitsForTheTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &table{states: []types.TableStatus{"", "", types.TableStatusCreating, types.TableStatusCreating, types.TableStatusActive}}
		_, err := dynamolease.Open(t.Context(), f, "orders-app")
		require.NoError(t, err)
		require.Equal(t, types.BillingModePayPerRequest, f.made.BillingMode)

		f = &table{states: []types.TableStatus{"", types.TableStatusCreating}, err: new(types.ResourceInUseException)}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		begin := time.Now()
		_, err = dynamolease.Open(ctx, f, "orders-app")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.LessOrEqual(t, time.Since(begin), 20*time.Second)

		f = &table{states: []types.TableStatus{types.TableStatusCreating}}
		begin = time.Now()
		_, err = dynamolease.Open(t.Context(), f, "orders-app")
		require.Error(t, err)
		require.InDelta(t, 5*time.Minute, time.Since(begin), float64(10*time.Second))

		f = &table{states: []types.TableStatus{""}, err: errors.New("not allowed")}
		_, err = dynamolease.Open(t.Context(), f, "orders-app")
		require.ErrorContains(t, err, "table orders-app: not allowed")
	})
}

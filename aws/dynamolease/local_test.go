package dynamolease_test

import (
	"context"
	"crypto/rand"
	"os"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/dynamolease"
	"github.com/weirstream/weir/lease"
	"github.com/weirstream/weir/lease/leasetest"
)

// local returns a client of DynamoDB Local, which aws/clients/run leases starts.
func local(t *testing.T) *dynamodb.Client {
	endpoint := os.Getenv("WEIR_DYNAMODB")
	if endpoint == "" {
		t.Skip("needs a DynamoDB: aws/clients/run leases starts one")
	}
	return dynamodb.New(dynamodb.Options{
		BaseEndpoint: &endpoint, Region: "us-east-1",
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		}),
	})
}

// newTable returns the name of a table that there is not, and removes it.
func newTable(t *testing.T, c *dynamodb.Client) string {
	name := "leases-" + rand.Text()
	t.Cleanup(func() {
		_, err := c.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: &name})
		assert.NoError(t, err)
	})
	return name
}

func open(t *testing.T, c *dynamodb.Client, table string) lease.Store {
	t.Helper()
	s, err := dynamolease.Open(t.Context(), c, table)
	require.NoError(t, err)
	return s
}

func TestLocal_conforms(t *testing.T) {
	c := local(t)
	leasetest.Run(t, func(t *testing.T) func() lease.Store {
		table := newTable(t, c)
		return func() lease.Store { return open(t, c, table) }
	})
}

func put(t *testing.T, c *dynamodb.Client, table string, row map[string]types.AttributeValue) {
	t.Helper()
	_, err := c.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: row})
	require.NoError(t, err)
}

func get(t *testing.T, c *dynamodb.Client, table, key string) map[string]types.AttributeValue {
	t.Helper()
	out, err := c.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &table, ConsistentRead: aws.Bool(true),
		Key: map[string]types.AttributeValue{"leaseKey": s(key)}})
	require.NoError(t, err)
	return out.Item
}

func s(v string) types.AttributeValue     { return &types.AttributeValueMemberS{Value: v} }
func n(v string) types.AttributeValue     { return &types.AttributeValueMemberN{Value: v} }
func ss(v ...string) types.AttributeValue { return &types.AttributeValueMemberSS{Value: v} }

// javaRow is a row as the library writes it, with what only it knows.
func javaRow(key string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{
		"leaseKey": s(key), "leaseOwner": s("java-1"), "leaseCounter": n("7"), "ownerSwitchesSinceCheckpoint": n("2"),
		"checkpoint": s("TRIM_HORIZON"), "checkpointSubSequenceNumber": n("0"),
		"parentShardId": ss("shardId-000000000001"), "startingHashKey": s("0"), "endingHashKey": s("99"),
		"throughputKBps": n("12.5"), "pendingCheckpoint": s("123"), "pendingCheckpointSubSequenceNumber": n("4"),
		"pendingCheckpointState": &types.AttributeValueMemberB{Value: []byte("p")}, "someday": n("1"),
	}
}

// A row of the library is read, taken as its version 2 does, and keeps what we
// do not know.
func TestLocal_rowsOfTheLibrary(t *testing.T) {
	c := local(t)
	table := newTable(t, c)
	store := open(t, c, table)
	put(t, c, table, javaRow("shardId-000000000002"))
	want := lease.Lease{
		Key: "shardId-000000000002", Owner: "java-1", Counter: 7, Switches: 2,
		Checkpoint: lease.Checkpoint{Sequence: lease.TrimHorizon}, Parents: []string{"shardId-000000000001"},
		FirstHashKey: "0", LastHashKey: "99", Throughput: 12.5,
	}
	list, err := store.List(t.Context())
	require.NoError(t, err)
	require.Equal(t, []lease.Lease{want}, list)

	want.Owner, want.Switches = "go-1", 3
	got, err := store.Update(t.Context(), want)
	require.NoError(t, err)
	want.Counter = 8
	require.Equal(t, want, got)
	row := javaRow("shardId-000000000002")
	row["leaseOwner"], row["leaseCounter"], row["ownerSwitchesSinceCheckpoint"], row["weirCounter"] = s("go-1"), n("8"), n("3"), n("8")
	require.Equal(t, row, get(t, c, table, "shardId-000000000002"))

	want.Owner, want.Wanted, want.State, want.Stream = "", "go-2", []byte("sum"), "orders"
	want.Checkpoint = lease.Checkpoint{Sequence: lease.ShardEnd}
	want.Children, want.Throughput = []string{"shardId-000000000003"}, 0
	_, err = store.Update(t.Context(), want)
	require.NoError(t, err)
	delete(row, "leaseOwner")
	delete(row, "throughputKBps")
	row["leaseCounter"], row["checkpoint"], row["childShardIds"] = n("9"), s("SHARD_END"), ss("shardId-000000000003")
	row["weirCounter"] = n("9")
	row["weirWanted"], row["weirStream"], row["weirState"] = s("go-2"), s("orders"), &types.AttributeValueMemberB{Value: []byte("sum")}
	require.Equal(t, row, get(t, c, table, "shardId-000000000002"))
}

// Leases of several streams have the library's form, in which relatives are
// shards and not keys.
func TestLocal_severalStreams(t *testing.T) {
	c := local(t)
	table := newTable(t, c)
	store := open(t, c, table)
	const stream = "123456789012:orders:1700000000"
	l := lease.Lease{Key: stream + ":shardId-000000000002", Stream: "orders", Parents: []string{stream + ":shardId-000000000001"}}
	require.NoError(t, store.Create(t.Context(), l))
	row := get(t, c, table, l.Key)
	assert.Equal(t, s(stream), row["streamName"])
	assert.Equal(t, s("shardId-000000000002"), row["shardId"])
	assert.Equal(t, ss("shardId-000000000001"), row["parentShardId"])

	java := javaRow(stream + ":shardId-000000000004")
	java["streamName"], java["shardId"] = s(stream), s("shardId-000000000004")
	put(t, c, table, java)
	list, err := store.List(t.Context())
	require.NoError(t, err)
	require.Len(t, list, 2)
	assert.Equal(t, l, list[0])
	assert.Equal(t, stream, list[1].Stream)
	assert.Equal(t, []string{stream + ":shardId-000000000001"}, list[1].Parents)
}

// Rows that version 3.5 of the library keeps beside leases are neither seen nor
// touched.
func TestLocal_rowsThatAreNoLeases(t *testing.T) {
	c := local(t)
	table := newTable(t, c)
	store := open(t, c, table)
	leader := map[string]types.AttributeValue{"leaseKey": s("Leader"), "entityType": s("LEADER"), "leaseCounter": n("1")}
	put(t, c, table, leader)
	typed := javaRow("shardId-000000000002")
	typed["entityType"] = s("LEASE")
	put(t, c, table, typed)
	list, err := store.List(t.Context())
	require.NoError(t, err)
	require.Len(t, list, 1)
	_, err = store.Update(t.Context(), list[0])
	require.NoError(t, err)

	l := lease.Lease{Key: "Leader", Counter: 1}
	_, err = store.Update(t.Context(), l)
	require.ErrorIs(t, err, lease.ErrForeign)
	require.ErrorContains(t, err, `the row "Leader" is no lease`)
	require.ErrorIs(t, store.Create(t.Context(), l), lease.ErrConflict)
	require.ErrorIs(t, store.Delete(t.Context(), l), lease.ErrConflict)
	require.Equal(t, leader, get(t, c, table, "Leader"))
}

// A checkpoint ends one that was announced; what is written before that does not.
func TestLocal_announcedCheckpoint(t *testing.T) {
	c := local(t)
	table := newTable(t, c)
	store := open(t, c, table)
	put(t, c, table, javaRow("a"))
	l, err := store.Update(t.Context(), lease.Lease{Key: "a", Counter: 7, Owner: "go-1", Switches: 3, Checkpoint: lease.Checkpoint{Sequence: "100"}})
	require.NoError(t, err)
	require.Contains(t, get(t, c, table, "a"), "pendingCheckpoint")
	l.Switches, l.Checkpoint.Sequence = 0, "200"
	_, err = store.Update(t.Context(), l)
	require.NoError(t, err)
	row := get(t, c, table, "a")
	for _, name := range []string{"pendingCheckpoint", "pendingCheckpointSubSequenceNumber", "pendingCheckpointState"} {
		require.NotContains(t, row, name)
	}
}

// A worker of the library is asked for a lease as its version 3 does, and goes on
// to renew it; one of ours by our own attribute.
func TestLocal_asksForLeases(t *testing.T) {
	c := local(t)
	table := newTable(t, c)
	store := open(t, c, table)
	row := javaRow("a")
	put(t, c, table, row)
	list, err := store.List(t.Context())
	require.NoError(t, err)
	l := list[0]
	l.Wanted = "go-1"
	got, err := store.Update(t.Context(), l)
	require.NoError(t, err)
	require.Equal(t, l, got, "with the counter that the library's worker writes next by")
	row["leaseOwner"], row["checkpointOwner"] = s("go-1"), s("java-1")
	require.Equal(t, row, get(t, c, table, "a"))
	list, err = store.List(t.Context())
	require.NoError(t, err)
	require.Equal(t, []lease.Lease{got}, list)
	_, err = store.Update(t.Context(), l)
	require.ErrorIs(t, err, lease.ErrConflict, "it is asked once")

	row["leaseCounter"] = n("8") // it does
	delete(row, "checkpointOwner")
	put(t, c, table, row)
	list, err = store.List(t.Context())
	require.NoError(t, err)
	require.Equal(t, "go-1", list[0].Owner)
	require.Empty(t, list[0].Wanted)
	l, err = store.Update(t.Context(), list[0])
	require.NoError(t, err)
	l.Wanted = "go-2"
	l, err = store.Update(t.Context(), l)
	require.NoError(t, err)
	require.EqualValues(t, 10, l.Counter)
	require.Equal(t, s("go-2"), get(t, c, table, "a")["weirWanted"])
	_, err = store.Update(t.Context(), l) // its owner renews it
	require.NoError(t, err)
}

// A lease that version 3 of the library hands over is its old owner's, who is to
// learn of it and ends it; so does whoever takes it by force.
func TestLocal_handOver(t *testing.T) {
	c := local(t)
	table := newTable(t, c)
	store := open(t, c, table)
	row := javaRow("a")
	row["leaseOwner"], row["checkpointOwner"], row["weirCounter"] = s("java-2"), s("go-1"), n("7")
	put(t, c, table, row)
	list, err := store.List(t.Context())
	require.NoError(t, err)
	require.Equal(t, "go-1", list[0].Owner)
	require.Equal(t, "java-2", list[0].Wanted)

	unaware := list[0]
	unaware.Wanted = ""
	there, err := store.Update(t.Context(), unaware)
	require.ErrorIs(t, err, lease.ErrConflict)
	require.Equal(t, list[0], there)
	require.Equal(t, row, get(t, c, table, "a"))

	for name, change := range map[string]func(*lease.Lease){
		"handed over": func(l *lease.Lease) { l.Owner, l.Wanted = "java-2", "" },
		"released":    func(l *lease.Lease) { l.Owner, l.Wanted = "", "" },
		"taken":       func(l *lease.Lease) { l.Owner, l.Wanted = "go-3", "" },
	} {
		put(t, c, table, row)
		l := list[0]
		change(&l)
		_, err = store.Update(t.Context(), l)
		require.NoError(t, err, name)
		assert.NotContains(t, get(t, c, table, "a"), "checkpointOwner", name)
	}
}

func TestLocal_foreign(t *testing.T) {
	c := local(t)
	table := newTable(t, c)
	_, err := c.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: &table, BillingMode: types.BillingModePayPerRequest,
		KeySchema: []types.KeySchemaElement{
			{AttributeName: aws.String("id"), KeyType: types.KeyTypeHash}, {AttributeName: aws.String("at"), KeyType: types.KeyTypeRange},
		},
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String("id"), AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: aws.String("at"), AttributeType: types.ScalarAttributeTypeN},
		},
	})
	require.NoError(t, err)
	_, err = dynamolease.Open(t.Context(), c, table)
	require.ErrorIs(t, err, lease.ErrForeign)
	require.ErrorContains(t, err, "its key is hash id (S) and range at (N), that of leases is hash leaseKey (S)")

	_, err = dynamolease.Open(t.Context(), c, "no/table")
	require.ErrorContains(t, err, `group name "no/table"`)

	table = newTable(t, c)
	store := open(t, c, table)
	put(t, c, table, map[string]types.AttributeValue{"leaseKey": s("a"), "checkpoint": s("1")})
	_, err = store.List(t.Context())
	require.ErrorIs(t, err, lease.ErrForeign)
	require.ErrorContains(t, err, `row "a": the attribute leaseCounter is not there`)
	put(t, c, table, map[string]types.AttributeValue{"leaseKey": s("a"), "leaseCounter": s("1")})
	_, err = store.Update(t.Context(), lease.Lease{Key: "a"})
	require.ErrorIs(t, err, lease.ErrForeign)
	require.ErrorContains(t, err, "the attribute leaseCounter is no number")
}

// Several workers that begin at once make one table.
func TestLocal_madeByOne(t *testing.T) {
	c := local(t)
	table := newTable(t, c)
	errs := make(chan error)
	for range 5 {
		go func() {
			_, err := dynamolease.Open(t.Context(), c, table)
			errs <- err
		}()
	}
	for range 5 {
		require.NoError(t, <-errs)
	}
	out, err := c.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &table})
	require.NoError(t, err)
	require.Equal(t, types.BillingModePayPerRequest, out.Table.BillingModeSummary.BillingMode)
}

// TestLocal_cost tells what writes and a List take here.
func TestLocal_cost(t *testing.T) {
	c := local(t)
	store := open(t, c, newTable(t, c))
	const writes = 200
	l := lease.Lease{Key: "a"}
	require.NoError(t, store.Create(t.Context(), l))
	begin := time.Now()
	for range writes {
		var err error
		l, err = store.Update(t.Context(), l)
		require.NoError(t, err)
	}
	t.Logf("an update: %v", time.Since(begin)/writes)
}

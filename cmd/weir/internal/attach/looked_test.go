package attach_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/dynamolease"
	"github.com/weirstream/weir/cmd/weir/internal/attach"
	"github.com/weirstream/weir/lease"
)

// A slowTable has pages of one lease each, and may take time or fail.
type slowTable struct {
	dynamolease.API // nil: what would change something panics
	gone            bool
	takes           time.Duration
	err             error

	mu        sync.Mutex
	pages     int
	described int
	scans     []*dynamodb.ScanInput
}

func (f *slowTable) DescribeTable(context.Context, *dynamodb.DescribeTableInput, ...func(*dynamodb.Options)) (*dynamodb.DescribeTableOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.described++
	if f.gone {
		return nil, new(types.ResourceNotFoundException)
	}
	return &dynamodb.DescribeTableOutput{Table: &types.TableDescription{
		TableStatus:          types.TableStatusActive,
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("leaseKey"), KeyType: types.KeyTypeHash}},
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("leaseKey"), AttributeType: types.ScalarAttributeTypeS}},
	}}, nil
}

func (f *slowTable) Scan(ctx context.Context, in *dynamodb.ScanInput, _ ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error) {
	select {
	case <-time.After(f.takes):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	asked := *in
	f.scans = append(f.scans, &asked)
	page := 0
	if last, ok := in.ExclusiveStartKey["leaseKey"].(*types.AttributeValueMemberS); ok {
		fmt.Sscan(last.Value, &page)
	}
	key := &types.AttributeValueMemberS{Value: fmt.Sprintf("shardId-%012d", page)}
	out := &dynamodb.ScanOutput{Items: []map[string]types.AttributeValue{{
		"leaseKey": key, "leaseCounter": &types.AttributeValueMemberN{Value: "1"}, "weirState": &types.AttributeValueMemberB{Value: []byte("much")},
	}}}
	if page+1 < f.pages {
		out.LastEvaluatedKey = map[string]types.AttributeValue{"leaseKey": &types.AttributeValueMemberS{Value: fmt.Sprint(page + 1)}}
	}
	return out, f.err
}

// asked returns how often the table was described and scanned.
func (f *slowTable) asked() (described, scans int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.described, len(f.scans)
}

func lookAt(t *testing.T, f *slowTable) *attach.LookedAt {
	table, is, err := attach.TableAt("dynamodb:audit")
	require.NoError(t, err)
	require.True(t, is)
	table.Ask(f)
	return table
}

func TestTableAt(t *testing.T) {
	for place, want := range map[string]string{
		"dynamodb":      "it names no table: dynamodb:TABLE does",
		"dynamodb:":     "its table: group name: 0 bytes are not 1 to 128",
		"dynamodb:a b":  `its table: group name "a b": ' ' is not a letter, digit, dot, underscore or hyphen`,
		"dynamodb:a/..": "its table: ",
	} {
		_, is, err := attach.TableAt(place)
		assert.True(t, is, place)
		assert.ErrorContains(t, err, want, place)
	}
	for _, place := range []string{"", ".", "./dynamodb", "dynamodbs", "DYNAMODB:audit"} {
		_, is, err := attach.TableAt(place)
		assert.False(t, is, place)
		assert.NoError(t, err, place)
	}
	table, _, err := attach.TableAt("dynamodb:audit")
	require.NoError(t, err)
	assert.Equal(t, "audit", table.Name())
	withoutAWS(t)
	assert.EqualError(t, table.Check(t.Context()), "no region is configured; AWS_REGION names one")
	_, err = table.List(t.Context())
	assert.EqualError(t, err, "no region is configured; AWS_REGION names one")
}

// Any number of viewers cost one scan in some seconds, those included that look
// while it goes on.
func TestLookedAt_isScannedOnceForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &slowTable{pages: 2, takes: 100 * time.Millisecond}
		table := lookAt(t, f)
		look := func() {
			var wg sync.WaitGroup
			for range 20 {
				wg.Go(func() {
					list, err := table.List(t.Context())
					assert.NoError(t, err)
					assert.Equal(t, []lease.Lease{{Key: "shardId-000000000000", Counter: 1}, {Key: "shardId-000000000001", Counter: 1}}, list, "without the handlers' state")
				})
			}
			wg.Wait()
		}
		look()
		described, scans := f.asked()
		assert.Equal(t, []int{1, 2}, []int{described, scans}, "two pages")
		time.Sleep(attach.KeptFor - time.Nanosecond)
		look()
		_, scans = f.asked()
		assert.Equal(t, 2, scans, "what was seen is given to all")
		time.Sleep(time.Nanosecond)
		look()
		described, scans = f.asked()
		assert.Equal(t, []int{1, 4}, []int{described, scans})
		assert.False(t, *f.scans[0].ConsistentRead, "at half the cost")
	})
}

// A list is its viewer's: what one does with it no other sees.
func TestLookedAt_givesEachItsOwn(t *testing.T) {
	table := lookAt(t, &slowTable{pages: 1})
	list, err := table.List(t.Context())
	require.NoError(t, err)
	list[0].Key = "mine"
	list, err = table.List(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "shardId-000000000000", list[0].Key)
}

// A look ends in time, tells why, and is not repeated for a while. One that a
// viewer broke off says nothing of the table.
func TestLookedAt_isBoundedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &slowTable{pages: 1, takes: time.Hour}
		table := lookAt(t, f)
		begin := time.Now()
		const late = "table audit: it did not answer in time, for which it has 1.5s"
		_, err := table.List(t.Context())
		assert.EqualError(t, err, late)
		assert.Equal(t, attach.LookFor, time.Since(begin))
		f.takes = 0
		_, err = table.List(t.Context())
		assert.EqualError(t, err, late)
		time.Sleep(attach.FailedKeptFor - time.Nanosecond)
		_, err = table.List(t.Context())
		assert.EqualError(t, err, late)
		time.Sleep(time.Nanosecond)
		_, err = table.List(t.Context())
		assert.NoError(t, err)

		f.takes = time.Second
		time.Sleep(attach.KeptFor)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		_, err = table.List(ctx)
		assert.EqualError(t, err, late)
		list, err := table.List(t.Context())
		assert.NoError(t, err, "who looks next is not told what another broke off")
		assert.Len(t, list, 1)

		time.Sleep(attach.KeptFor)
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := table.List(t.Context())
			assert.NoError(t, err)
		})
		synctest.Wait()
		ctx, cancel = context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err = table.List(ctx)
		assert.EqualError(t, err, late, "who waits for another waits no longer than it can")
		wg.Wait()
	})
}

// It reads a bounded part of a table, anew with each look.
func TestLookedAt_isBoundedInPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &slowTable{pages: attach.MostPages}
		table := lookAt(t, f)
		for range 2 {
			list, err := table.List(t.Context())
			require.NoError(t, err)
			assert.Len(t, list, attach.MostPages)
			time.Sleep(attach.KeptFor)
		}
		f.pages++
		_, err := table.List(t.Context())
		assert.EqualError(t, err, "table audit: it has more than the 16 pages of a MiB that are looked at; weir group describe tells of all")
		_, scans := f.asked()
		assert.Equal(t, 3*attach.MostPages, scans)
	})
}

// A table that is not there is not made; it is found when it is.
func TestLookedAt_makesAndChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &slowTable{pages: 1, gone: true}
		table := lookAt(t, f)
		_, err := table.List(t.Context())
		assert.EqualError(t, err, `there is no table "audit": the first worker of its group makes it`)
		f.gone = false
		time.Sleep(attach.FailedKeptFor)
		list, err := table.List(t.Context())
		require.NoError(t, err)
		_, err = table.Update(t.Context(), list[0])
		for _, err := range []error{err, table.Create(t.Context(), newLease), table.Delete(t.Context(), list[0])} {
			assert.ErrorContains(t, err, "the table is only looked at")
		}
		f.err = errors.New("throttled")
		time.Sleep(attach.KeptFor)
		_, err = table.List(t.Context())
		assert.EqualError(t, err, "table audit: throttled")
	})
}

// It is run by aws/clients/run leases, which starts a DynamoDB.
func TestLookedAt_inDynamoDB(t *testing.T) {
	endpoint := os.Getenv("WEIR_DYNAMODB")
	if endpoint == "" {
		t.Skip("needs a DynamoDB: aws/clients/run leases starts one")
	}
	dynamo(t, endpoint)
	group := "audit-" + rand.Text()
	place := "dynamodb:" + group
	table, _, err := attach.TableAt(place)
	require.NoError(t, err)
	_, err = table.List(t.Context())
	assert.ErrorContains(t, err, "there is no table")
	made, err := store(t, place).Open(context.Background(), "whatever")
	require.NoError(t, err)
	require.NoError(t, made.Create(t.Context(), newLease))
	table, _, err = attach.TableAt(place)
	require.NoError(t, err)
	list, err := table.List(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []lease.Lease{newLease}, list)
}

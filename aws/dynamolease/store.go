// Package dynamolease keeps the leases of a group in a table of DynamoDB: the
// one that the Kinesis Client Library keeps, so that workers in Go and in Java
// share one application.
//
//	store, err := dynamolease.Open(ctx, dynamodb.NewFromConfig(cfg), "orders-app")
//
// The library's application has the name of its table. Its versions 2 and 3
// work beside this one as long as leases are taken as version 2 does: whoever
// writes names the counter that it saw, and nobody assigns leases to others.
//
// A row has the library's attributes and four of ours, which it ignores:
// weirWanted, weirState, weirStream and weirCounter. Whatever else is in a row
// stays as it is, but for a checkpoint that was announced, which the next one
// ends; rows that are no leases, as its version 3.5 has, are not seen.
//
// A call costs one request. An update is a conditional write of the whole row,
// one unit of write capacity for each KiB of it, refused or not; a List is a
// consistent read of the whole table. Requests are retried as the client does;
// one that was carried out, and whose answer was lost, then conflicts with
// itself, and what is returned is the row that it wrote.
package dynamolease

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/weirstream/weir/lease"
)

// An API is what a store needs of the SDK's *dynamodb.Client.
type API interface {
	CreateTable(context.Context, *dynamodb.CreateTableInput, ...func(*dynamodb.Options)) (*dynamodb.CreateTableOutput, error)
	DescribeTable(context.Context, *dynamodb.DescribeTableInput, ...func(*dynamodb.Options)) (*dynamodb.DescribeTableOutput, error)
	Scan(context.Context, *dynamodb.ScanInput, ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error)
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	UpdateItem(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
	DeleteItem(context.Context, *dynamodb.DeleteItemInput, ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error)
}

// A Store is a table of leases. It implements [lease.Store]; any number of
// processes on any number of machines may use one table at a time.
//
// The parents and children of a lease whose key names a stream, in the
// library's form account:stream:epoch:shard, are shards of the same stream.
//
// A worker of the library is asked for a lease as its version 3 does it, which
// finishes first and hands it over: by an Update that names who wants the lease,
// and that leaves the counter as it is. A lease that it is handing over is that
// of the owner who is to finish, and wanted by the one who is to have it; when
// the owner updates it without knowing that, it is a conflict.
type Store struct {
	api   API
	table string
}

// tablePatience is how long Open waits for a table to be there.
const tablePatience = 5 * time.Minute

// Open opens a table. If there is none, it makes one that is paid per request,
// and waits for it. The error matches [lease.ErrForeign] if the table is not one
// of leases; it says then what is different.
func Open(ctx context.Context, api API, table string) (*Store, error) {
	if err := lease.CheckGroup(table); err != nil {
		return nil, err
	}
	s := &Store{api, table}
	t, err := s.describe(ctx)
	if gone := (*types.ResourceNotFoundException)(nil); errors.As(err, &gone) {
		err = s.make(ctx)
	}
	if err == nil && (t == nil || t.TableStatus != types.TableStatusActive) {
		t, err = s.await(ctx)
	}
	if err != nil {
		return nil, s.failed(ctx, err)
	}
	return s, s.checkTable(t)
}

func (s *Store) describe(ctx context.Context) (*types.TableDescription, error) {
	out, err := s.api.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &s.table})
	if err != nil {
		return nil, err
	}
	return out.Table, nil
}

func (s *Store) make(ctx context.Context) error {
	_, err := s.api.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName:            &s.table,
		BillingMode:          types.BillingModePayPerRequest,
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String(keyName), KeyType: types.KeyTypeHash}},
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String(keyName), AttributeType: types.ScalarAttributeTypeS}},
	})
	if others := (*types.ResourceInUseException)(nil); errors.As(err, &others) {
		return nil // somebody else makes it
	}
	return err
}

// await asks for the table until it can be used. The SDK's waiter asks without
// a pause towards the end of its patience.
func (s *Store) await(ctx context.Context) (*types.TableDescription, error) {
	const longest = 5 * time.Second
	ctx, cancel := context.WithTimeout(ctx, tablePatience)
	defer cancel()
	for pause := longest / 32; ; pause = min(2*pause, longest) {
		t := time.NewTimer(pause)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return nil, fmt.Errorf("the table is not there yet: %w", ctx.Err())
		}
		is, err := s.describe(ctx)
		if gone := (*types.ResourceNotFoundException)(nil); err != nil && !errors.As(err, &gone) {
			return nil, err
		}
		if err == nil && is.TableStatus == types.TableStatusActive {
			return is, nil
		}
	}
}

// checkTable refuses a table of something else.
func (s *Store) checkTable(t *types.TableDescription) error {
	var keys []string
	for _, k := range t.KeySchema {
		kind := "?"
		for _, a := range t.AttributeDefinitions {
			if aws.ToString(a.AttributeName) == aws.ToString(k.AttributeName) {
				kind = string(a.AttributeType)
			}
		}
		keys = append(keys, fmt.Sprintf("%s %s (%s)", strings.ToLower(string(k.KeyType)), aws.ToString(k.AttributeName), kind))
	}
	const want = "hash " + keyName + " (S)"
	if len(keys) == 1 && keys[0] == want {
		return nil
	}
	return s.foreign(fmt.Sprintf("its key is %s, that of leases is %s", strings.Join(keys, " and "), want))
}

// List implements [lease.Store].
func (s *Store) List(ctx context.Context) ([]lease.Lease, error) {
	var list []lease.Lease
	in := &dynamodb.ScanInput{TableName: &s.table, ConsistentRead: aws.Bool(true)}
	for {
		out, err := s.api.Scan(ctx, in)
		if err != nil {
			return nil, s.failed(ctx, err)
		}
		for _, item := range out.Items {
			if !isLease(item) {
				continue
			}
			l, err := decode(item)
			if err != nil {
				return nil, s.foreign(err.Error())
			}
			list = append(list, l)
		}
		if len(out.LastEvaluatedKey) == 0 {
			break
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
	slices.SortFunc(list, func(a, b lease.Lease) int { return strings.Compare(a.Key, b.Key) })
	return list, nil
}

// Create implements [lease.Store].
func (s *Store) Create(ctx context.Context, l lease.Lease) error {
	if err := check(ctx, l); err != nil {
		return err
	}
	item := encode(l)
	for name, v := range item {
		if v == nil {
			delete(item, name)
		}
	}
	item[keyName] = text(l.Key)
	_, err := s.api.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &s.table, Item: item, ConditionExpression: aws.String("attribute_not_exists(" + keyName + ")"),
	})
	if refused := (*types.ConditionalCheckFailedException)(nil); errors.As(err, &refused) {
		return conflict(l.Key)
	}
	return s.failed(ctx, err)
}

// Update implements [lease.Store].
func (s *Store) Update(ctx context.Context, l lease.Lease) (lease.Lease, error) {
	if err := check(ctx, l); err != nil {
		return lease.Lease{}, err
	}
	seen := l.Counter
	l = l.Clone()
	l.Counter++
	row, err := s.write(ctx, s.update(seen, l))
	if errors.Is(err, lease.ErrConflict) && asks(l) && ofLibrary(row, l, seen) {
		l.Counter = seen
		row, err = s.write(ctx, s.handOver(seen, l))
	}
	switch {
	case err == nil:
		return l, nil
	case !errors.Is(err, lease.ErrConflict):
		return lease.Lease{}, err
	}
	return s.there(l.Key, row, err)
}

// write writes a row. If its condition does not hold that is a conflict, and
// what is there is returned; a server that says nothing of it is asked.
func (s *Store) write(ctx context.Context, in *dynamodb.UpdateItemInput) (item, error) {
	_, err := s.api.UpdateItem(ctx, in)
	refused := (*types.ConditionalCheckFailedException)(nil)
	if !errors.As(err, &refused) {
		return nil, s.failed(ctx, err)
	}
	row := refused.Item
	if len(row) == 0 {
		out, err := s.api.GetItem(ctx, &dynamodb.GetItemInput{TableName: &s.table, Key: in.Key, ConsistentRead: aws.Bool(true)})
		if err != nil {
			return nil, s.failed(ctx, err)
		}
		row = out.Item
	}
	return row, conflict(in.Key[keyName].(*types.AttributeValueMemberS).Value)
}

// there returns the lease that a row holds in place of the one that was seen.
func (s *Store) there(key string, row item, conflict error) (lease.Lease, error) {
	switch {
	case len(row) == 0:
		return lease.Lease{}, conflict
	case !isLease(row):
		return lease.Lease{}, s.foreign(fmt.Sprintf("the row %.100q is no lease", key))
	}
	l, err := decode(row)
	if err != nil {
		return lease.Lease{}, s.foreign(err.Error())
	}
	return l, conflict
}

// Delete implements [lease.Store].
func (s *Store) Delete(ctx context.Context, l lease.Lease) error {
	if err := check(ctx, l); err != nil {
		return err
	}
	x := newExpression()
	_, err := s.api.DeleteItem(ctx, &dynamodb.DeleteItemInput{
		TableName: &s.table, Key: keyOf(l.Key),
		ConditionExpression: aws.String(fmt.Sprintf("attribute_not_exists(%s) OR (%s)",
			x.name(keyName), x.seen(l.Counter))),
		ExpressionAttributeNames: x.names, ExpressionAttributeValues: x.values,
	})
	if refused := (*types.ConditionalCheckFailedException)(nil); errors.As(err, &refused) {
		return conflict(l.Key)
	}
	return s.failed(ctx, err)
}

// failed says which table a request was for. What a context ended is said to
// have been ended by it.
func (s *Store) failed(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil && !errors.Is(err, ctx.Err()):
		err = errors.Join(ctx.Err(), err)
	}
	return fmt.Errorf("table %s: %w", s.table, err)
}

func (s *Store) foreign(why string) error {
	return fmt.Errorf("table %s: %w: %s", s.table, lease.ErrForeign, why)
}

func check(ctx context.Context, l lease.Lease) error {
	if err := l.Check(); err != nil {
		return err
	}
	return ctx.Err()
}

func conflict(key string) error { return fmt.Errorf("lease %s: %w", key, lease.ErrConflict) }

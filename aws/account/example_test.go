package account_test

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/weirstream/weir/aws/account"
)

func Example() {
	ctx := context.Background()
	a, err := account.New(account.Instant())
	if err != nil {
		panic(err)
	}
	clicks := account.Ptr("clicks")
	_, err = a.CreateStream(ctx, &account.CreateStreamInput{StreamName: clicks, ShardCount: account.Ptr(int32(2))})
	if err != nil {
		panic(err)
	}
	put, err := a.PutRecord(ctx, &account.PutRecordInput{StreamName: clicks, PartitionKey: account.Ptr("user-1"), Data: []byte("hello")})
	if err != nil {
		panic(err)
	}
	it, err := a.GetShardIterator(ctx, &account.GetShardIteratorInput{
		StreamName: clicks, ShardId: &put.ShardId, ShardIteratorType: account.Ptr(account.IteratorTrimHorizon),
	})
	if err != nil {
		panic(err)
	}
	got, err := a.GetRecords(ctx, &account.GetRecordsInput{ShardIterator: &it.ShardIterator})
	if err != nil {
		panic(err)
	}
	fmt.Println(put.ShardId, string(got.Records[0].Data))
	// Output: shardId-000000000001 hello
}

// Errors are the service's.
func ExampleError() {
	a, err := account.New(account.Instant())
	if err != nil {
		panic(err)
	}
	_, err = a.DescribeStream(context.Background(), &account.DescribeStreamInput{StreamName: account.Ptr("clicks")})
	var e *account.Error
	if errors.As(err, &e) {
		fmt.Println(e.HTTPStatus, e.Code)
		fmt.Println(e.Message)
	}
	// Output:
	// 400 ResourceNotFoundException
	// Stream clicks under account 000000000000 not found.
}

// What an operation has answered is there when the account is opened again,
// however the process ended.
func ExampleOpen() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "account")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	for range 2 {
		a, err := account.Open(dir, account.Instant())
		if err != nil {
			panic(err)
		}
		_, err = a.CreateStream(ctx, &account.CreateStreamInput{StreamName: account.Ptr("clicks"), ShardCount: account.Ptr(int32(2))})
		fmt.Println(err)
		if err := a.Close(); err != nil {
			panic(err)
		}
	}
	// Output:
	// <nil>
	// ResourceInUseException: Stream clicks under account 000000000000 already exists.
}

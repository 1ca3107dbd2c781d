package client_test

import (
	"context"
	"fmt"
	"io"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
)

// What is written against client.Stream runs on the engine in this process and
// on the service alike. This reads a stream that is closed shard by shard, each
// when its parents are read.
func Example() {
	ctx := context.Background()
	engine, err := weir.NewStream("orders", weir.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	var s client.Stream = client.Embedded(engine)

	results, err := s.PutRecords(ctx, []weir.Entry{{PartitionKey: "user-1", Data: []byte("a")}, {PartitionKey: "user-2", Data: []byte("b")}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range results {
		fmt.Println("put into", r.ShardID, r.Err)
	}
	if reshard, ok := s.(client.Resharder); ok {
		if err := reshard.SplitShard(ctx, 0, weir.HashKey{}); err != nil {
			fmt.Println(err)
			return
		}
	}
	if err := readShard(ctx, s, 0); err != nil {
		fmt.Println(err)
	}
	// Output:
	// put into shardId-000000000000 <nil>
	// put into shardId-000000000000 <nil>
	// user-1 a
	// user-2 b
	// next is shardId-000000000001
	// next is shardId-000000000002
}

// readShard reads a shard to its end.
func readShard(ctx context.Context, s client.Stream, shard weir.ShardID) error {
	r, err := s.Read(ctx, shard, weir.TrimHorizon(), client.Reading{})
	if err != nil {
		return err
	}
	defer r.Close()
	for {
		b, err := r.Next(ctx)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		for _, record := range b.Records {
			fmt.Println(record.PartitionKey, string(record.Data))
		}
		for _, child := range b.Children {
			fmt.Println("next is", child.ID)
		}
	}
}

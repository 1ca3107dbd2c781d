package weir_test

import (
	"context"
	"fmt"
	"io"

	"github.com/weirstream/weir"
)

// A registered consumer reads a shard with a throughput of its own. Its
// subscription ends after five minutes, to be continued, or when the shard is
// closed and read to its end.
func ExampleStream_Subscribe() {
	ctx := context.Background()
	s, _ := weir.NewStream("invoices", weir.Config{})
	s.RegisterConsumer("billing")
	s.PutRecord(ctx, "acme", []byte("first"))

	sub, err := s.Subscribe(ctx, "billing", 0, weir.TrimHorizon())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sub.Close()
	s.PutRecord(ctx, "acme", []byte("second"))
	s.SplitShard(0, weir.HashKey{Hi: 1 << 63})
	for {
		ev, err := sub.Next(ctx)
		if err == io.EOF {
			break
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, r := range ev.Records {
			fmt.Printf("%s: %s\n", r.PartitionKey, r.Data)
		}
		for _, child := range ev.Children {
			fmt.Println("continues in", child.ID)
		}
	}
	// Output:
	// acme: first
	// acme: second
	// continues in shardId-000000000001
	// continues in shardId-000000000002
}

// A follower reads a whole stream for as long as it is wanted: it renews its
// subscriptions and follows the children of closed shards.
func ExampleStream_Follow() {
	ctx := context.Background()
	s, _ := weir.NewStream("invoices", weir.Config{Shards: 2})
	s.RegisterConsumer("billing")
	s.PutRecord(ctx, "acme", []byte("first"))
	s.MergeShards(0, 1)
	s.PutRecord(ctx, "acme", []byte("second"))

	f, err := s.Follow("billing", weir.TrimHorizon())
	if err != nil {
		fmt.Println(err)
		return
	}
	left := 2
	for ev, err := range f.Events(ctx) { // leaving the loop closes the follower
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, r := range ev.Records {
			fmt.Printf("%v: %s\n", ev.Shard, r.Data)
		}
		if left -= len(ev.Records); left == 0 {
			break
		}
	}
	// Output:
	// shardId-000000000000: first
	// shardId-000000000002: second
}

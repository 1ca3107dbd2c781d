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
	s.RegisterConsumer(context.Background(), "billing")
	s.PutRecord(ctx, "acme", []byte("first"))

	sub, err := s.Subscribe(ctx, "billing", 0, weir.TrimHorizon())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sub.Close()
	s.PutRecord(ctx, "acme", []byte("second"))
	s.SplitShard(context.Background(), 0, weir.HashKey{Hi: 1 << 63})
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

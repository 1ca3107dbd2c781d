package weir_test

import (
	"context"
	"fmt"
	"io"
	"log"

	"github.com/weirstream/weir"
)

// A registered consumer reads a shard with a throughput of its own. Its
// subscription ends after five minutes, to be continued, or when the shard is
// closed and read to its end.
func ExampleStream_Subscribe() {
	ctx := context.Background()
	s := newExample(weir.Config{})
	put := func(data string) {
		if _, err := s.PutRecord(ctx, "acme", []byte(data)); err != nil {
			log.Fatal(err)
		}
	}
	if _, err := s.RegisterConsumer(ctx, "billing"); err != nil {
		log.Fatal(err)
	}
	put("first")
	sub, err := s.Subscribe(ctx, "billing", 0, weir.TrimHorizon())
	if err != nil {
		log.Fatal(err)
	}
	defer sub.Close()
	put("second")
	if _, err := s.SplitShard(ctx, 0, weir.HashKey{Hi: 1 << 63}); err != nil {
		log.Fatal(err)
	}
	for {
		ev, err := sub.Next(ctx)
		if err == io.EOF {
			break
		}
		if err != nil {
			log.Fatal(err)
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

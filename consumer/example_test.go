package consumer_test

import (
	"context"
	"fmt"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/lease"
)

func ExampleGroup() {
	s, err := weir.NewStream("orders", weir.Config{})
	if err != nil {
		panic(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	for _, text := range []string{"a book", "a lamp", "a chair"} {
		if _, err := s.PutRecord(ctx, "alice", []byte(text)); err != nil {
			panic(err)
		}
	}
	left := 3
	g, err := consumer.New(consumer.Config{
		Name: "billing", Streams: []client.Stream{client.Embedded(s)}, Store: new(lease.Memory),
		Handler: func(_ context.Context, b *consumer.Batch) error {
			for _, r := range b.Records {
				fmt.Printf("%s bought %s\n", r.PartitionKey, r.Data)
			}
			if left -= len(b.Records); left == 0 {
				stop() // what was processed is written before Run returns
			}
			return nil
		},
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(g.Run(ctx))
	// Output:
	// alice bought a book
	// alice bought a lamp
	// alice bought a chair
	// <nil>
}

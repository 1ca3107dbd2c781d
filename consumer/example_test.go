package consumer_test

import (
	"context"
	"fmt"
	"strconv"
	"sync"

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

// A loop in place of a handler: what the loop has gone beyond is processed.
func ExampleGroup_Batches() {
	s, err := weir.NewStream("orders", weir.Config{})
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	for _, text := range []string{"a book", "a lamp", "a chair"} {
		if _, err := s.PutRecord(ctx, "alice", []byte(text)); err != nil {
			panic(err)
		}
	}
	g, err := consumer.New(consumer.Config{
		Name: "billing", Streams: []client.Stream{client.Embedded(s)}, Store: new(lease.Memory), MaxRecords: 1,
	})
	if err != nil {
		panic(err)
	}
	for range 2 {
		for b, err := range g.Batches(ctx) {
			if err != nil {
				panic(err)
			}
			fmt.Printf("%s\n", b.Records[0].Data)
			if string(b.Records[0].Data) == "a lamp" {
				break // it comes again
			}
		}
	}
	// Output:
	// a book
	// a lamp
	// a lamp
}

// Records that others process, and that are acknowledged in any order.
func ExampleBatch_Hold() {
	s, err := weir.NewStream("orders", weir.Config{})
	if err != nil {
		panic(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	for i := range 10 {
		if _, err := s.PutRecord(ctx, "alice", fmt.Append(nil, i)); err != nil {
			panic(err)
		}
	}
	var working sync.WaitGroup
	sum := 0
	results := make(chan int, 10)
	g, err := consumer.New(consumer.Config{
		Name: "sum", Streams: []client.Stream{client.Embedded(s)}, Store: new(lease.Memory),
		Handler: func(_ context.Context, b *consumer.Batch) error {
			held := b.Hold()
			for i, r := range b.Records {
				text := string(r.Data)
				working.Go(func() {
					n, _ := strconv.Atoi(text)
					results <- n
					held.Ack(i) // the checkpoint stays before the first that is not acknowledged
				})
			}
			return nil
		},
	})
	if err != nil {
		panic(err)
	}
	go func() {
		for range 10 {
			sum += <-results
		}
		stop()
	}()
	err = g.Run(ctx) // it waits for what is held
	working.Wait()
	fmt.Println(sum, err)
	// Output: 45 <nil>
}

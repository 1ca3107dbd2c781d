package eventsource_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/eventsource"
	"github.com/weirstream/weir/lease"
)

// A record that the function cannot process is found by halving, tried once
// more, and reported; the others are processed.
func Example() {
	s, err := weir.NewStream("orders", weir.Config{})
	if err != nil {
		panic(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	for _, text := range []string{"a book", "a lamp", "poison", "a chair"} {
		if _, err := s.PutRecord(ctx, "alice", []byte(text)); err != nil {
			panic(err)
		}
	}
	retries := 1
	source, err := eventsource.New(eventsource.Config{
		Settings: eventsource.Settings{
			StartingPosition: eventsource.TrimHorizon, BatchSize: 4, BisectBatchOnFunctionError: true, MaximumRetryAttempts: &retries,
		},
		Function: func(_ context.Context, event []byte) ([]byte, error) {
			var e struct {
				Records []struct{ Kinesis struct{ Data []byte } }
			}
			if err := json.Unmarshal(event, &e); err != nil {
				return nil, err
			}
			var texts []string
			for _, r := range e.Records {
				if texts = append(texts, string(r.Kinesis.Data)); texts[len(texts)-1] == "poison" {
					return nil, errors.New("cannot sell that")
				}
			}
			fmt.Printf("sold %q\n", texts)
			if texts[len(texts)-1] == "a chair" {
				stop() // what was processed is written before Run returns
			}
			return nil, nil
		},
		OnFailure: eventsource.DestinationFunc(func(_ context.Context, f *eventsource.Failure) error {
			fmt.Println("gave up", f.KinesisBatchInfo.BatchSize, "record after", f.RequestContext.ApproximateInvokeCount, "attempts:", f.RequestContext.Condition)
			return nil
		}),
		Group: consumer.Config{Streams: []client.Stream{client.Embedded(s)}, Store: new(lease.Memory)},
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(source.Run(ctx))
	// Output:
	// sold ["a book" "a lamp"]
	// gave up 1 record after 2 attempts: RetryAttemptsExhausted
	// sold ["a chair"]
	// <nil>
}

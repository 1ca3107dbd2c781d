package lambda_test

import (
	"context"
	"fmt"

	"github.com/aws/aws-lambda-go/events"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/lambda"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/eventsource"
	"github.com/weirstream/weir/lease"
)

// A handler that was written for Lambda is called with the records of a stream
// in this process.
func ExampleHandler() {
	s, err := weir.NewStream("orders", weir.Config{})
	if err != nil {
		panic(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	for _, text := range []string{"a book", "a lamp"} {
		if _, err := s.PutRecord(ctx, "alice", []byte(text)); err != nil {
			panic(err)
		}
	}
	handle := func(_ context.Context, e events.KinesisEvent) error {
		for _, r := range e.Records {
			fmt.Printf("%s bought %s\n", r.Kinesis.PartitionKey, r.Kinesis.Data)
		}
		stop()
		return nil
	}
	f, err := lambda.Handler(handle, lambda.HandlerConfig{})
	if err != nil {
		panic(err)
	}
	source, err := eventsource.New(eventsource.Config{
		Settings: eventsource.Settings{StartingPosition: eventsource.TrimHorizon},
		Function: f,
		Group:    consumer.Config{Streams: []client.Stream{client.Embedded(s)}, Store: new(lease.Memory)},
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(source.Run(ctx))
	// Output:
	// alice bought a book
	// alice bought a lamp
	// <nil>
}

// A function in any language, under the runtime interface emulator.
func ExampleEndpoint() {
	_, err := lambda.Endpoint(lambda.EndpointConfig{URL: "localhost:9000"})
	fmt.Println(err)
	_, err = lambda.Endpoint(lambda.EndpointConfig{URL: "http://localhost:9000"})
	fmt.Println(err)
	// Output:
	// lambda: URL: "localhost:9000" does not begin with http:// or https:// and a host
	// <nil>
}

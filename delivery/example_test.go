package delivery_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"strings"
	"sync"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/delivery"
	"github.com/weirstream/weir/lease"
)

// orders returns a stream with some orders.
func orders() *weir.Stream {
	s, err := weir.NewStream("orders", weir.Config{})
	if err != nil {
		panic(err)
	}
	for _, text := range []string{`{"customer":"ada","total":12}`, `{"customer":"bob","total":7}`, `{"customer":"ada","total":30}`} {
		if _, err := s.PutRecord(context.Background(), "k", []byte(text)); err != nil {
			panic(err)
		}
	}
	return s
}

// A stream is flushed to files, by customer. What a program would run until it
// ends, this one runs until all is delivered.
func Example() {
	dir, err := os.MkdirTemp("", "lake")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	to, err := delivery.NewDirectory(dir)
	if err != nil {
		panic(err)
	}
	keys, err := delivery.JSONPaths(map[string]string{"customer": "$.customer"})
	if err != nil {
		panic(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var mu sync.Mutex
	left := 3
	d, err := delivery.New(delivery.Config{
		Group: consumer.Config{Streams: []client.Stream{client.Embedded(orders())}, Store: new(lease.Memory)},
		Sink: delivery.SinkFunc(func(ctx context.Context, o *delivery.Object) error {
			err := to.Deliver(ctx, o)
			mu.Lock()
			defer mu.Unlock()
			folder, _, _ := strings.Cut(o.Name, "/")
			fmt.Printf("%s: %s", folder, o.Body)
			if left -= o.Count; left == 0 {
				stop()
			}
			return err
		}),
		Count: 2, Interval: -1, Delimiter: "\n", Deliveries: 1,
		Partition:   keys,
		Prefix:      "customer=!{partitionKeyFromQuery:customer}/!{timestamp:yyyy-MM-dd}/",
		ErrorPrefix: "errors/!{firehose:error-output-type}/",
	})
	if err != nil {
		panic(err)
	}
	if err := d.Run(ctx); err != nil {
		panic(err)
	}
	// Unordered output:
	// customer=ada: {"customer":"ada","total":12}
	// {"customer":"ada","total":30}
	// customer=bob: {"customer":"bob","total":7}
}

// An endpoint takes what is delivered by HTTP, in a program or in a test.
func ExampleEndpoint() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	server := httptest.NewServer(&delivery.Endpoint{
		AccessKey: "secret",
		Take: func(_ context.Context, r *delivery.EndpointRequest) error {
			for _, data := range r.Records {
				fmt.Printf("%s\n", data)
			}
			stop()
			return nil
		},
	})
	defer server.Close()
	to, err := delivery.NewHTTP(delivery.HTTPConfig{URL: server.URL, AccessKey: "secret"})
	if err != nil {
		panic(err)
	}
	d, err := delivery.New(delivery.Config{
		Group: consumer.Config{Streams: []client.Stream{client.Embedded(orders())}, Store: new(lease.Memory)},
		Sink:  to, Interval: -1,
	})
	if err != nil {
		panic(err)
	}
	if err := d.Run(ctx); err != nil {
		panic(err)
	}
	// Output:
	// {"customer":"ada","total":12}
	// {"customer":"bob","total":7}
	// {"customer":"ada","total":30}
}

package queue_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/queue"
)

// Each record goes to one receiver, and is done when it is acknowledged.
func Example() {
	ctx := context.Background()
	stream, err := weir.NewStream("letters", weir.Config{})
	if err != nil {
		log.Fatal(err)
	}
	q, err := queue.New(stream, queue.Config{})
	if err != nil {
		log.Fatal(err)
	}
	for _, text := range []string{"one", "two", "three"} {
		if _, err := stream.PutRecord(ctx, "key", []byte(text)); err != nil {
			log.Fatal(err)
		}
	}
	if err := stream.EndWrites(ctx); err != nil { // or the loop would wait for more
		log.Fatal(err)
	}
	for d, err := range q.Deliveries(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s, received %d times\n", d.Data, d.Receives)
		if string(d.Data) == "two" && d.Receives == 1 {
			d.Return(ctx) // for another try, at once
			continue
		}
		if err := d.Ack(ctx); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// one, received 1 times
	// two, received 1 times
	// two, received 2 times
	// three, received 1 times
}

// What fails again and again becomes a dead letter, and holds up nobody.
func ExampleQueue_ProcessWith() {
	ctx := context.Background()
	stream, err := weir.NewStream("letters", weir.Config{})
	if err != nil {
		log.Fatal(err)
	}
	q, err := queue.New(stream, queue.Config{Settings: queue.Settings{MaxReceives: 2}})
	if err != nil {
		log.Fatal(err)
	}
	for _, text := range []string{"good", "bad", "good"} {
		if _, err := stream.PutRecord(ctx, "key", []byte(text)); err != nil {
			log.Fatal(err)
		}
	}
	if err := stream.EndWrites(ctx); err != nil {
		log.Fatal(err)
	}
	err = q.ProcessWith(ctx, queue.Processing{
		Workers: 1,
		Handle: func(_ context.Context, d queue.Delivery) error {
			if string(d.Data) == "bad" {
				return errors.New("no address")
			}
			return nil
		},
		BackOff: func(queue.Delivery, error) time.Duration { return 0 },
		Failed:  func(d queue.Delivery, err error) { fmt.Printf("try %d of %q: %v\n", d.Receives, d.Data, err) },
	})
	if err != nil {
		log.Fatal(err)
	}
	letters, err := q.DeadLetters().TryReceive(ctx, 10)
	if err != nil {
		log.Fatal(err)
	}
	for _, d := range letters {
		fmt.Printf("dead: %s\n", d.Data)
	}
	// Output:
	// try 1 of "bad": no address
	// try 2 of "bad": no address
	// dead: bad
}

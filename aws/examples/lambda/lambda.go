// Package lambda has four functions for a stream of orders, as they run on
// Lambda: in its main each would be one line, lambda.Start(…). They are the code
// under test of an example, whose tests drive them as Lambda's event source
// mapping does, with all that goes wrong, in virtual time.
package lambda

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/aws/aws-lambda-go/events"
)

// An Order is what a record holds.
type Order struct {
	ID     string `json:"id"`
	Amount int    `json:"amount"`
}

func orderOf(r events.KinesisEventRecord) (o Order, err error) {
	if err = json.Unmarshal(r.Kinesis.Data, &o); err != nil {
		err = fmt.Errorf("record %s: %w", r.EventID, err)
	}
	return o, err
}

// Book returns a function that books orders. From the first one on that cannot
// be read or booked it reports the batch as failed, so that Lambda gives the rest
// again.
func Book(book func(Order) error) func(context.Context, events.KinesisEvent) (events.KinesisEventResponse, error) {
	return func(_ context.Context, e events.KinesisEvent) (events.KinesisEventResponse, error) {
		for _, r := range e.Records {
			o, err := orderOf(r)
			if err == nil {
				err = book(o)
			}
			if err != nil {
				failed := events.KinesisBatchItemFailure{ItemIdentifier: r.Kinesis.SequenceNumber}
				return events.KinesisEventResponse{BatchItemFailures: []events.KinesisBatchItemFailure{failed}}, nil
			}
		}
		return events.KinesisEventResponse{}, nil
	}
}

// Store returns a function that stores the orders of a batch together, or none:
// one that cannot be read fails all of them. Lambda finds it by halving.
func Store(store func([]Order) error) func(context.Context, events.KinesisEvent) error {
	return func(_ context.Context, e events.KinesisEvent) error {
		orders := make([]Order, len(e.Records))
		for i, r := range e.Records {
			var err error
			if orders[i], err = orderOf(r); err != nil {
				return err
			}
		}
		return store(orders)
	}
}

// Sum returns a function that adds the amounts of a tumbling window up, and tells
// the sum when it ends. It keeps nothing itself: what it has so far goes to
// Lambda with each answer, and comes back with the next event.
func Sum(tell func(events.Window, int)) func(context.Context, events.KinesisTimeWindowEvent) (events.KinesisTimeWindowEventResponse, error) {
	return func(_ context.Context, e events.KinesisTimeWindowEvent) (answer events.KinesisTimeWindowEventResponse, err error) {
		sum, _ := strconv.Atoi(e.State["sum"])
		for _, r := range e.Records {
			o, err := orderOf(r)
			if err != nil {
				return answer, err
			}
			sum += o.Amount
		}
		if e.IsFinalInvokeForWindow {
			tell(e.Window, sum)
		}
		answer.State = map[string]string{"sum": strconv.Itoa(sum)}
		return answer, nil
	}
}

// Charge returns a function that charges one order after the other, by a call
// that takes its time. With a parallelization factor several of its invocations
// are under way for a shard, but one only for a customer, whose name is the
// partition key.
func Charge(charge func(ctx context.Context, customer string, o Order) error) func(context.Context, events.KinesisEvent) error {
	return func(ctx context.Context, e events.KinesisEvent) error {
		for _, r := range e.Records {
			o, err := orderOf(r)
			if err != nil {
				return err
			}
			if err := charge(ctx, r.Kinesis.PartitionKey, o); err != nil {
				return err
			}
		}
		return nil
	}
}

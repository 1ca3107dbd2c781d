// Package lambda is a Lambda function for a stream: the code under test of an
// example.
package lambda

import (
	"context"
	"encoding/json"

	"github.com/aws/aws-lambda-go/events"
)

// An Order is what a record holds.
type Order struct {
	ID     string `json:"id"`
	Amount int    `json:"amount"`
}

// Handler returns a function that books orders. From the first one on that cannot
// be read or booked it reports the batch as failed, so that Lambda gives the rest
// again.
func Handler(book func(Order) error) func(context.Context, events.KinesisEvent) (events.KinesisEventResponse, error) {
	return func(_ context.Context, e events.KinesisEvent) (events.KinesisEventResponse, error) {
		for _, r := range e.Records {
			var o Order
			err := json.Unmarshal(r.Kinesis.Data, &o)
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

// Command function is a function of Lambda that does what the records say.
package main

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
)

func main() {
	lambda.Start(func(ctx context.Context, e events.KinesisEvent) (answer events.KinesisEventResponse, err error) {
		for _, r := range e.Records {
			switch string(r.Kinesis.Data) {
			case "error":
				return answer, errors.New("cannot sell that")
			case "panic":
				panic("oh")
			case "exit":
				os.Exit(3)
			case "hang":
				time.Sleep(time.Hour)
			case "partial":
				answer.BatchItemFailures = append(answer.BatchItemFailures, events.KinesisBatchItemFailure{ItemIdentifier: r.Kinesis.SequenceNumber})
			}
		}
		return answer, nil
	})
}

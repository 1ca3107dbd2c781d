// Package producer puts records in batches and retries those that were refused,
// by hand and with package producer of weir: the code under test of an example.
package producer

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// Kinesis is what PutAll needs of a client.
type Kinesis interface {
	PutRecords(context.Context, *kinesis.PutRecordsInput, ...func(*kinesis.Options)) (*kinesis.PutRecordsOutput, error)
}

// PutAll puts up to 500 records, and those that were refused again, up to ten
// times with growing pauses. Records of a key may change places when one of them
// is refused.
func PutAll(ctx context.Context, k Kinesis, stream string, records []types.PutRecordsRequestEntry) error {
	for attempt := range 10 {
		out, err := k.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: &stream, Records: records})
		if err != nil {
			return err
		}
		var refused []types.PutRecordsRequestEntry
		for i, r := range out.Records {
			if r.ErrorCode != nil {
				refused = append(refused, records[i])
			}
		}
		if records = refused; len(records) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond << attempt):
		}
	}
	return fmt.Errorf("%d records were refused ten times", len(records))
}

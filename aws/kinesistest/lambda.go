package kinesistest

import (
	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// LambdaEvent returns what Lambda invokes a function with for a batch of
// records, as [Fake.Records] or a read of the client gives them. All are of one
// shard on the service; LambdaEvent does not mind.
func (k *Fake) LambdaEvent(records Records) events.KinesisEvent {
	event := events.KinesisEvent{Records: make([]events.KinesisEventRecord, 0, len(records))}
	for _, r := range records {
		event.Records = append(event.Records, k.lambdaRecord(r.Stream, r.ShardID().String(), events.KinesisRecord{
			ApproximateArrivalTimestamp: events.SecondsEpochTime{Time: r.ArrivalTime},
			Data:                        r.Data,
			PartitionKey:                r.PartitionKey,
			SequenceNumber:              r.SequenceNumber.String(),
		}))
	}
	return event
}

// LambdaEventOf is [Fake.LambdaEvent] for records that the client read from a
// shard of a stream, such as "shardId-000000000000".
func (k *Fake) LambdaEventOf(stream, shard string, records []types.Record) events.KinesisEvent {
	event := events.KinesisEvent{Records: make([]events.KinesisEventRecord, 0, len(records))}
	for _, r := range records {
		record := events.KinesisRecord{Data: r.Data, EncryptionType: string(r.EncryptionType)}
		if r.ApproximateArrivalTimestamp != nil {
			record.ApproximateArrivalTimestamp.Time = *r.ApproximateArrivalTimestamp
		}
		if r.PartitionKey != nil {
			record.PartitionKey = *r.PartitionKey
		}
		if r.SequenceNumber != nil {
			record.SequenceNumber = *r.SequenceNumber
		}
		event.Records = append(event.Records, k.lambdaRecord(stream, shard, record))
	}
	return event
}

// lambdaRecord puts around a record what the event source mapping does.
func (k *Fake) lambdaRecord(stream, shard string, r events.KinesisRecord) events.KinesisEventRecord {
	if r.EncryptionType == "" {
		r.EncryptionType = "NONE"
	}
	r.KinesisSchemaVersion = "1.0"
	return events.KinesisEventRecord{
		AwsRegion: k.config.Region, EventID: shard + ":" + r.SequenceNumber, EventName: "aws:kinesis:record",
		EventSource: "aws:kinesis", EventSourceArn: k.StreamARN(stream), EventVersion: "1.0",
		InvokeIdentityArn: k.role(),
		Kinesis:           r,
	}
}

// role returns the ARN of who reads for functions.
func (k *Fake) role() string { return "arn:aws:iam::" + k.config.AccountID + ":role/kinesistest" }

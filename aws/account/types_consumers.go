package account

import (
	"time"

	"github.com/weirstream/weir"
)

// RegisterStreamConsumerInput is the input of [Account.RegisterStreamConsumer].
type RegisterStreamConsumerInput struct {
	StreamARN    *string // required
	StreamId     *string
	ConsumerName *string // required
	Tags         map[string]string
}

// RegisterStreamConsumerOutput is the output of
// [Account.RegisterStreamConsumer].
type RegisterStreamConsumerOutput struct {
	Consumer Consumer
}

// A Consumer is a registered consumer's row in a list.
type Consumer struct {
	ConsumerName              string
	ConsumerARN               string
	ConsumerStatus            string
	ConsumerCreationTimestamp time.Time
}

// DeregisterStreamConsumerInput is the input of
// [Account.DeregisterStreamConsumer]. It names the consumer by ConsumerARN, by
// StreamARN and ConsumerName, or by all three if they agree.
type DeregisterStreamConsumerInput struct {
	StreamARN    *string
	StreamId     *string
	ConsumerName *string
	ConsumerARN  *string
}

// DeregisterStreamConsumerOutput is empty.
type DeregisterStreamConsumerOutput struct{}

// DescribeStreamConsumerInput is the input of
// [Account.DescribeStreamConsumer]. It names the consumer as
// [DeregisterStreamConsumerInput] does.
type DescribeStreamConsumerInput struct {
	StreamARN    *string
	StreamId     *string
	ConsumerName *string
	ConsumerARN  *string
}

// DescribeStreamConsumerOutput is the output of
// [Account.DescribeStreamConsumer].
type DescribeStreamConsumerOutput struct {
	ConsumerDescription ConsumerDescription
}

// A ConsumerDescription describes a registered consumer.
type ConsumerDescription struct {
	ConsumerName              string
	ConsumerARN               string
	ConsumerStatus            string
	ConsumerCreationTimestamp time.Time
	StreamARN                 string
}

// ListStreamConsumersInput is the input of [Account.ListStreamConsumers].
type ListStreamConsumersInput struct {
	StreamARN               *string // required
	StreamId                *string
	NextToken               *string
	MaxResults              *int32 // absent means 100; more than 100 counts as 100
	StreamCreationTimestamp *time.Time
}

// ListStreamConsumersOutput is the output of [Account.ListStreamConsumers].
type ListStreamConsumersOutput struct {
	Consumers []Consumer
	NextToken string `json:",omitempty"`
}

// SubscribeToShardInput is the input of [Account.SubscribeToShard].
type SubscribeToShardInput struct {
	ConsumerARN      *string // required
	StreamId         *string
	ShardId          *string           // required
	StartingPosition *StartingPosition // required
	DryRun           *bool
}

// A StartingPosition says where a subscription begins.
type StartingPosition struct {
	Type           *string // required; the values of ShardIteratorType
	SequenceNumber *string
	Timestamp      *time.Time
}

// A SubscribeToShardEvent is what a subscription pushes.
type SubscribeToShardEvent struct {
	// Records are views of the engine's memory: see [weir.Record]. There may be
	// none.
	Records []weir.Record
	// EncryptionTypes is as in [GetRecordsOutput].
	EncryptionTypes []string `json:",omitempty"`
	// ContinuationSequenceNumber is "" in the last event of a closed shard.
	ContinuationSequenceNumber string `json:",omitempty"`
	MillisBehindLatest         int64
	// ChildShards are given in the last event of a closed shard only.
	ChildShards []ChildShard `json:",omitempty"`
}

package account

import "time"

// CreateChannelInput is the input of [Account.CreateChannel].
type CreateChannelInput struct {
	ChannelName                      *string               // required
	ServiceExecutionRoleARN          *string               // required
	StreamConfigurationList          []StreamConfiguration // required; exactly one
	S3DestinationConfiguration       *S3DestinationConfiguration
	S3TablesDestinationConfiguration *S3TablesDestinationConfiguration
	EncryptionConfiguration          *EncryptionConfiguration
	LoggingConfiguration             *LoggingConfiguration
	Tags                             map[string]string
}

// CreateChannelOutput is the output of [Account.CreateChannel].
type CreateChannelOutput struct {
	ChannelDescription ChannelDescription
}

// A StreamConfiguration names the stream that a channel delivers. Its creation
// time is in outputs only, and ignored in inputs.
type StreamConfiguration struct {
	StreamARN               *string              // required
	StreamCreationTimestamp *time.Time           `json:",omitempty"`
	RecordConfiguration     *RecordConfiguration // required
}

// A RecordConfiguration says how a channel reads records.
type RecordConfiguration struct {
	RecordFormatType *string // required; GSR_JSON, JSON, STRING or BYTE_ARRAY
	GSRSchemaARN     *string `json:",omitempty"`
}

// An S3DestinationConfiguration makes a channel deliver to a bucket.
type S3DestinationConfiguration struct {
	StorageConfiguration           *S3StorageConfiguration         // required
	DataFreshnessInSeconds         *int32                          `json:",omitempty"` // absent means 300
	DeadLetterQueueS3Configuration *DeadLetterQueueS3Configuration `json:",omitempty"` // absent means the same bucket
}

// An S3StorageConfiguration names a bucket and how objects are written.
type S3StorageConfiguration struct {
	BucketARN           *string // required
	ExpectedBucketOwner *string `json:",omitempty"`
	CompressionType     *string `json:",omitempty"` // NONE, GZIP or ZSTD
	OutputKeyTemplate   *string `json:",omitempty"`
	StorageClass        *string `json:",omitempty"` // STANDARD, INTELLIGENT_TIERING or GLACIER_IR
}

// A DeadLetterQueueS3Configuration says where undeliverable records go.
type DeadLetterQueueS3Configuration struct {
	BucketARN           *string `json:",omitempty"`
	ExpectedBucketOwner *string `json:",omitempty"`
	ErrorOutputPrefix   *string `json:",omitempty"`
}

// An S3TablesDestinationConfiguration makes a channel deliver to tables.
type S3TablesDestinationConfiguration struct {
	S3TablesConfigurationList      []S3TablesConfiguration         // required
	DeadLetterQueueS3Configuration *DeadLetterQueueS3Configuration // required
	DataFreshnessInSeconds         *int32                          `json:",omitempty"` // absent means 300
}

// An S3TablesConfiguration names one table.
type S3TablesConfiguration struct {
	TableBucketARN  *string        // required
	Namespace       *string        // required
	TableName       *string        // required
	CompressionType *string        `json:",omitempty"` // NONE, ZSTD or SNAPPY
	PartitionSpec   *PartitionSpec `json:",omitempty"`
}

// A PartitionSpec says how a table is partitioned.
type PartitionSpec struct {
	PartitionFields []PartitionField
}

// A PartitionField is one column of a partition.
type PartitionField struct {
	SourceName *string
	Transform  *string `json:",omitempty"` // TIME_HOUR
}

// An EncryptionConfiguration says how a channel encrypts.
type EncryptionConfiguration struct {
	EncryptionType *string // KMS
	KeyId          *string `json:",omitempty"`
}

// A LoggingConfiguration says where a channel logs.
type LoggingConfiguration struct {
	CloudWatchLogs *CloudWatchLogs `json:",omitempty"`
}

// CloudWatchLogs names a log stream.
type CloudWatchLogs struct {
	Enabled       *bool   // required
	LogGroupName  *string `json:",omitempty"`
	LogStreamName *string `json:",omitempty"`
}

// A ChannelDescription describes a channel.
type ChannelDescription struct {
	ChannelARN                       string
	ChannelId                        string
	ChannelName                      string
	ChannelStatus                    string
	ChannelStatusReason              string `json:",omitempty"`
	ChannelCreationTimestamp         time.Time
	ServiceExecutionRoleARN          string
	StreamConfigurationList          []StreamConfiguration
	S3DestinationConfiguration       *S3DestinationConfiguration       `json:",omitempty"`
	S3TablesDestinationConfiguration *S3TablesDestinationConfiguration `json:",omitempty"`
	EncryptionConfiguration          *EncryptionConfiguration          `json:",omitempty"`
	LoggingConfiguration             *LoggingConfiguration             `json:",omitempty"`
}

// UpdateChannelInput is the input of [Account.UpdateChannel]. What can change
// is the freshness of the data and the logging.
type UpdateChannelInput struct {
	ChannelARN                       *string // required
	S3DestinationConfiguration       *DestinationUpdate
	S3TablesDestinationConfiguration *DestinationUpdate
	LoggingConfiguration             *LoggingConfiguration
}

// A DestinationUpdate is what can change of a channel's destination.
type DestinationUpdate struct {
	DataFreshnessInSeconds *int32
}

// UpdateChannelOutput is the output of [Account.UpdateChannel].
type UpdateChannelOutput struct {
	ChannelDescription ChannelDescription
}

// DeleteChannelInput is the input of [Account.DeleteChannel].
type DeleteChannelInput struct {
	ChannelARN *string // required
}

// DeleteChannelOutput is empty.
type DeleteChannelOutput struct{}

// DescribeChannelInput is the input of [Account.DescribeChannel].
type DescribeChannelInput struct {
	ChannelARN *string // required
}

// DescribeChannelOutput is the output of [Account.DescribeChannel].
type DescribeChannelOutput struct {
	ChannelDescription ChannelDescription
}

// ListChannelsInput is the input of [Account.ListChannels].
type ListChannelsInput struct {
	MaxResults   *int32 // absent means 100; more than 100 counts as 100
	NextToken    *string
	StreamFilter []StreamFilter
}

// A StreamFilter lists the channels or queues of one stream.
type StreamFilter struct {
	StreamARN               *string
	StreamCreationTimestamp *time.Time
}

// ListChannelsOutput is the output of [Account.ListChannels].
type ListChannelsOutput struct {
	ChannelSummaries []ChannelSummary
	NextToken        string `json:",omitempty"`
}

// Values of ChannelDestinationType.
const (
	DestinationS3       = "S3"
	DestinationS3Tables = "S3_TABLES"
)

// A ChannelSummary is a channel's row in a list.
type ChannelSummary struct {
	ChannelARN               string
	ChannelId                string
	ChannelName              string
	ChannelStatus            string
	ChannelStatusReason      string `json:",omitempty"`
	ChannelCreationTimestamp time.Time
	ChannelDestinationType   string
	Streams                  []ChannelStream
}

// A ChannelStream names a stream that a channel delivers.
type ChannelStream struct {
	StreamARN               string
	StreamCreationTimestamp time.Time
}

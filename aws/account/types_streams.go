package account

import "time"

// Values of StreamStatus, in descriptions of streams.
const (
	StatusCreating = "CREATING" // streams, consumers, channels
	StatusActive   = "ACTIVE"   // streams, consumers, channels
	StatusUpdating = "UPDATING" // streams, channels
	StatusDeleting = "DELETING" // streams, consumers, channels
	StatusFailed   = "FAILED"   // channels
)

// Values of StreamMode.
const (
	ModeProvisioned = "PROVISIONED"
	ModeOnDemand    = "ON_DEMAND"
)

// Values of EncryptionType.
const (
	EncryptionNone = "NONE"
	EncryptionKMS  = "KMS"
)

// Values of RecordDistributionStrategy.
const (
	DistributionUserKey = "USER_PARTITION_KEY"
	DistributionAuto    = "AUTO"
)

// StreamModeDetails says how a stream's capacity is decided.
type StreamModeDetails struct {
	StreamMode *string // required; PROVISIONED or ON_DEMAND
}

// CreateStreamInput is the input of [Account.CreateStream].
type CreateStreamInput struct {
	StreamName                 *string // required
	ShardCount                 *int32  // absent means ON_DEMAND; required if PROVISIONED
	StreamModeDetails          *StreamModeDetails
	Tags                       map[string]string
	WarmThroughputMiBps        *int32
	MaxRecordSizeInKiB         *int32
	RecordDistributionStrategy *string
}

// CreateStreamOutput is empty.
type CreateStreamOutput struct{}

// DeleteStreamInput is the input of [Account.DeleteStream].
type DeleteStreamInput struct {
	StreamName              *string
	StreamARN               *string
	StreamId                *string
	EnforceConsumerDeletion *bool
}

// DeleteStreamOutput is empty.
type DeleteStreamOutput struct{}

// DescribeStreamInput is the input of [Account.DescribeStream].
type DescribeStreamInput struct {
	StreamName            *string
	StreamARN             *string
	StreamId              *string
	Limit                 *int32 // absent means 100; more than 100 counts as 100
	ExclusiveStartShardId *string
}

// DescribeStreamOutput is the output of [Account.DescribeStream].
type DescribeStreamOutput struct {
	StreamDescription StreamDescription
}

// A StreamDescription describes a stream and a page of its shards.
type StreamDescription struct {
	StreamName              string
	StreamARN               string
	StreamStatus            string
	StreamModeDetails       *StreamModeDetails `json:",omitempty"`
	Shards                  []Shard
	HasMoreShards           bool
	RetentionPeriodHours    int32
	StreamCreationTimestamp time.Time
	EnhancedMonitoring      []EnhancedMetrics
	EncryptionType          string `json:",omitempty"`
	KeyId                   string `json:",omitempty"`
}

// EnhancedMetrics are the metrics that a stream reports for each shard.
type EnhancedMetrics struct {
	ShardLevelMetrics []string
}

// DescribeStreamSummaryInput is the input of [Account.DescribeStreamSummary].
type DescribeStreamSummaryInput struct {
	StreamName *string
	StreamARN  *string
	StreamId   *string
}

// DescribeStreamSummaryOutput is the output of [Account.DescribeStreamSummary].
type DescribeStreamSummaryOutput struct {
	StreamDescriptionSummary StreamDescriptionSummary
}

// A StreamDescriptionSummary describes a stream without its shards.
type StreamDescriptionSummary struct {
	StreamName                 string
	StreamARN                  string
	StreamId                   string `json:",omitempty"` // reserved by the service; never given
	StreamStatus               string
	StreamModeDetails          *StreamModeDetails `json:",omitempty"`
	RetentionPeriodHours       int32
	StreamCreationTimestamp    time.Time
	EnhancedMonitoring         []EnhancedMetrics
	EncryptionType             string `json:",omitempty"`
	KeyId                      string `json:",omitempty"`
	OpenShardCount             int32
	ConsumerCount              int32
	ChannelCount               int32 `json:",omitempty"`
	QueueCount                 int32
	MaxRecordSizeInKiB         int32
	WarmThroughput             *WarmThroughput `json:",omitempty"`
	RecordDistributionStrategy string          `json:",omitempty"` // on-demand streams only
}

// WarmThroughput is the write capacity that an on-demand stream keeps ready.
type WarmThroughput struct {
	TargetMiBps  int32
	CurrentMiBps int32
}

// ListStreamsInput is the input of [Account.ListStreams].
type ListStreamsInput struct {
	Limit                    *int32 // absent means 100; more than 100 counts as 100
	ExclusiveStartStreamName *string
	NextToken                *string
}

// ListStreamsOutput is the output of [Account.ListStreams].
type ListStreamsOutput struct {
	StreamNames     []string
	HasMoreStreams  bool
	NextToken       string `json:",omitempty"`
	StreamSummaries []StreamSummary
}

// A StreamSummary is a stream's row in a list.
type StreamSummary struct {
	StreamName              string
	StreamARN               string
	StreamStatus            string
	StreamModeDetails       *StreamModeDetails `json:",omitempty"`
	StreamCreationTimestamp time.Time
}

// UpdateStreamModeInput is the input of [Account.UpdateStreamMode].
type UpdateStreamModeInput struct {
	StreamARN           *string // required
	StreamId            *string
	StreamModeDetails   *StreamModeDetails // required
	WarmThroughputMiBps *int32             // only when switching to ON_DEMAND
}

// UpdateStreamModeOutput is empty.
type UpdateStreamModeOutput struct{}

// UpdateStreamWarmThroughputInput is the input of
// [Account.UpdateStreamWarmThroughput].
type UpdateStreamWarmThroughputInput struct {
	StreamName          *string
	StreamARN           *string
	StreamId            *string
	WarmThroughputMiBps *int32 // required
}

// UpdateStreamWarmThroughputOutput is the output of
// [Account.UpdateStreamWarmThroughput].
type UpdateStreamWarmThroughputOutput struct {
	StreamName     string
	StreamARN      string
	WarmThroughput *WarmThroughput
}

// UpdateMaxRecordSizeInput is the input of [Account.UpdateMaxRecordSize].
type UpdateMaxRecordSizeInput struct {
	StreamARN          *string
	StreamId           *string
	MaxRecordSizeInKiB *int32 // required; 1,024 to 10,240
}

// UpdateMaxRecordSizeOutput is empty.
type UpdateMaxRecordSizeOutput struct{}

// UpdateStreamRecordDistributionStrategyInput is the input of
// [Account.UpdateStreamRecordDistributionStrategy].
type UpdateStreamRecordDistributionStrategyInput struct {
	StreamARN                  *string // required
	StreamId                   *string
	RecordDistributionStrategy *string // required; AUTO or USER_PARTITION_KEY
}

// UpdateStreamRecordDistributionStrategyOutput is empty.
type UpdateStreamRecordDistributionStrategyOutput struct{}

// IncreaseStreamRetentionPeriodInput is the input of
// [Account.IncreaseStreamRetentionPeriod].
type IncreaseStreamRetentionPeriodInput struct {
	StreamName           *string
	StreamARN            *string
	StreamId             *string
	RetentionPeriodHours *int32 // required; 24 to 8,760
}

// IncreaseStreamRetentionPeriodOutput is empty.
type IncreaseStreamRetentionPeriodOutput struct{}

// DecreaseStreamRetentionPeriodInput is the input of
// [Account.DecreaseStreamRetentionPeriod].
type DecreaseStreamRetentionPeriodInput struct {
	StreamName           *string
	StreamARN            *string
	StreamId             *string
	RetentionPeriodHours *int32 // required; 24 to 8,760
}

// DecreaseStreamRetentionPeriodOutput is empty.
type DecreaseStreamRetentionPeriodOutput struct{}

// EnableEnhancedMonitoringInput is the input of
// [Account.EnableEnhancedMonitoring].
type EnableEnhancedMonitoringInput struct {
	StreamName        *string
	StreamARN         *string
	StreamId          *string
	ShardLevelMetrics []string // required; 1 to 7 names, or ALL
}

// EnableEnhancedMonitoringOutput is the output of
// [Account.EnableEnhancedMonitoring].
type EnableEnhancedMonitoringOutput struct {
	StreamName               string
	StreamARN                string
	CurrentShardLevelMetrics []string // before the call
	DesiredShardLevelMetrics []string // after it
}

// DisableEnhancedMonitoringInput is the input of
// [Account.DisableEnhancedMonitoring].
type DisableEnhancedMonitoringInput struct {
	StreamName        *string
	StreamARN         *string
	StreamId          *string
	ShardLevelMetrics []string // required; 1 to 7 names, or ALL
}

// DisableEnhancedMonitoringOutput is the output of
// [Account.DisableEnhancedMonitoring].
type DisableEnhancedMonitoringOutput struct {
	StreamName               string
	StreamARN                string
	CurrentShardLevelMetrics []string // before the call
	DesiredShardLevelMetrics []string // after it
}

// StartStreamEncryptionInput is the input of [Account.StartStreamEncryption].
type StartStreamEncryptionInput struct {
	StreamName     *string
	StreamARN      *string
	StreamId       *string
	EncryptionType *string // required; KMS
	KeyId          *string // required
}

// StartStreamEncryptionOutput is empty.
type StartStreamEncryptionOutput struct{}

// StopStreamEncryptionInput is the input of [Account.StopStreamEncryption].
type StopStreamEncryptionInput struct {
	StreamName     *string
	StreamARN      *string
	StreamId       *string
	EncryptionType *string // required; KMS
	KeyId          *string // required
}

// StopStreamEncryptionOutput is empty.
type StopStreamEncryptionOutput struct{}

package account

import (
	"time"

	"github.com/weirstream/weir"
)

// Values of ShardIteratorType and StartingPosition.Type.
const (
	IteratorAtSequenceNumber    = "AT_SEQUENCE_NUMBER"
	IteratorAfterSequenceNumber = "AFTER_SEQUENCE_NUMBER"
	IteratorTrimHorizon         = "TRIM_HORIZON"
	IteratorLatest              = "LATEST"
	IteratorAtTimestamp         = "AT_TIMESTAMP"
)

// PutRecordInput is the input of [Account.PutRecord].
type PutRecordInput struct {
	StreamName                *string
	StreamARN                 *string
	StreamId                  *string
	Data                      []byte  // required; nil counts as empty
	PartitionKey              *string // required unless records are distributed automatically
	ExplicitHashKey           *string
	SequenceNumberForOrdering *string
	DryRun                    *bool
}

// PutRecordOutput is the output of [Account.PutRecord].
type PutRecordOutput struct {
	ShardId        string
	SequenceNumber string
	EncryptionType string `json:",omitempty"` // KMS on encrypted streams
}

// PutRecordsInput is the input of [Account.PutRecords].
type PutRecordsInput struct {
	StreamName *string
	StreamARN  *string
	StreamId   *string
	Records    []PutRecordsRequestEntry // required; 1 to 500
	DryRun     *bool
}

// A PutRecordsRequestEntry is one record of a [PutRecordsInput].
type PutRecordsRequestEntry struct {
	Data            []byte  // required; nil counts as empty
	PartitionKey    *string // required unless records are distributed automatically
	ExplicitHashKey *string
}

// PutRecordsOutput is the output of [Account.PutRecords].
type PutRecordsOutput struct {
	FailedRecordCount int32
	Records           []PutRecordsResultEntry
	EncryptionType    string `json:",omitempty"` // KMS on encrypted streams
}

// A PutRecordsResultEntry has either the first two members or the last two.
type PutRecordsResultEntry struct {
	SequenceNumber string `json:",omitempty"`
	ShardId        string `json:",omitempty"`
	ErrorCode      string `json:",omitempty"`
	ErrorMessage   string `json:",omitempty"`
}

// GetShardIteratorInput is the input of [Account.GetShardIterator].
type GetShardIteratorInput struct {
	StreamName             *string
	StreamARN              *string
	StreamId               *string
	ShardId                *string // required
	ShardIteratorType      *string // required
	StartingSequenceNumber *string
	Timestamp              *time.Time
	DryRun                 *bool
}

// GetShardIteratorOutput is the output of [Account.GetShardIterator].
type GetShardIteratorOutput struct {
	ShardIterator string
}

// GetRecordsInput is the input of [Account.GetRecords].
type GetRecordsInput struct {
	ShardIterator *string // required
	Limit         *int32  // absent means 10,000
	StreamARN     *string
	StreamId      *string
	DryRun        *bool
}

// GetRecordsOutput is the output of [Account.GetRecords].
type GetRecordsOutput struct {
	// Records are views of the engine's memory: see [weir.Record].
	Records []weir.Record
	// EncryptionTypes says of each record whether it was put while the stream
	// was encrypted: KMS if so, else "". It is nil when none was.
	EncryptionTypes []string `json:",omitempty"`
	// NextShardIterator is "" when the shard is closed and read to its end.
	NextShardIterator  string `json:",omitempty"`
	MillisBehindLatest int64
	// ChildShards are given with the absent NextShardIterator only.
	ChildShards []ChildShard `json:",omitempty"`
}

package account

import "time"

// Values of ShardFilter.Type.
const (
	FilterAfterShardID    = "AFTER_SHARD_ID"
	FilterAtTrimHorizon   = "AT_TRIM_HORIZON"
	FilterFromTrimHorizon = "FROM_TRIM_HORIZON"
	FilterAtLatest        = "AT_LATEST"
	FilterAtTimestamp     = "AT_TIMESTAMP"
	FilterFromTimestamp   = "FROM_TIMESTAMP"
)

// ScalingUniform is the only value of ScalingType.
const ScalingUniform = "UNIFORM_SCALING"

// A Shard describes a shard of a stream.
type Shard struct {
	ShardId               string
	ParentShardId         string `json:",omitempty"`
	AdjacentParentShardId string `json:",omitempty"` // after a merge
	HashKeyRange          HashKeyRange
	SequenceNumberRange   SequenceNumberRange
}

// A HashKeyRange is the hash keys of a shard in decimal, both ends inclusive.
type HashKeyRange struct {
	StartingHashKey string
	EndingHashKey   string
}

// A SequenceNumberRange is the sequence numbers of a shard.
type SequenceNumberRange struct {
	StartingSequenceNumber string
	EndingSequenceNumber   string `json:",omitempty"` // once the shard is closed
}

// A ChildShard is a shard that follows a closed one.
type ChildShard struct {
	ShardId      string
	ParentShards []string // one after a split, two after a merge
	HashKeyRange HashKeyRange
}

// ListShardsInput is the input of [Account.ListShards].
type ListShardsInput struct {
	StreamName              *string
	StreamARN               *string
	StreamId                *string
	NextToken               *string
	ExclusiveStartShardId   *string
	MaxResults              *int32 // absent means 1,000; more than 1,000 counts as 1,000
	StreamCreationTimestamp *time.Time
	ShardFilter             *ShardFilter
}

// A ShardFilter says which shards to list.
type ShardFilter struct {
	Type      *string // required
	ShardId   *string
	Timestamp *time.Time
}

// ListShardsOutput is the output of [Account.ListShards].
type ListShardsOutput struct {
	Shards    []Shard
	NextToken string `json:",omitempty"`
}

// SplitShardInput is the input of [Account.SplitShard].
type SplitShardInput struct {
	StreamName         *string
	StreamARN          *string
	StreamId           *string
	ShardToSplit       *string // required
	NewStartingHashKey *string // required
}

// SplitShardOutput is empty.
type SplitShardOutput struct{}

// MergeShardsInput is the input of [Account.MergeShards].
type MergeShardsInput struct {
	StreamName           *string
	StreamARN            *string
	StreamId             *string
	ShardToMerge         *string // required; the one with the lower hash keys
	AdjacentShardToMerge *string // required
}

// MergeShardsOutput is empty.
type MergeShardsOutput struct{}

// UpdateShardCountInput is the input of [Account.UpdateShardCount].
type UpdateShardCountInput struct {
	StreamName       *string
	StreamARN        *string
	StreamId         *string
	TargetShardCount *int32  // required
	ScalingType      *string // required; UNIFORM_SCALING
}

// UpdateShardCountOutput is the output of [Account.UpdateShardCount].
type UpdateShardCountOutput struct {
	StreamName        string
	StreamARN         string
	CurrentShardCount int32 // before the call
	TargetShardCount  int32
}

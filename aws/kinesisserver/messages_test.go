package kinesisserver_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/weirstream/weir/aws/account"
)

// An internal failure has one name in bodies, whoever found it, and no words of
// ours or of the engine's.
func TestError_internalFailure(t *testing.T) {
	s := newServer(t).withStream()
	body := `{"StreamName":"s","ShardId":"0","ShardIteratorType":"AT_SEQUENCE_NUMBER","StartingSequenceNumber":"0"}`
	for _, call := range s.both() {
		r := call("GetShardIterator", body)
		assert.Equal(t, http.StatusInternalServerError, r.status)
		assert.Equal(t, map[string]any{"__type": "InternalFailure", "message": "Internal service failure."}, decoded(t, r))
	}
	defer s.Break("ListStreams")()
	assert.Equal(t, "InternalFailure", s.call("ListStreams", `{}`).json(t)["__type"])
}

// Without a quota of shards the engine's own bound is told in the quota's
// words.
func TestError_moreShardsThanTheEngine(t *testing.T) {
	accounts := account.Instant()
	accounts.Quotas.Shards = -1
	s := newServerOf(t, accounts).withStream()
	for count, shards := range map[string]int{"100001": 100_001, "100000000000": 2147483647} {
		for _, call := range s.both() {
			refused(t, call("CreateStream", `{"StreamName":"x","ShardCount":`+count+`}`), le, fmt.Sprintf(
				"This request would exceed the shard limit for the account 123456789012 in us-east-1. Current shard count for the account: 3. Limit: 100000. "+
					"Number of additional shards that would have resulted from this request: %d. Refer to the AWS Service Limits page "+
					"(http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current limits and how to request higher limits.", shards))
		}
	}
}

// An operation that takes an ARN only does not ask for a name.
func TestError_missingARN(t *testing.T) {
	s := newServer(t)
	for _, call := range s.both() {
		refused(t, call("UpdateMaxRecordSize", `{"MaxRecordSizeInKiB":2048}`), ia, "StreamARN should be provided.")
	}
}

// A provisioned stream needs a number of shards; an on-demand one has four
// whatever it is given. Who names neither a mode nor a number gets a stream on
// demand, as was seen on the service: a name is all that a stream needs.
func TestCreateStream_shardCount(t *testing.T) {
	s := newServer(t)
	for _, call := range s.both() {
		refused(t, call("CreateStream", `{"StreamName":"s","StreamModeDetails":{"StreamMode":"PROVISIONED"}}`), ve, one("null", "shardCount", notNull))
	}
	mode := func(name string) any {
		return s.must("DescribeStreamSummary", `{"StreamName":"`+name+`"}`)["StreamDescriptionSummary"].(map[string]any)["StreamModeDetails"]
	}
	onDemand := map[string]any{"StreamMode": "ON_DEMAND"}
	for name, more := range map[string]string{
		"name": "", "tags": `,"Tags":{"a":"b"}`, "size": `,"MaxRecordSizeInKiB":2048`, "auto": `,"RecordDistributionStrategy":"AUTO"`,
	} {
		s.must("CreateStream", `{"StreamName":"`+name+`"`+more+`}`)
		assert.Equal(t, onDemand, mode(name))
		assert.Len(t, s.must("ListShards", `{"StreamName":"`+name+`"}`)["Shards"], 4)
	}
	s.must("CreateStream", `{"StreamName":"count","ShardCount":7}`)
	assert.Equal(t, map[string]any{"StreamMode": "PROVISIONED"}, mode("count"))
	s.must("CreateStream", `{"StreamName":"s","ShardCount":7,"StreamModeDetails":{"StreamMode":"ON_DEMAND"}}`)
	assert.Len(t, s.must("ListShards", `{"StreamName":"s"}`)["Shards"], 4)
}

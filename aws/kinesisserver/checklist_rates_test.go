package kinesisserver_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/account"
)

// The rates of calls, on by default: over a shard, over a stream, over the
// account. Each is a bucket of one second, and what is refused changes nothing.
func TestLimits_callRates(t *testing.T) {
	const (
		ofStream  = "Rate exceeded for stream s under account 123456789012."
		ofAccount = "Rate exceeded for account 123456789012."
	)
	for _, protocol := range []int{0, 1} {
		s := newServerOf(t, account.Config{}).withStream()
		s.clock.Advance(10 * time.Second)
		call := s.both()[protocol]
		exceed := func(times int, op, body, code, message string) {
			t.Helper()
			for range times {
				r := call(op, body)
				require.Equal(t, http.StatusOK, r.status, "%s: %s", op, r.body)
			}
			refused(t, call(op, body), code, message)
		}
		exceed(5, "GetShardIterator", `{"StreamName":"s","ShardId":"0","ShardIteratorType":"LATEST"}`, "ProvisionedThroughputExceededException", throttled0)
		exceed(5, "GetShardIterator", `{"StreamName":"s","ShardId":"1","ShardIteratorType":"LATEST"}`, "ProvisionedThroughputExceededException",
			"Rate exceeded for shard shardId-000000000001 "+asa+".")
		exceed(5, "RemoveTagsFromStream", `{"StreamName":"s","TagKeys":["a"]}`, le, ofStream)
		exceed(5, "AddTagsToStream", `{"StreamName":"s","Tags":{"a":"b"}}`, le, ofAccount)
		exceed(10, "DescribeStream", `{"StreamName":"s"}`, le, ofAccount)
		exceed(20, "DescribeStreamSummary", `{"StreamName":"s"}`, le, ofAccount)
		exceed(5, "ListStreams", `{}`, le, ofAccount)
		s.clock.Advance(time.Second)
		exceed(5, "GetShardIterator", `{"StreamName":"s","ShardId":"0","ShardIteratorType":"LATEST"}`, "ProvisionedThroughputExceededException", throttled0)
		exceed(5, "ListStreams", `{}`, le, ofAccount)
	}
}

// Two mebibytes a second out of a shard: after a page of six, nothing for three
// seconds. The iterator stays good.
func TestLimits_readBytes(t *testing.T) {
	accounts := account.Instant()
	accounts.Stream.Limits.ReadBytesPerSecond = 0 // the service's
	s := newServerOf(t, accounts).withStream()
	for range 6 {
		s.must("PutRecord", `{"StreamName":"s","PartitionKey":"a","Data":"`+b64(1<<20-1)+`"}`)
	}
	page := s.readShard(0)
	require.Len(t, page["Records"], 6)
	next := fmt.Sprintf(`{"ShardIterator":%q}`, page["NextShardIterator"])
	for _, call := range s.both() {
		refused(t, call("GetRecords", next), "ProvisionedThroughputExceededException", throttled0)
	}
	s.clock.Advance(3 * time.Second)
	s.must("PutRecord", `{"StreamName":"s","PartitionKey":"a","Data":"AAE="}`)
	assert.Len(t, s.must("GetRecords", next)["Records"], 1)
}

// What was put before the encryption began does not say that it is encrypted,
// in a shard that was closed before it began neither.
func TestEncryption_ofClosedShards(t *testing.T) {
	s := newServer(t).withStream()
	s.must("PutRecord", `{"StreamName":"s","PartitionKey":"a","Data":"AAE="}`)
	s.must("SplitShard", `{"StreamName":"s","ShardToSplit":"0","NewStartingHashKey":"2"}`)
	s.clock.Advance(2 * time.Second)
	s.must("PutRecord", `{"StreamName":"s","PartitionKey":"a","Data":"AAE="}`)
	s.must("StartStreamEncryption", `{"StreamName":"s","EncryptionType":"KMS","KeyId":"k"}`)
	s.must("PutRecord", `{"StreamName":"s","PartitionKey":"a","Data":"AAE="}`)
	types := func(shard int) (types []any) {
		for _, r := range s.readShard(shard)["Records"].([]any) {
			types = append(types, r.(map[string]any)["EncryptionType"])
		}
		return types
	}
	assert.Equal(t, []any{nil}, types(0))
	assert.Equal(t, []any{nil, "KMS"}, types(4))
	s.must("StopStreamEncryption", `{"StreamName":"s","EncryptionType":"KMS","KeyId":"k"}`)
	assert.NotContains(t, s.must("PutRecord", `{"StreamName":"s","PartitionKey":"a","Data":"AAE="}`), "EncryptionType")
	assert.Equal(t, []any{nil, "KMS", nil}, types(4))
	d := s.must("DescribeStream", `{"StreamName":"s"}`)["StreamDescription"].(map[string]any)
	assert.Equal(t, "NONE", d["EncryptionType"])
	assert.NotContains(t, d, "KeyId")
}

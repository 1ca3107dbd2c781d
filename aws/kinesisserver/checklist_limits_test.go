package kinesisserver_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/account"
)

// The service's limits and delays, on by default, seen on the wire.
func TestChecklist_serviceLimits_10_56_79_154(t *testing.T) {
	s := newServerOf(t, account.Config{})
	for i := range 5 {
		s.must("CreateStream", fmt.Sprintf(`{"StreamName":"s%d","ShardCount":1}`, i))
	}
	s.clock.Advance(time.Second) // or the rate of calls refuses it
	code, message := s.call("CreateStream", `{"StreamName":"s5","ShardCount":1}`).failure(t)
	assert.Equal(t, le, code)
	assert.Equal(t, "This request would have exceed the limit on the number  of streams that can simultaneously be in CREATING or DELETING for the account 123456789012. Limit: 5.", message)

	s.clock.Advance(10 * time.Second)
	throttled := 0
	for range 3 {
		out := s.must("PutRecords", `{"StreamName":"s0",`+putRecordsBody(500, 1)[len(`{"StreamName":"s",`):])
		throttled += int(out["FailedRecordCount"].(float64))
	}
	assert.Equal(t, 500, throttled, "1,000 of 1,500 records within one second")

	it := s.must("GetShardIterator", `{"StreamName":"s1","ShardId":"0","ShardIteratorType":"TRIM_HORIZON"}`)["ShardIterator"]
	read := fmt.Sprintf(`{"ShardIterator":%q}`, it)
	for range 5 {
		s.must("GetRecords", read)
	}
	code, message = s.call("GetRecords", read).failure(t)
	assert.Equal(t, "ProvisionedThroughputExceededException", code)
	assert.Equal(t, "Rate exceeded for shard shardId-000000000000 in stream s1 under account 123456789012.", message)

	s.must("DescribeLimits", `{}`)
	code, message = s.call("DescribeLimits", `{}`).failure(t)
	assert.Equal(t, le, code)
	assert.Equal(t, "Rate exceeded for account 123456789012.", message)
}

func TestChecklist_deleting_15_16_81(t *testing.T) {
	s := newServer(t).withStream()
	s.withConsumer()
	it := s.must("GetShardIterator", `{"StreamName":"s","ShardId":"0","ShardIteratorType":"TRIM_HORIZON"}`)["ShardIterator"]
	code, _ := s.call("DeleteStream", `{"StreamName":"s"}`).failure(t)
	assert.Equal(t, iu, code)
	code, _ = s.call("DeleteStream", `{"StreamName":"s","EnforceConsumerDeletion":false}`).failure(t)
	assert.Equal(t, iu, code)
	s.must("DeleteStream", `{"StreamName":"s","EnforceConsumerDeletion":true}`)
	code, message := s.call("GetRecords", fmt.Sprintf(`{"ShardIterator":%q}`, it)).failure(t)
	assert.Equal(t, nf, code)
	assert.Equal(t, "Shard "+shard0+" "+asa+" does not exist", message)
}

func TestChecklist_filters_26_28_29(t *testing.T) {
	s := newServer(t).withStream()
	s.clock.Advance(time.Minute)
	before := s.clock.Now().UnixMilli()
	s.clock.Advance(time.Minute)
	s.must("SplitShard", `{"StreamName":"s","ShardToSplit":"0","NewStartingHashKey":"2"}`)
	s.clock.Advance(time.Minute)
	for filter, want := range map[string][]int{
		`"Type":"AT_LATEST"`: {1, 2, 3, 4},
		fmt.Sprintf(`"Type":"AT_TIMESTAMP","Timestamp":%d.%03d`, before/1000, before%1000):   {0, 1, 2},
		fmt.Sprintf(`"Type":"FROM_TIMESTAMP","Timestamp":%d.%03d`, before/1000, before%1000): {0, 1, 2, 3, 4},
	} {
		for _, call := range []func(op, body string) response{s.call, s.callCBOR} {
			r := call("ListShards", `{"StreamName":"s","ShardFilter":{`+filter+`}}`)
			require.Equal(t, 200, r.status)
			out := decoded(t, r)
			var got []int
			for _, shard := range out["Shards"].([]any) {
				var id int
				_, err := fmt.Sscanf(shard.(map[string]any)["ShardId"].(string), "shardId-%d", &id)
				require.NoError(t, err)
				got = append(got, id)
			}
			assert.Equal(t, want, got, filter)
		}
	}
}

// decoded reads a response in either protocol.
func decoded(t *testing.T, r response) map[string]any {
	if r.header.Get("Content-Type") == cborType {
		return fromCBOR(t, r.body)
	}
	return r.json(t)
}

func TestChecklist_changing_91_92_93_94(t *testing.T) {
	s := newServerOf(t, account.Config{CallRates: account.CallRates{Factor: -1}}).withStream()
	s.clock.Advance(10 * time.Second)
	s.must("SplitShard", `{"StreamName":"s","ShardToSplit":"0","NewStartingHashKey":"2"}`)
	code, message := s.call("MergeShards", `{"StreamName":"s","ShardToMerge":"1","AdjacentShardToMerge":"2"}`).failure(t)
	assert.Equal(t, iu, code)
	assert.Equal(t, "Stream s under account 123456789012 not ACTIVE, instead in state UPDATING", message)
	assert.Equal(t, shard0, s.must("PutRecord", `{"StreamName":"s","PartitionKey":"a","Data":""}`)["ShardId"])
	s.clock.Advance(30 * time.Second)
	assert.Equal(t, "shardId-000000000004", s.must("PutRecord", `{"StreamName":"s","PartitionKey":"a","Data":""}`)["ShardId"])
	number := func(shard int, which string) weir.SequenceNumber {
		shards := s.must("ListShards", `{"StreamName":"s"}`)["Shards"].([]any)
		n, err := weir.ParseSequenceNumber(shards[shard].(map[string]any)["SequenceNumberRange"].(map[string]any)[which].(string))
		require.NoError(t, err)
		return n
	}
	end, start := number(0, "EndingSequenceNumber"), number(4, "StartingSequenceNumber")
	assert.Equal(t, uint64(0x7fffffffffffffff), end.Index())
	assert.Equal(t, uint64(0), start.Index())
	assert.Equal(t, end.Time().Add(time.Second), start.Time())
}

func TestChecklist_consumers_118_119_120_121_122(t *testing.T) {
	s := newServerOf(t, account.Config{CallRates: account.CallRates{Factor: -1}}).withStream()
	s.clock.Advance(10 * time.Second)
	register := func(i int) response {
		return s.call("RegisterStreamConsumer", fmt.Sprintf(`{"StreamARN":%q,"ConsumerName":"c%d"}`, streamARN, i))
	}
	first := register(0).json(t)["Consumer"].(map[string]any)
	assert.Equal(t, "CREATING", first["ConsumerStatus"])
	assert.Equal(t, fmt.Sprintf("%s/consumer/c0:%d", streamARN, s.clock.Now().Unix()), first["ConsumerARN"])
	for i := 1; i < 5; i++ {
		require.Equal(t, 200, register(i).status)
	}
	code, _ := register(5).failure(t)
	assert.Equal(t, le, code, "a sixth while five are CREATING")
	for i := 5; i < 20; i++ {
		s.clock.Advance(10 * time.Second)
		require.Equal(t, 200, register(i).status)
	}
	s.clock.Advance(10 * time.Second)
	code, _ = register(3).failure(t)
	assert.Equal(t, iu, code, "the same name")
	code, _ = register(20).failure(t)
	assert.Equal(t, le, code, "the 21st")
	d := s.must("DescribeStreamConsumer", `{"StreamARN":"`+streamARN+`","ConsumerName":"c0"}`)["ConsumerDescription"].(map[string]any)
	assert.Equal(t, streamARN, d["StreamARN"])
	assert.Equal(t, "ACTIVE", d["ConsumerStatus"])
}

func TestChecklist_retentionAndTags_104_107_112_113_114(t *testing.T) {
	s := newServer(t).withStream()
	s.must("IncreaseStreamRetentionPeriod", `{"StreamName":"s","RetentionPeriodHours":25}`)
	code, message := s.call("IncreaseStreamRetentionPeriod", `{"StreamName":"s","RetentionPeriodHours":24}`).failure(t)
	assert.Equal(t, ia, code)
	assert.Equal(t, "Requested retention period (24 hours) for stream s can not be shorter than existing retention period (25 hours). Use DecreaseRetentionPeriod API.", message)
	s.must("IncreaseStreamRetentionPeriod", `{"StreamName":"s","RetentionPeriodHours":8760}`)
	for i := range 50 {
		s.must("AddTagsToStream", fmt.Sprintf(`{"StreamName":"s","Tags":{"k%02d":"v"}}`, i))
	}
	code, _ = s.call("AddTagsToStream", `{"StreamName":"s","Tags":{"one more":"v"}}`).failure(t)
	assert.Equal(t, ia, code)
	s.must("RemoveTagsFromStream", `{"StreamName":"s","TagKeys":["unknown"]}`)
	page := s.must("ListTagsForStream", `{"StreamName":"s","Limit":2,"ExclusiveStartTagKey":"k10"}`)
	assert.Equal(t, map[string]any{"HasMoreTags": true, "Tags": []any{
		map[string]any{"Key": "k11", "Value": "v"}, map[string]any{"Key": "k12", "Value": "v"}}}, page)
}

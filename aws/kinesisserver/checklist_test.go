package kinesisserver_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/account"
)

const (
	shard0   = "shardId-000000000000"
	maxHash  = "340282366920938463463374607431768211455"
	twoTo128 = "340282366920938463463374607431768211456"
	asa      = "in stream s under account 123456789012"
)

// argumentRows are refused by the account; here they are seen on the wire.
var argumentRows = []refusal{
	{1, "existing name", "CreateStream", `{"StreamName":"s","ShardCount":1}`, iu, "Stream s under account 123456789012 already exists."},
	{6, "above the quota", "CreateStream", `{"StreamName":"x","ShardCount":20001}`, le,
		"This request would exceed the shard limit for the account 123456789012 in us-east-1. Current shard count for the account: 3. Limit: 20000. " +
			"Number of additional shards that would have resulted from this request: 20001. Refer to the AWS Service Limits page " +
			"(http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current limits and how to request higher limits."},
	{17, "unknown stream", "DescribeStream", `{"StreamName":"X"}`, nf, "Stream X under account 123456789012 not found."},
	{22, "name and token", "ListShards", `{"StreamName":"s","NextToken":"x"}`, ia, "NextToken and StreamName cannot be provided together."},
	{23, "nothing", "ListShards", `{}`, ia, "Either NextToken or StreamName should be provided."},
	{30, "filter without id", "ListShards", `{"StreamName":"s","ShardFilter":{"Type":"AFTER_SHARD_ID"}}`, ia, "…"},
	{36, "no key", "PutRecord", `{"StreamName":"s","Data":""}`, ve, one("null", "partitionKey", notNull)},
	{36, "no key in a batch", "PutRecords", `{"StreamName":"s","Records":[{"Data":""}]}`, ve, one("null", "records.1.member.partitionKey", notNull)},
	{40, "2^128", "PutRecord", `{"StreamName":"s","PartitionKey":"a","Data":"","ExplicitHashKey":"` + twoTo128 + `"}`, ia,
		"Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was " + twoTo128},
	{44, "2 MiB", "PutRecord", `{"StreamName":"s","PartitionKey":"a","Data":"` + base64.StdEncoding.EncodeToString(make([]byte, 2<<20)) + `"}`, ve,
		unshown("data", shorter(1048576))},
	{44, "2 MiB in a batch", "PutRecords", `{"StreamName":"s","Records":[{"PartitionKey":"a","Data":""},{"PartitionKey":"a","Data":"` +
		base64.StdEncoding.EncodeToString(make([]byte, 2<<20)) + `"}]}`, ve, unshown("records.2.member.data", shorter(1048576))},
	{51, "2^128 in a batch", "PutRecords", `{"StreamName":"s","Records":[{"PartitionKey":"a","Data":""},{"PartitionKey":"a","Data":"","ExplicitHashKey":"` + twoTo128 + `"}]}`, ia,
		"Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was " + twoTo128},
	{58, "AT without number", "GetShardIterator", `{"StreamName":"s","ShardId":"0","ShardIteratorType":"AT_SEQUENCE_NUMBER"}`, ia,
		"Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. " +
			"Request specified AT_SEQUENCE_NUMBER and no StartingSequenceNumber."},
	{59, "LATEST with number", "GetShardIterator", `{"StreamName":"s","ShardId":"0","ShardIteratorType":"LATEST","StartingSequenceNumber":"0"}`, ia,
		"…Request specified LATEST and also a StartingSequenceNumber."},
	{60, "AT_TIMESTAMP without time", "GetShardIterator", `{"StreamName":"s","ShardId":"0","ShardIteratorType":"AT_TIMESTAMP"}`, ia,
		"Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. Current request has no timestamp parameter."},
	{61, "a minute ahead", "GetShardIterator", `{"StreamName":"s","ShardId":"0","ShardIteratorType":"AT_TIMESTAMP","Timestamp":1793534460.251}`, ia,
		"The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. timestampInMillis: 1793534460251, currentTimestampInMillis: 1793534400250"},
	{64, "missing shard", "GetShardIterator", `{"StreamName":"s","ShardId":"shardId-000000000005","ShardIteratorType":"LATEST"}`, nf, "Shard shardId-000000000005 " + asa + " does not exist"},
	{65, "no shard id", "GetShardIterator", `{"StreamName":"s","ShardId":"ABKLFD8","ShardIteratorType":"LATEST"}`, nf, "Could not find shard ABKLFD8 " + asa + "."},
	{70, "bad iterator", "GetRecords", `{"ShardIterator":"x"}`, ia, "Invalid ShardIterator."},
	{83, "at 1", "SplitShard", `{"StreamName":"s","ShardToSplit":"0","NewStartingHashKey":"1"}`, ia,
		"NewStartingHashKey 1 used in SplitShard() on shard " + shard0 + " " + asa + " is not both greater than one plus the shard's StartingHashKey 0 " +
			"and less than the shard's EndingHashKey 113427455640312821154458202477256070484."},
	{85, "at the end", "SplitShard", `{"StreamName":"s","ShardToSplit":"0","NewStartingHashKey":"113427455640312821154458202477256070484"}`, ia, "NewStartingHashKey …"},
	{87, "39 digits", "SplitShard", `{"StreamName":"s","ShardToSplit":"0","NewStartingHashKey":"999999999999999999999999999999999999999"}`, ia, "NewStartingHashKey …"},
	{88, "missing shard", "SplitShard", `{"StreamName":"s","ShardToSplit":"5","NewStartingHashKey":"2"}`, nf, "Could not find shard shardId-000000000005 " + asa + "."},
	{89, "unknown stream, no shard id", "SplitShard", `{"StreamName":"X","ShardToSplit":"2147483648","NewStartingHashKey":"2"}`, nf,
		"Could not find shard 2147483648 in stream X under account 123456789012."},
	{90, "unknown stream", "SplitShard", `{"StreamName":"X","ShardToSplit":"shardId-0","NewStartingHashKey":"2"}`, nf, "Stream X under account 123456789012 not found."},
	{96, "inverted", "MergeShards", `{"StreamName":"s","ShardToMerge":"1","AdjacentShardToMerge":"0"}`, ia,
		"Shards shardId-000000000001 and " + shard0 + " " + asa + " are not an adjacent pair of shards eligible for merging"},
	{97, "not adjacent", "MergeShards", `{"StreamName":"s","ShardToMerge":"0","AdjacentShardToMerge":"2"}`, ia, "…not an adjacent pair of shards eligible for merging"},
	{97, "around the end", "MergeShards", `{"StreamName":"s","ShardToMerge":"2","AdjacentShardToMerge":"0"}`, ia,
		"Shards shardId-000000000002 and " + shard0 + " " + asa + " are not an adjacent pair of shards eligible for merging"},
	{98, "over double", "UpdateShardCount", `{"StreamName":"s","TargetShardCount":7,"ScalingType":"UNIFORM_SCALING"}`, le, "UpdateShardCount cannot scale up over double your current open shard count.…"},
	{103, "23 hours", "IncreaseStreamRetentionPeriod", `{"StreamName":"s","RetentionPeriodHours":23}`, ia,
		"Minimum allowed retention period is 24 hours. Requested retention period (23 hours) is too short."},
	{106, "longer", "DecreaseStreamRetentionPeriod", `{"StreamName":"s","RetentionPeriodHours":25}`, ia,
		"Requested retention period (25 hours) for stream s can not be longer than existing retention period (24 hours). Use IncreaseRetentionPeriod API."},
	{108, "8761 hours", "IncreaseStreamRetentionPeriod", `{"StreamName":"s","RetentionPeriodHours":8761}`, ia, "…"},
	{109, "semicolon in a key", "AddTagsToStream", `{"StreamName":"s","Tags":{"a;b":"c"}}`, ia,
		"Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, _ . / = + - % @."},
	{110, "percent in a value", "AddTagsToStream", `{"StreamName":"s","Tags":{"a":"b%c"}}`, ia, "Failed to add tags to stream s under account 123456789012 because some tags contained illegal characters.…"},
	{111, "unknown stream first", "AddTagsToStream", `{"StreamName":"X","Tags":{"a;b":"c"}}`, nf, "Stream X under account 123456789012 not found."},
	{136, "AUTO on provisioned", "UpdateStreamRecordDistributionStrategy", `{"StreamARN":"` + streamARN + `","RecordDistributionStrategy":"AUTO"}`, ia, "…"},
	{139, "DryRun on an unknown stream", "PutRecord", `{"StreamName":"X","PartitionKey":"a","Data":"","DryRun":true}`, nf, "Stream X under account 123456789012 not found."},
	{0, "foreign account", "DescribeStream", `{"StreamARN":"arn:aws:kinesis:us-east-1:999999999999:stream/s"}`, nf, "…"},
	{0, "foreign region", "PutRecord", `{"StreamARN":"arn:aws:kinesis:eu-west-1:123456789012:stream/s","PartitionKey":"a","Data":""}`, nf, "…"},
}

func TestChecklist_refusals(t *testing.T) {
	checkRefusals(t, newServer(t).withStream(), argumentRows)
}

func TestChecklist_rangesAndShards_7_21_24(t *testing.T) {
	s := newServer(t).withStream()
	d := s.must("DescribeStream", `{"StreamName":"s","Limit":1}`)["StreamDescription"].(map[string]any)
	assert.Equal(t, true, d["HasMoreShards"])
	require.Len(t, d["Shards"], 1)
	first := d["Shards"].([]any)[0].(map[string]any)
	assert.Equal(t, map[string]any{"StartingHashKey": "0", "EndingHashKey": "113427455640312821154458202477256070484"}, first["HashKeyRange"])
	assert.NotContains(t, first, "ParentShardId")
	assert.NotContains(t, first["SequenceNumberRange"], "EndingSequenceNumber")
	list := s.must("ListShards", `{"StreamName":"s","ExclusiveStartShardId":"shardId-000000000001"}`)
	require.Len(t, list["Shards"], 1)
	assert.NotContains(t, list, "NextToken")
	last := list["Shards"].([]any)[0].(map[string]any)
	assert.Equal(t, maxHash, last["HashKeyRange"].(map[string]any)["EndingHashKey"])
}

func TestChecklist_creating_8_11_12_13_14(t *testing.T) {
	s := newServerOf(t, account.Config{})
	s.must("CreateStream", `{"StreamName":"s","ShardCount":1}`)
	d := s.must("DescribeStream", `{"StreamName":"s"}`)["StreamDescription"].(map[string]any)
	assert.Equal(t, map[string]any{
		"StreamName": "s", "StreamARN": streamARN, "StreamStatus": "CREATING", "Shards": []any{}, "HasMoreShards": false,
		"RetentionPeriodHours": 24.0, "StreamCreationTimestamp": 1793534400.25, "EncryptionType": "NONE",
		"EnhancedMonitoring": []any{map[string]any{"ShardLevelMetrics": []any{}}}, "StreamModeDetails": map[string]any{"StreamMode": "PROVISIONED"},
	}, d)
	checkRefusals(t, s, []refusal{
		{11, "CREATING", "PutRecord", `{"StreamName":"s","PartitionKey":"a","Data":""}`, nf, "Stream s under account 123456789012 not found."},
		{12, "CREATING", "GetShardIterator", `{"StreamName":"s","ShardId":"0","ShardIteratorType":"LATEST"}`, nf, "Shard " + shard0 + " " + asa + " does not exist"},
		{13, "CREATING", "SplitShard", `{"StreamName":"s","ShardToSplit":"0","NewStartingHashKey":"2"}`, iu, "Stream s under account 123456789012 not ACTIVE, instead in state CREATING"},
	})
	s.must("DeleteStream", `{"StreamName":"s"}`)
	d = s.must("DescribeStream", `{"StreamName":"s"}`)["StreamDescription"].(map[string]any)
	assert.Equal(t, "DELETING", d["StreamStatus"])
}

func TestChecklist_puts_32_33_39_42_46_155(t *testing.T) {
	s := newServer(t).withStream()
	put := func(body string) map[string]any { return s.must("PutRecord", `{"StreamName":"s",`+body+`}`) }
	a := put(`"PartitionKey":"a","Data":""`)
	assert.Equal(t, shard0, a["ShardId"])
	assert.Len(t, a["SequenceNumber"], 56)
	assert.Len(t, a, 2, "ShardId and SequenceNumber and nothing else")
	put(`"PartitionKey":"` + strings.Repeat("ü", 256) + `","Data":""`)
	assert.Equal(t, "shardId-000000000002", put(`"PartitionKey":"a","Data":"","ExplicitHashKey":"` + maxHash + `"`)["ShardId"])
	assert.Equal(t, shard0, put(`"PartitionKey":"a","Data":"","ExplicitHashKey":"113427455640312821154458202477256070484"`)["ShardId"])
	assert.Equal(t, "shardId-000000000001", put(`"PartitionKey":"a","Data":"","ExplicitHashKey":"113427455640312821154458202477256070485"`)["ShardId"])
	next := put(fmt.Sprintf(`"PartitionKey":"a","Data":"","SequenceNumberForOrdering":%q`, a["SequenceNumber"]))
	assert.Greater(t, next["SequenceNumber"], a["SequenceNumber"])
	assert.Equal(t, "shardId-000000000002", put(`"PartitionKey":"user-1","Data":""`)["ShardId"])
}

func TestChecklist_ordering_47_48(t *testing.T) {
	s := newServer(t).withStream()
	later := newServer(t)
	later.clock.Advance(time.Hour)
	number := later.withStream().must("PutRecord", `{"StreamName":"s","PartitionKey":"a","Data":""}`)["SequenceNumber"].(string)
	checkRefusals(t, s, []refusal{
		{47, "future", "PutRecord", fmt.Sprintf(`{"StreamName":"s","PartitionKey":"a","Data":"","SequenceNumberForOrdering":%q}`, number), ia,
			"ExclusiveMinimumSequenceNumber " + number + " used in PutRecord on stream s under account 123456789012 is invalid."},
		{48, "unknown version", "PutRecord", `{"StreamName":"s","PartitionKey":"a","Data":"","SequenceNumberForOrdering":"5"}`, ia,
			"ExclusiveMinimumSequenceNumber 5 used in PutRecord on stream s under account 123456789012 is invalid."},
	})
}

func TestChecklist_onDemand_9_37_38(t *testing.T) {
	s := newServer(t)
	s.must("CreateStream", `{"StreamName":"s","StreamModeDetails":{"StreamMode":"ON_DEMAND"},"RecordDistributionStrategy":"AUTO"}`)
	assert.Len(t, s.must("ListShards", `{"StreamName":"s"}`)["Shards"], 4)
	for _, call := range []func(op, body string) response{s.call, s.callCBOR} {
		assert.Equal(t, 200, call("PutRecord", `{"StreamName":"s","Data":"AAE="}`).status)
		assert.Equal(t, 200, call("PutRecords", `{"StreamName":"s","Records":[{"Data":"AAE="}]}`).status)
	}
	number := s.must("PutRecord", `{"StreamName":"s","Data":"AAE="}`)["SequenceNumber"]
	code, _ := s.call("PutRecord", fmt.Sprintf(`{"StreamName":"s","Data":"AAE=","SequenceNumberForOrdering":%q}`, number)).failure(t)
	assert.Equal(t, ia, code)
	records := 0
	for i := range 4 {
		for _, r := range s.readShard(i)["Records"].([]any) {
			assert.NotContains(t, r, "PartitionKey")
			records++
		}
	}
	assert.Equal(t, 5, records)
}

// readShard reads a shard of the stream s from its beginning.
func (s *server) readShard(shard int) map[string]any {
	it := s.must("GetShardIterator", fmt.Sprintf(`{"StreamName":"s","ShardId":"%d","ShardIteratorType":"TRIM_HORIZON"}`, shard))["ShardIterator"]
	return s.must("GetRecords", fmt.Sprintf(`{"ShardIterator":%q}`, it))
}

func TestChecklist_throttled_54_55_56(t *testing.T) {
	accounts := account.Instant()
	accounts.Stream.Limits.WriteRecordsPerSecond = 1
	s := newServerOf(t, accounts)
	s.must("CreateStream", `{"StreamName":"s","ShardCount":1}`)
	out := s.must("PutRecords", `{"StreamName":"s","Records":[{"PartitionKey":"a","Data":""},{"PartitionKey":"a","Data":""},{"PartitionKey":"a","Data":""}]}`)
	assert.Equal(t, 2.0, out["FailedRecordCount"])
	assert.Equal(t, map[string]any{"ErrorCode": "ProvisionedThroughputExceededException",
		"ErrorMessage": "Rate exceeded for shard " + shard0 + " " + asa + "."}, out["Records"].([]any)[1])
	got := fromCBOR(t, s.callCBOR("PutRecords", `{"StreamName":"s","Records":[{"PartitionKey":"a","Data":""}]}`).body)
	assert.Equal(t, map[string]any{"FailedRecordCount": 1.0, "Records": []any{map[string]any{
		"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "Rate exceeded for shard " + shard0 + " " + asa + "."}}}, got)
}

func TestChecklist_reads_62_66_69_74_to_78(t *testing.T) {
	s := newServer(t).withStream()
	iterator := func(more string) string {
		return s.must("GetShardIterator", `{"StreamName":"s","ShardId":"shardId-0",`+more+`}`)["ShardIterator"].(string)
	}
	read := func(it, more string) map[string]any {
		return s.must("GetRecords", `{"ShardIterator":"`+it+`"`+more+`}`)
	}
	latest := iterator(`"ShardIteratorType":"LATEST"`)
	tip := read(latest, "")
	assert.Equal(t, []any{}, tip["Records"])
	assert.NotEmpty(t, tip["NextShardIterator"])
	assert.NotContains(t, tip, "ChildShards")
	for range 3 {
		s.must("PutRecord", `{"StreamName":"s","PartitionKey":"a","Data":"AAE="}`)
	}
	first := read(latest, `,"Limit":1`)
	require.Len(t, first["Records"], 1)
	assert.Len(t, first["Records"].([]any)[0], 4, "no EncryptionType on a plain record")
	assert.Len(t, read(first["NextShardIterator"].(string), "")["Records"], 2)
	assert.Len(t, read(latest, "")["Records"], 3, "an iterator may be used again")
	assert.Len(t, read(iterator(`"ShardIteratorType":"AT_TIMESTAMP","Timestamp":1761998400`), "")["Records"], 3)
	start := s.must("ListShards", `{"StreamName":"s"}`)["Shards"].([]any)[0].(map[string]any)["SequenceNumberRange"].(map[string]any)["StartingSequenceNumber"]
	assert.Len(t, read(iterator(fmt.Sprintf(`"ShardIteratorType":"AT_SEQUENCE_NUMBER","StartingSequenceNumber":%q`, start)), "")["Records"], 3)

	s.clock.Advance(300*time.Second + time.Millisecond)
	code, message := s.call("GetRecords", `{"ShardIterator":"`+latest+`"}`).failure(t)
	assert.Equal(t, "ExpiredIteratorException", code)
	assert.Equal(t, "Iterator expired. The iterator was created at time Sun Nov 01 12:00:00 UTC 2026 while right now it is Sun Nov 01 12:05:00 UTC 2026 "+
		"which is further in the future than the tolerated delay of 300000 milliseconds.", message)
}

func TestChecklist_closedShard_27_82_84_95(t *testing.T) {
	s := newServer(t).withStream()
	s.must("SplitShard", `{"StreamName":"s","ShardToSplit":"0","NewStartingHashKey":"2"}`)
	end := s.readShard(0)
	assert.NotContains(t, end, "NextShardIterator")
	assert.Equal(t, []any{
		map[string]any{"ShardId": "shardId-000000000003", "ParentShards": []any{shard0}, "HashKeyRange": map[string]any{"StartingHashKey": "0", "EndingHashKey": "1"}},
		map[string]any{"ShardId": "shardId-000000000004", "ParentShards": []any{shard0},
			"HashKeyRange": map[string]any{"StartingHashKey": "2", "EndingHashKey": "113427455640312821154458202477256070484"}},
	}, end["ChildShards"])
	it := s.must("GetShardIterator", `{"StreamName":"s","ShardId":"0","ShardIteratorType":"TRIM_HORIZON"}`)["ShardIterator"]
	assert.Equal(t, end, fromCBOR(t, s.callCBOR("GetRecords", fmt.Sprintf(`{"ShardIterator":%q}`, it)).body))
	s.must("MergeShards", `{"StreamName":"s","ShardToMerge":"1","AdjacentShardToMerge":"2"}`)
	shards := s.must("ListShards", `{"StreamName":"s"}`)["Shards"].([]any)
	require.Len(t, shards, 6)
	assert.Contains(t, shards[0].(map[string]any)["SequenceNumberRange"], "EndingSequenceNumber")
	merged := shards[5].(map[string]any)
	assert.Equal(t, "shardId-000000000001", merged["ParentShardId"])
	assert.Equal(t, "shardId-000000000002", merged["AdjacentParentShardId"])
	code, message := s.call("SplitShard", `{"StreamName":"s","ShardToSplit":"0","NewStartingHashKey":"2"}`).failure(t)
	assert.Equal(t, ia, code)
	assert.Equal(t, "Shard "+shard0+" "+asa+" has already been merged or split, and thus is not eligible for merging or splitting.", message)
}

func TestChecklist_settings_31_45_100_105_115_132(t *testing.T) {
	s := newServer(t).withStream()
	s.must("CreateStream", `{"StreamName":"t","ShardCount":1}`)
	assert.Equal(t, map[string]any{"s": true}, map[string]any{s.must("ListStreams", `{"Limit":1}`)["StreamNames"].([]any)[0].(string): s.must("ListStreams", `{"Limit":1}`)["HasMoreStreams"]})
	s.must("UpdateMaxRecordSize", `{"StreamARN":"`+streamARN+`","MaxRecordSizeInKiB":10240}`)
	s.must("PutRecord", `{"StreamName":"s","PartitionKey":"a","Data":"`+base64.StdEncoding.EncodeToString(make([]byte, 2<<20))+`"}`)
	assert.Equal(t, map[string]any{"StreamName": "s", "StreamARN": streamARN, "CurrentShardCount": 3.0, "TargetShardCount": 6.0},
		s.must("UpdateShardCount", `{"StreamName":"s","TargetShardCount":6,"ScalingType":"UNIFORM_SCALING"}`))
	assert.Nil(t, s.must("IncreaseStreamRetentionPeriod", `{"StreamName":"s","RetentionPeriodHours":24}`))
	assert.Equal(t, map[string]any{"Policy": "{}"}, s.must("GetResourcePolicy", `{"ResourceARN":"`+streamARN+`"}`))
	assert.Equal(t, map[string]any{"StreamName": "s", "StreamARN": streamARN, "CurrentShardLevelMetrics": []any{},
		"DesiredShardLevelMetrics": []any{"IncomingBytes", "IncomingRecords", "OutgoingBytes", "OutgoingRecords", "WriteProvisionedThroughputExceeded",
			"ReadProvisionedThroughputExceeded", "IteratorAgeMilliseconds"}},
		sorted(s.must("EnableEnhancedMonitoring", `{"StreamName":"s","ShardLevelMetrics":["ALL"]}`)))
}

// sorted puts the names of metrics in the order in which the model lists them.
func sorted(m map[string]any) map[string]any {
	order := []string{"IncomingBytes", "IncomingRecords", "OutgoingBytes", "OutgoingRecords", "WriteProvisionedThroughputExceeded",
		"ReadProvisionedThroughputExceeded", "IteratorAgeMilliseconds"}
	have := make(map[any]bool)
	for _, name := range m["DesiredShardLevelMetrics"].([]any) {
		have[name] = true
	}
	var names []any
	for _, name := range order {
		if have[name] {
			names = append(names, name)
		}
	}
	m["DesiredShardLevelMetrics"] = names
	return m
}

func TestChecklist_encrypted_130(t *testing.T) {
	s := newServer(t).withStream()
	s.must("PutRecord", `{"StreamName":"s","PartitionKey":"a","Data":""}`)
	s.must("StartStreamEncryption", `{"StreamName":"s","EncryptionType":"KMS","KeyId":"alias/aws/kinesis"}`)
	s.clock.Advance(time.Second)
	assert.Equal(t, "KMS", s.must("PutRecord", `{"StreamName":"s","PartitionKey":"a","Data":""}`)["EncryptionType"])
	assert.Equal(t, "KMS", fromCBOR(t, s.callCBOR("PutRecord", `{"StreamName":"s","PartitionKey":"a","Data":""}`).body)["EncryptionType"])
	assert.Equal(t, "KMS", s.must("PutRecords", `{"StreamName":"s","Records":[{"PartitionKey":"a","Data":""}]}`)["EncryptionType"])
	records := s.readShard(0)["Records"].([]any)
	require.Len(t, records, 4)
	assert.NotContains(t, records[0], "EncryptionType")
	for _, r := range records[1:] {
		assert.Equal(t, "KMS", r.(map[string]any)["EncryptionType"])
	}
}

func TestChecklist_dryRun_137_138(t *testing.T) {
	accounts := account.Instant()
	accounts.CallRates = account.CallRates{} // the service's
	s := newServerOf(t, accounts).withStream()
	r := s.call("PutRecord", `{"StreamName":"s","PartitionKey":"a","Data":"","DryRun":true}`)
	code, _ := r.failure(t)
	assert.Equal(t, 400, r.status)
	assert.Equal(t, "DryRunOperationException", code)
	code, _ = s.call("PutRecords", `{"StreamName":"s","Records":[{"PartitionKey":"a","Data":""}],"DryRun":true}`).failure(t)
	assert.Equal(t, "ThrottlingException", code)
	assert.Empty(t, s.readShard(0)["Records"])
	s.must("PutRecord", `{"StreamName":"s","PartitionKey":"a","Data":"","DryRun":false}`)
}

func TestChecklist_cbor_147_148(t *testing.T) {
	s := newServer(t).withStream()
	r := s.callCBOR("DescribeStream", `{"StreamName":"X"}`)
	assert.Equal(t, 400, r.status)
	assert.Equal(t, cborType, r.header.Get("Content-Type"))
	assert.Equal(t, "\xa2\x66__type\x78\x19ResourceNotFoundException\x67message\x78\x2eStream X under account 123456789012 not found.", string(r.body))
	s.must("PutRecord", `{"StreamName":"s","PartitionKey":"a","Data":"AAE="}`)
	it := s.must("GetShardIterator", `{"StreamName":"s","ShardId":"0","ShardIteratorType":"TRIM_HORIZON"}`)["ShardIterator"]
	body := string(s.callCBOR("GetRecords", fmt.Sprintf(`{"ShardIterator":%q}`, it)).body)
	assert.Contains(t, body, "\x64Data\x42\x00\x01", "a byte string")
	assert.Contains(t, body, "ApproximateArrivalTimestamp\xc1\x1b\x00\x00\x01\xa1\x96\xfb\x16\xfa", "tag 1 with milliseconds")
}

// A listing of 1,500 shards comes in pages: rows 20 and 153.
func TestChecklist_pages_20_153(t *testing.T) {
	s := newServer(t)
	s.must("CreateStream", `{"StreamName":"s","ShardCount":1500}`)
	d := s.must("DescribeStream", `{"StreamName":"s","Limit":5000}`)["StreamDescription"].(map[string]any)
	assert.Len(t, d["Shards"], 100)
	assert.Equal(t, true, d["HasMoreShards"])
	page := s.must("ListShards", `{"StreamName":"s","MaxResults":5000}`)
	assert.Len(t, page["Shards"], 1000)
	token, err := json.Marshal(page["NextToken"])
	require.NoError(t, err)
	rest := s.must("ListShards", `{"NextToken":`+string(token)+`}`)
	assert.Len(t, rest["Shards"], 500)
	assert.NotContains(t, rest, "NextToken")
	s.clock.Advance(301 * time.Second)
	code, _ := s.call("ListShards", `{"NextToken":`+string(token)+`}`).failure(t)
	assert.Equal(t, "ExpiredNextTokenException", code) // row 25
}

// Records of 10 MiB go in and out: one a page.
func TestChecklist_largeRecords_53_80(t *testing.T) {
	accounts := account.Instant()
	accounts.Stream.Limits.ReadBytesPerSecond = 0 // the service's
	s := newServerOf(t, accounts)
	s.must("CreateStream", `{"StreamName":"s","ShardCount":1,"MaxRecordSizeInKiB":10240}`)
	data := base64.StdEncoding.EncodeToString(make([]byte, 10<<20-1))
	for _, call := range []func(op, body string) response{s.call, s.callCBOR} {
		r := call("PutRecord", `{"StreamName":"s","PartitionKey":"a","Data":"`+data+`"}`)
		require.Equal(t, 200, r.status, "%s", r.body)
	}
	page := s.readShard(0)
	require.Len(t, page["Records"], 1)
	assert.Equal(t, data, page["Records"].([]any)[0].(map[string]any)["Data"])
	code, _ := s.call("GetRecords", fmt.Sprintf(`{"ShardIterator":%q}`, page["NextShardIterator"])).failure(t)
	assert.Equal(t, "ProvisionedThroughputExceededException", code)
	s.clock.Advance(5 * time.Second)
	assert.Len(t, s.must("GetRecords", fmt.Sprintf(`{"ShardIterator":%q}`, page["NextShardIterator"]))["Records"], 1)

	code, message := s.call("PutRecords", `{"StreamName":"s","Records":[{"PartitionKey":"a","Data":"`+data+`"},{"PartitionKey":"a","Data":"AAAA"}]}`).failure(t)
	assert.Equal(t, ia, code)
	assert.Equal(t, "Records size exceeds 10 MB limit", message)
}

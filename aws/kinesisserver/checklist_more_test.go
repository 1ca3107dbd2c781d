package kinesisserver_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/account"
)

const throttled0 = "Rate exceeded for shard " + shard0 + " " + asa + "."

// both calls the same operation in JSON and in CBOR.
func (s *server) both() []func(op, body string) response {
	return []func(op, body string) response{s.call, s.callCBOR}
}

// refused checks that a response is an error, in either protocol, and nothing
// else.
func refused(t *testing.T, r response, code, message string) {
	t.Helper()
	assert.Equal(t, http.StatusBadRequest, r.status, "%s", r.body)
	got := decoded(t, r)
	assert.Equal(t, code, got["__type"])
	assertMessage(t, message, fmt.Sprint(got["message"]))
	assert.Len(t, got, 2, "__type and message and nothing else")
}

func b64(n int) string { return base64.StdEncoding.EncodeToString(make([]byte, n)) }

// A mebibyte a second: the second of two puts of 600 KiB is refused and nothing
// of it is stored; a second later there is room again.
func TestChecklist_writeBytes_57(t *testing.T) {
	for _, protocol := range []int{0, 1} {
		accounts := account.Instant()
		accounts.Stream.Limits.WriteBytesPerSecond = 0 // the service's
		s := newServerOf(t, accounts).withStream()
		put := `{"StreamName":"s","PartitionKey":"a","Data":"` + b64(600<<10) + `"}`
		call := s.both()[protocol]
		require.Equal(t, http.StatusOK, call("PutRecord", put).status)
		refused(t, call("PutRecord", put), "ProvisionedThroughputExceededException", throttled0)
		out := decoded(t, call("PutRecords", `{"StreamName":"s","Records":[{"PartitionKey":"a","Data":"`+b64(600<<10)+`"},{"PartitionKey":"user-1","Data":""}]}`))
		assert.Equal(t, 1.0, out["FailedRecordCount"])
		assert.Equal(t, map[string]any{"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": throttled0}, out["Records"].([]any)[0])
		other := out["Records"].([]any)[1].(map[string]any)
		assert.Equal(t, "shardId-000000000002", other["ShardId"], "a refused record does not stop the rest")
		assert.Len(t, other, 2)
		s.clock.Advance(time.Second)
		require.Equal(t, http.StatusOK, call("PutRecord", put).status)
		assert.Len(t, s.readShard(0)["Records"], 2)
	}
}

// Every record of a call throttled is still 200, with as many failures as
// records.
func TestChecklist_allThrottled_55(t *testing.T) {
	accounts := account.Instant()
	accounts.Stream.Limits.WriteRecordsPerSecond = 0 // the service's
	s := newServerOf(t, accounts).withStream()
	records := ""
	for i := range 500 {
		if i > 0 {
			records += ","
		}
		records += `{"PartitionKey":"a","Data":""}`
	}
	fill := `{"StreamName":"s","Records":[` + records + `]}`
	for range 2 {
		require.Equal(t, 0.0, s.must("PutRecords", fill)["FailedRecordCount"])
	}
	for _, call := range s.both() {
		r := call("PutRecords", fill)
		require.Equal(t, http.StatusOK, r.status)
		out := decoded(t, r)
		assert.Len(t, out, 2, "FailedRecordCount and Records and nothing else")
		assert.Equal(t, 500.0, out["FailedRecordCount"])
		require.Len(t, out["Records"], 500)
		for _, entry := range out["Records"].([]any) {
			require.Equal(t, map[string]any{"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": throttled0}, entry)
		}
		refused(t, call("PutRecord", `{"StreamName":"s","PartitionKey":"a","Data":""}`), "ProvisionedThroughputExceededException", throttled0)
	}
	require.Len(t, s.readShard(0)["Records"], 1000)
}

// Sequence numbers that are of another shard, or of another stream.
func TestChecklist_numbersOfOthers_67_68(t *testing.T) {
	s := newServer(t)
	s.must("CreateStream", `{"StreamName":"older","ShardCount":1}`)
	s.clock.Advance(time.Hour)
	s.withStream()
	first := func(stream string, shard int) string {
		shards := s.must("ListShards", `{"StreamName":"`+stream+`"}`)["Shards"].([]any)
		return shards[shard].(map[string]any)["SequenceNumberRange"].(map[string]any)["StartingSequenceNumber"].(string)
	}
	foreign := first("older", 0)
	put := s.must("PutRecord", `{"StreamName":"s","PartitionKey":"a","Data":""}`)["SequenceNumber"].(string)
	for _, kind := range []string{"AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"} {
		ask := func(shard, number string) string {
			return `{"StreamName":"s","ShardId":"` + shard + `","ShardIteratorType":"` + kind + `","StartingSequenceNumber":"` + number + `"}`
		}
		for _, call := range s.both() {
			for _, number := range []string{first("s", 0), put} {
				refused(t, call("GetShardIterator", ask("shardId-000000000001", number)), ia,
					"Invalid StartingSequenceNumber. It encodes shardId-000000000000, while it was used in a call to a shard with shardId-000000000001")
			}
			refused(t, call("GetShardIterator", ask(shard0, first("s", 2))), ia,
				"Invalid StartingSequenceNumber. It encodes shardId-000000000002, while it was used in a call to a shard with shardId-000000000000")
			refused(t, call("GetShardIterator", ask(shard0, foreign)), ia,
				"StartingSequenceNumber "+foreign+" used in GetShardIterator on shard "+shard0+" "+asa+" is invalid because it did not come from this stream.")
			refused(t, call("GetShardIterator", ask("1", "5")), ia,
				"Invalid StartingSequenceNumber. It encodes …, while it was used in a call to a shard with shardId-000000000001")
			r := call("GetShardIterator", ask("0", "0"))
			assert.Equal(t, http.StatusInternalServerError, r.status, "0 on shard 0")
		}
	}
}

// Row 80: for all of five seconds, and with the message; the iterator stays
// valid.
func TestChecklist_afterTenMebibytes_80(t *testing.T) {
	accounts := account.Instant()
	accounts.Stream.Limits.ReadBytesPerSecond = 0 // the service's
	s := newServerOf(t, accounts)
	s.must("CreateStream", `{"StreamName":"s","ShardCount":1,"MaxRecordSizeInKiB":10240}`)
	for range 2 {
		s.must("PutRecord", `{"StreamName":"s","PartitionKey":"a","Data":"`+b64(10<<20-1)+`"}`)
	}
	page := s.readShard(0)
	require.Len(t, page["Records"], 1)
	next := fmt.Sprintf(`{"ShardIterator":%q}`, page["NextShardIterator"])
	for range 4 {
		for _, call := range s.both() {
			refused(t, call("GetRecords", next), "ProvisionedThroughputExceededException", throttled0)
		}
		s.clock.Advance(time.Second)
	}
	s.clock.Advance(999 * time.Millisecond)
	refused(t, s.call("GetRecords", next), "ProvisionedThroughputExceededException", throttled0)
	s.clock.Advance(time.Millisecond)
	assert.Len(t, s.must("GetRecords", next)["Records"], 1)
}

// The upper child of the highest split has two hash keys.
func TestChecklist_splitAtTheTop_85_86(t *testing.T) {
	s := newServer(t).withStream()
	const end = "113427455640312821154458202477256070484"
	refused(t, s.call("SplitShard", `{"StreamName":"s","ShardToSplit":"`+shard0+`","NewStartingHashKey":"`+end+`"}`), ia,
		"NewStartingHashKey "+end+" used in SplitShard() on shard "+shard0+" "+asa+
			" is not both greater than one plus the shard's StartingHashKey 0 and less than the shard's EndingHashKey "+end+".")
	r := s.call("SplitShard", `{"StreamName":"s","ShardToSplit":"`+shard0+`","NewStartingHashKey":"113427455640312821154458202477256070483"}`)
	assert.Equal(t, http.StatusOK, r.status)
	assert.Empty(t, r.body)
	shards := s.must("ListShards", `{"StreamName":"s"}`)["Shards"].([]any)
	require.Len(t, shards, 5)
	ranges := func(i int) any { return shards[i].(map[string]any)["HashKeyRange"] }
	assert.Equal(t, map[string]any{"StartingHashKey": "0", "EndingHashKey": "113427455640312821154458202477256070482"}, ranges(3))
	assert.Equal(t, map[string]any{"StartingHashKey": "113427455640312821154458202477256070483", "EndingHashKey": end}, ranges(4))
	for _, i := range []int{3, 4} {
		child := shards[i].(map[string]any)
		assert.Equal(t, shard0, child["ParentShardId"])
		assert.NotContains(t, child, "AdjacentParentShardId")
	}
}

// Below half, over double, and the eleventh change in 24 hours.
func TestChecklist_shardCounts_98_99_101(t *testing.T) {
	s := newServer(t)
	s.must("CreateStream", `{"StreamName":"s","ShardCount":6}`)
	update := func(target int) response {
		return s.call("UpdateShardCount", fmt.Sprintf(`{"StreamName":"s","TargetShardCount":%d,"ScalingType":"UNIFORM_SCALING"}`, target))
	}
	refused(t, update(2), le, "UpdateShardCount cannot scale down below half your current open shard count. Current open shard count: 6, Target shard count: 2")
	refused(t, update(13), le, "UpdateShardCount cannot scale up over double your current open shard count. Current open shard count: 6 Target shard count: 13")
	open := 6.0
	for i := range 10 {
		target := 3 + 3*(i%2)
		out := update(target).json(t)
		assert.Equal(t, map[string]any{"StreamName": "s", "StreamARN": streamARN, "CurrentShardCount": open, "TargetShardCount": float64(target)}, out)
		open = float64(target)
		s.clock.Advance(time.Minute)
	}
	refused(t, update(3), le, "…")
	assert.Equal(t, 6.0, s.must("DescribeStreamSummary", `{"StreamName":"s"}`)["StreamDescriptionSummary"].(map[string]any)["OpenShardCount"])
	s.clock.Advance(24*time.Hour - 10*time.Minute) // 24 h after the first change
	require.Equal(t, http.StatusOK, update(3).status)
	refused(t, update(6), le, "…")
}

// A policy on a consumer that is not ACTIVE yet.
func TestChecklist_policyOfConsumer_116(t *testing.T) {
	accounts := account.Instant()
	accounts.Delays.Consumer = 5 * time.Second
	s := newServerOf(t, accounts).withStream()
	consumer := s.withConsumer()
	put := `{"ResourceARN":"` + consumer + `","Policy":"{\"Version\":\"2012-10-17\",\"Statement\":[]}"}`
	for _, call := range s.both() {
		refused(t, call("PutResourcePolicy", put), iu,
			fmt.Sprintf("Consumer c with creation timestamp %d under stream s and account 123456789012 is not in ACTIVE status.", epoch.Unix()))
	}
	assert.Equal(t, map[string]any{"Policy": "{}"}, s.must("GetResourcePolicy", `{"ResourceARN":"`+consumer+`"}`))
	s.clock.Advance(5*time.Second - time.Nanosecond)
	assert.Equal(t, http.StatusBadRequest, s.call("PutResourcePolicy", put).status)
	s.clock.Advance(time.Nanosecond)
	r := s.call("PutResourcePolicy", put)
	assert.Equal(t, http.StatusOK, r.status)
	assert.Empty(t, r.body)
	assert.Equal(t, map[string]any{"Policy": `{"Version":"2012-10-17","Statement":[]}`}, s.must("GetResourcePolicy", `{"ResourceARN":"`+consumer+`"}`))
	assert.Equal(t, map[string]any{"Policy": "{}"}, s.must("GetResourcePolicy", `{"ResourceARN":"`+streamARN+`"}`), "the stream's is another one")
}

func TestChecklist_policyDeleted_117(t *testing.T) {
	s := newServer(t).withStream()
	for _, arn := range []string{streamARN, s.withConsumer()} {
		s.must("PutResourcePolicy", `{"ResourceARN":"`+arn+`","Policy":"{\"Version\":\"2012-10-17\"}"}`)
		r := s.call("DeleteResourcePolicy", `{"ResourceARN":"`+arn+`"}`)
		assert.Equal(t, http.StatusOK, r.status)
		assert.Empty(t, r.body)
		for _, call := range s.both() {
			assert.Equal(t, map[string]any{"Policy": "{}"}, decoded(t, call("GetResourcePolicy", `{"ResourceARN":"`+arn+`"}`)))
			refused(t, call("DeleteResourcePolicy", `{"ResourceARN":"`+arn+`"}`), nf, "…") // UNVERIFIED, section 13 row 17
		}
	}
}

// 25 starts and 25 stops in any 24 hours.
func TestChecklist_encryptionStarts_131(t *testing.T) {
	s := newServer(t).withStream()
	const body = `{"StreamName":"s","EncryptionType":"KMS","KeyId":"alias/aws/kinesis"}`
	for i := range 25 {
		require.Equal(t, http.StatusOK, s.call("StartStreamEncryption", body).status, "start %d", i+1)
		s.clock.Advance(time.Minute)
	}
	refused(t, s.call("StartStreamEncryption", body), le, "Rate exceeded for stream s under account 123456789012.")
	require.Equal(t, http.StatusOK, s.call("StopStreamEncryption", body).status, "stops are counted apart")
	s.clock.Advance(24*time.Hour - 25*time.Minute) // 24 h after the first
	require.Equal(t, http.StatusOK, s.call("StartStreamEncryption", body).status)
	refused(t, s.call("StartStreamEncryption", body), le, "…")
}

// Two switches of the mode in any 24 hours.
func TestChecklist_modeSwitches_134(t *testing.T) {
	s := newServer(t).withStream()
	to := func(mode string) response {
		return s.call("UpdateStreamMode", `{"StreamARN":"`+streamARN+`","StreamModeDetails":{"StreamMode":"`+mode+`"}}`)
	}
	mode := func() any {
		d := s.must("DescribeStreamSummary", `{"StreamName":"s"}`)["StreamDescriptionSummary"].(map[string]any)
		return d["StreamModeDetails"].(map[string]any)["StreamMode"]
	}
	for _, m := range []string{"ON_DEMAND", "PROVISIONED"} {
		r := to(m)
		require.Equal(t, http.StatusOK, r.status)
		assert.Empty(t, r.body)
		assert.Equal(t, m, mode())
		if m == "ON_DEMAND" {
			assert.Len(t, s.must("ListShards", `{"StreamName":"s"}`)["Shards"], 3, "the shards are kept")
		}
		s.clock.Advance(time.Hour)
	}
	refused(t, to("ON_DEMAND"), le, "Rate exceeded for stream s under account 123456789012.") // UNVERIFIED, section 13 row 35
	assert.Equal(t, "PROVISIONED", mode())
	s.clock.Advance(22*time.Hour - time.Nanosecond)
	refused(t, to("ON_DEMAND"), le, "…")
	s.clock.Advance(time.Nanosecond)
	require.Equal(t, http.StatusOK, to("ON_DEMAND").status)
}

// A second subscription within 5 s is refused before the stream starts, in
// HTTP, at the exact boundary, and also when the first one has ended already.
func TestChecklist_subscribeTwice_124(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		body := subscribeBody(s.withConsumer(), "0", "LATEST")
		const message = "Another active subscription exists for this consumer: 123456789012:s:shardId-000000000000:c"
		first := s.subscribe(t.Context(), body)
		defer first.close()
		first.initial()
		for range 2 {
			r := s.call("SubscribeToShard", body)
			refused(t, r, iu, message)
			assert.Equal(t, jsonType, r.header.Get("Content-Type"))
			assert.NotEmpty(t, r.header.Get("X-Amzn-Requestid"))
			assert.NotEmpty(t, r.header.Get("X-Amz-Id-2"))
		}
		other := s.subscribe(t.Context(), subscribeBody(s.consumerARN(), "1", "LATEST"))
		other.initial() // another shard is another subscription
		other.close()
		time.Sleep(5*time.Second - time.Nanosecond)
		refused(t, s.call("SubscribeToShard", body), iu, message)
		refused(t, s.call("SubscribeToShard", subscribeBody(s.consumerARN(), "1", "LATEST")), iu, "…")
		first.close()
		refused(t, s.call("SubscribeToShard", body), iu, message)
		time.Sleep(time.Nanosecond)
		second := s.subscribe(t.Context(), body)
		defer second.close()
		second.initial()
	})
}

// consumerARN returns the ARN of the consumer c.
func (s *server) consumerARN() string {
	d := s.must("DescribeStreamConsumer", `{"StreamARN":"`+streamARN+`","ConsumerName":"c"}`)
	return d["ConsumerDescription"].(map[string]any)["ConsumerARN"].(string)
}

// Rows whose tests look at the code only: the words, and what is left behind.
func TestChecklist_words_15_16_110(t *testing.T) {
	s := newServer(t).withStream()
	s.withConsumer()
	for _, call := range s.both() {
		refused(t, call("DeleteStream", `{"StreamName":"s"}`), iu, "DeleteStream can't delete "+streamARN+
			" because there are consumers associated with this data stream. To delete s anyway, set the EnforceConsumerDeletion parameter to true "+
			"to force the deletion of all the consumers that are associated with it.")
		refused(t, call("AddTagsToStream", `{"StreamName":"s","Tags":{"a":"b%c"}}`), ia,
			"Failed to add tags to stream s under account 123456789012 because some tags contained illegal characters. "+
				"The allowed characters are Unicode letters, white-spaces, '_',',','/','=','+','-','@'.")
	}
	s.must("DeleteStream", `{"StreamName":"s","EnforceConsumerDeletion":true}`)
	s.withStream()
	list := s.must("ListStreamConsumers", `{"StreamARN":"`+streamARN+`"}`)
	assert.Equal(t, map[string]any{"Consumers": []any{}}, list, "consumers go too")
}

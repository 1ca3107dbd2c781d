package kinesisserver_test

import (
	"fmt"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/kinesisserver"
)

const (
	roleARN     = "arn:aws:iam::123456789012:role/r"
	noStreamARN = "arn:aws:kinesis:us-east-1:123456789012:stream/none"
	noChannel   = "arn:aws:kinesis:us-east-1:123456789012:channel/00000000-0000-0000-0000-000000000000"
)

// differentialRows are all operations but SubscribeToShard in an order in which
// each succeeds, and then fails. ${NAME} is as in the golden files. What takes
// no input fails by not being an object.
var differentialRows = []struct{ op, succeeds, fails string }{
	{"CreateStream", `{"StreamName":"s","ShardCount":4,"Tags":{"t":"ü"}}`, `{"StreamName":"s","ShardCount":1}`},
	{"DescribeStream", `{"StreamName":"s","Limit":3}`, `{"StreamName":"none"}`},
	{"DescribeStreamSummary", `{"StreamARN":"` + streamARN + `"}`, `{"StreamARN":"` + noStreamARN + `"}`},
	{"ListStreams", `{"Limit":1}`, `{"Limit":0}`},
	{"IncreaseStreamRetentionPeriod", `{"StreamName":"s","RetentionPeriodHours":48}`, `{"StreamName":"s","RetentionPeriodHours":24}`},
	{"DecreaseStreamRetentionPeriod", `{"StreamName":"s","RetentionPeriodHours":24}`, `{"StreamName":"s","RetentionPeriodHours":25}`},
	{"UpdateMaxRecordSize", `{"StreamARN":"` + streamARN + `","MaxRecordSizeInKiB":2048}`, `{"MaxRecordSizeInKiB":2048}`},
	{"EnableEnhancedMonitoring", `{"StreamName":"s","ShardLevelMetrics":["ALL"]}`, `{"StreamName":"s","ShardLevelMetrics":["None"]}`},
	{"DisableEnhancedMonitoring", `{"StreamName":"s","ShardLevelMetrics":["IncomingBytes"]}`, `{"StreamName":"s","ShardLevelMetrics":[]}`},
	{"StartStreamEncryption", `{"StreamName":"s","EncryptionType":"KMS","KeyId":"k"}`, `{"StreamName":"s","EncryptionType":"AES","KeyId":"k"}`},
	{"PutRecord", `{"StreamName":"s","PartitionKey":"a","Data":"/+8="}`, `{"StreamName":"s","PartitionKey":"a","Data":"","ExplicitHashKey":"` + twoTo128 + `"}`},
	{"PutRecords", `{"StreamName":"s","Records":[{"PartitionKey":"é","Data":"AAE="},{"PartitionKey":"b","ExplicitHashKey":"0","Data":""}]}`, `{"StreamName":"s","Records":[]}`},
	{"StopStreamEncryption", `{"StreamName":"s","EncryptionType":"KMS","KeyId":"k"}`, `{"StreamName":"none","EncryptionType":"KMS","KeyId":"k"}`},
	{"GetShardIterator", `{"StreamName":"s","ShardId":"0","ShardIteratorType":"AT_TIMESTAMP","Timestamp":1793534400.25}`,
		`{"StreamName":"s","ShardId":"0","ShardIteratorType":"AT_TIMESTAMP","Timestamp":1793538000.5}`},
	{"GetRecords", `{"ShardIterator":"${ShardIterator}","Limit":10}`, `{"ShardIterator":"${ShardIterator}","StreamARN":"` + noStreamARN + `"}`},
	{"SplitShard", `{"StreamName":"s","ShardToSplit":"0","NewStartingHashKey":"2"}`, `{"StreamName":"s","ShardToSplit":"4","NewStartingHashKey":"1"}`},
	{"MergeShards", `{"StreamName":"s","ShardToMerge":"1","AdjacentShardToMerge":"2"}`, `{"StreamName":"s","ShardToMerge":"3","AdjacentShardToMerge":"4"}`},
	{"UpdateShardCount", `{"StreamName":"s","TargetShardCount":6,"ScalingType":"UNIFORM_SCALING"}`, `{"StreamName":"s","TargetShardCount":13,"ScalingType":"UNIFORM_SCALING"}`},
	{"ListShards", `{"StreamName":"s","MaxResults":2,"StreamCreationTimestamp":1793534400.25}`, `{}`},
	{"RegisterStreamConsumer", `{"StreamARN":"` + streamARN + `","ConsumerName":"c"}`, `{"StreamARN":"` + streamARN + `","ConsumerName":"c"}`},
	{"DescribeStreamConsumer", `{"StreamARN":"` + streamARN + `","ConsumerName":"c"}`, `{"StreamARN":"` + streamARN + `","ConsumerName":"none"}`},
	{"ListStreamConsumers", `{"StreamARN":"` + streamARN + `"}`, `{"StreamARN":"` + noStreamARN + `"}`},
	{"DeregisterStreamConsumer", `{"ConsumerARN":"${ConsumerARN}"}`, `{"ConsumerARN":"${ConsumerARN}"}`},
	{"AddTagsToStream", `{"StreamName":"s","Tags":{"a":"1","b":""}}`, `{"StreamName":"s","Tags":{"a;b":"c"}}`},
	{"ListTagsForStream", `{"StreamName":"s","Limit":2}`, `{"StreamName":"none"}`},
	{"RemoveTagsFromStream", `{"StreamName":"s","TagKeys":["a","none"]}`, `{"StreamName":"none","TagKeys":["a"]}`},
	{"TagResource", `{"ResourceARN":"` + streamARN + `","Tags":{"c":"3"}}`, `{"ResourceARN":"` + streamARN + `","Tags":{"aws:c":"3"}}`},
	{"ListTagsForResource", `{"ResourceARN":"` + streamARN + `"}`, `{"ResourceARN":"` + noStreamARN + `"}`},
	{"UntagResource", `{"ResourceARN":"` + streamARN + `","TagKeys":["c"]}`, `{"ResourceARN":"` + streamARN + `","TagKeys":[]}`},
	{"PutResourcePolicy", `{"ResourceARN":"` + streamARN + `","Policy":"{\"Version\":\"2012-10-17\"}"}`, `{"ResourceARN":"` + streamARN + `","Policy":"none"}`},
	{"GetResourcePolicy", `{"ResourceARN":"` + streamARN + `"}`, `{"ResourceARN":"` + noStreamARN + `"}`},
	{"DeleteResourcePolicy", `{"ResourceARN":"` + streamARN + `"}`, `{"ResourceARN":"` + streamARN + `"}`},
	{"DescribeLimits", `{}`, `[]`},
	{"DescribeAccountSettings", `{}`, `[]`},
	{"UpdateAccountSettings", `{"MinimumThroughputBillingCommitment":{"Status":"ENABLED"}}`, `{"MinimumThroughputBillingCommitment":{"Status":"X"}}`},
	{"UpdateStreamMode", `{"StreamARN":"` + streamARN + `","StreamModeDetails":{"StreamMode":"ON_DEMAND"}}`, `{"StreamARN":"` + streamARN + `","StreamModeDetails":{}}`},
	{"UpdateStreamWarmThroughput", `{"StreamName":"s","WarmThroughputMiBps":5}`, `{"StreamName":"s","WarmThroughputMiBps":-1}`},
	{"UpdateStreamRecordDistributionStrategy", `{"StreamARN":"` + streamARN + `","RecordDistributionStrategy":"AUTO"}`, `{"StreamARN":"` + streamARN + `","RecordDistributionStrategy":"X"}`},
	{"CreateChannel", channelBody, channelBody},
	{"DescribeChannel", `{"ChannelARN":"${ChannelARN}"}`, `{"ChannelARN":"` + noChannel + `"}`},
	{"UpdateChannel", `{"ChannelARN":"${ChannelARN}","S3DestinationConfiguration":{"DataFreshnessInSeconds":600}}`, `{"ChannelARN":"` + noChannel + `"}`},
	{"ListChannels", `{}`, `{"MaxResults":0}`},
	{"DeleteChannel", `{"ChannelARN":"${ChannelARN}"}`, `{"ChannelARN":"${ChannelARN}"}`},
	{"CreateQueue", queueBody, queueBody},
	{"DescribeQueue", `{"QueueARN":"${QueueARN}"}`, `{"QueueARN":"` + noQueue + `"}`},
	{"UpdateQueue", `{"QueueARN":"${QueueARN}","QueueAttributes":{}}`, `{"QueueARN":"${QueueARN}"}`},
	{"ListQueues", `{}`, `{"MaxResults":0}`},
	{"PutRecord", `{"StreamName":"s","Data":"/+8="}`, `{"StreamName":"none","Data":"/+8="}`},
	{"ReceiveQueueRecords", `{"QueueARN":"${QueueARN}"}`, `{"QueueARN":"${QueueARN}","Limit":11}`},
	{"UpdateQueueRecordsVisibility", `{"QueueARN":"${QueueARN}","Entries":[{"ReceiptHandle":"${ReceiptHandle}","VisibilityTimeoutSeconds":0}]}`,
		`{"QueueARN":"${QueueARN}","Entries":[]}`},
	{"AcknowledgeQueueRecords", `{"QueueARN":"${QueueARN}","Entries":[{"ReceiptHandle":"${ReceiptHandle}"}]}`, `{"QueueARN":"` + noQueue + `","Entries":[{"ReceiptHandle":"x"}]}`},
	{"ReceiveDeadLetterQueueRecords", `{"QueueARN":"${QueueARN}"}`, `{"QueueARN":"${QueueARN}","WaitTimeSeconds":21}`},
	{"UpdateDeadLetterQueueRecordsVisibility", `{"QueueARN":"${QueueARN}","Entries":[{"ReceiptHandle":"${ReceiptHandle}","VisibilityTimeoutSeconds":9}]}`,
		`{"QueueARN":"${QueueARN}","Entries":[{"ReceiptHandle":"x"}]}`},
	{"RestoreDeadLetterQueueRecords", `{"QueueARN":"${QueueARN}","Entries":[{"ReceiptHandle":"${ReceiptHandle}"}]}`, `{"QueueARN":"${QueueARN}"}`},
	{"AcknowledgeDeadLetterQueueRecords", `{"QueueARN":"${QueueARN}","Entries":[{"ReceiptHandle":"${ReceiptHandle}"}]}`, `{"QueueARN":"x","Entries":[{"ReceiptHandle":"x"}]}`},
	{"DeleteQueue", `{"QueueARN":"${QueueARN}"}`, `{"QueueARN":"${QueueARN}"}`},
	{"DeleteStream", `{"StreamName":"s"}`, `{"StreamName":"s"}`},
}

const (
	noQueue   = "arn:aws:kinesis:us-east-1:123456789012:queue/none"
	queueBody = `{"QueueName":"q","StreamConfigurationList":[{"StreamARN":"` + streamARN + `","StartingPosition":{"Type":"TRIM_HORIZON"}}],` +
		`"QueueAttributes":{"VisibilityTimeoutSeconds":60,"DeadLetterConfiguration":{"TargetType":"BUILT_IN","MaxReceiveCount":1}},"Tags":{"t":"ü"}}`
)

const channelBody = `{"ChannelName":"c","ServiceExecutionRoleARN":"` + roleARN + `","StreamConfigurationList":[{"StreamARN":"` + streamARN +
	`","RecordConfiguration":{"RecordFormatType":"JSON"}}],"S3DestinationConfiguration":{"StorageConfiguration":{"BucketARN":"arn:aws:s3:::bucket",` +
	`"ExpectedBucketOwner":"123456789012","CompressionType":"GZIP"}},"LoggingConfiguration":{"CloudWatchLogs":{"Enabled":false}}}`

// CBOR says the same as JSON: two servers are called alike, each in one
// protocol, and answer alike.
func TestProtocols_agree(t *testing.T) {
	inJSON, inCBOR := newServer(t), newServer(t)
	members, others := make(map[string]any), make(map[string]any)
	called := make(map[string]bool)
	for _, row := range differentialRows {
		called[row.op] = true
		for _, step := range []struct {
			what, body string
			ok         bool
		}{{"succeeds", row.succeeds, true}, {"fails", row.fails, false}} {
			t.Run(row.op+" "+step.what, func(t *testing.T) {
				expand := func(from map[string]any) string {
					return os.Expand(step.body, func(name string) string { return fmt.Sprint(from[name]) })
				}
				r, other := inJSON.call(row.op, expand(members)), inCBOR.callCBOR(row.op, expand(others))
				assert.Equal(t, step.ok, r.status == http.StatusOK, "%d %s", r.status, r.body)
				assert.Equal(t, r.status, other.status)
				require.Equal(t, len(r.body) == 0, len(other.body) == 0)
				if len(r.body) > 0 {
					assert.Equal(t, cborType, other.header.Get("Content-Type"))
					collect(members, r.json(t))
					collect(others, fromCBOR(t, other.body))
					assert.Equal(t, withoutHandles(r.json(t)), withoutHandles(fromCBOR(t, other.body)))
				}
			})
		}
		inJSON.clock.Advance(time.Second)
		inCBOR.clock.Advance(time.Second)
	}
	for _, name := range kinesisserver.OperationNames() {
		assert.Equal(t, name != "SubscribeToShard", called[name], name)
	}
}

// withoutHandles returns a response without its receipt handles, which are
// different ones in every queue.
func withoutHandles(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			if v[name] = withoutHandles(member); name == "ReceiptHandle" {
				v[name] = len(member.(string))
			}
		}
	case []any:
		for i := range v {
			v[i] = withoutHandles(v[i])
		}
	}
	return v
}

// The events of SubscribeToShard are the same for a request in CBOR, in JSON;
// the first frame is the one that clients wait for. A refusal is in the
// request's protocol.
func TestProtocols_agreeOnSubscriptions_129(t *testing.T) {
	frames := make(map[string][]string)
	for _, contentType := range []string{jsonType, cborType} {
		inBubble(t, func(t *testing.T, s *server) {
			for range 3 {
				s.must("PutRecord", `{"StreamName":"s","PartitionKey":"a","Data":"/+8="}`)
			}
			body := subscribeBody(s.withConsumer(), "0", "TRIM_HORIZON")
			encoded := []byte(body)
			if contentType == cborType {
				encoded = toCBOR(t, body)
			}
			sub := s.subscribeIn(t.Context(), contentType, encoded)
			defer sub.close()
			for range 2 {
				kind, typ, payload, err := sub.next()
				require.NoError(t, err)
				frames[contentType] = append(frames[contentType], kind+" "+typ+" "+payload)
			}
			r := s.do(request("SubscribeToShard", contentType, encoded))
			assert.Equal(t, contentType, r.header.Get("Content-Type"))
			refused(t, r, iu, "Another active subscription exists for this consumer: 123456789012:s:shardId-000000000000:c")
		})
	}
	assert.Equal(t, "event initial-response {}", frames[jsonType][0])
	assert.Contains(t, frames[jsonType][1], `"Data":"/+8="`)
	assert.Equal(t, frames[jsonType], frames[cborType])
}

// What a call with DryRun would do is checked like everything else, and not
// done.
func TestDryRun_ofReads(t *testing.T) {
	const ok = "Request would have succeeded, but DryRun flag is set."
	s := newServer(t).withStream()
	consumer := s.withConsumer()
	s.must("PutRecord", `{"StreamName":"s","PartitionKey":"a","Data":"AAE="}`)
	it := s.must("GetShardIterator", `{"StreamName":"s","ShardId":"0","ShardIteratorType":"TRIM_HORIZON"}`)["ShardIterator"].(string)
	for _, call := range s.both() {
		refused(t, call("GetRecords", `{"ShardIterator":"`+it+`","DryRun":true}`), "DryRunOperationException", ok)
		refused(t, call("GetRecords", `{"ShardIterator":"x","DryRun":true}`), ia, "Invalid ShardIterator.")
		assert.Len(t, decoded(t, call("GetRecords", `{"ShardIterator":"`+it+`","DryRun":false}`))["Records"], 1)

		refused(t, call("GetShardIterator", `{"StreamName":"s","ShardId":"0","ShardIteratorType":"LATEST","DryRun":true}`), "DryRunOperationException", ok)
		refused(t, call("GetShardIterator", `{"StreamName":"s","ShardId":"9","ShardIteratorType":"LATEST","DryRun":true}`), nf, "Shard shardId-000000000009 "+asa+" does not exist")

		dry := func(shard string) string {
			return `{"ConsumerARN":"` + consumer + `","ShardId":"` + shard + `","StartingPosition":{"Type":"LATEST"},"DryRun":true}`
		}
		refused(t, call("SubscribeToShard", dry("0")), "DryRunOperationException", ok)
		refused(t, call("SubscribeToShard", dry("9")), nf, "Shard shardId-000000000009 "+asa+" does not exist")
	}
	sub := s.subscribe(t.Context(), subscribeBody(consumer, "0", "LATEST")) // at once: none was begun
	defer sub.close()
	sub.initial()
}

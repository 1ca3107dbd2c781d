package clients_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/stretchr/testify/assert"
)

// operations are a test for each operation, by its name.
var operations = map[string]func(t *testing.T, s *session){
	"AddTagsToStream":                        addTagsToStream,
	"CreateChannel":                          createChannel,
	"CreateStream":                           createStream,
	"DecreaseStreamRetentionPeriod":          decreaseRetention,
	"DeleteChannel":                          deleteChannel,
	"DeleteResourcePolicy":                   deleteResourcePolicy,
	"DeleteStream":                           deleteStream,
	"DeregisterStreamConsumer":               deregisterConsumer,
	"DescribeAccountSettings":                describeAccountSettings,
	"DescribeChannel":                        describeChannel,
	"DescribeLimits":                         describeLimits,
	"DescribeStream":                         describeStream,
	"DescribeStreamConsumer":                 describeConsumer,
	"DescribeStreamSummary":                  describeSummary,
	"DisableEnhancedMonitoring":              disableMonitoring,
	"EnableEnhancedMonitoring":               enableMonitoring,
	"GetRecords":                             getRecords,
	"GetResourcePolicy":                      getResourcePolicy,
	"GetShardIterator":                       getShardIterator,
	"IncreaseStreamRetentionPeriod":          increaseRetention,
	"ListChannels":                           listChannels,
	"ListShards":                             listShards,
	"ListStreamConsumers":                    listConsumers,
	"ListStreams":                            listStreams,
	"ListTagsForResource":                    listTagsForResource,
	"ListTagsForStream":                      listTagsForStream,
	"MergeShards":                            mergeShards,
	"PutRecord":                              putRecord,
	"PutRecords":                             putRecords,
	"PutResourcePolicy":                      putResourcePolicy,
	"RegisterStreamConsumer":                 registerConsumer,
	"RemoveTagsFromStream":                   removeTags,
	"SplitShard":                             splitShard,
	"StartStreamEncryption":                  startEncryption,
	"StopStreamEncryption":                   stopEncryption,
	"SubscribeToShard":                       subscribeToShard,
	"TagResource":                            tagResource,
	"UntagResource":                          untagResource,
	"UpdateAccountSettings":                  updateAccountSettings,
	"UpdateChannel":                          updateChannel,
	"UpdateMaxRecordSize":                    updateMaxRecordSize,
	"UpdateShardCount":                       updateShardCount,
	"UpdateStreamMode":                       updateStreamMode,
	"UpdateStreamRecordDistributionStrategy": updateDistribution,
	"UpdateStreamWarmThroughput":             updateWarmThroughput,
}

func TestOperations(t *testing.T) {
	for name, test := range operations {
		over(t, "operation", name, test)
	}
}

// TestOperations_complete fails when the SDK has an operation without a test.
func TestOperations_complete(t *testing.T) {
	client := reflect.TypeFor[*kinesis.Client]()
	n := 0
	for i := range client.NumMethod() {
		m := client.Method(i)
		if m.Type.NumIn() == 4 && m.Type.NumOut() == 2 && strings.HasSuffix(m.Type.In(2).String(), m.Name+"Input") {
			assert.Contains(t, operations, m.Name)
			n++
		}
	}
	assert.Len(t, operations, n)
}

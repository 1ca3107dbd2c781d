package kinesistest

import (
	"reflect"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/weirstream/weir/aws/account"
)

// A shape is the SDK's types of an operation, or those of package account.
type shape struct{ input, output reflect.Type }

func shapeOf[In, Out any]() shape { return shape{reflect.TypeFor[In](), reflect.TypeFor[Out]()} }

// shapes are the operations of the service. The table is never changed.
var shapes = map[string]shape{
	"AddTagsToStream":                        shapeOf[kinesis.AddTagsToStreamInput, kinesis.AddTagsToStreamOutput](),
	"CreateChannel":                          shapeOf[kinesis.CreateChannelInput, kinesis.CreateChannelOutput](),
	"CreateStream":                           shapeOf[kinesis.CreateStreamInput, kinesis.CreateStreamOutput](),
	"DecreaseStreamRetentionPeriod":          shapeOf[kinesis.DecreaseStreamRetentionPeriodInput, kinesis.DecreaseStreamRetentionPeriodOutput](),
	"DeleteChannel":                          shapeOf[kinesis.DeleteChannelInput, kinesis.DeleteChannelOutput](),
	"DeleteResourcePolicy":                   shapeOf[kinesis.DeleteResourcePolicyInput, kinesis.DeleteResourcePolicyOutput](),
	"DeleteStream":                           shapeOf[kinesis.DeleteStreamInput, kinesis.DeleteStreamOutput](),
	"DeregisterStreamConsumer":               shapeOf[kinesis.DeregisterStreamConsumerInput, kinesis.DeregisterStreamConsumerOutput](),
	"DescribeAccountSettings":                shapeOf[kinesis.DescribeAccountSettingsInput, kinesis.DescribeAccountSettingsOutput](),
	"DescribeChannel":                        shapeOf[kinesis.DescribeChannelInput, kinesis.DescribeChannelOutput](),
	"DescribeLimits":                         shapeOf[kinesis.DescribeLimitsInput, kinesis.DescribeLimitsOutput](),
	"DescribeStream":                         shapeOf[kinesis.DescribeStreamInput, kinesis.DescribeStreamOutput](),
	"DescribeStreamConsumer":                 shapeOf[kinesis.DescribeStreamConsumerInput, kinesis.DescribeStreamConsumerOutput](),
	"DescribeStreamSummary":                  shapeOf[kinesis.DescribeStreamSummaryInput, kinesis.DescribeStreamSummaryOutput](),
	"DisableEnhancedMonitoring":              shapeOf[kinesis.DisableEnhancedMonitoringInput, kinesis.DisableEnhancedMonitoringOutput](),
	"EnableEnhancedMonitoring":               shapeOf[kinesis.EnableEnhancedMonitoringInput, kinesis.EnableEnhancedMonitoringOutput](),
	"GetRecords":                             shapeOf[kinesis.GetRecordsInput, kinesis.GetRecordsOutput](),
	"GetResourcePolicy":                      shapeOf[kinesis.GetResourcePolicyInput, kinesis.GetResourcePolicyOutput](),
	"GetShardIterator":                       shapeOf[kinesis.GetShardIteratorInput, kinesis.GetShardIteratorOutput](),
	"IncreaseStreamRetentionPeriod":          shapeOf[kinesis.IncreaseStreamRetentionPeriodInput, kinesis.IncreaseStreamRetentionPeriodOutput](),
	"ListChannels":                           shapeOf[kinesis.ListChannelsInput, kinesis.ListChannelsOutput](),
	"ListShards":                             shapeOf[kinesis.ListShardsInput, kinesis.ListShardsOutput](),
	"ListStreamConsumers":                    shapeOf[kinesis.ListStreamConsumersInput, kinesis.ListStreamConsumersOutput](),
	"ListStreams":                            shapeOf[kinesis.ListStreamsInput, kinesis.ListStreamsOutput](),
	"ListTagsForResource":                    shapeOf[kinesis.ListTagsForResourceInput, kinesis.ListTagsForResourceOutput](),
	"ListTagsForStream":                      shapeOf[kinesis.ListTagsForStreamInput, kinesis.ListTagsForStreamOutput](),
	"MergeShards":                            shapeOf[kinesis.MergeShardsInput, kinesis.MergeShardsOutput](),
	"PutRecord":                              shapeOf[kinesis.PutRecordInput, kinesis.PutRecordOutput](),
	"PutRecords":                             shapeOf[kinesis.PutRecordsInput, kinesis.PutRecordsOutput](),
	"PutResourcePolicy":                      shapeOf[kinesis.PutResourcePolicyInput, kinesis.PutResourcePolicyOutput](),
	"RegisterStreamConsumer":                 shapeOf[kinesis.RegisterStreamConsumerInput, kinesis.RegisterStreamConsumerOutput](),
	"RemoveTagsFromStream":                   shapeOf[kinesis.RemoveTagsFromStreamInput, kinesis.RemoveTagsFromStreamOutput](),
	"SplitShard":                             shapeOf[kinesis.SplitShardInput, kinesis.SplitShardOutput](),
	"StartStreamEncryption":                  shapeOf[kinesis.StartStreamEncryptionInput, kinesis.StartStreamEncryptionOutput](),
	"StopStreamEncryption":                   shapeOf[kinesis.StopStreamEncryptionInput, kinesis.StopStreamEncryptionOutput](),
	"SubscribeToShard":                       shapeOf[kinesis.SubscribeToShardInput, kinesis.SubscribeToShardOutput](),
	"TagResource":                            shapeOf[kinesis.TagResourceInput, kinesis.TagResourceOutput](),
	"UntagResource":                          shapeOf[kinesis.UntagResourceInput, kinesis.UntagResourceOutput](),
	"UpdateAccountSettings":                  shapeOf[kinesis.UpdateAccountSettingsInput, kinesis.UpdateAccountSettingsOutput](),
	"UpdateChannel":                          shapeOf[kinesis.UpdateChannelInput, kinesis.UpdateChannelOutput](),
	"UpdateMaxRecordSize":                    shapeOf[kinesis.UpdateMaxRecordSizeInput, kinesis.UpdateMaxRecordSizeOutput](),
	"UpdateShardCount":                       shapeOf[kinesis.UpdateShardCountInput, kinesis.UpdateShardCountOutput](),
	"UpdateStreamMode":                       shapeOf[kinesis.UpdateStreamModeInput, kinesis.UpdateStreamModeOutput](),
	"UpdateStreamRecordDistributionStrategy": shapeOf[kinesis.UpdateStreamRecordDistributionStrategyInput, kinesis.UpdateStreamRecordDistributionStrategyOutput](),
	"UpdateStreamWarmThroughput":             shapeOf[kinesis.UpdateStreamWarmThroughputInput, kinesis.UpdateStreamWarmThroughputOutput](),

	// Of queues the SDK knows nothing yet: these are the account's types.
	"AcknowledgeDeadLetterQueueRecords":      shapeOf[account.QueueRecordsInput, account.QueueRecordsOutput](),
	"AcknowledgeQueueRecords":                shapeOf[account.QueueRecordsInput, account.QueueRecordsOutput](),
	"CreateQueue":                            shapeOf[account.CreateQueueInput, account.CreateQueueOutput](),
	"DeleteQueue":                            shapeOf[account.DeleteQueueInput, account.DeleteQueueOutput](),
	"DescribeQueue":                          shapeOf[account.DescribeQueueInput, account.DescribeQueueOutput](),
	"ListQueues":                             shapeOf[account.ListQueuesInput, account.ListQueuesOutput](),
	"ReceiveDeadLetterQueueRecords":          shapeOf[account.ReceiveQueueRecordsInput, account.ReceiveQueueRecordsOutput](),
	"ReceiveQueueRecords":                    shapeOf[account.ReceiveQueueRecordsInput, account.ReceiveQueueRecordsOutput](),
	"RestoreDeadLetterQueueRecords":          shapeOf[account.QueueRecordsInput, account.QueueRecordsOutput](),
	"UpdateDeadLetterQueueRecordsVisibility": shapeOf[account.QueueVisibilityInput, account.QueueRecordsOutput](),
	"UpdateQueue":                            shapeOf[account.UpdateQueueInput, account.UpdateQueueOutput](),
	"UpdateQueueRecordsVisibility":           shapeOf[account.QueueVisibilityInput, account.QueueRecordsOutput](),
}

package kinesisserver

import (
	"context"

	"github.com/weirstream/weir/aws/account"
)

// An operation is one of the service's: a row of the table below. To add one,
// add its row.
type operation struct {
	name  string
	input *shape // a structure, its members in the order in which their violations are reported
	run   func(*exchange) error
	// direct, unless nil, is run for a body in one pass, without values and
	// reflection. It reports whether it could: what is out of the ordinary, or
	// wrong, it leaves to run.
	direct func(*exchange) (done bool, err error)
}

// unary is an operation that is a method of an account.
func unary[In, Out any](method func(*account.Account, context.Context, *In) (*Out, error)) func(*exchange) error {
	return func(x *exchange) error {
		in := new(In)
		bind(&x.value, x.op.input, in)
		out, err := method(x.account, x.ctx, in)
		if err != nil {
			return err
		}
		x.respond(out)
		return nil
	}
}

// input is the shape of an operation's input.
func input(members ...memberShape) *shape { return structure(members...) }

// onStream is the input of an operation on a stream that is named by its name,
// its ARN or both, and by an id that the service does not use yet.
func onStream(members ...memberShape) *shape {
	return input(append(members, may("StreamName", nameShape), may("StreamARN", streamARN), may("StreamId", streamID))...)
}

// onARN is the input of an operation on a stream that is named by its ARN only.
func onARN(members ...memberShape) *shape {
	return input(append(members, need("StreamARN", streamARN), may("StreamId", streamID))...)
}

// onConsumer is the input of an operation on a consumer, named by its ARN or by
// its name and its stream's ARN.
func onConsumer() *shape {
	return input(may("StreamARN", streamARN), may("ConsumerName", nameShape),
		may("ConsumerARN", consumerARN), may("StreamId", streamID))
}

// onResource is the input of an operation on what has an ARN.
func onResource(members ...memberShape) *shape {
	return input(append([]memberShape{need("ResourceARN", resourceARN), may("StreamId", streamID)}, members...)...)
}

// onQueue is the input of an operation on a queue.
func onQueue(members ...memberShape) *shape {
	return input(append([]memberShape{need("QueueARN", queueARN)}, members...)...)
}

// operations is the table of all operations.
var operations = []operation{
	// Streams.
	{name: "CreateStream", input: input(may("ShardCount", atLeastOne), need("StreamName", nameShape),
		may("StreamModeDetails", streamMode), may("Tags", tagMap), may("WarmThroughputMiBps", notNegative),
		may("MaxRecordSizeInKiB", recordKiB), may("RecordDistributionStrategy", distribution)),
		run: unary((*account.Account).CreateStream)},
	{name: "DeleteStream", input: onStream(may("EnforceConsumerDeletion", boolean)),
		run: unary((*account.Account).DeleteStream)},
	{name: "DescribeStream", input: onStream(may("Limit", pageLimit), may("ExclusiveStartShardId", nameShape)),
		run: unary((*account.Account).DescribeStream)},
	{name: "DescribeStreamSummary", input: onStream(),
		run: unary((*account.Account).DescribeStreamSummary)},
	{name: "ListStreams", input: input(may("Limit", pageLimit), may("ExclusiveStartStreamName", nameShape), may("NextToken", nextToken)),
		run: unary((*account.Account).ListStreams)},
	{name: "IncreaseStreamRetentionPeriod", input: onStream(need("RetentionPeriodHours", anyInteger)),
		run: unary((*account.Account).IncreaseStreamRetentionPeriod)},
	{name: "DecreaseStreamRetentionPeriod", input: onStream(need("RetentionPeriodHours", anyInteger)),
		run: unary((*account.Account).DecreaseStreamRetentionPeriod)},
	{name: "UpdateStreamMode", input: onARN(need("StreamModeDetails", streamMode), may("WarmThroughputMiBps", notNegative)),
		run: unary((*account.Account).UpdateStreamMode)},
	{name: "UpdateStreamWarmThroughput", input: onStream(need("WarmThroughputMiBps", notNegative)),
		run: unary((*account.Account).UpdateStreamWarmThroughput)},
	{name: "UpdateMaxRecordSize", input: input(need("MaxRecordSizeInKiB", recordKiB), may("StreamARN", streamARN), may("StreamId", streamID)),
		run: unary((*account.Account).UpdateMaxRecordSize)},
	{name: "UpdateStreamRecordDistributionStrategy", input: onARN(need("RecordDistributionStrategy", distribution)),
		run: unary((*account.Account).UpdateStreamRecordDistributionStrategy)},
	{name: "EnableEnhancedMonitoring", input: onStream(need("ShardLevelMetrics", shardMetrics)),
		run: unary((*account.Account).EnableEnhancedMonitoring)},
	{name: "DisableEnhancedMonitoring", input: onStream(need("ShardLevelMetrics", shardMetrics)),
		run: unary((*account.Account).DisableEnhancedMonitoring)},
	{name: "StartStreamEncryption", input: onStream(need("EncryptionType", encryptionType), need("KeyId", keyID)),
		run: unary((*account.Account).StartStreamEncryption)},
	{name: "StopStreamEncryption", input: onStream(need("EncryptionType", encryptionType), need("KeyId", keyID)),
		run: unary((*account.Account).StopStreamEncryption)},

	// Shards.
	{name: "ListShards", input: input(may("MaxResults", pageLimit), may("ExclusiveStartShardId", nameShape),
		may("StreamName", nameShape), may("NextToken", nextToken), may("StreamCreationTimestamp", timestamp),
		may("ShardFilter", shardFilter), may("StreamARN", streamARN), may("StreamId", streamID)),
		run: unary((*account.Account).ListShards)},
	{name: "SplitShard", input: input(need("NewStartingHashKey", hashKeyShape), may("StreamName", nameShape),
		need("ShardToSplit", nameShape), may("StreamARN", streamARN), may("StreamId", streamID)),
		run: unary((*account.Account).SplitShard)},
	{name: "MergeShards", input: onStream(need("ShardToMerge", nameShape), need("AdjacentShardToMerge", nameShape)),
		run: unary((*account.Account).MergeShards)},
	{name: "UpdateShardCount", input: input(need("ScalingType", oneOf("UNIFORM_SCALING")), may("StreamName", nameShape),
		need("TargetShardCount", atLeastOne), may("StreamARN", streamARN), may("StreamId", streamID)),
		run: unary((*account.Account).UpdateShardCount)},

	// Records.
	{name: "PutRecord", input: onStream(may("SequenceNumberForOrdering", sequenceShape), may("PartitionKey", partitionKey),
		may("ExplicitHashKey", hashKeyShape), need("Data", dataShape), may("DryRun", boolean)),
		run: unary((*account.Account).PutRecord), direct: directPutRecord},
	{name: "PutRecords", input: onStream(need("Records", listOf(putEntry, 1, maxBatch)), may("DryRun", boolean)),
		run: unary((*account.Account).PutRecords), direct: directPutRecords},
	{name: "GetShardIterator", input: onStream(need("ShardId", nameShape), need("ShardIteratorType", iteratorType),
		may("StartingSequenceNumber", sequenceShape), may("Timestamp", timestamp), may("DryRun", boolean)),
		run: unary((*account.Account).GetShardIterator)},
	{name: "GetRecords", input: input(may("Limit", pageLimit), need("ShardIterator", shardIterator),
		may("StreamARN", streamARN), may("StreamId", streamID), may("DryRun", boolean)),
		run: unary((*account.Account).GetRecords), direct: directGetRecords},

	// Consumers.
	{name: "RegisterStreamConsumer", input: onARN(need("ConsumerName", nameShape), may("Tags", tagMap)),
		run: unary((*account.Account).RegisterStreamConsumer)},
	{name: "DeregisterStreamConsumer", input: onConsumer(),
		run: unary((*account.Account).DeregisterStreamConsumer)},
	{name: "DescribeStreamConsumer", input: onConsumer(),
		run: unary((*account.Account).DescribeStreamConsumer)},
	{name: "ListStreamConsumers", input: onARN(may("MaxResults", pageLimit), may("NextToken", nextToken), may("StreamCreationTimestamp", timestamp)),
		run: unary((*account.Account).ListStreamConsumers)},
	{name: "SubscribeToShard", input: input(need("ConsumerARN", consumerARN), need("ShardId", nameShape),
		need("StartingPosition", startingPosition), may("StreamId", streamID), may("DryRun", boolean)),
		run: subscribe},

	// Tags and policies.
	{name: "AddTagsToStream", input: onStream(need("Tags", tagMap)),
		run: unary((*account.Account).AddTagsToStream)},
	{name: "RemoveTagsFromStream", input: onStream(need("TagKeys", tagKeys)),
		run: unary((*account.Account).RemoveTagsFromStream)},
	{name: "ListTagsForStream", input: onStream(may("Limit", integer(1, 50)), may("ExclusiveStartTagKey", tagKey)),
		run: unary((*account.Account).ListTagsForStream)},
	{name: "TagResource", input: onResource(need("Tags", tagMap)),
		run: unary((*account.Account).TagResource)},
	{name: "UntagResource", input: onResource(need("TagKeys", tagKeys)),
		run: unary((*account.Account).UntagResource)},
	{name: "ListTagsForResource", input: onResource(),
		run: unary((*account.Account).ListTagsForResource)},
	{name: "PutResourcePolicy", input: onResource(need("Policy", anyText)),
		run: unary((*account.Account).PutResourcePolicy)},
	{name: "GetResourcePolicy", input: onResource(),
		run: unary((*account.Account).GetResourcePolicy)},
	{name: "DeleteResourcePolicy", input: onResource(),
		run: unary((*account.Account).DeleteResourcePolicy)},

	// The account.
	{name: "DescribeLimits", input: input(),
		run: unary((*account.Account).DescribeLimits)},
	{name: "DescribeAccountSettings", input: input(),
		run: unary((*account.Account).DescribeAccountSettings)},
	{name: "UpdateAccountSettings", input: input(need("MinimumThroughputBillingCommitment", commitment)),
		run: unary((*account.Account).UpdateAccountSettings)},

	// Queues.
	{name: "CreateQueue", input: input(need("QueueName", nameShape), need("StreamConfigurationList", queueStreams),
		may("QueueAttributes", queueAttributes), may("Tags", tagMap)),
		run: unary((*account.Account).CreateQueue)},
	{name: "UpdateQueue", input: onQueue(need("QueueAttributes", queueAttributes)),
		run: unary((*account.Account).UpdateQueue)},
	{name: "DeleteQueue", input: onQueue(),
		run: unary((*account.Account).DeleteQueue)},
	{name: "DescribeQueue", input: onQueue(),
		run: unary((*account.Account).DescribeQueue)},
	{name: "ReceiveQueueRecords", input: onQueue(receiveMembers...), run: receiveWith(false)},
	{name: "AcknowledgeQueueRecords", input: onQueue(need("Entries", queueEntries)),
		run: unary((*account.Account).AcknowledgeQueueRecords)},
	{name: "UpdateQueueRecordsVisibility", input: onQueue(need("Entries", queueVisibilityEntries)),
		run: unary((*account.Account).UpdateQueueRecordsVisibility)},
	{name: "ReceiveDeadLetterQueueRecords", input: onQueue(receiveMembers...), run: receiveWith(true)},
	{name: "AcknowledgeDeadLetterQueueRecords", input: onQueue(need("Entries", queueEntries)),
		run: unary((*account.Account).AcknowledgeDeadLetterQueueRecords)},
	{name: "UpdateDeadLetterQueueRecordsVisibility", input: onQueue(need("Entries", queueVisibilityEntries)),
		run: unary((*account.Account).UpdateDeadLetterQueueRecordsVisibility)},
	{name: "RestoreDeadLetterQueueRecords", input: onQueue(need("Entries", queueEntries)),
		run: unary((*account.Account).RestoreDeadLetterQueueRecords)},
	{name: "ListQueues", input: input(may("MaxResults", pageLimit), may("NextToken", nextToken), may("StreamFilter", streamFilters)),
		run: unary((*account.Account).ListQueues)},

	// Channels.
	{name: "CreateChannel", input: input(need("ChannelName", nameShape), need("ServiceExecutionRoleARN", roleARN),
		need("StreamConfigurationList", channelStreams), may("S3DestinationConfiguration", bucketDestination),
		may("S3TablesDestinationConfiguration", tableDestination), may("EncryptionConfiguration", keyOfChannel),
		may("LoggingConfiguration", logOfChannel), may("Tags", tagMap)),
		run: unary((*account.Account).CreateChannel)},
	{name: "UpdateChannel", input: input(need("ChannelARN", channelARN),
		may("S3DestinationConfiguration", structure(freshness)),
		may("S3TablesDestinationConfiguration", structure(freshness)),
		may("LoggingConfiguration", logOfChannel)),
		run: unary((*account.Account).UpdateChannel)},
	{name: "DeleteChannel", input: input(need("ChannelARN", channelARN)),
		run: unary((*account.Account).DeleteChannel)},
	{name: "DescribeChannel", input: input(need("ChannelARN", channelARN)),
		run: unary((*account.Account).DescribeChannel)},
	{name: "ListChannels", input: input(may("MaxResults", pageLimit), may("NextToken", nextToken), may("StreamFilter", streamFilters)),
		run: unary((*account.Account).ListChannels)},
}

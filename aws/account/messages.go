package account

import "time"

// The service's messages. Account ids, names and numbers are their arguments.
const (
	msgValidation        = "1 validation error detected: Value %s at '%s' failed to satisfy constraint: %s"
	msgValidationUnshown = "1 validation error detected: Value at '%s' failed to satisfy constraint: %s"

	msgStreamNotFound = "Stream %s under account %s not found."
	msgShardGone      = "Shard %s in stream %s under account %s does not exist"
	msgShardNotFound  = "Could not find shard %s in stream %s under account %s."

	msgStreamExists      = "Stream %s under account %s already exists."
	msgNotActive         = "Stream %s under account %s not ACTIVE, instead in state %s"
	msgHasConsumers      = "DeleteStream can't delete %s because there are consumers associated with this data stream. To delete %s anyway, set the EnforceConsumerDeletion parameter to true to force the deletion of all the consumers that are associated with it."
	msgConsumerNotReady  = "Consumer %s with creation timestamp %d under stream: %s , account %s is not in ACTIVE status."
	msgConsumerNoPolicy  = "Consumer %s with creation timestamp %d under stream %s and account %s is not in ACTIVE status."
	msgSubscribed        = "Another active subscription exists for this consumer: %s:%s:%s:%s"
	msgShardLimit        = "This request would exceed the shard limit for the account %s in %s. Current shard count for the account: %d. Limit: %d. Number of additional shards that would have resulted from this request: %d. Refer to the AWS Service Limits page (http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current limits and how to request higher limits."
	msgCreatingLimit     = "This request would have exceed the limit on the number  of streams that can simultaneously be in CREATING or DELETING for the account %s. Limit: %d."
	msgOnDemandLimit     = "This request would exceed the limit on the number of On-Demand streams for the account `%s` in `%s`. Current On-Demand streams count: %d. Limit: %d."
	msgRateStream        = "Rate exceeded for stream %s under account %s."
	msgRateAccount       = "Rate exceeded for account %s."
	msgRateShard         = "Rate exceeded for shard %s in stream %s under account %s."
	msgOverDouble        = "UpdateShardCount cannot scale up over double your current open shard count. Current open shard count: %d Target shard count: %d"
	msgBelowHalf         = "UpdateShardCount cannot scale down below half your current open shard count. Current open shard count: %d, Target shard count: %d"
	msgOverMaximum       = "Target shard count or number of open shards cannot be greater than %d. Current open shard count: %d, Target shard count: %d"
	msgSplitHashKey      = "NewStartingHashKey %s used in SplitShard() on shard %s in stream %s under account %s is not both greater than one plus the shard's StartingHashKey %s and less than the shard's EndingHashKey %s."
	msgNotAdjacent       = "Shards %s and %s in stream %s under account %s are not an adjacent pair of shards eligible for merging"
	msgAlreadyResharded  = "Shard %s in stream %s under account %s has already been merged or split, and thus is not eligible for merging or splitting."
	msgExplicitHashKey   = "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was %s"
	msgOrdering          = "ExclusiveMinimumSequenceNumber %s used in PutRecord on stream %s under account %s is invalid."
	msgBadIterator       = "Invalid ShardIterator."
	msgIteratorType      = "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified %s and %s."
	msgNumberOfOther     = "Invalid StartingSequenceNumber. It encodes %s, while it was used in a call to a shard with %s"
	msgNumberInvalid     = "StartingSequenceNumber %s used in GetShardIterator on shard %s in stream %s under account %s is invalid."
	msgNumberForeign     = "StartingSequenceNumber %s used in GetShardIterator on shard %s in stream %s under account %s is invalid because it did not come from this stream."
	msgNumberIsEnd       = "Invalid SequenceNumber for ShardIteratorType AFTER_SEQUENCE_NUMBER, SequenceNumber has reached max possible value for the shard."
	msgNoTimestamp       = "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. Current request has no timestamp parameter."
	msgFutureTimestamp   = "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. timestampInMillis: %d, currentTimestampInMillis: %d"
	msgIteratorExpired   = "Iterator expired. The iterator was created at time %s while right now it is %s which is further in the future than the tolerated delay of %d milliseconds."
	msgTokenAndMember    = "NextToken and %s cannot be provided together."
	msgNoTokenNoStream   = "Either NextToken or StreamName should be provided."
	msgRetentionMinimum  = "Minimum allowed retention period is %d hours. Requested retention period (%d hours) is too short."
	msgRetentionShorter  = "Requested retention period (%d hours) for stream %s can not be shorter than existing retention period (%d hours). Use DecreaseRetentionPeriod API."
	msgRetentionLonger   = "Requested retention period (%d hours) for stream %s can not be longer than existing retention period (%d hours). Use IncreaseRetentionPeriod API."
	msgTagInvalid        = "Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, _ . / = + - %% @."
	msgTagIllegal        = "Failed to %s %s under account %s because some tags contained illegal characters. The allowed characters are Unicode letters, white-spaces, '_',',','/','=','+','-','@'."
	msgTagLimit          = "Failed to add tags to %s under account %s because a given %s cannot have more than %d tags associated with it."
	msgInternalFailure   = "Internal service failure."
	msgDryRun            = "Request would have succeeded, but DryRun flag is set."
	msgRecordsTooLarge   = "Records size exceeds %d MB limit"
	timeFormatOfMessages = "Mon Jan 02 15:04:05 MST 2006"
)

// Messages that other projects took from the service; nothing better is known.
const (
	msgConsumerAddress  = "Both streamARN and consumer name must be provided if consumerARN is not provied." // as it is spelt
	msgConsumerNotFound = "Consumer %s, account %s not found."
	msgOnDemandMode     = "Request is invalid. Stream %s under account %s is in On-Demand mode."
	msgPolicyNotFound   = "No resource policy found for resource ARN %s."
	msgRetentionMaximum = "Maximum allowed retention period is %d hours. Requested retention period (%d hours) is too long."
)

// Messages whose words on the service are not known; these are ours.
const (
	msgInvalidArgument    = "The request has an invalid argument."
	msgNoARN              = "StreamARN should be provided."
	msgNoStream           = "Either StreamName or StreamARN should be provided."
	msgBadARN             = "Invalid ARN: %s"
	msgStreamMismatch     = "StreamName %s and StreamARN %s do not denote the same stream."
	msgCreatedMismatch    = "Stream %s under account %s with creation timestamp %d not found."
	msgAutoOrdering       = "SequenceNumberForOrdering is not supported for stream %s under account %s because its record distribution strategy is AUTO."
	msgAutoProvisioned    = "Record distribution strategy AUTO is supported for streams with the ON_DEMAND mode only."
	msgWarmOnDemand       = "Warm throughput is supported for streams with the ON_DEMAND mode only."
	msgWarmCommitment     = "Warm throughput needs the minimum throughput billing commitment of account %s to be enabled."
	msgWarmLimit          = "Warm throughput of stream %s under account %s cannot be %d MiBps: it is over the limit of throughput of a stream."
	msgWarmInUse          = "The minimum throughput billing commitment of account %s cannot be disabled while stream %s has warm throughput."
	msgFilterNeeds        = "ShardFilter of type %s needs %s."
	msgBadToken           = "Invalid NextToken."
	msgTokenExpired       = "The NextToken has expired: it was created at time %s while right now it is %s which is further in the future than the tolerated delay of %d milliseconds."
	msgEncryptionType     = "Invalid EncryptionType: %s. It must be KMS."
	msgHasChannels        = "DeleteStream can't delete %s because there are channels associated with this data stream."
	msgTagReserved        = "Failed to add tags to %s under account %s because tag keys with the prefix aws: are reserved."
	msgPolicyJSON         = "The policy is not a JSON object."
	msgResourceNotFound   = "Resource %s not found."
	msgConsumerExists     = "Consumer %s under stream %s and account %s already exists."
	msgConsumerLimit      = "This request would exceed the limit on the number of consumers of stream %s under account %s. Limit: %d."
	msgConsumerCreating   = "This request would exceed the limit on the number of consumers that can simultaneously be in CREATING of stream %s under account %s. Limit: %d."
	msgConsumerMismatch   = "ConsumerARN %s does not agree with StreamARN and ConsumerName."
	msgChannelNotFound    = "Channel %s not found."
	msgChannelExists      = "Channel %s under account %s already exists."
	msgChannelNotActive   = "Channel %s under account %s not ACTIVE, instead in state %s"
	msgChannelOnDemand    = "Channels are supported for streams with the ON_DEMAND mode only."
	msgChannelDestination = "Exactly one of S3DestinationConfiguration and S3TablesDestinationConfiguration should be provided."
	msgChannelStreams     = "Exactly one stream should be provided in StreamConfigurationList."
	msgChannelPerStream   = "This request would exceed the limit on the number of channels of stream %s under account %s. Limit: %d, one of each kind of destination."
	msgChannelLimit       = "This request would exceed the limit on the number of channels for the account %s. Limit: %d."
	msgChannelKind        = "Channel %s does not deliver to that kind of destination."
)

// messageTime prints a time as messages do.
func messageTime(t time.Time) string { return t.UTC().Format(timeFormatOfMessages) }

package kinesisserver

import "github.com/weirstream/weir"

// The shapes that several operations share, with the constraints of the
// service's model.
var (
	namePattern      = fastPattern(`[a-zA-Z0-9_.-]+`, isName)
	streamARNPattern = newPattern(`arn:aws.*:kinesis:.*:\d{12}:stream/\S+`).unless(isUsualStreamARN)
	nameShape        = text(1, 128, namePattern) // of streams, consumers, channels and shards
	hashKeyShape     = text(noMin, noMax, fastPattern(`^(0|([1-9]\d{0,38}))$`, func(s string) bool { return isDecimal(s, 39) }))
	sequenceShape    = text(noMin, noMax, fastPattern(`^(0|([1-9]\d{0,128}))$`, func(s string) bool { return isDecimal(s, 129) }))
	partitionKey     = text(1, weir.MaxPartitionKeyLength, nil)
	dataShape        = &shape{kind: blobShape, min: noMin, max: weir.MaxRecordBytes}
	timestamp        = &shape{kind: timestampShape}
	boolean          = &shape{kind: booleanShape}
	anyText          = text(noMin, noMax, nil)
	streamARN        = text(1, 2048, streamARNPattern)
	consumerARN      = text(1, 2048, newPattern(`^(arn):aws.*:kinesis:.*:\d{12}:.*stream\/[a-zA-Z0-9_.-]+\/consumer\/[a-zA-Z0-9_.-]+:[0-9]+`))
	resourceARN      = text(1, 2048, newPattern(`arn:aws.*:kinesis:.*:\d{12}:.*(stream|channel|queue)/\S+`)) // of tags and policies
	channelARN       = text(1, 2048, newPattern(`arn:aws.*:kinesis:.*:\d{12}:channel/\S+`))
	streamID         = text(1, 24, newPattern(`[a-z0-9]{20}-[a-z0-9]{3}`))
	pageLimit        = integer(1, 10000)
	atLeastOne       = integer(1, noMax)
	notNegative      = integer(0, noMax)
	nextToken        = text(1, 1048576, nil)
	shardIterator    = text(1, 512, nil)
	keyID            = text(1, 2048, nil)
	tagKey           = text(1, 128, nil)
	tagMap           = mapOf(tagKey, text(0, 256, nil), 1, 200)
	tagKeys          = listOf(tagKey, 1, 50)
	encryptionType   = oneOf("NONE", "KMS")
	distribution     = oneOf("AUTO", "USER_PARTITION_KEY")
	recordKiB        = integer(1024, 10240)
	iteratorType     = oneOf("AFTER_SEQUENCE_NUMBER", "LATEST", "AT_TIMESTAMP", "AT_SEQUENCE_NUMBER", "TRIM_HORIZON")
	shardMetrics     = listOf(oneOf("IncomingBytes", "IncomingRecords", "OutgoingBytes", "OutgoingRecords", "WriteProvisionedThroughputExceeded", "ReadProvisionedThroughputExceeded", "IteratorAgeMilliseconds", "ALL"), 1, 7)
	streamMode       = structure(need("StreamMode", oneOf("PROVISIONED", "ON_DEMAND")))
	startingPosition = structure(
		need("Type", iteratorType), may("SequenceNumber", sequenceShape), may("Timestamp", timestamp))
	shardFilter = structure(
		need("Type", oneOf("AFTER_SHARD_ID", "AT_TRIM_HORIZON", "FROM_TRIM_HORIZON", "AT_LATEST", "AT_TIMESTAMP", "FROM_TIMESTAMP")),
		may("ShardId", nameShape), may("Timestamp", timestamp))
	putEntry = structure(
		may("PartitionKey", partitionKey), may("ExplicitHashKey", hashKeyShape), need("Data", dataShape))
	commitment = structure(need("Status", oneOf("ENABLED", "DISABLED")))
)

// The shapes of queues.
var (
	queueARN        = text(1, 2048, newPattern(`arn:aws.*:kinesis:.*:\d{12}:queue/\S+`).unless(isUsualQueueARN))
	receiptHandle   = text(1, 1024, nil)
	visibility      = integer(0, 43200)
	queueAttributes = structure(may("VisibilityTimeoutSeconds", visibility),
		may("DeadLetterConfiguration", structure(need("TargetType", oneOf("BUILT_IN", "NONE")), may("MaxReceiveCount", integer(1, 1000)))))
	queueStreams = listOf(structure(need("StreamARN", streamARN), may("StartingPosition", structure(
		need("Type", oneOf("TRIM_HORIZON", "LATEST", "AT_TIMESTAMP")), may("Timestamp", timestamp)))), 1, 1)
	queueEntries           = listOf(structure(need("ReceiptHandle", receiptHandle)), 1, 10)
	queueVisibilityEntries = listOf(structure(
		need("ReceiptHandle", receiptHandle), need("VisibilityTimeoutSeconds", visibility)), 1, 10)
	receiveMembers = []memberShape{
		may("Limit", integer(1, 10)), may("WaitTimeSeconds", integer(1, 20)), may("VisibilityTimeoutSeconds", visibility)}
)

// The shapes of channels.
var (
	roleARN       = text(1, 512, newPattern(`arn:aws[-a-z0-9]*:iam::\d{12}:role/[a-zA-Z_0-9+=,.@\-_/]+`))
	schemaARN     = text(1, 512, newPattern(`arn:aws[-a-z0-9]*:glue:[-a-z0-9]+:\d{12}:schema/[-a-zA-Z0-9_$#.]+/[-a-zA-Z0-9_$#.]+`))
	bucketARN     = text(1, 2048, newPattern(`arn:aws[-a-z0-9]*:s3:::[a-z0-9._-]{3,63}`))
	tableARN      = text(1, 2048, newPattern(`arn:aws[-a-z0-9]*:s3tables:[-a-z0-9]+:\d{12}:bucket/[a-z0-9_-]{3,63}`))
	bucketOwner   = text(12, 12, newPattern(`\d{12}`))
	objectKey     = text(1, 1024, newPattern(`[0-9A-Za-z!\-_'.*()\/=:{}]+`))
	errorPrefix   = text(1, 512, newPattern(`[0-9A-Za-z!\-_'.*()\/]+`))
	tableName     = text(1, 255, newPattern(`[0-9a-z_]+`))
	columnName    = text(1, 255, newPattern(`[a-zA-Z0-9\.\_]+`))
	logGroup      = text(1, 512, newPattern(`[\.\-_/#A-Za-z0-9]+`))
	logStream     = text(1, 512, newPattern(`[^:*]*`))
	anyInteger    = integer(noMin, noMax)
	recordsFormat = structure(
		need("RecordFormatType", oneOf("GSR_JSON", "JSON", "STRING", "BYTE_ARRAY")), may("GSRSchemaARN", schemaARN))
	channelStreams = listOf(structure(
		need("StreamARN", streamARN), need("RecordConfiguration", recordsFormat)), 1, 10000)
	deadLetters = structure(
		need("BucketARN", bucketARN), need("ExpectedBucketOwner", bucketOwner), may("ErrorOutputPrefix", errorPrefix))
	bucketDestination = structure(
		need("StorageConfiguration", structure(
			need("BucketARN", bucketARN), need("ExpectedBucketOwner", bucketOwner),
			need("CompressionType", oneOf("NONE", "GZIP", "ZSTD")), may("OutputKeyTemplate", objectKey),
			may("StorageClass", oneOf("STANDARD", "INTELLIGENT_TIERING", "GLACIER_IR")))),
		may("DataFreshnessInSeconds", anyInteger), may("DeadLetterQueueS3Configuration", deadLetters))
	partitionSpec = structure(need("PartitionFields", listOf(structure(
		need("SourceName", columnName), need("Transform", oneOf("TIME_HOUR"))), 1, 10)))
	tableDestination = structure(
		need("S3TablesConfigurationList", listOf(structure(
			need("TableBucketARN", tableARN), need("Namespace", tableName), need("TableName", tableName),
			need("CompressionType", oneOf("NONE", "ZSTD", "SNAPPY")), may("PartitionSpec", partitionSpec)), 1, 10000)),
		need("DeadLetterQueueS3Configuration", deadLetters), may("DataFreshnessInSeconds", anyInteger))
	freshness    = need("DataFreshnessInSeconds", anyInteger)
	keyOfChannel = structure(
		need("EncryptionType", oneOf("KMS")), need("KeyId", keyID))
	logOfChannel = structure(need("CloudWatchLogs", structure(
		need("Enabled", boolean), may("LogGroupName", logGroup), may("LogStreamName", logStream))))
	streamFilters = listOf(structure(
		need("StreamARN", streamARN), may("StreamCreationTimestamp", timestamp)), 1, 10000)
)

package kinesisserver_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/account"
)

// The inputs of two channels that have all that the model requires, and little
// else.
const (
	toBucket = `{"ChannelName":"c","ServiceExecutionRoleARN":"arn:aws:iam::123456789012:role/r","StreamConfigurationList":[` +
		`{"StreamARN":"arn:aws:kinesis:us-east-1:123456789012:stream/s","RecordConfiguration":{"RecordFormatType":"JSON"}}],` +
		`"S3DestinationConfiguration":{"StorageConfiguration":{"BucketARN":"arn:aws:s3:::bucket","ExpectedBucketOwner":"123456789012","CompressionType":"GZIP"}}}`
	toTables = `{"ChannelName":"t","ServiceExecutionRoleARN":"arn:aws:iam::123456789012:role/r","StreamConfigurationList":[` +
		`{"StreamARN":"arn:aws:kinesis:us-east-1:123456789012:stream/s","RecordConfiguration":{"RecordFormatType":"JSON","GSRSchemaARN":"arn:aws:glue:us-east-1:123456789012:schema/r/s"}}],` +
		`"S3TablesDestinationConfiguration":{"S3TablesConfigurationList":[{"TableBucketARN":"arn:aws:s3tables:us-east-1:123456789012:bucket/tables","Namespace":"n","TableName":"t","CompressionType":"ZSTD",` +
		`"PartitionSpec":{"PartitionFields":[{"SourceName":"at","Transform":"TIME_HOUR"}]}}],` +
		`"DeadLetterQueueS3Configuration":{"BucketARN":"arn:aws:s3:::bucket","ExpectedBucketOwner":"123456789012"}}}`
)

// What the model of November 2026 requires of channels, and what their members
// may be, each by the smallest change that breaks it. The owner of a bucket is
// asked for because a bucket's name says nothing of who has it.
func TestChannel_model(t *testing.T) {
	const bucket, tables = "s3DestinationConfiguration", "s3TablesDestinationConfiguration"
	const storage, list, dead = bucket + ".storageConfiguration.", tables + ".s3TablesConfigurationList.1.member.", ".deadLetterQueueS3Configuration"
	owner := `"ExpectedBucketOwner":"123456789012"`
	field := `{"SourceName":"at","Transform":"TIME_HOUR"}`
	for _, row := range []struct{ body, from, to, want string }{
		{toBucket, owner + `,`, ``, one("null", storage+"expectedBucketOwner", notNull)},
		{toBucket, `,"CompressionType":"GZIP"`, ``, one("null", storage+"compressionType", notNull)},
		{toBucket, `"GZIP"`, `"SNAPPY"`, one("SNAPPY", storage+"compressionType", "Member must satisfy enum value set: [NONE, GZIP, ZSTD]")},
		{toBucket, owner, `"ExpectedBucketOwner":"12345678901x"`, one("12345678901x", storage+"expectedBucketOwner", matching(`\d{12}`))},
		{toBucket, owner, owner + `,"OutputKeyTemplate":"a b"`, one("a b", storage+"outputKeyTemplate", matching(`[0-9A-Za-z!\-_'.*()\/=:{}]+`))},
		{toBucket, owner, owner + `,"StorageClass":"GLACIER"`, one("GLACIER", storage+"storageClass", "Member must satisfy enum value set: [STANDARD, INTELLIGENT_TIERING, GLACIER_IR]")},
		{toBucket, `"S3DestinationConfiguration":{`, `"S3DestinationConfiguration":{"DeadLetterQueueS3Configuration":{"BucketARN":"arn:aws:s3:::bucket"},`,
			one("null", bucket+dead+".expectedBucketOwner", notNull)},
		{toBucket, `"S3DestinationConfiguration":{`, `"S3DestinationConfiguration":{"DeadLetterQueueS3Configuration":{"BucketARN":"arn:aws:s3:::bucket",` + owner + `,"ErrorOutputPrefix":"a="},`,
			one("a=", bucket+dead+".errorOutputPrefix", matching(`[0-9A-Za-z!\-_'.*()\/]+`))},
		{toBucket, `role/r`, `user/r`, one("arn:aws:iam::123456789012:user/r", "serviceExecutionRoleARN", matching(`arn:aws[-a-z0-9]*:iam::\d{12}:role/[a-zA-Z_0-9+=,.@\-_/]+`))},
		{toBucket, `"S3DestinationConfiguration"`, `"EncryptionConfiguration":{"EncryptionType":"NONE","KeyId":"k"},"S3DestinationConfiguration"`,
			one("NONE", "encryptionConfiguration.encryptionType", "Member must satisfy enum value set: [KMS]")},
		{toBucket, `"S3DestinationConfiguration"`, `"LoggingConfiguration":{"CloudWatchLogs":{"LogGroupName":"g"}},"S3DestinationConfiguration"`,
			one("null", "loggingConfiguration.cloudWatchLogs.enabled", notNull)},
		{toTables, `,"CompressionType":"ZSTD"`, ``, one("null", list+"compressionType", notNull)},
		{toTables, `"ZSTD"`, `"GZIP"`, one("GZIP", list+"compressionType", "Member must satisfy enum value set: [NONE, ZSTD, SNAPPY]")},
		{toTables, `"Namespace":"n",`, ``, one("null", list+"namespace", notNull)},
		{toTables, `,"TableName":"t"`, ``, one("null", list+"tableName", notNull)},
		{toTables, `bucket/tables`, `bucket/ta`, one("arn:aws:s3tables:us-east-1:123456789012:bucket/ta", list+"tableBucketARN", matching(`arn:aws[-a-z0-9]*:s3tables:[-a-z0-9]+:\d{12}:bucket/[a-z0-9_-]{3,63}`))},
		{toTables, `"SourceName":"at"`, `"SourceName":"a-t"`, one("a-t", list+"partitionSpec.partitionFields.1.member.sourceName", matching(`[a-zA-Z0-9\.\_]+`))},
		{toTables, `"TIME_HOUR"`, `"TIME_DAY"`, one("TIME_DAY", list+"partitionSpec.partitionFields.1.member.transform", "Member must satisfy enum value set: [TIME_HOUR]")},
		{toTables, field, strings.Repeat(field+",", 10) + field, unshown(list+"partitionSpec.partitionFields", shorter(10))},
		{toTables, `,"DeadLetterQueueS3Configuration":{"BucketARN":"arn:aws:s3:::bucket",` + owner + `}`, ``, one("null", tables+dead, notNull)},
		{toTables, `schema/r/s`, `schema/r`, one("arn:aws:glue:us-east-1:123456789012:schema/r", "streamConfigurationList.1.member.recordConfiguration.gSRSchemaARN",
			matching(`arn:aws[-a-z0-9]*:glue:[-a-z0-9]+:\d{12}:schema/[-a-zA-Z0-9_$#.]+/[-a-zA-Z0-9_$#.]+`))},
	} {
		s := newServer(t)
		require.Contains(t, row.body, row.from)
		for _, call := range s.both() {
			refused(t, call("CreateChannel", strings.Replace(row.body, row.from, row.to, 1)), ve, row.want)
		}
	}
	s := newServer(t)
	s.must("CreateStream", `{"StreamName":"s"}`)
	s.must("CreateChannel", toBucket)
	s.must("CreateChannel", toTables)
	refused(t, s.call("ListChannels", `{"MaxResults":10001}`), ve, one("10001", "maxResults", atMost(10000)))
	for _, kind := range []string{"S3DestinationConfiguration", "S3TablesDestinationConfiguration"} {
		refused(t, s.call("UpdateChannel", `{"ChannelARN":"`+noChannel+`","`+kind+`":{}}`), ve,
			one("null", strings.ToLower(kind[:1])+kind[1:]+".dataFreshnessInSeconds", notNull))
	}
}

func matching(pattern string) string {
	return "Member must satisfy regular expression pattern: " + pattern
}

// A page of channels has 100 at most, whatever was asked for.
func TestListChannels(t *testing.T) {
	accounts := account.Instant()
	accounts.Quotas.Channels, accounts.Quotas.ChannelsPerStream = -1, -1
	s := newServerOf(t, accounts)
	s.must("CreateStream", `{"StreamName":"s"}`)
	for i := range 101 {
		s.must("CreateChannel", strings.Replace(toTables, `"ChannelName":"t"`, fmt.Sprintf(`"ChannelName":"t%d"`, i), 1))
	}
	page := s.must("ListChannels", `{"MaxResults":10000}`)
	require.Len(t, page["ChannelSummaries"], 100)
	first := page["ChannelSummaries"].([]any)[0].(map[string]any)
	assert.Equal(t, "S3_TABLES", first["ChannelDestinationType"])
	assert.Equal(t, []any{map[string]any{"StreamARN": "arn:aws:kinesis:us-east-1:123456789012:stream/s", "StreamCreationTimestamp": 1793534400.25}}, first["Streams"])
	next := s.call("ListChannels", `{"NextToken":"`+page["NextToken"].(string)+`"}`)
	assert.Equal(t, http.StatusOK, next.status)
	assert.Len(t, next.json(t)["ChannelSummaries"], 1)
}

// Each of the five operations may be called five times a second.
func TestChannel_callRates(t *testing.T) {
	s := newServerOf(t, account.Config{})
	arn := `{"ChannelARN":"` + noChannel + `"}`
	for op, body := range map[string]string{
		"CreateChannel": toBucket, "UpdateChannel": arn, "DeleteChannel": arn, "DescribeChannel": arn, "ListChannels": `{}`,
	} {
		for range 5 {
			code, _ := s.call(op, body).failure(t)
			assert.NotEqual(t, le, code, op)
		}
		refused(t, s.call(op, body), le, "Rate exceeded for account 123456789012.")
	}
}

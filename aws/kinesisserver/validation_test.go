package kinesisserver_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// A refusal is a row of the checklist, or one of its kind without a number: a
// request that is refused, and how.
type refusal struct {
	row     int
	what    string
	op      string
	body    string
	code    string
	message string // "…" at an end stands for anything
}

const (
	ve = "ValidationException"
	se = "SerializationException"
	ia = "InvalidArgumentException"
	nf = "ResourceNotFoundException"
	iu = "ResourceInUseException"
	le = "LimitExceededException"
)

// one is the text of a single violation.
func one(value, member, constraint string) string {
	return "1 validation error detected: " + clause(value, member, constraint)
}

// unshown is one for what messages do not show: data, and lists of records.
func unshown(member, constraint string) string {
	return fmt.Sprintf("1 validation error detected: Value at '%s' failed to satisfy constraint: %s", member, constraint)
}

func clause(value, member, constraint string) string {
	if value != "null" {
		value = "'" + value + "'"
	}
	return fmt.Sprintf("Value %s at '%s' failed to satisfy constraint: %s", value, member, constraint)
}

func several(clauses ...string) string {
	return fmt.Sprintf("%d validation errors detected: %s", len(clauses), strings.Join(clauses, "; "))
}

const (
	notNull     = "Member must not be null"
	namePattern = "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"
	hashPattern = `Member must satisfy regular expression pattern: ^(0|([1-9]\d{0,38}))$`
	typeEnum    = "Member must satisfy enum value set: [AFTER_SEQUENCE_NUMBER, LATEST, AT_TIMESTAMP, AT_SEQUENCE_NUMBER, TRIM_HORIZON]"
)

func atLeast(n int) string {
	return fmt.Sprintf("Member must have value greater than or equal to %d", n)
}
func atMost(n int) string { return fmt.Sprintf("Member must have value less than or equal to %d", n) }
func longer(n int) string {
	return fmt.Sprintf("Member must have length greater than or equal to %d", n)
}
func shorter(n int) string { return fmt.Sprintf("Member must have length less than or equal to %d", n) }

var (
	long129 = strings.Repeat("a", 129)
	keys257 = strings.Repeat("ü", 257)
	iter513 = strings.Repeat("A", 513)
)

// constraintRows are refused before a stream is looked for.
var constraintRows = []refusal{
	{2, "ShardCount 0", "CreateStream", `{"StreamName":"x","ShardCount":0}`, ve, one("0", "shardCount", atLeast(1))},
	{3, "empty name", "CreateStream", `{"StreamName":"","ShardCount":1}`, ve,
		several(clause("", "streamName", namePattern), clause("", "streamName", longer(1)))},
	{4, "long name", "CreateStream", `{"StreamName":"` + long129 + `","ShardCount":1}`, ve, one(long129, "streamName", shorter(128))},
	{5, "name with a slash", "CreateStream", `{"StreamName":"a/b","ShardCount":1}`, ve, one("a/b", "streamName", namePattern)},
	{5, "an ARN as name", "CreateStream", `{"StreamName":"arn:aws:kinesis:us-east-1:123456789012:stream/s","ShardCount":1}`, ve,
		one("arn:aws:kinesis:us-east-1:123456789012:stream/s", "streamName", namePattern)},
	{18, "Limit 0", "DescribeStream", `{"StreamName":"s","Limit":0}`, ve, one("0", "limit", atLeast(1))},
	{19, "Limit 10001", "DescribeStream", `{"StreamName":"s","Limit":10001}`, ve, one("10001", "limit", atMost(10000))},
	{34, "key of 257 characters", "PutRecord", `{"StreamName":"s","Data":"","PartitionKey":"` + keys257 + `"}`, ve, one(keys257, "partitionKey", shorter(256))},
	{35, "empty key", "PutRecord", `{"StreamName":"s","Data":"","PartitionKey":""}`, ve, one("", "partitionKey", longer(1))},
	{41, "leading zero", "PutRecord", `{"StreamName":"s","Data":"","PartitionKey":"a","ExplicitHashKey":"01"}`, ve, one("01", "explicitHashKey", hashPattern)},
	{41, "sign", "PutRecord", `{"StreamName":"s","Data":"","PartitionKey":"a","ExplicitHashKey":"-1"}`, ve, one("-1", "explicitHashKey", hashPattern)},
	{41, "empty hash key", "PutRecord", `{"StreamName":"s","Data":"","PartitionKey":"a","ExplicitHashKey":""}`, ve, one("", "explicitHashKey", hashPattern)},
	{43, "10485761 bytes", "PutRecord", `{"StreamName":"s","PartitionKey":"a","Data":"` + base64.StdEncoding.EncodeToString(make([]byte, 10485761)) + `"}`, ve,
		unshown("data", shorter(10485760))},
	{49, "501 records", "PutRecords", `{"StreamName":"s","Records":[` + strings.TrimSuffix(strings.Repeat(`{"Data":"","PartitionKey":"a"},`, 501), ",") + `]}`, ve,
		unshown("records", shorter(500))},
	{50, "no records", "PutRecords", `{"StreamName":"s","Records":[]}`, ve, one("[]", "records", longer(1))},
	{52, "second key empty", "PutRecords", `{"StreamName":"s","Records":[{"Data":"","PartitionKey":"a"},{"Data":"","PartitionKey":""}]}`, ve,
		one("", "records.2.member.partitionKey", longer(1))},
	{63, "empty type", "GetShardIterator", `{"StreamName":"s","ShardId":"shardId-0","ShardIteratorType":""}`, ve, one("", "shardIteratorType", typeEnum)},
	{71, "empty iterator", "GetRecords", `{"ShardIterator":""}`, ve, one("", "shardIterator", longer(1))},
	{72, "iterator of 513 characters", "GetRecords", `{"ShardIterator":"` + iter513 + `"}`, ve, one(iter513, "shardIterator", shorter(512))},
	{73, "Limit 0", "GetRecords", `{"ShardIterator":"x","Limit":0}`, ve, one("0", "limit", atLeast(1))},
	{73, "Limit 10001", "GetRecords", `{"ShardIterator":"x","Limit":10001}`, ve, one("10001", "limit", atMost(10000))},
	{102, "scaling type", "UpdateShardCount", `{"StreamName":"s","TargetShardCount":2,"ScalingType":"X"}`, ve,
		one("X", "scalingType", "Member must satisfy enum value set: [UNIFORM_SCALING]")},
	{133, "eight metrics", "EnableEnhancedMonitoring", `{"StreamName":"s","ShardLevelMetrics":["ALL","ALL","ALL","ALL","ALL","ALL","ALL","ALL"]}`, ve,
		one("[ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL]", "shardLevelMetrics", shorter(7))},
	{135, "1023 KiB", "UpdateMaxRecordSize", `{"StreamARN":"arn:aws:kinesis:us-east-1:123456789012:stream/s","MaxRecordSizeInKiB":1023}`, ve, one("1023", "maxRecordSizeInKiB", atLeast(1024))},
	{135, "10241 KiB", "UpdateMaxRecordSize", `{"StreamARN":"arn:aws:kinesis:us-east-1:123456789012:stream/s","MaxRecordSizeInKiB":10241}`, ve, one("10241", "maxRecordSizeInKiB", atMost(10240))},
	{146, "integers are clamped", "DescribeStream", `{"StreamName":"s","Limit":100000000000}`, ve, one("2147483647", "limit", atMost(10000))},
	{146, "negative integers are clamped", "DescribeStream", `{"StreamName":"s","Limit":-100000000000}`, ve, one("-2147483648", "limit", atLeast(1))},
	{151, "two violations", "DescribeStream", `{"StreamName":"","Limit":0,"ExclusiveStartShardId":"/"}`, ve,
		several(clause("0", "limit", atLeast(1)), clause("/", "exclusiveStartShardId", namePattern), clause("", "streamName", namePattern), clause("", "streamName", longer(1)))},
	{152, "twelve violations", "PutRecords", `{"StreamName":"s","Records":[` + strings.TrimSuffix(strings.Repeat(`{"PartitionKey":"a"},`, 12), ",") + `]}`, ve,
		several(tenNulls()...)},
	{0, "no tags", "CreateStream", `{"StreamName":"x","ShardCount":1,"Tags":{}}`, ve, one("{}", "tags", longer(1))},
	{0, "no ARN of a resource", "ListTagsForResource", `{"ResourceARN":"arn:aws:kinesis:us-east-1:123456789012:topic/x"}`, ve,
		one("arn:aws:kinesis:us-east-1:123456789012:topic/x", "resourceARN",
			`Member must satisfy regular expression pattern: arn:aws.*:kinesis:.*:\d{12}:.*(stream|channel|queue)/\S+`)},
	{0, "required members in order", "MergeShards", `{}`, ve, several(clause("null", "shardToMerge", notNull), clause("null", "adjacentShardToMerge", notNull))},
	{0, "order of SplitShard", "SplitShard", `{"StreamName":"/","ShardToSplit":"/","NewStartingHashKey":"x"}`, ve,
		several(clause("x", "newStartingHashKey", hashPattern), clause("/", "streamName", namePattern), clause("/", "shardToSplit", namePattern))},
	{0, "order of PutRecord", "PutRecord", `{"StreamName":"/","ExplicitHashKey":"x","PartitionKey":"","SequenceNumberForOrdering":"x"}`, ve,
		several(clause("x", "sequenceNumberForOrdering", `Member must satisfy regular expression pattern: ^(0|([1-9]\d{0,128}))$`), clause("", "partitionKey", longer(1)),
			clause("x", "explicitHashKey", hashPattern), clause("null", "data", notNull), clause("/", "streamName", namePattern))},
	{0, "order of GetShardIterator", "GetShardIterator", `{"StreamName":"/","StartingSequenceNumber":"x"}`, ve,
		several(clause("null", "shardId", notNull), clause("null", "shardIteratorType", notNull),
			clause("x", "startingSequenceNumber", `Member must satisfy regular expression pattern: ^(0|([1-9]\d{0,128}))$`), clause("/", "streamName", namePattern))},
	{0, "order of GetRecords", "GetRecords", `{"Limit":0}`, ve, several(clause("0", "limit", atLeast(1)), clause("null", "shardIterator", notNull))},
	{0, "order of CreateStream", "CreateStream", `{"ShardCount":0}`, ve, several(clause("0", "shardCount", atLeast(1)), clause("null", "streamName", notNull))},
	{0, "order of ListShards", "ListShards", `{"NextToken":"","StreamName":"/","ExclusiveStartShardId":"/","MaxResults":0}`, ve,
		several(clause("0", "maxResults", atLeast(1)), clause("/", "exclusiveStartShardId", namePattern), clause("/", "streamName", namePattern), clause("", "nextToken", longer(1)))},
	{0, "order of ListTagsForStream", "ListTagsForStream", `{"StreamName":"/","ExclusiveStartTagKey":"","Limit":51}`, ve,
		several(clause("51", "limit", atMost(50)), clause("", "exclusiveStartTagKey", longer(1)), clause("/", "streamName", namePattern))},
	{0, "order of UpdateShardCount", "UpdateShardCount", `{"StreamName":"/"}`, ve,
		several(clause("null", "scalingType", notNull), clause("/", "streamName", namePattern), clause("null", "targetShardCount", notNull))},
	{0, "order of Increase", "IncreaseStreamRetentionPeriod", `{"StreamName":"/"}`, ve,
		several(clause("null", "retentionPeriodHours", notNull), clause("/", "streamName", namePattern))},
	{0, "empty tags", "AddTagsToStream", `{"StreamName":"","Tags":{}}`, ve,
		several(clause("{}", "tags", longer(1)), clause("", "streamName", namePattern), clause("", "streamName", longer(1)))},
	{0, "tag key", "AddTagsToStream", `{"StreamName":"s","Tags":{"b":"x","":"y"}}`, ve,
		one("{b=x, =y}", "tags", "Map keys must satisfy constraint: ["+shorter(128)+", "+longer(1)+"]")},
	{0, "tag value", "AddTagsToStream", `{"StreamName":"s","Tags":{"k":"` + strings.Repeat("v", 257) + `"}}`, ve,
		one("{k="+strings.Repeat("v", 257)+"}", "tags", "Map value must satisfy constraint: ["+shorter(256)+", "+longer(0)+"]")},
	{0, "tag keys", "RemoveTagsFromStream", `{"StreamName":"s","TagKeys":["a","` + long129 + `","b"]}`, ve,
		one("[a, "+long129+", b]", "tagKeys", "Member must satisfy constraint: ["+shorter(128)+", "+longer(1)+"]")},
	{0, "nested member", "SubscribeToShard", `{"ConsumerARN":"arn:aws:kinesis:us-east-1:123456789012:stream/s/consumer/c:1","ShardId":"0","StartingPosition":{}}`, ve,
		one("null", "startingPosition.type", notNull)},
	{0, "nested member of a list", "CreateChannel", `{"ChannelName":"c","ServiceExecutionRoleARN":"arn:aws:iam::123456789012:role/r","StreamConfigurationList":[{"StreamARN":"x"}]}`, ve,
		several(clause("x", "streamConfigurationList.1.member.streamARN", `Member must satisfy regular expression pattern: arn:aws.*:kinesis:.*:\d{12}:stream/\S+`),
			clause("null", "streamConfigurationList.1.member.recordConfiguration", notNull))},
	{0, "null in a list", "PutRecords", `{"StreamName":"s","Records":[null]}`, ve, one("null", "records.1.member", notNull)},
}

func tenNulls() (clauses []string) {
	for i := range 10 {
		clauses = append(clauses, clause("null", fmt.Sprintf("records.%d.member.data", i+1), notNull))
	}
	return clauses
}

func TestValidation(t *testing.T) {
	s := newServer(t).withStream()
	checkRefusals(t, s, constraintRows)
}

// checkRefusals calls each row in both protocols. Maps are in no order in CBOR,
// so rows that print one are only called in JSON.
func checkRefusals(t *testing.T, s *server, rows []refusal) {
	for _, row := range rows {
		t.Run(fmt.Sprintf("%03d %s %s", row.row, row.op, row.what), func(t *testing.T) {
			r := s.call(row.op, row.body)
			code, message := r.failure(t)
			assert.Equal(t, row.code, code)
			assertMessage(t, row.message, message)
			assert.Equal(t, 400, r.status)
			assert.Equal(t, jsonType, r.header.Get("Content-Type"))
			if row.code == se || row.op == "AddTagsToStream" {
				return
			}
			r = s.callCBOR(row.op, row.body)
			got := fromCBOR(t, r.body)
			assert.Equal(t, row.code, got["__type"])
			assertMessage(t, row.message, fmt.Sprint(got["message"]))
			assert.Equal(t, cborType, r.header.Get("Content-Type"))
		})
	}
}

// assertMessage compares messages; "…" in what is wanted stands for anything.
func assertMessage(t *testing.T, want, got string) {
	t.Helper()
	before, after, open := strings.Cut(want, "…")
	if !open {
		assert.Equal(t, shortened(want), shortened(got))
		return
	}
	assert.True(t, strings.HasPrefix(got, before) && strings.HasSuffix(got, after), "%s", shortened(got))
}

func shortened(s string) string {
	if len(s) > 2000 {
		return fmt.Sprintf("%s… (%d)", s[:2000], len(s))
	}
	return s
}

// typeRows are requests with a member of the wrong type.
func typeRows() (rows []refusal) {
	const (
		number  = "class com.amazon.coral.value.json.numbers.TruncatingBigNumber"
		list    = "Start of list found where not expected"
		mapping = "Start of structure or map found where not expected."
	)
	add := func(row int, op, body string, given, want string) {
		rows = append(rows, refusal{row, given, op, strings.ReplaceAll(body, "?", given), se, want})
	}
	all := func(op, body string, texts map[string]string) {
		for given, want := range texts {
			add(0, op, body, given, want)
		}
	}
	add(142, "DescribeStream", `{"StreamName":?}`, "true", "class java.lang.Boolean can not be converted to an String")
	add(143, "DescribeStream", `{"StreamName":"s","Limit":?}`, `"5"`, "class java.lang.String can not be converted to an Integer")
	add(144, "PutRecord", `{"StreamName":"s","PartitionKey":"a","Data":?}`, `"23456"`,
		"'23456' can not be converted to a Blob: Base64 encoded length is expected a multiple of 4 bytes but found: 5")
	all("DescribeStream", `{"StreamName":?}`, map[string]string{
		"23": number + " can not be converted to an String", "34.56": number + " can not be converted to an String", "[]": list, "{}": mapping})
	all("DescribeStream", `{"StreamName":"s","Limit":?}`, map[string]string{
		"true": "class java.lang.Boolean can not be converted to an Integer", "[1]": list, "{}": mapping})
	all("PutRecord", `{"StreamName":"s","PartitionKey":"a","Data":?}`, map[string]string{
		"true": "class java.lang.Boolean can not be converted to a Blob", "23": number + " can not be converted to a Blob", "[]": list, "{}": mapping,
		`"=+/="`:      "'=+/=' can not be converted to a Blob: Invalid Base64 character: '='",
		`"+/+="`:      "'+/+=' can not be converted to a Blob: Invalid last non-pad Base64 character dectected",
		`"ab\ncdef="`: "'ab\ncdef=' can not be converted to a Blob: Invalid Base64 character: '\n'",
	})
	all("PutRecords", `{"StreamName":"s","Records":?}`, map[string]string{
		`"23"`: "Expected list or null", "true": "Expected list or null", "23": "Expected list or null", "{}": mapping,
		"[1]": "Expected null", `["x"]`: "Expected null", "[[]]": list,
		`[{"Data":1}]`:                         number + " can not be converted to a Blob",
		`[{"Data":"","PartitionKey":1}]`:       number + " can not be converted to an String",
		`[{"Data":"","ExplicitHashKey":true}]`: "class java.lang.Boolean can not be converted to an String"})
	all("AddTagsToStream", `{"StreamName":"s","Tags":?}`, map[string]string{
		`"23"`: "Expected map or null", "true": "Expected map or null", "23": "Expected map or null", "[]": list,
		`{"a":1}`: number + " can not be converted to an String"})
	all("CreateStream", `{"StreamName":"x","StreamModeDetails":?}`, map[string]string{
		`"23"`: "Expected null", "true": "Expected null", "[]": list})
	all("GetShardIterator", `{"StreamName":"s","Timestamp":?}`, map[string]string{
		"true": "class java.lang.Boolean can not be converted to milliseconds since epoch", `"x"`: "class java.lang.String can not be converted to milliseconds since epoch", "[]": list})
	all("DeleteStream", `{"StreamName":"s","EnforceConsumerDeletion":?}`, map[string]string{
		"23": number + " can not be converted to an Boolean", `"x"`: "'X' can not be converted to an Boolean", "{}": mapping})
	add(0, "DescribeStream", `{"StreamName":1,"Limit":?}`, `"5"`, "class java.lang.String can not be converted to an Integer") // the first in the shape's order
	return rows
}

func TestSerialization(t *testing.T) {
	s := newServer(t).withStream()
	checkRefusals(t, s, typeRows())
	r := s.call("DescribeStream", `{"StreamName":true}`)
	assert.Equal(t, `{"__type":"SerializationException","Message":"class java.lang.Boolean can not be converted to an String"}`, string(r.body))
}

// What is unusual but right is read like everything else.
func TestHandler_lenient(t *testing.T) {
	s := newServer(t).withStream()
	want := s.must("DescribeStreamSummary", `{"StreamName":"s"}`)
	for what, body := range map[string]string{
		"145 an unknown member":    `{"StreamName":"s","Unknown":{"a":[1,null,true]}}`,
		"a null is no member":      `{"StreamName":"s","StreamARN":null}`,
		"escapes":                  `{"\u0053treamName":"\u0073"}`,
		"white space":              " {\r\n\t\"StreamName\" : \"s\" } \n",
		"the last of two members":  `{"StreamName":"x","StreamName":"s"}`,
		"names are case sensitive": `{"StreamName":"s","streamname":"x"}`,
	} {
		t.Run(what, func(t *testing.T) { assert.Equal(t, want, s.must("DescribeStreamSummary", body)) })
	}
	s.must("DescribeStream", `{"StreamName":"s","Limit":1.9}`)
	s.must("DescribeStream", `{"StreamName":"s","Limit":1e2}`)
	for _, body := range []string{
		`{"StreamName":"s","PartitionKey":"a\u00e9\ud83d\ude00\"\\","Data":"AAE="}`,
		`{"StreamName":"s","PartitionKey":"` + strings.Repeat("ü", 256) + `","Data":""}`,
		`{"StreamName":"s","PartitionKey":"a","Data":"\u0041AE="}`,
		`{"StreamName":"s","PartitionKey":"a","PartitionKey":"b","Data":"AAE=","Data":null,"Data":"AAI=","x":1}`,
	} {
		s.must("PutRecord", body)
	}
}

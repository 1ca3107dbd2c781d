package kinesisserver_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/account"
)

func TestQueues_created_1_2_36_37(t *testing.T) {
	onQueues(t, queueAccounts(), func(s *queueServer) {
		d := s.must("CreateQueue", made("a", "", ""))["QueueDescription"].(map[string]any)
		s.arn = d["QueueARN"].(string)
		assert.Equal(s.t, map[string]any{
			"QueueName": "a", "QueueARN": s.arn, "QueueStatus": "CREATING", "QueueCreationTimestamp": d["QueueCreationTimestamp"],
			"StreamConfigurationList": []any{map[string]any{"StreamARN": arnD, "StartingPosition": map[string]any{"Type": "LATEST"}}},
			"QueueAttributes": map[string]any{"VisibilityTimeoutSeconds": 30.0,
				"DeadLetterConfiguration": map[string]any{"TargetType": "BUILT_IN", "MaxReceiveCount": 6.0}},
		}, d)
		assert.Equal(s.t, float64(time.Now().UnixMilli())/1000, d["QueueCreationTimestamp"])
		assert.Equal(s.t, map[string]any{"Type": "LATEST"}, s.start())
		created := time.Now()
		s.pass(account.DefaultQueueDelay - 1)
		assert.Equal(s.t, "CREATING", s.status())
		s.pass(1)
		assert.Equal(s.t, "ACTIVE", s.status())
		assert.Equal(s.t, d["QueueAttributes"], s.attributes())
		assert.Equal(s.t, map[string]any{"Type": "LATEST", "Timestamp": float64(created.UnixMilli()) / 1000}, s.start())
		s.arn = s.must("CreateQueue", made("b", `"StartingPosition":{"Type":"TRIM_HORIZON"}`, ""))["QueueDescription"].(map[string]any)["QueueARN"].(string)
		assert.Equal(s.t, map[string]any{"Type": "TRIM_HORIZON"}, s.start())
		s.pass(account.DefaultQueueDelay)
		assert.Equal(s.t, map[string]any{"Type": "TRIM_HORIZON", "Timestamp": float64(created.UnixMilli()) / 1000}, s.start(), "the stream's creation")
	})
}

// queueRefusals are the rows in which one call is refused.
var queueRefusals = []refusal{
	{3, "on a provisioned stream", "CreateQueue", madeOn(arnP, "a", "", ""), ve, "…"},
	{4, "unknown stream", "CreateQueue", madeOn(arnD+"X", "a", "", ""), nf, "Stream DX under account 123456789012 not found."},
	{4, "stream of another account", "CreateQueue", madeOn("arn:aws:kinesis:us-east-1:999999999999:stream/D", "a", "", ""), nf, "…"},
	{5, "no stream list", "CreateQueue", `{"QueueName":"a"}`, ve, one("null", "streamConfigurationList", notNull)},
	{6, "empty stream list", "CreateQueue", `{"QueueName":"a","StreamConfigurationList":[]}`, ve,
		one("[]", "streamConfigurationList", "Member must have length greater than or equal to 1")},
	{7, "two streams", "CreateQueue", `{"QueueName":"a","StreamConfigurationList":[{"StreamARN":"` + arnD + `"},{"StreamARN":"` + arnD + `"}]}`, ve,
		unshown("streamConfigurationList", shorter(1))},
	{8, "129 characters", "CreateQueue", made(strings.Repeat("a", 129), "", ""), ve, one(strings.Repeat("a", 129), "queueName", shorter(128))},
	{8, "a slash", "CreateQueue", made("a/b", "", ""), ve, one("a/b", "queueName", "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+")},
	{8, "no character", "CreateQueue", made("", "", ""), ve, "2 validation errors detected: …"},
	{11, "AT_TIMESTAMP without time", "CreateQueue", made("a", `"StartingPosition":{"Type":"AT_TIMESTAMP"}`, ""), ve,
		one("null", "streamConfigurationList.1.member.startingPosition.timestamp", notNull)},
	{12, "LATEST with time", "CreateQueue", made("a", `"StartingPosition":{"Type":"LATEST","Timestamp":1}`, ""), ve, "…"},
	{13, "TRIM_HORIZON with time", "CreateQueue", made("a", `"StartingPosition":{"Type":"TRIM_HORIZON","Timestamp":1}`, ""), ve, "…"},
	{14, "a number's type", "CreateQueue", made("a", `"StartingPosition":{"Type":"AT_SEQUENCE_NUMBER"}`, ""), ve,
		one("AT_SEQUENCE_NUMBER", "streamConfigurationList.1.member.startingPosition.type", "Member must satisfy enum value set: [TRIM_HORIZON, LATEST, AT_TIMESTAMP]")},
	{15, "position without type", "CreateQueue", made("a", `"StartingPosition":{}`, ""), ve,
		one("null", "streamConfigurationList.1.member.startingPosition.type", notNull)},
	{16, "visibility -1", "CreateQueue", made("a", "", `"QueueAttributes":{"VisibilityTimeoutSeconds":-1}`), ve,
		one("-1", "queueAttributes.visibilityTimeoutSeconds", "Member must have value greater than or equal to 0")},
	{16, "visibility 43201", "CreateQueue", made("a", "", `"QueueAttributes":{"VisibilityTimeoutSeconds":43201}`), ve,
		one("43201", "queueAttributes.visibilityTimeoutSeconds", "Member must have value less than or equal to 43200")},
	{18, "BUILT_IN without count", "CreateQueue", made("a", "", `"QueueAttributes":{"DeadLetterConfiguration":{"TargetType":"BUILT_IN"}}`), ve,
		one("null", "queueAttributes.deadLetterConfiguration.maxReceiveCount", notNull)},
	{19, "count 0", "CreateQueue", made("a", "", `"QueueAttributes":{"DeadLetterConfiguration":{"TargetType":"BUILT_IN","MaxReceiveCount":0}}`), ve, "…"},
	{19, "count 1001", "CreateQueue", made("a", "", `"QueueAttributes":{"DeadLetterConfiguration":{"TargetType":"BUILT_IN","MaxReceiveCount":1001}}`), ve, "…"},
	{21, "no target", "CreateQueue", made("a", "", `"QueueAttributes":{"DeadLetterConfiguration":{"MaxReceiveCount":3}}`), ve,
		one("null", "queueAttributes.deadLetterConfiguration.targetType", notNull)},
	{23, "target S3", "CreateQueue", made("a", "", `"QueueAttributes":{"DeadLetterConfiguration":{"TargetType":"S3"}}`), ve,
		one("S3", "queueAttributes.deadLetterConfiguration.targetType", "Member must satisfy enum value set: [BUILT_IN, NONE]")},
	{24, "51 tags", "CreateQueue", made("a", "", `"Tags":{`+manyTags(51)+`}`), ia, "…"},
	{43, "unknown queue", "DescribeQueue", `{"QueueARN":"arn:aws:kinesis:us-east-1:123456789012:queue/x"}`, nf, "Queue arn:aws:kinesis:us-east-1:123456789012:queue/x not found."},
	{43, "queue of another account", "DescribeQueue", `{"QueueARN":"arn:aws:kinesis:us-east-1:999999999999:queue/x"}`, nf, "…"},
	{44, "ARN of a stream", "DescribeQueue", `{"QueueARN":"` + arnD + `"}`, ve,
		one(arnD, "queueARN", `Member must satisfy regular expression pattern: arn:aws.*:kinesis:.*:\d{12}:queue/\S+`)},
	{65, "page of 0", "ListQueues", `{"MaxResults":0}`, ve, one("0", "maxResults", "Member must have value greater than or equal to 1")},
	{65, "page of 10001", "ListQueues", `{"MaxResults":10001}`, ve, one("10001", "maxResults", "Member must have value less than or equal to 10000")},
}

func manyTags(n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf(`"k%d":"v"`, i)
	}
	return strings.Join(list, ",")
}

func TestQueues_refusals(t *testing.T) {
	onQueues(t, queueAccounts(), func(s *queueServer) {
		for _, r := range queueRefusals {
			assertMessage(s.t.(*testing.T), r.message, s.refuses(r.code, r.op, r.body))
		}
		assert.Equal(s.t, map[string]any{"QueueSummaries": []any{}}, s.must("ListQueues", `{}`), "nothing was made")
	})
}

func TestQueues_names_9_10_26_27_131(t *testing.T) {
	withQueue(t, func(s *queueServer) {
		id, ok := strings.CutPrefix(s.arn, "arn:aws:kinesis:us-east-1:123456789012:queue/")
		require.True(s.t, ok)
		assert.Regexp(s.t, `^[a-z0-9]{20}-[a-z0-9]{3}$`, id, "one label of a host's name")
		assert.Equal(s.t, "Queue q under account 123456789012 already exists.", s.refuses(iu, "CreateQueue", made("q", "", "")))
		s.must("CreateStream", `{"StreamName":"E"}`)
		s.refuses(iu, "CreateQueue", madeOn("arn:aws:kinesis:us-east-1:123456789012:stream/E", "q", "", ""))
		s.must("DeleteQueue", s.on())
		s.refuses(iu, "CreateQueue", made("q", "", "")) // until the old one is gone
		s.pass(account.DefaultQueueDelay)
		assert.NotEqual(s.t, s.arn, s.create("q", "", ""))
		s.create(strings.Repeat("aZ9_.-", 22)[:128], "", "")
	})
}

func TestQueues_attributes_17_20_22(t *testing.T) {
	onQueues(t, queueAccounts(), func(s *queueServer) {
		for i, seconds := range []float64{0, 43200} {
			s.arn = s.create(fmt.Sprint("v", i), "", fmt.Sprintf(`"QueueAttributes":{"VisibilityTimeoutSeconds":%v}`, seconds))
			assert.Equal(s.t, seconds, s.attributes()["VisibilityTimeoutSeconds"])
		}
		for i, count := range []float64{1, 1000} {
			s.arn = s.create(fmt.Sprint("m", i), "", fmt.Sprintf(`"QueueAttributes":{"DeadLetterConfiguration":{"TargetType":"BUILT_IN","MaxReceiveCount":%v}}`, count))
			assert.Equal(s.t, map[string]any{"TargetType": "BUILT_IN", "MaxReceiveCount": count}, s.attributes()["DeadLetterConfiguration"])
		}
		for i, count := range []string{"", `,"MaxReceiveCount":3`} { // which is ignored
			s.arn = s.create(fmt.Sprint("n", i), "", `"QueueAttributes":{"DeadLetterConfiguration":{"TargetType":"NONE"`+count+`}}`)
			assert.Equal(s.t, map[string]any{"TargetType": "NONE"}, s.attributes()["DeadLetterConfiguration"])
		}
	})
}

func TestQueues_tags_25_120(t *testing.T) {
	onQueues(t, queueAccounts(), func(s *queueServer) {
		s.arn = s.create("a", "", `"Tags":{"team":"a"}`)
		resource := fmt.Sprintf(`"ResourceARN":%q`, s.arn)
		tags := func() any { return s.must("ListTagsForResource", "{"+resource+"}")["Tags"] }
		assert.Equal(s.t, []any{map[string]any{"Key": "team", "Value": "a"}}, tags())
		s.must("TagResource", "{"+resource+`,"Tags":{"team":"b","more":""}}`)
		assert.Equal(s.t, []any{map[string]any{"Key": "more", "Value": ""}, map[string]any{"Key": "team", "Value": "b"}}, tags())
		s.must("UntagResource", "{"+resource+`,"TagKeys":["team"]}`)
		assert.Equal(s.t, []any{map[string]any{"Key": "more", "Value": ""}}, tags())
		s.refuses(ia, "TagResource", "{"+resource+`,"Tags":{`+manyTags(50)+`}}`)
		s.refuses(ve, "TagResource", "{"+resource+`,"Tags":{}}`)
		s.must("DeleteQueue", s.on())
		s.pass(account.DefaultQueueDelay)
		s.refuses(nf, "ListTagsForResource", "{"+resource+"}")
	})
}

func TestQueues_policies_121(t *testing.T) {
	withQueue(t, func(s *queueServer) {
		resource := fmt.Sprintf(`"ResourceARN":%q`, s.arn)
		policy := func() any { return s.must("GetResourcePolicy", "{"+resource+"}")["Policy"] }
		assert.Equal(s.t, "{}", policy())
		s.must("PutResourcePolicy", "{"+resource+`,"Policy":"{\"Version\":\"2012-10-17\"}"}`)
		assert.Equal(s.t, `{"Version":"2012-10-17"}`, policy())
		s.must("DeleteResourcePolicy", "{"+resource+"}")
		s.refuses(nf, "DeleteResourcePolicy", "{"+resource+"}")
		s.must("DeleteQueue", s.on())
		s.refuses(iu, "PutResourcePolicy", "{"+resource+`,"Policy":"{}"}`)
	})
}

func TestQueues_changing_28_29(t *testing.T) {
	onQueues(t, queueAccounts(), func(s *queueServer) {
		for i := range 5 {
			s.arn = s.must("CreateQueue", made(fmt.Sprint("a", i), "", ""))["QueueDescription"].(map[string]any)["QueueARN"].(string)
		}
		s.refuses(le, "CreateQueue", made("a5", "", ""))
		s.pass(account.DefaultQueueDelay)
		s.must("DeleteQueue", s.on())
		for i := range 4 {
			s.must("CreateQueue", made(fmt.Sprint("b", i), "", ""))
		}
		s.refuses(le, "CreateQueue", made("b4", "", ""))
		s.must("DeleteQueue", s.on()) // it is being deleted already
		s.pass(account.DefaultQueueDelay)
		s.must("CreateQueue", made("b4", "", ""))
	})
}

func TestQueues_sharedLimit_30_31_32(t *testing.T) {
	accounts := queueAccounts()
	accounts.Delays.Queue = -1
	onQueues(t, accounts, func(s *queueServer) {
		register := func(i int) string { return fmt.Sprintf(`{"StreamARN":%q,"ConsumerName":"c%d"}`, arnD, i) }
		for i := range 20 {
			s.must("CreateQueue", made(fmt.Sprint("a", i), "", ""))
		}
		s.refuses(le, "CreateQueue", made("one-more", "", ""))
		s.refuses(le, "RegisterStreamConsumer", register(0))
		s.must("UpdateAccountSettings", `{"MinimumThroughputBillingCommitment":{"Status":"ENABLED"}}`)
		for i := range 15 {
			s.must("RegisterStreamConsumer", register(i))
			s.must("CreateQueue", made(fmt.Sprint("b", i), "", ""))
		}
		s.refuses(le, "CreateQueue", made("c", "", ""))
		s.refuses(le, "RegisterStreamConsumer", register(15))
	})
	onQueues(t, accounts, func(s *queueServer) {
		for i := range 10 {
			s.must("RegisterStreamConsumer", fmt.Sprintf(`{"StreamARN":%q,"ConsumerName":"c%d"}`, arnD, i))
			s.must("CreateQueue", made(fmt.Sprint("a", i), "", ""))
		}
		s.refuses(le, "CreateQueue", made("a10", "", ""))
		s.refuses(le, "RegisterStreamConsumer", fmt.Sprintf(`{"StreamARN":%q,"ConsumerName":"c10"}`, arnD))
	})
}

func TestQueues_counts_33_34(t *testing.T) {
	withQueue(t, func(s *queueServer) {
		summary := func(name string) map[string]any {
			return s.must("DescribeStreamSummary", `{"StreamName":"`+name+`"}`)["StreamDescriptionSummary"].(map[string]any)
		}
		s.create("r", "", "")
		s.must("RegisterStreamConsumer", fmt.Sprintf(`{"StreamARN":%q,"ConsumerName":"c"}`, arnD))
		assert.Equal(s.t, 2.0, summary("D")["QueueCount"])
		assert.Equal(s.t, 1.0, summary("D")["ConsumerCount"])
		assert.Equal(s.t, 0.0, summary("P")["QueueCount"])
		assert.Len(s.t, s.must("ListStreamConsumers", fmt.Sprintf(`{"StreamARN":%q}`, arnD))["Consumers"], 1)
		s.must("DeleteQueue", s.on())
		assert.Equal(s.t, 2.0, summary("D")["QueueCount"], "until it is gone")
		s.pass(account.DefaultQueueDelay)
		assert.Equal(s.t, 1.0, summary("D")["QueueCount"])
	})
}

func TestQueues_timestamps_35_37_38(t *testing.T) {
	onQueues(t, queueAccounts(), func(s *queueServer) {
		created := float64(time.Now().UnixMilli()) / 1000
		s.pass(time.Hour)
		at := created + 1800.5
		s.arn = s.must("CreateQueue", made("a", fmt.Sprintf(`"StartingPosition":{"Type":"AT_TIMESTAMP","Timestamp":%.3f}`, at), ""))["QueueDescription"].(map[string]any)["QueueARN"].(string)
		assert.Equal(s.t, map[string]any{"Type": "AT_TIMESTAMP", "Timestamp": at}, s.start())
		s.pass(account.DefaultQueueDelay)
		assert.Equal(s.t, map[string]any{"Type": "AT_TIMESTAMP", "Timestamp": at}, s.start())
		s.arn = s.create("b", fmt.Sprintf(`"StartingPosition":{"Type":"AT_TIMESTAMP","Timestamp":%.3f}`, created-365*86400), "")
		assert.Equal(s.t, map[string]any{"Type": "AT_TIMESTAMP", "Timestamp": created}, s.start())
		s.pass(48 * time.Hour)
		s.arn = s.create("c", `"StartingPosition":{"Type":"TRIM_HORIZON"}`, "")
		assert.Equal(s.t, map[string]any{"Type": "TRIM_HORIZON", "Timestamp": float64(time.Now().Add(-24*time.Hour).UnixMilli()) / 1000}, s.start())
	})
}

func TestQueues_updates_45_46_49_50_51(t *testing.T) {
	withQueue(t, func(s *queueServer) {
		d := s.must("UpdateQueue", s.on(`"QueueAttributes":{"VisibilityTimeoutSeconds":5}`))["QueueDescription"].(map[string]any)
		want := map[string]any{"VisibilityTimeoutSeconds": 5.0, "DeadLetterConfiguration": map[string]any{"TargetType": "BUILT_IN", "MaxReceiveCount": 6.0}}
		assert.Equal(s.t, "UPDATING", d["QueueStatus"])
		assert.Equal(s.t, want, d["QueueAttributes"])
		assert.Contains(s.t, s.start(), "Timestamp")
		s.refuses(iu, "UpdateQueue", s.on(`"QueueAttributes":{"VisibilityTimeoutSeconds":6}`))
		s.pass(account.DefaultQueueDelay)
		assert.Equal(s.t, "ACTIVE", s.status())
		assert.Equal(s.t, want, s.attributes())
		s.refuses(ve, "UpdateQueue", s.on(`"QueueAttributes":{"DeadLetterConfiguration":{"TargetType":"BUILT_IN"}}`))
		assert.Equal(s.t, one("null", "queueAttributes", notNull), s.refuses(ve, "UpdateQueue", s.on()))
		assert.Equal(s.t, "ACTIVE", s.status())
		assert.Equal(s.t, "UPDATING", s.must("UpdateQueue", s.on(`"QueueAttributes":{}`))["QueueDescription"].(map[string]any)["QueueStatus"])
		assert.Equal(s.t, want, s.attributes())
		s.pass(account.DefaultQueueDelay)
		s.arn = s.must("CreateQueue", made("a", "", ""))["QueueDescription"].(map[string]any)["QueueARN"].(string)
		s.refuses(iu, "UpdateQueue", s.on(`"QueueAttributes":{"VisibilityTimeoutSeconds":6}`))
	})
}

func TestQueues_deleted_52_54_57(t *testing.T) {
	withQueue(t, func(s *queueServer) {
		assert.Empty(s.t, s.call("DeleteQueue", s.on()).body)
		assert.Equal(s.t, "DELETING", s.status())
		s.must("DeleteQueue", s.on())
		s.refuses(iu, "UpdateQueue", s.on(`"QueueAttributes":{}`))
		s.refuses(iu, "DeleteStream", `{"StreamName":"D"}`)
		s.pass(account.DefaultQueueDelay)
		s.refuses(nf, "DescribeQueue", s.on())
		s.refuses(nf, "DeleteQueue", s.on())
		s.must("DeleteStream", `{"StreamName":"D"}`)
	})
}

// A queue that is CREATING or UPDATING can be deleted: row 54's choice.
func TestQueues_deletedWhileChanging(t *testing.T) {
	withQueue(t, func(s *queueServer) {
		s.must("UpdateQueue", s.on(`"QueueAttributes":{}`))
		s.must("DeleteQueue", s.on())
		s.pass(account.DefaultQueueDelay)
		s.refuses(nf, "DescribeQueue", s.on())
		s.arn = s.must("CreateQueue", made("a", "", ""))["QueueDescription"].(map[string]any)["QueueARN"].(string)
		s.must("DeleteQueue", s.on())
		s.pass(account.DefaultQueueDelay)
		s.refuses(nf, "DescribeQueue", s.on())
	})
}

func TestQueues_keepTheirStream_56_58_59(t *testing.T) {
	withQueue(t, func(s *queueServer) {
		mode := `{"StreamARN":"` + arnD + `","StreamModeDetails":{"StreamMode":"PROVISIONED"}}`
		for _, enforce := range []string{"false", "true"} {
			s.refuses(iu, "DeleteStream", `{"StreamName":"D","EnforceConsumerDeletion":`+enforce+`}`)
		}
		s.refuses(iu, "UpdateStreamMode", mode)
		s.must("DeleteQueue", s.on())
		s.pass(account.DefaultQueueDelay)
		s.must("UpdateStreamMode", mode)
	})
}

func TestQueues_listed_60_to_64_66(t *testing.T) {
	withQueue(t, func(s *queueServer) {
		s.must("CreateStream", `{"StreamName":"E"}`)
		s.must("CreateQueue", madeOn("arn:aws:kinesis:us-east-1:123456789012:stream/E", "a", "", ""))
		s.must("CreateQueue", made("z", "", ""))
		list := func(body string) (names []string, out map[string]any) {
			s.t.Helper()
			out = s.must("ListQueues", body)
			for _, q := range out["QueueSummaries"].([]any) {
				names = append(names, q.(map[string]any)["QueueName"].(string))
			}
			return names, out
		}
		names, out := list(`{}`)
		assert.Equal(s.t, []string{"a", "q", "z"}, names)
		assert.NotContains(s.t, out, "NextToken")
		created := s.must("DescribeStreamSummary", `{"StreamName":"D"}`)["StreamDescriptionSummary"].(map[string]any)["StreamCreationTimestamp"]
		q := out["QueueSummaries"].([]any)[1].(map[string]any)
		assert.Equal(s.t, map[string]any{
			"QueueName": "q", "QueueARN": s.arn, "QueueStatus": "ACTIVE", "QueueCreationTimestamp": q["QueueCreationTimestamp"],
			"Streams": []any{map[string]any{"StreamARN": arnD, "StreamCreationTimestamp": created}},
		}, q)
		assert.Equal(s.t, "CREATING", out["QueueSummaries"].([]any)[2].(map[string]any)["QueueStatus"])
		filter := `"StreamFilter":[{"StreamARN":"` + arnD + `"}]`
		names, _ = list(`{` + filter + `}`)
		assert.Equal(s.t, []string{"q", "z"}, names)
		names, _ = list(`{"StreamFilter":[{"StreamARN":"` + arnD + `"},{"StreamARN":"arn:aws:kinesis:us-east-1:123456789012:stream/E"}]}`)
		assert.Equal(s.t, []string{"a", "q", "z"}, names)
		names, _ = list(`{"StreamFilter":[{"StreamARN":"` + arnD + `X"}]}`)
		assert.Empty(s.t, names)
		names, _ = list(fmt.Sprintf(`{"StreamFilter":[{"StreamARN":"`+arnD+`","StreamCreationTimestamp":%v}]}`, created.(float64)+1))
		assert.Empty(s.t, names)

		var pages [][]string
		names, out = list(`{"MaxResults":1}`)
		first := out["NextToken"]
		for pages = append(pages, names); out["NextToken"] != nil; pages = append(pages, names) {
			names, out = list(fmt.Sprintf(`{"MaxResults":1,"NextToken":%q}`, out["NextToken"]))
		}
		assert.Equal(s.t, [][]string{{"a"}, {"q"}, {"z"}}, pages)
		s.refuses(ia, "ListQueues", fmt.Sprintf(`{%s,"NextToken":%q}`, filter, first)) // of another filter
		_, out = list(`{"MaxResults":1,` + filter + `}`)
		names, _ = list(fmt.Sprintf(`{%s,"NextToken":%q}`, filter, out["NextToken"]))
		assert.Equal(s.t, []string{"z"}, names)
		s.pass(300 * time.Second)
		list(fmt.Sprintf(`{"NextToken":%q}`, first))
		s.pass(time.Millisecond)
		s.refuses(entNT, "ListQueues", fmt.Sprintf(`{"NextToken":%q}`, first))
	})
}

// Five control operations a second.
func TestQueues_callRates(t *testing.T) {
	accounts := queueAccounts()
	accounts.CallRates.Factor = 0
	onQueues(t, accounts, func(s *queueServer) {
		for range 5 {
			s.must("ListQueues", `{}`)
		}
		s.refuses(le, "ListQueues", `{}`)
		s.pass(200 * time.Millisecond)
		s.must("ListQueues", `{}`)
	})
}

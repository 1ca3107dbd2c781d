package eventsource_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/eventsource"
)

// record returns a record of a number that ends in n.
func record(t testing.TB, n string, key, data string, ms int64) weir.Record {
	number, err := weir.ParseSequenceNumber("49590338271490256608559692538361571095921575989136588" + n)
	require.NoError(t, err)
	return weir.Record{SequenceNumber: number, PartitionKey: key, Data: []byte(data), ArrivalTime: time.UnixMilli(ms).UTC()}
}

// The event of the service's documentation, without spaces.
func TestEvent_isByteForByteTheServices(t *testing.T) {
	got := eventsource.Event(6, "arn:aws:kinesis:us-east-1:123456789012:stream/lambda-stream", "arn:aws:iam::123456789012:role/lambda-kinesis-role", "us-east-1",
		[]weir.Record{record(t, "898", "1", "Hello, this is a test.", 1_545_084_650_987), record(t, "899", "2", "", 1_607_497_475_000)})
	rest := `"eventName":"aws:kinesis:record","invokeIdentityArn":"arn:aws:iam::123456789012:role/lambda-kinesis-role","awsRegion":"us-east-1",` +
		`"eventSourceARN":"arn:aws:kinesis:us-east-1:123456789012:stream/lambda-stream"}`
	assert.Equal(t, `{"Records":[{"kinesis":{"kinesisSchemaVersion":"1.0","partitionKey":"1",`+
		`"sequenceNumber":"49590338271490256608559692538361571095921575989136588898","data":"SGVsbG8sIHRoaXMgaXMgYSB0ZXN0Lg==",`+
		`"approximateArrivalTimestamp":1545084650.987},"eventSource":"aws:kinesis","eventVersion":"1.0",`+
		`"eventID":"shardId-000000000006:49590338271490256608559692538361571095921575989136588898",`+rest+`,`+
		`{"kinesis":{"kinesisSchemaVersion":"1.0","partitionKey":"2",`+
		`"sequenceNumber":"49590338271490256608559692538361571095921575989136588899","data":"",`+
		`"approximateArrivalTimestamp":1607497475.000},"eventSource":"aws:kinesis","eventVersion":"1.0",`+
		`"eventID":"shardId-000000000006:49590338271490256608559692538361571095921575989136588899",`+rest+`]}`, string(got))
}

// Whatever is in keys and data, the event is JSON that says it, and is as long
// as was reckoned.
func TestEvent_saysWhatIsInRecords(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	empty := len(eventsource.Event(0, "s", "r", "g", nil))
	for range 2000 {
		key := make([]rune, random.IntN(12))
		for i := range key {
			key[i] = []rune{rune(random.IntN(128)), rune(random.IntN(0x3000)), '<', '\u2028', '😀', '"', '\\'}[random.IntN(7)]
		}
		data := make([]byte, random.IntN(50))
		for i := range data {
			data[i] = byte(random.Uint32())
		}
		r := record(t, "898", string(key), string(data), random.Int64N(2_000_000_000_000))
		event := eventsource.Event(0, "s", "r", "g", []weir.Record{r})
		require.Equal(t, len(event), empty+eventsource.Size(r), "%q", key)
		var got struct {
			Records []struct {
				Kinesis struct {
					PartitionKey                string
					Data                        []byte
					ApproximateArrivalTimestamp json.Number
				}
			}
		}
		require.NoError(t, json.Unmarshal(event, &got), "%s", event)
		require.Len(t, got.Records, 1)
		require.Equal(t, string(key), got.Records[0].Kinesis.PartitionKey)
		require.Equal(t, data, got.Records[0].Kinesis.Data)
		seconds, err := got.Records[0].Kinesis.ApproximateArrivalTimestamp.Float64()
		require.NoError(t, err)
		require.InDelta(t, float64(r.ArrivalTime.UnixMilli())/1000, seconds, 0.0001)
	}
	r := record(t, "898", "a\xffb", "", 0)
	assert.True(t, json.Valid(eventsource.Event(0, "s", "r", "g", []weir.Record{r})))
	assert.True(t, bytes.Contains(eventsource.Event(0, "s", "r", "g", []weir.Record{r}), []byte("a\uFFFDb")))
	assert.Equal(t, len(eventsource.Event(0, "s", "r", "g", []weir.Record{r})), empty+eventsource.Size(r))
}

func TestJudge_allFormsOfAnAnswer(t *testing.T) {
	records := []weir.Record{record(t, "101", "k", "", 0), record(t, "102", "k", "", 0), record(t, "103", "k", "", 0)}
	id := func(i int) string { return records[i].SequenceNumber.String() }
	failures := func(ids ...string) string {
		var b strings.Builder
		for i, id := range ids {
			if i > 0 {
				b.WriteString(",")
			}
			b.WriteString(`{"itemIdentifier":` + id + `}`)
		}
		return `{"batchItemFailures":[` + b.String() + `]}`
	}
	quoted := func(i int) string { return `"` + id(i) + `"` }
	for _, row := range []struct{ answer, want string }{
		{`{"batchItemFailures": []}`, "ok"},
		{`{"batchItemFailures": null}`, "ok"},
		{`{}`, "ok"},
		{`null`, "ok"},
		{``, "ok"},
		{`""`, "ok"},
		{`[]`, "ok"},
		{` {} `, "ok"},
		{`{"statusCode": 200}`, "ok"},
		{failures(quoted(1)), "from 1"},
		{failures(quoted(0)), "from 0"},
		{failures(quoted(2), quoted(1), quoted(2)), "from 1"},
		{`{"batchItemFailures":[{"itemIdentifier":` + quoted(2) + `,"why":"x"}]}`, "from 2"},

		{failures(`""`), "failed"},
		{failures(`null`), "failed"},
		{failures(`1`), "failed"},
		{failures(quoted(2), `""`), "failed"},
		{failures(`"49590338271490256608559692538361571095921575989136588999"`), "failed"},
		{failures(quoted(1), `"x"`), "failed"},
		{`{"batchItemFailures":[{"itemidentifier":` + quoted(1) + `}]}`, "failed"},
		{`{"batchItemFailures":[{"id":` + quoted(1) + `}]}`, "failed"},
		{`{"batchItemFailures":[{}]}`, "failed"},
		{`{"batchItemFailures":[null]}`, "failed"},
		{`{"batchItemFailures":["` + id(1) + `"]}`, "failed"},
		{`{"batchItemFailures":{}}`, "failed"},
		{`{"batchItemFailures":""}`, "failed"},
		{`{"BatchItemFailures":[{"itemIdentifier":` + quoted(1) + `}]}`, "ok"}, // another key, which means nothing
		{`"done"`, "failed"},
		{`[1]`, "failed"},
		{`5`, "failed"},
		{`true`, "failed"},
		{`<html>`, "failed"},
		{`{"batchItemFailures":[`, "failed"},
		{strings.Repeat(" ", eventsource.MaxResponseBytes), "ok"},
		{strings.Repeat(" ", eventsource.MaxResponseBytes+1), "threw"},
	} {
		got, _ := eventsource.Judge([]byte(row.answer), true, false, records)
		assert.Equal(t, row.want, got, "%.80s", row.answer)
		want := "ok"
		if row.want == "threw" {
			want = "threw"
		}
		got, _ = eventsource.Judge([]byte(row.answer), false, false, records)
		assert.Equal(t, want, got, "without reports nobody looks at %.80s", row.answer)
	}
}

func TestJudge_windowsNeedAState(t *testing.T) {
	records := []weir.Record{record(t, "101", "k", "", 0), record(t, "102", "k", "", 0)}
	partial := `"batchItemFailures":[{"itemIdentifier":"` + records[1].SequenceNumber.String() + `"}]`
	for _, row := range []struct{ answer, want, state string }{
		{`{"state": { "n" : 1 }}`, "ok", `{"n":1}`},
		{`{"state": {}}`, "ok", `{}`},
		{`{"state": {"a":"<&>"}, "batchItemFailures": []}`, "ok", `{"a":"<&>"}`},
		{`{"state": {"n":2}, ` + partial + `}`, "from 1", `{"n":2}`},
		{`{}`, "failed", "an answer whose state is no JSON object, which it must be in a window"},
		{``, "failed", "an answer whose state is no JSON object, which it must be in a window"},
		{`{"state": null}`, "failed", "an answer whose state is no JSON object, which it must be in a window"},
		{`{"state": "x"}`, "failed", "an answer whose state is no JSON object, which it must be in a window"},
		{`{` + partial + `}`, "failed", "an answer whose state is no JSON object, which it must be in a window"},
	} {
		got, state := eventsource.Judge([]byte(row.answer), true, true, records)
		assert.Equal(t, row.want, got, row.answer)
		assert.Equal(t, row.state, state, row.answer)
	}
}

// Whatever an answer is, it is judged, and what it names is in the batch.
func FuzzJudge(f *testing.F) {
	f.Add(`{"batchItemFailures":[{"itemIdentifier":"49590338271490256608559692538361571095921575989136588102"}],"state":{}}`)
	f.Add(`{"batchItemFailures":null}`)
	f.Fuzz(func(t *testing.T, answer string) {
		records := []weir.Record{record(t, "101", "k", "", 0), record(t, "102", "k", "", 0)}
		for _, windows := range []bool{false, true} {
			got, state := eventsource.Judge([]byte(answer), true, windows, records)
			require.Contains(t, []string{"ok", "failed", "threw", "from 0", "from 1"}, got)
			if windows && got != "failed" && got != "threw" {
				require.True(t, json.Valid([]byte(state)) && state[0] == '{', state)
			}
		}
	})
}

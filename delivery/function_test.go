package delivery_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/delivery"
	"github.com/weirstream/weir/internal/streamtest"
)

func record(t *testing.T, i int, key, data string) delivery.Record {
	n, err := weir.ParseSequenceNumber(fmt.Sprintf("49590338271490256608559692538361571095921575989136%06d", 588898+i))
	require.NoError(t, err)
	return delivery.Record{Record: weir.Record{SequenceNumber: n, PartitionKey: key, Data: []byte(data), ArrivalTime: time.UnixMilli(1510772160000).UTC()}}
}

func TestFunction_asksAsTheServiceDoes(t *testing.T) {
	var asked string
	f := &delivery.Function{Name: "arn:f", DeliveryStream: "arn:d", Source: "arn:s", Invoke: func(_ context.Context, request []byte) ([]byte, error) {
		asked = string(request)
		return []byte(`{"records":[]}`), nil
	}}
	one := record(t, 0, `a"<b`, "hello")
	one.Sub = 7
	_, err := f.Transform(t.Context(), []delivery.Record{one})
	require.NoError(t, err)
	var got struct{ InvocationID string }
	require.NoError(t, json.Unmarshal([]byte(asked), &got))
	require.Len(t, got.InvocationID, 36)
	number := one.SequenceNumber.String()
	shard := one.ShardID().String()
	assert.Equal(t, `{"invocationId":"`+got.InvocationID+`","deliveryStreamArn":"arn:d","sourceKinesisStreamArn":"arn:s","region":"us-east-1","records":[`+
		`{"recordId":"`+shard+":"+number+`:7:0","approximateArrivalTimestamp":1510772160000,"data":"aGVsbG8=","kinesisRecordMetadata":`+
		`{"shardId":"`+shard+`","partitionKey":"a\"<b","approximateArrivalTimestamp":1510772160000,"sequenceNumber":"`+number+`","subsequenceNumber":7}}]}`, asked)
}

// answering returns a function that answers with what is made of the ids.
func answering(make func(ids []string) string) *delivery.Function {
	return &delivery.Function{Invoke: func(_ context.Context, request []byte) ([]byte, error) {
		var r struct{ Records []struct{ RecordID string } }
		if err := json.Unmarshal(request, &r); err != nil {
			return nil, err
		}
		var ids []string
		for _, one := range r.Records {
			ids = append(ids, one.RecordID)
		}
		return []byte(make(ids)), nil
	}}
}

func TestFunction_whatTheAnswerMeans(t *testing.T) {
	records := []delivery.Record{record(t, 0, "a", "0"), record(t, 1, "a", "1"), record(t, 2, "a", "2"), record(t, 3, "a", "3"), record(t, 4, "a", "4"), record(t, 5, "a", "5"), record(t, 6, "a", "6")}
	f := answering(func(ids []string) string {
		line := func(i int, rest string) string { return fmt.Sprintf(`{"recordId":%q,%s}`, ids[i], rest) }
		return `{"records":[` + strings.Join([]string{
			line(1, `"result":"Dropped"`),
			line(0, `"result":"Ok","data":"eA==","metadata":{"partitionKeys":{"customer":"c1","n":17,"b":true}}`),
			line(2, `"result":"ProcessingFailed","data":"eA=="`),
			line(3, `"result":"ok","data":"eA=="`),
			line(4, `"result":"Ok","data":"eA=="`), line(4, `"result":"Ok","data":"eA=="`),
			line(6, `"result":"Ok","data":"?"`),
		}, ",") + `]}`
	})
	results, err := f.Transform(t.Context(), records)
	require.NoError(t, err)
	assert.Equal(t, []delivery.Result{
		{Data: []byte("x"), Keys: map[string]string{"customer": "c1", "n": "17", "b": "true"}},
		{Status: delivery.Dropped},
		{Status: delivery.ProcessingFailed, Code: "Lambda.ProcessingFailedStatus", Message: "the function has set the record's result to ProcessingFailed"},
		{Status: delivery.ProcessingFailed, Code: "Lambda.UnknownResult", Message: `result "ok" is none of Ok, Dropped and ProcessingFailed`},
		{Status: delivery.ProcessingFailed, Code: "Lambda.DuplicatedRecordId", Message: "the answer has the record's id 2 times"},
		{Status: delivery.ProcessingFailed, Code: "Lambda.MissingRecordId", Message: "the answer does not have the record's id"},
		{Status: delivery.ProcessingFailed, Code: "Lambda.MalformedData", Message: "the data is not base64"},
	}, results)

	for text, want := range map[string]string{
		"no": "the answer is not one", `{"records":[{"recordId":"x","result":"Ok"}]}`: `record id "x", which was not asked for`,
	} {
		_, err := answering(func([]string) string { return text }).Transform(t.Context(), records)
		require.ErrorContains(t, err, want)
	}
	_, err = answering(func([]string) string { return strings.Repeat(" ", delivery.MaxPayloadBytes+1) }).Transform(t.Context(), records)
	require.ErrorContains(t, err, "the answer has 6291457 bytes; up to 6291456 are allowed")
	results, err = answering(func(ids []string) string { return fmt.Sprintf(`{"records":[{"recordId":%q,"result":"Ok"}]}`, ids[0]) }).Transform(t.Context(), records[:1])
	require.NoError(t, err)
	assert.Equal(t, "Lambda.MissingData", results[0].Code)
}

// What is too much for one request becomes several, and a record that no request
// can have fails by itself.
func TestFunction_requestsAreBounded(t *testing.T) {
	var sizes []int
	f := &delivery.Function{}
	f.Invoke = func(_ context.Context, request []byte) ([]byte, error) {
		sizes = append(sizes, len(request))
		var r struct{ Records []struct{ RecordID string } }
		require.NoError(t, json.Unmarshal(request, &r))
		var out []string
		for _, one := range r.Records {
			out = append(out, fmt.Sprintf(`{"recordId":%q,"result":"Dropped"}`, one.RecordID))
		}
		return []byte(`{"records":[` + strings.Join(out, ",") + `]}`), nil
	}
	var records []delivery.Record
	for i := range 9 {
		records = append(records, record(t, i, "a", strings.Repeat("x", 1<<20)))
	}
	records[4].Data = make([]byte, 5<<20)
	results, err := f.Transform(t.Context(), records)
	require.NoError(t, err)
	require.Len(t, sizes, 2)
	for _, n := range sizes {
		assert.LessOrEqual(t, n, delivery.MaxPayloadBytes)
		assert.Greater(t, n, delivery.MaxPayloadBytes-2<<20)
	}
	for i, r := range results {
		if i == 4 {
			assert.Equal(t, "Lambda.RequestTooLarge", r.Code)
		} else {
			assert.Equal(t, delivery.Dropped, r.Status)
		}
	}
	assert.Greater(t, base64.StdEncoding.EncodedLen(5<<20), delivery.MaxPayloadBytes)
}

// A function that fails or hangs is called again, and then the batch is in the
// error output; what comes behind it goes on.
func TestFunction_thatFailsIsGivenUp(t *testing.T) {
	for _, row := range []struct {
		invoke  func(ctx context.Context, request []byte) ([]byte, error)
		code    string
		message string
	}{
		{func(context.Context, []byte) ([]byte, error) { return nil, errors.New("down") }, "Lambda.FunctionError", "down"},
		{func(ctx context.Context, _ []byte) ([]byte, error) { <-ctx.Done(); return nil, ctx.Err() }, "Lambda.FunctionTimedOut", "the function took longer than 5m0s"},
		{func(context.Context, []byte) ([]byte, error) { panic("no") }, "Transform.Failed", "panic: no"},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, to := streamtest.New(t, "orders", 1), new(shelf)
			streamtest.Put(t, s, "a 1", "a 2")
			calls := 0
			c := config(s, newStore(), to)
			c.Transform = &delivery.Function{Name: "arn:f", Invoke: func(ctx context.Context, request []byte) ([]byte, error) {
				calls++
				return row.invoke(ctx, request)
			}}
			c.Interval = time.Second
			r := run(t, c)
			streamtest.Pass(time.Hour)
			assert.Equal(t, 4, calls, "once, and 3 retries")
			var got []errorLine
			for _, line := range lines(to.bodies("processing-failed/")) {
				var l errorLine
				require.NoError(t, json.Unmarshal([]byte(line), &l))
				assert.WithinRange(t, time.UnixMilli(l.AttemptEndingTimestamp), time.UnixMilli(l.ArrivalTimestamp), time.Now())
				l.ArrivalTimestamp, l.AttemptEndingTimestamp, l.SequenceNumber, l.DataID = 0, 0, "", ""
				got = append(got, l)
			}
			want := errorLine{AttemptsMade: 4, ErrorCode: row.code, ErrorMessage: row.message, RawData: []byte("a 1"), PartitionKey: "a", LambdaArn: "arn:f"}
			second := want
			second.RawData = []byte("a 2")
			assert.Equal(t, []errorLine{want, second}, got)
			assert.Equal(t, int64(4), r.Metrics().TransformErrors)
			assert.Zero(t, r.Metrics().Held)
			require.NoError(t, r.End())
		})
	}
}

// An errorLine is a line of the error output.
type errorLine struct {
	AttemptsMade                                          int
	ArrivalTimestamp, AttemptEndingTimestamp              int64
	ErrorCode, ErrorMessage                               string
	LastErrorCode, LastErrorMessage                       string
	RawData                                               []byte
	SequenceNumber, PartitionKey, DataID, LambdaArn, Type string
	SubsequenceNumber                                     uint64
}

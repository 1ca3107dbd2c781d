package kinesisclient_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go/middleware"
	"github.com/fxamacker/cbor/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/kinesisclient"
)

// A scripted endpoint keeps the last request, and answers with a body.
type scripted struct {
	header http.Header
	body   string
	answer string
	form   string // content type of the answer
	status int    // zero means 200
}

func (s *scripted) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	s.header, s.body = r.Header.Clone(), string(body)
	return &http.Response{StatusCode: cmp.Or(s.status, http.StatusOK), Header: http.Header{"Content-Type": {s.form}},
		Body: io.NopCloser(strings.NewReader(s.answer)), ContentLength: int64(len(s.answer)), Request: r, ProtoMajor: 1}, nil
}

func (s *scripted) client() *kinesis.Client {
	return kinesis.New(kinesis.Options{
		Region: "us-east-1", BaseEndpoint: aws.String("http://kinesis"), HTTPClient: s, Retryer: aws.NopRetryer{},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "key", SecretAccessKey: "secret"}, nil
		}),
	})
}

const inCBOR = "application/x-amz-cbor-1.1"

// stream returns a stream of an endpoint that is spoken to in one form.
func (s *scripted) stream(t *testing.T, json bool) *kinesisclient.Stream {
	t.Helper()
	stream, err := kinesisclient.Config{JSON: json}.New(s.client(), "orders")
	require.NoError(t, err)
	return stream
}

var oddEntries = []weir.Entry{
	{PartitionKey: "a", Data: []byte("hello")},
	{PartitionKey: `quote " and \ and` + "\n\x01\x7f", Data: nil},
	{PartitionKey: "鍵 <&> \u2028", Data: []byte{0, 255, 1}, ExplicitHashKey: &weir.HashKey{Hi: 1 << 63}},
	{PartitionKey: "no \xff\xfe UTF-8", Data: bytes.Repeat([]byte("x"), 70_000), ExplicitHashKey: &weir.HashKey{}},
	{PartitionKey: strings.Repeat("k", 256), Data: bytes.Repeat([]byte("y"), 300)},
}

// listOf returns entries as the SDK has them.
func listOf(entries []weir.Entry) (records []types.PutRecordsRequestEntry) {
	for _, e := range entries {
		r := types.PutRecordsRequestEntry{PartitionKey: aws.String(e.PartitionKey), Data: append([]byte{}, e.Data...)}
		if e.ExplicitHashKey != nil {
			r.ExplicitHashKey = aws.String(e.ExplicitHashKey.String())
		}
		records = append(records, r)
	}
	return records
}

// What is sent is what the SDK would send, or says the same in CBOR.
func TestStream_putsAreTheSDKs(t *testing.T) {
	s := &scripted{answer: `{"FailedRecordCount":0,"Records":[]}`}
	_, err := s.client().PutRecords(t.Context(), &kinesis.PutRecordsInput{StreamName: aws.String("orders"), Records: listOf(oddEntries)})
	require.NoError(t, err)
	want, header := s.body, s.header

	_, err = s.stream(t, true).PutRecords(t.Context(), oddEntries)
	require.ErrorContains(t, err, "0 for 5")
	assert.JSONEq(t, want, s.body)
	assert.Equal(t, header.Values("Content-Type"), s.header.Values("Content-Type"))
	assert.Equal(t, header.Values("X-Amz-Target"), s.header.Values("X-Amz-Target"))
	assert.NotEmpty(t, s.header.Get("Authorization"))

	_, err = s.stream(t, false).PutRecords(t.Context(), oddEntries)
	require.ErrorContains(t, err, "0 for 5")
	assert.JSONEq(t, want, jsonOf(t, s.body))
	assert.Equal(t, []string{inCBOR}, s.header.Values("Content-Type"))
	assert.Equal(t, header.Values("X-Amz-Target"), s.header.Values("X-Amz-Target"))
	assert.NotEmpty(t, s.header.Get("Authorization"))
}

// jsonOf returns CBOR as JSON, by another library.
func jsonOf(t *testing.T, text string) string {
	t.Helper()
	mode, err := cbor.DecOptions{DefaultMapType: reflect.TypeFor[map[string]any]()}.DecMode()
	require.NoError(t, err)
	var v any
	require.NoError(t, mode.Unmarshal([]byte(text), &v))
	b, err := json.Marshal(v) // bytes are in base64
	require.NoError(t, err)
	return string(b)
}

// cborOf returns JSON as CBOR, by another library.
func cborOf(t *testing.T, text string) string {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	var v any
	require.NoError(t, d.Decode(&v))
	b, err := cbor.Marshal(whole(v))
	require.NoError(t, err)
	return string(b)
}

// whole makes numbers integers that are.
func whole(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name := range v {
			v[name] = whole(v[name])
		}
	case []any:
		for i := range v {
			v[i] = whole(v[i])
		}
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1e15 {
			return int(v)
		}
	}
	return v
}

// answers are to one record.
var answers = []string{
	`{"FailedRecordCount":0,"Records":[{"SequenceNumber":"49590338271490256608559692538361571095921575989136588898","ShardId":"shardId-000000000002"}]}`,
	` { "Records" : [ { "ShardId":"shardId-000000000002" , "SequenceNumber":"7" } ] , "EncryptionType":"KMS", "FailedRecordCount" : 0 } ` + "\n",
	`{"FailedRecordCount":1,"Records":[{"ErrorCode":"ProvisionedThroughputExceededException","ErrorMessage":"Rate exceeded for shard shardId-000000000001"}]}`,
	`{"FailedRecordCount":1,"Records":[{"ErrorCode":"InternalFailure","ErrorMessage":"a \"quote\" and \u00e9"}]}`,
	`{"FailedRecordCount":0,"Records":[{"SequenceNumber":"7","ShardId":"shardId-000000000002","New":{"a":[1,null]}}],"Newer":1e3}`,
	`{"FailedRecordCount":null,"Records":[{"SequenceNumber":"7","ShardId":"shardId-000000000002","ErrorCode":null}]}`,
	`{"FailedRecordCount":0,"Records":[{}]}`, `{"FailedRecordCount":0,"Records":[]}`, `{"Records":null}`, `{}`, ``, `null`, `[]`,
	`{"FailedRecordCount":0,"Records":[{"SequenceNumber":"7"}]`, `{"FailedRecordCount":0,"Records":[{"SequenceNumber":"7"},]}`,
	`{"Records":[{"SequenceNumber":7}]}`, `{"FailedRecordCount":99999999999}`, `{"FailedRecordCount":01}`, `{} {}`, `{"Records"`, `<html>`,
	"{\"Records\":[{\"ErrorCode\":\"\xff\"}]}",
}

// What is read of an answer is what the SDK would read.
func TestStream_answersAreReadAsTheSDKReadsThem(t *testing.T) {
	for _, text := range answers {
		t.Run(text, func(t *testing.T) { compareAnswer(t, text) })
	}
}

func FuzzStream_answers(f *testing.F) {
	for _, text := range answers {
		f.Add(text)
	}
	f.Fuzz(compareAnswer)
}

func compareAnswer(t *testing.T, text string) {
	s := &scripted{answer: text}
	in := &kinesis.PutRecordsInput{StreamName: aws.String("orders"), Records: []types.PutRecordsRequestEntry{
		{PartitionKey: aws.String("a"), Data: []byte("x")}}}
	want, wantErr := s.client().PutRecords(t.Context(), in)
	got, err := kinesisclient.WithFastPuts(s.client()).PutRecords(t.Context(), in)
	if wantErr != nil || err != nil {
		require.Equal(t, wantErr != nil, err != nil, "%v, but %v by the SDK", err, wantErr)
		require.Equal(t, errors.Unwrap(wantErr).Error(), errors.Unwrap(err).Error())
		return
	}
	want.ResultMetadata, got.ResultMetadata = middleware.Metadata{}, middleware.Metadata{} // they have times
	require.Equal(t, want, got)
}

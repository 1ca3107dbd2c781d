package kinesisclient_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go/middleware"
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
}

func (s *scripted) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	s.header, s.body = r.Header.Clone(), string(body)
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(s.answer)),
		ContentLength: int64(len(s.answer)), Request: r, ProtoMajor: 1}, nil
}

func (s *scripted) client() *kinesis.Client {
	return kinesis.New(kinesis.Options{
		Region: "us-east-1", BaseEndpoint: aws.String("http://kinesis"), HTTPClient: s, Retryer: aws.NopRetryer{},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "key", SecretAccessKey: "secret"}, nil
		}),
	})
}

// What is sent is what the SDK would send.
func TestStream_putsAreTheSDKs(t *testing.T) {
	s := &scripted{answer: `{"FailedRecordCount":0,"Records":[]}`}
	entries := []weir.Entry{
		{PartitionKey: "a", Data: []byte("hello")},
		{PartitionKey: `quote " and \ and` + "\n\x01\x7f", Data: nil},
		{PartitionKey: "鍵 <&> \u2028", Data: []byte{0, 255, 1}, ExplicitHashKey: &weir.HashKey{Hi: 1 << 63}},
	}
	var records []types.PutRecordsRequestEntry
	for _, e := range entries {
		r := types.PutRecordsRequestEntry{PartitionKey: aws.String(e.PartitionKey), Data: append([]byte{}, e.Data...)}
		if e.ExplicitHashKey != nil {
			r.ExplicitHashKey = aws.String(e.ExplicitHashKey.String())
		}
		records = append(records, r)
	}
	_, err := s.client().PutRecords(t.Context(), &kinesis.PutRecordsInput{StreamName: aws.String("orders"), Records: records})
	require.NoError(t, err)
	want, header := s.body, s.header

	stream, err := kinesisclient.New(s.client(), "orders")
	require.NoError(t, err)
	_, err = stream.PutRecords(t.Context(), entries)
	require.ErrorContains(t, err, "0 for 3")
	assert.JSONEq(t, want, s.body)
	for _, name := range []string{"Content-Type", "X-Amz-Target"} {
		assert.Equal(t, header.Values(name), s.header.Values(name), name)
	}
	assert.NotEmpty(t, s.header.Get("Authorization"))
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

package kinesisserver_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/kinesisserver"
)

const deniedXML = "<AccessDeniedException>\n" +
	"  <Message>Unable to determine service/operation name to be authorized</Message>\n" +
	"</AccessDeniedException>\n"

// A frameworkCase is a request that reaches no operation.
type frameworkCase struct {
	name        string
	method      string // POST if empty
	target      string
	contentType string
	body        string
	status      int
	wantType    string
	want        string
}

var frameworkCases = []frameworkCase{
	{name: "GET", method: "GET", status: 403, want: deniedXML},
	{name: "PUT", method: "PUT", target: "Kinesis_20131202.ListStreams", contentType: jsonType, body: "{}", status: 403, want: deniedXML},
	{name: "DELETE", method: "DELETE", status: 403, want: deniedXML},
	{name: "OPTIONS without Origin", method: "OPTIONS", status: 403, want: deniedXML},
	{name: "unknown content type, no target", body: "{}", contentType: "text/plain", status: 403, want: deniedXML},
	{name: "unknown content type, target without a dot", body: "{}", target: "ListStreams", status: 403, want: deniedXML},
	{name: "unknown content type, a target", body: "{}", target: "Kinesis_20131202.ListStreams", contentType: "application/x-amz-json-1.0",
		status: 404, want: "<UnknownOperationException/>\n"},
	{name: "no body, valid target", contentType: jsonType, target: "Kinesis_20131202.ListStreams",
		status: 400, wantType: jsonType, want: `{"__type":"SerializationException"}`},
	{name: "no body, no target", contentType: jsonType, status: 400, wantType: jsonType, want: `{"__type":"UnknownOperationException"}`},
	{name: "no body, other content type, valid target", target: "Kinesis_20131202.ListStreams",
		status: 400, wantType: cborType, want: "\xa1\x66__type\x76SerializationException"},
	{name: "no body, other content type, no target", status: 400, wantType: cborType,
		want: "\xa1\x66__type\x78\x19UnknownOperationException"},
	{name: "141 no JSON", contentType: jsonType, target: "Kinesis_20131202.ListStreams", body: "hello",
		status: 400, wantType: jsonType, want: `{"__type":"SerializationException"}`},
	{name: "no JSON and an unknown target", contentType: jsonType, target: "Kinesis_20131202.Nothing", body: "hello",
		status: 400, wantType: jsonType, want: `{"__type":"SerializationException"}`},
	{name: "JSON but no object", contentType: jsonType, target: "Kinesis_20131202.ListStreams", body: "[]",
		status: 400, wantType: jsonType, want: `{"__type":"SerializationException"}`},
	{name: "null", contentType: jsonType, target: "Kinesis_20131202.ListStreams", body: "null",
		status: 400, wantType: jsonType, want: `{"__type":"SerializationException"}`},
	{name: "something after the object", contentType: jsonType, target: "Kinesis_20131202.ListStreams", body: "{}{}",
		status: 400, wantType: jsonType, want: `{"__type":"SerializationException"}`},
	{name: "140 unknown operation", contentType: jsonType, target: "Kinesis_20131202.ListStream", body: "{}",
		status: 400, wantType: jsonType, want: `{"__type":"UnknownOperationException"}`},
	{name: "140 unknown service", contentType: jsonType, target: "Kinesis_20131203.ListStreams", body: "{}",
		status: 400, wantType: jsonType, want: `{"__type":"UnknownOperationException"}`},
	{name: "140 no target", contentType: jsonType, body: "{}",
		status: 400, wantType: jsonType, want: `{"__type":"UnknownOperationException"}`},
	{name: "application/json", contentType: "application/json", target: "Kinesis_20131202.ListStreams", body: "{}",
		status: 404, wantType: "application/json", want: `{"Output":{"__type":"com.amazon.coral.service#UnknownOperationException"},"Version":"1.0"}`},
	{name: "application/json, no JSON", contentType: "application/json", target: "Kinesis_20131202.ListStreams", body: "hello",
		status: 400, wantType: "application/json", want: `{"Output":{"__type":"com.amazon.coral.service#SerializationException"},"Version":"1.0"}`},
	{name: "CBOR that is none", contentType: cborType, target: "Kinesis_20131202.ListStreams", body: "\xff",
		status: 400, wantType: cborType, want: "\xa1\x66__type\x76SerializationException"},
	{name: "a content type with parameters", contentType: "Application/X-Amz-Json-1.1; charset=utf-8", target: "Kinesis_20131202.ListStreams", body: "{}",
		status: 200, wantType: jsonType, want: `{"StreamNames":[],"HasMoreStreams":false,"StreamSummaries":[]}`},
}

func TestHandler_frameworkErrors(t *testing.T) {
	s := newServer(t)
	for _, c := range frameworkCases {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(cmpOr(c.method, "POST"), "/any/path?x=y", strings.NewReader(c.body))
			if c.target != "" {
				r.Header.Set("X-Amz-Target", c.target)
			}
			if c.contentType != "" {
				r.Header.Set("Content-Type", c.contentType)
			}
			got := s.do(r)
			assert.Equal(t, c.status, got.status)
			assert.Equal(t, c.want, string(got.body))
			assert.Equal(t, c.wantType, got.header.Get("Content-Type"))
			assertHeaders(t, got)
		})
	}
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

var uuid = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

// assertHeaders checks what every response has: row 150.
func assertHeaders(t *testing.T, r response) {
	t.Helper()
	assert.Regexp(t, uuid, r.header.Get("x-amzn-RequestId"))
	assert.Len(t, r.header.Get("x-amz-id-2"), 96, "base64 of 72 bytes")
	assert.NotEmpty(t, r.header.Get("Date"))
	assert.Equal(t, strconv.Itoa(len(r.body)), r.header.Get("Content-Length"))
}

func TestHandler_headers_150(t *testing.T) {
	s := newServer(t).withStream()
	for _, r := range []response{
		s.call("ListStreams", `{}`), s.callCBOR("ListStreams", `{}`), s.call("DescribeStream", `{"StreamName":"x"}`),
	} {
		assertHeaders(t, r)
		assert.Empty(t, r.header.Get("Access-Control-Allow-Origin"))
	}
	assert.NotEqual(t, s.call("ListStreams", `{}`).header.Get("x-amzn-RequestId"), s.call("ListStreams", `{}`).header.Get("x-amzn-RequestId"))
}

func TestHandler_dateFollowsTheClock(t *testing.T) {
	s := newServer(t)
	for _, step := range []time.Duration{0, 700 * time.Millisecond, 100 * time.Millisecond, 24 * time.Hour, -25 * time.Hour} {
		s.clock.Advance(step)
		assert.Equal(t, s.clock.Now().UTC().Format(http.TimeFormat), s.call("ListStreams", `{}`).header.Get("Date"))
	}
}

func TestHandler_emptyOutput_149(t *testing.T) {
	s := newServer(t).withStream()
	for _, call := range []func(op, body string) response{s.call, s.callCBOR} {
		r := call("IncreaseStreamRetentionPeriod", `{"StreamName":"s","RetentionPeriodHours":25}`)
		assert.Equal(t, http.StatusOK, r.status)
		assert.Empty(t, r.body)
		assert.Equal(t, "0", r.header.Get("Content-Length"))
	}
}

func TestHandler_crossOrigin(t *testing.T) {
	s := newServer(t, func(c *kinesisserver.Config) { c.AllowOrigins = []string{"https://example.com"} })
	r := httptest.NewRequest("OPTIONS", "/", nil)
	r.Header.Set("Origin", "https://example.com")
	r.Header.Set("Access-Control-Request-Headers", "a, b, c")
	r.Header.Set("Access-Control-Request-Method", "POST")
	got := s.do(r)
	assert.Equal(t, http.StatusOK, got.status)
	assert.Empty(t, got.body)
	assert.Equal(t, "https://example.com", got.header.Get("Access-Control-Allow-Origin"))
	assert.Equal(t, "a, b, c", got.header.Get("Access-Control-Allow-Headers"))
	assert.Equal(t, "POST", got.header.Get("Access-Control-Allow-Methods"))
	assert.Equal(t, "172800", got.header.Get("Access-Control-Max-Age"))
	assert.Equal(t, "0", got.header.Get("Content-Length"))
	assert.Regexp(t, uuid, got.header.Get("x-amzn-RequestId"))
	assert.Empty(t, got.header.Get("x-amz-id-2"))

	r = request("ListStreams", jsonType, []byte(`{}`))
	r.Header.Set("Origin", "https://example.com")
	got = s.do(r)
	assert.Equal(t, http.StatusOK, got.status)
	assert.Equal(t, "https://example.com", got.header.Get("Access-Control-Allow-Origin"))
	assert.Equal(t, "Origin", got.header.Get("Vary"))
	assert.Equal(t, "x-amzn-RequestId,x-amzn-ErrorType,x-amz-request-id,x-amz-id-2,x-amzn-ErrorMessage,Date",
		got.header.Get("Access-Control-Expose-Headers"))
}

func TestHandler_bodyLimit(t *testing.T) {
	s := newServer(t, func(c *kinesisserver.Config) { c.MaxBodyBytes = 100 })
	r := s.call("ListStreams", `{"x":"`+strings.Repeat("a", 92)+`"}`)
	assert.Equal(t, http.StatusOK, r.status, "100 bytes")
	r = s.call("ListStreams", `{"x":"`+strings.Repeat("a", 93)+`"}`)
	assert.Equal(t, http.StatusRequestEntityTooLarge, r.status)
	assert.Empty(t, r.body)

	unannounced := request("ListStreams", jsonType, []byte(`{"x":"`+strings.Repeat("a", 500)+`"}`))
	unannounced.ContentLength = -1
	assert.Equal(t, http.StatusRequestEntityTooLarge, s.do(unannounced).status)
}

func TestHandler_health(t *testing.T) {
	s := newServer(t).withStream()
	r := s.do(httptest.NewRequest("GET", "/_weir/health", nil))
	assert.Equal(t, http.StatusOK, r.status)
	assert.JSONEq(t, `{"status":"ok"}`, string(r.body))
	assert.Equal(t, http.StatusMethodNotAllowed, s.do(httptest.NewRequest("POST", "/_weir/health", nil)).status)
	require.NoError(t, s.Shutdown(t.Context()))
	assert.Equal(t, http.StatusServiceUnavailable, s.do(httptest.NewRequest("GET", "/_weir/health", nil)).status)
}

func TestHandler_metrics(t *testing.T) {
	s := newServer(t).withStream()
	s.must("PutRecord", `{"StreamName":"s","PartitionKey":"a","Data":"AAE="}`)
	s.call("PutRecord", `{"StreamName":"missing","PartitionKey":"a","Data":"AAE="}`)
	r := s.do(httptest.NewRequest("GET", "/_weir/metrics", nil))
	require.Equal(t, http.StatusOK, r.status)
	for _, line := range []string{
		`weir_requests_total{code="",operation="PutRecord"} 1`,
		`weir_requests_total{code="ResourceNotFoundException",operation="PutRecord"} 1`,
		`weir_accounts 1`,
		`weir_panics_total 0`,
		`weir_stream_incoming_records_total{account="123456789012",region="us-east-1",stream="s"} 1`,
		`weir_stream_incoming_bytes_total{account="123456789012",region="us-east-1",stream="s"} 3`,
	} {
		assert.Contains(t, string(r.body), line+"\n")
	}
}

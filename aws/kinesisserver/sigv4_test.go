package kinesisserver_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/kinesisserver"
)

var testCredential = kinesisserver.Credential{AccessKeyID: "AKID", SecretAccessKey: "TOPSECRET", AccountID: testAccount}

func checked(c *kinesisserver.Config) {
	c.Credentials = []kinesisserver.Credential{testCredential,
		{AccessKeyID: "TEMP", SecretAccessKey: "OTHERSECRET", SessionToken: "TOKEN"}}
}

// sign signs a request with the official signer.
func sign(t *testing.T, r *http.Request, body []byte, key, secret, token, region string, at time.Time) {
	hash := sha256.Sum256(body)
	err := v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: key, SecretAccessKey: secret, SessionToken: token},
		r, hex.EncodeToString(hash[:]), "kinesis", region, at)
	require.NoError(t, err)
}

func TestSignature(t *testing.T) {
	s := newServer(t, checked)
	body := []byte(`{}`)
	signed := func(key, secret, token string, at time.Time) *http.Request {
		r := request("ListStreams", jsonType, body)
		sign(t, r, body, key, secret, token, testRegion, at)
		return r
	}
	for _, row := range []struct {
		name    string
		r       *http.Request
		code    string
		message string
	}{
		{name: "right", r: signed("AKID", "TOPSECRET", "", epoch)},
		{name: "right with a session token", r: signed("TEMP", "OTHERSECRET", "TOKEN", epoch)},
		{name: "14 minutes ago", r: signed("AKID", "TOPSECRET", "", epoch.Add(-14*time.Minute))},
		{name: "14 minutes ahead", r: signed("AKID", "TOPSECRET", "", epoch.Add(14*time.Minute))},
		{"16 minutes ago", signed("AKID", "TOPSECRET", "", epoch.Add(-16*time.Minute)), "InvalidSignatureException",
			"Signature expired: 20261101T114400Z is now earlier than 20261101T114500Z (20261101T120000Z - 15 min.)"},
		{"16 minutes ahead", signed("AKID", "TOPSECRET", "", epoch.Add(16*time.Minute)), "InvalidSignatureException",
			"Signature not yet current: 20261101T121600Z is still later than 20261101T121500Z (20261101T120000Z + 15 min.)"},
		{"wrong secret", signed("AKID", "WRONG", "", epoch), "InvalidSignatureException", "The request signature we calculated does not match…"},
		{"unknown key", signed("OTHER", "TOPSECRET", "", epoch), "UnrecognizedClientException", "The security token included in the request is invalid."},
		{"no session token", signed("TEMP", "OTHERSECRET", "", epoch), "UnrecognizedClientException", "The security token included in the request is invalid."},
		{"unsigned", request("ListStreams", jsonType, body), "MissingAuthenticationTokenException", "Missing Authentication Token"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := s.do(row.r)
			if row.code == "" {
				assert.Equal(t, http.StatusOK, got.status, "%s", got.body)
				return
			}
			code, message := got.failure(t)
			assert.Equal(t, http.StatusBadRequest, got.status)
			assert.Equal(t, row.code, code)
			assertMessage(t, row.message, message)
		})
	}
}

func TestSignature_tampered(t *testing.T) {
	s := newServer(t, checked)
	body := []byte(`{"StreamName":"x"}`)
	for name, tamper := range map[string]func(*http.Request) *http.Request{
		"body": func(r *http.Request) *http.Request {
			other := request("DeleteStream", jsonType, []byte(`{"StreamName":"y"}`))
			other.Header = r.Header
			return other
		},
		"target": func(r *http.Request) *http.Request {
			r.Header.Set("X-Amz-Target", "Kinesis_20131202.DescribeStream")
			return r
		},
		"host":  func(r *http.Request) *http.Request { r.Host = "elsewhere"; return r },
		"path":  func(r *http.Request) *http.Request { r.URL.Path = "/x"; return r },
		"query": func(r *http.Request) *http.Request { r.URL.RawQuery = "a=b"; return r },
		"region": func(r *http.Request) *http.Request {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), testRegion, "us-west-2", 1))
			return r
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := request("DeleteStream", jsonType, body)
			sign(t, r, body, "AKID", "TOPSECRET", "", testRegion, epoch)
			code, _ := s.do(tamper(r)).failure(t)
			assert.Equal(t, "InvalidSignatureException", code)
		})
	}
}

func TestSignature_presigned(t *testing.T) {
	s := newServer(t, checked)
	body := []byte(`{}`)
	presign := func(at time.Time, secret string) *http.Request {
		return presigned(t, body, at, secret, 0)
	}
	assert.Equal(t, http.StatusOK, s.do(presign(epoch, "TOPSECRET")).status)
	code, _ := s.do(presign(epoch, "WRONG")).failure(t)
	assert.Equal(t, "InvalidSignatureException", code)
	code, _ = s.do(presign(epoch.Add(-time.Hour), "TOPSECRET")).failure(t)
	assert.Equal(t, "InvalidSignatureException", code)

	both := presign(epoch, "TOPSECRET")
	both.Header.Set("Authorization", "X")
	code, message := s.do(both).failure(t)
	assert.Equal(t, "InvalidSignatureException", code)
	assert.Equal(t, "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.", message)
}

func TestSignature_incomplete(t *testing.T) {
	s := newServer(t, checked)
	for header, want := range map[string]string{
		"X": "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. " +
			"Authorization header requires 'SignedHeaders' parameter. " +
			"Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. Authorization=X",
		"AWS4- Signature=b,Credential=a": "Authorization header requires 'SignedHeaders' parameter. " +
			"Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. Authorization=AWS4- Signature=b,Credential=a",
	} {
		r := request("ListStreams", jsonType, []byte(`{}`))
		r.Header.Set("Authorization", header)
		code, message := s.do(r).failure(t)
		assert.Equal(t, "IncompleteSignatureException", code)
		assert.Equal(t, want, message)
	}
	r := request("ListStreams", jsonType, []byte(`{}`))
	r.URL.RawQuery = "X-Amz-Algorithm"
	code, message := s.do(r).failure(t)
	assert.Equal(t, "IncompleteSignatureException", code)
	assert.Equal(t, "AWS query-string parameters must include 'X-Amz-Algorithm'. AWS query-string parameters must include 'X-Amz-Credential'. "+
		"AWS query-string parameters must include 'X-Amz-Signature'. AWS query-string parameters must include 'X-Amz-SignedHeaders'. "+
		"AWS query-string parameters must include 'X-Amz-Date'. Re-examine the query-string parameters.", message)
}

// The order of checks: form, target, signature, types.
func TestSignature_order(t *testing.T) {
	s := newServer(t, checked)
	code, _ := s.call("ListStreams", `hello`).failure(t)
	assert.Equal(t, se, code)
	code, _ = s.call("Nothing", `{}`).failure(t)
	assert.Equal(t, "UnknownOperationException", code)
	for _, op := range []string{"DescribeStream", "PutRecords"} {
		code, _ = s.call(op, `{"StreamName":true}`).failure(t)
		assert.Equal(t, "MissingAuthenticationTokenException", code)
	}
	code, _ = s.call("PutRecord", `{"StreamName":"s","PartitionKey":"a","Data":""}`).failure(t)
	assert.Equal(t, "MissingAuthenticationTokenException", code)
}

// The official client is let in, and its secret is not logged.
func TestSignature_client(t *testing.T) {
	var log bytes.Buffer
	s := newServer(t, checked, func(c *kinesisserver.Config) {
		c.Now = time.Now
		c.Log = slog.New(slog.NewJSONHandler(&log, nil))
	})
	client, url := s.client(wires[0], s.listen())
	right := newSDK(client, url, func(o *kinesis.Options) { o.Credentials = static("AKID", "TOPSECRET") })
	_, err := right.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: aws.String("s"), ShardCount: aws.Int32(1)})
	require.NoError(t, err)
	_, err = right.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: aws.String("s"), PartitionKey: aws.String("k"), Data: []byte("PAYLOAD")})
	require.NoError(t, err)
	wrong := newSDK(client, url, func(o *kinesis.Options) { o.Credentials = static("AKID", "GUESSED") })
	_, err = wrong.ListStreams(t.Context(), nil)
	assert.ErrorContains(t, err, "InvalidSignatureException")
	text := log.String()
	assert.Contains(t, text, `"operation":"CreateStream"`)
	assert.Contains(t, text, `"code":"InvalidSignatureException"`)
	assert.Contains(t, text, `"access_key":"AKID"`)
	for _, secret := range []string{"TOPSECRET", "GUESSED", "Signature=", "PAYLOAD", "UEFZTE9BRA"} {
		assert.NotContains(t, text, secret)
	}
}

// The name of the algorithm is part of what is signed, so another one is
// refused by its name and not for a signature that does not match.
func TestSignature_algorithm(t *testing.T) {
	s := newServer(t, checked)
	body := []byte(`{}`)
	for _, name := range []string{"AWS4-HMAC-SHA512", "AWS4-ECDSA-P256-SHA256", "aws4-hmac-sha256", "AWS3"} {
		r := request("ListStreams", jsonType, body)
		sign(t, r, body, "AKID", "TOPSECRET", "", testRegion, epoch)
		r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256", name, 1))
		got := s.do(r)
		code, message := got.failure(t)
		assert.Equal(t, http.StatusBadRequest, got.status)
		assert.Equal(t, "IncompleteSignatureException", code)
		assert.Equal(t, "Unsupported AWS 'algorithm': '"+name+"'.", message)

		r = presigned(t, body, epoch, "TOPSECRET", 0)
		r.URL.RawQuery = strings.Replace(r.URL.RawQuery, "AWS4-HMAC-SHA256", name, 1)
		code, message = s.do(r).failure(t)
		assert.Equal(t, "IncompleteSignatureException", code)
		assert.Equal(t, "Unsupported AWS 'algorithm': '"+name+"'.", message)
	}
}

// presigned makes a request of ListStreams that is signed in its query. A
// lifetime of zero is not written into it.
func presigned(t *testing.T, body []byte, at time.Time, secret string, lifetime time.Duration) *http.Request {
	hash := sha256.Sum256(body)
	r := request("ListStreams", jsonType, body)
	if lifetime != 0 {
		r.URL.RawQuery = "X-Amz-Expires=" + strconv.Itoa(int(lifetime/time.Second))
	}
	url, header, err := v4.NewSigner().PresignHTTP(t.Context(), aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: secret},
		r, hex.EncodeToString(hash[:]), "kinesis", testRegion, at)
	require.NoError(t, err)
	signed := httptest.NewRequest("POST", url, bytes.NewReader(body))
	for name, values := range header {
		signed.Header[name] = values
	}
	signed.Header.Set("X-Amz-Target", "Kinesis_20131202.ListStreams")
	signed.Header.Set("Content-Type", jsonType)
	return signed
}

// Whoever sees a signed request must not be able to turn it into one of another
// operation.
func TestSignature_coversTheTarget(t *testing.T) {
	s := newServer(t, checked)
	body := []byte(`{}`)
	const message = "'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization."
	r := request("ListStreams", jsonType, body)
	r.Header.Del("X-Amz-Target")
	sign(t, r, body, "AKID", "TOPSECRET", "", testRegion, epoch)
	r.Header.Set("X-Amz-Target", "Kinesis_20131202.ListStreams")
	code, got := s.do(r).failure(t)
	assert.Equal(t, "InvalidSignatureException", code)
	assert.Equal(t, message, got)

	r = presigned(t, body, epoch, "TOPSECRET", 0)
	require.Contains(t, r.URL.RawQuery, "X-Amz-Target=", "the signer puts it there")
	assert.Equal(t, http.StatusOK, s.do(r).status)
	r = presigned(t, body, epoch, "TOPSECRET", 0)
	r.Header.Set("X-Amz-Target", "Kinesis_20131202.DescribeLimits")
	code, got = s.do(r).failure(t)
	assert.Equal(t, "InvalidSignatureException", code)
	assert.Equal(t, message, got)
}

// A lifetime of less than a minute is told in seconds.
func TestSignature_shortLifetime(t *testing.T) {
	s := newServer(t, checked)
	s.clock.Advance(31 * time.Second)
	code, message := s.do(presigned(t, []byte(`{}`), epoch, "TOPSECRET", 30*time.Second)).failure(t)
	assert.Equal(t, "InvalidSignatureException", code)
	assert.Equal(t, "Signature expired: 20261101T120000Z is now earlier than 20261101T120001Z (20261101T120031Z - 30 sec.)", message)
}

// Over HTTP/2 the SDK for JavaScript signs :authority where others sign host.
func TestSignature_authority(t *testing.T) {
	s := newServer(t, checked)
	for proto, code := range map[int]string{2: "", 1: "InvalidSignatureException"} {
		body := []byte(`{}`)
		r := request("ListStreams", jsonType, body)
		r.ProtoMajor = proto
		const date = "20261101T120000Z"
		scope := "20261101/" + testRegion + "/kinesis/aws4_request"
		r.Header.Set("X-Amz-Date", date)
		hash := func(b []byte) string { sum := sha256.Sum256(b); return hex.EncodeToString(sum[:]) }
		canonical := "POST\n/\n\n:authority:" + r.Host + "\nx-amz-date:" + date + "\nx-amz-target:" + r.Header.Get("X-Amz-Target") +
			"\n\n:authority;x-amz-date;x-amz-target\n" + hash(body)
		key := []byte("AWS4TOPSECRET")
		for _, part := range append(strings.Split(scope, "/"), "AWS4-HMAC-SHA256\n"+date+"\n"+scope+"\n"+hash([]byte(canonical))) {
			mac := hmac.New(sha256.New, key)
			mac.Write([]byte(part))
			key = mac.Sum(nil)
		}
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKID/"+scope+
			", SignedHeaders=:authority;x-amz-date;x-amz-target, Signature="+hex.EncodeToString(key))
		got := s.do(r)
		assert.Equal(t, code == "", got.status == http.StatusOK, "HTTP/%d: %s", proto, got.body)
		assert.Contains(t, string(got.body), code)
	}
}

package kinesisserver_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weirstream/weir/aws/account"
	"github.com/weirstream/weir/aws/internal/handclock"
	"github.com/weirstream/weir/aws/kinesisserver"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

// TestMain fails if a test leaves a goroutine behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	testAccount = "123456789012"
	testRegion  = "us-east-1"
	jsonType    = "application/x-amz-json-1.1"
	cborType    = "application/x-amz-cbor-1.1"
)

// epoch is when the tests' clocks start.
var epoch = time.Date(2026, 11, 1, 12, 0, 0, 250e6, time.UTC)

// A server is a server under test, called in process.
type server struct {
	t testing.TB
	*kinesisserver.Server
	handler  http.Handler
	registry *kinesisserver.Registry
	clock    *handclock.Clock
}

// newServer returns a server of accounts that answer at once.
func newServer(t testing.TB, change ...func(*kinesisserver.Config)) *server {
	return newServerOf(t, account.Instant(), change...)
}

// newServerOf returns a server of accounts with a configuration.
func newServerOf(t testing.TB, accounts account.Config, change ...func(*kinesisserver.Config)) *server {
	s := &server{t: t, clock: handclock.New(epoch)}
	if accounts.Now == nil {
		accounts.Now = s.clock.Now
	}
	s.registry = kinesisserver.NewRegistry(kinesisserver.RegistryConfig{
		AccountID: testAccount, Region: testRegion, MaxAccounts: 8,
		Open: func(id, region string) (*account.Account, error) {
			accounts.ID, accounts.Region = id, region
			return account.New(accounts)
		},
	})
	c := kinesisserver.Config{Accounts: s.registry, Now: s.clock.Now}
	for _, f := range change {
		f(&c)
	}
	var err error
	s.Server, err = kinesisserver.New(c)
	require.NoError(t, err)
	s.handler = s.Handler()
	return s
}

// A response is what came back.
type response struct {
	status int
	header http.Header
	body   []byte
}

// do sends any request.
func (s *server) do(r *http.Request) response {
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return response{w.Code, w.Result().Header, w.Body.Bytes()}
}

// request makes a request of an operation.
func request(op, contentType string, body []byte) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
	r.Header.Set("X-Amz-Target", "Kinesis_20131202."+op)
	r.Header.Set("Content-Type", contentType)
	return r
}

// call calls an operation in JSON.
func (s *server) call(op, body string) response {
	return s.do(request(op, jsonType, []byte(body)))
}

// callCBOR calls an operation in CBOR; the body is given as JSON.
func (s *server) callCBOR(op, body string) response {
	return s.do(request(op, cborType, toCBOR(s.t, body)))
}

// must calls an operation that succeeds, and returns its output.
func (s *server) must(op, body string) map[string]any {
	s.t.Helper()
	r := s.call(op, body)
	require.Equal(s.t, http.StatusOK, r.status, "%s %s: %s", op, body, r.body)
	if len(r.body) == 0 {
		return nil
	}
	return r.json(s.t)
}

// withStream creates the stream s of three shards, on which most tests act.
func (s *server) withStream() *server {
	s.must("CreateStream", `{"StreamName":"s","ShardCount":3}`)
	return s
}

func (r response) json(t testing.TB) map[string]any {
	t.Helper()
	var m map[string]any
	require.NoError(t, json.Unmarshal(r.body, &m), "%s", r.body)
	return m
}

// failure returns the code and the message of an error.
func (r response) failure(t testing.TB) (code, message string) {
	t.Helper()
	m := r.json(t)
	code, _ = m["__type"].(string)
	message, _ = m["message"].(string)
	if upper, ok := m["Message"].(string); ok {
		message = upper
	}
	return code, message
}

// toCBOR turns a body in JSON into CBOR: members named Data become byte strings
// and timestamps tagged milliseconds.
func toCBOR(t testing.TB, body string) []byte {
	var v any
	d := json.NewDecoder(strings.NewReader(body))
	d.UseNumber()
	require.NoError(t, d.Decode(&v))
	b, err := cbor.Marshal(cborValue(v, ""))
	require.NoError(t, err)
	return b
}

func cborValue(v any, name string) any {
	switch v := v.(type) {
	case map[string]any:
		m := make(map[string]any, len(v))
		for key, item := range v {
			m[key] = cborValue(item, key)
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = cborValue(v[i], name)
		}
		return list
	case json.Number:
		f, _ := v.Float64()
		if strings.HasSuffix(name, "Timestamp") {
			return cbor.Tag{Number: 1, Content: int64(f*1000 + 0.5)}
		}
		if f == float64(int64(f)) {
			return int64(f)
		}
		return f
	case string:
		if name == "Data" {
			var data []byte
			if json.Unmarshal([]byte(`"`+v+`"`), &data) == nil {
				return data
			}
		}
		return v
	}
	return v
}

// fromCBOR reads a response in CBOR, as numbers of JSON: byte strings become
// base64 and timestamps seconds.
func fromCBOR(t testing.TB, body []byte) map[string]any {
	var v any
	require.NoError(t, cbor.Unmarshal(body, &v), "%x", body)
	b, err := json.Marshal(plainValue(v))
	require.NoError(t, err)
	var m map[string]any
	require.NoError(t, json.Unmarshal(b, &m))
	return m
}

func plainValue(v any) any {
	switch v := v.(type) {
	case map[any]any:
		m := make(map[string]any, len(v))
		for key, item := range v {
			m[key.(string)] = plainValue(item)
		}
		return m
	case []any:
		for i := range v {
			v[i] = plainValue(v[i])
		}
	case time.Time: // milliseconds that the library took for seconds
		return float64(v.Unix()) / 1000
	}
	return v
}

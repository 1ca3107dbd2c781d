package kinesisclient_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/kinesisclient"
	"github.com/weirstream/weir/aws/kinesistest"
)

// A picky endpoint is a fake that does not know CBOR.
type picky struct {
	kinesis.HTTPClient
	refuse func(*http.Request) (*http.Response, error) // of CBOR; nil means it is taken
	broken func(*http.Request) (*http.Response, error) // of anything; nil means it works

	mu   sync.Mutex
	asks []string // "cbor" and "json", as they came
}

func (p *picky) Do(r *http.Request) (*http.Response, error) {
	if r.Header.Get("X-Amz-Target") != "Kinesis_20131202.PutRecords" {
		return p.HTTPClient.Do(r)
	}
	form, answer := "json", p.broken
	if r.Header.Get("Content-Type") == inCBOR {
		if form = "cbor"; answer == nil {
			answer = p.refuse
		}
	}
	p.mu.Lock()
	p.asks = append(p.asks, form)
	p.mu.Unlock()
	if answer != nil {
		return answer(r)
	}
	return p.HTTPClient.Do(r)
}

// asked returns how the endpoint was asked since the last time.
func (p *picky) asked() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	asks := strings.Join(p.asks, " ")
	p.asks = nil
	return asks
}

// says is an answer.
func says(status int, form, body string) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {form}}, Body: io.NopCloser(strings.NewReader(body)),
			ContentLength: int64(len(body)), Request: r, ProtoMajor: 1}, nil
	}
}

// breaks is no answer.
func breaks(op string) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) {
		return nil, &net.OpError{Op: op, Net: "tcp", Err: syscall.ECONNRESET}
	}
}

const inJSON = "application/x-amz-json-1.1"

func pickyStream(t *testing.T) (*kinesistest.Fake, *picky, *kinesisclient.Stream) {
	t.Helper()
	k := kinesistest.New(t, kinesistest.Stream("orders", 1))
	o := k.Client(once).Options()
	p := &picky{HTTPClient: o.HTTPClient}
	o.HTTPClient = p
	s, err := kinesisclient.New(kinesis.New(o), "orders")
	require.NoError(t, err)
	return k, p, s
}

func putOne(t *testing.T, s *kinesisclient.Stream) error {
	t.Helper()
	results, err := s.PutRecords(t.Context(), []weir.Entry{{PartitionKey: "a", Data: []byte("x")}})
	if err != nil {
		return err
	}
	require.Len(t, results, 1)
	return results[0].Err
}

// An endpoint that does not know CBOR gets the same call in JSON, and JSON only
// from then on: each record is stored once.
func TestStream_fallsBackToJSON(t *testing.T) {
	for name, refuse := range map[string]func(*http.Request) (*http.Response, error){
		"content type":           says(http.StatusUnsupportedMediaType, "text/plain", "no"),
		"content type, by name":  says(http.StatusUnsupportedMediaType, inJSON, `{"__type":"UnsupportedMediaTypeException"}`),
		"serialization":          says(http.StatusBadRequest, inJSON, `{"__type":"SerializationException"}`),
		"serialization as a 500": says(http.StatusInternalServerError, inJSON, `{"__type":"com.amazon.coral.service#SerializationException"}`),
		"operation":              says(http.StatusNotFound, inJSON, `{"__type":"UnknownOperationException","message":"?"}`),
		"operation in XML":       says(http.StatusNotFound, "", "<UnknownOperationException/>\n"),
		"access in XML":          says(http.StatusForbidden, "", "<AccessDeniedException>\n  <Message>Unable to determine service/operation name to be authorized</Message>\n</AccessDeniedException>\n"),
		"page":                   says(http.StatusBadRequest, "text/html", "<html>"),
		"nothing":                says(http.StatusBadRequest, "", ""),
		"echo of the type":       says(http.StatusBadRequest, inCBOR, `{"__type":"SerializationException"}`),
	} {
		t.Run(name, func(t *testing.T) {
			k, p, s := pickyStream(t)
			p.refuse = refuse
			require.NoError(t, putOne(t, s))
			assert.Equal(t, "cbor json", p.asked())
			require.NoError(t, putOne(t, s))
			require.NoError(t, putOne(t, s))
			assert.Equal(t, "json json", p.asked())
			assert.Len(t, k.Records("orders"), 3)
		})
	}
}

// An endpoint that knows CBOR is asked in it whatever goes wrong, and one that
// understands neither form keeps the choice open.
func TestStream_staysWithCBOR(t *testing.T) {
	k, p, s := pickyStream(t)
	p.broken = says(http.StatusBadRequest, inJSON, `{"__type":"SerializationException","message":"neither"}`)
	require.ErrorContains(t, putOne(t, s), "neither")
	assert.Equal(t, "cbor json", p.asked())
	p.broken = nil
	require.NoError(t, putOne(t, s))
	for _, answer := range []func(*http.Request) (*http.Response, error){
		says(http.StatusServiceUnavailable, "text/html", "<html>"), breaks("read"), breaks("dial"),
		says(http.StatusBadRequest, inJSON, `{"__type":"ProvisionedThroughputExceededException"}`),
	} {
		p.broken = answer
		require.Error(t, putOne(t, s))
	}
	p.broken = nil
	require.NoError(t, putOne(t, s))
	assert.Equal(t, strings.TrimSpace(strings.Repeat("cbor ", 6)), p.asked())
	assert.Len(t, k.Records("orders"), 2)
}

// Where an endpoint breaks down over the first call, nobody knows whether CBOR is
// the reason, or what was stored: it is not asked again by itself, and in JSON
// the next time.
func TestStream_doubtsCBORWhenTheFirstCallBreaks(t *testing.T) {
	for name, answer := range map[string]func(*http.Request) (*http.Response, error){
		"500": says(http.StatusInternalServerError, "text/html", "<html>"), "reset": breaks("read"),
	} {
		t.Run(name, func(t *testing.T) {
			k, p, s := pickyStream(t)
			p.refuse = answer
			require.Error(t, putOne(t, s))
			assert.Equal(t, "cbor", p.asked())
			require.NoError(t, putOne(t, s))
			require.NoError(t, putOne(t, s))
			assert.Equal(t, "json json", p.asked(), "it was CBOR")
			assert.Len(t, k.Records("orders"), 2)

			_, p, s = pickyStream(t)
			p.broken = answer
			require.Error(t, putOne(t, s))
			require.Error(t, putOne(t, s))
			p.broken = nil
			require.NoError(t, putOne(t, s))
			require.NoError(t, putOne(t, s))
			assert.Equal(t, "cbor json cbor cbor", p.asked(), "it was not")
		})
	}
}

// What never reached the endpoint says nothing of it.
func TestStream_keepsCBORForAnEndpointThatIsNotThereYet(t *testing.T) {
	_, p, s := pickyStream(t)
	p.broken = breaks("dial")
	for range 3 {
		var op *net.OpError
		require.True(t, errors.As(putOne(t, s), &op))
	}
	p.broken = nil
	require.NoError(t, putOne(t, s))
	assert.Equal(t, "cbor cbor cbor cbor", p.asked())
}

// Calls that are made at the same time each find out for themselves.
func TestStream_fallsBackWithManyCallsUnderWay(t *testing.T) {
	k, p, s := pickyStream(t)
	p.refuse = says(http.StatusUnsupportedMediaType, "", "")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 10 {
				_, err := s.PutRecords(t.Context(), []weir.Entry{{PartitionKey: "a", Data: []byte("x")}})
				assert.NoError(t, err)
			}
		})
	}
	all.Wait()
	assert.Len(t, k.Records("orders"), 80)
	asks := p.asked()
	assert.LessOrEqual(t, strings.Count(asks, "cbor"), 8)
	assert.Equal(t, 80, strings.Count(asks, "json"))
}

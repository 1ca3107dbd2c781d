package delivery_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/delivery"
	"github.com/weirstream/weir/internal/streamtest"
)

// An endpoint answers requests in place of a server, so that a bubble's time
// stands for waiting.
type endpoint struct {
	mu       sync.Mutex
	requests []sent
	answer   func(n int, s sent) *http.Response
}

// sent is a request.
type sent struct {
	at     time.Time
	header http.Header
	id     string
	data   []string
}

func (e *endpoint) RoundTrip(r *http.Request) (*http.Response, error) {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(body)
		if err != nil {
			return nil, err
		}
		body = z
	}
	var got struct {
		RequestID string
		Timestamp int64
		Records   []struct{ Data []byte }
	}
	if err := json.NewDecoder(body).Decode(&got); err != nil {
		return nil, err
	}
	s := sent{at: time.Now(), header: r.Header, id: got.RequestID}
	for _, one := range got.Records {
		s.data = append(s.data, string(one.Data))
	}
	e.mu.Lock()
	e.requests = append(e.requests, s)
	n := len(e.requests)
	e.mu.Unlock()
	response := e.answer(n, s)
	if response == nil {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	response.Request = r
	return response, nil
}

// says returns an answer by the protocol.
func says(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}, "Content-Length": {fmt.Sprint(len(body))}},
		ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(body))}
}

func ok(s sent) *http.Response { return says(200, `{"requestId":"`+s.id+`","timestamp":1}`) }

func sinkTo(t *testing.T, e *endpoint, c delivery.HTTPConfig) *delivery.HTTP {
	c.URL, c.Client = "https://endpoint.example/firehose", &http.Client{Transport: e}
	h, err := delivery.NewHTTP(c)
	require.NoError(t, err)
	return h
}

func object(t *testing.T, data ...string) *delivery.Object {
	o := &delivery.Object{Name: "orders-1"}
	for i, d := range data {
		o.Records = append(o.Records, record(t, i, "k", d))
	}
	return o
}

func TestHTTP_requestsAreThoseOfTheProtocol(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{answer: func(_ int, s sent) *http.Response { return ok(s) }}
		h := sinkTo(t, e, delivery.HTTPConfig{AccessKey: "secret", Attributes: map[string]string{"team": "a"}, Source: "arn:d", Gzip: true})
		require.NoError(t, h.Deliver(t.Context(), object(t, "one", "two")))
		require.Len(t, e.requests, 1)
		r := e.requests[0]
		assert.Equal(t, []string{"one", "two"}, r.data)
		assert.Len(t, r.id, 36)
		for name, want := range map[string]string{
			"Content-Type": "application/json", "Content-Encoding": "gzip", "X-Amz-Firehose-Protocol-Version": "1.0", "X-Amz-Firehose-Request-Id": r.id,
			"X-Amz-Firehose-Source-Arn": "arn:d", "X-Amz-Firehose-Access-Key": "secret", "X-Amz-Firehose-Common-Attributes": `{"commonAttributes":{"team":"a"}}`,
		} {
			assert.Equal(t, []string{want}, r.header.Values(name), name)
		}

		plain := sinkTo(t, e, delivery.HTTPConfig{})
		require.NoError(t, plain.Deliver(t.Context(), object(t, "one")))
		assert.Empty(t, e.requests[1].header.Values("X-Amz-Firehose-Access-Key"))
		assert.Empty(t, e.requests[1].header.Values("Content-Encoding"))
		assert.Equal(t, r.id, e.requests[1].id, "an object has its id, whoever delivers it")
		other := object(t, "one")
		other.Name = "orders-2"
		require.NoError(t, plain.Deliver(t.Context(), other))
		assert.NotEqual(t, r.id, e.requests[2].id)
	})
}

// All that is not a success by the rules is tried again, with the same id, after
// 1 s doubling up to 120 s and 15 % more or less.
func TestHTTP_triesAgain(t *testing.T) {
	bad := func(change func(r *http.Response)) func(s sent) *http.Response {
		return func(s sent) *http.Response { r := ok(s); change(r); return r }
	}
	for name, answer := range map[string]func(s sent) *http.Response{
		"500":          func(sent) *http.Response { return says(500, `{"errorMessage":"no"}`) },
		"202":          func(s sent) *http.Response { return says(202, `{"requestId":"`+s.id+`","timestamp":1}`) },
		"a redirect":   bad(func(r *http.Response) { r.StatusCode = 307; r.Header.Set("Location", "https://other.example/") }),
		"another id":   func(sent) *http.Response { return says(200, `{"requestId":"x","timestamp":1}`) },
		"no timestamp": func(s sent) *http.Response { return says(200, `{"requestId":"`+s.id+`"}`) },
		"no JSON":      func(sent) *http.Response { return says(200, `ok`) },
		"another type": bad(func(r *http.Response) { r.Header.Set("Content-Type", "text/plain") }),
		"no length":    bad(func(r *http.Response) { r.Header.Del("Content-Length") }),
		"compressed":   bad(func(r *http.Response) { r.Header.Set("Content-Encoding", "gzip") }),
		"more than 1 MiB": func(s sent) *http.Response {
			return says(200, `{"requestId":"`+s.id+`","timestamp":1}`+strings.Repeat(" ", 1<<20))
		},
		"no answer at all": func(sent) *http.Response { return nil },
	} {
		synctest.Test(t, func(t *testing.T) {
			e := &endpoint{answer: func(n int, s sent) *http.Response {
				if n == 12 {
					return ok(s)
				}
				return answer(s)
			}}
			h := sinkTo(t, e, delivery.HTTPConfig{RetryFor: 2 * time.Hour})
			require.NoError(t, h.Deliver(t.Context(), object(t, "one")), name)
			require.Len(t, e.requests, 12, name)
			for i, want := range []float64{1, 2, 4, 8, 16, 32, 64, 120, 120, 120, 120} {
				waited := e.requests[i+1].at.Sub(e.requests[i].at)
				if name == "no answer at all" {
					waited -= 3 * time.Minute
				}
				assert.InDelta(t, want, waited.Seconds(), 0.15*want+1e-6, "%s: wait %d", name, i)
				assert.Equal(t, e.requests[0].id, e.requests[i+1].id)
			}
		})
	}
}

// It is tried again for all of RetryFor, the last time at its end; waiting for
// answers does not count to it. Then what was not taken is refused, by its
// records, and the rest is delivered.
func TestHTTP_givesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{answer: func(int, sent) *http.Response { time.Sleep(time.Minute); return says(503, `{"errorMessage":"busy"}`) }}
		began := time.Now()
		err := sinkTo(t, e, delivery.HTTPConfig{RetryFor: 40 * time.Second}).Deliver(t.Context(), object(t, "one", "two"))
		var refused *delivery.RefusedError
		require.ErrorAs(t, err, &refused)
		require.Len(t, e.requests, 7, "at 0, 1, 3, 7, 15 and 31 s, more or less, and at 40 s")
		assert.Equal(t, 6*time.Minute+40*time.Second, e.requests[6].at.Sub(began), "answers take a minute each")
		assert.Equal(t, 7*time.Minute+40*time.Second, time.Since(began), "the last answer is the end")
		assert.Equal(t, "http-endpoint-failed HttpEndpoint.DestinationException 7 [0 1] status 503: \"busy\"",
			fmt.Sprint(refused.Type, " ", refused.Code, " ", refused.Attempts, " ", refused.Records, " ", refused.Err))

		e = &endpoint{answer: func(int, sent) *http.Response { return says(413, `{}`) }}
		began = time.Now()
		err = sinkTo(t, e, delivery.HTTPConfig{}).Deliver(t.Context(), object(t, "one"))
		require.ErrorAs(t, err, &refused)
		assert.Len(t, e.requests, 1)
		assert.Zero(t, time.Since(began), "413 is final")

		e = &endpoint{answer: func(n int, s sent) *http.Response {
			switch n {
			case 2:
				return says(500, `{}`)
			case 3:
				return says(413, `{}`)
			}
			return ok(s)
		}}
		many := make([]string, 25_000)
		for i := range many {
			many[i] = "x"
		}
		err = sinkTo(t, e, delivery.HTTPConfig{RetryFor: -1}).Deliver(t.Context(), object(t, many...))
		require.ErrorAs(t, err, &refused)
		require.Len(t, e.requests, 3)
		assert.Len(t, e.requests[0].data, 10_000)
		assert.Len(t, e.requests[2].data, 5_000)
		assert.NotEqual(t, e.requests[0].id, e.requests[1].id)
		require.Len(t, refused.Records, 15_000)
		require.Len(t, refused.Each, 15_000)
		assert.Equal(t, 10_000, refused.Records[0])
		assert.Equal(t, 24_999, refused.Records[14_999])
		assert.Equal(t, []string{"HttpEndpoint.DestinationException", "HttpEndpoint.RequestTooLarge"}, []string{refused.Each[9_999].Code, refused.Each[10_000].Code})
	})
}

// A request that succeeds at the very end of RetryFor has succeeded.
func TestHTTP_triesUntilTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		e := &endpoint{answer: func(_ int, s sent) *http.Response {
			if time.Since(began) < 5*time.Minute {
				return says(503, `{}`)
			}
			return ok(s)
		}}
		require.NoError(t, sinkTo(t, e, delivery.HTTPConfig{}).Deliver(t.Context(), object(t, "one")))
		assert.Equal(t, 5*time.Minute, time.Since(began))

		began = time.Now()
		e = &endpoint{answer: func(int, sent) *http.Response { return says(503, `{}`) }}
		require.Error(t, sinkTo(t, e, delivery.HTTPConfig{RetryFor: time.Nanosecond}).Deliver(t.Context(), object(t, "one")))
		assert.Len(t, e.requests, 2)
		assert.Equal(t, time.Nanosecond, time.Since(began))
	})
}

// A delivery to an endpoint that refuses goes to the error output, and goes on.
func TestHTTP_whatIsRefusedIsInTheErrorOutput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{answer: func(_ int, s sent) *http.Response {
			if s.data[0] == "a 1\n" {
				return says(400, `{"errorMessage":"not this one"}`)
			}
			return ok(s)
		}}
		s, bad := streamtest.New(t, "orders", 1), new(shelf)
		streamtest.Put(t, s, "a 1", "a 2")
		c := config(s, newStore(), sinkTo(t, e, delivery.HTTPConfig{RetryFor: time.Minute}))
		c.Errors, c.Interval = bad, -1
		c.Count = 1
		r := run(t, c)
		streamtest.Pass(10 * time.Minute)
		require.NoError(t, r.End())
		list := lines(bad.bodies("http-endpoint-failed/2000/01/01/00/orders-"))
		require.Len(t, list, 1)
		var l errorLine
		require.NoError(t, json.Unmarshal([]byte(list[0]), &l))
		assert.Equal(t, "a 1\n", string(l.RawData))
		assert.Equal(t, "HttpEndpoint.DestinationException", l.ErrorCode)
		assert.Equal(t, `status 400: "not this one"`, l.ErrorMessage)
		assert.Greater(t, l.AttemptsMade, 5)
		last := e.requests[len(e.requests)-1]
		assert.Equal(t, []string{"a 2\n"}, last.data)
		m := r.Metrics()
		assert.Equal(t, int64(1), m.Delivered.Refused)
		assert.Equal(t, int64(1), m.Delivered.Records)
		assert.Equal(t, int64(1), m.Errors.Records)
	})
}

// Without an error output nothing is given up.
func TestHTTP_withoutAnErrorOutputTheShardWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var up atomic.Bool
		e := &endpoint{answer: func(_ int, s sent) *http.Response {
			if !up.Load() {
				return says(413, `{}`)
			}
			return ok(s)
		}}
		s := streamtest.New(t, "orders", 1)
		streamtest.Put(t, s, "a 1", "a 2")
		c := config(s, newStore(), sinkTo(t, e, delivery.HTTPConfig{}))
		c.Interval = -1
		r := run(t, c)
		streamtest.Pass(time.Hour)
		assert.Zero(t, r.Metrics().Delivered.Records)
		up.Store(true)
		streamtest.Pass(2 * time.Minute)
		assert.Equal(t, int64(2), r.Metrics().Delivered.Records)
		require.NoError(t, r.End())
	})
}

func TestEndpoint_takesWhatTheSinkSends(t *testing.T) {
	var got []*delivery.EndpointRequest
	fails := true
	server := httptest.NewServer(&delivery.Endpoint{AccessKey: "secret", Take: func(_ context.Context, r *delivery.EndpointRequest) error {
		got = append(got, r)
		if fails {
			fails = false
			return errors.New("not yet")
		}
		return nil
	}})
	defer server.Close()
	h, err := delivery.NewHTTP(delivery.HTTPConfig{URL: server.URL, AccessKey: "secret", Gzip: true, Attributes: map[string]string{"a": "é"}, Source: "arn:d", RetryFor: -1})
	require.NoError(t, err)
	require.ErrorContains(t, h.Deliver(t.Context(), object(t, "one", "two")), `status 500: "not yet"`)
	require.NoError(t, h.Deliver(t.Context(), object(t, "one", "two")))
	require.Len(t, got, 2)
	assert.WithinDuration(t, time.Now(), got[1].Sent, time.Minute)
	got[1].Sent = got[0].Sent
	assert.Equal(t, got[0], got[1])
	assert.Equal(t, &delivery.EndpointRequest{ID: got[0].ID, Source: "arn:d", Attributes: map[string]string{"a": "é"}, Sent: got[0].Sent, Records: [][]byte{[]byte("one"), []byte("two")}}, got[0])

	h, err = delivery.NewHTTP(delivery.HTTPConfig{URL: server.URL, AccessKey: "guess", RetryFor: -1})
	require.NoError(t, err)
	require.ErrorContains(t, h.Deliver(t.Context(), object(t, "one")), `status 401: "the access key is not right"`)
	require.Len(t, got, 2)
}

func TestEndpoint_refusesWhatIsNotTheProtocol(t *testing.T) {
	e := &delivery.Endpoint{Take: func(context.Context, *delivery.EndpointRequest) error { panic("taken") }}
	for _, row := range []struct {
		change func(r *http.Request)
		body   string
		status int
		want   string
	}{
		{func(r *http.Request) { r.Method = "GET" }, "", 405, "method GET is not POST"},
		{func(r *http.Request) { r.Header.Del("X-Amz-Firehose-Protocol-Version") }, "", 400, `protocol version "" is not 1.0`},
		{func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, "", 415, `Content-Type "text/plain" is not application/json`},
		{func(r *http.Request) { r.Header.Set("Content-Encoding", "br") }, "", 415, `Content-Encoding "br" is not gzip`},
		{func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }, "no", 400, "unexpected EOF"},
		{nil, "no", 400, "invalid character"},
		{nil, `{"requestId":"2","records":[{"data":""}]}`, 400, `request id "2" of the body is not "1" of the header`},
		{nil, `{"requestId":"1","records":[]}`, 400, "0 records are not 1 to 10000"},
		{nil, strings.Repeat(" ", 64<<20+1), 413, "the body has more than 67108864 bytes"},
		{func(r *http.Request) { r.Header.Set("X-Amz-Firehose-Common-Attributes", "x") }, `{"requestId":"1","records":[{"data":""}]}`, 400, "common attributes"},
		{nil, `{"requestId":"1","records":[{"data":""}]}`, 500, "panic: taken"},
	} {
		r := httptest.NewRequest("POST", "/", bytes.NewReader([]byte(row.body)))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("X-Amz-Firehose-Protocol-Version", "1.0")
		r.Header.Set("X-Amz-Firehose-Request-Id", "1")
		if row.change != nil {
			row.change(r)
		}
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		assert.Equal(t, row.status, w.Code, row.want)
		var a struct{ RequestID, ErrorMessage string }
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &a))
		assert.Equal(t, "1", a.RequestID)
		assert.Contains(t, a.ErrorMessage, row.want)
	}
}

func TestNewHTTP_namesAllThatIsWrong(t *testing.T) {
	attributes := make(map[string]string)
	for i := range 51 {
		attributes[fmt.Sprint(i)] = ""
	}
	_, err := delivery.NewHTTP(delivery.HTTPConfig{URL: "ftp://x", AccessKey: strings.Repeat("k", 4097), Attributes: attributes, Source: "a\nb", RetryFor: 3 * time.Hour, Timeout: -1})
	require.EqualError(t, err, `delivery: URL: "ftp://x" is no URL of http or https
AccessKey: has 4097 bytes; up to 4096 are allowed
Source: has a control character
Attributes: are 51; up to 50 are allowed
RetryFor: 3h0m0s is not up to 2h0m0s
Timeout: -1ns is negative`)

	long := map[string]string{"": "", strings.Repeat("n", 257): "", "team": strings.Repeat("é", 1025)}
	_, err = delivery.NewHTTP(delivery.HTTPConfig{URL: "http://x", Source: strings.Repeat("s", 513), Attributes: long})
	require.EqualError(t, err, `delivery: Source: has 513 bytes; up to 512 are allowed
Attributes: a name has 0 characters, which is not 1 to 256
Attributes: a name has 257 characters, which is not 1 to 256
Attributes: the value of "team" has 1025 characters; up to 1024 are allowed`)
	fits := map[string]string{strings.Repeat("é", 256): strings.Repeat("é", 1024)}
	_, err = delivery.NewHTTP(delivery.HTTPConfig{URL: "http://x", AccessKey: strings.Repeat("k", 4096), Source: strings.Repeat("s", 512), Attributes: fits})
	require.NoError(t, err)
}

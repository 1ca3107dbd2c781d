package lambda_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
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

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/lambda"
	"github.com/weirstream/weir/eventsource"
)

// The answers are those that the emulator of October 2026 was seen to give of a
// function of aws-lambda-go that answered, failed, panicked, exited and slept.
func TestEndpoint_whatAnswersStandFor(t *testing.T) {
	const ok, attempt, notBegun = "ok", "attempt", "not begun"
	for _, row := range []struct {
		what   string
		status int
		header string
		answer string
		want   string
		says   string
	}{
		{"an answer", 200, "", `{"batchItemFailures":null}`, ok, ""},
		{"no answer", 200, "", ``, ok, ""},
		{"an answer of text", 200, "", `done`, ok, ""},
		{"another success", 202, "", `{}`, ok, ""},
		{"an answer with a field of an error", 200, "", `{"errorMessage":"none"}`, ok, ""},
		{"an answer that speaks of errors", 200, "", `{"a":{"errorMessage":"x","errorType":"y"}}`, ok, ""},
		{"an answer with null for errors", 200, "", `{"errorMessage":null,"errorType":null}`, ok, ""},
		{"an error", 200, "", `{"errorMessage":"cannot sell that","errorType":"errorString"}`, attempt, "errorString: cannot sell that"},
		{"an error of Python", 200, "", `{"errorMessage": "no", "errorType": "ValueError", "requestId": "1", "stackTrace": []}`, attempt, "ValueError: no"},
		{"an error without a message", 200, "", `{"errorMessage":null,"errorType":"java.lang.RuntimeException"}`, attempt, "java.lang.RuntimeException"},
		{"an error with an object", 200, "", `{"errorMessage":{"a":1},"errorType":"Error"}`, attempt, `Error: {"a":1}`},
		{"a panic", 502, "", `{"errorMessage":"oh","errorType":"string","stackTrace":[{"path":"main.go","line":23}]}`, attempt, "string: oh"},
		{"an exit", 502, "", `{"errorType":"Runtime.ExitError","errorMessage":"Runtime exited with error: exit status 3"}`, attempt, "exit status 3"},
		{"the emulator's timeout", 200, "", `Task timed out after 3.00 seconds`, attempt, "timed out after 3.00 seconds"},
		{"an error of the service", 200, "Unhandled", `{"errorMessage":"x"}`, attempt, "Unhandled"},
		{"busy", 400, "", ``, notBegun, "400"},
		{"an event that is not taken", 400, "", `{"message":"no such item"}`, attempt, "no such item"},
		{"throttled", 429, "", `slow down`, notBegun, "slow down"},
		{"not there", 404, "", ``, notBegun, "404"},
		{"not allowed", 403, "", ``, notBegun, "403"},
		{"nobody behind the gateway any more", 502, "", `<html>`, attempt, "502"},
		{"not ready", 503, "", ``, notBegun, "503"},
		{"moved", 307, "", ``, attempt, "307"},
		{"an error of the server", 500, "", ``, attempt, "500"},
		{"too slow for the gateway", 504, "", ``, attempt, "504"},
		{"too large", 413, "", ``, attempt, "413"},
	} {
		t.Run(row.what, func(t *testing.T) {
			var path, method, body string
			f := served(t, func(w http.ResponseWriter, r *http.Request) {
				b, _ := io.ReadAll(r.Body)
				path, method, body = r.URL.Path, r.Method, string(b)
				if row.header != "" {
					w.Header().Set("X-Amz-Function-Error", row.header)
				}
				if row.status == 307 {
					w.Header().Set("Location", "/elsewhere")
				}
				w.WriteHeader(row.status)
				io.WriteString(w, row.answer)
			}, lambda.EndpointConfig{})
			answer, err := f(t.Context(), []byte(oneRecord))
			assert.Equal(t, []string{"POST", "/2015-03-31/functions/function/invocations", oneRecord}, []string{method, path, body})
			if row.want == ok {
				require.NoError(t, err)
				assert.Equal(t, row.answer, string(answer))
				return
			}
			require.ErrorContains(t, err, row.says)
			assert.Equal(t, row.want == notBegun, errors.Is(err, eventsource.ErrNotStarted), "%v", err)
			assert.Nil(t, answer)
		})
	}
}

// The Invoke API names its reason where it has run no function. Some of these
// reasons pass; that the event is none, or is too large, does not.
func TestJudge_reasonsOfTheInvokeAPI(t *testing.T) {
	for _, row := range []struct {
		status     int
		reason     string
		notStarted bool
	}{
		{409, "ResourceConflictException", true}, {409, "", false},
		{502, "ENILimitReachedException", true}, {502, "", false},
		{429, "TooManyRequestsException", true}, {429, "", true},
		{400, "InvalidRequestContentException", false},
		{413, "RequestTooLargeException", false},
		{415, "UnsupportedMediaTypeException", false},
		{500, "ServiceException", false},
	} {
		res := &http.Response{StatusCode: row.status, Status: fmt.Sprint(row.status), Header: http.Header{}}
		if row.reason != "" {
			res.Header.Set("x-amzn-ErrorType", row.reason)
		}
		err := lambda.Judge(res, []byte(`{"Message":"m"}`))
		var status *lambda.StatusError
		require.ErrorAs(t, err, &status)
		assert.Equal(t, row.notStarted, errors.Is(err, eventsource.ErrNotStarted), "%d %s", row.status, row.reason)
		assert.Equal(t, lambda.StatusError{Status: fmt.Sprint(row.status), Body: `{"Message":"m"}`, NotStarted: row.notStarted}, *status)
	}
}

// A web server that is not the emulator has nothing against being asked twice at
// a time: it means the event.
func TestJudge_anEmptyBadRequestOfAnotherPath(t *testing.T) {
	f := served(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(400) }, lambda.EndpointConfig{URL: "/own"})
	_, err := f(t.Context(), []byte("{}"))
	require.EqualError(t, err, "status 400 Bad Request")
	assert.NotErrorIs(t, err, eventsource.ErrNotStarted)
	assert.NotErrorIs(t, lambda.Judge(&http.Response{StatusCode: 400, Status: "400"}, nil), eventsource.ErrNotStarted)
}

// served returns the function behind a handler.
func served(t *testing.T, h http.HandlerFunc, c lambda.EndpointConfig) eventsource.Function {
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	c.URL = server.URL + c.URL
	f, err := lambda.Endpoint(c)
	require.NoError(t, err)
	return f
}

func TestEndpoint_aPathOfItsOwn(t *testing.T) {
	asked := ""
	f := served(t, func(_ http.ResponseWriter, r *http.Request) { asked = r.URL.String() }, lambda.EndpointConfig{URL: "/own?a=b"})
	_, err := f(t.Context(), nil)
	require.NoError(t, err)
	assert.Equal(t, "/own?a=b", asked)
}

// What cannot be connected to was not begun; what was sent may have been.
func TestEndpoint_connectionsThatFail(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	nobody := "http://" + l.Addr().String()
	require.NoError(t, l.Close())
	for _, client := range []*http.Client{nil, {}, {Transport: wrapped{http.DefaultTransport}}} {
		f, err := lambda.Endpoint(lambda.EndpointConfig{URL: nobody, Client: client})
		require.NoError(t, err)
		_, err = f(t.Context(), []byte("{}"))
		assert.ErrorIs(t, err, eventsource.ErrNotStarted)
	}

	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	f, err := lambda.Endpoint(lambda.EndpointConfig{URL: strings.Replace(plain.URL, "http:", "https:", 1)})
	require.NoError(t, err)
	_, err = f(t.Context(), []byte("{}"))
	assert.ErrorIs(t, err, eventsource.ErrNotStarted, "there is no connection without its handshake")

	f = served(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, lambda.EndpointConfig{})
	_, err = f(t.Context(), []byte("{}"))
	require.ErrorContains(t, err, "no answer")
	assert.NotErrorIs(t, err, eventsource.ErrNotStarted)

	f = served(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		io.WriteString(w, "{")
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}, lambda.EndpointConfig{})
	_, err = f(t.Context(), []byte("{}"))
	require.ErrorContains(t, err, "no answer")
	assert.NotErrorIs(t, err, eventsource.ErrNotStarted)
}

// wrapped is a transport of which nothing is known.
type wrapped struct{ http.RoundTripper }

func TestEndpoint_isNotWaitedForLongerThanItsTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		f, err := lambda.Endpoint(lambda.EndpointConfig{URL: "http://function", Timeout: time.Minute, Client: &http.Client{
			Transport: transport(func(r *http.Request) (*http.Response, error) {
				calls++
				<-r.Context().Done()
				return nil, r.Context().Err()
			}),
		}})
		require.NoError(t, err)
		began := time.Now()
		_, err = f(t.Context(), []byte("{}"))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.NotErrorIs(t, err, eventsource.ErrNotStarted)
		assert.ErrorContains(t, err, "no answer after 1m0s")
		assert.Equal(t, time.Minute, time.Since(began))
		assert.Equal(t, 1, calls)

		ctx, cancel := context.WithCancelCause(t.Context())
		lost := errors.New("the lease is lost")
		time.AfterFunc(time.Second, func() { cancel(lost) })
		_, err = f(ctx, []byte("{}"))
		assert.ErrorIs(t, err, lost)
		assert.NotErrorIs(t, err, eventsource.ErrNotStarted)
		assert.Equal(t, 2, calls)

		_, err = f(ctx, []byte("{}"))
		assert.ErrorIs(t, err, eventsource.ErrNotStarted)
		assert.ErrorIs(t, err, lost)
		assert.Equal(t, 2, calls, "it was over before it began")
	})
}

// A transport answers in this process.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// The emulator takes one invocation at a time: others wait.
func TestEndpoint_boundsWhatIsUnderWay(t *testing.T) {
	for _, most := range []int{0, 3} {
		var now, peak atomic.Int32
		var mu sync.Mutex
		full := sync.NewCond(&mu)
		want := int32(max(1, most))
		f := served(t, func(http.ResponseWriter, *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			n := now.Add(1)
			peak.Store(max(peak.Load(), n))
			full.Broadcast()
			for peak.Load() < want {
				full.Wait()
			}
			now.Add(-1)
		}, lambda.EndpointConfig{Concurrency: most})
		var callers sync.WaitGroup
		for range 9 {
			callers.Go(func() {
				_, err := f(t.Context(), []byte("{}"))
				assert.NoError(t, err)
			})
		}
		callers.Wait()
		assert.Equal(t, want, peak.Load())
	}
}

// More than the service takes is not read, but one byte, so that the event
// source sees that it is too much.
func TestEndpoint_boundsAnswers(t *testing.T) {
	for _, n := range []int{eventsource.MaxResponseBytes, eventsource.MaxResponseBytes + 1, eventsource.MaxResponseBytes + 100_000} {
		f := served(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, strings.Repeat(" ", n)) }, lambda.EndpointConfig{})
		answer, err := f(t.Context(), []byte("{}"))
		require.NoError(t, err)
		assert.Len(t, answer, min(n, eventsource.MaxResponseBytes+1))
	}
	f := served(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"errorType":"T","errorMessage":"%s"}`, strings.Repeat("x", 100_000))
	}, lambda.EndpointConfig{})
	_, err := f(t.Context(), []byte("{}"))
	var said *lambda.FunctionError
	require.ErrorAs(t, err, &said)
	assert.Equal(t, "T", said.Type)
	assert.Equal(t, strings.Repeat("x", lambda.MaxErrorBytes)+"…", said.Message)
}

func TestEndpoint_namesWhatIsWrong(t *testing.T) {
	const good = "http://localhost:9000"
	for _, row := range []struct {
		config lambda.EndpointConfig
		want   string
	}{
		{lambda.EndpointConfig{}, "URL: is empty"},
		{lambda.EndpointConfig{URL: "localhost:9000"}, `URL: "localhost:9000" does not begin with http://`},
		{lambda.EndpointConfig{URL: "http://"}, "does not begin with http://"},
		{lambda.EndpointConfig{URL: "http://\x7f"}, "URL: parse"},
		{lambda.EndpointConfig{URL: good, Timeout: -1}, "Timeout: -1ns is not 0 to 15m0s"},
		{lambda.EndpointConfig{URL: good, Timeout: lambda.MaxTimeout + 1}, "is not 0 to 15m0s"},
		{lambda.EndpointConfig{URL: good, Concurrency: -1}, "Concurrency: -1 is not 1 to 1000"},
		{lambda.EndpointConfig{URL: good, Concurrency: 1001}, "Concurrency: 1001 is not 1 to 1000"},
	} {
		_, err := lambda.Endpoint(row.config)
		require.ErrorIs(t, err, weir.ErrInvalidArgument)
		assert.ErrorContains(t, err, row.want)
	}
}

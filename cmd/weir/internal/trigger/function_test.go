package trigger_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/cmd/weir/internal/pipe"
	"github.com/weirstream/weir/cmd/weir/internal/trigger"
	"github.com/weirstream/weir/eventsource"
)

const event = `{"Records":[]}`

const invocations = "/2015-03-31/functions/function/invocations"

// serve returns the URL of a function that answers so.
func serve(t *testing.T, handle http.HandlerFunc) string {
	s := httptest.NewServer(handle)
	t.Cleanup(s.Close)
	return s.URL + invocations
}

// callURL calls the function of a URL.
func callURL(ctx context.Context, t *testing.T, url string) ([]byte, error) {
	client := trigger.NewClient()
	t.Cleanup(client.CloseIdleConnections)
	return trigger.HTTP(client, url)(ctx, []byte(event))
}

// What an answer means: nothing that says less than that the batch was processed
// is taken for it, and what was not begun is no attempt.
func TestHTTP_answers(t *testing.T) {
	large := strings.Repeat(" ", eventsource.MaxResponseBytes+7)
	for name, c := range map[string]struct {
		status     int
		header     string
		body       string
		want       string // the error, or nothing
		notStarted bool
	}{
		"an object":                {200, "", `{"batchItemFailures":[]}`, "", false},
		"nothing":                  {200, "", "", "", false},
		"spaces":                   {200, "", " \n", "", false},
		"null":                     {200, "", "null", "", false},
		"204":                      {204, "", "", "", false},
		"a value":                  {200, "", `"done"`, "", false},
		"an error of a function":   {200, "", `{"errorMessage":"boom","errorType":"ValueError","stackTrace":[]}`, `ValueError: "boom"`, false},
		"an error with no message": {200, "", `{"errorMessage":null,"errorType":"java.lang.RuntimeException"}`, `java.lang.RuntimeException: ""`, false},
		"an error with an object":  {200, "", `{"errorMessage":{"a":1},"errorType":"Error"}`, `Error: "{\"a\":1}"`, false},
		"a panic":                  {502, "", `{"errorMessage":"oh","errorType":"string"}`, `string: "oh"`, false},
		"a message is no error":    {200, "", `{"errorMessage":"none"}`, "", false},
		"an error in the header":   {200, "Unhandled", `{}`, `Unhandled: "{}"`, false},
		"the emulator's time out":  {200, "", "Task timed out after 3.00 seconds", `Sandbox.Timedout: "Task timed out after 3.00 seconds"`, false},
		"text":                     {200, "", "done", `an answer that is no JSON: "done"`, false},
		"two documents":            {200, "", "{} {}", "an answer that is no JSON", false},
		"no function at the URL":   {404, "", "<html>", `404 Not Found: "<html>"`, true},
		"nobody who may call it":   {401, "", "", "401 Unauthorized", true},
		"nor with this name":       {403, "", "", "403 Forbidden", true},
		"an answer that is long":   {500, "", strings.Repeat("x", 300), strings.Repeat("x", 200) + `..."`, false},
		"an ended runtime":         {502, "", `{"errorType":"Runtime.ExitError"}`, "502 Bad Gateway", false},
		"a redirect":               {302, "", "", "302 Found", false},
		"a bad request":            {400, "", "what?", "400 Bad Request", false},
		"an emulator at work":      {400, "", "", "while it is at work", true},
		"a throttle":               {429, "", `{"Reason":"ReservedFunctionConcurrentInvocationLimitExceeded"}`, "429 Too Many Requests", true},
		"a service that is not up": {503, "", "", "503 Service Unavailable", true},
	} {
		t.Run(name, func(t *testing.T) {
			url := serve(t, func(w http.ResponseWriter, r *http.Request) {
				got, err := io.ReadAll(r.Body)
				assert.NoError(t, err)
				assert.Equal(t, event, string(got))
				assert.Equal(t, []string{"POST", "application/json"}, []string{r.Method, r.Header.Get("Content-Type")})
				w.Header().Set("Location", "/elsewhere")
				if c.header != "" {
					w.Header().Set("X-Amz-Function-Error", c.header)
				}
				w.WriteHeader(c.status)
				io.WriteString(w, c.body)
			})
			answer, err := callURL(t.Context(), t, url)
			if c.want == "" {
				require.NoError(t, err)
				assert.Equal(t, c.body, string(answer))
				return
			}
			require.ErrorContains(t, err, c.want)
			assert.Equal(t, c.notStarted, errors.Is(err, eventsource.ErrNotStarted))
		})
	}
	t.Run("an answer that is too large", func(t *testing.T) {
		answer, err := callURL(t.Context(), t, serve(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, large) }))
		require.NoError(t, err)
		assert.Len(t, answer, eventsource.MaxResponseBytes+1, "which the source refuses, and no more is held")
	})
}

// What cannot be reached was not begun; what breaks off may have been.
func TestHTTP_whatCannotBeReached(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	for _, url := range []string{"http://" + l.Addr().String() + "/", "http://function.invalid/", "https://" + l.Addr().String() + "/"} {
		_, err = callURL(t.Context(), t, url)
		assert.ErrorIs(t, err, eventsource.ErrNotStarted, url)
	}
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	_, err = callURL(t.Context(), t, secure.URL)
	assert.ErrorIs(t, err, eventsource.ErrNotStarted, "its certificate is of nobody")

	_, err = callURL(t.Context(), t, serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		io.WriteString(w, "{}")
	}))
	require.ErrorContains(t, err, "its answer breaks off")
	assert.NotErrorIs(t, err, eventsource.ErrNotStarted)
}

// A connection may have been closed before it is used again, so that the event
// is sent once more. That is an attempt: a function that ends its connections
// whenever it has a record is given that no more often than others are.
func TestHTTP_aConnectionThatIsGone(t *testing.T) {
	var calls atomic.Int32
	var gone atomic.Int32 // so many calls end their connection
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		if gone.Add(-1) >= 0 {
			panic(http.ErrAbortHandler)
		}
	})
	client := trigger.NewClient()
	defer client.CloseIdleConnections()
	function := trigger.HTTP(client, url)
	for _, row := range []struct{ gone, calls int32 }{{0, 1}, {1, 2}, {0, 1}} {
		gone.Store(row.gone)
		calls.Store(0)
		_, err := function(t.Context(), []byte(event))
		assert.NoError(t, err)
		assert.Equal(t, row.calls, calls.Load())
	}
	gone.Store(100)
	for _, want := range []int32{2, 1} { // the second time there is no connection
		calls.Store(0)
		_, err := function(t.Context(), []byte(event))
		require.Error(t, err)
		assert.NotErrorIs(t, err, eventsource.ErrNotStarted)
		assert.Equal(t, want, calls.Load())
	}
}

// A function that ends its server as well has failed, whatever is said after it.
func TestHTTP_aServerThatIsGone(t *testing.T) {
	calls := 0
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		switch calls++; calls {
		case 2:
			panic(http.ErrAbortHandler)
		case 3:
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	client := trigger.NewClient()
	defer client.CloseIdleConnections()
	function := trigger.HTTP(client, url)
	_, err := function(t.Context(), []byte(event))
	require.NoError(t, err)
	_, err = function(t.Context(), []byte(event))
	require.Error(t, err)
	assert.NotErrorIs(t, err, eventsource.ErrNotStarted)
	assert.Equal(t, 3, calls)
}

// A function that takes too long has failed.
func TestHTTP_endsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	_, err := callURL(ctx, t, serve(t, func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // behind which the server sees that nobody waits
		cancel()
		<-r.Context().Done()
	}))
	assert.ErrorIs(t, err, context.Canceled)
	assert.NotErrorIs(t, err, eventsource.ErrNotStarted)
}

func TestCheckURL(t *testing.T) {
	for url, want := range map[string]string{
		"http://localhost:9000" + invocations: "", "https://example.com/": "",
		"localhost:9000": "is no URL", "ftp://example.com/": "is no URL", "": "is no URL", "http:///x": "is no URL", "http://a b/": "invalid character",
	} {
		if err := trigger.CheckURL(url); want != "" {
			assert.ErrorContains(t, err, want, url)
		} else {
			assert.NoError(t, err)
		}
	}
}

func sh(script string) eventsource.Function {
	return trigger.Command(pipe.Command{Args: []string{"sh", "-c", script}, Stderr: io.Discard})
}

func TestCommand_answers(t *testing.T) {
	for script, want := range map[string]string{
		"cat": "", "true": "", "cat >/dev/null; echo null": "",
		"exit 3":    "sh: exit status 3",
		"echo done": `sh: an answer that is no JSON: "done"`,
		`echo '{"errorType":"Bad","errorMessage":"record"}'`: `sh: Bad: "record"`,
		`echo '{"errorType":"Bad","errorMessage":null}'`:     `sh: Bad: ""`,
		"sleep 3 & echo {}":   "holds its output open",
		"kill -9 $$; sleep 9": "signal: killed",
	} {
		answer, err := sh(script)(t.Context(), []byte(event))
		if want != "" {
			require.ErrorContains(t, err, want, script)
			assert.NotErrorIs(t, err, eventsource.ErrNotStarted)
			continue
		}
		require.NoError(t, err, script)
		if script == "cat" {
			assert.Equal(t, event, string(answer))
		}
	}
	answer, err := sh(fmt.Sprintf("head -c %d /dev/zero", eventsource.MaxResponseBytes+1000))(t.Context(), []byte(event))
	require.NoError(t, err)
	assert.Len(t, answer, eventsource.MaxResponseBytes+1, "which the source refuses, and no more is held")
}

// A command that went away, as in a deployment, was not begun.
func TestCommand_thatCannotBeStarted(t *testing.T) {
	function := trigger.Command(pipe.Command{Args: []string{filepath.Join(t.TempDir(), "none")}, Stderr: io.Discard})
	_, err := function(t.Context(), []byte(event))
	assert.ErrorIs(t, err, eventsource.ErrNotStarted)
}

// It is killed with what it has started.
func TestCommand_endsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	read, write, err := os.Pipe()
	require.NoError(t, err)
	defer read.Close()
	go func() {
		read.Read(make([]byte, 1)) // what it says when it has begun
		cancel()
	}()
	function := trigger.Command(pipe.Command{Args: []string{"sh", "-c", "echo >&2; sleep 60; true"}, Stderr: write})
	at := time.Now()
	_, err = function(ctx, []byte(event))
	require.NoError(t, write.Close())
	assert.ErrorIs(t, err, context.Canceled)
	assert.Less(t, time.Since(at), 30*time.Second)
}

// One that waits for its turn has not begun, and its time begins with its turn.
func TestLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		running, most := 0, 0
		takes := 40 * time.Second
		var mu sync.Mutex // guards both
		count := func(n int) {
			mu.Lock()
			defer mu.Unlock()
			running += n
			most = max(most, running)
		}
		f := trigger.Limit(func(ctx context.Context, _ []byte) ([]byte, error) {
			count(1)
			defer count(-1)
			select {
			case <-time.After(takes):
				return nil, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}, 2, time.Minute)
		var all sync.WaitGroup
		began := time.Now()
		for range 5 {
			all.Go(func() {
				_, err := f(t.Context(), nil)
				assert.NoError(t, err)
			})
		}
		all.Wait()
		assert.Equal(t, 2, most)
		assert.Equal(t, 2*time.Minute, time.Since(began))

		takes = 2 * time.Minute
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for range 2 {
			all.Go(func() {
				_, err := f(t.Context(), nil)
				assert.EqualError(t, err, "it took longer than 1m0s")
			})
		}
		synctest.Wait()
		_, err := f(ctx, nil)
		assert.ErrorIs(t, err, eventsource.ErrNotStarted)
		all.Wait()
	})
	late := trigger.Limit(func(ctx context.Context, _ []byte) ([]byte, error) {
		<-ctx.Done()
		return []byte("{}"), nil
	}, 0, time.Millisecond)
	_, err := late(t.Context(), nil)
	assert.EqualError(t, err, "it took longer than 1ms")
}

func TestConcurrency(t *testing.T) {
	for url, want := range map[string]int{
		"http://localhost:9000" + invocations: 1, "http://localhost:4566/2015-03-31/functions/billing/invocations": 0, "http://localhost:9000/": 0,
	} {
		assert.Equal(t, want, trigger.Concurrency(url), url)
	}
}

// Package trigger has what weir trigger and weir serve --trigger need around
// package eventsource: functions that are a URL or a command, settings as flags,
// and what is shown meanwhile.
package trigger

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"

	"github.com/weirstream/weir/aws/lambda"
	"github.com/weirstream/weir/cmd/weir/internal/pipe"
	"github.com/weirstream/weir/eventsource"
)

// How long a connection may take to be made: behind that the function cannot be
// reached.
const dialWithin = 10 * time.Second

// connections is how many are kept open to one function.
const connections = 64

// CheckURL says what is wrong with the URL of a function or of a destination.
func CheckURL(text string) error {
	u, err := url.Parse(text)
	if err == nil && (u.Scheme != "http" && u.Scheme != "https" || u.Host == "") {
		err = fmt.Errorf("%q is no URL such as http://localhost:9000/2015-03-31/functions/function/invocations", text)
	}
	return err
}

// NewClient returns a client for functions and destinations. It follows no
// redirects: most would lose the body.
func NewClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DialContext = (&net.Dialer{Timeout: dialWithin}).DialContext
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost = connections, connections
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// HTTP returns a function that posts the event to a URL, and answers what it is
// answered, as Lambda's runtime interface emulator does. What says that it failed
// or was not begun, says [lambda.Judge]; an answer that is no JSON has failed,
// too, and what cannot be reached was not begun.
func HTTP(client *http.Client, url string) eventsource.Function {
	return func(ctx context.Context, event []byte) ([]byte, error) {
		answer, stale, err := post(ctx, client, url, event)
		if !stale {
			return answer, err
		}
		// Once only: a function that ends its connections may do so each time, or
		// be gone now, and has failed then.
		client.CloseIdleConnections()
		answer, _, again := post(ctx, client, url, event)
		if errors.Is(again, eventsource.ErrNotStarted) {
			return nil, err
		}
		return answer, again
	}
}

// post posts the event. It is stale that nothing came back of it over a
// connection that was open before: it may have been closed before it was used.
func post(ctx context.Context, client *http.Client, url string, event []byte) (answer []byte, stale bool, err error) {
	var connected, reused bool
	trace := &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) { connected, reused = true, c.Reused }}
	request, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, trace), http.MethodPost, url, bytes.NewReader(event))
	if err != nil {
		return nil, false, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	switch {
	case err != nil && !connected:
		return nil, false, notStarted(err)
	case err != nil:
		return nil, reused && ctx.Err() == nil, err
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(response.Body, eventsource.MaxResponseBytes+1))
	if err != nil {
		return nil, false, fmt.Errorf("its answer breaks off: %w", err)
	}
	return answer, false, judge(response, answer)
}

func notStarted(err error) error { return fmt.Errorf("%w: %w", eventsource.ErrNotStarted, err) }

// Concurrency returns how many invocations the function of a URL takes at a
// time: 1 if it is in the runtime interface emulator, else 0 for any number.
func Concurrency(text string) int {
	if u, err := url.Parse(text); err == nil && u.Path == lambda.InvocationPath {
		return 1
	}
	return 0
}

// Limit returns a function of which so many invocations run at a time, and each
// for so long at most: then its context ends, and it has failed. Zero means any.
// How long one waits for its turn does not count.
func Limit(f eventsource.Function, concurrency int, timeout time.Duration) eventsource.Function {
	var turns chan struct{}
	if concurrency > 0 {
		turns = make(chan struct{}, concurrency)
	}
	return func(ctx context.Context, event []byte) ([]byte, error) {
		if turns != nil {
			select {
			case turns <- struct{}{}:
				defer func() { <-turns }()
			case <-ctx.Done():
				return nil, notStarted(context.Cause(ctx))
			}
		}
		if timeout > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeoutCause(ctx, timeout, fmt.Errorf("it took longer than %v", timeout))
			defer cancel()
		}
		answer, err := f(ctx, event)
		// What a late answer says is not believed, and of an error the cause is more
		// than that the context has ended.
		if ctx.Err() != nil && (err == nil || errors.Is(err, ctx.Err())) && !errors.Is(err, eventsource.ErrNotStarted) {
			err = context.Cause(ctx)
		}
		return answer, err
	}
}

// judge returns an error if a URL's answer does not say that the batch was
// processed.
func judge(r *http.Response, answer []byte) error {
	err := lambda.Judge(r, answer)
	var status *lambda.StatusError
	var said *lambda.FunctionError
	switch {
	case errors.As(err, &said):
		return told(said)
	case !errors.As(err, &status):
		return checkAnswer(answer)
	}
	err = fmt.Errorf("%s: %s", status.Status, brief(answer))
	switch {
	case status.NotStarted && r.StatusCode == http.StatusBadRequest:
		return notStarted(errors.New("400 Bad Request, which is what the emulator says while it is at work"))
	case status.NotStarted:
		return notStarted(err)
	}
	return err
}

// told is how the error of a function is shown.
func told(said *lambda.FunctionError) error {
	return fmt.Errorf("%.100s: %s", said.Type, brief([]byte(said.Message)))
}

// checkAnswer returns an error if an answer is none that a function gives when
// it has processed a batch. One that is too large is for the source to refuse.
func checkAnswer(answer []byte) error {
	text := bytes.TrimSpace(answer)
	if len(text) == 0 || len(answer) > eventsource.MaxResponseBytes {
		return nil
	}
	if !json.Valid(text) {
		return fmt.Errorf("an answer that is no JSON: %s", brief(text))
	}
	if said := lambda.ErrorIn(text); said != nil {
		return told(said)
	}
	return nil
}

// brief keeps what a function says from filling an error message.
func brief(text []byte) string {
	const most = 200
	s := strings.ToValidUTF8(string(text[:min(len(text), most)]), "")
	if len(text) > most {
		s += "..."
	}
	return fmt.Sprintf("%q", s)
}

// Command returns a function that runs a command for each batch, with the event
// as its standard input. What it prints is the answer, by exit status 0.
func Command(c pipe.Command) eventsource.Function {
	return func(ctx context.Context, event []byte) ([]byte, error) {
		answer, err := c.Call(ctx, event, eventsource.MaxResponseBytes+1)
		if errors.Is(err, pipe.ErrNotStarted) {
			return nil, notStarted(err)
		}
		if err == nil {
			err = checkAnswer(answer)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Args[0], err)
		}
		return answer, nil
	}
}

package lambda

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/weirstream/weir/eventsource"
)

// InvocationPath is where the runtime interface emulator takes events.
const InvocationPath = "/2015-03-31/functions/function/invocations"

// MaxConcurrency is how many invocations an endpoint, or a command, can be given
// at a time.
const MaxConcurrency = 1000

// An EndpointConfig says where a function is. URL must be set.
type EndpointConfig struct {
	// URL is that of the emulator, such as "http://localhost:9000". Without a path
	// it has [InvocationPath].
	URL string
	// Timeout is how long an invocation may take, connecting included, up to
	// [MaxTimeout], which zero means. The emulator goes on with what nobody waits
	// for any more: the timeout of its own, AWS_LAMBDA_FUNCTION_TIMEOUT, had better
	// be shorter.
	Timeout time.Duration
	// Concurrency is how many invocations are under way at a time, up to
	// [MaxConcurrency]; others wait. Zero means 1: the emulator takes one at a
	// time, and was seen to crash of a second one. All that is not the emulator,
	// and the emulator with AWS_LAMBDA_MAX_CONCURRENCY, can be given more.
	Concurrency int
	// Client sends the requests. Redirects are not followed, and its own Timeout
	// holds besides. Nil means one whose connections are the endpoint's own.
	Client *http.Client
}

// Endpoint returns a function that posts events to the runtime interface
// emulator, or to what behaves like it, and returns the answers.
//
// Not begun, which is no attempt, is what cannot be connected to. What an answer
// stands for says [Judge]. An invocation has failed, too, after Timeout, and if
// the connection breaks when the request is under way, for nobody knows then
// what has become of it. Answers are read up to [eventsource.MaxResponseBytes].
//
// The error matches [weir.ErrInvalidArgument] if a setting is out of bounds.
func Endpoint(c EndpointConfig) (eventsource.Function, error) {
	target, err := url.Parse(c.URL)
	switch {
	case c.URL == "":
		return nil, invalid("URL", "is empty")
	case err != nil:
		return nil, invalid("URL", "%v", err)
	case target.Scheme != "http" && target.Scheme != "https", target.Host == "":
		return nil, invalid("URL", "%q does not begin with http:// or https:// and a host", cut(c.URL))
	}
	if target.Path == "" || target.Path == "/" {
		target.Path = InvocationPath
	}
	e := &endpoint{url: target.String()}
	if e.timeout, err = timeoutOf(c.Timeout); err != nil {
		return nil, err
	}
	if e.slots, err = newSlots(cmp.Or(c.Concurrency, 1)); err != nil {
		return nil, err
	}
	e.client, e.traced = clientOf(c)
	return e.invoke, nil
}

// clientOf returns the client for requests, and whether its connections tell
// how far a request has come.
func clientOf(c EndpointConfig) (client *http.Client, traced bool) {
	own := http.Client{}
	if c.Client != nil {
		own = *c.Client
	} else {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.MaxIdleConnsPerHost = max(1, c.Concurrency)
		own.Transport = t
	}
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	_, traced = own.Transport.(*http.Transport)
	return &own, traced || own.Transport == nil
}

// An endpoint is a function behind a URL. All but slots is immutable.
type endpoint struct {
	url     string
	client  *http.Client
	traced  bool
	timeout time.Duration
	slots   slots
}

func (e *endpoint) invoke(ctx context.Context, event []byte) ([]byte, error) {
	leave, err := e.slots.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	began := time.Now()
	var sent atomic.Bool
	trace := &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }}
	r, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, trace), http.MethodPost, e.url, bytes.NewReader(event))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	res, err := e.client.Do(r)
	if err != nil {
		if e.traced && !sent.Load() || isDial(err) {
			return nil, notStarted(err)
		}
		return nil, e.broken(ctx, began, err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, eventsource.MaxResponseBytes+1))
	if err != nil {
		return nil, e.broken(ctx, began, err)
	}
	if err := Judge(res, answer); err != nil {
		return nil, err
	}
	return answer, nil
}

// broken returns the error of a request that has no answer though it was sent.
func (e *endpoint) broken(ctx context.Context, began time.Time, err error) error {
	if ctx.Err() != nil {
		return tooLate(ctx, time.Since(began))
	}
	return fmt.Errorf("no answer: %w", err)
}

// isDial reports whether there was no connection at all.
func isDial(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && (op.Op == "dial" || op.Op == "proxyconnect")
}

func notStarted(err error) error { return fmt.Errorf("%w: %w", eventsource.ErrNotStarted, err) }

// Slots bound how many do something at a time.
type slots chan struct{}

func newSlots(n int) (slots, error) {
	if n < 1 || n > MaxConcurrency {
		return nil, invalid("Concurrency", "%d is not 1 to %d", n, MaxConcurrency)
	}
	return make(slots, n), nil
}

// enter waits for a slot, which leave gives back. Who waited in vain has not
// begun anything.
func (s slots) enter(ctx context.Context) (leave func(), err error) {
	if ctx.Err() == nil {
		select {
		case s <- struct{}{}:
			return func() { <-s }, nil
		case <-ctx.Done():
		}
	}
	return nil, notStarted(context.Cause(ctx))
}

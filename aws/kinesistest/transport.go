package kinesistest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// A transport carries requests to a fake's handler without a socket. An
// ordinary request is answered in the caller's goroutine; a subscription has
// one of its own, which ends with the response's body.
type transport struct{ fake *Fake }

// Do is what the SDK wants of an HTTP client.
func (tr transport) Do(r *http.Request) (*http.Response, error) { return tr.RoundTrip(r) }

// RoundTrip is what [http.Client] wants of a transport.
func (tr transport) RoundTrip(r *http.Request) (*http.Response, error) {
	k := tr.fake
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if k.ended.Load() {
		return nil, k.late(r)
	}
	if k.clock.strange() {
		return nil, fmt.Errorf("kinesistest: %s from a synctest bubble to a fake that was made outside of it: call New in the bubble", operationOf(r))
	}
	slot := new(callSlot)
	r = r.WithContext(context.WithValue(r.Context(), callKey{}, slot))
	if r.Body == nil {
		r.Body = http.NoBody
	}
	defer r.Body.Close()
	var err error
	if slot.body, err = readAll(r); err != nil {
		return nil, err
	}
	k.takeTurn(operationOf(r), slot.body) // here, where the caller's goroutine is
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".SubscribeToShard") {
		return tr.stream(r)
	}
	a := &answer{header: make(http.Header, 8), status: http.StatusOK}
	if err := k.run(a, r); err != nil {
		return nil, &brokenError{err, slot.call}
	}
	body := &bytesBody{fake: k, op: operationOf(r), cut: a.cut}
	body.Reset(a.arrives())
	k.bodies.add(body)
	return response(r, a.status, a.header, body, int64(len(a.body))), nil
}

// operationOf returns the operation that a request is for.
func operationOf(r *http.Request) string {
	_, op, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	return op
}

// run has the handler answer. The error is what a client sees of a connection
// that breaks, or the context's.
func (k *Fake) run(w http.ResponseWriter, r *http.Request) (err error) {
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler:
			if err = r.Context().Err(); err == nil {
				err = errReset()
			}
		default:
			panic(p)
		}
	}()
	k.serve(w, r)
	return nil
}

// errReset is a connection that the other side reset.
func errReset() error {
	return &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
}

func response(r *http.Request, status int, h http.Header, body io.ReadCloser, length int64) *http.Response {
	return &http.Response{
		Status: strconv.Itoa(status) + " " + http.StatusText(status), StatusCode: status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: h, Body: body, ContentLength: length, Request: r,
	}
}

// An answer is a response in the making.
type answer struct {
	header http.Header
	status int
	body   []byte
	cut    bool // the connection breaks in the middle of the body
}

// arrives returns what of the body arrives.
func (a *answer) arrives() []byte {
	if a.cut {
		return a.body[:len(a.body)/2]
	}
	return a.body
}

func (a *answer) Header() http.Header    { return a.header }
func (a *answer) WriteHeader(status int) { a.status = status }

func (a *answer) Write(b []byte) (int, error) {
	a.body = append(a.body, b...)
	return len(b), nil
}

// bodies are those that were handed out and not closed yet.
type bodies struct {
	mu      sync.Mutex // guards what follows
	open    map[io.Closer]string
	changed chan struct{} // made by a waiter, closed by the next remove
}

func (b *bodies) add(body interface {
	io.Closer
	fmt.Stringer
}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open == nil {
		b.open = make(map[io.Closer]string)
	}
	b.open[body] = body.String()
}

func (b *bodies) remove(body io.Closer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.open, body)
	if b.changed != nil {
		close(b.changed)
		b.changed = nil
	}
}

// A bytesBody is the body of an ordinary response.
type bytesBody struct {
	bytes.Reader
	fake *Fake
	op   string
	cut  bool
}

// Read reads; a body that is read to its end need not be closed.
func (b *bytesBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF {
		b.fake.bodies.remove(b)
		if b.cut {
			err = io.ErrUnexpectedEOF
		}
	}
	return n, err
}

// WriteTo goes past Read in [bytes.Reader].
func (b *bytesBody) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{b})
}

func (b *bytesBody) Close() error {
	b.fake.bodies.remove(b)
	return nil
}

func (b *bytesBody) String() string { return "the response of " + b.op }

// stream begins a subscription.
func (tr transport) stream(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(r.Context())
	s := &streamBody{
		fake: tr.fake, cancel: cancel, ctx: ctx,
		header: make(http.Header, 8), status: http.StatusOK,
		begun: make(chan struct{}), frames: make(chan []byte, 4), closed: make(chan struct{}), done: make(chan struct{}),
	}
	go func() {
		defer close(s.done)
		err := tr.fake.run(s, r.WithContext(ctx))
		s.finish(err)
	}()
	<-s.begun
	if s.refused != nil {
		cancel()
		<-s.done
		slot, _ := r.Context().Value(callKey{}).(*callSlot)
		return nil, &brokenError{s.refused, slot.call}
	}
	tr.fake.bodies.add(s)
	return response(r, s.status, s.header, s, -1), nil
}

// A streamBody is a response whose body is read while it is written: both ends
// of a pipe.
type streamBody struct {
	fake   *Fake
	ctx    context.Context
	cancel context.CancelFunc

	// The writer's.
	header  http.Header
	status  int
	began   bool
	refused error // why there is no response at all; set before begun is closed
	err     error // how the body ends; set before frames is closed
	begun   chan struct{}

	frames chan []byte
	closed chan struct{} // closed by the reader's Close
	done   chan struct{} // closed when the handler has returned

	// The reader's.
	rest    []byte
	isClose atomic.Bool
}

func (s *streamBody) Header() http.Header { return s.header }

func (s *streamBody) WriteHeader(status int) {
	if !s.began {
		s.began, s.status = true, status
		close(s.begun)
	}
}

func (s *streamBody) Write(b []byte) (int, error) {
	s.WriteHeader(http.StatusOK)
	select {
	case s.frames <- bytes.Clone(b):
		return len(b), nil
	case <-s.closed:
		return 0, net.ErrClosed
	case <-s.ctx.Done():
		return 0, s.ctx.Err()
	}
}

// Flush does nothing: what is written can be read at once.
func (s *streamBody) Flush() {}

// finish ends the body; an error is what a read then returns.
func (s *streamBody) finish(err error) {
	if err == nil {
		err = s.ctx.Err()
	}
	if !s.began {
		s.began, s.refused = true, err
		close(s.begun)
	}
	s.err = err
	close(s.frames)
}

func (s *streamBody) Read(b []byte) (int, error) {
	for len(s.rest) == 0 {
		var ok bool
		select {
		case s.rest, ok = <-s.frames:
		case <-s.closed:
			return 0, net.ErrClosed
		}
		if ok {
			continue
		}
		s.fake.bodies.remove(s)
		if s.err != nil {
			return 0, s.err
		}
		return 0, io.EOF
	}
	n := copy(b, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// Close ends the subscription and returns when its goroutine has ended.
func (s *streamBody) Close() error {
	if !s.isClose.Swap(true) {
		close(s.closed)
		s.cancel()
		<-s.done
		s.fake.bodies.remove(s)
	}
	return nil
}

func (s *streamBody) String() string {
	return "an event stream of SubscribeToShard"
}

// callOf returns the call that an error of the SDK is about, or nil.
func callOf(err error) *Call {
	var broken *brokenError
	if errors.As(err, &broken) {
		return broken.call
	}
	var answered *smithyhttp.ResponseError
	if !errors.As(err, &answered) || answered.Response == nil || answered.Response.Response == nil || answered.Response.Request == nil {
		return nil
	}
	if slot, ok := answered.Response.Request.Context().Value(callKey{}).(*callSlot); ok {
		return slot.call
	}
	return nil
}

// A callKey is the key of a request's context under which its *callSlot is.
type callKey struct{}

// A callSlot is what [transport] knows of a request that it carries.
type callSlot struct {
	body []byte
	call *Call // when it has begun
}

// A brokenError is a connection that broke during a call.
type brokenError struct {
	cause error
	call  *Call
}

func (e *brokenError) Error() string { return fmt.Sprint(e.cause) }

func (e *brokenError) Unwrap() error { return e.cause }

// Timeout is what net/http asks of errors.
func (e *brokenError) Timeout() bool {
	var t interface{ Timeout() bool }
	return errors.As(e.cause, &t) && t.Timeout()
}

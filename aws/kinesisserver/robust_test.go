package kinesisserver_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/kinesisserver"
)

// A CBOR body of 4 MiB whose items take a byte each would become 600 MiB, were
// it not refused before anything is built. What begins it is such that the
// count must not end early: numbers above 63 bits, tags, floats.
func TestCBOR_manyItems(t *testing.T) {
	s := newServer(t)
	for name, first := range map[string]string{
		"nothing":         "\xf6",
		"a large number":  "\x1b\xff\xff\xff\xff\xff\xff\xff\xff",
		"a negative one":  "\x3b\xff\xff\xff\xff\xff\xff\xff\xff",
		"a large tag":     "\xdb\xff\xff\xff\xff\xff\xff\xff\xff\xf6",
		"a float":         "\xfb\xff\xf8\x00\x00\x00\x00\x00\x00",
		"a simple value":  "\xf8\xff",
		"an endless text": "\x7f\x61a\xff",
		"a text of heads": "\x78\x20" + strings.Repeat("\x9f", 32),
	} {
		t.Run(name, func(t *testing.T) {
			const lists, items = 32, 130_000
			body := bytes.NewBufferString("\xa1\x61x\x98" + string(rune(lists+1)) + first)
			for range lists {
				body.Write([]byte{0x9a, 0, items >> 16, items >> 8 & 0xff, items & 0xff})
				body.Write(bytes.Repeat([]byte{0xf6}, items))
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			r := s.do(request("ListStreams", cborType, body.Bytes()))
			runtime.ReadMemStats(&after)
			assert.Equal(t, http.StatusBadRequest, r.status)
			assert.Equal(t, "\xa1\x66__type\x76SerializationException", string(r.body))
			assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(32<<20), "the body itself is read into buffers that double")
		})
	}
}

// A memoryListener accepts connections that have no socket, so that a test may
// run in a bubble. Its first calls of Accept fail, once with each of errs.
type memoryListener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once

	mu   sync.Mutex // guards errs
	errs []error
}

func newMemoryListener(errs ...error) *memoryListener {
	return &memoryListener{conns: make(chan net.Conn), done: make(chan struct{}), errs: errs}
}

func (l *memoryListener) Accept() (net.Conn, error) {
	l.mu.Lock()
	var err error
	if len(l.errs) > 0 {
		err, l.errs = l.errs[0], l.errs[1:]
	}
	l.mu.Unlock()
	if err != nil {
		return nil, err
	}
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *memoryListener) Close() error   { l.once.Do(func() { close(l.done) }); return nil }
func (l *memoryListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

func (l *memoryListener) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case l.conns <- server:
		return client, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// serve serves l until the function that it returns is called.
func (s *server) serve(l net.Listener) (shutdown func()) {
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	return func() {
		s.t.Helper()
		assert.NoError(s.t, s.Shutdown(context.Background()))
		assert.ErrorIs(s.t, <-served, http.ErrServerClosed)
	}
}

// inBothModes runs a test in a bubble, with and without TLS.
func inBothModes(t *testing.T, f func(t *testing.T, s *server, scheme string)) {
	for _, scheme := range []string{"http", "https"} {
		t.Run(scheme, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f(t, newServer(t, func(c *kinesisserver.Config) { c.TLS = scheme == "https" }), scheme)
			})
		})
	}
}

// Too many open files for a moment, and the server goes on afterwards.
func TestServer_acceptFailsForAMoment(t *testing.T) {
	inBothModes(t, func(t *testing.T, s *server, scheme string) {
		full := &net.OpError{Op: "accept", Net: "tcp", Err: syscall.EMFILE}
		l := newMemoryListener(full, full, full)
		defer s.serve(l)()
		transport := &http.Transport{DialContext: l.dial, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
		defer transport.CloseIdleConnections()
		start := time.Now()
		resp, err := listStreams(&http.Client{Transport: transport}, scheme+"://weir")
		require.NoError(t, err)
		assert.Equal(t, http.StatusOK, resp.StatusCode)
		assert.Less(t, time.Since(start), 30*time.Second)
	})
}

// A failure for good ends Serve.
func TestServer_acceptFails(t *testing.T) {
	inBothModes(t, func(t *testing.T, s *server, _ string) {
		broken := errors.New("no more connections")
		assert.ErrorIs(t, s.Serve(newMemoryListener(broken)), broken)
	})
}

// The server closes while nobody takes what Accept failed with.
func TestServer_acceptFailsWhileClosing(t *testing.T) {
	inBothModes(t, func(t *testing.T, s *server, _ string) {
		full := &net.OpError{Op: "accept", Net: "tcp", Err: syscall.EMFILE}
		var many []error
		for range 1000 {
			many = append(many, full)
		}
		shutdown := s.serve(newMemoryListener(many...))
		time.Sleep(10 * time.Second) // most of which net/http waits
		shutdown()
	})
}

// A connection that never sends anything, or not all of its first request's
// headers, does not hold up Shutdown.
func TestServer_shutdownWithSilentConnection(t *testing.T) {
	inBothModes(t, func(t *testing.T, s *server, _ string) {
		l := newMemoryListener()
		shutdown := s.serve(l)
		for _, sent := range []string{"", "POST / HTTP/1.1\r\n"} {
			c, err := l.dial(t.Context(), "", "")
			require.NoError(t, err)
			defer c.Close()
			_, err = io.WriteString(c, sent)
			require.NoError(t, err)
			synctest.Wait()
		}
		start := time.Now()
		shutdown()
		assert.Less(t, time.Since(start), 3*time.Second, "net/http itself waits five")
	})
}

// A subscription on which nothing is sent for minutes goes on, over each
// protocol: the limit is on writing a frame, not on the time between two. The
// account's clock stands still, so that there are no idle events.
func TestSubscribe_noFrameForMinutes(t *testing.T) {
	for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
		t.Run(strings.ReplaceAll(proto, "/", " "), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newServer(t).withStream()
				l := newMemoryListener()
				defer s.serve(l)()
				protocols := new(http.Protocols)
				protocols.SetHTTP1(proto == "HTTP/1.1")
				protocols.SetUnencryptedHTTP2(proto == "HTTP/2.0")
				transport := &http.Transport{Protocols: protocols, DialContext: l.dial}
				defer transport.CloseIdleConnections()
				r, err := http.NewRequestWithContext(t.Context(), "POST", "http://weir", strings.NewReader(subscribeBody(s.withConsumer(), "0", "LATEST")))
				require.NoError(t, err)
				r.Header.Set("Content-Type", jsonType)
				r.Header.Set("X-Amz-Target", "Kinesis_20131202.SubscribeToShard")
				resp, err := transport.RoundTrip(r)
				require.NoError(t, err)
				defer resp.Body.Close()
				assert.Equal(t, proto, resp.Proto)
				frames := eventstream.NewDecoder()
				read := func() string {
					m, err := frames.Decode(resp.Body, nil)
					require.NoError(t, err)
					return string(m.Payload)
				}
				assert.Equal(t, "{}", read())
				read() // the first event comes at once
				for range 3 {
					time.Sleep(3 * time.Minute)
					s.must("PutRecord", `{"StreamName":"s","PartitionKey":"a","Data":"AAE="}`)
					assert.Contains(t, read(), `"Data":"AAE="`)
				}
			})
		})
	}
}

// A keepingWriter fails to write, and keeps what it was given, as HTTP/2 may
// for a while when a stream is gone.
type keepingWriter struct {
	http.ResponseWriter
	kept []byte
}

func (w *keepingWriter) Write(b []byte) (int, error) {
	w.kept = b
	return 0, errors.New("stream closed")
}

// A buffer that may still be in the hands of HTTP/2 is not used for another
// response.
func TestHandler_failedWriteKeepsItsBuffer(t *testing.T) {
	s := newServer(t).withStream()
	for range 20 { // a pool need not give back what it was given last
		w := &keepingWriter{ResponseWriter: httptest.NewRecorder()}
		s.handler.ServeHTTP(w, request("DescribeStream", jsonType, []byte(`{"StreamName":"s"}`)))
		want := string(w.kept)
		for range 10 {
			s.call("ListStreams", `{}`)
		}
		require.Equal(t, want, string(w.kept))
	}
}

// Behind the bound on connections, half of one can still be closed.
func TestServer_closesHalfAConnection(t *testing.T) {
	s := newServer(t, func(c *kinesisserver.Config) { c.MaxConnections, c.MaxBodyBytes = 1, 10 })
	conn, err := net.Dial("tcp", s.listen())
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
	require.NoError(t, err)
	conn.SetReadDeadline(time.Now().Add(time.Minute))
	answer, err := io.ReadAll(conn) // to the end, though the body was not sent
	require.NoError(t, err)
	assert.Contains(t, string(answer), "HTTP/1.1 413 ")
}

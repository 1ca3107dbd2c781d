package kinesisserver

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strconv"
	"sync"
	"time"
)

// limitListener accepts no more than n connections at a time, and refuses those
// beyond, each of which has refusal as its time to take it. config, unless nil,
// is for clients among these that speak TLS.
func limitListener(l net.Listener, n int, refusal time.Duration, config *tls.Config) net.Listener {
	ctx, cancel := context.WithCancel(context.Background())
	return &limitedListener{Listener: l, config: config, slots: make(chan struct{}, n),
		refusals: make(chan struct{}, maxRefusals), refusal: refusal, ctx: ctx, cancel: cancel}
}

type limitedListener struct {
	net.Listener
	config   *tls.Config
	slots    chan struct{} // one is taken by each connection
	refusals chan struct{} // one is taken by each connection that is told why
	refusal  time.Duration
	ctx      context.Context
	cancel   context.CancelFunc
	once     sync.Once
}

const (
	// maxRefusals is how many connections are told at a time that there are too
	// many; others are just closed.
	maxRefusals = 64
	// refusalTime is how long one of them has to take it.
	refusalTime = time.Second
)

// tooManyText and tooMany are what a connection beyond the bound gets.
const tooManyText = `{"__type":"ServiceUnavailable","message":"Too many connections are open: the bound is a setting of the server."}`

var tooMany = []byte("HTTP/1.1 503 Service Unavailable\r\nContent-Type: " + contentTypeJSON + "\r\nRetry-After: 1\r\n" +
	"Connection: close\r\nContent-Length: " + strconv.Itoa(len(tooManyText)) + "\r\n\r\n" + tooManyText)

func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case l.slots <- struct{}{}:
			return &limitedConn{Conn: c, release: func() { <-l.slots }}, nil
		default:
		}
		select {
		case l.refusals <- struct{}{}:
			go func() {
				l.refuse(c)
				<-l.refusals
			}()
		default:
			c.Close()
		}
	}
}

// refuse tells a connection that there are too many, and closes it.
func (l *limitedListener) refuse(c net.Conn) {
	defer c.Close()
	c.SetDeadline(time.Now().Add(l.refusal))
	defer context.AfterFunc(l.ctx, func() { c.SetDeadline(time.Unix(1, 0)) })()
	// The request first: an answer before it is none to net/http's client.
	greeted, err := greet(c, l.config)
	if err != nil {
		return
	}
	c = greeted
	var first [1]byte
	if _, err := c.Read(first[:]); err != nil {
		return
	}
	if _, err := c.Write(tooMany); err != nil || closeWrite(c) != nil {
		return
	}
	io.CopyN(io.Discard, c, maxFirstBytes) // to close on unread bytes would reset what was written
}

// Close closes the listener and waits until nobody is being refused. It keeps
// what a refusal takes: Accept, which may be about to return, begins no more.
func (l *limitedListener) Close() error {
	err := l.Listener.Close()
	l.cancel()
	l.once.Do(func() {
		for range maxRefusals {
			l.refusals <- struct{}{}
		}
	})
	return err
}

type limitedConn struct {
	net.Conn
	once    sync.Once
	release func()
}

func (c *limitedConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(c.release)
	return err
}

// CloseWrite is what net/http calls to let the client read the end of a
// response before the connection is gone.
func (c *limitedConn) CloseWrite() error { return closeWrite(c.Conn) }

// closeWrite tells the client that nothing follows, if the connection can.
func closeWrite(c net.Conn) error {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// A tlsListener tells TLS from cleartext by a connection's first byte, so that
// one port takes both.
type tlsListener struct {
	net.Listener
	config  *tls.Config
	timeout time.Duration // for the first byte and the handshake

	conns  chan net.Conn // ready to be served
	failed chan error    // why Accept of Listener failed
	closed chan struct{}
	once   sync.Once
	wait   sync.WaitGroup
}

func newTLSListener(l net.Listener, config *tls.Config, timeout time.Duration) *tlsListener {
	t := &tlsListener{Listener: l, config: config, timeout: timeout,
		conns: make(chan net.Conn), failed: make(chan error), closed: make(chan struct{})}
	t.wait.Go(t.accept)
	return t
}

// accept accepts connections until the listener fails for good, and looks at
// each aside so that a silent one holds up no other. A failure that passes,
// such as too many open files, goes to the caller of Accept like any other:
// net/http waits, longer each time, before it calls again, and until then
// nothing is accepted here.
func (t *tlsListener) accept() {
	for {
		c, err := t.Listener.Accept()
		if err != nil {
			select {
			case t.failed <- err:
			case <-t.closed:
				return
			}
			if !isTemporary(err) {
				return
			}
			continue
		}
		t.wait.Go(func() { t.offer(c) })
	}
}

// isTemporary reports whether an error of Accept is one that net/http goes on
// after.
func isTemporary(err error) bool {
	var passing interface{ Temporary() bool }
	return errors.As(err, &passing) && passing.Temporary()
}

// offer gives a connection to Accept once it is known what it speaks.
func (t *tlsListener) offer(c net.Conn) {
	c.SetDeadline(time.Now().Add(t.timeout)) // before Close can set one
	stop := make(chan struct{})
	defer close(stop)
	t.wait.Go(func() {
		select {
		case <-t.closed:
			c.SetDeadline(time.Unix(1, 0)) // give up waiting
		case <-stop:
		}
	})
	ready, err := greet(c, t.config)
	if err != nil {
		c.Close()
		return
	}
	select {
	case <-t.closed:
		c.Close()
		return
	default:
		c.SetDeadline(time.Time{})
	}
	select {
	case t.conns <- ready:
	case <-t.closed:
		c.Close()
	}
}

// greet looks at the first byte of a connection, and shakes hands if it is that
// of TLS and config is not nil.
func greet(c net.Conn, config *tls.Config) (net.Conn, error) {
	const tlsHandshake = 22 // the type of a TLS connection's first record
	p := &peekedConn{Conn: c, r: bufio.NewReaderSize(c, 16)}
	first, err := p.r.Peek(1)
	if err != nil || config == nil || first[0] != tlsHandshake {
		return p, err
	}
	secure := tls.Server(p, config)
	return secureConn{Conn: secure}, secure.Handshake()
}

// A secureConn is a TLS connection that net/http does not know as one, so that
// it tells HTTP/2 from HTTP/1.1 by what the client says first and not by ALPN:
// the Java SDK speaks HTTP/2 over TLS without having asked for it.
type secureConn struct{ net.Conn } // a *tls.Conn

func (c secureConn) CloseWrite() error { return closeWrite(c.Conn) }

func (t *tlsListener) Accept() (net.Conn, error) {
	select {
	case c := <-t.conns:
		return c, nil
	case err := <-t.failed:
		return nil, err
	case <-t.closed:
		return nil, net.ErrClosed
	}
}

// Close closes the listener and waits for the goroutines behind it.
func (t *tlsListener) Close() error {
	err := t.Listener.Close()
	t.once.Do(func() { close(t.closed) })
	t.wait.Wait()
	return err
}

// A peekedConn is a connection some of which was read already.
type peekedConn struct {
	net.Conn
	r *bufio.Reader
}

func (c *peekedConn) Read(b []byte) (int, error) {
	if c.r != nil && c.r.Buffered() > 0 {
		return c.r.Read(b)
	}
	c.r = nil
	return c.Conn.Read(b)
}

func (c *peekedConn) CloseWrite() error { return closeWrite(c.Conn) }

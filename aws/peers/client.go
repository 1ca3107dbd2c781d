package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// A conn is an HTTP/1.1 connection that does no more than it must: it writes
// requests that were put together before, and reads responses up to their end.
type conn struct {
	net.Conn
	buf  []byte
	r, w int // what is read and not yet looked at is buf[r:w]
}

const (
	readBuffer  = 256 << 10
	callTimeout = 30 * time.Second
)

func dial(addr string) (*conn, error) {
	c, err := net.DialTimeout("tcp", addr, callTimeout)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, buf: make([]byte, readBuffer)}, nil
}

// call sends a request and reads the response. It appends the response's body to
// *body, unless body is nil.
func (c *conn) call(request []byte, body *[]byte) (status int, err error) {
	if _, err := c.Write(request); err != nil {
		return 0, err
	}
	head, err := c.head()
	if err != nil {
		return 0, err
	}
	status, err = strconv.Atoi(string(head[len("HTTP/1.1 "):len("HTTP/1.1 200")]))
	if err != nil {
		return 0, err
	}
	length, chunked, err := framing(head)
	if err != nil {
		return status, err
	}
	if chunked {
		return status, c.chunks(body)
	}
	return status, c.take(length, body)
}

// ok sends a request and drops the response, which must be a good one.
func (c *conn) ok(request []byte) error {
	status, err := c.call(request, nil)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("status %d", status)
	}
	return err
}

// fill reads more into the buffer.
func (c *conn) fill() error {
	if c.r == c.w {
		c.r, c.w = 0, 0
	}
	if c.w == len(c.buf) {
		if c.r == 0 {
			return errors.New("header too large")
		}
		c.w = copy(c.buf, c.buf[c.r:])
		c.r = 0
	}
	n, err := c.Read(c.buf[c.w:])
	c.w += n
	if n > 0 {
		return nil
	}
	return err
}

// until returns what comes before end, and skips both. It is valid until the next
// read.
func (c *conn) until(end string) ([]byte, error) {
	for {
		if i := bytes.Index(c.buf[c.r:c.w], []byte(end)); i >= 0 {
			text := c.buf[c.r : c.r+i]
			c.r += i + len(end)
			return text, nil
		}
		if err := c.fill(); err != nil {
			return nil, err
		}
	}
}

// head returns the status line and the headers.
func (c *conn) head() ([]byte, error) {
	head, err := c.until("\r\n\r\n")
	if err == nil && len(head) < len("HTTP/1.1 200") {
		return nil, fmt.Errorf("response begins with %q", head)
	}
	return head, err
}

// framing tells how a body ends: after so many bytes, or in chunks.
func framing(head []byte) (length int, chunked bool, err error) {
	for line := range bytes.SplitSeq(head, []byte("\r\n")) {
		const contentLength, transferEncoding = "content-length:", "transfer-encoding:"
		switch {
		case hasPrefixFold(line, contentLength):
			length, err = strconv.Atoi(string(bytes.TrimSpace(line[len(contentLength):])))
			return length, false, err
		case hasPrefixFold(line, transferEncoding):
			return 0, true, nil
		}
	}
	return 0, false, errors.New("response without an announced end")
}

func hasPrefixFold(line []byte, prefix string) bool {
	return len(line) >= len(prefix) && bytes.EqualFold(line[:len(prefix)], []byte(prefix))
}

// take reads n bytes of a body.
func (c *conn) take(n int, body *[]byte) error {
	for n > 0 {
		if c.r == c.w {
			if err := c.fill(); err != nil {
				return err
			}
		}
		part := c.buf[c.r:min(c.w, c.r+n)]
		if body != nil {
			*body = append(*body, part...)
		}
		c.r += len(part)
		n -= len(part)
	}
	return nil
}

// chunks reads a chunked body.
func (c *conn) chunks(body *[]byte) error {
	for {
		line, err := c.until("\r\n")
		if err != nil {
			return err
		}
		size, _, _ := bytes.Cut(line, []byte(";"))
		n, err := strconv.ParseInt(string(size), 16, 32)
		if err != nil {
			return err
		}
		if err := c.take(int(n), body); err != nil {
			return err
		}
		if _, err := c.until("\r\n"); err != nil || n == 0 {
			return err
		}
	}
}

// drive sends requests from several connections, each its next one as soon as it
// has its answer, for some time. It returns how many were answered and how long it
// took until the last one was.
func drive(addr string, conns int, requests [][]byte, d time.Duration) (calls int, took time.Duration, err error) {
	open := make([]*conn, conns)
	for i := range open {
		if open[i], err = dial(addr); err != nil {
			return 0, 0, err
		}
		defer open[i].Close()
		open[i].SetDeadline(time.Now().Add(d + callTimeout))
	}
	answered, errs := make([]int, conns), make([]error, conns)
	var wait sync.WaitGroup
	start := time.Now()
	for i, c := range open {
		wait.Go(func() {
			next := i * len(requests) / conns
			for time.Since(start) < d {
				if errs[i] = c.ok(requests[next%len(requests)]); errs[i] != nil {
					return
				}
				next++
				answered[i]++
			}
		})
	}
	wait.Wait()
	took = time.Since(start)
	for _, n := range answered {
		calls += n
	}
	return calls, took, errors.Join(errs...)
}

package console_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/console"
)

// pipes is a network in a bubble.
type pipes struct {
	conns chan net.Conn
	once  sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	c, ok := <-p.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.conns) }); return nil }
func (p *pipes) Addr() net.Addr { return here }

// localConn is one whose ends are of this machine.
type localConn struct{ net.Conn }

func (localConn) RemoteAddr() net.Addr { return here }

var here = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 50000}

func (p *pipes) dial() net.Conn {
	ours, theirs := net.Pipe()
	p.conns <- localConn{theirs}
	return ours
}

// ask sends text to the server, and returns the status of its answer.
func (p *pipes) ask(text string) (status int, body string, err error) {
	c := p.dial()
	defer c.Close()
	go func() { _, _ = io.WriteString(c, text) }() // a refusal closes it on the way
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0, "", err
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	return r.StatusCode, string(b), err
}

// inNetwork serves a console in a bubble.
func inNetwork(t *testing.T, s *weir.Stream, f func(p *pipes, h http.Handler)) {
	synctest.Test(t, func(t *testing.T) {
		h := console.Handler(s)
		p := &pipes{conns: make(chan net.Conn)}
		server := &http.Server{Handler: h}
		ended := make(chan error, 1)
		go func() { ended <- server.Serve(p) }()
		f(p, h)
		require.NoError(t, server.Close())
		require.ErrorIs(t, <-ended, http.ErrServerClosed)
	})
}

func post(length, body string) string {
	return "POST /_weir/change HTTP/1.1\r\nHost: 127.0.0.1\r\nSec-Fetch-Site: same-origin\r\nContent-Type: application/x-www-form-urlencoded\r\n" + length + "\r\n\r\n" + body
}

const list = "GET /_weir/ HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"

// Those who send a form slowly hold up nobody who looks, nor whoever sends a short
// one, and not for ever.
func TestConsole_isNotHeldUpBySlowSenders(t *testing.T) {
	s := newStream(t, "orders", weir.Config{})
	inNetwork(t, s, func(p *pipes, h http.Handler) {
		token := client{t, h}.token("records?name=orders")
		begin := time.Now()
		const slow = 20
		answers := make(chan int, slow)
		for i := range slow {
			c := p.dial()
			defer c.Close()
			length := []string{"Content-Length: 1000", "Content-Length: 5000000", "Transfer-Encoding: chunked"}[i%3]
			_, err := io.WriteString(c, post(length, ""))
			require.NoError(t, err)
			go func() {
				r, err := http.ReadResponse(bufio.NewReader(c), nil)
				if assert.NoError(t, err) {
					r.Body.Close()
					answers <- r.StatusCode
				}
			}()
		}
		synctest.Wait()
		status, body, err := p.ask(list)
		require.NoError(t, err)
		assert.Equal(t, http.StatusOK, status)
		assert.Contains(t, body, ">orders</a>")
		form := values("token", token, "do", "put", "name", "orders", "key", "k", "data", "x").Encode()
		status, _, err = p.ask(post(fmt.Sprint("Connection: close\r\nContent-Length: ", len(form)), form))
		require.NoError(t, err)
		assert.Equal(t, http.StatusSeeOther, status)
		assert.Zero(t, time.Since(begin), "nobody has waited")

		status, body, err = p.ask(post("Connection: close\r\nContent-Length: 100000", ""))
		require.NoError(t, err)
		assert.Equal(t, http.StatusServiceUnavailable, status, "as many long ones as may are being read")
		assert.Contains(t, body, "4 long forms are being read already, and none was done within 10s")
		assert.Equal(t, 10*time.Second, time.Since(begin))
		statuses := make(map[int]int)
		for range slow {
			statuses[<-answers]++
		}
		assert.Equal(t, map[int]int{http.StatusRequestTimeout: 7 + 4, http.StatusServiceUnavailable: 9}, statuses, "all short ones, and those that were being read")
		assert.Equal(t, 30*time.Second, time.Since(begin))
	})
	assert.EqualValues(t, 1, s.Snapshot().Total.IncomingRecords)
}

// A form is refused that says that it is too long, or turns out to be.
func TestConsole_boundsForms(t *testing.T) {
	s := newStream(t, "orders", weir.Config{})
	c := client{t, console.Handler(s)}
	for name, row := range map[string]struct {
		change func(*http.Request)
		want   int
		why    string
	}{
		"said to be too long": {func(r *http.Request) { r.ContentLength = 21 << 20; r.Body = unreadable{t, "too long"} }, http.StatusRequestEntityTooLarge, "it may have 21037056"},
		"too long": {func(r *http.Request) {
			r.ContentLength = -1
			r.Body = io.NopCloser(io.MultiReader(strings.NewReader("do=put&data="), io.LimitReader(zeros{}, 22<<20)))
		}, http.StatusRequestEntityTooLarge, "it may have 21037056"},
		"cut off": {func(r *http.Request) {
			r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
			r.Body = io.NopCloser(strings.NewReader("--x\r\nContent-Disposition: form-data; name=\"do\"\r\n\r\npu"))
		}, http.StatusBadRequest, "the form: "},
	} {
		w := c.do(http.MethodPost, "change", nil, row.change)
		assert.Equal(t, row.want, w.Code, name)
		assert.Contains(t, w.Body.String(), row.why, name)
	}
	assert.Zero(t, s.Snapshot().Total.IncomingRecords)
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = '0'
	}
	return len(b), nil
}

// A client that does not read what it is sent is given up, be it a page or what
// pages load.
func TestConsole_givesUpWhoDoesNotRead(t *testing.T) {
	s := newStream(t, "orders", weir.Config{})
	inNetwork(t, s, func(p *pipes, _ http.Handler) {
		for _, page := range []string{"", "top.json", "none", "style.css"} {
			c := p.dial()
			defer c.Close()
			_, err := fmt.Fprintf(c, "GET /_weir/%s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", page)
			require.NoError(t, err)
			time.Sleep(31 * time.Second)
			begin := time.Now()
			text, err := io.ReadAll(c)
			require.NoError(t, err)
			assert.Empty(t, text, page)
			assert.Zero(t, time.Since(begin), "%s: the connection was closed before", page)
		}
	})
}

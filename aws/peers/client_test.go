package main

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

func TestConn_readsResponses(t *testing.T) {
	tests := map[string]struct {
		response, body string
		status         int
	}{
		"length":        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nA: b\r\n\r\nhello", "hello", 200},
		"lower case":    {"HTTP/1.1 400 Bad Request\r\na: b\r\ncontent-length:2\r\n\r\n{}", "{}", 400},
		"empty":         {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "", 200},
		"chunked":       {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n", "abc0123456789", 200},
		"larger buffer": {"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + strings.Repeat("x", 1e6), strings.Repeat("x", 1e6), 200},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ours, theirs := net.Pipe()
			defer ours.Close()
			ours.SetDeadline(time.Now().Add(time.Minute))
			go func() {
				defer theirs.Close()
				for range 2 { // on one connection
					io.ReadFull(theirs, make([]byte, len("request")))
					theirs.Write([]byte(test.response))
				}
			}()
			c := &conn{Conn: ours, buf: make([]byte, 4096)}
			for range 2 {
				var body []byte
				status, err := c.call([]byte("request"), &body)
				if err != nil || status != test.status || string(body) != test.body {
					t.Fatalf("status %d, %d bytes, %v", status, len(body), err)
				}
			}
		})
	}
}

func TestConn_refusesWhatHasNoEnd(t *testing.T) {
	for _, response := range []string{"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", "x\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell"} {
		ours, theirs := net.Pipe()
		go func() {
			io.ReadFull(theirs, make([]byte, len("request")))
			theirs.Write([]byte(response))
			theirs.Close()
		}()
		if _, err := (&conn{Conn: ours, buf: make([]byte, 4096)}).call([]byte("request"), nil); err == nil {
			t.Errorf("%q is taken", response)
		}
	}
}

package main

import (
	"bytes"
	"fmt"
	"net"
	"strconv"
)

// The null server answers POST /N with N bytes and looks at nothing. What it
// reaches is what the client and the system allow, and what a server that did its
// work in no time would reach.

// serveNull serves until the process ends.
func serveNull(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer c.Close()
			answerNull(&conn{Conn: c, buf: make([]byte, readBuffer)})
		}()
	}
}

// answerNull answers the requests of a connection.
func answerNull(c *conn) {
	answers := make(map[string][]byte)
	for {
		head, err := c.until("\r\n\r\n")
		if err != nil {
			return
		}
		path := bytes.Fields(head)[1]
		answer, ok := answers[string(path)]
		if !ok {
			answer = nullAnswer(string(path[1:]))
			answers[string(path)] = answer
		}
		length, _, err := framing(head)
		if err != nil || c.take(length, nil) != nil {
			return
		}
		if _, err := c.Write(answer); err != nil {
			return
		}
	}
}

func nullAnswer(size string) []byte {
	n, _ := strconv.Atoi(size)
	head := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", contentType, n)
	return append([]byte(head), bytes.Repeat([]byte{'x'}, n)...)
}

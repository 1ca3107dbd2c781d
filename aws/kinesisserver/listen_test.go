package kinesisserver

import (
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A pipeListener accepts what is sent to it, closed or not: the connection that
// came just before Close.
type pipeListener struct {
	net.Listener
	conns chan net.Conn
}

func (l pipeListener) Close() error { return nil }

func (l pipeListener) Accept() (net.Conn, error) {
	if c, ok := <-l.conns; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

func TestLimitedListener_refusesNobodyAfterClose(t *testing.T) {
	pipes := pipeListener{conns: make(chan net.Conn)}
	l := limitListener(pipes, 1, refusalTime, nil)
	accepted := make(chan error)
	go func() {
		for {
			if _, err := l.Accept(); err != nil {
				accepted <- err
				return
			}
		}
	}()
	connect := func() net.Conn {
		client, server := net.Pipe()
		pipes.conns <- server
		return client
	}
	connect()           // has the only slot
	before := connect() // sends nothing, so that it is being refused
	require.NoError(t, l.Close())
	_, err := before.Read(make([]byte, 1))
	assert.Equal(t, io.EOF, err, "Close has waited for it")
	after := connect()
	_, err = after.Write([]byte("P"))
	assert.Equal(t, io.ErrClosedPipe, err, "it is not read from")
	require.NoError(t, l.Close(), "twice")
	close(pipes.conns)
	assert.Equal(t, net.ErrClosed, <-accepted)
}

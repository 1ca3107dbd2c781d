package kinesisclient_test

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/http/httptrace"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/kinesisclient"
	"github.com/weirstream/weir/aws/kinesistest"
	"github.com/weirstream/weir/client"
)

// A hasty sends each request over a connection of its own, whose last write
// returns only when the answer has begun and the body is closed, as the SDK
// closes it then.
type hasty struct {
	written []error // how net/http took the writing of each
}

func (c *hasty) Do(r *http.Request) (*http.Response, error) {
	closed, wrote := make(chan struct{}), make(chan error, 1)
	sender := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, addr)
			return &lateConn{conn, closed}, err
		},
	}
	traced := httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
		WroteRequest: func(info httptrace.WroteRequestInfo) { wrote <- info.Err },
	})
	out, err := sender.RoundTrip(r.WithContext(traced))
	if r.Body != nil {
		_ = r.Body.Close()
	}
	close(closed)
	c.written = append(c.written, <-wrote)
	return out, err
}

// A lateConn holds up who writes a request's body until it is closed.
type lateConn struct {
	net.Conn
	closed <-chan struct{}
}

func (c *lateConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if !bytes.HasPrefix(p, []byte("POST ")) {
		<-c.closed
	}
	return n, err
}

// The SDK closes a request's body when the answer begins; net/http may not have
// looked for its end by then. It must not take that for a broken write, upon
// which it cuts the connection in the middle of the answer.
func TestStream_requestsAreWrittenThoughTheAnswerIsFast(t *testing.T) {
	k := kinesistest.New(t, kinesistest.Stream("orders", 1))
	k.ConsumerARN("orders", "billing") // registers it
	sender := new(hasty)
	s, err := kinesisclient.New(kinesis.New(kinesis.Options{
		BaseEndpoint: aws.String(k.Server()), Region: "us-east-1", Retryer: aws.NopRetryer{},
		Credentials: anybody, HTTPClient: sender,
	}), "orders")
	require.NoError(t, err)
	_, err = s.PutRecord(t.Context(), "k", []byte("one"))
	assert.NoError(t, err)
	_, err = s.PutRecords(t.Context(), []weir.Entry{{PartitionKey: "k", Data: []byte("two")}})
	assert.NoError(t, err)
	_, err = s.Shards(t.Context())
	assert.NoError(t, err)
	for _, as := range []client.Reading{{}, {Consumer: "billing"}} {
		r, err := s.Read(t.Context(), 0, weir.TrimHorizon(), as)
		require.NoError(t, err)
		_, err = r.Next(t.Context())
		assert.NoError(t, err)
		require.NoError(t, r.Close())
	}
	assert.Equal(t, make([]error, 8), sender.written)
}

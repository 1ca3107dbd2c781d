package kinesisserver_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/account"
	"github.com/weirstream/weir/aws/kinesisserver"
)

func ExampleServer() {
	s, err := kinesisserver.New(kinesisserver.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	server := httptest.NewServer(s.Handler())
	defer server.Close()
	r, _ := http.NewRequest("POST", server.URL, strings.NewReader(`{}`))
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "Kinesis_20131202.ListStreams")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	fmt.Println(resp.StatusCode, string(body))
	http.DefaultClient.CloseIdleConnections()
	// Output: 200 {"StreamNames":[],"HasMoreStreams":false,"StreamSummaries":[]}
}

// ListStreams over a socket.
func listStreams(client *http.Client, url string) (*http.Response, error) {
	r, err := http.NewRequest("POST", url, strings.NewReader(`{}`))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", jsonType)
	r.Header.Set("X-Amz-Target", "Kinesis_20131202.ListStreams")
	resp, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp, err
}

// All protocols are spoken on one port.
func TestServer_onePort(t *testing.T) {
	s := newServer(t, overTLS)
	addr := s.listen()
	for _, w := range wires {
		client, url := s.client(w, addr)
		resp, err := listStreams(client, url)
		require.NoError(t, err, w.name)
		assert.Equal(t, http.StatusOK, resp.StatusCode, w.name)
		assert.Equal(t, w.proto, resp.Proto, w.name)
	}
}

// The Java SDK speaks HTTP/2 over TLS without ALPN.
func TestServer_http2WithoutALPN(t *testing.T) {
	s := newServer(t, overTLS)
	addr := s.listen()
	cert, err := x509.ParseCertificate(s.Certificate())
	require.NoError(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols, DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		return (&tls.Dialer{Config: &tls.Config{RootCAs: roots}}).DialContext(ctx, network, addr)
	}}
	defer transport.CloseIdleConnections()
	resp, err := listStreams(&http.Client{Transport: transport}, "http://"+addr)
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	assert.Equal(t, "HTTP/2.0", resp.Proto)
}

func TestServer_withoutTLS(t *testing.T) {
	s := newServer(t)
	assert.Nil(t, s.Certificate())
	addr := s.listen()
	for _, w := range wires[:2] {
		client, url := s.client(w, addr)
		resp, err := listStreams(client, url)
		require.NoError(t, err, w.name)
		assert.Equal(t, w.proto, resp.Proto, w.name)
	}
}

func TestNew_refuses(t *testing.T) {
	for _, cred := range []kinesisserver.Credential{{}, {AccessKeyID: "a"}, {AccessKeyID: "a", SecretAccessKey: "b", AccountID: "12"}} {
		_, err := kinesisserver.New(kinesisserver.Config{Credentials: []kinesisserver.Credential{cred}})
		assert.ErrorContains(t, err, "credentials[0]")
	}
}

// A client that does not send all of its headers in time is cut off then.
func TestServer_slowHeaders(t *testing.T) {
	for _, change := range []func(*kinesisserver.Config){func(*kinesisserver.Config) {}, overTLS} {
		for _, begin := range []string{"", "POST / HTTP/1.1\r\nHost: x\r\n"} {
			synctest.Test(t, func(t *testing.T) {
				s := newServer(t, change, func(c *kinesisserver.Config) { c.ReadHeaderTimeout = 50 * time.Millisecond })
				conn, start := s.sending(begin), time.Now()
				_, err := io.Copy(io.Discard, conn)
				assert.NoError(t, err, "%q", begin)
				assert.Equal(t, 50*time.Millisecond, time.Since(start), "%q", begin)
			})
		}
	}
}

// sending connects to s, in a bubble, and sends so much.
func (s *server) sending(begin string) net.Conn {
	l := newMemoryListener()
	s.t.Cleanup(s.serve(l))
	conn, err := l.dial(s.t.Context(), "", "")
	require.NoError(s.t, err)
	s.t.Cleanup(func() { conn.Close() })
	_, err = io.WriteString(conn, begin)
	require.NoError(s.t, err)
	return conn
}

// So is one that sends its body slowly.
func TestServer_slowBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, func(c *kinesisserver.Config) { c.ReadTimeout = 50 * time.Millisecond })
		conn := s.sending(fmt.Sprintf("POST / HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nX-Amz-Target: Kinesis_20131202.ListStreams\r\nContent-Length: 100\r\n\r\n{", jsonType))
		start := time.Now()
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
		assert.Equal(t, http.StatusRequestTimeout, resp.StatusCode)
		assert.Equal(t, 50*time.Millisecond, time.Since(start))
	})
}

func TestServer_largeHeaders(t *testing.T) {
	s := newServer(t)
	client, url := s.client(wires[0], s.listen())
	r, err := http.NewRequest("POST", url, nil)
	require.NoError(t, err)
	r.Header.Set("X-Amz-Target", strings.Repeat("a", 128<<10))
	resp, err := client.Do(r)
	require.NoError(t, err)
	resp.Body.Close()
	assert.Equal(t, http.StatusRequestHeaderFieldsTooLarge, resp.StatusCode)
}

// A connection beyond the bound is refused at once, with a reason, until another
// one closes. It waited, so that who held all of them was not to be told from a
// server that hangs.
func TestServer_maxConnections(t *testing.T) {
	for _, change := range []func(*kinesisserver.Config){func(*kinesisserver.Config) {}, overTLS} {
		s := newServer(t, change, func(c *kinesisserver.Config) { c.MaxConnections = 1 })
		s.SetRefusal(time.Minute) // on a busy machine a handshake may take a second
		addr := s.listen()
		for _, w := range wires {
			if w.proto != "HTTP/1.1" || w.scheme == "https" && s.Certificate() == nil {
				continue
			}
			first, url := s.client(w, addr)
			for admitted := false; !admitted; { // once the one before is gone
				resp, err := listStreams(first, url)
				admitted = err == nil && resp.StatusCode == http.StatusOK
				require.NoError(t, t.Context().Err(), w.name)
			}
			for range 100 {
				second, _ := s.client(w, addr)
				resp, err := second.Post(url, jsonType, strings.NewReader(`{}`))
				require.NoError(t, err, w.name)
				text, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				require.NoError(t, err, w.name)
				assert.Equal(t, http.StatusServiceUnavailable, resp.StatusCode, w.name)
				assert.Contains(t, string(text), `"message":"Too many connections are open`)
				assert.Equal(t, "1", resp.Header.Get("Retry-After"))
				second.CloseIdleConnections()
			}
			first.CloseIdleConnections()
		}
	}
}

// Many that are refused and never say or read anything hold up neither one that
// is served nor the end of the server.
func TestServer_refusedConnectionsStay(t *testing.T) {
	for _, change := range []func(*kinesisserver.Config){func(*kinesisserver.Config) {}, overTLS} {
		s := newServer(t, change, func(c *kinesisserver.Config) { c.MaxConnections = 1 })
		addr := s.listen()
		client, url := s.client(wires[0], addr)
		_, err := listStreams(client, url)
		require.NoError(t, err)
		for range 200 {
			c, err := net.Dial("tcp", addr)
			require.NoError(t, err)
			defer c.Close()
		}
		resp, err := listStreams(client, url)
		require.NoError(t, err)
		assert.Equal(t, http.StatusOK, resp.StatusCode)
	}
}

// A thousand clients at once.
func TestServer_manyConnections(t *testing.T) {
	if testing.Short() {
		t.Skip("a thousand connections")
	}
	s := newServer(t).withStream()
	addr := s.listen()
	var wait sync.WaitGroup
	for i := range 1000 {
		wait.Go(func() {
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			body := fmt.Sprintf(`{"StreamName":"s","PartitionKey":"%d","Data":"AAE="}`, i)
			r, err := http.NewRequest("POST", "http://"+addr, strings.NewReader(body))
			if !assert.NoError(t, err) {
				return
			}
			r.Header.Set("Content-Type", jsonType)
			r.Header.Set("X-Amz-Target", "Kinesis_20131202.PutRecord")
			resp, err := client.Do(r)
			if assert.NoError(t, err) {
				assert.Equal(t, http.StatusOK, resp.StatusCode)
				resp.Body.Close()
			}
		})
	}
	wait.Wait()
	records := 0
	for shard := range 3 {
		records += len(s.readShard(shard)["Records"].([]any))
	}
	assert.Equal(t, 1000, records)
}

// serving serves at an address of its own, until the test shuts s down: served
// is told what Serve returns.
func (s *server) serving() (served <-chan error, client *http.Client, url string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(s.t, err)
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	client, url = s.client(wires[0], l.Addr().String())
	return done, client, url
}

// Shutdown lets a request that is under way come to its end.
func TestServer_drains(t *testing.T) {
	s := newServer(t).withStream()
	entered, release := s.Hold("ListStreams")
	served, client, url := s.serving()
	answered := make(chan int, 1)
	go func() {
		resp, err := listStreams(client, url)
		if assert.NoError(t, err) {
			answered <- resp.StatusCode
		}
	}()
	<-entered
	down := make(chan error, 1)
	go func() { down <- s.Shutdown(t.Context()) }()
	assert.ErrorIs(t, <-served, http.ErrServerClosed)
	release()
	assert.Equal(t, http.StatusOK, <-answered)
	assert.NoError(t, <-down)
}

// What takes too long is cut off.
func TestServer_drainEnds(t *testing.T) {
	s := newServer(t).withStream()
	entered, release := s.Hold("ListStreams")
	served, client, url := s.serving()
	cut := make(chan error, 1)
	go func() {
		_, err := listStreams(client, url)
		cut <- err
	}()
	<-entered
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.ErrorIs(t, s.Shutdown(ctx), context.Canceled)
	assert.Error(t, <-cut)
	<-served
	release()
}

// A panic is an InternalFailure to the client, and seen in the log.
func TestHandler_panic(t *testing.T) {
	var log bytes.Buffer
	s := newServer(t, func(c *kinesisserver.Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	mend := s.Break("ListStreams")
	for _, call := range []func(op, body string) response{s.call, s.callCBOR} {
		r := call("ListStreams", `{}`)
		assert.Equal(t, http.StatusInternalServerError, r.status)
		assert.Contains(t, string(r.body), "InternalFailure")
		assertHeaders(t, r)
	}
	assert.Equal(t, `{"__type":"InternalFailure"}`, string(s.call("ListStreams", `{}`).body))
	assert.Contains(t, log.String(), "panic=broken")
	assert.Contains(t, s.metricsText(), "weir_panics_total 3\n")
	mend()
	s.must("ListStreams", `{}`)
}

// Accounts and regions are kept apart.
func TestAccounts(t *testing.T) {
	s := newServer(t)
	as := func(host, authorization, op, body string) map[string]any {
		r := request(op, jsonType, []byte(body))
		if host != "" {
			r.Host = host
		}
		if authorization != "" {
			r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+authorization+", SignedHeaders=host, Signature=x")
		}
		got := s.do(r)
		require.Equal(t, http.StatusOK, got.status, "%s", got.body)
		if len(got.body) == 0 {
			return nil
		}
		return got.json(t)
	}
	for i, row := range []struct{ host, authorization, arn string }{
		{"", "", "arn:aws:kinesis:us-east-1:123456789012:stream/s"},
		{"", "AKID/20261101/eu-west-1/kinesis/aws4_request", "arn:aws:kinesis:eu-west-1:123456789012:stream/s"},
		{"", "111111111111/20261101/eu-west-1/kinesis/aws4_request", "arn:aws:kinesis:eu-west-1:111111111111:stream/s"},
		{"222222222222.control-kinesis.us-west-2.amazonaws.com", "", "arn:aws:kinesis:us-west-2:222222222222:stream/s"},
		{"kinesis.cn-north-1.amazonaws.com.cn:4567", "", "arn:aws-cn:kinesis:cn-north-1:123456789012:stream/s"},
	} {
		as(row.host, row.authorization, "CreateStream", fmt.Sprintf(`{"StreamName":"s","ShardCount":%d}`, i+1))
		d := as(row.host, row.authorization, "DescribeStreamSummary", `{"StreamName":"s"}`)["StreamDescriptionSummary"].(map[string]any)
		assert.Equal(t, row.arn, d["StreamARN"])
		assert.Equal(t, float64(i+1), d["OpenShardCount"])
	}
	d := as("222222222222.data-kinesis-fips.us-west-2.amazonaws.com", "", "ListStreams", `{}`)
	assert.Equal(t, []any{"s"}, d["StreamNames"], "the other form of the same account")
	d = as("95dbc0f2-0233-b248-97fb-92d16e0ce7ad.control-kinesis.us-west-2.amazonaws.com", "222222222222/20261101/eu-west-1/kinesis/aws4_request", "ListStreams", `{}`)
	assert.Equal(t, []any{"s"}, d["StreamNames"], "a channel's host says the region, not the account")
	d = as("kinesis.us-west-2.api.aws", "", "ListStreams", `{}`)
	assert.Empty(t, d["StreamNames"])
	d = as("localhost:4567", "junk", "ListStreams", `{}`)
	assert.Equal(t, []any{"s"}, d["StreamNames"], "the default account")
	assert.Len(t, s.registry.Accounts(), 6)
}

func TestRegistry_bounded(t *testing.T) {
	r := kinesisserver.NewRegistry(kinesisserver.RegistryConfig{MaxAccounts: 2})
	one, err := r.Account("", "")
	require.NoError(t, err)
	same, err := r.Account("000000000000", "us-east-1")
	require.NoError(t, err)
	assert.Same(t, one, same)
	_, err = r.Account("111111111111", "")
	require.NoError(t, err)
	_, err = r.Account("222222222222", "")
	assert.ErrorContains(t, err, "2 accounts and regions already")
	_, err = r.Account("111111111111", "us-east-1")
	assert.NoError(t, err, "those that are open stay")
}

func TestRegistry_openFails(t *testing.T) {
	s := newServer(t, func(c *kinesisserver.Config) {
		c.Accounts = kinesisserver.NewRegistry(kinesisserver.RegistryConfig{Open: func(string, string) (*account.Account, error) {
			return nil, errors.New("no")
		}})
	})
	assert.Equal(t, http.StatusInternalServerError, s.call("ListStreams", `{}`).status)
	assert.Equal(t, http.StatusInternalServerError, s.call("PutRecord", `{"StreamName":"s","PartitionKey":"a","Data":""}`).status)
}

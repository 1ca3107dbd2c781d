package kinesisserver_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/kinesisserver"
)

// raw sends a request as a browser would write it, with a body that deletes the
// stream s, and returns the response without its body.
func raw(t *testing.T, addr, method, host string, headers ...string) *http.Response {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer conn.Close()
	body := `{"StreamName":"s"}`
	fmt.Fprintf(conn, "%s / HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\nX-Amz-Target: Kinesis_20131202.DeleteStream\r\n"+
		"Content-Length: %d\r\n%s\r\n%s", method, host, jsonType, len(body), strings.Join(append(headers, ""), "\r\n"), body)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	resp.Body.Close()
	return resp
}

// A browser sends what a page asks for to any address and says whose page it
// is; only the server can refuse.
func TestServer_refusesOtherOrigins(t *testing.T) {
	s := newServer(t).withStream()
	addr := s.listen()
	for _, origin := range []string{
		"https://evil.example.org", "null", "http://127.0.0.1:1", "http://" + addr + ".evil.org", "http://localhost", addr, "x",
	} {
		resp := raw(t, addr, "POST", addr, "Origin: "+origin)
		assert.Equal(t, http.StatusForbidden, resp.StatusCode, origin)
		preflight := raw(t, addr, "OPTIONS", addr, "Origin: "+origin, "Access-Control-Request-Method: POST",
			"Access-Control-Request-Headers: x-amz-target")
		assert.Equal(t, http.StatusForbidden, preflight.StatusCode, origin)
		for _, r := range []*http.Response{resp, preflight} {
			for name := range r.Header {
				assert.NotContains(t, name, "Access-Control", origin)
			}
		}
	}
	s.must("DescribeStreamSummary", `{"StreamName":"s"}`) // it is still there
	assert.Equal(t, http.StatusOK, raw(t, addr, "POST", addr, "Origin: http://"+addr).StatusCode, "its own origin")
}

func TestServer_allowsOrigins(t *testing.T) {
	for _, allowed := range [][]string{{"http://localhost:3000", "null"}, {"http://Localhost:3000", "null"}, {"*"}} {
		s := newServer(t, func(c *kinesisserver.Config) { c.AllowOrigins = allowed }).withStream()
		addr := s.listen()
		for _, origin := range []string{"http://localhost:3000", "null"} {
			resp := raw(t, addr, "OPTIONS", addr, "Origin: "+origin, "Access-Control-Request-Method: POST")
			assert.Equal(t, http.StatusOK, resp.StatusCode, origin)
			assert.Equal(t, origin, resp.Header.Get("Access-Control-Allow-Origin"))
		}
		other := raw(t, addr, "OPTIONS", addr, "Origin: http://localhost:3001", "Access-Control-Request-Method: POST")
		assert.Equal(t, allowed[0] == "*", other.StatusCode == http.StatusOK)
		assert.Equal(t, http.StatusOK, raw(t, addr, "POST", addr, "Origin: http://localhost:3000").StatusCode)
	}
}

// A page whose name was made to point here is of the server's origin for the
// browser; the name is in Host.
func TestServer_refusesReboundNames(t *testing.T) {
	s := newServer(t).withStream()
	addr := s.listen()
	for _, host := range []string{
		"evil.org", "evil.org:4567", "evil.org.", "127.0.0.1.evil.org", "localhost.evil.org:80", "kinesis.us-east-1.amazonaws.evil.org",
		"ec2-203-0-113-1.compute-1.amazonaws.com", "my-lb.us-east-1.elb.amazonaws.com", "1.2.3.4.5", "example.com.evil.org",
	} {
		assert.Equal(t, http.StatusForbidden, raw(t, addr, "POST", host).StatusCode, host)
		assert.Equal(t, http.StatusForbidden, raw(t, addr, "POST", host, "Origin: http://"+host).StatusCode, host)
	}
	s.must("DescribeStreamSummary", `{"StreamName":"s"}`)
}

func TestHandler_hosts(t *testing.T) {
	machine, err := os.Hostname()
	require.NoError(t, err)
	s := newServer(t, func(c *kinesisserver.Config) {
		c.Addr, c.AllowHosts = "Weir.Office.Net:4567", []string{"streams.corp.com", "rooted.corp.com."}
	})
	for _, host := range []string{
		"", "127.0.0.1", "127.0.0.1:4567", "[::1]:4567", "[::1]", "192.168.1.7:4567", "localhost", "LOCALHOST:4567", "localhost.:4567",
		"weir:4567", "host.docker.internal:4567", "host.containers.internal", "weir.default.svc.cluster.local", "a.localhost",
		machine, "weir.office.net", "WEIR.office.net:80", "streams.corp.com:4567", "Streams.Corp.com",
		"kinesis.eu-west-1.amazonaws.com", "123456789012.data-kinesis.eu-west-1.amazonaws.com", "kinesis.cn-north-1.amazonaws.com.cn",
		"kinesis.us-east-1.api.aws", "streams.corp.com.:4567", "rooted.corp.com",
	} {
		r := request("ListStreams", jsonType, []byte(`{}`))
		r.Host = host
		assert.Equal(t, http.StatusOK, s.do(r).status, "%q", host)
	}
	all := newServer(t, func(c *kinesisserver.Config) { c.AllowHosts = []string{"*"} })
	r := request("ListStreams", jsonType, []byte(`{}`))
	r.Host = "any.where.net"
	assert.Equal(t, http.StatusOK, all.do(r).status)
}

// The refusal is one that SDKs can read, and says no more than it must.
func TestHandler_refusalOfAHost(t *testing.T) {
	s := newServer(t)
	for _, contentType := range []string{jsonType, cborType, "text/plain"} {
		r := request("ListStreams", contentType, []byte(`{}`))
		r.Host = strings.Repeat("a", 5000) + ".org"
		got := s.do(r)
		assert.Equal(t, http.StatusForbidden, got.status)
		assert.Less(t, len(got.body), 500)
		if contentType != cborType {
			code, message := got.failure(t)
			assert.Equal(t, "AccessDeniedException", code)
			assert.Contains(t, message, "--allow-host")
		} else {
			assert.Equal(t, "AccessDeniedException", fromCBOR(t, got.body)["__type"])
		}
	}
}

func TestHandler_metricsAreGuarded(t *testing.T) {
	s := newServer(t)
	get := func(s *server, change func(*http.Request)) int {
		r := httptest.NewRequest("GET", "/_weir/metrics", nil)
		change(r)
		return s.do(r).status
	}
	assert.Equal(t, http.StatusOK, get(s, func(*http.Request) {}))
	assert.Equal(t, http.StatusForbidden, get(s, func(r *http.Request) { r.Host = "evil.org" }))
	assert.Equal(t, http.StatusForbidden, get(s, func(r *http.Request) { r.Header.Set("Origin", "http://evil.org") }))

	keys := newServer(t, func(c *kinesisserver.Config) {
		c.Credentials = []kinesisserver.Credential{
			{AccessKeyID: "AKID", SecretAccessKey: "secret"}, {AccessKeyID: "TEMP", SecretAccessKey: "brief", SessionToken: "token"},
		}
	})
	for _, user := range [][2]string{{"", ""}, {"AKID", ""}, {"AKID", "Secret"}, {"other", "secret"}, {"TEMP", "brief"}} {
		assert.Equal(t, http.StatusUnauthorized, get(keys, func(r *http.Request) { r.SetBasicAuth(user[0], user[1]) }), user)
	}
	assert.Equal(t, http.StatusUnauthorized, get(keys, func(*http.Request) {}))
	assert.Equal(t, http.StatusOK, get(keys, func(r *http.Request) { r.SetBasicAuth("AKID", "secret") }))
	assert.Equal(t, http.StatusOK, get(keys, func(r *http.Request) {
		r.SetBasicAuth("TEMP", "brief")
		r.Header.Set("X-Amz-Security-Token", "token")
	}))
	assert.Equal(t, http.StatusOK, keys.do(httptest.NewRequest("GET", "/_weir/health", nil)).status, "health tells nothing")
}

func TestNew_refusesAllowed(t *testing.T) {
	for _, bad := range []string{"", "localhost", "localhost:3000", "http://localhost/", "http://", "http://a b"} {
		_, err := kinesisserver.New(kinesisserver.Config{AllowOrigins: []string{"*", bad}})
		assert.ErrorContains(t, err, "allow origins[1]: ", bad)
	}
	for _, bad := range []string{"", "a:80", "http://a", "*.org"} {
		_, err := kinesisserver.New(kinesisserver.Config{AllowHosts: []string{"*", bad}})
		assert.ErrorContains(t, err, "allow hosts[1]: ", bad)
	}
}

package cli_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/cmd/weir/internal/cli"
)

// A serving is a weir serve that is ready for requests.
type serving struct {
	t      *testing.T
	url    string
	client *http.Client
	stop   func() (status int, stderr string)
}

// startServe runs weir serve on a free port until the test stops it or ends.
func startServe(t *testing.T, env map[string]string, args ...string) *serving {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, stdout := io.Pipe()
	var errs bytes.Buffer
	status := make(chan int, 1)
	go func() {
		args := append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)
		got := cli.Run(ctx, args, func(name string) string { return env[name] }, strings.NewReader(""), stdout, &errs)
		stdout.Close()
		status <- got
	}()
	lines := bufio.NewReader(out)
	line, err := lines.ReadString('\n')
	if err != nil {
		t.Fatalf("weir serve ended with status %d: %s", <-status, errs.String())
	}
	s := &serving{t: t, client: &http.Client{}}
	s.url = strings.TrimPrefix(strings.TrimSpace(line), "weir: listening on ")
	require.Regexp(t, `^weir: listening on https?://127\.0\.0\.1:[1-9]\d*\n$`, line)
	s.stop = sync.OnceValues(func() (int, string) {
		cancel()
		rest, _ := io.ReadAll(lines)
		assert.Empty(t, rest, "one line on standard output")
		return <-status, errs.String()
	})
	t.Cleanup(func() {
		s.client.CloseIdleConnections()
		s.stop()
	})
	return s
}

// request returns a request for an operation.
func (s *serving) request(operation string, body io.Reader) *http.Request {
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.url, body)
	require.NoError(s.t, err)
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "Kinesis_20131202."+operation)
	return r
}

// call calls an operation and returns the response's status, protocol and body.
func (s *serving) call(operation, body string) (status int, proto string, answer map[string]any) {
	s.t.Helper()
	response, err := s.client.Do(s.request(operation, strings.NewReader(body)))
	require.NoError(s.t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(s.t, err)
	if len(text) > 0 {
		require.NoError(s.t, json.Unmarshal(text, &answer), string(text))
	}
	return response.StatusCode, response.Proto, answer
}

// must calls an operation that must succeed.
func (s *serving) must(operation, body string) map[string]any {
	s.t.Helper()
	status, _, answer := s.call(operation, body)
	require.Equal(s.t, http.StatusOK, status, answer)
	return answer
}

// summary returns the description of a stream.
func (s *serving) summary(name string) map[string]any {
	s.t.Helper()
	answer := s.must("DescribeStreamSummary", `{"StreamName":"`+name+`"}`)
	return answer["StreamDescriptionSummary"].(map[string]any)
}

// One client made 4 GiB of records in 17 s, and 3.1 GiB of shards with 21
// requests of 45 bytes.
func TestServe_maxMemory(t *testing.T) {
	s := startServe(t, map[string]string{"WEIR_MAX_MEMORY": "64MiB"}, "--limits", "none", "--delay", "0s", "--stream", "s:1")
	status, _, answer := s.call("CreateStream", `{"StreamName":"t","ShardCount":100000}`)
	assert.Equal(t, http.StatusBadRequest, status)
	assert.Equal(t, "LimitExceededException", answer["__type"])
	put := fmt.Sprintf(`{"StreamName":"s","PartitionKey":"k","Data":%q}`, strings.Repeat("AAAA", 300_000))
	for n := 0; ; n++ {
		require.Less(t, n, 64<<20/900_000)
		if status, _, answer = s.call("PutRecord", put); status != http.StatusOK {
			break
		}
	}
	assert.Equal(t, "ProvisionedThroughputExceededException", answer["__type"])
	it := s.must("GetShardIterator", `{"StreamName":"s","ShardId":"shardId-000000000000","ShardIteratorType":"TRIM_HORIZON"}`)
	assert.NotEmpty(t, s.must("GetRecords", fmt.Sprintf(`{"ShardIterator":%q}`, it["ShardIterator"]))["Records"], "reads go on")
	s.must("DeleteStream", `{"StreamName":"s"}`)
	s.must("CreateStream", `{"StreamName":"s","ShardCount":1}`)
	s.must("PutRecord", put)
}

func TestServe_putAndGet(t *testing.T) {
	s := startServe(t, nil, "--stream", "orders:1")
	put := s.must("PutRecord", `{"StreamName":"orders","PartitionKey":"k","Data":"aGVsbG8="}`)
	assert.Equal(t, "shardId-000000000000", put["ShardId"])
	it := s.must("GetShardIterator", `{"StreamName":"orders","ShardId":"shardId-000000000000","ShardIteratorType":"TRIM_HORIZON"}`)
	got := s.must("GetRecords", fmt.Sprintf(`{"ShardIterator":%q}`, it["ShardIterator"]))
	records := got["Records"].([]any)
	require.Len(t, records, 1)
	record := records[0].(map[string]any)
	assert.Equal(t, "aGVsbG8=", record["Data"])
	assert.Equal(t, put["SequenceNumber"], record["SequenceNumber"])

	status, errs := s.stop()
	assert.Zero(t, status)
	assert.Empty(t, errs)
}

func TestServe_health(t *testing.T) {
	s := startServe(t, nil)
	for _, path := range []string{"/_weir/health", "/_weir/metrics"} {
		response, err := s.client.Get(s.url + path)
		require.NoError(t, err)
		response.Body.Close()
		assert.Equal(t, http.StatusOK, response.StatusCode, path)
	}
}

// A web page gets nothing unless its origin is allowed, nor one that calls this
// machine by a name of its own.
func TestServe_webPages(t *testing.T) {
	s := startServe(t, map[string]string{"WEIR_ALLOW_HOST": "weir.corp.com,streams.corp.com"},
		"--allow-origin", "http://localhost:3000", "--allow-origin", "https://app.corp.com")
	for _, test := range []struct {
		host, origin string
		status       int
	}{
		{"", "", http.StatusOK},
		{"", "https://app.corp.com", http.StatusOK},
		{"", "http://localhost:3000", http.StatusOK},
		{"", "http://localhost:3001", http.StatusForbidden},
		{"streams.corp.com", "", http.StatusOK},
		{"other.corp.com", "", http.StatusForbidden},
	} {
		r := s.request("ListStreams", strings.NewReader("{}"))
		r.Host = test.host
		if test.origin != "" {
			r.Header.Set("Origin", test.origin)
		}
		response, err := s.client.Do(r)
		require.NoError(t, err)
		response.Body.Close()
		assert.Equal(t, test.status, response.StatusCode, test)
	}
}

func TestServe_streamsAreActive(t *testing.T) {
	// More than may be CREATING at a time, or be created in a second.
	names := strings.Fields("a b c d e f g h i j k l m")
	s := startServe(t, nil, "--delay", "1m", "--stream", strings.Join(names, ","), "--stream", "x:3", "--stream", "y:on-demand")
	for _, name := range names {
		assert.Equal(t, "ACTIVE", s.summary(name)["StreamStatus"], name)
	}
	assert.EqualValues(t, 3, s.summary("x")["OpenShardCount"])
	assert.Equal(t, map[string]any{"StreamMode": "ON_DEMAND"}, s.summary("y")["StreamModeDetails"])
}

func TestServe_delay(t *testing.T) {
	for delay, want := range map[string]string{"1h": "CREATING", "0s": "ACTIVE"} {
		t.Run(delay, func(t *testing.T) {
			s := startServe(t, nil, "--delay", delay)
			s.must("CreateStream", `{"StreamName":"late","ShardCount":1}`)
			assert.Equal(t, want, s.summary("late")["StreamStatus"])
		})
	}
}

func TestServe_limits(t *testing.T) {
	for limits, want := range map[string]int{
		"service": http.StatusBadRequest, "kinesis": http.StatusBadRequest, "none": http.StatusOK,
	} {
		t.Run(limits, func(t *testing.T) {
			s := startServe(t, nil, "--limits", limits)
			s.must("DescribeLimits", `{}`)
			status, _, answer := s.call("DescribeLimits", `{}`) // once a second on the service
			assert.Equal(t, want, status, answer)
		})
	}
}

func TestServe_environment(t *testing.T) {
	env := map[string]string{
		"WEIR_STREAM": "orders:2, clicks:on-demand", "WEIR_DELAY": "1h", "WEIR_REGION": "eu-west-1",
		"WEIR_ACCOUNT_ID": "123456789012", "WEIR_TLS": "true", "WEIR_LISTEN": "no address",
		"WEIR_MAX_BODY": "100B", "WEIR_LOG": "", // empty is not set
	}
	s := startServe(t, env, "--delay", "0s") // and a --listen: the command line wins
	s.client.Transport = &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	orders := s.summary("orders")
	assert.Equal(t, "arn:aws:kinesis:eu-west-1:123456789012:stream/orders", orders["StreamARN"])
	assert.EqualValues(t, 2, orders["OpenShardCount"])
	assert.Equal(t, "ACTIVE", s.summary("clicks")["StreamStatus"])
	s.must("CreateStream", `{"StreamName":"now","ShardCount":1}`)
	assert.Equal(t, "ACTIVE", s.summary("now")["StreamStatus"])
	response, err := s.client.Do(s.request("ListStreams", strings.NewReader(`{"Limit":1`+strings.Repeat(" ", 100)+`}`)))
	require.NoError(t, err)
	response.Body.Close()
	assert.Equal(t, http.StatusRequestEntityTooLarge, response.StatusCode)
}

func TestServe_environmentOfStreamsGivesWay(t *testing.T) {
	s := startServe(t, map[string]string{"WEIR_STREAM": "orders"}, "--stream", "clicks")
	assert.Equal(t, []any{"clicks"}, s.must("ListStreams", `{}`)["StreamNames"])
}

func TestServe_cleartextHTTP2(t *testing.T) {
	s := startServe(t, nil)
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	s.client.Transport = &http.Transport{Protocols: protocols}
	status, proto, _ := s.call("ListStreams", `{}`)
	assert.Equal(t, http.StatusOK, status)
	assert.Equal(t, "HTTP/2.0", proto)
}

func TestServe_ownCertificate(t *testing.T) {
	cert, key, pool := certificate(t)
	s := startServe(t, nil, "--cert", cert, "--key", key)
	require.True(t, strings.HasPrefix(s.url, "https://"), s.url)
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	s.client.Transport = &http.Transport{Protocols: protocols, TLSClientConfig: &tls.Config{RootCAs: pool}}
	status, proto, _ := s.call("ListStreams", `{}`)
	assert.Equal(t, http.StatusOK, status)
	assert.Equal(t, "HTTP/2.0", proto)

	s.url = "http://" + strings.TrimPrefix(s.url, "https://")
	status, proto, _ = s.call("ListStreams", `{}`)
	assert.Equal(t, http.StatusOK, status, "cleartext is taken on the same port")
	assert.Equal(t, "HTTP/1.1", proto)
}

// certificate writes a certificate for 127.0.0.1 and its key to files.
func certificate(t *testing.T) (cert, key string, pool *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	pool = x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(text))
	cert, key = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	require.NoError(t, os.WriteFile(cert, text, 0o600))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
	return cert, key, pool
}

func TestServe_credentials(t *testing.T) {
	s := startServe(t, map[string]string{"WEIR_ACCESS_KEY": "AKID", "WEIR_SECRET_KEY": "secret"})
	status, _, answer := s.call("ListStreams", `{}`)
	assert.Equal(t, http.StatusBadRequest, status)
	assert.Equal(t, "MissingAuthenticationTokenException", answer["__type"])
}

func TestServe_log(t *testing.T) {
	for format, want := range map[string]string{"json": `"operation":"ListStreams"`, "text": "operation=ListStreams"} {
		t.Run(format, func(t *testing.T) {
			s := startServe(t, nil, "--log", format)
			s.must("ListStreams", `{}`)
			status, errs := s.stop()
			assert.Zero(t, status)
			assert.Contains(t, errs, want)
			assert.Equal(t, 1, strings.Count(errs, "\n"), errs)
		})
	}
}

func TestServe_drainEndsSubscriptions(t *testing.T) {
	s := startServe(t, nil, "--delay", "0s", "--stream", "orders")
	arn := s.summary("orders")["StreamARN"].(string)
	answer := s.must("RegisterStreamConsumer", `{"ConsumerName":"c","StreamARN":"`+arn+`"}`)
	consumer := answer["Consumer"].(map[string]any)["ConsumerARN"].(string)
	response, err := s.client.Do(s.request("SubscribeToShard", strings.NewReader(
		`{"ConsumerARN":"`+consumer+`","ShardId":"shardId-000000000000","StartingPosition":{"Type":"LATEST"}}`)))
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, http.StatusOK, response.StatusCode)
	_, err = io.ReadFull(response.Body, make([]byte, 16)) // of the first event
	require.NoError(t, err)

	status, errs := s.stop()
	assert.Zero(t, status, errs)
	_, err = io.Copy(io.Discard, response.Body)
	assert.NoError(t, err, "the response ends in good order")
}

// beginRequest sends a request but for its body, for which the server waits.
func (s *serving) beginRequest() (conn net.Conn, finish func() *http.Response) {
	s.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(s.t, err)
	s.t.Cleanup(func() { conn.Close() })
	_, err = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-amz-json-1.1\r\n"+
		"X-Amz-Target: Kinesis_20131202.ListStreams\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
	require.NoError(s.t, err)
	answers := bufio.NewReader(conn)
	interim, err := http.ReadResponse(answers, nil)
	require.NoError(s.t, err)
	require.Equal(s.t, http.StatusContinue, interim.StatusCode)
	return conn, func() *http.Response {
		_, err := io.WriteString(conn, "{}")
		require.NoError(s.t, err)
		response, err := http.ReadResponse(answers, nil)
		require.NoError(s.t, err)
		return response
	}
}

func TestServe_drainAnswersRequests(t *testing.T) {
	s := startServe(t, nil)
	_, finish := s.beginRequest()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		status, errs := s.stop()
		assert.Zero(t, status, errs)
	}()
	for { // until nobody listens any more
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			break
		}
		conn.Close()
	}
	response := finish()
	response.Body.Close()
	assert.Equal(t, http.StatusOK, response.StatusCode)
	<-ended
}

func TestServe_drainHasAnEnd(t *testing.T) {
	s := startServe(t, nil, "--drain", "1ms")
	s.beginRequest()
	status, errs := s.stop()
	assert.Equal(t, 1, status)
	assert.Equal(t, "weir serve: requests were cut off that took longer than --drain 1ms\n", errs)
}

func TestServe_errors(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	busy := taken.Addr().String()
	cert, key, _ := certificate(t)
	const usage = "\nRun 'weir serve --help' for usage."
	tests := []struct {
		env, args string
		want      string
	}{
		{"", "more", `unexpected argument "more"` + usage},
		{"", "--nope", "unknown flag: --nope" + usage},
		{"", "--listen " + busy, "--listen " + busy + ": address already in use"},
		{"", "--listen 192.0.2.1:4567", "--listen 192.0.2.1:4567: cannot assign requested address"},
		{"", "--listen 4567", `--listen "4567" is not of the form HOST:PORT, such as 127.0.0.1:4567` + usage},
		{"", "--listen :http", `--listen :http: port "http" is not a number from 0 to 65535` + usage},
		{"", "--listen 127.0.0.1:65536", `--listen 127.0.0.1:65536: port "65536" is not a number from 0 to 65535` + usage},
		{"", "--stream a/b", `invalid argument "a/b" for "--stream" flag: "a/b" is no stream's name: it must have 1 to 128 of the characters a-z A-Z 0-9 . _ and -` + usage},
		{"", "--stream a,,b", `invalid argument "a,,b" for "--stream" flag: "" is no stream's name: it must have 1 to 128 of the characters a-z A-Z 0-9 . _ and -` + usage},
		{"", "--stream a:0", `invalid argument "a:0" for "--stream" flag: stream a: "0" must be a number of shards from 1 to 2147483647, or on-demand` + usage},
		{"", "--stream a:x", `invalid argument "a:x" for "--stream" flag: stream a: "x" must be a number of shards from 1 to 2147483647, or on-demand` + usage},
		{"", "--stream a --stream b,a:2", `invalid argument "b,a:2" for "--stream" flag: stream a is given twice` + usage},
		{"", "--region Frankfurt", `--region "Frankfurt" is not a region's name, such as us-east-1` + usage},
		{"", "--account-id 42", `--account-id "42" does not have twelve digits` + usage},
		{"", "--limits aws", `invalid argument "aws" for "--limits" flag: must be "service" or "none"` + usage},
		{"", "--log xml", `invalid argument "xml" for "--log" flag: must be "json" or "text"` + usage},
		{"", "--delay 5", `invalid argument "5" for "--delay" flag: must be a time from 0s to 1h0m0s, such as 500ms` + usage},
		{"", "--delay -1s", `invalid argument "-1s" for "--delay" flag: must be a time from 0s to 1h0m0s, such as 500ms` + usage},
		{"", "--max-body 2GiB", `invalid argument "2GiB" for "--max-body" flag: must be a number of bytes from 1 to 1GiB, such as 16MiB` + usage},
		{"", "--max-memory 1MiB", "--max-memory is less than 64 MiB, which leaves no room for requests" + usage},
		{"", "--max-memory 2EiB", `invalid argument "2EiB" for "--max-memory" flag: must be a number of bytes from 1 to 1PiB, such as 512MiB` + usage},
		{"", "--max-connections 0", `invalid argument "0" for "--max-connections" flag: must be a number from 1 to 1048576` + usage},
		{"", "--cert " + cert, "--cert needs --key, the certificate's key" + usage},
		{"", "--key " + key, "--key needs --cert, the certificate" + usage},
		{"", "--cert /no/such --key " + key, "--cert /no/such, --key " + key + ": open /no/such: no such file or directory"},
		{"WEIR_DELAY=soon", "", `invalid value "soon" of WEIR_DELAY: must be a time from 0s to 1h0m0s, such as 500ms` + usage},
		{"WEIR_STREAM=a:x", "", `invalid value "a:x" of WEIR_STREAM: stream a: "x" must be a number of shards from 1 to 2147483647, or on-demand` + usage},
		{"WEIR_TLS=maybe", "", `invalid value "maybe" of WEIR_TLS: must be true or false` + usage},
		{"WEIR_ACCESS_KEY=a", "", "WEIR_ACCESS_KEY is set, but WEIR_SECRET_KEY is not" + usage},
		{"WEIR_SECRET_KEY=a", "", "WEIR_SECRET_KEY is set, but WEIR_ACCESS_KEY is not" + usage},
	}
	for _, tt := range tests {
		t.Run(tt.env+" "+tt.args, func(t *testing.T) {
			name, value, _ := strings.Cut(tt.env, "=")
			getenv := func(n string) string {
				if n == name {
					return value
				}
				return ""
			}
			var out, errs bytes.Buffer
			status := cli.Run(t.Context(), append([]string{"serve"}, strings.Fields(tt.args)...), getenv, nil, &out, &errs)
			assert.Equal(t, 1, status)
			assert.Empty(t, out.String())
			assert.Equal(t, "weir serve: "+tt.want+"\n", errs.String())
		})
	}
}

func TestServe_tooManyShards(t *testing.T) {
	var out, errs bytes.Buffer
	status := cli.Run(t.Context(), []string{"serve", "--listen", "127.0.0.1:0", "--stream", "a:20001"}, noEnv, nil, &out, &errs)
	assert.Equal(t, 1, status)
	assert.Empty(t, out.String())
	assert.Contains(t, errs.String(), "weir serve: --stream a:20001: LimitExceededException: ")
}

func TestServe_unwritableOutput(t *testing.T) {
	var errs bytes.Buffer
	status := cli.Run(t.Context(), []string{"serve", "--listen", "127.0.0.1:0"}, noEnv, nil, brokenWriter{}, &errs)
	assert.Equal(t, 1, status)
	assert.Equal(t, "weir serve: standard output: broken\n", errs.String())
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, fmt.Errorf("broken") }

// Package consumers_test drives a running server with the consumer libraries that Go
// programs use. ../run starts the server, the tables for leases, and the tests.
package consumers_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go/middleware"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// region is the server's with the service's limits on throughput and calls.
const region = "eu-west-1"

// patience is how long to wait for records that the library may look for every 30
// seconds only.
const patience = 90 * time.Second

const (
	shard0 = "shardId-000000000000"
	shard1 = "shardId-000000000001"
	shard2 = "shardId-000000000002"
)

// TestMain lets one goroutine run at a time: harlow/kinesis-consumer changes a map of
// shards from several without a lock, and if two of them do so at once the whole
// program ends with "concurrent map writes".
func TestMain(m *testing.M) {
	runtime.GOMAXPROCS(1)
	if os.Getenv("WEIR_HTTP") == "" || os.Getenv("WEIR_DYNAMODB") == "" {
		fmt.Fprintln(os.Stderr, "these tests need a server: run aws/clients/run consumers")
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// A library is one under test, over one protocol.
type library struct {
	name, module, protocol string
	endpoint               string // the variable of the environment that holds it
	http2                  bool   // over TLS
}

var (
	resultsMu sync.Mutex // guards the file that results are appended to
	sessions  atomic.Int64
)

// try runs a test of a library and records its result, and the operations that the
// library called on the way.
func (l library) try(t *testing.T, check string, test func(t *testing.T, s *session)) {
	t.Run(l.name+"/"+l.protocol+"/"+check, func(t *testing.T) {
		t.Parallel()
		s := l.session(t)
		t.Cleanup(func() {
			l.record(t, "check", check, !t.Failed())
			for operation, err := range s.called.all() {
				l.record(t, "operation", operation, err == nil)
			}
		})
		test(t, s)
	})
}

func (l library) record(t *testing.T, kind, name string, pass bool) {
	line, err := json.Marshal(map[string]any{
		"client": l.name, "version": l.version(t), "protocol": "JSON, " + l.protocol, kind: name, "pass": pass,
	})
	require.NoError(t, err)
	resultsMu.Lock()
	defer resultsMu.Unlock()
	f, err := os.OpenFile(os.Getenv("WEIR_RESULTS"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	require.NoError(t, err)
	defer f.Close()
	_, err = f.Write(append(line, '\n'))
	require.NoError(t, err)
}

// version names the library's version and that of the SDK it was built with.
func (l library) version(t *testing.T) string {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Version}}", l.module, "github.com/aws/aws-sdk-go-v2/service/kinesis").Output()
	require.NoError(t, err)
	versions := strings.Fields(string(out))
	require.Len(t, versions, 2)
	return versions[0] + ", with aws-sdk-go-v2 service/kinesis " + versions[1]
}

// A calls notes the operations that a client called: the last error of those that
// never succeeded, and nil for the others.
type calls struct {
	mu   sync.Mutex
	errs map[string]error
}

func (c *calls) note(operation string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if before, seen := c.errs[operation]; !seen || before != nil {
		c.errs[operation] = err
	}
}

func (c *calls) all() map[string]error {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make(map[string]error, len(c.errs))
	for operation, err := range c.errs {
		all[operation] = err
	}
	return all
}

// watch is an option of a client that notes its calls.
func (c *calls) watch(o *kinesis.Options) {
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("Watch",
			func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
				out, md, err := next.HandleInitialize(ctx, in)
				c.note(awsmiddleware.GetOperationName(ctx), err)
				return out, md, err
			}), middleware.After)
	})
}

// A session is one test: a stream in an account of its own, a client for the library,
// and what it delivered.
type session struct {
	t           *testing.T
	credentials aws.CredentialsProvider
	library     *kinesis.Client // what the library is to call
	producer    *kinesis.Client
	called      *calls
	stream      string
	sent        map[string]int // records by their partition key
	ended       chan error     // takes what the library returned in the end; nil if that is not known

	mu  sync.Mutex // guards got
	got map[string][]string
}

func (l library) session(t *testing.T) *session {
	pem, err := os.ReadFile(os.Getenv("WEIR_CA"))
	require.NoError(t, err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	protocols := new(http.Protocols)
	protocols.SetHTTP1(!l.http2)
	protocols.SetHTTP2(l.http2)
	client := &http.Client{Transport: &http.Transport{Protocols: protocols, TLSClientConfig: &tls.Config{RootCAs: roots}}}
	n := sessions.Add(1)
	s := &session{
		t: t, called: &calls{errs: make(map[string]error)},
		stream: fmt.Sprintf("consumed-%d", n), sent: make(map[string]int), got: make(map[string][]string),
		credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: fmt.Sprintf("6%011d", n), SecretAccessKey: "secret"}, nil
		}),
	}
	options := kinesis.Options{
		Region: region, BaseEndpoint: aws.String(os.Getenv(l.endpoint)), HTTPClient: bufferedClient{client}, Credentials: s.credentials,
	}
	s.producer, s.library = kinesis.New(options), kinesis.New(options, s.called.watch)
	_, err = s.producer.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: &s.stream, ShardCount: aws.Int32(1)})
	require.NoError(t, err)
	return s
}

// A bufferedClient gives net/http request bodies that it knows to be in memory; ../go
// says why. It is needed more here: the SDK that these libraries are built with does
// not retry a call whose answer was cut off, and harlow/kinesis-consumer ends all of
// its reading then.
type bufferedClient struct{ *http.Client }

func (c bufferedClient) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	return c.Client.Do(r)
}

// put puts n records for each of ten keys: their data are numbers that rise.
func (s *session) put(n int) {
	s.t.Helper()
	for range n {
		var batch []types.PutRecordsRequestEntry
		for k := range 10 {
			key := fmt.Sprintf("key-%d", k)
			batch = append(batch, types.PutRecordsRequestEntry{PartitionKey: &key, Data: fmt.Appendf(nil, "%d", s.sent[key])})
			s.sent[key]++
		}
		out, err := s.producer.PutRecords(s.t.Context(), &kinesis.PutRecordsInput{StreamName: &s.stream, Records: batch})
		require.NoError(s.t, err)
		require.EqualValues(s.t, 0, *out.FailedRecordCount)
	}
}

// take notes a record that the library delivered.
func (s *session) take(r types.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got[*r.PartitionKey] = append(s.got[*r.PartitionKey], string(r.Data))
}

func (s *session) split() {
	s.t.Helper()
	_, err := s.producer.SplitShard(s.t.Context(), &kinesis.SplitShardInput{StreamName: &s.stream,
		ShardToSplit: aws.String(shard0), NewStartingHashKey: aws.String("170141183460469231731687303715884105728")})
	require.NoError(s.t, err)
}

func (s *session) merge() {
	s.t.Helper()
	_, err := s.producer.MergeShards(s.t.Context(), &kinesis.MergeShardsInput{StreamName: &s.stream,
		ShardToMerge: aws.String(shard1), AdjacentShardToMerge: aws.String(shard2)})
	require.NoError(s.t, err)
}

// await waits until as many records came as were put.
func (s *session) await() {
	s.t.Helper()
	sent := 0
	for _, n := range s.sent {
		sent += n
	}
	for deadline := time.After(patience); s.received() < sent; {
		select {
		case <-time.After(20 * time.Millisecond):
		case err := <-s.ended:
			require.FailNow(s.t, "the library ended by itself", "%d of %d records came: %v", s.received(), sent, err)
		case <-deadline:
			require.FailNow(s.t, "the library is stuck", "%d of %d records came in %v", s.received(), sent, patience)
		}
	}
}

func (s *session) received() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, data := range s.got {
		n += len(data)
	}
	return n
}

// verify sees to it that every record came once, and in order for each key.
func (s *session) verify() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	want := make(map[string][]string)
	for key, n := range s.sent {
		for i := range n {
			want[key] = append(want[key], fmt.Sprint(i))
		}
	}
	assert.Equal(s.t, want, s.got)
}

// Package clients_test drives a running server with aws-sdk-go-v2: every
// operation, paginators, waiters, typed errors and subscriptions, over HTTP/1.1,
// HTTP/2 in cleartext and HTTP/2 over TLS. ../run starts the server and the tests.
package clients_test

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
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/require"
)

// The regions of the server, by how their accounts behave.
const (
	instant = "us-east-1"
	paced   = "us-west-2"
	limited = "eu-west-1"
	hasty   = "ap-southeast-2" // a second lasts a hundred
)

// A transport is a way of reaching the server.
type transport struct {
	name     string // as the table of results has it
	endpoint string // the variable of the environment that holds it
	signed   string // the same for the endpoint that checks signatures
	major    int    // the version of HTTP that must come of it
	client   *http.Client
}

var transports []transport

func TestMain(m *testing.M) {
	if os.Getenv("WEIR_HTTP") == "" {
		fmt.Fprintln(os.Stderr, "these tests need a server: run aws/clients/run go")
		os.Exit(1)
	}
	pem, err := os.ReadFile(os.Getenv("WEIR_CA"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	client := func(set func(*http.Protocols)) *http.Client {
		p := new(http.Protocols)
		set(p)
		return &http.Client{Transport: &http.Transport{
			Protocols: p, TLSClientConfig: &tls.Config{RootCAs: roots}, MaxIdleConnsPerHost: 64,
		}}
	}
	transports = []transport{
		{"HTTP/1.1", "WEIR_HTTP", "WEIR_SIGNED_HTTP", 1, client(func(p *http.Protocols) { p.SetHTTP1(true) })},
		{"h2c", "WEIR_HTTP", "WEIR_SIGNED_HTTP", 2, client(func(p *http.Protocols) { p.SetUnencryptedHTTP2(true) })},
		{"HTTP/2 TLS", "WEIR_HTTPS", "WEIR_SIGNED_HTTPS", 2, client(func(p *http.Protocols) { p.SetHTTP1(true); p.SetHTTP2(true) })},
	}
	os.Exit(m.Run())
}

// over runs a test over each transport, and records its result.
func over(t *testing.T, kind, name string, test func(t *testing.T, s *session)) {
	t.Helper()
	for _, tr := range transports {
		t.Run(name+"/"+tr.name, func(t *testing.T) {
			t.Parallel()
			t.Cleanup(func() { record(t, tr.name, kind, name) })
			test(t, newSession(t, tr))
		})
	}
}

var results sync.Mutex // guards the file that results are appended to

// record appends the result of a test to the file of results.
func record(t *testing.T, protocol, kind, name string) {
	line, err := json.Marshal(map[string]any{
		"client": "aws-sdk-go-v2", "version": sdkVersion(), "protocol": "JSON, " + protocol,
		kind: name, "pass": !t.Failed(), "skip": t.Skipped(),
	})
	require.NoError(t, err)
	results.Lock()
	defer results.Unlock()
	f, err := os.OpenFile(os.Getenv("WEIR_RESULTS"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	require.NoError(t, err)
	defer f.Close()
	_, err = f.Write(append(line, '\n'))
	require.NoError(t, err)
}

// sdkVersion names the SDK's version: a test's binary does not know it.
var sdkVersion = sync.OnceValue(func() string {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Version}}", "github.com/aws/aws-sdk-go-v2/service/kinesis").Output()
	if err != nil {
		return "unknown"
	}
	return "service/kinesis " + strings.TrimSpace(string(out))
})

// A session is one test's clients. The test has an account to itself.
type session struct {
	*kinesis.Client // of the region instant, without retries
	transport       transport
	account         string
	ctx             context.Context
}

var accounts atomic.Int64

func newSession(t *testing.T, tr transport) *session {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	s := &session{transport: tr, account: fmt.Sprintf("1%011d", accounts.Add(1)), ctx: ctx}
	s.Client = s.in(instant)
	return s
}

// in returns a client for another region of the same account.
func (s *session) in(region string, set ...func(*kinesis.Options)) *kinesis.Client {
	o := kinesis.Options{
		Region: region, BaseEndpoint: aws.String(os.Getenv(s.transport.endpoint)),
		HTTPClient: bufferedClient{s.transport.client}, Retryer: aws.NopRetryer{},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: s.account, SecretAccessKey: "secret"}, nil
		}),
	}
	return kinesis.New(o, set...)
}

// A bufferedClient gives net/http request bodies that it knows to be in memory. It
// does not otherwise know the SDK's: over HTTP/1.1 it then looks, when such a body is
// written, whether there is more of it, is told so with an error if the SDK has just
// closed it because the answer began, and closes the connection under the answer. What
// is not read by then, of a large answer or of a subscription, is lost: one subscription
// in 170 was hit on a busy machine, and none in 10,000 with this client. The SDK's
// retries, which these tests do without, hide it for all operations but
// SubscribeToShard; those of before 2025 do not (aws/aws-sdk-go-v2#2737).
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

// A stream is one that a test made.
type stream struct {
	*session
	t        *testing.T
	name     string
	arn      string
	consumer int
}

var streams atomic.Int64

// stream creates a stream in the region instant.
func (s *session) stream(t *testing.T, shards int32) *stream {
	t.Helper()
	return s.create(t, &kinesis.CreateStreamInput{ShardCount: &shards})
}

// onDemand creates a stream in on-demand mode.
func (s *session) onDemand(t *testing.T) *stream {
	t.Helper()
	return s.create(t, &kinesis.CreateStreamInput{
		StreamModeDetails: &types.StreamModeDetails{StreamMode: types.StreamModeOnDemand}})
}

func (s *session) create(t *testing.T, in *kinesis.CreateStreamInput) *stream {
	t.Helper()
	name := fmt.Sprintf("stream-%d", streams.Add(1))
	in.StreamName = &name
	_, err := s.CreateStream(s.ctx, in)
	require.NoError(t, err)
	return &stream{session: s, t: t, name: name,
		arn: fmt.Sprintf("arn:aws:kinesis:%s:%s:stream/%s", instant, s.account, name)}
}

// summary describes the stream.
func (st *stream) summary() *types.StreamDescriptionSummary {
	st.t.Helper()
	out, err := st.DescribeStreamSummary(st.ctx, &kinesis.DescribeStreamSummaryInput{StreamName: &st.name})
	require.NoError(st.t, err)
	return out.StreamDescriptionSummary
}

// shards lists the stream's shards.
func (st *stream) shards() []types.Shard {
	st.t.Helper()
	out, err := st.ListShards(st.ctx, &kinesis.ListShardsInput{StreamName: &st.name})
	require.NoError(st.t, err)
	return out.Shards
}

// put puts a record and returns where it went.
func (st *stream) put(key, data string) *kinesis.PutRecordOutput {
	st.t.Helper()
	out, err := st.PutRecord(st.ctx, &kinesis.PutRecordInput{
		StreamName: &st.name, PartitionKey: &key, Data: []byte(data)})
	require.NoError(st.t, err)
	return out
}

// iterator returns a shard iterator; in has what is beyond the stream.
func (st *stream) iterator(in kinesis.GetShardIteratorInput) *string {
	st.t.Helper()
	in.StreamName = &st.name
	if in.ShardId == nil {
		in.ShardId = aws.String(shard0)
	}
	out, err := st.GetShardIterator(st.ctx, &in)
	require.NoError(st.t, err)
	require.NotEmpty(st.t, out.ShardIterator)
	return out.ShardIterator
}

// read reads what an iterator finds in one call, as text.
func (st *stream) read(iterator *string) []string {
	st.t.Helper()
	out, err := st.GetRecords(st.ctx, &kinesis.GetRecordsInput{ShardIterator: iterator})
	require.NoError(st.t, err)
	return texts(out.Records)
}

// register registers a consumer and returns its ARN.
func (st *stream) register() *string {
	st.t.Helper()
	st.consumer++
	out, err := st.RegisterStreamConsumer(st.ctx, &kinesis.RegisterStreamConsumerInput{
		StreamARN: &st.arn, ConsumerName: aws.String(fmt.Sprintf("consumer-%d", st.consumer))})
	require.NoError(st.t, err)
	return out.Consumer.ConsumerARN
}

const (
	shard0 = "shardId-000000000000"
	shard1 = "shardId-000000000001"
	shard2 = "shardId-000000000002"
)

func texts(records []types.Record) []string {
	all := make([]string, len(records))
	for i, r := range records {
		all[i] = string(r.Data)
	}
	return all
}

package cli_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/cmd/weir/internal/cli"
)

// An invoked is a function that is a server, and notes what it is given.
type invoked struct {
	t      *testing.T
	url    string
	answer func(w http.ResponseWriter, texts []string) // nil answers nothing
	// enough, if it is not nil, is called when so many records were given.
	most   int
	enough func()

	mu    sync.Mutex // guards what follows
	calls [][]string // the texts of each
}

func newInvoked(t *testing.T) *invoked {
	f := &invoked{t: t}
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	f.url = s.URL + "/2015-03-31/functions/function/invocations"
	return f
}

// textsOf returns the data of an event's records.
func textsOf(t *testing.T, event []byte) (texts []string) {
	var e struct {
		Records []struct {
			EventSource string
			Kinesis     struct{ Data []byte }
		}
	}
	assert.NoError(t, json.Unmarshal(event, &e))
	for _, r := range e.Records {
		assert.Equal(t, "aws:kinesis", r.EventSource)
		texts = append(texts, string(r.Kinesis.Data))
	}
	return texts
}

func (f *invoked) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	event, err := io.ReadAll(r.Body)
	assert.NoError(f.t, err)
	texts := textsOf(f.t, event)
	f.mu.Lock()
	f.calls = append(f.calls, texts)
	f.most -= len(texts)
	enough := f.most <= 0 && f.enough != nil
	f.mu.Unlock()
	if f.answer != nil {
		f.answer(w, texts)
	}
	if enough {
		f.enough()
	}
}

func (f *invoked) texts() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Concat(f.calls...)
}

// trigger runs weir trigger until the function was given so many records.
func (f *invoked) trigger(records int, args ...string) (status int, errs string) {
	f.mu.Lock()
	f.calls, f.most = nil, records
	ctx, cancel := context.WithCancel(f.t.Context())
	defer cancel()
	f.enough = cancel
	f.mu.Unlock()
	var stderr bytes.Buffer
	status = cli.Run(ctx, append([]string{"trigger"}, args...), noEnv, strings.NewReader(""), io.Discard, &stderr)
	return status, stderr.String()
}

func all20() (texts []string) {
	for i := range 20 {
		texts = append(texts, fmt.Sprintf("record %02d", i))
	}
	return texts
}

// A run that ends by ctrl-C has status 0, and the next goes on behind it.
func TestTrigger_aURLGetsTheBatches(t *testing.T) {
	dir, _ := storedStream(t)
	f, store := newInvoked(t), filepath.Join(t.TempDir(), "groups")
	args := []string{dir, "--url", f.url, "--store", store, "--batch-size", "7"}
	status, errs := f.trigger(7, args...)
	require.Zero(t, status, errs)
	first := f.texts()
	for _, call := range f.calls {
		assert.LessOrEqual(t, len(call), 7)
	}
	assert.Contains(t, errs, "orders → "+f.url+", group orders-function in "+store)
	assert.Contains(t, errs, fmt.Sprintf("Group orders-function: records 20 read, %d given; batches %d given;", len(first), len(f.calls)))

	c := &consumption{t: t, dir: dir}
	c.put("later")
	status, errs = f.trigger(21-len(first), args...)
	require.Zero(t, status, errs)
	assert.ElementsMatch(t, append(all20(), "later"), append(first, f.texts()...), "each once")
}

// The same on a stream of an endpoint.
func TestTrigger_overAnEndpoint(t *testing.T) {
	s := startServe(t, nil, "--stream", "orders:2", "--delay", "0s", "--limits", "none")
	for i, text := range all20() {
		s.must("PutRecord", fmt.Sprintf(`{"StreamName":"orders","PartitionKey":"key-%d","Data":%q}`, i%3, base64.StdEncoding.EncodeToString([]byte(text))))
	}
	f := newInvoked(t)
	status, errs := f.trigger(20, "orders", "--endpoint", s.url, "--url", f.url, "--store", t.TempDir(), "--parallelization-factor", "10")
	require.Zero(t, status, errs)
	assert.ElementsMatch(t, all20(), f.texts())
}

// What is given up can be read again by the ARN and the numbers that are told.
func TestTrigger_namesTheStream(t *testing.T) {
	s := startServe(t, nil, "--stream", "orders", "--delay", "0s", "--limits", "none", "--region", "eu-west-1")
	s.putAll("orders", "bad")
	f, failed := newInvoked(t), filepath.Join(t.TempDir(), "failed.jsonl")
	f.answer = func(w http.ResponseWriter, _ []string) { w.WriteHeader(http.StatusInternalServerError) }
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	errs := &stopWhen{text: "records given up", stop: cancel}
	status := cli.Run(ctx, []string{"trigger", "orders", "--endpoint", s.url, "--region", "eu-west-1", "--url", f.url, "--store", t.TempDir(),
		"--maximum-retry-attempts", "0", "--on-failure", failed}, noEnv, strings.NewReader(""), io.Discard, errs)
	require.Zero(t, status, errs)
	text, err := os.ReadFile(failed)
	require.NoError(t, err)
	assert.Contains(t, string(text), fmt.Sprintf(`"streamArn":%q`, s.summary("orders")["StreamARN"]))
}

// If the source is a registered consumer the stream is read as that.
func TestTrigger_asAConsumer(t *testing.T) {
	s := startServe(t, nil, "--stream", "orders", "--delay", "0s", "--limits", "none", "--log", "text")
	s.putAll("orders", all20()...)
	arn := s.summary("orders")["StreamARN"].(string)
	answer := s.must("RegisterStreamConsumer", fmt.Sprintf(`{"StreamARN":%q,"ConsumerName":"billing"}`, arn))
	arn = answer["Consumer"].(map[string]any)["ConsumerARN"].(string)
	f := newInvoked(t)
	status, errs := f.trigger(20, "orders", "--endpoint", s.url, "--url", f.url, "--store", t.TempDir(), "--event-source-arn", arn)
	require.Zero(t, status, errs)
	assert.ElementsMatch(t, all20(), f.texts())
	_, log := s.stop()
	assert.Contains(t, log, "SubscribeToShard")
	assert.NotContains(t, log, "GetRecords")
}

// The poison record is found by halving, is reported alone, and all others are
// processed.
func TestTrigger_reportsAPoisonRecord(t *testing.T) {
	dir, _ := storedStream(t)
	f, failed := newInvoked(t), filepath.Join(t.TempDir(), "failed.jsonl")
	var done sync.Map
	f.answer = func(w http.ResponseWriter, texts []string) {
		if slices.Contains(texts, "record 05") {
			fmt.Fprint(w, `{"errorType":"ValueError","errorMessage":"poison"}`)
			return
		}
		for _, text := range texts {
			done.Store(text, true)
		}
	}
	mapping := writeFile(t, `{"FunctionName":"billing","BisectBatchOnFunctionError":true,"MaximumRetryAttempts":5,
		"DestinationConfig":{"OnFailure":{"Destination":"arn:aws:s3:::failed"}}}`)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	errs := &stopWhen{text: "records given up", stop: cancel}
	status := cli.Run(ctx, []string{"trigger", dir, "--url", f.url, "--store", t.TempDir(), "--settings", mapping, "--maximum-retry-attempts", "1",
		"--on-failure", failed, "--on-failure-form", "bucket"}, noEnv, strings.NewReader(""), io.Discard, errs)
	require.Zero(t, status, errs)
	for _, want := range []string{"group orders-billing", `ValueError: \"poison\"`, "1 given up", "1 repeated"} {
		assert.Contains(t, errs.String(), want)
	}
	text, err := os.ReadFile(failed)
	require.NoError(t, err)
	require.Equal(t, 1, bytes.Count(text, []byte("\n")))
	var document struct {
		RequestContext   struct{ FunctionArn, Condition string }
		KinesisBatchInfo struct{ BatchSize int }
		Payload          string
	}
	require.NoError(t, json.Unmarshal(text, &document))
	assert.Equal(t, "arn:aws:lambda:us-east-1:000000000000:function:billing", document.RequestContext.FunctionArn)
	assert.Equal(t, 1, document.KinesisBatchInfo.BatchSize)
	assert.Equal(t, []string{"record 05"}, textsOf(t, []byte(document.Payload)))
	_, bad := done.Load("record 05")
	assert.False(t, bad)
}

// stopWhen keeps what is written to it, and ends a context when a text comes.
type stopWhen struct {
	stopAfter
	text string
	stop func()
}

func (s *stopWhen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.stopAfter.text.Write(b)
	if strings.Contains(s.stopAfter.text.String(), s.text) {
		s.stop()
	}
	return n, err
}

// What cannot be reached, or says what it should not, loses nothing: it is tried
// until it works, by whoever comes next.
func TestTrigger_neverLoses(t *testing.T) {
	dir, _ := storedStream(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	store := filepath.Join(t.TempDir(), "groups")
	f := newInvoked(t)
	run := func(stopAt string, args ...string) string {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		errs := &stopWhen{text: stopAt, stop: cancel}
		status := cli.Run(ctx, append([]string{"trigger", dir, "--store", store, "--group", "g"}, args...), noEnv, strings.NewReader(""), io.Discard, errs)
		assert.Zero(t, status, errs)
		assert.NotContains(t, errs.String(), "given up")
		return errs.String()
	}
	text := run("function not begun", "--maximum-retry-attempts", "0", "--url", "http://"+l.Addr().String()+"/")
	assert.Contains(t, text, "connection refused")
	for want, answer := range map[string]func(http.ResponseWriter){
		"an answer that is no JSON":         func(w http.ResponseWriter) { io.WriteString(w, "done") },
		"Task timed out after 3.00 seconds": func(w http.ResponseWriter) { io.WriteString(w, "Task timed out after 3.00 seconds") },
		"an answer of 6291557 bytes; at most 6291556 are allowed": func(w http.ResponseWriter) {
			fmt.Fprintf(w, `"%s"`, bytes.Repeat([]byte("x"), 7<<20))
		},
		`\"4\" is no record of the batch`: func(w http.ResponseWriter) { io.WriteString(w, `{"batchItemFailures":[{"itemIdentifier":"4"}]}`) },
		"502 Bad Gateway":                 func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) },
	} {
		f.answer = func(w http.ResponseWriter, _ []string) { answer(w) }
		assert.Contains(t, run("function failed", "--url", f.url, "--function-response-types", "ReportBatchItemFailures"), want)
	}
	f.answer = nil
	status, errs := f.trigger(20, dir, "--store", store, "--group", "g", "--url", f.url)
	require.Zero(t, status, errs)
	assert.ElementsMatch(t, all20(), f.texts())
}

// A command gets the event on its standard input, and answers on its standard
// output.
func TestTrigger_aCommandGetsTheBatches(t *testing.T) {
	dir, _ := storedStream(t)
	notes := filepath.Join(t.TempDir(), "notes")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	errs := &stopAfter{lines: 1 + 20, stop: cancel} // the title, and a line for each
	status := cli.Run(ctx, []string{"trigger", dir, "--store", t.TempDir(), "--batch-size", "1", "--",
		"sh", "-c", `cat >>"$0"; echo >>"$0"; echo '{}'; echo done >&2`, notes}, noEnv, strings.NewReader(""), io.Discard, errs)
	require.Zero(t, status, errs)
	text, err := os.ReadFile(notes)
	require.NoError(t, err)
	var texts []string
	for line := range bytes.Lines(text) {
		texts = append(texts, textsOf(t, line)...)
	}
	assert.Equal(t, all20(), texts, "of one shard, in order")
}

// A function that takes too long has failed, and its command is killed.
func TestTrigger_timeout(t *testing.T) {
	dir, _ := storedStream(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	errs := &stopWhen{text: "function failed", stop: cancel}
	status := cli.Run(ctx, []string{"trigger", dir, "--store", t.TempDir(), "--timeout", "50ms", "--", "sh", "-c", "sleep 60; true"},
		noEnv, strings.NewReader(""), io.Discard, errs)
	require.Zero(t, status, errs)
	assert.Contains(t, errs.String(), "sh: was killed: it took longer than 50ms")
}

func TestTrigger_aMappingThatIsNotEnabled(t *testing.T) {
	dir, _ := storedStream(t)
	f := newInvoked(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	errs := &stopWhen{text: "The mapping is not enabled: nothing is read.", stop: cancel}
	status := cli.Run(ctx, []string{"trigger", dir, "--store", t.TempDir(), "--enabled=false", "--url", f.url}, noEnv, strings.NewReader(""), io.Discard, errs)
	assert.Zero(t, status, errs)
	assert.Empty(t, f.texts())
}

func TestTrigger_refuses(t *testing.T) {
	dir := t.TempDir()
	const url = "http://127.0.0.1:1/"
	for want, args := range map[string][]string{
		"a stream is needed: weir trigger STREAM --url URL":   {"--url", url},
		"a stream is needed: weir trigger STREAM":             {"--", "cat"},
		"a function is needed: --url URL, or a command":       {"orders"},
		"a function is needed: --url URL, or":                 {"orders", "--"},
		`unexpected argument "cat": a command stands behind`:  {"orders", "cat"},
		"one stream is needed before the --; 2 given":         {"a", "b", "--", "cat"},
		"--url and a command are two functions":               {"orders", "--url", url, "--", "cat"},
		`--url: "localhost:9000" is no URL such as http://`:   {"orders", "--url", "localhost:9000"},
		`--url: "" is no URL such as`:                         {"orders", "--url", ""},
		`--group: group name "a/b"`:                           {"./" + "x", "--group", "a/b", "--url", url},
		"--failover 99ms: must be 100ms at least":             {"orders", "--failover", "99ms", "--url", url},
		"--patience 1s: must be --failover, 2s, at least":     {"orders", "--failover", "2s", "--patience", "1s", "--url", url},
		"--on-failure-form is about what is given up":         {"orders", "--on-failure-form", "bucket", "--url", url},
		"must be a number from -1 to 10000":                   {"orders", "--concurrency", "-2", "--url", url},
		`must be "queue" or "bucket"`:                         {"orders", "--on-failure-form", "topic", "--url", url},
		"--on-failure: open /nothing/here: no such file":      {"orders", "--on-failure", "/nothing/here", "--url", url},
		`--on-failure: "ftp://x/" is no URL`:                  {"orders", "--on-failure", "ftp://x/", "--url", url},
		"--on-failure: the settings name the destination arn": {"orders", "--destination-config", `{"OnFailure":{"Destination":"arn:aws:sqs:a:b:c"}}`, "--url", url},
		"BatchSize: 0 is not 1 to 10000; ParallelizationF":    {"orders", "--batch-size", "0", "--parallelization-factor", "11", "--url", url},
		"FilterCriteria.Filters[0].Pattern: ":                 {"orders", "--filter", `{"data":{"n":[{"numeric":["!",1]}]}}`, "--url", url},
		"--settings: open /nothing/here: no such file":        {"orders", "--settings", "/nothing/here", "--url", url},
		"must be a time from 0s to 24h0m0s":                   {"orders", "--timeout", "25h", "--url", url},
		`"no-such-command": executable file not found`:        {"orders", "--", "no-such-command"},
		"there is no such directory":                          {"./nothing-here", "--url", url},
		"there is no stream in this directory":                {dir, "--url", url},
		`--endpoint: "nope" is no URL`:                        {"orders", "--endpoint", "nope", "--url", url},
	} {
		status, _, errs := weir(t, "", append([]string{"trigger", "--store", filepath.Join(dir, "groups")}, args...)...)
		assert.Equal(t, 1, status, want)
		assert.Contains(t, errs, want)
	}
}

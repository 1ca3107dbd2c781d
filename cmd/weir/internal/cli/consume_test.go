package cli_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	engine "github.com/weirstream/weir"
	"github.com/weirstream/weir/aggregate"
	"github.com/weirstream/weir/cmd/weir/internal/cli"
	"github.com/weirstream/weir/cmd/weir/internal/line"
	"github.com/weirstream/weir/cmd/weir/internal/pipe"
	"github.com/weirstream/weir/lease"
)

// asCommand makes the test's program a command that reads lines of records: what
// it does stands in this variable of the environment.
const asCommand = "WEIR_TEST_COMMAND"

func TestMain(m *testing.M) {
	if what := os.Getenv(asCommand); what != "" {
		os.Exit(command(what, os.Args[1:]))
	}
	os.Exit(m.Run())
}

// command acknowledges some records and ends, notes all it is given in a file, or
// fails.
func command(what string, args []string) int {
	notes, err := os.OpenFile(args[0], os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return 3
	}
	defer notes.Close()
	left := -1
	if n, ok := strings.CutPrefix(what, "ack "); ok {
		left, _ = strconv.Atoi(n)
	}
	for lines := bufio.NewScanner(os.Stdin); left != 0 && lines.Scan(); left-- {
		fmt.Fprintln(notes, lines.Text())
		var l line.Line
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return 4
		}
		switch {
		case what == "fail" && *l.Text == "record 05":
			return 7
		case what == "lie":
			fmt.Println("not-an-id")
		case what == "keep":
			fmt.Fprintln(os.Stderr, "kept")
		default:
			fmt.Println(l.ID)
			fmt.Fprintln(os.Stderr, "done")
		}
	}
	return 0
}

// A consumption is a stream on disk, a store and a file with what commands read.
type consumption struct {
	t                 *testing.T
	dir, store, notes string
}

func newConsumption(t *testing.T) *consumption {
	t.Setenv("GORACE", "atexit_sleep_ms=0") // else commands end a second late in a race detector
	dir, _ := storedStream(t)
	return &consumption{t: t, dir: dir, store: filepath.Join(t.TempDir(), "groups"), notes: filepath.Join(t.TempDir(), "notes")}
}

func (c *consumption) run(ctx context.Context, out *bytes.Buffer, what string, flags ...string) (status int, errs string) {
	c.t.Setenv(asCommand, what)
	var stderr bytes.Buffer
	args := append([]string{"consume", c.dir, "--group", "audit", "--store", c.store}, flags...)
	args = append(args, "--", os.Args[0], c.notes)
	if out == nil {
		out = new(bytes.Buffer)
	}
	status = cli.Run(ctx, args, noEnv, strings.NewReader(""), out, &stderr)
	return status, stderr.String()
}

// read returns the texts that commands read since the last time, of records as
// they are in the directory.
func (c *consumption) read() (texts []string) {
	for _, l := range c.lines() {
		assert.Equal(c.t, "2027-01-15T08:00:00Z", l.Time)
		texts = append(texts, *l.Text)
	}
	return texts
}

// texts returns the texts that commands read since the last time.
func (c *consumption) texts() (texts []string) {
	for _, l := range c.lines() {
		texts = append(texts, *l.Text)
	}
	return texts
}

func (c *consumption) lines() (lines []line.Line) {
	content, err := os.ReadFile(c.notes)
	require.NoError(c.t, err)
	require.NoError(c.t, os.Remove(c.notes))
	for _, text := range strings.Split(strings.TrimSpace(string(content)), "\n") {
		var l line.Line
		require.NoError(c.t, json.Unmarshal([]byte(text), &l))
		assert.Equal(c.t, "orders", l.Stream)
		assert.Regexp(c.t, "^key-[0-2]$", l.Key)
		lines = append(lines, l)
	}
	return lines
}

func (c *consumption) put(texts ...string) {
	s := openStream(c.t, c.dir)
	for _, text := range texts {
		_, err := s.PutRecord(c.t.Context(), "key-0", []byte(text))
		require.NoError(c.t, err)
	}
	require.NoError(c.t, s.Close())
}

// What the command acknowledged is not given to the next one; what it did not is.
func TestConsume_goesOnAfterWhatWasAcknowledged(t *testing.T) {
	c := newConsumption(t)
	status, errs := c.run(t.Context(), nil, "ack 12")
	require.Zero(t, status, errs)
	first := c.read()
	require.Len(t, first, 12)
	assert.Contains(t, errs, "Group audit: ")

	status, errs = c.run(t.Context(), nil, "ack 8")
	require.Zero(t, status, errs)
	second := c.read()
	var all []string
	for i := range 20 {
		all = append(all, fmt.Sprintf("record %02d", i))
	}
	assert.ElementsMatch(t, all, append(first, second...), "each once")

	c.put("later", "latest")
	status, errs = c.run(t.Context(), nil, "ack 2")
	require.Zero(t, status, errs)
	assert.Equal(t, []string{"later", "latest"}, c.read())
}

// stopAfter keeps what is written to it, and ends a context when that is so many
// lines.
type stopAfter struct {
	mu    sync.Mutex
	text  strings.Builder
	lines int
	stop  func()
}

func (s *stopAfter) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lines -= bytes.Count(b, []byte("\n")); s.lines <= 0 {
		s.stop()
	}
	return s.text.Write(b)
}

func (s *stopAfter) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// The same command on a stream of an endpoint: ctrl-C lets it finish what it was
// given, the exit status is 0, and nothing of it comes again.
func TestConsume_overAnEndpoint(t *testing.T) {
	c := newConsumption(t)
	s := startServe(t, nil, "--stream", "orders:2", "--delay", "0s", "--limits", "none", "--group-leases", c.store)
	put := func(from, to int) (texts []string) {
		for i := range to - from {
			text := fmt.Sprintf("record %02d", from+i)
			s.must("PutRecord", fmt.Sprintf(`{"StreamName":"orders","PartitionKey":"key-%d","Data":%q}`, i%3, base64.StdEncoding.EncodeToString([]byte(text))))
			texts = append(texts, text)
		}
		return texts
	}
	run := func(lines int, flags ...string) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		errs := &stopAfter{lines: lines, stop: cancel}
		args := append([]string{"consume", "orders", "--endpoint", s.url, "--group", "audit", "--store", c.store}, flags...)
		t.Setenv(asCommand, "all")
		status := cli.Run(ctx, append(args, "--", os.Args[0], c.notes), noEnv, strings.NewReader(""), io.Discard, errs)
		assert.Zero(t, status, errs)
		assert.Contains(t, errs.String(), "Group audit: ")
	}
	want := put(0, 50)
	run(10)
	first := c.texts()
	assert.GreaterOrEqual(t, len(first), 10)
	want = append(want, put(50, 70)...)
	run(70 - len(first))
	assert.ElementsMatch(t, want, append(first, c.texts()...), "each once")

	// The console of the endpoint is told where the group keeps how far it is.
	page := func() string { return readersPage(t, s.url) }
	assert.Regexp(t, `<strong>audit</strong> <span class="muted">0 records behind; nobody at work`, page())
	assert.Contains(t, page(), "Kept in <code>"+c.store+"</code>")
	put(70, 75)
	assert.Contains(t, page(), "5 records behind")
}

// The console shows a group whose leases are in a table of DynamoDB, that answers
// or not.
func TestServe_showsGroupsOfTables(t *testing.T) {
	var scans, refuse atomic.Int64
	table := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		switch {
		case refuse.Load() > 0:
			w.WriteHeader(http.StatusBadRequest)
			io.WriteString(w, `{"__type":"com.amazonaws.dynamodb.v20120810#AccessDeniedException","message":"not yours"}`)
		case r.Header.Get("X-Amz-Target") == "DynamoDB_20120810.DescribeTable":
			io.WriteString(w, `{"Table":{"TableStatus":"ACTIVE","KeySchema":[{"AttributeName":"leaseKey","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"leaseKey","AttributeType":"S"}]}}`)
		case r.Header.Get("X-Amz-Target") == "DynamoDB_20120810.Scan":
			scans.Add(1)
			io.WriteString(w, `{"Items":[{"leaseKey":{"S":"shardId-000000000000"},"leaseCounter":{"N":"7"},"leaseOwner":{"S":"java-1"},"checkpoint":{"S":"TRIM_HORIZON"}}]}`)
		default:
			assert.Fail(t, "asked for "+r.Header.Get("X-Amz-Target"))
		}
	}))
	defer table.Close()
	for name, value := range map[string]string{
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_PROFILE": "", "AWS_REGION": "us-east-1",
		"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_ENDPOINT_URL_DYNAMODB": table.URL,
	} {
		t.Setenv(name, value)
	}
	s := startServe(t, nil, "--stream", "orders:1", "--delay", "0s", "--group-leases", "dynamodb:audit", "--group-leases", "dynamodb:later")
	s.must("PutRecord", `{"StreamName":"orders","PartitionKey":"k","Data":"eA=="}`)
	for range 3 {
		page := readersPage(t, s.url)
		assert.Contains(t, page, `<strong>audit</strong> <span class="muted">1 record behind`)
		assert.Contains(t, page, "java-1")
		assert.Contains(t, page, "Kept in <code>dynamodb:audit</code>, and only shown here")
	}
	assert.Equal(t, int64(2), scans.Load(), "one of each table")

	refuse.Store(1)
	s = startServe(t, nil, "--stream", "orders:1", "--delay", "0s", "--group-leases", "dynamodb:audit")
	page := readersPage(t, s.url)
	assert.Contains(t, page, `<strong>audit</strong> <span class="muted">not known`)
	assert.Contains(t, page, "AccessDeniedException: not yours")
}

// readersPage returns the console's page of who reads orders.
func readersPage(t *testing.T, url string) string {
	r, err := http.Get(url + "/_weir/readers?name=orders")
	require.NoError(t, err)
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	return string(body)
}

// What was in an aggregate that nobody takes apart is told.
func TestConsume_tellsOfDiscardedRecords(t *testing.T) {
	c := newConsumption(t)
	s, err := engine.Open(c.dir, engine.Config{Now: func() time.Time { return time.Unix(1_800_000_000, 0) }})
	require.NoError(t, err)
	_, err = s.SplitShard(t.Context(), 0, s.Shards()[0].HashKeyRange.Middle())
	require.NoError(t, err)
	var b aggregate.Builder
	for i := range 20 { // of both halves
		require.NoError(t, b.Add(engine.Entry{PartitionKey: fmt.Sprint("key-", i), Data: []byte("lost")}))
	}
	_, err = s.PutRecord(t.Context(), "key-1", b.Append(nil))
	require.NoError(t, err)
	_, err = s.PutRecord(t.Context(), "key-1", []byte("behind"))
	require.NoError(t, err)
	require.NoError(t, s.Close())
	status, errs := c.run(t.Context(), nil, "ack 21")
	require.Zero(t, status, errs)
	assert.Contains(t, c.read(), "behind")
	assert.Contains(t, errs, "21 acknowledged; 20 records discarded, out of aggregates with some of another shard")
}

// A command that does not end is killed after --patience, and what it has not
// acknowledged comes again.
func TestConsume_aCommandThatNeverAcknowledges(t *testing.T) {
	c := newConsumption(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	t.Setenv(asCommand, "keep")
	errs := &stopAfter{lines: 20, stop: cancel}
	status := cli.Run(ctx, []string{"consume", c.dir, "--group", "audit", "--store", c.store, "--", os.Args[0], c.notes},
		noEnv, strings.NewReader(""), io.Discard, errs)
	assert.Zero(t, status, errs)
	assert.Contains(t, errs.String(), "Group audit: 20 records given to the command, 0 acknowledged.")
	assert.Len(t, c.read(), 20)

	status, text := c.run(t.Context(), nil, "ack 20")
	require.Zero(t, status, text)
	assert.Len(t, c.read(), 20)
}

// Whoever forgets to flush the ids is told, once for each time.
func TestConsume_tellsOfACommandThatIsSilent(t *testing.T) {
	var log bytes.Buffer
	look := make(chan time.Time)
	silent, moved := pipe.Counts{Given: 7, Waiting: 5, Acked: 2, Idle: 61 * time.Second}, pipe.Counts{Given: 7, Waiting: 4, Acked: 3}
	all := []pipe.Counts{{}, moved, {Given: 7, Acked: 7, Idle: time.Hour}, {Given: 1, Waiting: 1, Idle: time.Minute - 1}, silent, silent, moved, silent}
	ctx, cancel := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	next := 0
	watching.Go(func() {
		cli.Watch(ctx, look, func() pipe.Counts { next++; return all[next-1] }, slog.New(slog.NewTextHandler(&log, nil)))
	})
	for range all {
		look <- time.Time{}
	}
	cancel()
	watching.Wait()
	assert.Equal(t, 2, strings.Count(log.String(), "the command acknowledges nothing"), log.String())
	assert.Contains(t, log.String(), "waiting=5 for=1m1s")
}

// With --per-batch exit status 0 acknowledges what the command was given.
func TestConsume_perBatch(t *testing.T) {
	c := newConsumption(t)
	status, errs := c.run(t.Context(), nil, "fail", "--per-batch", "--on-error", "stop", "--batch", "100")
	assert.Equal(t, 1, status)
	assert.Contains(t, errs, "exit status 7")
	assert.Contains(t, errs, "handler failed 1 times")
	c.read()

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	t.Setenv(asCommand, "note")
	var stderr bytes.Buffer
	status = cli.Run(ctx, []string{"consume", c.dir, "--group", "audit", "--store", c.store, "--per-batch", "--batch", "7", "--", os.Args[0], c.notes},
		noEnv, strings.NewReader(""), &stopAfter{lines: 20, stop: cancel}, &stderr)
	require.Zero(t, status, stderr.String())
	assert.Len(t, c.read(), 20)
	assert.Contains(t, stderr.String(), "20 records processed")
}

// With --on-error skip a batch that fails --attempts times is left out.
func TestConsume_perBatchSkips(t *testing.T) {
	c := newConsumption(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	t.Setenv(asCommand, "fail")
	out, errs := &stopAfter{lines: 19, stop: cancel}, &stopAfter{lines: 1000, stop: cancel}
	status := cli.Run(ctx, []string{"consume", c.dir, "--group", "audit", "--store", c.store, "--per-batch", "--batch", "1", "--on-error", "skip",
		"--attempts", "2", "--", os.Args[0], c.notes}, noEnv, strings.NewReader(""), out, errs)
	require.Zero(t, status, errs)
	assert.Len(t, c.read(), 21, "one twice")
	assert.Contains(t, errs.String(), "19 records processed, 1 skipped; 2 runs of the command failed.")
}

func TestConsume_commandsThatFail(t *testing.T) {
	c := newConsumption(t)
	status, errs := c.run(t.Context(), nil, "lie")
	assert.Equal(t, 1, status)
	assert.Contains(t, errs, `printed "not-an-id", which is no id of a record that it was given`)
	c.read()
	status, errs = c.run(t.Context(), nil, "fail")
	assert.Equal(t, 1, status)
	assert.Contains(t, errs, "exit status 7")
	assert.Contains(t, errs, "Group audit: 20 records given to the command, 5 acknowledged.")
	c.read()
	status, errs = c.run(t.Context(), nil, "ack 15")
	assert.Zero(t, status, errs)
	assert.Equal(t, "record 05", c.read()[0])
	status, _, errs = weir(t, "", "consume", c.dir, "--group", "audit", "--store", c.store, "--", filepath.Join(t.TempDir(), "nothing"))
	assert.Equal(t, 1, status)
	assert.Contains(t, errs, "no such file")
	status, errs = c.run(t.Context(), nil, "all", "--store", writeFile(t, "no store"))
	assert.Equal(t, 1, status)
	assert.Contains(t, errs, "--store: ")
}

func TestConsume_refuses(t *testing.T) {
	dir := t.TempDir()
	for want, args := range map[string][]string{
		"a command is needed, behind --":                  {"orders", "--group", "a"},
		"one stream is needed before the --":              {"--group", "a", "--", "cat"},
		"one stream is needed before the --, and the":     {"a", "b", "--group", "a", "--", "cat"},
		"a command is needed, behind --: weir":            {"orders", "--group", "a", "cat"},
		"--group is needed":                               {"orders", "--", "cat"},
		`--group: group name "a/b"`:                       {"orders", "--group", "a/b", "--", "cat"},
		"--on-error is about batches, so --per-batch":     {"orders", "--group", "a", "--on-error", "skip", "--", "cat"},
		"--attempts is about batches, so --per-batch":     {"orders", "--group", "a", "--attempts", "2", "--", "cat"},
		"--attempts 2: --on-error retry tries without":    {"orders", "--group", "a", "--attempts", "2", "--per-batch", "--", "cat"},
		"--failover 99ms: must be 100ms at least":         {"orders", "--group", "a", "--failover", "99ms", "--", "cat"},
		"--patience 1s: must be --failover, 2s, at least": {"orders", "--group", "a", "--failover", "2s", "--patience", "1s", "--", "cat"},
		"is in the future":                                {"orders", "--group", "a", "--from", "9999-01-01T00:00:00Z", "--", "cat"},
		`"no-such-command": executable file not found`:    {"orders", "--group", "a", "--", "no-such-command"},
		"there is no such directory":                      {"./nothing-here", "--group", "a", "--", "cat"},
		"there is no stream in this directory":            {dir, "--group", "a", "--", "cat"},
		"is a directory; --endpoint and --region":         {dir, "--endpoint", "http://127.0.0.1:1", "--group", "a", "--", "cat"},
		`--endpoint: "nope" is no URL`:                    {"orders", "--endpoint", "nope", "--group", "a", "--", "cat"},
		"must be horizon, latest, a time":                 {"orders", "--from", "yesterday", "--group", "a", "--", "cat"},
		"must be a number from 1 to 10000":                {"orders", "--batch", "0", "--group", "a", "--", "cat"},
		`must be "retry" or "skip" or "stop"`:             {"orders", "--on-error", "panic", "--group", "a", "--", "cat"},
		"must be a time from 0s to 1h0m0s, such as 500ms": {"orders", "--failover", "2h", "--group", "a", "--", "cat"},
	} {
		status, _, errs := weir(t, "", append([]string{"consume", "--store", filepath.Join(dir, "groups")}, args...)...)
		assert.Equal(t, 1, status, want)
		assert.Contains(t, errs, want)
	}
}

// A group that stands in a stream that was made again, such as that of a weir
// serve in memory, was an error of the service's words alone.
func TestGroups_ofAStreamThatWasMadeAgain(t *testing.T) {
	before, err := engine.NewStream("orders", engine.Config{Now: func() time.Time { return time.Now().Add(-time.Hour) }})
	require.NoError(t, err)
	at, err := before.PutRecord(t.Context(), "k", nil)
	require.NoError(t, err)
	url, _ := endpoint(t)
	for name, args := range map[string][]string{
		"consume": {"consume", "orders", "--", "cat"}, "trigger": {"trigger", "orders", "--", "cat"}, "deliver": {"deliver", "orders", "--to", t.TempDir()},
	} {
		t.Run(name, func(t *testing.T) {
			store := t.TempDir()
			d, err := lease.OpenDir(store, "audit")
			require.NoError(t, err)
			require.NoError(t, d.Create(t.Context(), lease.Lease{Key: at.ShardID.String(), Checkpoint: lease.Checkpoint{Sequence: at.SequenceNumber.String()}}))
			args := slices.Insert(slices.Clone(args), 2, "--endpoint", url, "--group", "audit", "--store", store)
			status, _, errs := weir(t, "", args...)
			assert.Equal(t, 1, status)
			assert.Contains(t, errs, at.SequenceNumber.String())
			assert.Contains(t, errs, "or begin again after: weir group reset audit --to horizon --yes --store "+store+"\n")
		})
	}
}

package cli_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	engine "github.com/weirstream/weir"
	"github.com/weirstream/weir/aggregate"
	"github.com/weirstream/weir/aws/account"
	"github.com/weirstream/weir/aws/kinesisserver"
	"github.com/weirstream/weir/cmd/weir/internal/cli"
	"github.com/weirstream/weir/cmd/weir/internal/line"
)

func TestTail_ofADirectory(t *testing.T) {
	dir, _ := storedStream(t)
	status, out, errs := weir(t, "", "tail", dir)
	require.Zero(t, status, errs)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	require.Len(t, lines, 20)
	assert.Equal(t, "2027-01-15T08:00:00.000Z  shardId-000000000000  key-0  record 00", lines[0])

	status, out, errs = weir(t, "", "tail", dir, "--key", "key-1", "--key", "key-2", "--raw", "-n", "3")
	require.Zero(t, status, errs)
	assert.Equal(t, "record 01\nrecord 02\nrecord 04\n", out)

	status, out, errs = weir(t, "", "tail", dir, "--json", "-n", "1", "--shard", "0")
	require.Zero(t, status, errs)
	var l line.Line
	require.NoError(t, json.Unmarshal([]byte(out), &l))
	assert.Equal(t, "record 00", *l.Text)
	assert.Nil(t, l.Sub)

	status, out, errs = weir(t, "", "tail", dir, "--key", "nobody")
	require.Zero(t, status, errs)
	assert.Empty(t, out)
	assert.Equal(t, "There are no such records.\n", errs)
}

// endpoint returns the address of a server with a stream "orders", and its engine.
func endpoint(t *testing.T) (url string, s *engine.Stream) {
	t.Helper()
	a, err := account.New(account.Instant())
	require.NoError(t, err)
	name, shards := "orders", int32(2)
	_, err = a.CreateStream(t.Context(), &account.CreateStreamInput{StreamName: &name, ShardCount: &shards})
	require.NoError(t, err)
	accounts := kinesisserver.NewRegistry(kinesisserver.RegistryConfig{Open: func(string, string) (*account.Account, error) { return a, nil }})
	server, err := kinesisserver.New(kinesisserver.Config{Accounts: accounts})
	require.NoError(t, err)
	listening := httptest.NewServer(server.Handler())
	t.Cleanup(listening.Close)
	return listening.URL, a.Stream(name)
}

func TestTail_followsAnEndpoint(t *testing.T) {
	url, s := endpoint(t)
	put := func(key, text string) {
		_, err := s.PutRecord(t.Context(), key, []byte(text))
		require.NoError(t, err)
	}
	put("a", "before")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out := &lines{seen: make(chan string, 10)}
	var errs bytes.Buffer
	status := make(chan int, 1)
	go func() {
		args := []string{"tail", "orders", "--endpoint", url, "--follow", "--raw", "--from", "horizon"}
		status <- cli.Run(ctx, args, noEnv, strings.NewReader(""), out, &errs)
	}()
	assert.Equal(t, "before", <-out.seen)
	for i := range 2 {
		put(fmt.Sprint(i), fmt.Sprint("after ", i))
		assert.Equal(t, fmt.Sprint("after ", i), <-out.seen)
	}
	stop()
	assert.Zero(t, <-status, errs.String())
	assert.Empty(t, errs.String())
}

// lines passes lines on as they are written.
type lines struct{ seen chan string }

func (l *lines) Write(p []byte) (int, error) {
	l.seen <- strings.TrimSuffix(string(p), "\n")
	return len(p), nil
}

func TestTail_showsWhatATerminalCouldTakeForSomethingElse(t *testing.T) {
	dir := t.TempDir()
	s := openStream(t, dir)
	var b aggregate.Builder
	require.NoError(t, b.Add(engine.Entry{PartitionKey: "a", Data: []byte("one")}))
	require.NoError(t, b.Add(engine.Entry{PartitionKey: "a", Data: []byte("two")}))
	_, err := s.PutRecords(t.Context(), []engine.Entry{
		{PartitionKey: "\x1b[31m", Data: []byte("line\nline")}, {PartitionKey: "é", Data: []byte{0xff, 0}}, {PartitionKey: `"q"`, Data: nil}, b.Entry(nil),
	})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	status, out, errs := weir(t, "", "tail", dir)
	require.Zero(t, status, errs)
	const place = "2027-01-15T08:00:00.000Z  shardId-000000000000  "
	assert.Equal(t, place+`"\x1b[31m"  "line\nline"
`+place+`é  base64:/wA=
`+place+`"\"q\""  ""
`+place+`a  one
`+place+`a  two
`, out)
	status, out, errs = weir(t, "", "tail", dir, "--json", "--key", "a")
	require.Zero(t, status, errs)
	assert.Contains(t, out, `"sub":1,"key":"a"`)
	status, out, errs = weir(t, "", "tail", dir, "--whole", "--key", "a")
	require.Zero(t, status, errs)
	assert.Equal(t, 1, strings.Count(out, "\n"))
	assert.Contains(t, out, "base64:84maw")
}

func TestTail_filter(t *testing.T) {
	dir := t.TempDir()
	s := openStream(t, dir)
	for _, data := range []string{`{"total":5}`, `{"total":500}`, "no JSON", `{"total":"500"}`, `{"total":101,"x":[]}`} {
		_, err := s.PutRecord(t.Context(), "k", []byte(data))
		require.NoError(t, err)
	}
	require.NoError(t, s.Close())
	status, out, errs := weir(t, "", "tail", dir, "--raw", "--filter", `{"total":[{"numeric":[">",100]}]}`)
	require.Zero(t, status, errs)
	assert.Equal(t, `{"total":500}`+"\n"+`{"total":101,"x":[]}`+"\n", out)
}

func TestTail_badInput(t *testing.T) {
	dir, _ := storedStream(t)
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no stream":          {nil, "one stream is needed, by name or directory; 0 given"},
		"no such directory":  {[]string{dir + "/none"}, "there is no such directory"},
		"no stream in it":    {[]string{t.TempDir()}, "there is no stream in this directory"},
		"the tip alone":      {[]string{dir, "--from", "latest"}, "--from latest shows nothing without --follow"},
		"two forms":          {[]string{dir, "--json", "--raw"}, "--json and --raw exclude each other"},
		"no position":        {[]string{dir, "--from", "yesterday"}, "must be horizon, latest, a time"},
		"no shard's name":    {[]string{dir, "--shard", "x"}, `--shard "x": must be an id such as shardId-000000000003, or its number`},
		"no such shard":      {[]string{dir, "--shard", "7"}, "stream orders, shardId-000000000007: shard not found"},
		"no pattern":         {[]string{dir, "--filter", `{"total":5}`}, `total`},
		"no records":         {[]string{dir, "-n", "0"}, "must be"},
		"no end":             {[]string{dir, "--follow"}, "nobody puts into"},
		"a directory's host": {[]string{dir, "--endpoint", "http://127.0.0.1:1"}, "is a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			status, out, errs := weir(t, "", append([]string{"tail"}, c.args...)...)
			assert.Equal(t, 1, status)
			assert.Empty(t, out)
			assert.Contains(t, errs, c.want)
		})
	}
}

// What cannot be read of an aggregate is not left out in silence.
func TestTail_tellsOfDamagedAggregates(t *testing.T) {
	message := "\n\x01k\x1a\x07\x08\x00\x1a\x03one\x1a\x07\x08\x05\x1a\x03two" // the second one's key is in no table
	sum := md5.Sum([]byte(message))
	data := "\xf3\x89\x9a\xc2" + message + string(sum[:])
	dir := emptyStream(t)
	status, _, errs := weir(t, "\x00\x00\x00"+string(rune(len(data)))+data, "put", dir, "--format", "lengths")
	require.Zero(t, status, errs)
	status, out, errs := weir(t, "", "tail", dir, "--raw")
	require.Zero(t, status, errs)
	assert.Equal(t, "one\n", out)
	assert.Regexp(t, `^weir tail: shardId-000000000000, record \d+ is an aggregate with 1 user record that cannot be read; --whole shows it\n$`, errs)
}

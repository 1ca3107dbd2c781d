package serve_test

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/kinesisserver"
	"github.com/weirstream/weir/cmd/weir/internal/serve"
	"github.com/weirstream/weir/console"
)

// started runs what serves until it is told to stop, and returns its URL.
func started(t *testing.T, run func(ctx context.Context, ready func(url string) error) error) (url string, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	urls, ended := make(chan string, 1), make(chan error, 1)
	go func() { ended <- run(ctx, func(url string) error { urls <- url; return nil }) }()
	stop = func() {
		cancel()
		if ended != nil {
			assert.NoError(t, <-ended)
			ended = nil
		}
	}
	t.Cleanup(stop)
	select {
	case url = <-urls:
	case err := <-ended:
		ended = nil
		require.NoError(t, err)
	}
	return strings.TrimSuffix(url, "/"), stop
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	r, err := http.Get(url)
	require.NoError(t, err)
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	return r.StatusCode, string(body)
}

var token = regexp.MustCompile(`name="token" value="(\w+)"`)

// change carries out a change as its page does.
func change(t *testing.T, base string, pairs ...string) (int, string) {
	t.Helper()
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	_, page := get(t, base+"change?"+form.Encode())
	found := token.FindStringSubmatch(page)
	require.NotNil(t, found, page)
	form.Set("token", found[1])
	r, err := http.PostForm(base+"change", form)
	require.NoError(t, err)
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	return r.StatusCode, string(body)
}

func config(state string) serve.Config {
	return serve.Config{
		Listen: "127.0.0.1:0", Server: kinesisserver.Config{}, Account: serve.Account(false, 0), State: state,
		Streams: []serve.Stream{{Name: "orders", Shards: 2}, {Name: "clicks"}}, Drain: time.Minute,
	}
}

// The console of an account changes it by the service's operations: its words,
// statuses and rules are theirs.
func TestRun_showsTheConsole(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	at, stop := started(t, func(ctx context.Context, ready func(string) error) error { return serve.Run(ctx, config(state), ready) })
	base := at + "/_weir/"
	_, list := get(t, base)
	assert.Contains(t, list, ">orders</a>")
	assert.Contains(t, list, "on-demand")
	assert.Contains(t, list, "USD", "a month has a price")

	status, page := change(t, base, "do", "create", "name", "made-here", "shards", "3", "mode", "provisioned")
	assert.Equal(t, http.StatusOK, status)
	assert.Contains(t, page, "Done: Create made-here")
	assert.Contains(t, page, "aws kinesis create-stream --stream-name made-here --shard-count 3 --endpoint-url "+at)
	status, page = change(t, base, "do", "split", "name", "made-here", "shard", "shardId-000000000001")
	assert.Equal(t, http.StatusOK, status, page)
	assert.Contains(t, page, "4 open, 1 closed")
	for _, do := range [][]string{
		{"do", "merge", "name", "made-here", "lower", "shardId-000000000003", "upper", "shardId-000000000004"},
		{"do", "resize", "name", "made-here", "target", "4"}, {"do", "retention", "name", "made-here", "hours", "30"},
		{"do", "retention", "name", "made-here", "hours", "24"}, {"do", "mode", "name", "made-here", "mode", "on-demand"},
		{"do", "register", "name", "made-here", "consumer", "audit"}, {"do", "deregister", "name", "made-here", "consumer", "audit"},
	} {
		status, page = change(t, base, do...)
		assert.Equal(t, http.StatusOK, status, "%v: %s", do, page)
		assert.Contains(t, page, "Done:", do)
	}
	status, page = change(t, base, "do", "create", "name", "made-here", "shards", "3")
	assert.Equal(t, http.StatusUnprocessableEntity, status)
	assert.Contains(t, page, "already exists", "in the service's words")
	status, _ = change(t, base, "do", "delete", "name", "made-here", "typed", "made")
	assert.Equal(t, http.StatusUnprocessableEntity, status, "the name has to be typed")
	status, page = change(t, base, "do", "delete", "name", "made-here", "typed", "made-here")
	assert.Equal(t, http.StatusOK, status)
	assert.NotContains(t, page, ">made-here</a>")
	status, _ = get(t, base+"stream?name=made-here")
	assert.Equal(t, http.StatusNotFound, status)
	stop()

	at, stop = started(t, func(ctx context.Context, ready func(string) error) error {
		return serve.RunConsole(ctx, "127.0.0.1:0", state, serve.Console{}, ready)
	})
	_, list = get(t, at+"/")
	assert.Contains(t, list, ">orders</a>", "the directory of an endpoint that has ended")
	stop()
	off := config("")
	off.Console.Off = true
	at, _ = started(t, func(ctx context.Context, ready func(string) error) error { return serve.Run(ctx, off, ready) })
	status, _ = get(t, at+"/_weir/")
	assert.Equal(t, http.StatusNotFound, status)
}

// With keys the console is for those who have them, as all that the endpoint knows.
func TestRun_asksForTheKeyBeforeTheConsole(t *testing.T) {
	c := config("")
	c.Server.Credentials = []kinesisserver.Credential{{AccessKeyID: "AKID", SecretAccessKey: "secret"}}
	at, _ := started(t, func(ctx context.Context, ready func(string) error) error { return serve.Run(ctx, c, ready) })
	status, _ := get(t, at+"/_weir/")
	assert.Equal(t, http.StatusUnauthorized, status)
	status, _ = get(t, strings.Replace(at, "://", "://AKID:secret@", 1)+"/_weir/")
	assert.Equal(t, http.StatusOK, status)
}

func TestRunConsole_opensOneStream(t *testing.T) {
	dir := t.TempDir()
	s, err := weir.Open(dir, weir.Config{Name: "alone"})
	require.NoError(t, err)
	_, err = s.PutRecord(t.Context(), "k", []byte("kept"))
	require.NoError(t, err)
	require.NoError(t, s.Close())
	at, _ := started(t, func(ctx context.Context, ready func(string) error) error {
		return serve.RunConsole(ctx, "127.0.0.1:0", dir, serve.Console{ReadOnly: true}, ready)
	})
	_, page := get(t, at+"/records?name="+url.QueryEscape(s.Name()))
	assert.Contains(t, page, "<code>kept</code>")
	assert.NotContains(t, page, "Put a record")
	_, _, err = serve.OpenConsole(t.Context(), filepath.Join(dir, "none"), serve.Console{})
	assert.EqualError(t, err, filepath.Join(dir, "none")+": there is no such directory")
}

// What is wrong with a directory is told without a flag that nobody gave.
func TestOpenConsole_ofAStateThatIsOpen(t *testing.T) {
	dir := t.TempDir()
	_, done, err := serve.OpenConsole(t.Context(), dir, serve.Console{})
	require.NoError(t, err)
	_, _, err = serve.OpenConsole(t.Context(), dir, serve.Console{})
	assert.EqualError(t, err, dir+": a weir serve or weir console has this state open")
	require.NoError(t, done())
}

// A month's price is that of weir cost: two shards are 2 × 730 × 0.015, and a
// record of 1 KiB a second 2.628 million payload units at 0.014.
func TestPrice(t *testing.T) {
	use := console.Use{Period: 10 * time.Second, Records: 10, Bytes: 10 << 10, OpenShards: 2, Retention: 24 * time.Hour}
	assert.InDelta(t, 21.90+0.0368, serve.Price(use).Amount, 0.001)
	use.Mode = weir.OnDemand
	assert.InDelta(t, 29.20+0.2005, serve.Price(use).Amount, 0.001)
}

// A page prices hundreds of streams.
func TestPrice_isReckonedNotRead(t *testing.T) {
	use := console.Use{Period: 10 * time.Second, Records: 10, Bytes: 1000, OpenShards: 1, Retention: 24 * time.Hour}
	assert.Less(t, testing.AllocsPerRun(10, func() { serve.Price(use) }), 50.0)
}

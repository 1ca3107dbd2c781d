package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	neturl "net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	engine "github.com/weirstream/weir"
	"github.com/weirstream/weir/cmd/weir/internal/cli"
)

// emptyStream returns the directory of a stream without records.
func emptyStream(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "orders")
	require.NoError(t, openStream(t, dir).Close())
	return dir
}

func numberLines(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintln(&b, "line", i)
	}
	return b.String()
}

func TestPut_intoADirectory(t *testing.T) {
	dir := emptyStream(t)
	status, out, errs := weir(t, numberLines(1000), "put", dir, "--key", "=k")
	require.Zero(t, status, errs)
	assert.Empty(t, errs)
	assert.Regexp(t, `^1,000 records put, .* calls?, retries: 0, throttled: 0\.\n$`, out)
	_, out, _ = weir(t, "", "tail", dir, "--raw")
	assert.Equal(t, numberLines(1000), out, "in order")
}

func TestPut_makesAStream(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "orders")
	for range 2 { // the second time it is there
		status, _, errs := weir(t, "a\nb\n", "put", dir, "--shards", "3")
		require.Zero(t, status, errs)
	}
	_, out, _ := weir(t, "", "tail", dir)
	assert.Equal(t, 4, strings.Count(out, "\n"))
	s := openStream(t, dir)
	assert.Len(t, s.Shards(), 3)
	require.NoError(t, s.Close())
	status, _, errs := weir(t, "a\n", "put", t.TempDir()+"/", "--shards", "3") // one without anything in it
	require.Zero(t, status, errs)
}

func TestPut_filesOfManyForms(t *testing.T) {
	dir := emptyStream(t)
	file := func(text string) string {
		name := filepath.Join(t.TempDir(), "file")
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
		return name
	}
	status, _, errs := weir(t, "a 1\n", "put", dir, "--key", "1", "-", file("b 2\n"))
	require.Zero(t, status, errs)
	status, _, errs = weir(t, "", "put", dir, "--format", "json", "--key", ".k", file(`{"k":"c"}`))
	require.Zero(t, status, errs)
	status, _, errs = weir(t, "", "put", dir, "--format", "lengths", "--key", "=d", file("\x00\x00\x00\x02\xff\xfe"))
	require.Zero(t, status, errs)
	_, before, _ := weir(t, "", "tail", dir, "--json")
	copied := emptyStream(t)
	status, out, errs := weir(t, before, "put", copied, "--format", "records", "--ordered", "--json")
	require.Zero(t, status, errs)
	var result map[string]any
	require.NoError(t, json.Unmarshal([]byte(out), &result))
	assert.EqualValues(t, 4, result["records"])
	strip := func(text string) (list []string) {
		for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
			_, content, _ := strings.Cut(line, `"key"`)
			list = append(list, content)
		}
		return list
	}
	_, after, _ := weir(t, "", "tail", copied, "--json")
	assert.ElementsMatch(t, strip(before), strip(after))
	assert.Len(t, strip(after), 4)
}

func TestPut_aggregates(t *testing.T) {
	url, s := endpoint(t)
	status, out, errs := weir(t, numberLines(5000), "put", "orders", "--endpoint", url, "--aggregate")
	require.Zero(t, status, errs)
	assert.Regexp(t, `5,000 records put, .*aggregates? of [0-9.]+ records\.`, out)
	n := 0
	for _, err := range s.Records(t.Context(), engine.TrimHorizon().ToTip()) {
		require.NoError(t, err)
		n++
	}
	assert.Less(t, n, 1000)
	_, out, _ = weir(t, "", "tail", "orders", "--endpoint", url, "--raw")
	assert.ElementsMatch(t, strings.Split(numberLines(5000), "\n"), strings.Split(out, "\n"))
}

func TestPut_tellsWhatCannotBePut(t *testing.T) {
	dir := emptyStream(t)
	status, out, errs := weir(t, "{}\n"+strings.Repeat("no JSON\n", 10), "put", dir, "--format", "json")
	assert.Equal(t, 1, status)
	assert.Contains(t, out, "1 record put")
	assert.Contains(t, errs, "standard input, record 2: is no JSON\n")
	assert.Equal(t, 5, strings.Count(errs, "is no JSON"), "the first ones")
	assert.Contains(t, errs, "10 records could not be put, of which the first 5 are shown\n")

	status, _, errs = weir(t, "x\n"+strings.Repeat("y", 2<<20), "put", dir)
	assert.Equal(t, 1, status)
	assert.Regexp(t, `standard input, record 2: .*at most 1048576 are allowed`, errs)
	status, _, errs = weir(t, "\x00\x00\x00\x09x", "put", dir, "--format", "lengths")
	assert.Equal(t, 1, status)
	assert.Contains(t, errs, "standard input, record 1: the file ends after 1 of its 9 bytes")
}

// A stream says itself how large its records may be.
func TestPut_recordsAsLargeAsTheStreamTakes(t *testing.T) {
	url, s := endpoint(t)
	large := strings.Repeat("y", 2<<20)
	status, out, errs := weir(t, "x\n"+large+"\nz\n", "put", "orders", "--endpoint", url, "--key", "=k")
	assert.Equal(t, 1, status)
	assert.Contains(t, out, "2 records put")
	assert.Contains(t, errs, "less than or equal to 1048576")

	require.NoError(t, s.Set(t.Context(), func(set *engine.Settings) { set.RecordBytes = 3 << 20 }))
	status, _, errs = weir(t, large, "put", "orders", "--endpoint", url)
	require.Zero(t, status, errs)
}

// An endReader closes end when it is read to its end.
type endReader struct {
	io.Reader
	end chan struct{}
}

func (r endReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err == io.EOF {
		close(r.end)
	}
	return n, err
}

// What had not had its turn was given up with what had: nothing is read that far
// ahead.
func TestPut_readsNoFurtherAheadThanTheStreamTakes(t *testing.T) {
	url, _ := endpoint(t)
	to, err := neturl.Parse(url)
	require.NoError(t, err)
	proxy, end := httputil.NewSingleHostReverseProxy(to), make(chan struct{})
	var first sync.Once
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.Header.Get("X-Amz-Target")+r.URL.Path, "PutRecords") {
			first.Do(func() {
				ctx, stop := context.WithTimeout(r.Context(), 200*time.Millisecond)
				defer stop()
				select {
				case <-end:
					t.Error("all was read before anything was put")
				case <-ctx.Done():
				}
			})
		}
		proxy.ServeHTTP(w, r)
	}))
	defer slow.Close()
	var out, errs bytes.Buffer
	lines := endReader{strings.NewReader(strings.Repeat(strings.Repeat("x", 99)+"\n", 3000)), end}
	status := cli.Run(t.Context(), []string{"put", "orders", "--endpoint", slow.URL, "--limits", "none"}, noEnv, lines, &out, &errs)
	require.Zero(t, status, errs.String())
	assert.Contains(t, out.String(), "3,000 records put")
}

func TestPut_withoutPace(t *testing.T) {
	url, _ := endpoint(t)
	status, out, errs := weir(t, numberLines(21_000), "put", "orders", "--endpoint", url, "--limits", "none", "--key", "=k", "--json")
	require.Zero(t, status, errs)
	var result struct{ Seconds float64 }
	require.NoError(t, json.Unmarshal([]byte(out), &result))
	assert.Less(t, result.Seconds, 19.0, "a shard with limits takes 20 s")
}

// A file that is not there is told before anything of the others is put.
func TestPut_looksForAllFilesFirst(t *testing.T) {
	dir := emptyStream(t)
	status, out, errs := weir(t, "", "put", dir, writeFile(t, "a\n"), "none")
	assert.Equal(t, 1, status)
	assert.Empty(t, out)
	assert.Contains(t, errs, "none: no such file")
	_, out, _ = weir(t, "", "tail", dir)
	assert.Empty(t, out)
}

func TestPut_badInput(t *testing.T) {
	dir := emptyStream(t)
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no stream":               {nil, "a stream is needed, by name or directory"},
		"no such directory":       {[]string{dir + "/none"}, "there is no such directory; --shards 1 makes a stream of one shard there"},
		"no stream in it":         {[]string{t.TempDir()}, "there is no stream in this directory; --shards 1 makes"},
		"shards of an endpoint":   {[]string{"orders", "--shards", "2"}, "--shards is for a directory such as ./orders"},
		"a host of one to make":   {[]string{dir + "/none", "--shards", "2", "--region", "r"}, "is a directory"},
		"shards of nothing":       {[]string{dir, "--shards", "0"}, "must be"},
		"others' files":           {[]string{filepath.Dir(writeFile(t, "x")), "--shards", "2"}, "there is no stream in this directory"},
		"no such file":            {[]string{dir, dir + "/none"}, "no such file"},
		"no such format":          {[]string{dir, "--format", "xml"}, "must be"},
		"no such rule of keys":    {[]string{dir, "--key", "user"}, "must be random, =TEXT, the number of a column"},
		"fields of lines":         {[]string{dir, "--key", ".user"}, "--key .user: only --format json has fields"},
		"columns of lengths":      {[]string{dir, "--key", "1", "--format", "lengths"}, "has neither columns nor fields"},
		"keys of records":         {[]string{dir, "--key", "1", "--format", "records"}, "have their own keys"},
		"a rate of nothing":       {[]string{dir, "--rate", "0"}, "must be"},
		"not a moment":            {[]string{dir, "--give-up", "1ms"}, "--give-up 1ms: must be 100ms at least"},
		"a directory of records":  {[]string{dir, dir}, "is a directory, and no file of records"},
		"no such limits":          {[]string{dir, "--limits", "all"}, `must be "service" or "none"`},
		"a directory's host":      {[]string{dir, "--endpoint", "http://127.0.0.1:1"}, "is a directory"},
		"an endpoint that is not": {[]string{"orders", "--endpoint", "127.0.0.1:1"}, "--endpoint"},
	} {
		t.Run(name, func(t *testing.T) {
			status, out, errs := weir(t, "x\n", append([]string{"put"}, c.args...)...)
			assert.Equal(t, 1, status)
			assert.NotContains(t, out, "1 record put")
			assert.Contains(t, errs, c.want)
		})
	}
}

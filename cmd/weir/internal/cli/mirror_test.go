package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	engine "github.com/weirstream/weir"
	"github.com/weirstream/weir/cmd/weir/internal/cli"
	"github.com/weirstream/weir/cmd/weir/internal/line"
)

// What is on disk is copied to a server, with its keys and in its order; a later
// run goes on behind it.
func TestMirror_copiesAndGoesOn(t *testing.T) {
	dir, _ := storedStream(t)
	s := startServe(t, nil, "--stream", "copy:2", "--delay", "0s", "--limits", "none")
	store := t.TempDir()
	mirror := func(records string) (lines []line.Line) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		done := make(chan struct{})
		var errs bytes.Buffer
		go func() {
			defer close(done)
			status := cli.Run(ctx, []string{"mirror", dir, "copy", "--to-endpoint", s.url, "--store", store}, noEnv, strings.NewReader(""), io.Discard, &errs)
			assert.Zero(t, status)
		}()
		status, out, tailErrs := weir(t, "", "tail", "copy", "--endpoint", s.url, "--from", "horizon", "--follow", "--count", records, "--json")
		assert.Zero(t, status, tailErrs)
		cancel()
		<-done
		assert.Contains(t, errs.String(), "group orders-mirror-copy in "+store)
		for text := range strings.Lines(out) {
			var l line.Line
			require.NoError(t, json.Unmarshal([]byte(text), &l))
			lines = append(lines, l)
		}
		return lines
	}
	lines := mirror("20")
	require.Len(t, lines, 20)
	byKey := make(map[string]string)
	for _, line := range lines {
		assert.Less(t, byKey[line.Key], *line.Text, "in order")
		byKey[line.Key] = *line.Text
	}
	assert.Equal(t, map[string]string{"key-0": "record 18", "key-1": "record 19", "key-2": "record 17"}, byKey)

	c := &consumption{t: t, dir: dir}
	c.put("later")
	lines = mirror("21")
	texts := make(map[string]int)
	for _, l := range lines {
		texts[*l.Text]++
	}
	assert.Len(t, texts, 21, "each once")
}

// What the target never takes is in --errors with the reason; what came before
// and behind it is copied, in order and once.
func TestMirror_whatTheTargetNeverTakes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "orders")
	from, err := engine.Open(dir, engine.Config{Limits: engine.Unlimited()})
	require.NoError(t, err)
	for _, data := range []string{"one", strings.Repeat("x", 2<<20), "two", "three"} {
		_, err := from.PutRecord(t.Context(), "key", []byte(data))
		require.NoError(t, err)
	}
	require.NoError(t, from.Close())
	s, bad := startServe(t, nil, "--stream", "copy:1", "--delay", "0s"), filepath.Join(t.TempDir(), "bad")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan struct{})
	var errs bytes.Buffer
	go func() {
		defer close(done)
		status := cli.Run(ctx, []string{"mirror", dir, "copy", "--to-endpoint", s.url, "--store", t.TempDir(), "--errors", bad}, noEnv, strings.NewReader(""), io.Discard, &errs)
		assert.Zero(t, status)
	}()
	status, out, tailErrs := weir(t, "", "tail", "copy", "--endpoint", s.url, "--from", "horizon", "--follow", "--count", "3")
	assert.Zero(t, status, tailErrs)
	cancel()
	<-done
	assert.Regexp(t, "(?s)one.*two.*three", out)
	assert.Contains(t, errs.String(), "records 4 read, 3 delivered, 1 in the error output")
	var failed []string
	for name, body := range filesBelow(t, bad) {
		assert.Contains(t, name, "delivery-failed/")
		failed = append(failed, body)
	}
	require.Len(t, failed, 1)
	var one struct {
		ErrorCode, ErrorMessage string
		RawData                 []byte
	}
	require.NoError(t, json.Unmarshal([]byte(failed[0]), &one))
	assert.Equal(t, "Stream.Refused", one.ErrorCode)
	assert.Contains(t, one.ErrorMessage, "Member must have length less than or equal to 1048576")
	assert.Len(t, one.RawData, 2<<20)
}

func TestMirror_refuses(t *testing.T) {
	dir := t.TempDir()
	for want, args := range map[string][]string{
		"two streams are needed: weir mirror SOURCE TARGET; 1 given": {"orders"},
		"there is no such directory":                                 {"./nothing-here", filepath.Join(dir, "to")},
		"a would be copied to itself":                                {"a", "a", "--endpoint", "http://127.0.0.1:1", "--to-endpoint", "http://127.0.0.1:1"},
		"must be a number from 1 to 10000":                           {"a", "b", "--shards", "0"},
		`--endpoint: "nope" is no URL`:                               {"a", "b", "--endpoint", "nope"},
		"--failover 99ms: must be 100ms at least":                    {"a", "b", "--failover", "99ms"},
		`--errors: "ftp://x" is neither a directory nor a URL`:       {"a", "b", "--errors", "ftp://x"},
	} {
		status, _, errs := weir(t, "", append([]string{"mirror", "--store", filepath.Join(dir, "groups")}, args...)...)
		assert.Equal(t, 1, status, want)
		assert.Contains(t, errs, want)
	}
}

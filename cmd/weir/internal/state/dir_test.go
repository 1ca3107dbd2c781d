package state_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/account"
	"github.com/weirstream/weir/cmd/weir/internal/state"
)

var (
	first  = state.Scope{ID: "123456789012", Region: "eu-west-1"}
	second = state.Scope{ID: "123456789012", Region: "us-east-1"}
)

// opened opens a directory until the test ends.
func opened(t *testing.T, path string) *state.Dir {
	t.Helper()
	d, err := state.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { d.Close() })
	return d
}

// write makes a file, and the directories that it is in.
func write(t *testing.T, path, content string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
}

// tree returns what is below a directory.
func tree(t *testing.T, dir string) (paths []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		paths = append(paths, strings.TrimPrefix(path, dir))
		return err
	}))
	return paths
}

// A state has the accounts that are in its directory, by id and region.
func TestDir_accounts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "not", "there")
	d := opened(t, path)
	assert.Equal(t, []string{"", "/LOCK"}, tree(t, path), "what was tried to be written is gone")
	list, err := d.Accounts()
	require.NoError(t, err)
	assert.Empty(t, list)
	for _, at := range []state.Scope{second, first} {
		assert.Equal(t, filepath.Join(path, at.ID+"-"+at.Region), d.Path(at))
		a, err := account.Open(d.Path(at), account.Config{ID: at.ID, Region: at.Region})
		require.NoError(t, err)
		_, err = a.CreateStream(t.Context(), &account.CreateStreamInput{StreamName: account.Ptr("S")})
		require.NoError(t, err)
		require.NoError(t, a.Close())
	}
	write(t, filepath.Join(path, "123456789012-a-file"), "")
	write(t, filepath.Join(path, "12345-eu-west-1", "x"), "")
	write(t, filepath.Join(d.Groups(), "group-g", "x"), "")
	list, err = d.Accounts()
	require.NoError(t, err)
	assert.Equal(t, []state.Scope{first, second}, list)
	require.NoError(t, d.Close())
	again, err := opened(t, path).Accounts()
	require.NoError(t, err)
	assert.Equal(t, list, again)
}

// One process at a time has a state, whether it serves it or looks into it.
func TestOpen_onceAtATime(t *testing.T) {
	path := t.TempDir()
	write(t, filepath.Join(path, first.String(), "x"), "")
	d := opened(t, path)
	_, err := state.Open(path)
	require.EqualError(t, err, path+": a weir serve or weir console has this state open")
	_, _, err = state.Inspect(path)
	require.EqualError(t, err, path+": another process uses this state")
	require.NoError(t, d.Close())

	accounts, unlock, err := state.Inspect(path)
	require.NoError(t, err)
	assert.Equal(t, []string{filepath.Join(path, first.String())}, accounts)
	_, err = state.Open(path)
	require.ErrorContains(t, err, "has this state open", "who looks keeps others out")
	require.NoError(t, unlock())
	opened(t, path)
}

// What is no state is refused with what it is taken for, and stays as it is.
func TestOpen_refuses(t *testing.T) {
	dir := t.TempDir()
	stream := filepath.Join(dir, "stream")
	s, err := weir.Open(stream, weir.Config{})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	const earlier = "holds what an earlier version of weir serve saved: "
	for name, c := range map[string]struct{ file, content, says string }{
		"thesis":          {"thesis.txt", "", "has thesis.txt in it, and no account"},
		"manifest":        {"manifest.json", `{"weir_state":1}`, earlier + "manifest.json says so"},
		"snapshot":        {"12-3.stream", "", earlier + "12-3.stream says so"},
		"elses manifest":  {"manifest.json", `{"name":"x"}`, "has manifest.json in it, and no account"},
		"empty manifest":  {"manifest.json", "", "has manifest.json in it, and no account"},
		"groups of elses": {"groups/other", "", "has groups in it, and no account"},
		"an almost":       {"12345678901-eu-west-1/x", "", "has 12345678901-eu-west-1 in it, and no account"},
	} {
		path := filepath.Join(dir, name)
		write(t, filepath.Join(path, c.file), c.content)
		before := tree(t, path)
		_, err := state.Open(path)
		require.ErrorContains(t, err, path+": "+c.says, name)
		assert.Contains(t, err.Error(), "Name another directory", name)
		assert.Equal(t, before, tree(t, path), name)
	}
	_, err = state.Open(stream)
	require.EqualError(t, err, stream+": holds one stream or one account of a program, and not the state of weir serve: 0000000000000001.journal says so. Name another directory")
	file := filepath.Join(dir, "file")
	write(t, file, "")
	_, err = state.Open(file)
	require.Error(t, err)

	// Beside an account anything may lie, and what groups know may be all that is left.
	path := filepath.Join(dir, "with an account")
	write(t, filepath.Join(path, "thesis.txt"), "")
	write(t, filepath.Join(path, first.String(), "x"), "")
	opened(t, path)
	path = filepath.Join(dir, "with groups")
	write(t, filepath.Join(path, "groups", "group-g"), "")
	opened(t, path)
	path = filepath.Join(dir, "with what a crash left")
	write(t, filepath.Join(path, "LOCK-123"), "")
	opened(t, path)
}

// Inspect finds the accounts of a state, and none elsewhere; it makes nothing,
// and locks only what was served once.
func TestInspect(t *testing.T) {
	path := t.TempDir()
	accounts, unlock, err := state.Inspect(path)
	require.NoError(t, err)
	assert.Empty(t, accounts)
	require.NoError(t, unlock())
	write(t, filepath.Join(path, second.String(), "x"), "")
	write(t, filepath.Join(path, first.String(), "x"), "")
	before := tree(t, path)
	for range 2 { // nobody is kept out where there is no lock
		accounts, unlock, err = state.Inspect(path)
		require.NoError(t, err)
		assert.Equal(t, []string{filepath.Join(path, first.String()), filepath.Join(path, second.String())}, accounts)
	}
	require.NoError(t, unlock())
	assert.Equal(t, before, tree(t, path))
	accounts, unlock, err = state.Inspect(filepath.Join(path, "missing"))
	require.ErrorIs(t, err, os.ErrNotExist)
	assert.Empty(t, accounts)
	require.NoError(t, unlock(), "it may be called all the same")
}

func TestStreamsBelow(t *testing.T) {
	path := t.TempDir()
	assert.Empty(t, state.StreamsBelow(path))
	assert.Empty(t, state.StreamsBelow(filepath.Join(path, "missing")))
	at := filepath.Join(path, first.String())
	require.NoError(t, os.MkdirAll(filepath.Join(at, "streams"), 0o700))
	assert.Equal(t, filepath.Join(path, "*", "streams"), state.StreamsBelow(path))
	assert.Equal(t, filepath.Join(at, "streams"), state.StreamsBelow(at))
	found, err := filepath.Glob(state.StreamsBelow(path))
	require.NoError(t, err)
	assert.Equal(t, []string{state.StreamsBelow(at)}, found)
	file := t.TempDir()
	write(t, filepath.Join(file, "streams"), "no directory")
	assert.Empty(t, state.StreamsBelow(file))
}

// What opening a stream has cut off or found lost is told, once; nothing is where
// all is well, or in memory.
func TestRecovered(t *testing.T) {
	told := func(s *weir.Stream) string {
		var b bytes.Buffer
		state.Recovered(slog.New(slog.NewTextHandler(&b, nil)), s)
		state.Recovered(nil, s)
		return b.String()
	}
	dir := filepath.Join(t.TempDir(), "orders")
	open := func(dir string, c weir.Config) *weir.Stream {
		s, err := weir.Open(dir, c)
		require.NoError(t, err)
		return s
	}
	s := open(dir, weir.Config{})
	assert.Empty(t, told(s))
	require.NoError(t, s.Close())
	file := filepath.Join(dir, "0000000000000001.journal")
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	write(t, file, string(content[:len(content)-3]))
	s = open(dir, weir.Config{})
	assert.Regexp(t, `level=WARN msg="a crash cut off the last write: it was never acknowledged, and is gone" stream=orders dir=\S*orders bytes=18 file=0000000000000001.journal\n$`, told(s))
	require.NoError(t, s.Close())
	s = open(dir, weir.Config{Sync: time.Hour})
	assert.Empty(t, told(s))
	_, err = s.PutRecord(t.Context(), "k", []byte("x"))
	require.NoError(t, err)
	after := filepath.Join(t.TempDir(), "orders")
	require.NoError(t, os.CopyFS(after, os.DirFS(dir))) // as a crash would leave it
	require.NoError(t, s.Close())
	s = open(after, weir.Config{})
	assert.Contains(t, told(s), "records may be lost that were acknowledged before they were on disk; their numbers are left out")
	require.NoError(t, s.Close())
	s, err = weir.NewStream("memory", weir.Config{})
	require.NoError(t, err)
	assert.Empty(t, told(s))
}

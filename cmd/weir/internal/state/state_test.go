package state_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/cmd/weir/internal/state"
)

func account(id string, streams ...state.Stream) state.Account {
	return state.Account{ID: id, Region: "us-east-1", Settings: json.RawMessage(`{"id":"` + id + `"}`), Streams: streams}
}

func stream(name, version, content string) state.Stream {
	return state.Stream{Name: name, Version: version, Save: func(w io.Writer) error {
		_, err := io.WriteString(w, content)
		return err
	}}
}

// content reads what was saved of a stream.
func content(t *testing.T, s state.Stream) string {
	t.Helper()
	text, err := os.ReadFile(s.File)
	require.NoError(t, err)
	return string(text)
}

func open(t testing.TB, path string) *state.Dir {
	t.Helper()
	d, err := state.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { d.Close() })
	return d
}

// saved opens a new directory and saves accounts in it.
func saved(t testing.TB, accounts ...state.Account) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "not", "there", "yet")
	d := open(t, path)
	require.NoError(t, d.Save(accounts))
	require.NoError(t, d.Close())
	return path
}

func files(t *testing.T, path string) map[string]string {
	t.Helper()
	found := make(map[string]string)
	entries, err := os.ReadDir(path)
	require.NoError(t, err)
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(path, e.Name()))
		require.NoError(t, err)
		found[e.Name()] = string(text)
	}
	return found
}

func TestDir_roundTrip(t *testing.T) {
	large := strings.Repeat("large ", 1<<20)
	path := saved(t,
		account("000000000000", stream("a", "", "one"), stream("b", "", large)),
		account("123456789012"), account("210987654321", stream("a", "", "")))
	accounts, err := open(t, path).Load()
	require.NoError(t, err)
	require.Len(t, accounts, 3)
	assert.Equal(t, "000000000000", accounts[0].ID)
	assert.Equal(t, "us-east-1", accounts[0].Region)
	assert.JSONEq(t, `{"id":"000000000000"}`, string(accounts[0].Settings))
	require.Len(t, accounts[0].Streams, 2)
	assert.Equal(t, "a", accounts[0].Streams[0].Name)
	assert.Equal(t, "one", content(t, accounts[0].Streams[0]))
	assert.Equal(t, large, content(t, accounts[0].Streams[1]))
	assert.Empty(t, accounts[1].Streams)
	assert.Empty(t, content(t, accounts[2].Streams[0]))
}

func TestDir_newOneIsEmpty(t *testing.T) {
	path := saved(t)
	accounts, err := open(t, path).Load()
	require.NoError(t, err)
	assert.Empty(t, accounts)
}

func TestDir_savesWhatChanged(t *testing.T) {
	path := saved(t, account("000000000000", stream("a", "1", "a1"), stream("b", "1", "b1")))
	before := files(t, path)
	d := open(t, path)

	require.NoError(t, d.Save([]state.Account{account("000000000000", stream("a", "1", "?"), stream("b", "1", "?"))}))
	assert.Equal(t, before, files(t, path), "nothing changed")

	require.NoError(t, d.Save([]state.Account{account("000000000000", stream("a", "1", "?"), stream("b", "2", "b2"))}))
	after := files(t, path)
	assert.Equal(t, "a1", after["1-1.stream"], "a as it was")
	assert.Equal(t, "b2", after["2-2.stream"], "b anew")
	assert.NotContains(t, after, "1-2.stream", "b as it was")

	require.NoError(t, d.Save([]state.Account{account("000000000000", stream("b", "2", "?"))}))
	assert.NotContains(t, files(t, path), "1-1.stream", "a is gone")
	accounts, err := d.Load()
	require.NoError(t, err)
	assert.Equal(t, "b2", content(t, accounts[0].Streams[0]))
}

func TestDir_failedSaveChangesNothing(t *testing.T) {
	path := saved(t, account("000000000000", stream("a", "1", "a1"), stream("b", "1", "b1")))
	before := files(t, path)
	d := open(t, path)
	bad := stream("b", "2", "")
	bad.Save = func(io.Writer) error { return errors.New("no records today") }
	err := d.Save([]state.Account{account("000000000000", stream("a", "2", "a2"), bad)})
	require.EqualError(t, err, filepath.Join(path, "2-2.stream")+": no records today")
	assert.Equal(t, before, files(t, path))
	require.NoError(t, d.Save([]state.Account{account("000000000000", stream("a", "2", "a2"))}), "and the next may succeed")
}

func TestDir_oneProcessAtATime(t *testing.T) {
	path := saved(t)
	first := open(t, path)
	_, err := state.Open(path)
	require.ErrorContains(t, err, path+": another process uses this state")
	require.NoError(t, first.Close())
	open(t, path)
}

func TestDir_sweepsUnfinishedSaves(t *testing.T) {
	accounts := []state.Account{account("000000000000", stream("a", "1", "a1"))}
	path := saved(t, accounts...)
	before := files(t, path)
	for _, name := range []string{"2-1.stream", "manifest.json.tmp"} {
		require.NoError(t, os.WriteFile(filepath.Join(path, name), []byte("half"), 0o600))
	}
	d := open(t, path)
	_, err := d.Load()
	require.NoError(t, err)
	assert.Len(t, files(t, path), len(before)+2, "reading removes nothing")
	require.NoError(t, d.Save(accounts))
	assert.Equal(t, before, files(t, path))
}

// What somebody put into the directory is theirs, whatever it is called.
func TestDir_leavesFilesOfOthers(t *testing.T) {
	path := saved(t, account("000000000000", stream("a", "1", "a1")))
	others := []string{"notes.tmp", "before-the-upgrade.stream", "1-1 (copy).stream", "9.stream"}
	for _, name := range others {
		require.NoError(t, os.WriteFile(filepath.Join(path, name), []byte("mine"), 0o600))
	}
	d := open(t, path)
	require.NoError(t, d.Save([]state.Account{account("000000000000", stream("a", "2", "a2"))}))
	after := files(t, path)
	for _, name := range others {
		assert.Equal(t, "mine", after[name], name)
	}
	assert.NotContains(t, after, "1-1.stream")
}

// Open removed what the manifest does not name before it knew whether what it
// names is there: a manifest put back lost the records that were saved since.
func TestDir_removesNothingUnchecked(t *testing.T) {
	path := saved(t, account("000000000000", stream("a", "1", "a1"), stream("b", "1", "b1")))
	manifest := filepath.Join(path, "manifest.json")
	older, err := os.ReadFile(manifest)
	require.NoError(t, err)
	for i, version := range []string{"2", "3"} {
		d := open(t, path)
		require.NoError(t, d.Save([]state.Account{account("000000000000", stream("a", "1", "?"), stream("b", version, "b"+version))}))
		require.NoError(t, d.Close())
		newer, err := os.ReadFile(manifest)
		require.NoError(t, err)

		require.NoError(t, os.WriteFile(manifest, older, 0o600))
		before := files(t, path)
		require.Error(t, load(path), "generation %d", i+2)
		d = open(t, path)
		require.Error(t, d.Save(nil), "generation %d", i+2)
		require.NoError(t, d.Close())
		assert.Equal(t, before, files(t, path), "generation %d", i+2)

		require.NoError(t, os.WriteFile(manifest, newer, 0o600))
		require.NoError(t, load(path), "nothing was lost")
	}
}

// All that an older manifest names may be there still: what is newer is not
// removed for that.
func TestDir_olderManifest(t *testing.T) {
	path := saved(t, account("000000000000", stream("a", "1", "a1")))
	newer := filepath.Join(path, "3-2.stream")
	require.NoError(t, os.WriteFile(newer, []byte("records"), 0o600))
	want := filepath.Join(path, "manifest.json") + " is older than 3-2.stream beside it: it names save 1, that is of save 3; " +
		"move the file away to begin with what is older"
	require.EqualError(t, load(path), want)
	d := open(t, path)
	require.EqualError(t, d.Save(nil), want)
	assert.FileExists(t, newer)
}

func TestDir_refused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := state.Open(file)
	require.EqualError(t, err, "mkdir "+file+": not a directory")

	foreign := filepath.Dir(file)
	_, err = state.Open(foreign)
	require.EqualError(t, err, foreign+": has file in it, but no manifest.json: it is no state, or a part of one")

	path := saved(t, account("000000000000", stream("a", "1", "a1")))
	require.NoError(t, os.Remove(filepath.Join(path, "manifest.json")))
	_, err = state.Open(path)
	require.EqualError(t, err, path+": has 1-1.stream in it, but no manifest.json: it is no state, or a part of one")
}

// A later version is called that, whatever it looks like beside its version, and
// nothing of it is touched.
func TestDir_laterVersion(t *testing.T) {
	path := saved(t, account("000000000000", stream("a", "1", "a1")))
	manifest := filepath.Join(path, "manifest.json")
	for _, text := range []string{
		`{"weir_state":2,"crc32c":"?","manifest":{}}`, `{"weir_state":2}`, `{"log":[1],"weir_state":2,"crc32c":17,"manifest":"elsewhere"}`,
	} {
		require.NoError(t, os.WriteFile(manifest, []byte(text), 0o600))
		before := files(t, path)
		_, err := state.Open(path)
		require.EqualError(t, err, manifest+" is of version 2; this program reads versions up to 1")
		assert.Equal(t, before, files(t, path))
	}
}

// load opens a directory and reads everything in it.
func load(path string) error {
	d, err := state.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	_, err = d.Load()
	return err
}

// Each bit that is turned over and each byte that is missing is noticed, and the
// error names the file.
func TestDir_damage(t *testing.T) {
	path := saved(t, account("000000000000", stream("a", "1", "some records")))
	require.NoError(t, load(path))
	for _, name := range []string{"manifest.json", "1-1.stream"} {
		file := filepath.Join(path, name)
		sound, err := os.ReadFile(file)
		require.NoError(t, err)
		try := func(bad []byte, what string) {
			require.NoError(t, os.WriteFile(file, bad, 0o600))
			err := load(path)
			if assert.Error(t, err, "%s %s", name, what) {
				assert.Contains(t, err.Error(), file)
			}
		}
		end := len(sound)
		if name == "manifest.json" {
			end-- // the line's end means nothing
		}
		for i := range end {
			bad := bytes.Clone(sound)
			bad[i] ^= 1 << (i % 8)
			if !bytes.EqualFold(bad, sound) { // names of members are read in either case
				try(bad, fmt.Sprint("with another byte ", i))
			}
			try(sound[:i], fmt.Sprint("cut off at ", i))
		}
		try(append(bytes.Clone(sound), 'x'), "with more at its end")
		require.NoError(t, os.Remove(file))
		assert.ErrorContains(t, load(path), path, "%s is missing", name)
		require.NoError(t, os.WriteFile(file, sound, 0o600))
	}
	require.NoError(t, load(path))
}

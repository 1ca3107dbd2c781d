package cli_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	engine "github.com/weirstream/weir"
	"github.com/weirstream/weir/queue"
)

// storedStream returns the directory of a stream of 20 records on disk, each in
// a group of its own, and the name of its file, as a crash leaves them.
func storedStream(t *testing.T) (dir, file string) {
	t.Helper()
	open := filepath.Join(t.TempDir(), "orders")
	dir = filepath.Join(t.TempDir(), "orders")
	s := openStream(t, open)
	for i := range 20 {
		_, err := s.PutRecord(t.Context(), fmt.Sprint("key-", i%3), fmt.Appendf(nil, "record %02d", i))
		require.NoError(t, err)
	}
	require.NoError(t, os.CopyFS(dir, os.DirFS(open)))
	require.NoError(t, s.Close())
	return dir, filepath.Join(dir, "0000000000000001.journal")
}

func openStream(t *testing.T, dir string) *engine.Stream {
	t.Helper()
	s, err := engine.Open(dir, engine.Config{Now: func() time.Time { return time.Unix(1_800_000_000, 0) }})
	require.NoError(t, err)
	return s
}

// flip flips a bit in the file where a text stands.
func flip(t *testing.T, file, text string) (at int) {
	t.Helper()
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	at = strings.Index(string(content), text)
	require.Positive(t, at)
	content[at] ^= 1
	require.NoError(t, os.WriteFile(file, content, 0o600))
	return at
}

// groupOf returns where the frame begins that has a byte of a file.
func groupOf(t *testing.T, file string, at int) int {
	t.Helper()
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	return strings.LastIndex(string(content[:at]), "WEIR")
}

// bytesOfFile is a number of three or four digits.
var bytesOfFile = regexp.MustCompile(`\b([0-9],?)?[0-9]{3}\b`)

// golden compares what is printed of a directory with a text, in which DIR
// stands for it and N for numbers of bytes, which depend on how the head of a
// file is written.
func golden(t *testing.T, dir, want, got string) {
	t.Helper()
	got = bytesOfFile.ReplaceAllString(strings.ReplaceAll(got, dir, "DIR"), "N")
	assert.Equal(t, strings.Join(strings.Fields(want), " "), strings.Join(strings.Fields(strings.ReplaceAll(got, "─", "")), " "))
}

func TestCheck_sound(t *testing.T) {
	dir, file := storedStream(t)
	status, out, errs := weir(t, "", "check", dir)
	require.Zero(t, status, errs)
	golden(t, dir, ` Stream orders in DIR
 file                      bytes  sound  groups  records
 0000000000000001.journal      N      N      20       20

SOUND: 20 records.
`, out)

	content, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, content[:len(content)-30], 0o600))
	status, out, errs = weir(t, "", "check", dir)
	require.Zero(t, status, errs)
	golden(t, dir, ` Stream orders in DIR
 file                      bytes  sound  groups  records
 0000000000000001.journal      N      N      19       19

SOUND: 19 records.
The last 19 bytes of 0000000000000001.journal are a write that a crash cut off: opening the stream cuts them off.
`, out)
	for _, args := range [][]string{{"repair", dir}, {"repair", dir, "--yes"}} {
		status, again, errs := weir(t, "", args...)
		require.Zero(t, status, errs)
		assert.Equal(t, out, again)
	}
	now, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, content[:len(content)-30], now)
}

const damagedTable = ` Stream orders in DIR
 file                      bytes  sound  groups  records  bytes lost  groups lost  records lost
 0000000000000001.journal      N      N      10       10           N            9             9

DAMAGED: 0000000000000001.journal is damaged at byte N: the checksum is wrong, and sound frames follow.
A repair keeps 10 records. It gives up N bytes of 1 file, in which 9 records in 9 groups can be read.
`

func TestRepair_keepsWhatItCutsOff(t *testing.T) {
	dir, file := storedStream(t)
	at := groupOf(t, file, flip(t, file, "record 10"))
	damaged, err := os.ReadFile(file)
	require.NoError(t, err)

	found, err := engine.CheckStorage(dir)
	require.NoError(t, err)
	assert.Equal(t, &engine.StorageDamage{
		File: filepath.Base(file), Offset: int64(at), Reason: "the checksum is wrong, and sound frames follow", Follows: true,
	}, found.Damage)
	for command, say := range map[string]string{
		"check":  fmt.Sprintf("weir check: 0000000000000001.journal is damaged at byte %d: the checksum is wrong, and sound frames follow\n", at),
		"repair": "weir repair: nothing was changed; --yes repairs\n",
	} {
		status, out, errs := weir(t, "", command, dir)
		assert.Equal(t, 1, status)
		golden(t, dir, damagedTable, out)
		assert.Equal(t, say, errs)
	}
	now, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, damaged, now)

	status, out, errs := weir(t, "", "repair", dir, "--yes")
	require.Zero(t, status, errs)
	golden(t, dir, damagedTable+"Kept: 0000000000000001.journal.from-N.damaged\nREPAIRED: the stream can be opened.\n", out)
	kept, err := os.ReadFile(fmt.Sprintf("%s.from-%d.damaged", file, at))
	require.NoError(t, err)
	assert.Equal(t, damaged[at:], kept)

	status, out, errs = weir(t, "", "check", dir)
	require.Zero(t, status, errs)
	assert.Contains(t, out, "SOUND: 10 records.\n")
	s := openStream(t, dir)
	defer s.Close()
	assert.EqualValues(t, 10, s.Snapshot().RecordsHeld)
	assert.True(t, s.Snapshot().Storage.Recovery.NumbersSkipped)
}

func TestRepair_discards(t *testing.T) {
	dir, file := storedStream(t)
	flip(t, file, "record 10")
	status, out, errs := weir(t, "", "repair", dir, "--yes", "--discard")
	require.Zero(t, status, errs)
	golden(t, dir, damagedTable+"REPAIRED: the stream can be opened.\n", out)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, entries, 2, "the file, and the one that is locked")
}

func TestCheck_json(t *testing.T) {
	dir, file := storedStream(t)
	at := float64(groupOf(t, file, flip(t, file, "record 10")))
	info, err := os.Stat(file)
	require.NoError(t, err)
	size := float64(info.Size())
	want := func(more map[string]any) map[string]any {
		m := map[string]any{
			"dir": dir, "stream": "orders", "torn_bytes": 0.0, "repairable": true,
			"files": []any{map[string]any{
				"name": "0000000000000001.journal", "bytes": size, "sound_bytes": at, "groups": 10.0, "records": 10.0,
				"lost_bytes": size - at, "lost_groups": 9.0, "lost_records": 9.0,
			}},
			"damage": map[string]any{
				"file": "0000000000000001.journal", "offset": at, "reason": "the checksum is wrong, and sound frames follow", "sound_follows": true,
			},
		}
		for k, v := range more {
			m[k] = v
		}
		return m
	}
	for args, tt := range map[string]struct {
		status int
		more   map[string]any
	}{
		"1 check":        {1, nil},
		"2 repair":       {1, map[string]any{"repaired": false, "kept": []any{}}},
		"3 repair --yes": {0, map[string]any{"repaired": true, "kept": []any{fmt.Sprintf("0000000000000001.journal.from-%v.damaged", at)}}},
	} {
		t.Run(args, func(t *testing.T) {
			dirs := dir
			if strings.Contains(args, "--yes") { // whichever comes first
				dirs = filepath.Join(t.TempDir(), "orders")
				require.NoError(t, os.CopyFS(dirs, os.DirFS(dir)))
				tt.more["dir"] = dirs
			}
			status, out, errs := weir(t, "", append(strings.Fields(args)[1:], dirs, "--json")...)
			assert.Equal(t, tt.status, status, errs)
			var got map[string]any
			require.NoError(t, json.Unmarshal([]byte(out), &got))
			assert.Equal(t, want(tt.more), got)
		})
	}
}

// Of a stream whose only head is damaged nothing can be kept.
func TestRepair_nothingIsLeft(t *testing.T) {
	dir, file := storedStream(t)
	flip(t, file, `"Stream"`)
	status, out, errs := weir(t, "", "repair", dir, "--yes")
	assert.Equal(t, 1, status)
	assert.Contains(t, out, "A stream in "+dir)
	assert.Contains(t, out, "DAMAGED: 0000000000000001.journal is damaged at byte 16: the checksum is wrong.\nA repair could keep nothing.\n")
	assert.Equal(t, "weir repair: nothing of the stream can be kept; the directory is as it was\n", errs)
}

func TestCheck_errors(t *testing.T) {
	dir, file := storedStream(t)
	used, _ := storedStream(t)
	s := openStream(t, used)
	defer s.Close()
	foreign, empty := t.TempDir(), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(foreign, "thesis.txt"), nil, 0o600))
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, append([]byte("weir journal 7\n\n"), content[16:]...), 0o600))
	for _, command := range []string{"check", "repair --yes"} {
		for args, want := range map[string]string{
			"":                "one directory is needed, that of a stream, an account or a state; 0 given\nRun 'weir ",
			"a b":             "one directory is needed, that of a stream, an account or a state; 2 given",
			dir + " --nope":   "unknown flag: --nope",
			used:              "check stream in " + used + ": directory in use: it is open already, in this process or another one\n",
			foreign:           "check stream in " + foreign + `: the directory holds other files, and no stream: "thesis.txt"`,
			empty:             "check stream in " + empty + ": the directory holds no stream\n",
			dir:               "check stream in " + dir + ": 0000000000000001.journal is of format 7; format 1 can be read\n",
			empty + "/nobody": "no such file or directory",
		} {
			status, out, errs := weir(t, "", strings.Fields(command+" "+args)...)
			assert.Equal(t, 2, status, errs)
			assert.Empty(t, out)
			assert.Contains(t, errs, want)
		}
		status, _, errs := weir(t, "", append(strings.Fields(command), "")...)
		assert.Equal(t, 2, status, errs)
		assert.Contains(t, errs, "the name of the directory is empty\n")
	}
	for where, files := range map[string]int{foreign: 1, empty: 0, dir: 2} {
		entries, err := os.ReadDir(where)
		require.NoError(t, err)
		assert.Len(t, entries, files)
	}
}

func TestCheck_help(t *testing.T) {
	for command, flags := range map[string]string{"check": "--json", "repair": "--yes"} {
		status, out, errs := weir(t, "", command, "--help")
		assert.Zero(t, status, errs)
		assert.Contains(t, out, flags)
		assert.Contains(t, out, "Usage:\n  weir "+command+" DIR")
		assert.Contains(t, out, "The exit status is 0")
	}
}

// storedQueue returns the directory of a stream whose queue is damaged behind its
// head, and the queue's file.
func storedQueue(t *testing.T) (dir, file string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "orders")
	s := openStream(t, dir)
	for i := range 3 {
		_, err := s.PutRecord(t.Context(), "key", fmt.Append(nil, i))
		require.NoError(t, err)
	}
	q, err := queue.New(s, queue.Config{Name: "letters"})
	require.NoError(t, err)
	for range 3 {
		list, err := q.Receive(t.Context(), 1)
		require.NoError(t, err)
		require.NoError(t, list[0].Ack(t.Context()))
	}
	require.NoError(t, q.Close())
	require.NoError(t, s.Close())
	file = filepath.Join(dir, "queue-letters", "0000000000000001.journal")
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	for range 4 { // of those before the last few
		content = content[:strings.LastIndex(string(content), "WEIR")]
	}
	whole, err := os.ReadFile(file)
	require.NoError(t, err)
	whole[len(content)+22] ^= 1
	require.NoError(t, os.WriteFile(file, whole, 0o600))
	return dir, file
}

func TestCheck_looksAtQueues(t *testing.T) {
	open, dir := filepath.Join(t.TempDir(), "orders"), filepath.Join(t.TempDir(), "orders")
	s := openStream(t, open)
	defer s.Close()
	for i := range 3 {
		_, err := s.PutRecord(t.Context(), "key", fmt.Append(nil, i))
		require.NoError(t, err)
	}
	q, err := queue.New(s, queue.Config{Name: "letters"})
	require.NoError(t, err)
	list, err := q.Receive(t.Context(), 2)
	require.NoError(t, err)
	require.NoError(t, list[0].Ack(t.Context()))
	status, _, errs := weir(t, "", "check", open)
	assert.Equal(t, 2, status, "it is open: %s", errs)
	require.NoError(t, q.Close())
	require.NoError(t, os.CopyFS(dir, os.DirFS(open)))

	status, out, errs := weir(t, "", "check", dir)
	require.Zero(t, status, errs)
	assert.Regexp(t, `\nQueue letters: [0-9]+ bytes in 1 file, 1 acknowledged, 1 not done, 0 dead\.\n$`, out)
	var found struct{ Queues []queue.StorageCheck }
	_, out, _ = weir(t, "", "check", dir, "--json")
	require.NoError(t, json.Unmarshal([]byte(out), &found))
	require.Len(t, found.Queues, 1)
	assert.Equal(t, "letters", found.Queues[0].Queue)

	file := filepath.Join(dir, "queue-letters", "0000000000000001.journal")
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	content[len(content)/2] ^= 1
	require.NoError(t, os.WriteFile(file, content, 0o600))
	status, out, errs = weir(t, "", "check", dir)
	assert.Equal(t, 1, status)
	assert.Contains(t, out, "up to damage: 0000000000000001.journal is damaged at byte ")
	assert.Contains(t, errs, "queue letters: ")
}

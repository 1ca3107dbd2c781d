//go:build !arm

package journal_test

import (
	"bytes"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/internal/journal"
)

// A file is larger than what was written only as long as more is to come, and
// what was written is there.
func TestJournal_roomOfAFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, fileOf(1))
	look := func() (size, taken int64) {
		info, err := os.Stat(file)
		require.NoError(t, err)
		return info.Size(), info.Sys().(*syscall.Stat_t).Blocks * 512
	}
	open := func() *book {
		b, err := openBook(journal.Dir(dir), journal.Always, 0)
		require.NoError(t, err)
		return b
	}
	b := open()
	for range 2 {
		require.NoError(t, b.putMany(20_000))
	}
	b.j.Abandon()
	small, _ := look()
	b = open()
	require.NoError(t, b.j.Close())
	written, _ := look()
	assert.LessOrEqual(t, small, written*5/2+8*kiB)
	assert.Greater(t, small, written)
	b = open()
	for range 58 {
		require.NoError(t, b.putMany(20_000))
	}
	noted := b.noted
	b.j.Abandon()
	killed, _ := look()
	b = open()
	assert.Len(t, b.read, int(noted))
	assert.Zero(t, b.found.Cut)
	require.NoError(t, b.put())
	require.NoError(t, b.j.Close())
	closed, taken := look()
	assert.Greater(t, killed, closed+1<<20)
	assert.LessOrEqual(t, taken, closed+64<<10)
	b = open()
	assert.True(t, b.found.Clean)
	assert.Len(t, b.read, int(noted)+1)
	b.j.Abandon()
}

// Zeros come into the file that the journal has open, and not into another that
// has its name by now: the directory was moved away while it was written, and a
// copy put in its place.
func TestJournal_roomIsOnlyInItsOwnFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "stream")
	b, err := openBook(journal.Dir(dir), journal.Always, 0)
	require.NoError(t, err)
	require.NoError(t, b.putMany(20_000)) // the next would make room
	file := filepath.Join(dir, fileOf(1))
	require.NoError(t, os.Rename(dir, dir+".old"))
	require.NoError(t, os.Mkdir(dir, 0o700))
	other := bytes.Repeat([]byte("somebody else's"), 1<<20)
	require.NoError(t, os.WriteFile(file, other, 0o600))
	for range 30 {
		require.NoError(t, b.putMany(5000))
	}
	noted := b.noted
	b.j.Abandon()
	now, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.True(t, bytes.Equal(other, now))
	b, err = openBook(journal.Dir(dir+".old"), journal.Always, 0)
	require.NoError(t, err)
	assert.Len(t, b.read, int(noted))
	b.j.Abandon()
}

package journal_test

import (
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
	for range 60 {
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

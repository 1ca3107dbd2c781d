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

// A file that was closed takes no more of the disk than it has bytes, and it
// was never larger than these.
func TestJournal_roomOfAFile(t *testing.T) {
	dir := t.TempDir()
	d, err := journal.Claim(journal.Dir(dir))
	require.NoError(t, err)
	j, err := journal.Create(d, journal.Options[struct{}]{
		State: func() []byte { return nil }, Settled: func([]struct{}, journal.Spot, error) {},
	})
	require.NoError(t, err)
	names, err := filepath.Glob(filepath.Join(dir, "0*1.*"))
	require.NoError(t, err)
	require.Len(t, names, 1)
	look := func() (size, taken int64) {
		info, err := os.Stat(names[0])
		require.NoError(t, err)
		return info.Size(), info.Sys().(*syscall.Stat_t).Blocks * 512
	}
	written := int64(0)
	for range 20 {
		g, err := j.Begin()
		require.NoError(t, err)
		g.SetNotes(append(g.Notes(), make([]byte, 50_000)...))
		j.End()
		require.NoError(t, j.Commit(g))
		written += 50_000
		size, _ := look()
		require.Less(t, size, written+1000)
	}
	require.NoError(t, j.Close())
	size, taken := look()
	assert.LessOrEqual(t, taken, size+64<<10)
}

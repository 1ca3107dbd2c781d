package journal_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/internal/journal"
)

// An error of a file names the file, as it is called now.
func TestDir_errorsNameTheFile(t *testing.T) {
	path := t.TempDir()
	dir, name := journal.Dir(path), fileOf(1)
	f, err := dir.Create(name + ".new")
	require.NoError(t, err)
	require.NoError(t, dir.Rename(name+".new", name))
	require.NoError(t, f.Close())
	_, write := f.WriteAt([]byte("x"), 0)
	for what, err := range map[string]error{"write": write, "truncate": f.Truncate(0), "sync": f.Sync()} {
		var of *fs.PathError
		if assert.ErrorAs(t, err, &of, what) {
			assert.Equal(t, filepath.Join(path, name), of.Path, what)
		}
	}
}

// Where no file can be made that is told, and not that there is none.
func TestDir_lockWhereNothingCanBeWritten(t *testing.T) {
	const dir = "/sys/kernel" // in which nobody can make a file
	if _, err := os.Stat(dir); err != nil {
		t.Skip(err)
	}
	_, err := journal.Dir(dir).Lock()
	require.Error(t, err)
	assert.NotErrorIs(t, err, fs.ErrNotExist)
}

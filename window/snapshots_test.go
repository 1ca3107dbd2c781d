package window

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// A directory keeps what was written under a name, and finds what a crash left
// half written.
func TestDir_keepsSnapshots(t *testing.T) {
	path := filepath.Join(t.TempDir(), "made", "too")
	d, err := OpenDir(path)
	require.NoError(t, err)
	ctx := t.Context()
	_, err = d.Read(ctx, "a-1")
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NoError(t, d.Delete(ctx, "a-1"))
	require.NoError(t, d.Write(ctx, "a-1", []byte("one")))
	require.NoError(t, d.Write(ctx, "a-2", nil))
	require.NoError(t, os.WriteFile(filepath.Join(path, "b-1.tmp"), []byte("hal"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(path, "README"), []byte("of others"), 0o600))
	d, err = OpenDir(path)
	require.NoError(t, err)
	b, err := d.Read(ctx, "a-1")
	require.NoError(t, err)
	require.Equal(t, "one", string(b))
	_, err = d.Read(ctx, "b-1")
	require.ErrorIs(t, err, fs.ErrNotExist, "it was never whole")
	names, err := d.List(ctx)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"a-1", "a-2", "b-1"}, names)
	for _, name := range names {
		require.NoError(t, d.Delete(ctx, name))
	}
	names, err = d.List(ctx)
	require.NoError(t, err)
	require.Empty(t, names)
	require.FileExists(t, filepath.Join(path, "README"))

	ended, stop := context.WithCancel(ctx)
	stop()
	_, read := d.Read(ended, "a-1")
	_, listed := d.List(ended)
	for _, err := range []error{read, listed, d.Write(ended, "a-3", nil), d.Delete(ended, "a-3")} {
		require.ErrorIs(t, err, context.Canceled)
	}
}

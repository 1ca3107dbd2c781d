package state_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/cmd/weir/internal/state"
)

// A directory in which no file can be made is refused at once, and not when the
// first stream is created; and it is let go of. Here the path is so long that
// there is room for the name of the lock and for no longer one, which stops root
// too.
func TestOpen_cannotBeWritten(t *testing.T) {
	const longest = 4095 - len("/LOCK") // bytes of a path to a directory
	path := t.TempDir()
	for longest-len(path) > 1 {
		left := longest - len(path) - 1
		if n := min(200, left); left-n == 1 { // or a name would be left that is empty
			path = filepath.Join(path, strings.Repeat("d", n-1))
		} else {
			path = filepath.Join(path, strings.Repeat("d", n))
		}
	}
	require.Len(t, path, longest)
	require.NoError(t, os.MkdirAll(path, 0o700))
	for range 2 {
		_, err := state.Open(path)
		require.ErrorIs(t, err, syscall.ENAMETOOLONG)
		require.NotContains(t, err.Error(), "has this state open", "the lock was let go of")
	}
}

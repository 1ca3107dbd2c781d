package memory

import (
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
)

// The default is of what the process may have, which in a container is not what
// the machine has.
func TestDefault(t *testing.T) {
	const gib = int64(1 << 30)
	const meminfo = "MemTotal:       16777216 kB\nMemFree:        1 kB\n"
	for name, c := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"nothing is known":       {nil, 0},
		"the machine":            {map[string]string{"proc/meminfo": meminfo}, 12 * gib},
		"version 2":              {map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "4294967296\n"}, 3 * gib},
		"version 2, no bound":    {map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n"}, 12 * gib},
		"a group around its own": {map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "max\n", "sys/fs/cgroup/a/memory.max": "2147483648"}, 3 * gib / 2},
		"version 1": {map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "3:cpu,cpuacct:/x\n2:memory:/docker/1\n",
			"sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes": "1073741824", "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712"}, 3 * gib / 4},
		"more than the machine": {map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "99999999999999"}, 12 * gib},
		"a tiny group":          {map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "1000000"}, Min},
		"nonsense":              {map[string]string{"proc/meminfo": "MemTotal: x kB", "proc/self/cgroup": "junk", "sys/fs/cgroup/memory.max": "-1"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			for path, text := range c.files {
				path = filepath.Join(root, path)
				require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
				require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
			}
			assert.Equal(t, c.want, below(root))
		})
	}
}

// A stream on disk that is larger than the process may be is opened all the
// same.
func TestOpened_boundsMemory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "s")
	s, err := weir.Open(dir, weir.Config{Limits: weir.Unlimited(), Sync: weir.SyncNever})
	require.NoError(t, err)
	entries := make([]weir.Entry, 100)
	for i := range entries {
		entries[i] = weir.Entry{PartitionKey: "k", Data: make([]byte, 64<<10)}
	}
	for range 8 { // 50 MiB
		_, err = s.PutRecords(t.Context(), entries)
		require.NoError(t, err)
	}
	require.NoError(t, s.Close())

	defer debug.SetMemoryLimit(debug.SetMemoryLimit(1)) // as little as can be said: Min
	s, err = weir.Open(dir, Opened())
	require.NoError(t, err)
	defer s.Close()
	st := s.Snapshot()
	assert.EqualValues(t, 800, st.RecordsHeld)
	assert.LessOrEqual(t, st.Storage.BytesInMemory, int64(Min/2))
	assert.Positive(t, st.Storage.RecordsOnDisk)
}

package serve

import (
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/kinesisserver"
)

// The default is of what the process may have, which in a container is not what
// the machine has.
func TestDefaultMemory(t *testing.T) {
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
		"a tiny group":          {map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "1000000"}, MinMemory},
		"nonsense":              {map[string]string{"proc/meminfo": "MemTotal: x kB", "proc/self/cgroup": "junk", "sys/fs/cgroup/memory.max": "-1"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			for path, text := range c.files {
				path = filepath.Join(root, path)
				require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
				require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
			}
			assert.Equal(t, c.want, defaultMemory(root))
		})
	}
}

// GOMEMLIMIT is what somebody has decided already.
func TestDefaultMemory_limitOfTheEnvironment(t *testing.T) {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(900 << 20))
	assert.Equal(t, int64(1000<<20), DefaultMemory())
	c := Config{MaxMemory: 4 << 30}
	c.bound()
	assert.Equal(t, int64(900<<20), debug.SetMemoryLimit(-1), "stays as it is")
}

// What is held and what is under way fit into the bound together, with room for
// the collector; what is set lower stays.
func TestConfig_boundIsDivided(t *testing.T) {
	for _, most := range []int64{MinMemory, 256 << 20, 16 << 30} {
		c := Config{MaxMemory: most}
		undo := c.bound()
		assert.Equal(t, most/100*90, debug.SetMemoryLimit(-1))
		assert.Equal(t, most/2, c.Account.Memory.Most())
		assert.GreaterOrEqual(t, c.Server.MaxInFlightBytes, int64(16<<20))
		assert.LessOrEqual(t, c.Server.MaxInFlightBytes, max(most/16, 16<<20))
		assert.LessOrEqual(t, int64(c.Server.MaxConnections)*64<<10, most/16)
		assert.LessOrEqual(t, int64(c.Server.MaxSubscriptions)*64<<10, most/16)
		undo()
		assert.Equal(t, int64(math.MaxInt64), debug.SetMemoryLimit(-1))
	}
	c := Config{MaxMemory: 1 << 40, Server: kinesisserver.Config{MaxInFlightBytes: 1 << 20, MaxConnections: -1}}
	defer c.bound()()
	assert.EqualValues(t, 1<<20, c.Server.MaxInFlightBytes)
	assert.Equal(t, 1<<20, c.Server.MaxConnections, "any number is none")
	assert.Equal(t, kinesisserver.DefaultMaxSubscriptions, c.Server.MaxSubscriptions)
	cold := Config{MaxMemory: 256 << 20}
	cold.Account.Stream.WhenFull = weir.Spill
	defer cold.bound()()
	assert.EqualValues(t, 16<<20/(320<<10), cold.Server.MaxSubscriptions, "each may hold a block of what it reads from the disk")
	none := Config{}
	none.bound()()
	assert.Equal(t, Config{}, none)
}

package serve

import (
	"math"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/kinesisserver"
	"github.com/weirstream/weir/cmd/weir/internal/memory"
)

// GOMEMLIMIT is what somebody has decided already.
func TestConfig_limitOfTheEnvironment(t *testing.T) {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(900 << 20))
	assert.Equal(t, int64(1000<<20), memory.Default())
	c := Config{MaxMemory: 4 << 30}
	c.bound()
	assert.Equal(t, int64(900<<20), debug.SetMemoryLimit(-1), "stays as it is")
}

// What is held and what is under way fit into the bound together, with room for
// the collector; what is set lower stays.
func TestConfig_boundIsDivided(t *testing.T) {
	for _, most := range []int64{memory.Min, 256 << 20, 16 << 30} {
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

package simulate_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirstream/weir/simulate"
)

// weir simulate and weir cost put records together from one size on: with two
// sizes they found two numbers of shards for one workload.
func TestAutoStep(t *testing.T) {
	assert.Zero(t, simulate.AutoStep(0))
	assert.Zero(t, simulate.AutoStep(simulate.MostSingle))
	assert.Equal(t, 100*time.Millisecond, simulate.AutoStep(simulate.MostSingle+1))
}

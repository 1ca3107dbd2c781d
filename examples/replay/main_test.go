package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/lease"
)

func TestRun_rewoundIsAsIfTheBugHadNotBeen(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out))
	assert.Equal(t, `with the bug: A 477.00 B 478.20 C 479.40 D 480.60 E 481.80
fixed from the 600th payment on: A 999.20 B 982.56 C 1001.66 D 984.88 E 1004.12
rewound, and processed again: A 863.20 B 851.32 C 863.28 D 851.26 E 863.36
what it would have been without the bug: A 863.20 B 851.32 C 863.28 D 851.26 E 863.36
`, out.String())
}

// Positions and totals are rewound together, and nothing else is.
func TestRewind_forgetsPositionsAndTotals(t *testing.T) {
	s, err := weir.NewStream("payments", weir.Config{Shards: 2, Limits: weir.Unlimited()})
	require.NoError(t, err)
	require.NoError(t, pay(t.Context(), s, 100))
	leases := new(lease.Memory)
	require.NoError(t, process(t.Context(), s, leases, add, 100))
	before, err := leases.List(t.Context())
	require.NoError(t, err)
	require.NoError(t, rewind(t.Context(), leases))
	after, err := leases.List(t.Context())
	require.NoError(t, err)
	require.Len(t, after, 2)
	for i := range after {
		assert.Equal(t, lease.TrimHorizon, after[i].Checkpoint.Sequence)
		assert.NotEqual(t, lease.TrimHorizon, before[i].Checkpoint.Sequence)
		assert.Empty(t, after[i].State)
		assert.NotEmpty(t, before[i].State)
		before[i].Checkpoint, before[i].State, before[i].Counter = after[i].Checkpoint, after[i].State, after[i].Counter
		assert.Equal(t, before[i], after[i])
	}
}

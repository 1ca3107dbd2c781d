package simulate_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/simulate"
	"github.com/weirstream/weir/workload"
)

// uneven is a workload whose busiest keys decide how many shards are enough.
func uneven(seed int64) simulate.Config {
	return simulate.Config{Step: step, Workload: workload.Workload{
		Duration: lasts(30 * time.Second), Seed: seed,
		Traffic: []workload.Traffic{{
			Rate: workload.Rate{Constant: 6000}, Keys: workload.Keys{Count: 300, Zipf: 0.8}, Sizes: workload.Sizes{Fixed: 100},
		}},
	}}
}

// Keys fall together with n shards that are apart with fewer, so that a search in
// halves may end at 28 where 22 are enough and 23 and 27 are not. What is found is the
// smallest number, and the greater ones that are said to be worse are.
func TestFindShards_moreMayBeWorse(t *testing.T) {
	worse := 0
	for seed := range int64(10) {
		c := uneven(seed)
		fit, err := simulate.FindShards(t.Context(), c, 0)
		require.NoError(t, err)
		require.Positive(t, fit.Shards)
		numbers := make([]int, fit.Shards)
		for i := range numbers {
			numbers[i] = i + 1
		}
		require.NoError(t, simulate.Sweep(t.Context(), c, numbers, func(n int, r *simulate.Result) {
			assert.Equal(t, n == fit.Shards, r.ThrottledRecords == 0, "seed %d: %d shards, and %d are the fewest", seed, n, fit.Shards)
		}))
		assert.Equal(t, fit.Shards-1, fit.Fewer.FirstShards)
		assert.Equal(t, fit.Shards, fit.Result.FirstShards)
		worse += len(fit.Worse)
		if len(fit.Worse) > 0 {
			r, err := simulate.Run(t.Context(), c.WithShards(fit.Worse[0]))
			require.NoError(t, err)
			assert.Positive(t, r.ThrottledRecords, "seed %d: %d shards", seed, fit.Worse[0])
		}
	}
	assert.Positive(t, worse, "otherwise this tests nothing")
}

// One naming of the keys is one draw of luck. What is said to be enough for 95 % of
// the others is reckoned from hashes; simulating twenty of them shows as much.
func TestFindShards_enoughForMostNamings(t *testing.T) {
	fit, err := simulate.FindShards(t.Context(), uneven(0), 0)
	require.NoError(t, err)
	assert.Equal(t, 100, fit.Namings)
	assert.LessOrEqual(t, fit.BusiestShare, fit.MostShare*1.02)
	enough, enoughWithFewer := 0, 0
	for seed := range int64(20) {
		for n, count := range map[int]*int{fit.ShardsForMost: &enough, fit.ShardsForMost / 2: &enoughWithFewer} {
			r, err := simulate.Run(t.Context(), uneven(seed+1).WithShards(n))
			require.NoError(t, err)
			if r.ThrottledRecords == 0 {
				*count++
			}
		}
	}
	assert.GreaterOrEqual(t, enough, 17)
	assert.Less(t, enoughWithFewer, 15)
}

// Of a million keys each number takes a moment, and there may be hundreds of numbers.
func TestFindShards_interruptedWhileItReckonsFromHashes(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	fit, err := simulate.ByHashes(ctx, uneven(0), 0.01, 5)
	require.NoError(t, err)
	assert.False(t, fit.Interrupted)
	assert.NotEmpty(t, fit.Worse)

	cancel()
	fit, err = simulate.ByHashes(ctx, uneven(0), 0.01, 5)
	require.NoError(t, err)
	assert.True(t, fit.Interrupted)
	assert.Empty(t, fit.Worse)
}

// Keys that the workload names have no other names, and traces are what they are.
func TestFindShards_namedKeys(t *testing.T) {
	c := uneven(0)
	c.Workload.Traffic[0].Keys = workload.Keys{Weighted: []workload.WeightedKey{{Key: "a"}, {Key: "b"}, {Key: "c"}, {Key: "d"}, {Key: "e"}, {Key: "f"}, {Key: "g"}, {Key: "h"}, {Key: "i"}}}
	fit, err := simulate.FindShards(t.Context(), c, 0)
	require.NoError(t, err)
	assert.Positive(t, fit.MostShare)
	assert.Zero(t, fit.Namings)
	assert.Zero(t, fit.ShardsForMost)

	fit, err = simulate.FindShards(t.Context(), simulate.Config{Workload: trace("steady", 1), Open: opened, Step: step}, 0)
	require.NoError(t, err)
	assert.Zero(t, fit.Placement)
	assert.Equal(t, 1, fit.Shards)
}

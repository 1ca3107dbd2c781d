package weir_test

import (
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
)

func TestStream_resizeRules(t *testing.T) {
	for _, c := range []struct {
		current, target int
		rule            weir.ResizeRule
		limit           int
		ok              bool
	}{
		{3, 6, 0, 0, true},
		{3, 7, weir.ResizeTooLarge, 6, false},
		{6, 3, 0, 0, true},
		{6, 2, weir.ResizeTooSmall, 3, false},
		{5, 3, 0, 0, true},
		{5, 2, weir.ResizeTooSmall, 3, false}, // literally below half
		{5, 5, 0, 0, true},
		{1, 2, 0, 0, true},
		{1, 3, weir.ResizeTooLarge, 2, false},
		{5001, 10000, 0, 0, true},
		{5001, 10001, weir.ResizeAboveMaximum, 10000, false},
	} {
		t.Run(fmt.Sprint(c.current, "to", c.target), func(t *testing.T) {
			s := newStream(t, weir.Config{Shards: c.current})
			_, err := s.PlanResize(c.target)
			if c.ok {
				require.NoError(t, err)
				return
			}
			var refused *weir.ResizeError
			require.ErrorAs(t, err, &refused)
			require.ErrorIs(t, err, weir.ErrResizeRefused)
			assert.Equal(t, &weir.ResizeError{Rule: c.rule, Current: c.current, Target: c.target, Limit: c.limit}, refused)
		})
	}
	s := newStream(t, weir.Config{})
	_, err := s.Resize(0)
	require.ErrorIs(t, err, weir.ErrInvalidArgument)
}

func TestStream_resizesPerDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{})
		for i := range 10 {
			_, err := s.Resize(2 - i%2)
			require.NoError(t, err)
			time.Sleep(time.Hour)
		}
		_, err := s.Resize(2)
		var refused *weir.ResizeError
		require.ErrorAs(t, err, &refused)
		assert.Equal(t, weir.ResizeTooOften, refused.Rule)
		assert.Equal(t, 14*time.Hour, refused.RetryAfter)
		time.Sleep(refused.RetryAfter - time.Nanosecond)
		_, err = s.Resize(2)
		require.Error(t, err)
		time.Sleep(time.Nanosecond)
		_, err = s.Resize(2)
		require.NoError(t, err)
	})
}

func TestStream_doublingSplitsEachShardOnce(t *testing.T) {
	s := newStream(t, weir.Config{Shards: 3})
	plan, err := s.Resize(6)
	require.NoError(t, err)
	require.Len(t, plan, 3)
	for i, step := range plan {
		assert.True(t, step.IsSplit())
		assert.Equal(t, []weir.ShardID{weir.ShardID(i)}, step.Parents)
	}
	requireEven(t, s, 6)

	plan, err = s.Resize(3)
	require.NoError(t, err)
	require.Len(t, plan, 3)
	for _, step := range plan {
		assert.False(t, step.IsSplit())
	}
	requireEven(t, s, 3)
}

// Any other target is reached by one split for each boundary that is missing and
// one merge for each that is not wanted.
func TestStream_resizeTakesTheFewestSteps(t *testing.T) {
	for current := 1; current <= 12; current++ {
		for target := (current + 1) / 2; target <= 2*current; target++ {
			if target == current || target == 2*current || 2*target == current {
				continue
			}
			s := newStream(t, weir.Config{Shards: current})
			plan, err := s.PlanResize(target)
			require.NoError(t, err)
			common := gcd(current, target) - 1 // boundaries that both layouts have
			assert.Len(t, plan, current-1-common+target-1-common, "%d to %d", current, target)
			done, err := s.Resize(target)
			require.NoError(t, err)
			assert.Equal(t, plan, done)
			requireEven(t, s, target)
			requireCovered(t, s)
		}
	}
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// requireEven checks that there are n open shards of the same size but for
// rounding.
func requireEven(t *testing.T, s *weir.Stream, n int) {
	t.Helper()
	open := openShards(t, s)
	require.Len(t, open, n)
	for _, sh := range open {
		require.InDelta(t, 1/float64(n), sh.HashKeyRange.Share(), 1e-12)
	}
}

func TestStream_resizeAfterUnevenSplits(t *testing.T) {
	s := newStream(t, weir.Config{Limits: weir.Unlimited()})
	_, err := s.SplitShard(0, hashKey(t, "123456789"))
	require.NoError(t, err)
	_, err = s.SplitShard(2, weir.HashKey{Hi: math.MaxUint64})
	require.NoError(t, err)
	for _, n := range []int{5, 7, 4, 9, 1} {
		_, err = s.Resize(n)
		require.NoError(t, err)
		requireEven(t, s, n)
	}
}

func TestStream_shardTooNarrowToDouble(t *testing.T) {
	s := newStream(t, weir.Config{})
	_, err := s.SplitShard(0, hashKey(t, "2")) // 0 to 1: two hash keys
	require.NoError(t, err)
	_, err = s.Resize(4)
	require.ErrorIs(t, err, weir.ErrInvalidArgument)
	require.Len(t, s.Shards(), 3, "nothing was done")
}

func TestReshard_inWords(t *testing.T) {
	s := newStream(t, weir.Config{})
	split, err := s.Resize(2)
	require.NoError(t, err)
	merge, err := s.Resize(1)
	require.NoError(t, err)
	assert.Equal(t, "[split shardId-000000000000 at 170141183460469231731687303715884105728 into "+
		"shardId-000000000001 and shardId-000000000002]", fmt.Sprint(split))
	assert.Equal(t, "[merge shardId-000000000001 and shardId-000000000002 into shardId-000000000003]", fmt.Sprint(merge))
	assert.Equal(t, "[] into []", weir.Reshard{}.String())
}

func TestStream_thousandsOfShards(t *testing.T) {
	s := newStream(t, weir.Config{Shards: 1000})
	_, err := s.Resize(2000)
	require.NoError(t, err)
	requireEven(t, s, 2000)
	requireCovered(t, s)

	var all []weir.ShardID
	for from := weir.ShardID(0); ; {
		page, err := s.ListShards(weir.ShardQuery{From: from, Limit: 700})
		require.NoError(t, err)
		for _, sh := range page {
			all = append(all, sh.ID)
		}
		if len(page) < 700 {
			break
		}
		from = page[len(page)-1].ID + 1
	}
	require.Len(t, all, 3000)
	for i, id := range all {
		require.EqualValues(t, i, id)
	}
}

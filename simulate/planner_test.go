package simulate_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/simulate"
	"github.com/weirstream/weir/workload"
)

// A key with a record each 1/1700 s needs 1.7 shards.
func TestFindShards_hotKeySetsTheFloor(t *testing.T) {
	w := workload.Workload{Duration: lasts(time.Minute), Traffic: append(
		steady(500, 100), workload.Traffic{
			Rate: workload.Rate{Constant: 1700},
			Keys: workload.Keys{Weighted: []workload.WeightedKey{{Key: "whale"}}}, Sizes: workload.Sizes{Fixed: 95},
		},
	)}
	modes(t, func(t *testing.T, step time.Duration) {
		fit, err := simulate.FindShards(t.Context(), simulate.Config{Workload: w, Step: step}, 0)
		require.NoError(t, err)
		assert.Equal(t, simulate.Fit{
			Impossible: true,
			Why:        `the busiest key alone, "whale", needs 1.7 shards and would be throttled with one of its own: no number of shards is enough`,
			HottestKey: simulate.HotKey{
				Key: "whale", Records: 102_000, Bytes: 10_200_000, Share: 1700.0 / 2200,
				RecordsPerSecond: 1700, BytesPerSecond: 170_000, Shards: 1.7,
			},
			Tried: []simulate.Try{},
		}, fit)
	})
}

// 3,500 records a second over 17,576 even keys need four shards at least, and one
// more where one of four has more keys than it can take.
func TestFindShards_findsTheSmallest(t *testing.T) {
	w := workload.Workload{
		Duration: lasts(30 * time.Second), Traffic: steady(3500, 100),
		Consumers: []workload.Consumer{{}}, Reshards: []workload.Reshard{{At: lasts(time.Second), Shards: 1}},
	}
	modes(t, func(t *testing.T, step time.Duration) {
		c := simulate.Config{Workload: w, Step: step}
		for _, throttled := range []float64{0, 0.1} {
			fit, err := simulate.FindShards(t.Context(), c, throttled)
			require.NoError(t, err)
			require.False(t, fit.Impossible)
			require.NotNil(t, fit.Result)
			require.NotNil(t, fit.Fewer)
			assert.LessOrEqual(t, fit.Result.ThrottledShare(), throttled)
			assert.Greater(t, fit.Fewer.ThrottledShare(), throttled)
			assert.Equal(t, fit.Shards, fit.Result.FirstShards)
			assert.Equal(t, fit.Shards-1, fit.Fewer.FirstShards)
			assert.Empty(t, fit.Result.Consumers, "they change nothing")
			assert.False(t, fit.Result.Interrupted)
			assert.Equal(t, int64(105_000), fit.Result.OfferedRecords)
			if throttled == 0 {
				assert.GreaterOrEqual(t, fit.Shards, 4)
				assert.LessOrEqual(t, fit.Shards, 5)
			}
			for _, try := range fit.Tried {
				assert.Equal(t, try.Shards >= fit.Shards, try.Enough, "%d shards", try.Shards)
			}
		}
	})
}

func TestFindShards_oneIsEnough(t *testing.T) {
	c := simulate.Config{Workload: workload.Workload{Duration: lasts(time.Minute), Traffic: steady(100, 100)}}
	fit, err := simulate.FindShards(t.Context(), c, 0)
	require.NoError(t, err)
	assert.Equal(t, 1, fit.Shards)
	assert.Nil(t, fit.Fewer)
	assert.Equal(t, []simulate.Try{{Shards: 1, Enough: true}}, fit.Tried)
}

// A burst of 20,000 records in no time needs more shards than the average of 333 a
// second lets expect.
func TestFindShards_looksFarAboveTheAverage(t *testing.T) {
	c := simulate.Config{Step: step, Workload: workload.Workload{
		Duration: lasts(time.Minute),
		Traffic:  []workload.Traffic{traffic(workload.Rate{Burst: &workload.Burst{Records: 20_000}}, 100)},
	}}
	fit, err := simulate.FindShards(t.Context(), c, 0)
	require.NoError(t, err)
	assert.Greater(t, fit.Shards, 20, "keys do not come evenly")
	assert.Less(t, fit.Shards, 30)
	assert.Equal(t, fit.Shards-1, fit.Fewer.FirstShards)
}

func TestFindShards_refusesBadConfigs(t *testing.T) {
	c := simulate.Config{Workload: workload.Workload{Duration: lasts(time.Minute), Traffic: steady(100, 100)}}
	for _, share := range []float64{-0.1, 1} {
		_, err := simulate.FindShards(t.Context(), c, share)
		assert.ErrorContains(t, err, "is outside 0 to 1")
	}
	c.Workload.Stream.Mode = workload.OnDemandMode
	_, err := simulate.FindShards(t.Context(), c, 0)
	assert.EqualError(t, err, `stream.mode: a stream of mode "on-demand" chooses its number of shards itself`)
	c.Workload = workload.Workload{}
	_, err = simulate.FindShards(t.Context(), c, 0)
	assert.ErrorIs(t, err, weir.ErrInvalidArgument)
}

func TestFindShards_interrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := simulate.Config{Workload: workload.Workload{Duration: lasts(time.Minute), Traffic: steady(100, 100)}}
	fit, err := simulate.FindShards(ctx, c, 0)
	require.NoError(t, err)
	assert.True(t, fit.Interrupted)
	assert.Zero(t, fit.Shards)
}

func TestSweep_simulatesEachNumber(t *testing.T) {
	w := workload.Workload{Duration: lasts(20 * time.Second), Traffic: steady(2000, 100)}
	c := simulate.Config{Workload: w, Step: step}
	var tried []int
	err := simulate.Sweep(t.Context(), c, []int{3, 1, 2}, func(n int, r *simulate.Result) {
		tried = append(tried, n)
		c.Workload.Stream.Shards = n
		alone, err := simulate.Run(t.Context(), c)
		require.NoError(t, err)
		assert.Equal(t, alone, r)
	})
	require.NoError(t, err)
	assert.Equal(t, []int{3, 1, 2}, tried)
}

func TestSweep_refusesAndEnds(t *testing.T) {
	c := simulate.Config{Workload: workload.Workload{Duration: lasts(20 * time.Second), Traffic: steady(2000, 100)}}
	err := simulate.Sweep(t.Context(), c, []int{0}, func(int, *simulate.Result) { t.Error("called") })
	assert.EqualError(t, err, "shards: 0 is less than 1")
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	err = simulate.Sweep(ctx, c, []int{1, 2, 3}, func(int, *simulate.Result) { n++; cancel() })
	assert.NoError(t, err)
	assert.Equal(t, 1, n)
}

// As for an outage of a run: 60,000 records wait, of which 500 a second more are read
// than come.
func TestCatchUp_byArithmetic(t *testing.T) {
	modes(t, func(t *testing.T, step time.Duration) {
		c := simulate.Config{Step: step, Workload: workload.Workload{
			Duration: lasts(20 * time.Minute), Traffic: steady(500, 100),
			Consumers: []workload.Consumer{{Name: "other"}, {Name: "slow", Limit: 1000}},
		}}
		o, err := simulate.CatchUp(t.Context(), c, "slow", 2*time.Minute)
		require.NoError(t, err)
		assert.Equal(t, time.Minute, o.From)
		assert.Equal(t, 3*time.Minute, o.To)
		assert.True(t, o.CaughtUp)
		assert.InDelta(t, 60_000, o.Backlog, 1000)
		assert.InDelta(t, 120, o.CatchUp.Seconds(), 5)
	})
}

func TestCatchUp_takesTheBusiestTime(t *testing.T) {
	rate := workload.Rate{Steps: []workload.Step{{Rate: 100}, {At: minutes(20), Rate: 400}, {At: minutes(25), Rate: 100}}}
	c := simulate.Config{Step: step, Workload: workload.Workload{
		Duration: lasts(time.Hour), Traffic: []workload.Traffic{traffic(rate, 100)}, Consumers: []workload.Consumer{{Name: "it"}},
	}}
	o, err := simulate.CatchUp(t.Context(), c, "it", 5*time.Minute)
	require.NoError(t, err)
	assert.Equal(t, 20*time.Minute, o.From)
	assert.InDelta(t, 5*60*400, o.Backlog, 500)
}

func TestCatchUp_never(t *testing.T) {
	c := simulate.Config{Step: step, Workload: workload.Workload{
		Duration: lasts(20 * time.Minute), Traffic: steady(500, 100), Consumers: []workload.Consumer{{Limit: 500}},
	}}
	o, err := simulate.CatchUp(t.Context(), c, "consumer-1", 5*time.Minute)
	require.NoError(t, err)
	assert.False(t, o.CaughtUp)
	assert.Zero(t, o.CatchUp)
}

func TestCatchUp_refuses(t *testing.T) {
	c := simulate.Config{Step: step, Workload: workload.Workload{
		Duration: lasts(20 * time.Minute), Traffic: steady(10, 100), Consumers: []workload.Consumer{{Name: "it"}},
	}}
	for _, bad := range []struct {
		consumer string
		outage   time.Duration
		want     string
	}{
		{"he", time.Minute, `consumer: the workload has none of the name "he"`},
		{"it", 0, "outage: 0s is not positive"},
		{"it", 10 * time.Minute, "outage: 10m0s does not fit into the first half of the workload, 10m0s, from 1m0s on"},
	} {
		_, err := simulate.CatchUp(t.Context(), c, bad.consumer, bad.outage)
		assert.EqualError(t, err, bad.want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := simulate.CatchUp(ctx, c, "it", time.Minute)
	assert.ErrorIs(t, err, context.Canceled)
}

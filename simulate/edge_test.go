package simulate_test

import (
	"errors"
	"fmt"
	"iter"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/simulate"
	"github.com/weirstream/weir/workload"
)

var errBroken = errors.New("line 7 is broken")

// opened gives traces: "steady" is a record each 10 ms for 30 s, the busiest key a
// third of them; "broken" ends with an error.
func opened(file string) (iter.Seq2[workload.Traced, error], error) {
	if file == "none" {
		return nil, errors.New("no such file")
	}
	return func(yield func(workload.Traced, error) bool) {
		for i := range 3000 {
			r := workload.Traced{At: simulate.Epoch().Add(time.Duration(i) * 10 * time.Millisecond), Key: fmt.Sprint("key-", i), Bytes: 90}
			if i%3 == 0 {
				r.Key = "often"
			}
			if file == "broken" && i == 500 {
				yield(workload.Traced{}, errBroken)
				return
			}
			if !yield(r, nil) {
				return
			}
		}
	}, nil
}

func trace(file string, speed float64) workload.Workload {
	return workload.Workload{
		Traffic:   []workload.Traffic{{Trace: &workload.Trace{File: file, Speed: speed}}},
		Consumers: []workload.Consumer{{}},
	}
}

func TestRun_trace(t *testing.T) {
	modes(t, func(t *testing.T, step time.Duration) {
		for _, c := range []struct {
			speed float64
			want  time.Duration
			rate  float64
		}{{1, 30 * time.Second, 100.0 / 3}, {10, 3 * time.Second, 1000.0 / 3}, {0.5, time.Minute, 50.0 / 3}} {
			r, n := second(t, simulate.Config{Workload: trace("steady", c.speed), Open: opened, Step: step})
			assert.Equal(t, c.want, r.Duration)
			assert.Equal(t, c.want, time.Duration(n)*time.Second)
			assert.EqualValues(t, 3000, r.AcceptedRecords)
			assert.Equal(t, "often", r.HottestKey.Key)
			assert.EqualValues(t, 1000, r.HottestKey.Records)
			assert.InEpsilon(t, 1.0/3, r.HottestKey.Share, 1e-9)
			assert.InEpsilon(t, c.rate, r.HottestKey.RecordsPerSecond, 0.03)
		}
	})
}

func TestRun_traceThatCannotBeRead(t *testing.T) {
	modes(t, func(t *testing.T, step time.Duration) {
		_, err := simulate.Run(t.Context(), simulate.Config{Workload: trace("broken", 1), Open: opened, Step: step})
		assert.ErrorIs(t, err, errBroken)
		_, err = simulate.Run(t.Context(), simulate.Config{Workload: trace("none", 1), Open: opened, Step: step})
		assert.ErrorContains(t, err, "no such file")
		_, err = simulate.Run(t.Context(), simulate.Config{Workload: trace("steady", 1), Step: step})
		assert.Error(t, err, "nothing opens it")
	})
}

// A consumer that begins after 30 h misses nothing that had expired before.
func TestRun_trimHorizonAfterRetention(t *testing.T) {
	r := simulated(t, workload.Workload{
		Duration: lasts(31 * time.Hour), Traffic: steady(2, 100), Stream: workload.Stream{Shards: 2},
		Consumers: []workload.Consumer{{Start: lasts(30 * time.Hour)}},
		Reshards:  []workload.Reshard{{At: lasts(2 * time.Hour), Shards: 4}, {At: lasts(20 * time.Hour), Shards: 2}},
	}, time.Second)
	c := r.Consumers[0]
	assert.Zero(t, c.LostRecords)
	assert.InDelta(t, 25*3600*2, c.ReadRecords, 20)
	assert.Less(t, c.MaxAge, 24*time.Hour)
}

// While a consumer is away for 26 h the shard that it read was split, and has vanished
// when it comes back: the hour in which it was not there is lost, and an hour of
// each child's.
func TestRun_shardVanishesUnread(t *testing.T) {
	for _, fanOut := range []bool{false, true} {
		r := simulated(t, workload.Workload{
			Duration: lasts(29 * time.Hour), Traffic: steady(2, 100),
			Consumers: []workload.Consumer{{
				FanOut: fanOut, Outages: []workload.Outage{{At: lasts(time.Hour), For: lasts(26 * time.Hour)}},
			}},
			Reshards: []workload.Reshard{{At: lasts(2 * time.Hour), Split: "shardId-000000000000"}},
		}, time.Second)
		c := r.Consumers[0]
		assert.InDelta(t, 2*3600*2, c.LostRecords, 10)
		assert.Equal(t, c.LostRecords, c.Outages[0].LostRecords)
		assert.InDelta(t, 25*3600, c.FirstLost.Seconds(), 60)
		assert.True(t, c.Outages[0].CaughtUp)
		assert.Equal(t, r.AcceptedRecords, c.ReadRecords+c.LostRecords+c.LagRecords)
		require.Len(t, r.Shards, 3)
		assert.Equal(t, 2*time.Hour, r.Shards[0].Closed)
		assert.InDelta(t, 2*3600*2, r.Shards[0].AcceptedRecords, 2)
	}
}

func TestRun_refusedReshards(t *testing.T) {
	r := simulated(t, workload.Workload{
		Duration: lasts(20 * time.Second), Traffic: steady(10, 100), Stream: workload.Stream{Shards: 2},
		Reshards: []workload.Reshard{
			{At: lasts(time.Second), Shards: 5},
			{At: lasts(2 * time.Second), Split: "shardId-000000000007"},
			{At: lasts(3 * time.Second), Merge: []string{"shardId-000000000001", "shardId-000000000000"}},
			{At: lasts(4 * time.Second), Merge: []string{workload.ColdestShards}},
			{At: lasts(5 * time.Second), Merge: []string{workload.ColdestShards}},
		},
	}, 0)
	assert.Equal(t, []simulate.RefusedReshard{
		{At: time.Second, What: "resize to 5 shards", Why: "4 shards are the most after one resize"},
		{At: 2 * time.Second, What: "split shardId-000000000007", Why: "shard not found"},
		{At: 3 * time.Second, What: "merge shardId-000000000001 and shardId-000000000000",
			Why: "shards: shardId-000000000001 and shardId-000000000000 are not an adjacent pair, the lower one first"},
		{At: 5 * time.Second, What: "merge the coldest shards", Why: "there is one shard only"},
	}, r.RefusedReshards)
	assert.Equal(t, []simulate.CapacityChange{{At: 4 * time.Second, Before: 2, After: 1, Why: "merge"}}, r.Changes)
	assert.Equal(t, []int{2, 1, 2}, []int{r.FirstShards, r.LastShards, r.MostShards})
}

// The busiest of two shards is split, and the coldest neighbours merged.
func TestRun_reshardsByLoad(t *testing.T) {
	hot := workload.Keys{Hot: []workload.HotKey{{Key: "a", Share: 0.9}}}
	var open []string
	c := simulate.Config{Workload: workload.Workload{
		Duration: lasts(5 * time.Minute), Stream: workload.Stream{Shards: 4},
		Traffic: []workload.Traffic{{Rate: workload.Rate{Constant: 200}, Keys: hot}},
		Reshards: []workload.Reshard{
			{At: lasts(2 * time.Minute), Split: workload.BusiestShard},
			{At: lasts(4 * time.Minute), Merge: []string{workload.ColdestShards}},
		},
	}}
	var busiest simulate.ShardSecond
	c.Each = func(s *simulate.Second) {
		if s.At == time.Minute {
			for _, sh := range s.Shards {
				if sh.AcceptedRecords > busiest.AcceptedRecords {
					busiest = sh
				}
			}
		}
		if s.At == 3*time.Minute {
			for _, sh := range s.Shards {
				open = append(open, sh.Shard.String())
			}
		}
	}
	r, _ := second(t, c)
	assert.Len(t, open, 5)
	assert.NotContains(t, open, busiest.Shard.String())
	assert.Equal(t, 4, r.LastShards)
	for _, sh := range r.Shards {
		if sh.Share > 0.2 {
			assert.True(t, sh.Shard == busiest.Shard || sh.Closed == 0, "the hot one is not merged")
		}
	}
}

func TestRun_noLimits(t *testing.T) {
	modes(t, func(t *testing.T, step time.Duration) {
		r := simulated(t, workload.Workload{
			Duration: lasts(10 * time.Second), Stream: workload.Stream{Limits: workload.Limits{None: true}},
			Traffic: steady(20_000, 100), Consumers: []workload.Consumer{{}, {FanOut: true}},
		}, step)
		assert.Zero(t, r.ThrottledRecords)
		assert.Zero(t, r.HottestKey.Shards)
		assert.Zero(t, r.CallQuotaUse)
		assert.InDelta(t, 200_000, r.FanOutRecords, 2000)
	})
}

// On-demand capacity follows the minutes of the clock, wherever the run begins.
func TestRun_startBetweenMinutes(t *testing.T) {
	spike := workload.Rate{Steps: []workload.Step{{Rate: 100}, {At: minutes(5), Rate: 600}}}
	for _, c := range []struct {
		start time.Time
		grows time.Duration
	}{
		{time.Time{}, 16 * time.Minute},
		{time.Date(2026, 5, 4, 3, 2, 59, 5, time.UTC), 16*time.Minute + time.Second}, // at 3:19
	} {
		r, _ := second(t, simulate.Config{Start: c.start, Step: step, Workload: workload.Workload{
			Duration: lasts(17 * time.Minute), Stream: smallOnDemand(), Traffic: []workload.Traffic{traffic(spike, 100)},
		}})
		require.NotEmpty(t, r.Changes)
		assert.Equal(t, c.grows, r.Changes[0].At)
	}
}

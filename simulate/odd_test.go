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

// Nobody wakes a consumer with enhanced fan-out that waits for records after its
// outage when none come. It has missed nothing.
func TestRun_outageAfterTheTraffic(t *testing.T) {
	for _, fanOut := range []bool{false, true} {
		ended := steady(100, 100)
		ended[0].For = lasts(10 * time.Second)
		r := simulated(t, workload.Workload{
			Duration: lasts(time.Minute), Stream: workload.Stream{Shards: 2}, Traffic: ended,
			Consumers: []workload.Consumer{{FanOut: fanOut, Outages: []workload.Outage{{At: lasts(20 * time.Second), For: lasts(10 * time.Second)}}}},
		}, 0)
		want := []simulate.Outage{{From: 20 * time.Second, To: 30 * time.Second, CaughtUp: true}}
		assert.Equal(t, want, r.Consumers[0].Outages, "fan-out %v", fanOut)
	}
}

// Bursts of 100 come every five seconds, and the consumer is away from the third on. Ten
// seconds later they expire one after the other, each when the next is five seconds old.
func TestRun_lagWhereRecordsExpireBetweenPauses(t *testing.T) {
	modes(t, func(t *testing.T, step time.Duration) {
		var lags, lost []int64
		c := simulate.Config{Step: step, Workload: workload.Workload{
			Duration: lasts(40 * time.Second),
			Stream:   workload.Stream{Retention: lasts(10 * time.Second), Limits: workload.Limits{None: true}},
			Traffic:  []workload.Traffic{traffic(workload.Rate{Burst: &workload.Burst{Records: 100, Every: lasts(5 * time.Second)}}, 100)},
			Consumers: []workload.Consumer{{Outages: []workload.Outage{
				{At: lasts(6500 * time.Millisecond), For: lasts(time.Minute)},
			}}},
		}}
		c.Each = func(s *simulate.Second) {
			lags = append(lags, s.Consumers[0].LagRecords)
			lost = append(lost, s.Consumers[0].LostRecords)
		}
		r, _ := second(t, c)
		for at := 16; at < 39; at++ { // not in the very second in which one expires
			if at%5 != 4 && at%5 != 0 {
				assert.EqualValues(t, 200, lags[at], "at second %d", at)
			}
		}
		for at := range lost {
			if lost[at] > 0 {
				assert.EqualValues(t, 100, lost[at])
				assert.Contains(t, []int{4, 0}, at%5, "at second %d", at)
			}
		}
		assert.InDelta(t, 19.5, r.Consumers[0].FirstLost.Seconds(), 1)
	})
}

// Of one shard the sizes do not divide evenly, of the other all records are as large
// as may be. What is rounded of the first must not make the second's too large.
func TestRun_batchedSizesStayAmongTheirOwn(t *testing.T) {
	largest := workload.Size(mib - 1)
	r := simulated(t, workload.Workload{
		Duration: lasts(20 * time.Second), Stream: workload.Stream{Shards: 2},
		Traffic: []workload.Traffic{
			{Rate: workload.Rate{Constant: 900}, Keys: oneKey("a"), Sizes: workload.Sizes{Min: 10, Max: 1000}},
			{Rate: workload.Rate{Constant: 0.5}, Keys: oneKey("b"), Sizes: workload.Sizes{Fixed: largest}},
		},
	}, step)
	assert.Zero(t, r.RefusedRecords)
	assert.EqualValues(t, 10, r.Shards[1].OfferedRecords)
	assert.EqualValues(t, 10*mib, r.Shards[1].AcceptedBytes)
	assert.InDelta(t, r.OfferedBytes, r.AcceptedBytes, 1000, "but for what is carried on at the end")
}

func oneKey(key string) workload.Keys {
	return workload.Keys{Weighted: []workload.WeightedKey{{Key: key}}}
}

// A shard that is closed as soon as the run begins is not an open one.
func TestRun_reshardAtTheBeginning(t *testing.T) {
	modes(t, func(t *testing.T, step time.Duration) {
		r := simulated(t, workload.Workload{
			Duration: lasts(20 * time.Second), Traffic: steady(100, 100), Consumers: []workload.Consumer{{}},
			Reshards: []workload.Reshard{{Shards: 2}, {At: lasts(5 * time.Second), Shards: 2}},
		}, step)
		require.Len(t, r.Shards, 3)
		for i, open := range []bool{false, true, true} {
			assert.Equal(t, open, r.Shards[i].Open)
			assert.Zero(t, r.Shards[i].Closed)
		}
		assert.EqualValues(t, 2000, r.Shards[1].AcceptedRecords+r.Shards[2].AcceptedRecords)
		assert.EqualValues(t, 2000, r.Consumers[0].ReadRecords+r.Consumers[0].LagRecords)
		assert.Equal(t, []simulate.CapacityChange{{Before: 1, After: 2, Why: "resize"}}, r.Changes, "the same number is no change")
	})
}

// Ten thousand records of ten years each take longer than there are nanoseconds.
func TestRun_workWithoutEnd(t *testing.T) {
	modes(t, func(t *testing.T, step time.Duration) {
		r := simulated(t, workload.Workload{
			Duration:  lasts(5 * time.Second),
			Traffic:   []workload.Traffic{traffic(workload.Rate{Burst: &workload.Burst{Records: 1000}}, 100)},
			Consumers: []workload.Consumer{{PerRecord: workload.Duration(workload.MaxDuration), Poll: lasts(time.Second)}},
		}, step)
		assert.EqualValues(t, 1000, r.Consumers[0].ReadRecords)
		assert.Zero(t, r.Consumers[0].ProcessedRecords)
	})
}

// A consumer that begins between two milliseconds is not given what arrived before.
func TestRun_latestBetweenMilliseconds(t *testing.T) {
	r := simulated(t, workload.Workload{
		Duration: lasts(10 * time.Second), Traffic: steady(10_000, 10), Stream: workload.Stream{Limits: workload.Limits{None: true}},
		Consumers: []workload.Consumer{{From: workload.FromLatest, Start: lasts(3*time.Second + 950*time.Microsecond)}},
	}, 0)
	assert.EqualValues(t, 70_000, r.Consumers[0].ReadRecords+r.Consumers[0].LagRecords)
	assert.Less(t, r.Consumers[0].ReadRecords, int64(70_000))
}

// A context is asked now and then, not only when a second is over; what is reported
// is whole seconds still.
func TestRun_interruptedWithinASecond(t *testing.T) {
	for _, left := range []int{0, 4} {
		var told []time.Duration
		r, err := simulate.Run(&ending{t.Context(), left}, simulate.Config{
			Workload: workload.Workload{
				Duration: lasts(10 * time.Second), Traffic: steady(200_000, 100), Producers: workload.Producers{Retries: 3},
				Consumers: []workload.Consumer{{}},
			},
			Progress: func(at time.Duration) { told = append(told, at) },
		})
		require.NoError(t, err)
		assert.True(t, r.Interrupted)
		assert.Zero(t, r.Duration%time.Second)
		assert.Less(t, r.Duration, 4*time.Second)
		assert.EqualValues(t, 200_000*int(r.Duration/time.Second), r.OfferedRecords)
		assert.Equal(t, []time.Duration{r.Duration}, told)
		checkResult(t, r)
	}
}

// ending is a context that ends after it was asked so many times.
type ending struct {
	context.Context
	left int
}

func (e *ending) Err() error {
	if e.left--; e.left < 0 {
		return context.Canceled
	}
	return nil
}

// The hottest key's share is that of the records that are measured.
func TestFindShards_warmUp(t *testing.T) {
	c := simulate.Config{Step: step, Workload: workload.Workload{
		Duration: lasts(100 * time.Second), WarmUp: lasts(50 * time.Second),
		Traffic: []workload.Traffic{{Rate: workload.Rate{Constant: 700}, Keys: workload.Keys{Hot: []workload.HotKey{{Key: "hot", Share: 0.5}}}}},
	}}
	f, err := simulate.FindShards(t.Context(), c, 0)
	require.NoError(t, err)
	assert.InDelta(t, 0.5, f.HottestKey.Share, 0.02)
	assert.Equal(t, 1, f.Shards)

	c.Workload.Duration, c.Workload.Records = 0, 7000
	_, err = simulate.FindShards(t.Context(), c, 0)
	assert.EqualError(t, err, "warm_up: 50s is not over when the workload ends, after 10s")
}

// A trace of 35 days is counted in periods that are no shorter than they need be: of
// a record each 1,000 s one falls into a minute's outage.
func TestCatchUp_longTrace(t *testing.T) {
	o, err := simulate.CatchUp(t.Context(), simulate.Config{Workload: trace("steady", 1e-5), Open: opened, Step: step}, "consumer-1", time.Minute)
	require.NoError(t, err)
	assert.True(t, o.CaughtUp)
	assert.EqualValues(t, 1, o.Backlog)
	assert.LessOrEqual(t, o.CatchUp, time.Second)
	assert.Less(t, o.From, 1000*time.Second)
	assert.Greater(t, o.To, 1000*time.Second)
}

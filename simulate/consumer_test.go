package simulate_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/simulate"
	"github.com/weirstream/weir/workload"
)

// 500 records a second come in, and one call a second gives 1,000 of them. After six
// minutes 180,000 wait, and 500 more are read each second than come.
func TestRun_catchUpOfACallLimit(t *testing.T) {
	modes(t, func(t *testing.T, step time.Duration) {
		r := simulated(t, workload.Workload{
			Duration: lasts(15 * time.Minute), Traffic: steady(500, 100),
			Consumers: []workload.Consumer{{
				Limit: 1000, Outages: []workload.Outage{{At: lasts(time.Minute), For: lasts(6 * time.Minute)}},
			}},
		}, step)
		c := r.Consumers[0]
		require.Len(t, c.Outages, 1)
		o := c.Outages[0]
		assert.Equal(t, time.Minute, o.From)
		assert.Equal(t, 7*time.Minute, o.To)
		assert.InDelta(t, 180_000, o.Backlog, 500)
		assert.True(t, o.CaughtUp)
		assert.InDelta(t, 360, o.CatchUp.Seconds(), 2)
		assert.InDelta(t, 360, c.MaxAge.Seconds(), 2, "the oldest record is as old as the outage when it ends")
		assert.Equal(t, 7*time.Minute, c.MaxAgeAt)
		assert.Zero(t, c.LostRecords)
		assert.InDelta(t, r.AcceptedRecords, c.ReadRecords, 500)
	})
}

// Records of 2 KiB come at 512 KiB a second. After an hour 1,800 MiB wait, which the
// shard gives out at 2 MiB a second, 10 MiB at a time.
func TestRun_catchUpOfTheReadLimit(t *testing.T) {
	r := simulated(t, workload.Workload{
		Duration: lasts(2 * time.Hour), Traffic: steady(256, 2*kib),
		Consumers: []workload.Consumer{{Outages: []workload.Outage{{At: lasts(time.Minute), For: lasts(time.Hour)}}}},
	}, step)
	c := r.Consumers[0]
	assert.InDelta(t, 3600*256, c.Outages[0].Backlog, 256)
	assert.True(t, c.Outages[0].CaughtUp)
	assert.InDelta(t, 1200, c.Outages[0].CatchUp.Seconds(), 6, "a call more or less takes five seconds")
	assert.NotZero(t, c.Throttled)
	assert.Equal(t, c.Throttled, r.ReadThrottled)
	assert.Zero(t, r.ReadThrottledByCalls)
}

// A registered consumer has 2 MiB a second of its own, and two in its bucket: of
// 60 MiB it gets two at once and catches up by one each second.
func TestRun_catchUpWithFanOut(t *testing.T) {
	modes(t, func(t *testing.T, step time.Duration) {
		var given int64
		c := simulate.Config{Step: step, Workload: workload.Workload{
			Duration: lasts(4 * time.Minute), Traffic: steady(512, 2*kib),
			Consumers: []workload.Consumer{{
				FanOut: true, Outages: []workload.Outage{{At: lasts(time.Minute), For: lasts(time.Minute)}},
			}},
		}}
		c.Each = func(s *simulate.Second) {
			if s.At > 2*time.Minute && s.At <= 2*time.Minute+50*time.Second { // first the bucket was full
				given += s.FanOutBytes
			}
		}
		r, _ := second(t, c)
		o := r.Consumers[0].Outages[0]
		assert.InDelta(t, 60*512, o.Backlog, 60)
		assert.True(t, o.CaughtUp)
		assert.InDelta(t, 58, o.CatchUp.Seconds(), 1.5)
		assert.InDelta(t, 50*2*mib, given, mib, "an event more or less")
		assert.Zero(t, r.ReadCalls, "what it reads is not shared")
	})
}

// The bucket of calls holds five and gets five a second, 304 until 59.9 s. Two
// consumers ask for ten.
func TestRun_sharedCalls(t *testing.T) {
	modes(t, func(t *testing.T, step time.Duration) {
		r := simulated(t, workload.Workload{
			Duration: lasts(time.Minute), Traffic: steady(100, 100),
			Consumers: []workload.Consumer{{Count: 2, Poll: workload.Duration(200 * time.Millisecond)}},
		}, step)
		assert.InDelta(t, 304, r.ReadCalls, 1)
		assert.InDelta(t, 304.0/300, r.CallQuotaUse, 0.01)
		assert.Equal(t, r.ReadThrottled, r.ReadThrottledByCalls)
		assert.NotZero(t, r.ReadThrottled)
		for _, c := range r.Consumers {
			assert.Less(t, c.MaxAge, 20*time.Second, "neither is starved for ever")
			assert.InDelta(t, 6000, c.ReadRecords, 500)
		}
	})
}

// Of 30 hours in which a consumer is away the records of the first six have expired
// when it comes back: those of hours 1 to 7. The first of them does so at hour 25.
func TestRun_retentionLoses(t *testing.T) {
	r := simulated(t, workload.Workload{
		Duration: lasts(32 * time.Hour), Traffic: steady(10, 100),
		Consumers: []workload.Consumer{{Outages: []workload.Outage{{At: lasts(time.Hour), For: lasts(30 * time.Hour)}}}},
	}, time.Second)
	c := r.Consumers[0]
	assert.InDelta(t, 6*3600*10, c.LostRecords, 20)
	assert.Equal(t, c.LostRecords, c.Outages[0].LostRecords)
	assert.InDelta(t, 25*3600, c.FirstLost.Seconds(), 2)
	assert.InDelta(t, 24*3600*10, c.Outages[0].Backlog, 20)
	assert.True(t, c.Outages[0].CaughtUp)
	assert.InDelta(t, 24*3600, c.MaxAge.Seconds(), 1, "older ones cannot be read")
	assert.InDelta(t, r.AcceptedRecords, c.ReadRecords+c.LostRecords, 20)
}

// At 2 ms a record a worker is done with 500 a second, of 1,000 that come. After a
// minute it is at those of second 30.
func TestRun_processingTakesTime(t *testing.T) {
	modes(t, func(t *testing.T, step time.Duration) {
		r := simulated(t, workload.Workload{
			Duration: lasts(time.Minute), Traffic: steady(1000, 100),
			Consumers: []workload.Consumer{{PerRecord: workload.Duration(2 * time.Millisecond), Limit: 100}},
		}, step)
		c := r.Consumers[0]
		assert.InDelta(t, 6000, c.ReadRecords, 200, "a call of 100 takes less than the poll interval")
		assert.InDelta(t, 0.2, c.Utilisation, 0.01)

		r = simulated(t, workload.Workload{
			Duration: lasts(time.Minute), Traffic: steady(1000, 100),
			Consumers: []workload.Consumer{{PerRecord: workload.Duration(2 * time.Millisecond), Limit: 1000}},
		}, step)
		c = r.Consumers[0]
		assert.InDelta(t, 30_000, c.ProcessedRecords, 1100)
		assert.InDelta(t, 29, c.MaxAge.Seconds(), 1.5)
		assert.InDelta(t, 1, c.Utilisation, 0.03)
		assert.InDelta(t, 60, c.Busy.Seconds(), 2)
	})
}

// One worker has four shards to do: with 250 ms a batch it is busy all the time,
// with two half of it.
func TestRun_workersAreShared(t *testing.T) {
	for _, c := range []struct {
		workers     int
		utilisation float64
	}{{1, 1}, {2, 0.5}, {4, 0.25}, {0, 0.25}} {
		r := simulated(t, workload.Workload{
			Duration: lasts(time.Minute), Stream: workload.Stream{Shards: 4}, Traffic: steady(100, 100),
			Consumers: []workload.Consumer{{Workers: c.workers, PerBatch: workload.Duration(250 * time.Millisecond)}},
		}, 0)
		assert.InDelta(t, c.utilisation, r.Consumers[0].Utilisation, 0.03, "%d workers", c.workers)
		assert.InDelta(t, 60, r.Consumers[0].Busy.Seconds(), 2, "%d workers", c.workers)
	}
}

func TestRun_whereConsumersBegin(t *testing.T) {
	modes(t, func(t *testing.T, step time.Duration) {
		late := lasts(30 * time.Second)
		r := simulated(t, workload.Workload{
			Duration: lasts(time.Minute), Stream: workload.Stream{Shards: 2}, Traffic: steady(100, 100),
			Consumers: []workload.Consumer{
				{}, {From: workload.FromLatest}, {Start: late}, {From: workload.FromLatest, Start: late},
				{FanOut: true}, {FanOut: true, Start: late}, {FanOut: true, From: workload.FromLatest, Start: late},
			},
		}, step)
		for i, want := range []int64{6000, 6000, 6000, 3000, 6000, 6000, 3000} {
			c := r.Consumers[i]
			assert.InDelta(t, want, c.ReadRecords, 110, c.Name)
			assert.Equal(t, want, c.ReadRecords+c.LagRecords, c.Name)
			assert.Zero(t, c.LostRecords, c.Name)
		}
	})
}

// A stream keeps nothing while nobody is going to read it.
func TestRun_latestAfterALongTime(t *testing.T) {
	r := simulated(t, workload.Workload{
		Duration: lasts(2 * time.Hour), Stream: workload.Stream{Shards: 2}, Traffic: steady(10, 100),
		Consumers: []workload.Consumer{{From: workload.FromLatest, Start: lasts(time.Hour)}},
		Reshards:  []workload.Reshard{{At: lasts(30 * time.Minute), Shards: 4}},
	}, step)
	assert.EqualValues(t, 36_000, r.Consumers[0].ReadRecords+r.Consumers[0].LagRecords)
	assert.Zero(t, r.Consumers[0].LostRecords)
	assert.EqualValues(t, 72_000, r.Storage.PeakRecords)
}

// A slow consumer has a backlog when its shard is split and merged again. It gets
// nothing of a child before all of its parents.
func TestRun_parentsAreReadBeforeChildren(t *testing.T) {
	for _, fanOut := range []bool{false, true} {
		modes(t, func(t *testing.T, step time.Duration) {
			read := make(map[weir.ShardID]int64)
			taken := make(map[weir.ShardID]int64)
			parents := map[weir.ShardID][]weir.ShardID{1: {0}, 2: {0}, 3: {1, 2}}
			c := simulate.Config{Step: step, Workload: workload.Workload{
				Duration: lasts(10 * time.Minute),
				Traffic:  []workload.Traffic{traffic(workload.Rate{Steps: []workload.Step{{Rate: 500}, {At: lasts(3 * time.Minute), Rate: 5}}}, 100)},
				Consumers: []workload.Consumer{{
					FanOut: fanOut, PerRecord: workload.Duration(5 * time.Millisecond), Limit: 200, // 200 a second
				}},
				Reshards: []workload.Reshard{
					{At: lasts(time.Minute), Split: "shardId-000000000000"},
					{At: lasts(2 * time.Minute), Merge: []string{"shardId-000000000001", "shardId-000000000002"}},
				},
			}}
			c.Each = func(s *simulate.Second) {
				for _, sh := range s.Shards {
					taken[sh.Shard] += sh.AcceptedRecords
				}
				for _, sh := range s.Shards {
					n := sh.ReadRecords + sh.FanOutRecords
					read[sh.Shard] += n
					for _, parent := range parents[sh.Shard] {
						assert.True(t, n == 0 || read[parent] == taken[parent], "%v at %v", sh.Shard, s.At)
					}
				}
			}
			r, _ := second(t, c)
			assert.Equal(t, []simulate.CapacityChange{
				{At: time.Minute, Before: 1, After: 2, Why: "split"},
				{At: 2 * time.Minute, Before: 2, After: 1, Why: "merge"},
			}, r.Changes)
			require.Len(t, r.Consumers, 1)
			assert.Zero(t, r.Consumers[0].LostRecords)
			assert.InDelta(t, r.AcceptedRecords, r.Consumers[0].ReadRecords, 10)
		})
	}
}

// While a consumer is away its shard is split. The age counts what waits in the
// children, which it does not know yet.
func TestRun_ageOfChildrenNotBegun(t *testing.T) {
	var ages []time.Duration
	c := simulate.Config{Step: step, Workload: workload.Workload{
		Duration: lasts(4 * time.Minute), Traffic: steady(100, 100),
		Consumers: []workload.Consumer{{Outages: []workload.Outage{{At: lasts(time.Minute), For: lasts(2 * time.Minute)}}}},
		Reshards:  []workload.Reshard{{At: lasts(time.Minute) + 1, Split: workload.BusiestShard}},
	}}
	c.Each = func(s *simulate.Second) { ages = append(ages, s.Consumers[0].Age) }
	r, _ := second(t, c)
	for at := 65; at < 180; at++ {
		assert.InDelta(t, at+1-60, ages[at].Seconds(), 1.1, "at second %d", at)
	}
	assert.EqualValues(t, r.AcceptedRecords, r.Consumers[0].ReadRecords+r.Consumers[0].LagRecords)
	assert.InDelta(t, 12_000, r.Consumers[0].Outages[0].Backlog, 110)
}

// A subscription that began less than five seconds ago cannot be begun again.
func TestRun_shortOutageWithFanOut(t *testing.T) {
	r := simulated(t, workload.Workload{
		Duration: lasts(20 * time.Second), Traffic: steady(100, 100),
		Consumers: []workload.Consumer{{FanOut: true, Outages: []workload.Outage{{At: lasts(time.Second), For: lasts(time.Second)}}}},
	}, 0)
	c := r.Consumers[0]
	assert.True(t, c.Outages[0].CaughtUp)
	assert.InDelta(t, 3, c.Outages[0].CatchUp.Seconds(), 0.1, "at second 5")
	assert.InDelta(t, 2000, c.ReadRecords, 10)
}

// Work in hand when an outage begins is done after it.
func TestRun_outageStopsWork(t *testing.T) {
	var processed []int64
	c := simulate.Config{Workload: workload.Workload{
		Duration: lasts(40 * time.Second),
		Traffic:  []workload.Traffic{traffic(workload.Rate{Burst: &workload.Burst{Records: 1000}}, 100)},
		Consumers: []workload.Consumer{{
			PerRecord: workload.Duration(10 * time.Millisecond), Poll: lasts(time.Second), // the batch takes ten seconds
			Outages: []workload.Outage{{At: lasts(5 * time.Second), For: lasts(20 * time.Second)}},
		}},
	}}
	var busy time.Duration
	c.Each = func(s *simulate.Second) {
		processed = append(processed, s.Consumers[0].ProcessedRecords)
		busy += s.Consumers[0].Busy
	}
	second(t, c)
	for at, n := range processed {
		if n > 0 {
			assert.InDelta(t, 30, at, 1, "five seconds before the outage and five after it")
		}
	}
	assert.Equal(t, 10*time.Second, busy)
}

// An outage before a consumer begins is none; one in which it begins counts from then.
func TestRun_outagesAboutTheStart(t *testing.T) {
	r := simulated(t, workload.Workload{
		Duration: lasts(time.Minute), Traffic: steady(100, 100),
		Consumers: []workload.Consumer{{Start: lasts(20 * time.Second), Outages: []workload.Outage{
			{At: lasts(5 * time.Second), For: lasts(5 * time.Second)}, {At: lasts(15 * time.Second), For: lasts(15 * time.Second)},
			{At: lasts(50 * time.Second), For: lasts(time.Hour)},
		}}},
	}, 0)
	c := r.Consumers[0]
	require.Len(t, c.Outages, 3)
	assert.Equal(t, simulate.Outage{From: 5 * time.Second, To: 10 * time.Second, CaughtUp: true}, c.Outages[0])
	assert.InDelta(t, 3000, c.Outages[1].Backlog, 1)
	assert.True(t, c.Outages[1].CaughtUp)
	assert.Less(t, c.Outages[1].CatchUp, 2*time.Second)
	assert.False(t, c.Outages[2].CaughtUp, "the run ends in it")
	assert.InDelta(t, 5000, c.ReadRecords, 101)
}

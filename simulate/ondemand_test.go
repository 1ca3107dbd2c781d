package simulate_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/simulate"
	"github.com/weirstream/weir/workload"
)

// Four shards take 400 records a second. From minute 30 on three times the 160 of
// before are put. The minute that ends at 31 shows it, and ten minutes later each
// shard is split: eight take it all.
func TestRun_onDemandSpike(t *testing.T) {
	modes(t, func(t *testing.T, step time.Duration) {
		spike := workload.Rate{Steps: []workload.Step{{Rate: 160}, {At: minutes(30), Rate: 3 * 160}}}
		r := simulated(t, workload.Workload{
			Duration: lasts(50 * time.Minute), Stream: smallOnDemand(),
			Traffic: []workload.Traffic{traffic(spike, 100)},
		}, step)
		require.Len(t, r.Changes, 1)
		assert.Equal(t, simulate.CapacityChange{At: 41 * time.Minute, Before: 4, After: 8, Why: "on-demand"}, r.Changes[0])
		require.NotNil(t, r.OnDemand)
		assert.True(t, r.OnDemand.Throttled)
		assert.InDelta(t, 30*60+4, r.OnDemand.FirstThrottled.Seconds(), 2, "the buckets held a second's worth")
		assert.True(t, r.OnDemand.HasRecovered)
		assert.Equal(t, 41*time.Minute, r.OnDemand.Recovered)
		assert.Equal(t, 4, r.FirstShards)
		assert.Equal(t, 8, r.LastShards)
		assert.InDelta(t, 3*160, r.OnDemand.PeakRecordsPerSecond, 6)
		// 480 offered and 400 accepted for eleven minutes, after a bucketful.
		assert.InDelta(t, 11*60*80-400, r.ThrottledRecords, 11*60*80*0.05)
	})
}

// Traffic that doubles finds room at once.
func TestRun_onDemandDoubles(t *testing.T) {
	double := workload.Rate{Steps: []workload.Step{{Rate: 190}, {At: minutes(30), Rate: 370}}}
	r := simulated(t, workload.Workload{
		Duration: lasts(50 * time.Minute), Stream: smallOnDemand(),
		Traffic: []workload.Traffic{traffic(double, 100)},
	}, step)
	assert.Zero(t, r.ThrottledRecords)
	assert.Equal(t, 8, r.LastShards)
	assert.Equal(t, &simulate.OnDemand{
		PeakRecordsPerSecond: r.OnDemand.PeakRecordsPerSecond, PeakBytesPerSecond: r.OnDemand.PeakBytesPerSecond,
	}, r.OnDemand)
}

// A consumer follows the splits and merges of an on-demand stream.
func TestRun_consumersFollowOnDemand(t *testing.T) {
	modes(t, func(t *testing.T, step time.Duration) {
		rate := workload.Rate{Steps: []workload.Step{{Rate: 350}, {At: minutes(20), Rate: 1}}}
		r := simulated(t, workload.Workload{
			Duration: lasts(200 * time.Minute), Stream: smallOnDemand(),
			Traffic:   []workload.Traffic{traffic(rate, 100)},
			Consumers: []workload.Consumer{{}, {FanOut: true}},
		}, step)
		assert.Greater(t, len(r.Changes), 0)
		for _, c := range r.Consumers {
			assert.Equal(t, r.AcceptedRecords, c.ReadRecords+c.LagRecords, c.Name)
			assert.Zero(t, c.LostRecords)
			assert.Less(t, c.MaxAge, 5*time.Second)
		}
	})
}

// Records without a place of their own are dealt to the shards in turn.
func TestRun_automaticDistribution(t *testing.T) {
	modes(t, func(t *testing.T, step time.Duration) {
		one := workload.Keys{Weighted: []workload.WeightedKey{{Key: "one"}}}
		r := simulated(t, workload.Workload{
			Duration:  lasts(time.Minute),
			Stream:    workload.Stream{Mode: workload.OnDemandMode, Distribution: workload.AutoDistribution},
			Traffic:   []workload.Traffic{{Rate: workload.Rate{Constant: 3800}, Keys: one}},
			Consumers: []workload.Consumer{{}},
		}, step)
		assert.Zero(t, r.ThrottledRecords)
		for _, sh := range r.Shards {
			assert.InDelta(t, 0.25, sh.Share, 0.0001)
		}
		assert.EqualValues(t, r.AcceptedRecords, r.Consumers[0].ReadRecords+r.Consumers[0].LagRecords)
		assert.Zero(t, r.HottestKey.Shards, "it binds no shard")
		assert.Equal(t, 1.0, r.HottestKey.Share)
	})
}

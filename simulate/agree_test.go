package simulate_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirstream/weir/workload"
)

// agreement is a workload, and how far batched and record by record may differ.
type agreement struct {
	name     string
	w        workload.Workload
	accepted float64 // as a part of the offered records
	refusals float64 // as a part of the offered records, or of the refusals if records are tried again
	bytes    bool    // accepted is a part of the bytes: of records, more or less may pass
}

func minutes(n int) workload.Duration { return lasts(time.Duration(n) * time.Minute) }

func agreements() []agreement {
	fourShards := workload.Stream{Shards: 4}
	small := workload.Stream{Limits: workload.Limits{WriteRecords: 100}} // to be quick
	return []agreement{
		{"far under the limit", workload.Workload{Duration: minutes(2), Stream: small, Traffic: steady(30, 100)}, 0, 0, false},
		{"just under the limit", workload.Workload{Duration: minutes(2), Stream: small, Traffic: steady(99, 100)}, 0, 0, false},
		{"at the limit", workload.Workload{Duration: minutes(2), Stream: small, Traffic: steady(100, 100)}, 0, 0, false},
		{"just over the limit", workload.Workload{Duration: minutes(3), Stream: small, Traffic: steady(102, 100)}, 0.01, 0.01, false},
		{"twice the limit", workload.Workload{Duration: minutes(2), Stream: small, Traffic: steady(200, 100)}, 0.01, 0.01, false},
		{"over the limit of bytes", workload.Workload{Duration: minutes(1), Traffic: steady(700, 2*kib)}, 0.01, 0.01, false},
		{"random arrivals at the limit", workload.Workload{Duration: minutes(1), Traffic: poisson(1000)}, 0.01, 0.01, false},
		{"several shards and uneven keys", workload.Workload{Duration: minutes(1), Stream: fourShards, Traffic: []workload.Traffic{
			{Rate: workload.Rate{Constant: 3000}, Keys: workload.Keys{Zipf: 1, Count: 1000}},
		}}, 0.01, 0.01, false},
		{"a hot key", workload.Workload{Duration: minutes(1), Stream: fourShards, Traffic: []workload.Traffic{
			{Rate: workload.Rate{Constant: 2500}, Keys: workload.Keys{Hot: []workload.HotKey{{Key: "hot", Share: 0.6}}}},
		}}, 0.01, 0.01, false},
		{"many sizes over the limit of bytes", workload.Workload{Duration: minutes(1), Traffic: []workload.Traffic{
			{Rate: workload.Rate{Constant: 500}, Keys: keys(), Sizes: workload.Sizes{Min: 100, Max: 8 * kib}},
		}}, 0.01, 1, true},
		// Each burst begins with a full bucket, and the step's refill is lost: 100 of 3,000.
		{"bursts", workload.Workload{Duration: minutes(1), Traffic: []workload.Traffic{
			traffic(workload.Rate{Burst: &workload.Burst{Records: 3000, Every: lasts(5 * time.Second), Within: lasts(2 * time.Second)}}, 100),
		}}, 0.034, 0.034, false},
		{"bursts tried again", workload.Workload{
			Duration: minutes(1), Producers: workload.Producers{Retries: 4}, Traffic: []workload.Traffic{
				traffic(workload.Rate{Burst: &workload.Burst{Records: 3000, Every: lasts(5 * time.Second)}}, 100),
			},
		}, 0.01, 0.2, false},
		{"overload tried again", workload.Workload{
			Duration: minutes(1), Producers: workload.Producers{Retries: 3}, Traffic: poisson(1500),
		}, 0.01, 0.2, false},
		{"on-demand growth", workload.Workload{
			Duration: minutes(20), Stream: smallOnDemand(),
			Traffic: []workload.Traffic{traffic(workload.Rate{Steps: []workload.Step{{Rate: 100}, {At: minutes(3), Rate: 500}}}, 100)},
		}, 0.01, 0.01, false},
		{"resharding", workload.Workload{
			Duration: minutes(2), Stream: workload.Stream{Shards: 2}, Traffic: poisson(3000),
			Producers: workload.Producers{Retries: 2},
			Reshards: []workload.Reshard{
				{At: lasts(30 * time.Second), Shards: 4}, {At: lasts(60 * time.Second), Shards: 3}, {At: lasts(90 * time.Second), Shards: 2},
			},
		}, 0.01, 0.2, false},
	}
}

// poisson is records that arrive at random. Even ones would fall in step with those
// that are tried again.
func poisson(perSecond float64) []workload.Traffic {
	list := steady(perSecond, 100)
	list[0].Arrivals = workload.Poisson
	return list
}

// smallOnDemand is an on-demand stream whose shards take a tenth of the service's
// records, to be quick.
func smallOnDemand() workload.Stream {
	return workload.Stream{Mode: workload.OnDemandMode, Limits: workload.Limits{WriteRecords: 100}}
}

// Batched and record by record agree on what is accepted and throttled. They differ
// because a step's records come at one moment and have one size. What the bucket
// would have been refilled with during a step is missing once whenever it was full
// when the step began. Small records are not let through where large ones are
// refused. And throttled records that are tried again meet others: just as many get
// through, but how often each is refused first differs by up to a fifth.
func TestRun_batchedAgreesWithRecords(t *testing.T) {
	for _, c := range agreements() {
		t.Run(c.name, func(t *testing.T) {
			one, lot := simulated(t, c.w, 0), simulated(t, c.w, step)
			t.Logf("accepted %d and %d of %d, throttled %d and %d", one.AcceptedRecords, lot.AcceptedRecords,
				one.OfferedRecords, one.ThrottledRecords, lot.ThrottledRecords)
			n, chance := float64(one.OfferedRecords), 0.0
			if c.w.Traffic[0].Arrivals == workload.Poisson {
				chance = 5 * math.Sqrt(n) // they are drawn anew
			}
			assert.InDelta(t, n, lot.OfferedRecords, chance)
			assert.InEpsilon(t, one.OfferedBytes, lot.OfferedBytes, 0.01)
			assert.Equal(t, one.Changes, lot.Changes)
			if c.bytes {
				assert.InDelta(t, one.AcceptedBytes, lot.AcceptedBytes, c.accepted*float64(one.OfferedBytes))
				return
			}
			assert.InDelta(t, one.AcceptedRecords, lot.AcceptedRecords, c.accepted*n+chance)
			if c.w.Producers.Retries > 0 {
				n = float64(one.ThrottledRecords)
			}
			assert.InDelta(t, one.ThrottledRecords, lot.ThrottledRecords, c.refusals*n+chance)
		})
	}
}

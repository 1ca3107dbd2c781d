package bench

import (
	"math"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/cmd/weir/internal/cost"
	"github.com/weirstream/weir/workload"
)

// Estimate returns what a run of a workload costs on the service by prices, its
// warm-up and drain included. Hours are charged whole. A workload that puts as
// fast as it can is priced at the limits of its shards.
func Estimate(w workload.Workload, open workload.Open, p cost.Prices, drain time.Duration) (cost.Bill, error) {
	w = w.WithDefaults()
	v, err := volume(w, open)
	if err != nil {
		return cost.Bill{}, err
	}
	u := cost.UsageOf(w, v)
	u.Shards = mostShards(w)
	u.Period = max(time.Duration(math.Ceil((u.Period+drain).Hours()))*time.Hour, time.Hour)
	if w.Stream.Mode == workload.OnDemandMode {
		return p.Bill(cost.OnDemand, u), nil
	}
	return p.Bill(cost.Provisioned, u), nil
}

// mostShards returns how many shards a workload's stream has at most, as if no
// merge came before a split.
func mostShards(w workload.Workload) float64 {
	shards := w.Stream.Shards
	for _, r := range w.Reshards {
		shards = max(shards, r.Shards)
		if r.Split != "" {
			shards++
		}
	}
	return float64(shards)
}

// volume returns how much a workload puts.
func volume(w workload.Workload, open workload.Open) (workload.Volume, error) {
	if w.Traffic[0].Rate.Max {
		shards := max(w.Stream.Shards, w.Stream.WarmThroughput)
		if shards == 0 {
			shards = 4
		}
		w.Traffic[0].Rate = workload.Rate{Constant: float64(shards) * float64(weir.ServiceLimits().WriteRecordsPerSecond)}
	}
	return w.Volume(open)
}

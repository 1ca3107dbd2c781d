package simulate_test

import (
	"math/rand/v2"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/workload"
)

// randomWorkload draws a workload of some tens of seconds, under its limits or far
// above them.
func randomWorkload(seed int64) workload.Workload {
	r := rand.New(rand.NewPCG(uint64(seed), 1))
	w := workload.Workload{
		Duration: lasts(time.Duration(10+r.IntN(20)) * time.Second), Seed: seed,
		Stream:    workload.Stream{Shards: 1 + r.IntN(4), Limits: randomLimits(r)},
		Producers: workload.Producers{Retries: r.IntN(4), Backoff: lasts(time.Duration(1 + r.IntN(500e6)))},
	}
	if w.Stream.Limits.None {
		w.Stream.Retention = lasts(time.Duration(2+r.IntN(8)) * time.Second)
	}
	for range 1 + r.IntN(2) {
		w.Traffic = append(w.Traffic, randomTraffic(r))
	}
	if r.IntN(5) == 0 {
		w.Stream.RecordBytes = weir.MaxRecordBytes
		w.Traffic = append(w.Traffic, workload.Traffic{
			Rate: workload.Rate{Constant: 0.1 + r.Float64()}, Sizes: workload.Sizes{Min: 1, Max: weir.MaxRecordBytes},
		})
	}
	for range r.IntN(4) {
		w.Consumers = append(w.Consumers, randomConsumer(r))
	}
	return w.WithDefaults()
}

func randomLimits(r *rand.Rand) (l workload.Limits) {
	switch r.IntN(3) {
	case 0:
		l.None = true
	case 1:
		l.WriteRecords, l.WriteBytes = 1+300*r.Float64(), workload.Size(1+r.IntN(100*kib))
		l.ReadCalls, l.ReadBytes = 0.2+5*r.Float64(), workload.Size(1+r.IntN(100*kib))
	}
	return l
}

func randomTraffic(r *rand.Rand) workload.Traffic {
	t := workload.Traffic{Rate: workload.Rate{Constant: 1 + 900*r.Float64()}}
	switch r.IntN(4) {
	case 0:
		t.Arrivals = workload.Poisson
	case 1:
		t.Rate = workload.Rate{Burst: &workload.Burst{Records: int64(1 + r.IntN(3000)), Every: lasts(time.Duration(1+r.IntN(9)) * time.Second)}}
	case 2:
		t.Keys = workload.Keys{Hot: []workload.HotKey{{Key: "hot", Share: r.Float64()}}}
	}
	switch r.IntN(3) {
	case 0:
		t.Sizes.Fixed = workload.Size(1 + r.IntN(3000))
	case 1:
		t.Sizes.Min, t.Sizes.Max = 1, workload.Size(2+r.IntN(20*kib))
	}
	return t
}

func randomConsumer(r *rand.Rand) workload.Consumer {
	c := workload.Consumer{Poll: lasts(time.Duration(50+r.IntN(2000)) * time.Millisecond), Limit: 1 + r.IntN(weir.ServiceLimits().ReadRecords)}
	if r.IntN(2) == 0 {
		c.Start = lasts(time.Duration(r.IntN(10_000)) * time.Millisecond)
	}
	if r.IntN(3) == 0 {
		c.From = workload.FromLatest
	}
	if r.IntN(2) == 0 {
		c.PerRecord, c.PerBatch = lasts(time.Duration(r.IntN(3e6))), lasts(time.Duration(r.IntN(300e6)))
		c.Workers = r.IntN(3)
	}
	if r.IntN(3) == 0 {
		at := time.Duration(r.Int64N(10e9))
		c.Outages = []workload.Outage{{At: lasts(at), For: lasts(time.Duration(1 + r.Int64N(8e9)))}}
	}
	return c
}

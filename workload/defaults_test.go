package workload_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirstream/weir/workload"
)

func TestWorkload_WithDefaults(t *testing.T) {
	const s = workload.Duration(time.Second)
	w := workload.Workload{
		Duration: 3600 * s,
		Traffic: []workload.Traffic{
			{From: 600 * s, Rate: workload.Rate{Constant: 1}},
			{Name: "named", For: 5 * s, Rate: workload.Rate{Wave: &workload.Wave{High: 1}}, Keys: workload.Keys{Zipf: 1}, Sizes: workload.Sizes{Median: 9}},
			{Rate: workload.Rate{Max: true}, Keys: workload.Keys{Unique: true}, Sizes: workload.Sizes{Max: 5}},
			{Trace: &workload.Trace{File: "f"}},
		},
		Consumers: []workload.Consumer{{Name: "consumer-2"}, {}, {FanOut: true, Count: 3, From: workload.FromLatest, Poll: 5 * s, Limit: 7}},
	}
	assert.Equal(t, workload.Workload{
		Duration: 3600 * s,
		Stream: workload.Stream{
			Shards: 1, Mode: "provisioned", Distribution: "by-partition-key", Retention: 86_400 * s, RecordBytes: 1 << 20,
			Limits: workload.Limits{WriteRecords: 1000, WriteBytes: 1 << 20, ReadCalls: 5, ReadBytes: 2 << 20},
		},
		Traffic: []workload.Traffic{
			{
				Name: "traffic-1", From: 600 * s, For: 3000 * s, Rate: workload.Rate{Constant: 1}, Arrivals: workload.Even,
				Keys: workload.Keys{Count: 10_000}, Sizes: workload.Sizes{Fixed: 256},
			},
			{
				Name: "named", For: 5 * s, Rate: workload.Rate{Wave: &workload.Wave{High: 1, Period: 86_400 * s}}, Arrivals: workload.Even,
				Keys: workload.Keys{Count: 10_000, Zipf: 1}, Sizes: workload.Sizes{Median: 9, Spread: 2, Max: 10 << 20},
			},
			{
				Name: "traffic-3", For: 3600 * s, Rate: workload.Rate{Max: true}, Arrivals: workload.Even,
				Keys: workload.Keys{Unique: true}, Sizes: workload.Sizes{Max: 5},
			},
			{Name: "traffic-4", For: 3600 * s, Trace: &workload.Trace{File: "f", Speed: 1}},
		},
		Producers: workload.Producers{Count: 1, Batch: 500, Backoff: s / 10},
		Consumers: []workload.Consumer{
			{Name: "consumer-2", Count: 1, From: "trim-horizon", Poll: s, Limit: 10_000},
			{Name: "consumer-3", Count: 1, From: "trim-horizon", Poll: s, Limit: 10_000},
			{Name: "consumer-4", Count: 3, FanOut: true, From: "latest", Poll: 5 * s, Limit: 7},
		},
	}, w.WithDefaults())
	assert.Zero(t, w.Traffic[1].Rate.Wave.Period, "the original is as it was")
	assert.Zero(t, w.Traffic[3].Trace.Speed)
	assert.Empty(t, w.Consumers[1].Name)
}

func TestWave_defaultsOfMeanAndPeak(t *testing.T) {
	w := workload.Workload{Traffic: []workload.Traffic{{Rate: workload.Rate{Wave: &workload.Wave{Mean: 6, Peak: 10}}}}}
	assert.Equal(t, workload.Wave{Low: 2, High: 10, Period: workload.Duration(24 * time.Hour)}, *w.WithDefaults().Traffic[0].Rate.Wave)
	assert.Zero(t, w.Traffic[0].Rate.Wave.High, "the original is as it was")
}

func TestStream_defaultsOfModes(t *testing.T) {
	full := func(s workload.Stream) workload.Stream { return workload.Workload{Stream: s}.WithDefaults().Stream }
	assert.Zero(t, full(workload.Stream{Mode: workload.OnDemandMode}).Shards, "what the mode begins with")
	none := full(workload.Stream{Limits: workload.Limits{None: true}})
	assert.Equal(t, workload.Limits{None: true}, none.Limits)
	assert.EqualValues(t, 10<<20, none.RecordBytes)
}

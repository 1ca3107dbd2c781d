package workload_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/workload"
)

// Each row changes one thing of a valid workload; an empty error means that it stays
// valid.
func TestWorkload_Validate(t *testing.T) {
	const hour = workload.Duration(time.Hour)
	type W = *workload.Workload
	traffic := func(change func(*workload.Traffic)) func(W) {
		return func(w W) { change(&w.Traffic[0]) }
	}
	rate := func(r workload.Rate) func(W) { return traffic(func(t *workload.Traffic) { t.Rate = r }) }
	keys := func(k workload.Keys) func(W) { return traffic(func(t *workload.Traffic) { t.Keys = k }) }
	sizes := func(z workload.Sizes) func(W) { return traffic(func(t *workload.Traffic) { t.Sizes = z }) }
	stream := func(s workload.Stream) func(W) { return func(w W) { w.Stream = s } }
	consumer := func(c ...workload.Consumer) func(W) { return func(w W) { w.Consumers = c } }
	outages := func(o ...workload.Outage) func(W) { return consumer(workload.Consumer{Outages: o}) }
	reshards := func(r ...workload.Reshard) func(W) { return func(w W) { w.Reshards = r } }
	trace := func(t workload.Traffic) func(W) {
		return func(w W) { w.Traffic, w.Duration = []workload.Traffic{t}, 0 }
	}
	hot := func(key string, share float64) workload.HotKey { return workload.HotKey{Key: key, Share: share} }

	for _, test := range []struct {
		change func(W)
		want   string
	}{
		{func(W) {}, ""},
		{func(w W) { w.Name = "\xff" }, `name: "\xff" is not UTF-8`},
		{func(w W) { w.Duration = -1 }, "duration: -1ns is outside 0s to 3650d"},
		{func(w W) { w.Duration = 3650 * 24 * hour }, ""},
		{func(w W) { w.Duration = 3650*24*hour + 1 }, "duration: 3650d1ns is outside 0s to 3650d"},
		{func(w W) { w.Duration = 0 }, "duration: is missing: only traces end by themselves"},
		{func(w W) { w.Duration, w.Records = 0, 1 }, ""},
		{func(w W) { w.Records = -1 }, "records: -1 is outside 0 to 1000000000000000"},
		{func(w W) { w.WarmUp = hour - 1 }, ""},
		{func(w W) { w.WarmUp = hour }, "warm_up: 1h is not shorter than duration, 1h"},

		{func(w W) { w.Traffic = nil }, "traffic: is missing: a workload needs at least one"},
		{func(w W) { w.Traffic = make([]workload.Traffic, 101) }, "traffic: 101 are too many; at most 100 are allowed"},
		{traffic(func(t *workload.Traffic) { t.From = hour - 1 }), ""},
		{traffic(func(t *workload.Traffic) { t.From = hour }), "traffic[0].from: 1h is not before the end, duration 1h"},
		{traffic(func(t *workload.Traffic) { t.For = -1 }), "traffic[0].for: -1ns is outside 0s to 3650d"},
		{traffic(func(t *workload.Traffic) { t.Arrivals = "random" }), `traffic[0].arrivals: "random" is none of ["even" "poisson"]`},

		{rate(workload.Rate{}), "traffic[0].rate: is missing: a traffic needs a rate above 0 or a trace"},
		{rate(workload.Rate{Constant: 1, Max: true}), "traffic[0].rate: has 2 shapes; one of constant, ramp, wave, burst, steps and max is allowed"},
		{rate(workload.Rate{Constant: -1}), "traffic[0].rate.constant: -1 is outside 1e-09 to 1e+09"},
		{rate(workload.Rate{Constant: math.NaN()}), "traffic[0].rate.constant: NaN is outside 1e-09 to 1e+09"},
		{rate(workload.Rate{Constant: 1e9}), ""},
		{rate(workload.Rate{Constant: 1.1e9}), "traffic[0].rate.constant: 1.1e+09 is outside 1e-09 to 1e+09"},
		{rate(workload.Rate{Ramp: &workload.Ramp{From: -1}}), "traffic[0].rate.ramp.from: -1/s is outside 0/s to 1000000000/s"},
		{rate(workload.Rate{Ramp: &workload.Ramp{To: 2e9}}), "traffic[0].rate.ramp.to: 2000000000/s is outside 0/s to 1000000000/s"},
		{func(w W) { w.Duration, w.Records, w.Traffic[0].Rate = 0, 1, workload.Rate{Ramp: &workload.Ramp{To: 1}} },
			"traffic[0].for: is missing: a ramp needs its end, or a duration of the workload"},
		{rate(workload.Rate{Wave: &workload.Wave{Low: 5, High: 5}}), ""},
		{rate(workload.Rate{Wave: &workload.Wave{Low: 6, High: 5}}), "traffic[0].rate.wave.low: 6/s is above high, 5/s"},
		{rate(workload.Rate{Wave: &workload.Wave{}}), "traffic[0].rate.wave.high: 0/s must be above 0"},
		{rate(workload.Rate{Wave: &workload.Wave{High: 1, Period: 1}}), "traffic[0].rate.wave.period: 1ns is shorter than 1ms"},
		{rate(workload.Rate{Wave: &workload.Wave{Mean: 5, Peak: 10}}), ""},
		{rate(workload.Rate{Wave: &workload.Wave{Mean: 5, Peak: 5}}), ""},
		{rate(workload.Rate{Wave: &workload.Wave{Mean: 5}}), "traffic[0].rate.wave.peak: is missing: mean needs it"},
		{rate(workload.Rate{Wave: &workload.Wave{Peak: 5}}), "traffic[0].rate.wave.mean: is missing: peak needs it"},
		{rate(workload.Rate{Wave: &workload.Wave{Mean: 5, Peak: 4}}), "traffic[0].rate.wave.peak: 4/s is below mean, 5/s"},
		{rate(workload.Rate{Wave: &workload.Wave{Mean: 5, Peak: 11}}), "traffic[0].rate.wave.peak: 11/s is more than twice mean, 5/s: a wave is as far below its mean as above; a sharper peak is made of steps, or of a second traffic"},
		{rate(workload.Rate{Wave: &workload.Wave{Mean: 5, Peak: 6, High: 6}}), "traffic[0].rate.wave: is given by low and high or by mean and peak, not by both"},
		{rate(workload.Rate{Burst: &workload.Burst{}}), "traffic[0].rate.burst.records: 0 is outside 1 to 1000000000000000"},
		{rate(workload.Rate{Burst: &workload.Burst{Records: 1, Every: hour, Within: hour}}), ""},
		{rate(workload.Rate{Burst: &workload.Burst{Records: 1, Every: hour, Within: hour + 1}}), "traffic[0].rate.burst.within: 1h0m0.000000001s is longer than every, 1h"},
		{rate(workload.Rate{Burst: &workload.Burst{Records: 3, Every: 2}}), "traffic[0].rate.burst.every: 3 records every 2ns are more than 1000000000/s"},
		{rate(workload.Rate{Steps: []workload.Step{{At: 1}, {At: 1}}}), "traffic[0].rate.steps[1].at: 1ns is not after the step before it, 1ns"},
		{rate(workload.Rate{Steps: []workload.Step{{Rate: -1}}}), "traffic[0].rate.steps[0].rate: -1/s is outside 0/s to 1000000000/s"},
		{func(w W) {
			w.Traffic[0].Rate = workload.Rate{Max: true}
			w.Traffic = append(w.Traffic, w.Traffic[0])
		}, "traffic[0].rate.max: leaves no room for other traffic"},

		{keys(workload.Keys{Count: 5, Unique: true}), "traffic[0].keys: has 2 kinds of keys; one of count with zipf, unique, file and weighted is allowed"},
		{keys(workload.Keys{Count: 5_000_000}), ""},
		{keys(workload.Keys{Count: 5_000_001}), "traffic[0].keys.count: 5000001 is outside 0 to 5000000"},
		{keys(workload.Keys{Zipf: -0.1}), "traffic[0].keys.zipf: -0.1 is outside 0 to 10"},
		{keys(workload.Keys{Hot: []workload.HotKey{hot("a", 0.5), hot("b", 0.5)}}), ""},
		{keys(workload.Keys{Hot: []workload.HotKey{hot("a", 0.5), hot("b", 0.75)}}), "traffic[0].keys.hot: shares add up to 1.25, which is above 1"},
		{keys(workload.Keys{Hot: []workload.HotKey{hot("a", 0)}}), "traffic[0].keys.hot[0].share: 0 must be above 0, and at most 1"},
		{keys(workload.Keys{Hot: []workload.HotKey{hot(strings.Repeat("ü", 256), 0.5)}}), ""},
		{keys(workload.Keys{Hot: []workload.HotKey{hot(strings.Repeat("ü", 257), 0.5)}}), "traffic[0].keys.hot[0].key: has 257 characters; at most 256 are allowed"},
		{keys(workload.Keys{Weighted: []workload.WeightedKey{{Key: "a"}, {}}}), "traffic[0].keys.weighted[1].key: is empty"},
		{keys(workload.Keys{Weighted: []workload.WeightedKey{{Key: "a", Weight: -1}}}), "traffic[0].keys.weighted[0].weight: -1 is outside 1e-15 to 1e+15"},
		{func(w W) {
			w.Traffic[0].Keys.Count = 4_990_000
			w.Traffic = append(w.Traffic, workload.Traffic{Rate: workload.Rate{Constant: 1}})
		}, ""},
		{func(w W) {
			w.Traffic[0].Keys.Count = 4_990_001
			w.Traffic = append(w.Traffic, workload.Traffic{Rate: workload.Rate{Constant: 1}})
		}, "traffic: all keys together are 5000001; at most 5000000 are allowed"},

		{sizes(workload.Sizes{Fixed: 1, Max: 2}), "traffic[0].sizes: has 2 kinds of sizes; one of fixed, min with max, median or mean with spread, and weighted is allowed"},
		{sizes(workload.Sizes{Fixed: 10 << 20}), ""},
		{sizes(workload.Sizes{Fixed: 10<<20 + 1}), "traffic[0].sizes.fixed: 10485761B is outside 0B to 10MiB"},
		{sizes(workload.Sizes{Min: 1}), "traffic[0].sizes.max: is missing: min needs it, a median or a mean"},
		{sizes(workload.Sizes{Min: 3, Max: 3}), ""},
		{sizes(workload.Sizes{Min: 4, Max: 3}), "traffic[0].sizes.min: 4B is above max, 3B"},
		{sizes(workload.Sizes{Spread: 2}), "traffic[0].sizes.median: is missing: spread needs it, or a mean"},
		{sizes(workload.Sizes{Median: 1, Spread: 1}), ""},
		{sizes(workload.Sizes{Mean: 5, Spread: 3, Min: 5, Max: 5}), ""},
		{sizes(workload.Sizes{Mean: 5, Median: 5}), "traffic[0].sizes.mean: cannot be given together with median"},
		{sizes(workload.Sizes{Mean: 5, Min: 6}), "traffic[0].sizes.mean: 5B is outside 6B to 10MiB"},
		{sizes(workload.Sizes{Mean: 5, Max: 4}), "traffic[0].sizes.mean: 5B is outside 0B to 4B"},
		{sizes(workload.Sizes{Median: 1, Spread: 0.9}), "traffic[0].sizes.spread: 0.9 is outside 1 to 1000"},
		{sizes(workload.Sizes{Weighted: []workload.WeightedSize{{Bytes: -1}}}), "traffic[0].sizes.weighted[0].bytes: -1B is outside 0B to 10MiB"},

		{trace(workload.Traffic{Trace: &workload.Trace{File: "f"}}), ""},
		{trace(workload.Traffic{Trace: &workload.Trace{}}), "traffic[0].trace.file: is missing"},
		{trace(workload.Traffic{Trace: &workload.Trace{File: "f", Speed: -1}}), "traffic[0].trace.speed: -1 is outside 0 to 1e+09"},
		{trace(workload.Traffic{Trace: &workload.Trace{File: "f"}, Rate: workload.Rate{Constant: 1}}), "traffic[0].rate: cannot be given together with a trace, which has its own"},
		{trace(workload.Traffic{Trace: &workload.Trace{File: "f"}, Sizes: workload.Sizes{Fixed: 1}}), "traffic[0].sizes: cannot be given together with a trace, which has its own"},

		{stream(workload.Stream{Shards: 100_001}), "stream.shards: 100001 is outside 0 to 100000"},
		{stream(workload.Stream{Mode: "on_demand"}), `stream.mode: "on_demand" is none of ["provisioned" "on-demand"]`},
		{stream(workload.Stream{Distribution: workload.AutoDistribution}), `stream.distribution: "auto" is for streams of mode "on-demand"`},
		{stream(workload.Stream{WarmThroughput: 1}), `stream.warm_throughput: 1 is for streams of mode "on-demand"`},
		{stream(workload.Stream{Mode: workload.OnDemandMode, WarmThroughput: 200}), ""},
		{stream(workload.Stream{Mode: workload.OnDemandMode, WarmThroughput: 201}), "stream.warm_throughput: 201 is outside 0 to 200"},
		{stream(workload.Stream{Retention: 24 * hour}), ""},
		{stream(workload.Stream{Retention: 24*hour - 1}), "stream.retention: 23h59m59.999999999s is outside 1d to 365d"},
		{stream(workload.Stream{RecordBytes: 10<<20 + 1}), "stream.record_bytes: 10485761B is outside 0B to 10MiB"},
		{stream(workload.Stream{Limits: workload.Limits{WriteRecords: -1}}), "stream.limits.write_records: -1 is outside 0 to 1e+12"},
		{stream(workload.Stream{Limits: workload.Limits{None: true, ReadCalls: 1}}), "stream.limits.none: cannot be given together with a limit"},

		{func(w W) { w.Producers.Batch = 501 }, "producers.batch: 501 is outside 0 to 500"},
		{func(w W) { w.Producers.Count = -1 }, "producers.count: -1 is outside 0 to 10000"},

		{consumer(workload.Consumer{From: "start"}), `consumers[0].from: "start" is none of ["trim-horizon" "latest"]`},
		{consumer(workload.Consumer{Limit: 10_001}), "consumers[0].limit: 10001 is outside 0 to 10000"},
		{consumer(workload.Consumer{Name: "a"}, workload.Consumer{}, workload.Consumer{Name: "a"}), `consumers[2].name: "a" is the name of consumers[0] too`},
		{consumer(workload.Consumer{FanOut: true, Count: 20}, workload.Consumer{Count: 980}), ""},
		{consumer(workload.Consumer{FanOut: true, Count: 20}, workload.Consumer{FanOut: true}), "consumers: 21 with fan_out are too many; a stream has at most 20 unless stream.limits.none is set"},
		{consumer(workload.Consumer{Count: 1000}, workload.Consumer{}), "consumers: 1001 are too many; at most 1000 are allowed"},
		{outages(workload.Outage{At: 0, For: 5}, workload.Outage{At: 5, For: 1}), ""},
		{outages(workload.Outage{At: 0, For: 5}, workload.Outage{At: 4, For: 1}), "consumers[0].outages[1].at: 4ns is before the end of the outage before it, 5ns"},
		{outages(workload.Outage{}), "consumers[0].outages[0].for: 0s must be above 0s, and at most 3650d"},

		{reshards(workload.Reshard{At: 1, Shards: 2}, workload.Reshard{At: 1, Split: "3"}), ""},
		{reshards(workload.Reshard{At: 2, Shards: 2}, workload.Reshard{At: 1, Shards: 2}), "reshards[1].at: 1ns is before the one before it, 2ns"},
		{reshards(workload.Reshard{At: hour, Shards: 2}), "reshards[0].at: 1h is not before the end, duration 1h"},
		{reshards(workload.Reshard{}), "reshards[0]: needs one of shards, split and merge, and has 0"},
		{reshards(workload.Reshard{Shards: 1, Split: "busiest"}), "reshards[0]: needs one of shards, split and merge, and has 2"},
		{reshards(workload.Reshard{Shards: -1}), "reshards[0].shards: -1 is outside 0 to 100000"},
		{reshards(workload.Reshard{Split: "largest"}), `reshards[0].split: "largest" is neither a shard such as "shardId-000000000000" nor "busiest"`},
		{reshards(workload.Reshard{Merge: []string{"1"}}), `reshards[0].merge: ["1"] are neither two shards nor "coldest"`},
		{reshards(workload.Reshard{Merge: []string{"1", "coldest"}}), `reshards[0].merge[1]: "coldest" is neither a shard such as "shardId-000000000000" nor "coldest"`},
		{func(w W) { w.Stream.Mode, w.Reshards = workload.OnDemandMode, []workload.Reshard{{Shards: 2}} },
			`reshards: are for streams of mode "provisioned"; one of mode "on-demand" changes its shards itself`},
	} {
		w := run(time.Hour, workload.Traffic{Rate: workload.Rate{Constant: 1}})
		test.change(&w)
		text, _ := json.Marshal(w)
		text = text[:min(300, len(text))]
		if test.want == "" {
			assert.NoError(t, w.Validate(), "%s", text)
			continue
		}
		err := w.Validate()
		require.EqualError(t, err, test.want, "%s", text)
		var argument *weir.ArgumentError
		require.ErrorAs(t, err, &argument)
		assert.True(t, strings.HasPrefix(test.want, argument.Field+": "))
	}
}

// What is refused is refused by the generator too.
func TestNewGenerator_validates(t *testing.T) {
	_, err := workload.NewGenerator(workload.Workload{}, nil)
	assert.EqualError(t, err, "traffic: is missing: a workload needs at least one")
	_, err = workload.Workload{}.Volume(nil)
	assert.EqualError(t, err, "traffic: is missing: a workload needs at least one")
}

func TestValidate_queues(t *testing.T) {
	base := workload.Workload{Duration: workload.Duration(time.Hour), Traffic: []workload.Traffic{{Rate: workload.Rate{Constant: 1}}}}
	for want, queues := range map[string][]workload.Queue{
		"":                                       {{}, {Name: "a", Workers: 9998, Batch: 10, Visibility: workload.Duration(12 * time.Hour), MaxReceives: 1000, Failures: 1}, {Failures: 0.5}},
		"queues[0].batch: 11 is outside 0 to 10": {{Batch: 11}},
		"queues[0].failures: 1.5 is outside 0 to 1":                     {{Failures: 1.5}},
		"queues[0].max_receives: 1001 is outside 0 to 1000":             {{MaxReceives: 1001}},
		"queues[1].name: \"a\" is the name of queues[0] too":            {{Name: "a"}, {Name: "a"}},
		"queues: 10001 workers are too many; at most 10000 are allowed": {{Workers: 10000}, {}},
		"queues[0].visibility: 12h0m1s is outside 0s to 12h":            {{Visibility: workload.Duration(12*time.Hour + time.Second)}},
	} {
		w := base
		w.Queues = queues
		err := w.Validate()
		if want == "" {
			assert.NoError(t, err)
		} else {
			assert.EqualError(t, err, want)
		}
	}
	base.Queues = []workload.Queue{{}, {Name: "queue-1"}, {}}
	w := base.WithDefaults()
	assert.Equal(t, []string{"queue-2", "queue-1", "queue-3"}, []string{w.Queues[0].Name, w.Queues[1].Name, w.Queues[2].Name})
	assert.Equal(t, workload.Queue{Name: "queue-2", Workers: 1, Batch: 10, Visibility: workload.Duration(30 * time.Second), MaxReceives: 6}, w.Queues[0])
	assert.Empty(t, base.Queues[0].Name, "the workload itself is as it was")
}

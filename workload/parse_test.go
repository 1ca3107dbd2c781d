package workload_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/workload"
)

// everything is a workload that uses all of the language.
const everything = `{
	"name": "everything", "about": "all of the language",
	"duration": "1d", "records": 1e6, "warm_up": "10m", "seed": -7,
	"stream": {
		"name": "orders", "shards": 4, "mode": "provisioned", "distribution": "by-partition-key",
		"retention": "7d", "record_bytes": "2MiB",
		"limits": {"write_records": "2k/s", "write_bytes": "2MiB", "read_calls": 10, "read_bytes": 4e6}
	},
	"traffic": [
		{"name": "a", "from": "1m", "for": "1h", "rate": "90000/min", "arrivals": "poisson", "keys": 500, "sizes": "1.5KiB"},
		{"rate": 12.5, "keys": {"count": 100, "zipf": 1.1, "hot": [{"key": "hot", "share": 0.25}]}, "sizes": {"min": 10, "max": "25KB"}},
		{"rate": {"constant": "1M/h"}, "keys": {"unique": true}, "sizes": {"median": 300, "spread": 2.5, "min": 1, "max": "1MiB"}},
		{"rate": {"ramp": {"from": 0, "to": "3k/s"}}, "keys": {"file": "keys.tsv"}, "sizes": {"fixed": "1KiB"}},
		{"rate": {"wave": {"low": 10, "high": 20, "period": "12h", "peak_at": "3h"}}, "keys": {"weighted": [{"key": "x", "weight": 2}, {"key": "y"}]}},
		{"rate": {"burst": {"records": 1000, "every": "1h", "within": "1s"}}, "sizes": {"weighted": [{"bytes": 0, "weight": 1}, {"bytes": "1KiB"}]}},
		{"rate": {"steps": [{"at": "0s", "rate": 1}, {"at": "1h", "rate": "60/min"}]}},
		{"trace": {"file": "access.log", "speed": 1000}}
	],
	"producers": {"count": 4, "batch": 100, "linger": "5ms", "retries": 3, "backoff": "50ms"},
	"consumers": [
		{"name": "slow", "count": 2, "from": "latest", "start": "1m", "poll": "200ms", "limit": 1000,
		 "per_record": "1ms", "per_batch": "10ms", "workers": 2, "outages": [{"at": "1h", "for": "10m"}, {"at": "2h", "for": "1m"}]},
		{"fan_out": true}
	],
	"reshards": [
		{"at": "1h", "shards": 8}, {"at": "2h", "split": "busiest"}, {"at": "3h", "split": "shardId-000000000003"},
		{"at": "3h", "merge": "coldest"}, {"at": "4h", "merge": ["shardId-000000000001", "shardId-000000000002"]}
	]
}`

func TestParse_everything(t *testing.T) {
	w, err := workload.Parse([]byte(everything))
	require.NoError(t, err)
	const s = workload.Duration(time.Second)
	assert.Equal(t, workload.Workload{
		Name: "everything", About: "all of the language",
		Duration: 86_400 * s, Records: 1_000_000, WarmUp: 600 * s, Seed: -7,
		Stream: workload.Stream{
			Name: "orders", Shards: 4, Mode: workload.ProvisionedMode, Distribution: workload.ByPartitionKey,
			Retention: 7 * 86_400 * s, RecordBytes: 2 << 20,
			Limits: workload.Limits{WriteRecords: 2000, WriteBytes: 2 << 20, ReadCalls: 10, ReadBytes: 4e6},
		},
		Traffic: []workload.Traffic{
			{
				Name: "a", From: 60 * s, For: 3600 * s, Rate: workload.Rate{Constant: 1500}, Arrivals: workload.Poisson,
				Keys: workload.Keys{Count: 500}, Sizes: workload.Sizes{Fixed: 1536},
			},
			{
				Rate:  workload.Rate{Constant: 12.5},
				Keys:  workload.Keys{Count: 100, Zipf: 1.1, Hot: []workload.HotKey{{Key: "hot", Share: 0.25}}},
				Sizes: workload.Sizes{Min: 10, Max: 25_000},
			},
			{
				Rate: workload.Rate{Constant: 1e6 / 3600.}, Keys: workload.Keys{Unique: true},
				Sizes: workload.Sizes{Median: 300, Spread: 2.5, Min: 1, Max: 1 << 20},
			},
			{Rate: workload.Rate{Ramp: &workload.Ramp{To: 3000}}, Keys: workload.Keys{File: "keys.tsv"}, Sizes: workload.Sizes{Fixed: 1024}},
			{
				Rate: workload.Rate{Wave: &workload.Wave{Low: 10, High: 20, Period: 12 * 3600 * s, PeakAt: 3 * 3600 * s}},
				Keys: workload.Keys{Weighted: []workload.WeightedKey{{Key: "x", Weight: 2}, {Key: "y"}}},
			},
			{
				Rate:  workload.Rate{Burst: &workload.Burst{Records: 1000, Every: 3600 * s, Within: s}},
				Sizes: workload.Sizes{Weighted: []workload.WeightedSize{{Weight: 1}, {Bytes: 1024}}},
			},
			{Rate: workload.Rate{Steps: []workload.Step{{Rate: 1}, {At: 3600 * s, Rate: 1}}}},
			{Trace: &workload.Trace{File: "access.log", Speed: 1000}},
		},
		Producers: workload.Producers{Count: 4, Batch: 100, Linger: s / 200, Retries: 3, Backoff: s / 20},
		Consumers: []workload.Consumer{
			{
				Name: "slow", Count: 2, From: workload.FromLatest, Start: 60 * s, Poll: s / 5, Limit: 1000,
				PerRecord: s / 1000, PerBatch: s / 100, Workers: 2,
				Outages: []workload.Outage{{At: 3600 * s, For: 600 * s}, {At: 7200 * s, For: 60 * s}},
			},
			{FanOut: true},
		},
		Reshards: []workload.Reshard{
			{At: 3600 * s, Shards: 8}, {At: 7200 * s, Split: workload.BusiestShard}, {At: 10_800 * s, Split: "shardId-000000000003"},
			{At: 10_800 * s, Merge: []string{workload.ColdestShards}},
			{At: 14_400 * s, Merge: []string{"shardId-000000000001", "shardId-000000000002"}},
		},
	}, w)
}

func TestWorkload_readsWhatItWrites(t *testing.T) {
	w, err := workload.Parse([]byte(everything))
	require.NoError(t, err)
	for name, w := range map[string]workload.Workload{"as given": w, "with defaults": w.WithDefaults()} {
		text, err := json.Marshal(w)
		require.NoError(t, err)
		back, err := workload.Parse(text)
		require.NoError(t, err, "%s: %s", name, text)
		assert.Equal(t, w, back, name)

		var plain workload.Workload
		require.NoError(t, json.Unmarshal(text, &plain))
		assert.Equal(t, w, plain, "%s: encoding/json alone reads it too", name)
	}
}

func TestWorkload_writesShorthands(t *testing.T) {
	text, err := json.Marshal(run(time.Hour, workload.Traffic{
		Rate: workload.Rate{Constant: 1500}, Keys: workload.Keys{Count: 10}, Sizes: workload.Sizes{Fixed: 1024},
	}))
	require.NoError(t, err)
	assert.JSONEq(t, `{"duration": "1h", "traffic": [{"rate": "1500/s", "keys": 10, "sizes": "1KiB"}]}`, string(text))
	text, err = json.Marshal(workload.Rate{Max: true})
	require.NoError(t, err)
	assert.JSONEq(t, `"max"`, string(text))
	text, err = json.Marshal(workload.Rate{Ramp: &workload.Ramp{To: 2}})
	require.NoError(t, err)
	assert.JSONEq(t, `{"ramp": {"from": "0/s", "to": "2/s"}}`, string(text))
}

func TestParse_nullIsNothing(t *testing.T) {
	w, err := workload.Parse([]byte(`{"duration": "1h", "name": null, "consumers": null, "reshards": [], "traffic": [{"rate": 5, "trace": null}]}`))
	require.NoError(t, err)
	assert.Equal(t, run(time.Hour, workload.Traffic{Rate: workload.Rate{Constant: 5}}), w)
}

func TestParse_errors(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{``, `line 1, column 1: unexpected end of JSON input`},
		{"{\n  \"name\": nul\n}", `line 2, column 14: invalid character '\n' in literal null (expecting 'l')`},
		{`{} {}`, `line 1, column 4: invalid character '{' after top-level value`},
		{`[]`, `workload: expected an object, found a list`},
		{`{"Duration": "1h"}`, `Duration: is unknown; did you mean duration?`},
		{`{"trafic": []}`, `trafic: is unknown; did you mean traffic?`},
		{`{"colour": 1}`, `colour: is unknown; there are name, about, duration, records, warm_up, seed, stream, traffic, producers, consumers, queues, reshards`},
		{`{"traffic": [{"rate": 1}, {"rate": {"ramp": {"fro": 1}}}]}`, `traffic[1].rate.ramp.fro: is unknown; did you mean from?`},
		{`{"traffic": [{"rate": 1, "rate": 2}]}`, `traffic[0].rate: is given twice`},
		{`{"traffic": {"rate": 1}}`, `traffic: expected a list, found an object`},
		{`{"traffic": ["max"]}`, `traffic[0]: expected an object, found "max"`},
		{`{"name": 5}`, `name: expected text, found "5"`},
		{`{"records": "many"}`, `records: expected a number, found "many"`},
		{`{"records": 1.5}`, `records: 1.5 is no whole number, or too large`},
		{`{"records": 1e300}`, `records: 1e300 is no whole number, or too large`},
		{`{"duration": 3600}`, `duration: "3600" has no unit; expected one of ms, s, m, h and d, such as 3600s`},
		{`{"duration": true}`, `duration: expected text or a number, found true or false`},
		{`{"stream": {"limits": {"none": "yes"}}}`, `stream.limits.none: expected true or false, found "yes"`},
		{`{"traffic": [{"rate": "fast"}]}`, `traffic[0].rate: "fast" is no rate; expected a number of records and a time: 1500/s, 90000/min, 1M/h, the word "max", or an object`},
		{`{"traffic": [{"rate": {"constant": "5/week"}}]}`, `traffic[0].rate.constant: "5/week" is no rate; expected a number of records and a time: 1500/s, 90000/min, 1M/h`},
		{`{"traffic": [{"rate": 1, "keys": "many"}]}`, `traffic[0].keys: "many" is no number of keys; expected a number such as 10000, or an object`},
		{`{"traffic": [{"rate": 1, "keys": 0}]}`, `traffic[0].keys: 0 keys are too few`},
		{`{"traffic": [{"rate": 1, "sizes": 0}]}`, `traffic[0].sizes: for records without data give {"weighted": [{"bytes": 0}]}`},
		{`{"traffic": [{"rate": 1, "sizes": "0.1KiB"}]}`, `traffic[0].sizes: "0.1KiB" is 102.4 bytes; expected a whole number`},
		{`{"traffic": [{"rate": 1, "keys": {"zipf": 1e999}}]}`, `traffic[0].keys.zipf: 1e999 is too large`},
		{`{"reshards": [{"merge": ["a", 1]}]}`, `reshards[0].merge[1]: expected text, found "1"`},
	} {
		_, err := workload.Parse([]byte(test.text))
		assert.EqualError(t, err, test.want, test.text)
		if !strings.HasPrefix(test.want, "line ") {
			assert.ErrorIs(t, err, weir.ErrInvalidArgument, test.text)
		}
	}
}

// encoding/json alone is as strict where a type reads itself.
func TestRate_unmarshalJSON(t *testing.T) {
	var traffic workload.Traffic
	require.NoError(t, json.Unmarshal([]byte(`{"rate": "60/min", "keys": 5, "sizes": "1KiB"}`), &traffic))
	assert.Equal(t, workload.Traffic{
		Rate: workload.Rate{Constant: 1}, Keys: workload.Keys{Count: 5}, Sizes: workload.Sizes{Fixed: 1024},
	}, traffic)
	assert.EqualError(t, json.Unmarshal([]byte(`{"rate": {"stepps": []}}`), &traffic), "stepps: is unknown; did you mean steps?")
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(everything))
	f.Add([]byte(`{"duration": "1h", "traffic": [{"rate": "max"}]}`))
	f.Add([]byte(`{"traffic": [{"trace": {"file": "x"}}], "consumers": [{"name": "consumer-2"}, {}]}`))
	f.Add([]byte(`{"records": 5, "traffic": [{"rate": {"burst": {"records": 1}}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		w, err := workload.Parse(data)
		if err != nil {
			return
		}
		require.NoError(t, w.Validate())
		text, err := json.Marshal(w)
		require.NoError(t, err)
		back, err := workload.Parse(text)
		require.NoError(t, err, "%s", text)
		require.Equal(t, w, back)
		full := w.WithDefaults()
		require.NoError(t, full.Validate(), "with defaults")
		require.Equal(t, full, full.WithDefaults(), "defaults are filled in once")
		config, err := smaller(full.Stream).Config()
		require.NoError(t, err)
		_, err = weir.NewStream("fuzzed", config)
		require.NoError(t, err, "the engine takes what is valid")
		drawSome(t, w)
	})
}

// smaller returns s with few shards, to be made at once.
func smaller(s workload.Stream) workload.Stream {
	s.Shards = min(s.Shards, 10)
	return s
}

// drawSome draws a few records of the traffic that needs no files and few keys.
func drawSome(t *testing.T, w workload.Workload) {
	w.Traffic = slices.DeleteFunc(w.Traffic, func(t workload.Traffic) bool {
		return t.Trace != nil || t.Keys.File != "" || t.Keys.Count > 100_000
	})
	if len(w.Traffic) == 0 {
		return
	}
	w.Records = 1000
	g, err := workload.NewGenerator(w, nil)
	require.NoError(t, err)
	last := time.Duration(0)
	for a := (workload.Arrival{}); g.Next(&a); last = a.At {
		require.GreaterOrEqual(t, a.At, last)
		require.Less(t, a.At, workload.MaxDuration)
		require.NotEmpty(t, a.Key.Text)
		require.LessOrEqual(t, a.Bytes, weir.MaxRecordBytes)
	}
}

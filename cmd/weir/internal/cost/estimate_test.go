package cost_test

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/cmd/weir/internal/cost"
	"github.com/weirstream/weir/simulate"
	"github.com/weirstream/weir/workload"
)

func estimate(t *testing.T, text string) *cost.Estimate {
	t.Helper()
	w, err := workload.Parse([]byte(text))
	require.NoError(t, err)
	e, err := cost.Run(t.Context(), cost.Config{Workload: w, Prices: cost.BuiltIn()})
	require.NoError(t, err)
	return e
}

func printed(t *testing.T, e *cost.Estimate) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, e.Print(&b))
	return b.String()
}

// 2 shards for half of the time and 4 for the other half are 3 on average: 730 × 3 ×
// 0.015 = 32.85.
func TestRun_reshardsAreInTheShardHours(t *testing.T) {
	e := estimate(t, `{"duration": "10m", "stream": {"shards": 2}, "traffic": [{"rate": "100/s"}], "reshards": [{"at": "5m", "shards": 4}]}`)
	assert.InDelta(t, 3, e.Month.Shards, 0.01)
	assert.InDelta(t, 32.85, e.Bills[0].Items[0].Amount, 0.1)
	assert.True(t, e.ShardsGiven)
}

// The shards that an on-demand stream begins with are no choice of its owner.
func TestRun_onDemandShardsAreNotGiven(t *testing.T) {
	e := estimate(t, `{"duration": "10m", "stream": {"mode": "on-demand"}, "traffic": [{"rate": "100/s"}]}`)
	assert.False(t, e.ShardsGiven)
	assert.EqualValues(t, 1, e.Month.Shards)
	assert.Contains(t, printed(t, e), "1 shard, the fewest that throttle nothing")
}

// 90,000 records of 1,000 bytes and keys of 5 or 6 in 100 s are 0.86 MiB/s. One shard
// takes that, but three readers take 2.6 MiB/s, and a shard gives 2.
func TestRun_readersNeedShards(t *testing.T) {
	text := `{"duration": "100s", "traffic": [{"rate": "900/s", "sizes": 1000, "keys": 100}], "consumers": [{"name": "a", "count": 3}]`
	e := estimate(t, text+"}")
	assert.InDelta(t, 900*1006*3/2097152.0, e.ReadNeed, 0.01)
	assert.EqualValues(t, 2, e.Month.Shards)
	assert.Contains(t, printed(t, e), "2 shards, as many as its readers need to keep up")

	e = estimate(t, text+`, "stream": {"shards": 1}}`)
	assert.EqualValues(t, 1, e.Month.Shards)
	assert.Contains(t, printed(t, e), "the readers need 2 shards to keep up")
}

// 100 records end the run after a second, of which a month has 2,628,000.
func TestRun_recordsEndTheRun(t *testing.T) {
	e := estimate(t, `{"duration": "1h", "records": 100, "traffic": [{"rate": "100/s"}]}`)
	assert.Equal(t, time.Second, e.Measured.Period)
	assert.InEpsilon(t, 262.8e6, e.Month.Records, 1e-9)
}

// 1,500 records at once are more than a second's worth of a shard, but a shard whose
// limit is not in use holds a second's worth more, so what is found to be enough is less
// than what limits say of the busiest second: no more is billed than was found.
func TestRun_burstsFitIntoTheReserve(t *testing.T) {
	e := estimate(t, `{"duration": "10m", "traffic": [{"rate": {"burst": {"records": 1500, "every": "1m", "within": "1s"}}, "keys": {"unique": true}}]}`)
	assert.EqualValues(t, 1, e.Month.Shards)
	assert.InDelta(t, 1.5, e.BusiestUse, 0.01)
	assert.EqualValues(t, 1, e.Month.Need)
	assert.EqualValues(t, 1, e.Month.AtRate(1).Shards)
}

// What is found is what the break-even starts from: at the workload's own rate it
// has as many shards as the bill.
func TestRun_needIsWhatWasFound(t *testing.T) {
	e := estimate(t, `{"duration": "20s", "traffic": [{"rate": "2500/s", "keys": 37}]}`)
	assert.Equal(t, e.Month.Shards, e.Month.AtRate(1).Shards)
}

// Seven shards for ten minutes are seven shards: hours that are added up second by
// second made 7.000000000000001 of them, which differed from the seven of the
// break-even, so that the page told of "7 shards, to which the bill gives 7 shards".
func TestRun_shardsAreWhole(t *testing.T) {
	for _, shards := range []string{"7", "11", "13"} {
		e := estimate(t, `{"duration": "10m", "traffic": [{"rate": "100/s"}], "stream": {"shards": `+shards+`}}`)
		assert.Equal(t, shards, strconv.FormatFloat(e.Month.Shards, 'g', -1, 64))
	}
	e := estimate(t, `{"duration": "10m", "traffic": [{"rate": "6500/s", "keys": {"unique": true}}]}`)
	assert.Equal(t, 7.0, e.Month.Shards)
	for _, c := range e.Page().Charts {
		assert.NotContains(t, c.About, "to which the bill gives")
	}
}

// One workload has one number of shards: weir simulate --fit 0 finds the same, of one
// whose beginning is left out as well.
func TestRun_agreesWithSimulate(t *testing.T) {
	for _, text := range []string{
		`{"duration": "20s", "seed": 3, "traffic": [{"rate": "6000/s", "keys": {"count": 500, "zipf": 0.8}}]}`,
		`{"duration": "20s", "warm_up": "10s", "producers": {"retries": 3}, "traffic": [{"rate": {"steps": [{"at": "0s", "rate": "5000/s"}, {"at": "5s", "rate": "1500/s"}]}}]}`,
	} {
		w, err := workload.Parse([]byte(text))
		require.NoError(t, err)
		fit, err := simulate.FindShards(t.Context(), simulate.Config{Workload: w}, 0)
		require.NoError(t, err)
		assert.InDelta(t, fit.Shards, estimate(t, text).Month.Shards, 1e-6, text)
	}
}

// A key that is more than a shard takes is told whether the number of shards is given or
// not. 3,000 records a second would need 3 shards without it.
func TestRun_hotKey(t *testing.T) {
	text := `{"duration": "10s", "traffic": [{"rate": "3000/s", "keys": {"unique": true, "hot": [{"key": "k", "share": 0.5}]}}]`
	for _, stream := range []string{`}`, `, "stream": {"shards": 2}}`} {
		e := estimate(t, text+stream)
		assert.Contains(t, e.HotKey, `"k"`)
		assert.InDelta(t, 3, e.Month.Need, 0.05)
	}
	assert.EqualValues(t, 3, estimate(t, text+"}").Month.Shards)
	assert.EqualValues(t, 2, estimate(t, text+`, "stream": {"shards": 2}}`).Month.Shards)
}

// When there is no time to find the number of shards, the other plans are priced.
func TestRun_interrupted(t *testing.T) {
	w, err := workload.Parse([]byte(`{"duration": "1h", "traffic": [{"rate": "100/s"}]}`))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	e, err := cost.Run(ctx, cost.Config{Workload: w, Prices: cost.BuiltIn()})
	require.NoError(t, err)
	assert.True(t, e.Interrupted)
	require.Len(t, e.Bills, 2)
	assert.Equal(t, cost.OnDemand, e.Bills[0].Plan)
	assert.Contains(t, printed(t, e), "INTERRUPTED before the number of shards was found")
	assert.Len(t, e.Page().Charts, 1)
}

func TestRun_noRecords(t *testing.T) {
	w, err := workload.Parse([]byte(`{"duration": "1s", "traffic": [{"rate": {"steps": [{"at": "2s", "rate": "1/s"}]}, "name": "late"}]}`))
	require.NoError(t, err)
	_, err = cost.Run(t.Context(), cost.Config{Workload: w, Prices: cost.BuiltIn()})
	assert.ErrorContains(t, err, "puts no records")
}

// What queues cost nobody knows: they change no price, and the estimate says so.
func TestRun_queuesHaveNoPrice(t *testing.T) {
	w := workload.Workload{Duration: workload.Duration(time.Minute), Traffic: []workload.Traffic{{Rate: workload.Rate{Constant: 10}}}}
	without, err := cost.Run(t.Context(), cost.Config{Workload: w, Prices: cost.BuiltIn()})
	require.NoError(t, err)
	w.Queues = []workload.Queue{{Workers: 3}}
	with, err := cost.Run(t.Context(), cost.Config{Workload: w, Prices: cost.BuiltIn()})
	require.NoError(t, err)
	assert.Equal(t, without.Bills, with.Bills)
	assert.NotContains(t, without.Caveats(), "queues")
	assert.Contains(t, with.Caveats(), "What queues cost is not known: they are not in it.")
}

package rehearsal_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/cmd/weir/internal/rehearsal"
	"github.com/weirstream/weir/simulate"
	"github.com/weirstream/weir/workload"
)

// answersTo returns the sentences about a result that is made up.
func answersTo(r simulate.Result) string {
	o := rehearsal.Outcome{Result: &r, Series: rehearsal.NewSeries()}
	return strings.Join(o.Answers(), "\n")
}

// Where throttled records are tried again there may be more throttles than
// records, so they are no part of them.
func TestOutcome_Answers_throttles(t *testing.T) {
	for name, tt := range map[string]struct {
		w       simulate.Writes
		pending int64
		want    string
	}{
		"not tried again": {
			w:    simulate.Writes{OfferedRecords: 1000, ThrottledRecords: 1, ThrottledByRecords: 1, LostRecords: 1},
			want: "1 record was throttled and not tried again: 0.1 % of those offered, all by the limit of records.",
		},
		"tried again": {
			w: simulate.Writes{OfferedRecords: 200, ThrottledRecords: 500, ThrottledByRecords: 100, RetriedRecords: 440, LostRecords: 50},
			want: "Records were throttled 500 times, 250 times for each 100 offered, 100 by the limit of records, 400 by that of bytes; " +
				"50 (25.0 % of those offered) were given up.",
		},
		"still waiting": {
			w:       simulate.Writes{OfferedRecords: 100, ThrottledRecords: 2},
			pending: 2,
			want: "Records were throttled 2 times, 2 times for each 100 offered, all by the limit of bytes; " +
				"0 (0.0 % of those offered) were given up. 2 records were still waiting to be tried again at the end.",
		},
		"too large": {
			w:    simulate.Writes{OfferedRecords: 10, RefusedRecords: 3},
			want: "3 records were refused for what they are",
		},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Contains(t, answersTo(simulate.Result{Writes: tt.w, PendingRecords: tt.pending}), tt.want)
		})
	}
}

func TestOutcome_Answers_hotKey(t *testing.T) {
	for want, k := range map[string]simulate.HotKey{
		"No key sets a floor: each is put once.":                              {Key: "a", Records: 1, Share: 0.5},
		`No key stands out: the hottest, "a", has 0.042 % of the records.`:    {Key: "a", Records: 42, Share: 0.00042, Shards: 0.01},
		`has 10.0 % of the records. In its busiest minute it asks for 60.0 %`: {Key: "a", Records: 10, Share: 0.1, Shards: 0.6},
		"no number of shards is enough for it, and about 20.0 % of its":       {Key: "a", Records: 10, Share: 0.1, Shards: 1.25},
		`The hottest key, "a", has 10.0 % of the records.`:                    {Key: "a", Records: 10, Share: 0.1},
	} {
		assert.Contains(t, answersTo(simulate.Result{HottestKey: k}), want)
	}
}

// A stream that grew in time is told from one whose traffic fell before it had
// grown.
func TestOutcome_Answers_onDemand(t *testing.T) {
	throttled := simulate.OnDemand{
		Throttled: true, FirstThrottled: time.Hour, HasRecovered: true, Recovered: time.Hour + 9*time.Minute,
	}
	grew := func(at time.Duration) []simulate.CapacityChange {
		return []simulate.CapacityChange{{At: at, Before: 4, After: 8, Why: "on-demand"}}
	}
	for want, r := range map[string]simulate.Result{
		"The on-demand stream throttled nothing.":                                                   {OnDemand: &simulate.OnDemand{}},
		"from 1h0m0s until it recovered at 1h9m0s, after it had grown to 8 shards at 1h5m0s":        {OnDemand: &throttled, Changes: grew(65 * time.Minute)},
		"recovered at 1h9m0s, because the traffic had fallen: it grew only at 1h11m0s, to 8 shards": {OnDemand: &throttled, Changes: grew(71 * time.Minute)},
		"because the traffic had fallen: it did not grow":                                           {OnDemand: &throttled},
		"throttled 2 times, first at 1h0m0s, and had recovered at 1h9m0s":                           {OnDemand: &throttled, Episodes: make([]simulate.Episode, 2)},
		"throttled from 1h0m0s on and still did at the end":                                         {OnDemand: &simulate.OnDemand{Throttled: true, FirstThrottled: time.Hour}},
	} {
		assert.Contains(t, answersTo(r), want)
	}
}

// A number of shards is told with what it owes to the names of the keys.
func TestOutcome_Answers_placement(t *testing.T) {
	for want, p := range map[string]simulate.Placement{
		"One shard takes up to 5.0 % of the traffic; the busiest of 22 has 4.9 %. Which keys share a shard is up to their names: 40 shards are enough for 95 % of 100 other namings. " +
			"With these names more are not always enough: a shard has too much with 23, 27.": {MostShare: 0.05, BusiestShare: 0.049, Namings: 100, ShardsForMost: 40, Worse: []int{23, 27}},
		"the same number is enough for 95 % of 20 other namings.": {MostShare: 0.05, Namings: 20, ShardsForMost: 22},
		"no number is enough for 95 % of 20 other namings.":       {MostShare: 0.05, Namings: 20},
		"has 4.9 %. All keys have their names from the workload.": {MostShare: 0.05, BusiestShare: 0.049},
		"with 23, 24, 25, 26, 27, 28, 29, 30 and 2 more numbers.": {MostShare: 0.05, Namings: 20, Worse: []int{23, 24, 25, 26, 27, 28, 29, 30, 31, 32}},
		"22 shards are the fewest that throttle nothing.":         {}, // a trace
	} {
		o := rehearsal.Outcome{Result: &simulate.Result{}, Series: rehearsal.NewSeries(), Fit: &simulate.Fit{Shards: 22, Placement: p}}
		assert.Contains(t, strings.Join(o.Answers(), "\n"), want)
	}
}

// An interrupt after the number was found leaves it.
func TestOutcome_Answers_placementInterrupted(t *testing.T) {
	o := rehearsal.Outcome{Result: &simulate.Result{}, Series: rehearsal.NewSeries(), Fit: &simulate.Fit{Shards: 22, Interrupted: true}}
	assert.Contains(t, strings.Join(o.Answers(), "\n"), "22 shards are the fewest that throttle nothing.\n"+
		"INTERRUPTED before it was found how many shards are enough for other names of the keys.")
}

// What was done when the context ended stays, in each of the stages.
func TestRun_interrupted(t *testing.T) {
	w, err := workload.Parse([]byte(`{"duration": "10m", "traffic": [{"rate": "10/s"}], "consumers": [{"name": "a"}]}`))
	require.NoError(t, err)
	fit := 0.0
	for stage, want := range map[string]string{
		"simulating":                       "INTERRUPTED before the end",
		"trying numbers of shards":         "INTERRUPTED when",
		"looking for the number of shards": "INTERRUPTED before the smallest number",
		"simulating outages":               "INTERRUPTED before all was found out",
	} {
		ctx, cancel := context.WithCancel(t.Context())
		o, err := rehearsal.Run(ctx, rehearsal.Config{
			Simulation: simulate.Config{Workload: w, Step: time.Second},
			Shards:     []int{1, 2, 3, 4, 5, 6, 7, 8}, Fit: &fit, CatchUp: time.Minute,
			Progress: func(what string, _ float64) {
				if what == stage {
					cancel()
				}
			},
		})
		require.NoError(t, err, stage)
		assert.True(t, o.Interrupted, stage)
		var b strings.Builder
		require.NoError(t, o.Print(&b), stage)
		assert.Contains(t, b.String(), want, stage)
		cancel()
	}
}

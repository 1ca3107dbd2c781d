package rehearsal_test

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/cmd/weir/internal/figures"
	"github.com/weirstream/weir/cmd/weir/internal/rehearsal"
	"github.com/weirstream/weir/cmd/weir/internal/report"
	"github.com/weirstream/weir/simulate"
	"github.com/weirstream/weir/workload"
)

var update = flag.Bool("update", false, "rewrite the files in testdata")

// golden compares text with a file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(name, []byte(got), 0o644))
	}
	want, err := os.ReadFile(name)
	require.NoError(t, err)
	assert.Equal(t, string(want), got)
}

// busyHour has everything that the output can tell of: a hot key, an outage, a
// reshard that is carried out and one that is refused.
const busyHour = `{
	"name": "busy hour", "duration": "10m", "seed": 3, "warm_up": "10s",
	"stream": {"shards": 2},
	"traffic": [{"rate": "2200/s", "sizes": "100B", "keys": {"count": 50, "hot": [{"key": "vip", "share": 0.3}]}}],
	"consumers": [
		{"name": "billing", "per_record": "200us", "outages": [{"at": "2m", "for": "1m"}]},
		{"name": "board", "fan_out": true}
	],
	"reshards": [{"at": "5m", "shards": 4}, {"at": "6m", "shards": 40}]
}`

func outcome(t *testing.T, text string, c rehearsal.Config) *rehearsal.Outcome {
	t.Helper()
	w, err := workload.Parse([]byte(text))
	require.NoError(t, err)
	c.Simulation.Workload = w
	o, err := rehearsal.Run(t.Context(), c)
	require.NoError(t, err)
	return o
}

func TestOutcome_Print(t *testing.T) {
	fit := 0.0
	o := outcome(t, busyHour, rehearsal.Config{
		Simulation: simulate.Config{Step: 100 * time.Millisecond},
		Shards:     []int{1, 4}, Fit: &fit, CatchUp: time.Minute, Workers: 2,
	})
	var b strings.Builder
	require.NoError(t, o.Print(&b))
	golden(t, "testdata/busy-hour.txt", b.String())
}

func TestOutcome_Print_nothing(t *testing.T) {
	o := outcome(t, `{"duration": "10s", "traffic": [{"rate": "1/h"}]}`, rehearsal.Config{})
	var b strings.Builder
	require.NoError(t, o.Print(&b))
	assert.Contains(t, b.String(), "Nothing was throttled.")
	assert.NotContains(t, b.String(), "Consumers")
}

// What the courses say together is what the result says.
func TestRun_seriesAgreesWithResult(t *testing.T) {
	o := outcome(t, busyHour, rehearsal.Config{Simulation: simulate.Config{Step: 100 * time.Millisecond}})
	var offered, accepted, throttled float64
	for _, p := range o.Series.Points {
		if p.At < 10*time.Second {
			continue // the warm-up
		}
		offered += p.Offered
		accepted += p.Accepted
		throttled += p.Throttled
	}
	assert.EqualValues(t, o.Result.OfferedRecords, offered)
	assert.EqualValues(t, o.Result.AcceptedRecords, accepted)
	assert.EqualValues(t, o.Result.ThrottledRecords, throttled)
}

func TestRun_tellsHowFarItIs(t *testing.T) {
	var told []float64
	outcome(t, busyHour, rehearsal.Config{
		Simulation: simulate.Config{Step: 100 * time.Millisecond},
		Progress:   func(_ string, done float64) { told = append(told, done) },
	})
	require.NotEmpty(t, told)
	assert.IsIncreasing(t, told)
	assert.Equal(t, 1.0, told[len(told)-1])
}

func TestOutcome_Page(t *testing.T) {
	o := outcome(t, busyHour, rehearsal.Config{Simulation: simulate.Config{Step: 100 * time.Millisecond}, Shards: []int{1, 2}})
	p := o.Page()
	for _, c := range p.Charts {
		assert.NotEmpty(t, c.X, c.Title)
		assert.NotEmpty(t, c.YAxis.Label, c.Title)
		assert.NotEmpty(t, c.XAxis.Label, c.Title)
		for _, s := range c.Series {
			assert.Len(t, s.Values, len(c.X), "%s: %s", c.Title, s.Name)
		}
	}
	assert.Len(t, p.Charts[0].Markers, 2, "the warm-up and the reshard")
}

// Digits of cards are rounded, and what was given up has a card of its own: of
// 2,200 records a second that come to one shard it is more than half.
func TestOutcome_Page_cards(t *testing.T) {
	o := outcome(t, `{"duration": "10m", "traffic": [{"rate": "2200/s", "sizes": "100B"}]}`, rehearsal.Config{Simulation: simulate.Config{Step: 100 * time.Millisecond}})
	cards := map[string]report.Card{}
	for _, c := range o.Page().Cards {
		cards[c.Name] = c
	}
	assert.Equal(t, "1.3 M", cards["Offered"].Value)
	require.EqualValues(t, 719_100, o.Result.LostRecords)
	assert.Equal(t, report.Card{Name: "Given up", Value: "719.1 k", Note: "54.5 % of the records", Verdict: report.Bad}, cards["Given up"])

	// Of records that are tried again far more are throttled than given up.
	o = outcome(t, `{"duration": "1m", "traffic": [{"rate": "1100/s", "sizes": "100B"}], "producers": {"retries": 5}}`, rehearsal.Config{})
	require.NotEqual(t, o.Result.ThrottledRecords, o.Result.LostRecords)
	for _, c := range o.Page().Cards {
		if c.Name == "Given up" {
			assert.Equal(t, figures.Short(o.Result.LostRecords), c.Value)
		}
	}
}

// Three consumers that poll once a second ask for 60 % of the five calls of each
// shard. Their polls are not evenly spaced, so that of many shards one has five in
// almost any second, which is no use of 100 %.
func TestOutcome_Page_useIsThatOfAMinute(t *testing.T) {
	o := outcome(t, `{"duration": "5m", "stream": {"shards": 60}, "traffic": [{"rate": "600/s"}], "consumers": [{"count": 3}]}`, rehearsal.Config{})
	charts := o.Page().Charts
	c := charts[slices.IndexFunc(charts, func(c report.Chart) bool { return strings.HasPrefix(c.Title, "Use of the limits") })]
	last := make(map[string]float64)
	for _, s := range c.Series {
		last[s.Name] = slices.Max(s.Values[len(s.Values)/2:])
		assert.Equal(t, strings.HasPrefix(s.Name, "read") && strings.HasSuffix(s.Name, "busiest second"), s.Hidden, s.Name)
	}
	assert.InDelta(t, 60, last["read calls"], 5)
	assert.Greater(t, last["read calls, busiest second"], 75.0)
	assert.Less(t, last["writes"], last["writes, busiest second"])
}

// Charts that would say nothing are left out.
func TestOutcome_Page_nothing(t *testing.T) {
	p := outcome(t, `{"duration": "10s", "traffic": [{"rate": "1/s"}]}`, rehearsal.Config{}).Page()
	var titles []string
	for _, c := range p.Charts {
		titles = append(titles, c.Title)
	}
	assert.Equal(t, []string{"Records", "Bytes", "Use of the limits by the busiest shard", "Stored"}, titles)
}

// The consumers of a count are asked about together, and one that begins too
// late for an outage keeps the others from nothing.
func TestRun_catchUpOfSeveral(t *testing.T) {
	o := outcome(t, `{"duration": "10m", "traffic": [{"rate": "10/s"}], "consumers": [
		{"name": "app", "count": 3}, {"name": "late", "start": "9m"}
	]}`, rehearsal.Config{CatchUp: time.Minute})
	require.Len(t, o.CatchUps, 2)
	assert.Equal(t, "app", o.CatchUps[0].Consumer)
	assert.True(t, o.CatchUps[0].Outage.CaughtUp)
	assert.Contains(t, o.CatchUps[1].Why, "does not fit")
	assert.False(t, o.Interrupted)
}

// Of many shards the busiest have lines, and the others one together: nothing
// is lost.
func TestOutcome_Page_manyShards(t *testing.T) {
	o := outcome(t, `{"duration": "20s", "stream": {"shards": 100}, "traffic": [{"rate": "4000/s", "keys": {"unique": true, "hot": [{"key": "k", "share": 0.4}]}}]}`, rehearsal.Config{})
	for _, c := range o.Page().Charts {
		var sum float64
		for _, s := range c.Series {
			for _, v := range s.Values {
				sum += v
			}
		}
		switch c.Title {
		case "Accepted records by shard":
			assert.Len(t, c.Series, 13)
			assert.Equal(t, "88 others together", c.Series[12].Name)
			assert.InDelta(t, o.Result.AcceptedRecords, sum, 1e-6)
		case "Throttled records by shard":
			assert.Len(t, c.Series, 1, "the only one that throttles")
			assert.InDelta(t, o.Result.ThrottledRecords, sum, 1e-6)
		case "Records":
			assert.True(t, c.Series[2].Hidden, "a capacity of 100,000 a second")
		}
	}
}

// An outage of all consumers is one band.
func TestOutcome_Page_outages(t *testing.T) {
	o := outcome(t, `{"duration": "1m", "traffic": [{"rate": "10/s"}],
		"consumers": [{"name": "app", "count": 30, "outages": [{"at": "10s", "for": "5s"}]}, {"name": "b", "outages": [{"at": "20s", "for": "5s"}]}]}`, rehearsal.Config{})
	charts := o.Page().Charts
	age := charts[slices.IndexFunc(charts, func(c report.Chart) bool { return c.Title == "Iterator age" })]
	assert.Equal(t, []report.Marker{
		{At: 10, To: 15, Label: "outage of 30 consumers"}, {At: 20, To: 25, Label: "outage of b"},
	}, age.Markers)
}

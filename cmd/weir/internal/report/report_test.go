package report_test

import (
	"encoding/json"
	"flag"
	"math"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/cmd/weir/internal/report"
)

// keep names a file for the page with a chart of each kind, to be looked at in a
// browser:
//
//	go test ./cmd/weir/internal/report -run eachKind -args -page /tmp/page.html
var keep = flag.String("page", "", "write the page with each kind of chart to this file")

func write(t *testing.T, p report.Page) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, report.Write(&b, p))
	return b.String()
}

// charts returns what the page hands to its script.
func charts(t *testing.T, page string) []map[string]any {
	t.Helper()
	_, rest, ok := strings.Cut(page, "<script>const report = ")
	require.True(t, ok)
	text, _, ok := strings.Cut(rest, ";</script>")
	require.True(t, ok)
	var list []map[string]any
	require.NoError(t, json.Unmarshal([]byte(text), &list))
	return list
}

// curve returns n values of f.
func curve(n int, f func(x float64) float64) []float64 {
	list := make([]float64, n)
	for i := range list {
		list[i] = f(float64(i))
	}
	return list
}

// allKinds is a page with a chart of each kind and each unit.
func allKinds() report.Page {
	return report.Page{
		Title: "weir report", Subtitle: "a chart of each kind", Notes: []string{"First line.", "Second line."},
		Cards: []report.Card{
			{Name: "Throttled", Value: "0", Note: "records", Verdict: report.Good},
			{Name: "Lost", Value: "12", Note: "records", Verdict: report.Bad},
			{Name: "Offered", Value: "1,000/s", Note: "on average"},
		},
		Charts: []report.Chart{
			dayChart(), stackedChart(), ageChart(), percentileChart(), sweepChart(), costChart(), categoryChart(), clockChart(),
			{Title: "Nothing", XAxis: report.Axis{Label: "time"}, Empty: "There was nothing."},
		},
		Tables: []report.Table{{
			Title: "Shards", About: "What each number of shards would have meant.", Header: []string{"shards", "throttled", "note", ""}, Left: []int{2},
			Rows: []report.Row{
				{Cells: []string{"1", "5,000", "too few"}, Bar: 1, Verdict: report.Bad},
				{Cells: []string{"2", "0", "the smallest with no throttle"}, Bar: 0.004, Verdict: report.Good},
				{Cells: []string{"3", "0", ""}, Bar: -1},
			},
		}},
	}
}

// dayChart is a day of sixteen shards and their capacity.
func dayChart() report.Chart {
	const points = 1440
	c := report.Chart{
		Title: "Offered", About: "A day of sixteen shards.", Wide: true,
		XAxis:   report.Axis{Name: "time", Label: "time since the start", Unit: report.Seconds},
		YAxis:   report.Axis{Label: "records per second", Unit: report.Count},
		X:       curve(points, func(x float64) float64 { return x * 60 }),
		Markers: []report.Marker{{At: 6 * 3600, To: 7 * 3600, Label: "outage"}, {At: 12 * 3600, Label: "split"}, {At: 12.2 * 3600, Label: "merge"}},
	}
	for s := range 16 {
		c.Series = append(c.Series, report.Series{
			Name: "shard " + string(rune('a'+s)), Hidden: s == 3,
			Values: curve(points, func(x float64) float64 { return 500 + 30*float64(s) + 300*math.Sin(x/230) }),
		})
	}
	c.Series = append(c.Series, report.Series{
		Name: "capacity", Kind: report.Step, Color: report.LimitColor, Dashed: true,
		Values: curve(points, func(x float64) float64 { return 1000 + 300*math.Floor(x/500) }),
	})
	return c
}

func stackedChart() report.Chart {
	const points = 200
	return report.Chart{
		Title: "Accepted and throttled", About: "Stacked areas.", Kind: report.Area,
		XAxis: report.Axis{Name: "time", Label: "time since the start", Unit: report.Seconds},
		YAxis: report.Axis{Label: "bytes per second", Unit: report.Bytes},
		X:     curve(points, func(x float64) float64 { return x * 432 }),
		Series: []report.Series{
			{Name: "accepted", Color: report.GoodColor, Values: curve(points, func(x float64) float64 { return 1 << 20 })},
			{Name: "throttled", Color: report.BadColor, Values: curve(points, func(x float64) float64 { return max(0, 5e5*math.Sin(x/20)) })},
			{Name: "limit", Kind: report.Line, Color: report.LimitColor, Dashed: true, Values: curve(points, func(float64) float64 { return 1.2e6 })},
		},
	}
}

func ageChart() report.Chart {
	return report.Chart{
		Title: "Iterator age", About: "With a gap.",
		XAxis: report.Axis{Name: "time", Label: "time since the start", Unit: report.Seconds},
		YAxis: report.Axis{Label: "iterator age", Unit: report.Seconds, Least: 1},
		X:     []float64{0, 10, 20, 30, 40},
		Series: []report.Series{
			{Name: "billing", Values: []float64{0, 400, math.NaN(), 7000, math.Inf(1)}},
		},
	}
}

func percentileChart() report.Chart {
	x := []float64{0, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 99.99, 99.999}
	return report.Chart{
		Title: "Latency by percentile", About: "Both axes are logarithmic.",
		XAxis: report.Axis{Label: "percentile", Unit: report.Percentile},
		YAxis: report.Axis{Label: "latency", Unit: report.Seconds, Log: true},
		X:     x,
		Series: []report.Series{
			{Name: "put", Values: []float64{0, 2e-6, 3e-6, 5e-6, 9e-6, 2e-5, 8e-5, 2e-4, 1e-3, 5e-3, 3e-2}},
			{Name: "end to end", Values: []float64{1e-5, 2e-5, 3e-5, 5e-5, 9e-5, 2e-4, 8e-4, 2e-3, 1e-2, 5e-2, 1.2}},
		},
		Markers: []report.Marker{{At: 99, Label: "p99"}},
	}
}

func sweepChart() report.Chart {
	return report.Chart{
		Title: "Throttled by number of shards", About: "A sweep.", Kind: report.Bars,
		XAxis: report.Axis{Label: "shards", Unit: report.Count}, YAxis: report.Axis{Label: "throttled", Unit: report.Percent, Least: 5},
		X:      []float64{1, 2, 3, 4, 5, 6, 7, 8},
		Series: []report.Series{{Name: "throttled", Values: []float64{61, 24, 11, 3, 1, 0, 0, 0}}},
	}
}

func costChart() report.Chart {
	x := curve(100, func(x float64) float64 { return math.Pow(10, x/25) })
	line := func(fixed, each float64) []float64 {
		list := make([]float64, len(x))
		for i, v := range x {
			list[i] = fixed + each*v
		}
		return list
	}
	return report.Chart{
		Title: "Cost by rate", About: "Where the lines cross.",
		XAxis:   report.Axis{Name: "rate", Label: "records per second", Unit: report.Count, Log: true},
		YAxis:   report.Axis{Label: "dollars a month", Unit: report.Dollars, Log: true},
		X:       x,
		Series:  []report.Series{{Name: "provisioned", Values: line(30, 0.2)}, {Name: "on-demand", Values: line(10, 0.4)}},
		Markers: []report.Marker{{At: 100, Label: "break-even at 100/s"}, {At: 120, Label: "you are here"}, {At: 9000, Label: "another one"}},
	}
}

func categoryChart() report.Chart {
	return report.Chart{
		Title: "Cost by mode", About: "Names instead of numbers.", Kind: report.Bars,
		XAxis: report.Axis{Label: "mode", Names: []string{"provisioned", "on-demand", "on-demand advantage"}},
		YAxis: report.Axis{Label: "dollars a month", Unit: report.Dollars},
		X:     []float64{0, 1, 2},
		Series: []report.Series{
			{Name: "hours", Values: []float64{43, 29, 0}}, {Name: "data in", Values: []float64{12, 70, 40}},
			{Name: "retention", Values: []float64{5, 5, 5}},
		},
	}
}

func clockChart() report.Chart {
	return report.Chart{
		Title: "Events", About: "By the clock, as points.", Kind: report.Points,
		XAxis:  report.Axis{Name: "minute", Label: "time, UTC", Unit: report.Clock},
		YAxis:  report.Axis{Label: "events", Unit: report.Count},
		X:      curve(60, func(x float64) float64 { return 1772442000 + 60*x }),
		Series: []report.Series{{Name: "events", Values: curve(60, func(x float64) float64 { return math.Mod(x*7919, 997) })}},
	}
}

func TestWrite_eachKind(t *testing.T) {
	page := write(t, allKinds())
	if *keep != "" {
		require.NoError(t, os.WriteFile(*keep, []byte(page), 0o644))
	}
	kinds := map[any]bool{}
	for _, c := range charts(t, page) {
		for _, s := range c["series"].([]any) {
			kinds[s.(map[string]any)["kind"]] = true
		}
	}
	assert.Equal(t, map[any]bool{"line": true, "step": true, "area": true, "bars": true, "points": true}, kinds)
	for _, text := range []string{
		`<figure id="chart-8">`, `<figure id="chart-0" class="wide">`, "First line.<br>Second line.<br>", `class="card good"`, `<tr class="bad">`,
		`<i style="width: 0.4%">`, `<td class="left">the smallest with no throttle</td>`, `"There was nothing."`,
	} {
		assert.Contains(t, page, text)
	}
	assert.Equal(t, 2, strings.Count(page, `<td class="bar">`), "a negative bar is none")
}

func TestWrite_chartData(t *testing.T) {
	c := charts(t, write(t, report.Page{Charts: []report.Chart{ageChart(), percentileChart()}}))
	require.Len(t, c, 2)
	assert.Equal(t, "chart-0", c[0]["figure"])
	assert.Equal(t, []any{0.0, 10.0, 20.0, 30.0, 40.0}, c[0]["x"])
	assert.Equal(t, []any{map[string]any{
		"name": "billing", "kind": "line", "color": "--s0", "dashed": false, "hidden": false, "stacks": false,
		"values": []any{0.0, 400.0, nil, 7000.0, nil}, // what is not finite is a gap
	}}, c[0]["series"])
	x := c[1]["x"].([]any)
	assert.InDeltaSlice(t, []float64{1, 2, 10, 100, 1000}, []any{x[0], x[2], x[4], x[6], x[8]}, 1e-6, "0, 50, 90, 99 and 99.9 %")
	assert.InDelta(t, 100, c[1]["markers"].([]any)[0].(map[string]any)["at"], 1e-6)
	put := c[1]["series"].([]any)[0].(map[string]any)["values"].([]any)
	assert.Nil(t, put[0], "zero has no place on a logarithmic axis")
	assert.Equal(t, 2e-6, put[1])
}

func TestWrite_colours(t *testing.T) {
	chart := report.Chart{X: []float64{1}, Series: []report.Series{{Color: report.LimitColor, Values: []float64{1}}}}
	for range 17 {
		chart.Series = append(chart.Series, report.Series{Values: []float64{1}})
	}
	series := charts(t, write(t, report.Page{Charts: []report.Chart{chart}}))[0]["series"].([]any)
	of := func(i int) []any {
		s := series[i].(map[string]any)
		return []any{s["color"], s["dashed"]}
	}
	assert.Equal(t, []any{"--limit", false}, of(0))
	assert.Equal(t, []any{"--s0", false}, of(1))
	assert.Equal(t, []any{"--s15", false}, of(16))
	assert.Equal(t, []any{"--s0", true}, of(17), "the seventeenth is told apart by its dashes")
}

// asset matches whatever makes a browser fetch something.
var asset = regexp.MustCompile(`(?i)(src|href|srcset|data|action)\s*=\s*["']?\s*(https?:)?//|@import|url\(\s*["']?(https?:)?//|<link\b`)

func TestWrite_isSelfContained(t *testing.T) {
	page := write(t, allKinds())
	assert.Empty(t, asset.FindAllString(page, -1))
	assert.NotContains(t, page, "http://")
	assert.NotContains(t, page, "https://")
	assert.Contains(t, page, "Permission is hereby granted", "the licence of the library goes with it")
	assert.Contains(t, page, "prefers-color-scheme: dark")
	assert.Contains(t, page, "@media print")
	assert.NotContains(t, page, "NaN,")
}

func TestWrite_emptyPage(t *testing.T) {
	page := write(t, report.Page{Title: "nothing"})
	assert.Contains(t, page, "<title>nothing</title>")
	assert.Empty(t, charts(t, page))
}

func TestWrite_escapesAllText(t *testing.T) {
	const bad = `</script><script>alert("x")</script>`
	page := write(t, report.Page{
		Title: bad, Subtitle: bad, Notes: []string{bad}, Cards: []report.Card{{Name: bad, Value: bad, Note: bad}},
		Charts: []report.Chart{{
			Title: bad, About: bad, XAxis: report.Axis{Label: bad, Name: bad, Names: []string{bad}}, YAxis: report.Axis{Label: bad},
			X: []float64{0}, Series: []report.Series{{Name: bad, Values: []float64{1}}}, Markers: []report.Marker{{Label: bad}}, Empty: bad,
		}},
		Tables: []report.Table{{Title: bad, About: bad, Header: []string{bad}, Rows: []report.Row{{Cells: []string{bad}}}}},
	})
	assert.NotContains(t, page, `<script>alert`)
	assert.Equal(t, bad, charts(t, page)[0]["xAxis"].(map[string]any)["label"], "and it is shown as it is")
}

func TestWrite_refusesWhatDoesNotFit(t *testing.T) {
	two := []float64{1, 2}
	tests := map[string]report.Chart{
		`chart "c": series "s" has 1 values for 2 x`:                    {X: two, Series: []report.Series{{Name: "s", Values: []float64{1}}}},
		`chart "c": x 1 is 1, below 2 before it`:                        {X: []float64{2, 1}},
		`chart "c": x 0 is NaN`:                                         {X: []float64{math.NaN()}},
		`chart "c": 1 names for 2 x`:                                    {X: two, XAxis: report.Axis{Names: []string{"one"}}},
		`chart "c": percentiles from 50 to 100; must be 0 to below 100`: {X: []float64{50, 100}, XAxis: report.Axis{Unit: report.Percentile}},
		`chart "c": x of a logarithmic axis is not above 0`:             {X: []float64{0, 1}, XAxis: report.Axis{Log: true}},
	}
	for want, c := range tests {
		c.Title = "c"
		var b strings.Builder
		assert.EqualError(t, report.Write(&b, report.Page{Charts: []report.Chart{c}}), want)
		assert.Empty(t, b.String())
	}
}

func TestFold(t *testing.T) {
	nan := math.NaN()
	series := []report.Series{
		{Name: "a", Values: []float64{1, nan}, Kind: report.Step}, {Name: "b", Values: []float64{5, 5}},
		{Name: "c", Values: []float64{0, 2}}, {Name: "d", Values: []float64{9, nan}},
	}
	assert.Equal(t, series, report.Fold(series, 4, report.Sum))
	rest := report.Series{Name: "2 others together", Color: report.RestColor, Kind: report.Step, Values: []float64{1, 2}}
	got := report.Fold(series, 2, report.Sum)
	assert.Equal(t, []string{"b", "d"}, []string{got[0].Name, got[1].Name}, "the greatest, in their order")
	assert.Equal(t, rest, got[2])
	rest.Values[0] = 1
	assert.Equal(t, rest, report.Fold(series, 2, math.Max)[2])
	assert.True(t, math.IsNaN(series[0].Values[1]), "what was given is left as it is")
}

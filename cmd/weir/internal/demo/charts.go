package demo

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/cmd/weir/internal/report"
)

func (res *Result) charts() []report.Chart {
	list := []report.Chart{res.throughputChart(), res.throttleChart(), res.ageChart(), res.skewChart(), res.minuteChart()}
	for i := range list {
		list[i].Empty = "Nothing to show: no records went in."
		if res.RecordsIn == 0 {
			list[i].X, list[i].Series = nil, nil
		}
	}
	return list
}

func (res *Result) throughputChart() report.Chart {
	c := res.timeChart()
	c.Title, c.YAxis = "Throughput per shard", report.Axis{Label: "records per second", Unit: report.Count, Least: 10}
	c.About = "Records that each shard took in the second before."
	c.Series = res.shardRates(func(s ShardSample) int64 { return s.Records })
	if res.Limits != "none" {
		c.About += " A shard takes 1,000 a second, and after a rest one second's worth at once."
		c.Series = append(c.Series, limitLine(len(c.X)))
	}
	return c
}

// limitLine is the service's limit of a shard.
func limitLine(n int) report.Series {
	return report.Series{
		Name: "limit", Color: report.LimitColor, Dashed: true,
		Values: slices.Repeat([]float64{float64(weir.ServiceLimits().WriteRecordsPerSecond)}, n),
	}
}

func (res *Result) throttleChart() report.Chart {
	c := res.timeChart()
	c.Title, c.YAxis = "Throttles per second", report.Axis{Label: "refusals per second", Unit: report.Count, Least: 10}
	c.About = "How often a shard's limit refused a record in the second before. Producers wait and put it again."
	c.Series = res.shardRates(func(s ShardSample) int64 { return s.Throttled })
	return c
}

func (res *Result) ageChart() report.Chart {
	c := res.timeChart()
	c.Title, c.YAxis = "Iterator age", report.Axis{Label: "iterator age", Unit: report.Seconds, Least: 0.005}
	c.About = "How long ago the oldest record that a reader has not been given yet arrived, at each look. Near zero while readers keep up: an append wakes them."
	for _, g := range res.groups() {
		s := report.Series{Name: g.name, Color: g.color}
		for _, sample := range res.Samples {
			s.Values = append(s.Values, g.age(sample))
		}
		c.Series = append(c.Series, s)
	}
	return c
}

// timeChart returns a chart over the time of the run.
func (res *Result) timeChart() report.Chart {
	c := report.Chart{XAxis: report.Axis{Name: "time", Label: "seconds since the start", Unit: report.Seconds}}
	for _, s := range res.Samples {
		c.X = append(c.X, round(s.At.Seconds(), 3))
	}
	return c
}

// shardRates returns how fast a count of the shards grew over time.
func (res *Result) shardRates(count func(ShardSample) int64) []report.Series {
	var list []report.Series
	for _, g := range res.groups() {
		rates := Rates(res.Samples, func(s Sample) (n int64) {
			for _, i := range g.shards {
				n += count(s.Shards[i])
			}
			return n
		})
		for i := range rates {
			rates[i] = round(rates[i], 1)
		}
		list = append(list, report.Series{Name: g.name, Color: g.color, Values: rates})
	}
	return list
}

// A group is the shards that share a line.
type group struct {
	name   string
	color  report.Color
	shards []int // places in Result.Shards
}

// ownLines is how many shards have a colour and a line of their own.
const ownLines = 8

// groups gives each shard its line. Where there are many, the busiest have one,
// and all others have one together.
func (res *Result) groups() []group {
	places := make([]int, len(res.Shards))
	for i := range places {
		places[i] = i
	}
	slices.SortStableFunc(places, func(a, b int) int { return cmp.Compare(res.Shards[b].Records, res.Shards[a].Records) })
	own := places[:min(ownLines, len(places))]
	slices.Sort(own)
	var list []group
	for _, i := range own {
		list = append(list, group{fmt.Sprintf("shard %d", res.Shards[i].Shard), "", []int{i}})
	}
	if rest := places[len(own):]; len(rest) > 0 {
		list = append(list, group{fmt.Sprintf("%d others together", len(rest)), report.RestColor, rest})
	}
	return list
}

// age returns the greatest iterator age of the group's shards, in seconds.
func (g group) age(s Sample) (age float64) {
	for _, i := range g.shards {
		age = max(age, s.Shards[i].IteratorAge.Seconds())
	}
	return age
}

// skewPoints is how many keys the curve of the skew shows at most.
const skewPoints = 400

func (res *Result) skewChart() report.Chart {
	c := report.Chart{
		Title: "Key skew",
		About: "The share of all records that the busiest keys have together. Dashed: what it would be if all keys were alike.",
		XAxis: report.Axis{Name: "busiest keys", Label: "number of busiest keys", Unit: report.Count, Log: true},
		YAxis: report.Axis{Label: "% of all records", Unit: report.Percent, Least: 100},
	}
	keys, even := report.Series{Name: "share"}, report.Series{Name: "if even", Color: report.RestColor, Dashed: true}
	for _, n := range logSteps(len(res.KeyShares), skewPoints) {
		c.X = append(c.X, float64(n))
		keys.Values = append(keys.Values, round(100*res.KeyShares[n-1], 2))
		even.Values = append(even.Values, round(100*float64(n)/float64(len(res.KeyShares)), 2))
	}
	c.Series = []report.Series{keys, even}
	return c
}

// logSteps returns numbers from 1 to n, at most points of them, each about the
// same factor above the one before.
func logSteps(n, points int) []int {
	var list []int
	for i := range points {
		step := int(math.Round(math.Pow(float64(n), float64(i)/float64(points-1))))
		if n > 0 && (len(list) == 0 || step > list[len(list)-1]) {
			list = append(list, step)
		}
	}
	return list
}

func (res *Result) minuteChart() report.Chart {
	c := report.Chart{
		Title: "Events per minute by status", Wide: true, Kind: report.Bars,
		About: "By the minute in which events happened, not in which they were read: what the readers counted.",
		XAxis: report.Axis{Name: "minute", Label: "event time, UTC", Unit: report.Clock},
		YAxis: report.Axis{Label: "events per minute", Unit: report.Count, Least: 10},
		Series: []report.Series{
			{Name: "2xx", Color: report.GoodColor}, {Name: "3xx", Color: report.InfoColor}, {Name: "4xx", Color: report.WarnColor},
			{Name: "5xx", Color: report.BadColor}, {Name: "other", Color: report.RestColor},
		},
	}
	classes := [...]int{2, 3, 4, 5, 0}
	for _, m := range newestMinutes(res.Minutes) {
		c.X = append(c.X, float64(m.Start.Unix()))
		events := m.Classes()
		for i, class := range classes {
			c.Series[i].Values = append(c.Series[i].Values, float64(events[class]))
		}
	}
	c.Series = slices.DeleteFunc(c.Series, func(s report.Series) bool { return len(s.Values) > 0 && slices.Max(s.Values) == 0 })
	return c
}

// chartMinutes is how many minutes the chart shows: four weeks.
const chartMinutes = 4 * 7 * 24 * 60

func newestMinutes(all []Minute) []Minute {
	return all[max(0, len(all)-chartMinutes):]
}

// round keeps the page small.
func round(v float64, digits int) float64 {
	factor := math.Pow10(digits)
	return math.Round(v*factor) / factor
}

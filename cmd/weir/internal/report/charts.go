package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/cmd/weir/internal/demo"
)

// A chart is what charts.js draws into the figure of its id.
type chart struct {
	ID     string    `json:"id"`
	Kind   string    `json:"kind"` // time, skew or minutes: what the x axis is
	Title  string    `json:"-"`
	Note   string    `json:"-"`
	XName  string    `json:"xName"`
	XLabel string    `json:"xLabel"`
	YLabel string    `json:"yLabel"`
	Digits int       `json:"digits"` // after the decimal point
	Least  float64   `json:"least"`  // the y axis reaches at least this high
	X      []float64 `json:"x"`      // rising; empty if there is nothing to show
	Series []series  `json:"series"`
}

// A series is a line, or the bars of one colour. It has a value for each X.
type series struct {
	Name   string    `json:"name"`
	Color  string    `json:"color"` // a variable of style.css
	Dashed bool      `json:"dashed"`
	Values []float64 `json:"values"`
}

func chartsOf(r *demo.Result) []chart {
	list := []chart{throughputChart(r), throttleChart(r), ageChart(r), skewChart(r), minuteChart(r)}
	for i := range list {
		if r.RecordsIn == 0 {
			list[i].X, list[i].Series = []float64{}, []series{}
		}
	}
	return list
}

func throughputChart(r *demo.Result) chart {
	c := timeChart(r, "throughput")
	c.Title, c.YLabel, c.Least = "Throughput per shard", "records per second", 10
	c.Note = "Records that each shard took in the second before."
	c.Series = shardRates(r, func(s demo.ShardSample) int64 { return s.Records })
	if r.Limits != "none" {
		c.Note += " A shard takes 1,000 a second, and after a rest one second's worth at once."
		c.Series = append(c.Series, limitLine(len(c.X)))
	}
	return c
}

// limitLine is the service's limit of a shard.
func limitLine(n int) series {
	return series{
		Name: "limit", Color: "--limit", Dashed: true,
		Values: slices.Repeat([]float64{weir.DefaultWriteRecordsPerSecond}, n),
	}
}

func throttleChart(r *demo.Result) chart {
	c := timeChart(r, "throttles")
	c.Title, c.YLabel, c.Least = "Throttles per second", "refusals per second", 10
	c.Note = "How often a shard's limit refused a record in the second before. Producers wait and put it again."
	c.Series = shardRates(r, func(s demo.ShardSample) int64 { return s.Throttled })
	return c
}

func ageChart(r *demo.Result) chart {
	c := timeChart(r, "iterator-age")
	c.Title, c.YLabel, c.Least, c.Digits = "Iterator age", "milliseconds", 5, 1
	c.Note = "How long ago the oldest record that a reader has not been given yet arrived, at each look. Near zero while readers keep up: an append wakes them."
	for _, g := range groups(r) {
		s := series{Name: g.name, Color: g.color}
		for _, sample := range r.Samples {
			s.Values = append(s.Values, float64(g.age(sample)))
		}
		c.Series = append(c.Series, s)
	}
	return c
}

// timeChart returns a chart over the time of the run.
func timeChart(r *demo.Result, id string) chart {
	c := chart{ID: id, Kind: "time", XName: "time", XLabel: "seconds since the start"}
	for _, s := range r.Samples {
		c.X = append(c.X, round(s.At.Seconds(), 3))
	}
	return c
}

// shardRates returns how fast a count of the shards grew over time.
func shardRates(r *demo.Result, count func(demo.ShardSample) int64) []series {
	var list []series
	for _, g := range groups(r) {
		rates := demo.Rates(r.Samples, func(s demo.Sample) (n int64) {
			for _, i := range g.shards {
				n += count(s.Shards[i])
			}
			return n
		})
		for i := range rates {
			rates[i] = round(rates[i], 1)
		}
		list = append(list, series{Name: g.name, Color: g.color, Values: rates})
	}
	return list
}

// A group is the shards that share a line.
type group struct {
	name   string
	color  string
	shards []int // places in Result.Shards
}

// shardColors is how many shards have a colour and a line of their own.
const shardColors = 8

// groups gives each shard its line. Where there are many, the busiest have one,
// and all others have one together.
func groups(r *demo.Result) []group {
	places := make([]int, len(r.Shards))
	for i := range places {
		places[i] = i
	}
	slices.SortStableFunc(places, func(a, b int) int { return cmp.Compare(r.Shards[b].Records, r.Shards[a].Records) })
	own := places[:min(shardColors, len(places))]
	slices.Sort(own)
	var list []group
	for n, i := range own {
		list = append(list, group{fmt.Sprintf("shard %d", r.Shards[i].Shard), fmt.Sprintf("--s%d", n), []int{i}})
	}
	if rest := places[len(own):]; len(rest) > 0 {
		list = append(list, group{fmt.Sprintf("%d others together", len(rest)), "--rest", rest})
	}
	return list
}

// age returns the greatest iterator age of the group's shards, in milliseconds.
func (g group) age(s demo.Sample) demo.Millis {
	var age demo.Millis
	for _, i := range g.shards {
		age = max(age, demo.MillisOf(s.Shards[i].IteratorAge))
	}
	return age
}

// skewPoints is how many keys the curve of the skew shows at most.
const skewPoints = 400

func skewChart(r *demo.Result) chart {
	c := chart{
		ID: "key-skew", Kind: "skew", Title: "Key skew", Digits: 1, Least: 100,
		Note:  "The share of all records that the busiest keys have together. Dashed: what it would be if all keys were alike.",
		XName: "busiest keys", XLabel: "number of busiest keys", YLabel: "% of all records",
	}
	keys, even := series{Name: "share", Color: "--s0"}, series{Name: "if even", Color: "--rest", Dashed: true}
	for _, n := range logSteps(len(r.KeyShares), skewPoints) {
		c.X = append(c.X, float64(n))
		keys.Values = append(keys.Values, round(100*r.KeyShares[n-1], 2))
		even.Values = append(even.Values, round(100*float64(n)/float64(len(r.KeyShares)), 2))
	}
	c.Series = []series{keys, even}
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

func minuteChart(r *demo.Result) chart {
	c := chart{
		ID: "minutes", Kind: "minutes", Title: "Events per minute by status", Least: 10,
		Note:  "By the minute in which events happened, not in which they were read: what the readers counted.",
		XName: "minute", XLabel: "event time, UTC", YLabel: "events per minute",
		Series: []series{
			{Name: "2xx", Color: "--c2"}, {Name: "3xx", Color: "--c3"}, {Name: "4xx", Color: "--c4"},
			{Name: "5xx", Color: "--c5"}, {Name: "other", Color: "--c0"},
		},
	}
	classes := [...]int{2, 3, 4, 5, 0}
	for _, m := range newestMinutes(r.Minutes) {
		c.X = append(c.X, float64(m.Start.Unix()))
		events := m.Classes()
		for i, class := range classes {
			c.Series[i].Values = append(c.Series[i].Values, float64(events[class]))
		}
	}
	c.Series = slices.DeleteFunc(c.Series, func(s series) bool { return len(s.Values) > 0 && slices.Max(s.Values) == 0 })
	return c
}

// chartMinutes is how many minutes the chart shows: four weeks.
const chartMinutes = 4 * 7 * 24 * 60

func newestMinutes(all []demo.Minute) []demo.Minute {
	return all[max(0, len(all)-chartMinutes):]
}

// round keeps the page small.
func round(v float64, digits int) float64 {
	factor := math.Pow10(digits)
	return math.Round(v*factor) / factor
}

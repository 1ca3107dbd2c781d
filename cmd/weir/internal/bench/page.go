package bench

import (
	"fmt"
	"math"
	"strings"

	"github.com/weirstream/weir/cmd/weir/internal/figures"
	"github.com/weirstream/weir/cmd/weir/internal/report"
)

// shardLines is how many shards have a line of their own in a chart.
const shardLines = 12

// Page returns the page about the runs. Its charts are those of the last one.
func (s *Set) Page() report.Page {
	r := s.Runs[len(s.Runs)-1]
	title := "weir bench"
	if s.Workload.Name != "" {
		title += ": " + s.Workload.Name
	}
	p := report.Page{
		Title: title, Subtitle: s.Target.String(),
		Notes:  strings.Split(strings.TrimSpace(s.Setting()+s.Summary()), "\n")[1:],
		Cards:  r.cards(),
		Charts: r.charts(),
		Tables: []report.Table{r.latencyTableRows(), r.shardRows()},
	}
	if len(s.Runs) > 1 {
		p.Tables = append([]report.Table{s.runRows()}, p.Tables...)
	}
	if len(r.Consumers) > 0 {
		p.Tables = append(p.Tables, r.consumerRows())
	}
	if len(r.Queues) > 0 {
		p.Tables = append(p.Tables, r.queueRows())
	}
	return p
}

func (r *Result) cards() []report.Card {
	from := "from when a record was due"
	if r.isFlatOut() {
		from = "one call"
	}
	cards := []report.Card{
		{Name: "Throughput", Value: figures.Number(r.RecordsPerSec) + "/s", Note: "records acknowledged"},
		{Name: "Put, p99", Value: figures.Duration(r.Latency.Put.P99), Note: from},
	}
	if r.Latency.EndToEnd.Count > 0 {
		cards = append(cards, report.Card{Name: "End to end, p99", Value: figures.Duration(r.Latency.EndToEnd.P99), Note: "from due to processed"})
	}
	lost := r.GivenUp + r.Errors + r.Unsent
	all := report.Card{Name: "Not put", Value: figures.Comma(lost), Note: "given up, failed or never sent", Verdict: report.Good}
	if lost > 0 {
		all.Verdict = report.Bad
	}
	cards = append(cards, report.Card{Name: "Throttled", Value: figures.Comma(r.Throttled), Note: "refusals by a limit"}, all)
	if r.Process != nil {
		cards = append(cards, report.Card{
			Name: "Allocations", Value: figures.Number(r.Process.AllocationsPerRecord), Note: "a record, of the whole process",
		})
	}
	return cards
}

func (r *Result) charts() []report.Chart {
	charts := []report.Chart{r.throughputChart(), r.latencyChart(), r.curveChart(), r.shardChart(), r.throttleChart()}
	if len(r.Consumers) > 0 {
		charts = append(charts, r.readChart(), r.ageChart(), r.backlogChart())
	}
	if len(r.Queues) > 0 {
		charts = append(charts, r.queueChart(), r.waitingChart())
	}
	if r.Process != nil {
		charts = append(charts, r.heapChart(), r.pauseChart())
	}
	return charts
}

// timeChart returns a chart over the time of the run.
func (r *Result) timeChart(title, about, label string, unit report.Unit) report.Chart {
	c := report.Chart{
		Title: title, About: about,
		XAxis: report.Axis{Label: "time since the run began", Name: "time", Unit: report.Seconds},
		YAxis: report.Axis{Label: label, Unit: unit},
	}
	for _, p := range r.Timeline {
		c.X = append(c.X, p.At)
	}
	if r.WarmUp > 0 {
		c.Markers = append(c.Markers, report.Marker{At: 0, To: r.WarmUp, Label: "warm-up"})
	}
	if n := len(r.Timeline); n > 0 && r.Total-r.Duration > r.Timeline[n-1].Seconds {
		c.Markers = append(c.Markers, report.Marker{At: r.Duration, Label: "all put"})
	}
	for _, e := range r.Reshards {
		c.Markers = append(c.Markers, report.Marker{At: e.At, Label: e.What})
	}
	return c
}

// series returns a line with a value for each point.
func (r *Result) series(name string, of func(Point) float64) report.Series {
	s := report.Series{Name: name}
	for _, p := range r.Timeline {
		s.Values = append(s.Values, of(p))
	}
	return s
}

// rate returns a line of a count per second.
func (r *Result) rate(name string, of func(Point) int64) report.Series {
	return r.series(name, func(p Point) float64 { return figures.Ratio(float64(of(p)), p.Seconds) })
}

func (r *Result) throughputChart() report.Chart {
	c := r.timeChart("Throughput", "Records acknowledged, and those that were due, if any were.", "records per second", report.Number)
	c.YAxis.Least = 10
	put := r.rate("put", func(p Point) int64 { return p.Records })
	c.Series = []report.Series{put}
	if r.Offered > 0 {
		offered := r.rate("offered", func(p Point) int64 { return p.Offered })
		offered.Dashed, offered.Color = true, report.LimitColor
		c.Series = append(c.Series, offered)
	}
	return c
}

func (r *Result) latencyChart() report.Chart {
	about := "From when a record was due until it was acknowledged. Gaps: nothing was put."
	if r.isFlatOut() {
		about = "Of one call: nothing is due where records are put as fast as possible."
	}
	c := r.timeChart("Put latency", about, "latency", report.Seconds)
	c.YAxis.Log = true
	c.Series = r.latencySeries(func(p Point) PointLatency { return p.Put })
	return c
}

// latencySeries returns a line for each percentile of a latency.
func (r *Result) latencySeries(of func(Point) PointLatency) []report.Series {
	return []report.Series{
		r.series("p50", func(p Point) float64 { return of(p).P50.Seconds() }),
		r.series("p99", func(p Point) float64 { return of(p).P99.Seconds() }),
		r.series("max", func(p Point) float64 { return of(p).Max.Seconds() }),
	}
}

// curveChart has the whole distributions.
func (r *Result) curveChart() report.Chart {
	c := report.Chart{
		Title: "Latency by percentile", About: "Of how many of a hundred records or calls it is no longer than that.",
		XAxis: report.Axis{Label: "percentile", Unit: report.Percentile},
		YAxis: report.Axis{Label: "latency", Unit: report.Seconds, Log: true},
	}
	var longest []figures.Percentile
	rows := r.latencyRows()
	for _, l := range rows {
		if len(l.Curve) > len(longest) {
			longest = l.Curve
		}
	}
	for _, p := range longest {
		c.X = append(c.X, p.Percent)
	}
	for _, l := range rows {
		s := report.Series{Name: strings.TrimSpace(l.Name)}
		for i := range longest {
			v := math.NaN()
			if i < len(l.Curve) {
				v = l.Curve[i].Time.Seconds()
			}
			s.Values = append(s.Values, v)
		}
		c.Series = append(c.Series, s)
	}
	return c
}

func (r *Result) shardChart() report.Chart {
	c := r.timeChart("Throughput by shard", "Records that each shard took.", "records per second", report.Number)
	c.YAxis.Least = 10
	var lines []report.Series
	for i, id := range r.ShardNames {
		lines = append(lines, r.shardLine(fmt.Sprintf("shard %d", id), i))
	}
	if r.hasOthers() {
		lines = append(lines, r.shardLine("all others", len(r.ShardNames)))
	}
	c.Series = report.Fold(lines, shardLines, report.Sum)
	return c
}

func (r *Result) shardLine(name string, i int) report.Series {
	return r.rate(name, func(p Point) int64 {
		if i >= len(p.Shards) {
			return 0
		}
		return p.Shards[i]
	})
}

// hasOthers reports whether some shards have no count of their own.
func (r *Result) hasOthers() bool {
	for _, p := range r.Timeline {
		if len(p.Shards) > len(r.ShardNames) {
			return true
		}
	}
	return false
}

func (r *Result) throttleChart() report.Chart {
	c := r.timeChart("Throttles", "Refusals of a record, or of a read, by a limit.", "refusals per second", report.Number)
	c.YAxis.Least = 10
	c.Series = []report.Series{
		r.rate("puts", func(p Point) int64 { return p.Throttled }), r.rate("reads", func(p Point) int64 { return p.ReadThrottled }),
	}
	return c
}

func (r *Result) readChart() report.Chart {
	c := r.timeChart("Propagation", "From the call that stored a record until a consumer had it.", "latency", report.Seconds)
	c.YAxis.Log = true
	c.Series = r.latencySeries(func(p Point) PointLatency { return p.Propagation })
	return c
}

func (r *Result) ageChart() report.Chart {
	c := r.timeChart("Behind", "How old the last record of a read was, of the consumer that is furthest behind; while one does not read, how old what it has not read can be.", "age", report.Seconds)
	c.YAxis.Least = 0.1
	c.Series = []report.Series{r.series("age", func(p Point) float64 { return p.Age.Seconds() })}
	return c
}

func (r *Result) backlogChart() report.Chart {
	c := r.timeChart("Backlog", "Records that were put and not yet processed, added up over all consumers.", "records", report.Count)
	c.YAxis.Least = 10
	c.Series = []report.Series{r.series("unread", func(p Point) float64 { return float64(p.Backlog) })}
	return c
}

func (r *Result) heapChart() report.Chart {
	c := r.timeChart("Heap", "Live and dead objects of this process, the stream's records among them.", "bytes", report.Bytes)
	c.Series = []report.Series{r.series("heap", func(p Point) float64 { return float64(p.Heap) })}
	return c
}

func (r *Result) pauseChart() report.Chart {
	c := r.timeChart("Garbage collection", "Time for which the collector stopped this process, in each second.", "pause per second", report.Seconds)
	c.Series = []report.Series{r.series("pause", func(p Point) float64 { return figures.Ratio(p.GCPause.Seconds(), p.Seconds) })}
	return c
}

func (r *Result) latencyTableRows() report.Table {
	t := report.Table{Title: "Latency", Wide: true, Header: []string{"", "p50", "p90", "p99", "p99.9", "p99.99", "max", "mean", "measured"}}
	for _, l := range r.latencyRows() {
		t.Rows = append(t.Rows, report.Row{Cells: []string{
			strings.TrimSpace(l.Name), figures.Duration(l.P50), figures.Duration(l.P90), figures.Duration(l.P99), figures.Duration(l.P999),
			figures.Duration(l.P9999), figures.Duration(l.Max), figures.Duration(l.Mean), figures.Comma(l.Count),
		}})
	}
	return t
}

func (r *Result) shardRows() report.Table {
	t := report.Table{Title: "Shards", Header: []string{"shard", "records", "per second", "throttled", "share", ""}}
	for _, s := range r.Shards {
		t.Rows = append(t.Rows, report.Row{Bar: s.Share, Cells: []string{
			s.Shard.String(), figures.Comma(s.Records), figures.Number(s.PerSecond), figures.Comma(s.Throttled), figures.Percent(s.Share),
		}})
	}
	return t
}

func (r *Result) consumerRows() report.Table {
	t := report.Table{Title: "Consumers", Wide: true, Left: []int{1}, Header: []string{"consumer", "by", "records", "throttled reads", "unread", "most behind", "propagation p99", "end to end p99"}}
	for _, c := range r.Consumers {
		t.Rows = append(t.Rows, report.Row{Cells: []string{
			c.Name, c.by(), figures.Comma(c.Records), figures.Comma(c.Throttled), figures.Comma(c.Unread), figures.Duration(c.MaxAge),
			figures.Duration(c.Propagation.P99), figures.Duration(c.EndToEnd.P99),
		}})
	}
	return t
}

func (r *Result) queueRows() report.Table {
	t := report.Table{Title: "Queues", Wide: true, Header: []string{
		"queue", "workers", "received", "again", "acknowledged", "late", "busy", "waiting", "dead", "expired", "wait p99", "done p99", "acknowledging p99",
	}}
	for _, q := range r.Queues {
		t.Rows = append(t.Rows, report.Row{Cells: []string{
			q.Name, figures.Comma(q.Workers), figures.Comma(q.Received), figures.Comma(q.Redelivered), figures.Comma(q.Acknowledged),
			figures.Comma(q.Late), figures.Percent(q.Utilisation), figures.Comma(q.Waiting), figures.Comma(q.Dead), figures.Comma(q.Expired),
			figures.Duration(q.Wait.P99), figures.Duration(q.Done.P99), figures.Duration(q.AcknowledgeCall.P99),
		}})
	}
	return t
}

func (r *Result) queueChart() report.Chart {
	c := r.timeChart("Queues", "Records acknowledged by the workers of all queues, and those put.", "records per second", report.Number)
	c.YAxis.Least = 10
	c.Series = []report.Series{
		r.rate("acknowledged", func(p Point) int64 { return p.Acknowledged }),
		r.rate("put", func(p Point) int64 { return p.Records }),
	}
	return c
}

func (r *Result) waitingChart() report.Chart {
	c := r.timeChart("Waiting in queues", "Records that were put and not acknowledged, of all queues.", "records", report.Number)
	c.YAxis.Least = 10
	c.Series = []report.Series{r.series("waiting", func(p Point) float64 { return float64(p.Waiting) })}
	return c
}

func (s *Set) runRows() report.Table {
	t := report.Table{Title: fmt.Sprintf("All %d runs", len(s.Runs)), Header: []string{"metric", "median", "least", "greatest"}}
	for _, m := range Metrics() {
		if v := m.Values(s.Runs); m.Main && len(v) > 0 {
			sample := newSample(v)
			t.Rows = append(t.Rows, report.Row{Cells: []string{
				m.Name, m.Format(sample.Median), m.Format(sample.Min), m.Format(sample.Max),
			}})
		}
	}
	return t
}

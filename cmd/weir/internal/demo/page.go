package demo

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/weirstream/weir/cmd/weir/internal/figures"
	"github.com/weirstream/weir/cmd/weir/internal/report"
)

// Page returns the result as a page with charts.
func (res *Result) Page() report.Page {
	return report.Page{
		Title: "weir demo", Subtitle: res.Setting(), Notes: strings.Split(res.Summary(), "\n"),
		Cards: res.cards(), Charts: res.charts(), Tables: res.tables(),
	}
}

func (res *Result) cards() []report.Card {
	complete := report.Card{
		Name: "Complete", Value: "yes", Note: "each record in came out once, each key in order", Verdict: report.Good,
	}
	if !res.Complete {
		complete.Value, complete.Verdict = "NO", report.Bad
		complete.Note = fmt.Sprintf("%s lost, %s duplicated, %s out of order",
			figures.Comma(res.Lost), figures.Comma(res.Duplicated), figures.Comma(res.OrderViolations))
	}
	return []report.Card{
		{Name: "Records in", Value: figures.Comma(res.RecordsIn), Note: "acknowledged to the producers"},
		{Name: "Records out", Value: figures.Comma(res.RecordsOut), Note: "given to the readers"},
		complete,
		{Name: "Throughput", Value: figures.Comma(int64(res.RecordsPerSec)) + "/s", Note: "for " + figures.Seconds(res.Duration)},
		{Name: "Throttled", Value: figures.Comma(res.Throttled), Note: "refusals, each put again"},
		{Name: "End to end, p99", Value: figures.Duration(res.Latency.EndToEnd.P99), Note: "from due to a reader"},
		{Name: "Rejected", Value: figures.Comma(res.Rejected), Note: "lines of the input"},
	}
}

func (res *Result) tables() []report.Table {
	tables := []report.Table{res.shardPage(), res.latencyPage(), res.keyPage(), res.topPage()}
	if res.Rejected > 0 {
		tables = append(tables, res.rejectionPage())
	}
	return tables
}

func (res *Result) shardPage() report.Table {
	t := report.Table{Title: "Shards", Header: []string{"shard", "records", "bytes", "share", "throttled", "busiest second"}}
	for _, s := range res.Shards {
		t.Rows = append(t.Rows, report.Row{Cells: []string{
			s.Shard.String(), figures.Comma(s.Records), figures.Bytes(float64(s.Bytes)), figures.Percent(s.Share),
			figures.Comma(s.Throttled), fmt.Sprintf("%s at %s", figures.Comma(s.Busiest), s.busiestAt()),
		}})
	}
	return t
}

func (res *Result) latencyPage() report.Table {
	t := report.Table{Title: "Latency", Header: []string{"", "p50", "p90", "p99", "p99.9", "max"}}
	for _, l := range res.Latency.Rows() {
		t.Rows = append(t.Rows, report.Row{Cells: []string{
			l.Name, figures.Duration(l.P50), figures.Duration(l.P90), figures.Duration(l.P99), figures.Duration(l.P999), figures.Duration(l.Max),
		}})
	}
	return t
}

func (res *Result) keyPage() report.Table {
	t := report.Table{
		Title:  fmt.Sprintf("Hot keys, of %s", figures.Comma(res.Keys)),
		Header: []string{"key", "shard", "records", "share", ""},
	}
	for _, k := range res.HotKeys {
		t.Rows = append(t.Rows, report.Row{
			Cells: []string{k.Key, strconv.Itoa(int(k.Shard)), figures.Comma(k.Records), figures.Percent(k.Share)},
			Bar:   figures.Share(k.Records, res.HotKeys[0].Records),
		})
	}
	return t
}

func (res *Result) topPage() report.Table {
	t := report.Table{Title: "Top pages", Header: []string{"page", "events", ""}}
	for _, p := range res.TopPages {
		t.Rows = append(t.Rows, report.Row{
			Cells: []string{p.Page, figures.Comma(p.Events)},
			Bar:   figures.Share(p.Events, res.TopPages[0].Events),
		})
	}
	return t
}

func (res *Result) rejectionPage() report.Table {
	t := report.Table{
		Title: fmt.Sprintf("Rejected lines, %s in all", figures.Comma(res.Rejected)),
		Wide:  true, Header: []string{"reason", "line", "text"}, Left: []int{2},
	}
	for _, x := range res.Rejections {
		t.Rows = append(t.Rows, report.Row{Cells: []string{x.Reason, figures.Comma(x.Line), strconv.Quote(x.Text)}})
	}
	return t
}

package demo

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/weirstream/weir/cmd/weir/internal/report"
	"github.com/weirstream/weir/cmd/weir/internal/table"
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
			table.Comma(res.Lost), table.Comma(res.Duplicated), table.Comma(res.OrderViolations))
	}
	return []report.Card{
		{Name: "Records in", Value: table.Comma(res.RecordsIn), Note: "acknowledged to the producers"},
		{Name: "Records out", Value: table.Comma(res.RecordsOut), Note: "given to the readers"},
		complete,
		{Name: "Throughput", Value: table.Comma(int64(res.RecordsPerSec)) + "/s", Note: fmt.Sprintf("for %.2f s", res.Duration)},
		{Name: "Throttled", Value: table.Comma(res.Throttled), Note: "refusals, each put again"},
		{Name: "End to end, p99", Value: res.Latency.EndToEnd.P99.String() + " ms", Note: "from due to a reader"},
		{Name: "Rejected", Value: table.Comma(res.Rejected), Note: "lines of the input"},
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
			s.Shard.String(), table.Comma(s.Records), humanize.IBytes(uint64(s.Bytes)), s.Share.String(),
			table.Comma(s.Throttled), fmt.Sprintf("%s at %.0f s", table.Comma(s.Busiest), s.BusiestAt),
		}})
	}
	return t
}

func (res *Result) latencyPage() report.Table {
	t := report.Table{Title: "Latency in milliseconds", Header: []string{"", "p50", "p90", "p99", "p99.9", "max"}}
	for _, l := range res.Latency.Rows() {
		t.Rows = append(t.Rows, report.Row{Cells: []string{
			l.Name, l.P50.String(), l.P90.String(), l.P99.String(), l.P999.String(), l.Max.String(),
		}})
	}
	return t
}

func (res *Result) keyPage() report.Table {
	t := report.Table{
		Title:  fmt.Sprintf("Hot keys, of %s", table.Comma(res.Keys)),
		Header: []string{"key", "shard", "records", "share", ""},
	}
	for _, k := range res.HotKeys {
		t.Rows = append(t.Rows, report.Row{
			Cells: []string{k.Key, strconv.Itoa(int(k.Shard)), table.Comma(k.Records), k.Share.String()},
			Bar:   float64(shareOf(k.Records, res.HotKeys[0].Records)),
		})
	}
	return t
}

func (res *Result) topPage() report.Table {
	t := report.Table{Title: "Top pages", Header: []string{"page", "events", ""}}
	for _, p := range res.TopPages {
		t.Rows = append(t.Rows, report.Row{
			Cells: []string{p.Page, table.Comma(p.Events)},
			Bar:   float64(shareOf(p.Events, res.TopPages[0].Events)),
		})
	}
	return t
}

func (res *Result) rejectionPage() report.Table {
	t := report.Table{
		Title: fmt.Sprintf("Rejected lines, %s in all", table.Comma(res.Rejected)),
		Wide:  true, Header: []string{"reason", "line", "text"}, Left: []int{2},
	}
	for _, x := range res.Rejections {
		t.Rows = append(t.Rows, report.Row{Cells: []string{x.Reason, table.Comma(x.Line), strconv.Quote(x.Text)}})
	}
	return t
}

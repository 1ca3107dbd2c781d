package report

import (
	"fmt"
	"strconv"

	"github.com/dustin/go-humanize"

	"github.com/weirstream/weir/cmd/weir/internal/demo"
)

// A dataTable is one table of the page.
type dataTable struct {
	Title  string
	Wide   bool // takes a row of the page for itself
	Header []string
	Rows   []row
}

// A row is the cells of a row, and a bar behind them if HasBar.
type row struct {
	Cells      []string
	HasBar     bool
	BarPercent string
}

func tablesOf(r *demo.Result) []dataTable {
	tables := []dataTable{shardTable(r), latencyTable(r), keyTable(r), pageTable(r)}
	if r.Rejected > 0 {
		tables = append(tables, rejectionTable(r))
	}
	return tables
}

func shardTable(r *demo.Result) dataTable {
	t := dataTable{Title: "Shards", Header: []string{"shard", "records", "bytes", "share", "throttled", "busiest second"}}
	for _, s := range r.Shards {
		t.Rows = append(t.Rows, row{Cells: []string{
			s.Shard.String(), humanize.Comma(s.Records), humanize.IBytes(uint64(s.Bytes)), s.Share.String(),
			humanize.Comma(s.Throttled), fmt.Sprintf("%s at %.0f s", humanize.Comma(s.Busiest), s.BusiestAt),
		}})
	}
	return t
}

func latencyTable(r *demo.Result) dataTable {
	t := dataTable{Title: "Latency in milliseconds", Header: []string{"", "p50", "p90", "p99", "p99.9", "max"}}
	for _, l := range r.Latency.Rows() {
		t.Rows = append(t.Rows, row{Cells: []string{
			l.Name, l.P50.String(), l.P90.String(), l.P99.String(), l.P999.String(), l.Max.String(),
		}})
	}
	return t
}

func keyTable(r *demo.Result) dataTable {
	t := dataTable{
		Title:  fmt.Sprintf("Hot keys, of %s", humanize.Comma(int64(r.Keys))),
		Header: []string{"key", "shard", "records", "share", ""},
	}
	for _, k := range r.HotKeys {
		t.Rows = append(t.Rows, row{
			Cells:  []string{k.Key, fmt.Sprint(int(k.Shard)), humanize.Comma(k.Records), k.Share.String()},
			HasBar: true, BarPercent: percentOf(k.Records, r.HotKeys[0].Records),
		})
	}
	return t
}

func pageTable(r *demo.Result) dataTable {
	t := dataTable{Title: "Top pages", Header: []string{"page", "events", ""}}
	for _, p := range r.TopPages {
		t.Rows = append(t.Rows, row{
			Cells:  []string{p.Page, humanize.Comma(p.Events)},
			HasBar: true, BarPercent: percentOf(p.Events, r.TopPages[0].Events),
		})
	}
	return t
}

func rejectionTable(r *demo.Result) dataTable {
	t := dataTable{
		Title:  fmt.Sprintf("Rejected lines, %s in all", humanize.Comma(int64(r.Rejected))),
		Wide:   true,
		Header: []string{"reason", "line", "text"},
	}
	for _, x := range r.Rejections {
		t.Rows = append(t.Rows, row{Cells: []string{x.Reason, humanize.Comma(int64(x.Line)), strconv.Quote(x.Text)}})
	}
	return t
}

// percentOf returns n as a percentage of the most, as a style sheet takes it.
func percentOf(n, most int64) string {
	return fmt.Sprintf("%.1f", 100*float64(n)/float64(most))
}

package demo

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// How many rows the tables for people have at most.
const (
	printedShards  = 16
	printedKeys    = 5
	printedPages   = 5
	printedMinutes = 5
)

// Print writes the result for people, in at most 100 columns unless a name in it
// is longer.
func (res *Result) Print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s\n%s\n", strings.Replace(res.Setting(), ": ", "\n", 1), res.Summary())
	for _, section := range res.sections() {
		if section == "" {
			continue
		}
		b.WriteByte('\n')
		for line := range strings.Lines(section + "\n") {
			b.WriteString(strings.TrimRight(line, " \n") + "\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// sections returns the parts of the result that have something to say.
func (res *Result) sections() []string {
	if res.RecordsIn == 0 {
		return []string{res.rejectionList(), res.proof()}
	}
	return []string{
		res.shardTable(), res.keyTable(), res.latencyTable(), res.minuteTable(), res.pageTable(),
		res.rejectionList(), res.proof(),
	}
}

// Setting says what was run: the stream, its limits, and who puts and reads.
func (res *Result) Setting() string {
	limits, pace := "the service's limits", "as fast as they allow"
	if res.Limits == "none" {
		limits, pace = "no limits", "as fast as possible"
	}
	if res.Speed > 0 {
		pace = fmt.Sprintf("at %v times the recorded speed", res.Speed)
	}
	return fmt.Sprintf("%s: %s, %s, %s, %s, %s", res.Input, count(len(res.Shards), "shard"), limits, pace,
		count(res.Producers, "producer"), count(len(res.Shards), "reader"))
}

// Summary says in a sentence or two what happened.
func (res *Result) Summary() string {
	if res.RecordsIn == 0 {
		return "No records went in." + res.interruption()
	}
	s := fmt.Sprintf("%s records of %s went through in %s: %s records/s, %s/s.",
		comma(res.RecordsIn), count(res.Keys, "key"), seconds(res.Duration),
		comma(int64(res.RecordsPerSec)), humanize.IBytes(uint64(res.BytesPerSecond)))
	if hot := res.hottest(); res.Throttled > 0 {
		s += fmt.Sprintf("\n%s, with %s of the records, set the pace: %s refusals, each put again.",
			hot.Shard, hot.Share, comma(res.Throttled))
	}
	return s + res.interruption()
}

func (res *Result) interruption() string {
	if res.Interrupted {
		return "\nINTERRUPTED before the end of the input: what follows is what there is so far."
	}
	return ""
}

// hottest returns the shard with the most refusals.
func (res *Result) hottest() ShardResult {
	return slices.MaxFunc(res.Shards, func(a, b ShardResult) int { return cmp.Compare(a.Throttled, b.Throttled) })
}

// newTable returns a table in the house style: columns to the right but for the
// first, and for others that are named.
func newTable(title string, header table.Row, left ...string) table.Writer {
	t := table.NewWriter()
	style := table.StyleLight
	style.Format.Header, style.Format.Footer = text.FormatDefault, text.FormatDefault
	style.Title.Format = text.FormatDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Options.SeparateHeader = true
	style.Options.SeparateFooter = true
	t.SetStyle(style)
	t.SetTitle("%s", title)
	t.AppendHeader(header)
	var columns []table.ColumnConfig
	for i, name := range header {
		align := text.AlignRight
		if i == 0 || slices.Contains(left, name.(string)) {
			align = text.AlignLeft
		}
		columns = append(columns, table.ColumnConfig{Number: i + 1, Align: align, AlignHeader: align, AlignFooter: align})
	}
	t.SetColumnConfigs(columns)
	return t
}

// shardTable has a row for each shard, or for the busiest if there are many.
func (res *Result) shardTable() string {
	t := newTable("Shards", table.Row{"shard", "records", "bytes", "share", "throttled", "busiest second"})
	shards := slices.Clone(res.Shards)
	if len(shards) > printedShards {
		slices.SortFunc(shards, func(a, b ShardResult) int { return cmp.Compare(b.Records, a.Records) })
		shards = shards[:printedShards]
	}
	for _, s := range shards {
		t.AppendRow(table.Row{s.Shard, comma(s.Records), humanize.IBytes(uint64(s.Bytes)), s.Share, comma(s.Throttled),
			fmt.Sprintf("%s at %2.0f s", comma(s.Busiest), s.BusiestAt)})
	}
	if more := len(res.Shards) - len(shards); more > 0 {
		t.AppendRow(table.Row{fmt.Sprintf("and %s less busy", comma(int64(more)))})
	}
	if res.Limits != "none" {
		t.SetCaption(" A shard takes 1,000 records a second, and after a rest one second's worth at once.")
	}
	t.AppendFooter(table.Row{"all", comma(res.RecordsIn), humanize.IBytes(uint64(res.BytesIn)), shareOf(res.RecordsIn, res.RecordsIn), comma(res.Throttled), ""})
	return t.Render()
}

func (res *Result) keyTable() string {
	t := newTable(fmt.Sprintf("Hot keys, of %s", comma(int64(res.Keys))), table.Row{"key", "records", "share", "", "shard"}, "", "shard")
	for _, k := range res.HotKeys[:min(printedKeys, len(res.HotKeys))] {
		t.AppendRow(table.Row{cut(k.Key, 36), comma(k.Records), k.Share, bar(float64(k.Share / res.HotKeys[0].Share)), k.Shard})
	}
	return t.Render()
}

func (res *Result) latencyTable() string {
	t := newTable("Latency in milliseconds", table.Row{"", "p50", "p90", "p99", "p99.9", "max"})
	for _, l := range res.Latency.Rows() {
		t.AppendRow(table.Row{l.Name, l.P50, l.P90, l.P99, l.P999, l.Max})
	}
	age := res.IteratorAge
	t.AppendFooter(table.Row{fmt.Sprintf("iterator age, %s", count(age.Samples, "look")),
		"mean", age.Mean, "", "max", age.Max})
	return t.Render()
}

// minuteTable has the busiest minutes of event time.
func (res *Result) minuteTable() string {
	busiest := slices.Clone(res.Minutes)
	slices.SortStableFunc(busiest, func(a, b Minute) int { return cmp.Compare(b.Events, a.Events) })
	busiest = busiest[:min(printedMinutes, len(busiest))]
	slices.SortFunc(busiest, func(a, b Minute) int { return a.Start.Compare(b.Start) })
	t := newTable(fmt.Sprintf("Busiest minutes by event time, of %s", comma(int64(len(res.Minutes)))),
		table.Row{"minute", "events", "2xx", "3xx", "4xx", "5xx", "other"})
	for _, m := range busiest {
		classes := m.Classes()
		t.AppendRow(table.Row{m.Start.Format("2006-01-02 15:04"), comma(m.Events), comma(classes[2]), comma(classes[3]), comma(classes[4]), comma(classes[5]), comma(classes[0])})
	}
	return t.Render()
}

func (res *Result) pageTable() string {
	if len(res.TopPages) == 0 {
		return ""
	}
	t := newTable("Top pages", table.Row{"page", "events", "share", ""}, "")
	top := float64(res.TopPages[0].Events)
	for _, p := range res.TopPages[:min(printedPages, len(res.TopPages))] {
		t.AppendRow(table.Row{cut(p.Page, 50), comma(p.Events), shareOf(p.Events, res.RecordsOut), bar(float64(p.Events) / top)})
	}
	return t.Render()
}

// rejectionList shows the first lines that were no events.
func (res *Result) rejectionList() string {
	if res.Rejected == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s of the input rejected", count(res.Rejected, "line"))
	for _, r := range res.Rejections {
		fmt.Fprintf(&b, "\n  line %s: %s\n    %s", comma(int64(r.Line)), cut(r.Reason, 80), cut(strconv.Quote(r.Text), 90))
	}
	if more := res.Rejected - len(res.Rejections); more > 0 {
		fmt.Fprintf(&b, "\n  and %s more", comma(int64(more)))
	}
	return b.String()
}

// proof compares what was counted at both ends.
func (res *Result) proof() string {
	t := newTable("Completeness, counted at both ends", table.Row{"", "records", ""}, "")
	for _, row := range []struct {
		name  string
		n     int64
		where string
	}{
		{"in", res.RecordsIn, "acknowledged to the producers"},
		{"out", res.RecordsOut, "given to the readers"},
		{"lost", res.Lost, "acknowledged, never read"},
		{"duplicated", res.Duplicated, "read again"},
		{"out of order", res.OrderViolations, "read after a later record of the same key"},
	} {
		t.AppendRow(table.Row{row.name, comma(row.n), row.where})
	}
	verdict := "COMPLETE: every record in came out once, each key in its order."
	if !res.Complete {
		verdict = "NOT COMPLETE: the stream broke its promise."
	}
	return t.Render() + "\n\n" + verdict
}

// Classes returns the events by the first digit of their status: 2 to 5, and
// all others at 0.
func (m Minute) Classes() (n [6]int64) {
	for status, events := range m.Statuses {
		class := status / 100
		if class < 2 || class > 5 {
			class = 0
		}
		n[class] += events
	}
	return n
}

func seconds(s float64) string {
	if s < 60 {
		return fmt.Sprintf("%.2f s", s)
	}
	return (time.Duration(s) * time.Second).String()
}

// bar draws a share of 0 to 1 as a bar of up to 20 blocks.
func bar(share float64) string {
	return strings.Repeat("█", max(1, int(share*20+0.5)))
}

// cut shortens s to n characters and makes what cannot be printed visible.
func cut(s string, n int) string {
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		s = fmt.Sprintf("%q", s)
	}
	if runes := []rune(s); len(runes) > n {
		return string(runes[:n-1]) + "…"
	}
	return s
}

package demo

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/weirstream/weir/cmd/weir/internal/figures"
	"github.com/weirstream/weir/cmd/weir/internal/table"
)

// How many rows the tables for people have at most.
const (
	printedShards  = 16
	printedKeys    = 5
	printedPages   = 5
	printedMinutes = 5
)

// Print writes the result for people, in at most 100 columns unless a name in
// it is longer.
func (res *Result) Print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s\n%s\n", strings.Replace(res.Setting(), ": ", "\n", 1), res.Summary())
	for _, section := range res.sections() {
		if section == "" {
			continue
		}
		b.WriteString("\n" + strings.TrimRight(section, "\n") + "\n")
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
	return fmt.Sprintf("%s: %s, %s, %s, %s, %s", res.Input, figures.Count(len(res.Shards), "shard"), limits, pace,
		figures.Count(res.Producers, "producer"), figures.Count(len(res.Shards), "reader"))
}

// Summary says in a sentence or two what happened.
func (res *Result) Summary() string {
	if res.RecordsIn == 0 {
		return "No records went in." + res.interruption()
	}
	s := fmt.Sprintf("%s records of %s went through in %s: %s records/s, %s/s.",
		figures.Comma(res.RecordsIn), figures.Count(res.Keys, "key"), figures.Seconds(res.Duration),
		figures.Comma(int64(res.RecordsPerSec)), figures.Bytes(float64(res.BytesPerSecond)))
	if hot := res.hottest(); res.Throttled > 0 {
		s += fmt.Sprintf("\n%s, with %s of the records, set the pace: %s refusals, each put again.",
			hot.Shard, figures.Percent(hot.Share), figures.Comma(res.Throttled))
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

// shardTable has a row for each shard, or for the busiest if there are many.
func (res *Result) shardTable() string {
	t := table.New("Shards", []string{"shard", "records", "bytes", "share", "throttled", "busiest second"})
	shards := table.Top(res.Shards, printedShards, func(a, b ShardResult) int { return cmp.Compare(a.Records, b.Records) })
	for _, s := range shards {
		t.Row(s.Shard.String(), figures.Comma(s.Records), figures.Bytes(float64(s.Bytes)), figures.Percent(s.Share), figures.Comma(s.Throttled),
			fmt.Sprintf("%s at %3s", figures.Comma(s.Busiest), s.busiestAt()))
	}
	if more := len(res.Shards) - len(shards); more > 0 {
		t.Row(fmt.Sprintf("and %s less busy", figures.Comma(more)))
	}
	t.Footer("all", figures.Comma(res.RecordsIn), figures.Bytes(float64(res.BytesIn)), figures.Percent(figures.Share(res.RecordsIn, res.RecordsIn)), figures.Comma(res.Throttled), "")
	text := t.String()
	if res.Limits != "none" {
		text += " A shard takes 1,000 records a second, and after a rest one second's worth at once.\n"
	}
	return text
}

func (res *Result) keyTable() string {
	t := table.New(fmt.Sprintf("Hot keys, of %s", figures.Comma(res.Keys)), []string{"key", "records", "share", "", "shard"}, "", "shard")
	for _, k := range res.HotKeys[:min(printedKeys, len(res.HotKeys))] {
		t.Row(cut(k.Key, 36), figures.Comma(k.Records), figures.Percent(k.Share), bar(k.Share/res.HotKeys[0].Share), k.Shard.String())
	}
	return t.String()
}

func (res *Result) latencyTable() string {
	t := table.New("Latency", []string{"", "p50", "p90", "p99", "p99.9", "max"})
	for _, l := range res.Latency.Rows() {
		t.Row(l.Name, figures.Duration(l.P50), figures.Duration(l.P90), figures.Duration(l.P99), figures.Duration(l.P999), figures.Duration(l.Max))
	}
	age := res.IteratorAge
	t.Footer(fmt.Sprintf("iterator age, %s", figures.Count(age.Samples, "look")),
		"mean", figures.Duration(age.Mean), "", "max", figures.Duration(age.Max))
	return t.String()
}

// minuteTable has the busiest minutes of event time.
func (res *Result) minuteTable() string {
	busiest := slices.Clone(table.Top(res.Minutes, printedMinutes, func(a, b Minute) int { return cmp.Compare(a.Events, b.Events) }))
	slices.SortFunc(busiest, func(a, b Minute) int { return a.Start.Compare(b.Start) })
	t := table.New(fmt.Sprintf("Busiest minutes by event time, of %s", figures.Comma(len(res.Minutes))),
		[]string{"minute", "events", "2xx", "3xx", "4xx", "5xx", "other"})
	for _, m := range busiest {
		classes := m.Classes()
		t.Row(m.Start.Format("2006-01-02 15:04"), figures.Comma(m.Events), figures.Comma(classes[2]), figures.Comma(classes[3]), figures.Comma(classes[4]), figures.Comma(classes[5]), figures.Comma(classes[0]))
	}
	return t.String()
}

func (res *Result) pageTable() string {
	if len(res.TopPages) == 0 {
		return ""
	}
	t := table.New("Top pages", []string{"page", "events", "share", ""}, "")
	top := float64(res.TopPages[0].Events)
	for _, p := range res.TopPages[:min(printedPages, len(res.TopPages))] {
		t.Row(cut(p.Page, 50), figures.Comma(p.Events), figures.Percent(figures.Share(p.Events, res.RecordsOut)), bar(float64(p.Events)/top))
	}
	return t.String()
}

// rejectionList shows the first lines that were no events.
func (res *Result) rejectionList() string {
	if res.Rejected == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s of the input rejected", figures.Count(res.Rejected, "line"))
	for _, r := range res.Rejections {
		fmt.Fprintf(&b, "\n  line %s: %s\n    %s", figures.Comma(r.Line), cut(r.Reason, 80), cut(strconv.Quote(r.Text), 90))
	}
	if more := res.Rejected - len(res.Rejections); more > 0 {
		fmt.Fprintf(&b, "\n  and %s more", figures.Comma(more))
	}
	return b.String()
}

// proof compares what was counted at both ends.
func (res *Result) proof() string {
	t := table.New("Completeness, counted at both ends", []string{"", "records", ""}, "")
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
		t.Row(row.name, figures.Comma(row.n), row.where)
	}
	verdict := "COMPLETE: every record in came out once, each key in its order."
	if !res.Complete {
		verdict = "NOT COMPLETE: the stream broke its promise."
	}
	return t.String() + "\n" + verdict
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

// busiestAt says when the shard's busiest second began.
func (s ShardResult) busiestAt() string { return figures.Seconds(math.Round(s.BusiestAt)) }

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

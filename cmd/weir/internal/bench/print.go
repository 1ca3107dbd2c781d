package bench

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/weirstream/weir/cmd/weir/internal/table"
)

// printedShards is how many shards are shown to people at most.
const printedShards = 12

// Print writes the runs for people: what they all say together if there are several.
func (s *Set) Print(w io.Writer) error {
	last := s.Runs[len(s.Runs)-1]
	parts := []string{s.Setting(), s.Summary()}
	if len(s.Runs) > 1 {
		parts = append(parts, s.runTable())
	}
	parts = append(parts, last.latencyTable(), last.consumerTable(), last.shardTable(), last.processLines(),
		last.reshardLines(), last.failureLines())
	parts = slices.DeleteFunc(parts, func(part string) bool { return part == "" })
	_, err := io.WriteString(w, "\n"+strings.Join(parts, "\n"))
	return err
}

// Setting says what was run, on what.
func (s *Set) Setting() string {
	var b strings.Builder
	name := s.Workload.Name
	if name == "" {
		name = "workload"
	}
	fmt.Fprintf(&b, "%s on %s\n", name, s.Target)
	w := s.Workload.WithDefaults()
	who := []string{fmt.Sprintf("%s with up to %s a call", table.Count(w.Producers.Count, "producer"), table.Count(w.Producers.Batch, "record"))}
	polling, fanOut := 0, 0
	for _, c := range w.Consumers {
		if c.FanOut {
			fanOut += c.Count
		} else {
			polling += c.Count
		}
	}
	if polling > 0 {
		who = append(who, table.Count(polling, "polling consumer"))
	}
	if fanOut > 0 {
		who = append(who, table.Count(fanOut, "fan-out consumer"))
	}
	fmt.Fprintf(&b, "%s\n%s\n", strings.Join(who, ", "), s.Environment)
	return b.String()
}

// Summary says in a few lines what the last run did.
func (s *Set) Summary() string {
	r := s.Runs[len(s.Runs)-1]
	text := fmt.Sprintf("%s records put in %s: %s records/s, %s/s.\n", table.Comma(r.Records), secondsText(r.Duration-r.WarmUp),
		table.Number(r.RecordsPerSec), table.Bytes(r.BytesPerSec))
	if len(s.Runs) > 1 {
		text = fmt.Sprintf("The last of %d runs: ", len(s.Runs)) + text
	}
	var more []string
	if !r.isFlatOut() {
		more = append(more, fmt.Sprintf("Offered: %s records/s.", table.Number(r.OfferedPerSec)))
	}
	if r.WarmUp > 0 {
		more = append(more, fmt.Sprintf("Left out: %s of warm-up.", secondsText(r.WarmUp)))
	}
	if len(more) > 0 {
		text += strings.Join(more, " ") + "\n"
	}
	return text + r.troubles()
}

// troubles says what did not go as it should.
func (r *Result) troubles() (text string) {
	if r.Throttled > 0 {
		text += fmt.Sprintf("Throttled: %s refusals of a record, %s put again.\n", table.Comma(r.Throttled), table.Comma(r.Retried))
	}
	if r.GivenUp+r.Errors+r.Unsent > 0 {
		text += fmt.Sprintf("NOT PUT: %s given up after refusals, %s failed, %s never sent.\n",
			table.Comma(r.GivenUp), table.Comma(r.Errors), table.Comma(r.Unsent))
	}
	if r.Interrupted {
		text += "INTERRUPTED before the end of the workload: this is what there is so far.\n"
	}
	return text
}

func secondsText(s float64) string { return table.Duration(seconds(s)) }

// runTable has the main metrics over all runs.
func (s *Set) runTable() string {
	t := table.New(fmt.Sprintf("All %d runs", len(s.Runs)), []string{"metric", "median", "least", "greatest"})
	for _, m := range Metrics() {
		if values := m.Values(s.Runs); m.Main && len(values) > 0 {
			t.Row(m.Name, m.Format(Median(values)), m.Format(slices.Min(values)), m.Format(slices.Max(values)))
		}
	}
	return t.String()
}

// A namedLatency is a latency with its name for people.
type namedLatency struct {
	Name string
	Latency
}

// isFlatOut reports whether the run put as fast as it could: nothing was due then.
func (r *Result) isFlatOut() bool { return r.Offered == 0 }

// latencyRows returns the latencies that were measured.
func (r *Result) latencyRows() []namedLatency {
	l := r.Latency
	rows := []namedLatency{
		{"put, from when it was due", l.Put},
		{"  one call", l.PutCall},
		{"  the generator's lateness", l.Lateness},
		{"propagation, call to consumer", l.Propagation},
		{"end to end, due to processed", l.EndToEnd},
	}
	if r.isFlatOut() {
		rows = []namedLatency{
			{"put, one call", l.PutCall},
			{"propagation, call to consumer", l.Propagation},
			{"end to end, call to processed", l.EndToEnd},
		}
	}
	return slices.DeleteFunc(rows, func(n namedLatency) bool { return n.Count == 0 })
}

func (r *Result) latencyTable() string {
	rows := r.latencyRows()
	if len(rows) == 0 {
		return ""
	}
	t := table.New("Latency", []string{"", "p50", "p90", "p99", "p99.9", "max", "measured"})
	for _, l := range rows {
		t.Row(l.Name, table.Duration(l.P50), table.Duration(l.P90), table.Duration(l.P99), table.Duration(l.P999),
			table.Duration(l.Max), table.Comma(l.Count))
	}
	return t.String()
}

func (r *Result) consumerTable() string {
	if len(r.Consumers) == 0 {
		return ""
	}
	t := table.New("Consumers", []string{"consumer", "by", "records", "per second", "reads", "throttled", "unread", "max age", "p99"}, "by")
	for _, c := range r.Consumers {
		t.Row(c.Name, c.by(), table.Comma(c.Records), table.Number(c.PerSecond), table.Comma(c.Calls), table.Comma(c.Throttled),
			table.Comma(c.Unread), table.Duration(c.MaxAge), table.Duration(c.Propagation.P99))
	}
	return t.String()
}

// by returns how a consumer reads.
func (c ConsumerResult) by() string {
	if c.FanOut {
		return "fan-out"
	}
	return "polling"
}

// shardTable has a row for each shard, or for the busiest if there are many.
func (r *Result) shardTable() string {
	if len(r.Shards) == 0 {
		return ""
	}
	t := table.New("Shards", []string{"shard", "records", "per second", "bytes", "share", "throttled"})
	shards := slices.Clone(r.Shards)
	if len(shards) > printedShards {
		slices.SortStableFunc(shards, func(a, b ShardResult) int { return cmp.Compare(b.Records, a.Records) })
		shards = shards[:printedShards]
	}
	for _, s := range shards {
		t.Row(s.Shard.String(), table.Comma(s.Records), table.Number(s.PerSecond), table.Bytes(float64(s.Bytes)),
			table.Percent(s.Share), table.Comma(s.Throttled))
	}
	if more := len(r.Shards) - len(shards); more > 0 {
		t.Row(fmt.Sprintf("and %s less busy", table.Comma(more)))
	}
	return t.String()
}

// processLines says what the run cost this process.
func (r *Result) processLines() string {
	p := r.Process
	if p == nil {
		return ""
	}
	perRecord := fmt.Sprintf("%s allocations, %s", table.Number(p.AllocationsPerRecord), table.Bytes(p.AllocBytesPerRecord))
	if p.CPU > 0 {
		perRecord += ", " + table.Duration(time.Duration(p.CPUPerRecord)) + " of processor time"
	}
	return fmt.Sprintf("This process, the load generator included, a record: %s.\n%s, %s of pauses (longest %s), heap up to %s.\n",
		perRecord, table.Count(p.GCs, "garbage collection"), table.Duration(p.GCPause), table.Duration(p.GCPauseMax),
		table.Bytes(float64(p.HeapMax)))
}

func (r *Result) reshardLines() string {
	var b strings.Builder
	for _, e := range r.Reshards {
		fmt.Fprintf(&b, "At %s: %s", secondsText(e.At), e.What)
		if e.Error != "" {
			fmt.Fprintf(&b, " FAILED: %s\n", e.Error)
		} else {
			fmt.Fprintf(&b, ", which took %s\n", table.Duration(e.Took))
		}
	}
	return b.String()
}

func (r *Result) failureLines() string {
	var b strings.Builder
	for _, f := range r.Failures {
		fmt.Fprintf(&b, "%s times: %s\n", table.Comma(f.Count), f.Error)
	}
	return b.String()
}

package bench

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/weirstream/weir/cmd/weir/internal/cost"
	"github.com/weirstream/weir/cmd/weir/internal/figures"
	"github.com/weirstream/weir/cmd/weir/internal/table"
)

// printedShards is how many shards are shown to people at most.
const printedShards = 12

// Print writes the runs for people: what they all say together if there are
// several.
func (s *Set) Print(w io.Writer) error {
	last := s.Runs[len(s.Runs)-1]
	parts := []string{s.Setting(), s.Summary()}
	if len(s.Runs) > 1 {
		parts = append(parts, s.runTable())
	}
	parts = append(parts, last.latencyTable(), last.consumerTable(), last.queueTable(), last.shardTable(), last.processLines(),
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
	who := []string{fmt.Sprintf("%s with up to %s a call", figures.Count(w.Producers.Count, "producer"), figures.Count(w.Producers.Batch, "record"))}
	polling, fanOut := cost.Readers(w.Consumers)
	if polling > 0 {
		who = append(who, figures.Count(polling, "polling consumer"))
	}
	if fanOut > 0 {
		who = append(who, figures.Count(fanOut, "fan-out consumer"))
	}
	if workers := s.workers(); workers > 0 {
		who = append(who, figures.Count(workers, "queue worker"))
	}
	fmt.Fprintf(&b, "%s\n%s\n", strings.Join(who, ", "), s.Environment)
	return b.String()
}

// workers returns how many workers the queues had that were run.
func (s *Set) workers() (n int) {
	for _, q := range s.Runs[len(s.Runs)-1].Queues {
		n += q.Workers
	}
	return n
}

// Summary says in a few lines what the last run did.
func (s *Set) Summary() string {
	r := s.Runs[len(s.Runs)-1]
	text := fmt.Sprintf("%s records put in %s: %s records/s, %s/s.\n", figures.Comma(r.Records), figures.Seconds(r.Duration-r.WarmUp),
		figures.Number(r.RecordsPerSec), figures.Bytes(r.BytesPerSec))
	if len(s.Runs) > 1 {
		text = fmt.Sprintf("The last of %d runs: ", len(s.Runs)) + text
	}
	var more []string
	if !r.isFlatOut() {
		more = append(more, fmt.Sprintf("Offered: %s records/s.", figures.Number(r.OfferedPerSec)))
	}
	if r.WarmUp > 0 {
		more = append(more, fmt.Sprintf("Left out: %s of warm-up.", figures.Seconds(r.WarmUp)))
	}
	if len(more) > 0 {
		text += strings.Join(more, " ") + "\n"
	}
	return text + r.troubles()
}

// troubles says what did not go as it should.
func (r *Result) troubles() (text string) {
	if r.Throttled > 0 {
		text += fmt.Sprintf("Throttled: %s refusals of a record, %s put again.\n", figures.Comma(r.Throttled), figures.Comma(r.Retried))
	}
	if r.GivenUp+r.Errors+r.Unsent > 0 {
		text += fmt.Sprintf("NOT PUT: %s given up after refusals, %s failed, %s never sent.\n",
			figures.Comma(r.GivenUp), figures.Comma(r.Errors), figures.Comma(r.Unsent))
	}
	if r.Interrupted {
		text += "INTERRUPTED before the end of the workload: this is what there is so far.\n"
	}
	return text
}

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

// isFlatOut reports whether the run put as fast as it could: nothing was due
// then.
func (r *Result) isFlatOut() bool { return r.Offered == 0 }

// latencyRows returns the latencies that were measured.
func (r *Result) latencyRows() []figures.NamedLatency {
	l := r.Latency
	rows := []figures.NamedLatency{
		l.Put.Named("put, from when it was due"),
		l.PutCall.Named("  one call"),
		l.Lateness.Named("  the generator's lateness"),
		l.Propagation.Named("propagation, call to consumer"),
		l.EndToEnd.Named("end to end, due to processed"),
	}
	if r.isFlatOut() {
		rows = []figures.NamedLatency{
			l.PutCall.Named("put, one call"),
			l.Propagation.Named("propagation, call to consumer"),
			l.EndToEnd.Named("end to end, call to processed"),
		}
	}
	return slices.DeleteFunc(rows, func(n figures.NamedLatency) bool { return n.Count == 0 })
}

func (r *Result) latencyTable() string {
	rows := r.latencyRows()
	if len(rows) == 0 {
		return ""
	}
	t := table.New("Latency", []string{"", "p50", "p90", "p99", "p99.9", "max", "measured"})
	for _, l := range rows {
		t.Row(l.Name, figures.Duration(l.P50), figures.Duration(l.P90), figures.Duration(l.P99), figures.Duration(l.P999),
			figures.Duration(l.Max), figures.Comma(l.Count))
	}
	return t.String()
}

func (r *Result) consumerTable() string {
	if len(r.Consumers) == 0 {
		return ""
	}
	t := table.New("Consumers", []string{"consumer", "by", "records", "per second", "reads", "throttled", "unread", "most behind", "p99"}, "by")
	for _, c := range r.Consumers {
		t.Row(c.Name, c.by(), figures.Comma(c.Records), figures.Number(c.PerSecond), figures.Comma(c.Calls), figures.Comma(c.Throttled),
			figures.Comma(c.Unread), figures.Duration(c.MaxAge), figures.Duration(c.Propagation.P99))
	}
	return t.String()
}

func (r *Result) queueTable() string {
	if len(r.Queues) == 0 {
		return ""
	}
	t := table.New("Queues", []string{
		"queue", "workers", "received", "again", "acknowledged", "per second", "busy", "waiting", "dead", "wait p99", "done p99",
	})
	for _, q := range r.Queues {
		t.Row(q.Name, figures.Comma(q.Workers), figures.Comma(q.Received), figures.Comma(q.Redelivered), figures.Comma(q.Acknowledged),
			figures.Number(q.PerSecond), figures.Percent(q.Utilisation), figures.Comma(q.Waiting), figures.Comma(q.Dead),
			figures.Duration(q.Wait.P99), figures.Duration(q.Done.P99))
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
	shards := table.Top(r.Shards, printedShards, func(a, b ShardResult) int { return cmp.Compare(a.Records, b.Records) })
	for _, s := range shards {
		t.Row(s.Shard.String(), figures.Comma(s.Records), figures.Number(s.PerSecond), figures.Bytes(float64(s.Bytes)),
			figures.Percent(s.Share), figures.Comma(s.Throttled))
	}
	if more := len(r.Shards) - len(shards); more > 0 {
		t.Row(fmt.Sprintf("and %s less busy", figures.Comma(more)))
	}
	return t.String()
}

// processLines says what the run cost this process.
func (r *Result) processLines() string {
	p := r.Process
	if p == nil {
		return ""
	}
	perRecord := fmt.Sprintf("%s allocations, %s", figures.Number(p.AllocationsPerRecord), figures.Bytes(p.AllocBytesPerRecord))
	if p.CPU > 0 {
		perRecord += ", " + figures.Duration(time.Duration(p.CPUPerRecord)) + " of processor time"
	}
	return fmt.Sprintf("This process, the load generator included, a record: %s.\n%s, %s of pauses (longest %s), heap up to %s.\n",
		perRecord, figures.Count(p.GCs, "garbage collection"), figures.Duration(p.GCPause), figures.Duration(p.GCPauseMax),
		figures.Bytes(float64(p.HeapMax)))
}

func (r *Result) reshardLines() string {
	var b strings.Builder
	for _, e := range r.Reshards {
		fmt.Fprintf(&b, "At %s: %s", figures.Seconds(e.At), e.What)
		if e.Error != "" {
			fmt.Fprintf(&b, " FAILED: %s\n", e.Error)
		} else {
			fmt.Fprintf(&b, ", which took %s\n", figures.Duration(e.Took))
		}
	}
	return b.String()
}

func (r *Result) failureLines() string {
	var b strings.Builder
	for _, f := range r.Failures {
		fmt.Fprintf(&b, "%s times: %s\n", figures.Comma(f.Count), f.Error)
	}
	return b.String()
}

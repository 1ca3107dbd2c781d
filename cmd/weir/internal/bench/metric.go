package bench

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/weirstream/weir/cmd/weir/internal/figures"
)

// A Metric is one number of a run: what conditions are about, and what is
// compared.
type Metric struct {
	Name   string
	Unit   Unit
	Better Better
	// Main says that it is among the few that are always shown.
	Main  bool
	About string

	of func(*Result) (v float64, ok bool)
}

// A Unit says what a metric's number is.
type Unit string

const (
	Nanoseconds Unit = "ns"
	PerSecond   Unit = "/s"
	Bytes       Unit = "B"
	Number      Unit = ""
	Share       Unit = "share" // 0 to 1, printed as a percentage
)

// Better says in which direction a metric is better.
type Better string

const (
	Lower   Better = "lower"
	Higher  Better = "higher"
	Neither Better = "neither"
)

// Of returns the metric of a run, and false if it was not measured.
func (m Metric) Of(r *Result) (float64, bool) { return m.of(r) }

// Format prints a value of the metric.
func (m Metric) Format(v float64) string {
	switch m.Unit {
	case Nanoseconds:
		return figures.Duration(time.Duration(v))
	case PerSecond:
		return figures.Number(v) + "/s"
	case Bytes:
		return figures.Bytes(v)
	case Share:
		return figures.Percent(v)
	default:
		return figures.Number(v)
	}
}

// Metrics returns all metrics, in the order in which they are shown.
func Metrics() []Metric {
	list := slices.Concat(throughputMetrics(), []Metric{})
	for _, l := range []struct {
		name, about string
		of          func(*Result) figures.Latency
	}{
		{"put", "from when a record was due until it was acknowledged", func(r *Result) figures.Latency { return r.Latency.Put }},
		{"put_call", "one call", func(r *Result) figures.Latency { return r.Latency.PutCall }},
		{"propagation", "from the call that stored a record to a consumer", func(r *Result) figures.Latency { return r.Latency.Propagation }},
		{"end_to_end", "from when a record was due until it was processed", func(r *Result) figures.Latency { return r.Latency.EndToEnd }},
		{"lateness", "of the load generator itself", func(r *Result) figures.Latency { return r.Latency.Lateness }},
	} {
		list = append(list, latencyMetrics(l.name, l.about, l.of)...)
	}
	return slices.Concat(list, refusalMetrics(), readMetrics(), queueMetrics(), processMetrics())
}

func always(of func(*Result) float64) func(*Result) (float64, bool) {
	return func(r *Result) (float64, bool) { return of(r), true }
}

func throughputMetrics() []Metric {
	return []Metric{
		{"throughput", PerSecond, Higher, true, "records acknowledged", always(func(r *Result) float64 { return r.RecordsPerSec })},
		{"throughput_bytes", Bytes, Higher, false, "bytes acknowledged a second", always(func(r *Result) float64 { return r.BytesPerSec })},
		{"offered", PerSecond, Neither, false, "records that were due", func(r *Result) (float64, bool) { return r.OfferedPerSec, r.Offered > 0 }},
	}
}

// latencyMetrics returns the metrics of one latency.
func latencyMetrics(name, about string, of func(*Result) figures.Latency) []Metric {
	var list []Metric
	for _, p := range []struct {
		name string
		main bool
		of   func(figures.Latency) time.Duration
	}{
		{"min", false, func(l figures.Latency) time.Duration { return l.Min }}, {"mean", false, func(l figures.Latency) time.Duration { return l.Mean }},
		{"p50", true, func(l figures.Latency) time.Duration { return l.P50 }}, {"p90", false, func(l figures.Latency) time.Duration { return l.P90 }},
		{"p95", false, func(l figures.Latency) time.Duration { return l.P95 }}, {"p99", true, func(l figures.Latency) time.Duration { return l.P99 }},
		{"p99.9", false, func(l figures.Latency) time.Duration { return l.P999 }}, {"p99.99", false, func(l figures.Latency) time.Duration { return l.P9999 }},
		{"max", true, func(l figures.Latency) time.Duration { return l.Max }},
	} {
		list = append(list, Metric{name + "." + p.name, Nanoseconds, Lower, p.main && name != "lateness", about, func(r *Result) (float64, bool) {
			l := of(r)
			return float64(p.of(l)), l.Count > 0
		}})
	}
	return list
}

func refusalMetrics() []Metric {
	n := func(of func(*Result) int64) func(*Result) (float64, bool) {
		return always(func(r *Result) float64 { return float64(of(r)) })
	}
	return []Metric{
		{"throttled", Number, Lower, true, "refusals of a record by a limit", n(func(r *Result) int64 { return r.Throttled })},
		{"throttled_share", Share, Lower, false, "refusals, of all attempts", always(func(r *Result) float64 {
			return figures.Ratio(float64(r.Throttled), float64(r.Throttled+r.Records+r.Errors))
		})},
		{"retried", Number, Lower, false, "records put again after a refusal", n(func(r *Result) int64 { return r.Retried })},
		{"given_up", Number, Lower, false, "records refused to the last", n(func(r *Result) int64 { return r.GivenUp })},
		{"errors", Number, Lower, true, "records not put for another reason", n(func(r *Result) int64 { return r.Errors })},
		{"unsent", Number, Lower, false, "records that were due and never put", n(func(r *Result) int64 { return r.Unsent })},
	}
}

func readMetrics() []Metric {
	sum := func(of func(ConsumerResult) float64) func(*Result) (float64, bool) {
		return func(r *Result) (v float64, ok bool) {
			for _, c := range r.Consumers {
				v += of(c)
			}
			return v, len(r.Consumers) > 0
		}
	}
	return []Metric{
		{"read", PerSecond, Higher, false, "records processed, by all consumers", sum(func(c ConsumerResult) float64 { return c.PerSecond })},
		{"read_throttled", Number, Lower, false, "reads refused by a limit", sum(func(c ConsumerResult) float64 { return float64(c.Throttled) })},
		{"unread", Number, Lower, false, "records not processed at the end", sum(func(c ConsumerResult) float64 { return float64(c.Unread) })},
		{"age.max", Nanoseconds, Lower, true, "how far a consumer was behind, at most", func(r *Result) (float64, bool) {
			age := time.Duration(0)
			for _, c := range r.Consumers {
				age = max(age, c.MaxAge)
			}
			return float64(age), len(r.Consumers) > 0
		}},
	}
}

// queueMetrics are of all queues: sums of counts, and of a time that of the slowest.
func queueMetrics() []Metric {
	over := func(fold func(a, b float64) float64, of func(QueueResult) float64) func(*Result) (float64, bool) {
		return func(r *Result) (v float64, ok bool) {
			for _, q := range r.Queues {
				v = fold(v, of(q))
			}
			return v, len(r.Queues) > 0
		}
	}
	sum := func(of func(QueueResult) float64) func(*Result) (float64, bool) {
		return over(func(a, b float64) float64 { return a + b }, of)
	}
	most := func(of func(QueueResult) time.Duration) func(*Result) (float64, bool) {
		return over(math.Max, func(q QueueResult) float64 { return float64(of(q)) })
	}
	return []Metric{
		{"queue.acknowledged", PerSecond, Higher, true, "records acknowledged by workers of queues", sum(func(q QueueResult) float64 { return q.PerSecond })},
		{"queue.redelivered", Number, Lower, false, "records received again", sum(func(q QueueResult) float64 { return float64(q.Redelivered) })},
		{"queue.late", Number, Lower, false, "records processed when somebody else had received them", sum(func(q QueueResult) float64 { return float64(q.Late) })},
		{"queue.dead", Number, Lower, false, "dead letters at the end", sum(func(q QueueResult) float64 { return float64(q.Dead) })},
		{"queue.waiting", Number, Lower, true, "records not acknowledged at the end", sum(func(q QueueResult) float64 { return float64(q.Waiting) })},
		{"queue.wait.p99", Nanoseconds, Lower, true, "from the call that stored a record until it was first received", most(func(q QueueResult) time.Duration { return q.Wait.P99 })},
		{"queue.done.p99", Nanoseconds, Lower, true, "from when a record was due until it was acknowledged", most(func(q QueueResult) time.Duration { return q.Done.P99 })},
		{"queue.acknowledge.p99", Nanoseconds, Lower, false, "one call that acknowledges", most(func(q QueueResult) time.Duration { return q.AcknowledgeCall.P99 })},
	}
}

func processMetrics() []Metric {
	of := func(of func(*Process) float64) func(*Result) (float64, bool) {
		return func(r *Result) (float64, bool) {
			if r.Process == nil {
				return 0, false
			}
			return of(r.Process), true
		}
	}
	return []Metric{
		{"allocs_per_record", Number, Lower, true, "allocations of this process", of(func(p *Process) float64 { return p.AllocationsPerRecord })},
		{"alloc_bytes_per_record", Bytes, Lower, false, "allocated by this process", of(func(p *Process) float64 { return p.AllocBytesPerRecord })},
		{"cpu_per_record", Nanoseconds, Lower, true, "processor time of this process", func(r *Result) (float64, bool) {
			return of(func(p *Process) float64 { return p.CPUPerRecord })(onlyIf(r, r.Process != nil && r.Process.CPU > 0))
		}},
		{"gc.cycles", Number, Lower, false, "garbage collections", of(func(p *Process) float64 { return float64(p.GCs) })},
		{"gc.pause", Nanoseconds, Lower, false, "their pauses, together", of(func(p *Process) float64 { return float64(p.GCPause) })},
		{"gc.pause_max", Nanoseconds, Lower, false, "their longest pause", of(func(p *Process) float64 { return float64(p.GCPauseMax) })},
		{"heap.max", Bytes, Lower, false, "greatest heap", of(func(p *Process) float64 { return float64(p.HeapMax) })},
	}
}

// onlyIf returns r, or a result that has measured nothing.
func onlyIf(r *Result, ok bool) *Result {
	if ok {
		return r
	}
	return &Result{}
}

// FindMetric returns the metric of a name. A percentile alone, such as p99, is
// one of put.
func FindMetric(name string) (Metric, error) {
	metrics := make(map[string]Metric)
	for _, m := range Metrics() {
		metrics[m.Name] = m
	}
	if m, ok := metrics["put."+name]; ok {
		return m, nil
	}
	if m, ok := metrics[name]; ok {
		return m, nil
	}
	return Metric{}, fmt.Errorf("no metric %q; there are %s", name, strings.Join(slices.Sorted(maps.Keys(metrics)), ", "))
}

// Values returns a metric of each run that measured it.
func (m Metric) Values(runs []*Result) (values []float64) {
	for _, r := range runs {
		if v, ok := m.Of(r); ok {
			values = append(values, v)
		}
	}
	return values
}

// Median returns the middle of some values, the mean of the two middle ones if
// their number is even, and 0 for none.
func Median(values []float64) float64 {
	n := len(values)
	if n == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

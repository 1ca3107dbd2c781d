package cost

import (
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/weirstream/weir/cmd/weir/internal/figures"
	"github.com/weirstream/weir/cmd/weir/internal/table"
)

// Print writes the estimate for people.
func (e *Estimate) Print(w io.Writer) error {
	parts := []string{e.Setting(), e.billTables()}
	if len(e.BreakEven.Reaches) > 0 {
		parts = append(parts, e.reachTable())
	}
	parts = append(parts, e.Caveats())
	if e.Rejections != "" {
		parts = append(parts, e.Rejections+"\n")
	}
	_, err := io.WriteString(w, "\n"+strings.Join(parts, "\n"))
	return err
}

// Setting says what is priced, and how the month was made of it.
func (e *Estimate) Setting() string {
	m := e.Month
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s hours a month, by the prices of %s (%s)\n",
		e.Workload, figures.Number(m.Period.Hours()), e.Prices.Name, e.Prices.Date)
	fmt.Fprintf(&b, "%s records/s of %s on average: %s records, %s a month\n", figures.Number(m.RecordsPerSecond()),
		figures.Bytes(m.Bytes/max(1, m.Records)), figures.Number(m.Records), figures.Bytes(m.Bytes))
	fmt.Fprintf(&b, "%s, %s, %s; retention %s\n", e.shards(), figures.Count(m.Readers, "reader"),
		figures.Count(m.FanOutReaders, "fan-out reader"), figures.Duration(m.Retention))
	if e.HotKey != "" {
		fmt.Fprintf(&b, "%s\n", e.HotKey)
	}
	if e.Measured.Period != m.Period {
		fmt.Fprintf(&b, "the workload lasts %s and is taken to go on like that\n", figures.Duration(e.Measured.Period))
	}
	return b.String()
}

// shards says how many a provisioned stream has, and why.
func (e *Estimate) shards() string {
	n := Shards(e.Month.Shards)
	reads := "; the readers need " + Shards(math.Ceil(e.ReadNeed)) + " to keep up"
	switch {
	case e.Interrupted:
		return "INTERRUPTED before the number of shards was found"
	case e.ShardsGiven:
		s := fmt.Sprintf("%s, as given (the busiest second of a shard asks for %s of its limits", n, figures.Percent(e.BusiestUse))
		if e.ReadNeed > e.Month.Shards {
			s += reads
		}
		return s + ")"
	case e.forReaders:
		return n + ", as many as its readers need to keep up"
	case e.HotKey != "":
		return n + ", what the traffic needs without the hot key's own limit"
	default:
		return n + ", the fewest that throttle nothing"
	}
}

// Shards returns "1 shard" or, of a mean, "2.4 shards".
func Shards(n float64) string {
	if n == 1 {
		return "1 shard"
	}
	return figures.Number(n) + " shards"
}

// billTables has the lines of each plan, the cheapest marked.
func (e *Estimate) billTables() string {
	t := table.New(e.Prices.Currency+" a month", []string{"plan", "what", "quantity", "unit", "price", "amount"}, "what", "unit")
	for _, bill := range e.Bills {
		name := string(bill.Plan)
		if bill.Plan == e.Cheapest {
			name += " (cheapest)"
		}
		for _, item := range bill.Items {
			t.Row(name, item.What, figures.Number(item.Quantity), item.Unit, fmt.Sprintf("%g", item.Price), Money(item.Amount))
			name = ""
		}
		t.Row(name, "total", "", "", "", Money(bill.Total))
	}
	return t.String()
}

// reachTable says at which rates which plan is the cheapest.
func (e *Estimate) reachTable() string {
	t := table.New("Break-even: the cheapest plan by mean rate, with as many shards as each rate needs",
		[]string{"from records/s", "to records/s", "plan"}, "plan")
	for _, r := range e.BreakEven.Reaches {
		to := figures.Number(r.To)
		if r.To == 0 {
			to = "any"
		}
		name := string(r.Plan)
		if rate := e.Month.RecordsPerSecond(); rate >= r.From && (r.To == 0 || rate < r.To) {
			name += " (this workload)"
		}
		t.Row(figures.Number(r.From), to, name)
	}
	return t.String()
}

// Caveats says what the figures are not.
func (e *Estimate) Caveats() string {
	var lines []string
	if e.Prices.Estimate {
		lines = append(lines, fmt.Sprintf("An estimate, from figures looked at on %s; they are no official prices:", e.Prices.Date))
		for _, source := range e.Prices.Sources {
			lines = append(lines, "  - "+source)
		}
	}
	if e.Queues > 0 {
		lines = append(lines, "What queues cost is not known: they are not in it.")
	}
	lines = append(lines,
		"On-demand advantage is priced as if this stream were alone with the minimum of its region.",
		"Not in it: traffic between regions, KMS, shard-level metrics, and the machines of producers and consumers.")
	return strings.Join(lines, "\n") + "\n"
}

// Money returns an amount with separators and two digits. What is more than
// nothing is not rounded to nothing.
func Money(v float64) string {
	if v > 0 && v < 0.005 {
		return "< 0.01"
	}
	return humanize.FormatFloat("#,###.##", v)
}

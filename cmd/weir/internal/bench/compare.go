package bench

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/weirstream/weir/cmd/weir/internal/figures"
	"github.com/weirstream/weir/cmd/weir/internal/table"
)

const (
	// significance is below which p a change counts as one.
	significance = 0.05
	// enoughRuns is how many runs of each it takes for a p below it: with 4 and
	// 4 the smallest one is 2/70.
	enoughRuns = 4
	// MaxRuns bounds the runs of a set.
	MaxRuns = 50
)

// A Comparison says what changed from one set of runs to another. It is also
// the JSON object that the command prints.
type Comparison struct {
	Before   string   `json:"before"`
	After    string   `json:"after"`
	Warnings []string `json:"warnings,omitempty"`
	Changes  []Change `json:"changes"`
}

// A Change is one metric in both sets.
type Change struct {
	Metric string `json:"metric"`
	Unit   Unit   `json:"unit"`
	Better Better `json:"better"`
	Before Sample `json:"before"`
	After  Sample `json:"after"`
	// Change is that of the medians, as a part of the one before; 0 where that
	// is 0, unless FromZero says that it is more now.
	Change   float64 `json:"change"`
	FromZero bool    `json:"from_zero,omitempty"`
	// P is how likely so great a difference is by chance, -1 if there are too
	// few runs to tell.
	P       float64 `json:"p"`
	Verdict Verdict `json:"verdict"`

	main bool
}

// A Sample is a metric of several runs.
type Sample struct {
	Runs   int       `json:"runs"`
	Median float64   `json:"median"`
	Min    float64   `json:"min"`
	Max    float64   `json:"max"`
	Values []float64 `json:"values"`
}

// A Verdict says what a change is worth.
type Verdict string

const (
	Same     Verdict = "same"
	Noise    Verdict = "noise" // as likely as not by chance
	Worse    Verdict = "worse"
	Improved Verdict = "better"
	// Other is a change of what is neither better nor worse.
	Other Verdict = "changed"
	// MaybeBetter and MaybeWorse are what too few runs say that do not overlap.
	MaybeBetter Verdict = "better?"
	MaybeWorse  Verdict = "worse?"
)

// Compare compares two sets of runs, which are called by names.
func Compare(before, after *Set, nameBefore, nameAfter string) *Comparison {
	c := &Comparison{Before: nameBefore, After: nameAfter, Warnings: differences(before, after)}
	for _, m := range Metrics() {
		a, b := m.Values(before.Runs), m.Values(after.Runs)
		if len(a) > 0 && len(b) > 0 {
			c.Changes = append(c.Changes, compare(m, a, b))
		}
	}
	return c
}

func compare(m Metric, before, after []float64) Change {
	c := Change{
		Metric: m.Name, Unit: m.Unit, Better: m.Better, main: m.Main, P: -1,
		Before: newSample(before), After: newSample(after),
	}
	if c.Before.Median != 0 {
		c.Change = c.After.Median/c.Before.Median - 1
	}
	c.FromZero = c.Before.Median == 0 && c.After.Median != 0
	if min(len(before), len(after)) >= enoughRuns {
		c.P = mannWhitney(before, after)
	}
	c.Verdict = c.verdict()
	return c
}

func newSample(values []float64) Sample {
	return Sample{
		Runs: len(values), Median: Median(values), Min: slices.Min(values), Max: slices.Max(values), Values: values,
	}
}

// verdict says what the change is worth.
func (c Change) verdict() Verdict {
	up := c.After.Median > c.Before.Median
	switch {
	case c.After.Median == c.Before.Median:
		return Same
	case c.P >= significance, c.P < 0 && c.overlap():
		return Noise
	case c.Better == Neither:
		return Other
	case up == (c.Better == Higher):
		return pick(c.P < 0, MaybeBetter, Improved)
	default:
		return pick(c.P < 0, MaybeWorse, Worse)
	}
}

func pick(first bool, a, b Verdict) Verdict {
	if first {
		return a
	}
	return b
}

// overlap reports whether the ranges of both samples have a value in common.
func (c Change) overlap() bool {
	return c.Before.Min <= c.After.Max && c.After.Min <= c.Before.Max
}

// WorseThan returns an error that names the changes for the worse of more than
// a part of what was before. Noise does not count.
func (c *Comparison) WorseThan(part float64) error {
	var names []string
	for _, change := range c.Changes {
		if (change.Verdict == Worse || change.Verdict == MaybeWorse) && (change.FromZero || math.Abs(change.Change) > part) {
			names = append(names, change.Metric+" "+change.percent())
		}
	}
	if len(names) == 0 {
		return nil
	}
	return fmt.Errorf("worse by more than %s: %s", figures.Percent(part), strings.Join(names, ", "))
}

// percent returns the change in percent, with its sign.
func (c Change) percent() string {
	switch {
	case c.FromZero:
		return "from zero"
	case math.Abs(c.Change) >= 10:
		return fmt.Sprintf("%+.0f %%", 100*c.Change)
	default:
		return fmt.Sprintf("%+.1f %%", 100*c.Change)
	}
}

// differences says in which ways two sets cannot be compared well.
func differences(a, b *Set) (list []string) {
	differ := func(what string, x, y any) {
		if x != y {
			list = append(list, fmt.Sprintf("%s: %v before, %v after", what, x, y))
		}
	}
	differ("the targets differ", a.Target.Kind, b.Target.Kind)
	if text := workloadDifference(a.Workload, b.Workload); text != "" {
		list = append(list, text)
	}
	differ("the processors differ", a.Environment.CPU, b.Environment.CPU)
	differ("the numbers of processors differ", a.Environment.GOMAXPROCS, b.Environment.GOMAXPROCS)
	differ("the systems differ", a.Environment.OS+"/"+a.Environment.Arch, b.Environment.OS+"/"+b.Environment.Arch)
	differ("the versions of Go differ", a.Environment.Go, b.Environment.Go)
	for _, set := range []struct {
		name string
		*Set
	}{{"before", a}, {"after", b}} {
		if n := len(set.Runs); n < enoughRuns {
			list = append(list, fmt.Sprintf("%s %s, and it takes %d of each to tell a change from noise: --repeat %d",
				figures.Count(n, "run"), set.name, enoughRuns, enoughRuns))
		}
		if slices.ContainsFunc(set.Runs, func(r *Result) bool { return r.Interrupted }) {
			list = append(list, "a run "+set.name+" was interrupted")
		}
	}
	return list
}

// Print writes the comparison for people: the main metrics, or all.
func (c *Comparison) Print(w io.Writer, all bool) error {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s (before) and %s (after)\n", c.Before, c.After)
	for _, warning := range c.Warnings {
		fmt.Fprintf(&b, "  note: %s\n", warning)
	}
	b.WriteByte('\n')
	t := table.New("", []string{"metric", "before", "spread", "after", "spread ", "change", "p", "verdict"}, "verdict")
	hidden := 0
	for _, change := range c.Changes {
		if !all && !change.main {
			hidden++
			continue
		}
		t.Row(change.cells()...)
	}
	b.WriteString(t.String())
	b.WriteString("\nMedians of the runs, and how far the least and the greatest are from them. p is how likely so great a\n" +
		"difference is by chance; below 0.05 it counts as a change.\n")
	if hidden > 0 {
		fmt.Fprintf(&b, "%s more with --all.\n", figures.Count(hidden, "metric"))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (c Change) cells() []string {
	m := Metric{Unit: c.Unit}
	p := "-"
	if c.P >= 0 {
		p = fmt.Sprintf("%.3f", c.P)
	}
	change := c.percent()
	if c.Verdict == Same {
		change = ""
	}
	return []string{
		c.Metric, m.Format(c.Before.Median), c.Before.spread(), m.Format(c.After.Median), c.After.spread(),
		change, p, string(c.Verdict),
	}
}

// spread returns how far the values are from the median, in percent.
func (s Sample) spread() string {
	if s.Runs < 2 || s.Median == 0 {
		return ""
	}
	below, above := math.Round(100*(1-s.Min/s.Median)), math.Round(100*(s.Max/s.Median-1))
	return fmt.Sprintf("-%g +%g %%", below, above)
}

package rehearsal

import (
	"fmt"
	"io"
	"strings"

	"github.com/weirstream/weir/cmd/weir/internal/figures"
	"github.com/weirstream/weir/cmd/weir/internal/report"
	"github.com/weirstream/weir/cmd/weir/internal/table"
	"github.com/weirstream/weir/simulate"
)

// Print writes the outcome for people.
func (o *Outcome) Print(w io.Writer) error {
	parts := []string{o.Setting(), strings.Join(o.Answers(), "\n")}
	for _, s := range o.sections(printed) {
		parts = append(parts, s.text())
	}
	if o.Rejections != "" {
		parts = append(parts, o.Rejections)
	}
	for _, part := range parts {
		if _, err := fmt.Fprintf(w, "\n%s\n", strings.TrimRight(part, "\n")); err != nil {
			return err
		}
	}
	return nil
}

// Setting says what was simulated.
func (o *Outcome) Setting() string {
	r := o.Result
	name := r.Name
	if name == "" {
		name = "workload"
	}
	s := fmt.Sprintf("%s: %s of virtual time, %s, seed %d\n", name, figures.Duration(r.Duration), shardSpan(r), r.Seed)
	if r.Step > 0 {
		s += fmt.Sprintf("batched: the records that arrive within %s for a shard are put at once, all of the same size", r.Step)
	} else {
		s += "record by record"
	}
	if r.WarmUp > 0 {
		s += fmt.Sprintf("; the first %s are left out", figures.Duration(r.WarmUp))
	}
	if r.Interrupted {
		s += "\nINTERRUPTED before the end: what follows is what there is so far."
	} else if o.Interrupted {
		s += "\nINTERRUPTED before all was found out that was asked for."
	}
	return s
}

func shardSpan(r *simulate.Result) string {
	first := figures.Count(r.FirstShards, "shard")
	if r.OnDemand != nil {
		first = "on-demand, " + first
	}
	if r.FirstShards == r.MostShards && r.FirstShards == r.LastShards {
		return first
	}
	return fmt.Sprintf("%s at first, %s at last, %s at most", first, figures.Comma(r.LastShards), figures.Comma(r.MostShards))
}

// A section is a table, for a terminal and for a page.
type section struct {
	title  string
	about  string // shown on the page
	header []string
	left   []string // the columns, besides the first, that are text
	rows   [][]string
	good   []bool // of each row; may be nil
}

// text returns the table for a terminal.
func (s section) text() string {
	t := table.New(s.title, s.header, s.left...)
	for _, row := range s.rows {
		t.Row(row...)
	}
	return t.String()
}

// page returns the table for a page.
func (s section) page() report.Table {
	t := report.Table{Title: s.title, About: s.about, Wide: true, Header: s.header}
	for i, name := range s.header {
		for _, left := range s.left {
			if name == left {
				t.Left = append(t.Left, i)
			}
		}
	}
	for i, cells := range s.rows {
		row := report.Row{Cells: cells}
		if s.good != nil && s.good[i] {
			row.Verdict = report.Good
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

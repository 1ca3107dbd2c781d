// Package table prints tables for people, in one style for all commands.
package table

import (
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// A Table is rows under a header. Columns are aligned to the right but for the
// first, and for others that are named.
type Table struct {
	title string
	w     table.Writer
}

// New returns a table without rows. left names the columns, besides the first,
// that are text.
func New(title string, header []string, left ...string) *Table {
	w := table.NewWriter()
	style := table.StyleLight
	style.Format.Header, style.Format.Footer = text.FormatDefault, text.FormatDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Options.SeparateHeader = true
	style.Options.SeparateFooter = true
	w.SetStyle(style)
	t := &Table{title, w}
	w.AppendHeader(cells(header))
	var columns []table.ColumnConfig
	for i, name := range header {
		align := text.AlignRight
		if i == 0 || slices.Contains(left, name) {
			align = text.AlignLeft
		}
		columns = append(columns, table.ColumnConfig{Number: i + 1, Align: align, AlignHeader: align, AlignFooter: align})
	}
	w.SetColumnConfigs(columns)
	return t
}

// Row adds a row.
func (t *Table) Row(cell ...string) { t.w.AppendRow(cells(cell)) }

// Footer adds a row below a line.
func (t *Table) Footer(cell ...string) { t.w.AppendFooter(cells(cell)) }

// String returns the table without spaces at the ends of its lines, and with
// one line end at its own.
func (t *Table) String() string {
	var b strings.Builder
	if t.title != "" {
		b.WriteString(" " + t.title + "\n")
	}
	for line := range strings.Lines(t.w.Render() + "\n") {
		b.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	return b.String()
}

// Top returns the rows in their order if there are at most so many, and
// otherwise that many of the greatest, the greatest first. The rows themselves
// stay as they are.
func Top[T any](rows []T, most int, compare func(a, b T) int) []T {
	if len(rows) <= most {
		return rows
	}
	sorted := slices.Clone(rows)
	slices.SortStableFunc(sorted, func(a, b T) int { return compare(b, a) })
	return sorted[:most]
}

func cells(texts []string) table.Row {
	row := make(table.Row, len(texts))
	for i, s := range texts {
		row[i] = s
	}
	return row
}

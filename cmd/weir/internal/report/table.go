package report

import "fmt"

// A Table is rows of text.
type Table struct {
	Title  string
	About  string // a sentence or two below the title
	Wide   bool   // takes a row of the page for itself
	Header []string
	Rows   []Row
	// Left are the columns that are words, by number from 0. The first always is;
	// all others are to the right, as numbers are.
	Left []int
}

// A Row is the cells of a row.
type Row struct {
	Cells []string
	// Bar is a bar after the cells, 0 to 1 of its column's width, if the header has
	// one name more than there are cells.
	Bar     float64
	Verdict Verdict
}

// A cell is one cell as the template shows it.
type cell struct {
	Text string
	Left bool
}

// Heads returns the header's cells.
func (t Table) Heads() []cell { return t.cells(t.Header) }

// CellsOf returns a row's cells.
func (t Table) CellsOf(r Row) []cell { return t.cells(r.Cells) }

func (t Table) cells(texts []string) []cell {
	list := make([]cell, len(texts))
	for i, text := range texts {
		list[i] = cell{Text: text, Left: i == 0}
	}
	for _, i := range t.Left {
		if i >= 0 && i < len(list) {
			list[i].Left = true
		}
	}
	return list
}

// HasBar reports whether the row has a bar.
func (t Table) HasBar(r Row) bool { return r.Bar >= 0 && len(t.Header) > len(r.Cells) }

// Percent returns the bar's width as a style sheet takes it.
func (r Row) Percent() string { return fmt.Sprintf("%.1f", 100*min(r.Bar, 1)) }

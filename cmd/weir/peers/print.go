package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// none stands where a peer has no such operation.
const none = "–"

// A column is a measure in a table.
type column struct {
	measure measure
	title   string
}

// columns are the measures of records that are all alike.
var columns = []column{
	{putNs, "put"},
	{batchNs, "put, by 500"},
	{readNs, "read"},
	{wakeP50, "wake-up p50"},
	{wakeP99, "wake-up p99"},
	{gcMs, "GC"},
	{heapBytes, "heap"},
	{processedNs, "processed"},
	{queuedNs, "queued"},
	{countedNs, "counted"},
	{durableNs, "durable"},
}

// diskColumns are the measures on disk.
var diskColumns = []column{
	{durableNs, "64 producers"},
	{durableOneNs, "one producer"},
	{durableBatchNs, "by 500"},
}

// workloadColumns are the measures of the ready-made workloads.
func workloadColumns() (list []column) {
	for _, name := range readyMade {
		in := input{name: name}
		list = append(list, column{in.measure(batchNs), name + ", put by 500"}, column{in.measure(readNs), name + ", read"})
	}
	return list
}

// print writes the report in a format.
func (r *report) print(w io.Writer, format string) error {
	var b bytes.Buffer
	if format == formatJSON {
		encoder := json.NewEncoder(&b)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(r); err != nil {
			return err
		}
	} else {
		r.printTables(&b, format == formatMarkdown)
	}
	_, err := w.Write(b.Bytes())
	return err
}

func (r *report) printTables(w *bytes.Buffer, markdown bool) {
	fmt.Fprintf(w, "%s, %d × %s, %s, %s/%s", r.Time.Format("2006-01-02 15:04 UTC"), r.Processors, or(r.Processor, "processor"), r.Go, r.OS, r.Arch)
	if r.Load != "" {
		fmt.Fprintf(w, "; load average %s before", r.Load)
	}
	fmt.Fprintf(w, ".\nRecords of %d bytes with a key of %d, one of %d.\n", r.Size, r.KeyBytes, r.Keys)
	if len(r.Groups) == 0 {
		fmt.Fprintln(w, "Nothing was measured.")
		return
	}
	fmt.Fprintf(w, "Taken in turn: %s.\n", r.roundsDone())
	fmt.Fprintf(w, "\nTimes what weir takes, more is slower or larger than weir: median of the rounds' ratios (least–greatest).\n")
	fmt.Fprintf(w, "The first row of each kind is what the rows below it are ratios of.\n")
	inMemory := len(r.only(columns[:len(columns)-1])) > 0 // all but the one on disk
	if inMemory {
		fmt.Fprintln(w)
		writeTable(w, markdown, r.rows("÷ weir", columns, ratioCell))
	}
	if alike := r.only(workloadColumns()); len(alike) > 0 {
		fmt.Fprintf(w, "\nThe same with records of ready-made workloads, as fast as they can be put.\n\n")
		writeTable(w, markdown, (&report{Groups: alike}).rows("÷ weir", workloadColumns(), ratioCell))
	}
	if onDisk := r.only(diskColumns); len(onDisk) > 0 {
		fmt.Fprintf(w, "\nOn disk, each record synced before it is acknowledged, and counted after opening again: a put by each of 64 producers\n"+
			"(durable above), by one, and a record of batches by one.\n\n")
		writeTable(w, markdown, (&report{Groups: onDisk}).rows("÷ weir", diskColumns, ratioCell))
		fmt.Fprintln(w)
		writeTable(w, markdown, (&report{Groups: onDisk}).rows("median, ns", diskColumns, medianCell))
	}
	if inMemory {
		r.printMedians(w, markdown)
	}
	r.printGoals(w, markdown)
	r.printNotes(w, markdown)
}

func (r *report) printMedians(w *bytes.Buffer, markdown bool) {
	fmt.Fprintf(w, "\nMedians: ns a record, µs of a wake-up, ms of a garbage collection and bytes of heap a record with %s live.\n\n", grouped(float64(r.Live)))
	writeTable(w, markdown, r.rows("median", columns, medianCell))
}

// roundsDone says how many rounds the figures come from.
func (r *report) roundsDone() string {
	var list []string
	for _, g := range r.Groups {
		rounds := "rounds"
		if g.Rounds == 1 {
			rounds = "round"
		}
		list = append(list, fmt.Sprintf("%d %s %s", g.Rounds, rounds, g.Name))
	}
	text := strings.Join(list, ", ")
	if r.Interrupted {
		text += "; interrupted, so that some figures stand for one round more"
	}
	return text
}

// only returns the groups whose first peer was measured by one of the columns.
func (r *report) only(list []column) (groups []*group) {
	for _, g := range r.Groups {
		if slices.ContainsFunc(list, func(c column) bool { return len(g.Peers[0].Values[c.measure]) > 0 }) {
			groups = append(groups, g)
		}
	}
	return groups
}

// ratioCell is a peer's ratio; in the row of a group's base stands what it is the
// ratio of.
func ratioCell(g *group, p *result, m measure) string {
	if p == g.Peers[0] {
		return amount(p.Medians[m], m)
	}
	s := p.Ratios[m]
	if s.Median == 0 {
		return none
	}
	return fmt.Sprintf("%s (%s–%s)", digits(s.Median), digits(s.Min), digits(s.Max))
}

func medianCell(_ *group, p *result, m measure) string {
	if len(p.Values[m]) == 0 {
		return none
	}
	return digits(p.Medians[m])
}

// rows make a table of all groups, with a cell for each measure and each peer that
// has one of them.
func (r *report) rows(title string, columns []column, cell func(*group, *result, measure) string) [][]string {
	head := []string{title}
	for _, c := range columns {
		head = append(head, c.title)
	}
	rows := [][]string{head}
	for _, g := range r.Groups {
		for _, p := range g.Peers {
			if !slices.ContainsFunc(columns, func(c column) bool { return len(p.Values[c.measure]) > 0 }) {
				continue
			}
			row := []string{p.Name}
			for _, c := range columns {
				row = append(row, cell(g, p, c.measure))
			}
			rows = append(rows, row)
		}
	}
	return rows
}

// amount prints a value with its unit.
func amount(v float64, m measure) string {
	if v == 0 {
		return none
	}
	unit, ok := map[measure]string{wakeP50: "µs", wakeP99: "µs", gcMs: "ms", heapBytes: "B"}[m]
	if !ok {
		unit = "ns"
	}
	return digits(v) + " " + unit
}

func (r *report) printGoals(w *bytes.Buffer, markdown bool) {
	if len(r.Goals) == 0 {
		return
	}
	rows := [][]string{{"goal", "ratio", "at least", "", "moonshot", ""}}
	for _, g := range r.Goals {
		rows = append(rows, []string{fmt.Sprintf("%s: %s", g.Number, g.Text), digits(g.Ratio),
			fmt.Sprintf("%g", g.Must), verdict(g.Met), fmt.Sprintf("%g", g.Moonshot), verdict(g.Beyond)})
	}
	fmt.Fprintln(w)
	writeTable(w, markdown, rows)
}

func verdict(met bool) string {
	if met {
		return "met"
	}
	return "missed"
}

func (r *report) printNotes(w *bytes.Buffer, markdown bool) {
	bullet := "  "
	if markdown {
		bullet = "- "
	}
	fmt.Fprintln(w)
	for _, g := range r.Groups {
		for _, p := range g.Peers {
			fmt.Fprintf(w, "%s%s", bullet, p.Name)
			if p.Version != "" {
				fmt.Fprintf(w, " (%s)", strings.TrimSpace(p.Module+" "+p.Version))
			}
			text := p.Note + counted(p)
			if p.DiskNote != "" {
				text = strings.TrimSpace(text + " On disk: " + p.DiskNote)
			}
			fmt.Fprintf(w, ": %s\n", text)
			for _, text := range p.Failed {
				fmt.Fprintf(w, "%sFailed: %s\n", bullet, text)
			}
		}
	}
}

// counted says with how many records a peer was measured.
func counted(p *result) string {
	if p.Records[putNs] == 0 {
		return ""
	}
	text := fmt.Sprintf(" %s records one by one, %s in batches", grouped(float64(p.Records[putNs])), grouped(float64(p.Records[batchNs])))
	if p.Records[wakeP50] > 0 {
		text += fmt.Sprintf(", %s wake-ups", grouped(float64(p.Records[wakeP50])))
	}
	return text + "."
}

// writeTable writes rows in columns, the first on the left and the others on the
// right, between bars if it is to be Markdown.
func writeTable(w io.Writer, markdown bool, rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	begin, between, end := "  ", "  ", ""
	if markdown {
		begin, between, end = "| ", " | ", " |"
	}
	for n, row := range rows {
		for i, cell := range row {
			space := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i == 0 {
				row[i] = cell + space
			} else {
				row[i] = space + cell
			}
		}
		fmt.Fprintln(w, strings.TrimRight(begin+strings.Join(row, between)+end, " "))
		if n == 0 && markdown {
			fmt.Fprintln(w, "|---|"+strings.Repeat("--:|", len(row)-1))
		}
	}
}

// digits prints a number to three digits, and larger ones whole.
func digits(v float64) string {
	switch {
	case v < 9.995:
		return fmt.Sprintf("%.2f", v)
	case v < 99.95:
		return fmt.Sprintf("%.1f", v)
	}
	return grouped(v)
}

// grouped prints a whole number with commas.
func grouped(v float64) string {
	text := fmt.Sprintf("%.0f", v)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// or returns s, or other if that is empty.
func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

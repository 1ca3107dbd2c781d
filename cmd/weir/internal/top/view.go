package top

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/weirstream/weir/cmd/weir/internal/table"
	"github.com/weirstream/weir/console"
)

// A View is what somebody at a terminal looks at. The zero value shows all
// streams, the hottest first.
type View struct {
	Color bool

	seen    console.Top
	trouble string // why there is nothing newer
	order   int    // of orders
	chosen  string // which stream, by its key
	inside  bool   // only the chosen one is shown
}

// An order is what streams can be sorted by.
type order struct {
	name string
	less func(a, b console.TopStream) int
}

var orders = []order{
	{"heat", func(a, b console.TopStream) int {
		return cmp.Or(cmp.Compare(b.Throttled, a.Throttled), cmp.Compare(load(b), load(a)), cmp.Compare(b.RecordsPerSecond, a.RecordsPerSecond))
	}},
	{"records", func(a, b console.TopStream) int { return cmp.Compare(b.RecordsPerSecond, a.RecordsPerSecond) }},
	{"bytes", func(a, b console.TopStream) int { return cmp.Compare(b.BytesPerSecond, a.BytesPerSecond) }},
	{"out", func(a, b console.TopStream) int { return cmp.Compare(b.OutPerSecond, a.OutPerSecond) }},
	{"age", func(a, b console.TopStream) int { return cmp.Compare(b.AgeMillis, a.AgeMillis) }},
	{"held", func(a, b console.TopStream) int { return cmp.Compare(b.BytesHeld, a.BytesHeld) }},
	{"name", func(a, b console.TopStream) int { return strings.Compare(keyOf(a), keyOf(b)) }},
}

func keyOf(s console.TopStream) string { return s.Name + "\x00" + s.At }

// load returns that of the busiest shard.
func load(s console.TopStream) (most float64) {
	for _, sh := range s.Shards {
		most = max(most, sh.Load, sh.Peak)
	}
	return most
}

// Saw takes over what was seen.
func (v *View) Saw(t console.Top) { v.seen, v.trouble = t, "" }

// Failed says why nothing was seen; what was seen before is still shown.
func (v *View) Failed(err error) { v.trouble = plain(err.Error()) }

// streams returns the streams as they are sorted, and the place of the chosen
// one: the first if it has gone or none was chosen.
func (v *View) streams() ([]console.TopStream, int) {
	list := slices.SortedStableFunc(slices.Values(v.seen.Streams), orders[v.order].less)
	at := slices.IndexFunc(list, func(s console.TopStream) bool { return keyOf(s) == v.chosen })
	return list, max(at, 0)
}

// Key does what a key says, as a terminal sends it. It returns true if that is
// to end.
func (v *View) Key(key string) (quit bool) {
	switch key {
	case "q", "Q", "\x03", "\x04":
		return true
	case "s":
		v.order = (v.order + 1) % len(orders)
	case "S":
		v.order = (v.order + len(orders) - 1) % len(orders)
	case "k", "\x1b[A", "\x1bOA":
		v.choose(-1)
	case "j", "\x1b[B", "\x1bOB":
		v.choose(+1)
	case "\r", "\n", "l", "\x1b[C", "\x1bOC":
		v.choose(0)
		v.inside = v.chosen != ""
	case "\x1b", "\x7f", "\b", "h", "\x1b[D", "\x1bOD":
		v.inside = false
	}
	return false
}

// choose moves the choice by so many rows.
func (v *View) choose(by int) {
	list, at := v.streams()
	if len(list) > 0 {
		v.chosen = keyOf(list[min(max(at+by, 0), len(list)-1)])
	}
}

// Frame returns what is shown on a terminal of so many columns and rows: no line
// is longer, and there are no more.
func (v *View) Frame(width, height int) []string {
	list, at := v.streams()
	lines := []string{v.title()}
	if v.trouble != "" {
		lines = append(lines, v.paint(bad, fit("! "+v.trouble, width)))
	}
	body := height - len(lines) - 1 // the last one is help
	if v.inside && len(list) > 0 {
		lines = append(lines, v.paint(bold, fit(v.about(list[at]), width)))
		lines = append(lines, v.shards(console.Top{Streams: list[at : at+1]}, width, body-1)...)
	} else {
		streams := v.table(streamTable(list, width), width, min(body/2, len(list)+headLines), at)
		lines = append(lines, streams...)
		lines = append(lines, v.shards(v.seen, width, body-len(streams))...)
	}
	lines[0] = v.paint(bold, fit(lines[0], width))
	lines = lines[:min(len(lines), max(height-1, 0))]
	for len(lines) < height-1 {
		lines = append(lines, "")
	}
	return append(lines, v.paint(faint, fit(v.help(width), width)))
}

func (v *View) title() string {
	text := heading(v.seen)
	if v.seen.Unseen > 0 {
		text += fmt.Sprintf(", %d not looked at", v.seen.Unseen)
	}
	return text
}

// about says what there is to say of one stream.
func (v *View) about(s console.TopStream) string {
	return fmt.Sprintf("%s %s: %d shards, %s records/s and %s/s in, %s records/s out, %d throttled/min, age %v, %s held", s.Name, cmp.Or(s.Mode, s.Status),
		s.OpenShards, count(s.RecordsPerSecond), bytes(s.BytesPerSecond), count(s.OutPerSecond), s.Throttled, age(s), bytes(float64(s.BytesHeld)))
}

func age(s console.TopStream) time.Duration {
	return (time.Duration(s.AgeMillis) * time.Millisecond).Round(100 * time.Millisecond)
}

func (v *View) help(width int) string {
	by := orders[v.order].name
	switch {
	case v.inside:
		return "q quit  esc back  s sort: " + by
	case width < narrow:
		return "q quit  s " + by + "  ↑↓ ⏎ look in"
	}
	return "q quit  s sort by: " + by + "  ↑↓ choose a stream  ⏎ look into it  esc back"
}

// Below these widths there are fewer columns.
const (
	narrow    = 60
	medium    = 110
	headLines = 2 // of a table
)

// streamTable returns streams with the columns that there is room for.
func streamTable(list []console.TopStream, width int) string {
	header := []string{"stream", "records/s", "thr./min", "mode", "shards", "bytes/s", "out/s", "age", "held"}
	columns := len(header)
	switch {
	case width < narrow:
		columns = 3
	case width < medium:
		columns = 7
	}
	t := table.New("", header[:columns], "mode")
	for _, s := range list {
		name := s.Name
		if width < narrow {
			name = fit(name, width-24)
		}
		t.Row([]string{name, count(s.RecordsPerSecond), strconv.FormatInt(s.Throttled, 10), cmp.Or(s.Mode, s.Status), strconv.Itoa(s.OpenShards),
			bytes(s.BytesPerSecond), count(s.OutPerSecond), age(s).String(), bytes(float64(s.BytesHeld))}[:columns]...)
	}
	return t.String()
}

// shards returns a table of the hottest shards in so many lines.
func (v *View) shards(t console.Top, width, lines int) []string {
	columns := []string{"shard", "now", "busiest", "last minute", "stream", "records/s", "bytes/s", "throttled/min"}
	n := len(columns)
	switch {
	case width < narrow:
		n = 4
	case width < medium:
		n = 6
	}
	rows := table.New("", columns[:n], "last minute", "stream")
	for _, h := range hottest(t, max(lines-headLines, 0)) {
		id, now, peak, last := h.ID, "-", "-", minute(h.Seconds)
		if h.Load > 0 || h.Peak > 0 {
			now, peak = percent(h.Load), percent(h.Peak)
		}
		if width < narrow {
			id, last = "…"+lastChars(id, 6), lastChars(last, width-27)
		}
		rows.Row([]string{id, now, peak, last, h.stream, count(h.RecordsPerSecond), bytes(h.BytesPerSecond), strconv.FormatInt(h.Throttled, 10)}[:n]...)
	}
	return v.table(rows.String(), width, lines, -1)
}

// lastChars returns the last n characters of a text.
func lastChars(text string, n int) string {
	runes := []rune(text)
	return string(runes[max(len(runes)-max(n, 0), 0):])
}

// table returns at most so many lines of a table, its head and those rows among
// which the chosen one is; -1 is none.
func (v *View) table(text string, width, lines, chosen int) []string {
	all := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if lines <= headLines || len(all) <= headLines {
		return nil
	}
	head, rows := all[:headLines], all[headLines:]
	from := max(0, min(chosen-(lines-headLines)/2, len(rows)-(lines-headLines)))
	var out []string
	for _, h := range head {
		out = append(out, v.paint(faint, fit(h, width)))
	}
	for i, row := range rows[from:min(len(rows), from+lines-headLines)] {
		style := ""
		switch {
		case strings.Contains(row, "!"):
			style = bad
		case strings.ContainsAny(row, "▇█"):
			style = near
		}
		if from+i == chosen {
			row, style = ">"+strings.TrimPrefix(row, " "), style+reverse
		}
		out = append(out, v.paint(style, fit(row, width)))
	}
	return out
}

// Styles of a line.
const (
	bold    = "\x1b[1m"
	faint   = "\x1b[2m"
	reverse = "\x1b[7m"
	bad     = "\x1b[31m"
	near    = "\x1b[33m"
)

// paint gives a line a style, where colour is wanted.
func (v *View) paint(style, line string) string {
	if !v.Color || style == "" {
		return line
	}
	return style + line + "\x1b[0m"
}

// fit cuts a line to a width.
func fit(line string, width int) string {
	if utf8.RuneCountInString(line) <= width {
		return line
	}
	return string([]rune(line)[:max(width, 0)])
}

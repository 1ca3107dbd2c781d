package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/weirstream/weir/cmd/weir/internal/bench"
	"github.com/weirstream/weir/cmd/weir/internal/figures"
)

// A benchLive shows on a terminal what a run does: a few lines that are written
// over and over. On anything else it shows nothing.
type benchLive struct {
	out   io.Writer // nil: nothing is shown
	width int
	run   int
	runs  int
	lines int // that stand there now
}

func newBenchLive(stdout, stderr io.Writer, runs int) *benchLive {
	if !isTerminal(stdout) || !isTerminal(stderr) {
		return &benchLive{}
	}
	l := &benchLive{out: stderr, width: 80, runs: runs}
	if f, ok := stderr.(interface{ Fd() uintptr }); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			l.width = width
		}
	}
	return l
}

// begin notes which run is the next.
func (l *benchLive) begin(run int) { l.run = run }

// show shows how far the run is.
func (l *benchLive) show(p bench.Progress) {
	if l.out == nil {
		return
	}
	l.draw(liveLines(p, l.run, l.runs))
}

// liveLines returns what is shown.
func liveLines(p bench.Progress, run, runs int) []string {
	phase := ""
	switch {
	case p.Drain:
		phase = ", reading what is left"
	case p.WarmUp:
		phase = ", warming up"
	}
	which := ""
	if runs > 1 {
		which = fmt.Sprintf("run %d of %d, ", run+1, runs)
	}
	length := ""
	if p.Length > 0 {
		length = " of " + figures.Duration(p.Length)
	}
	lines := []string{
		fmt.Sprintf("%s%s%s%s", which, figures.Duration(p.Elapsed.Round(100*time.Millisecond)), length, phase),
		fmt.Sprintf("  put         %s/s   p50 %s   p99 %s   max %s   %s so far", figures.Number(p.Rate), figures.Duration(p.Put.P50),
			figures.Duration(p.Put.P99), figures.Duration(p.Put.Max), figures.Comma(p.Count.Records)),
		fmt.Sprintf("  throttled   %s/s   %s given up   %s failed", figures.Number(p.ThrottleRate), figures.Comma(p.Count.GivenUp), figures.Comma(p.Count.Errors)),
	}
	if p.ReadRate > 0 || p.Backlog > 0 {
		lines = append(lines, fmt.Sprintf("  read        %s/s   propagation p99 %s   age %s   backlog %s", figures.Number(p.ReadRate),
			figures.Duration(p.Propagation.P99), figures.Duration(p.Age), figures.Comma(p.Backlog)))
	}
	if p.Heap > 0 {
		lines = append(lines, fmt.Sprintf("  heap        %s   %s", figures.Bytes(float64(p.Heap)), figures.Count(p.GCs, "garbage collection")))
	}
	return lines
}

// draw writes lines over those that stand there.
func (l *benchLive) draw(lines []string) {
	var b strings.Builder
	l.up(&b)
	for _, line := range lines {
		if runes := []rune(line); len(runes) >= l.width {
			line = string(runes[:max(0, l.width-1)])
		}
		b.WriteString("\x1b[2K" + line + "\n")
	}
	b.WriteString("\x1b[J")
	l.lines = len(lines)
	_, _ = io.WriteString(l.out, b.String()) // what a terminal refuses does not matter
}

func (l *benchLive) up(b *strings.Builder) {
	if l.lines > 0 {
		fmt.Fprintf(b, "\x1b[%dA\r", l.lines)
	}
}

// close removes the lines.
func (l *benchLive) close() {
	if l.out != nil {
		l.draw(nil)
	}
}

package terminal

import (
	"fmt"
	"io"
	"strings"

	"golang.org/x/term"
)

// A Live shows a few lines that are written over and over. The zero value shows
// nothing.
type Live struct {
	out   io.Writer // nil: nothing is shown
	width int
	lines int // that stand there now
}

// NewLive returns a display on stderr if it and stdout are terminals, and one
// that shows nothing otherwise.
func NewLive(stdout, stderr io.Writer) *Live {
	if !Is(stdout) || !Is(stderr) {
		return &Live{}
	}
	l := &Live{out: stderr, width: 80}
	if f, ok := stderr.(interface{ Fd() uintptr }); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			l.width = width
		}
	}
	return l
}

// Show shows lines in place of those that stand there, each cut to the width of
// the terminal.
func (l *Live) Show(lines []string) {
	if l.out != nil {
		l.draw(lines)
	}
}

// draw writes lines over those that stand there.
func (l *Live) draw(lines []string) {
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

func (l *Live) up(b *strings.Builder) {
	if l.lines > 0 {
		fmt.Fprintf(b, "\x1b[%dA\r", l.lines)
	}
}

// Close removes the lines.
func (l *Live) Close() {
	if l.out != nil {
		l.draw(nil)
	}
}

package trigger

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/weirstream/weir/cmd/weir/internal/figures"
	"github.com/weirstream/weir/cmd/weir/internal/terminal"
	"github.com/weirstream/weir/eventsource"
)

// A Screen shows how a source does: on a terminal lines that stand below what is
// written to it, else a line now and then. Any number of goroutines may write to
// it at a time. Make one with [NewScreen].
type Screen struct {
	mu    sync.Mutex // guards what follows
	live  display    // nil: there is no terminal
	err   io.Writer
	lines []string // that stand there
	open  bool     // what was written last is no whole line: nothing is put behind it
}

// A display shows lines in place of those that it showed before.
type display interface{ Show(lines []string) }

// NewScreen returns a screen on stderr.
func NewScreen(stdout, stderr io.Writer) *Screen {
	s := &Screen{err: stderr}
	if terminal.Is(stdout) && terminal.Is(stderr) {
		s.live = terminal.NewLive(stdout, stderr)
	}
	return s
}

// Write writes above the lines.
func (s *Screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live == nil {
		return s.err.Write(b)
	}
	if !s.open {
		s.live.Show(nil)
	}
	n, err := s.err.Write(b)
	if s.open = !bytes.HasSuffix(b, []byte("\n")); !s.open {
		s.live.Show(s.lines)
	}
	return n, err
}

// Errors returns where commands write: the screen, or a file below it, which a
// command may inherit.
func (s *Screen) Errors() io.Writer {
	if f, ok := s.err.(*os.File); ok && s.live == nil {
		return f
	}
	return s
}

// show shows lines in place of those that stand there.
func (s *Screen) show(lines []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lines = lines; !s.open {
		s.live.Show(lines)
	}
}

// How often a terminal shows something else, and how often a line is written.
const (
	drawEvery  = 200 * time.Millisecond
	writeEvery = 10 * time.Second
)

// Watch shows what metrics say until ctx ends. Title is the first line on a
// terminal, and begins each line elsewhere.
func (s *Screen) Watch(ctx context.Context, title string, metrics func() eventsource.Metrics) {
	s.Follow(ctx, title, func() string { return Line(metrics()) },
		func(since time.Duration) []string { return Lines(title, since, metrics()) })
}

// Follow shows lines until ctx ends: many on a terminal, since when that is going
// on, and elsewhere one behind the title, when it is another one.
func (s *Screen) Follow(ctx context.Context, title string, line func() string, lines func(since time.Duration) []string) {
	every := writeEvery
	if s.live != nil {
		every = drawEvery
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	began, last := time.Now(), ""
	for {
		select {
		case <-ctx.Done():
			if s.live != nil {
				s.show(nil)
			}
			return
		case <-ticker.C:
		}
		if s.live != nil {
			s.show(lines(time.Since(began)))
			continue
		}
		if line := line(); line != last {
			fmt.Fprintf(s, "%s: %s\n", title, line)
			last = line
		}
	}
}

// mostShards is how many shards have a line of their own.
const mostShards = 8

// Lines returns what is shown on a terminal.
func Lines(title string, since time.Duration, m eventsource.Metrics) []string {
	lines := []string{
		fmt.Sprintf("%s   %v", title, since.Truncate(time.Second)),
		"records  " + records(m),
		fmt.Sprintf("batches  %s, %s under way%s", batches(m), figures.Comma(m.ConcurrentExecutions), times(m)),
		"age      " + age(m),
	}
	if len(m.Shards) == 0 {
		return append(lines, "no shard is this worker's yet")
	}
	lines = append(lines, fmt.Sprintf("%-22s %5s %5s %8s %8s %10s", "shard", "lanes", "busy", "failing", "behind", "held"))
	for i, s := range m.Shards {
		if i == mostShards {
			lines = append(lines, fmt.Sprintf("and %s more", figures.Count(len(m.Shards)-i, "shard")))
			break
		}
		lines = append(lines, fmt.Sprintf("%-22v %5d %5d %8d %8s %10s", s.Shard, s.Lanes, s.Busy, s.Failing, figures.Comma(s.Behind), figures.Bytes(float64(s.HeldBytes))))
	}
	return lines
}

// Line returns what metrics say in a line.
func Line(m eventsource.Metrics) string {
	line := fmt.Sprintf("records %s; batches %s; age %s", records(m), batches(m), age(m))
	failing := 0
	for _, s := range m.Shards {
		failing += s.Failing
	}
	if failing > 0 {
		line += "; " + figures.Count(failing, "lane") + " failing"
	}
	return line
}

func records(m eventsource.Metrics) string {
	text := figures.Comma(m.PolledEventCount) + " read"
	if m.FilteredOutEventCount > 0 {
		text += ", " + figures.Comma(m.FilteredOutEventCount) + " filtered out"
	}
	text += ", " + figures.Comma(m.InvokedEventCount) + " given"
	if m.FailedInvokeEventCount > 0 {
		text += " (" + figures.Comma(m.FailedInvokeEventCount) + " in batches that failed)"
	}
	if up := m.DroppedEventCount + m.OnFailureDestinationDeliveredEventCount; up > 0 {
		text += ", " + figures.Comma(up) + " given up"
	}
	if m.DestinationDeliveryFailures > 0 {
		text += ", " + figures.Comma(m.DestinationDeliveryFailures) + " reports not delivered"
	}
	return text
}

func batches(m eventsource.Metrics) string {
	text := figures.Comma(m.Invocations) + " given"
	for _, c := range []struct {
		n    int64
		what string
	}{{m.Retries, "repeated"}, {m.Errors, "ended in an error"}, {m.Throttles, "not begun"}} {
		if c.n > 0 {
			text += ", " + figures.Comma(c.n) + " " + c.what
		}
	}
	return text
}

// times says how long the function takes.
func times(m eventsource.Metrics) string {
	n := m.Invocations - m.ConcurrentExecutions
	if n <= 0 {
		return ""
	}
	return fmt.Sprintf("; %s each, %s at most", figures.Duration(m.Duration/time.Duration(n)), figures.Duration(m.MaxDuration))
}

func age(m eventsource.Metrics) string {
	return fmt.Sprintf("%s, %s at most", figures.Duration(m.IteratorAge), figures.Duration(m.MaxIteratorAge))
}

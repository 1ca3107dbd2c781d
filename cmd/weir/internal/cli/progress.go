package cli

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/weirstream/weir/cmd/weir/internal/demo"
	"github.com/weirstream/weir/cmd/weir/internal/figures"
)

// A bar shows on a terminal how far something is. The zero value shows nothing.
type bar struct {
	bar   *progressbar.ProgressBar
	known bool // how much there is in all
}

// barSteps is how fine a bar is.
const barSteps = 1000

// newBar returns a display on stderr if it and stdout are terminals, and one
// that shows nothing otherwise. Where it is not known how much there is in all,
// it turns instead of filling up.
func newBar(stdout, stderr io.Writer, known bool) bar {
	if !isTerminal(stdout) || !isTerminal(stderr) {
		return bar{}
	}
	steps := barSteps
	if !known {
		steps = -1
	}
	return bar{known: known, bar: progressbar.NewOptions(steps,
		progressbar.OptionSetWriter(stderr),
		progressbar.OptionSetWidth(16),
		progressbar.OptionSetPredictTime(false),
		progressbar.OptionSetElapsedTime(false),
		progressbar.OptionThrottle(50*time.Millisecond),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionSetTheme(progressbar.Theme{Saucer: "█", SaucerPadding: "░"}),
	)}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// show shows what is being done, and how much of it is, 0 to 1.
func (b bar) show(what string, done float64) {
	if b.bar == nil {
		return
	}
	if b.known {
		_ = b.bar.Set(max(0, min(barSteps-1, int(done*barSteps))))
	} else {
		_ = b.bar.Add(1) // turns the spinner; what a terminal refuses does not matter
	}
	b.bar.Describe(what + " ")
}

// close removes the display.
func (b bar) close() {
	if b.bar != nil {
		_ = b.bar.Finish()
	}
}

// A progress shows how far a demo is.
type progress struct {
	bar
	done func(demo.Progress) float64
}

// newProgress returns a display of a demo. done may be nil if nobody knows how
// much of it is done.
func newProgress(stdout, stderr io.Writer, done func(demo.Progress) float64) progress {
	return progress{newBar(stdout, stderr, done != nil), done}
}

// show shows how far the demo is.
func (p progress) show(now demo.Progress) {
	done := 0.0
	if p.done != nil {
		done = p.done(now)
	}
	p.bar.show(fmt.Sprintf("%s  %s records  %s/s  %s throttled  age %s",
		figures.Duration(now.Elapsed.Round(100*time.Millisecond)), figures.Comma(now.Records), figures.Number(now.Rate),
		figures.Comma(now.Throttled), figures.Duration(now.IteratorAge)), done)
}

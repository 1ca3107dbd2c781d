package cli

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/weirstream/weir/cmd/weir/internal/demo"
)

// A progress shows on a terminal how far a run is. The zero value shows nothing.
type progress struct {
	bar  *progressbar.ProgressBar
	done func(demo.Progress) float64
}

// barSteps is how fine the bar is.
const barSteps = 1000

// newProgress returns a display on stderr if it and stdout are terminals, and
// one that shows nothing otherwise. done may be nil: there is no bar then.
func newProgress(stdout, stderr io.Writer, done func(demo.Progress) float64) progress {
	if !isTerminal(stdout) || !isTerminal(stderr) {
		return progress{}
	}
	steps := barSteps
	if done == nil {
		steps = -1
	}
	return progress{done: done, bar: progressbar.NewOptions(steps,
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

// show shows how far the run is.
func (p progress) show(now demo.Progress) {
	if p.bar == nil {
		return
	}
	if p.done == nil {
		_ = p.bar.Add(1) // turns the spinner; what a terminal refuses does not matter
	} else {
		_ = p.bar.Set(min(barSteps-1, int(p.done(now)*barSteps)))
	}
	p.bar.Describe(fmt.Sprintf("%.1f s  %s records  %s/s  %s throttled  age %d ms ",
		now.Elapsed.Seconds(), humanize.Comma(now.Records), humanize.Comma(int64(now.Rate)),
		humanize.Comma(now.Throttled), now.IteratorAge.Milliseconds()))
}

// close removes the display.
func (p progress) close() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}

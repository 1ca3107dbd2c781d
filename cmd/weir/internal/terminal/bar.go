package terminal

import (
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
)

// A Bar shows on a terminal how far something is. The zero value shows nothing.
type Bar struct {
	bar   *progressbar.ProgressBar
	out   io.Writer
	known bool // how much there is in all
}

// barSteps is how fine a bar is.
const barSteps = 1000

// NewBar returns a display on stderr if it and stdout are terminals, and one
// that shows nothing otherwise. Where it is not known how much there is in all,
// it turns instead of filling up.
func NewBar(stdout, stderr io.Writer, known bool) Bar {
	if !Is(stdout) || !Is(stderr) {
		return Bar{}
	}
	steps := barSteps
	if !known {
		steps = -1
	}
	return Bar{known: known, out: stderr, bar: progressbar.NewOptions(steps,
		progressbar.OptionSetWriter(stderr),
		progressbar.OptionSetWidth(16),
		progressbar.OptionSetPredictTime(false),
		progressbar.OptionSetElapsedTime(false),
		progressbar.OptionThrottle(50*time.Millisecond),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionSetTheme(progressbar.Theme{Saucer: "█", SaucerPadding: "░"}),
	)}
}

// Show shows what is being done, and how much of it is, 0 to 1.
func (b Bar) Show(what string, done float64) {
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

// Clear makes room for a line of something else, in the place of what is shown
// until it is shown again. It is not for the time of a Show.
func (b Bar) Clear() {
	if b.bar != nil {
		_, _ = io.WriteString(b.out, "\r\x1b[2K") // what a terminal refuses does not matter
	}
}

// Close removes the display.
func (b Bar) Close() {
	if b.bar != nil {
		_ = b.bar.Finish()
	}
}

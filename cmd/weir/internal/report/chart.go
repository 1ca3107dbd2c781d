package report

import (
	"errors"
	"fmt"
	"math"
)

// A Chart is series of values over a common X. Some two thousand points of
// sixteen series draw at once; beyond that a reader sees no more, and the page
// only grows. See [Fold] for many shards.
type Chart struct {
	Title string
	About string // a sentence or two below the title
	Wide  bool   // takes a row of the page for itself
	Kind  Kind   // of all series that do not say otherwise; empty means Line

	XAxis Axis
	YAxis Axis
	// X does not fall; one value for each value of a series. Charts whose X axes have the
	// same label share their cursor.
	X       []float64
	Series  []Series
	Markers []Marker
	// Empty is shown instead if X is empty. It defaults to "Nothing to show."
	Empty string
}

// A Kind is how a series is drawn.
type Kind string

const (
	// Line joins the values, and shows where they are if they are few.
	Line Kind = "line"
	// Step holds each value until the next, as a capacity does.
	Step Kind = "step"
	// Area is a filled line. The areas of a chart stand on each other.
	Area Kind = "area"
	// Bars are a bar for each X. The bars of a chart stand on each other.
	Bars Kind = "bars"
	// Points are not joined.
	Points Kind = "points"
)

// stacks reports whether series of this kind stand on each other.
func (k Kind) stacks() bool { return k == Area || k == Bars }

// A Series is the values of one line, or of the bars of one colour.
type Series struct {
	Name string
	// Values has one for each X. NaN is a gap, and so is, on a logarithmic axis,
	// what is not above zero.
	Values []float64
	Kind   Kind // empty means the chart's
	Dashed bool // as limits are, and what things would be
	Color  Color
	Hidden bool // until its name below the chart is clicked
}

// A Color is what a series is drawn in. Empty means the next of sixteen that are
// told apart, of which each has a shade for light pages and one for dark ones.
type Color string

const (
	LimitColor Color = "limit" // a quota or a capacity
	RestColor  Color = "rest"  // of no interest by itself, such as all others
	GoodColor  Color = "good"
	InfoColor  Color = "info"
	WarnColor  Color = "warn"
	BadColor   Color = "bad"
)

// A Marker is a vertical line, or a band if To lies beyond At, with a label: a
// break-even, an outage, a reshard.
type Marker struct {
	At    float64 // on the X axis
	To    float64
	Label string
}

// An Axis says what its values are.
type Axis struct {
	Label string // below or beside it, with the unit: "records per second"
	Name  string // of X, in a word or two; empty means the label
	Unit  Unit
	Log   bool
	// Least is how far a Y axis reaches at least, so that next to nothing does not
	// look like much.
	Least float64
	// Names are what to print for X of 0, 1, 2 … instead of the numbers.
	Names []string
}

// A Unit is how values are printed.
type Unit string

const (
	Number  Unit = ""        // 1,234.5
	Count   Unit = "count"   // whole numbers
	Percent Unit = "percent" // 0 to 100
	Seconds Unit = "seconds" // 1.5 ms, 90 s, 2 h: always given in seconds
	Bytes   Unit = "bytes"   // 1.5 MiB
	Dollars Unit = "dollars"
	// Clock is seconds since 1970, printed as date and time of UTC. For X only.
	Clock Unit = "clock"
	// Percentile is 0 to below 100 for X only, and spreads 90, 99, 99.9 … evenly.
	Percentile Unit = "percentile"
)

// check says what does not fit.
func (c Chart) check() error {
	for i, x := range c.X {
		switch {
		case math.IsNaN(x) || math.IsInf(x, 0):
			return fmt.Errorf("x %d is %v", i, x)
		case i > 0 && x < c.X[i-1]:
			return fmt.Errorf("x %d is %v, below %v before it", i, x, c.X[i-1])
		}
	}
	for _, s := range c.Series {
		if len(s.Values) != len(c.X) {
			return fmt.Errorf("series %q has %d values for %d x", s.Name, len(s.Values), len(c.X))
		}
	}
	if n := len(c.XAxis.Names); n > 0 && n != len(c.X) {
		return fmt.Errorf("%d names for %d x", n, len(c.X))
	}
	return c.checkRange()
}

// checkRange checks what the X axis can show.
func (c Chart) checkRange() error {
	if len(c.X) == 0 {
		return nil
	}
	first, last := c.X[0], c.X[len(c.X)-1]
	switch {
	case c.XAxis.Unit == Percentile && (first < 0 || last >= 100):
		return fmt.Errorf("percentiles from %v to %v; must be 0 to below 100", first, last)
	case c.XAxis.Log && first <= 0:
		return errors.New("x of a logarithmic axis is not above 0")
	}
	return nil
}

package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
)

// A chartData is what charts.js draws into the figure of the same place.
type chartData struct {
	X       numbers      `json:"x"`
	XAxis   axisData     `json:"xAxis"`
	YAxis   axisData     `json:"yAxis"`
	Series  []seriesData `json:"series"`
	Markers []markerData `json:"markers"`
	Empty   string       `json:"empty"`
	Figure  string       `json:"figure"` // its id
}

type axisData struct {
	Name  string   `json:"name"`
	Label string   `json:"label"`
	Unit  Unit     `json:"unit"`
	Log   bool     `json:"log"`
	Least float64  `json:"least"`
	Names []string `json:"names,omitempty"`
}

type seriesData struct {
	Name   string  `json:"name"`
	Kind   Kind    `json:"kind"`
	Color  string  `json:"color"` // a variable of style.css
	Dashed bool    `json:"dashed"`
	Hidden bool    `json:"hidden"`
	Stacks bool    `json:"stacks"`
	Values numbers `json:"values"`
}

type markerData struct {
	At    float64 `json:"at"`
	To    float64 `json:"to"`
	Label string  `json:"label"`
}

// data returns what the script draws for the n-th chart of the page.
func (c Chart) data(n int) chartData {
	d := chartData{
		X: slices.Clone(c.X), XAxis: c.XAxis.data(), YAxis: c.YAxis.data(),
		Series: []seriesData{}, Markers: []markerData{},
		Empty: cmp.Or(c.Empty, "Nothing to show."), Figure: figureID(n),
	}
	place := func(x float64) float64 { return x }
	if c.XAxis.Unit == Percentile {
		place, d.XAxis.Log = nines, true
	}
	for i := range d.X {
		d.X[i] = place(d.X[i])
	}
	colors := 0
	for _, s := range c.Series {
		kind := cmp.Or(s.Kind, c.Kind, Line)
		color := "--" + string(s.Color)
		if s.Color == "" {
			color = fmt.Sprintf("--s%d", colors%ownColors)
			colors++
		}
		d.Series = append(d.Series, seriesData{
			Name: s.Name, Kind: kind, Color: color, Dashed: s.Dashed || colors > ownColors, Hidden: s.Hidden,
			Stacks: kind.stacks(), Values: s.shown(c.YAxis.Log),
		})
	}
	for _, m := range c.Markers {
		d.Markers = append(d.Markers, markerData{At: place(m.At), To: place(max(m.At, m.To)), Label: m.Label})
	}
	slices.SortStableFunc(d.Markers, func(a, b markerData) int { return cmp.Compare(a.At, b.At) })
	return d
}

// ownColors is how many series are told apart by their colour alone.
const ownColors = 16

// figureID returns the id of the figure of the n-th chart.
func figureID(n int) string { return fmt.Sprintf("chart-%d", n) }

// nines spreads percentiles: 0, 90, 99, 99.9 become 1, 10, 100, 1,000, for a
// logarithmic axis.
func nines(percentile float64) float64 { return 100 / (100 - percentile) }

func (a Axis) data() axisData {
	return axisData{
		Name: cmp.Or(a.Name, a.Label), Label: a.Label, Unit: a.Unit, Log: a.Log, Least: a.Least, Names: a.Names,
	}
}

// shown returns the values with gaps where an axis cannot show them.
func (s Series) shown(log bool) numbers {
	values := slices.Clone(s.Values)
	for i, v := range values {
		if log && v <= 0 {
			values[i] = math.NaN()
		}
	}
	return values
}

// numbers are values as JSON: ten digits at most, null for what is not finite.
type numbers []float64

// numberDigits keep the page small, and counts up to ten milliards and seconds
// since 1970 exact.
const numberDigits = 10

// MarshalJSON writes the values.
func (n numbers) MarshalJSON() ([]byte, error) {
	text := []byte{'['}
	for i, v := range n {
		if i > 0 {
			text = append(text, ',')
		}
		if math.IsNaN(v) || math.IsInf(v, 0) {
			text = append(text, "null"...)
		} else {
			text = strconv.AppendFloat(text, v, 'g', numberDigits, 64)
		}
	}
	return append(text, ']'), nil
}

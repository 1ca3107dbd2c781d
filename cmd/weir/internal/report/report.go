// Package report writes the page of a demo: one HTML file with its charts, its
// style and all that draws them inside, so that it can be opened anywhere, kept
// and mailed.
package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/weirstream/weir/cmd/weir/internal/demo"
)

// The parts of the page. The charts are drawn by uPlot, whose licence goes into
// the page with it.
var (
	//go:embed page.html
	pageText string
	//go:embed style.css
	style string
	//go:embed charts.js
	script string
	//go:embed uplot/uPlot.iife.min.js
	library string
	//go:embed uplot/uPlot.min.css
	libraryStyle string
	//go:embed uplot/LICENSE
	libraryLicense string
)

// A page is what the template shows.
type page struct {
	Input   string
	Setting string
	Summary []string
	Cards   []card
	Charts  []chart
	Tables  []dataTable
	Data    []chart // for the script

	Style, LibraryStyle template.CSS
	Script, Library     template.JS
}

// A card is one figure at the top.
type card struct{ Name, Value, Note, Class string }

// Write writes the page about a result.
func Write(w io.Writer, r *demo.Result) error {
	t, err := template.New("page").Parse(pageText)
	if err != nil {
		return err
	}
	charts := chartsOf(r)
	return t.Execute(w, page{
		Input: r.Input, Setting: r.Setting(), Summary: strings.Split(r.Summary(), "\n"),
		Cards: cardsOf(r), Charts: charts, Data: charts, Tables: tablesOf(r),
		Style: template.CSS(style), LibraryStyle: template.CSS(libraryStyle),
		Script: template.JS(script), Library: licensedLibrary(),
	})
}

// licensedLibrary returns uPlot with its licence in place of the comment that it
// begins with, which says no more than where it comes from.
func licensedLibrary() template.JS {
	_, code, ok := strings.Cut(library, "*/")
	if !ok {
		code = library
	}
	return template.JS("/*! uPlot 1.6.32\n\n" + libraryLicense + "\n*/" + code)
}

func cardsOf(r *demo.Result) []card {
	complete := card{"Complete", "yes", "each record in came out once, each key in order", "good"}
	if !r.Complete {
		complete = card{"Complete", "NO", fmt.Sprintf("%s lost, %s duplicated, %s out of order",
			humanize.Comma(r.Lost), humanize.Comma(r.Duplicated), humanize.Comma(r.OrderViolations)), "bad"}
	}
	return []card{
		{"Records in", humanize.Comma(r.RecordsIn), "acknowledged to the producers", ""},
		{"Records out", humanize.Comma(r.RecordsOut), "given to the readers", ""},
		complete,
		{"Throughput", humanize.Comma(int64(r.RecordsPerSec)) + "/s", fmt.Sprintf("for %.2f s", r.Duration), ""},
		{"Throttled", humanize.Comma(r.Throttled), "refusals, each put again", ""},
		{"End to end, p99", r.Latency.EndToEnd.P99.String() + " ms", "from due to a reader", ""},
		{"Rejected", humanize.Comma(int64(r.Rejected)), "lines of the input", ""},
	}
}

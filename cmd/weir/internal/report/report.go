// Package report writes pages: one HTML file with charts and tables, its style
// and all that draws it inside, so that it can be opened anywhere, kept, printed
// and mailed. A command says what is on its page by filling in a [Page].
package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
)

// The parts of the page. The charts are drawn by uPlot, whose licence goes into
// the page with it.
var (
	//go:embed page.html
	pageText string
	//go:embed style.css
	style string
	//go:embed units.js
	unitScript string
	//go:embed charts.js
	chartScript string
	//go:embed uplot/uPlot.iife.min.js
	library string
	//go:embed uplot/uPlot.min.css
	libraryStyle string
	//go:embed uplot/LICENSE
	libraryLicense string
)

// A Page is what one file shows, from the top down. All text is plain: whatever
// it holds is shown and never read as HTML.
type Page struct {
	Title    string
	Subtitle string
	Notes    []string // a line each
	Cards    []Card
	Charts   []Chart
	Tables   []Table
}

// A Card is one figure at the top.
type Card struct {
	Name    string
	Value   string // with its unit
	Note    string // what it is about, in a few words
	Verdict Verdict
}

// A Verdict says whether something is as it should be. The zero value says
// nothing of the kind.
type Verdict string

const (
	Good Verdict = "good"
	Bad  Verdict = "bad"
)

// A filledPage is what the template shows.
type filledPage struct {
	Page
	Data                []chartData // for the script
	Style, LibraryStyle template.CSS
	Script, Library     template.JS
}

// Write writes the page, in one file that needs nothing else. It is an error if
// a chart's values do not fit its X; nothing has been written then.
func Write(w io.Writer, p Page) error {
	t, err := template.New("page").Parse(pageText)
	if err != nil {
		return err
	}
	filled := filledPage{
		Page: p, Data: make([]chartData, 0, len(p.Charts)),
		Style: template.CSS(style), LibraryStyle: template.CSS(libraryStyle),
		Script: template.JS(unitScript + chartScript), Library: licensedLibrary(),
	}
	for i, c := range p.Charts {
		if err := c.check(); err != nil {
			return fmt.Errorf("chart %q: %w", c.Title, err)
		}
		filled.Data = append(filled.Data, c.data(i))
	}
	return t.Execute(w, filled)
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

package cost

import (
	"fmt"
	"math"
	"strings"

	"github.com/weirstream/weir/cmd/weir/internal/figures"
	"github.com/weirstream/weir/cmd/weir/internal/report"
)

// Page returns the estimate as a page with charts.
func (e *Estimate) Page() report.Page {
	return report.Page{
		Title: "weir cost", Subtitle: strings.ReplaceAll(strings.TrimSpace(e.Setting()), "\n", "; "),
		Notes:  strings.Split(strings.TrimSpace(e.Caveats()), "\n"),
		Cards:  e.cards(),
		Charts: e.charts(),
		Tables: e.pageTables(),
	}
}

func (e *Estimate) cards() []report.Card {
	var cards []report.Card
	for _, b := range e.Bills {
		card := report.Card{Name: string(b.Plan), Value: Money(b.Total), Note: e.Prices.Currency + " a month"}
		if b.Plan == e.Cheapest {
			card.Verdict, card.Note = report.Good, card.Note+", the cheapest"
		}
		cards = append(cards, card)
	}
	return cards
}

func (e *Estimate) charts() []report.Chart {
	charts := []report.Chart{e.billChart()}
	if len(e.BreakEven.Points) > 0 {
		charts = append(charts, e.breakEvenChart())
	}
	return charts
}

// billChart shows what each plan's total is made of.
func (e *Estimate) billChart() report.Chart {
	c := report.Chart{
		Title: "A month by plan", About: "What each total is made of.", Wide: true, Kind: report.Bars,
		XAxis: report.Axis{Label: "plan"}, YAxis: e.moneyAxis(),
	}
	series := make(map[string]int)
	for i, b := range e.Bills {
		c.X, c.XAxis.Names = append(c.X, float64(i)), append(c.XAxis.Names, string(b.Plan))
		for _, item := range b.Items {
			at, ok := series[item.What]
			if !ok {
				at = len(c.Series)
				series[item.What] = at
				c.Series = append(c.Series, report.Series{Name: item.What, Values: make([]float64, len(e.Bills))})
			}
			c.Series[at].Values[i] = item.Amount
		}
	}
	return c
}

// breakEvenChart shows the plans over the rate, with a line where another
// becomes the cheapest.
func (e *Estimate) breakEvenChart() report.Chart {
	c := report.Chart{
		Title: "Cost by rate", Wide: true, Kind: report.Line,
		About: "All else as in the workload: sizes, consumers, retention, the shape of its traffic. A provisioned stream has as many shards as each rate needs" + e.atThisRate() + ".",
		XAxis: report.Axis{Label: "records per second on average", Name: "records/s", Log: true},
		YAxis: e.moneyAxis(),
	}
	c.YAxis.Log = true
	for _, plan := range Plans() {
		c.Series = append(c.Series, report.Series{Name: string(plan)})
	}
	for _, p := range e.BreakEven.Points {
		c.X = append(c.X, p.RecordsPerSecond)
		for i, plan := range Plans() {
			c.Series[i].Values = append(c.Series[i].Values, p.Cost[plan])
		}
	}
	c.Markers = append(c.Markers, e.marker(e.Month.RecordsPerSecond(), "this workload"))
	for _, r := range e.BreakEven.Reaches[1:] {
		c.Markers = append(c.Markers, e.marker(r.From, fmt.Sprintf("%s from %s/s", r.Plan, figures.Number(r.From))))
	}
	return c
}

// moneyAxis returns an axis of amounts.
func (e *Estimate) moneyAxis() report.Axis {
	a := report.Axis{Label: e.Prices.Currency + " a month"}
	if e.Prices.Currency == "USD" {
		a.Unit = report.Dollars
	}
	return a
}

// atThisRate says how many shards the chart has at the workload's own rate, if
// the bill has another number of them.
func (e *Estimate) atThisRate() string {
	n := e.Month.AtRate(1).Shards
	if n == e.Month.Shards {
		return ""
	}
	return fmt.Sprintf(": %s at that of this workload, to which the bill gives %s", Shards(n), Shards(e.Month.Shards))
}

func (e *Estimate) marker(rate float64, label string) report.Marker {
	return report.Marker{At: math.Max(lowestRate, rate), To: math.Max(lowestRate, rate), Label: label}
}

func (e *Estimate) pageTables() []report.Table {
	var tables []report.Table
	for _, b := range e.Bills {
		t := report.Table{Title: string(b.Plan), Left: []int{2}, Header: []string{"what", "quantity", "unit", "price", "amount"}}
		for _, item := range b.Items {
			t.Rows = append(t.Rows, report.Row{Cells: []string{
				item.What, figures.Number(item.Quantity), item.Unit, fmt.Sprintf("%g", item.Price), Money(item.Amount),
			}})
		}
		t.Rows = append(t.Rows, report.Row{Cells: []string{"total", "", "", "", Money(b.Total)}})
		tables = append(tables, t)
	}
	return tables
}

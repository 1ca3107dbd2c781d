package rehearsal

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/weirstream/weir/cmd/weir/internal/figures"
	"github.com/weirstream/weir/cmd/weir/internal/report"
	"github.com/weirstream/weir/cmd/weir/internal/table"
	"github.com/weirstream/weir/simulate"
)

// How many series a chart has: the others share one. Cards are one for each
// consumer up to a number.
const (
	charted = 12
	carded  = 4
)

// Page returns the outcome as a page with charts.
func (o *Outcome) Page() report.Page {
	setting := strings.Split(o.Setting(), "\n")
	p := report.Page{
		Title: "weir simulate", Subtitle: setting[0], Notes: append(setting[1:], o.Answers()...),
		Cards: o.cards(), Charts: o.charts(),
	}
	for _, s := range o.sections(paged) {
		p.Tables = append(p.Tables, s.page())
	}
	if o.Rejections != "" {
		p.Notes = append(p.Notes, strings.Split(o.Rejections, "\n")...)
	}
	return p
}

func (o *Outcome) cards() []report.Card {
	r := o.Result
	throttled := report.Card{Name: "Throttled", Value: figures.Short(r.ThrottledRecords), Verdict: report.Good}
	if r.ThrottledRecords > 0 {
		throttled.Verdict = report.Bad
		throttled.Note = figures.Number(100*r.ThrottledShare()) + " for each 100 offered"
	}
	lost := report.Card{Name: "Given up", Value: figures.Short(r.LostRecords), Verdict: report.Good}
	if r.LostRecords > 0 {
		lost.Verdict = report.Bad
		lost.Note = figures.Percent(figures.Share(r.LostRecords, r.OfferedRecords)) + " of the records"
	}
	cards := []report.Card{
		{Name: "Offered", Value: figures.Short(r.OfferedRecords), Note: figures.Count(r.OfferedRecords, "record")},
		throttled, lost,
		{Name: "Busiest second", Value: figures.Comma(r.PeakRecords.N) + "/s", Note: "at " + moment(r.PeakRecords.At)},
		{Name: "Shards", Value: figures.Comma(r.MostShards), Note: "at most; " + figures.Number(r.ShardHours) + " shard-hours"},
	}
	if r.HottestKey.Share >= rare {
		cards = append(cards, report.Card{
			Name: "Hottest key", Value: figures.Percent(r.HottestKey.Share), Note: fmt.Sprintf("of the records: %q", r.HottestKey.Key),
		})
	}
	return append(cards, o.consumerCards()...)
}

// consumerCards has a card for each consumer, those furthest behind if there
// are many.
func (o *Outcome) consumerCards() (cards []report.Card) {
	for _, c := range table.Top(o.Result.Consumers, carded, byMaxAge) {
		card := report.Card{Name: "Iterator age, " + c.Name, Value: figures.Duration(c.MaxAge), Note: "at most, at " + moment(c.MaxAgeAt)}
		if c.LostRecords > 0 {
			card.Verdict, card.Note = report.Bad, figures.Count(c.LostRecords, "record")+" expired unread"
		}
		cards = append(cards, card)
	}
	return cards
}

// byMaxAge compares consumers by how far behind they were.
func byMaxAge(a, b simulate.ConsumerResult) int { return cmp.Compare(a.MaxAge, b.MaxAge) }

// charts returns those charts that have anything to say.
func (o *Outcome) charts() []report.Chart {
	r := o.Result
	charts := []report.Chart{o.recordChart(), o.byteChart()}
	if r.ThrottledRecords > 0 {
		charts = append(charts, o.throttleChart())
	}
	if len(o.Series.order) > 1 {
		charts = append(charts, o.shardChart())
	}
	if limited := slices.ContainsFunc(o.Series.Points, func(p Point) bool { return p.CapacityRecord >= 0 || p.CapacityBytes >= 0 }); limited {
		charts = append(charts, o.useChart())
	}
	if len(r.Consumers) > 0 {
		charts = append(charts, o.ageChart(), o.lagChart())
	}
	charts = append(charts, o.heldChart())
	if len(o.Sweep) > 1 {
		charts = append(charts, o.sweepChart())
	}
	return charts
}

// timeChart returns a chart over virtual time.
func (o *Outcome) timeChart(title, about string, y report.Axis) report.Chart {
	c := report.Chart{
		Title: title, About: about, Wide: true, YAxis: y,
		XAxis: report.Axis{Label: "virtual time", Unit: report.Seconds},
		X:     make([]float64, len(o.Series.Points)),
	}
	for i, p := range o.Series.Points {
		c.X[i] = p.At.Seconds()
	}
	return c
}

// line returns a series of what of takes from each point.
func (o *Outcome) line(name string, of func(p Point) float64) report.Series {
	s := report.Series{Name: name, Values: make([]float64, len(o.Series.Points))}
	for i, p := range o.Series.Points {
		s.Values[i] = of(p)
	}
	return s
}

// limit returns a series of a capacity; where there is no limit it has a gap.
func (o *Outcome) limit(name string, of func(p Point) float64) report.Series {
	s := o.line(name, func(p Point) float64 {
		if v := of(p); v >= 0 {
			return v
		}
		return math.NaN()
	})
	s.Kind, s.Dashed, s.Color = report.Step, true, report.LimitColor
	return s
}

func (o *Outcome) recordChart() report.Chart {
	c := o.timeChart("Records", "What was put, what was stored, and what the open shards take.",
		report.Axis{Label: "records per second"})
	c.Series = []report.Series{
		o.line("offered", func(p Point) float64 { return p.Offered }),
		o.line("accepted", func(p Point) float64 { return p.Accepted }),
	}
	if o.Series.Width > time.Second {
		most := o.line("offered, busiest second", func(p Point) float64 { return p.MostOffered })
		most.Hidden = true
		c.Series = append(c.Series, most)
	}
	addCapacity(&c, o.limit("capacity", func(p Point) float64 { return p.CapacityRecord }))
	c.Markers = o.markers()
	return c
}

// addCapacity adds a capacity, if there is one. Where it is so far above the
// traffic that nothing else would be seen it is hidden at first.
func addCapacity(c *report.Chart, capacity report.Series) {
	const far = 8 // times
	most, least := 0.0, math.Inf(1)
	for _, s := range c.Series {
		most = max(most, slices.Max(append(s.Values, 0)))
	}
	for _, v := range capacity.Values {
		if !math.IsNaN(v) {
			least = min(least, v)
		}
	}
	if math.IsInf(least, 1) {
		c.About += " The stream has no such limit."
		return
	}
	if least > far*most {
		capacity.Hidden = true
		c.About += " The capacity is far above; click its name to show it."
	}
	c.Series = append(c.Series, capacity)
}

// markers are the warm-up and the changes of the number of shards that fit on a
// chart.
func (o *Outcome) markers() []report.Marker {
	const most = 12
	var list []report.Marker
	if warmUp := o.Result.WarmUp; warmUp > 0 {
		list = append(list, report.Marker{To: warmUp.Seconds(), Label: "warm-up"})
	}
	for _, ch := range o.Result.Changes {
		if len(list) < most {
			list = append(list, report.Marker{At: ch.At.Seconds(), To: ch.At.Seconds(), Label: fmt.Sprintf("%s: %d to %d shards", ch.Why, ch.Before, ch.After)})
		}
	}
	return list
}

func (o *Outcome) byteChart() report.Chart {
	c := o.timeChart("Bytes", "Data and partition keys.", report.Axis{Label: "bytes per second", Unit: report.Bytes})
	c.Series = []report.Series{
		o.line("offered", func(p Point) float64 { return p.OfferedBytes }),
		o.line("accepted", func(p Point) float64 { return p.AcceptedBytes }),
	}
	addCapacity(&c, o.limit("capacity", func(p Point) float64 { return p.CapacityBytes }))
	return c
}

func (o *Outcome) throttleChart() report.Chart {
	c := o.timeChart("Throttled records by shard", "Records that a write limit refused.",
		report.Axis{Label: "records per second", Least: 1})
	c.Series = o.shardLines(func(sh ShardPoint) float64 { return sh.Throttled }, func(p Point) float64 { return p.OtherThrottled })
	for i := range c.Series {
		c.Series[i].Kind = report.Area
	}
	return c
}

func (o *Outcome) shardChart() report.Chart {
	c := o.timeChart("Accepted records by shard", "", report.Axis{Label: "records per second"})
	c.Series = o.shardLines(func(sh ShardPoint) float64 { return sh.Accepted }, func(p Point) float64 { return p.OtherAccepted })
	return c
}

// shardLines returns a series for each of the busiest shards that did anything,
// and one for all others.
func (o *Outcome) shardLines(of func(sh ShardPoint) float64, rest func(p Point) float64) []report.Series {
	nothing := func(s report.Series) bool {
		return !slices.ContainsFunc(s.Values, func(v float64) bool { return v > 0 })
	}
	var list []report.Series
	for place, id := range o.Series.order {
		list = append(list, o.line(id.String(), func(p Point) float64 {
			if place < len(p.Shards) {
				return of(p.Shards[place])
			}
			return 0
		}))
	}
	list = slices.DeleteFunc(list, nothing)
	others := o.line("", rest)
	if nothing(others) {
		return report.Fold(list, charted, report.Sum)
	}
	n := max(0, len(list)-charted)
	if list = report.Fold(list, charted, report.Sum); n > 0 {
		for i, v := range list[charted].Values {
			others.Values[i] += v
		}
		list = list[:charted]
	}
	others.Name, others.Color = fmt.Sprintf("%s together", figures.Count(n+o.Series.ShardsOmitted, "other")), report.RestColor
	return append(list, others)
}

func (o *Outcome) useChart() report.Chart {
	c := o.timeChart("Use of the limits by the busiest shard",
		"What was asked of a shard as a part of what it takes, on average of the minute before, of the shard that was asked for most. Limits count by the second: a busiest second is that of any shard, and as limits hold a second's worth in reserve, one above 100 % need not throttle.",
		report.Axis{Label: "percent of one shard's limit", Unit: report.Percent, Least: 100})
	percent := func(of func(p Point) float64) func(p Point) float64 {
		return func(p Point) float64 { return 100 * of(p) }
	}
	busiest := o.line("writes, busiest second", percent(func(p Point) float64 { return p.MostUsed }))
	busiest.Dashed = true
	c.Series = []report.Series{
		{Name: "writes", Values: o.Series.minuteUse(func(u Use) float64 { return u.Writes })}, busiest,
		o.limit("the limit", func(Point) float64 { return 100 }),
	}
	if slices.ContainsFunc(o.Result.Consumers, func(r simulate.ConsumerResult) bool { return !r.FanOut }) {
		c.About += " Likewise the read limits that consumers without fan-out share; a large read is paid for afterwards, so its second may be above."
		// Polls do not come at even distances: with 60 % of the calls in use a
		// second with all of them is nothing unusual, and looks like a full shard.
		calls := o.line("read calls, busiest second", percent(func(p Point) float64 { return p.ReadCallsUsed }))
		bytes := o.line("read bytes, busiest second", percent(func(p Point) float64 { return p.ReadBytesUsed }))
		for _, s := range []*report.Series{&calls, &bytes} {
			s.Dashed, s.Hidden = true, true
		}
		c.Series = append(c.Series,
			report.Series{Name: "read calls", Values: o.Series.minuteUse(func(u Use) float64 { return u.ReadCalls })},
			report.Series{Name: "read bytes", Values: o.Series.minuteUse(func(u Use) float64 { return u.ReadBytes })},
			calls, bytes)
	}
	return c
}

func (o *Outcome) ageChart() report.Chart {
	c := o.timeChart("Iterator age", "How old the oldest record was that a consumer had not been given yet.",
		report.Axis{Label: "age", Unit: report.Seconds})
	c.Series = o.consumerLines(func(p ConsumerPoint) float64 { return p.Age.Seconds() })
	retention := o.Result.Storage.Retention
	if len(c.Series) > 0 && 2*o.mostAge() > retention {
		c.Series = append(c.Series, o.limit("retention", func(Point) float64 { return retention.Seconds() }))
	}
	c.Markers = o.outageMarkers()
	return c
}

// outageMarkers are the outages of the workload, those at the same time as one.
func (o *Outcome) outageMarkers() []report.Marker {
	const most = 12
	var list []report.Marker
	var who []int // consumers that each is of
	for _, consumer := range o.Result.Consumers {
		for _, outage := range consumer.Outages {
			m := report.Marker{At: outage.From.Seconds(), To: outage.To.Seconds(), Label: "outage of " + consumer.Name}
			same := slices.IndexFunc(list, func(l report.Marker) bool { return l.At == m.At && l.To == m.To })
			switch {
			case same >= 0:
				who[same]++
				list[same].Label = "outage of " + figures.Count(who[same], "consumer")
			case len(list) < most:
				list, who = append(list, m), append(who, 1)
			}
		}
	}
	return list
}

func (o *Outcome) mostAge() (most time.Duration) {
	for _, c := range o.Result.Consumers {
		most = max(most, c.MaxAge)
	}
	return most
}

func (o *Outcome) lagChart() report.Chart {
	c := o.timeChart("Backlog", "Records that a consumer had not been given yet.", report.Axis{Label: "records"})
	c.Series = o.consumerLines(func(p ConsumerPoint) float64 { return p.Lag })
	return c
}

// consumerLines returns a series for each consumer, as many as fit.
func (o *Outcome) consumerLines(of func(c ConsumerPoint) float64) []report.Series {
	var list []report.Series
	for i, consumer := range o.Result.Consumers {
		list = append(list, o.line(consumer.Name, func(p Point) float64 {
			if i < len(p.Consumers) {
				return of(p.Consumers[i])
			}
			return math.NaN()
		}))
	}
	return report.Fold(list, charted, math.Max)
}

func (o *Outcome) heldChart() report.Chart {
	c := o.timeChart("Stored", "What the stream holds until its retention is over, read or not.",
		report.Axis{Label: "bytes", Unit: report.Bytes})
	c.Series = []report.Series{o.line("held", func(p Point) float64 { return p.HeldBytes })}
	return c
}

// sweepChart shows what each number of shards throttles.
func (o *Outcome) sweepChart() report.Chart {
	c := report.Chart{
		Title: "By number of shards", About: "How often records were throttled for each 100 offered, and the busiest second of the busiest shard as a part of what it takes.",
		Wide: true, Kind: report.Line,
		XAxis: report.Axis{Label: "shards", Unit: report.Count}, YAxis: report.Axis{Label: "percent", Unit: report.Percent},
	}
	throttled := report.Series{Name: "throttles for each 100 records"}
	used := report.Series{Name: "busiest second of a shard", Dashed: true}
	for _, try := range o.Sweep {
		c.X = append(c.X, float64(try.Shards))
		throttled.Values = append(throttled.Values, 100*try.Share)
		used.Values = append(used.Values, 100*try.MostUsed)
	}
	c.Series = []report.Series{throttled, used}
	return c
}

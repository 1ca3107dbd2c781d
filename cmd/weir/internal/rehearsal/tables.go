package rehearsal

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/weirstream/weir/cmd/weir/internal/figures"
	"github.com/weirstream/weir/simulate"
)

// most is how many rows the tables have at most.
type most struct{ shards, episodes, changes, consumers, outages int }

// What a terminal shows, and a page.
var (
	printed = most{shards: 16, episodes: 8, changes: 12, consumers: 24, outages: 12}
	paged   = most{shards: 100, episodes: 50, changes: 100, consumers: 200, outages: 100}
)

// sections returns the tables that have anything to say.
func (o *Outcome) sections(most most) []section {
	all := []section{
		o.shardSection(most.shards), o.episodeSection(most.episodes), o.changeSection(most.changes),
		o.consumerSection(most.consumers), o.queueSection(most.consumers), o.outageSection(most.outages), o.fitSection(), o.sweepSection(),
	}
	return slices.DeleteFunc(all, func(s section) bool { return len(s.rows) == 0 })
}

// cut keeps the first rows of a table. When rows are left out its title says
// so, and which ones were kept.
func (s section) cut(most, all int, which string) section {
	if all > most || all > len(s.rows) {
		s.rows = s.rows[:min(most, len(s.rows))]
		s.title += fmt.Sprintf(", %s of %s: %s", figures.Comma(len(s.rows)), figures.Comma(all), which)
	}
	return s
}

// shardSection has a row for each shard, the most throttled ones if there are
// many. Shards that were only a step of a reshard are left out.
func (o *Outcome) shardSection(most int) section {
	shards := slices.DeleteFunc(slices.Clone(o.Result.Shards), func(sh simulate.ShardTotal) bool {
		return !sh.Open && sh.Closed == sh.Opened
	})
	all := len(shards) + o.Result.ShardsOmitted
	if all > most {
		slices.SortStableFunc(shards, func(a, b simulate.ShardTotal) int {
			return cmp.Or(cmp.Compare(b.ThrottledRecords, a.ThrottledRecords), cmp.Compare(b.OfferedRecords, a.OfferedRecords))
		})
	}
	s := section{
		title:  "Shards",
		header: []string{"shard", "of hash keys", "of records", "offered", "accepted", "throttled", "read", "read throttles", "open"},
		left:   []string{"open"},
	}
	for _, sh := range shards {
		s.rows = append(s.rows, []string{
			sh.Shard.String(), figures.Percent(sh.KeyShare), figures.Percent(sh.Share), figures.Comma(sh.OfferedRecords),
			figures.Comma(sh.AcceptedRecords), figures.Comma(sh.ThrottledRecords), figures.Comma(sh.ReadRecords + sh.FanOutRecords),
			figures.Comma(sh.ReadThrottled), lifeOf(sh),
		})
	}
	return s.cut(most, all, "the most throttled, then the busiest")
}

// lifeOf says when a shard was open, if that was not all the time.
func lifeOf(sh simulate.ShardTotal) string {
	switch {
	case !sh.Open:
		return fmt.Sprintf("%s to %s", moment(sh.Opened), moment(sh.Closed))
	case sh.Opened > 0:
		return "from " + moment(sh.Opened)
	default:
		return ""
	}
}

// episodeSection has the times in which records were throttled, the worst if
// there are many.
func (o *Outcome) episodeSection(most int) section {
	episodes := slices.Clone(o.Result.Episodes)
	all, which := len(episodes)+o.Result.EpisodesOmitted, "the worst"
	if o.Result.EpisodesOmitted > 0 {
		which = fmt.Sprintf("the worst of the first %s", figures.Comma(len(episodes)))
	}
	if all > most {
		slices.SortStableFunc(episodes, func(a, b simulate.Episode) int { return cmp.Compare(b.ThrottledRecords, a.ThrottledRecords) })
	}
	s := section{title: "When records were throttled", header: []string{"from", "to", "throttled records", "a second"}}
	for _, e := range episodes {
		s.rows = append(s.rows, []string{
			moment(e.From), moment(e.To), figures.Comma(e.ThrottledRecords), figures.Number(float64(e.ThrottledRecords) / (e.To - e.From).Seconds()),
		})
	}
	return s.cut(most, all, which)
}

// changeSection has the changes of the number of shards, the first ones if
// there are many, and what was refused.
func (o *Outcome) changeSection(most int) section {
	s := section{title: "Changes of the shards", header: []string{"at", "open before", "open after", "why"}, left: []string{"why"}}
	for _, c := range o.Result.Changes {
		s.rows = append(s.rows, []string{moment(c.At), figures.Comma(c.Before), figures.Comma(c.After), c.Why})
	}
	s = s.cut(most, len(s.rows)+o.Result.ChangesOmitted, "the first")
	for i, refused := range o.Result.RefusedReshards {
		if i == most {
			s.rows = append(s.rows, []string{"", "", "", fmt.Sprintf("and %s more refused", figures.Comma(len(o.Result.RefusedReshards)-most))})
			break
		}
		s.rows = append(s.rows, []string{moment(refused.At), "", "", fmt.Sprintf("refused: %s: %s", refused.What, refused.Why)})
	}
	return s
}

// consumerSection has a row for each consumer, those furthest behind if there
// are many.
func (o *Outcome) consumerSection(most int) section {
	consumers := slices.Clone(o.Result.Consumers)
	if len(consumers) > most {
		slices.SortStableFunc(consumers, func(a, b simulate.ConsumerResult) int { return cmp.Compare(b.MaxAge, a.MaxAge) })
	}
	s := section{title: "Consumers", header: []string{
		"consumer", "records", "mean age", "p99 age", "max age", "at", "busy", "throttled", "behind at the end", "expired unread",
	}, about: "Ages are those of the oldest record that a consumer had not been given at the end of a second."}
	for _, c := range consumers {
		name := c.Name
		if c.FanOut {
			name += " (fan-out)"
		}
		s.rows = append(s.rows, []string{
			name, figures.Comma(c.ReadRecords), figures.Duration(c.MeanAge), figures.Duration(c.P99Age), figures.Duration(c.MaxAge),
			moment(c.MaxAgeAt), figures.Percent(c.Utilisation), figures.Comma(c.Throttled), figures.Comma(c.LagRecords),
			figures.Comma(c.LostRecords),
		})
	}
	return s.cut(most, len(s.rows), "the oldest records")
}

// queueSection has a row for each queue, those whose records waited longest if
// there are many.
func (o *Outcome) queueSection(most int) section {
	queues := slices.Clone(o.Result.Queues)
	if len(queues) > most {
		slices.SortStableFunc(queues, func(a, b simulate.QueueResult) int { return cmp.Compare(b.MaxWait, a.MaxWait) })
	}
	s := section{title: "Queues", header: []string{
		"queue", "workers", "received", "again", "acknowledged", "mean wait", "p99 wait", "p99 done", "busy", "most waiting", "waiting at the end", "dead",
	}, about: "A wait is from a record's arrival until it was first received; done is when it was acknowledged."}
	for _, q := range queues {
		s.rows = append(s.rows, []string{
			q.Name, figures.Comma(q.Workers), figures.Comma(q.ReceivedRecords), figures.Comma(q.RedeliveredRecords), figures.Comma(q.AcknowledgedRecords),
			figures.Duration(q.MeanWait), figures.Duration(q.P99Wait), figures.Duration(q.P99Done), figures.Percent(q.Utilisation),
			figures.Comma(q.MaxLagRecords), figures.Comma(q.LagRecords), figures.Comma(q.DeadRecords),
		})
	}
	return s.cut(most, len(s.rows), "the longest waits")
}

// outageSection has a row for each outage, first those made up and then those
// of the workload.
func (o *Outcome) outageSection(most int) section {
	s := section{title: "Outages", header: []string{"consumer", "from", "to", "backlog", "caught up after", "expired unread"}}
	add := func(name string, outage simulate.Outage) {
		s.rows = append(s.rows, []string{
			name, moment(outage.From), moment(outage.To), figures.Comma(outage.Backlog), caughtUp(outage), figures.Comma(outage.LostRecords),
		})
	}
	for _, c := range o.CatchUps {
		if c.Why == "" {
			add(c.Consumer+" (--catch-up)", c.Outage)
		}
	}
	for _, c := range o.Result.Consumers {
		for _, outage := range c.Outages {
			add(c.Name, outage)
		}
	}
	return s.cut(most, len(s.rows), "the first")
}

func caughtUp(o simulate.Outage) string {
	if !o.CaughtUp {
		return "not in this run"
	}
	return figures.Duration(o.CatchUp)
}

// fitSection has a row for each number of shards that was tried to find the
// smallest.
func (o *Outcome) fitSection() section {
	s := section{
		title:  "Tried for --fit",
		about:  "In the order in which they were simulated. Where nothing may be throttled a run ends at the first second that throttles.",
		header: []string{"shards", "enough", "throttles"}, left: []string{"enough"},
	}
	if o.Fit == nil {
		return s
	}
	for _, t := range o.Fit.Tried {
		enough, throttles := "yes", figures.Comma(t.ThrottledRecords)
		if !t.Enough {
			enough = "no"
			if o.Fit.MaxThrottled == 0 {
				throttles = "some"
			}
		}
		s.rows, s.good = append(s.rows, []string{figures.Comma(t.Shards), enough, throttles}), append(s.good, t.Enough)
	}
	return s
}

// sweepSection has a row for each number of shards that was tried. What
// consumers met is left out if there are none.
func (o *Outcome) sweepSection() section {
	s := section{
		title:  "By number of shards",
		about:  "Each refusal of a record counts, also of one that is tried again. The price of the shards is an estimate: see weir cost.",
		header: []string{"shards", "throttles", "per 100 records", "given up", "busiest second of a shard", "shards a month, about USD"},
	}
	reads := len(o.Result.Consumers) > 0
	if reads {
		s.header = append(s.header, "max age", "read throttles", "expired unread")
	}
	for _, t := range o.Sweep {
		row := []string{
			figures.Comma(t.Shards), figures.Comma(t.Throttled), figures.Number(100 * t.Share), figures.Comma(t.GivenUp),
			figures.Percent(t.MostUsed), t.price(),
		}
		if reads {
			row = append(row, figures.Duration(t.MaxAge), figures.Comma(t.ReadThrottled), figures.Comma(t.Expired))
		}
		s.rows, s.good = append(s.rows, row), append(s.good, t.Throttled == 0)
	}
	return s
}

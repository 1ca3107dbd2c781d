package rehearsal

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weirstream/weir/cmd/weir/internal/cost"
	"github.com/weirstream/weir/cmd/weir/internal/figures"
	"github.com/weirstream/weir/simulate"
)

// Answers says in sentences what a planner wants to know of the run.
func (o *Outcome) Answers() []string {
	list := []string{o.traffic(), o.throttles(), o.refused(), o.floor(), o.swept(), o.fitAnswer(), o.placement(), o.onDemand()}
	list = append(append(append(list, o.retention()...), o.caughtUp()...), o.queues()...)
	return slices.DeleteFunc(list, func(s string) bool { return s == "" })
}

func (o *Outcome) traffic() string {
	r := o.Result
	if r.OfferedRecords == 0 {
		return "No records were put."
	}
	seconds := (r.Duration - r.WarmUp).Seconds()
	were := "were"
	if r.OfferedRecords == 1 {
		were = "was"
	}
	return fmt.Sprintf("%s of %s %s offered: %s/s on average, %s/s in the busiest second, at %s.",
		figures.Count(r.OfferedRecords, "record"), figures.Bytes(float64(r.OfferedBytes)), were,
		figures.Number(float64(r.OfferedRecords)/max(1, seconds)), figures.Comma(r.PeakRecords.N), moment(r.PeakRecords.At))
}

// throttles says how often records were throttled, and what became of them.
func (o *Outcome) throttles() string {
	r := o.Result
	if r.ThrottledRecords == 0 {
		return "Nothing was throttled."
	}
	lost := fmt.Sprintf("%s (%s of those offered) were given up", figures.Comma(r.LostRecords), figures.Percent(figures.Share(r.LostRecords, r.OfferedRecords)))
	if r.RetriedRecords == 0 && r.PendingRecords == 0 {
		return fmt.Sprintf("%s throttled and not tried again: %s, %s.", were(r.ThrottledRecords),
			figures.Percent(r.ThrottledShare())+" of those offered", byLimit(r))
	}
	s := fmt.Sprintf("Records were throttled %s times, %s times for each 100 offered, %s; %s.",
		figures.Comma(r.ThrottledRecords), figures.Number(100*r.ThrottledShare()), byLimit(r), lost)
	if r.PendingRecords > 0 {
		s += fmt.Sprintf(" %s still waiting to be tried again at the end.", were(r.PendingRecords))
	}
	return s
}

// byLimit says which limit throttled.
func byLimit(r *simulate.Result) string {
	records, bytes := r.ThrottledByRecords, r.ThrottledRecords-r.ThrottledByRecords
	switch {
	case bytes == 0:
		return "all by the limit of records"
	case records == 0:
		return "all by the limit of bytes"
	default:
		return fmt.Sprintf("%s by the limit of records, %s by that of bytes", figures.Comma(records), figures.Comma(bytes))
	}
}

// refused says how many records the stream takes at no time.
func (o *Outcome) refused() string {
	if o.Result.RefusedRecords == 0 {
		return ""
	}
	return were(o.Result.RefusedRecords) + " refused for what they are: larger than the stream takes, or with a bad key."
}

// were returns "1 record was" or "2 records were".
func were(n int64) string {
	if n == 1 {
		return "1 record was"
	}
	return figures.Count(n, "record") + " were"
}

// rare is up to which part of the records a key does not stand out.
const rare = 0.005

// floor says how far the hottest key sets a floor to what shards can do.
func (o *Outcome) floor() string {
	k := o.Result.HottestKey
	switch {
	case k.Records == 0:
		return ""
	case k.Records == 1:
		return "No key sets a floor: each is put once."
	case k.Shards > 1:
		return fmt.Sprintf("The hottest key, %q, has %s of the records. In its busiest minute it asks for %s of one shard's write limits: no number of shards is enough for it, and about %s of its records cannot pass in that minute.",
			k.Key, figures.Percent(k.Share), figures.Percent(k.Shards), figures.Percent(1-1/k.Shards))
	case k.Share < rare:
		return fmt.Sprintf("No key stands out: the hottest, %q, has %s of the records.", k.Key, figures.Percent(k.Share))
	case k.Shards == 0:
		return fmt.Sprintf("The hottest key, %q, has %s of the records.", k.Key, figures.Percent(k.Share))
	default:
		return fmt.Sprintf("The hottest key, %q, has %s of the records. In its busiest minute it asks for %s of one shard's write limits, which no number of shards can lower.",
			k.Key, figures.Percent(k.Share), figures.Percent(k.Shards))
	}
}

// fitAnswer says what number of shards is enough.
func (o *Outcome) fitAnswer() string {
	f := o.Fit
	if f == nil {
		return ""
	}
	goal := "throttle nothing"
	if f.MaxThrottled > 0 {
		goal = fmt.Sprintf("throttle at most %s", figures.Percent(f.MaxThrottled))
	}
	if len(o.Result.Changes)+len(o.Result.RefusedReshards) > 0 {
		goal += " without any reshard"
	}
	switch {
	case f.Interrupted && f.Shards == 0:
		return "INTERRUPTED before the smallest number of shards was found."
	case f.Impossible:
		return fmt.Sprintf("No number of shards would %s: %s.", goal, strings.TrimSuffix(f.Why, ": no number of shards is enough"))
	case f.Shards == 1:
		return fmt.Sprintf("One shard is enough to %s.", goal)
	case f.Fewer != nil && !f.Fewer.Interrupted:
		return fmt.Sprintf("%s are the fewest that %s; %s would throttle %s.", figures.Count(f.Shards, "shard"), goal,
			figures.Comma(f.Shards-1), figures.Percent(f.Fewer.ThrottledShare()))
	default:
		return fmt.Sprintf("%s are the fewest that %s.", figures.Count(f.Shards, "shard"), goal)
	}
}

// placement says what the number of shards that was found owes to the names of
// the keys.
func (o *Outcome) placement() string {
	f := o.Fit
	if f == nil || f.Shards < 1 {
		return ""
	}
	if f.Interrupted {
		return "INTERRUPTED before it was found how many shards are enough for other names of the keys."
	}
	if f.MostShare == 0 || f.MostShare >= 1 {
		return ""
	}
	s := fmt.Sprintf("One shard takes up to %s of the traffic; the busiest of %s has %s.",
		figures.Percent(f.MostShare), figures.Comma(f.Shards), figures.Percent(f.BusiestShare))
	if f.Namings == 0 {
		return s + " All keys have their names from the workload."
	}
	s += " Which keys share a shard is up to their names:"
	most := fmt.Sprintf("for 95 %% of %s", figures.Count(f.Namings, "other naming"))
	switch {
	case f.ShardsForMost == 0:
		s += fmt.Sprintf(" no number is enough %s.", most)
	case f.ShardsForMost == f.Shards:
		s += fmt.Sprintf(" the same number is enough %s.", most)
	default:
		s += fmt.Sprintf(" %s are enough %s.", figures.Count(f.ShardsForMost, "shard"), most)
	}
	if n := len(f.Worse); n > 0 {
		const shown = 8
		list := make([]string, 0, shown)
		for _, worse := range f.Worse[:min(n, shown)] {
			list = append(list, figures.Comma(worse))
		}
		which := strings.Join(list, ", ")
		if n > shown {
			which += " and " + figures.Comma(n-shown) + " more numbers"
		}
		s += fmt.Sprintf(" With these names more are not always enough: a shard has too much with %s.", which)
	}
	return s
}

// swept says which of the numbers that were tried is the smallest that
// throttles nothing.
func (o *Outcome) swept() string {
	var missing string
	if n := len(o.Sweep); n < o.asked {
		missing = fmt.Sprintf("INTERRUPTED when %d of %s of shards had been tried.", n, figures.Count(o.asked, "number"))
	}
	if len(o.Sweep) == 0 || o.Fit != nil && o.Fit.Shards > 0 {
		return missing
	}
	enough := slices.DeleteFunc(slices.Clone(o.Sweep), func(t Try) bool { return t.Throttled > 0 })
	answer := "All numbers of shards that were tried throttle something."
	if len(enough) > 0 {
		best := slices.MinFunc(enough, func(a, b Try) int { return cmp.Compare(a.Shards, b.Shards) })
		answer = fmt.Sprintf("Of the numbers that were tried %s is the smallest that throttles nothing.", figures.Count(best.Shards, "shard"))
	}
	return strings.TrimSpace(missing + " " + answer)
}

// onDemand says whether an on-demand stream throttled, and what helped.
func (o *Outcome) onDemand() string {
	d := o.Result.OnDemand
	switch {
	case d == nil:
		return ""
	case !d.Throttled:
		return "The on-demand stream throttled nothing."
	case !d.HasRecovered:
		return fmt.Sprintf("The on-demand stream throttled from %s on and still did at the end.", moment(d.FirstThrottled))
	}
	s := fmt.Sprintf("The on-demand stream throttled from %s until it recovered at %s", moment(d.FirstThrottled), moment(d.Recovered))
	if n := len(o.Result.Episodes) + o.Result.EpisodesOmitted; n > 1 {
		s = fmt.Sprintf("The on-demand stream throttled %s times, first at %s, and had recovered at %s", figures.Comma(n), moment(d.FirstThrottled), moment(d.Recovered))
	}
	return s + ", " + o.reason(d) + "."
}

// reason says whether an on-demand stream recovered because it grew.
func (o *Outcome) reason(d *simulate.OnDemand) string {
	for _, grown := range slices.Backward(o.Result.Changes) {
		if grown.At >= d.FirstThrottled && grown.At <= d.Recovered && grown.After > grown.Before {
			return fmt.Sprintf("after it had grown to %s at %s", figures.Count(grown.After, "shard"), moment(grown.At))
		}
	}
	for _, late := range o.Result.Changes {
		if late.At > d.Recovered && late.After > late.Before {
			return fmt.Sprintf("because the traffic had fallen: it grew only at %s, to %s", moment(late.At), figures.Count(late.After, "shard"))
		}
	}
	return "because the traffic had fallen: it did not grow"
}

// retention says when and for whom records expired unread.
func (o *Outcome) retention() (list []string) {
	for _, c := range o.Result.Consumers {
		if c.LostRecords > 0 {
			list = append(list, fmt.Sprintf("%s lost %s to the retention of %s, the first at %s.",
				c.Name, figures.Count(c.LostRecords, "record"), figures.Duration(o.Result.Storage.Retention), moment(c.FirstLost)))
		}
	}
	return list
}

// caughtUp says how long each consumer needs after an outage that is made up.
func (o *Outcome) caughtUp() (list []string) {
	for _, c := range o.CatchUps {
		outage := c.Outage
		switch {
		case c.Why != "":
			list = append(list, fmt.Sprintf("How %s would catch up is not known: %s.", c.Consumer, c.Why))
		case outage.CaughtUp:
			list = append(list, fmt.Sprintf("%s would need %s to catch up with an outage from %s to %s.",
				c.Consumer, figures.Duration(outage.CatchUp), moment(outage.From), moment(outage.To)))
		default:
			list = append(list, fmt.Sprintf("%s would not catch up with an outage from %s to %s before the end.",
				c.Consumer, moment(outage.From), moment(outage.To)))
		}
	}
	return list
}

// queues says of each queue whether its workers are enough, and what is not known
// of its price.
func (o *Outcome) queues() (list []string) {
	for _, q := range o.Result.Queues {
		s := fmt.Sprintf("%s had %s: %s were acknowledged", q.Name, figures.Count(q.Workers, "worker"), figures.Count(q.AcknowledgedRecords, "record"))
		if q.RedeliveredRecords > 0 {
			s += fmt.Sprintf(", and %s of what was received had been received before", figures.Percent(figures.Share(q.RedeliveredRecords, q.ReceivedRecords)))
		}
		if q.LateRecords > 0 {
			s += fmt.Sprintf("; %s were processed in vain, because the visibility was over", figures.Comma(q.LateRecords))
		}
		if q.ExpiredRecords > 0 {
			s += fmt.Sprintf("; %s expired", figures.Comma(q.ExpiredRecords))
		}
		list = append(list, s+".")
	}
	if len(list) > 0 {
		list = append(list, "What queues cost on the service is not known, so no price has them in it.")
	}
	return list
}

// price returns what the shards alone cost a month, as weir cost estimates it.
func (t Try) price() string {
	p := cost.BuiltIn()
	return cost.Money(t.MeanShards * p.HoursPerMonth * p.Provisioned.ShardHour)
}

// moment returns a time since the beginning, to the second: 10h23m5s.
func moment(d time.Duration) string { return d.Truncate(time.Second).String() }

package kinesistest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weirstream/weir"
)

// maxViolations is how many violations of a kind are told in full.
const maxViolations = 5

// Err returns how the consumer broke its promise until now, or nil: which
// record, when, and after which fault. What it says is not said again at the
// end of the test, what comes later is.
func (c *Checker) Err() error { return c.verdict(false) }

// verdict returns how the consumer broke its promise until now, or with unsaid
// in ways that were not told of yet.
func (c *Checker) verdict(unsaid bool) error {
	records := c.records()
	c.mu.Lock()
	defer c.mu.Unlock()
	seen := c.seenLocked(records)
	var all []violation
	if !c.guarantee.Losses {
		all = c.lostLocked(records, seen)
	}
	all = append(all, c.disorder(records, seen)...)
	all = append(all, c.repeatsLocked(records, seen)...)
	all = append(all, c.strangersLocked(records, seen)...)
	if unsaid {
		all = slices.DeleteFunc(all, func(v violation) bool { return c.told[v.id] })
	}
	if len(all) == 0 {
		return nil
	}
	if c.told == nil {
		c.told = make(map[violationID]bool, len(all))
	}
	for _, v := range all {
		c.told[v.id] = true
	}
	return errors.New(c.wordsLocked(records, all))
}

// seenLocked returns the sightings of records.
func (c *Checker) seenLocked(records Records) []sighting {
	seen := make([]sighting, len(records))
	for i := range records {
		seen[i] = c.seen[records[i].id()]
	}
	return seen
}

// wordsLocked returns violations in words, of each kind the first ones.
func (c *Checker) wordsLocked(records Records, all []violation) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d of %d records seen, %d times in all, seed %d", len(c.seen), len(records), c.total, c.fake.seed)
	of := make(map[string]int)
	for i, v := range all {
		if of[v.id.kind]++; of[v.id.kind] <= maxViolations {
			b.WriteString("\n  " + v.words())
		}
		last := i+1 == len(all) || all[i+1].id.kind != v.id.kind
		if more := of[v.id.kind] - maxViolations; last && more > 0 {
			fmt.Fprintf(&b, "\n  … and %d more %s", more, v.id.kind)
		}
	}
	return b.String()
}

// A violation is one way in which a consumer broke its promise. To word it
// takes time in proportion to the calls.
type violation struct {
	id    violationID
	words func() string
}

// A violationID is what violations are told apart by.
type violationID struct {
	kind   string
	record recordID
	what   string // of a stranger
}

func (c *Checker) lostLocked(records Records, seen []sighting) (list []violation) {
	for i, r := range records {
		if seen[i].nth > 0 {
			continue
		}
		list = append(list, violation{violationID{kind: "lost", record: r.id()}, func() string {
			text := fmt.Sprintf("lost: %v, number %s", r, r.SequenceNumber)
			if key := c.keys[r.PartitionKey]; key.records > 0 {
				text += fmt.Sprintf("; of its key %d were seen, the last at %s", key.records, clockTime(key.last))
			}
			return text + c.fake.faultNear(c.stream, r.ShardID(), r.ArrivalTime, true)
		}})
	}
	return list
}

// disorder finds records that were first seen before an earlier one of their
// key.
func (c *Checker) disorder(records Records, seen []sighting) (list []violation) {
	if c.guarantee.AnyOrder {
		return nil
	}
	latest := make(map[string]int) // by key: of the records before, the one seen last
	for i, r := range records {
		if seen[i].nth == 0 {
			continue
		}
		before, ok := latest[r.PartitionKey]
		if !ok || seen[before].nth < seen[i].nth {
			latest[r.PartitionKey] = i
			continue
		}
		list = append(list, violation{violationID{kind: "out of order", record: r.id()}, func() string {
			return fmt.Sprintf("out of order: %v was first seen at %s, before %v, which was put earlier%s",
				r, clockTime(seen[i].time()), records[before], c.fake.faultNear(c.stream, r.ShardID(), seen[i].time(), false))
		}})
	}
	return list
}

func (c *Checker) repeatsLocked(records Records, seen []sighting) (list []violation) {
	if c.guarantee.Repeats < 0 {
		return nil
	}
	for i, r := range records {
		if times := c.again[r.id()]; len(times) > c.guarantee.Repeats {
			again := times[c.guarantee.Repeats]
			list = append(list, violation{violationID{kind: "repeated", record: r.id()}, func() string {
				return fmt.Sprintf("repeated: %v was seen %d times, at %s and again at %s%s", r, 1+len(times),
					clockTime(seen[i].time()), clockTime(again), c.fake.faultNear(c.stream, r.ShardID(), again, false))
			}})
		}
	}
	return list
}

func (c *Checker) strangersLocked(records Records, seen []sighting) (list []violation) {
	add := func(what string) {
		list = append(list, violation{violationID{kind: "unknown", what: what}, func() string { return "unknown: " + what + " was never put" }})
	}
	for _, what := range c.unknown {
		add(what)
	}
	strangers := len(c.seen)
	for _, s := range seen {
		if s.nth > 0 {
			strangers--
		}
	}
	if strangers == 0 {
		return list
	}
	known := make(map[recordID]bool, len(records))
	for _, r := range records {
		known[r.id()] = true
	}
	var names []string
	for id := range c.seen {
		if !known[id] {
			names = append(names, id.String())
		}
	}
	slices.Sort(names)
	for _, name := range names {
		add(name)
	}
	return list
}

func (s sighting) time() time.Time { return time.Unix(0, s.at) }

// faultNear returns in words the last thing that went wrong for the readers of
// a shard before a time or, with after, the first one since. Puts are not among
// them: what was stored, was.
func (k *Fake) faultNear(stream string, shard weir.ShardID, at time.Time, after bool) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	var before, since *Call
	var last, first time.Time
	for _, c := range k.calls {
		about := c.Stream == "" || c.Stream == stream && (c.Shard < 0 || c.Shard == shard)
		if !about || strings.HasPrefix(c.Op, "Put") {
			continue
		}
		when, wrong := c.wentWrong(at)
		if wrong && !when.After(at) && !when.Before(last) {
			before, last = c, when
		}
		if wrong && !when.Before(at) && (since == nil || when.Before(first)) {
			since, first = c, when
		}
	}
	if after && since != nil {
		return "; the first fault since: " + since.String()
	}
	text := ""
	if before != nil {
		text = "; the last fault before: " + before.String()
	}
	for _, e := range slices.Backward(k.events) {
		if !e.at.After(at) {
			return text + "; " + e.String()
		}
	}
	return text
}

// wentWrong reports whether and when something went wrong with a call of a
// reader, seen from a time: a subscription that gives things twice does so all
// along, any other one goes wrong when it ends, if it fails.
func (c *Call) wentWrong(at time.Time) (time.Time, bool) {
	if c.Op != "SubscribeToShard" {
		return c.At, c.Fault != "" || c.Err != nil
	}
	end := c.At.Add(c.Took)
	if strings.Contains(c.Fault, action{kind: actDuplicate}.String()) && c.Err == nil {
		if at.Before(c.At) {
			return c.At, true
		}
		if !c.over || at.Before(end) {
			return at, true
		}
		return end, true
	}
	return end, c.Err != nil
}

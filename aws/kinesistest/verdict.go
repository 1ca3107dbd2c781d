package kinesistest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weirstream/weir"
)

// maxViolations is how many violations of a kind are told in full.
const maxViolations = 5

// Err returns how the consumer broke its promise until now, or nil: which
// record, when, and after which fault.
func (c *Checker) Err() error {
	records := c.records()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.verified = true
	var found []string
	tell := func(list []violation, kind string) {
		for _, v := range list[:min(len(list), maxViolations)] {
			found = append(found, v())
		}
		if more := len(list) - maxViolations; more > 0 {
			found = append(found, fmt.Sprintf("… and %d more %s", more, kind))
		}
	}
	seen := make([]sighting, len(records))
	for i, r := range records {
		seen[i] = c.seen[r.id()]
	}
	tell(c.lostLocked(records, seen), "lost")
	tell(c.disorder(records, seen), "out of order")
	tell(c.repeatsLocked(records, seen), "repeated")
	tell(c.strangersLocked(records, seen), "unknown")
	if len(found) == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d records seen, %d times in all, seed %d\n  %s",
		len(c.seen), len(records), c.total, c.fake.seed, strings.Join(found, "\n  "))
}

// A violation tells of one record in words, which takes time in proportion to
// the calls.
type violation func() string

func (c *Checker) lostLocked(records Records, seen []sighting) (list []violation) {
	if c.guarantee.Losses {
		return nil
	}
	for i, r := range records {
		if seen[i].nth > 0 {
			continue
		}
		list = append(list, func() string {
			text := fmt.Sprintf("lost: %v, number %s", r, r.SequenceNumber)
			if key := c.keys[r.PartitionKey]; key.records > 0 {
				text += fmt.Sprintf("; of its key %d were seen, the last at %s", key.records, clockTime(key.last))
			}
			return text + c.fake.faultNear(c.stream, r.ShardID(), r.ArrivalTime, true)
		})
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
		list = append(list, func() string {
			return fmt.Sprintf("out of order: %v was first seen at %s, before %v, which was put earlier%s",
				r, clockTime(seen[i].time()), records[before], c.fake.faultNear(c.stream, r.ShardID(), seen[i].time(), false))
		})
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
			list = append(list, func() string {
				return fmt.Sprintf("repeated: %v was seen %d times, at %s and again at %s%s", r, 1+len(times),
					clockTime(seen[i].time()), clockTime(again), c.fake.faultNear(c.stream, r.ShardID(), again, false))
			})
		}
	}
	return list
}

func (c *Checker) strangersLocked(records Records, seen []sighting) (list []violation) {
	add := func(what string) { list = append(list, func() string { return "unknown: " + what + " was never put" }) }
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

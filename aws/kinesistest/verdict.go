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

// Err returns how the consumer broke its promise until now, or nil: which record,
// when, and after which fault.
func (c *Checker) Err() error {
	records := c.records()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.verified = true
	var found []string
	tell := func(list []string, kind string) {
		if len(list) > maxViolations {
			list = append(list[:maxViolations:maxViolations], fmt.Sprintf("… and %d more %s", len(list)-maxViolations, kind))
		}
		found = append(found, list...)
	}
	seen := make([]sightings, len(records))
	for i, r := range records {
		seen[i] = c.seen[r.id()]
	}
	tell(c.lostLocked(records, seen), "lost")
	tell(c.disorder(records, seen), "out of order")
	tell(c.repeats(records, seen), "repeated")
	tell(c.strangersLocked(records, seen), "unknown")
	if len(found) == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d records seen, %d times in all, seed %d\n  %s",
		len(c.seen), len(records), c.total, c.fake.seed, strings.Join(found, "\n  "))
}

func (c *Checker) lostLocked(records Records, seen []sightings) []string {
	if c.guarantee.Losses {
		return nil
	}
	var list []string
	for i, r := range records {
		if !seen[i].first.IsZero() {
			continue
		}
		text := fmt.Sprintf("lost: %v, number %s", r, r.SequenceNumber)
		if key := c.keys[r.PartitionKey]; key.records > 0 {
			text += fmt.Sprintf("; of its key %d were seen, the last at %s", key.records, clockTime(key.last))
		}
		list = append(list, text+c.fake.faultBefore(c.stream, r.ShardID(), r.ArrivalTime, true))
	}
	return list
}

// disorder finds records that were first seen before an earlier one of their key.
func (c *Checker) disorder(records Records, seen []sightings) []string {
	if c.guarantee.AnyOrder {
		return nil
	}
	var list []string
	latest := make(map[string]int) // by key: of the records before, the one seen last
	for i, r := range records {
		if seen[i].first.IsZero() {
			continue
		}
		before, ok := latest[r.PartitionKey]
		if !ok || seen[before].nth < seen[i].nth {
			latest[r.PartitionKey] = i
			continue
		}
		list = append(list, fmt.Sprintf("out of order: %v was first seen at %s, before %v, which was put earlier%s",
			r, clockTime(seen[i].first), records[before], c.fake.faultBefore(c.stream, r.ShardID(), seen[i].first, false)))
	}
	return list
}

func (c *Checker) repeats(records Records, seen []sightings) []string {
	if c.guarantee.Repeats < 0 {
		return nil
	}
	var list []string
	for i, r := range records {
		if len(seen[i].again) > c.guarantee.Repeats {
			again := seen[i].again[c.guarantee.Repeats]
			list = append(list, fmt.Sprintf("repeated: %v was seen %d times, at %s and again at %s%s", r, 1+len(seen[i].again),
				clockTime(seen[i].first), clockTime(again), c.fake.faultBefore(c.stream, r.ShardID(), again, false)))
		}
	}
	return list
}

func (c *Checker) strangersLocked(records Records, seen []sightings) []string {
	var list []string
	for _, what := range c.unknown {
		list = append(list, "unknown: "+what+" was never put")
	}
	strangers := len(c.seen)
	for _, s := range seen {
		if !s.first.IsZero() {
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
	for id := range c.seen {
		if !known[id] {
			list = append(list, "unknown: "+id.String()+" was never put")
		}
	}
	slices.Sort(list)
	return list
}

func clockTime(t time.Time) string { return t.UTC().Format("15:04:05.000") }

// faultBefore returns in words the last thing that went wrong on a stream before a
// time or, with after, the first one since.
func (k *Fake) faultBefore(stream string, shard weir.ShardID, at time.Time, after bool) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	var found *Call
	for _, c := range k.calls {
		about := c.Stream == "" || c.Stream == stream && (c.Shard < 0 || c.Shard == shard)
		if !about || c.Fault == "" && c.Err == nil {
			continue
		}
		if after && !c.At.Before(at) {
			return "; the first fault since: " + c.String()
		}
		if !c.At.After(at) {
			found = c
		}
	}
	text := ""
	if found != nil {
		text = "; the last fault before: " + found.String()
	}
	for _, e := range slices.Backward(k.events) {
		if !e.at.After(at) {
			return text + "; " + e.String()
		}
	}
	return text
}

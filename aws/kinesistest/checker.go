package kinesistest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/weirstream/weir"
)

// A Guarantee is what a consumer promises.
type Guarantee struct {
	// Repeats is how many times more than once a record may be seen. Zero means
	// never, negative any number of times.
	Repeats int
	// AnyOrder means that records of a key may be first seen in any order.
	AnyOrder bool
	// Losses means that records may be left out, as by a consumer that begins at
	// the tip.
	Losses bool
}

// ExactlyOnce is every record once, each key in order.
func ExactlyOnce() Guarantee { return Guarantee{} }

// AtLeastOnce is every record once or more, each key in order when first seen.
func AtLeastOnce() Guarantee { return Guarantee{Repeats: -1} }

// AtMostOnce is no record twice, each key in order.
func AtMostOnce() Guarantee { return Guarantee{Losses: true} }

// A Checker watches a consumer: the consumer under test tells it what it sees, and
// the checker tells whether that is what was put. Its methods may be called by any
// number of goroutines at a time.
type Checker struct {
	fake      *Fake
	stream    string
	guarantee Guarantee

	mu       sync.Mutex // guards what follows
	seen     map[weir.SequenceNumber]sightings
	keys     map[string]progress // by partition key
	unknown  []string
	byData   map[string]Record // made when first needed
	verified bool
	total    int // sightings
}

// sightings are the times that a record was seen.
type sightings struct {
	first time.Time // zero: never
	nth   int       // of all sightings, the first one
	again []time.Time
}

// progress is how far a key was seen.
type progress struct {
	records int // first sightings
	last    time.Time
}

// Checker returns a checker for the records of a stream that are put from now on,
// and those that are in it already. The test fails at its end if the consumer did
// not do what it promises, unless [Checker.Check] said so before.
func (k *Fake) Checker(stream string, g Guarantee) *Checker {
	k.need(stream)
	c := &Checker{fake: k, stream: stream, guarantee: g,
		seen: make(map[weir.SequenceNumber]sightings), keys: make(map[string]progress)}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.checkers = append(k.checkers, c)
	return c
}

// Saw tells that the consumer saw records of the SDK, in this order.
func (c *Checker) Saw(records ...types.Record) {
	for _, r := range records {
		if r.SequenceNumber == nil || r.PartitionKey == nil {
			c.stranger("a record without sequence number")
			continue
		}
		c.SawNumber(*r.PartitionKey, *r.SequenceNumber)
	}
}

// SawNumber tells that the consumer saw the record of a sequence number.
func (c *Checker) SawNumber(key, number string) {
	n, err := weir.ParseSequenceNumber(number)
	if err != nil {
		c.stranger(number)
		return
	}
	c.saw(key, n)
}

// SawData tells that the consumer saw a record with some data, for consumers that
// give nothing else. Records are told apart by their data then.
func (c *Checker) SawData(data []byte) {
	c.mu.Lock()
	r, ok := c.byData[string(data)]
	c.mu.Unlock()
	if !ok {
		records := c.fake.Records(c.stream)
		c.mu.Lock()
		c.byData = make(map[string]Record, len(records))
		for _, r := range records {
			c.byData[string(r.Data)] = r
		}
		r, ok = c.byData[string(data)]
		c.mu.Unlock()
	}
	if !ok {
		c.stranger(fmt.Sprintf("data %q", shorten(string(data), 40)))
		return
	}
	c.saw(r.PartitionKey, r.SequenceNumber)
}

func (c *Checker) saw(key string, n weir.SequenceNumber) {
	now := c.fake.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.total++
	s := c.seen[n]
	if !s.first.IsZero() {
		s.again = append(s.again, now)
		c.seen[n] = s
		return
	}
	c.seen[n] = sightings{first: now, nth: c.total}
	c.keys[key] = progress{c.keys[key].records + 1, now}
}

func (c *Checker) stranger(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unknown = append(c.unknown, what)
}

// Seen returns how many different records the consumer has seen.
func (c *Checker) Seen() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.seen)
}

// Repeats returns how many times the consumer saw a record that it had seen before.
func (c *Checker) Repeats() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.total - len(c.seen)
}

// Complete reports whether the consumer has seen every record there is, for
// [Fake.WaitFor].
func (c *Checker) Complete() bool {
	records := c.fake.Records(c.stream)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range records {
		if c.seen[r.SequenceNumber].first.IsZero() {
			return false
		}
	}
	return true
}

// Check fails the test for each way in which the consumer broke its promise until
// now, and reports whether there was none. What is not seen yet counts as lost.
func (c *Checker) Check() bool {
	c.fake.t.Helper()
	err := c.Err()
	if err != nil {
		c.fake.t.Errorf("kinesistest: the consumer of %s: %v", c.stream, err)
	}
	return err == nil
}

// maxViolations is how many violations of a kind are told in full.
const maxViolations = 5

// Err returns how the consumer broke its promise until now, or nil: which record,
// when, and after which fault.
func (c *Checker) Err() error {
	records := c.fake.Records(c.stream)
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
		seen[i] = c.seen[r.SequenceNumber]
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
	known := make(map[weir.SequenceNumber]bool, len(records))
	for _, r := range records {
		known[r.SequenceNumber] = true
	}
	for n := range c.seen {
		if !known[n] {
			list = append(list, "unknown: number "+n.String()+" was never put")
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

// reportCheckers fails the test for checkers that nobody asked.
func (k *Fake) reportCheckers() {
	k.t.Helper()
	k.mu.Lock()
	checkers := slices.Clone(k.checkers)
	k.mu.Unlock()
	for _, c := range checkers {
		c.mu.Lock()
		verified := c.verified
		c.mu.Unlock()
		if !verified {
			c.Check()
		}
	}
}

// AssertExactlyOnce fails the test unless got is every record of a stream, once,
// each key in order.
func (k *Fake) AssertExactlyOnce(stream string, got []types.Record) bool {
	k.t.Helper()
	k.need(stream)
	c := &Checker{fake: k, stream: stream, seen: make(map[weir.SequenceNumber]sightings), keys: make(map[string]progress)}
	c.Saw(got...)
	return c.Check()
}

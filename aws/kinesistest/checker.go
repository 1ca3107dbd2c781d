package kinesistest

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
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
	// Losses means that records may be left out, as by a consumer that begins
	// at the tip.
	Losses bool
	// UserRecords means that the consumer takes aggregates apart: what it is to
	// see are the user records of [Records.Deaggregate].
	UserRecords bool
}

// ExactlyOnce is every record once, each key in order.
func ExactlyOnce() Guarantee { return Guarantee{} }

// AtLeastOnce is every record once or more, each key in order when first seen.
func AtLeastOnce() Guarantee { return Guarantee{Repeats: -1} }

// FromAQueue is what queues promise: every record once or more, in any order.
func FromAQueue() Guarantee { return Guarantee{Repeats: -1, AnyOrder: true} }

// AtMostOnce is no record twice, each key in order.
func AtMostOnce() Guarantee { return Guarantee{Losses: true} }

// A Checker watches a consumer: the consumer under test tells it what it sees,
// and the checker tells whether that is what was put. Its methods may be called
// by any number of goroutines at a time.
type Checker struct {
	fake      *Fake
	stream    string
	guarantee Guarantee

	mu      sync.Mutex // guards what follows
	seen    map[recordID]sighting
	again   map[recordID][]time.Time // further sightings
	keys    map[string]progress      // by partition key
	unknown []string
	byData  map[string]Record // made when first needed, likewise the next two
	byID    map[string]Record
	users   map[weir.SequenceNumber][]Record // by the record they came in
	told    map[violationID]bool             // what Err or Check said
	missing bool                             // Complete was asked, and did not hold
	total   int                              // sightings
}

// A recordID is what a checker tells records apart by.
type recordID struct {
	number weir.SequenceNumber
	sub    int
}

func (id recordID) String() string {
	if id.sub == 0 {
		return "number " + id.number.String()
	}
	return fmt.Sprintf("user record %d of number %v", id.sub, id.number)
}

func (r *Record) id() recordID { return recordID{r.SequenceNumber, r.SubSequence} }

// A sighting is the first time that a record was seen. It is small and without
// pointers, for there may be millions.
type sighting struct {
	at  int64 // nanoseconds since 1970
	nth int   // of all sightings; 0: never
}

// progress is how far a key was seen.
type progress struct {
	records int // first sightings
	last    time.Time
}

// Checker returns a checker for the records of a stream that are put from now
// on, and those that are in it already. At its end, whatever it was asked
// before, the test fails if the consumer did not do what it promises: with what
// neither [Checker.Check] nor [Checker.Err] said before.
func (k *Fake) Checker(stream string, g Guarantee) *Checker {
	k.t.Helper()
	c := k.newChecker(stream, g)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.checkers = append(k.checkers, c)
	return c
}

func (k *Fake) newChecker(stream string, g Guarantee) *Checker {
	k.t.Helper()
	k.need(stream)
	return &Checker{fake: k, stream: stream, guarantee: g, seen: make(map[recordID]sighting),
		again: make(map[recordID][]time.Time), keys: make(map[string]progress)}
}

// records returns what the consumer is to see.
func (c *Checker) records() Records {
	if c.guarantee.UserRecords {
		return c.fake.Records(c.stream).Deaggregate()
	}
	return c.fake.Records(c.stream)
}

// Saw tells that the consumer saw records of the SDK, in this order.
func (c *Checker) Saw(records ...types.Record) {
	for _, r := range records {
		if r.SequenceNumber == nil || r.PartitionKey == nil {
			c.stranger("a record without sequence number")
			continue
		}
		sub := 0
		if c.guarantee.UserRecords {
			sub = c.subSequenceOf(r)
		}
		c.SawUserRecord(*r.PartitionKey, *r.SequenceNumber, sub)
	}
}

// subSequenceOf returns which user record of an aggregate r is, by its key and
// data; of several that are alike the first one that was not seen yet.
func (c *Checker) subSequenceOf(r types.Record) int {
	n, _ := weir.ParseSequenceNumber(*r.SequenceNumber)
	c.mu.Lock()
	users, known := c.users[n]
	c.mu.Unlock()
	if !known {
		users = c.learnUsers(n)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	found := 0
	for _, u := range users {
		if u.PartitionKey != *r.PartitionKey || !bytes.Equal(u.Data, r.Data) {
			continue
		}
		if found = u.SubSequence; c.seen[u.id()].nth == 0 {
			break
		}
	}
	return found
}

// learnUsers returns the user records of a record.
func (c *Checker) learnUsers(n weir.SequenceNumber) []Record {
	users := make(map[weir.SequenceNumber][]Record)
	for _, u := range c.records() {
		users[u.SequenceNumber] = append(users[u.SequenceNumber], u)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.users = users
	return users[n]
}

// SawNumber tells that the consumer saw the record of a sequence number.
func (c *Checker) SawNumber(key, number string) { c.SawUserRecord(key, number, 0) }

// SawUserRecord tells that the consumer saw a user record, by the sequence
// number of the record that it came in and its place there, from 0.
func (c *Checker) SawUserRecord(key, number string, subSequence int) {
	n, err := weir.ParseSequenceNumber(number)
	if err != nil {
		c.stranger("number " + strconv.Quote(shorten(number, 60)))
		return
	}
	c.saw(key, recordID{n, subSequence})
}

// SawData tells that the consumer saw a record with some data, for consumers
// that give nothing else. Records are told apart by their data then.
func (c *Checker) SawData(data []byte) {
	c.mu.Lock()
	r, ok := c.byData[string(data)]
	c.mu.Unlock()
	if !ok {
		records := c.records()
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
	c.saw(r.PartitionKey, r.id())
}

func (c *Checker) saw(key string, id recordID) {
	now := c.fake.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.total++
	if c.seen[id].nth > 0 {
		c.again[id] = append(c.again[id], now)
		return
	}
	c.seen[id] = sighting{now.UnixNano(), c.total}
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

// Repeats returns how many times the consumer saw a record that it had seen
// before.
func (c *Checker) Repeats() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.total - len(c.seen)
}

// Complete reports whether the consumer has seen every record there is, for
// [Fake.WaitFor].
func (c *Checker) Complete() bool {
	complete := c.complete()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.missing = !complete
	return complete
}

func (c *Checker) complete() bool {
	if !c.guarantee.UserRecords && c.Seen() < c.fake.recordCount(c.stream) {
		return false // without a look at each of them
	}
	records := c.records()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range records {
		if c.seen[r.id()].nth == 0 {
			return false
		}
	}
	return true
}

// Check fails the test for each way in which the consumer broke its promise
// until now, and reports whether there was none. What is not seen yet counts as
// lost.
func (c *Checker) Check() bool {
	c.fake.t.Helper()
	err := c.Err()
	if err != nil {
		c.fake.t.Errorf("kinesistest: the consumer of %s: %v", c.stream, err)
	}
	return err == nil
}

// reportCheckers fails the test for what checkers did not say yet: a record may
// have been put, or seen again, after they were last asked.
func (k *Fake) reportCheckers() {
	k.t.Helper()
	k.mu.Lock()
	checkers := slices.Clone(k.checkers)
	k.mu.Unlock()
	for _, c := range checkers {
		if err := c.verdict(true); err != nil {
			k.t.Errorf("kinesistest: the consumer of %s: %v", c.stream, err)
		}
	}
}

// missed returns in words what the checkers miss whose Complete was asked in
// vain, for [Fake.WaitFor].
func (k *Fake) missed() string {
	k.mu.Lock()
	checkers := slices.Clone(k.checkers)
	k.mu.Unlock()
	text := ""
	for _, c := range checkers {
		records := c.records()
		c.mu.Lock()
		if c.missing {
			seen := c.seenLocked(records)
			text += "\n" + c.wordsLocked(records, c.lostLocked(records, seen))
		}
		c.mu.Unlock()
	}
	return text
}

// forgetMissing forgets whose Complete was asked.
func (k *Fake) forgetMissing() {
	k.mu.Lock()
	checkers := slices.Clone(k.checkers)
	k.mu.Unlock()
	for _, c := range checkers {
		c.mu.Lock()
		c.missing = false
		c.mu.Unlock()
	}
}

// AssertExactlyOnce fails the test unless got is every record of a stream,
// once, each key in order.
func (k *Fake) AssertExactlyOnce(stream string, got []types.Record) bool {
	k.t.Helper()
	c := k.newChecker(stream, ExactlyOnce())
	c.Saw(got...)
	return c.Check()
}

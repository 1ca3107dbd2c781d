package model

import (
	"regexp"
	"slices"
	"time"
)

// A Consumer is a registered reader.
type Consumer struct {
	Name    string
	Created int64
	latest  map[int]*Subscription // by shard, ended or not
}

var goodName = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,128}$`)

// Consumers returns the registered consumers in the order of registration.
func (s *Stream) Consumers() []*Consumer { return s.consumers }

// Consumer returns a registered consumer, or nil.
func (s *Stream) Consumer(name string) *Consumer {
	for _, c := range s.consumers {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// Register registers a consumer.
func (s *Stream) Register(name string, now int64) Fault {
	switch {
	case !goodName.MatchString(name):
		return BadArgument
	case s.Consumer(name) != nil:
		return ConsumerExists
	case len(s.consumers) >= s.config.Consumers:
		return TooManyConsumers
	}
	s.consumers = append(s.consumers, &Consumer{name, now, map[int]*Subscription{}})
	return OK
}

// Deregister removes a consumer and ends its subscriptions.
func (s *Stream) Deregister(name string) Fault {
	c := s.Consumer(name)
	if c == nil {
		return ConsumerNotFound
	}
	s.consumers = slices.DeleteFunc(s.consumers, func(o *Consumer) bool { return o == c })
	for _, sub := range c.latest {
		sub.end(ConsumerNotFound)
	}
	return OK
}

// A Subscription reads one shard for a consumer. Its throughput has no limit.
type Subscription struct {
	stream *Stream
	Shard  int
	next   uint64 // index of the record to be given next, from 0
	begun  int64
	idleAt int64 // when the next event is due, records or not
	ended  Fault
}

// end ends a subscription unless it has ended.
func (sub *Subscription) end(f Fault) {
	if sub.ended == OK {
		sub.ended = f
	}
}

// Close ends a subscription.
func (sub *Subscription) Close() { sub.end(SubscriptionShut) }

// Subscribe begins a subscription, or says for how long it is refused.
func (s *Stream) Subscribe(name string, shard int, p Position, now int64) (*Subscription, time.Duration, Fault) {
	it, f := s.Iterator(shard, p, now)
	if f != OK {
		return nil, 0, f
	}
	c := s.Consumer(name)
	if c == nil {
		return nil, 0, ConsumerNotFound
	}
	if before := c.latest[shard]; before != nil {
		if wait := before.begun + int64(s.config.SubscribeTakeover) - now; wait > 0 {
			return nil, time.Duration(wait), Active
		}
		if now >= before.overAt() {
			before.end(SubscriptionEnded)
		}
		before.end(TakenOver)
	}
	sub := &Subscription{stream: s, Shard: shard, next: it.next, begun: now, idleAt: now}
	c.latest[shard] = sub
	return sub, 0, OK
}

func (sub *Subscription) overAt() int64 {
	return sub.begun + int64(sub.stream.config.SubscriptionLifetime)
}

// An Event is what a subscription gives.
type Event struct {
	Records  []Record
	Continue uint64 // the index before the next record's, as numbers count: from 1
	Behind   int64
	Last     bool // the shard's end: Children instead of Continue
	Children []int
}

// Next returns the event that is due, if there is one.
func (sub *Subscription) Next(now int64) (e Event, due bool, f Fault) {
	if now >= sub.overAt() {
		sub.end(SubscriptionEnded)
	}
	if sub.ended != OK {
		return e, false, sub.ended
	}
	s := sub.stream
	sh := s.shards[sub.Shard]
	sub.next = max(sub.next, s.first(sh, now))
	e.Records = s.page(sh, sub.next, s.config.EventRecords, s.config.EventBytes)
	sub.next += uint64(len(e.Records))
	e.Last = sh.Closed && sub.next >= uint64(len(sh.records))
	if len(e.Records) == 0 && !e.Last && now < sub.idleAt {
		return Event{}, false, OK
	}
	sub.idleAt = now + int64(s.config.IdleEventInterval)
	e.Continue = sub.next
	if n := len(e.Records); n > 0 && sub.next < uint64(len(sh.records)) {
		e.Behind = max(0, floorDiv(now, 1e6)-e.Records[n-1].Arrival)
	}
	if e.Last {
		e.Children = sh.Children
		sub.end(SubscriptionEnded)
	}
	return e, true, OK
}

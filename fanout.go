package weir

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/weirstream/weir/internal/clock"
	"github.com/weirstream/weir/internal/seconds"
)

// A Consumer is a registered reader of a stream, which has a throughput of its
// own on every shard: enhanced fan-out. It reads through [Stream.Subscribe].
type Consumer struct {
	Name string `json:"name"`
	// CreatedAt is when it was registered. A name that is registered again has
	// another time.
	CreatedAt time.Time `json:"created_at"`
}

// RegisterConsumer registers a consumer. Its name has 1 to 128 of the
// characters a-z A-Z 0-9 . _ and -, and is the only one of that name on the
// stream; else the error matches [ErrInvalidArgument] or [ErrConsumerExists].
// It matches [ErrLimitExceeded] when the stream has [Limits.Consumers] already.
func (s *Stream) RegisterConsumer(ctx context.Context, name string) (Consumer, error) {
	now, err := s.begin(ctx)
	if err != nil {
		return Consumer{}, err
	}
	return s.register(name, now)
}

// register registers a consumer as of a moment.
func (s *Stream) register(name string, at clock.Instant) (Consumer, error) {
	if err := checkName("consumer name", name); err != nil {
		return Consumer{}, err
	}
	s.fanOut.mu.Lock()
	defer s.fanOut.mu.Unlock()
	list := s.fanOut.consumers
	switch {
	case s.fanOut.placeLocked(name) >= 0:
		return Consumer{}, s.consumerError(name, ErrConsumerExists)
	case len(list) >= s.limits.Consumers:
		return Consumer{}, &LimitError{Quota: QuotaConsumers, Stream: s.name, Most: s.limits.Consumers}
	}
	c := &consumer{name: name, created: at, subscriptions: make(map[ShardID]*Subscription)}
	c.history.Grown = s.history.Grown
	c.history.Init(s.history.Window(), consumerSums, consumerKinds-consumerSums)
	if s.disk != nil {
		if err := s.disk.register(name, at); err != nil {
			return Consumer{}, err
		}
	}
	s.fanOut.consumers = append(list, c)
	s.countMemory(consumerBytes)
	return c.describe(), nil
}

// Consumers returns the registered consumers in the order of their
// registration.
func (s *Stream) Consumers() []Consumer {
	s.fanOut.mu.Lock()
	defer s.fanOut.mu.Unlock()
	var list []Consumer
	for _, c := range s.fanOut.consumers {
		list = append(list, c.describe())
	}
	return list
}

// DeregisterConsumer removes a consumer and its metrics. Its subscriptions end:
// their Next returns an error that matches [ErrConsumerNotFound], as does this
// method's when there is no such consumer.
func (s *Stream) DeregisterConsumer(ctx context.Context, name string) error {
	if err := checkContext(ctx); err != nil {
		return err
	}
	s.fanOut.mu.Lock()
	defer s.fanOut.mu.Unlock()
	c, err := s.consumerLocked(name)
	if err != nil {
		return err
	}
	place := s.fanOut.placeLocked(name)
	if s.disk != nil {
		if err := s.disk.deregister(name); err != nil {
			return err
		}
	}
	s.fanOut.consumers = slices.Delete(s.fanOut.consumers, place, place+1)
	s.countMemory(-consumerBytes - c.history.Bytes())
	for _, sub := range c.subscriptions {
		sub.end(s.consumerError(name, ErrConsumerNotFound))
	}
	return nil
}

// fanOut is the registered consumers of a stream.
type fanOut struct {
	mu        sync.Mutex // guards consumers and their subscriptions; taken before a Subscription's
	consumers []*consumer
}

// A consumer is a registered consumer with its subscriptions.
type consumer struct {
	name    string        // immutable
	created clock.Instant // immutable
	history seconds.History
	// subscriptions has the last subscription to each shard, which may have
	// ended. Guarded by fanOut.mu.
	subscriptions map[ShardID]*Subscription
	sweepAt       int // how many there are when the ended ones are swept out next
}

func (c *consumer) describe() Consumer { return Consumer{c.name, c.created.Time()} }

// placeLocked returns the place of a consumer in the list, or -1.
func (f *fanOut) placeLocked(name string) int {
	return slices.IndexFunc(f.consumers, func(c *consumer) bool { return c.name == name })
}

// consumerLocked returns a registered consumer. The caller holds fanOut.mu.
func (s *Stream) consumerLocked(name string) (*consumer, error) {
	if i := s.fanOut.placeLocked(name); i >= 0 {
		return s.fanOut.consumers[i], nil
	}
	return nil, s.consumerError(name, ErrConsumerNotFound)
}

func (s *Stream) consumerError(name string, err error) error {
	return fmt.Errorf("consumer %q of stream %s: %w", name, s.name, err)
}

// fewSubscriptions is how many subscriptions of a consumer are not worth
// sweeping.
const fewSubscriptions = 64

// enterLocked makes sub the consumer's subscription to its shard. The one
// before it is taken over. Subscriptions to shards that nobody reads any more
// are swept out when there are twice as many as after the last time, so that
// the map stays bounded at a constant cost. The caller holds fanOut.mu.
func (c *consumer) enterLocked(sub *Subscription, now clock.Instant) {
	s := sub.stream
	if before := c.subscriptions[sub.sh.id]; before != nil && before.over(now) {
		before.end(io.EOF) // or a clock that is set back would revive it
	} else if before != nil {
		before.end(fmt.Errorf("subscription of consumer %q to %s of stream %s: %w",
			c.name, sub.sh.id, s.name, ErrSubscriptionTakenOver))
	}
	if len(c.subscriptions) >= max(c.sweepAt, fewSubscriptions) {
		for id, old := range c.subscriptions {
			if old.over(now) && now >= old.begun.Plus(s.limits.SubscribeTakeover) {
				delete(c.subscriptions, id)
			}
		}
		c.sweepAt = 2 * len(c.subscriptions)
	}
	c.subscriptions[sub.sh.id] = sub
}

// subscriptionsOf returns the last subscriptions of a consumer, those that have
// ended too.
func (f *fanOut) subscriptionsOf(c *consumer) []*Subscription {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Collect(maps.Values(c.subscriptions))
}

// What a registered consumer's history counts.
const (
	kindSubscribed       = iota // subscriptions begun
	kindSubscribeRefused        // calls of Subscribe refused
	kindEvents                  // events given out
	kindEventRecords            // records in them
	kindEventBytes
	kindBehindSum // milliseconds that events were behind, summed up
	consumerSums
)

const (
	kindBehind = consumerSums + iota // the most that an event was behind
	consumerKinds
)

// countSubscribe counts a call of Subscribe.
func (c *consumer) countSubscribe(now clock.Instant, err error) {
	kind := kindSubscribed
	if err != nil {
		kind = kindSubscribeRefused
	}
	c.history.Add(now.Second(), kind, 1)
}

// countEvent counts an event with so many records and bytes.
func (c *consumer) countEvent(now clock.Instant, records, bytes int, behindMs int64) {
	c.history.Add(now.Second(), kindEvents, 1, int64(records), int64(bytes), behindMs, behindMs)
}

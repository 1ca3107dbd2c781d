package weir

import (
	"context"
	"errors"
	"io"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/weirstream/weir/internal/shardlog"
	"github.com/weirstream/weir/internal/wait"
)

// A Follower reads a stream, or a shard and what follows it, for a registered
// consumer and for as long as it is wanted: it renews each subscription when its
// life is over, and begins a closed shard's children when all their parents that
// it reads are read to their end. So each key's records come in the order in
// which they were put, over any number of splits and merges, each once.
//
// Where the consumer subscribed to a shard less than [Limits.SubscribeTakeover]
// ago, the Follower waits until it can take over. Use it from one goroutine at a
// time; [Follower.Close] may be called from any. Looking for the next event costs
// time in proportion to the shards that are read.
type Follower struct {
	stream   *Stream // immutable
	consumer string  // immutable
	out      outlet

	mu      sync.Mutex // guards what follows; never held while waiting; taken before fanOut.mu
	reading []*Subscription
	turn    int       // the subscription to poll first
	refused []refusal // shards to be subscribed to later
	// ended is the shards read to their end whose children are not begun: a merge
	// waits for both parents.
	ended map[ShardID]*shard
	// begun is the shards that are not to be begun again: one at least of their
	// ancestors may still be read.
	begun map[ShardID]bool
	err   error // why it ended; nil while it runs
}

// A refusal is a shard that cannot be subscribed to before a moment.
type refusal struct {
	shardCursor
	until instant
}

// Follow returns a follower of the whole stream. from is the trim horizon, latest
// or a time, and is taken at the call. The error matches [ErrConsumerNotFound]
// or [ErrInvalidArgument].
func (s *Stream) Follow(consumer string, from Position) (*Follower, error) {
	if from.kind == atSequence || from.kind == afterSequence {
		return nil, invalidf("position", "%v belongs to one shard; a stream is read from the trim horizon, latest or a time", from)
	}
	now := s.now()
	var at []shardCursor
	for _, sh := range s.roots(from, now) {
		c, err := sh.locate(from, now)
		if err != nil {
			return nil, err
		}
		at = append(at, shardCursor{sh, c})
	}
	return s.follow(consumer, at, now)
}

// FollowShard returns a follower of one shard, its children, and so on. A child
// of a merge is followed even though its other parent may not be; its records
// then come after those of the one that is. The error matches
// [ErrConsumerNotFound], or is what [Stream.Iterator] returns.
func (s *Stream) FollowShard(consumer string, shard ShardID, from Position) (*Follower, error) {
	now := s.now()
	sh, err := s.readable(shard, now)
	if err != nil {
		return nil, err
	}
	c, err := sh.locate(from, now)
	if err != nil {
		return nil, err
	}
	return s.follow(consumer, []shardCursor{{sh, c}}, now)
}

// ResumeFollow returns a follower of the whole stream that continues where the
// follower or reader stood that gave the positions, as [Stream.ResumeStream]
// does.
func (s *Stream) ResumeFollow(consumer string, p Positions) (*Follower, error) {
	r, err := s.ResumeStream("", p)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var at []shardCursor
	for _, c := range r.cursors {
		at = append(at, *c)
	}
	f, err := s.follow(consumer, at, s.now())
	if err == nil {
		f.ended = r.ended
	}
	return f, err
}

func (s *Stream) follow(consumer string, at []shardCursor, now instant) (*Follower, error) {
	f := &Follower{
		stream: s, consumer: consumer,
		ended: make(map[ShardID]*shard), begun: make(map[ShardID]bool),
	}
	if _, err := s.DescribeConsumer(consumer); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range at {
		f.beginLocked(c, now)
	}
	if f.err != nil {
		return nil, f.err
	}
	return f, nil
}

// Next returns the next event of any shard and waits for it, as
// [Subscription.Next] does. The last event of a closed shard has Children; their
// events follow it. A Follower has no end: Next returns the context's error, or
// one that matches [ErrConsumerNotFound], [ErrSubscriptionClosed] or, when
// another subscription took a shard over, [ErrSubscriptionTakenOver].
func (f *Follower) Next(ctx context.Context) (Event, error) { return f.out.next(ctx, f.stream, f) }

// TryNext is [Follower.Next] without the waiting: it reports whether an event was
// due. It is for callers who move the clock themselves.
func (f *Follower) TryNext() (Event, bool, error) {
	ev, p, err := f.poll(f.stream.now())
	return ev, err == nil && p.wait == 0, err
}

// Events yields events until ctx ends or another error does, which it yields
// last, with a zero Event. It closes the follower.
func (f *Follower) Events(ctx context.Context) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		defer f.Close()
		yieldEvents(ctx, f.Next, yield)
	}
}

// Positions returns how far the follower has read: all records that Next returned
// are covered, the event in hand included.
func (f *Follower) Positions() Positions {
	f.mu.Lock()
	defer f.mu.Unlock()
	var p Positions
	for _, sub := range f.reading {
		p = append(p, sub.sh.numberBefore(sub.cursor.Next))
	}
	for _, r := range f.refused {
		p = append(p, r.sh.numberBefore(r.cursor.Next))
	}
	for _, sh := range f.ended {
		p = append(p, sh.endingNumber())
	}
	return p
}

// Close ends the follower and its subscriptions, a waiting Next included.
func (f *Follower) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.endLocked(ErrSubscriptionClosed)
}

// poll returns the event of the first shard that has one, or how long to pause.
func (f *Follower) poll(now instant) (Event, pause, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.retryLocked(now)
	for tried := 0; f.err == nil && tried < len(f.reading); {
		f.turn %= len(f.reading)
		ev, wait, err := f.reading[f.turn].poll(now)
		switch {
		case err == io.EOF:
			f.renewLocked(now)
			p.wait = min(p.wait, f.untilRetryLocked(now))
		case err != nil:
			f.endLocked(err)
		case wait.wait == 0:
			f.gaveLocked(&ev, now)
			return ev, pause{}, nil
		default:
			p = p.or(wait, &f.stream.waiting)
			f.turn++
			tried++
		}
	}
	if f.err != nil {
		return Event{}, pause{}, f.err
	}
	return Event{}, p, nil
}

// endLocked ends the follower, unless it has ended, and its subscriptions.
func (f *Follower) endLocked(err error) {
	if f.err != nil {
		return
	}
	f.err = err
	for _, sub := range f.reading {
		sub.Close()
	}
	f.out.ended.Wake()
}

// or returns the pause until the end of either one. any is the list that is woken
// by what both wait for.
func (p pause) or(o pause, any *wait.List) pause {
	p.wait = min(p.wait, o.wait)
	switch {
	case p.appended == nil:
		p.appended = o.appended
	case o.appended != nil && o.appended != p.appended:
		p.appended = any
	}
	return p
}

// gaveLocked goes on to the next shard when one has given an event, and to the
// children of a shard whose last event it was.
func (f *Follower) gaveLocked(ev *Event, now instant) {
	sub := f.reading[f.turn]
	if ev.Children == nil {
		f.turn++
		return
	}
	f.reading = slices.Delete(f.reading, f.turn, f.turn+1)
	f.ended[sub.sh.shard] = sub.sh
	for _, child := range sub.sh.ending.Load().children {
		if f.waitsLocked(child) {
			continue
		}
		for _, parent := range child.parents {
			delete(f.ended, parent)
		}
		f.beginLocked(shardCursor{child, shardlog.Cursor{Next: 1}}, now)
	}
	f.forgetLocked()
}

// waitsLocked reports whether a shard is not to be begun: because it was, or
// because a parent of it is being read or will be.
func (f *Follower) waitsLocked(sh *shard) bool {
	if f.begun[sh.shard] {
		return true
	}
	seen := make(map[ShardID]bool)
	return slices.ContainsFunc(sh.parents, func(id ShardID) bool { return f.awaitedLocked(id, seen) })
}

// awaitedLocked reports whether a shard is being read or descends from one that
// is. seen is the shards that are known not to.
func (f *Follower) awaitedLocked(id ShardID, seen map[ShardID]bool) bool {
	if seen[id] {
		return false
	}
	seen[id] = true
	if f.readsLocked(id) {
		return true
	}
	if f.ended[id] != nil {
		return false
	}
	sh := f.stream.routes.Load().shard(id)
	return sh != nil && slices.ContainsFunc(sh.parents, func(id ShardID) bool { return f.awaitedLocked(id, seen) })
}

func (f *Follower) readsLocked(id ShardID) bool {
	return slices.ContainsFunc(f.reading, func(sub *Subscription) bool { return sub.sh.shard == id }) ||
		slices.ContainsFunc(f.refused, func(r refusal) bool { return r.sh.shard == id })
}

// forgetLocked forgets that shards were begun which cannot be begun again: no
// shard with a lower id, so no ancestor, is being read, or they have vanished.
// One that has vanished may be begun again; that gives its end only.
func (f *Follower) forgetLocked() {
	lowest := ShardID(1<<31 - 1)
	for _, sub := range f.reading {
		lowest = min(lowest, sub.sh.shard)
	}
	for _, r := range f.refused {
		lowest = min(lowest, r.sh.shard)
	}
	routes := f.stream.routes.Load()
	maps.DeleteFunc(f.begun, func(id ShardID, _ bool) bool {
		return id <= lowest || routes.shard(id) == nil && !f.readsLocked(id)
	})
}

// beginLocked subscribes to a shard, or notes when it can. Any other error ends
// the follower.
func (f *Follower) beginLocked(at shardCursor, now instant) {
	f.begun[at.sh.shard] = true
	sub, err := f.stream.subscribe(f.consumer, at, now, &f.out)
	var active *SubscriptionActiveError
	switch {
	case err == nil:
		f.reading = append(f.reading, sub)
	case errors.As(err, &active):
		f.refused = append(f.refused, refusal{at, now.plus(active.RetryAfter)})
	default:
		f.endLocked(err)
	}
}

// renewLocked replaces the subscription whose turn it is, because its life is
// over, by another one that continues it.
func (f *Follower) renewLocked(now instant) {
	old := f.reading[f.turn]
	f.reading = slices.Delete(f.reading, f.turn, f.turn+1)
	f.beginLocked(shardCursor{old.sh, old.cursor}, now)
}

// retryLocked subscribes to the shards that were refused and can be subscribed to
// now, and returns the pause until the next one can.
func (f *Follower) retryLocked(now instant) pause {
	due := f.refused
	f.refused = nil
	for _, r := range due {
		if now < r.until {
			f.refused = append(f.refused, r)
		} else {
			f.beginLocked(r.shardCursor, now)
		}
	}
	return pause{wait: f.untilRetryLocked(now)}
}

func (f *Follower) untilRetryLocked(now instant) time.Duration {
	wait := time.Duration(eternity)
	for _, r := range f.refused {
		wait = min(wait, time.Duration(r.until-now))
	}
	return wait
}

package weir

import (
	"context"
	"fmt"
	"io"
	"iter"
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/weirstream/weir/internal/clock"
	"github.com/weirstream/weir/internal/quota"
	"github.com/weirstream/weir/internal/shardlog"
	"github.com/weirstream/weir/internal/wait"
	"github.com/weirstream/weir/metrics"
)

// A Subscription reads one shard for a registered consumer, with a throughput
// of its own. It lives for [Limits.SubscriptionLifetime]. Use it from one
// goroutine at a time; [Subscription.Close] may be called from any.
type Subscription struct {
	stream   *Stream // immutable, likewise down to overAt
	consumer *consumer
	sh       *shard
	begun    clock.Instant
	overAt   clock.Instant // when its life is over

	ended wait.List // woken when it ends from outside
	batch []Record  // overwritten by each event

	mu     sync.Mutex // guards what follows; never held while waiting
	cursor shardlog.Cursor
	bucket *rate.Limiter // nil when unlimited
	latest clock.Instant // clock reading given to bucket last; never falls
	ready  clock.Instant // when bucket has what the next event takes; zero when not known to lack it
	idleAt clock.Instant // when the next event is due, records or not
	err    error         // why it ended; nil while it runs
}

// Subscribe subscribes a registered consumer to a shard, from any position on.
// The position is taken at the call: from [Latest] on nothing is missed that is
// put before the first Next.
//
// A consumer has one subscription a shard. Within [Limits.SubscribeTakeover] of
// one that began, ended or not, another one is refused with a [*LimitError];
// after that it takes over, and the older one's Next returns an error that
// matches [ErrSubscriptionTakenOver]. Close the subscription when it is not
// needed any more.
//
// The error matches [ErrConsumerNotFound], or what [Stream.Iterator] returns.
func (s *Stream) Subscribe(ctx context.Context, consumer string, shard ShardID, from Position) (*Subscription, error) {
	now, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	sh, c, err := s.locate(shard, from, now)
	if err != nil {
		return nil, err
	}
	return s.subscribe(consumer, shardCursor{sh: sh, cursor: c}, now)
}

// subscribe begins a subscription whose first event is due at once.
func (s *Stream) subscribe(name string, at shardCursor, now clock.Instant) (*Subscription, error) {
	s.fanOut.mu.Lock()
	defer s.fanOut.mu.Unlock()
	c, err := s.consumerLocked(name)
	if err != nil {
		return nil, err
	}
	if before := c.subscriptions[at.sh.id]; before != nil {
		err = before.admit(now)
	}
	c.countSubscribe(now, err)
	if err != nil {
		return nil, err
	}
	sub := &Subscription{
		stream: s, consumer: c, sh: at.sh, begun: now, overAt: now.Plus(s.limits.SubscriptionLifetime),
		cursor: at.cursor, bucket: quota.NewBucket(s.limits.SubscriptionBytesPerSecond), idleAt: now,
	}
	if s.limits.IdleEventInterval == math.MaxInt64 {
		sub.idleAt = clock.Never
	}
	c.enterLocked(sub, now)
	return sub, nil
}

// admit says whether another subscription may follow this one.
func (sub *Subscription) admit(now clock.Instant) error {
	s := sub.stream
	wait := time.Duration(sub.begun.Plus(s.limits.SubscribeTakeover) - now)
	if wait <= 0 {
		return nil
	}
	return &LimitError{Quota: QuotaSubscriptions, Stream: s.name, Shard: sub.sh.id, RetryAfter: wait}
}

// isNone reports whether Subscribe did not make the subscription.
func (sub *Subscription) isNone() bool { return sub == nil || sub.stream == nil }

// ShardID returns the shard that it reads.
func (sub *Subscription) ShardID() ShardID {
	if sub.isNone() {
		return 0
	}
	return sub.sh.id
}

// Next returns the next event and waits for it. The slice of its records is
// overwritten by the next call. Records are given as soon as they are put; when
// there are none, an event without records comes at once after Subscribe and
// then every [Limits.IdleEventInterval]. Past
// [Limits.SubscriptionBytesPerSecond] Next waits.
//
// It returns [io.EOF] when the subscription's life is over, to be subscribed to
// again from where the last event says to continue, and after the last event of
// a closed shard. It returns the context's error, and errors that match
// [ErrSubscriptionTakenOver], [ErrConsumerNotFound] or [ErrClosed].
func (sub *Subscription) Next(ctx context.Context) (Batch, error) {
	for {
		if err := checkContext(ctx); err != nil {
			return Batch{}, err
		}
		ev, first, err := sub.poll()
		if err != nil || first.wait == 0 {
			return ev, err
		}
		// Enter, then look again: what changes in between is not missed.
		var appended <-chan struct{}
		if first.appended != nil {
			appended = first.appended.Enter()
		}
		ended := sub.ended.Enter()
		ev, again, err := sub.poll()
		if err != nil || again.wait == 0 {
			return ev, err
		}
		if again.appended == first.appended {
			wait.Pause(ctx, again.wait, appended, ended)
		}
	}
}

// Wait waits until an event is likely to be due, which [Subscription.TryNext]
// returns then, and lets go of the records of the last one. It is for callers
// who have many subscriptions, and memory for the events of a few. It returns
// nil as well when the subscription is over, and the context's error.
func (sub *Subscription) Wait(ctx context.Context) error {
	if sub.isNone() {
		return nil
	}
	if cap(sub.batch) > keptRecords {
		sub.batch = nil
	}
	for {
		if err := checkContext(ctx); err != nil {
			return err
		}
		// Enter, then look: what changes in between is not missed.
		appended, ended := sub.sh.waiting.Enter(), sub.ended.Enter()
		left := sub.untilDue()
		if left == 0 {
			return nil
		}
		wait.Pause(ctx, left, appended, ended)
	}
}

// keptRecords is for how many records a subscription that waits keeps room.
const keptRecords = 64

// untilDue returns how long it is until an event is due if nothing is put: zero
// if one may be.
func (sub *Subscription) untilDue() time.Duration {
	now := sub.stream.now()
	sub.mu.Lock()
	defer sub.mu.Unlock()
	due := min(sub.idleAt, sub.overAt)
	if sub.err != nil || now >= due {
		return 0
	}
	left := time.Duration(due - now)
	if now < sub.ready {
		return min(left, time.Duration(sub.ready-now))
	}
	c, s := sub.cursor, sub.stream
	if sub.sh.finished(&c) {
		return 0
	}
	sub.sh.log.SkipTo(&c, s.horizonMs(now))
	if sub.sh.visible(&c, s.horizonMs(now), now, s.config.FanOutDelay, 1) > 0 && c.Next < sub.sh.log.End() {
		return 0
	}
	return min(left, sub.sh.untilVisible(&c, now, s.config.FanOutDelay).wait)
}

// A pause is what there is to wait for when no event is due. The stream's clock
// decides; timers only say when to look at it again.
type pause struct {
	wait     time.Duration // the longest to wait; zero only if there is nothing to wait for
	appended *wait.List    // what a change of may bring an event sooner; nil if none can
}

// TryNext is [Subscription.Next] without the waiting: it reports whether an
// event was due. It is for callers who move the clock themselves.
func (sub *Subscription) TryNext() (Batch, bool, error) {
	ev, p, err := sub.poll()
	return ev, err == nil && p.wait == 0, err
}

// Events yields events until the subscription ends, and closes it. What Next
// returns in the end is yielded last, with a zero Batch, unless it is [io.EOF].
func (sub *Subscription) Events(ctx context.Context) iter.Seq2[Batch, error] {
	return func(yield func(Batch, error) bool) {
		defer sub.Close()
		for {
			ev, err := sub.Next(ctx)
			if err == io.EOF || !yield(ev, err) || err != nil {
				return
			}
		}
	}
}

// Close ends the subscription, a waiting Next included.
func (sub *Subscription) Close() {
	if sub.isNone() {
		return
	}
	sub.end(fmt.Errorf("subscription of consumer %q to %s of stream %s: %w",
		sub.consumer.name, sub.sh.id, sub.stream.name, ErrClosed))
}

// end ends the subscription, unless it has ended, and wakes its Next.
func (sub *Subscription) end(err error) {
	sub.mu.Lock()
	sub.endLocked(err)
	sub.mu.Unlock()
	sub.ended.Wake()
}

// endLocked ends the subscription. It lets go of the block it stood in, so
// that it keeps no memory alive.
func (sub *Subscription) endLocked(err error) {
	if sub.err == nil {
		sub.err = err
		sub.cursor.Forget()
	}
}

// over reports whether the subscription has ended or is about to.
func (sub *Subscription) over(now clock.Instant) bool {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	return sub.err != nil || now >= sub.overAt
}

// poll returns the event that is due, or how long to pause.
func (sub *Subscription) poll() (Batch, pause, error) {
	if sub.isNone() {
		return Batch{}, pause{}, invalidf("subscription", "is none; Subscribe makes one")
	}
	now := sub.stream.now()
	sub.mu.Lock()
	defer sub.mu.Unlock()
	if now >= sub.overAt {
		sub.endLocked(io.EOF)
	}
	if sub.err != nil {
		return Batch{}, pause{}, sub.err
	}
	ev, size, p, err := sub.readLocked(now)
	if err != nil {
		return Batch{}, pause{}, err
	}
	if p.wait > 0 {
		if due := min(sub.idleAt, sub.overAt); due > now {
			p.wait = min(p.wait, time.Duration(due-now))
			return Batch{}, p, nil
		}
		ev = sub.idleLocked(now)
	}
	if sub.idleAt != clock.Never {
		sub.idleAt = now.Plus(sub.stream.limits.IdleEventInterval)
	}
	sub.countLocked(now, &ev, size)
	return ev, pause{}, nil
}

// readLocked returns an event with records and how many bytes they have, or the
// last event of a closed shard, or how long to pause.
func (sub *Subscription) readLocked(now clock.Instant) (Batch, int, pause, error) {
	if now < sub.ready {
		return Batch{}, 0, pause{wait: time.Duration(sub.ready - now)}, nil
	}
	sh, c := sub.sh, sub.cursor
	s, horizon := sub.stream, sub.stream.horizonMs(now)
	most := sh.visible(&c, horizon, now, s.config.FanOutDelay, s.limits.EventRecords)
	records, size := sh.read(sub.batch[:0], &c, horizon, most, sub.eventBytesLocked(now))
	sub.batch = records
	if err := c.Err(); err != nil && len(records) == 0 {
		return Batch{}, 0, pause{}, err
	}
	finished := sh.finished(&c)
	if len(records) == 0 && !finished {
		sub.cursor = c
		return Batch{}, 0, sh.untilVisible(&c, now, s.config.FanOutDelay), nil
	}
	if wait := sub.payLocked(now, size); wait > 0 {
		sub.ready = now.Plus(wait)
		return Batch{}, 0, pause{wait: wait}, nil
	}
	sub.cursor, sub.ready = c, 0
	behind := time.Duration(sh.behindLatest(&c, records, now)) * time.Millisecond
	ev := Batch{Shard: sh.id, Records: records, Behind: behind}
	if finished {
		sh.endBatch(&ev)
		sub.endLocked(io.EOF)
	} else {
		ev.Continue = sh.after(&c, records)
	}
	return ev, size, pause{}, nil
}

// idleLocked returns an event without records.
func (sub *Subscription) idleLocked(now clock.Instant) Batch {
	return Batch{
		Shard:    sub.sh.id,
		Continue: sub.sh.after(&sub.cursor, nil),
		Behind:   time.Duration(sub.behindLocked(now)) * time.Millisecond,
	}
}

// countLocked counts an event with size bytes.
func (sub *Subscription) countLocked(now clock.Instant, ev *Batch, size int) {
	sub.consumer.countEvent(now, len(ev.Records), size, ev.Behind.Milliseconds())
	if len(ev.Records) > 0 {
		sub.sh.countTail(now, len(ev.Records), size)
	}
}

// lag returns what was not given yet, or false of a shard that was read to its
// end or has vanished. It counts without the subscription's lock.
func (sub *Subscription) lag(now clock.Instant) (metrics.Lag, bool) {
	sub.mu.Lock()
	c := sub.cursor
	sub.mu.Unlock()
	horizonMs := sub.stream.horizonMs(now)
	if sub.sh.finished(&c) || sub.sh.expired(horizonMs) {
		return metrics.Lag{}, false
	}
	return sub.sh.lag(c, math.MaxUint64, horizonMs, now), true
}

func (sub *Subscription) behindLocked(now clock.Instant) int64 {
	return sub.sh.ageMs(sub.cursor, sub.stream.horizonMs(now), now)
}

// untilVisible returns the pause after which the record at c, if there is one,
// has arrived delay ago.
func (sh *shard) untilVisible(c *shardlog.Cursor, now clock.Instant, delay time.Duration) pause {
	p := pause{wait: time.Duration(clock.Never), appended: &sh.waiting}
	if ms, ok := sh.log.ArrivalAt(*c); ok {
		at := clock.Instant(ms * int64(time.Millisecond)).Plus(delay)
		p.wait = max(1, time.Duration(at-now))
	}
	return p
}

// eventBytesLocked returns how large the next event may be: what the bucket can
// hold or, once the event has waited for the bucket, what it holds, so that
// records that were put meanwhile do not prolong the wait.
func (sub *Subscription) eventBytesLocked(now clock.Instant) int {
	most := sub.stream.limits.EventBytes
	if sub.bucket == nil {
		return most
	}
	most = min(most, sub.bucket.Burst())
	if sub.ready != 0 {
		const closer = 1e-9 // than a clock can tell, in seconds
		tokens := sub.bucket.TokensAt(sub.bucketTimeLocked(now)) + closer*float64(sub.bucket.Limit())
		most = min(most, int(max(0, tokens)))
	}
	return most
}

// payLocked takes an event of size bytes from the bucket, or returns how long
// until there is enough. An event larger than the bucket passes when that is
// full, and leaves a debt.
func (sub *Subscription) payLocked(now clock.Instant, size int) time.Duration {
	if sub.bucket == nil {
		return 0
	}
	at := sub.bucketTimeLocked(now)
	if wait := quota.Until(sub.bucket, at, size); wait > 0 {
		return wait
	}
	for size > 0 {
		n := min(size, sub.bucket.Burst())
		sub.bucket.ReserveN(at, n)
		size -= n
	}
	return 0
}

// bucketTimeLocked returns the time to give to the bucket, which never goes
// back.
func (sub *Subscription) bucketTimeLocked(now clock.Instant) time.Time {
	sub.latest = max(sub.latest, now)
	return sub.latest.Time()
}

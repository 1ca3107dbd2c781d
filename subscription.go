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

	"github.com/weirstream/weir/internal/quota"
	"github.com/weirstream/weir/internal/shardlog"
)

// A SubscriptionActiveError says which subscription stood in the way of another
// one. It matches [ErrSubscriptionActive].
type SubscriptionActiveError struct {
	Consumer   string
	Stream     string
	Shard      ShardID
	RetryAfter time.Duration // how long until a new one takes over; never zero
}

func (e *SubscriptionActiveError) Error() string {
	return fmt.Sprintf("%s of stream %s: another subscription of consumer %q began just now, retry after %v",
		e.Shard, e.Stream, e.Consumer, e.RetryAfter)
}

// Is reports whether target is [ErrSubscriptionActive].
func (e *SubscriptionActiveError) Is(target error) bool { return target == ErrSubscriptionActive }

// An Event is what a subscription gives at a time: records, or the news that
// there are none.
type Event struct {
	Shard ShardID
	// Records are in the order of their sequence numbers. There may be none. The
	// slice is overwritten by the next call of Next; the records in it may be kept
	// as [Record] says.
	Records []Record
	// ContinuationSequenceNumber is what to continue after, with [AfterSequence],
	// when the subscription has ended: the last record's number or, when nothing
	// was read yet, the number before the position that was subscribed from. It is
	// zero in the last event of a closed shard.
	ContinuationSequenceNumber SequenceNumber
	// MillisBehindLatest is how long ago the last of Records arrived, in
	// milliseconds, or 0 when the shard has no more. Without Records it is the age
	// of the oldest record that waits to be given.
	MillisBehindLatest int64
	// Children are the shards that follow a closed one. They are given in its last
	// event, and only there.
	Children []ChildShard
}

// A Subscription reads one shard for a registered consumer, with a throughput of
// its own. It lives for [Limits.SubscriptionLifetime]. Use it from one goroutine
// at a time; [Subscription.Close] may be called from any.
type Subscription struct {
	stream   *Stream // immutable, likewise down to out
	consumer *consumer
	sh       *shard
	begun    instant
	overAt   instant // when its life is over
	out      *outlet

	mu     sync.Mutex // guards what follows; never held while waiting
	cursor shardlog.Cursor
	bucket *rate.Limiter // nil when unlimited
	latest instant       // clock reading given to bucket last; never falls
	ready  instant       // when bucket has what the next event takes; zero when not known to lack it
	idleAt instant       // when the next event is due, records or not
	err    error         // why it ended; nil while it runs
}

// Subscribe subscribes a registered consumer to a shard, from any position on.
// The position is taken at the call: from [Latest] on nothing is missed that is
// put before the first Next.
//
// A consumer has one subscription a shard. Within [Limits.SubscribeTakeover] of
// one that began, ended or not, another one is refused with a
// [*SubscriptionActiveError]; after that it takes over, and the older one's Next
// returns an error that matches [ErrSubscriptionTakenOver]. Close the
// subscription when it is not needed any more.
//
// The error matches [ErrConsumerNotFound], or what [Stream.Iterator] returns.
func (s *Stream) Subscribe(ctx context.Context, consumer string, shard ShardID, from Position) (*Subscription, error) {
	now, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	sh, err := s.readable(shard, now)
	if err != nil {
		return nil, err
	}
	c, err := sh.locate(from, now)
	if err != nil {
		return nil, err
	}
	return s.subscribe(consumer, shardCursor{sh, c}, now, new(outlet))
}

// subscribe begins a subscription whose first event is due at once.
func (s *Stream) subscribe(name string, at shardCursor, now instant, out *outlet) (*Subscription, error) {
	s.fanOut.mu.Lock()
	defer s.fanOut.mu.Unlock()
	c, err := s.consumerLocked(name)
	if err != nil {
		return nil, err
	}
	if before := c.subscriptions[at.sh.shard]; before != nil {
		err = before.admit(now)
	}
	c.countSubscribe(now, err)
	if err != nil {
		return nil, err
	}
	sub := &Subscription{
		stream: s, consumer: c, sh: at.sh, begun: now, overAt: now.plus(s.limits.SubscriptionLifetime), out: out,
		cursor: at.cursor, bucket: quota.NewBucket(s.limits.SubscriptionBytesPerSecond), idleAt: now,
	}
	if s.limits.IdleEventInterval == math.MaxInt64 {
		sub.idleAt = never
	}
	c.enterLocked(sub, now)
	return sub, nil
}

// admit says whether another subscription may follow this one.
func (sub *Subscription) admit(now instant) error {
	s := sub.stream
	wait := time.Duration(sub.begun.plus(s.limits.SubscribeTakeover) - now)
	if wait <= 0 {
		return nil
	}
	return &SubscriptionActiveError{Consumer: sub.consumer.name, Stream: s.name, Shard: sub.sh.shard, RetryAfter: wait}
}

// ShardID returns the shard that it reads.
func (sub *Subscription) ShardID() ShardID { return sub.sh.shard }

// Consumer returns the consumer that it reads for.
func (sub *Subscription) Consumer() Consumer { return sub.consumer.describe() }

// Next returns the next event and waits for it. Records are given as soon as they
// are put; when there are none, an event without records comes at once after
// Subscribe and then every [Limits.IdleEventInterval]. Past
// [Limits.SubscriptionBytesPerSecond] Next waits.
//
// It returns [io.EOF] when the subscription's life is over, to be continued with
// [AfterSequence] of the last continuation number, and after the last event of a
// closed shard, which has Children and no continuation number. It returns the
// context's error, and errors that match [ErrSubscriptionTakenOver],
// [ErrConsumerNotFound] or [ErrSubscriptionClosed].
func (sub *Subscription) Next(ctx context.Context) (Event, error) {
	return sub.out.next(ctx, sub.stream, sub)
}

// TryNext is [Subscription.Next] without the waiting: it reports whether an event
// was due. It is for callers who move the clock themselves.
func (sub *Subscription) TryNext() (Event, bool, error) {
	ev, p, err := sub.poll(sub.stream.now())
	return ev, err == nil && p.wait == 0, err
}

// Events yields events until the subscription ends, and closes it. What Next
// returns in the end is yielded last, with a zero Event, unless it is [io.EOF].
func (sub *Subscription) Events(ctx context.Context) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		defer sub.Close()
		yieldEvents(ctx, sub.Next, yield)
	}
}

func yieldEvents(ctx context.Context, next func(context.Context) (Event, error), yield func(Event, error) bool) {
	for {
		ev, err := next(ctx)
		if err == io.EOF || !yield(ev, err) || err != nil {
			return
		}
	}
}

// Close ends the subscription, a waiting Next included.
func (sub *Subscription) Close() { sub.end(ErrSubscriptionClosed) }

// end ends the subscription, unless it has ended, and wakes its Next.
func (sub *Subscription) end(err error) {
	sub.mu.Lock()
	sub.endLocked(err)
	sub.mu.Unlock()
	sub.out.ended.Wake()
}

// endLocked ends the subscription. It lets go of the segment it stood in, so that
// it keeps no memory alive.
func (sub *Subscription) endLocked(err error) {
	if sub.err == nil {
		sub.err = err
		sub.cursor.Forget()
	}
}

// over reports whether the subscription has ended or is about to.
func (sub *Subscription) over(now instant) bool {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	return sub.err != nil || now >= sub.overAt
}

// poll returns the event that is due, or how long to pause.
func (sub *Subscription) poll(now instant) (Event, pause, error) {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	if now >= sub.overAt {
		sub.endLocked(io.EOF)
	}
	if sub.err != nil {
		return Event{}, pause{}, sub.err
	}
	ev, size, p := sub.readLocked(now)
	if p.wait > 0 {
		if due := min(sub.idleAt, sub.overAt); due > now {
			p.wait = min(p.wait, time.Duration(due-now))
			return Event{}, p, nil
		}
		ev = sub.idleLocked(now)
	}
	if sub.idleAt != never {
		sub.idleAt = now.plus(sub.stream.limits.IdleEventInterval)
	}
	sub.countLocked(now, &ev, size)
	return ev, pause{}, nil
}

// readLocked returns an event with records and how many bytes they have, or the
// last event of a closed shard, or how long to pause.
func (sub *Subscription) readLocked(now instant) (Event, int, pause) {
	if now < sub.ready {
		return Event{}, 0, pause{wait: time.Duration(sub.ready - now)}
	}
	sh, c := sub.sh, sub.cursor
	s, horizon := sub.stream, sub.stream.horizonMs(now)
	most := sh.visible(&c, horizon, now, s.config.FanOutDelay, s.limits.EventRecords)
	records, size := sh.read(sub.out.batch[:0], &c, horizon, most, sub.eventBytesLocked(now))
	sub.out.batch = records
	finished := sh.finished(&c)
	if len(records) == 0 && !finished {
		sub.cursor = c
		return Event{}, 0, sh.untilVisible(&c, now, s.config.FanOutDelay)
	}
	if wait := sub.payLocked(now, size); wait > 0 {
		sub.ready = now.plus(wait)
		return Event{}, 0, pause{wait: wait}
	}
	sub.cursor, sub.ready = c, 0
	ev := Event{Shard: sh.shard, Records: records, MillisBehindLatest: sh.behindLatest(&c, records, now)}
	if finished {
		ev.Children = sh.children()
		sub.endLocked(io.EOF)
	} else {
		ev.ContinuationSequenceNumber = records[len(records)-1].SequenceNumber
	}
	return ev, size, pause{}
}

// idleLocked returns an event without records.
func (sub *Subscription) idleLocked(now instant) Event {
	return Event{
		Shard:                      sub.sh.shard,
		ContinuationSequenceNumber: sub.sh.numberBefore(sub.cursor.Next),
		MillisBehindLatest:         sub.behindLocked(now),
	}
}

// countLocked counts an event with size bytes.
func (sub *Subscription) countLocked(now instant, ev *Event, size int) {
	sub.consumer.countEvent(now, len(ev.Records), size, ev.MillisBehindLatest)
	if len(ev.Records) > 0 {
		sub.sh.countTail(now, len(ev.Records), size)
	}
}

// behind returns how old the oldest record is that was not given yet, in
// milliseconds.
func (sub *Subscription) behind(now instant) int64 {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	return sub.behindLocked(now)
}

func (sub *Subscription) behindLocked(now instant) int64 {
	return sub.sh.ageMs(sub.cursor, sub.stream.horizonMs(now), now)
}

// eventBytesLocked returns how large the next event may be: what the bucket can
// hold or, once the event has waited for the bucket, what it holds, so that
// records that were put meanwhile do not prolong the wait.
func (sub *Subscription) eventBytesLocked(now instant) int {
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
func (sub *Subscription) payLocked(now instant, size int) time.Duration {
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

// bucketTimeLocked returns the time to give to the bucket, which never goes back.
func (sub *Subscription) bucketTimeLocked(now instant) time.Time {
	sub.latest = max(sub.latest, now)
	return sub.latest.time()
}

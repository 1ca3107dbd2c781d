package queue

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/clock"
	"github.com/weirstream/weir/internal/wait"
)

// A Request says what to receive.
type Request struct {
	// Max is how many records at most. Zero means 10; at most [MaxRequest].
	Max int
	// MaxBytes is how many bytes of data and partition keys they may have
	// together, but for one record, which is given whatever its size. Zero means
	// 10 MiB.
	MaxBytes int
	// Wait is how long to wait for a first one. Zero means not at all, a negative
	// one until the context ends.
	Wait time.Duration
	// Visibility is how long they are in flight. Zero means what the settings say,
	// a negative one no time at all; at most [MaxVisibility].
	Visibility time.Duration
}

const (
	// MaxRequest bounds Request.Max.
	MaxRequest = 10_000

	defaultRequest  = 10
	defaultMaxBytes = 10 << 20
)

func (r Request) withDefaults() Request {
	if r.Max == 0 {
		r.Max = defaultRequest
	}
	if r.MaxBytes == 0 {
		r.MaxBytes = defaultMaxBytes
	}
	return r
}

func (r Request) check() error {
	switch {
	case r.Max < 1 || r.Max > MaxRequest:
		return invalidf("Request.Max", "%d is outside 1 to %d", r.Max, MaxRequest)
	case r.MaxBytes < 0:
		return invalidf("Request.MaxBytes", "%d is negative", r.MaxBytes)
	case r.Visibility > MaxVisibility:
		return invalidf("Request.Visibility", "%v is more than %v", r.Visibility, MaxVisibility)
	}
	return nil
}

// A Delivery is a record that was received, and is in flight until it is
// acknowledged, or time brings it back. Its record is a view of the stream's
// memory, as [weir.Record] says.
type Delivery struct {
	weir.Record
	// Receipt is what the delivery is acknowledged with.
	Receipt Receipt
	// Receives is how often the record was received, this time included, since it
	// is in the queue or was restored.
	Receives int
	// FirstReceived is when it was received the first time, in UTC with
	// millisecond precision.
	FirstReceived time.Time
	// Until is when it comes back, in UTC, unless that is changed.
	Until time.Time

	queue *Queue
}

// Receive returns up to max records, and waits until there is one, or the
// context ends. It does not wait for more than one. Those who wait are served
// in the order in which they came. max is 1 to [MaxRequest].
//
// What came back is delivered before what was never delivered, and that as a
// [weir.Reader] reads it, shard by shard; there is no promise in that unless
// the queue is [Config.InOrder].
//
// The error is the context's; one that matches [weir.ErrClosed] or
// [ErrDeleted]; [io.EOF] when the stream's writes have ended and all is
// acknowledged or dead; or a [*weir.StorageError] where a record that has left
// memory cannot be read or what is delivered cannot be noted.
func (q *Queue) Receive(ctx context.Context, max int) ([]Delivery, error) {
	return q.receive(ctx, normalPath, Request{Max: max, Wait: -1}, max)
}

// TryReceive is [Queue.Receive] without the waiting: it returns none when there
// is none now, and [ErrTooManyInFlight] where there are some but as many in
// flight as may be.
func (q *Queue) TryReceive(ctx context.Context, max int) ([]Delivery, error) {
	return q.receive(ctx, normalPath, Request{Max: max}, max)
}

// ReceiveWith is [Queue.Receive] as a request says. When it has waited in vain
// it returns what [Queue.TryReceive] does.
func (q *Queue) ReceiveWith(ctx context.Context, r Request) ([]Delivery, error) {
	return q.receive(ctx, normalPath, r, 1)
}

// receive receives from a path. max, if it was asked for by itself, must not be
// zero.
func (q *Queue) receive(ctx context.Context, p path, r Request, max int) ([]Delivery, error) {
	if err := q.checkCall(ctx); err != nil {
		return nil, err
	}
	if max < 1 {
		return nil, invalidf("max", "%d is outside 1 to %d", max, MaxRequest)
	}
	r = r.withDefaults()
	if err := r.check(); err != nil {
		return nil, err
	}
	if r.Wait == 0 || q.line[p].Empty() {
		list, _, err := q.take(p, &r)
		if r.Wait == 0 && len(list) == 0 && (err == nil || err == ErrTooManyInFlight) {
			q.empty.Add(1)
		}
		if len(list) > 0 || r.Wait == 0 || err != nil && err != ErrTooManyInFlight {
			return list, err
		}
	}
	list, err := q.wait(ctx, p, &r)
	if len(list) == 0 && (err == nil || err == ErrTooManyInFlight) {
		q.empty.Add(1)
	}
	return list, err
}

// wait waits for a turn, and then for a record.
func (q *Queue) wait(ctx context.Context, p path, r *Request) ([]Delivery, error) {
	var over <-chan time.Time
	if r.Wait > 0 {
		t := time.NewTimer(r.Wait)
		defer t.Stop()
		over = t.C
	}
	turn := make(chan *wait.Ticket, 1)
	ticket := q.line[p].Enter(turn)
	defer q.line[p].Leave(ticket)
	select {
	case <-turn:
	case <-over:
		return nil, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	for {
		// Enter, then look: what changes in between is not missed.
		changed := q.changed.Enter()
		var more <-chan struct{}
		if p == normalPath {
			more = q.reader.Changes()
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		list, wake, err := q.take(p, r)
		if len(list) > 0 || err != nil && err != ErrTooManyInFlight {
			return list, err
		}
		if err == ErrTooManyInFlight {
			more = nil // it is not records that are missing
		}
		if !pause(ctx, wake, changed, more, over) {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, err
		}
	}
}

// pause waits for a change or until d has passed, and reports whether that came
// before the end of the waiting.
func pause(ctx context.Context, d time.Duration, changed, more <-chan struct{}, over <-chan time.Time) bool {
	var due <-chan time.Time
	if d < time.Duration(clock.Never) {
		t := time.NewTimer(d)
		defer t.Stop()
		due = t.C
	}
	select {
	case <-changed:
	case <-more:
	case <-due:
	case <-over:
		return false
	case <-ctx.Done():
		return false
	}
	return true
}

// take delivers what there is on a path. If that is nothing, wake is after how
// long there may be something by itself. What has left memory is read between
// two looks, so that nobody waits for the disk with the queue's lock.
func (q *Queue) take(p path, r *Request) (list []Delivery, wake time.Duration, err error) {
	left := *r
	for {
		some, wake, more, err := q.takeOnce(p, &left, len(list) > 0)
		if list == nil {
			list = some
		} else {
			list = append(list, some...)
		}
		left.Max -= len(some)
		for i := range some {
			left.MaxBytes -= some[i].Size()
		}
		if err != nil || !more || left.Max <= 0 || left.MaxBytes <= 0 {
			return list, wake, ifNone(list, err)
		}
		if err := q.fetch(); err != nil {
			return list, wake, ifNone(list, err)
		}
	}
}

// ifNone returns an error unless there is something to deliver: then it is met
// again.
func ifNone(list []Delivery, err error) error {
	if len(list) > 0 {
		return nil
	}
	return err
}

// takeOnce is take for what is in memory. It reports whether there is more on
// disk. begun says that something was delivered already, so that not even one
// record may be larger than what is left.
func (q *Queue) takeOnce(p path, r *Request, begun bool) (list []Delivery, wake time.Duration, more bool, err error) {
	err = q.do(func(now clock.Instant) error {
		var err error
		q.absent, q.unread = nil, false
		list, err = q.takeLocked(p, r, begun, now)
		more = q.unread || len(q.absent) > 0
		if len(list) > 0 {
			q.present = nil
			return nil
		}
		if err == errOnDisk {
			return nil
		}
		if err == nil && p == normalPath && q.ended && q.m.isIdle() {
			err = io.EOF
		}
		wake = time.Duration(clock.Never)
		if at := q.m.wake(); at < clock.Never {
			wake = time.Duration(at - now)
		}
		return err
	})
	if err != nil {
		list = nil // it may not be on disk that they were delivered
	}
	return list, wake, more, err
}

func (q *Queue) takeLocked(p path, r *Request, begun bool, now clock.Instant) (list []Delivery, err error) {
	room, left := min(r.Max, q.m.room()), r.MaxBytes
	until := now.Plus(q.visibility(r))
	if p == normalPath && !q.isPlain() {
		if err := q.readAhead(now, r.Max); err != nil {
			return nil, err
		}
	}
	for len(list) < room {
		s, e := q.m.next(p, now)
		if s == 0 {
			break
		}
		err = q.again(s, e, room)
		if errors.Is(err, weir.ErrRecordsLost) {
			q.m.expire(s, e, now)
			continue
		}
		if err != nil || (begun || len(list) > 0) && q.one[0].Size() > left {
			break
		}
		left -= q.one[0].Size()
		q.m.deliver(s, e, now, until)
		list = q.append(list, &q.one[0], s, e, p, room)
	}
	if err == nil && p == normalPath && q.isPlain() {
		list, err = q.takeNew(list, room, left, begun, now, until)
	}
	if len(list) > 0 {
		return list, nil // an error is met again
	}
	if err == nil && room == 0 && q.hasAny(p, now) {
		err = ErrTooManyInFlight
	}
	return nil, err
}

// takeNew delivers records that were never read before.
func (q *Queue) takeNew(list []Delivery, room, left int, begun bool, now, until clock.Instant) ([]Delivery, error) {
	for len(list) < room {
		rec, err := q.peek(now)
		if rec == nil || err != nil {
			return list, err
		}
		if (begun || len(list) > 0) && rec.Size() > left {
			break
		}
		left -= rec.Size()
		s, e := q.m.deliverNew(q.shard, q.index, rec.ArrivalTime.UnixMilli(), now, until)
		q.at++
		list = q.append(list, rec, s, e, normalPath, room)
	}
	return list, nil
}

// append appends a delivery to a list of up to so many.
func (q *Queue) append(list []Delivery, rec *weir.Record, s slot, e *entry, p path, most int) []Delivery {
	if list == nil {
		list = make([]Delivery, 0, min(most, max(defaultRequest, q.m.number[visible]+len(q.buffer)-q.at+1)))
	}
	return append(list, Delivery{
		Record:   *rec,
		Receipt:  Receipt{queue: q.id, index: e.index, slot: s, shard: e.shard, delivery: e.delivery(), path: p},
		Receives: e.count(), FirstReceived: clock.TimeOfMs(e.firstMs()), Until: e.deadline.Time(), queue: q,
	})
}

// hasAny reports whether there is anything to deliver on a path.
func (q *Queue) hasAny(p path, now clock.Instant) bool {
	if s, _ := q.m.next(p, now); s != 0 {
		return true
	}
	if p == deadPath || !q.isPlain() {
		return false
	}
	rec, err := q.peek(now)
	return rec != nil || err == errOnDisk
}

// visibility returns how long what is received by a request is in flight.
func (q *Queue) visibility(r *Request) time.Duration {
	if r.Visibility != 0 {
		return max(0, r.Visibility)
	}
	return max(0, q.m.settings.Visibility)
}

// peek returns the next record that was never read before, or nil if there is
// none now. Whoever takes it moves q.at. The error is errOnDisk if it is to be
// fetched first.
func (q *Queue) peek(now clock.Instant) (*weir.Record, error) {
	for {
		if q.at == len(q.buffer) {
			if q.reader.OnDisk() {
				q.unread = true
				return nil, errOnDisk
			}
			if more, err := q.fill(); !more {
				return nil, err
			}
			q.m.tidy(q, now)
		}
		rec := &q.buffer[q.at]
		q.index = rec.SequenceNumber.Index()
		switch {
		case q.m.has(q.shard, q.index):
		case q.futureMs > 0 && rec.ArrivalTime.UnixMilli() < q.futureMs:
			q.m.skip(q.shard, q.index, early)
		default:
			return rec, nil
		}
		q.at++
	}
}

// fill reads on, and reports whether there was anything.
func (q *Queue) fill() (more bool, err error) {
	q.buffer, q.at = nil, 0
	b, err := q.reader.TryNext()
	if err == io.EOF {
		q.ended, err = true, nil
	}
	if errors.Is(err, weir.ErrClosed) {
		err = q.refusalLocked()
	}
	q.buffer, q.shard = b.Records, b.Shard
	return len(q.buffer) > 0, err
}

// isPlain reports whether records are delivered as they come.
func (q *Queue) isPlain() bool {
	c := &q.config
	return !c.InOrder && c.Delay == 0 && c.Priority == nil && c.Duplicate == nil
}

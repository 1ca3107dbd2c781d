package simulate

import (
	"context"
	"errors"
	"io"
	"math"
	"time"

	"github.com/weirstream/weir"
)

// A reader is a consumer's place in one shard: shared, by iterators, or with
// enhanced fan-out, by subscriptions.
type reader struct {
	c    *consumer
	sh   *shard
	from weir.Position // where it began

	position int64               // index of the last record that it was given, or of the one before its first
	last     weir.SequenceNumber // of that record; zero if it was given none
	near     bool                // records that it was not given may have expired, or are about to
	tip      bool                // has reached the tip of the shard since the last outage
	ended    bool
	inHand   int64 // records being processed, or waiting for a worker
	closing  bool  // they are the last of the shard

	iterator weir.Iterator // behind the last record; with fan-out for the age only
	stands   int64         // the position that iterator was issued for, with fan-out
	polled   time.Duration
	sub      *weir.Subscription // nil until it is subscribed
}

// begin issues the first iterator, and has the reader look for records: one that
// shares within its poll interval, each at its own moment so that a consumer does
// not call for all shards at once; one with fan-out at once.
func (r *reader) begin() {
	s, wait := r.c.sim, time.Duration(0)
	r.renew()
	r.near = true
	if !r.c.spec.FanOut {
		wait = time.Duration(scatter(int(r.sh.id), r.c.index) * float64(r.c.poll))
	}
	r.polled = s.now + wait - r.c.poll
	s.queue.add(s.now+wait, pollDue, r, 0)
}

// scatter spreads shards and consumers evenly over 0 to 1: multiples of the golden
// ratio keep as far from each other as they can.
func scatter(shard, consumer int) float64 {
	const golden, silver = 0.6180339887498949, 0.4142135623730951
	_, part := math.Modf(float64(shard)*golden + float64(consumer)*silver)
	return part
}

func (r *reader) due(k kind, _ int) {
	switch {
	case k == workDone:
		r.c.worked(r)
		if r.ended {
			return
		}
		r.processed()
	case r.ended:
	case r.c.spec.FanOut:
		r.pull()
	default:
		r.poll()
	}
}

// resume returns the position to continue from.
func (r *reader) resume() weir.Position {
	if r.last.IsZero() {
		return r.from
	}
	return weir.AfterSequence(r.last)
}

// renew issues an iterator for where the reader stands.
func (r *reader) renew() {
	it, err := r.c.sim.stream.Iterator(context.Background(), r.sh.id, r.resume())
	if err != nil && !errors.Is(err, weir.ErrShardNotFound) {
		r.c.sim.fail(err)
	}
	r.iterator, r.stands = it, r.position
}

// poll calls GetRecords once.
func (r *reader) poll() {
	c, s := r.c, r.c.sim
	if c.down {
		r.schedule(s.now)
		return
	}
	r.polled = s.now
	batch, err := s.stream.AppendRecords(context.Background(), s.batch[:0], r.iterator, c.spec.Limit)
	if errors.Is(err, weir.ErrIteratorExpired) {
		r.renew()
		batch, err = s.stream.AppendRecords(context.Background(), s.batch[:0], r.iterator, c.spec.Limit)
	}
	if err != nil {
		r.refused(err)
		return
	}
	s.batch = batch.Records
	r.sh.busy = true
	r.sh.second.ReadCalls++
	n, bytes := r.take(batch.Records, batch.Behind)
	r.sh.second.ReadRecords += n
	r.sh.second.ReadBytes += bytes
	r.iterator, r.closing = batch.Next, batch.Next.IsZero()
	r.process()
}

// refused is called when a read was refused.
func (r *reader) refused(err error) {
	c, s := r.c, r.c.sim
	limit, ok := err.(*weir.LimitError)
	switch {
	case ok:
		r.sh.busy = true
		c.second.Throttled++
		r.sh.second.ReadThrottled++
		if limit.Quota == weir.QuotaReadCalls {
			r.sh.second.ReadThrottledByCalls++
		}
		r.schedule(max(r.polled+c.interval(), s.now+limit.RetryAfter))
	case errors.Is(err, weir.ErrShardNotFound), errors.Is(err, weir.ErrInvalidIterator): // vanished, as the next refresh will find
		s.refreshShards("")
		if !r.ended {
			r.renew()
			r.schedule(s.now + c.poll)
		}
	default:
		s.fail(err)
	}
}

// take notes what the reader was given.
func (r *reader) take(records []weir.Record, behind time.Duration) (n, bytes int64) {
	c, s := r.c, r.c.sim
	c.second.BehindLatest = max(c.second.BehindLatest, behind)
	if len(records) > 0 {
		for i := range records {
			bytes += int64(records[i].Size())
		}
		n = int64(len(records))
		first := int64(records[0].SequenceNumber.Index())
		c.lose(first - r.position - 1)
		r.last = records[n-1].SequenceNumber
		r.position = first + n - 1
		r.near = s.isNear(s.clock.Sub(records[n-1].ArrivalTime))
		r.inHand = n
		c.second.ReadRecords += n
		c.second.ReadBytes += bytes
	}
	if r.position >= r.sh.stored {
		c.reachedTip(r)
	}
	return n, bytes
}

// process has what was given processed.
func (r *reader) process() {
	c := r.c
	if r.inHand > 0 && (c.spec.PerBatch > 0 || c.spec.PerRecord > 0) {
		c.work(r)
		return
	}
	c.second.ProcessedRecords += r.inHand
	r.inHand = 0
	r.processed()
}

// processed goes on when there is nothing in hand.
func (r *reader) processed() {
	switch {
	case r.closing:
		r.c.finished(r)
	case r.c.spec.FanOut:
		r.c.sim.queue.add(r.c.sim.now, pollDue, r, 0)
	default:
		r.schedule(max(r.polled+r.c.interval(), r.c.sim.now))
	}
}

// schedule has the reader poll at a time or, if that lies in an outage, when it
// would poll next after it.
func (r *reader) schedule(at time.Duration) {
	if o, in := r.c.outageAt(at); in {
		missed := time.Duration(o.At+o.For) - at
		at += (missed + r.c.poll - 1) / r.c.poll * r.c.poll
	}
	r.c.sim.queue.add(at, pollDue, r, 0)
}

// pull takes the event that is due from the subscription, and waits when there is
// none.
func (r *reader) pull() {
	c, s := r.c, r.c.sim
	if o, in := c.outageAt(s.now); in {
		r.unsubscribe()
		s.queue.add(time.Duration(o.At+o.For), pollDue, r, 0)
		return
	}
	if !r.subscribe() {
		return
	}
	ev, ok, err := r.sub.TryNext()
	switch {
	case err == io.EOF: // its life is over
		r.sub = nil
		s.queue.add(s.now, pollDue, r, 0)
	case err != nil:
		s.fail(err)
	case !ok || len(ev.Records) == 0 && !ev.Last:
		r.rest()
	default:
		n, bytes := r.take(ev.Records, ev.Behind)
		r.sh.busy = true
		r.sh.second.FanOutRecords += n
		r.sh.second.FanOutBytes += bytes
		r.closing = ev.Last
		r.process()
	}
}

// subscribe subscribes to the shard, or reports that it cannot now.
func (r *reader) subscribe() bool {
	if r.sub != nil {
		return true
	}
	c, s := r.c, r.c.sim
	sub, err := s.stream.Subscribe(context.Background(), c.registered(), r.sh.id, r.resume())
	active, soon := err.(*weir.LimitError)
	switch {
	case err == nil:
		r.sub = sub
	case soon && active.Quota == weir.QuotaSubscriptions:
		s.queue.add(s.now+active.RetryAfter, pollDue, r, 0)
	default:
		r.refused(err)
	}
	return err == nil
}

func (r *reader) unsubscribe() {
	if r.sub != nil {
		r.sub.Close()
		r.sub = nil
	}
}

// rest waits for the next record or, if there is one that the subscription is not
// ready to give, looks again soon.
func (r *reader) rest() {
	s := r.c.sim
	if r.position >= r.sh.stored {
		r.c.reachedTip(r)
	}
	if r.position < r.sh.stored || !r.sh.open {
		s.queue.add(s.now+FanOutDelay, pollDue, r, 0)
		return
	}
	r.sh.idle = append(r.sh.idle, r)
}

// unread is how many records the reader was not given yet.
func (r *reader) unread() int64 { return max(0, r.sh.stored-r.position) }

// age returns how old the oldest of them is that can be read.
func (r *reader) age() time.Duration {
	if r.unread() == 0 {
		return 0
	}
	if r.c.spec.FanOut && r.stands != r.position {
		r.renew()
	}
	return r.c.sim.ageOf(r.iterator)
}

// ageOf returns the age of an iterator, zero if its shard has vanished.
func (s *simulation) ageOf(it weir.Iterator) time.Duration {
	age, err := it.Age()
	if err != nil {
		return 0
	}
	return age
}

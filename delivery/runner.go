package delivery

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/internal/crew"
	"github.com/weirstream/weir/internal/sparse"
	"github.com/weirstream/weir/internal/wait"
)

// A runner does what the machine of a shard says, for as long as the worker has
// the shard. One goroutine takes records in, which is the group's; one attends
// to time and plan; and each object that is delivered has one.
type runner struct {
	d        *Delivery
	ctx      context.Context
	progress *consumer.Progress
	timer    *time.Timer
	wake     chan struct{} // of one place: attend is to look
	jobs     sync.WaitGroup
	logger   *slog.Logger

	taking context.Context // ends when nothing is taken in any more
	halted context.CancelCauseFunc

	changed wait.List     // woken when something is settled
	load    load          // of the goroutine that takes records in
	tail    chan struct{} // closed when what a RecordSink got last is settled; for attend

	mu      sync.Mutex // guards what follows
	m       *machine
	closed  bool
	behind  time.Duration
	saved   place
	version int // of the plan, counts changes
	written int // the version that Done was told
}

func newRunner(d *Delivery, ctx context.Context, p *consumer.Progress, plan []*entry) *runner {
	c := &d.config
	count := c.Count
	if count == 0 {
		count = math.MaxInt
	}
	r := &runner{d: d, ctx: ctx, progress: p, timer: time.NewTimer(MaxInterval), wake: make(chan struct{}, 1)}
	r.logger = sparse.Logger(c.Group.Logger, "group", c.Group.Name, "stream", p.Stream(), "shard", p.Shard())
	r.m = newMachine(rules{
		size: c.Size, count: count, interval: c.Interval, mostPartitions: c.Partitions, mostEntries: planEntries + c.Partitions,
		delimiter: c.Delimiter, spare: &d.spare,
	}, plan)
	r.taking, r.halted = context.WithCancelCause(ctx)
	return r
}

func (r *runner) wakeUp() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Attend waits for the time, and for the end: of the lease, or of the work on
// it.
func (r *runner) Attend() {
	defer r.timer.Stop()
	defer r.forget()
	defer sparse.Flush(r.logger)
	for {
		if r.pump() != nil {
			r.halt()
			r.jobs.Wait()
			r.progress.Drop() // unless it is another's, it comes again
			return
		}
		select {
		case <-r.timer.C:
			continue
		case <-r.wake:
			continue
		case <-r.progress.Stopping():
			r.finish()
		case <-r.ctx.Done():
			r.halt()
			r.jobs.Wait()
		}
		return
	}
}

// finish delivers what is held. Then the shard is given up.
func (r *runner) finish() {
	r.halt()
	r.mu.Lock()
	r.m.cutAll()
	r.mu.Unlock()
	err := r.pump()
	r.jobs.Wait()
	if err == nil {
		r.pump() // what is settled now
	}
	r.progress.Drop()
}

// halt lets nothing be taken in any more.
func (r *runner) halt() {
	r.halted(crew.ErrGivenUp)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	r.changed.Wake()
}

// forget gives back the memory of what comes again.
func (r *runner) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.d.memory.change(-r.m.memory)
	r.m.memory = 0
}

// pump notes how far the shard is, writes down which objects there will be, has
// them delivered, and sets the timer for what is to be done later. An error says
// that the shard is another's.
func (r *runner) pump() error {
	r.mu.Lock()
	next := r.m.due(time.Now())
	if len(r.m.flying) == 0 && len(r.m.fresh) == 0 {
		if r.d.memory.isTight() {
			r.m.cutLargest()
		} else if r.m.crowded() {
			r.m.cutOldest()
		}
	}
	cuts := r.m.ready()
	if len(cuts) > 0 {
		r.version++
	}
	at, plan, ok := r.m.position()
	tell := at != r.saved || r.version != r.written
	version := r.version
	var state []byte
	if tell {
		state = appendPlan(nil, plan)
	}
	r.mu.Unlock()
	if !next.IsZero() {
		r.timer.Reset(time.Until(next))
	}
	if tell {
		if !ok {
			at = place{}
		}
		if err := r.progress.Done(at.number, at.sub, state); err != nil {
			r.logger.Error("position not noted", "err", err)
			return err
		}
		r.saved, r.written = at, version
	}
	if len(cuts) == 0 {
		return nil
	}
	if err := r.write(); err != nil {
		return err
	}
	for _, c := range cuts {
		r.start(c)
	}
	return nil
}

// write writes the plan, which must be known before anything of it is delivered.
func (r *runner) write() error {
	for failed := 0; ; failed++ {
		err := r.progress.Write(r.ctx)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, consumer.ErrLeaseLost) || r.ctx.Err() != nil:
			return err
		}
		r.logger.Warn("plan not written", "err", err)
		if err := pause(r.ctx, min(r.d.backoff(failed), time.Second)); err != nil {
			return err
		}
	}
}

// start has an object delivered.
func (r *runner) start(c *cut) {
	var before, done chan struct{}
	if c.kind == delivered && takesRecords(r.d.config.Sink) {
		before, done = r.tail, make(chan struct{})
		r.tail = done
	}
	r.jobs.Go(func() {
		if done != nil {
			defer close(done)
		}
		if before != nil {
			select {
			case <-before:
			case <-r.ctx.Done():
				return
			}
		}
		returned := false
		defer func() {
			if !returned { // code of the caller has ended the goroutine
				r.d.crew.Fail(errExited)
			}
		}()
		err := r.d.deliver(r.ctx, r.progress, c)
		returned = true
		if err == nil {
			r.settle(c)
		}
	})
}

var errExited = errors.New("delivery: a sink has ended its goroutine")

// settle takes in that an object is where it belongs.
func (r *runner) settle(c *cut) {
	r.mu.Lock()
	r.d.memory.change(-c.memory)
	r.m.settle(c)
	// Who takes records one by one may have left some with somebody.
	if !takesRecords(r.d.config.Sink) {
		c.giveBack()
	}
	r.version++
	r.changed.Wake()
	r.mu.Unlock()
	r.wakeUp()
}

// await waits until something is so, which is asked with mu held.
func (r *runner) await(is func() bool) error {
	for {
		r.mu.Lock()
		if is() {
			r.mu.Unlock()
			return nil
		}
		if r.closed {
			r.mu.Unlock()
			return crew.ErrGivenUp
		}
		changed := r.changed.Enter()
		r.mu.Unlock()
		r.wakeUp()
		select {
		case <-changed:
		case <-r.taking.Done():
			return crew.ErrGivenUp
		}
	}
}

// loadParts is how many records are processed together at most, however small
// they are.
const loadParts = 4000

// offer takes records in. The last batch returns when all is delivered.
func (r *runner) offer(b *consumer.Batch) error {
	r.mu.Lock()
	last := r.m.last
	r.behind = b.Behind
	r.mu.Unlock()
	records, subs := b.Records, b.Subs
	// The group gives it again, after a failure behind it.
	for len(records) > 0 && placeOf(records, subs, 0).compare(last) <= 0 {
		if records = records[1:]; subs != nil {
			subs = subs[1:]
		}
	}
	r.d.counts.read(records)
	take := r.takeProcessed
	if r.d.plain() {
		take = r.takePlain
	}
	if err := take(records, subs); err != nil || !b.Last {
		return err
	}
	r.mu.Lock()
	r.m.cutAll()
	r.mu.Unlock()
	return r.await(r.m.idle)
}

func placeOf(records []weir.Record, subs []uint64, i int) place {
	p := place{number: records[i].SequenceNumber}
	if subs != nil {
		p.sub = subs[i]
	}
	return p
}

// takePlain takes in records that go into buffers as they are.
func (r *runner) takePlain(records []weir.Record, subs []uint64) error {
	for from := 0; from < len(records); {
		to, bytes := from, 0
		for to < len(records) && to < from+loadParts && bytes < r.d.config.Memory/8 {
			bytes += recordBytes + records[to].Size() + len(r.d.config.Delimiter)
			to++
		}
		if err := r.room(bytes); err != nil {
			return err
		}
		err := r.fill(bytes, func(now time.Time) {
			var it item
			for i := from; i < to; i++ {
				if i > from && r.m.crowded() {
					to = i
					break
				}
				at := placeOf(records, subs, i)
				it.record.Record, it.record.Sub = records[i], at.sub
				r.m.begin(at)
				r.m.take(now, &it)
			}
		})
		if err != nil {
			return err
		}
		from = to
	}
	return nil
}

// takeProcessed takes in what becomes of records.
func (r *runner) takeProcessed(records []weir.Record, subs []uint64) error {
	l, c := &r.load, &r.d.config
	defer l.reset()
	for i := range records {
		r.d.expand(l, records[i], placeOf(records, subs, i).sub)
		full := l.payload >= c.TransformBytes || len(l.parts) >= loadParts || l.bytes >= min(4*c.TransformBytes, c.Memory/8)
		if !full && i < len(records)-1 {
			continue
		}
		if err := r.takeLoad(l); err != nil {
			return err
		}
		l.reset()
	}
	return nil
}

// takeLoad processes a load, when there is room for it, and puts what becomes of
// it into buffers.
func (r *runner) takeLoad(l *load) error {
	if err := r.room(l.bytes); err != nil {
		return err
	}
	err := r.d.process(r.taking, l)
	if err == nil {
		err = r.d.deliverable(l)
	}
	if err != nil {
		r.d.memory.change(-l.bytes)
		return err
	}
	for next, bytes := 0, l.bytes; ; {
		if err := r.fill(bytes, func(now time.Time) { next = r.d.put(now, r.m, l, next) }); err != nil || next == len(l.records) {
			return err
		}
		bytes = l.bytes / len(l.records) * (len(l.records) - next)
		if err := r.room(bytes); err != nil {
			return err
		}
	}
}

// room waits until so many bytes may be held.
func (r *runner) room(bytes int) error {
	if err := r.await(func() bool { return !r.m.crowded() || r.m.idle() }); err != nil {
		return err
	}
	return r.d.memory.acquire(r.taking, bytes)
}

// fill lets something be put into buffers, for which room was made.
func (r *runner) fill(bytes int, put func(now time.Time)) error {
	now := time.Now()
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		r.d.memory.change(-bytes)
		return crew.ErrGivenUp
	}
	was, idle := r.m.memory, len(r.m.oldest) == 0
	put(now)
	held := r.m.memory - was
	// Only what is cut, waits from now on, or was left out concerns attend.
	look := idle || len(r.m.fresh) > 0 || held == 0 || r.d.config.Interval < 0
	r.mu.Unlock()
	r.d.memory.change(held - bytes)
	if look {
		r.wakeUp()
	}
	return nil
}

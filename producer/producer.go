package producer

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/sparse"
)

// A Producer puts records to a stream. Make one with [New]. All methods may be
// called by any number of goroutines at a time.
//
// It has goroutines while there is something to do, at most [Config.Calls] that
// put and one that asks for the shards.
type Producer struct {
	c     Config
	epoch time.Time // when the producer's clock was zero
	needs bool      // hash keys; as the machine's

	awaited sync.Pool // of *awaited
	spare   sync.Pool // of *worker

	base context.Context // of the calls
	stop context.CancelCauseFunc
	work sync.WaitGroup // goroutines

	mu      sync.Mutex // guards what follows; never held over a call of anything
	m       *machine
	workers int
	timer   *time.Timer    // nil until it is needed
	timerAt time.Duration  // when it runs out; never if it does not run
	waiters list.List      // of *waiter: for room, in order
	short   bool           // there is too little for the first of them
	crowded map[*lane]bool // those of which waiters have to wait for their shard
	flushes []*flush
	stamps  stamps
	closed  bool          // nothing is taken in any more
	ending  bool          // nothing is begun any more
	over    chan struct{} // closed when Close is done
}

// New returns a producer. The error names all fields that are out of bounds, and
// matches [weir.ErrInvalidArgument].
func New(config Config) (*Producer, error) {
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("producer: %w", err)
	}
	c := config.withDefaults()
	p := &Producer{c: c, epoch: time.Now(), timerAt: never, crowded: make(map[*lane]bool), over: make(chan struct{})}
	p.base, p.stop = context.WithCancelCause(context.Background())
	s := c.settings(p.epoch)
	p.needs, p.m = s.needsMap, newMachine(s, rand.New(c.Random))
	return p, nil
}

// settings returns what a machine needs to know of resolved c.
func (c Config) settings(epoch time.Time) settings {
	limits := c.limits()
	s := settings{
		stream: c.Stream.Name(), aggregate: c.Aggregate, ordered: c.Ordered, failThrottled: c.FailThrottled,
		aggregateBytes: c.AggregateBytes, batchRecords: c.BatchRecords, batchBytes: c.BatchBytes, shardBytes: c.ShardBytes,
		linger: c.Linger, ttl: c.TTL, backoff: c.Backoff, maxBackoff: c.MaxBackoff, calls: c.Calls, maxBytes: c.MaxBytes,
		shardRecordsRate: math.Inf(1), shardBytesRate: math.Inf(1), epoch: epoch,
	}
	if c.Rate > 0 {
		s.shardRecordsRate, s.shardBytesRate = unlimited(c.Rate*float64(limits.WriteRecordsPerSecond)), unlimited(c.Rate*float64(limits.WriteBytesPerSecond))
	}
	limited := !math.IsInf(s.shardRecordsRate, 1) || !math.IsInf(s.shardBytesRate, 1)
	s.needsMap = c.Aggregate || limited || c.Calls > 1
	return s
}

// unlimited makes a limit that is none infinite.
func unlimited(perSecond float64) float64 {
	if perSecond >= math.MaxFloat32 {
		return math.Inf(1)
	}
	return perSecond
}

// now returns the time on the producer's clock, which only goes forward.
func (p *Producer) now() time.Duration { return time.Since(p.epoch) }

// Put puts a record and waits for its outcome. The error is the outcome's, or
// says why the record was not taken in: what [Producer.PutAsync] returns. When
// ctx ends while the outcome is waited for, the error is ctx's, and the record
// is delivered or not. e.Data must not be changed before the outcome is there.
func (p *Producer) Put(ctx context.Context, e weir.Entry) (Outcome, error) {
	w, _ := p.awaited.Get().(*awaited)
	if w == nil {
		w = &awaited{told: make(chan Outcome, 1)}
		w.tell = func(o Outcome) { w.told <- o }
	}
	if err := p.PutAsync(ctx, e, w.tell); err != nil {
		p.awaited.Put(w)
		return Outcome{}, err
	}
	select {
	case o := <-w.told:
		p.awaited.Put(w)
		return o, o.Err
	case <-ctx.Done():
	}
	select {
	case o := <-w.told: // at the same moment
		p.awaited.Put(w)
		return o, o.Err
	default:
		return Outcome{}, fmt.Errorf("producer: nobody waits for the outcome: %w", context.Cause(ctx))
	}
}

// An awaited waits for one outcome.
type awaited struct {
	told chan Outcome
	tell func(Outcome)
}

// PutAsync takes in a record, of which done is told the outcome, once. It waits
// for room only, until ctx ends; then it matches ctx's cause. If it returns an
// error the record was not taken in, and done is not called:
// [weir.ErrInvalidArgument] for what no stream takes, [ErrTooLarge], [ErrFull],
// [weir.ErrClosed].
//
// The data is not copied: it must not be changed before done is called. done may
// be nil. It is called by a goroutine that puts, so it should be quick, and must
// not wait for other outcomes or for room; the outcomes of different records may
// be told at the same time.
func (p *Producer) PutAsync(ctx context.Context, e weir.Entry, done func(Outcome)) error {
	if err := p.check(ctx, &e); err != nil {
		return err
	}
	var hash weir.HashKey
	switch {
	case e.ExplicitHashKey != nil:
		hash = *e.ExplicitHashKey
	case !p.needs:
	case p.takeUnhashed(&e, done):
		return nil
	default:
		hash = weir.HashPartitionKey(e.PartitionKey)
	}
	p.mu.Lock()
	now := p.stamp()
	size := p.m.sizeOf(&e)
	if p.closed || p.mustWait(hash, size) {
		if err := p.waitForRoom(ctx, hash, size); err != nil { // it lets go of the mutex
			return err
		}
		now = p.now()
		p.mu.Lock()
		if p.closed { // meanwhile
			p.m.reserve(-size)
			p.mu.Unlock()
			return errClosed
		}
	} else {
		p.m.reserve(size)
	}
	p.schedule(p.m.add(&e, hash, size, done, now), now)
	p.mu.Unlock()
	return nil
}

var errClosed = fmt.Errorf("producer: %w", weir.ErrClosed)

// check checks a record as streams do.
func (p *Producer) check(ctx context.Context, e *weir.Entry) error {
	if ctx == nil {
		return &weir.ArgumentError{Field: "context", Reason: "is nil"}
	}
	if ctx.Err() != nil {
		return fmt.Errorf("producer: %w", context.Cause(ctx))
	}
	if size := e.Size(); size > p.c.RecordBytes {
		return &tooLarge{weir.ArgumentError{Field: "record", Reason: fmt.Sprintf(
			"data and partition key have %d bytes; at most %d are allowed", size, p.c.RecordBytes)}}
	}
	if n := len(e.PartitionKey); n > 0 && n <= weir.MaxPartitionKeyLength && isASCII(e.PartitionKey) {
		return nil
	}
	reason := ""
	switch n := utf8.RuneCountInString(e.PartitionKey); {
	case n == 0 || n > weir.MaxPartitionKeyLength:
		reason = fmt.Sprintf("has %d characters; 1 to %d are allowed", n, weir.MaxPartitionKeyLength)
	case !utf8.ValidString(e.PartitionKey):
		reason = fmt.Sprintf("%.32q is not UTF-8", e.PartitionKey)
	default:
		return nil
	}
	return &weir.ArgumentError{Field: "partition key", Reason: reason}
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// A tooLarge matches [ErrTooLarge], too.
type tooLarge struct{ weir.ArgumentError }

// Is reports whether target is [ErrTooLarge] or [weir.ErrInvalidArgument].
func (e *tooLarge) Is(target error) bool {
	return target == ErrTooLarge || target == weir.ErrInvalidArgument
}

// A waiter waits for room. It has it when ready is closed and err is nil.
type waiter struct {
	hash  weir.HashKey
	size  int
	ready chan struct{}
	err   error
}

// mustWait reports whether a record has to wait for room: because there is none,
// or because others wait that came before. It is called with the mutex held.
func (p *Producer) mustWait(hash weir.HashKey, size int) bool {
	p.m.place()
	if p.waiters.Len() == 0 {
		return !p.m.hasRoom(size) || p.m.isCrowded(hash)
	}
	// Those that wait for their shard alone may be overtaken by others.
	return p.short || !p.m.hasRoom(size) || p.m.isCrowded(hash) || p.crowded[p.m.laneOf(hash)]
}

// waitForRoom waits until a record has room, which it is given then. It is
// called with the mutex held, and lets go of it.
func (p *Producer) waitForRoom(ctx context.Context, hash weir.HashKey, size int) error {
	if p.closed {
		p.mu.Unlock()
		return errClosed
	}
	if held, room := p.m.bytes, p.m.hasRoom(size); p.c.RefuseFull {
		p.mu.Unlock()
		if room {
			return fmt.Errorf("producer: %w for its shard: %d of %d bytes are held, most of them for it", ErrFull, held, p.c.MaxBytes)
		}
		return fmt.Errorf("producer: %w: %d of %d bytes are held, the record takes %d", ErrFull, held, p.c.MaxBytes, size)
	}
	w := &waiter{hash: hash, size: size, ready: make(chan struct{})}
	place := p.waiters.PushBack(w)
	if l := p.m.laneOf(hash); p.m.isCrowded(hash) {
		p.crowded[l] = true
	} else if !p.m.hasRoom(size) {
		p.short = true
	}
	p.mu.Unlock()
	select {
	case <-w.ready:
		return w.err
	case <-ctx.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-w.ready: // at the same moment
		if w.err == nil {
			p.m.reserve(-size)
		}
	default:
		p.waiters.Remove(place)
	}
	p.giveRoom() // to who comes next, which may be smaller
	return fmt.Errorf("producer: waiting for room: %w", context.Cause(ctx))
}

// giveRoom lets those in who wait for room, in order, as far as there is some.
// Only those whose shard has too much of it are passed over. It notes what is
// waited for. It is called with the mutex held.
func (p *Producer) giveRoom() {
	p.short = false
	clear(p.crowded)
	if p.waiters.Len() == 0 {
		return
	}
	p.m.place()
	for place := p.waiters.Front(); place != nil; {
		w, next := place.Value.(*waiter), place.Next()
		l := p.m.laneOf(w.hash)
		switch {
		case p.crowded[l] || p.m.isCrowded(w.hash):
			p.crowded[l] = true
		case !p.m.hasRoom(w.size):
			p.short = true
			return
		default:
			p.m.reserve(w.size)
			p.waiters.Remove(place)
			close(w.ready)
		}
		place = next
	}
}

// schedule sees to it that the machine is asked at a time. It is called with the
// mutex held.
func (p *Producer) schedule(at, now time.Duration) {
	if p.ending {
		return // who makes a call still asks when it returns
	}
	if p.m.wantsShards(now) {
		p.m.ask()
		p.work.Go(p.learn)
	}
	switch {
	case at <= now:
		if p.workers < p.c.Calls {
			p.workers++
			p.work.Go(p.run)
		}
	case at >= p.timerAt:
	case p.timer == nil:
		p.timerAt, p.timer = at, time.AfterFunc(at-now, p.wake)
	default:
		p.timerAt = at
		p.timer.Reset(at - now)
	}
}

// wake is called by the timer.
func (p *Producer) wake() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := p.now(); now >= p.timerAt { // else it was set anew meanwhile
		p.timerAt = never
		p.schedule(now, now)
	}
}

// run makes calls, and tells outcomes, until there is nothing to do.
func (p *Producer) run() {
	w, _ := p.spare.Get().(*worker)
	if w == nil {
		w = new(worker)
	}
	defer p.spare.Put(w)
	p.mu.Lock()
	for {
		now := p.now()
		b, at := p.m.next(now)
		w.told = p.m.takeOut(w.told)
		if b == nil && w.told.isEmpty() {
			p.workers--
			p.schedule(at, now)
			p.mu.Unlock()
			return
		}
		if b != nil {
			p.schedule(at, now)
		}
		p.mu.Unlock()
		p.tell(&w.told)
		if b == nil {
			p.mu.Lock()
			continue
		}
		results, err := p.put(b, w)
		if errors.Is(err, ErrMismatch) || err == nil && len(results) != len(b.entries) {
			p.c.Logger.Error("a call was answered with a wrong number of results; all its records fail",
				"stream", p.c.Stream.Name(), "records", len(b.items), "entries", len(b.entries), "results", len(results), "err", err)
		}
		p.mu.Lock()
		p.m.settle(b, results, err, p.now())
	}
}

// A worker is the memory that one who puts uses again and again.
type worker struct {
	packer  packer
	results []weir.PutResult
	told    outbox
}

// An appender is a stream that puts without allocating results.
type appender interface {
	AppendPutRecords(ctx context.Context, results []weir.PutResult, entries []weir.Entry) ([]weir.PutResult, error)
}

// put makes a call. The results are valid until the next one.
func (p *Producer) put(b *batch, w *worker) ([]weir.PutResult, error) {
	w.packer.encode(b)
	ctx := p.base
	if p.c.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, p.c.Timeout)
		defer cancel()
	}
	s, ok := p.c.Stream.(appender)
	if !ok {
		return p.c.Stream.PutRecords(ctx, b.entries)
	}
	results, err := s.AppendPutRecords(ctx, w.results[:0], b.entries)
	if err == nil {
		w.results = results
	}
	return results, err
}

// tell tells outcomes. It is called without the mutex.
func (p *Producer) tell(o *outbox) {
	if o.isEmpty() {
		return
	}
	o.tell()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.flushes {
		f.count(o)
	}
	p.m.told(o)
	o.reset()
	p.endFlushes()
	p.giveRoom()
}

// leastLearning is how long the answer may take to what shards there are,
// however short-lived records are. It may take half of their life: they wait for
// the first one, and there must be time left to put them without it.
const leastLearning = 5 * time.Second

// learn asks for the shards.
func (p *Producer) learn() {
	ctx, cancel := context.WithTimeout(p.base, max(leastLearning, min(p.c.TTL/2, 2*mapMaxInterval)))
	list, err := p.c.Stream.Shards(ctx)
	cancel()
	if err != nil {
		p.c.Logger.Warn("cannot list the shards", "stream", p.c.Stream.Name(), "err", err)
	}
	p.mu.Lock()
	now := p.now()
	p.m.learn(list, err, now)
	told := p.m.takeOut(outbox{})
	if p.m.held > 0 {
		p.schedule(now, now)
	}
	p.mu.Unlock()
	p.tell(&told)
}

// A flush waits for records up to a number.
type flush struct {
	upTo uint64
	left int
	done chan struct{}
}

// count takes in that records were told.
func (f *flush) count(o *outbox) {
	for i := range o.list {
		for _, r := range o.list[i].items {
			if r.n <= f.upTo {
				f.left--
			}
		}
	}
}

// endFlushes ends those flushes that have nothing left to wait for.
func (p *Producer) endFlushes() {
	kept := p.flushes[:0]
	for _, f := range p.flushes {
		if f.left > 0 {
			kept = append(kept, f)
			continue
		}
		close(f.done)
	}
	clear(p.flushes[len(kept):])
	p.flushes = kept
}

// Flush waits until the outcomes of all records have been told that were taken in
// before, or until ctx ends, whose cause it then returns. They do not linger any
// more; what failed still waits for its back-off.
func (p *Producer) Flush(ctx context.Context) error {
	if ctx == nil {
		return &weir.ArgumentError{Field: "context", Reason: "is nil"}
	}
	p.mu.Lock()
	f := p.newFlush()
	p.mu.Unlock()
	select {
	case <-f.done:
		return nil
	case <-ctx.Done():
		p.mu.Lock()
		defer p.mu.Unlock()
		for i, g := range p.flushes {
			if f == g {
				p.flushes = append(p.flushes[:i], p.flushes[i+1:]...)
				return fmt.Errorf("producer: the outcomes of %d records are not there: %w", f.left, context.Cause(ctx))
			}
		}
		return nil // done at the same moment
	}
}

// newFlush begins a flush. It is called with the mutex held.
func (p *Producer) newFlush() *flush {
	f := &flush{upTo: p.m.newest, left: p.m.held, done: make(chan struct{})}
	if f.left == 0 {
		close(f.done)
		return f
	}
	p.m.flush()
	p.flushes = append(p.flushes, f)
	now := p.now()
	p.schedule(now, now)
	return f
}

// Close takes in no more records, waits for the outcomes of those that there
// are, and ends all goroutines of the producer: they have ended when it returns.
// When ctx ends before, calls under way are given up, and what is left fails
// with an error that matches [weir.ErrClosed]; the error says how many records
// that were. Puts that wait for room fail at once.
//
// Closed again, it waits for the first Close.
func (p *Producer) Close(ctx context.Context) error {
	if ctx == nil {
		return &weir.ArgumentError{Field: "context", Reason: "is nil"}
	}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		select {
		case <-p.over:
			return nil
		case <-ctx.Done():
			return fmt.Errorf("producer: is being closed: %w", context.Cause(ctx))
		}
	}
	p.closed = true
	for place := p.waiters.Front(); place != nil; place = p.waiters.Front() {
		w := p.waiters.Remove(place).(*waiter)
		w.err = errClosed
		close(w.ready)
	}
	f := p.newFlush()
	p.mu.Unlock()

	var err error
	select {
	case <-f.done:
	case <-ctx.Done():
		err = p.giveUp(context.Cause(ctx))
	}
	p.mu.Lock()
	p.ending = true
	if p.timer != nil {
		p.timer.Stop()
	}
	p.stamps.stop()
	p.mu.Unlock()
	p.stop(weir.ErrClosed)
	p.work.Wait()
	sparse.Flush(p.c.Logger)
	close(p.over)
	return err
}

// giveUp fails all that is left.
func (p *Producer) giveUp(cause error) error {
	p.mu.Lock()
	left := p.m.held
	p.m.end(weir.ErrClosed)
	told := p.m.takeOut(outbox{})
	p.mu.Unlock()
	p.stop(weir.ErrClosed)
	p.tell(&told)
	if left == 0 {
		return nil
	}
	return fmt.Errorf("producer: %d records were not delivered when it was closed: %w", left, cause)
}

// Metrics returns what the producer has done, and where it stands.
func (p *Producer) Metrics() Metrics {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.m.metrics()
}

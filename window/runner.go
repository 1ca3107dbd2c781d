package window

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/internal/crew"
	"github.com/weirstream/weir/internal/sparse"
)

const (
	// maxResults is how many results a handler is given at a time.
	maxResults = 1000
	// unknownTip is how long after its beginning a shard of which nothing was read
	// counts as one that has nothing to be read.
	unknownTip = time.Minute
	// minMany is how many windows are opened before they are kept sooner than it is
	// time for it, to know whether there is room for them.
	minMany  = 10_000
	minRetry = 100 * time.Millisecond
	maxRetry = 30 * time.Second
)

// A runner works on a shard for as long as the worker has it. It has the
// machine fed, hands over what comes of it, and keeps its windows with the
// position.
type runner[V, A, R any] struct {
	windower *Windower[V, A, R]
	ctx      context.Context
	progress *consumer.Progress
	name     shardName
	logger   *slog.Logger
	handler  Handler[R]
	every    time.Duration // between checkpoints; negative: each batch
	timer    *time.Timer
	shown    atomic.Pointer[ShardMetrics]

	// turn is of one place: who is in it may use what follows.
	turn     chan struct{}
	machine  *machine[V, A, R]
	closed   bool
	began    time.Time
	heard    time.Time // when the last record came, or the shard was known to have more
	read     bool      // a batch has come, which says whether there are more
	stuck    bool      // what came of the last one could not be handed over
	ended    bool      // the last batch was taken; the children may have records by now
	owes     bool      // the clock decided something that is not written
	position place     // of the last record that was taken since resume
	unsaved  bool
	saved    time.Time
	size     int
	tooMany  int       // so many windows are kept before it is time for it
	failed   int       // attempts to hand over, in a row, that were made by the clock
	retry    time.Time // when the next one is due
	snapshot string    // that the lease names, or will
	outdated []string  // those that it named before
}

// enter waits for the turn. It fails when the shard is given up.
func (r *runner[V, A, R]) enter() error {
	select {
	case r.turn <- struct{}{}:
		return nil
	case <-r.ctx.Done():
		return crew.ErrGivenUp
	}
}

func (r *runner[V, A, R]) leave() { <-r.turn }

// offer takes a batch. Whatever part of it was taken before, because what came
// of it could not be handed over, is not taken again.
func (r *runner[V, A, R]) offer(b *consumer.Batch) error {
	if err := r.enter(); err != nil {
		return err
	}
	defer r.leave()
	if r.closed {
		return crew.ErrGivenUp
	}
	err := r.take(b)
	r.stuck, r.heard = err != nil, time.Now()
	r.ended = r.ended || b.Last && err == nil
	return err
}

func (r *runner[V, A, R]) take(b *consumer.Batch) error {
	if err := r.settle(); err != nil {
		return err
	}
	if n := len(b.Records); n > 0 {
		r.machine.feed(b.Records, b.Subs)
		r.position, r.read, r.unsaved = placeOf(b.Records, b.Subs, n-1), true, true
		r.lookAtOthers()
	}
	if b.Last {
		r.unsaved = true
		if over, err := r.nothingFollows(); err != nil {
			return err
		} else if over {
			r.machine.finish()
		}
	}
	if err := r.deliver(); err != nil {
		return err
	}
	r.show(false)
	if now := time.Now(); b.Last || r.every < 0 || now.Sub(r.saved) >= r.every || r.machine.open >= r.tooMany {
		return r.save(now)
	}
	return nil
}

// lookAtOthers tells if a key is in another shard, too.
func (r *runner[V, A, R]) lookAtOthers() {
	for i, key := range r.machine.others {
		if other, found, first := r.windower.meet(key, r.name); found {
			r.windower.counts.scattered.Add(1)
			if first {
				r.logger.Warn("a key is in two shards, each of which has windows of it: it should follow from the partition key", "other", other.id)
			}
		}
		r.machine.others[i] = ""
	}
	r.machine.others = r.machine.others[:0]
}

// nothingFollows reports whether a shard that has ended has no children, because
// the stream takes no more records.
func (r *runner[V, A, R]) nothingFollows() (bool, error) {
	shards, err := r.windower.stream(r.name.stream).Shards(r.ctx)
	if err != nil {
		return false, err
	}
	var own weir.Shard
	for _, s := range shards {
		if s.ID == r.name.id {
			own = s
		}
	}
	if own.EndingSequenceNumber.IsZero() { // as far as can be seen it is open
		return false, nil
	}
	for _, s := range shards {
		if _, overlaps := intersect(s.HashKeyRange, own.HashKeyRange); s.ID > own.ID && overlaps {
			return false, nil
		}
	}
	return true, nil
}

// deliver hands over what the machine has made.
func (r *runner[V, A, R]) deliver() error {
	m := r.machine
	for {
		r.windower.counts.add(&m.counts)
		switch {
		case len(m.rejected) > 0:
			n := min(maxResults, len(m.rejected))
			if err := r.call(func() error { return r.windower.config.Aside(r.ctx, m.rejected[:n]) }); err != nil {
				return err
			}
			m.rejected = remaining(m.rejected, n)
		case len(m.results) > 0:
			n := min(maxResults, len(m.results))
			if err := r.handOver(m.results[:n]); err != nil {
				return err
			}
			m.results = remaining(m.results, n)
		default:
			return nil
		}
	}
}

// handOver gives results to the handler. What it refuses is set aside, so that it
// is not called again with the others.
func (r *runner[V, A, R]) handOver(results []Result[R]) error {
	var refused *RefusedError
	err := r.call(func() error {
		err := r.handler(r.ctx, results)
		if errors.As(err, &refused) {
			return nil
		}
		return err
	})
	if err != nil || refused == nil {
		return err
	}
	r.log("results were refused", refused)
	for i, one := range results {
		if why := refused.Results[i]; why != nil {
			r.machine.refuse(one, why)
		}
	}
	return nil
}

// remaining returns what is left of a list, in memory that is used again when
// all is gone.
func remaining[T any](list []T, n int) []T {
	clear(list[:n])
	if n < len(list) {
		return list[n:]
	}
	return list[:0]
}

// call calls code of the caller. A panic is an error.
func (r *runner[V, A, R]) call(f func() error) (err error) {
	defer func() {
		if err != nil {
			r.windower.counts.failures.Add(1)
		}
	}()
	defer crew.Recovered(&err)
	return f()
}

// save keeps the windows with the position behind the last record that was
// taken, when all that came of it has been handed over.
func (r *runner[V, A, R]) save(now time.Time) error {
	if err := r.deliver(); err != nil {
		return err
	}
	r.tidy()
	state, snapshot, err := r.state()
	if err == nil {
		err = r.progress.Done(r.position.number, r.position.sub, state)
	}
	var fatal *StateError
	switch {
	case errors.As(err, &fatal):
		r.closed = true
		r.windower.crew.Fail(fatal)
		return err
	case err != nil:
		return err
	}
	r.swap(snapshot)
	r.windower.counts.checkpoints.Add(1)
	r.saved, r.unsaved, r.size = now, false, len(state)
	r.tooMany = 2 * max(minMany, r.machine.open)
	return nil
}

func (r *runner[V, A, R]) stateError(err error) *StateError {
	e := &StateError{Stream: r.name.stream, Shard: r.name.id, Err: err}
	if r.machine != nil {
		e.Windows = r.machine.open
	}
	return e
}

// state returns what is to be kept in the lease: the windows, or the name of the
// snapshot that has them.
func (r *runner[V, A, R]) state() (b []byte, snapshot string, err error) {
	if b, err = r.machine.encode(); err != nil {
		return nil, "", r.stateError(err)
	}
	if len(b) <= r.windower.room {
		return b, "", nil
	}
	small := pack(b)
	if len(small) <= r.windower.room {
		return small, "", nil
	}
	keep, limit := r.windower.config.Snapshots, maxUnpacked
	if keep == nil {
		limit, b = r.windower.room, small
	}
	if len(b) > limit {
		err := r.stateError(nil)
		err.Bytes, err.Limit = len(b), limit
		return nil, "", err
	}
	name := r.prefix() + rand.Text()
	if err := r.call(func() error { return keep.Write(r.ctx, name, small) }); err != nil {
		return nil, "", fmt.Errorf("window: snapshot %s: %w", name, err)
	}
	r.windower.counts.snapshots.Add(1)
	return append(head(named), name...), name, nil
}

// Attend waits for the time, and for the end: of the lease, or of the work on
// it.
func (r *runner[V, A, R]) Attend() {
	defer r.timer.Stop()
	defer r.tidyUp()
	for {
		r.timer.Reset(r.round())
		select {
		case <-r.timer.C:
			continue
		case <-r.progress.Stopping():
			r.finish()
		case <-r.ctx.Done():
		}
		return
	}
}

// Left forgets where the shard was: nobody is to follow it.
func (r *runner[V, A, R]) Left() { r.windower.marks.remove(r.name) }

// round does what the clock asks for, and returns how long to wait for the next.
func (r *runner[V, A, R]) round() time.Duration {
	if r.enter() != nil {
		return maxWait
	}
	defer r.leave()
	if r.closed {
		return maxWait
	}
	now := time.Now()
	if now.Before(r.retry) {
		return r.retry.Sub(now)
	}
	wait, err := r.tryRound(now)
	if err != nil {
		r.failed++
		wait = min(maxRetry, minRetry<<min(r.failed, 20))
		r.retry = now.Add(wait)
		r.log("windows could not be handed over or kept", err)
		return wait
	}
	r.failed, r.retry = 0, time.Time{}
	return wait
}

func (r *runner[V, A, R]) tryRound(now time.Time) (wait time.Duration, err error) {
	wait = maxWait
	if r.every > 0 {
		wait = r.every // what comes with a batch meanwhile is kept by then
	}
	if err := r.deliver(); err != nil {
		return 0, err
	}
	if !r.ended {
		after, err := r.decide(now)
		if err != nil {
			return 0, err
		}
		wait = min(wait, after)
	}
	if !r.unsaved {
		return wait, nil
	}
	if due := r.saved.Add(r.every).Sub(now); due > 0 {
		return min(wait, due), nil
	}
	return wait, r.save(now)
}

// decide does what the clock asks for and no record. It returns how long to wait
// for the next of it.
func (r *runner[V, A, R]) decide(now time.Time) (wait time.Duration, err error) {
	idle, wait, err := r.idle(now)
	if err != nil {
		return 0, err
	}
	if r.machine.announce(now) {
		if err := r.commit(); err != nil {
			return 0, err
		}
	}
	if next := r.machine.tick(now); !next.IsZero() {
		wait = min(wait, next.Sub(now))
	}
	r.unsaved = r.unsaved || len(r.machine.results) > 0
	r.show(idle)
	return wait, r.deliver()
}

// idle lets the watermark of an idle shard go on. It returns whether the shard is
// idle, and how long to wait until it may be.
func (r *runner[V, A, R]) idle(now time.Time) (idle bool, wait time.Duration, err error) {
	c := &r.windower.config
	if c.Idle == 0 {
		return false, maxWait, nil
	}
	// Without a batch nobody knows how far behind it is, for not all streams tell
	// when there is nothing to be read.
	known := r.read || now.Sub(r.began) >= unknownTip
	if behind, failing := r.progress.Behind(); failing || behind > 0 || r.stuck || !known {
		r.heard = now
		return false, c.Idle, nil
	}
	if left := r.heard.Add(c.Idle).Sub(now); left > 0 {
		return false, left, nil
	}
	if c.IdleClock {
		return true, c.Idle, r.advance(now.Add(-c.Idle-c.Bound).UnixMilli() - 1)
	}
	r.show(true)
	return true, c.Idle, r.advance(r.windower.marks.combined())
}

// advance raises the watermark though no record says so, if something is due by
// then. That is written before anything comes of it, so that after a crash it is
// so again: otherwise a record could be late for one who saw the results, and in
// time for the next.
func (r *runner[V, A, R]) advance(to int64) error {
	m := r.machine
	if to <= m.watermark || m.timers.next() > to {
		return nil
	}
	m.promised = max(m.promised, to)
	r.owes = true
	return r.settle()
}

// settle writes what the clock has decided, and does it, before anything else is
// done.
func (r *runner[V, A, R]) settle() error {
	if !r.owes {
		return nil
	}
	if err := r.commit(); err != nil {
		return err
	}
	r.owes, r.unsaved = false, true
	r.machine.raise(r.machine.promised)
	return nil
}

// commit keeps the windows, and returns when they are written.
func (r *runner[V, A, R]) commit() error {
	if err := r.save(time.Now()); err != nil {
		return err
	}
	return r.progress.Write(r.ctx)
}

// show notes where the shard stands.
func (r *runner[V, A, R]) show(idle bool) {
	m := r.machine
	r.windower.marks.set(r.name, m.watermark, idle)
	s := &ShardMetrics{Stream: r.name.stream, Shard: r.name.id, Idle: idle, Windows: m.open, StateBytes: r.size}
	if m.watermark > earliest && m.watermark < never-1 {
		s.Watermark = timeOf(m.watermark)
	}
	r.shown.Store(s)
}

// finish keeps what there is. Then the shard is given up.
func (r *runner[V, A, R]) finish() {
	if r.enter() == nil {
		if !r.closed && r.unsaved {
			err := r.deliver()
			if err == nil {
				err = r.save(time.Now())
			}
			if err != nil {
				r.log("windows could not be kept", err)
			}
		}
		r.closed = true
		r.leave()
	}
	r.progress.Drop()
}

// tidyUp waits for who has the turn, and deletes snapshots that are not needed.
func (r *runner[V, A, R]) tidyUp() {
	r.turn <- struct{}{}
	defer r.leave()
	r.closed = true
	r.tidy()
	sparse.Flush(r.logger)
}

func (r *runner[V, A, R]) log(what string, err error) { r.logger.Warn(what, "err", err) }

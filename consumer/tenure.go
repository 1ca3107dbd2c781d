package consumer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirstream/weir/lease"
)

// A tenure is the time in which a worker has a lease: all writes of its row go
// through it. It ends early enough, on the worker's own clock, that nobody else
// has begun by then.
type tenure struct {
	g   *Group
	key string

	// ctx ends with the tenure, or when the time to finish is over.
	ctx    context.Context
	cancel context.CancelCauseFunc
	turn   chan struct{} // of one place: who is in it may write
	asked  func()        // called after a write that showed that somebody wants the lease

	mu    sync.Mutex // guards what follows
	row   lease.Lease
	since time.Duration // when the last write began that is known to be done
	tried time.Duration // when one was tried since; zero if none was
	// unsure are rows that may have been written: their answers were lost.
	unsure []attempt
	timer  *time.Timer // ends the tenure
	over   bool        // lost, given up or ended
	wanted string      // the worker that asks for the lease
	// deadline is when the worker that asks for the lease may take it; less the
	// margin. It means nothing if none asks.
	deadline time.Duration

	done    place // how far the shard has been processed; zero is not at all
	state   []byte
	version int // of done and state
	written int // the version that the row has

	bytes atomic.Int64  // processed in the tenure
	rated time.Duration // when rate was reckoned last; it and what follows are guarded by mu
	then  int64         // bytes at that time
	rate  float64       // what the shard comes to of late, in KiB a second
}

// rateOver is the time over which a shard's throughput is averaged: what was
// before that weighs a third.
const rateOver = time.Minute

// An attempt is a write of which nobody knows whether it was done.
type attempt struct {
	row     lease.Lease
	version int
}

// maxUnsure bounds what is remembered of lost answers.
const maxUnsure = 16

var errOver = errors.New("the lease is not the worker's any more")

// begin makes the tenure of a row that was written by a write that began then.
func (t *tenure) begin(g *Group, row lease.Lease, began time.Duration) {
	t.g, t.key, t.row, t.since, t.state = g, row.Key, row, began, row.State
	t.ctx, t.cancel = context.WithCancelCause(g.base)
	t.turn = make(chan struct{}, 1)
	t.rated, t.rate = began, row.Throughput
	t.mu.Lock() // the timer may fire at once
	t.timer = time.AfterFunc(t.left(), t.expire)
	t.mu.Unlock()
}

// left returns how long the lease is the worker's if it writes no more.
func (t *tenure) left() time.Duration {
	return t.since + t.g.config.Failover - t.g.config.Margin - t.g.now()
}

// expire ends the tenure if it was not prolonged.
func (t *tenure) expire() {
	t.mu.Lock()
	left := t.left()
	if t.over || left > 0 {
		if !t.over {
			t.timer.Reset(left)
		}
		t.mu.Unlock()
		return
	}
	t.mu.Unlock()
	t.lose(fmt.Errorf("%w: it could not be renewed for %v", ErrLeaseLost, t.g.config.Failover))
}

// lose ends the tenure because the lease is another's, or may be.
func (t *tenure) lose(cause error) {
	t.mu.Lock()
	was := t.over
	t.over = true
	t.timer.Stop()
	t.mu.Unlock()
	if was {
		return
	}
	t.g.counts.lost.Add(1)
	t.g.log.Warn("lease lost", "lease", t.key, "cause", cause)
	t.cancel(cause)
	t.g.wakeUp()
}

// end ends the tenure in order.
func (t *tenure) end() {
	t.mu.Lock()
	t.over = true
	t.timer.Stop()
	t.mu.Unlock()
	t.cancel(nil)
}

// isOver reports whether the lease is not the worker's any more.
func (t *tenure) isOver() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.over
}

// current returns the row as it was written last.
func (t *tenure) current() lease.Lease {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.row
}

// write writes the row with how far the shard has been processed, and with what
// change makes of it, if that is not nil. The error is nil if it was written,
// and matches errOver if the lease is not the worker's any more; any other can
// pass.
func (t *tenure) write(ctx context.Context, change func(*lease.Lease)) error {
	select {
	case t.turn <- struct{}{}:
		defer func() { <-t.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	return t.writeInTurn(ctx, change)
}

// tryWrite writes, unless somebody else does already.
func (t *tenure) tryWrite(ctx context.Context) error {
	select {
	case t.turn <- struct{}{}:
		defer func() { <-t.turn }()
		return t.writeInTurn(ctx, nil)
	default:
		t.mu.Lock()
		t.tried = t.g.now()
		t.mu.Unlock()
		return nil
	}
}

func (t *tenure) writeInTurn(ctx context.Context, change func(*lease.Lease)) error {
	for {
		next, version, err := t.next(change)
		if err != nil {
			return err
		}
		began := t.g.now()
		got, err := t.update(ctx, next)
		switch {
		case err == nil:
			t.wrote(got, version, began)
			t.asked()
			return nil
		case !errors.Is(err, lease.ErrConflict):
			t.g.counts.storeErrors.Add(1)
			t.lostAnswer(next, version)
			return err
		}
		t.g.counts.conflicts.Add(1)
		mine, done := t.adopt(got)
		if done {
			return nil
		}
		t.asked()
		if !mine {
			t.lose(fmt.Errorf("%w: worker %q has it", ErrLeaseLost, got.Owner))
			return errOver
		}
	}
}

// update makes one call of the store, which has its time.
func (t *tenure) update(ctx context.Context, row lease.Lease) (lease.Lease, error) {
	ctx, cancel := context.WithTimeout(ctx, t.g.config.Failover/4)
	defer cancel()
	return t.g.store.Update(ctx, row)
}

// next returns the row that is to be written.
func (t *tenure) next(change func(*lease.Lease)) (lease.Lease, int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over || t.left() <= 0 {
		return lease.Lease{}, 0, errOver
	}
	next := t.row
	next.Throughput = t.throughput()
	if t.version != t.written {
		next.State = t.state
		next.Switches = 0
		if t.done != (place{}) {
			next.Checkpoint = t.done.checkpoint()
		}
	}
	if change != nil {
		change(&next)
	}
	return next, t.version, nil
}

// throughput returns what the shard comes to of late, in hundredths of a KiB a
// second. The caller holds mu.
func (t *tenure) throughput() float64 {
	now, bytes := t.g.now(), t.bytes.Load()
	if d := now - t.rated; d >= time.Second {
		fresh := 1 - math.Exp(-d.Seconds()/rateOver.Seconds())
		t.rate += fresh * (float64(bytes-t.then)/1024/d.Seconds() - t.rate)
		t.rated, t.then = now, bytes
	}
	return math.Round(100*t.rate) / 100
}

// wrote takes in that a write was done.
func (t *tenure) wrote(row lease.Lease, version int, began time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if version != t.written {
		t.g.counts.checkpointed(t.g.now() - began)
	}
	t.row, t.since, t.written, t.unsure, t.tried = row, began, version, nil, 0
	t.note(row)
	switch {
	case t.over:
	case row.Owner != t.g.config.Worker: // it was given up
		t.over = true
		t.timer.Stop()
	default:
		t.timer.Reset(t.left())
	}
}

// lostAnswer takes in that nobody knows whether a write was done.
func (t *tenure) lostAnswer(row lease.Lease, version int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tried = t.g.now()
	if len(t.unsure) < maxUnsure {
		t.unsure = append(t.unsure, attempt{row, version})
	}
}

// adopt takes in a row that is not as it was seen, and reports whether it still
// is the worker's own: as it wrote it, by a write whose answer was lost, or
// with somebody's wish to have it. done says that such a write gave it up.
func (t *tenure) adopt(got lease.Lease) (mine, done bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, a := range t.unsure {
		// Who had it after that may have written it since, or deleted it.
		if got.Owner != t.g.config.Worker && a.row.Owner != t.g.config.Worker {
			t.over = true
			t.timer.Stop()
			return false, true
		}
	}
	if got.Owner != t.g.config.Worker {
		return false, false
	}
	for _, a := range t.unsure {
		if same(a.row, got) {
			// It may be an earlier one that was done, or none but somebody's wish:
			// since when the lease is renewed is not known, the next write tells.
			t.row, t.written, t.unsure = got, a.version, nil
			t.note(got)
			return true, false
		}
	}
	// Another one wants it, or did and does not any more.
	if !same(t.row, got) {
		return false, false
	}
	t.row = got
	t.note(got)
	return true, false
}

// note takes in who wants the lease. The caller holds mu.
func (t *tenure) note(row lease.Lease) {
	if row.Wanted != "" && row.Wanted != t.g.config.Worker && t.wanted == "" {
		t.wanted = row.Wanted
		// The wish came after the last write, and is granted by force after the
		// patience: handlers end before that.
		t.deadline = t.since + t.g.config.Patience - t.g.config.Margin
	}
}

// same reports whether two rows have the same checkpoint and state, and nobody
// has taken the lease between them: not even a worker of the same name, such as
// the one that took the place of a paused process.
func same(a, b lease.Lease) bool {
	return a.Checkpoint == b.Checkpoint && a.Switches == b.Switches && bytes.Equal(a.State, b.State)
}

// advanceLocked notes how far the shard has been processed, and reports whether
// all before was written. What is noted is written later, by whoever writes
// next. The caller holds mu.
func (t *tenure) advanceLocked(to place, state []byte, changed bool) (first bool) {
	first = t.version == t.written
	t.done = to
	if changed {
		t.state = state
	}
	t.version++
	return first
}

// due returns when the row is to be written next.
func (t *tenure) due() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := &t.g.config
	at := t.since + c.Failover/3
	if t.version != t.written {
		every := c.CheckpointEvery
		if every < 0 { // it is written by who reads; this is for when that failed
			every = c.Failover / 20
		}
		at = min(at, t.since+every)
	}
	if t.tried > 0 {
		at = max(at, t.tried+c.Failover/20)
	}
	return at
}

// unwritten reports whether the row is behind what has been processed.
func (t *tenure) unwritten() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.version != t.written
}

package consumer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/lease"
)

// A shard is one that the worker has the lease of.
type shard struct {
	tenure
	source *source
	id     weir.ShardID
	log    *slog.Logger // sparse: what goes wrong may do so with every batch

	started bool // has a goroutine, which alone reads; for the leading goroutine
	stop    chan struct{}
	stopped atomic.Bool
	finish  time.Duration // when what is in hand must be finished; 0 if it need not. Guarded by mu
	reader  client.Reader // guarded by mu

	batch Batch // the one that the handler has
	queue heldQueue
	lost  int64 // records that the reader has told to be lost
	again bool  // the next record may be that of the checkpoint
	// progress is set before the first batch, and does not change. Nil if the
	// handler's return says what is processed.
	progress *Progress

	unpacking *unpacking // nil until there is an aggregate
	sighted   sighted    // nil if the reader does not know

	saving   atomic.Bool  // the keeper has its row written
	working  atomic.Int64 // since when the handler works, on the group's clock; 0 if it does not
	slow     bool         // it was told that this is long; for the keeper
	failures atomic.Int32
	failure  atomic.Pointer[error]
	records  atomic.Int64
	behind   atomic.Int64
	failing  atomic.Bool // it could not be read when that was tried last
}

// What ends the processing of a shard without an error.
var (
	errStopped = errors.New("the shard is given up")
	errEnded   = errors.New("the shard is processed to its end")
)

var errExited = errors.New("the handler ended its goroutine")

// giveUp makes the shard's goroutine finish what is in hand, by then at the
// latest, and release the lease. It may be called again with an earlier time.
func (sh *shard) giveUp(by time.Duration) {
	sh.mu.Lock()
	if sh.finish == 0 || by < sh.finish {
		sh.finish = by
		timer := time.AfterFunc(max(1, by-sh.g.now()), func() { sh.cancel(ErrDraining) })
		context.AfterFunc(sh.ctx, func() { timer.Stop() })
	}
	sh.mu.Unlock()
	if !sh.stopped.Swap(true) {
		close(sh.stop)
		sh.closeReader()
	}
	sh.g.begin(sh) // who waits for parents has nothing in hand
}

// heed hands the shard over if another worker asks for it.
func (sh *shard) heed() {
	sh.mu.Lock()
	wanted, deadline := sh.wanted, sh.deadline
	sh.mu.Unlock()
	if wanted == "" {
		return
	}
	if !sh.stopped.Load() {
		sh.g.log.Info("lease asked for", "lease", sh.key, "by", wanted)
	}
	sh.giveUp(deadline)
}

func (sh *shard) closeReader() {
	sh.mu.Lock()
	r := sh.reader
	sh.mu.Unlock()
	if r != nil {
		r.Close()
	}
}

// run processes the shard until it ends, or the lease does, or the group.
func (sh *shard) run() {
	defer sh.g.gone(sh)
	exited := true
	defer func() {
		if exited { // deferred calls are all that is left to the goroutine
			sh.finishUp(nil, sh.handlerError(&sh.batch, sh.batch.Attempt, errExited))
		}
	}()
	sh.beginProgress()
	children, err := sh.process()
	exited = false
	sh.finishUp(children, err)
}

// finishUp writes what became of the shard.
func (sh *shard) finishUp(children []weir.Shard, err error) {
	sh.closeReader()
	if err == errEnded {
		if err = sh.close(children); err == nil {
			sh.g.counts.ended.Add(1)
			sh.end()
			return
		}
	}
	if err != errStopped && !errors.Is(err, errOver) {
		sh.g.fail(err)
	}
	sh.awaitHeld()
	sh.release()
}

// process reads and calls the handler. It returns errEnded, with the shard's
// children, errStopped, or an error that ends the group.
func (sh *shard) process() (children []weir.Shard, err error) {
	var r client.Reader
	var skip place // what was processed before, of the record at which reading begins
	for failed := 0; !sh.stopping(); {
		if r == nil {
			r, skip, err = sh.open()
		}
		var b weir.Batch
		if err == nil {
			b, err = r.Next(sh.ctx)
		}
		if err != nil {
			if err = sh.readFailed(err, &r, failed); err != nil {
				return nil, err
			}
			failed++
			continue
		}
		failed = 0
		sh.failing.Store(false)
		if err = sh.checkLost(r, b); err == nil {
			err = sh.deliverBatch(b, skip)
		}
		if err != nil {
			return nil, err
		}
		if len(b.Records) > 0 {
			skip, sh.again = place{}, false
		}
		if b.Last {
			return b.Children, errEnded
		}
	}
	return nil, errStopped
}

// stopping reports whether the shard is to be given up.
func (sh *shard) stopping() bool { return sh.stopped.Load() || sh.ctx.Err() != nil }

// open makes a reader that goes on where the shard was left. What it begins with
// is to be left out up to skip.
func (sh *shard) open() (r client.Reader, skip place, err error) {
	from, skip, err := sh.position()
	if err != nil {
		return nil, skip, err
	}
	if r, err = sh.source.stream.Read(sh.ctx, sh.id, from, sh.g.config.Reading); err != nil {
		return nil, skip, err
	}
	sh.sighted, _ = r.(sighted)
	sh.mu.Lock()
	sh.reader, sh.lost = r, 0
	sh.mu.Unlock()
	if sh.stopping() {
		r.Close()
		return nil, skip, errStopped
	}
	return r, skip, nil
}

// position returns where the shard is read on: behind what was delivered, held
// records included, and behind the checkpoint otherwise.
func (sh *shard) position() (from weir.Position, skip place, err error) {
	sh.mu.Lock()
	at, held := sh.queue.last()
	if !held {
		at = sh.done
	}
	c := sh.row.Checkpoint
	sh.mu.Unlock()
	sh.again = false
	if at == (place{}) {
		switch c.Sequence {
		case lease.TrimHorizon, "":
			return weir.TrimHorizon(), skip, nil
		case lease.Latest:
			return weir.Latest(), skip, nil
		case lease.AtTimestamp:
			return sh.atTimestamp(c.Sub)
		}
		if at.number, err = weir.ParseSequenceNumber(c.Sequence); err != nil {
			return from, skip, sh.badPosition(err)
		}
		at.sub = c.Sub
	}
	// The record itself is read again: there may be more in it.
	sh.again = true
	return weir.AtSequence(at.number), at, nil
}

// atTimestamp returns the place of a lease that begins at a time. One that the
// Kinesis Client Library has made does not have it, the configuration has.
func (sh *shard) atTimestamp(nanos uint64) (weir.Position, place, error) {
	if nanos > 0 {
		return weir.AtTime(time.Unix(0, int64(nanos))), place{}, nil
	}
	from := sh.g.config.From
	if from.Kind() != lease.AtTimestamp {
		return from, place{}, sh.badPosition(fmt.Errorf("Config.From is %v and no time: %w", from, weir.ErrInvalidArgument))
	}
	return from, place{}, nil
}

// A positionError says that a checkpoint is no place of its shard.
type positionError struct{ error }

func (e positionError) Unwrap() error { return e.error }

func (sh *shard) badPosition(err error) error {
	return positionError{fmt.Errorf("%s %v: checkpoint %q of the lease: %w", sh.source.stream.Name(), sh.id, sh.current().Checkpoint.Sequence, err)}
}

// maxThrottled is how long a shard is not read at most because it is read too
// often. There is room again each second: who waits longer leaves it to others.
const maxThrottled = time.Second

// readFailed takes in that reading failed, and waits. It returns an error if it
// is not to be tried again.
func (sh *shard) readFailed(err error, r *client.Reader, failed int) error {
	sh.failing.Store(true)
	var bad positionError
	switch {
	case sh.stopping():
		return errStopped
	case errors.As(err, &bad):
		return err
	case err == io.EOF || errors.Is(err, weir.ErrClosed):
		*r = nil // it was lost; its last batch is read again
	case errors.Is(err, weir.ErrInvalidSequenceNumber):
		return sh.badPosition(err)
	case errors.Is(err, weir.ErrShardNotFound):
		return sh.vanished()
	case errors.Is(err, weir.ErrThroughputExceeded):
		sh.g.counts.throttled.Add(1)
		return sh.wait(sh.g.backoffTo(failed, maxThrottled))
	default:
		sh.g.counts.readErrors.Add(1)
		sh.log.Warn("reading failed", "err", err)
		if failed%3 == 2 && *r != nil { // maybe it is the reader
			sh.closeReader()
			*r = nil
		}
	}
	return sh.pause(failed)
}

// pause waits after so many failures in a row, until the shard is given up.
func (sh *shard) pause(failed int) error { return sh.wait(sh.g.backoff(failed)) }

// wait waits for some time, until the shard is given up.
func (sh *shard) wait(d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-sh.stop:
	case <-sh.ctx.Done():
	}
	return errStopped
}

// A loser is a reader that knows how many records have gone before it came to
// them.
type loser interface{ Lost() int64 }

// checkLost acts on records that have gone before they were read.
func (sh *shard) checkLost(r client.Reader, b weir.Batch) error {
	l, ok := r.(loser)
	if !ok {
		return nil
	}
	lost := l.Lost() - sh.lost
	if lost <= 0 {
		return nil
	}
	sh.lost += lost
	if sh.again {
		// The first of them is where reading began, and had been processed,
		// wholly as far as one can know.
		if lost--; lost == 0 {
			return nil
		}
	}
	var horizon weir.SequenceNumber
	if len(b.Records) > 0 {
		horizon = b.Records[0].SequenceNumber
	}
	return sh.expired(lost, horizon)
}

// vanished acts on a shard that is gone before it was processed to its end.
func (sh *shard) vanished() error {
	if err := sh.expired(0, weir.SequenceNumber{}); err != nil {
		return err
	}
	return errEnded
}

// expired returns an error if records that have gone are to end the group.
func (sh *shard) expired(lost int64, horizon weir.SequenceNumber) error {
	sh.mu.Lock()
	at := sh.row.Checkpoint
	if sh.done != (place{}) {
		at = sh.done.checkpoint()
	}
	sh.mu.Unlock()
	sh.g.counts.expired.Add(1)
	sh.g.counts.lostRecords.Add(lost)
	err := &ExpiredError{Stream: sh.source.stream.Name(), Shard: sh.id, Position: at, Lost: lost, Horizon: horizon}
	if sh.g.config.Expired == FailExpired {
		return err
	}
	sh.log.Error("records expired before they were read", "err", err)
	return nil
}

// release gives the lease up: to the worker that asked for it, or to anybody.
func (sh *shard) release() {
	defer sh.end()
	to := ""
	for failed := 0; ; failed++ {
		err := sh.write(sh.g.base, func(l *lease.Lease) {
			to = l.Wanted
			if to == sh.g.config.Worker {
				to = ""
			}
			l.Owner, l.Wanted = to, ""
		})
		switch {
		case err == nil:
			sh.g.counts.released.Add(1)
			sh.g.log.Info("lease released", "lease", sh.key, "to", to)
			return
		case errors.Is(err, errOver):
			return
		}
		time.Sleep(min(sh.g.backoff(failed), sh.g.config.Failover/20))
	}
}

// metrics returns where the shard stands.
func (sh *shard) metrics() ShardMetrics {
	m := ShardMetrics{
		Stream: sh.source.stream.Name(), Shard: sh.id, Records: sh.records.Load(), Behind: time.Duration(sh.behind.Load()),
		Failures: int(sh.failures.Load()), Unwritten: sh.unwritten(),
	}
	sh.mu.Lock()
	m.Waits = !sh.started
	sh.mu.Unlock()
	if since := sh.working.Load(); since > 0 {
		m.Working = sh.g.now() - time.Duration(since)
	}
	if err := sh.failure.Load(); err != nil {
		m.Err = *err
	}
	return m
}

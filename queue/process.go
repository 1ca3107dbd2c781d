package queue

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"
)

// Processing says how [Queue.ProcessWith] processes records.
type Processing struct {
	// Workers is how many records are handled at a time, 1 to [MaxRequest].
	Workers int
	// Handle handles a record: nil means that it is done, and acknowledges it; an
	// error lets it come back after BackOff. Its context ends when the record is
	// in flight no more, because the queue was closed or the clock was set
	// forward, and when Drain has passed since the end of ProcessWith's.
	Handle func(ctx context.Context, d Delivery) error
	// BackOff says how long a record whose handler failed stays out of sight.
	// d.Receives tells how often it was received. Nil means a second, doubled with
	// each receive, up to five minutes. What is out of bounds is taken for the
	// nearest that is not.
	BackOff func(d Delivery, err error) time.Duration
	// Drain is how long handlers may run on after the context's end. Zero means as
	// long as they like, a negative one that their contexts end with it.
	Drain time.Duration
	// Failed, unless nil, is told what handlers return, and of records that were
	// handled and could not be acknowledged. Many goroutines call it at a time.
	Failed func(d Delivery, err error)
}

const (
	firstBackOff = time.Second
	mostBackOff  = 5 * time.Minute
)

// Process handles records with so many workers until ctx ends, which is the
// error it returns then, or until there are no more to come: see
// [Queue.ProcessWith].
func (q *Queue) Process(ctx context.Context, workers int, handle func(ctx context.Context, d Delivery) error) error {
	return q.ProcessWith(ctx, Processing{Workers: workers, Handle: handle})
}

// ProcessWith receives records one by one, has each handled and acknowledges
// it. While a handler runs its record is kept in flight, however long that is.
// When ctx ends no more is received, and ProcessWith returns when all handlers
// have.
//
// The error is ctx's, nil when the stream's writes have ended and all is
// acknowledged or dead, or one of [Queue.Receive].
func (q *Queue) ProcessWith(ctx context.Context, p Processing) error {
	if err := q.checkCall(ctx); err != nil {
		return err
	}
	switch {
	case p.Workers < 1 || p.Workers > MaxRequest:
		return invalidf("Processing.Workers", "%d is outside 1 to %d", p.Workers, MaxRequest)
	case p.Handle == nil:
		return invalidf("Processing.Handle", "is nil")
	}
	if p.BackOff == nil {
		p.BackOff = backOff
	}
	w := &work{Processing: p, queue: q}
	ctx, w.stop = context.WithCancelCause(ctx)
	defer w.stop(nil)
	w.handling, w.abort = context.WithCancel(context.WithoutCancel(ctx))
	defer w.abort()
	for range p.Workers {
		w.workers.Go(func() { w.run(ctx) })
	}
	if p.Drain != 0 {
		ended := make(chan struct{})
		var drain sync.WaitGroup
		drain.Go(func() { w.drain(ctx, ended) })
		defer drain.Wait()
		defer close(ended)
	}
	w.workers.Wait()
	if err := context.Cause(ctx); err != io.EOF {
		return err
	}
	return nil
}

// backOff is the BackOff of who has none.
func backOff(d Delivery, _ error) time.Duration {
	return min(mostBackOff, firstBackOff<<min(d.Receives-1, 10))
}

// work is one ProcessWith.
type work struct {
	Processing
	queue    *Queue
	handling context.Context // that of handlers
	abort    context.CancelFunc
	stop     context.CancelCauseFunc // lets workers receive no more
	workers  sync.WaitGroup
}

// drain ends the handlers' context when it is time, unless all have ended.
func (w *work) drain(ctx context.Context, ended <-chan struct{}) {
	select {
	case <-ctx.Done():
	case <-ended:
		return
	}
	t := time.NewTimer(max(0, w.Drain))
	defer t.Stop()
	select {
	case <-t.C:
		w.abort()
	case <-ended:
	}
}

// run is a worker.
func (w *work) run(ctx context.Context) {
	for {
		list, err := w.queue.Receive(ctx, 1)
		if err != nil {
			w.stop(err)
			return
		}
		w.handle(list[0])
	}
}

// handle handles a record and acknowledges it.
func (w *work) handle(d Delivery) {
	ctx, cancel := context.WithCancelCause(w.handling)
	defer cancel(nil)
	k := &keeping{of: d, cancel: cancel, every: d.Until.Sub(d.queue.now()) / 2}
	k.begin()
	err := w.Handle(ctx, d)
	k.end()
	settle := context.WithoutCancel(ctx)
	if err == nil {
		if err = d.Ack(settle); err == nil {
			return
		}
	} else if failed := d.Extend(settle, min(max(0, w.BackOff(d, err)), MaxVisibility)); failed != nil {
		err = errors.Join(err, failed)
	}
	w.queue.log.Warn("handler failed", "receives", d.Receives, "err", err)
	if w.Failed != nil {
		w.Failed(d, err)
	}
}

// keeping keeps a delivery in flight while its handler runs. Its goroutine
// begins when half of the time has passed, which most handlers do not need.
type keeping struct {
	of     Delivery
	every  time.Duration
	cancel context.CancelCauseFunc

	timer       *time.Timer
	ended, over chan struct{}
}

func (k *keeping) begin() {
	if k.every <= 0 {
		return // it is not in flight
	}
	k.ended, k.over = make(chan struct{}), make(chan struct{})
	k.timer = time.AfterFunc(k.every, k.run)
}

func (k *keeping) run() {
	defer close(k.over)
	again := time.NewTicker(k.every)
	defer again.Stop()
	for {
		if err := k.of.Extend(context.Background(), min(2*k.every, MaxVisibility)); err != nil {
			k.cancel(err)
			return
		}
		select {
		case <-again.C:
		case <-k.ended:
			return
		}
	}
}

// end ends the keeping: nothing is extended after it.
func (k *keeping) end() {
	if k.timer == nil || k.timer.Stop() {
		return
	}
	close(k.ended)
	<-k.over
}

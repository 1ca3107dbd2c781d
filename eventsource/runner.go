package eventsource

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/internal/crew"
	"github.com/weirstream/weir/internal/sparse"
	"github.com/weirstream/weir/internal/wait"
)

// A runner does what the desk of a shard says, for as long as the worker has
// the shard.
type runner struct {
	source   *Source
	ctx      context.Context
	progress *consumer.Progress
	timer    *time.Timer // for what the desk wants to do later
	changed  wait.List   // woken when something has come to its end
	logger   *slog.Logger

	mu       sync.Mutex // guards what follows
	desk     *desk
	stopping bool // nothing is begun any more
	running  sync.WaitGroup
	saved    weir.SequenceNumber
	version  int // of the state that was saved
}

// Attend waits for the time, and for the end: of the lease, or of the work on
// it.
func (r *runner) Attend() {
	defer r.timer.Stop()
	defer sparse.Flush(r.logger)
	for {
		r.start(r.pump())
		select {
		case <-r.timer.C:
			continue
		case <-r.progress.Stopping():
			r.finish()
		case <-r.ctx.Done():
			r.halt()
			r.running.Wait()
		}
		return
	}
}

// finish lets come to its end what is under way, and what lies before records
// that are finished already. Then the shard is given up.
func (r *runner) finish() {
	r.mu.Lock()
	r.desk.close()
	r.changed.Wake()
	r.mu.Unlock()
	r.start(r.pump())
	r.running.Wait()
	r.halt()
	r.progress.Drop()
}

// halt lets nothing be begun any more.
func (r *runner) halt() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopping = true
	r.changed.Wake()
}

// pump returns what is to be done now, notes how far the shard is, and sets the
// timer for what is to be done later.
func (r *runner) pump() (jobs []job) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if !r.stopping && r.ctx.Err() == nil {
		var wake time.Time
		jobs, wake = r.desk.next(now)
		r.running.Add(len(jobs))
		if !wake.IsZero() {
			r.timer.Reset(wake.Sub(now))
		}
	}
	if at, version, ok := r.desk.position(); ok && (at != r.saved || version != r.version) {
		// What keeps it from being noted is that the shard is another's, who
		// will process it again.
		if err := r.progress.Done(at, 0, r.desk.windows.blob()); err == nil {
			r.saved, r.version = at, version
		}
	}
	return jobs
}

// start does jobs, each in a goroutine of its own.
func (r *runner) start(jobs []job) {
	for _, j := range jobs {
		go r.work(j)
	}
}

// work does a job, and what is to be done after it.
func (r *runner) work(j job) {
	for more := true; more; {
		j, more = r.after(j, r.do(j))
	}
}

// A result is what came of a job: a verdict on an invocation, or whether a
// report was delivered.
type result struct {
	verdict
	delivered bool
}

// after takes in what came of a job, and returns one to go on with, if there is
// one.
func (r *runner) after(j job, got result) (next job, more bool) {
	r.mu.Lock()
	if j.kind == invoke {
		r.desk.answered(time.Now(), j.lane, got.verdict)
	} else {
		r.desk.delivered(time.Now(), j.lane, got.delivered)
	}
	r.changed.Wake()
	r.mu.Unlock()
	jobs := r.pump()
	r.running.Done()
	if len(jobs) == 0 {
		return next, false
	}
	r.start(jobs[1:])
	return jobs[0], true
}

// errExit says that code of the caller ended its goroutine, as a test's FailNow
// does. It is an error like others, and another goroutine takes the place.
var errExit = errors.New("the goroutine was ended")

// do does a job.
func (r *runner) do(j job) (got result) {
	began, returned := time.Now(), false
	defer func() {
		if !returned {
			go func() {
				if next, more := r.after(j, r.settle(j, began, nil, errExit)); more {
					r.work(next)
				}
			}()
		}
	}()
	var answer []byte
	var err error
	if j.kind == invoke {
		answer, err = r.invoke(j)
	} else {
		err = r.report(j)
	}
	returned = true
	return r.settle(j, began, answer, err)
}

// wait waits until something is so, which is asked with mu held. It returns an
// error if that will not be.
func (r *runner) wait(ctx context.Context, is func(*desk) bool) error {
	for {
		r.mu.Lock()
		yes, never := is(r.desk), r.stopping || r.desk.closing
		if yes || never {
			r.mu.Unlock()
			if yes {
				return nil
			}
			return crew.ErrGivenUp
		}
		changed := r.changed.Enter()
		r.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// offer takes records in, when there is room for them. The last batch returns
// when all is done, and before that with an error if it will not be.
func (r *runner) offer(ctx context.Context, b *consumer.Batch, keep []bool) error {
	err := r.wait(ctx, func(d *desk) bool {
		if r.stopping || !d.takes() {
			return false
		}
		d.add(time.Now(), b.Records, keep, b.Behind == 0)
		if b.Last {
			d.end()
		}
		return true
	})
	switch {
	case err == crew.ErrGivenUp && !b.Last:
		return nil // they come again, because they are not done
	case err != nil:
		return err
	}
	r.start(r.pump())
	if b.Last {
		return r.wait(ctx, (*desk).idle)
	}
	return nil
}

// invoke calls the function with a batch. A panic is an error.
func (r *runner) invoke(j job) (answer []byte, err error) {
	s := r.source
	ctx := r.ctx
	if s.config.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.config.Timeout)
		defer cancel()
	}
	s.counts.begin(int64(len(j.items)))
	defer crew.Recovered(&err)
	answer, err = s.config.Function(ctx, r.desk.envelope.event(j.items, j.frame))
	if err == nil && ctx.Err() != nil {
		err = context.Cause(ctx) // too late
	}
	return answer, err
}

// report delivers that records are given up. A panic is an error.
func (r *runner) report(j job) (err error) {
	if r.source.config.OnFailure == nil {
		return nil
	}
	defer crew.Recovered(&err)
	return r.source.config.OnFailure.Deliver(r.ctx, r.failure(j))
}

// settle counts what came of a job, and says what it means.
func (r *runner) settle(j job, began time.Time, answer []byte, err error) (got result) {
	c, n := &r.source.counts, int64(len(j.items))
	switch {
	case j.kind == invoke:
		got.verdict = r.judge(j, time.Since(began), answer, err)
	case err != nil:
		c.undelivered.Add(1)
		r.log("failure not delivered", j, err)
	default:
		got.delivered = true
		if r.source.config.OnFailure == nil {
			c.dropped.Add(n)
		} else {
			c.delivered.Add(n)
		}
		r.log("records given up", j, nil)
	}
	return got
}

// judge counts what came of an invocation, and says what it means.
func (r *runner) judge(j job, took time.Duration, answer []byte, err error) (v verdict) {
	s, c, n := r.source, &r.source.counts, int64(len(j.items))
	if errors.Is(err, ErrNotStarted) {
		c.notBegun(n)
		r.log("function not begun", j, err)
		return verdict{outcome: outcome{kind: refused}}
	}
	c.end(took)
	if j.attempts > 0 {
		c.retries.Add(1)
	}
	if n > 0 {
		c.aged(time.Since(j.items[n-1].record.ArrivalTime))
	}
	if err != nil {
		v = verdict{outcome: outcome{kind: failed, threw: true}, why: err}
	} else {
		v = judge(answer, s.settings.reports(), j.frame != nil, j.items)
	}
	if v.threw {
		c.errors.Add(1)
	}
	if v.kind != succeeded {
		c.failed.Add(n)
		r.log("function failed", j, v.why)
	}
	return v
}

func (r *runner) log(what string, j job, err error) {
	args := []any{"lane", j.lane, "records", len(j.items), "attempt", j.attempts}
	if len(j.items) > 0 {
		args = append(args, "first", j.items[0].record.SequenceNumber)
	}
	if err != nil {
		args = append(args, "err", fmt.Sprint(err))
	}
	r.logger.Warn(what, args...)
}

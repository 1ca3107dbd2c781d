package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/weirstream/weir/cmd/weir/internal/figures"
	"github.com/weirstream/weir/queue"
	"github.com/weirstream/weir/workload"
)

// A queuer is a target of which a run can have queues: the SDK, by which others are
// called, has none of their operations.
type queuer interface {
	queue(queue.Config) (*queue.Queue, error)
}

func (t embedded) queue(c queue.Config) (*queue.Queue, error) { return queue.New(t.stream, c) }

// A workQueue is a queue of the workload with its workers.
type workQueue struct {
	run    *run
	config workload.Queue
	engine *queue.Queue

	mu     sync.Mutex         // guards what follows
	finish context.CancelFunc // once the workers have begun
	work
}

// work is what the workers of a queue have counted and measured.
type work struct {
	receives     int64 // that returned records
	received     int64
	bytes        int64
	redelivered  int64 // received, and not for the first time
	acknowledged int64
	late         int64 // processed, when somebody else had received them
	errors       int64
	busy         time.Duration

	wait *figures.Histogram // from the call that stored a record until it was first received
	done *figures.Histogram // from when it was due until it was acknowledged
	call *figures.Histogram // of what acknowledges, after the warm-up
}

// serviceInFlight is how many records of a queue may be in flight on the service.
const serviceInFlight = 120_000

// openQueues makes the queues of the workload, unless the target has none.
func (r *run) openQueues() error {
	t, ok := r.config.Target.(queuer)
	if !ok {
		return nil
	}
	for i, spec := range r.w.Queues {
		engine, err := t.queue(queue.Config{
			Name: fmt.Sprintf("queue-%d", i+1), MaxInFlight: spec.Workers*spec.Batch + serviceInFlight,
			Settings: queue.Settings{Visibility: time.Duration(spec.Visibility), MaxReceives: spec.MaxReceives},
		})
		if err != nil {
			return fmt.Errorf("queues[%d]: %w", i, err)
		}
		r.queues = append(r.queues, &workQueue{run: r, config: spec, engine: engine, work: work{
			wait: figures.NewHistogram(), done: figures.NewHistogram(), call: figures.NewHistogram(),
		}})
	}
	return nil
}

// loop has the workers work until ctx ends, or everything that was put is done.
func (q *workQueue) loop(ctx context.Context) error {
	ctx, finish := context.WithCancel(ctx)
	defer finish()
	q.mu.Lock()
	q.finish = finish
	q.mu.Unlock()
	defer context.AfterFunc(q.run.ended, q.finishIfDone)()
	workers, ctx := errgroup.WithContext(ctx)
	for n := range q.config.Workers {
		random := rand.New(rand.NewPCG(uint64(q.run.w.Seed), uint64(n)))
		workers.Go(func() error { return orNil(ctx, q.worker(ctx, random)) })
	}
	return workers.Wait()
}

// worker receives, processes and acknowledges.
func (q *workQueue) worker(ctx context.Context, random *rand.Rand) error {
	for {
		batch, err := q.engine.ReceiveWith(ctx, queue.Request{Max: q.config.Batch, Wait: -1})
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, queue.ErrTooManyInFlight):
			// Unlike a receive that waits, it is told at once.
			if err := q.run.wait(ctx, 100*time.Millisecond); err != nil {
				return err
			}
			continue
		case err != nil:
			return fmt.Errorf("%s: receive: %w", q.config.Name, err)
		}
		began := q.run.since()
		q.got(batch, began)
		takes := time.Duration(q.config.PerBatch) + time.Duration(len(batch))*time.Duration(q.config.PerRecord)
		err = q.run.wait(ctx, takes)
		q.count(func(w *work) { w.busy += q.run.since() - began })
		if err != nil {
			return err
		}
		if err := q.acknowledge(ctx, q.keep(batch, random)); err != nil {
			return err
		}
		if q.run.ended.Err() != nil {
			q.finishIfDone()
		}
	}
}

// got measures what was received.
func (q *workQueue) got(batch []queue.Delivery, now time.Duration) {
	q.count(func(w *work) {
		w.receives++
		for i := range batch {
			d := &batch[i]
			w.received++
			w.bytes += int64(d.Size())
			if d.Receives > 1 {
				w.redelivered++
				continue
			}
			if s, ours := q.run.mark.open(d.Data); ours && s.sent != 0 && s.due >= q.run.meter.warmUp {
				w.wait.Record(now - s.sent)
			}
		}
	})
}

// keep returns those of a batch that did not fail.
func (q *workQueue) keep(batch []queue.Delivery, random *rand.Rand) []queue.Delivery {
	if q.config.Failures == 0 {
		return batch
	}
	kept := batch[:0]
	for _, d := range batch {
		if random.Float64() >= q.config.Failures {
			kept = append(kept, d)
		}
	}
	return kept
}

// acknowledge acknowledges what was processed.
func (q *workQueue) acknowledge(ctx context.Context, batch []queue.Delivery) error {
	if len(batch) == 0 {
		return nil
	}
	receipts := make([]queue.Receipt, len(batch))
	for i := range batch {
		receipts[i] = batch[i].Receipt
	}
	began := q.run.since()
	errs, err := q.engine.Acknowledge(ctx, receipts...)
	if err != nil {
		return fmt.Errorf("%s: acknowledge: %w", q.config.Name, err)
	}
	now := q.run.since()
	q.count(func(w *work) {
		if began >= q.run.meter.warmUp {
			w.call.Record(now - began)
		}
		for i := range batch {
			switch {
			case errs == nil || errs[i] == nil:
				w.acknowledged++
				if s, ours := q.run.mark.open(batch[i].Data); ours && s.sent != 0 && s.due >= q.run.meter.warmUp {
					w.done.Record(now - s.due)
				}
			case errors.Is(errs[i], queue.ErrStaleReceipt):
				w.late++
			default:
				w.errors++
				q.run.meter.failed(errs[i])
			}
		}
	})
	return nil
}

func (q *workQueue) count(change func(*work)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	change(&q.work)
}

// finishIfDone ends the workers when nothing is left that they could receive, now
// or later. It is for when nothing is put any more.
func (q *workQueue) finishIfDone() {
	left, err := q.waiting()
	q.mu.Lock()
	defer q.mu.Unlock()
	if err == nil && left == 0 && q.finish != nil {
		q.finish()
	}
}

// waiting returns how many records are to be received or were and are not
// acknowledged. Dead letters are not among them.
func (q *workQueue) waiting() (int64, error) {
	c, err := q.engine.Counts()
	return c.Visible + c.InFlight + c.Delayed + c.Blocked, err
}

// A QueueResult is a queue after the run.
type QueueResult struct {
	Name    string `json:"name"`
	Workers int    `json:"workers"`
	// Receives is the calls that returned records, Received and Bytes what they
	// returned, Redelivered the records of these that were received before.
	Receives    int64 `json:"receives"`
	Received    int64 `json:"received"`
	Bytes       int64 `json:"bytes"`
	Redelivered int64 `json:"redelivered"`
	// Acknowledged records are done. Late ones were processed, but their time was
	// over, and somebody else had received them; Errors were not acknowledged for
	// another reason.
	Acknowledged int64   `json:"acknowledged"`
	PerSecond    float64 `json:"acknowledged_per_second"`
	Late         int64   `json:"late"`
	Errors       int64   `json:"errors"`
	// Waiting is the records of the run, warm-up included, that were not
	// acknowledged at the end, Dead those that were dead letters, and Expired those
	// that the stream had no more before they were done.
	Waiting int64 `json:"waiting"`
	Dead    int64 `json:"dead"`
	Expired int64 `json:"expired"`
	// Utilisation is what part of their time the workers processed.
	Utilisation float64 `json:"utilisation"`
	// Wait is from the beginning of the call that stored a record until it was
	// received first, Done from when it was due until it was acknowledged, and
	// AcknowledgeCall one call.
	Wait            figures.Latency `json:"wait"`
	Done            figures.Latency `json:"done"`
	AcknowledgeCall figures.Latency `json:"acknowledge_call"`
}

func (r *run) addQueues(res *Result, w *watcher) {
	for _, q := range r.queues {
		before, last := w.markWork[q], work{}
		q.count(func(w *work) { last = *w })
		c, _ := q.engine.Counts() // all zero when it failed
		waiting, _ := q.waiting()
		length := res.Total - res.WarmUp
		res.Queues = append(res.Queues, QueueResult{
			Name: q.config.Name, Workers: q.config.Workers,
			Receives: last.receives - before.receives, Received: last.received - before.received, Bytes: last.bytes - before.bytes,
			Redelivered: last.redelivered - before.redelivered, Acknowledged: last.acknowledged - before.acknowledged,
			PerSecond: figures.Ratio(float64(last.acknowledged-before.acknowledged), length),
			Late:      last.late - before.late, Errors: last.errors - before.errors,
			Waiting: waiting, Dead: c.DeadVisible + c.DeadInFlight, Expired: c.Expired,
			Utilisation: figures.Ratio((last.busy - before.busy).Seconds(), float64(q.config.Workers)*length),
			Wait:        last.wait.Latency(), Done: last.done.Latency(), AcknowledgeCall: last.call.Latency(),
		})
	}
}

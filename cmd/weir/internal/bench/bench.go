// Package bench puts a workload on a stream and measures what happens: how long
// puts take, how long records take to their readers, what is throttled.
//
// Load is open: each record has a time at which it is due, which the target
// does not change by being slow, and latency counts from that time. What waits
// because a call before it took long has waited for the target. The exception
// is a workload that puts as fast as it can, where nothing is ever due.
package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/weirstream/weir/cmd/weir/internal/pause"
	"github.com/weirstream/weir/workload"
)

const (
	// DefaultDrain is how long after the end of a workload its run goes on to
	// put what is late, and its consumers to read what is left.
	DefaultDrain = 10 * time.Second

	// MaxProducers bounds the producers of a run.
	MaxProducers = 1024
)

// A Config says what to run.
type Config struct {
	// Workload is what to put and who reads.
	Workload workload.Workload
	// Open opens the files that the workload names. It may be nil if it names
	// none.
	Open workload.Open
	// Target is the stream to put it to. Run does not close it.
	Target Target
	// Drain is how long a run may go on after the workload's end. Zero means
	// DefaultDrain, negative means not at all.
	Drain time.Duration
	// Wait waits for a duration or until ctx ends. Nil means with a timer,
	// which may be a millisecond late; [WaitPrecisely] is better at that.
	Wait func(ctx context.Context, d time.Duration) error
	// Existing says that the stream is there already, and may have records and
	// producers of others. Then only records that carry a stamp are known to be
	// of this run.
	Existing bool
	// Process says that the target is in this process, of which memory and
	// garbage collections are to be measured.
	Process bool
	// Progress, unless nil, is called a few times a second, always by the same
	// goroutine.
	Progress func(Progress)
}

// withDefaults returns the configuration with its defaults filled in.
func (c Config) withDefaults() Config {
	c.Workload = c.Workload.WithDefaults()
	switch {
	case c.Drain == 0:
		c.Drain = DefaultDrain
	case c.Drain < 0:
		c.Drain = 0
	}
	if c.Wait == nil {
		c.Wait = pause.For
	}
	return c
}

func (c Config) check() error {
	if err := c.Workload.Validate(); err != nil {
		return err
	}
	if n := c.Workload.Producers.Count; n > MaxProducers {
		return fmt.Errorf("producers.count: %d are more than %d", n, MaxProducers)
	}
	if t := c.Workload.Traffic[0]; t.Rate.Max && (t.From != 0 || t.For != 0) {
		return errors.New("traffic[0]: what has a rate of max is put all the time; from and for mean nothing")
	}
	return nil
}

// A run is a workload while it is put.
type run struct {
	config  Config
	w       workload.Workload
	batch   int
	retries int
	backoff time.Duration
	linger  time.Duration
	fastest bool

	mark      mark
	start     time.Time
	meter     *meter
	records   *workload.Generator
	schedule  *schedule // nil if fastest
	rings     []*ring   // one for each producer, if fastest
	consumers []*consumer
	queues    []*workQueue
	left      atomic.Int64    // records that may still be put, if fastest
	worked    atomic.Bool     // a record was stored
	hopes     atomic.Int64    // calls that failed before that
	ended     context.Context // since the last put is over
	end       context.CancelFunc
	puts      time.Duration // when the last put ended; once ended has ended
	reshards  []Reshard     // what happened to them
}

// Run puts a workload to a target and returns what was measured. When ctx ends
// it stops, and returns what there is so far, marked as interrupted. The error
// is of the workload, or of a target that takes nothing at all.
func Run(ctx context.Context, c Config) (*Result, error) {
	r, err := newRun(c)
	if err != nil {
		return nil, err
	}
	defer r.close()
	if err := r.prepare(ctx); err != nil {
		return nil, err
	}
	r.start = time.Now()
	watcher := newWatcher(r)
	var watching sync.WaitGroup
	stop := make(chan struct{})
	watching.Go(func() { watcher.loop(stop) })
	err = r.work(ctx)
	close(stop)
	watching.Wait()
	if err := cmp.Or(err, r.records.Err()); err != nil {
		return nil, err
	}
	return r.result(watcher, ctx.Err() != nil), nil
}

func newRun(c Config) (_ *run, err error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	c = c.withDefaults()
	p := c.Workload.Producers
	r := &run{
		config: c, w: c.Workload, batch: p.Batch, retries: p.Retries,
		backoff: time.Duration(p.Backoff), linger: time.Duration(p.Linger),
		mark: mark(rand.Uint64() | markBit), meter: newMeter(time.Duration(c.Workload.WarmUp), c.Target),
	}
	r.ended, r.end = context.WithCancel(context.Background())
	r.records, err = workload.NewGenerator(r.w, c.Open)
	switch {
	case err != nil:
		return nil, err
	case r.w.Traffic[0].Rate.Max:
		r.makeRings()
	default:
		r.schedule = newSchedule(r, r.records)
	}
	return r, r.records.Err()
}

// makeRings makes the records of producers that put as fast as they can.
func (r *run) makeRings() {
	r.fastest = true
	r.left.Store(r.w.Records)
	most := r.batch
	if most == 1 {
		most = sampleEvery
	}
	for range r.w.Producers.Count {
		ring := newRing(r.records, r.mark, most, ringBytes/r.w.Producers.Count)
		if len(ring.chunks) == 0 {
			break // fewer records than producers
		}
		r.rings = append(r.rings, ring)
	}
}

// prepare makes the consumers ready that read from the beginning, and the queues.
func (r *run) prepare(ctx context.Context) error {
	if err := r.openQueues(); err != nil {
		return err
	}
	for i, c := range r.w.Consumers {
		for n := range c.Count {
			r.consumers = append(r.consumers, newConsumer(r, i, n))
		}
	}
	for _, c := range r.consumers {
		if err := c.register(ctx); err != nil {
			return err
		}
		if c.config.Start == 0 {
			if err := c.open(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *run) close() {
	r.records.Close()
	for _, c := range r.consumers {
		c.close()
	}
	for _, q := range r.queues {
		_ = q.engine.Close()
	}
}

// work runs producers and consumers to their end.
func (r *run) work(ctx context.Context) error {
	reading, stopReading := context.WithCancel(ctx)
	defer stopReading()
	readers, reading := errgroup.WithContext(reading)
	for _, c := range r.consumers {
		readers.Go(func() error { return c.loop(reading) })
	}
	for _, q := range r.queues {
		readers.Go(func() error { return q.loop(reading) })
	}
	writers, writing := errgroup.WithContext(reading) // which ends when a consumer fails, too
	events, stopEvents := context.WithCancel(writing)
	var reshards sync.WaitGroup
	reshards.Go(func() { r.reshard(events) })
	r.produce(writers, writing)
	err := writers.Wait()
	stopEvents()
	reshards.Wait()
	r.puts = r.since()
	r.end()
	if err != nil {
		// There is nothing to drain for, and the consumers' errors follow from
		// this one.
		stopReading()
		_ = readers.Wait()
		return err
	}
	drained := time.AfterFunc(r.config.Drain, stopReading)
	defer drained.Stop()
	return readers.Wait()
}

// produce starts the producers.
func (r *run) produce(writers *errgroup.Group, ctx context.Context) {
	for _, ring := range r.rings {
		writers.Go(func() error { return (&flatOut{run: r, ring: ring}).loop(ctx) })
	}
	if r.fastest {
		return
	}
	for range r.w.Producers.Count {
		writers.Go(func() error { return newProducer(r).loop(ctx) })
	}
}

// since returns the time since the run began.
func (r *run) since() time.Duration { return time.Since(r.start) }

// wait waits for a duration, if it is positive, or until ctx ends.
func (r *run) wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	return r.config.Wait(ctx, d)
}

// tooLate reports whether what is due is not put any more.
func (r *run) tooLate() bool {
	end := time.Duration(r.w.Duration)
	return end > 0 && r.since() > end+r.config.Drain
}

// over reports whether a run as fast as possible has lasted long enough.
func (r *run) over(now time.Duration) bool {
	end := time.Duration(r.w.Duration)
	return end > 0 && now >= end
}

// claim returns how many of n records a producer may put as fast as possible.
func (r *run) claim(n int) int {
	if r.w.Records == 0 {
		return n
	}
	// What was left before this claim. It is below zero once others have
	// claimed more than there was.
	before := r.left.Add(int64(-n)) + int64(n)
	return int(min(int64(n), max(0, before)))
}

// works notes that a record was stored.
func (r *run) works() {
	if !r.worked.Load() {
		r.worked.Store(true)
	}
}

// hopeless returns the error of a call if so many failed and no record was ever
// stored that going on makes no sense.
func (r *run) hopeless(err error) error {
	const enough = 20
	if err == nil || r.worked.Load() || r.hopes.Add(1) < enough {
		return nil
	}
	return fmt.Errorf("no record could be put: %w", err)
}

package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/cmd/weir/internal/figures"
	"github.com/weirstream/weir/internal/lineage"
	"github.com/weirstream/weir/workload"
)

// A consumer reads the whole stream, each shard in a goroutine of its own. A child of
// a split or a merge is begun when all its parents are read to their end.
type consumer struct {
	run     *run
	config  workload.Consumer
	name    string
	poll    time.Duration
	limit   int
	workers chan struct{}                  // holds a value for each worker that is busy; nil: any number
	first   map[weir.ShardID]client.Reader // opened before the run began
	older   map[weir.ShardID]bool          // closed before the tip at which it began: never read
	listing chan struct{}                  // holds a value while the shards are listed again

	shards *errgroup.Group
	finish context.CancelFunc

	mu      sync.Mutex                  // guards what follows
	walk    *lineage.Walk[weir.ShardID] // which shards to begin
	reading map[weir.ShardID]*progress
	reads
}

// progress is how far a shard was read that is not read to its end.
type progress struct {
	behind time.Duration // when it was last read
	seen   time.Duration // when that was
	held   bool          // the consumer is not about to read again: it processes or is down
}

// age returns how old the oldest record that was not read can be.
func (p *progress) age(now time.Duration) time.Duration {
	if p.behind == 0 && !p.held {
		return 0
	}
	return p.behind + now - p.seen
}

// reads is what a consumer has counted and measured.
type reads struct {
	records   int64 // processed
	ours      int64 // those of them that this run put
	missed    int64 // that this run put before the consumer began at the tip
	bytes     int64
	calls     int64
	throttled int64
	errors    int64
	maxAge    time.Duration

	propagation *figures.Histogram // from the call that stored a record until it was read
	endToEnd    *figures.Histogram // from when it was due until it was processed
}

// newConsumer returns the n-th of the i-th consumers of the workload.
func newConsumer(r *run, i, n int) *consumer {
	config := r.w.Consumers[i]
	c := &consumer{
		run: r, config: config, name: config.Name,
		poll: time.Duration(config.Poll), limit: config.Limit,
		older: make(map[weir.ShardID]bool), listing: make(chan struct{}, 1),
		reading: make(map[weir.ShardID]*progress),
		reads:   reads{propagation: figures.NewHistogram(), endToEnd: figures.NewHistogram()},
	}
	if config.Count > 1 {
		c.name = fmt.Sprintf("%s-%d", c.name, n+1)
	}
	if config.Workers > 0 {
		c.workers = make(chan struct{}, config.Workers)
	}
	return c
}

// fromTip reports whether the consumer begins with what is put from now on.
func (c *consumer) fromTip() bool { return c.config.From == workload.FromLatest }

func (c *consumer) from() weir.Position {
	if c.fromTip() {
		return weir.Latest()
	}
	return weir.TrimHorizon()
}

// register registers a consumer that reads by fan-out.
func (c *consumer) register(ctx context.Context) error {
	if !c.config.FanOut {
		return nil
	}
	return c.run.config.Target.RegisterConsumer(ctx, c.name)
}

// open opens a reader of each shard that the consumer begins with: from latest on
// those that are open, else those whose parents are gone.
func (c *consumer) open(ctx context.Context) error {
	shards, err := c.run.config.Target.Shards(ctx)
	if err != nil {
		return err
	}
	for _, s := range shards {
		if c.fromTip() && !s.IsOpen() {
			c.older[s.ID] = true
		}
	}
	c.walk = lineage.New(c.toRead(shards), lineage.Start[weir.ShardID]{})
	c.first = make(map[weir.ShardID]client.Reader)
	for shard := range c.walk.Ready() {
		reader, err := c.reader(ctx, shard, c.from())
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		c.first[shard] = reader
	}
	return nil
}

// toRead returns those of the shards that the consumer reads at some time.
func (c *consumer) toRead(shards []weir.Shard) (list []lineage.Shard[weir.ShardID]) {
	for _, s := range shards {
		if !c.older[s.ID] {
			list = append(list, lineage.Shard[weir.ShardID]{ID: s.ID, Parents: s.Parents})
		}
	}
	return list
}

func (c *consumer) reader(ctx context.Context, shard weir.ShardID, from weir.Position) (client.Reader, error) {
	as := client.Reading{Polling: true, MaxRecords: c.limit, Interval: -1} // it polls when the workload says
	if c.config.FanOut {
		as = client.Reading{Consumer: c.name}
	}
	return c.run.config.Target.Read(ctx, shard, from, as)
}

func (c *consumer) close() {
	for _, r := range c.first {
		_ = r.Close()
	}
}

// loop reads until ctx ends, or everything that was put has been read.
func (c *consumer) loop(ctx context.Context) error {
	if start := time.Duration(c.config.Start); start > 0 {
		if !c.awaitStart(ctx, start) {
			return nil
		}
		before := c.run.meter.records()
		if err := c.open(ctx); err != nil {
			return orNil(ctx, err)
		}
		if c.fromTip() {
			c.count(func(r *reads) { r.missed = before })
		}
	}
	ctx, c.finish = context.WithCancel(ctx)
	defer c.finish()
	defer context.AfterFunc(c.run.ended, c.finishIfDone)()
	return c.readAll(ctx)
}

// awaitStart waits until the consumer is to begin, and reports false if the run was
// over before that.
func (c *consumer) awaitStart(ctx context.Context, start time.Duration) bool {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.run.ended, cancel)()
	return c.run.wait(ctx, start-c.run.since()) == nil
}

// readAll reads the first shards and all that follow them.
func (c *consumer) readAll(ctx context.Context) error {
	c.shards, ctx = errgroup.WithContext(ctx)
	for shard, reader := range c.first {
		c.begin(ctx, shard, reader)
	}
	return c.shards.Wait()
}

// begin begins to read a shard.
func (c *consumer) begin(ctx context.Context, shard weir.ShardID, reader client.Reader) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reading[shard] = new(progress)
	c.shards.Go(func() error { return orNil(ctx, c.read(ctx, shard, reader)) })
}

// orNil returns err unless ctx has ended.
func orNil(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// read reads a shard to its end, or until there will be nothing more to read.
func (c *consumer) read(ctx context.Context, shard weir.ShardID, reader client.Reader) error {
	defer reader.Close()
	for {
		if err := c.pause(ctx, shard); err != nil {
			return err
		}
		began := c.run.since()
		last := c.isLast(began)
		batch, err := c.next(ctx, reader)
		if errors.Is(err, weir.ErrShardNotFound) {
			return c.passOver(ctx, shard)
		}
		if err != nil {
			return fmt.Errorf("%s: read %s: %w", c.name, shard, err)
		}
		if err := c.process(ctx, shard, batch); err != nil {
			return err
		}
		switch {
		case batch.Last:
			return c.follow(ctx, c.ended(shard, batch.Children))
		case (last || c.config.FanOut && c.isLast(c.run.since())) && len(batch.Records) == 0 && batch.Behind == 0:
			return nil // it was read when all puts were over
		case c.config.FanOut:
		case c.run.wait(ctx, began+c.poll-c.run.since()) != nil:
			return ctx.Err()
		}
	}
}

// isLast reports whether what is read at a time is read after all puts, by so much that
// an event on its way is not from before.
func (c *consumer) isLast(now time.Duration) bool {
	const onItsWay = time.Second
	if c.run.ended.Err() == nil {
		return false
	}
	return !c.config.FanOut || now > c.run.puts+onItsWay
}

// unknown, as Batch.Behind, says nothing.
const unknown = time.Duration(-1)

// next reads once. A read that a limit refused gives an empty batch; one that failed
// for another reason is tried again after a pause, as a consumer would, unless the
// shard has vanished.
func (c *consumer) next(ctx context.Context, reader client.Reader) (weir.Batch, error) {
	const patience = 30
	for failures := 0; ; {
		batch, err := reader.Next(ctx)
		switch {
		case ctx.Err() != nil:
			return weir.Batch{}, ctx.Err()
		case err == nil:
			c.count(func(r *reads) { r.calls++ })
			return batch, nil
		case errors.Is(err, weir.ErrThroughputExceeded):
			c.count(func(r *reads) { r.calls++; r.throttled++ })
			return weir.Batch{Behind: unknown}, nil
		case errors.Is(err, weir.ErrShardNotFound):
			return weir.Batch{}, err
		}
		if failures++; failures == patience {
			return weir.Batch{}, err
		}
		c.count(func(r *reads) { r.calls++; r.errors++ })
		c.run.meter.failed(err)
		if err := c.run.wait(ctx, time.Second); err != nil {
			return weir.Batch{}, err
		}
	}
}

func (c *consumer) count(change func(*reads)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.reads)
}

// pause waits while the consumer is down.
func (c *consumer) pause(ctx context.Context, shard weir.ShardID) error {
	for _, o := range c.config.Outages {
		now, at := c.run.since(), time.Duration(o.At)
		if end := at + time.Duration(o.For); now >= at && now < end {
			c.hold(shard)
			if err := c.run.wait(ctx, end-now); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// hold notes that a shard will not be read for a while.
func (c *consumer) hold(shard weir.ShardID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reading[shard].held = true
}

// process takes the time that the consumer takes for a batch, and measures it.
func (c *consumer) process(ctx context.Context, shard weir.ShardID, batch weir.Batch) error {
	read := c.run.since()
	c.saw(shard, batch, read)
	if len(batch.Records) == 0 {
		return nil
	}
	if c.workers != nil {
		select {
		case c.workers <- struct{}{}:
			defer func() { <-c.workers }()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	begin := c.run.since()
	takes := time.Duration(c.config.PerBatch) + time.Duration(len(batch.Records))*time.Duration(c.config.PerRecord)
	if takes > 0 {
		c.hold(shard)
		if err := c.run.wait(ctx, takes); err != nil {
			return err
		}
	}
	c.measure(batch.Records, read, begin)
	if c.run.ended.Err() != nil {
		c.finishIfDone()
	}
	return nil
}

// saw notes how far a shard was read.
func (c *consumer) saw(shard weir.ShardID, batch weir.Batch, now time.Duration) {
	if batch.Behind == unknown {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	*c.reading[shard] = progress{behind: batch.Behind, seen: now}
	c.maxAge = max(c.maxAge, batch.Behind)
}

// measure counts records that were read at one time, and processed one after the
// other from another time on.
func (c *consumer) measure(records []weir.Record, read, begin time.Duration) {
	meter := c.run.meter
	meter.mu.Lock()
	defer meter.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	processed := begin + time.Duration(c.config.PerBatch)
	for i := range records {
		processed += time.Duration(c.config.PerRecord)
		s, ours := c.run.mark.open(records[i].Data)
		c.records++
		c.bytes += int64(records[i].Size())
		if ours || !c.run.config.Existing {
			c.ours++
		}
		if !ours || s.sent == 0 {
			continue
		}
		meter.recentReads.Record(read - s.sent)
		if s.due >= meter.warmUp {
			c.propagation.Record(read - s.sent)
			c.endToEnd.Record(processed - s.due)
		}
	}
}

// finishIfDone ends the consumer when it has read all that was put. It is for when
// nothing is put any more.
func (c *consumer) finishIfDone() {
	all := c.run.meter.records()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ours+c.missed >= all {
		c.finish()
	}
}

// unread returns how many of the records that were put the consumer has not processed.
func (c *consumer) unread(put int64) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return max(0, put-c.missed-c.ours)
}

// follow begins shards that are to be begun.
func (c *consumer) follow(ctx context.Context, due []weir.ShardID) error {
	for _, shard := range due {
		reader, err := c.reader(ctx, shard, weir.TrimHorizon())
		switch {
		case errors.Is(err, weir.ErrShardNotFound):
			err = c.passOver(ctx, shard)
		case err != nil:
			err = fmt.Errorf("%s: %w", c.name, err)
		default:
			c.begin(ctx, shard, reader)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// passOver begins what is next when a shard has vanished, all of it read or not.
func (c *consumer) passOver(ctx context.Context, shard weir.ShardID) error {
	due, err := c.vanished(ctx, shard)
	if err != nil {
		return fmt.Errorf("%s: what follows %s: %w", c.name, shard, err)
	}
	return c.follow(ctx, due)
}

// ended notes that a shard has ended, and returns which shards are to be begun.
func (c *consumer) ended(shard weir.ShardID, children []weir.Shard) []weir.ShardID {
	next := make([]lineage.Shard[weir.ShardID], len(children))
	for i, child := range children {
		next[i] = lineage.Shard[weir.ShardID]{ID: child.ID, Parents: child.Parents}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.reading, shard)
	return c.walk.Ended(shard, next...)
}

// vanished notes that a shard has vanished, and returns which shards are to be begun:
// what followed it no batch will say.
func (c *consumer) vanished(ctx context.Context, shard weir.ShardID) ([]weir.ShardID, error) {
	c.listing <- struct{}{} // the walk wants listings in the order in which they are made
	defer func() { <-c.listing }()
	shards, err := c.run.config.Target.Shards(ctx)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.reading, shard)
	return append(c.walk.Forget(shard), c.walk.List(c.toRead(shards))...), nil
}

// age returns how old the oldest record is that the consumer has not read.
func (c *consumer) age(now time.Duration) (age time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.reading {
		age = max(age, p.age(now))
	}
	c.maxAge = max(c.maxAge, age)
	return age
}

package simulate

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"sort"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/lineage"
	"github.com/weirstream/weir/workload"
)

// A consumer reads all shards of the stream, parents before their children.
type consumer struct {
	sim    *simulation
	index  int
	name   string
	spec   workload.Consumer
	poll   time.Duration
	latest bool

	started bool
	down    bool      // in an outage
	readers []*reader // of the shards that it reads
	walk    *lineage.Walk[weir.ShardID]

	working int       // batches being processed
	queue   []*reader // that have a batch and wait for a worker
	accrued time.Duration

	outages []workload.Outage // by time, none of them overlapping
	// behind is the readers that have not reached the tip of their shards since the
	// last outage; catching says that this one is being caught up with.
	catching bool
	behind   int

	second   ConsumerSecond
	expired  int64 // records among those not given yet that cannot be read any more
	lostSeen int64 // records found missing so far
	report   consumerReport
}

// addConsumers makes the consumers of the workload, each Count of them.
func (s *simulation) addConsumers(specs []workload.Consumer) error {
	for i, spec := range specs {
		for n := range max(1, spec.Count) {
			c := &consumer{
				sim: s, index: len(s.consumers), name: nameOf(spec, n), spec: spec,
				poll: time.Duration(spec.Poll), latest: spec.From == workload.FromLatest,
				outages: joined(spec.Outages), walk: lineage.New(nil, lineage.Start[weir.ShardID]{}),
			}
			s.consumers = append(s.consumers, c)
			if !spec.FanOut {
				s.sharing++
			} else {
				if _, err := s.stream.RegisterConsumer(context.Background(), c.registered()); err != nil {
					return fmt.Errorf("consumers[%d]: %w", i, err)
				}
			}
			// To the millisecond, which is as exactly as records know when they arrived.
			s.queue.add(time.Duration(spec.Start).Truncate(time.Millisecond), consumerStarts, c, 0)
			for j, o := range c.outages {
				s.queue.add(time.Duration(o.At), outageBegins, c, j)
				s.queue.add(time.Duration(o.At)+time.Duration(o.For), outageEnds, c, j)
			}
		}
	}
	return nil
}

// nameOf returns the name of the n-th of a consumer's Count.
func nameOf(spec workload.Consumer, n int) string {
	if spec.Count > 1 {
		return fmt.Sprintf("%s-%d", spec.Name, n+1)
	}
	return spec.Name
}

// registered returns its name for enhanced fan-out, which must be one of a kind
// whatever the workload calls it.
func (c *consumer) registered() string { return fmt.Sprintf("consumer-%d", c.index+1) }

// joined returns outages by time, those that overlap or touch made one.
func joined(outages []workload.Outage) []workload.Outage {
	sorted := slices.SortedFunc(slices.Values(outages), func(a, b workload.Outage) int { return cmp.Compare(a.At, b.At) })
	var list []workload.Outage
	for _, o := range sorted {
		if o.For <= 0 {
			continue
		}
		if n := len(list); n > 0 && o.At <= list[n-1].At+list[n-1].For {
			list[n-1].For = max(list[n-1].For, o.At+o.For-list[n-1].At)
			continue
		}
		list = append(list, o)
	}
	return list
}

func (c *consumer) due(k kind, arg int) {
	c.accrue()
	switch k {
	case consumerStarts:
		c.start()
	case outageBegins:
		c.down = true
		c.report.outageBegins(c, c.outages[arg])
	case outageEnds:
		c.down = false
		c.outageOver()
	}
}

// accrue counts how long it has worked since the last time.
func (c *consumer) accrue() {
	if spent := c.sim.now - c.accrued; c.started && !c.down && spent > 0 {
		c.second.Busy += time.Duration(c.working) * spent
		c.report.available += time.Duration(cmp.Or(c.spec.Workers, len(c.readers))) * spent
	}
	c.accrued = c.sim.now
}

// start begins with the shards that have no parents to be read, or with the open
// ones.
func (c *consumer) start() {
	c.started = true
	s := c.sim
	if c.latest && s.stream.Settings().Retention != s.meter.retention {
		if err := s.stream.Set(context.Background(), func(t *weir.Settings) { t.Retention = s.meter.retention }); err != nil {
			s.fail(err)
			return
		}
	}
	expired := s.expired()
	var listing []lineage.Shard[weir.ShardID]
	for _, sh := range s.shards.live {
		if !c.latest || sh.open {
			sh.began[c.index] = expired[sh.id]
			listing = append(listing, sh.kin())
		}
	}
	c.walk = lineage.New(listing, lineage.Start[weir.ShardID]{})
	for id := range c.walk.Ready() {
		if sh := s.shards.get(id); c.latest {
			c.begin(sh, weir.AtTime(s.clock), sh.stored)
		} else {
			c.begin(sh, weir.TrimHorizon(), sh.began[c.index])
		}
	}
}

// opened is called when a shard was opened just now.
func (c *consumer) opened(sh *shard) {
	if c.started && len(c.walk.Opened(sh.kin())) > 0 {
		c.begin(sh, weir.TrimHorizon(), 0)
	}
}

// beginAll begins shards whose parents it has read to the end.
func (c *consumer) beginAll(ids []weir.ShardID) {
	for _, id := range ids {
		sh := c.sim.shards.get(id)
		c.begin(sh, weir.TrimHorizon(), sh.began[c.index])
	}
}

// waiting yields the shards that it is to begin when it is done with their
// parents, by id.
func (c *consumer) waiting() iter.Seq[*shard] {
	return func(yield func(*shard) bool) {
		if c.walk.Waiting() == 0 {
			return
		}
		for _, sh := range c.sim.shards.live {
			if c.walk.Waits(sh.id) && !yield(sh) {
				return
			}
		}
	}
}

// begin begins to read a shard from a position on; index is that of the record
// before it.
func (c *consumer) begin(sh *shard, from weir.Position, index int64) {
	r := &reader{c: c, sh: sh, position: index, from: from}
	sh.readers[c.index] = r
	c.readers = append(c.readers, r)
	if c.catching {
		c.behind++
	}
	r.begin()
}

// awaits reports whether it has still to begin a shard.
func (c *consumer) awaits(sh *shard) bool {
	if !c.started {
		return !c.latest
	}
	return c.walk.Waits(sh.id)
}

// finished is called when a shard is read to its end.
func (c *consumer) finished(r *reader) {
	c.accrue()
	r.ended = true
	c.readers = slices.DeleteFunc(c.readers, func(o *reader) bool { return o == r })
	r.sh.readers[c.index] = nil
	if !r.last.IsZero() {
		r.sh.last = r.last
	}
	c.reachedTip(r)
	c.beginAll(c.walk.Ended(r.sh.id))
}

// vanished is called when a shard has vanished from the stream: what the consumer
// has not read of it is lost.
func (c *consumer) vanished(sh *shard) {
	if !c.started {
		return
	}
	if r := sh.readers[c.index]; r != nil {
		c.lose(sh.stored - r.position)
		c.finished(r)
	}
	if c.walk.Waits(sh.id) {
		c.lose(sh.stored - sh.began[c.index])
	}
	c.beginAll(c.walk.Forget(sh.id))
	c.checkCaughtUp()
}

// lose counts records that were found missing.
func (c *consumer) lose(n int64) { c.lostSeen += max(0, n) }

// outageOver lets it catch up. Readers that missed nothing need not look.
func (c *consumer) outageOver() {
	c.catching, c.behind = c.started, 0
	for _, r := range c.readers {
		if r.tip = r.unread() == 0; !r.tip {
			c.behind++
		}
	}
	c.report.outageOver(c)
	c.checkCaughtUp()
}

// reachedTip is called when a reader has read all that its shard holds.
func (c *consumer) reachedTip(r *reader) {
	if !c.catching || r.tip {
		return
	}
	r.tip = true
	c.behind--
	c.checkCaughtUp()
}

// checkCaughtUp ends the catching up when no shard is left to be read to its tip.
func (c *consumer) checkCaughtUp() {
	if c.catching && c.behind == 0 && c.walk.Waiting() == 0 {
		c.catching = false
		c.report.caughtUp(c.sim.now)
	}
}

// outageAt returns the outage that a moment lies in, and whether there is one.
func (c *consumer) outageAt(t time.Duration) (workload.Outage, bool) {
	if i := c.firstOutage(t); i < len(c.outages) && time.Duration(c.outages[i].At) <= t {
		return c.outages[i], true
	}
	return workload.Outage{}, false
}

// firstOutage returns the place of the first outage that ends after a moment.
func (c *consumer) firstOutage(t time.Duration) int {
	return sort.Search(len(c.outages), func(i int) bool { return time.Duration(c.outages[i].At+c.outages[i].For) > t })
}

// after returns when work is done that begins at a time and takes so long, outages
// left out.
func (c *consumer) after(begin, takes time.Duration) time.Duration {
	for _, o := range c.outages[c.firstOutage(begin):] {
		at, end := time.Duration(o.At), time.Duration(o.At+o.For)
		if begin+takes <= at {
			break
		}
		takes -= max(0, at-begin)
		begin = end
	}
	return begin + takes
}

// work has a batch processed, or queues it until a worker is free.
func (c *consumer) work(r *reader) {
	if c.spec.Workers > 0 && c.working >= c.spec.Workers {
		c.queue = append(c.queue, r)
		return
	}
	c.accrue()
	c.working++
	c.sim.queue.add(c.after(c.sim.now, takes(c.spec.PerBatch, c.spec.PerRecord, r.inHand)), workDone, r, 0)
}

// takes returns how long a batch of n records is processed, where that is not
// longer than any run.
func takes(perBatch, perRecord workload.Duration, n int64) time.Duration {
	const longest = float64(10 * workload.MaxDuration) // short enough to be added to times
	return time.Duration(min(float64(perBatch)+float64(n)*float64(perRecord), longest))
}

// worked is called when a batch has been processed.
func (c *consumer) worked(r *reader) {
	c.accrue()
	c.working--
	c.second.ProcessedRecords += r.inHand
	r.inHand = 0
	if len(c.queue) > 0 {
		next := c.queue[0]
		c.queue = slices.Delete(c.queue, 0, 1)
		c.work(next)
	}
}

// interval returns the time from a poll to the next. Where consumers share, it is up
// to a tenth shorter or longer, by a draw: two that called in step would for ever
// take turns in the same order, and one of them might get nothing.
func (c *consumer) interval() time.Duration {
	if c.sim.sharing < 2 {
		return c.poll
	}
	const part = 10
	return c.poll + time.Duration(c.sim.random.Int64N(int64(2*c.poll/part)+1)) - c.poll/part
}

package simulate

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/workload"
)

// Run simulates a workload. When ctx ends it returns what there is up to the last
// full second, with Interrupted set and no error. The error says which field of c
// is out of bounds, or why a trace could not be read.
//
// A run lasts as long as the workload says, rounded up to a second, or until its
// traces end or its number of records is reached.
func Run(ctx context.Context, c Config) (*Result, error) {
	s, err := newSimulation(ctx, c)
	if err != nil {
		return nil, err
	}
	return s.run()
}

// A simulation is one run. It is for one goroutine.
type simulation struct {
	ctx    context.Context
	config Config
	start  time.Time
	stream *weir.Stream
	limits weir.Limits // of the stream, resolved
	auto   bool        // the stream distributes records itself

	now   time.Duration // since start
	clock time.Time     // the same, as the stream reads it
	queue queue
	end   time.Duration // a whole second; math.MaxInt64 while it is not known
	over  bool          // the end is reached, or a reason to stop
	err   error         // why it failed; no events happen any more
	looks int           // so often has it been time to look whether the context has ended

	shards    shardSet
	producer  producer
	consumers []*consumer
	queues    []*workQueue
	sharing   int // consumers without fan-out
	hot       hotKey
	meter     meter

	// enough, unless nil, is asked at the end of each second whether the result is
	// good enough to stop.
	enough func(*Result) bool
	only   bool // puts the hottest key only, and no other record
	batch  []weir.Record
	random *rand.Rand
}

func newSimulation(ctx context.Context, c Config) (*simulation, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	c.Workload = c.Workload.WithDefaults()
	s := &simulation{
		ctx: ctx, config: c, start: c.start(), end: math.MaxInt64,
		random: rand.New(rand.NewPCG(uint64(c.Workload.Seed), 0)),
		auto:   c.Workload.Stream.Distribution == workload.AutoDistribution,
	}
	if d := time.Duration(c.Workload.Duration); d > 0 {
		s.end = wholeSeconds(d)
	}
	if err := s.openStream(); err != nil {
		return nil, err
	}
	return s, nil
}

// openStream makes the stream at the beginning of virtual time.
func (s *simulation) openStream() error {
	s.set(0)
	c, err := s.config.Workload.Stream.Config()
	if err != nil {
		return err
	}
	c.Now = func() time.Time { return s.clock }
	name := s.config.Workload.Stream.Name
	if name == "" {
		name = "simulated"
	}
	resolved, err := c.Resolved()
	if err != nil {
		return fmt.Errorf("stream %s: %w", name, err)
	}
	s.limits = resolved.Limits
	c.Hollow, c.MetricsWindow = true, time.Second
	c.Limits.MinRetention = -1
	if !s.keepsPast() {
		c.Retention = unreadRetention
	}
	s.meter.retention = resolved.Retention
	s.stream, err = weir.NewStream(name, c)
	return err
}

// unreadRetention is how long the stream keeps records that nobody is going to
// read.
const unreadRetention = time.Second

// keepsPast reports whether a consumer is going to read what is put from the
// beginning on.
func (s *simulation) keepsPast() bool {
	if len(s.config.Workload.Queues) > 0 {
		return true
	}
	for _, c := range s.config.Workload.Consumers {
		if c.From != workload.FromLatest || c.Start == 0 {
			return true
		}
	}
	return false
}

// prepare gets all ready that does not depend on when it happens.
func (s *simulation) prepare() (err error) {
	w := s.config.Workload
	if !s.hot.known {
		if s.hot, err = hottestKey(w, s.config.Open); err != nil {
			return err
		}
	}
	s.meter.begin(s)
	s.producer.begin(s)
	if err := s.addConsumers(w.Consumers); err != nil {
		return err
	}
	if err := s.addQueues(w.Queues); err != nil {
		return err
	}
	s.refreshShards("")
	s.meter.began()
	for i, r := range w.Reshards {
		s.queue.add(time.Duration(r.At), reshardDue, s, i)
	}
	s.queue.add(time.Second, secondEnds, s, 0)
	return nil
}

func (s *simulation) run() (*Result, error) {
	if err := s.prepare(); err != nil {
		return nil, err
	}
	g, err := workload.NewGenerator(s.config.Workload, s.config.Open)
	if err != nil {
		return nil, err
	}
	defer g.Close()
	if s.config.Step == 0 {
		s.putRecords(g)
	} else {
		s.putLots(g)
	}
	if err := g.Err(); err != nil && s.err == nil {
		return nil, err
	}
	s.finish()
	if s.err != nil {
		return nil, s.err
	}
	return s.meter.result(), nil
}

// putRecords puts the records one by one.
func (s *simulation) putRecords(g *workload.Generator) {
	var a workload.Arrival
	for g.Next(&a) && a.At < s.end {
		s.advance(a.At, arrivalDue)
		if s.over {
			return
		}
		s.set(a.At)
		s.producer.put(&a)
	}
}

// putLots puts what arrives in a step at the end of it, when the step's share of
// the limits is there. A step ends with the second at the latest.
func (s *simulation) putLots(g *workload.Generator) {
	var lots []workload.Lot
	more := true
	for begin := time.Duration(0); (more || s.producer.pending > 0) && begin < s.end; {
		second := begin - begin%time.Second + time.Second
		until := min(begin-begin%s.config.Step+s.config.Step, second)
		s.advance(until-1, arrivalDue)
		if s.over {
			return
		}
		s.set(until - 1)
		if !more {
			s.producer.putLots(nil)
		} else {
			lots, more = g.NextLots(lots[:0], until, s.producer.ranges())
			s.producer.putLots(lots)
			if !more {
				s.settleEnd()
			}
		}
		begin = until
	}
}

// settleEnd sets the end of the run when no more records come, if that decides.
func (s *simulation) settleEnd() {
	last := s.config.Workload.Records
	if reached := last > 0 && s.producer.generated >= last; s.end == math.MaxInt64 || reached {
		s.end = wholeSeconds(s.now + 1)
	}
}

// finish goes on to the end when no more records come.
func (s *simulation) finish() {
	s.settleEnd()
	s.advance(s.end, outageEnds)
}

// advance lets happen what is due before a time and, at that time, of a lesser
// kind.
func (s *simulation) advance(to time.Duration, k kind) {
	for !s.over {
		e, ok := s.queue.next(to, k)
		if !ok {
			return
		}
		s.set(e.at)
		e.target.due(e.kind(), e.arg)
		s.look()
	}
}

// look notices now and then that the context has ended: a second may have a billion
// records.
func (s *simulation) look() {
	const often = 1 << 16
	if s.looks++; s.looks%often == 0 && !s.over && s.ctx.Err() != nil {
		s.interrupt()
		s.progress()
	}
}

// interrupt ends the run before its end.
func (s *simulation) interrupt() {
	s.meter.sum.Interrupted = true
	s.over = true
}

// progress tells how far the run has come.
func (s *simulation) progress() {
	if s.config.Progress != nil {
		s.config.Progress(s.meter.sum.Duration)
	}
}

// set moves the clock.
func (s *simulation) set(to time.Duration) {
	s.now = to
	s.clock = s.start.Add(to)
}

// fail ends the run with an error.
func (s *simulation) fail(err error) {
	if s.err == nil {
		s.err = fmt.Errorf("at %v: %w", s.now, err)
	}
	s.over = true
}

// due lets happen what belongs to no one else.
func (s *simulation) due(k kind, arg int) {
	switch k {
	case secondEnds:
		s.endSecond()
	case reshardDue:
		s.reshard(s.config.Workload.Reshards[arg])
	}
}

// endSecond ends a second: the stream carries out what fell due, what was counted
// is reported, and what all have read is released.
func (s *simulation) endSecond() {
	s.meter.capacity = s.stream.Capacity()
	if s.clock.Unix()%minuteSeconds == 0 {
		s.refreshEachMinute()
	}
	s.meter.endSecond()
	s.trim()
	switch {
	case s.now >= s.end:
		s.over = true
	case s.ctx.Err() != nil || s.enough != nil && s.enough(&s.meter.sum):
		s.interrupt()
	default:
		s.queue.add(s.now+time.Second, secondEnds, s, 0)
	}
	if s.over || s.now%time.Minute == 0 {
		s.progress()
	}
}

// refreshEachMinute looks whether the stream has split or merged shards, which it does
// at the ends of minutes, or whether closed ones have vanished.
func (s *simulation) refreshEachMinute() {
	if s.meter.capacity.Mode == weir.OnDemand {
		s.refreshShards(whyOnDemand)
	} else if len(s.shards.live) > len(s.shards.open) {
		s.refreshShards("")
	}
}

func wholeSeconds(d time.Duration) time.Duration {
	if rest := d % time.Second; rest > 0 {
		return d - rest + time.Second
	}
	return d
}

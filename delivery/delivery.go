package delivery

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/internal/crew"
	"github.com/weirstream/weir/internal/sparse"
)

// A Delivery delivers a stream: it is one worker of the group that does. Make
// one with [New]. All methods may be called by any number of goroutines at a
// time.
type Delivery struct {
	config Config
	naming naming
	group  *consumer.Group
	memory memory
	slots  chan struct{} // of as many places as objects may be delivered at a time
	bodies sync.Pool     // of *bytes.Buffer
	spare  spare
	counts counters
	crew   *crew.Crew[*runner]
	logger *slog.Logger
}

// New returns a delivery. The error tells all that is wrong with the
// configuration, and matches [weir.ErrInvalidArgument].
func New(c Config) (*Delivery, error) {
	c = c.withDefaults()
	d := &Delivery{config: c, crew: crew.New[*runner]("delivery", c.Group)}
	d.logger = sparse.Logger(c.Group.Logger, "group", c.Group.Name)
	var errs problems
	c.check(&errs)
	d.naming = c.naming(&errs)
	if len(errs) == 0 {
		g := c.Group
		g.Handler, g.Begin = d.handle, d.begin
		var err error
		if d.group, err = consumer.New(g); err != nil {
			errs = append(errs, err)
		}
	}
	if err := errs.join(); err != nil {
		return nil, fmt.Errorf("delivery: %w", err)
	}
	d.memory.most, d.memory.press = c.Memory, d.press
	d.slots = make(chan struct{}, c.Deliveries)
	d.bodies.New = func() any { return new(bytes.Buffer) }
	return d, nil
}

// Run delivers until ctx ends. Then what is held is delivered, within
// Group.Patience; what could not be comes again, here or to another worker. A
// shard that ends is delivered to its end before its children begin.
//
// It returns what [consumer.Group.Run] returns, before that what a sink that is
// a [Checker] says, and an error if a shard's state was kept by something else
// than a delivery. Every goroutine has ended by then, but those of sinks that do
// not return though their context has ended: these are named by a
// [*consumer.StuckError].
func (d *Delivery) Run(ctx context.Context) error {
	return d.crew.Run(ctx, func(ctx context.Context) error {
		if err := d.check(ctx); err != nil {
			return err
		}
		defer sparse.Flush(d.logger)
		return d.group.Run(ctx)
	})
}

// check asks the sinks whether they work.
func (d *Delivery) check(ctx context.Context) error {
	asked := make(map[string]Sink)
	for _, of := range []struct {
		field string
		sink  Sink
	}{{"Sink", d.config.Sink}, {"Errors", d.config.Errors}, {"Backup", d.config.Backup}} {
		checker, can := of.sink.(Checker)
		if !can {
			continue
		}
		if of.field == "Errors" && sameSink(of.sink, asked["Sink"]) {
			continue
		}
		asked[of.field] = of.sink
		if err := checker.Check(ctx); err != nil {
			return fmt.Errorf("delivery: %s: %w", of.field, err)
		}
	}
	return nil
}

// sameSink compares two sinks of types that can be compared.
func sameSink(a, b Sink) (same bool) {
	defer func() { _ = recover() }() // of a type that cannot
	return a == b
}

// begin begins with a shard.
func (d *Delivery) begin(ctx context.Context, p *consumer.Progress) {
	plan, err := parsePlan(p.State())
	r := newRunner(d, ctx, p, plan)
	if err != nil {
		r.halt()
		p.Drop()
		d.crew.FailShard(p, err)
	}
	d.crew.Begin(ctx, p, r)
}

// handle takes the records of a shard.
func (d *Delivery) handle(ctx context.Context, b *consumer.Batch) error {
	r, err := d.crew.For(ctx, b)
	if err != nil {
		return err
	}
	return r.offer(b)
}

// press makes all shards look whether they can give memory back.
func (d *Delivery) press() {
	for _, r := range d.crew.Members() {
		r.wakeUp()
	}
}

// backoff returns how long to wait after so many failures before this one: at
// least three quarters of the time that has doubled so often.
func (d *Delivery) backoff(failed int) time.Duration {
	wait := d.config.MaxBackoff
	if failed < 40 && d.config.Backoff < wait>>failed {
		wait = d.config.Backoff << failed
	}
	return wait - rand.N(wait/4+1)
}

// Package crew keeps those who work on the shards of a group's worker, one a
// shard: each begins when the worker gets the lease and ends with it. That is
// what packages have in common which process records otherwise than by a
// handler's return; see [consumer.Config.Begin].
package crew

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/consumer"
)

// ErrGivenUp says that a shard is given up before its end is processed.
var ErrGivenUp = errors.New("the shard is given up")

// A Member works on a shard for as long as the worker has it.
type Member interface {
	// Attend works until the lease ends, or until the work on it has ended. It is
	// called once, in a goroutine of its own.
	Attend()
}

// A Leaver is a [Member] that is told when it has ended, unless the worker has
// the shard again and another member has begun. Left must not call the crew.
type Leaver interface {
	Left()
}

// A Crew is the members of one worker. Make one with [New]. All methods may be
// called by any number of goroutines at a time.
type Crew[M Member] struct {
	name    string // of the package, which errors begin with
	group   string
	grace   time.Duration // for members, when the group has ended
	running atomic.Bool

	mu      sync.Mutex // guards what follows
	members map[post]lease[M]
	jobs    *sync.WaitGroup    // of the run: a goroutine a member
	stop    context.CancelFunc // of the run
	errs    []error            // that ended it
}

// A post is a shard of one of the group's streams.
type post struct {
	stream string
	shard  weir.ShardID
}

// A lease is whose a shard is. Its context is the group's for the lease: of two
// for the same shard, one after the other, each has its own.
type lease[M Member] struct {
	ctx    context.Context
	member M
}

// leastGrace is how long members may take to end, when the group has ended and
// their contexts have, before they are left behind.
const leastGrace = 10 * time.Second

// New returns the crew of a package's worker, which works for a group.
func New[M Member](name string, group consumer.Config) *Crew[M] {
	return &Crew[M]{name: name, group: group.Name, grace: max(group.Failover, leastGrace), members: make(map[post]lease[M])}
}

// Run calls work, which runs the group, with a context that [Crew.Fail] ends,
// too. It returns when that has returned and all members have ended: with the
// error of work, with those of Fail, and with a [*consumer.StuckError] of those
// members that do not end though their contexts have. It runs once at a time,
// otherwise the error is [consumer.ErrRunning].
func (c *Crew[M]) Run(ctx context.Context, work func(ctx context.Context) error) error {
	if ctx == nil {
		return fmt.Errorf("%s: %w", c.name, &weir.ArgumentError{Field: "context", Reason: "is nil"})
	}
	if !c.running.CompareAndSwap(false, true) {
		return consumer.ErrRunning
	}
	defer c.running.Store(false)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	jobs := new(sync.WaitGroup)
	c.mu.Lock()
	c.jobs, c.stop, c.errs = jobs, stop, nil
	c.mu.Unlock()
	err := work(ctx)
	stuck := c.await(jobs)
	c.mu.Lock()
	defer c.mu.Unlock()
	return errors.Join(append([]error{err, stuck}, c.errs...)...)
}

// await waits for the goroutines of all members.
func (c *Crew[M]) await(jobs *sync.WaitGroup) error {
	done := make(chan struct{})
	go func() {
		jobs.Wait()
		close(done)
	}()
	limit := time.NewTimer(c.grace)
	defer limit.Stop()
	select {
	case <-done:
		return nil
	case <-limit.C:
	}
	stuck := &consumer.StuckError{Group: c.group}
	c.mu.Lock()
	defer c.mu.Unlock()
	for at := range c.members {
		stuck.Shards = append(stuck.Shards, at.stream+" "+at.shard.String())
	}
	slices.Sort(stuck.Shards)
	return stuck
}

// Fail ends the run, which returns the error.
func (c *Crew[M]) Fail(err error) {
	c.mu.Lock()
	c.errs = append(c.errs, err)
	stop := c.stop
	c.mu.Unlock()
	stop()
}

// FailShard ends the run because of a shard, which the error names.
func (c *Crew[M]) FailShard(p *consumer.Progress, err error) {
	c.Fail(fmt.Errorf("%s: %s %v: %w", c.name, p.Stream(), p.Shard(), err))
}

// Begin has a member work on a shard under the lease of ctx, as
// [consumer.Config.Begin] is given both.
func (c *Crew[M]) Begin(ctx context.Context, p *consumer.Progress, member M) {
	at := post{p.Stream(), p.Shard()}
	c.mu.Lock()
	c.members[at] = lease[M]{ctx, member}
	jobs := c.jobs
	c.mu.Unlock()
	jobs.Go(func() {
		defer c.end(at, ctx)
		member.Attend()
	})
}

// end takes in that the work of a lease has ended. Another may have begun.
func (c *Crew[M]) end(at post, ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.members[at]
	if l.ctx != ctx {
		return
	}
	delete(c.members, at)
	if leaver, is := any(l.member).(Leaver); is {
		leaver.Left()
	}
}

// For returns the member that a batch is for, which a handler was given with
// ctx. An error says that the batch is of a lease that is over.
func (c *Crew[M]) For(ctx context.Context, b *consumer.Batch) (M, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l := c.members[post{b.Stream, b.Shard}]; l.ctx == ctx {
		return l.member, nil
	}
	var none M
	return none, ErrGivenUp
}

// Has reports whether somebody works on a shard.
func (c *Crew[M]) Has(stream string, shard weir.ShardID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, has := c.members[post{stream, shard}]
	return has
}

// Members returns who works at the moment, in no order.
func (c *Crew[M]) Members() []M {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]M, 0, len(c.members))
	for _, l := range c.members {
		list = append(list, l.member)
	}
	return list
}

// Recovered, deferred around code of the caller, makes an error of its panic: a
// [*consumer.PanicError].
func Recovered(err *error) {
	if v := recover(); v != nil {
		*err = &consumer.PanicError{Value: v, Stack: debug.Stack()}
	}
}

package consumer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/internal/sparse"
	"github.com/weirstream/weir/lease"
)

// A Group is one worker of a group. Make one with [New]. All methods may be
// called by any number of goroutines at a time.
type Group struct {
	config  Config
	handler Handler
	store   lease.Store
	log     *slog.Logger
	sources []*source
	epoch   time.Time // when the group's clock was zero
	counts  counters
	running atomic.Bool

	base  context.Context // of the run; does not end with it
	wake  chan struct{}   // of one place: the leading goroutine is to look
	soon  chan struct{}   // of one place: the keeper is to look
	left  chan struct{}   // of one place: a shard has gone
	chaos *rand.Rand      // guarded by mu

	mu     sync.Mutex // guards what follows; never held over a call of anything
	shards map[string]*shard
	errs   []error
}

// A source is a stream and how its shards are named in the store.
type source struct {
	stream client.Stream
	name   string
	prefix string
}

func (s *source) key(id weir.ShardID) string { return s.prefix + id.String() }

// id returns the shard of a lease, if it is one of the stream.
func (s *source) id(key string) (weir.ShardID, bool) {
	name, ours := strings.CutPrefix(key, s.prefix)
	if !ours {
		return 0, false
	}
	id, err := weir.ParseShardID(name)
	return id, err == nil && id.String() == name
}

// An Identified is a stream that knows its full name, by which a group of
// several streams names it in the store: "account:name:creation second". It is
// asked when Run begins. Of a stream that does not know, account and second are
// zeros.
type Identified interface {
	StreamIdentifier(ctx context.Context) (string, error)
}

// identify asks the stream of a group of several for its full name.
func (s *source) identify(ctx context.Context) error {
	named, ok := s.stream.(Identified)
	if !ok {
		return nil
	}
	id, err := named.StreamIdentifier(ctx)
	if err == nil {
		s.prefix = id + ":"
	}
	return err
}

// New returns a group. The error names all fields that are out of bounds, and
// matches [weir.ErrInvalidArgument].
func New(config Config) (*Group, error) {
	if err := config.check(); err != nil {
		return nil, fmt.Errorf("consumer: %w", err)
	}
	config.Streams = slices.Clone(config.Streams)
	config = config.withDefaults()
	g := &Group{
		config: config, store: newPrompt(config.Store, config.Failover), epoch: time.Now(), chaos: rand.New(config.Random),
		log:  config.Logger.With("group", config.Name, "worker", config.Worker),
		wake: make(chan struct{}, 1), soon: make(chan struct{}, 1), left: make(chan struct{}, 1), shards: make(map[string]*shard),
	}
	for _, s := range config.Streams {
		src := &source{stream: s, name: s.Name()}
		if len(config.Streams) > 1 {
			src.prefix = "000000000000:" + src.name + ":0:"
		}
		g.sources = append(g.sources, src)
	}
	return g, nil
}

// now returns the time on the group's clock, which only goes forward. It is more
// than zero.
func (g *Group) now() time.Duration { return time.Since(g.epoch) + 1 }

// Run processes the streams until ctx ends. Then what handlers have in hand is
// finished, within [Config.Patience], written, and the leases are released, so
// that other workers go on at once. Every goroutine has ended when it returns.
//
// It returns nil if that went well, and before that an error if it cannot go on:
// the store or a stream could not be reached at the beginning, the store holds
// something else than leases of the group, or a policy says so. While it runs,
// a store that cannot be reached is waited for.
func (g *Group) Run(ctx context.Context) error { return g.run(ctx, g.config.Handler) }

func (g *Group) run(ctx context.Context, handler Handler) error {
	switch {
	case ctx == nil:
		return fmt.Errorf("consumer: %w", &weir.ArgumentError{Field: "context", Reason: "is nil"})
	case handler == nil:
		return fmt.Errorf("consumer: %w", &weir.ArgumentError{Field: "Handler", Reason: "is nil"})
	case !g.running.CompareAndSwap(false, true):
		return ErrRunning
	}
	defer g.running.Store(false)
	if left := g.shardsByKey(); len(left) > 0 {
		return fmt.Errorf("%w: the handler of %s %v has not returned since the last run", ErrRunning, left[0].source.name, left[0].id)
	}
	g.handler, g.base, g.errs = handler, context.WithoutCancel(ctx), nil
	ctx, stop := context.WithCancel(ctx)
	defer stop()

	var keeper sync.WaitGroup
	kept := make(chan struct{})
	keeper.Go(func() { g.keep(kept) })
	l := &leader{g: g, machine: newMachine(g.config, g.newRandom())}
	g.fail(l.run(ctx))
	stuck := g.drain()
	close(kept)
	keeper.Wait()
	if stuck == nil {
		l.withdraw()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return errors.Join(append(g.errs, stuck)...)
}

// fail ends the run if there is an error.
func (g *Group) fail(err error) {
	if err == nil {
		return
	}
	g.log.Error("the group ends", "err", err)
	g.mu.Lock()
	g.errs = append(g.errs, err)
	g.mu.Unlock()
	g.wakeUp()
}

func (g *Group) failed() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.errs) > 0
}

// drain gives up all shards and waits for their goroutines.
func (g *Group) drain() error {
	for _, sh := range g.shardsByKey() {
		sh.giveUp(g.now() + g.config.Patience)
	}
	limit := time.NewTimer(g.config.Patience + g.config.Failover)
	defer limit.Stop()
	for {
		shards := g.shardsByKey()
		if len(shards) == 0 {
			return nil
		}
		select {
		case <-g.left:
		case <-limit.C:
			stuck := &StuckError{Group: g.config.Name}
			for _, sh := range shards {
				stuck.Shards = append(stuck.Shards, sh.source.name+" "+sh.id.String())
				sh.lose(ErrDraining)
			}
			return stuck
		}
	}
}

// begin starts a shard's goroutine, if it has none.
func (g *Group) begin(sh *shard) {
	sh.mu.Lock()
	started := sh.started
	sh.started = true
	sh.mu.Unlock()
	if !started {
		go sh.run()
	}
}

// hold takes in that the worker has a lease.
func (g *Group) hold(src *source, id weir.ShardID, row lease.Lease, began time.Duration) *shard {
	sh := &shard{source: src, id: id, stop: make(chan struct{})}
	sh.log = sparse.Logger(g.log, "stream", src.name, "shard", id)
	sh.tenure.begin(g, row, began)
	sh.asked = sh.heed
	g.mu.Lock()
	g.shards[row.Key] = sh
	g.mu.Unlock()
	g.counts.taken.Add(1)
	return sh
}

// gone takes in that a shard's goroutine ends.
func (g *Group) gone(sh *shard) {
	sparse.Flush(sh.log)
	g.mu.Lock()
	delete(g.shards, sh.key)
	g.mu.Unlock()
	signal(g.left)
	g.wakeUp()
}

func (g *Group) shard(key string) *shard {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.shards[key]
}

// shardsByKey returns the shards that the worker has.
func (g *Group) shardsByKey() []*shard {
	g.mu.Lock()
	defer g.mu.Unlock()
	list := make([]*shard, 0, len(g.shards))
	for _, key := range sortedKeys(g.shards) {
		list = append(list, g.shards[key])
	}
	return list
}

// backoff returns how long to wait after so many failures before this one.
func (g *Group) backoff(failed int) time.Duration { return g.backoffTo(failed, g.config.MaxBackoff) }

// backoffTo does so up to some time.
func (g *Group) backoffTo(failed int, d time.Duration) time.Duration {
	if failed < 40 && g.config.Backoff < d>>failed {
		d = g.config.Backoff << failed
	}
	return g.jitter(d)
}

// jitter returns three quarters of a time, and a random part of the last one.
func (g *Group) jitter(d time.Duration) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return d - time.Duration(g.chaos.Float64()*float64(d)/4)
}

// newRandom returns a random source that the group's decides.
func (g *Group) newRandom() *rand.Rand {
	g.mu.Lock()
	defer g.mu.Unlock()
	return rand.New(rand.NewPCG(g.chaos.Uint64(), g.chaos.Uint64()))
}

// wakeUp makes the leading goroutine look at the leases.
func (g *Group) wakeUp() { signal(g.wake) }

// hurry tells the keeper that there is something to write.
func (g *Group) hurry() { signal(g.soon) }

// signal sends to a channel of one place, which need not be empty.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// keep renews leases and writes checkpoints until it is told to end.
func (g *Group) keep(end <-chan struct{}) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var rounds sync.WaitGroup
	defer rounds.Wait()
	for {
		select {
		case <-end:
			return
		case <-g.soon:
		case <-timer.C:
		}
		now := g.now()
		next := now + g.config.Failover/3
		var due []*shard
		for _, sh := range g.shardsByKey() {
			sh.tellIfSlow(now)
			switch at := sh.due(); {
			case sh.saving.Load() || sh.isOver():
			case at <= now:
				due = append(due, sh)
			default:
				next = min(next, max(at, now+time.Millisecond))
			}
		}
		if g.saveAll(due, &rounds) {
			for _, sh := range due {
				next = min(next, max(sh.due(), g.now()+time.Millisecond))
			}
		}
		timer.Reset(max(0, next-g.now()))
	}
}

// saveAll writes leases, and waits for it, but not for long: one that is slow to
// be written does not keep others from being renewed in time. It reports whether
// all is done; else the keeper is told when it is.
func (g *Group) saveAll(due []*shard, rounds *sync.WaitGroup) bool {
	if len(due) == 0 {
		return true
	}
	done := make(chan struct{})
	for _, sh := range due {
		sh.saving.Store(true)
	}
	rounds.Go(func() {
		inParallel(due, func(sh *shard) {
			sh.tryWrite(g.base)
			sh.saving.Store(false)
		})
		close(done)
	})
	limit := time.NewTimer(g.config.Failover / 100)
	defer limit.Stop()
	select {
	case <-done:
		return true
	case <-limit.C:
		rounds.Go(func() {
			<-done
			g.hurry()
		})
		return false
	}
}

// tellIfSlow logs that a handler does not return.
func (sh *shard) tellIfSlow(now time.Duration) {
	since := time.Duration(sh.working.Load())
	slow := since > 0 && now-since > sh.g.config.SlowAfter
	if slow && !sh.slow {
		sh.log.Warn("the handler does not return", "for", now-since)
	}
	sh.slow = slow
}

// writers is how many leases are written at a time.
const writers = 16

// inParallel does something with each of a list, and waits.
func inParallel[T any](list []T, do func(T)) {
	if len(list) == 1 {
		do(list[0])
		return
	}
	var wg sync.WaitGroup
	var next atomic.Int64
	for range min(writers, len(list)) {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(list)); i = next.Add(1) - 1 {
				do(list[i])
			}
		})
	}
	wg.Wait()
}

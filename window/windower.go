package window

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/internal/crew"
	"github.com/weirstream/weir/internal/sparse"
)

// A Windower aggregates a stream: it is one worker of the group that does. Make
// one with [New]. All methods may be called by any number of goroutines at a
// time.
type Windower[V, A, R any] struct {
	config Config[V, A, R]
	plan   *plan[V, A, R]
	group  *consumer.Group
	marks  *watermarks
	crew   *crew.Crew[*runner[V, A, R]]
	counts counters
	room   int // for windows in a lease, in bytes

	mu      sync.Mutex           // guards what follows
	handler Handler[R]           // of the run
	homes   map[string]shardName // of some keys that are not partition keys
	told    bool                 // that one of them is in two shards
}

// A shardName is a shard of one of the group's streams.
type shardName struct {
	stream string
	id     weir.ShardID
}

// New returns a windower. The error tells all that is wrong with the
// configuration, and matches [weir.ErrInvalidArgument].
func New[V, A, R any](c Config[V, A, R]) (*Windower[V, A, R], error) {
	var errs problems
	c.check(&errs)
	w := &Windower[V, A, R]{config: c.withDefaults(), room: MaxStateBytes, marks: newWatermarks(), homes: make(map[string]shardName)}
	var err error
	if len(errs) == 0 {
		if w.plan, err = newPlan(w.config); err != nil {
			errs.add("Windows.aggregator", "%v", err)
		}
	}
	g := w.config.Group
	g.Handler, g.Begin = w.handle, w.begin
	if g.CheckpointEvery > 0 {
		g.CheckpointEvery = time.Millisecond // what a runner says to be done is written at once
	}
	w.crew = crew.New[*runner[V, A, R]]("window", g)
	w.group, err = consumer.New(g)
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	if err := errors.Join(append(errs, checkEvery(c.Group.CheckpointEvery), err)...); err != nil {
		return nil, fmt.Errorf("window: %w", err)
	}
	return w, nil
}

// checkEvery checks what the group is not given to check.
func checkEvery(d time.Duration) error {
	if d > time.Hour {
		return &weir.ArgumentError{Field: "Group.CheckpointEvery", Reason: fmt.Sprintf("%v is above %v", d, time.Hour)}
	}
	return nil
}

// Run aggregates until ctx ends. Then what handlers have in hand is finished,
// windows that are open are written as they are, and the leases are released:
// another Run, here or elsewhere, goes on with them.
//
// It returns what [consumer.Group.Run] returns, and a [*StateError] if windows
// cannot be kept or are not those of this configuration. Every goroutine has
// ended by then, but those of handlers that do not return.
func (w *Windower[V, A, R]) Run(ctx context.Context) error { return w.run(ctx, w.config.Handler) }

func (w *Windower[V, A, R]) run(ctx context.Context, h Handler[R]) error {
	if ctx != nil && h == nil {
		return fmt.Errorf("window: %w", &weir.ArgumentError{Field: "Handler", Reason: "is nil"})
	}
	return w.crew.Run(ctx, func(ctx context.Context) error {
		w.mu.Lock()
		w.handler = h
		w.mu.Unlock()
		return w.group.Run(ctx)
	})
}

// begin begins with a shard.
func (w *Windower[V, A, R]) begin(ctx context.Context, p *consumer.Progress) {
	r := &runner[V, A, R]{
		windower: w, ctx: ctx, progress: p, name: shardName{p.Stream(), p.Shard()}, turn: make(chan struct{}, 1), timer: time.NewTimer(maxWait),
		every: w.config.Group.CheckpointEvery,
	}
	g := &w.config.Group
	r.logger = sparse.Logger(g.Logger, "group", g.Name, "stream", p.Stream(), "shard", p.Shard())
	w.mu.Lock()
	r.handler = w.handler
	w.mu.Unlock()
	if err := r.resume(); err != nil {
		r.closed = true
		if !errors.Is(err, crew.ErrGivenUp) {
			w.crew.Fail(err)
		}
		p.Drop()
	}
	w.crew.Begin(ctx, p, r)
}

// maxHomes is of how many keys it is known in which shard they were seen.
const maxHomes = 1024

// meet notes that a key was seen in a shard. found says that it is in another
// shard of the worker as well, and first that this is so for the first time of
// any key.
func (w *Windower[V, A, R]) meet(key string, s shardName) (other shardName, found, first bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	home, known := w.homes[key]
	if known && home != s && home.stream == s.stream && w.crew.Has(home.stream, home.id) {
		first, w.told = !w.told, true
		return home, true, first
	}
	if known || len(w.homes) < maxHomes {
		w.homes[key] = s
	}
	return home, false, false
}

// handle takes the records of a shard.
func (w *Windower[V, A, R]) handle(ctx context.Context, b *consumer.Batch) error {
	r, err := w.crew.For(ctx, b)
	if err != nil {
		return err
	}
	return r.offer(b)
}

// stream returns one of the group's streams.
func (w *Windower[V, A, R]) stream(name string) client.Stream {
	for _, s := range w.config.Group.Streams {
		if s.Name() == name {
			return s
		}
	}
	return nil
}

// errLeft says that the loop was left before it had taken a result.
var errLeft = errors.New("the loop was left")

// Results runs the windower for a loop in place of [Config.Handler], and yields
// results one at a time. A result is taken when the loop comes to the next one;
// those of a shard that were not taken when the loop is left, or the process
// ends, come again. To leave the loop ends the run, as the end of ctx does; what
// ended it otherwise is yielded last, with a zero result.
func (w *Windower[V, A, R]) Results(ctx context.Context) iter.Seq2[Result[R], error] {
	return func(yield func(Result[R], error) bool) {
		if ctx == nil {
			yield(Result[R]{}, w.Run(ctx))
			return
		}
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		offers, left, done := make(chan offer[R]), make(chan struct{}), make(chan struct{})
		var err error
		go func() {
			defer close(done)
			err = w.run(ctx, func(ctx context.Context, results []Result[R]) error { return take(ctx, results, offers, left) })
		}()
		leave := sync.OnceFunc(func() { stop(); close(left); <-done })
		defer leave() // also if the loop's body panics
		for {
			select {
			case o := <-offers:
				if !o.yield(yield) {
					return
				}
			case <-done:
				if err != nil {
					yield(Result[R]{}, err)
				}
				return
			}
		}
	}
}

// An offer is results for the loop, whose handler waits for what comes of them.
type offer[R any] struct {
	results []Result[R]
	outcome chan<- error
}

// yield gives the results to the loop's body, and reports whether the loop goes
// on.
func (o offer[R]) yield(yield func(Result[R], error) bool) (more bool) {
	defer func() {
		if more {
			o.outcome <- nil
		} else {
			o.outcome <- errLeft
		}
	}()
	for _, r := range o.results {
		if !yield(r, nil) {
			return false
		}
	}
	return true
}

// take is the handler of a loop.
func take[R any](ctx context.Context, results []Result[R], offers chan<- offer[R], left <-chan struct{}) error {
	outcome := make(chan error, 1)
	select {
	case offers <- offer[R]{results, outcome}:
		return <-outcome
	case <-left:
		return errLeft
	case <-ctx.Done():
		return errLeft
	}
}

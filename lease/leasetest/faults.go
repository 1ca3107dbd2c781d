package leasetest

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/weirstream/weir/lease"
)

// A Fault is what can happen to a call of a store.
type Fault string

const (
	// Conflict: another writer is first. It writes the lease as it is there, so
	// that its counter rises, or makes the one that is to be made; then the call
	// is made, and refused as any store would. [Faults.Other] says what else it
	// changes.
	Conflict Fault = "conflict"
	// Lost: the call is made, but its answer is lost; the error matches [ErrLost].
	Lost Fault = "lost answer"
	// Throttled: the call is not made; the error matches [ErrThrottled].
	Throttled Fault = "throttled"
	// Delayed: the call is made after a while, or answered after a while. It ends
	// with the context, as any call.
	Delayed Fault = "delayed"
	// Down: the store cannot be reached; the error matches [ErrDown].
	Down Fault = "down"
)

// The errors of faults. None of them matches one of package lease.
var (
	ErrLost      = errors.New("the answer was lost")
	ErrThrottled = errors.New("throttled")
	ErrDown      = errors.New("the store cannot be reached")
)

// Chances say how often calls meet with a fault, from 0 to 1, and how long the
// delays are at most; zero is a second.
type Chances struct {
	Conflict, Lost, Throttled, Delayed float64
	MaxDelay                           time.Duration
}

// Faults stand between a store and its users. Without any set, they do nothing.
// All methods may be called by any number of goroutines at a time. They tell time
// by package time alone, so that they can live in a bubble of testing/synctest.
type Faults struct {
	// Other, if not nil, is what the other writer of a [Conflict] does to the
	// lease, its counter excepted. It is set before the store is used.
	Other func(l *lease.Lease)

	store lease.Store

	mu      sync.Mutex // guards what follows
	random  *rand.Rand
	chances Chances
	next    []Fault
	until   time.Time // when an outage is over
	silent  bool      // whether calls of an outage wait for its end
	counts  map[Fault]int
}

// NewFaults returns faults for a store. What happens by chance follows from the
// seed, and from the order in which calls come.
func NewFaults(s lease.Store, seed uint64) *Faults {
	return &Faults{store: s, random: rand.New(rand.NewPCG(seed, 1)), counts: make(map[Fault]int)}
}

// Store returns the store with the faults. It is a [lease.Watcher] if the store
// without them is one; what that tells is told, whatever happens to calls.
func (f *Faults) Store() lease.Store {
	if w, ok := f.store.(lease.Watcher); ok {
		return watched{faulty{f}, w}
	}
	return faulty{f}
}

// By sets what happens by chance, from the next call on.
func (f *Faults) By(c Chances) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.chances = c
}

// Next lets the next calls meet with faults, each with one; "" is none. Calls
// of List, which writes nothing, leave a Conflict to the one after. Before it are
// those that were set earlier and have not happened, and outages.
func (f *Faults) Next(faults ...Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next = append(f.next, faults...)
}

// Outage lets all calls fail from now on for a time. They fail at once; or, with
// silent, get no answer before their context or the outage ends.
func (f *Faults) Outage(d time.Duration, silent bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.until, f.silent = time.Now().Add(d), silent
}

// Counts returns how often each fault happened.
func (f *Faults) Counts() map[Fault]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.counts)
}

// A plan is what happens to one call.
type plan struct {
	fault  Fault
	delay  time.Duration // of Delayed; of Down, until the outage is over if it is silent
	before bool          // of Delayed: the call is made after it
}

// plan decides about a call. The same numbers are drawn for each, so that a
// chance that is changed moves nothing else.
func (f *Faults) plan(writes bool) plan {
	f.mu.Lock()
	defer f.mu.Unlock()
	draw, long, before := f.random.Float64(), f.random.Float64(), f.random.IntN(2) == 0
	p := plan{before: before}
	c := f.chances
	if c.MaxDelay == 0 {
		c.MaxDelay = time.Second
	}
	switch left := time.Until(f.until); {
	case left > 0:
		p.fault = Down
		if f.silent {
			p.delay = left
		}
	case len(f.next) > 0 && (writes || f.next[0] != Conflict):
		p.fault = f.next[0]
		f.next = slices.Delete(f.next, 0, 1)
	case draw < c.Throttled:
		p.fault = Throttled
	case draw < c.Throttled+c.Lost:
		p.fault = Lost
	case draw < c.Throttled+c.Lost+c.Delayed:
		p.fault = Delayed
	case writes && draw < c.Throttled+c.Lost+c.Delayed+c.Conflict:
		p.fault = Conflict
	}
	if p.fault == Delayed {
		p.delay = time.Duration(long * float64(c.MaxDelay))
	}
	if p.fault != "" {
		f.counts[p.fault]++
	}
	return p
}

// do makes a call as is planned for it. other is what another writer does first.
func (f *Faults) do(ctx context.Context, other, call func(ctx context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p := f.plan(other != nil)
	switch p.fault {
	case Throttled:
		return ErrThrottled
	case Down:
		if err := wait(ctx, p.delay); err != nil {
			return err
		}
		return ErrDown
	case Lost:
		if err := call(ctx); ctx.Err() != nil {
			return err
		}
		return ErrLost
	case Conflict:
		if err := other(ctx); err != nil && !errors.Is(err, lease.ErrConflict) {
			return err
		}
	case Delayed:
		if p.before {
			if err := wait(ctx, p.delay); err != nil {
				return err
			}
			return call(ctx)
		}
		err := call(ctx)
		if late := wait(ctx, p.delay); late != nil {
			return late
		}
		return err
	}
	return call(ctx)
}

func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return ctx.Err()
	}
}

// touch is what another writer does to the lease of a key, if there is one.
func (f *Faults) touch(ctx context.Context, key string) error {
	list, err := f.store.List(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(list, func(l lease.Lease) bool { return l.Key == key })
	if i < 0 {
		return nil
	}
	l := list[i].Clone()
	f.other(&l)
	l.Key, l.Counter = key, list[i].Counter
	_, err = f.store.Update(ctx, l)
	return err
}

func (f *Faults) other(l *lease.Lease) {
	if f.Other != nil {
		f.Other(l)
	}
}

// faulty is a store with faults.
type faulty struct{ f *Faults }

// watched is one that tells of changes.
type watched struct {
	faulty
	lease.Watcher
}

// List implements [lease.Store].
func (s faulty) List(ctx context.Context) (list []lease.Lease, err error) {
	err = s.f.do(ctx, nil, func(ctx context.Context) (err error) {
		list, err = s.f.store.List(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

// Create implements [lease.Store].
func (s faulty) Create(ctx context.Context, l lease.Lease) error {
	return s.f.do(ctx, func(ctx context.Context) error {
		theirs := l.Clone()
		s.f.other(&theirs)
		theirs.Key, theirs.Counter = l.Key, l.Counter
		return s.f.store.Create(ctx, theirs)
	}, func(ctx context.Context) error {
		return s.f.store.Create(ctx, l)
	})
}

// Update implements [lease.Store].
func (s faulty) Update(ctx context.Context, l lease.Lease) (got lease.Lease, err error) {
	err = s.f.do(ctx, func(ctx context.Context) error {
		return s.f.touch(ctx, l.Key)
	}, func(ctx context.Context) (err error) {
		got, err = s.f.store.Update(ctx, l)
		return err
	})
	if err != nil && !errors.Is(err, lease.ErrConflict) {
		return lease.Lease{}, err
	}
	return got, err
}

// Delete implements [lease.Store].
func (s faulty) Delete(ctx context.Context, l lease.Lease) error {
	return s.f.do(ctx, func(ctx context.Context) error {
		return s.f.touch(ctx, l.Key)
	}, func(ctx context.Context) error {
		return s.f.store.Delete(ctx, l)
	})
}

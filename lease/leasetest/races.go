package leasetest

import (
	"bytes"
	"fmt"
	"sync"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/lease"
)

// races are what a store does for many at a time: goroutines of several stores
// on one place.
var races = []test{
	{"stores of one place see each other", func(p *place) {
		a, b := p.store(), p.store()
		p.create(a, full("a"))
		p.holds(b, full("a"))
		require.ErrorIs(p, b.Create(p.Context(), full("a")), lease.ErrConflict)
		got, err := b.Update(p.Context(), full("a"))
		require.NoError(p, err)
		p.holds(a, got)
		there, err := a.Update(p.Context(), full("a"))
		require.ErrorIs(p, err, lease.ErrConflict)
		p.same(got, there)
		require.NoError(p, a.Delete(p.Context(), got))
		p.holds(b)
	}},
	{"one of many creates a lease", func(p *place) {
		for round := range 5 {
			key := fmt.Sprint("round ", round)
			var won tally
			p.race(func(s lease.Store, id int) {
				if !p.isConflict(s.Create(p.Context(), lease.Lease{Key: key, Owner: worker(id)})) {
					won.add(worker(id))
				}
			})
			require.Len(p, won.names, 1)
			assert.Equal(p, won.names[0], p.find(p.store(), key).Owner)
		}
	}},
	{"one of many updates a lease", oneUpdates},
	{"of an update and a delete one wins", updateOrDelete},
	{"no update is lost", noneLost},
	{"a lease is listed as it was written", wholeLeases},
	{"a change is told", changesTold},
}

const (
	racers = 8 // goroutines
	stores = 2
)

// race runs goroutines side by side, and waits for them.
func (p *place) race(run func(s lease.Store, id int)) {
	all := make([]lease.Store, stores)
	for i := range all {
		s, done := p.opened()
		defer done()
		all[i] = s
	}
	var wg sync.WaitGroup
	start := make(chan struct{})
	for id := range racers {
		wg.Go(func() {
			<-start
			run(all[id%stores], id)
		})
	}
	close(start)
	wg.Wait()
}

func worker(id int) string { return fmt.Sprint("worker-", id) }

// A tally collects names.
type tally struct {
	mu    sync.Mutex
	names []string
}

func (t *tally) add(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.names = append(t.names, name)
}

func oneUpdates(p *place) {
	s := p.store()
	seen := lease.Lease{Key: "a"}
	p.create(s, seen)
	for range 10 {
		var won tally
		var mu sync.Mutex
		var there []lease.Lease
		p.race(func(s lease.Store, id int) {
			l := seen
			l.Owner = worker(id)
			got, err := s.Update(p.Context(), l)
			if !p.isConflict(err) {
				won.add(worker(id))
			}
			mu.Lock()
			defer mu.Unlock()
			there = append(there, got)
		})
		require.Len(p, won.names, 1)
		seen.Counter++
		seen.Owner = won.names[0]
		for _, l := range there {
			p.same(seen, l)
		}
	}
	p.holds(s, seen)
}

func updateOrDelete(p *place) {
	s := p.store()
	for range 5 {
		p.create(s, lease.Lease{Key: "a"})
		var updated, deleted tally
		p.race(func(s lease.Store, id int) {
			if id%2 == 0 {
				there, err := s.Update(p.Context(), lease.Lease{Key: "a", Owner: worker(id)})
				if !p.isConflict(err) {
					updated.add(there.Owner)
				}
			} else if !p.isConflict(s.Delete(p.Context(), lease.Lease{Key: "a"})) {
				deleted.add(worker(id)) // or there was none any more
			}
		})
		if len(updated.names) == 0 {
			require.NotEmpty(p, deleted.names)
			p.holds(s)
			continue
		}
		require.Len(p, updated.names, 1)
		require.Empty(p, deleted.names)
		l := lease.Lease{Key: "a", Counter: 1, Owner: updated.names[0]}
		p.holds(s, l)
		require.NoError(p, s.Delete(p.Context(), l))
	}
}

func noneLost(p *place) {
	const each = 10
	p.create(p.store(), lease.Lease{Key: "a"})
	p.race(func(s lease.Store, id int) {
		var l lease.Lease
		for done := 0; done < each; {
			l.Key = "a"
			l.Checkpoint.Sub++ // one more than what is there
			got, err := s.Update(p.Context(), l)
			if !p.isConflict(err) {
				done++
			} else if err == nil || got.Key == "" {
				p.Errorf("a conflict returned nothing: %v", err)
				return
			}
			l = got
		}
	})
	p.holds(p.store(), lease.Lease{Key: "a", Counter: racers * each, Checkpoint: lease.Checkpoint{Sub: racers * each}})
}

// Each byte of a state says which update wrote it, so that a mixture shows.
func wholeLeases(p *place) {
	const updates = 20
	state := func(n int64) []byte { return bytes.Repeat([]byte{byte('a' + n%26)}, 50<<10) }
	p.create(p.store(), lease.Lease{Key: "a", State: state(0)})
	p.race(func(s lease.Store, id int) {
		if id == 0 {
			l := lease.Lease{Key: "a"}
			for n := range int64(updates) {
				l.Counter, l.State = n, state(n+1)
				if _, err := s.Update(p.Context(), l); !assert.NoError(p, err) {
					return
				}
			}
			return
		}
		for last := int64(0); last < updates; {
			list, err := s.List(p.Context())
			if !assert.NoError(p, err) || !assert.Len(p, list, 1) {
				return
			}
			if l := list[0]; !assert.GreaterOrEqual(p, l.Counter, last) || !assert.True(p, bytes.Equal(state(l.Counter), l.State)) {
				return
			}
			if p.Failed() {
				return // the writer may have given up
			}
			last = list[0].Counter
		}
	})
}

// patience is how long a change that is told at once may take.
const patience = 10 * time.Second

func changesTold(p *place) {
	s, other := p.store(), p.store()
	w, ok := s.(lease.Watcher)
	if !ok {
		return // it does not say that it tells
	}
	l := lease.Lease{Key: "a"}
	update := func(by lease.Store) (err error) { l, err = by.Update(p.Context(), l); return err }
	for what, change := range []func() error{
		func() error { return s.Create(p.Context(), l) },
		func() error { l.Owner = "worker"; return update(s) },
		func() error { l.Wanted = "another"; return update(other) },
		func() error { l.Checkpoint.Sequence = lease.ShardEnd; return update(s) },
		func() error { defer p.holds(s); return other.Delete(p.Context(), l) },
	} {
		changed := w.Changed()
		select {
		case <-changed:
			p.Fatalf("change %d is told before it is made", what)
		default:
		}
		require.NoError(p, change())
		select {
		case <-changed:
		case <-time.After(patience):
			p.Fatalf("change %d is not told", what)
		}
	}
}

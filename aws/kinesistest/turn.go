package kinesistest

import (
	"cmp"
	"runtime"
	"slices"
	"sync"
	"time"
)

// turns puts what happens at one instant of a bubble's time into an order that
// the seed decides, and not the scheduler: everything that takes a turn happens
// at a time of its own, nanoseconds after it was asked for. Goroutines are told
// apart by what they ask for and, if that is the same, by where in the program
// they do. Goroutines that run the same code and ask for the same at one
// instant are told apart by their numbers, which are as a rule in the order in
// which they were begun.
type turns struct {
	seed uint64

	mu    sync.Mutex // guards what follows, groups too
	at    time.Time  // when group came
	group *turnGroup
	last  time.Time // the latest time that was given
}

// A turnGroup is what was asked for at one instant.
type turnGroup struct {
	waiting []*turn
	ordered bool
	counted bool
	alike   int           // turns that ask for the same as another and have not said who asks
	told    chan struct{} // closed when alike comes to none; nil if there were none
}

// maxCallers is how many callers a turn looks at. The SDK's own are about 65,
// the innermost ones.
const maxCallers = 160

// A turn is one thing that waits for its time.
type turn struct {
	draw      float64 // made of the seed and what is asked for
	twin      bool    // another one of the group asks for the same; then there are:
	where     []uintptr
	goroutine int
	at        time.Time
}

// take returns when it is the turn of what. All who ask at one instant have
// done so before the next nanosecond comes, because then they all wait.
func (ts *turns) take(what string) {
	group, own := ts.join(what)
	time.Sleep(time.Nanosecond)
	ts.mu.Lock()
	told := group.countLocked()
	if own.twin {
		ts.mu.Unlock()
		own.tell() // takes long in the depths of the SDK, and is seldom needed
		ts.mu.Lock()
		if group.alike--; group.alike == 0 {
			close(told)
		}
	}
	if told != nil {
		ts.mu.Unlock()
		<-told
		ts.mu.Lock()
	}
	ts.orderLocked(group)
	ts.mu.Unlock()
	time.Sleep(time.Until(own.at))
}

func (ts *turns) join(what string) (*turnGroup, *turn) {
	now, own := time.Now(), &turn{draw: chance(ts.seed, what, 0)}
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if ts.group == nil || !ts.at.Equal(now) {
		ts.at, ts.group = now, new(turnGroup)
	}
	ts.group.waiting = append(ts.group.waiting, own)
	return ts.group, own
}

// countLocked counts, when first called, the turns of a complete group that ask
// for the same as another one does, and returns what is closed when they all
// have told who they are; nil if there are none.
func (g *turnGroup) countLocked() chan struct{} {
	if g.counted || len(g.waiting) == 1 {
		return g.told
	}
	g.counted = true
	draws := make(map[float64]int, len(g.waiting))
	for _, own := range g.waiting {
		draws[own.draw]++
	}
	for _, own := range g.waiting {
		if own.twin = draws[own.draw] > 1; own.twin {
			g.alike++
		}
	}
	if g.alike > 0 {
		g.told = make(chan struct{})
	}
	return g.told
}

// tell finds out who asks.
func (own *turn) tell() {
	where := make([]uintptr, maxCallers)
	own.where = where[:runtime.Callers(3, where)]
	own.goroutine = goroutineNumber()
}

// orderLocked gives each of a group its time.
func (ts *turns) orderLocked(g *turnGroup) {
	if g.ordered {
		return
	}
	g.ordered = true
	slices.SortStableFunc(g.waiting, func(a, b *turn) int {
		return cmp.Or(cmp.Compare(a.draw, b.draw), slices.Compare(a.where, b.where), cmp.Compare(a.goroutine, b.goroutine))
	})
	now := time.Now()
	for _, own := range g.waiting {
		own.at = now
		if !own.at.After(ts.last) {
			own.at = ts.last.Add(time.Nanosecond)
		}
		ts.last = own.at
	}
}

// takeTurn waits for the turn of what is about to be done, with what it says,
// and carries out what chaos does by then. Without chaos, or outside of a
// bubble, things are done in the order in which they come.
func (k *Fake) takeTurn(what string, body []byte) {
	if k.turns != nil {
		k.watchTime(true)
		k.turns.take(what + " " + string(body))
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.chaos != nil && !k.chaos.calm {
		k.reshardLocked(k.chaos)
	}
}

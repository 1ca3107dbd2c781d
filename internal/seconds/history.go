// Package seconds counts by the second, for metrics that can be read at any
// time without holding up those who count.
//
// A [History] counts what happens: calls, throttles, bytes read. [Marks] derive
// what came in from a number that rises anyway, and so cost a put next to
// nothing. Both keep a window of seconds. A second is its Unix time; one before
// 1970 is taken for the first after.
package seconds

import (
	"iter"
	"sync"
	"sync/atomic"
	"unsafe"
)

// A History counts things of several kinds by the second, and keeps for each
// kind its total and its busiest second for good. A kind is a number from 0 on,
// which the user gives a meaning. Those who count take a mutex; those who read
// take none. Init comes before use.
type History struct {
	// Grown is told how many bytes more the ring takes. Nil means that nobody is.
	// Immutable once something was counted.
	Grown func(bytes int64)

	window int64     // seconds to be kept; immutable
	sums   int       // the kinds below this are sums, the others maxima; immutable
	all    []allTime // by kind

	mu   sync.Mutex // guards growth and additions
	ring atomic.Pointer[[]place]
}

// An allTime is what is kept of a kind for good.
type allTime struct {
	total  atomic.Int64
	peak   atomic.Int64 // the most that a second had
	peakAt atomic.Int64 // and which second that was
}

// A place of a ring holds the counts of the second at. The place of a second is
// its remainder by the ring's length.
type place struct {
	at atomic.Int64   // 0: unused, or being changed
	n  []atomic.Int64 // by kind; part of the ring's memory
}

const firstRingSeconds = 4

// Init makes a history of so many kinds: first those whose counts are added up,
// then those of which the greatest is kept. window is how many seconds it
// remembers one by one.
func (h *History) Init(window int64, sums, maxima int) {
	h.window, h.sums, h.all = window, sums, make([]allTime, sums+maxima)
}

// Add counts n[0] of a kind in a second, n[1] of the next kind, and so on.
func (h *History) Add(at int64, kind int, n ...int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.placeLocked(at)
	for i, n := range n {
		h.addLocked(p, kind+i, n)
	}
}

func (h *History) addLocked(p *place, kind int, n int64) {
	all, sum := &h.all[kind], &p.n[kind]
	if kind < h.sums {
		all.total.Add(n)
		n = sum.Add(n)
	} else {
		all.total.Store(max(n, all.total.Load()))
		sum.Store(max(n, sum.Load()))
	}
	if n > all.peak.Load() {
		all.peak.Store(n)
		all.peakAt.Store(p.at.Load())
	}
}

// placeLocked returns the place of a second, emptied if it held another one.
// The ring grows when a second that is still in the window would have to give
// way.
func (h *History) placeLocked(at int64) *place {
	at = max(at, 1)
	ring := h.ring.Load()
	if ring == nil {
		ring = h.growLocked(firstRingSeconds)
	}
	for {
		p := &(*ring)[at%int64(len(*ring))]
		held := p.at.Load()
		switch {
		case held >= at: // greater when the clock stepped back
			return p
		case held > at-h.window && held != 0 && int64(len(*ring)) < h.window:
			ring = h.growLocked(min(4*len(*ring), int(h.window)))
		default:
			p.reset(at)
			return p
		}
	}
}

// reset empties a place for a second. Readers look at p.at before and after
// what they read, so that they notice.
func (p *place) reset(at int64) {
	p.at.Store(0)
	for k := range p.n {
		p.n[k].Store(0)
	}
	p.at.Store(at)
}

// growLocked replaces the ring by one of n places with the same seconds.
func (h *History) growLocked(n int) *[]place {
	ring, before := h.newRing(n), h.Bytes()
	if old := h.ring.Load(); old != nil {
		for i := range *old {
			from := &(*old)[i]
			to := &ring[from.at.Load()%int64(n)]
			if from.at.Load() > to.at.Load() {
				to.reset(from.at.Load())
				for k := range from.n {
					to.n[k].Store(from.n[k].Load())
				}
			}
		}
	}
	h.ring.Store(&ring)
	if h.Grown != nil {
		h.Grown(h.Bytes() - before)
	}
	return &ring
}

// Bytes returns what the ring takes.
func (h *History) Bytes() int64 {
	ring := h.ring.Load()
	if ring == nil {
		return 0
	}
	const countBytes = 8
	return int64(len(*ring)) * (int64(unsafe.Sizeof(place{})) + countBytes*int64(len(h.all)))
}

func (h *History) newRing(n int) []place {
	kinds := len(h.all)
	ring, counts := make([]place, n), make([]atomic.Int64, n*kinds)
	for i := range ring {
		ring[i].n = counts[i*kinds:][:kinds]
	}
	return ring
}

// Seconds returns the seconds that are remembered, from one on and in no order,
// with their counts by kind. The slice is good until the next second.
func (h *History) Seconds(from int64) iter.Seq2[int64, []int64] {
	return func(yield func(int64, []int64) bool) {
		ring := h.ring.Load()
		if ring == nil {
			return
		}
		n := make([]int64, len(h.all))
		for i := range *ring {
			p := &(*ring)[i]
			at := p.at.Load()
			if at < from || at == 0 {
				continue
			}
			for k := range n {
				n[k] = p.n[k].Load()
			}
			if p.at.Load() == at && !yield(at, n) {
				return
			}
		}
	}
}

// Totals returns, by kind, all that was ever counted.
func (h *History) Totals() []int64 {
	n := make([]int64, len(h.all))
	for k := range n {
		n[k] = h.all[k].total.Load()
	}
	return n
}

// A Peak is the most that one second had of something, and the first second
// that had it. The zero Peak is that of nothing.
type Peak struct{ N, At int64 }

// Peak returns the busiest second of a kind.
func (h *History) Peak(kind int) Peak {
	return Peak{h.all[kind].peak.Load(), h.all[kind].peakAt.Load()}
}

// Window returns how many seconds are remembered one by one.
func (h *History) Window() int64 { return h.window }

package weir

import (
	"sync"
	"sync/atomic"
)

// A history counts events by the second. Those who count take a mutex; those who
// read take none, so looking at metrics holds nobody up.
type history struct {
	window int64 // seconds to be kept; set by begin before use
	kinds  count // how many of the counts are kept: the first ones; likewise

	mu     sync.Mutex // guards growth and additions
	ring   atomic.Pointer[[]second]
	totals [numCounts]atomic.Int64
	peaks  [numCounts]atomic.Int64 // the busiest second's count
	peakAt [numCounts]atomic.Int64 // and which second that was, Unix time

	lastAge atomic.Int64 // iterator age of the most recent GetRecords, milliseconds
}

// A count is what a history counts.
type count int

const (
	countThrottledRecords count = iota // records that a write limit refused
	countBatchThrottled                // those of them that PutRecords carried
	countDroppedRecords                // records dropped for MaxBytes
	countDroppedBytes                  //
	countReadRecords                   // records returned by GetRecords
	countReadBytes                     //
	countReadCalls                     // GetRecords that succeeded
	countReadThrottles                 // GetRecords that a read limit refused
	countTailRecords                   // records given to readers other than GetRecords
	countTailBytes                     //
	countAge                           // greatest iterator age, milliseconds: a maximum, not a sum
	numShardCounts                     // what a shard's history keeps
)

const (
	countSubscribes       = numShardCounts + iota // subscriptions begun
	countRefusedSubscribe                         // calls of Subscribe refused
	countEvents                                   // events of subscriptions
	countBehind                                   // milliseconds that events were behind, summed up
	numConsumerCounts                             // what a consumer's history keeps
)

const (
	countRefusedRecords = numConsumerCounts + iota // records refused for MaxBytes
	countPutCalls                                  // PutRecords calls
	countPutCallsOK                                // PutRecords calls that stored a record
	countPutCallRecords                            // records in PutRecords calls
	numCounts                                      // what a stream's history keeps
)

// A second is one place of a ring: the events of the second at. The place of a
// second is its remainder by the ring's length.
type second struct {
	at atomic.Int64   // Unix time; 0: unused, or being changed
	n  []atomic.Int64 // by count; part of the ring's memory
}

const firstRingSeconds = 4

// begin sets how many seconds and which counts are kept, before anything is
// counted.
func (h *history) begin(window int64, kinds count) { h.window, h.kinds = window, kinds }

// newRing returns n places.
func (h *history) newRing(n int) []second {
	ring, counts := make([]second, n), make([]atomic.Int64, n*int(h.kinds))
	for i := range ring {
		ring[i].n = counts[i*int(h.kinds):][:h.kinds]
	}
	return ring
}

// add counts n events c in a second.
func (h *history) add(at int64, c count, n int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.addLocked(h.placeLocked(at), c, n)
}

func (h *history) addLocked(sec *second, c count, n int64) {
	h.totals[c].Add(n)
	sum := sec.n[c].Add(n)
	h.peakLocked(c, sum, sec.at.Load())
}

func (h *history) peakLocked(c count, n, at int64) {
	if n > h.peaks[c].Load() {
		h.peaks[c].Store(n)
		h.peakAt[c].Store(at)
	}
}

// countRead counts one successful GetRecords.
func (h *history) countRead(at int64, records, bytes int, age int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	sec := h.placeLocked(at)
	h.addLocked(sec, countReadCalls, 1)
	h.addLocked(sec, countReadRecords, int64(records))
	h.addLocked(sec, countReadBytes, int64(bytes))
	h.maxLocked(sec, countAge, age)
	h.lastAge.Store(age)
}

// countTail counts records given to a reader other than GetRecords.
func (h *history) countTail(at int64, records, bytes int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	sec := h.placeLocked(at)
	h.addLocked(sec, countTailRecords, int64(records))
	h.addLocked(sec, countTailBytes, int64(bytes))
}

// maxLocked keeps the greatest n of a second.
func (h *history) maxLocked(sec *second, c count, n int64) {
	if n > h.totals[c].Load() {
		h.totals[c].Store(n)
	}
	if n > sec.n[c].Load() {
		sec.n[c].Store(n)
		h.peakLocked(c, n, sec.at.Load())
	}
}

// placeLocked returns the place of a second, emptied if it held another one. The
// ring grows when a second that is still in the window would have to give way.
func (h *history) placeLocked(at int64) *second {
	at = max(at, 1)
	ring := h.ring.Load()
	if ring == nil {
		ring = h.growLocked(firstRingSeconds)
	}
	for {
		sec := &(*ring)[at%int64(len(*ring))]
		held := sec.at.Load()
		switch {
		case held >= at: // greater when the clock stepped back
			return sec
		case held > at-h.window && held != 0 && int64(len(*ring)) < h.window:
			ring = h.growLocked(min(4*len(*ring), int(h.window)))
		default:
			sec.reset(at)
			return sec
		}
	}
}

func (s *second) reset(at int64) {
	s.at.Store(0)
	for c := range s.n {
		s.n[c].Store(0)
	}
	s.at.Store(at)
}

// growLocked replaces the ring by one of n places with the same seconds.
func (h *history) growLocked(n int) *[]second {
	ring := h.newRing(n)
	if old := h.ring.Load(); old != nil {
		for i := range *old {
			from := &(*old)[i]
			to := &ring[from.at.Load()%int64(n)]
			if from.at.Load() > to.at.Load() {
				to.reset(from.at.Load())
				for c := range from.n {
					to.n[c].Store(from.n[c].Load())
				}
			}
		}
	}
	h.ring.Store(&ring)
	return &ring
}

// seconds calls f for each second that the ring holds from one on, in no order.
func (h *history) seconds(from int64, f func(at int64, n *[numCounts]int64)) {
	ring := h.ring.Load()
	if ring == nil {
		return
	}
	for i := range *ring {
		sec := &(*ring)[i]
		at := sec.at.Load()
		if at < from || at == 0 {
			continue
		}
		var n [numCounts]int64
		for c := range sec.n {
			n[c] = sec.n[c].Load()
		}
		if sec.at.Load() == at {
			f(at, &n)
		}
	}
}

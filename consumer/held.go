package consumer

// What may be held before a shard is read on.
const (
	maxHeldRecords = 10_000
	maxHeldBatches = 100
)

// A heldQueue is what was delivered of a shard behind the first record that is
// not acknowledged, in order. It is empty if no handler holds batches. What it
// has is guarded by the shard's mu.
type heldQueue struct {
	batches []delivered
	records int
	dropped bool          // one of them will not be acknowledged
	moved   chan struct{} // made by who waits, closed when a batch is done or dropped
}

// delivered is a batch behind a record that is not acknowledged, or with one.
type delivered struct {
	held    *Held // nil if it is processed
	end     place
	records int
	state   []byte
	changed bool
}

// push notes that a batch is processed, or held.
func (q *heldQueue) push(sh *shard, b *Batch) {
	if sh.progress != nil {
		return
	}
	d := delivered{held: b.held, state: b.state, changed: b.changed, records: len(b.Records)}
	if n := len(b.Records); n > 0 {
		d.end = b.checkpoint(n - 1)
	}
	q.add(sh, d)
}

// add takes in what was delivered. Without an end it ends where the one before
// does.
func (q *heldQueue) add(sh *shard, d delivered) {
	sh.mu.Lock()
	if d.end == (place{}) {
		if d.end = sh.done; len(q.batches) > 0 {
			d.end = q.batches[len(q.batches)-1].end
		}
	}
	if d.held == nil && len(q.batches) == 0 {
		first := sh.advanceLocked(d.end, d.state, d.changed)
		sh.mu.Unlock()
		if first {
			sh.g.hurry()
		}
		return
	}
	q.batches = append(q.batches, d)
	q.records += d.records
	sh.mu.Unlock()
	sh.settleHeld()
}

// settleHeld moves the checkpoint to before the first record that is not
// acknowledged.
func (sh *shard) settleHeld() {
	if sh.progress != nil {
		return
	}
	sh.mu.Lock()
	q, first, left := &sh.queue, false, 0
	for i := range q.batches {
		d := &q.batches[i]
		if !d.done() {
			if at, moved := d.held.reached(); moved && at != sh.done {
				first = sh.advanceLocked(at, nil, false) || first
			}
			break
		}
		first = sh.advanceLocked(d.end, d.state, d.changed) || first
		q.records -= d.records
		left++
	}
	if left > 0 {
		q.batches = append(q.batches[:0], q.batches[left:]...)
		q.wake()
	}
	sh.mu.Unlock()
	if first {
		sh.g.hurry()
	}
}

// wake wakes who waits. The caller holds the shard's mu.
func (q *heldQueue) wake() {
	if q.moved != nil {
		close(q.moved)
		q.moved = nil
	}
}

// done reports whether all records of a batch are processed.
func (d *delivered) done() bool {
	if d.held == nil {
		return true
	}
	d.held.mu.Lock()
	defer d.held.mu.Unlock()
	return d.held.left == 0
}

// reached returns the place of the last record that is acknowledged without a
// gap, if there is one.
func (h *Held) reached() (place, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.prefix == 0 {
		return place{}, false
	}
	return h.places[h.prefix-1], true
}

// last returns the place of the last record that was delivered, if some are
// held. The caller holds the shard's mu.
func (q *heldQueue) last() (place, bool) {
	if len(q.batches) == 0 {
		return place{}, false
	}
	return q.batches[len(q.batches)-1].end, true
}

// latestState returns the state as it is after all that was delivered.
func (sh *shard) latestState() []byte {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for i := len(sh.queue.batches) - 1; i >= 0; i-- {
		if d := &sh.queue.batches[i]; d.changed {
			return d.state
		}
	}
	return sh.state
}

// room waits until less than the bounds is held.
func (sh *shard) room() error {
	return sh.waitHeld(func(q *heldQueue) bool { return q.records < maxHeldRecords && len(q.batches) < maxHeldBatches }, sh.stop)
}

// awaitHeld waits until nothing is held, or the time to finish is over.
func (sh *shard) awaitHeld() error {
	return sh.waitHeld(func(q *heldQueue) bool { return len(q.batches) == 0 }, nil)
}

func (sh *shard) waitHeld(enough func(*heldQueue) bool, stop <-chan struct{}) error {
	for {
		sh.mu.Lock()
		if enough(&sh.queue) {
			sh.mu.Unlock()
			return nil
		}
		if sh.queue.dropped {
			sh.mu.Unlock()
			return errStopped
		}
		if sh.queue.moved == nil {
			sh.queue.moved = make(chan struct{})
		}
		moved := sh.queue.moved
		sh.mu.Unlock()
		select {
		case <-moved:
		case <-stop:
			return errStopped
		case <-sh.ctx.Done():
			return errStopped
		}
	}
}

package eventsource

import (
	"time"

	"github.com/weirstream/weir"
)

// A desk is the work on one shard: which records go to the function when, and
// how far the shard is. It is told what happens and at what time, and does
// nothing itself.
//
// Invariant: of a key, a record is given to the function when all before it are
// finished or given up.
type desk struct {
	rules    rules
	size     int           // of a batch, in records
	gather   time.Duration // the batching window
	envelope *envelope
	windows  windows
	lanes    []lane

	slots []slot // of the records behind the position, in order
	first uint64 // the index of the first slot
	bytes int    // of the records that are held, as they are serialised
	most  int    // slots from which on there is no room
	ended bool   // no record comes any more
	top   uint64 // behind the last record that is finished
	// closing says that the work is to end: only what lies before records that
	// are finished is begun, because these would come again otherwise.
	closing bool
	at      weir.SequenceNumber // up to which all is finished; zero for none yet
}

// A slot is what a record is to the position.
type slot struct {
	number weir.SequenceNumber
	done   bool // finished, given up or left out
}

// An item is a record that is held.
type item struct {
	record weir.Record
	size   int    // as it is serialised
	slot   uint64 // index
	added  time.Time
}

// What is held of a shard before it is read on: records behind the first
// unfinished one, and payloads beyond one a lane.
const (
	minSpan       = 20_000
	spanBatches   = 4 // a lane
	sparePayloads = 2
)

func newDesk(s Settings, r rules, e *envelope) *desk {
	s = s.withDefaults()
	d := &desk{
		rules: r, size: s.BatchSize, gather: time.Duration(s.MaximumBatchingWindowInSeconds) * time.Second, envelope: e,
		lanes: make([]lane, s.ParallelizationFactor), most: max(minSpan, spanBatches*s.ParallelizationFactor*s.BatchSize),
	}
	d.windows.size = time.Duration(s.TumblingWindowInSeconds) * time.Second
	return d
}

// room reports whether the shard is to be read on.
func (d *desk) room() bool {
	return len(d.slots) < d.most && d.bytes < MaxPayloadBytes*(len(d.lanes)+sparePayloads)
}

// takes reports whether records may be added.
func (d *desk) takes() bool { return d.room() && !d.closing }

// add takes in records that follow those before. Those that keep does not want
// are left out; nil keeps all. tip says that there are no more at present.
func (d *desk) add(now time.Time, records []weir.Record, keep []bool, tip bool) {
	for i := range records {
		r := &records[i]
		left := keep != nil && !keep[i]
		index := d.first + uint64(len(d.slots))
		d.slots = append(d.slots, slot{r.SequenceNumber, left})
		if left {
			continue
		}
		it := item{record: *r, size: d.envelope.size(r), slot: index, added: now}
		d.bytes += it.size
		d.lanes[laneOf(r.PartitionKey, len(d.lanes))].push(it)
	}
	d.windows.tip, d.windows.heard = tip, now
	d.settle()
}

// end takes in that no records follow.
func (d *desk) end() { d.ended = true }

// laneOf returns the lane of a key: FNV-1a of it, modulo the number of lanes.
func laneOf(key string, lanes int) int {
	if lanes == 1 {
		return 0
	}
	h := uint64(14695981039346656037)
	for i := range len(key) {
		h = (h ^ uint64(key[i])) * 1099511628211
	}
	return int(h % uint64(lanes))
}

// A job is something to be done for a lane: an invocation or a report. The lane
// waits for answered or delivered.
type job struct {
	lane int
	step
	items []item
	frame *frame // in windows
}

// next returns what is to be done now, and when to ask again; at the zero time
// never, but after something has happened.
func (d *desk) next(now time.Time) (jobs []job, wake time.Time) {
	for i := range d.lanes {
		l := &d.lanes[i]
		if l.busy {
			continue
		}
		t := d.turn(i, now, &wake)
		if t == nil {
			continue
		}
		s := t.next(now)
		if s.kind == pause {
			sooner(&wake, s.at)
			continue
		}
		l.busy = true
		j := job{lane: i, step: s, frame: d.windows.frame(t)}
		if t == l.trial {
			j.items = l.batch[s.from:s.to]
		}
		jobs = append(jobs, j)
	}
	return jobs, wake
}

func sooner(wake *time.Time, at time.Time) {
	if wake.IsZero() || at.Before(*wake) {
		*wake = at
	}
}

// turn returns the trial that a lane is at, and begins one if there is reason
// to. Nil if there is none.
func (d *desk) turn(i int, now time.Time, wake *time.Time) *trial {
	l, w := &d.lanes[i], &d.windows
	if w.final == nil && l.trial == nil {
		d.closeIfOver(l, now, wake)
	}
	switch {
	case w.final != nil:
		if i > 0 || d.closing {
			return nil
		}
		return w.final
	case l.trial != nil:
		if d.closing && !d.fills(l) {
			return nil
		}
		return l.trial
	case len(l.pending) == 0 || d.closing && l.pending[0].slot >= d.top:
		return nil
	}
	d.collect(l)
	if due := d.due(l); now.Before(due) {
		sooner(wake, due)
		return nil
	}
	l.begin(&d.rules)
	return l.trial
}

// fills reports whether a batch of a lane lies before records that are
// finished, and has not failed: what fails may take its time.
func (d *desk) fills(l *lane) bool {
	p := l.trial.current()
	return p.attempts == 0 && p.refused == 0 && l.batch[p.from].slot < d.top
}

// close lets nothing be begun but what lies before records that are finished.
func (d *desk) close() {
	d.closing = true
	for i := range d.lanes { // what was gathered is more
		l := &d.lanes[i]
		l.count, l.bytes, l.full = 0, 0, false
	}
}

// answered takes in what came of an invocation.
func (d *desk) answered(now time.Time, lane int, v verdict) {
	l, t := d.returned(lane)
	t.result(now, v.outcome)
	if t == l.trial {
		if w := &d.windows; w.isOpen && (v.kind == succeeded || v.kind == partial && v.at > 0) {
			w.keep(&d.rules, v.state)
		}
		d.mark(l)
	}
	d.endIfOver(l, t, now)
}

// delivered takes in whether a report was delivered.
func (d *desk) delivered(now time.Time, lane int, ok bool) {
	l, t := d.returned(lane)
	t.reported(now, ok)
	if t == l.trial {
		d.mark(l)
	}
	d.endIfOver(l, t, now)
}

// returned takes in that what a lane was busy with is done, and returns the
// trial that it was of.
func (d *desk) returned(i int) (*lane, *trial) {
	l := &d.lanes[i]
	l.busy = false
	if final := d.windows.final; i == 0 && final != nil {
		return l, final
	}
	return l, l.trial
}

// endIfOver ends a trial of which nothing is left.
func (d *desk) endIfOver(l *lane, t *trial, now time.Time) {
	switch {
	case len(t.work) > 0:
	case t == d.windows.final:
		d.windows.closed()
	default:
		l.trial, l.batch = nil, nil
		l.since = now
	}
}

// mark notes which records of a lane's batch are finished.
func (d *desk) mark(l *lane) {
	for to := l.trial.finished(); l.marked < to; l.marked++ {
		it := &l.batch[l.marked]
		d.top = max(d.top, it.slot+1)
		d.slots[it.slot-d.first].done = true
		d.bytes -= it.size
		it.record = weir.Record{} // nothing is kept of it
	}
	d.settle()
}

// settle moves the position to before the first record that is not finished.
func (d *desk) settle() {
	n := 0
	for n < len(d.slots) && d.slots[n].done {
		n++
	}
	if n > 0 {
		d.at = d.slots[n-1].number
		d.slots = d.slots[n:]
		d.first += uint64(n)
	}
}

// position returns the number up to which all is finished, zero for none yet,
// and the version of the state that belongs to it. ok is false while there is
// no such state.
func (d *desk) position() (at weir.SequenceNumber, version int, ok bool) {
	return d.at, d.windows.version, !d.windows.early
}

// idle reports whether nothing is left to be done.
func (d *desk) idle() bool { return len(d.slots) == 0 && !d.windows.isOpen }

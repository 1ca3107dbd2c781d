package eventsource

import "time"

// A lane is records of some keys, of which one batch is processed at a time.
type lane struct {
	pending []item
	since   time.Time // when the batch before came to its end; zero for none
	busy    bool      // the function or the destination is at it

	// What of pending is to be the next batch, as far as it has been looked at.
	count int
	bytes int
	full  bool // no further record has place in it

	trial  *trial // of batch; nil if there is none
	batch  []item
	marked int // records of batch that are finished
}

func (l *lane) push(it item) {
	if len(l.pending) == 0 && l.since.IsZero() {
		l.since = it.added
	}
	l.pending = append(l.pending, it)
}

// collect looks at what else of a lane has place in its next batch.
func (d *desk) collect(l *lane) {
	if l.count == 0 {
		f := d.windows.begin(l.pending[0].record.ArrivalTime)
		l.bytes = d.envelope.baseSize(f)
	}
	for l.count < len(l.pending) && !l.full {
		it := &l.pending[l.count]
		comma := min(l.count, 1)
		if l.count > 0 && (l.bytes+comma+it.size > MaxPayloadBytes || !d.windows.has(it.record.ArrivalTime) || d.closing && it.slot >= d.top) {
			l.full = true
			return
		}
		l.bytes += comma + it.size
		l.count++
		l.full = l.count == d.size || l.bytes >= MaxPayloadBytes
	}
}

// due returns when a lane's next batch is to be given to the function.
func (d *desk) due(l *lane) time.Time {
	first := l.pending[0].added
	if d.gather == 0 || l.full || d.ended || d.closing {
		return first
	}
	// Windows follow each other from the end of the batch before on; the record
	// waits for the end of the one that it came in.
	due := l.since.Add(d.gather)
	if first.After(due) {
		past := first.Sub(l.since)
		due = l.since.Add((past + d.gather - 1) / d.gather * d.gather)
	}
	if at := d.windows.closes(); d.windows.isOpen && at.Before(due) {
		due = at
	}
	return due
}

// begin makes a batch of what was collected, and begins its trial.
func (l *lane) begin(r *rules) {
	n := l.count
	l.batch, l.pending = l.pending[:n:n], l.pending[n:]
	if len(l.pending) == 0 {
		l.pending = nil
	}
	l.count, l.bytes, l.full, l.marked = 0, 0, false, 0
	arrived := make([]time.Time, n)
	for i := range l.batch {
		arrived[i] = l.batch[i].record.ArrivalTime
	}
	l.trial = newTrial(r, arrived)
}

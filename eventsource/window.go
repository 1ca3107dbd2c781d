package eventsource

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/weirstream/weir/lease"
)

// How long after its end a window without further records is closed by the
// clock: the records that arrived last are read by then. If the shard is known
// to have more records than were read, that is later.
const (
	windowGrace  = 5 * time.Second
	windowBehind = time.Minute
)

// MaxStateBytes is how large the state of a window may be. A larger one ends
// the window early. The service has room for 1 MB, leases have less.
const MaxStateBytes = lease.MaxStateBytes - 128

// windows are the tumbling windows of a shard, one after the other. size is
// zero if there are none; then one may be open that an earlier setting left.
type windows struct {
	size time.Duration

	isOpen     bool
	start, end time.Time
	state      []byte // a JSON object
	version    int    // changes with all that is kept with the position
	early      bool   // the state is too large: the final invocation is due
	final      *trial // of the final invocation, while it is due

	tip   bool      // the shard has no records that were not read
	heard time.Time // when it was last known of
}

// begin opens the window of a record, if none is open, and returns what an
// event of it has.
func (w *windows) begin(arrival time.Time) *frame {
	if w.size == 0 {
		return nil
	}
	if !w.isOpen {
		w.isOpen, w.state = true, []byte("{}")
		w.version++
		w.start = startOf(arrival, w.size)
		w.end = w.start.Add(w.size)
	}
	return w.frame(nil)
}

// startOf returns when the window of a time begins: at a multiple of the size
// since 1970.
func startOf(t time.Time, size time.Duration) time.Time {
	ms := t.UnixMilli()
	return time.UnixMilli(ms - ms%size.Milliseconds()).UTC()
}

// has reports whether a record is in the open window. Without windows all are.
func (w *windows) has(arrival time.Time) bool {
	return w.size == 0 || w.isOpen && startOf(arrival, w.size).Equal(w.start) && w.end.Sub(w.start) == w.size
}

// frame returns what the event of a trial has.
func (w *windows) frame(t *trial) *frame {
	if !w.isOpen {
		return nil
	}
	final := t != nil && t == w.final
	return &frame{start: w.start, end: w.end, state: w.state, final: final, early: final && w.early}
}

// closes returns when the open window is closed by the clock.
func (w *windows) closes() time.Time {
	at := w.end
	if w.heard.After(at) {
		at = w.heard
	}
	if !w.tip {
		return at.Add(windowBehind)
	}
	return at.Add(windowGrace)
}

// closeIfOver begins with the final invocation of the open window, if the next
// record is one of another window, or if there is none and it is time.
func (d *desk) closeIfOver(l *lane, now time.Time, wake *time.Time) {
	w := &d.windows
	if !w.isOpen || d.closing {
		return
	}
	over := w.end.Sub(w.start) != w.size
	if len(l.pending) > 0 {
		over = over || !w.has(l.pending[0].record.ArrivalTime)
	} else if at := w.closes(); !d.ended && now.Before(at) {
		sooner(wake, at)
	} else {
		over = true
	}
	if over {
		w.final = newFinalTrial(&d.rules, w.end)
	}
}

// keep takes in the state that an invocation returned.
func (w *windows) keep(r *rules, state []byte) {
	w.state = state
	w.version++
	if len(state) > MaxStateBytes {
		w.early, w.final = true, newFinalTrial(r, w.end)
	}
}

// closed takes in that the final invocation has come to its end.
func (w *windows) closed() {
	w.final = nil
	w.version++
	if w.early { // the same window goes on
		w.early, w.state = false, []byte("{}")
		return
	}
	w.isOpen, w.state = false, nil
}

// A keptWindow is the open window as it is kept with the checkpoint.
type keptWindow struct {
	Start int64           `json:"start"` // in milliseconds since 1970
	End   int64           `json:"end"`
	State json.RawMessage `json:"state"`
}

// blob returns what is to be kept with the position: nil if no window is open.
func (w *windows) blob() []byte {
	if !w.isOpen {
		return nil
	}
	// Not by json.Marshal, which makes other characters of some.
	return fmt.Appendf(nil, `{"start":%d,"end":%d,"state":%s}`, w.start.UnixMilli(), w.end.UnixMilli(), w.state)
}

// resume opens the window that was kept with a position.
func (w *windows) resume(now time.Time, blob []byte) error {
	w.tip, w.heard = true, now
	if len(blob) == 0 {
		return nil
	}
	var k keptWindow
	if err := json.Unmarshal(blob, &k); err != nil {
		return fmt.Errorf("the state of the lease is none of an event source: %w", err)
	}
	if k.End <= k.Start || len(k.State) == 0 || k.State[0] != '{' {
		return fmt.Errorf("the state of the lease is none of an event source: %q", brief(string(blob)))
	}
	w.isOpen, w.state = true, k.State
	w.start, w.end = time.UnixMilli(k.Start).UTC(), time.UnixMilli(k.End).UTC()
	return nil
}

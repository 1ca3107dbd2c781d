package window

import (
	"fmt"
	"strconv"
	"time"

	"github.com/weirstream/weir"
)

// A Window is one of a key: the records whose times are at or after Start and
// before End, in UTC. Of a [Counted] window they are the time of the earliest
// record and a millisecond after that of the latest one, and First and Index
// name its first record, by which it is told from others.
type Window struct {
	Start, End time.Time
	// First is zero but of counted windows. Index tells events of one record
	// apart.
	First weir.SequenceNumber
	Index uint64
}

// String returns such as "2026-11-29T12:00:00Z/2026-11-29T12:01:00Z".
func (w Window) String() string {
	const layout = "2006-01-02T15:04:05.999Z07:00"
	s := w.Start.Format(layout) + "/" + w.End.Format(layout)
	if !w.First.IsZero() {
		s += "@" + w.First.String() + "." + strconv.FormatUint(w.Index, 10)
	}
	return s
}

// A Kind says why there is a result.
type Kind byte

const (
	// Final: the watermark has passed the window, or it has all its records. Only
	// late records follow, if [Config.Lateness] lets them.
	Final Kind = iota
	// Early: [Config.EarlyCount] or [Config.EarlyEvery] asks for it.
	Early
	// Late: a late record was added to the window after its final result, or is
	// its first one.
	Late
	// Gone: the session was joined to another one, of which there will be a
	// result. What was kept of this one is to be deleted; Value is zero.
	Gone
)

// String returns the kind in lower case.
func (k Kind) String() string {
	switch k {
	case Final:
		return "final"
	case Early:
		return "early"
	case Late:
		return "late"
	case Gone:
		return "gone"
	}
	return "Kind(" + strconv.Itoa(int(k)) + ")"
}

// A Result is what a window of a key has come to. Each one takes the place of
// those of the same window that came before it.
type Result[R any] struct {
	Key    string
	Window Window
	Value  R
	Kind   Kind
	// Records is how many the window has.
	Records int64
	// Revision is how many results of the window came before.
	Revision int
	// Stream and Shard are where the window is, and After the record after which
	// the result came: of two results of one ID the one with the greater number,
	// or of one number the greater revision, is the later. It is zero if no record
	// was read since a restart.
	Stream string
	Shard  weir.ShardID
	After  weir.SequenceNumber
}

// ID returns what names the window of the key: the results that have the same ID
// are of one window, and the last of them counts. Of counted windows it is made
// of the key and the first record, of others of the key and the window's bounds.
func (r Result[R]) ID() string {
	key := strconv.Itoa(len(r.Key)) + ":" + r.Key + "/"
	if w := r.Window; !w.First.IsZero() {
		return key + w.First.String() + "." + strconv.FormatUint(w.Index, 10)
	}
	return key + strconv.FormatInt(r.Window.Start.UnixMilli(), 10) + "-" + strconv.FormatInt(r.Window.End.UnixMilli(), 10)
}

// String returns such as "shoes 2026-11-29T12:00:00Z/2026-11-29T12:01:00Z final: 7".
func (r Result[R]) String() string {
	if r.Kind == Gone {
		return fmt.Sprintf("%s %v gone", r.Key, r.Window)
	}
	return fmt.Sprintf("%s %v %v: %v", r.Key, r.Window, r.Kind, r.Value)
}

// An Event is what is aggregated: one value of one key at one time.
type Event[V any] struct {
	// Key is the key. Empty means the record's partition key.
	Key string
	// Time is when it happened. The zero time means the record's arrival.
	Time  time.Time
	Value V
}

// A Rejected record, or an event of it, is in no window. One with the zero Record
// is a result that nobody has: the aggregator's Result panicked, or the handler
// refused it. Event has the key and the beginning of its window.
type Rejected[V any] struct {
	Stream string
	Record weir.Record // a copy
	// Event is what was read of the record; the zero value if it could not be.
	Event Event[V]
	// Err says why: it matches [ErrLate], is a [*weir.ArgumentError] for a time or
	// a gap out of bounds, a [*consumer.PanicError], a [*ResultError] of what the
	// handler refused, or what [Config.Read] returned.
	Err error
}

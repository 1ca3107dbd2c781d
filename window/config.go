package window

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/lease"
)

// A Handler takes results, in their order in each shard: those of different
// shards come at the same time, from different goroutines. Within a shard and a
// moment they are ordered by the windows' ends, then by key. The slice is
// overwritten after it has returned.
//
// While it returns an error, or panics, it is called again, from the first
// result on, and the shard waits; but what a [*RefusedError] names is given up,
// and goes to [Config.Aside]. ctx ends before another worker may begin with
// the shard.
type Handler[R any] func(ctx context.Context, results []Result[R]) error

// A Config says what is aggregated and how. Windows, in Group Streams and Store,
// and for [Windower.Run] Handler must be set.
type Config[V, A, R any] struct {
	// Windows say which windows there are and what becomes of their records.
	Windows Windows[V, A, R]
	// Handler gets the results, up to 1,000 at a time.
	Handler Handler[R]
	// Read appends to events what is to be aggregated of a record: nothing, one
	// event or several. See [One] for records that are one event. An error says
	// that the record cannot be read: it goes to Aside, and so does one at which
	// Read panics. It is called by several goroutines at a time. It must depend
	// on the record alone, so that after a crash it says the same again.
	//
	// Nil means that V is *weir.Record, and that each record is an event with its
	// partition key, its arrival time and itself as the value.
	Read func(r *weir.Record, events []Event[V]) ([]Event[V], error)
	// Aside takes records that are in no window: late ones and those that cannot
	// be read; and results that Handler refuses. An error is as one of Handler. They come again after a crash as
	// results do. Nil means that they are dropped, and counted in [Metrics].
	Aside func(ctx context.Context, rejected []Rejected[V]) error

	// Bound is how much older than the newest record of its shard a record may be
	// without being late, 0 to [MaxSize], in whole milliseconds.
	Bound time.Duration
	// Lateness is for how long after its end, in event time, a window takes late
	// records, each of which makes a new result. 0 to [MaxSize], in whole
	// milliseconds. Windows are kept so much longer.
	Lateness time.Duration
	// Ahead is how much later than its arrival a record's time may be: a later one
	// goes to Aside, for it would make all others late. Zero means a day, a
	// negative one that anything goes.
	Ahead time.Duration
	// Idle is after how long without a record a shard that has none to be read
	// counts as idle: 10 ms to a day. Its watermark then follows those of the
	// worker's other shards that are not, up to the least of them; if there are
	// none it stands still. Zero means that no shard is ever idle.
	Idle time.Duration
	// IdleClock has the watermark of an idle shard follow the clock instead, by
	// Idle and Bound behind: for times that are of about this machine's clock, as
	// arrivals are. So the last windows are completed though no record comes.
	// Needs Idle.
	IdleClock bool

	// EarlyCount asks for an early result whenever so many more records are in a
	// window. Zero means none.
	EarlyCount int64
	// EarlyEvery asks, so often, for an early result of each window that has
	// changed since, by the clock: 10 ms to a day. Zero means none.
	EarlyEvery time.Duration

	// HashKey says which hash key a record was put with. Nil means that of its
	// partition key: it is needed only where records have explicit ones, for
	// windows that are open when their shard is split.
	HashKey func(r *weir.Record) weir.HashKey
	// Snapshots keep what is too large for a lease. Nil means that there is room
	// for [MaxStateBytes] a shard.
	Snapshots Snapshots

	// Group says what is read, where the leases are kept, and how. Without a Name
	// it is "window". CheckpointEvery is how often windows are written, and a
	// record is read again after a crash; it costs time in proportion to the
	// windows that are open. Handler and Begin, and what handlers' errors lead to,
	// must not be set.
	Group consumer.Config
}

// MaxStateBytes is how large the windows of a shard may be in its lease, as they
// are kept: compressed if they need to be.
const MaxStateBytes = lease.MaxStateBytes

const (
	defaultAhead = 24 * time.Hour
	minWait      = 10 * time.Millisecond
	maxWait      = 24 * time.Hour
)

// One makes a [Config.Read] of a function for records that are one event each.
// The error [ErrSkip] says that the record is none, and is left out.
func One[V any](read func(r *weir.Record) (Event[V], error)) func(*weir.Record, []Event[V]) ([]Event[V], error) {
	return func(r *weir.Record, events []Event[V]) ([]Event[V], error) {
		e, err := read(r)
		switch {
		case err == nil:
			return append(events, e), nil
		case errors.Is(err, ErrSkip):
			return events, nil
		}
		return events, err
	}
}

// ErrSkip says that a record is no event; see [One].
var ErrSkip = errors.New("not an event")

func (c Config[V, A, R]) withDefaults() Config[V, A, R] {
	c.Ahead = cmp.Or(c.Ahead, defaultAhead)
	c.Group.Name = cmp.Or(c.Group.Name, "window")
	c.Group.CheckpointEvery = cmp.Or(c.Group.CheckpointEvery, time.Second)
	return c
}

func (c Config[V, A, R]) check(errs *problems) {
	c.Windows.check(errs)
	if c.Read == nil && asItIs[V]() == nil {
		var v V
		errs.add("Read", "is nil, and the values are %T: only *weir.Record need not be read", v)
	}
	errs.span("Bound", c.Bound, 0)
	errs.span("Lateness", c.Lateness, 0)
	errs.wait("Idle", c.Idle)
	errs.wait("EarlyEvery", c.EarlyEvery)
	if c.IdleClock && c.Idle == 0 {
		errs.add("IdleClock", "is set, but no shard is ever idle; Idle is 0s")
	}
	if c.EarlyCount < 0 {
		errs.add("EarlyCount", "%d records are less than 0", c.EarlyCount)
	}
	if c.Windows.kind == counted {
		for field, set := range map[string]bool{"Bound": c.Bound != 0, "Lateness": c.Lateness != 0, "Idle": c.Idle != 0} {
			if set {
				errs.add(field, "is set, but counted windows do not end by time")
			}
		}
	}
	c.checkGroup(errs)
}

func (c Config[V, A, R]) checkGroup(errs *problems) {
	g := c.Group
	for field, set := range map[string]bool{
		"Handler": g.Handler != nil, "Begin": g.Begin != nil, "OnError": g.OnError != 0, "Attempts": g.Attempts != 0,
		"Bisect": g.Bisect, "DeadLetter": g.DeadLetter != nil,
	} {
		if set {
			errs.add("Group."+field, "is set, but it is for the windows to set")
		}
	}
}

// wait checks a time by the clock; zero is none.
func (p *problems) wait(field string, d time.Duration) {
	if d != 0 && (d < minWait || d > maxWait) {
		p.add(field, "%v is not %v to %v", d, minWait, maxWait)
	}
}

// asItIs returns what makes a value of a record that is the value itself, nil if
// V is something else.
func asItIs[V any]() func(*weir.Record) V {
	same, _ := any(func(r *weir.Record) *weir.Record { return r }).(func(*weir.Record) V)
	return same
}

// timeError says that the time of a record is out of bounds.
func timeError(t time.Time, format string, args ...any) error {
	return &weir.ArgumentError{Field: "time", Reason: fmt.Sprintf("%v %s", t.UTC(), fmt.Sprintf(format, args...))}
}

package account

import (
	"time"

	"github.com/weirstream/weir"
)

// A deletedStreams remembers of deleted names the greatest starting number of
// their shards, for a stream of the same name to begin after it. Only one that
// is created in the same second would give out the same numbers, or in the
// minute in which shards of a stream that was loaded count as created later; so
// what lies further back is forgotten. It is guarded by Account.mu.
type deletedStreams struct {
	after map[string]weir.SequenceNumber
	full  int // how many names there are when it is time to forget some
	// changed are the names of which something else is known than is noted; nil for
	// an account in memory.
	changed map[string]bool
}

const (
	// rememberDeleted is how long a name is remembered, from the second on in
	// which its newest shard was created. The clock may be set back by as much.
	rememberDeleted = time.Minute
	// fewDeleted is how many names are no reason to forget any.
	fewDeleted = 64
)

// add remembers a stream that is deleted.
func (d *deletedStreams) add(s *weir.Stream, now time.Time) {
	var after weir.SequenceNumber
	for _, sh := range s.Shards() {
		if sh.StartingSequenceNumber.Compare(after) > 0 {
			after = sh.StartingSequenceNumber
		}
	}
	d.set(s.Name(), after)
	// All names are looked at only when they have doubled in number, so that
	// each deletion costs the same.
	if len(d.after) > max(fewDeleted, d.full) {
		d.forget(now)
		d.full = 2 * len(d.after)
	}
}

// set remembers a name.
func (d *deletedStreams) set(name string, after weir.SequenceNumber) {
	if d.after == nil {
		d.after = make(map[string]weir.SequenceNumber)
	}
	d.after[name] = after
	d.change(name)
}

// drop forgets a name, and returns what was remembered of it.
func (d *deletedStreams) drop(name string) (after weir.SequenceNumber) {
	after, ok := d.after[name]
	if ok {
		delete(d.after, name)
		d.change(name)
	}
	return after
}

func (d *deletedStreams) change(name string) {
	if d.changed != nil {
		d.changed[name] = true
	}
}

// noted is told that what is remembered is on disk.
func (d *deletedStreams) noted() { clear(d.changed) }

// forget forgets what lies well in the past.
func (d *deletedStreams) forget(now time.Time) {
	for name, n := range d.after {
		if now.Sub(n.ShardCreated()) > rememberDeleted {
			d.drop(name)
		}
	}
}

package queue

import (
	"hash/maphash"

	"github.com/weirstream/weir/internal/clock"
)

// lanes keep records of a partition key apart: of each key one is to be
// delivered, and the others wait behind it in the order in which they were put.
type lanes struct {
	seed  maphash.Seed
	lanes map[uint64]*lane
	of    []place // by slot
}

// A lane is the records of one key, or of several whose hashes are the same.
type lane struct {
	head, tail slot
}

// A place is that of an entry in its lane.
type place struct {
	key  uint64
	next slot
	in   bool
}

func (l *lanes) hash(key string) uint64 {
	if l.lanes == nil {
		l.lanes, l.seed = make(map[uint64]*lane), maphash.MakeSeed()
	}
	return maphash.String(l.seed, key)
}

// join puts an entry into the lane of its key, and reports whether it is the
// first there.
func (l *lanes) join(s slot, key uint64) bool {
	for int(s) >= len(l.of) {
		l.of = append(l.of, place{})
	}
	l.of[s] = place{key: key, in: true}
	at := l.lanes[key]
	if at == nil {
		l.lanes[key] = &lane{head: s, tail: s}
		return true
	}
	l.of[at.tail].next = s
	at.tail = s
	return false
}

// leave takes an entry out of its lane, if it is in one, and returns the one
// that is the first there now and was not.
func (l *lanes) leave(s slot) (next slot) {
	if int(s) >= len(l.of) || !l.of[s].in {
		return 0
	}
	p := l.of[s]
	l.of[s] = place{}
	at := l.lanes[p.key]
	if at.head == s {
		if at.head = p.next; p.next == 0 {
			delete(l.lanes, p.key)
		}
		return p.next
	}
	// It expired behind others. Records expire in order, so this is rare.
	before := at.head
	for l.of[before].next != s {
		before = l.of[before].next
	}
	if l.of[before].next = p.next; p.next == 0 {
		at.tail = before
	}
	return 0
}

// release lets the next record of the key of an entry be delivered that is done
// or dead.
func (m *machine) release(s slot, now clock.Instant) {
	next := m.lanes.leave(s)
	if next == 0 {
		return
	}
	e := m.table.at(next)
	if e.state() != blocked {
		return
	}
	m.unblock(next, e, now)
}

// unblock lets a record go that waits for no other any more, but for its delay.
func (m *machine) unblock(s slot, e *entry, now clock.Instant) {
	m.log.time(now, now) // whether the delay is over is decided anew on replay
	m.log.note(noteUnblock, uint64(s))
	m.leave(s, e)
	if e.deadline > now {
		m.enter(s, e, held)
	} else {
		m.enter(s, e, visible)
	}
}

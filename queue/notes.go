package queue

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/clock"
)

// What a queue on disk notes of what it does. Each note is a letter and
// numbers; together they do to another machine, which read the same before,
// what was done to this one.
const (
	noteTime     = 't' // now, deadline: of what follows
	noteNew      = 'n' // shard, index, slot: delivered for the first time
	noteHeld     = 'h' // shard, index, slot, level, state, deadline: read ahead
	noteSkip     = 's' // shard, index, reason: read, and not to be delivered
	noteDeliver  = 'd' // slot
	noteDone     = 'a' // slot
	noteExpired  = 'x' // slot
	noteReturn   = 'r' // slot
	noteExtend   = 'e' // slot, deadline
	noteDue      = 'u' // now
	noteBury     = 'b' // slot
	noteRestore  = 'o' // slot
	noteUnblock  = 'k' // slot
	noteSettings = 'c' // visibility, most receives
	noteLost     = 'l' // how many records expired unread
)

// A log is the notes of one call.
type log struct {
	on     bool // somebody keeps them
	notes  []byte
	urgent bool // there is a note that who called waits for
	// What the last noteTime said.
	now, until clock.Instant
}

func (l *log) reset() {
	l.notes, l.urgent, l.now, l.until = l.notes[:0], false, -1, -1
}

func (l *log) note(kind byte, numbers ...uint64) {
	if !l.on {
		return
	}
	l.notes = append(l.notes, kind)
	for _, n := range numbers {
		l.notes = binary.AppendUvarint(l.notes, n)
	}
	switch kind {
	case noteTime, noteDue, noteSkip, noteExpired, noteUnblock, noteLost, noteHeld:
	default:
		l.urgent = true
	}
}

func (l *log) time(now, until clock.Instant) {
	if l.on && (now != l.now || until != l.until) {
		l.now, l.until = now, until
		l.note(noteTime, uint64(now), uint64(until))
	}
}

// A script is notes that are read.
type script struct {
	b   []byte
	err error
}

var errCut = errors.New("a note is cut off")

func (r *script) number() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.err = errCut
		r.b = nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

// instant reads an instant, and shard, index and slot what they are called.
func (r *script) instant() clock.Instant { return clock.Instant(min(r.number(), uint64(clock.Never))) }

func (r *script) shard() weir.ShardID {
	v := r.number()
	if v > 1<<31-1 {
		r.err = fmt.Errorf("%d is no shard", v)
		return 0
	}
	return weir.ShardID(v)
}

func (r *script) index() uint64 {
	v := r.number()
	if v == 0 && r.err == nil || v >= 1<<63-1 {
		r.err = fmt.Errorf("%d is no index", v)
	}
	return v
}

func (r *script) slot() slot { return slot(min(r.number(), 1<<32-1)) }

// replay does what notes say. The error says what is impossible in them.
func (m *machine) replay(notes []byte, lost *int64) error {
	r := &script{b: notes}
	var now, until clock.Instant
	for len(r.b) > 0 {
		kind := r.b[0]
		r.b = r.b[1:]
		switch kind {
		case noteTime:
			now, until = r.instant(), r.instant()
		case noteNew:
			m.replayNew(r, now, until)
		case noteHeld:
			m.replayHeld(r)
		case noteSkip:
			id, index, why := r.shard(), r.index(), r.number()
			if r.err == nil && (m.has(id, index) || why > uint64(expired)) {
				r.err = fmt.Errorf("record %d of %v is passed over for reason %d", index, id, why)
			}
			if r.err == nil {
				m.skip(id, index, reason(why))
			}
		case noteDue:
			if t := r.instant(); r.err == nil {
				m.due(t)
			}
		case noteSettings:
			s := Settings{time.Duration(r.number()) - 1, int(r.number()) - 1}.withDefaults()
			if r.err == nil {
				r.err = s.check("")
			}
			m.settings = s
		case noteLost:
			*lost = int64(r.number())
		default:
			m.replayChange(kind, r, now, until)
		}
		if r.err != nil {
			return fmt.Errorf("note %q: %w", kind, r.err)
		}
	}
	return nil
}

// replayNew reads a first delivery.
func (m *machine) replayNew(r *script, now, until clock.Instant) {
	id, index, s := r.shard(), r.index(), r.slot()
	e := m.addAt(r, id, index, s, 0)
	if e == nil {
		return
	}
	m.count(e, now)
	e.deadline = until
	m.enter(s, e, inFlight)
}

func (m *machine) replayHeld(r *script) {
	id, index, s, level, st := r.shard(), r.index(), r.slot(), r.number(), state(r.number())
	deadline := r.instant()
	if st != held && st != blocked && st != visible || level >= levels {
		r.err = errors.Join(r.err, fmt.Errorf("state %d, level %d", st, level))
		return
	}
	e := m.addAt(r, id, index, s, int(level))
	if e == nil {
		return
	}
	e.deadline = deadline
	m.enter(s, e, st)
}

// addAt is add for an entry whose slot is known.
func (m *machine) addAt(r *script, id weir.ShardID, index uint64, s slot, level int) *entry {
	if r.err != nil {
		return nil
	}
	if index < m.track(id).next {
		r.err = fmt.Errorf("record %d of %v comes after %d", index, id, m.track(id).next-1)
		return nil
	}
	e, ok := m.table.takeAt(s)
	if !ok {
		r.err = fmt.Errorf("slot %d is taken", s)
		return nil
	}
	m.append(id, s, e, index, level)
	m.oldestMs = 0
	return e
}

// replayChange reads what is done to an entry.
func (m *machine) replayChange(kind byte, r *script, now, until clock.Instant) {
	s := r.slot()
	var deadline clock.Instant
	if kind == noteExtend {
		deadline = r.instant()
	}
	if r.err != nil {
		return
	}
	if s == 0 || uint32(s) >= m.table.end() || m.table.at(s).state() == free {
		r.err = fmt.Errorf("slot %d is free", s)
		return
	}
	e := m.table.at(s)
	st := e.state()
	allowed := true
	switch kind {
	case noteDeliver:
		if allowed = st == visible || st == dead; allowed {
			m.deliver(s, e, now, until)
		}
	case noteDone:
		m.finish(s, e, now)
	case noteExpired:
		m.expire(s, e, now)
	case noteReturn:
		if allowed = e.isTimed(); allowed {
			m.settle(s, e, now)
		}
	case noteExtend:
		if allowed = st == visible || st == dead || st == inFlight || st == deadInFlight; allowed {
			m.extendTo(s, e, deadline)
		}
	case noteBury:
		if allowed = st == visible; allowed {
			m.leave(s, e)
			m.bury(s, e, now)
		}
	case noteRestore:
		if allowed = st == dead || st == deadInFlight; allowed {
			m.revive(s, e)
		}
	case noteUnblock:
		if allowed = st == blocked; allowed {
			m.unblock(s, e, now)
		}
	default:
		r.err = errors.New("is unknown")
	}
	if !allowed {
		r.err = fmt.Errorf("slot %d is in state %d", s, st)
	}
}

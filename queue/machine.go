package queue

import (
	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/clock"
)

// A state says where a record of the queue stands. Records that were never read
// from the stream, and those that are done, have no entry and so no state.
type state uint8

const (
	free     state = iota
	held           // read, and not to be delivered before its deadline
	blocked        // waits for a record of the same key
	visible        // may be delivered
	inFlight       // delivered, until its deadline
	dead           // delivered in vain too often; may be delivered as that
	deadInFlight
	states
)

// A slot is the place of an entry. Slot 0 is none.
type slot uint32

// An entry is a record that was read from the stream and is not done: all that
// the queue knows of it. It holds no pointer, so that a million of them are
// nothing to the garbage collector.
type entry struct {
	index    uint64
	deadline clock.Instant // of held, inFlight and deadInFlight
	received uint64        // milliseconds of the first delivery << countBits | deliveries
	shard    weir.ShardID
	marks    uint32 // delivery << deliveryShift | level << levelShift | whether in the heap | state
	// Neighbours in the list of its state. For one in the heap next is its place
	// there.
	prev, next slot
	// Neighbours among those of its shard, by index.
	older, newer slot
}

const (
	countBits     = 20
	maxCount      = 1<<countBits - 1
	stateMask     = 1<<3 - 1
	heapMark      = 1 << 3
	levelShift    = 4
	levelMask     = 1<<4 - 1
	deliveryShift = 8
	maxDelivery   = 1<<(32-deliveryShift) - 1
)

func (e *entry) state() state         { return state(e.marks & stateMask) }
func (e *entry) setState(s state)     { e.marks = e.marks&^stateMask | uint32(s) }
func (e *entry) level() int           { return int(e.marks >> levelShift & levelMask) }
func (e *entry) delivery() uint32     { return e.marks >> deliveryShift }
func (e *entry) setDelivery(n uint32) { e.marks = e.marks&(1<<deliveryShift-1) | n<<deliveryShift }
func (e *entry) count() int           { return int(e.received & maxCount) }
func (e *entry) firstMs() int64       { return int64(e.received >> countBits) }
func (e *entry) isTimed() bool {
	s := e.state()
	return s == held || s == inFlight || s == deadInFlight
}
func (e *entry) isDead() bool { s := e.state(); return s == dead || s == deadInFlight }

// comesBefore reports whether e is due before o. Of those with the same
// deadline the one of the lower shard and index is.
func (e *entry) comesBefore(o *entry) bool {
	switch {
	case e.deadline != o.deadline:
		return e.deadline < o.deadline
	case e.shard != o.shard:
		return e.shard < o.shard
	}
	return e.index < o.index
}

// levels is how many priorities there are, 0 to levels-1.
const levels = 10

// A machine is what a queue knows of its records. It is told the time, and
// which records there are; it knows no stream, no goroutine and no lock.
//
// Invariants: a record below its shard's next either has one entry or is done;
// the entries of a shard are in the order of their indexes; each entry is in
// the list or the heap of its state.
type machine struct {
	settings Settings // resolved
	most     int      // in flight

	table  table
	timers timers // held, inFlight, deadInFlight

	visible [levels]list
	blocked list
	dead    list
	number  [states]int // how many entries are in each state

	shards map[weir.ShardID]*track
	many   int    // of them, so that it is time to look which there still are
	last   *track // the one asked for last
	lastID weir.ShardID

	// No entry is of a record that arrived before: until the horizon comes here,
	// none has expired.
	oldestMs int64

	lanes   lanes
	counted Totals
	done    *memory // which deliveries were acknowledged last; nil if none was

	log log
}

// A track is what is known of a shard.
type track struct {
	next           uint64 // index of the next record that was not read yet
	oldest, newest slot
	entries, dead  int // how many there are, and how many of them are dead letters
}

func newMachine(s Settings, most int) *machine {
	m := &machine{settings: s, most: most, shards: make(map[weir.ShardID]*track), many: manyShards}
	m.timers.table = &m.table
	return m
}

func (m *machine) track(id weir.ShardID) *track {
	if m.last != nil && m.lastID == id {
		return m.last
	}
	t := m.shards[id]
	if t == nil {
		t = &track{next: 1}
		m.shards[id] = t
	}
	m.last, m.lastID = t, id
	return t
}

// has reports whether a record is one that the queue has read before.
func (m *machine) has(id weir.ShardID, index uint64) bool { return index < m.track(id).next }

// A reason says why a record is not delivered.
type reason uint8

const (
	early     reason = iota // it arrived before the queue begins
	duplicate               // it is like another
	expired                 // it was read, and then it was too late
)

// skip counts a record as done that is not to be delivered.
func (m *machine) skip(id weir.ShardID, index uint64, why reason) {
	m.log.note(noteSkip, uint64(id), index, uint64(why))
	m.track(id).next = index + 1
	switch why {
	case duplicate:
		m.counted.Duplicates++
	case expired:
		m.counted.Expired++
	}
}

// add makes an entry of the next record of a shard, in a state that enter is to
// put it in.
func (m *machine) add(id weir.ShardID, index uint64, ms int64, level int) (slot, *entry) {
	s, e := m.table.take()
	m.append(id, s, e, index, level)
	if m.table.used == 1 || ms < m.oldestMs {
		m.oldestMs = ms
	}
	return s, e
}

// append makes an entry, which was just taken, the newest of its shard.
func (m *machine) append(id weir.ShardID, s slot, e *entry, index uint64, level int) {
	t := m.track(id)
	*e = entry{index: index, shard: id, marks: uint32(level) << levelShift, older: t.newest}
	if t.newest != 0 {
		m.table.at(t.newest).newer = s
	} else {
		t.oldest = s
	}
	t.newest, t.next = s, index+1
	t.entries++
}

// enter puts an entry that is nowhere into a state.
func (m *machine) enter(s slot, e *entry, to state) {
	e.setState(to)
	m.number[to]++
	if e.isDead() {
		m.track(e.shard).dead++
	}
	if e.isTimed() {
		m.timers.add(s, e)
		return
	}
	m.listOf(e).push(&m.table, s, e)
}

// leave takes an entry out of what its state is.
func (m *machine) leave(s slot, e *entry) {
	m.number[e.state()]--
	if e.isDead() {
		m.track(e.shard).dead--
	}
	if e.isTimed() {
		m.timers.remove(s, e)
		return
	}
	m.listOf(e).remove(&m.table, s, e)
}

func (m *machine) listOf(e *entry) *list {
	switch e.state() {
	case visible:
		return &m.visible[e.level()]
	case blocked:
		return &m.blocked
	default:
		return &m.dead
	}
}

// remove removes an entry: the record is done, or gone.
func (m *machine) remove(s slot, e *entry, now clock.Instant) {
	m.leave(s, e)
	t := m.track(e.shard)
	t.entries--
	if e.older != 0 {
		m.table.at(e.older).newer = e.newer
	} else {
		t.oldest = e.newer
	}
	if e.newer != 0 {
		m.table.at(e.newer).older = e.older
	} else {
		t.newest = e.older
	}
	m.release(s, now)
	m.table.give(s)
}

// due makes visible, or dead, whatever is due at now.
func (m *machine) due(now clock.Instant) {
	s, e := m.timers.first()
	if s == 0 || e.deadline > now {
		return
	}
	m.log.note(noteDue, uint64(now))
	for s != 0 && e.deadline <= now {
		m.settle(s, e, now)
		s, e = m.timers.first()
	}
}

// settle ends a delivery that was in vain, or a wait.
func (m *machine) settle(s slot, e *entry, now clock.Instant) {
	was := e.state()
	m.leave(s, e)
	switch {
	case was == deadInFlight:
		m.enter(s, e, dead)
	case was == inFlight && m.isSpent(e):
		m.bury(s, e, now)
	default:
		m.enter(s, e, visible)
	}
}

// isSpent reports whether an entry is to be delivered no more.
func (m *machine) isSpent(e *entry) bool {
	return m.settings.MaxReceives > 0 && e.count() >= m.settings.MaxReceives
}

// bury makes an entry, which is nowhere, a dead letter. The next one of its key
// may be delivered then.
func (m *machine) bury(s slot, e *entry, now clock.Instant) {
	m.enter(s, e, dead)
	m.counted.DeadLettered++
	m.release(s, now)
}

// isIdle reports whether there are no records but dead letters.
func (m *machine) isIdle() bool { return m.table.used == m.number[dead]+m.number[deadInFlight] }

// room returns how many more records may be in flight.
func (m *machine) room() int { return max(0, m.most-m.number[inFlight]-m.number[deadInFlight]) }

// next returns the entry of a path that is delivered next, or none.
func (m *machine) next(p path, now clock.Instant) (slot, *entry) {
	if p == deadPath {
		return m.dead.front(&m.table)
	}
	for l := levels - 1; l >= 0; l-- {
		for {
			s, e := m.visible[l].front(&m.table)
			if s == 0 {
				break
			}
			if !m.isSpent(e) {
				return s, e
			}
			// The most receives are fewer than they were.
			m.log.note(noteBury, uint64(s))
			m.leave(s, e)
			m.bury(s, e, now)
		}
	}
	return 0, nil
}

// deliver delivers an entry that is visible, or dead.
func (m *machine) deliver(s slot, e *entry, now, until clock.Instant) {
	m.log.time(now, until)
	m.log.note(noteDeliver, uint64(s))
	to := inFlight
	if e.state() == dead {
		to = deadInFlight
	}
	m.leave(s, e)
	m.count(e, now)
	e.deadline = until
	m.enter(s, e, to)
}

// deliverNew delivers a record that was just read.
func (m *machine) deliverNew(id weir.ShardID, index uint64, ms int64, now, until clock.Instant) (slot, *entry) {
	s, e := m.add(id, index, ms, 0)
	m.log.time(now, until)
	m.log.note(noteNew, uint64(id), index, uint64(s))
	m.count(e, now)
	e.deadline = until
	m.enter(s, e, inFlight)
	return s, e
}

// count counts a delivery.
func (m *machine) count(e *entry, now clock.Instant) {
	first := e.firstMs()
	if first == 0 {
		first = now.Ms()
	} else {
		m.counted.Redelivered++
	}
	e.received = uint64(first)<<countBits | uint64(min(e.count()+1, maxCount))
	e.setDelivery((e.delivery() + 1) & maxDelivery)
	m.counted.Received++
}

// find returns the entry of a receipt, if that is the receipt of the last
// delivery, by that path.
func (m *machine) find(r *Receipt) (slot, *entry) {
	if r.slot == 0 || uint32(r.slot) >= m.table.end() {
		return 0, nil
	}
	e := m.table.at(r.slot)
	if e.index != r.index || e.shard != r.shard || e.delivery() != r.delivery {
		return 0, nil
	}
	switch s := e.state(); {
	case r.path == normalPath && (s == inFlight || s == visible) && e.count() > 0:
		return r.slot, e
	case r.path == deadPath && (s == deadInFlight || s == dead):
		return r.slot, e
	}
	return 0, nil
}

// acknowledge counts a record as done, and reports whether that is so by this
// receipt.
func (m *machine) acknowledge(r *Receipt, now clock.Instant) bool {
	s, e := m.find(r)
	if s == 0 {
		return m.done.knows(r)
	}
	m.log.note(noteDone, uint64(s))
	m.finish(s, e, now)
	return true
}

// finish counts a record as done, and remembers its last receipt.
func (m *machine) finish(s slot, e *entry, now clock.Instant) {
	last := Receipt{index: e.index, shard: e.shard, delivery: e.delivery()}
	if e.isDead() {
		last.path = deadPath
	}
	if m.done == nil {
		m.done = new(memory)
	}
	m.done.add(&last)
	m.remove(s, e, now)
	m.counted.Acknowledged++
}

// extend makes a record come back at a deadline, or at once if that is not
// after now.
func (m *machine) extend(r *Receipt, now, deadline clock.Instant) error {
	s, e := m.find(r)
	if s == 0 {
		return errStale
	}
	timed := e.isTimed()
	if deadline <= now {
		if timed {
			m.log.note(noteReturn, uint64(s))
			m.settle(s, e, now)
		}
		return nil
	}
	if !timed && m.room() == 0 {
		return ErrTooManyInFlight
	}
	m.log.note(noteExtend, uint64(s), uint64(deadline))
	m.extendTo(s, e, deadline)
	return nil
}

func (m *machine) extendTo(s slot, e *entry, deadline clock.Instant) {
	to := inFlight
	if e.isDead() {
		to = deadInFlight
	}
	m.leave(s, e)
	e.deadline = deadline
	m.enter(s, e, to)
}

// restore makes a dead letter a record like any other, and reports whether that
// is so by this receipt.
func (m *machine) restore(r *Receipt) bool {
	s, e := m.find(r)
	if s == 0 {
		return false
	}
	m.log.note(noteRestore, uint64(s))
	m.revive(s, e)
	return true
}

func (m *machine) revive(s slot, e *entry) {
	m.leave(s, e)
	e.received &^= maxCount
	m.enter(s, e, visible)
	m.counted.Restored++
}

// expire removes an entry whose record the stream has no more.
func (m *machine) expire(s slot, e *entry, now clock.Instant) {
	m.log.note(noteExpired, uint64(s))
	m.remove(s, e, now)
	m.counted.Expired++
}

// A horizon knows what a stream has of its shards.
type horizon interface {
	// oldest returns the index of the oldest record of a shard, or false if the
	// shard is gone.
	oldest(id weir.ShardID) (uint64, bool)
	// arrival returns when a record arrived, Unix milliseconds.
	arrival(id weir.ShardID, index uint64) int64
}

// sweep removes what the stream has no more, if anything can have expired.
func (m *machine) sweep(horizonMs int64, h horizon, now clock.Instant) {
	if m.table.used == 0 || horizonMs < m.oldestMs {
		return
	}
	m.sweepAll(h, now)
}

// sweepAll removes what the stream has no more.
func (m *machine) sweepAll(h horizon, now clock.Instant) {
	m.oldestMs = int64(clock.Never)
	for id, t := range m.shards {
		first, ok := h.oldest(id)
		for t.oldest != 0 {
			e := m.table.at(t.oldest)
			if ok && e.index >= first {
				m.oldestMs = min(m.oldestMs, h.arrival(id, e.index))
				break
			}
			m.expire(t.oldest, e, now)
		}
		if !ok {
			delete(m.shards, id)
			m.last = nil
		}
	}
}

// tidy lets go of shards that have vanished, when there are many.
func (m *machine) tidy(h horizon, now clock.Instant) {
	if len(m.shards) > m.many {
		m.sweepAll(h, now)
		m.many = 2*len(m.shards) + manyShards
	}
}

const manyShards = 64

// wake returns when the next record becomes visible by itself on a path, or
// [clock.Never].
func (m *machine) wake() clock.Instant {
	s, e := m.timers.first()
	if s == 0 {
		return clock.Never
	}
	return e.deadline
}

// A memory knows the receipts that were used last, so that who uses one twice,
// having missed the answer, is answered alike. It is a table in which a record
// can take another's place.
type memory [4096]struct {
	index    uint64
	shard    weir.ShardID
	delivery uint32
}

func placeOf(id weir.ShardID, index uint64) uint64 {
	return (index + uint64(id)*1021) % uint64(len(memory{}))
}

func (k *memory) add(r *Receipt) {
	p := &k[placeOf(r.shard, r.index)]
	p.index, p.shard, p.delivery = r.index, r.shard, r.delivery<<1|uint32(r.path)
}

func (k *memory) knows(r *Receipt) bool {
	if k == nil {
		return false
	}
	p := &k[placeOf(r.shard, r.index)]
	return p.index == r.index && p.shard == r.shard && p.delivery == r.delivery<<1|uint32(r.path) && r.index > 0
}

// set makes settings those of the machine.
func (m *machine) set(to Settings) {
	m.settings = to
	m.log.note(noteSettings, uint64(to.Visibility+1), uint64(to.MaxReceives+1))
}

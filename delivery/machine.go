package delivery

import (
	"slices"
	"time"
)

// Rules are when a machine cuts objects.
type rules struct {
	size, count int
	// interval is how long a record waits for others; none if it is negative.
	interval time.Duration
	// mostPartitions is how many may be open at a time.
	mostPartitions int
	// mostEntries is how many objects a plan may have.
	mostEntries int
	// delimiter is appended to what goes to the sink.
	delimiter string
	spare     *spare // what buffers are made of; nil is anew
}

// A machine decides about the records of one shard: which object each belongs
// to, when an object is cut, which of them may be delivered, and how far the
// shard is done. It knows no clock and no goroutine.
//
// Invariants: a record that lies behind the position is in one buffer, in one
// cut object, in one that the plan says is done, or was left out on purpose.
// What is handed out by ready stands in the plan that was returned with it.
type machine struct {
	rules
	open    map[slot]*buffer
	oldest  []opening // in the order of opening; some are cut meanwhile
	fresh   []*cut    // not handed out
	flying  []*cut    // handed out, not settled
	entries []*entry  // the plan
	memory  int       // of what is in buffers and cut objects

	usual        int    // how many records the last object had, about
	serial       uint64 // of the last buffer
	order        uint64 // of the last record
	last, prior  place  // of the last record, and of the one before
	began        bool   // there was a record
	partitions   int    // how many open buffers are for the sink
	recalled     map[digest][]*entry
	recalledUpTo place // behind it the plan of the life before has nothing
}

// Where few buffers are filled, each has room for as many records from the
// beginning as the last one had, up to some.
const (
	fewBuffers = 4
	mostUsual  = 1 << 16
)

// An opening is when a buffer was opened. It does not keep the buffer.
type opening struct {
	slot   slot
	serial uint64
	at     time.Time
}

// newMachine returns a machine that goes on with a plan.
func newMachine(r rules, plan []*entry) *machine {
	m := &machine{rules: r, open: make(map[slot]*buffer), entries: plan}
	if len(plan) > 0 {
		m.recalled = make(map[digest][]*entry)
	}
	for _, e := range plan {
		m.recalled[e.slot] = append(m.recalled[e.slot], e)
		if e.last.compare(m.recalledUpTo) > 0 {
			m.recalledUpTo = e.last
		}
	}
	for _, list := range m.recalled {
		slices.SortFunc(list, func(a, b *entry) int { return a.first.compare(b.first) })
	}
	return m
}

// begin takes in that the record at a place comes next, in order. Then take is
// called with what is to be delivered of it.
func (m *machine) begin(at place) {
	at = at.whole()
	if m.recalled != nil && at.compare(m.recalledUpTo) > 0 && at.number != m.recalledUpTo.number {
		m.forget()
	}
	m.prior, m.last = m.last, at
	m.order++
	m.began = true
}

// forget ends the time in which the plan of the life before counts.
func (m *machine) forget() {
	for _, b := range m.open {
		if b.until != (place{}) {
			m.cut(b)
		}
	}
	m.recalled = nil
}

// admits says whether a record may be taken: a record of a new partition may
// not be when too many are open, unless it was in the life before.
func (m *machine) admits(it *item) bool {
	return it.kind != delivered || m.partitions < m.mostPartitions && !m.full() || m.open[it.slot] != nil ||
		m.recalled != nil && m.recall(it.slot, it.record.place()) != nil
}

// take puts a record, or a part of it, into a buffer. The records of a shard
// come in their order.
func (m *machine) take(now time.Time, it *item) {
	at, until := it.record.place(), place{}
	if m.recalled != nil {
		var done bool
		if until, done = m.planned(it, at); done {
			return
		}
	}
	delimiter := ""
	if it.kind == delivered {
		delimiter = m.delimiter
	}
	full, b := m.full(), m.open[it.slot]
	if b != nil && !full && b.bytes+len(it.record.Data)+len(delimiter) > m.size {
		m.cut(b)
		b = nil
	}
	if b == nil {
		b = m.opened(now, it, until)
	}
	was := b.memory
	b.add(&it.record, delimiter)
	m.memory += b.memory - was
	if at == until || !full && (b.bytes >= m.size || len(b.records) >= m.count) {
		m.cut(b)
	}
}

// planned returns where the object ends that the plan of the life before has for
// a record, the zero place if it has none, and whether it is done with. What of
// the record's slot belongs to another object is cut: the ranges of entries must
// not overlap, for the next life.
func (m *machine) planned(it *item, at place) (until place, done bool) {
	e := m.recall(it.slot, at)
	if e != nil {
		until = e.last
	}
	if b := m.open[it.slot]; b != nil && b.until != until {
		m.cut(b)
	}
	return until, e != nil && e.done && !it.byChance
}

// recall returns the entry of the plan that a record belongs to. Nil means that
// there is none.
func (m *machine) recall(s slot, at place) *entry {
	d := s.digest()
	list := m.recalled[d]
	for len(list) > 0 && list[0].last.compare(at) < 0 {
		list = list[1:]
	}
	m.recalled[d] = list
	if len(list) == 0 || at.compare(list[0].first) < 0 {
		return nil
	}
	return list[0]
}

func (m *machine) opened(now time.Time, it *item, until place) *buffer {
	m.serial++
	b := &buffer{slot: it.slot, values: it.values, serial: m.serial, order: m.order, before: m.prior, until: until, spare: m.spare}
	if len(m.open) < fewBuffers {
		b.records = m.spare.few(m.usual) // as many as the last one had
	}
	m.open[it.slot] = b
	if len(m.oldest) > 2*len(m.open)+64 {
		m.oldest = slices.DeleteFunc(m.oldest, func(o opening) bool { return m.buffer(o) == nil })
	}
	m.oldest = append(m.oldest, opening{it.slot, m.serial, now})
	if b.kind == delivered {
		m.partitions++
	}
	return b
}

// cut makes an object of a buffer.
func (m *machine) cut(b *buffer) {
	delete(m.open, b.slot)
	if b.kind == delivered {
		m.partitions--
	}
	b.arena = nil
	m.usual = min(len(b.records), mostUsual)
	m.fresh = append(m.fresh, &cut{buffer: b})
}

// buffer returns what was opened, nil if it is cut.
func (m *machine) buffer(o opening) *buffer {
	if b := m.open[o.slot]; b != nil && b.serial == o.serial {
		return b
	}
	return nil
}

// due cuts what has waited long enough, and returns when to call it again; the
// zero time means that there is nothing to wait for.
func (m *machine) due(now time.Time) time.Time {
	for len(m.oldest) > 0 {
		o := m.oldest[0]
		if b := m.buffer(o); b != nil {
			if at := o.at.Add(m.interval); m.interval > 0 && at.After(now) {
				return at
			}
			m.cut(b)
		}
		m.oldest = m.oldest[1:]
	}
	m.oldest = nil
	return time.Time{}
}

// cutAll cuts all that there is.
func (m *machine) cutAll() {
	for _, o := range m.oldest {
		if b := m.buffer(o); b != nil {
			m.cut(b)
		}
	}
	m.oldest = nil
}

// cutLargest cuts the buffer that takes most memory, if there is one.
func (m *machine) cutLargest() {
	var most *buffer
	for _, o := range m.oldest {
		if b := m.buffer(o); b != nil && (most == nil || b.memory > most.memory) {
			most = b
		}
	}
	if most != nil {
		m.cut(most)
	}
}

// crowded says that the plan has as many objects as it may have: those that hold
// the position are to be delivered before there are more. What was planned in
// the life before makes room as it is read again.
func (m *machine) crowded() bool {
	most := m.mostEntries
	if m.recalled != nil {
		most *= 2
	}
	return m.objects() >= most
}

// objects is how many the plan would have if all were cut.
func (m *machine) objects() int { return len(m.entries) + len(m.fresh) + len(m.open) }

// full says that a lease keeps hardly any more objects. Nobody can wait within a
// record that has thousands of parts: until its end objects become larger than
// they should.
func (m *machine) full() bool { return m.objects() >= maxEntries-100 }

// cutOldest cuts what holds the position, if it is still filled.
func (m *machine) cutOldest() {
	for _, o := range m.oldest {
		if b := m.buffer(o); b != nil {
			m.cut(b)
			return
		}
	}
}

// ready returns the objects that were cut, in the order in which they were. They
// may be delivered when position and plan have been written; each is to be
// settled then.
func (m *machine) ready() []*cut {
	cuts := m.fresh
	for _, c := range cuts {
		c.entry = m.plan(c)
	}
	m.fresh, m.flying = nil, append(m.flying, cuts...)
	m.prune()
	return cuts
}

// plan puts a cut object into the plan, in place of what the life before had
// planned for its records.
func (m *machine) plan(c *cut) *entry {
	e := &entry{slot: c.slot.digest(), first: c.first(), last: c.last()}
	m.entries = slices.DeleteFunc(m.entries, func(old *entry) bool {
		return old.slot == e.slot && old.first.compare(e.last) <= 0 && e.first.compare(old.last) <= 0
	})
	m.entries = append(m.entries, e)
	return e
}

// settle takes in that an object is delivered, and that what was in it need not
// come again.
func (m *machine) settle(c *cut) {
	if i := slices.Index(m.flying, c); i >= 0 {
		m.flying = slices.Delete(m.flying, i, i+1)
		m.memory -= c.memory
		c.entry.done = true
	}
}

// position returns up to where all is done, and the plan behind it. ok is false
// if nothing is known yet.
func (m *machine) position() (at place, plan []*entry, ok bool) {
	if !m.began {
		return place{}, m.entries, false
	}
	at = m.last
	least := m.order + 1
	hold := func(b *buffer) {
		if b.order < least {
			at, least = b.before, b.order
		}
	}
	for _, b := range m.open {
		hold(b)
	}
	for _, c := range m.fresh {
		hold(c.buffer)
	}
	for _, c := range m.flying {
		hold(c.buffer)
	}
	m.pruneTo(at)
	return at, m.entries, at != place{}
}

func (m *machine) prune() {
	at, _, _ := m.position()
	m.pruneTo(at)
}

// pruneTo drops what of the plan lies up to the position.
func (m *machine) pruneTo(at place) {
	m.entries = slices.DeleteFunc(m.entries, func(e *entry) bool { return e.last.whole().compare(at) <= 0 })
}

// idle reports whether nothing is held.
func (m *machine) idle() bool {
	return len(m.open) == 0 && len(m.fresh) == 0 && len(m.flying) == 0
}

// oldestArrival returns when the oldest record arrived that is held, zero if
// none is.
func (m *machine) oldestArrival() (oldest time.Time) {
	look := func(b *buffer) {
		if at := b.records[0].ArrivalTime; oldest.IsZero() || at.Before(oldest) {
			oldest = at
		}
	}
	for _, b := range m.open {
		look(b)
	}
	for _, c := range m.fresh {
		look(c.buffer)
	}
	for _, c := range m.flying {
		look(c.buffer)
	}
	return oldest
}

package producer

import (
	"time"

	"github.com/weirstream/weir"
)

// A telling is outcomes that are to be told, of records that were put together.
// A record is not looked at before that: after thousands of others it is in no
// cache of the processor, each time.
type telling struct {
	items  []*record
	placed []weir.Placed // where each is, or the aggregate; nil if they failed
	packed bool          // into an aggregate
	once   *[1]Attempt   // the one that succeeded
	at     time.Duration // when it was known
}

// outcome returns what is told of a record.
func (t *telling) outcome(i int) Outcome {
	r := t.items[i]
	o := Outcome{Took: t.at - r.arrived}
	switch {
	case t.once == nil:
	case t.packed:
		o.Placed, o.Aggregated, o.Sub, o.Attempts = t.placed[0], true, i, t.once[:]
	default:
		o.Placed, o.Attempts = t.placed[i], t.once[:]
	}
	if t := r.troubles; t != nil {
		o.Err, o.Attempts = t.err, append(t.attempts, o.Attempts...)
	}
	return o
}

// An outbox is what is to be told.
type outbox struct {
	list    []telling
	batches []*batch // whose memory may be used again when it is told

	// What came of it.
	records   int
	homes     []home
	bytes     int64 // that they took
	latencies latencies
}

// A home is so many of a block's records that were told.
type home struct {
	b *block
	n int
}

// isEmpty reports whether there is nothing to be told.
func (o *outbox) isEmpty() bool { return len(o.list) == 0 && len(o.batches) == 0 }

// tell tells each outcome, and forgets the records.
func (o *outbox) tell() {
	for i := range o.list {
		t := &o.list[i]
		for j, r := range t.items {
			if j%touchedAtOnce == 0 {
				touch(t.items[j:])
			}
			if r.done != nil {
				r.done(t.outcome(j))
			}
			if t.once != nil {
				o.latencies.add(t.at - r.arrived)
			}
			o.bytes += int64(r.size)
			o.leave(r.home)
			r.forget()
		}
		o.records += len(t.items)
	}
}

// leave notes that a block has one record less.
func (o *outbox) leave(b *block) {
	if b == nil {
		return
	}
	last := len(o.homes) - 1
	if last < 0 || o.homes[last].b != b {
		o.homes = append(o.homes, home{b: b})
		last++
	}
	o.homes[last].n++
}

// reset makes an outbox empty that was told. It keeps the memory.
func (o *outbox) reset() {
	clear(o.list)
	clear(o.batches)
	clear(o.homes)
	*o = outbox{list: o.list[:0], batches: o.batches[:0], homes: o.homes[:0]}
}

// deliver tells that records are stored.
func (m *machine) deliver(t telling) {
	m.counts.delivered += int64(len(t.items))
	t.at = m.now
	m.out.list = append(m.out.list, t)
}

// fail tells that a record was not delivered, and why.
func (m *machine) fail(r *record, err error) {
	m.counts.failed++
	r.trouble().err = m.errorOf(r, err)
	if n := len(m.out.list); n == 0 || m.out.list[n-1].once != nil || m.out.list[n-1].at != m.now {
		m.out.list = append(m.out.list, telling{at: m.now})
	}
	t := &m.out.list[len(m.out.list)-1]
	t.items = append(t.items, r)
}

// takeOut returns what is to be told, and gets an empty outbox for what comes
// next.
func (m *machine) takeOut(empty outbox) outbox {
	o := m.out
	m.out = empty
	return o
}

// told takes back what was told.
func (m *machine) told(o *outbox) {
	m.held -= o.records
	m.bytes -= o.bytes
	m.counts.latencies.join(&o.latencies)
	for _, h := range o.homes {
		m.release(h.b, h.n)
	}
	for _, b := range o.batches {
		m.reuse(b)
	}
	m.widest = 0
	for _, l := range m.active {
		m.widest = max(m.widest, m.waits(l))
	}
}

package producer

import (
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aggregate"
)

// A batch is what one call puts.
type batch struct {
	entries []weir.Entry
	items   []*record // the user records in entries, in order
	ends    []int     // where each entry's items end; nil if each has one
	parts   []part    // by lane
	flight  *flight
	bytes   int
	began   time.Duration

	half bool // of another one

	placed []weir.Placed // where the entries are that are stored

	keys map[string]struct{} // ordered: of the entries
}

// A part is a batch's entries of one lane.
type part struct {
	id    weir.ShardID
	known bool
	keys  weir.HashKeyRange
	end   int     // where its entries end
	bytes float64 // what it took of the shard's limits
}

// A flight is what keeps lanes busy: a call, or what became of it.
type flight struct {
	parts []part
	open  int // batches and landings that belong to it
}

// len returns how many entries b has.
func (b *batch) len() int {
	if b.ends != nil {
		return len(b.ends)
	}
	return len(b.items)
}

// itemsOf returns the user records of an entry.
func (b *batch) itemsOf(i int) []*record {
	if b.ends == nil {
		return b.items[i : i+1]
	}
	from := 0
	if i > 0 {
		from = b.ends[i-1]
	}
	return b.items[from:b.ends[i]]
}

// form returns what is put by the next call, or nil if there is nothing to be
// put now.
func (m *machine) form() (b *batch) {
	if m.shards.missing(m.c.needsMap) {
		return nil
	}
	n := len(m.active)
	for i := range n {
		l := m.active[(m.turn+i)%n]
		if m.due(l) > m.now {
			continue
		}
		if b == nil {
			b = m.newBatch()
			m.turn = (m.turn + i + 1) % n // another lane comes first the next time
		}
		if !m.take(b, l) {
			break
		}
	}
	if b == nil {
		return nil
	}
	if b.ends == nil { // what lingers may as well come along
		for _, l := range m.active {
			if l.busy == 0 && l.fresh.n > 0 && m.now >= max(l.notBefore, m.affordable(l)) && !m.take(b, l) {
				break
			}
		}
	}
	if b.len() == 0 { // what was to go has become too old
		return nil
	}
	b.flight = &flight{parts: b.parts, open: 1}
	m.flights[b.flight] = struct{}{}
	return b
}

func (m *machine) newBatch() *batch {
	if last := len(m.spare) - 1; last >= 0 {
		b := m.spare[last]
		m.spare = m.spare[:last]
		if (b.ends != nil) == m.packs() {
			return b
		}
	}
	n := m.c.batchRecords // of which not all may be there
	if m.c.ordered || m.packs() {
		n = min(n, m.waiting)
	}
	b := &batch{items: make([]*record, 0, n)}
	switch {
	case m.packs():
		b.ends = make([]int, 0, 8)
		return b
	case m.c.ordered:
		b.keys = make(map[string]struct{}, n)
	}
	b.entries = make([]weir.Entry, 0, n)
	return b
}

// packs reports whether there are aggregates: not where nobody knows the shards.
func (m *machine) packs() bool { return m.c.aggregate && m.lanes[0].known }

// take puts records of a lane into a batch. It reports whether there is room for
// more.
func (m *machine) take(b *batch, l *lane) (room bool) {
	from := b.len()
	before := b.bytes
	switch {
	case b.ends != nil:
		room = m.takeAggregates(b, l)
	case m.c.ordered:
		room = m.takeDistinct(b, l)
	default:
		room = m.takeSingles(b, l)
	}
	if b.len() > from {
		b.parts = append(b.parts, part{l.id, l.known, l.keys, b.len(), float64(b.bytes - before)})
		l.busy++
	}
	return room
}

// fits reports whether an entry of so many bytes has room in b.
func (m *machine) fits(b *batch, size int) bool {
	return b.len() < m.c.batchRecords && b.bytes+size <= m.c.batchBytes
}

// pay reports whether the limits of a lane's shard let pass an entry, and takes
// from them what it needs.
func (m *machine) pay(l *lane, size int) bool {
	if !l.limited {
		return true
	}
	if l.records.wait(m.now, 1) > 0 || l.bytes.wait(m.now, float64(size)) > 0 {
		return false
	}
	l.records.take(1)
	l.bytes.take(float64(size))
	return true
}

// pull takes the record out of a lane that peek returned.
func (m *machine) pull(l *lane, w waiting) {
	if w.r == l.fresh.first().r {
		m.takeFresh(l)
	} else {
		m.takeLater(l)
	}
}

// takeRun takes records as they are that nothing slows down: none has come back,
// and no limit is to be asked.
func (m *machine) takeRun(b *batch, l *lane) (room bool) {
	n, bytes := 0, 0
	items, entries := b.items, b.entries
	for room = true; n < l.fresh.n; n++ {
		w := l.fresh.at(n)
		size := int(w.bytes)
		if len(items) == m.c.batchRecords || b.bytes+bytes+size > m.c.batchBytes {
			room = false
			break
		}
		bytes += size
		items, entries = append(items, w.r), append(entries, w.r.entry())
	}
	b.items, b.entries, b.bytes = items, entries, b.bytes+bytes
	l.fresh.skip(n)
	m.count(l, -n, -bytes)
	return room
}

// takeSingles takes records as they are.
func (m *machine) takeSingles(b *batch, l *lane) (room bool) {
	if !l.limited && len(l.later) == 0 {
		return m.takeRun(b, l)
	}
	for w := m.peek(l); w.r != nil; w = m.peek(l) {
		size := int(w.bytes)
		if !m.fits(b, size) {
			return false
		}
		if !m.pay(l, size) {
			break
		}
		m.pull(l, w)
		b.add(w.r, size)
	}
	return true
}

func (b *batch) add(r *record, size int) {
	b.items = append(b.items, r)
	b.entries = append(b.entries, r.entry())
	b.bytes += size
}

// looked is how many records are looked at, for one that is put, to find some
// with different keys.
const looked = 4

// takeDistinct takes the first record of each partition key: nobody promises
// that a call keeps the order of its entries, and one of them may fail alone.
func (m *machine) takeDistinct(b *batch, l *lane) (room bool) {
	room = true
	var kept []waiting
	n, most := 0, min(l.fresh.n, looked*m.c.batchRecords)
	for ; n < most; n++ {
		w := *l.fresh.at(n)
		if _, there := b.keys[w.r.key]; there {
			kept = append(kept, w)
			continue
		}
		size := int(w.bytes)
		if room = m.fits(b, size); !room || !m.pay(l, size) {
			break
		}
		m.count(l, -1, -size)
		b.keys[w.r.key] = struct{}{}
		b.add(w.r, size)
	}
	l.fresh.keep(n, kept)
	return room
}

// packedAtOnce is beyond how many bytes a call with aggregates takes no more. Its
// records are gone through when they are taken, packed, settled and told: so
// many are still in the processor's cache each time, and of aggregates of the
// usual size there are sixteen, which are hashed side by side.
const packedAtOnce = 3 << 18

// takeAggregates takes records in groups of which each is to be an aggregate.
// What is one already goes as it is: consumers take aggregates apart once.
// Ordered it is one: another one might arrive before it.
func (m *machine) takeAggregates(b *batch, l *lane) (room bool) {
	for w := m.peek(l); w.r != nil; w = m.peek(l) {
		size := int(w.bytes) // alone it goes as it is
		if !m.fits(b, size) || b.bytes >= packedAtOnce {
			return false
		}
		if !m.pay(l, size) {
			break
		}
		m.pull(l, w)
		b.items = append(b.items, w.r)
		packed := 0
		if w.packed > 0 {
			packed = m.pack(b, l, aggregateBytes+int(w.packed))
		}
		if packed > 0 {
			l.bytes.take(float64(packed - size))
			size = packed
		}
		b.bytes += size
		b.ends = append(b.ends, len(b.items))
		if m.c.ordered {
			break
		}
	}
	return true
}

// pack adds records to the last one of a batch, which would take so many bytes
// in an aggregate, and returns what they take together; 0 if there are none.
func (m *machine) pack(b *batch, l *lane, size int) (packed int) {
	for w := m.peek(l); w.packed > 0; w = m.peek(l) {
		size += int(w.packed)
		if size > m.c.aggregateBytes || b.bytes+size > m.c.batchBytes || l.bytes.wait(m.now, float64(size)) > 0 {
			break
		}
		m.pull(l, w)
		b.items = append(b.items, w.r)
		packed = size
	}
	return packed
}

// aggregateBytes is what an aggregate has beside its user records.
const aggregateBytes = aggregate.OverheadBytes + len(aggregate.OuterKey)

// packedBytes returns what a user record takes in an aggregate at most: a place
// for its keys in the tables, which it may share with others, and its own part. It
// is 0 of what is an aggregate already.
func packedBytes(r *record) int {
	if aggregate.May(r.data) {
		return 0
	}
	const index = 1 + 4 // the tag and a place in a table, which has no more than 2^28
	body := index + 1 + varintBytes(len(r.data)) + len(r.data)
	tables := 1 + varintBytes(len(r.key)) + len(r.key)
	if r.explicit != nil {
		const digits = 39
		body += index
		tables += 1 + 1 + digits
	}
	return tables + 1 + varintBytes(body) + body
}

func varintBytes(n int) int {
	bytes := 1
	for n >= 1<<7 {
		n >>= 7
		bytes++
	}
	return bytes
}

// A packer is the memory in which the entries of batches are made, one after the
// other's call.
type packer struct {
	builder aggregate.Builder
	data    []byte // of aggregates
	entries []weir.Entry
	unsum   [][]byte
}

// maxPacked is how much of a packer's memory is kept for the next call: more than
// what a call has, unless aggregates are large.
const maxPacked = 2 * packedAtOnce

// encode makes the entries of a batch that has groups. They are valid until the
// next batch is encoded. It needs nothing of the machine.
func (p *packer) encode(b *batch) {
	if b.ends == nil || b.entries != nil {
		return
	}
	clear(p.entries)
	p.entries, p.unsum, p.data = p.entries[:0], p.unsum[:0], p.data[:0]
	if cap(p.data) > maxPacked || cap(p.data) < b.bytes {
		p.data = make([]byte, 0, b.bytes)
	}
	for i := range b.ends {
		items := b.itemsOf(i)
		if len(items) == 1 {
			p.entries = append(p.entries, items[0].entry())
			continue
		}
		p.builder.Reset()
		for i, r := range items { // which are checked, and fit: see pack
			if i%touchedAtOnce == 0 {
				touch(items[i:])
			}
			hash := ""
			if r.explicit != nil {
				hash = r.explicit.String()
			}
			p.builder.AddUnchecked(r.key, hash, r.data)
		}
		p.entries = append(p.entries, p.aggregate())
	}
	aggregate.Sum(p.unsum)
	b.entries = p.entries
}

// aggregate returns what the builder has, without its checksum. Where memory is
// too small for more, what was made stays where it is.
func (p *packer) aggregate() weir.Entry {
	if size := p.builder.Size(); cap(p.data)-len(p.data) < size {
		p.data = make([]byte, 0, max(2*cap(p.data), size))
	}
	e, needs := p.builder.EntryUnsummed(p.data)
	if needs {
		p.data = p.data[:len(p.data)+len(e.Data)]
		p.unsum = append(p.unsum, e.Data)
	}
	return e
}

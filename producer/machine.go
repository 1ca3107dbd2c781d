package producer

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/weirstream/weir"
)

// A machine holds records until their outcome is told. It decides which are put
// together and when, what is tried again, and what has failed. It is told what
// time it is, on a clock that only goes forward, what calls have answered and
// which shards there are; it does nothing itself. It is for one goroutine at a
// time.
//
//  1. A record that was added is handed out as an outcome exactly once.
//  2. Of the records of a hash key range at most one call is under way.
//  3. If ordered, a call has one entry at most of what has the same partition
//     key, and what comes back from it goes before all that is younger.
//  4. An aggregate is delivered only if all its hash keys lie in the range of
//     the shard where it landed.
type machine struct {
	c      settings
	random *rand.Rand
	now    time.Duration // the latest that it was told

	newest  uint64               // number of the newest record
	flushed uint64               // records up to this number do not linger
	held    int                  // records whose outcome was not told
	bytes   int64                // what they take
	waiting int                  // of them, those in lanes
	queued  int64                // bytes of those
	free    [blockSizes][]*block // by the logarithm of their size
	intake  intake

	lanes  []*lane // by range; they cover the key space
	widest int64   // what waits in a lane takes no more of memory
	active []*lane // those with records, in no order
	turn   int     // the place in active that is looked at first
	shards shardMap

	spare    []*batch // to be used again
	again    []*batch // to be put before all others
	calls    int      // under way
	flights  map[*flight]struct{}
	unjudged []*landing
	ended    error // nothing is put any more, because of this
	out      outbox

	counts counts
}

// settings is what a machine needs to know of a [Config].
type settings struct {
	stream                            string
	aggregate, ordered, failThrottled bool
	needsMap                          bool
	aggregateBytes                    int
	batchRecords                      int
	batchBytes, shardBytes            int
	linger, ttl                       time.Duration
	backoff, maxBackoff               time.Duration
	calls                             int
	maxBytes                          int64
	shardRecordsRate, shardBytesRate  float64   // a second; infinite without limits
	epoch                             time.Time // when the machine's clock was zero
}

const never = time.Duration(math.MaxInt64)

var wholeRange = weir.HashKeyRange{End: weir.HashKey{Hi: math.MaxUint64, Lo: math.MaxUint64}}

func newMachine(c settings, random *rand.Rand) *machine {
	m := &machine{c: c, random: random, flights: make(map[*flight]struct{})}
	m.shards.wanted = c.needsMap
	m.lanes = []*lane{m.newLane(0, false, wholeRange)}
	return m
}

// sizeOf returns what a record takes of memory. What is packed into an aggregate
// is there twice while that is put.
func (m *machine) sizeOf(e *weir.Entry) int {
	n := e.Size() + recordBytes
	if m.c.aggregate {
		n += e.Size()
	}
	return n
}

// recordBytes is what a record takes beside its data and its partition key: a
// half of it when it is part of a call, the rest when attempts have failed.
const recordBytes = 768

// hasRoom reports whether so many bytes more are within the bound.
func (m *machine) hasRoom(size int) bool { return m.bytes+int64(size) <= m.c.maxBytes }

// isCrowded reports whether the lane of a hash key has more waiting than there
// is room left. So what one shard cannot take leaves half of the room to the
// others, and what n shards cannot take a part of n + 1.
func (m *machine) isCrowded(hash weir.HashKey) bool {
	left := m.c.maxBytes - m.bytes
	if len(m.lanes) == 1 || m.bytes <= left {
		return false
	}
	return m.waits(m.laneOf(hash)) > left
}

// waits returns what the records that wait in a lane take of memory.
func (m *machine) waits(l *lane) int64 {
	waits := l.size + int64(l.count)*recordBytes
	if m.c.aggregate {
		waits += l.size
	}
	return waits
}

// reserve takes room for a record that is to be added.
func (m *machine) reserve(size int) { m.bytes += int64(size) }

// add takes in a record, for which there is room reserved. It returns when the
// machine is to be asked what to do.
func (m *machine) add(e *weir.Entry, hash weir.HashKey, size int, done func(Outcome), now time.Duration) time.Duration {
	m.now = max(m.now, now)
	m.place() // what came before
	l := m.laneOf(hash)
	r := m.newRecord(l, m.arrived(e, size, done))
	if r.hash = hash; r.explicit != nil {
		r.explicit = &r.hash // the caller's may be another one's next
	}
	m.join(l, r)
	if m.calls >= m.c.calls {
		return never // who ends a call asks
	}
	return m.due(l)
}

// arrived returns the newest record.
func (m *machine) arrived(e *weir.Entry, size int, done func(Outcome)) record {
	m.newest++
	m.held++
	return record{
		key: e.PartitionKey, data: e.Data, explicit: e.ExplicitHashKey,
		n: m.newest, arrived: m.now, size: int32(size), done: done,
	}
}

// newRecord returns the memory of a lane's newest record, which it becomes.
func (m *machine) newRecord(l *lane, as record) *record {
	b := l.block
	if b == nil {
		b = m.newBlock(l)
	}
	r := &b.records[b.used]
	*r = as
	r.home = b
	b.live++
	if b.used++; b.used == len(b.records) {
		b.lane, l.block = nil, nil
		if m.inTurn() {
			l.blocks = min(l.blocks+1, blockSizes-1)
		}
	}
	return r
}

// inTurn reports whether records of a lane leave it about as they came: else one
// that stays behind would keep the memory of its neighbours.
func (m *machine) inTurn() bool { return m.c.aggregate || !m.c.ordered }

// newBlock gives a lane the memory of its next records.
func (m *machine) newBlock(l *lane) (b *block) {
	free := &m.free[l.blocks]
	if last := len(*free) - 1; last >= 0 {
		b, *free = (*free)[last], (*free)[:last]
	} else {
		b = &block{records: make([]record, 1<<l.blocks)}
	}
	b.lane, l.block = l, b
	return b
}

// release takes back so many records of a block, which are forgotten.
func (m *machine) release(b *block, n int) {
	if b.live -= n; b.live > 0 {
		return
	}
	if l := b.lane; l != nil { // which is at rest
		l.block, l.blocks, b.lane = nil, 0, nil
	}
	b.used = 0
	free := &m.free[bits.Len(uint(len(b.records)))-1]
	*free = append(*free, b)
}

// apart moves a record out of its block, where others may leave soon.
func (m *machine) apart(r *record) *record {
	if r.home == nil {
		return r
	}
	b, one := r.home, new(record)
	*one = *r
	if one.home = nil; one.explicit != nil {
		one.explicit = &one.hash
	}
	r.forget()
	m.release(b, 1)
	return one
}

// count takes in that so many records come to a lane, or leave it.
func (m *machine) count(l *lane, records, bytes int) {
	l.count += records
	l.size += int64(bytes)
	m.waiting += records
	m.queued += int64(bytes)
	if records > 0 {
		m.widest = max(m.widest, m.waits(l))
	}
	if l.place < 0 {
		l.place = len(m.active)
		m.active = append(m.active, l)
	}
}

// rest takes a lane that is empty out of those that are looked at.
func (m *machine) rest(l *lane) {
	last := m.active[len(m.active)-1]
	m.active[l.place], last.place = last, l.place
	m.active = m.active[:len(m.active)-1]
	l.place = -1
}

// flush makes what there is not linger.
func (m *machine) flush() { m.flushed = m.newest }

// isFull reports whether what waits is enough for a call, or takes so much memory
// that nobody should wait for more.
func (m *machine) isFull() bool {
	return m.queued >= int64(m.c.batchBytes) || m.bytes > m.c.maxBytes/2 || m.waiting >= m.c.batchRecords && !m.c.aggregate
}

// next returns a call that is to be made, if there is one, and when to ask
// again: at once where there is more, never where it is enough to ask after the
// next thing that happens.
func (m *machine) next(now time.Duration) (b *batch, at time.Duration) {
	m.now = max(m.now, now)
	m.place()
	m.expire()
	if m.calls < m.c.calls {
		if len(m.again) > 0 {
			b = m.again[0]
			m.again = slices.Delete(m.again, 0, 1)
			return m.begin(b), m.now
		}
		if b = m.form(); b != nil {
			m.begin(b)
		}
	}
	at = never
	for _, l := range m.active {
		at = min(at, m.look(l))
	}
	for _, g := range m.unjudged {
		at = min(at, m.expiry(g.items[0]))
	}
	if m.shards.wanted && !m.shards.asked {
		at = min(at, max(m.now, m.shards.askAt))
	}
	return b, at
}

// look returns when to look at a lane again.
func (m *machine) look(l *lane) (at time.Duration) {
	at = never
	if l.fresh.n > 0 {
		at = m.expiry(l.fresh.first().r)
	}
	if len(l.later) > 0 {
		at = min(at, m.expiry(l.later[0]))
	}
	if m.calls < m.c.calls { // else who ends a call asks
		at = min(at, max(m.now, m.due(l)))
	}
	return at
}

// begin notes that a call is made.
func (m *machine) begin(b *batch) *batch {
	m.calls++
	m.counts.calls++
	m.counts.entries += int64(b.len())
	b.began = m.now
	return b
}

// expire fails what is too old.
func (m *machine) expire() {
	for i := 0; i < len(m.active); i++ {
		l := m.active[i]
		for l.fresh.n > 0 && m.isExpired(l.fresh.first().r) {
			m.expired(m.takeFresh(l).r)
		}
		for len(l.later) > 0 && m.isExpired(l.later[0]) {
			m.expired(m.takeLater(l))
		}
		if l.count == 0 {
			m.rest(l)
			i--
		}
	}
	m.expireUnjudged()
}

func (m *machine) expiry(r *record) time.Duration { return r.arrived + m.c.ttl }

func (m *machine) isExpired(r *record) bool { return m.now >= m.expiry(r) }

// expired tells that a record was not delivered in its time.
func (m *machine) expired(r *record) {
	m.counts.expired++
	m.fail(r, ErrExpired)
}

// end fails whatever is not part of a call under way, and of that what does not
// succeed.
func (m *machine) end(err error) {
	m.ended = err
	m.place()
	for _, l := range m.active {
		for l.fresh.n > 0 {
			m.fail(m.takeFresh(l).r, err)
		}
		for len(l.later) > 0 {
			m.fail(m.takeLater(l), err)
		}
	}
	for len(m.active) > 0 {
		m.rest(m.active[0])
	}
	for _, b := range m.again {
		for _, r := range b.items {
			m.fail(r, err)
		}
		m.land(b.flight)
	}
	m.again = nil
	for _, g := range m.unjudged {
		for _, r := range g.items {
			m.fail(r, err)
		}
		m.land(g.flight)
	}
	m.unjudged = nil
}

// backOff returns how long a record waits after so many failures in a row.
func (m *machine) backOff(tries int32, class errorClass) time.Duration {
	d := m.c.backoff
	if class != throttled {
		d /= 2
	}
	if tries < 40 && d < m.c.maxBackoff>>(tries-1) {
		d <<= tries - 1
	} else {
		d = m.c.maxBackoff
	}
	return d - time.Duration(m.random.Float64()*float64(d)/2)
}

package producer

import (
	"crypto/md5"
	"encoding/binary"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/md5lanes"
)

// hashedAtOnce is how many records wait at most until their hash keys are found
// side by side, which takes a fifth of the time for each.
const hashedAtOnce = 32

// takeUnhashed takes in a record whose hash key need not be known for that, and
// reports whether it did.
func (p *Producer) takeUnhashed(e *weir.Entry, done func(Outcome)) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	size := p.m.sizeOf(e)
	if p.closed || p.waiters.Len() > 0 || !p.m.mayComeUnhashed(size) {
		return false
	}
	now := p.stamp()
	p.m.reserve(size)
	p.schedule(p.m.addUnhashed(e, size, done, now), now)
	return true
}

// An intake is the newest records of a machine, which are in no lane because
// their hash keys are not known.
type intake struct {
	records []record
	bytes   int // of data and partition keys
	size    int // what they take of memory
}

// mayComeUnhashed reports whether a record has room whichever lane it is for.
func (m *machine) mayComeUnhashed(size int) bool {
	if !m.hasRoom(size) {
		return false
	}
	left := m.c.maxBytes - m.bytes
	return len(m.lanes) == 1 || m.bytes <= left || m.widest+int64(m.intake.size) <= left
}

// addUnhashed is add for a record whose hash key is that of its partition key.
func (m *machine) addUnhashed(e *weir.Entry, size int, done func(Outcome), now time.Duration) time.Duration {
	m.now = max(m.now, now)
	in := &m.intake
	in.records = append(in.records, m.arrived(e, size, done))
	in.bytes += e.Size()
	in.size += size
	if m.c.linger == 0 || len(in.records) == hashedAtOnce || m.fills() {
		due := m.place()
		if m.calls >= m.c.calls {
			return never // who ends a call asks
		}
		return due
	}
	if m.shards.missing(m.c.needsMap) {
		return never // who learns of the shards asks
	}
	return m.now + m.c.linger
}

// fills reports whether the records of the intake may make what waits enough for
// a call, as machine.due has it.
func (m *machine) fills() bool {
	in, c := &m.intake, &m.c
	crosses := func(before, more, bound int64) bool { return before < bound && before+more >= bound }
	return in.bytes >= c.shardBytes/8 || // of one shard, maybe
		len(m.lanes) == 1 && crosses(m.lanes[0].size, int64(in.bytes), int64(c.shardBytes)) ||
		crosses(m.queued, int64(in.bytes), int64(c.batchBytes)) ||
		crosses(m.bytes-int64(in.size), int64(in.size), c.maxBytes/2+1) ||
		!c.aggregate && crosses(int64(m.waiting), int64(len(in.records)), int64(c.batchRecords))
}

// place finds the hash keys of the intake, and gives its records to their lanes.
// It returns when one of these is due.
func (m *machine) place() (due time.Duration) {
	if len(m.intake.records) == 0 {
		return never // without the memory that hashing takes, which is zeroed
	}
	return m.placeAll()
}

// placeAll is place where there are records.
func (m *machine) placeAll() (due time.Duration) {
	var keys [hashedAtOnce]string
	var sums [hashedAtOnce][md5.Size]byte
	in := &m.intake
	n := len(in.records)
	for i := range in.records {
		keys[i] = in.records[i].key
	}
	md5lanes.Sums(sums[:n], keys[:n])
	for i := range in.records {
		hash := weir.HashKey{Hi: binary.BigEndian.Uint64(sums[i][:8]), Lo: binary.BigEndian.Uint64(sums[i][8:])}
		l := m.laneOf(hash)
		r := m.newRecord(l, in.records[i])
		r.hash = hash
		m.join(l, r)
	}
	clear(in.records)
	*in = intake{records: in.records[:0]}
	due = never
	for _, l := range m.active {
		due = min(due, m.due(l))
	}
	return due
}

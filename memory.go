package weir

import (
	"sync"
	"sync/atomic"

	"github.com/weirstream/weir/internal/shardlog"
)

// memoryBound keeps the records of all shards within Config.MaxBytes.
type memoryBound struct {
	max    int64 // zero: no bound, and held is not kept
	policy FullPolicy
	held   atomic.Int64 // data, keys and overhead of records held or about to be

	dropping sync.Mutex // guards victim; taken before a shard's mutex
	victim   victim
}

// admit counts a record of size bytes as held, or reports that it does not fit.
// Where the oldest records are to be dropped instead, that is done by dropExcess
// once the record is stored, so that a record which a quota refuses drops nothing.
func (m *memoryBound) admit(size int) bool {
	n := int64(size) + RecordOverheadBytes
	if held := m.held.Add(n); held <= m.max || m.policy == DropOldest && n <= m.max {
		return true
	}
	m.held.Add(-n)
	return false
}

// give takes back what admit counted.
func (m *memoryBound) give(size int) {
	if m.max > 0 {
		m.held.Add(-int64(size) - RecordOverheadBytes)
	}
}

// admitCopies counts n records of size bytes as held, or reports that they do not
// all fit, in which case none is counted. Without a bound it has nothing to count.
func (m *memoryBound) admitCopies(size, n int) bool {
	if m.max == 0 {
		return true
	}
	each := int64(size) + RecordOverheadBytes
	if int64(n) > (m.max-m.held.Load())/each {
		return false
	}
	if m.held.Add(int64(n)*each) <= m.max {
		return true
	}
	m.giveCopies(size, n)
	return false
}

// giveCopies takes back what admitCopies counted.
func (m *memoryBound) giveCopies(size, n int) {
	if m.max > 0 {
		m.held.Add(-int64(n) * (int64(size) + RecordOverheadBytes))
	}
}

// giveExtent takes back what admit and admitCopies counted of trimmed records.
func (m *memoryBound) giveExtent(gone shardlog.Extent) {
	if m.max > 0 {
		m.held.Add(-gone.Bytes - gone.Records*RecordOverheadBytes)
	}
}

// makeRoom counts a record as held, or refuses it because it does not fit into
// MaxBytes though what has expired is trimmed. The stream has a bound; the caller
// holds no shard's mutex.
func (s *Stream) makeRoom(size int, now instant) error {
	if s.full.admit(size) {
		return nil
	}
	s.trimShards(now)
	if s.full.admit(size) {
		return nil
	}
	s.counts.add(now.second(), countRefusedRecords, 1)
	return ErrMemoryFull
}

// dropExcess drops the oldest records of the stream until the rest fits into
// MaxBytes, if that is its policy. The caller holds no shard's mutex.
func (s *Stream) dropExcess(now instant) {
	m := &s.full
	if m.policy != DropOldest || m.held.Load() <= m.max {
		return
	}
	m.dropping.Lock()
	defer m.dropping.Unlock()
	v := &m.victim
	for first := true; m.held.Load() > m.max; first = false {
		if !v.stands(s.routes.Load(), first) {
			*v = s.findVictim(v.keep(first))
		}
		if v.sh == nil {
			return // what is over the bound is about to be stored
		}
		switch ms, ok := v.sh.log.Oldest(); {
		case !ok: // trimmed just now
		case ms <= s.horizonMs(now):
			s.trimShards(now)
			*v = victim{}
		default:
			v.sh.dropUntil(min(v.before, v.after), now)
		}
	}
}

// A victim is the shard with the oldest record, the lowest one of several. To look
// at all shards for each record that is dropped would make a put cost time in
// proportion to their number, so it is remembered as long as it is certain to be it.
type victim struct {
	sh     *shard   // nil if there is none
	routes *routing // those it was found in
	// before and after are the oldest arrivals in the shards below it and above it
	// when it was found. Since then they can only have risen.
	before, after int64
	// once says that this holds for no longer than a call: a shard was empty, and
	// what it takes next may be older than what the others hold.
	once bool
}

const noArrival = int64(1 << 62)

// keep returns the shard that stays the victim where several are as old: within a
// call the one there is, at its beginning none.
func (v *victim) keep(first bool) *shard {
	if first {
		return nil
	}
	return v.sh
}

// stands reports whether the victim still is what it was found as. Within a call,
// that is after the first record, it also stays the victim while another shard has a
// record just as old.
func (v *victim) stands(routes *routing, first bool) bool {
	if v.sh == nil || v.routes != routes || v.once && first {
		return false
	}
	ms, ok := v.sh.log.Oldest()
	if !ok {
		return false
	}
	return ms < v.before && ms <= v.after || !first && ms <= min(v.before, v.after)
}

// findVictim looks for the shard with the oldest record, kept being preferred if
// it is as old as others.
func (s *Stream) findVictim(kept *shard) victim {
	v := victim{routes: s.routes.Load(), before: noArrival, after: noArrival}
	oldest := noArrival
	for _, sh := range v.routes.all {
		ms, ok := sh.log.Oldest()
		switch {
		case !ok:
			v.once = v.once || sh.ending.Load() == nil
		case ms < oldest || ms == oldest && sh == kept:
			v.before, v.after = min(v.before, oldest), noArrival
			v.sh, oldest = sh, ms
		default:
			v.after = min(v.after, ms)
		}
	}
	return v
}

// trimShards trims all shards by retention.
func (s *Stream) trimShards(now instant) {
	horizon := horizonMs(now, s.Retention())
	for _, sh := range s.routes.Load().all {
		sh.trimExpired(horizon)
	}
}

// dropUntil drops the oldest record and those after it that did not arrive after
// ms, as long as the stream is over its bound.
func (sh *shard) dropUntil(ms int64, now instant) {
	m := &sh.stream.full
	sh.mu.Lock()
	defer sh.mu.Unlock()
	gone := sh.log.TrimBytes(m.held.Load()-m.max, RecordOverheadBytes, ms)
	m.giveExtent(gone)
	sh.countDropped(now, gone.Records, gone.Bytes)
}

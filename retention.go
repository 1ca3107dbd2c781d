package weir

import (
	"sync/atomic"
	"time"
)

// Retention returns how long records stay readable.
func (s *Stream) Retention() time.Duration { return time.Duration(s.retention.Load()) }

// SetRetention changes how long records stay readable, at once. d must lie
// within [Limits.MinRetention] and [Limits.MaxRetention]. What had expired
// before stays unreadable when the retention grows; what is older than d
// becomes unreadable when it shrinks.
func (s *Stream) SetRetention(d time.Duration) error {
	if err := s.limits.checkRetention(d); err != nil {
		return err
	}
	s.reshard.Lock()
	defer s.reshard.Unlock()
	now := s.now()
	s.trimLocked(now) // with the old retention: what expired stays expired
	s.retention.Store(int64(d))
	s.trimLocked(now)
	return nil
}

// Trim releases the memory of all records that have expired. Puts do so as they
// go, for their own shard and in turn for all others; Trim is for streams that
// rest.
func (s *Stream) Trim() {
	s.reshard.Lock()
	defer s.reshard.Unlock()
	s.trimLocked(s.now())
}

// TrimTo makes the records of n's shard up to and including n unreadable at once,
// as if their retention had passed, and releases their memory by whole segments.
// It is for programs that know all their readers and that these have passed n; the
// service has nothing like it. A number beyond the newest record trims all there
// is. What is trimmed is not counted as dropped: nobody is to miss it.
//
// The error matches [ErrInvalidSequenceNumber] or [ErrShardNotFound] when n is not a
// number of this stream. A shard that has vanished is no error.
func (s *Stream) TrimTo(n SequenceNumber) error {
	sh, i, err := s.locateNumber(n, s.routes.Load(), s.now())
	if sh == nil || err != nil {
		return err
	}
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.raiseFirstLocked(min(i+1, sh.active.base+uint64(sh.n)))
	sh.dropSegmentsLocked()
	return nil
}

// tidyShards is how many shards are looked after in a second.
const tidyShards = 64

// tidy trims some shards, in turn, closed ones and idle ones among them, which no
// put would trim. It is called once in each second that is put in.
func (s *Stream) tidy(now instant) {
	if !s.reshard.TryLock() {
		return
	}
	defer s.reshard.Unlock()
	horizon, all := s.horizonMs(now), s.routes.Load().all
	for range min(tidyShards, len(all)) {
		s.tidied++
		all[s.tidied%len(all)].trimExpired(horizon)
	}
	s.forgetExpiredLocked(horizon)
}

// trimExpired trims the shard if it holds a record that has expired.
func (sh *shard) trimExpired(horizonMs int64) {
	if ms, ok := sh.oldestArrival(); ok && ms <= horizonMs {
		sh.trim(horizonMs)
	}
}

// trimLocked trims every shard and forgets those that have vanished. The caller
// holds reshard.
func (s *Stream) trimLocked(now instant) {
	horizon := horizonMs(now, s.Retention())
	for _, sh := range s.routes.Load().all {
		sh.trim(horizon)
	}
	s.forgetExpiredLocked(horizon)
}

// trim raises the shard's trim horizon to the first record that arrived after
// horizonMs, and releases the memory below it.
func (sh *shard) trim(horizonMs int64) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	c := cursor{next: sh.first.Load()}
	sh.clampToHorizon(&c, horizonMs)
	sh.raiseFirstLocked(c.next)
	sh.dropSegmentsLocked()
}

// releaseLocked releases the oldest segments once all their records have expired.
// It is called at every put and mostly looks at one number.
func (sh *shard) releaseLocked(now instant) {
	for sh.ring.n > 1 {
		second := sh.ring.at(1)
		if second.baseMs > horizonMs(now, sh.stream.Retention()) {
			return
		}
		// Whatever the oldest segment holds arrived no later than that.
		sh.raiseFirstLocked(second.base)
		sh.dropSegmentsLocked()
	}
}

// raiseFirstLocked raises the trim horizon to index i.
func (sh *shard) raiseFirstLocked(i uint64) {
	first := sh.first.Load()
	if i <= first {
		return
	}
	held := sh.stream.full.max > 0
	var before int64
	if held {
		before = sh.heldBytesLocked()
	}
	sh.first.Store(i)
	if held {
		sh.stream.full.held.Add(sh.heldBytesLocked() - before)
	}
}

// heldBytesLocked returns the memory of the records between the trim horizon and
// the tip, as MaxBytes counts it.
func (sh *shard) heldBytesLocked() int64 {
	g := sh.active
	tip := g.bytes + int64(g.used)
	first := sh.first.Load()
	return tip - sh.bytesBefore(first) + int64(g.base+uint64(sh.n)-first)*RecordOverheadBytes
}

// bytesBefore returns the sizes of all records before index i, which must not
// lie in a segment that was dropped.
func (sh *shard) bytesBefore(i uint64) int64 {
	c := cursor{next: i}
	sh.settle(&c)
	return c.seg.bytes + int64(c.seg.start(int(i-c.seg.base)))
}

// dropSegmentsLocked lets go of the segments that lie below the trim horizon. A
// dropped segment is left to the garbage collector, because readers may hold
// views of it; its link to the next is cut, or one stale cursor would keep all
// that followed alive.
func (sh *shard) dropSegmentsLocked() {
	first := sh.first.Load()
	var dropped []*segment
	for sh.ring.n > 0 && sh.ring.oldest() != sh.active && sh.ring.at(1).base <= first {
		dropped = append(dropped, sh.ring.pop())
	}
	if end := sh.active.base + uint64(sh.n); sh.ring.n == 1 && end <= first {
		dropped = append(dropped, sh.ring.pop())
		sh.restLocked(end)
	}
	if len(dropped) == 0 {
		return
	}
	for _, g := range dropped {
		sh.index.Delete(entryOf(g))
	}
	sh.published.Store(sh.index.Clone())
	for _, g := range dropped {
		g.next.Store(nil)
	}
}

// restLocked leaves the shard with an empty segment that takes no memory.
func (sh *shard) restLocked(end uint64) {
	old := sh.active
	sh.active = &segment{base: end, baseMs: sh.lastMs, bytes: old.bytes + int64(old.used)}
	sh.n = 0
	sh.tail.Store(sh.active)
}

// memoryBound keeps the records of all shards within Config.MaxBytes.
type memoryBound struct {
	max    int64 // zero: no bound, and held is not kept
	policy FullPolicy
	held   atomic.Int64 // data, keys and overhead of records held or about to be
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
	if s.full.policy != DropOldest || s.full.held.Load() <= s.full.max {
		return
	}
	s.trimShards(now)
	for s.full.held.Load() > s.full.max && s.dropOldest(now) {
	}
}

// trimShards trims all shards by retention.
func (s *Stream) trimShards(now instant) {
	horizon := horizonMs(now, s.Retention())
	for _, sh := range s.routes.Load().all {
		sh.trimExpired(horizon)
	}
}

// dropOldest drops the oldest record of the stream, and with it those that
// follow it in its shard and are no younger than every other shard's oldest, as
// long as the stream is over its bound. It reports whether there was a record.
func (s *Stream) dropOldest(now instant) bool {
	var oldest *shard
	oldestMs, nextMs := int64(1<<62), int64(1<<62)
	for _, sh := range s.routes.Load().all {
		ms, ok := sh.oldestArrival()
		switch {
		case !ok:
		case ms < oldestMs:
			oldest, oldestMs, nextMs = sh, ms, oldestMs
		case ms < nextMs:
			nextMs = ms
		}
	}
	if oldest == nil {
		return false
	}
	oldest.dropUntil(nextMs, now)
	return true
}

// oldestArrival returns the arrival of the oldest record held.
func (sh *shard) oldestArrival() (ms int64, ok bool) {
	c := cursor{next: sh.first.Load()}
	n := sh.settle(&c)
	i := int(c.next - c.seg.base)
	if i >= n {
		return 0, false
	}
	return c.seg.arrival(i), true
}

// dropUntil drops the oldest record and those after it that did not arrive after
// ms, as long as the stream is over its bound.
func (sh *shard) dropUntil(ms int64, now instant) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	dropped, bytes := int64(0), int64(0)
	for over := true; over; over = sh.stream.full.held.Load() > sh.stream.full.max {
		c := cursor{next: sh.first.Load()}
		n := sh.settle(&c)
		i := int(c.next - c.seg.base)
		if i >= n || dropped > 0 && c.seg.arrival(i) > ms {
			break
		}
		bytes += int64(c.seg.header(i).end() - c.seg.start(i))
		sh.raiseFirstLocked(c.next + 1)
		dropped++
	}
	sh.dropSegmentsLocked()
	sh.countDropped(now, dropped, bytes)
}

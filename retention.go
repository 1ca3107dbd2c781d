package weir

import (
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

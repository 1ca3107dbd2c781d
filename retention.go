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
	s.full.giveExtent(sh.log.TrimTo(i + 1))
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
	if ms, ok := sh.log.Oldest(); ok && ms <= horizonMs {
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

// trim makes what arrived at horizonMs or before unreadable for good, and releases
// its memory.
func (sh *shard) trim(horizonMs int64) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.stream.full.giveExtent(sh.log.TrimExpired(horizonMs))
}

// releaseLocked releases the oldest blocks once all their records have expired.
// It is called at every put and mostly looks at one number.
func (sh *shard) releaseLocked(now instant) {
	sh.stream.full.giveExtent(sh.log.TrimBlocks(horizonMs(now, sh.stream.Retention())))
}

// heldBytesLocked returns the memory of the records between the trim horizon and
// the tip, as MaxBytes counts it.
func (sh *shard) heldBytesLocked() int64 {
	held := sh.log.Held()
	return held.Bytes + held.Records*RecordOverheadBytes
}

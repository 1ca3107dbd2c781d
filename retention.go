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
	gone := sh.log.TrimTo(i + 1)
	sh.mu.Unlock()
	s.full.giveExtent(gone)
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
		s.trimShard(all[s.tidied%len(all)], horizon)
	}
	s.forgetExpiredLocked(horizon)
}

// trimLocked trims every shard and forgets those that have vanished. The caller
// holds reshard.
func (s *Stream) trimLocked(now instant) {
	horizon := horizonMs(now, s.Retention())
	for _, sh := range s.routes.Load().all {
		s.trimShard(sh, horizon)
	}
	s.forgetExpiredLocked(horizon)
}

// trimShard trims a shard if it holds a record that has expired.
func (s *Stream) trimShard(sh *shard, horizonMs int64) {
	if ms, ok := sh.log.Oldest(); ok && ms <= horizonMs {
		s.full.giveExtent(sh.trim(horizonMs))
	}
}

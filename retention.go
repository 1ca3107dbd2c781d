package weir

import (
	"slices"
	"time"

	"github.com/weirstream/weir/internal/shardlog"
)

// retention returns how long records stay readable.
func (s *Stream) retention() time.Duration { return time.Duration(s.retains.Load()) }

// retainLocked changes the retention.
func (s *Stream) retainLocked(d time.Duration, now instant) {
	s.trimLocked(now) // with the old retention: what expired stays expired
	s.retains.Store(int64(d))
	s.trimLocked(now)
	s.full.room.Wake() // who waits for the oldest record to expire reckons anew
}

// Trim releases the memory of all records that have expired. Puts do so as they
// go, for their own shard and in turn for all others; Trim is for streams that
// rest. After a clock that had gone more than a day ahead was set back, what
// was put since expires as if it had arrived at the clock's reading, but not
// before one of these has looked at its shard.
func (s *Stream) Trim() {
	s.reshard.Lock()
	defer s.reshard.Unlock()
	s.trimLocked(s.now())
}

// TrimTo makes the records of n's shard up to and including n unreadable at
// once, as if their retention had passed, and releases their memory by whole
// segments. It is for programs that know all their readers and that these have
// passed n; the service has nothing like it. A number beyond the newest record
// trims all there is. What is trimmed is not counted as dropped: nobody is to
// miss it.
//
// The error matches [ErrInvalidSequenceNumber] or [ErrShardNotFound] when n is
// not a number of this stream. A shard that has vanished is no error.
func (s *Stream) TrimTo(n SequenceNumber) error {
	sh, i, err := s.locateNumber(n, s.routes.Load(), s.horizonMs(s.now()))
	if sh == nil || err != nil {
		return err
	}
	s.full.giveExtent(sh.trimTo(i))
	return nil
}

// trimTo trims the shard up to and including an index, or all that it has, and
// returns what that was.
func (sh *shard) trimTo(i uint64) shardlog.Extent {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return sh.log.TrimTo(i + 1)
}

// TrimToPositions gives back the memory of what all of some readers have read, as
// [Stream.TrimTo] does: each shard is trimmed up to the least of the positions
// given, entirely if all have finished it, and not at all if one has not begun
// it. It is for programs that save the positions of all their readers and give
// them here. Empty positions have begun nothing, and no positions at all trim
// nothing.
//
// The error is what [Stream.ResumeStream] returns for positions that are not of
// this stream or give a shard twice; nothing is trimmed then.
func (s *Stream) TrimToPositions(p ...Positions) error {
	routes, horizonMs := s.routes.Load(), s.horizonMs(s.now())
	var least map[ShardID]uint64
	for i := range p {
		read, err := s.readOf(p[i], routes, horizonMs)
		if err != nil {
			return err
		}
		if i == 0 {
			least = read
			continue
		}
		for id := range least { // one that is not begun has index 0
			least[id] = min(least[id], read[id])
		}
	}
	for _, sh := range routes.all {
		if i := least[sh.shard]; i > 0 {
			s.full.giveExtent(sh.trimTo(i))
		}
	}
	return nil
}

// readOf returns the index up to which positions say that each shard was read,
// for those that were begun and have not vanished.
func (s *Stream) readOf(p Positions, routes *routing, horizonMs int64) (map[ShardID]uint64, error) {
	places, err := s.locatePositions(p, routes, horizonMs)
	if err != nil {
		return nil, err
	}
	read := make(map[ShardID]uint64, len(places))
	for _, sh := range slices.Backward(routes.all) { // children before their parents
		if at, ok := places[sh.shard]; ok {
			read[sh.shard] = max(read[sh.shard], at.index)
		}
		if _, begun := read[sh.shard]; begun {
			for _, parent := range sh.parents {
				read[parent] = closedShardIndex
			}
		}
	}
	return read, nil
}

// tidyShards is how many shards are looked after in a second.
const tidyShards = 64

// tidy trims some shards, in turn, closed ones and idle ones among them, which
// no put would trim. It is called once in each second that is put in.
func (s *Stream) tidy(now instant) {
	if !s.reshard.TryLock() {
		return
	}
	defer s.reshard.Unlock()
	all := s.routes.Load().all
	for range min(tidyShards, len(all)) {
		s.tidied++
		s.trimShard(all[s.tidied%len(all)], now)
	}
	s.forgetExpiredLocked(now)
}

// trimLocked trims every shard and forgets those that have vanished. The caller
// holds reshard.
func (s *Stream) trimLocked(now instant) {
	for _, sh := range s.routes.Load().all {
		s.trimShard(sh, now)
	}
	s.forgetExpiredLocked(now)
}

// trimShard trims a shard if its oldest record has expired, or lies far ahead
// of the clock.
func (s *Stream) trimShard(sh *shard, now instant) {
	retention := s.retention()
	if ms, ok := sh.log.Oldest(); ok && (ms <= horizonMs(now, retention) || ms-now.ms() > farAheadMs) {
		s.full.giveExtent(sh.trim(now, retention))
	}
}

// Arrivals never fall, so after a clock that had gone far ahead is set back all
// that is put into a shard arrives, by its stamp, at the time to which the
// clock had gone. Kept until retention has passed since then, it would be kept
// for years. So where the newest arrival is more than farAheadMs ahead of a
// reading of the clock, that reading counts instead: what is in the shard by
// then was put then or before, and expires when retention has passed since.
const farAheadMs = int64(24 * time.Hour / time.Millisecond)

// A sighting says that the records before an index were there at a reading of
// the clock that lay far behind them.
type sighting struct {
	ms  int64
	end uint64
}

// sightings are those of a shard. Both fields rise from one to the next.
type sightings []sighting

// look takes note of a reading of the clock that lies far behind the newest
// arrival, and trims what expired by the notes taken. A reading that does not
// lie there voids them: the clock has come back, or they were taken by callers
// that had been asleep while it went on. It reports whether another note was
// begun. The caller is between begin and end, or holds mu.
func (sh *shard) look(now instant, retention time.Duration) (gone shardlog.Extent, begun bool) {
	if sh.lastMs-now.ms() <= farAheadMs {
		sh.ahead = nil
		return gone, false
	}
	const portions = 1024 // of the retention, so that there are no more sightings
	begun = sh.ahead.isDue(now.ms())
	sh.ahead.add(now.ms(), retention.Milliseconds()/portions, sh.log.End())
	return sh.log.TrimTo(sh.ahead.expire(horizonMs(now, retention))), begun
}

// isDue reports whether no sighting can be extended to a reading.
func (s sightings) isDue(ms int64) bool { return len(s) == 0 || s[len(s)-1].ms < ms }

// add takes note of the records before an index at a reading. It is taken for
// up to apartMs later than it is, so that one sighting serves many puts.
func (s *sightings) add(ms, apartMs int64, end uint64) {
	list := *s
	for len(list) > 0 && list[len(list)-1].ms > ms+apartMs { // the clock was set back again
		list = list[:len(list)-1]
	}
	if list.isDue(ms) {
		list = append(list, sighting{ms + apartMs, end})
	}
	list[len(list)-1].end = end
	*s = list
}

// expire takes out the sightings up to horizonMs, and returns the index before
// which all has expired with them; zero if none has.
func (s *sightings) expire(horizonMs int64) (end uint64) {
	list := *s
	for len(list) > 0 && list[0].ms <= horizonMs {
		end, list = list[0].end, list[1:]
	}
	*s = list
	return end
}

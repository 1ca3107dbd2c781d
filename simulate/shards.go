package simulate

import (
	"sort"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/lineage"
)

// A shard is what the simulation knows of one shard of its stream.
type shard struct {
	id      weir.ShardID
	keys    weir.HashKeyRange
	parents []weir.ShardID
	open    bool
	opened  time.Duration
	closed  time.Duration

	stored int64 // records put into it so far, which is the index of the newest
	second ShardSecond
	total  ShardTotal
	busy   bool    // something happened to it in this second
	load   float64 // how much of its write limits was asked for lately

	readers []*reader // by the consumer's index; nil unless it is being read
	// began is the index of the last record that had expired when a consumer began that
	// reads from the trim horizon. Those up to there it does not miss.
	began   []int64
	idle    []*reader // that are to be woken by the next record
	trimmed int64     // index up to which its records were released
	last    weir.SequenceNumber
}

// shardSet is all shards that have not vanished.
type shardSet struct {
	byID []*shard // nil where one has vanished
	live []*shard // by id
	open []*shard // by hash key
	// generation changes with the set of open shards.
	generation int
}

// at returns the open shard that takes a hash key.
func (set *shardSet) at(k weir.HashKey) *shard {
	i := sort.Search(len(set.open), func(i int) bool { return k.Compare(set.open[i].keys.Start) < 0 })
	return set.open[i-1]
}

// get returns a shard, nil if it has vanished.
func (set *shardSet) get(id weir.ShardID) *shard {
	if int(id) >= len(set.byID) {
		return nil
	}
	return set.byID[id]
}

const whyOnDemand = "on-demand"

// refreshShards looks at the shards of the stream again. If the open ones have
// changed, that is why.
func (s *simulation) refreshShards(why string) {
	before, changed := len(s.shards.open), false
	set := shardSet{byID: s.shards.byID, generation: s.shards.generation}
	for _, d := range s.stream.Shards() {
		sh := set.get(d.ID)
		if sh == nil {
			sh = s.addShard(&set, d)
			changed = true
		}
		if sh.open && !d.IsOpen() {
			sh.open, sh.closed = false, s.now
			changed = true
		}
		if sh.open {
			set.open = append(set.open, sh)
		}
		set.live = append(set.live, sh)
	}
	sort.Slice(set.open, func(i, j int) bool { return set.open[i].keys.Start.Compare(set.open[j].keys.Start) < 0 })
	if changed {
		set.generation++
	}
	old := s.shards.live
	s.shards = set
	s.forgetVanished(old)
	if changed && why != "" {
		s.meter.changed(CapacityChange{At: s.now, Before: before, After: len(set.open), Why: why})
		s.announceChange()
	}
}

// addShard adds a shard that the stream has opened.
func (s *simulation) addShard(set *shardSet, d weir.Shard) *shard {
	sh := &shard{id: d.ID, keys: d.HashKeyRange, parents: d.Parents, open: true, opened: s.now}
	sh.readers = make([]*reader, len(s.consumers))
	sh.began = make([]int64, len(s.consumers))
	for len(set.byID) <= int(d.ID) {
		set.byID = append(set.byID, nil)
	}
	set.byID[d.ID] = sh
	for _, c := range s.consumers {
		c.opened(sh)
	}
	return sh
}

// kin returns what a lineage is told of the shard.
func (sh *shard) kin() lineage.Shard[weir.ShardID] {
	return lineage.Shard[weir.ShardID]{ID: sh.id, Parents: sh.parents}
}

// forgetVanished drops those shards that were live and are no more.
func (s *simulation) forgetVanished(old []*shard) {
	for _, sh := range old {
		i := sort.Search(len(s.shards.live), func(i int) bool { return s.shards.live[i].id >= sh.id })
		if i < len(s.shards.live) && s.shards.live[i] == sh {
			continue
		}
		s.meter.forget(sh)
		s.shards.byID[sh.id] = nil
		for _, c := range s.consumers {
			c.vanished(sh)
		}
	}
}

// announceChange tells readers that wait for records that their shards may have
// been closed.
func (s *simulation) announceChange() {
	for _, sh := range s.shards.live {
		if !sh.open {
			sh.wake(s)
		}
	}
}

// wake lets the readers that wait for a record look after the time that it takes
// to come to them.
func (sh *shard) wake(s *simulation) {
	for _, r := range sh.idle {
		s.queue.add(s.now+FanOutDelay, pollDue, r, 0)
	}
	sh.idle = sh.idle[:0]
}

// trim releases what all consumers have passed.
func (s *simulation) trim() {
	const worthwhile = 1000 // records
	if len(s.queues) > 0 {
		return // what a queue has not done yet lies anywhere
	}
	for _, sh := range s.shards.live {
		passed, number := sh.passed(s.consumers)
		if passed-sh.trimmed < worthwhile || number.IsZero() {
			continue
		}
		if err := s.stream.TrimTo(number); err != nil {
			s.fail(err)
		}
		sh.trimmed = passed
	}
}

// passed returns the index up to which nobody needs a shard's records any more,
// and the sequence number there.
func (sh *shard) passed(consumers []*consumer) (int64, weir.SequenceNumber) {
	passed, number := sh.stored, sh.last
	for _, c := range consumers {
		r := sh.readers[c.index]
		switch {
		case c.awaits(sh), r != nil && r.last.IsZero():
			return 0, weir.SequenceNumber{}
		case r != nil && (r.position < passed || number.IsZero()):
			passed, number = r.position, r.last
		}
	}
	return passed, number
}

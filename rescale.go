package weir

import (
	"cmp"
	"slices"
)

// planSplitsLocked decides, at the end of the minute that was observed, which
// shards are to be split after the reaction time.
func (s *Stream) planSplitsLocked(at int64) {
	c, open := &s.scaling, s.routes.Load().open
	room := s.limits.onDemandShards() - len(open)
	var hot []*shardLoad
	wanted, wide := s.wantedLocked(at), false
	for _, sh := range open {
		wide = wide || tooWide(sh.keys, wanted)
		if sh.load.splitAt != 0 {
			room--
		} else if s.limits.shardsFor(sh.load.minute) > shardShare && sh.load.worthSplitting() {
			hot = append(hot, sh.load)
		}
	}
	if room <= 0 {
		return
	}
	due := at + reactionMinutes
	for _, l := range s.busiest(hot, room) {
		l.splitAt, c.busy = due, due
	}
	if n := len(c.growths); wide && (n == 0 || wanted > c.growths[n-1].wanted) {
		c.growths, c.busy = append(c.growths, growth{due, wanted}), due
	}
}

// worthSplitting reports whether splits have been of use to a shard that is above
// its share. It compares the shard with its twin when asked for the first time.
func (l *shardLoad) worthSplitting() bool {
	if twin := l.twin; twin != nil {
		l.twin, twin.twin = nil, nil
		l.lopsided++
		both := l.minute.plus(twin.minute)
		if float64(twin.minute.bytes) > lopsidedShare*float64(both.bytes) ||
			float64(twin.minute.records) > lopsidedShare*float64(both.records) {
			l.lopsided, twin.lopsided = 0, 0
		}
	}
	return l.lopsided < lopsidedMost
}

// busiest returns the n busiest of some shards, those with lower hash keys first
// among equals.
func (s *Stream) busiest(loads []*shardLoad, n int) []*shardLoad {
	slices.SortStableFunc(loads, func(a, b *shardLoad) int {
		return cmp.Compare(s.limits.shardsFor(b.minute), s.limits.shardsFor(a.minute))
	})
	return loads[:min(n, len(loads))]
}

// carryOutLocked does what is due at the beginning of a minute.
func (s *Stream) carryOutLocked(at int64) {
	c := &s.scaling
	for _, sh := range s.routes.Load().open {
		if sh.load.splitAt != at {
			continue
		}
		if sh.load.splitAt = 0; len(s.routes.Load().open) < s.limits.onDemandShards() {
			s.halveLocked(sh, at)
		}
	}
	for len(c.growths) > 0 && c.growths[0].at <= at {
		s.widenLocked(at, min(c.growths[0].wanted, s.wantedLocked(at)))
		c.growths = c.growths[1:]
	}
	if c.release == at {
		c.release = 0
		for s.mergeLocked(at, shardShare) {
		}
	}
	if at%60 == 0 {
		s.endHourLocked(at)
	}
}

// endHourLocked begins a new hour of the clock.
func (s *Stream) endHourLocked(at int64) {
	for _, sh := range s.routes.Load().open {
		l := sh.load
		l.lastHour, l.hour = l.hour, load{}
		if s.limits.shardsFor(l.lastHour) <= shardShare {
			l.lopsided = 0
		}
	}
	s.mergeLocked(at, restShare)
}

// halveLocked splits a shard in the middle of its range, unless the range is too
// narrow. The children are taken for as busy as the parent was in these hours.
func (s *Stream) halveLocked(sh *shard, at int64) bool {
	middle := sh.keys.Middle()
	if !sh.keys.CanSplitAt(middle) {
		return false
	}
	children := s.replaceLocked([]*shard{sh},
		[]HashKeyRange{{sh.keys.Start, middle.Sub(1)}, {middle, sh.keys.End}}, minuteStart(at))
	sh.load.leave()
	for _, child := range children {
		child.load = &shardLoad{hour: sh.load.hour, lastHour: sh.load.lastHour, lopsided: sh.load.lopsided}
	}
	children[0].load.twin, children[1].load.twin = children[1].load, children[0].load
	return true
}

// leave parts a shard that is being closed from its twin.
func (l *shardLoad) leave() {
	if l.twin != nil {
		l.twin.twin = nil
	}
}

// widenLocked splits shards, the widest first, until none covers more of the key
// space than the wanted-th part or there are as many as there may be.
func (s *Stream) widenLocked(at int64, wanted float64) {
	for again := true; again; {
		again = false
		open := s.routes.Load().open
		room := s.limits.onDemandShards() - len(open)
		wide := slices.DeleteFunc(slices.Clone(open), func(sh *shard) bool { return !tooWide(sh.keys, wanted) })
		slices.SortStableFunc(wide, func(a, b *shard) int { return cmp.Compare(b.keys.Share(), a.keys.Share()) })
		for _, sh := range wide[:max(0, min(room, len(wide)))] {
			again = s.halveLocked(sh, at) || again
		}
	}
}

// mergeLocked merges neighbours that in this hour and the one before stayed at or
// below a part of one shard's limit together, the narrowest first and each shard
// once. It reports whether there were any.
func (s *Stream) mergeLocked(at int64, most float64) bool {
	open := s.routes.Load().open
	room := len(open) - s.fewestLocked(at)
	merged := make(map[*shard]bool)
	for _, i := range s.mergeable(at, most) {
		lo, hi := open[i], open[i+1]
		if room <= 0 || merged[lo] || merged[hi] {
			continue
		}
		room--
		merged[lo], merged[hi] = true, true
		s.joinLocked(lo, hi, at)
	}
	return len(merged) > 0
}

// mergeable returns the places of the shards that can be merged with the next.
func (s *Stream) mergeable(at int64, most float64) (places []int) {
	open, wanted := s.routes.Load().open, s.wantedLocked(at)
	for i, hi := range open[1:] {
		busy := s.limits.shardsFor(open[i].load.peak().plus(hi.load.peak()))
		planned := open[i].load.splitAt != 0 || hi.load.splitAt != 0
		if busy <= most && !planned && !tooWide(union(open[i], hi), wanted) {
			places = append(places, i)
		}
	}
	slices.SortStableFunc(places, func(i, j int) int {
		return cmp.Compare(union(open[i], open[i+1]).Share(), union(open[j], open[j+1]).Share())
	})
	return places
}

// joinLocked merges two neighbours.
func (s *Stream) joinLocked(lo, hi *shard, at int64) {
	merged := s.replaceLocked([]*shard{lo, hi}, []HashKeyRange{union(lo, hi)}, minuteStart(at))[0]
	lo.load.leave()
	hi.load.leave()
	merged.load = &shardLoad{
		hour:     lo.load.hour.plus(hi.load.hour),
		lastHour: lo.load.lastHour.plus(hi.load.lastHour),
	}
}

// union returns the range of two neighbours.
func union(lo, hi *shard) HashKeyRange { return HashKeyRange{lo.keys.Start, hi.keys.End} }

// peak returns the busiest minute of this hour and of the one before.
func (l *shardLoad) peak() load { return l.hour.max(l.lastHour) }

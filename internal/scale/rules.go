package scale

import (
	"cmp"
	"slices"

	"github.com/weirstream/weir/internal/keyspace"
	"github.com/weirstream/weir/internal/plan"
)

// plan decides, at the end of the minute before, which shards are to be split
// after the reaction time.
func (m *Machine) plan(at int64) {
	free := m.limits.MostShards - m.count
	var hot []*shard
	wanted, wide := m.wanted(at), false
	for _, sh := range m.open {
		wide = wide || tooWide(sh.Keys, wanted)
		if sh.splitAt != 0 {
			free--
		} else if m.limits.shards(sh.minute) > splitAbove && sh.isWorthSplitting() {
			hot = append(hot, sh)
		}
	}
	if free <= 0 {
		return
	}
	due := at + Reaction
	for _, sh := range m.busiest(hot, free) {
		sh.splitAt = due
		m.planFor(due)
	}
	if n := len(m.roomFor); wide && (n == 0 || wanted > m.roomFor[n-1].shards) {
		m.roomFor = append(m.roomFor, room{due, wanted})
		m.planFor(due)
	}
}

// isWorthSplitting reports whether splits have been of use to a shard that is
// above its share. It compares the shard with its sibling when asked for the
// first time.
func (sh *shard) isWorthSplitting() bool {
	if sibling := sh.sibling; sibling != nil {
		sh.sibling, sibling.sibling = nil, nil
		sh.vain++
		both := sh.minute.plus(sibling.minute)
		if float64(sibling.minute.Bytes) > vainUpTo*float64(both.Bytes) ||
			float64(sibling.minute.Records) > vainUpTo*float64(both.Records) {
			sh.vain, sibling.vain = 0, 0
		}
	}
	return sh.vain < vainInARow
}

// busiest returns the n busiest of some shards, those with lower hash keys
// first among equals.
func (m *Machine) busiest(shards []*shard, n int) []*shard {
	slices.SortStableFunc(shards, func(a, b *shard) int {
		return cmp.Compare(m.limits.shards(b.minute), m.limits.shards(a.minute))
	})
	return shards[:min(n, len(shards))]
}

// carryOut does what is planned for a minute.
func (m *Machine) carryOut(at int64) {
	for _, sh := range m.open {
		if sh.splitAt != at {
			continue
		}
		if sh.splitAt = 0; m.count < m.limits.MostShards {
			m.halve(sh)
		}
	}
	m.replaceClosed()
	for len(m.roomFor) > 0 && m.roomFor[0].at <= at {
		m.makeRoom(min(m.roomFor[0].shards, m.wanted(at)))
		m.roomFor = m.roomFor[1:]
	}
	if m.release == at {
		m.release = 0
		for m.merge(at, splitAbove) {
		}
	}
}

// makeRoom splits shards, the widest first, until none is too wide for a load
// or there are as many as there may be.
func (m *Machine) makeRoom(shards float64) {
	for again := true; again; {
		again = false
		wide := slices.DeleteFunc(slices.Clone(m.open), func(sh *shard) bool { return !tooWide(sh.Keys, shards) })
		slices.SortStableFunc(wide, func(a, b *shard) int { return cmp.Compare(b.Keys.Share(), a.Keys.Share()) })
		for _, sh := range wide[:max(0, min(m.limits.MostShards-m.count, len(wide)))] {
			again = m.halve(sh) || again
		}
		m.replaceClosed()
	}
}

// endHour begins a new hour of the clock.
func (m *Machine) endHour(at int64) {
	quiet := true
	m.calm = calm{}
	for _, sh := range m.open {
		sh.lastHour, sh.hour = sh.hour, Load{}
		if m.limits.shards(sh.lastHour) <= splitAbove {
			sh.vain = 0
		}
		quiet = quiet && sh.lastHour == Load{}
	}
	if merged := m.merge(at, mergeUpTo); quiet && !merged {
		m.calm = calm{true, m.wanted(at), m.fewest(at)}
	}
}

// merge merges neighbours that in this hour and the one before stayed at or
// below a part of one shard's limit together, the narrowest first and each
// shard once. It reports whether there were any.
func (m *Machine) merge(at int64, upTo float64) (merged bool) {
	free := m.count - m.fewest(at)
	for _, i := range m.mergeable(at, upTo) {
		lower, upper := m.open[i], m.open[i+1]
		if free <= 0 || lower.closed || upper.closed {
			continue
		}
		free--
		merged = true
		m.join(lower, upper)
	}
	m.replaceClosed()
	return merged
}

// mergeable returns the places of the shards that can be merged with the next
// one, those that give the narrowest first.
func (m *Machine) mergeable(at int64, upTo float64) (places []int) {
	if m.count <= m.fewest(at) {
		return nil
	}
	wanted := m.wanted(at)
	for i, upper := range m.open[1:] {
		lower := m.open[i]
		busy := m.limits.shards(lower.recentPeak().plus(upper.recentPeak()))
		planned := lower.splitAt != 0 || upper.splitAt != 0
		if busy <= upTo && !planned && !tooWide(lower.Keys.Union(upper.Keys), wanted) {
			places = append(places, i)
		}
	}
	width := func(i int) float64 { return m.open[i].Keys.Union(m.open[i+1].Keys).Share() }
	slices.SortStableFunc(places, func(i, j int) int { return cmp.Compare(width(i), width(j)) })
	return places
}

// recentPeak returns the busiest minute of this hour and of the one before.
func (sh *shard) recentPeak() Load { return sh.hour.max(sh.lastHour) }

// halve splits a shard in the middle of its range, unless the range is too
// narrow. The children are taken for as busy as the parent was in these hours.
func (m *Machine) halve(sh *shard) bool {
	middle := sh.Keys.Middle()
	if !sh.Keys.CanSplitAt(middle) {
		return false
	}
	lowerKeys, upperKeys := sh.Keys.SplitAt(middle)
	m.todo.Steps = append(m.todo.Steps, plan.Step{Lower: sh.ID, Upper: plan.Split, At: middle, Child: m.next})
	lower, upper := m.child(lowerKeys), m.child(upperKeys)
	for _, child := range []*shard{lower, upper} {
		child.hour, child.lastHour, child.vain = sh.hour, sh.lastHour, sh.vain
	}
	lower.sibling, upper.sibling = upper, lower
	m.close(sh, [2]*shard{lower, upper})
	return true
}

// join merges two neighbours.
func (m *Machine) join(lower, upper *shard) {
	m.todo.Steps = append(m.todo.Steps, plan.Step{Lower: lower.ID, Upper: upper.ID, Child: m.next})
	merged := m.child(lower.Keys.Union(upper.Keys))
	merged.hour, merged.lastHour = lower.hour.plus(upper.hour), lower.lastHour.plus(upper.lastHour)
	m.close(lower, [2]*shard{merged})
	m.close(upper, [2]*shard{})
}

// child returns a new shard.
func (m *Machine) child(keys keyspace.Range) *shard {
	sh := &shard{Shard: plan.Shard{ID: m.next, Keys: keys}}
	m.next++
	m.count++
	return sh
}

// close puts children in the place of a shard, from the next call of
// replaceClosed on.
func (m *Machine) close(sh *shard, children [2]*shard) {
	if sh.sibling != nil {
		sh.sibling.sibling = nil
	}
	sh.closed, sh.children = true, children
	m.count--
}

// replaceClosed puts the children of the shards that were closed in their
// places, of all at once: one by one it would take time in proportion to all
// shards.
func (m *Machine) replaceClosed() {
	if !slices.ContainsFunc(m.open, func(sh *shard) bool { return sh.closed }) {
		return
	}
	open := make([]*shard, 0, m.count)
	for _, sh := range m.open {
		if !sh.closed {
			open = append(open, sh)
		}
		for _, child := range sh.children {
			if child != nil {
				open = append(open, child)
			}
		}
	}
	m.open = open
}

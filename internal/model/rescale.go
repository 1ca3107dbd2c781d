package model

import (
	"maps"
	"sort"
)

// halve splits a shard in the middle, if it has hash keys enough.
func (s *Stream) halve(sh *Shard, at int64) bool {
	middle := sh.middle()
	if !sh.canSplit(middle) {
		return false
	}
	children := s.replace(at*minute, []*Shard{sh}, sh.Start, plus(middle, -1), middle, sh.End)
	sh.part()
	lo, hi := s.shards[children[0]], s.shards[children[1]]
	lo.demand = demand{peaks: maps.Clone(sh.demand.peaks), inVain: sh.demand.inVain, twin: hi}
	hi.demand = demand{peaks: maps.Clone(sh.demand.peaks), inVain: sh.demand.inVain, twin: lo}
	return true
}

// widen splits the widest shards, all of the same width before narrower ones,
// until none is too wide or there may be no more.
func (s *Stream) widen(at int64, wanted float64) {
	for again := true; again; {
		again = false
		wide := s.Open()
		sort.SliceStable(wide, func(i, j int) bool { return part(wide[i].Start, wide[i].End) > part(wide[j].Start, wide[j].End) })
		for _, sh := range wide {
			if tooWide(sh.Start, sh.End, wanted) && len(s.Open()) < s.most() {
				again = s.halve(sh, at) || again
			}
		}
	}
}

// A pair is two neighbours.
type pair struct{ lo, hi *Shard }

func (p pair) width() float64 { return part(p.lo.Start, p.hi.End) }

// mergeQuiet merges neighbours whose busiest minutes of this hour and of the one
// before are no more than a part of one limit together, the narrowest first, each
// shard once. It reports whether there were any.
func (s *Stream) mergeQuiet(at int64, most float64) bool {
	var quiet []pair
	open := s.Open()
	for i := range len(open) - 1 {
		p := pair{open[i], open[i+1]}
		busy := p.lo.recentPeak(at).plus(p.hi.recentPeak(at))
		planned := p.lo.demand.splitAt != 0 || p.hi.demand.splitAt != 0
		if s.limits(busy) <= most && !planned && !tooWide(p.lo.Start, p.hi.End, s.wanted(at)) {
			quiet = append(quiet, p)
		}
	}
	sort.SliceStable(quiet, func(i, j int) bool { return quiet[i].width() < quiet[j].width() })
	any := false
	for _, p := range quiet {
		if !p.lo.Closed && !p.hi.Closed && len(s.Open()) > s.fewest(at) {
			s.join(p, at)
			any = true
		}
	}
	return any
}

// recentPeak returns a shard's busiest minute of this hour and of the one before.
func (sh *Shard) recentPeak(at int64) load {
	return sh.demand.peaks[at/60].max(sh.demand.peaks[at/60-1])
}

// fewest returns how many shards there shall be at least.
func (s *Stream) fewest(at int64) int {
	n := min(baseShards, s.most())
	if at < s.scaling.keptTill {
		n = max(n, s.scaling.kept)
	}
	return n
}

// join merges two neighbours.
func (s *Stream) join(p pair, at int64) {
	merged := s.shards[s.replace(at*minute, []*Shard{p.lo, p.hi}, p.lo.Start, p.hi.End)[0]]
	p.lo.part()
	p.hi.part()
	merged.demand.peaks = map[int64]load{}
	for _, hour := range []int64{at/60 - 1, at / 60} {
		merged.demand.peaks[hour] = p.lo.demand.peaks[hour].plus(p.hi.demand.peaks[hour])
	}
}

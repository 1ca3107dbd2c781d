package model

import (
	"maps"
	"math/big"
	"slices"
	"sort"
)

// Numbers of on-demand mode, as the engine documents them.
const (
	minute        = int64(60e9)
	reaction      = 10             // minutes
	remembered    = 30 * 24        // hours
	baseShards    = 4              // of a stream without traffic
	share         = 0.5            // of its limit, above which a shard is split
	rest          = 0.25           // of one limit, up to which two are merged
	inVainShare   = 0.1            // of the load of two twins
	inVainMost    = 3              // in a row
	fullWriteRate = int64(1 << 20) // a shard's worth where it has no limit
)

// A load is what came in during a minute.
type load struct{ bytes, records int64 }

func (l load) plus(o load) load { return load{l.bytes + o.bytes, l.records + o.records} }
func (l load) max(o load) load  { return load{max(l.bytes, o.bytes), max(l.records, o.records)} }

// scaling is the mode, and what an on-demand stream knows.
type scaling struct {
	onDemand, auto bool
	switches       []int64 // of the mode
	turn           int
	warm           int64

	minute    int64          // the one that is being observed
	loads     map[int64]load // of the stream, by minute
	growths   []growth       // planned
	releaseAt int64          // minute for which a release is planned, or 0
	kept      int            // shards that it came with,
	keptTill  int64          // until this minute
}

// A growth is planned for a minute: room for so many shards' limits.
type growth struct {
	at     int64
	wanted float64
}

// A demand is what is known of the load of an open shard.
type demand struct {
	taken, last load           // in the minute being observed, and in the one before
	peaks       map[int64]load // the busiest minute, by hour
	splitAt     int64          // minute for which a split is planned, or 0
	twin        *Shard         // the other child, until the two are compared or one is closed
	inVain      int
}

// beginScaling makes the stream an on-demand one that keeps its shards.
func (s *Stream) beginScaling(now int64) {
	c := &s.scaling
	c.onDemand, c.minute, c.loads = true, now/minute, map[int64]load{}
	c.growths, c.releaseAt = nil, 0
	c.kept, c.keptTill = len(s.Open()), c.minute+remembered*60
	for _, sh := range s.Open() {
		sh.demand = demand{peaks: map[int64]load{}}
	}
}

// release forgets all loads but the last hour's, and plans to merge.
func (s *Stream) release() {
	c := &s.scaling
	maps.DeleteFunc(c.loads, func(m int64, _ load) bool { return m < c.minute-60 })
	c.keptTill = 0
	c.releaseAt = c.minute + 1 + reaction
}

// CatchUp goes through the minutes that are over, one by one, save that a minute
// like the one before, in which nothing came in, happened or was planned, changes
// nothing unless it ends an hour.
func (s *Stream) CatchUp(now int64) {
	same := false
	for s.OnDemand() && s.scaling.minute < now/minute {
		m := s.scaling.minute
		s.scaling.minute++
		if !same || s.scaling.minute%60 == 0 {
			before := len(s.shards)
			s.observe(m)
			s.plan(m + 1)
			s.carryOut(m + 1)
			same = s.scaling.loads[m] == (load{}) && len(s.shards) == before && !s.planned()
		}
	}
}

// planned reports whether anything is planned.
func (s *Stream) planned() bool {
	c := &s.scaling
	toSplit := func(sh *Shard) bool { return sh.demand.splitAt != 0 }
	return len(c.growths) > 0 || c.releaseAt > c.minute || slices.ContainsFunc(s.Open(), toSplit)
}

// observe takes down the load of a minute.
func (s *Stream) observe(m int64) {
	sum := load{}
	for _, sh := range s.Open() {
		d := &sh.demand
		d.last, d.taken = s.capped(d.taken), load{}
		d.peaks[m/60] = d.peaks[m/60].max(d.last)
		sum = sum.plus(d.last)
	}
	if sum != (load{}) {
		s.scaling.loads[m] = sum
	}
}

// capped returns a load, or what a shard's limits let pass in a minute if that is
// less.
func (s *Stream) capped(l load) load {
	if n := 60 * s.config.WriteBytes; n > 0 {
		l.bytes = min(l.bytes, n)
	}
	if n := 60 * s.config.WriteRecords; n > 0 {
		l.records = min(l.records, n)
	}
	return l
}

// limits returns how many shards' limits a load amounts to.
func (s *Stream) limits(l load) (n float64) {
	if rate := s.config.WriteBytes; rate > 0 {
		n = float64(l.bytes) / float64(rate)
	}
	if rate := s.config.WriteRecords; rate > 0 {
		n = max(n, float64(l.records)/float64(rate))
	}
	return n / 60
}

// most returns how many shards there may be.
func (s *Stream) most() int {
	worth := s.config.WriteBytes
	if worth == 0 {
		worth = fullWriteRate
	}
	return int(max(1, s.config.OnDemandBytes/worth))
}

// wanted returns how many shards' limits there shall be room for.
func (s *Stream) wanted(at int64) float64 {
	wanted := max(baseShards, 2*s.limits(s.peak(at)))
	if s.config.WriteBytes > 0 {
		wanted = max(wanted, float64(s.scaling.warm<<20)/float64(s.config.WriteBytes))
	}
	return min(wanted, float64(s.most()))
}

// peak returns the busiest minute that is not forgotten.
func (s *Stream) peak(at int64) (peak load) {
	for m, l := range s.scaling.loads {
		if m/60 >= at/60-remembered {
			peak = peak.max(l)
		}
	}
	return peak
}

// Peak returns the average of that minute's seconds.
func (s *Stream) Peak() (bytes, records int64) {
	if !s.OnDemand() {
		return 0, 0
	}
	p := s.peak(s.scaling.minute)
	return p.bytes / 60, p.records / 60
}

// part returns which part of the key space a range covers.
func part(start, end *big.Int) float64 {
	width := new(big.Float).SetInt(plus(new(big.Int).Sub(end, start), 1))
	f, _ := width.Quo(width, new(big.Float).SetInt(space())).Float64()
	return f
}

// tooWide reports whether even traffic would overrun a range.
func tooWide(start, end *big.Int, wanted float64) bool { return part(start, end)*wanted > 1+1e-9 }

// plan decides, at the end of a minute, what is to be split.
func (s *Stream) plan(at int64) {
	c, wanted, wide := &s.scaling, s.wanted(at), false
	room := s.most() - len(s.Open())
	var hot []*Shard
	for _, sh := range s.Open() {
		wide = wide || tooWide(sh.Start, sh.End, wanted)
		if sh.demand.splitAt != 0 {
			room--
		} else if s.limits(sh.demand.last) > share && sh.worthSplitting() {
			hot = append(hot, sh)
		}
	}
	if room <= 0 {
		return
	}
	sort.SliceStable(hot, func(i, j int) bool { return s.limits(hot[i].demand.last) > s.limits(hot[j].demand.last) })
	for _, sh := range hot[:min(room, len(hot))] {
		sh.demand.splitAt = at + reaction
	}
	if n := len(c.growths); wide && (n == 0 || wanted > c.growths[n-1].wanted) {
		c.growths = append(c.growths, growth{at + reaction, wanted})
	}
}

// worthSplitting is asked of a shard above its share.
func (sh *Shard) worthSplitting() bool {
	d := &sh.demand
	if twin := d.twin; twin != nil {
		sh.part()
		d.inVain++
		both := d.last.plus(twin.demand.last)
		if float64(twin.demand.last.bytes) > inVainShare*float64(both.bytes) ||
			float64(twin.demand.last.records) > inVainShare*float64(both.records) {
			d.inVain, twin.demand.inVain = 0, 0
		}
	}
	return d.inVain < inVainMost
}

// part leaves the shard and its twin without a twin.
func (sh *Shard) part() {
	if sh.demand.twin != nil {
		sh.demand.twin.demand.twin, sh.demand.twin = nil, nil
	}
}

// carryOut does what is due at the beginning of a minute.
func (s *Stream) carryOut(at int64) {
	c := &s.scaling
	for _, sh := range s.Open() {
		if sh.demand.splitAt == at {
			sh.demand.splitAt = 0
			if len(s.Open()) < s.most() {
				s.halve(sh, at)
			}
		}
	}
	for len(c.growths) > 0 && c.growths[0].at == at {
		s.widen(at, min(c.growths[0].wanted, s.wanted(at)))
		c.growths = c.growths[1:]
	}
	for again := c.releaseAt == at; again; {
		again = s.mergeQuiet(at, share)
	}
	if at%60 == 0 {
		s.endHour(at)
	}
}

func (s *Stream) endHour(at int64) {
	for _, sh := range s.Open() {
		if s.limits(sh.demand.peaks[at/60-1]) <= share {
			sh.demand.inVain = 0
		}
	}
	s.mergeQuiet(at, rest)
}

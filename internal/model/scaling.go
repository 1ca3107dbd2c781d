package model

import (
	"fmt"
	"math"
	"math/big"

	"github.com/weirstream/weir/internal/keyspace"
	"github.com/weirstream/weir/internal/plan"
	"github.com/weirstream/weir/internal/scale"
)

// What is modelled of on-demand mode is all around the decisions: what came in
// during each minute, and what a split or merge of that time does to the
// shards. The decisions are those of the machine that the engine asks too;
// whether it keeps its promises is for its own tests. Here it is told each
// minute by itself for two hours, however seldom the engine asks it.

const minute = int64(60e9)

// scaling is the mode, and what an on-demand stream knows.
type scaling struct {
	onDemand, auto bool
	switches       []int64 // of the mode
	turn           int
	warm           int64

	machine  *scale.Machine
	minute   int64 // the one that is being observed
	kept     int   // shards that it came with,
	keptTill int64 // until this minute
}

// beginScaling makes the stream an on-demand one that keeps its shards.
func (s *Stream) beginScaling(now int64) {
	c := &s.scaling
	var open []plan.Shard
	for _, sh := range s.Open() {
		sh.taken = scale.Load{}
		open = append(open, plan.Shard{ID: int64(sh.ID), Keys: keyspace.Range{Start: keyOf(sh.Start), End: keyOf(sh.End)}})
	}
	c.onDemand, c.minute = true, now/minute
	c.kept, c.keptTill = len(open), c.minute+30*24*60
	limits := scale.Limits{
		BytesPerSecond: rateOf(s.config.WriteBytes), RecordsPerSecond: rateOf(s.config.WriteRecords), MostShards: s.most(),
	}
	c.machine = scale.New(limits, open, int64(len(s.shards)), c.kept, float64(c.warm<<20), c.minute)
}

func rateOf(n int64) float64 {
	if n == 0 {
		return math.Inf(1)
	}
	return float64(n)
}

// most returns how many shards there may be.
func (s *Stream) most() int {
	worth := s.config.WriteBytes
	if worth == 0 {
		worth = 1 << 20
	}
	return int(max(1, s.config.OnDemandBytes/worth))
}

// fewest returns how many shards there shall be at least.
func (s *Stream) fewest(at int64) int {
	if at < s.scaling.keptTill {
		return max(s.scaling.kept, min(4, s.most()))
	}
	return min(4, s.most())
}

// setWarm asks for capacity in advance.
func (s *Stream) setWarm(mib int64) {
	c := &s.scaling
	if mib <= c.warm {
		c.keptTill = 0
	}
	c.warm = mib
	c.machine.SetWarm(float64(mib << 20))
}

// CatchUp does what has fallen due.
func (s *Stream) CatchUp(now int64) {
	c := &s.scaling
	for told := 0; c.onDemand && c.minute < now/minute; told++ {
		c.minute++
		if told >= 120 {
			c.minute = now / minute
		}
		var loads []scale.Load
		for _, sh := range s.Open() {
			loads = append(loads, sh.taken)
			sh.taken = scale.Load{}
		}
		c.machine.Tell(c.minute, loads)
		for c.machine.Behind() {
			todo := c.machine.Next(1)
			for _, step := range todo.Steps {
				s.carryOutScaling(step, todo.Minute)
			}
		}
	}
}

// carryOutScaling does one step, which must be possible.
func (s *Stream) carryOutScaling(st plan.Step, at int64) {
	open := len(s.Open())
	lower := s.shards[st.Lower]
	if st.IsSplit() {
		middle := bigOf(st.At)
		check(!lower.Closed && lower.canSplit(middle) && middle.Cmp(lower.middle()) == 0 && open < s.most(), st)
		s.replace(at*minute, []*Shard{lower}, lower.Start, plus(middle, -1), middle, lower.End)
		return
	}
	upper := s.shards[st.Upper]
	check(!lower.Closed && !upper.Closed && plus(lower.End, 1).Cmp(upper.Start) == 0 && open > s.fewest(at), st)
	s.replace(at*minute, []*Shard{lower, upper}, lower.Start, upper.End)
}

func check(possible bool, st plan.Step) {
	if !possible {
		panic(fmt.Sprintf("on-demand mode does what it must not: %+v", st))
	}
}

// Peak returns the average of the busiest minute's seconds.
func (s *Stream) Peak() (bytes, records int64) {
	if !s.OnDemand() {
		return 0, 0
	}
	p := s.scaling.machine.Peak()
	return p.Bytes / 60, p.Records / 60
}

func keyOf(n *big.Int) keyspace.Key {
	hi := new(big.Int).Rsh(n, 64).Uint64()
	return keyspace.Key{Hi: hi, Lo: new(big.Int).And(n, new(big.Int).SetUint64(math.MaxUint64)).Uint64()}
}

func bigOf(k keyspace.Key) *big.Int {
	n := new(big.Int).SetUint64(k.Hi)
	return n.Lsh(n, 64).Or(n, new(big.Int).SetUint64(k.Lo))
}

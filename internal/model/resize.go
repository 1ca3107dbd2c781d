package model

import (
	"fmt"
	"math/big"
	"slices"
	"time"
)

// A Rule is one about resizing.
type Rule string

const (
	TooLarge     Rule = "more than the factor times the open shards"
	TooSmall     Rule = "less than that part of them"
	AboveMaximum Rule = "above the maximum"
	TooOften     Rule = "too many in 24 hours"
)

// A Refusal is a rule that refuses a target, with its number.
type Refusal struct {
	Rule  Rule
	Limit int
	Wait  time.Duration // for TooOften
}

// A Plan is the layout that a resize leads to.
type Plan struct {
	Target int
	starts []*big.Int // of the shards that are to be open
	next   int        // how many shards there were
}

// PlanResize says where the shards shall begin, or what refuses the target.
func (s *Stream) PlanResize(target int, now int64) (Plan, []Refusal, Fault) {
	p := Plan{Target: target, next: len(s.shards), starts: s.starts()}
	current := len(p.starts)
	switch {
	case s.OnDemand():
		return p, nil, WrongMode
	case target < 1:
		return p, nil, BadArgument
	case target == current:
		return p, nil, OK
	}
	if refusals := s.refusals(current, target, now); refusals != nil {
		return p, refusals, ResizeRefused
	}
	var f Fault
	switch {
	case target == 2*current:
		p.starts, f = s.doubled()
	case 2*target == current:
		p.starts = s.halved()
	default:
		p.starts = s.evened(target)
	}
	return p, nil, f
}

// refusals returns all rules that refuse a target.
func (s *Stream) refusals(current, target int, now int64) (list []Refusal) {
	c := s.config
	if most := current * c.ResizeFactor; target > most {
		list = append(list, Refusal{TooLarge, most, 0})
	}
	if fewest := (current + c.ResizeFactor - 1) / c.ResizeFactor; target < fewest {
		list = append(list, Refusal{TooSmall, fewest, 0})
	}
	if target > c.MaxShards || current > c.MaxShards && target == c.MaxShards {
		list = append(list, Refusal{AboveMaximum, c.MaxShards, 0})
	}
	if list != nil {
		return list
	}
	s.resizes = lastDay(s.resizes, now)
	if len(s.resizes) >= c.ResizesPerDay {
		list = append(list, Refusal{TooOften, c.ResizesPerDay, untilDayAfter(s.resizes[0], now)})
	}
	return list
}

const day = int64(24 * time.Hour)

// lastDay returns, in order, the times that lie less than 24 hours back and no
// more than that ahead.
func lastDay(times []int64, now int64) []int64 {
	times = slices.DeleteFunc(times, func(at int64) bool { return now-at >= day || at-now > day })
	slices.Sort(times)
	return times
}

func untilDayAfter(at, now int64) time.Duration { return time.Duration(at + day - now) }

// doubled adds the middle of each shard.
func (s *Stream) doubled() (starts []*big.Int, f Fault) {
	for _, sh := range s.Open() {
		if !sh.canSplit(sh.middle()) {
			return nil, BadArgument
		}
		starts = append(starts, sh.Start, sh.middle())
	}
	return starts, OK
}

// halved leaves out every second boundary.
func (s *Stream) halved() (starts []*big.Int) {
	for i, start := range s.starts() {
		if i%2 == 0 {
			starts = append(starts, start)
		}
	}
	return starts
}

// evened returns where n even ranges begin; the first boundary there is already
// that is off by rounding only serves as it is.
func (s *Stream) evened(n int) (starts []*big.Int) {
	const rounding = 1 << 32
	for _, start := range evenStarts(n) {
		for _, existing := range s.starts() {
			if existing.Cmp(plus(start, -rounding)) >= 0 && existing.Cmp(plus(start, rounding)) < 0 {
				start = existing
				break
			}
		}
		starts = append(starts, start)
	}
	return starts
}

// A Step is a split of one parent or a merge of two.
type Step struct {
	Parents, Children []int
	At                *big.Int // where the second child of a split begins
}

// Fewest returns how many splits and merges a plan takes at least: one for each
// boundary that is missing, one for each that is not wanted.
func (s *Stream) Fewest(p Plan) (splits, merges int) {
	has := func(list []*big.Int, n *big.Int) bool {
		return slices.ContainsFunc(list, func(m *big.Int) bool { return m.Cmp(n) == 0 })
	}
	before := s.starts()
	for _, start := range p.starts {
		if !has(before, start) {
			splits++
		}
	}
	for _, start := range before {
		if !has(p.starts, start) {
			merges++
		}
	}
	return splits, merges
}

// Stale reports whether the shards have changed since a plan was made.
func (s *Stream) Stale(p Plan) bool { return p.next != len(s.shards) }

// CarryOut does the steps that somebody else found for a plan, and says what is
// wrong with them.
func (s *Stream) CarryOut(p Plan, steps []Step, now int64) error {
	splits, merges := s.Fewest(p)
	for i, st := range steps {
		var children []int
		var f Fault
		if len(st.Parents) == 1 {
			splits--
			children, f = s.Split(st.Parents[0], st.At, now)
		} else {
			merges--
			children, f = s.Merge(st.Parents[0], st.Parents[1], now)
		}
		if f != OK || !slices.Equal(children, st.Children) {
			return fmt.Errorf("step %d, %v: %q, children %v", i, st, f, children)
		}
	}
	if splits != 0 || merges != 0 {
		return fmt.Errorf("%d more splits and %d more merges are the fewest", splits, merges)
	}
	if !slices.EqualFunc(p.starts, s.starts(), func(a, b *big.Int) bool { return a.Cmp(b) == 0 }) {
		return fmt.Errorf("the shards begin at %v, not at %v", s.starts(), p.starts)
	}
	if len(steps) > 0 {
		s.resizes = append(s.resizes, now)
	}
	return nil
}

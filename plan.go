package weir

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// ErrResizeRefused says that a rule of resizing refused a target. The error is a
// [*ResizeError].
var ErrResizeRefused = errors.New("resize refused")

// A ResizeError says which rule refused a target. It matches [ErrResizeRefused].
type ResizeError struct {
	Rule       ResizeRule
	Current    int           // open shards
	Target     int           // what was asked for
	Limit      int           // the rule's number: a shard count, or resizes a day
	RetryAfter time.Duration // for [ResizeTooOften]: until one more is allowed
}

// A ResizeRule is a rule of the service about shard counts.
type ResizeRule int

const (
	// ResizeTooLarge refuses more than double the open shards.
	ResizeTooLarge ResizeRule = iota
	// ResizeTooSmall refuses fewer than half the open shards.
	ResizeTooSmall
	// ResizeAboveMaximum refuses more than [Limits.MaxShards]. A stream that has
	// more already may only be resized to fewer.
	ResizeAboveMaximum
	// ResizeTooOften refuses more than [Limits.ResizesPerDay] in 24 hours.
	ResizeTooOften
)

func (e *ResizeError) Error() string {
	switch e.Rule {
	case ResizeTooLarge:
		return fmt.Sprintf("%d shards are over %d, the most that %d open shards can be resized to", e.Target, e.Limit, e.Current)
	case ResizeTooSmall:
		return fmt.Sprintf("%d shards are below %d, the fewest that %d open shards can be resized to", e.Target, e.Limit, e.Current)
	case ResizeAboveMaximum:
		return fmt.Sprintf("%d shards are over the maximum of %d", e.Target, e.Limit)
	default:
		return fmt.Sprintf("%d resizes in 24 hours are the most; retry after %v", e.Limit, e.RetryAfter)
	}
}

// Is reports whether target is [ErrResizeRefused].
func (e *ResizeError) Is(target error) bool { return target == ErrResizeRefused }

// A Plan is the splits and merges that lead to a number of shards.
type Plan struct {
	Current, Target int // open shards before and after
	Steps           []ReshardStep
	first           ShardID // the first id that the steps give out
}

// A ReshardStep is one split or one merge.
type ReshardStep struct {
	Parents  []ShardID // one to be split, or two to be merged, the lower first
	Children []ShardID // two, the lower first, or one
	// At is where the second child of a split begins.
	At HashKey
}

// IsSplit reports whether the step is a split; else it is a merge.
func (st ReshardStep) IsSplit() bool { return len(st.Parents) == 1 }

// String returns the step in words.
func (st ReshardStep) String() string {
	if st.IsSplit() {
		return fmt.Sprintf("split %v at %v into %v and %v", st.Parents[0], st.At, st.Children[0], st.Children[1])
	}
	return fmt.Sprintf("merge %v and %v into %v", st.Parents[0], st.Parents[1], st.Children[0])
}

// PlanResize returns what [Stream.Resize] would do, without doing it.
func (s *Stream) PlanResize(target int) (Plan, error) {
	s.reshard.Lock()
	defer s.reshard.Unlock()
	return s.planLocked(target, s.now())
}

// Resize changes the number of open shards as the service's UpdateShardCount
// with UNIFORM_SCALING does. Double the number splits each shard once in the
// middle, half the number merges neighbours; any other target gives even hash
// key ranges by the fewest splits and merges, and the present number changes
// nothing. [Limits.ResizeFactor], [Limits.MaxShards] and [Limits.ResizesPerDay]
// say what is refused, with a [*ResizeError].
func (s *Stream) Resize(target int) (Plan, error) {
	s.reshard.Lock()
	defer s.reshard.Unlock()
	now := s.now()
	plan, err := s.planLocked(target, now)
	if err != nil || len(plan.Steps) == 0 {
		return plan, err
	}
	s.applyLocked(plan, now)
	s.resizes = append(s.resizes, now)
	return plan, nil
}

// ErrPlanStale says that the shards have changed since a plan was made.
var ErrPlanStale = errors.New("the shards have changed since the plan was made")

// Apply carries a plan out. It counts as one resize. The error is
// [ErrPlanStale], or what [Stream.PlanResize] returns now.
func (s *Stream) Apply(plan Plan) error {
	s.reshard.Lock()
	defer s.reshard.Unlock()
	now := s.now()
	fresh, err := s.planLocked(plan.Target, now)
	if err != nil {
		return err
	}
	if fresh.first != plan.first || len(fresh.Steps) != len(plan.Steps) {
		return ErrPlanStale
	}
	if len(plan.Steps) > 0 {
		s.applyLocked(fresh, now)
		s.resizes = append(s.resizes, now)
	}
	return nil
}

// ResizeSteps returns the targets, last the given one, through which a stream of
// current shards reaches a number of shards that is too far for one resize, by
// doubling or halving until the rest is near enough: 3 to 50 goes by 6, 12, 24
// and 48. It returns nil when there is nothing to do or a number is not positive.
func ResizeSteps(current, target int) []int {
	if current < 1 || target < 1 {
		return nil
	}
	var steps []int
	for current != target {
		current = min(max(target, (current+1)/2), 2*current)
		steps = append(steps, current)
	}
	return steps
}

// planLocked checks the rules and plans. The caller holds reshard.
func (s *Stream) planLocked(target int, now instant) (Plan, error) {
	if err := s.provisionedLocked(); err != nil {
		return Plan{}, err
	}
	routes := s.routes.Load()
	current := len(routes.open)
	plan := Plan{Current: current, Target: target, first: routes.next}
	if target < 1 {
		return plan, invalidf("target shard count", "%d is less than 1", target)
	}
	if err := s.checkResizeLocked(current, target, now); err != nil || current == target {
		return plan, err
	}
	p := planner{next: routes.next}
	for _, sh := range routes.open {
		p.open = append(p.open, plannedShard{sh.shard, sh.keys})
	}
	switch {
	case target == 2*current:
		p.double()
	case 2*target == current:
		p.halve()
	default:
		p.even(target)
	}
	plan.Steps = p.steps
	return plan, p.err
}

// checkResizeLocked checks the service's rules for a target.
func (s *Stream) checkResizeLocked(current, target int, now instant) error {
	e := &ResizeError{Current: current, Target: target}
	factor := float64(s.limits.ResizeFactor)
	switch {
	case target == current:
		return nil
	case target > s.limits.MaxShards, target == s.limits.MaxShards && current > target:
		e.Rule, e.Limit = ResizeAboveMaximum, s.limits.MaxShards
	case float64(target) > float64(current)*factor:
		e.Rule, e.Limit = ResizeTooLarge, int(float64(current)*factor)
	case float64(target)*factor < float64(current):
		e.Rule, e.Limit = ResizeTooSmall, (current+s.limits.ResizeFactor-1)/s.limits.ResizeFactor
	default:
		return s.checkResizeOftenLocked(e, now)
	}
	return e
}

// checkResizeOftenLocked checks how many resizes there were in 24 hours.
func (s *Stream) checkResizeOftenLocked(e *ResizeError, now instant) error {
	const day = instant(24 * time.Hour)
	s.resizes = slices.DeleteFunc(s.resizes, func(at instant) bool { return now-at >= day })
	if len(s.resizes) < s.limits.ResizesPerDay {
		return nil
	}
	e.Rule, e.Limit = ResizeTooOften, s.limits.ResizesPerDay
	e.RetryAfter = time.Duration(s.resizes[0] + day - now)
	return e
}

// applyLocked carries out the steps of a plan just made, all at one moment. The
// caller holds reshard.
func (s *Stream) applyLocked(plan Plan, now instant) {
	change := s.changeLocked(now)
	open := make(map[ShardID]*shard)
	for _, sh := range change.open {
		open[sh.shard] = sh
	}
	for _, step := range plan.Steps {
		lo := open[step.Parents[0]]
		parents, ranges := []*shard{lo}, []HashKeyRange{{lo.keys.Start, step.At.Sub(1)}, {step.At, lo.keys.End}}
		if !step.IsSplit() {
			hi := open[step.Parents[1]]
			parents, ranges = []*shard{lo, hi}, []HashKeyRange{{lo.keys.Start, hi.keys.End}}
		}
		for _, child := range change.replace(parents, ranges) {
			open[child.shard] = child
		}
	}
	change.publish()
}

// A planner works out steps on ranges alone.
type planner struct {
	open  []plannedShard // by hash key
	next  ShardID
	steps []ReshardStep
	err   error
}

type plannedShard struct {
	id   ShardID
	keys HashKeyRange
}

// split splits the shard at a place.
func (p *planner) split(place int, at HashKey) {
	sh := p.open[place]
	if !sh.keys.CanSplitAt(at) {
		p.err = invalidf("target shard count", "%v has too few hash keys to be split", sh.id)
		return
	}
	children := []ShardID{p.next, p.next + 1}
	p.next += 2
	p.steps = append(p.steps, ReshardStep{Parents: []ShardID{sh.id}, Children: children, At: at})
	p.open = slices.Replace(p.open, place, place+1,
		plannedShard{children[0], HashKeyRange{sh.keys.Start, at.Sub(1)}},
		plannedShard{children[1], HashKeyRange{at, sh.keys.End}})
}

// merge merges the shard at a place with the one above it.
func (p *planner) merge(place int) {
	lo, hi := p.open[place], p.open[place+1]
	p.steps = append(p.steps, ReshardStep{Parents: []ShardID{lo.id, hi.id}, Children: []ShardID{p.next}})
	p.open = slices.Replace(p.open, place, place+2,
		plannedShard{p.next, HashKeyRange{lo.keys.Start, hi.keys.End}})
	p.next++
}

// double splits every shard in the middle.
func (p *planner) double() {
	for place := 0; place < len(p.open) && p.err == nil; place += 2 {
		p.split(place, p.open[place].keys.Middle())
	}
}

// halve merges neighbouring pairs.
func (p *planner) halve() {
	for place := range len(p.open) / 2 {
		p.merge(place)
	}
}

// even gives n even ranges: each boundary that is missing takes one split, each
// that is not wanted one merge, and fewer cannot do. All splits come first, so
// that a key passes through as few shards as possible.
func (p *planner) even(n int) {
	wanted := p.boundaries(n)
	for place := len(p.open) - 1; place >= 0 && p.err == nil; place-- {
		p.splitAll(place, within(wanted, p.open[place].keys))
	}
	for place := len(p.open) - 1; place > 0; place-- {
		if _, ok := slices.BinarySearchFunc(wanted, p.open[place].keys.Start, HashKey.Compare); !ok {
			p.merge(place - 1)
		}
	}
}

// splitAll splits the shard at a place at several keys, the middle one first, so
// that the pieces are no more generations away than they must be.
func (p *planner) splitAll(place int, at []HashKey) {
	if len(at) == 0 || p.err != nil {
		return
	}
	middle := len(at) / 2
	p.split(place, at[middle])
	if p.err == nil {
		p.splitAll(place+1, at[middle+1:])
		p.splitAll(place, at[:middle])
	}
}

// within returns the boundaries that lie inside a range.
func within(boundaries []HashKey, keys HashKeyRange) []HashKey {
	from, found := slices.BinarySearchFunc(boundaries, keys.Start, HashKey.Compare)
	if found {
		from++
	}
	to, found := slices.BinarySearchFunc(boundaries, keys.End, HashKey.Compare)
	if found {
		to++
	}
	return boundaries[from:to]
}

// boundaries returns where n even ranges but the first begin. An existing
// boundary that is off by no more than rounding serves as it is.
func (p *planner) boundaries(n int) []HashKey {
	const rounding = 1 << 32
	var list []HashKey
	place := 0
	for _, keys := range EvenRanges(n)[1:] {
		at := keys.Start
		for place < len(p.open) && p.open[place].keys.Start.less(at.Sub(rounding)) {
			place++
		}
		if place < len(p.open) && p.open[place].keys.Start.less(at.Add(rounding)) {
			at = p.open[place].keys.Start
		}
		list = append(list, at)
	}
	return list
}

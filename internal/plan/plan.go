// Package plan finds the fewest splits and merges that lead from the shards
// there are to a number of shards. It knows shards by their ids and ranges
// only, and changes nothing: it returns the steps.
package plan

import (
	"fmt"
	"slices"

	"github.com/weirstream/weir/internal/keyspace"
)

// A Shard is an open shard.
type Shard struct {
	ID   int64
	Keys keyspace.Range
}

// Cover reports whether shards, in the order of their ranges, cover all hash
// keys once.
func Cover(open []Shard) bool {
	next := keyspace.Key{}
	for i, sh := range open {
		if sh.Keys.Start != next || i > 0 && next == (keyspace.Key{}) {
			return false
		}
		next = sh.Keys.End.Add(1)
	}
	return len(open) > 0 && next == (keyspace.Key{})
}

// A Step is one split or one merge.
type Step struct {
	// Lower is the shard that is split, or the lower of two that are merged.
	Lower int64
	// Upper is the other shard of a merge. In a split it is Split.
	Upper int64
	// At is where the upper child of a split begins.
	At keyspace.Key
	// Child is the shard that a merge opens, or the lower child of a split,
	// whose upper one is Child + 1.
	Child int64
}

// Split stands for the shard that a split does not have.
const Split = -1

// IsSplit reports whether the step is a split; else it is a merge.
func (s Step) IsSplit() bool { return s.Upper == Split }

// A NarrowError says that a shard has too few hash keys to be split.
type NarrowError struct{ Shard int64 }

func (e *NarrowError) Error() string {
	return fmt.Sprintf("shard %d has too few hash keys to be split", e.Shard)
}

// Resize returns the steps from the shards that are open, by hash key, to
// target shards, which is not less than 1. Those that the steps open are
// numbered from next on, in order. Double the number splits each shard in the
// middle, half the number merges neighbours; any other target gives even
// ranges. The error is a [*NarrowError]. It takes time in proportion to the
// shards before and after.
func Resize(open []Shard, target int, next int64) ([]Step, error) {
	p := planner{open: open, next: next}
	switch {
	case target == len(open):
	case target == 2*len(open):
		p.double()
	case 2*target == len(open):
		p.halve()
	default:
		p.even(target)
	}
	if p.err != nil {
		return nil, p.err
	}
	return p.steps, nil
}

type planner struct {
	open  []Shard
	next  int64
	steps []Step
	err   error // the first shard that is too narrow; nothing is planned after it
}

// double splits every shard in the middle.
func (p *planner) double() {
	for _, sh := range p.open {
		p.split(sh, sh.Keys.Middle())
	}
}

// halve merges neighbouring pairs.
func (p *planner) halve() {
	for i := 0; i < len(p.open); i += 2 {
		p.merge(p.open[i], p.open[i+1])
	}
}

// even gives n even ranges: each boundary that is missing takes one split, each
// that is not wanted one merge, and fewer cannot do. All splits come first, so
// that a key passes through as few shards as possible.
func (p *planner) even(n int) {
	wanted := p.boundaries(n)
	var pieces []Shard // from the highest keys down, as all that follows
	for i := len(p.open) - 1; i >= 0 && p.err == nil; i-- {
		pieces = p.splitAll(pieces, p.open[i], within(wanted, p.open[i].Keys))
	}
	for i := 1; i < len(pieces) && p.err == nil; i++ {
		upper, lower := pieces[i-1], pieces[i]
		if _, ok := slices.BinarySearchFunc(wanted, upper.Keys.Start, keyspace.Key.Compare); !ok {
			pieces[i] = p.merge(lower, upper)
		}
	}
}

// splitAll splits a shard at several keys, the middle one first, so that the
// pieces are no more generations away than they must be. It appends these to
// pieces.
func (p *planner) splitAll(pieces []Shard, sh Shard, at []keyspace.Key) []Shard {
	if len(at) == 0 {
		return append(pieces, sh)
	}
	middle := len(at) / 2
	lower, upper := p.split(sh, at[middle])
	if p.err != nil {
		return pieces
	}
	pieces = p.splitAll(pieces, upper, at[middle+1:])
	return p.splitAll(pieces, lower, at[:middle])
}

// split plans a split and returns the children.
func (p *planner) split(sh Shard, at keyspace.Key) (lower, upper Shard) {
	if p.err != nil || !sh.Keys.CanSplitAt(at) {
		if p.err == nil {
			p.err = &NarrowError{sh.ID}
		}
		return sh, sh
	}
	lower.ID, upper.ID = p.next, p.next+1
	lower.Keys, upper.Keys = sh.Keys.SplitAt(at)
	p.steps = append(p.steps, Step{Lower: sh.ID, Upper: Split, At: at, Child: p.next})
	p.next += 2
	return lower, upper
}

// merge plans a merge and returns the child.
func (p *planner) merge(lower, upper Shard) Shard {
	child := Shard{p.next, lower.Keys.Union(upper.Keys)}
	p.steps = append(p.steps, Step{Lower: lower.ID, Upper: upper.ID, Child: child.ID})
	p.next++
	return child
}

// within returns the boundaries that lie inside a range.
func within(boundaries []keyspace.Key, keys keyspace.Range) []keyspace.Key {
	from, found := slices.BinarySearchFunc(boundaries, keys.Start, keyspace.Key.Compare)
	if found {
		from++
	}
	to, found := slices.BinarySearchFunc(boundaries, keys.End, keyspace.Key.Compare)
	if found {
		to++
	}
	return boundaries[from:to]
}

// boundaries returns where n even ranges but the first begin. An existing
// boundary that is off by no more than rounding serves as it is.
func (p *planner) boundaries(n int) []keyspace.Key {
	const rounding = 1 << 32
	var list []keyspace.Key
	i := 0
	for _, keys := range keyspace.Even(n)[1:] {
		at := keys.Start
		for i < len(p.open) && p.open[i].Keys.Start.Less(at.Sub(rounding)) {
			i++
		}
		if i < len(p.open) && p.open[i].Keys.Start.Less(at.Add(rounding)) {
			at = p.open[i].Keys.Start
		}
		list = append(list, at)
	}
	return list
}

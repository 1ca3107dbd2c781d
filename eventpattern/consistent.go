package eventpattern

import "slices"

// A consistency looks for values of the fields of one way that lie in the same
// element of every array which two of them share, as event-ruler has it. A field
// that must be absent must have no value in the elements which the fields before
// it, in the order of their paths, chose.
//
// Where each field is found in one array of a context, which is so unless a path
// has two spellings in the event, nothing has to be tried twice.
type consistency struct {
	s        *scan
	byWord   [][]int32 // facts by the word of their leaves' bits
	contexts []place
	arrays   []place
	reached  []uint64 // the places' sets
	budget   int64    // steps that are left
	frames   int      // of recursion

	// What follows is about the way that is being tried.
	way   int32
	items []item // those that have a value somewhere
	words int    // of a set of items
}

// A place is a context or an array, and which items are there: in a context
// itself, in an array at any depth.
type place struct {
	way         int32 // the last for which it was reached
	reach       int32 // where its sets begin: items whose leaf is met, items with any value
	first, next int32 // lists of the arrays in a context and the elements of an array; 0 ends them
}

// maxFrames bounds the stack: a field that could be found in two arrays takes one,
// and so does a level of the event.
const maxFrames = 1 << 16

// maxBudget keeps indexes of reached within 31 bits.
const maxBudget = 1 << 32

func newConsistency(s *scan) *consistency {
	c := &consistency{s: s, budget: stepsFor(s.b)}
	c.byWord = make([][]int32, len(s.sat))
	// The list of index 0 is the end of all lists, so arrays count from 1 here.
	c.contexts, c.arrays = make([]place, len(s.contexts)), make([]place, len(s.arrays)+1)
	for i, f := range s.facts {
		if f.field >= 0 {
			w := s.p.fields[f.field].first + int(f.word)
			c.byWord[w] = append(c.byWord[w], int32(i))
		}
	}
	return c
}

func stepsFor(event []byte) int64 { return min(MaxSteps+stepsPerByte*int64(len(event)), maxBudget) }

// spend takes n steps, and reports whether there were so many left.
func (c *consistency) spend(n int) bool {
	c.budget -= int64(n)
	return c.budget >= 0
}

func (c *consistency) over() bool { return c.budget < 0 }

// matches tries a way, of which each field meets its leaf somewhere or may be
// absent.
func (c *consistency) matches(way []item) bool {
	c.way++
	c.reached = c.reached[:0]
	c.items = c.items[:0]
	for _, it := range way {
		if c.s.present[it.field] { // the others are absent everywhere
			c.items = append(c.items, it)
		}
	}
	c.words = (len(c.items) + 63) / 64
	c.renew(&c.contexts[0])
	for i, it := range c.items {
		f := &c.s.p.fields[it.field]
		for _, at := range c.byWord[f.first+int(it.leaf/64)] {
			fact := &c.s.facts[at]
			met := fact.mask>>(it.leaf%64)&1 == 1
			if !c.spend(1) {
				return false
			}
			if met || f.leaves[it.leaf].absent {
				c.note(fact.context, i, met)
			}
		}
	}
	return c.begin()
}

// renew empties a place that was not reached yet for this way.
func (c *consistency) renew(p *place) bool {
	if p.way == c.way {
		return false
	}
	*p = place{way: c.way, reach: int32(len(c.reached))}
	if c.spend(stepsPerWord * 2 * c.words) {
		c.reached = append(c.reached, make([]uint64, 2*c.words)...)
	}
	return true
}

// mark notes an item of a place, and reports whether that is news.
func (c *consistency) mark(p *place, i int, met bool) bool {
	if c.over() {
		return false
	}
	set, bit := c.reached[p.reach:], uint64(1)<<(i%64)
	there, meets := &set[c.words+i/64], &set[i/64]
	if *there&bit != 0 && (!met || *meets&bit != 0) {
		return false
	}
	*there |= bit
	if met {
		*meets |= bit
	}
	return true
}

// note keeps an item of a context, and of all arrays around that.
func (c *consistency) note(context int32, i int, met bool) {
	p := &c.contexts[context]
	isNew := c.renew(p)
	c.mark(p, i, met)
	for context != 0 && c.spend(1) {
		array := c.s.contexts[context] + 1
		a := &c.arrays[array]
		newArray := c.renew(a)
		if isNew {
			p.next, a.first = a.first, context
		}
		if !c.mark(a, i, met) {
			return // then what is around it knows it, too
		}
		context = c.s.arrays[array-1]
		p = &c.contexts[context]
		isNew = c.renew(p)
		if newArray {
			a.next, p.first = p.first, array
		}
	}
}

func (c *consistency) meets(p *place, i int) bool {
	return c.reached[int(p.reach)+i/64]>>(i%64)&1 == 1
}

func (c *consistency) there(p *place, i int) bool {
	return c.reached[int(p.reach)+c.words+i/64]>>(i%64)&1 == 1
}

// begin chooses, for the items that allow it, whether they are to be absent.
func (c *consistency) begin() bool {
	var either, want, absent []int
	for i, it := range c.items {
		f := &c.s.p.fields[it.field]
		met := c.s.sat[f.first+int(it.leaf/64)]>>(it.leaf%64)&1 == 1
		switch {
		case !f.leaves[it.leaf].absent:
			want = append(want, i)
		case met:
			either = append(either, i)
		default:
			absent = append(absent, i)
		}
	}
	return c.choose(either, want, absent)
}

func (c *consistency) choose(either, want, absent []int) bool {
	if !c.spend(1 + len(want) + len(absent)) {
		return false
	}
	if len(either) == 0 {
		want = slices.Sorted(slices.Values(want))
		return c.solve(0, want, absent)
	}
	i, rest := either[0], either[1:]
	return c.choose(rest, append(slices.Clone(want), i), absent) || c.choose(rest, want, append(slices.Clone(absent), i))
}

// A taken is an item and the array of a context in which its value is looked for.
type taken struct {
	array int32
	item  int
}

// solve finds values within a context: for each item that is wanted one in the
// context itself or in an array of it.
func (c *consistency) solve(context int32, want, absent []int) bool {
	if !c.spend(1 + len(want) + len(absent)) {
		return false
	}
	p := &c.contexts[context]
	for _, i := range absent {
		if c.there(p, i) {
			return false
		}
	}
	if c.frames++; c.frames > maxFrames {
		c.budget = -1
	}
	ok := c.assign(p, want, absent, nil)
	c.frames--
	return ok
}

// assign gives the items places, one after another. It tries all of them for an
// item that has several.
func (c *consistency) assign(p *place, want, absent []int, found []taken) bool {
	for n, i := range want {
		here := c.meets(p, i)
		if here && len(absent) == 0 {
			continue // an array could only ask for more
		}
		var options []int32
		for a := p.first; a != 0 && c.spend(1); a = c.arrays[a].next {
			if c.meets(&c.arrays[a], i) {
				options = append(options, a)
			}
		}
		if !here && len(options) == 0 {
			return false
		}
		if here && len(options) == 0 {
			continue
		}
		if !here && len(options) == 1 {
			found = append(found, taken{options[0], i})
			continue
		}
		return c.try(p, here, i, options, want[n+1:], absent, found)
	}
	return !c.over() && c.descend(p, absent, found)
}

func (c *consistency) try(p *place, here bool, i int, options []int32, want, absent []int, found []taken) bool {
	if c.frames++; c.frames > maxFrames {
		c.budget = -1
	}
	defer func() { c.frames-- }()
	if here && c.spend(1) && c.assign(p, want, absent, found) {
		return true
	}
	for _, a := range options {
		if c.spend(1+len(found)) && c.assign(p, want, absent, append(found, taken{a, i})) {
			return true
		}
	}
	return false
}

// descend looks for an element of each array that was chosen. What must be absent
// counts in all elements of an array, unless a field before it chose one.
func (c *consistency) descend(p *place, absent []int, found []taken) bool {
	for a := p.first; a != 0; a = c.arrays[a].next {
		if !c.spend(1 + len(found) + len(absent)) {
			return false
		}
		var items, within []int
		for _, t := range found {
			if t.array == a {
				items = append(items, t.item)
			}
		}
		for _, i := range absent {
			if !c.there(&c.arrays[a], i) {
				continue
			}
			if len(items) == 0 || items[0] > i {
				return false
			}
			within = append(within, i)
		}
		if len(items) > 0 && !c.anyElement(a, items, within) {
			return false
		}
	}
	return true
}

func (c *consistency) anyElement(array int32, want, absent []int) bool {
	for e := c.arrays[array].first; e != 0; e = c.contexts[e].next {
		if c.solve(e, want, absent) {
			return true
		}
	}
	return false
}

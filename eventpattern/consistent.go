package eventpattern

import "slices"

// A consistency looks for values of the fields of one way that lie in the same
// element of every array which two of them share, as event-ruler has it. A field
// that must be absent must have no value in the elements which the fields before
// it, in the order of their paths, chose.
type consistency struct {
	s        *scan
	way      []item
	choices  *int
	met      map[int32][]int    // by context: items with a value there that meets their leaf
	there    map[int32][]int    // by context: items with any value there
	below    map[int32]*reach   // by array: what is in it, at any depth
	arrays   map[int32][]int32  // by context: the arrays in it that matter
	elements map[int32][]int32  // by array: the elements of it that matter
	linked   map[int32]struct{} // contexts that are in elements
}

// A reach is which items have a value that meets their leaf, or any.
type reach struct{ met, there []uint64 }

func newConsistency(s *scan, way []item, choices *int) *consistency {
	c := &consistency{
		s: s, way: way, choices: choices, met: map[int32][]int{}, there: map[int32][]int{}, below: map[int32]*reach{},
		arrays: map[int32][]int32{}, elements: map[int32][]int32{}, linked: map[int32]struct{}{},
	}
	index := make([]int, len(s.p.fields))
	for i, it := range way {
		index[it.field] = i + 1
	}
	for _, f := range s.facts {
		if f.field < 0 || index[f.field] == 0 {
			continue
		}
		i := index[f.field] - 1
		it := way[i]
		met := f.word == it.leaf/64 && f.mask>>(it.leaf%64)&1 == 1
		if met {
			c.met[f.context] = append(c.met[f.context], i)
		}
		c.there[f.context] = append(c.there[f.context], i)
		c.link(f.context, i, met)
	}
	return c
}

// link notes an item of a context with all arrays around it.
func (c *consistency) link(context int32, i int, met bool) {
	for context != 0 {
		array := c.s.contexts[context]
		if _, ok := c.linked[context]; !ok {
			c.linked[context] = struct{}{}
			c.elements[array] = append(c.elements[array], context)
		}
		outer := c.s.arrays[array]
		r := c.below[array]
		if r == nil {
			words := (len(c.way) + 63) / 64
			r = &reach{make([]uint64, words), make([]uint64, words)}
			c.below[array] = r
			c.arrays[outer] = append(c.arrays[outer], array)
		}
		r.there[i/64] |= 1 << (i % 64)
		if met {
			r.met[i/64] |= 1 << (i % 64)
		}
		context = outer
	}
}

func has(set []uint64, i int) bool { return set[i/64]>>(i%64)&1 == 1 }

// begin chooses, for the items that allow it, whether they are to be absent.
func (c *consistency) begin() bool {
	var want, absent []int
	var either []int
	for i, it := range c.way {
		f := c.s.p.fields[it.field]
		met := c.s.sat[f.first+int(it.leaf/64)]>>(it.leaf%64)&1 == 1
		switch {
		case !f.leaves[it.leaf].absent:
			want = append(want, i)
		case !c.s.present[it.field]: // absent everywhere
		case met:
			either = append(either, i)
		default:
			absent = append(absent, i)
		}
	}
	return c.choose(either, want, absent)
}

func (c *consistency) choose(either, want, absent []int) bool {
	if *c.choices > MaxChoices {
		return false
	}
	if len(either) == 0 {
		slices.Sort(want)
		return c.solve(0, want, absent)
	}
	i, rest := either[0], either[1:]
	if c.choose(rest, append(slices.Clone(want), i), absent) {
		return true
	}
	*c.choices++
	return c.choose(rest, want, append(slices.Clone(absent), i))
}

// solve finds values within a context: for each item that is wanted one in the
// context itself or in an array of it.
func (c *consistency) solve(context int32, want, absent []int) bool {
	for _, i := range absent {
		if slices.Contains(c.there[context], i) {
			return false
		}
	}
	return c.assign(context, want, absent, map[int32][]int{})
}

// assign gives the first of the items a place, and goes on with the others.
func (c *consistency) assign(context int32, want, absent []int, taken map[int32][]int) bool {
	if len(want) == 0 {
		return c.descend(context, absent, taken)
	}
	i, tried := want[0], false
	try := func() bool {
		if tried {
			*c.choices++
		}
		tried = true
		return *c.choices <= MaxChoices && c.assign(context, want[1:], absent, taken)
	}
	if slices.Contains(c.met[context], i) {
		if try() {
			return true
		}
		if len(absent) == 0 {
			return false // an array could only ask for more
		}
	}
	for _, array := range c.arrays[context] {
		if !has(c.below[array].met, i) {
			continue
		}
		taken[array] = append(taken[array], i)
		ok := try()
		taken[array] = taken[array][:len(taken[array])-1]
		if ok {
			return true
		}
	}
	return false
}

// descend looks for an element of each array that was chosen. What must be absent
// counts in all elements of an array, unless a field before it chose one.
func (c *consistency) descend(context int32, absent []int, taken map[int32][]int) bool {
	for _, array := range c.arrays[context] {
		items := taken[array]
		var within []int
		for _, i := range absent {
			if !has(c.below[array].there, i) {
				continue
			}
			if len(items) == 0 || items[0] > i {
				return false
			}
			within = append(within, i)
		}
		if len(items) > 0 && !c.anyElement(array, items, within) {
			return false
		}
	}
	return true
}

func (c *consistency) anyElement(array int32, want, absent []int) bool {
	for _, element := range c.elements[array] {
		if c.solve(element, slices.Clone(want), absent) {
			return true
		}
	}
	return false
}

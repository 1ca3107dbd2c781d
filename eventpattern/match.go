package eventpattern

import (
	"fmt"
	"sync"
)

// A fact is a value at a path that the pattern asks about.
type fact struct {
	field   int32 // -1: taken back, because its name came again
	context int32 // the element of an array that it is in, 0: none
	word    int32 // which 64 leaves of the field mask is about
	mask    uint64
}

// A scan goes once over an event and keeps the facts.
type scan struct {
	text
	p        *Pattern
	facts    []fact
	fresh    int     // facts from here on belong to the member that is being read
	contexts []int32 // the array that each context is an element of; 0 is none
	arrays   []int32 // the context that each array is in
	seen     []member
	v        value // the one that is asked about, here so that it is not allocated
	buf      []byte
	sat      []uint64
	present  []bool
}

// A member is one that was seen in an object, with the facts that came of it.
type member struct {
	n        *node
	from, to int
}

var scans = sync.Pool{New: func() any { return new(scan) }}

// keep is how many elements each slice of a scan may have room for when it rests:
// 300 KiB in all.
const keep = 1 << 12

// Match reports whether an event, a JSON object, matches. The error is an
// [*EventError]: the event is no JSON object and matches nothing, or it is past a
// limit, which then is [ErrTooDeep] or [ErrTooComplex]. Match keeps nothing of the
// event.
func (p *Pattern) Match(event []byte) (bool, error) {
	if p == nil || p.root == nil {
		p = &Pattern{root: &node{field: -1}}
	}
	s := scans.Get().(*scan)
	defer s.rest()
	s.text, s.p = text{b: event}, p
	s.contexts = append(s.contexts, -1)
	if s.peek() != '{' {
		s.fail("an event is a JSON object")
	} else if s.object(p.root, 0) {
		s.end()
	}
	if s.rule != "" {
		return false, &EventError{Offset: s.pos, Rule: s.rule, Limit: s.limit}
	}
	return s.decide()
}

func (s *scan) rest() {
	if max(cap(s.facts), cap(s.contexts), cap(s.arrays), cap(s.seen), cap(s.buf), cap(s.sat), cap(s.present)) > keep {
		return
	}
	s.text, s.v, s.p, s.fresh = text{}, value{}, nil, 0
	s.facts, s.contexts, s.arrays, s.seen = s.facts[:0], s.contexts[:0], s.arrays[:0], s.seen[:0]
	scans.Put(s)
}

// object reads the object at n.
func (s *scan) object(n *node, context int32) bool {
	if len(n.children) == 0 {
		return s.skipObject()
	}
	if !s.enter() {
		return false
	}
	base := len(s.seen)
	for first := true; s.next(first, '}'); first = false {
		raw, escaped, ok := s.str("expected a name in quotes")
		if !ok || !s.expect(':', "expected a colon") {
			return false
		}
		child := n.find(s.plain(raw, escaped))
		if child == nil {
			if !s.skip() {
				return false
			}
			continue
		}
		s.seen = append(s.seen, member{child, len(s.facts), 0})
		at := s.replace(base)
		s.fresh = len(s.facts)
		ok = s.value(child, context)
		s.seen[at].to = len(s.facts)
		s.fresh = len(s.facts)
		if !ok {
			return false
		}
	}
	s.seen = s.seen[:base]
	return s.rule == ""
}

// replace takes back what an earlier member of the same name said, and returns
// where the last of s.seen now is.
func (s *scan) replace(base int) int {
	last := len(s.seen) - 1
	for i := base; i < last; i++ {
		if s.seen[i].n != s.seen[last].n {
			continue
		}
		for j := s.seen[i].from; j < s.seen[i].to; j++ {
			s.facts[j].field = -1
		}
		s.seen[i] = s.seen[last]
		s.seen = s.seen[:last]
		return i
	}
	return last
}

func (s *scan) plain(raw []byte, escaped bool) []byte {
	if !escaped {
		return raw
	}
	s.buf = unescape(s.buf[:0], raw)
	return s.buf
}

func (s *scan) value(n *node, context int32) bool {
	switch s.peek() {
	case '{':
		return s.object(n, context)
	case '[':
		return s.array(n, context)
	case '"':
		raw, escaped, ok := s.str("")
		if ok && n.field >= 0 {
			s.learn(n.field, context, value{raw: s.plain(raw, escaped), text: true})
		}
		return ok
	}
	raw, ok := s.scalar()
	if ok && n.field >= 0 {
		s.learn(n.field, context, newScalar(raw))
	}
	return ok
}

// array reads the array at n. Its elements are contexts of their own, unless they
// are scalars.
func (s *scan) array(n *node, context int32) bool {
	if !s.enter() {
		return false
	}
	array := int32(len(s.arrays))
	s.arrays = append(s.arrays, context)
	for first := true; s.next(first, ']'); first = false {
		inner := context
		if c := s.peek(); c == '{' && len(n.children) > 0 || c == '[' {
			inner = int32(len(s.contexts))
			s.contexts = append(s.contexts, array)
		}
		if !s.value(n, inner) {
			return false
		}
	}
	return s.rule == ""
}

// learn keeps which leaves of a field a value meets.
func (s *scan) learn(f, context int32, v value) {
	s.v = v
	leaves := s.p.fields[f].leaves
	for begin := 0; begin < len(leaves); begin += 64 {
		part := leaves[begin:min(begin+64, len(leaves))]
		mask := uint64(0)
		for i, l := range part {
			for _, t := range l.tests {
				if t.matches(&s.v) {
					mask |= 1 << i
					break
				}
			}
		}
		s.add(fact{f, context, int32(begin / 64), mask})
	}
}

// add merges what the elements of an array of scalars say.
func (s *scan) add(f fact) {
	if n := len(s.facts); n > s.fresh {
		if last := &s.facts[n-1]; last.field == f.field && last.context == f.context && last.word == f.word {
			last.mask |= f.mask
			return
		}
	}
	s.facts = append(s.facts, f)
}

// decide looks for a way that the facts meet. Where no fact is in an array it is
// enough that each field meets its leaf.
func (s *scan) decide() (bool, error) {
	words := 0
	if n := len(s.p.fields); n > 0 {
		last := s.p.fields[n-1]
		words = last.first + (len(last.leaves)+63)/64
	}
	s.sat, s.present = zeros(s.sat, words), zeros(s.present, len(s.p.fields))
	flat := true
	for _, f := range s.facts {
		if f.field >= 0 {
			s.present[f.field] = true
			s.sat[s.p.fields[f.field].first+int(f.word)] |= f.mask
			flat = flat && f.context == 0
		}
	}
	var c *consistency
	for _, way := range s.p.ways {
		if !s.possible(way, flat) {
			continue
		}
		if flat {
			return true, nil
		}
		if c == nil {
			c = newConsistency(s)
		}
		if c.matches(way) {
			return true, nil
		}
		if c.over() {
			return false, &EventError{Offset: len(s.b), Limit: ErrTooComplex, Rule: fmt.Sprintf(
				"more than %d steps to find elements of its arrays that meet all fields of the pattern at once", stepsFor(s.b))}
		}
	}
	return false, nil
}

func zeros[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	s = s[:n]
	clear(s)
	return s
}

// possible reports whether each field meets its leaf somewhere. If some facts are
// in arrays, a field that is there may still be absent in the elements chosen.
func (s *scan) possible(way []item, flat bool) bool {
	for _, it := range way {
		f := s.p.fields[it.field]
		if s.sat[f.first+int(it.leaf/64)]>>(it.leaf%64)&1 == 1 {
			continue
		}
		if !f.leaves[it.leaf].absent || flat && s.present[it.field] {
			return false
		}
	}
	return true
}

package eventpattern

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// reserved are the names that may not stand in an object of $or.
var reserved = []string{
	"exactly", "equals-ignore-case", "prefix", "suffix", "anything-but", "exists", "wildcard", "numeric", "cidr",
	"=", "<", "<=", ">", ">=", "regex", "not-wildcard", "not-equals-ignore-case", "date-after", "date-on-or-after",
	"date-before", "date-on-or-before", "in-date-range", "ip-address-in-range", "ip-address-not-in-range",
}

// A leaf is an array of alternatives.
type leaf struct {
	tests  []test
	absent bool // one of them is {"exists": false}
}

// A branch is one way to match, without $or: what each path must be.
type branch map[string]*leaf

// A compiler reads a pattern. The first rule that is broken is kept, as in text,
// with the place in it.
type compiler struct {
	text
	plainOr  bool     // $or is the name of a field
	sawOr    bool     // there is a $or
	names    []string // the path in the pattern's JSON, for errors
	where    string   // the path at which a rule was broken
	path     []string // of fields
	inOr     int
	branches []branch
}

// failAt is fail for a rule about what begins at an offset.
func (c *compiler) failAt(offset int, format string, args ...any) bool {
	if c.rule == "" {
		c.pos = offset
	}
	return c.fail(fmt.Sprintf(format, args...))
}

func (c *compiler) tooComplex(offset int, format string, args ...any) bool {
	if c.rule == "" {
		c.limit = ErrTooComplex
	}
	return c.failAt(offset, format, args...)
}

// in runs f for what is called name, and keeps the path of what goes wrong there.
func (c *compiler) in(name string, f func() bool) bool {
	c.names = append(c.names, name)
	ok := f()
	if !ok && c.where == "" {
		c.where = strings.Join(c.names, "")
	}
	c.names = c.names[:len(c.names)-1]
	return ok
}

func (c *compiler) err() error {
	before := c.b[:min(c.pos, len(c.b))]
	return &PatternError{
		Path: c.where, Offset: len(before), Rule: c.rule, Limit: c.limit,
		Line: 1 + bytes.Count(before, []byte("\n")), Column: len(before) - bytes.LastIndexByte(before, '\n'),
	}
}

// parse reads the whole pattern.
func (c *compiler) parse() bool {
	return c.in("$", func() bool {
		if c.peek() != '{' {
			return c.fail("a pattern is a JSON object")
		}
		return c.object() && c.end()
	})
}

// name reads the name of a member and its colon.
func (c *compiler) name() (string, bool) {
	raw, _, ok := c.str("expected a name in quotes")
	if !ok || !c.expect(':', "expected a colon") {
		return "", false
	}
	return string(unescape(nil, raw)), true
}

func (c *compiler) stringValue(rule string) (string, bool) {
	at := c.pos
	if c.peek() != '"' {
		return "", c.failAt(max(at, c.pos), "%s", rule)
	}
	raw, _, ok := c.str(rule)
	return string(unescape(nil, raw)), ok
}

// object reads an object of fields.
func (c *compiler) object() bool {
	if !c.enter() {
		return false
	}
	first := true
	for ; c.next(first, '}'); first = false {
		at := c.pos
		name, ok := c.name()
		if !ok || !c.in(step(name), func() bool { return c.field(name, at) }) {
			return false
		}
	}
	if first && c.rule == "" {
		return c.failAt(c.pos-1, "an object without fields is not allowed")
	}
	return c.rule == ""
}

// step is how a name looks in a path.
func step(name string) string {
	if name == "" || strings.ContainsAny(name, ".[] \"'") {
		return "[" + strconv.Quote(name) + "]"
	}
	return "." + name
}

func (c *compiler) field(name string, at int) bool {
	if name == "$or" {
		if c.sawOr = true; !c.plainOr {
			return c.or()
		}
	}
	if c.inOr > 0 && slices.Contains(reserved, name) {
		return c.failAt(at, "%s cannot be the name of a field within $or", name)
	}
	switch c.peek() {
	case '{':
		c.path = append(c.path, name)
		ok := c.object()
		c.path = c.path[:len(c.path)-1]
		return ok
	case '[':
		return c.leaf(name)
	}
	return c.fail(fmt.Sprintf("%q must be an object or an array", name))
}

// or reads the alternatives of a $or: what was read so far goes on in each.
func (c *compiler) or() bool {
	if c.peek() != '[' {
		return c.fail("$or must be an array")
	}
	before, all := c.branches, []branch(nil)
	if !c.enter() {
		return false
	}
	n := 0
	for ; c.next(n == 0, ']'); n++ {
		at := c.pos
		if len(all)+max(1, len(before)) > MaxCombinations {
			return c.tooComplex(at, "the pattern has more than %d combinations of $or", MaxCombinations)
		}
		c.branches = nil
		for _, b := range before {
			c.branches = append(c.branches, maps.Clone(b))
		}
		if !c.in(fmt.Sprintf("[%d]", n), c.alternative) {
			return false
		}
		all = append(all, c.branches...)
		if !c.within(all, at) {
			return false
		}
	}
	if n < 2 {
		return c.fail("$or takes at least two objects")
	}
	c.branches = all
	return c.rule == ""
}

func (c *compiler) alternative() bool {
	if c.peek() != '{' {
		return c.fail("$or takes objects only")
	}
	c.inOr++
	ok := c.object()
	c.inOr--
	return ok
}

// within tells whether branches are within the limits.
func (c *compiler) within(branches []branch, at int) bool {
	if len(branches) > MaxCombinations {
		return c.tooComplex(at, "the pattern has more than %d combinations of $or", MaxCombinations)
	}
	n := 0
	for _, b := range branches {
		n += len(b)
	}
	if n > MaxFields {
		return c.tooComplex(at, "the combinations of $or have more than %d fields together", MaxFields)
	}
	return true
}

// leaf reads the array of alternatives of a field.
func (c *compiler) leaf(name string) bool {
	at := c.pos
	if !c.enter() {
		return false
	}
	l, n := &leaf{}, 0
	for ; c.next(n == 0, ']'); n++ {
		if !c.in(fmt.Sprintf("[%d]", n), func() bool { return c.element(l) }) {
			return false
		}
	}
	if n == 0 && c.rule == "" {
		return c.failAt(at, "an array without elements is not allowed")
	}
	l.tests = gather(l.tests)
	// As in event-ruler, an empty name at the beginning of a path does not count.
	if path := strings.Join(c.path, "."); path != "" {
		name = path + "." + name
	}
	if c.branches == nil {
		c.branches = []branch{{}}
	}
	for _, b := range c.branches {
		b[name] = l
	}
	return c.rule == "" && (len(c.branches) == 1 || c.within(c.branches, at))
}

// gather makes one test of many exact strings.
func gather(tests []test) []test {
	const few = 8
	set, others := oneOf{}, []test(nil)
	for _, t := range tests {
		if s, ok := t.(exact); ok {
			set[string(s)] = struct{}{}
		} else {
			others = append(others, t)
		}
	}
	if len(set) <= few {
		return tests
	}
	return append(others, set)
}

func (c *compiler) element(l *leaf) bool {
	switch ch := c.peek(); {
	case ch == '{':
		return c.operator(l)
	case ch == '"':
		s, ok := c.stringValue("")
		l.tests = append(l.tests, exactly(s))
		return ok
	case ch == '[':
		return c.fail("an array within an array is not allowed; an element is a string, a number, true, false, null or an operator")
	}
	raw, ok := c.scalar()
	if ok {
		l.tests = append(l.tests, sameScalar(raw))
	}
	return ok
}

// exactly is the test for a string. Addresses are compared as such.
func exactly(s string) test {
	if a, ok := parseAddress([]byte(s)); ok {
		return address{a}
	}
	return exact(s)
}

func sameScalar(raw []byte) test {
	if v := newScalar(raw); v.number {
		return number(v.f)
	}
	return literal(slices.Clone(raw))
}

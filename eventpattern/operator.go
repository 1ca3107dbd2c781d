package eventpattern

import (
	"fmt"
	"math"
)

// operator reads an object with one operator, such as {"prefix": "x"}.
func (c *compiler) operator(l *leaf) bool {
	return c.single(func(name string, at int) bool {
		if name == "exists" {
			return c.exists(l)
		}
		t, ok := c.test(name, at)
		l.tests = append(l.tests, t)
		return ok
	})
}

// single reads an object of one member.
func (c *compiler) single(member func(name string, at int) bool) bool {
	if !c.enter() {
		return false
	}
	if c.peek() == '}' {
		return c.fail("expected an operator")
	}
	at := c.pos
	name, ok := c.name()
	if !ok || !c.in(step(name), func() bool { return member(name, at) }) {
		return false
	}
	if c.peek() == ',' {
		return c.fail("only one operator is allowed in an object")
	}
	c.next(false, '}')
	return c.rule == ""
}

func (c *compiler) exists(l *leaf) bool {
	c.peek()
	at := c.pos
	raw, ok := c.scalar()
	switch {
	case ok && string(raw) == "true":
		l.tests = append(l.tests, exists{})
	case ok && string(raw) == "false":
		l.absent = true
	default:
		c.rule = ""
		return c.failAt(at, "exists takes true or false")
	}
	return true
}

func (c *compiler) test(name string, at int) (test, bool) {
	switch name {
	case "exactly":
		s, ok := c.stringValue("exactly takes a string")
		return exact(s), ok
	case "equals-ignore-case":
		s, ok := c.stringValue("equals-ignore-case takes a string")
		return folded{s, '='}, ok
	case "prefix", "suffix":
		return c.ending(name)
	case "wildcard":
		return c.wildcard()
	case "numeric":
		return c.numeric()
	case "cidr":
		s, ok := c.stringValue("cidr takes a string")
		if !ok {
			return nil, false
		}
		p, rule := parseBlock(s)
		return block{p}, rule == "" || c.fail(rule)
	case "anything-but":
		return c.anythingBut()
	}
	return nil, c.failAt(at, "%q is no operator; names are case-sensitive", name)
}

// ending reads what prefix and suffix take.
func (c *compiler) ending(name string) (t test, ok bool) {
	if c.peek() == '{' {
		ok = c.single(func(inner string, at int) bool {
			if inner != "equals-ignore-case" {
				return c.failAt(at, "%s takes a string or equals-ignore-case", name)
			}
			s, ok := c.stringValue("equals-ignore-case takes a string")
			t = folded{s, name[0]}
			return ok
		})
		return t, ok
	}
	s, ok := c.stringValue(name + " takes a string or equals-ignore-case")
	if name == "prefix" {
		return prefix(s), ok
	}
	return suffix(s), ok
}

func (c *compiler) wildcard() (test, bool) {
	c.peek()
	at := c.pos
	s, ok := c.stringValue("wildcard takes a string")
	if !ok {
		return nil, false
	}
	w, rule := parseWildcard(s)
	return w, rule == "" || c.failAt(at, "%s", rule)
}

// numeric reads an operator and a number, and after a lower bound an upper one.
func (c *compiler) numeric() (test, bool) {
	if c.peek() != '[' {
		return nil, c.fail("numeric takes an array")
	}
	at := c.pos
	if !c.enter() || !c.next(true, ']') {
		return nil, c.fail("numeric takes an operator and a number")
	}
	op, f, ok := c.bound()
	if !ok {
		return nil, false
	}
	t := between{low: f, high: f}
	switch op {
	case "=":
	case ">", ">=":
		t.openLow, t.high = op == ">", math.Inf(1)
		if c.peek() != ',' {
			break
		}
		c.next(false, ']')
		if op, t.high, ok = c.bound(); !ok {
			return nil, false
		}
		if t.openHigh = op == "<"; op != "<" && op != "<=" {
			return nil, c.failAt(at, "the second operator of numeric must be < or <=")
		}
		if t.low >= t.high {
			return nil, c.failAt(at, "the lower bound of numeric must be below the upper")
		}
	case "<", "<=":
		t.low, t.openHigh = math.Inf(-1), op == "<"
	default:
		return nil, c.failAt(at, "numeric has the operators =, <, <=, > and >=, not %q", op)
	}
	if c.next(false, ']') {
		return nil, c.fail("numeric takes one operator, or a lower bound and an upper")
	}
	return t, c.rule == ""
}

func (c *compiler) bound() (op string, f float64, ok bool) {
	if op, ok = c.stringValue("expected an operator of numeric in quotes"); !ok {
		return "", 0, false
	}
	if !c.next(false, ']') {
		return "", 0, c.fail("expected a number after the operator of numeric")
	}
	f, ok = c.comparable("numeric takes a number after its operator")
	return op, f, ok
}

func (c *compiler) comparable(rule string) (float64, bool) {
	if ch := c.peek(); ch != '-' && (ch < '0' || ch > '9') {
		return 0, c.fail(rule)
	}
	at := c.pos
	raw, ok := c.number()
	if !ok {
		return 0, false
	}
	f, ok := comparable(raw)
	return f, ok || c.failAt(at, "%.40s cannot be compared: it is not what a double says in its shortest form", raw)
}

func (c *compiler) anythingBut() (t test, ok bool) {
	if c.peek() != '{' {
		return c.butValues()
	}
	ok = c.single(func(name string, at int) bool {
		switch name {
		case "prefix", "suffix", "wildcard", "equals-ignore-case":
		default:
			return c.failAt(at, "anything-but takes prefix, suffix, wildcard and equals-ignore-case, not %q", name)
		}
		buts := anythingBut{}
		ok := c.each(name, func() bool {
			if c.peek() != '"' {
				return c.fail(name + " in anything-but takes a string or an array of strings")
			}
			if s := c.b[c.pos:]; len(s) > 1 && s[1] == '"' && (name == "prefix" || name == "suffix") {
				return c.fail(fmt.Sprintf("%s in anything-but takes no empty string", name))
			}
			but, ok := c.test(name, c.pos)
			buts = append(buts, but)
			return ok
		})
		t = buts
		return ok
	})
	return t, ok
}

// each reads an array of one or more elements, or one element alone.
func (c *compiler) each(name string, element func() bool) bool {
	if c.peek() != '[' {
		return element()
	}
	if !c.enter() {
		return false
	}
	n := 0
	for ; c.next(n == 0, ']'); n++ {
		if !c.in(fmt.Sprintf("[%d]", n), element) {
			return false
		}
	}
	if n == 0 && c.rule == "" {
		return c.fail(name + " takes at least one value")
	}
	return c.rule == ""
}

// butValues reads strings or numbers that are not to be.
func (c *compiler) butValues() (test, bool) {
	var texts, numbers int
	buts := anythingBut{}
	ok := c.each("anything-but", func() bool {
		if c.peek() == '"' {
			s, ok := c.stringValue("")
			texts++
			buts = append(buts, exact(s))
			return ok && (numbers == 0 || c.fail("anything-but takes strings or numbers, not both"))
		}
		f, ok := c.comparable("anything-but takes strings, numbers, or one operator")
		numbers++
		buts = append(buts, number(f))
		return ok && (texts == 0 || c.fail("anything-but takes strings or numbers, not both"))
	})
	return anythingBut(gather(buts)), ok
}

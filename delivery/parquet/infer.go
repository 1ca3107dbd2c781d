package parquet

import (
	"errors"
	"slices"
	"strconv"
	"time"
)

// Infer returns the schema that an object of these records would have without
// one: see [Config.Schema]. Records that are not JSON objects say nothing. It is
// an error if nothing is left, because no record has a value.
func Infer(records [][]byte, keepText bool) (*Schema, error) {
	g := newGuesser(keepText)
	for _, r := range records {
		if v, err := parseJSON(string(r)); err == nil {
			g.add(v)
		}
	}
	return g.schema()
}

// A guesser finds out of which columns records are. What it knows of each is how
// often it was what.
type guesser struct {
	keepText bool
	root     *guess
	left     int // how many guesses may still be made
}

func newGuesser(keepText bool) *guesser {
	return &guesser{keepText: keepText, root: &guess{}, left: MaxColumns}
}

// A guess is what is known of a column.
type guess struct {
	name    string
	seen    [families]int
	first   []family // in the order in which they came
	double  bool     // a number was not whole, or too large for 64 bits
	plain   bool     // a text was no timestamp
	fields  []*guess
	byName  map[string]*guess
	element *guess
}

// A family is of values that a column can have side by side.
type family int

const (
	booleans family = iota
	numbers
	texts
	objects
	arrays
	families
)

func (g *guesser) add(record value) {
	if record.kind == isObject {
		g.look(g.root, record, 0)
	}
}

// look takes in a value of a column, which may be in others.
func (g *guesser) look(at *guess, v value, depth int) {
	switch v.kind {
	case isFalse, isTrue:
		at.count(booleans)
	case isNumber:
		at.count(numbers)
		if _, err := strconv.ParseInt(v.text, 10, 64); err != nil {
			at.double = true
		}
	case isString:
		at.count(texts)
		at.plain = at.plain || g.keepText || !isTimestamp(v.text)
	case isArray:
		if at.count(arrays); depth > MaxDepth {
			return
		}
		for _, e := range v.elements {
			if f := g.inside(at); f != nil {
				g.look(f, e, depth+1)
			}
		}
	case isObject:
		if at.count(objects); depth > MaxDepth {
			return
		}
		for _, m := range v.members {
			if f := g.field(at, m.name); f != nil {
				g.look(f, m.value, depth+1)
			}
		}
	}
}

func (at *guess) count(f family) {
	if at.seen[f]++; at.seen[f] == 1 {
		at.first = append(at.first, f)
	}
}

// isTimestamp tells whether a text is an instant as RFC 3339 writes it.
func isTimestamp(s string) bool {
	if len(s) < len("2006-01-02T15:04:05Z") || s[10] != 'T' {
		return false
	}
	_, err := time.Parse(time.RFC3339, s)
	return err == nil
}

// field is a field of an object; nil if there cannot be another column.
func (g *guesser) field(at *guess, name string) *guess {
	if f, ok := at.byName[name]; ok {
		return f
	}
	if g.left == 0 || checkName(name) != nil {
		return nil
	}
	g.left--
	f := &guess{name: name}
	if at.byName == nil {
		at.byName = make(map[string]*guess)
	}
	at.byName[name] = f
	at.fields = append(at.fields, f)
	return f
}

// inside is the element of an array; nil if there cannot be another column.
func (g *guesser) inside(at *guess) *guess {
	if at.element == nil && g.left > 0 {
		g.left--
		at.element = &guess{}
	}
	return at.element
}

var errNothing = errors.New("no record of the object has a value that could be a column")

func (g *guesser) schema() (*Schema, error) {
	fields := columns(g.root.fields)
	if len(fields) == 0 {
		return nil, errNothing
	}
	return &Schema{fields: fields}, nil
}

// columns are those of which something is known.
func columns(guesses []*guess) []*column {
	var out []*column
	for _, g := range guesses {
		if c := g.column(); c != nil {
			out = append(out, c)
		}
	}
	return out
}

// column is what most of its values were; of two that are as frequent what came
// first. It is nil if it had none.
func (at *guess) column() *column {
	if len(at.first) == 0 {
		return nil
	}
	most := slices.MaxFunc(at.first, func(f, g family) int { return at.seen[f] - at.seen[g] })
	c := &column{name: at.name}
	switch most {
	case booleans:
		c.kind = kindBoolean
	case numbers:
		c.kind = kindBigint
		if at.double {
			c.kind = kindDouble
		}
	case texts:
		c.kind = kindString
		if !at.plain {
			c.kind, c.digits = kindTimestamp, 6
		}
	case objects:
		c.kind, c.fields = kindStruct, columns(at.fields)
	case arrays:
		c.kind = kindArray
		if at.element != nil {
			c.fields = columns([]*guess{at.element})
		}
	}
	if c.kind.nested() && len(c.fields) == 0 {
		return nil
	}
	return c
}

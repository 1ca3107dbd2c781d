package parquet

import (
	"fmt"
	"regexp"
	"strings"
)

// The bounds of a schema.
const (
	// MaxColumns is how many columns a schema may have, counted as Parquet
	// counts them: each value that stands in no other, in a struct, a list or a
	// map, is one.
	MaxColumns = 2000
	// MaxDepth is how deep structs, lists and maps of a schema may stand in each
	// other.
	MaxDepth = 32
)

// A Schema says which columns an object has, and of which types. It is made by
// [ParseSchema] or by [Infer], and does not change. Its zero value has no
// column, and no record fits it.
type Schema struct {
	fields []*column
}

// A column is a field of a schema, or what a list or a map has in it.
type column struct {
	name     string // empty in a list or a map
	required bool   // neither absent nor null
	kind     kind
	digits   int       // a decimal's precision, a timestamp's digits of a second
	scale    int       // a decimal's
	fields   []*column // a struct's fields, a list's element, a map's value
}

type kind int

const (
	kindBoolean kind = iota
	kindTinyint
	kindSmallint
	kindInt
	kindBigint
	kindFloat
	kindDouble
	kindDecimal
	kindString
	kindBinary
	kindDate
	kindTimestamp
	kindJSON
	kindArray
	kindMap
	kindStruct
)

// kindNames are what the text of a schema calls the types, by kind; the first
// name is the one that is written.
var kindNames = [...][]string{
	kindBoolean:   {"boolean"},
	kindTinyint:   {"tinyint"},
	kindSmallint:  {"smallint"},
	kindInt:       {"int", "integer"},
	kindBigint:    {"bigint"},
	kindFloat:     {"float"},
	kindDouble:    {"double"},
	kindDecimal:   {"decimal"},
	kindString:    {"string"},
	kindBinary:    {"binary"},
	kindDate:      {"date"},
	kindTimestamp: {"timestamp"},
	kindJSON:      {"json"},
	kindArray:     {"array"},
	kindMap:       {"map"},
	kindStruct:    {"struct"},
}

func (k kind) String() string { return kindNames[k][0] }

func (k kind) nested() bool { return k >= kindArray }

// String is the schema as [ParseSchema] reads it.
func (s *Schema) String() string {
	var b strings.Builder
	writeFields(&b, s.fields, " ")
	return b.String()
}

func writeFields(b *strings.Builder, fields []*column, between string) {
	for i, c := range fields {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(quoteName(c.name))
		b.WriteString(between)
		c.write(b)
	}
}

func (c *column) write(b *strings.Builder) {
	b.WriteString(c.kind.String())
	switch {
	case c.kind == kindDecimal:
		fmt.Fprintf(b, "(%d,%d)", c.digits, c.scale)
	case c.kind == kindTimestamp && c.digits != 6:
		fmt.Fprintf(b, "(%d)", c.digits)
	case c.kind == kindStruct:
		b.WriteByte('<')
		writeFields(b, c.fields, ":")
		b.WriteByte('>')
	case c.kind == kindArray:
		b.WriteByte('<')
		c.fields[0].write(b)
		b.WriteByte('>')
	case c.kind == kindMap:
		b.WriteString("<string,")
		c.fields[0].write(b)
		b.WriteByte('>')
	}
	if c.required {
		b.WriteString(" not null")
	}
}

var plainName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func quoteName(name string) string {
	if plainName.MatchString(name) {
		return name
	}
	return "`" + strings.ReplaceAll(name, "`", "``") + "`"
}

// leaves is how many columns Parquet makes of it.
func (c *column) leaves() int {
	if !c.kind.nested() {
		return 1
	}
	n := 0
	if c.kind == kindMap {
		n = 1 // the key
	}
	for _, f := range c.fields {
		n += f.leaves()
	}
	return n
}

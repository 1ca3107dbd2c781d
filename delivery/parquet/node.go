package parquet

import (
	"reflect"
	"strings"

	parquet "github.com/parquet-go/parquet-go"
)

// nameInFile is what Parquet calls the root, by custom.
const nameInFile = "schema"

// A node is a column of a schema with its place in a file. How values in lists
// and optional ones are told apart, by their levels, is Parquet's:
// https://github.com/apache/parquet-format#nested-encoding
type node struct {
	*column
	definition int // the level of a value that is there
	repetition int // the level of a list's second element
	first, end int // the leaves of it
	children   []*node
	byName     map[string]int // a struct's fields; in lower case if that is how they are found
}

// layout places the fields of a schema. If fold, names are found in upper and
// lower case; of two that differ only in that the first is found by others.
func layout(fields []*column, fold bool) *node {
	root := &node{column: &column{kind: kindStruct, required: true, fields: fields}}
	root.place(0, 0, 0, fold)
	return root
}

// place gives the node its levels, and returns the leaf that is next.
func (n *node) place(leaf, definition, repetition int, fold bool) int {
	if !n.required {
		definition++
	}
	n.definition, n.repetition, n.first = definition, repetition, leaf
	if n.kind == kindArray || n.kind == kindMap {
		definition++
		repetition++
		n.repetition = repetition
	}
	if n.kind == kindMap {
		leaf++ // the key comes before the value
	}
	if !n.kind.nested() {
		leaf++
	}
	if n.kind == kindStruct {
		n.byName = make(map[string]int, len(n.fields))
	}
	for i, c := range n.fields {
		child := &node{column: c}
		leaf = child.place(leaf, definition, repetition, fold)
		n.children = append(n.children, child)
		if n.kind != kindStruct {
			continue
		}
		n.byName[c.name] = i
	}
	if fold {
		n.foldNames()
	}
	n.end = leaf
	return leaf
}

func (n *node) foldNames() {
	for i, c := range n.fields {
		lower := strings.ToLower(c.name)
		if _, ok := n.byName[lower]; !ok && n.kind == kindStruct {
			n.byName[lower] = i
		}
	}
}

// parquetSchema is the schema as the library has it.
func parquetSchema(fields []*column) *parquet.Schema {
	return parquet.NewSchema(nameInFile, newGroup(fields))
}

// toParquet is the column as the library has it. Text is kept in a dictionary,
// of which the library lets go when it grows too large.
func (c *column) toParquet() parquet.Node {
	var n parquet.Node
	switch c.kind {
	case kindStruct:
		n = newGroup(c.fields)
	case kindArray:
		n = parquet.List(c.fields[0].toParquet())
	case kindMap:
		n = parquet.Map(inDictionary(parquet.String()), c.fields[0].toParquet())
	default:
		n = c.leaf()
	}
	if c.required {
		return parquet.Required(n)
	}
	return parquet.Optional(n)
}

func (c *column) leaf() parquet.Node {
	switch c.kind {
	case kindBoolean:
		return parquet.Leaf(parquet.BooleanType)
	case kindTinyint:
		return parquet.Int(8)
	case kindSmallint:
		return parquet.Int(16)
	case kindInt:
		return parquet.Int(32)
	case kindBigint:
		return parquet.Int(64)
	case kindFloat:
		return parquet.Leaf(parquet.FloatType)
	case kindDouble:
		return parquet.Leaf(parquet.DoubleType)
	case kindDecimal:
		return parquet.Decimal(c.scale, c.digits, decimalType(c.digits))
	case kindDate:
		return parquet.Date()
	case kindTimestamp:
		return parquet.Timestamp(timeUnit(c.digits))
	case kindBinary:
		return inDictionary(parquet.Leaf(parquet.ByteArrayType))
	case kindJSON:
		return inDictionary(parquet.JSON())
	default:
		return inDictionary(parquet.String())
	}
}

func inDictionary(n parquet.Node) parquet.Node { return parquet.Encoded(n, &parquet.RLEDictionary) }

// decimalBytes is how many bytes hold any number of 38 digits.
const decimalBytes = 16

// decimalType is the smallest that holds so many digits.
func decimalType(digits int) parquet.Type {
	switch {
	case digits <= 9:
		return parquet.Int32Type
	case digits <= 18:
		return parquet.Int64Type
	}
	return parquet.FixedLenByteArrayType(decimalBytes)
}

func timeUnit(digits int) parquet.TimeUnit {
	switch digits {
	case 3:
		return parquet.Millisecond
	case 9:
		return parquet.Nanosecond
	}
	return parquet.Microsecond
}

// A group is a struct whose fields keep their order; the library's own sorts
// them by name.
type group struct {
	parquet.Group
	fields []parquet.Field
}

func newGroup(fields []*column) group {
	g := group{Group: parquet.Group{}}
	for _, c := range fields {
		n := c.toParquet()
		g.Group[c.name] = n
		g.fields = append(g.fields, field{n, c.name})
	}
	return g
}

func (g group) Fields() []parquet.Field { return g.fields }

// GoType is asked for only by those who write values of Go, and cannot be told
// for names that no field of Go can have.
func (g group) GoType() reflect.Type { return reflect.TypeFor[map[string]any]() }

type field struct {
	parquet.Node
	name string
}

func (f field) Name() string { return f.name }

// Value is asked for only by those who write values of Go.
func (f field) Value(base reflect.Value) reflect.Value {
	return base.MapIndex(reflect.ValueOf(f.name))
}

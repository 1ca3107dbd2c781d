package parquet

import (
	"errors"
	"fmt"
	"strings"

	parquet "github.com/parquet-go/parquet-go"
)

// A MisfitError says why a record is not in an object.
type MisfitError struct {
	// Column is where, such as "user.tags[3]"; empty if it is the record.
	Column string
	// Err is what is wrong there.
	Err error
}

// Error returns both.
func (e *MisfitError) Error() string {
	if e.Column == "" {
		return e.Err.Error()
	}
	return fmt.Sprintf("column %s: %v", e.Column, e.Err)
}

// Unwrap returns Err.
func (e *MisfitError) Unwrap() error { return e.Err }

// within adds where the error was, from the inside to the outside.
func within(where string, err error) error {
	var misfit *MisfitError
	if !errors.As(err, &misfit) {
		return &MisfitError{Column: where, Err: err}
	}
	switch {
	case misfit.Column == "" || misfit.Column[0] == '[':
		misfit.Column = where + misfit.Column
	default:
		misfit.Column = where + "." + misfit.Column
	}
	return misfit
}

// A shredder makes rows of records. Its slices are used again.
type shredder struct {
	root    *node
	unknown Unknown
	fold    bool
	leaves  [][]parquet.Value // of the record that is being taken apart, by leaf
}

func newShredder(root *node, c Config) *shredder {
	return &shredder{root: root, unknown: c.Unknown, fold: c.FoldCase, leaves: make([][]parquet.Value, root.end)}
}

// row appends the values of a record to row, in the order of the leaves.
func (s *shredder) row(row parquet.Row, v value) (parquet.Row, error) {
	if v.kind != isObject {
		return row, &MisfitError{Err: fmt.Errorf("%s is no object", preview(v.json()))}
	}
	for i := range s.leaves {
		s.leaves[i] = s.leaves[i][:0]
	}
	if err := s.put(s.root, v, 0); err != nil {
		return row, err
	}
	for _, values := range s.leaves {
		row = append(row, values...)
	}
	return row, nil
}

// put adds what a column has in a record. repetition is the level of the list
// in which it is a further element.
func (s *shredder) put(n *node, v value, repetition int) error {
	switch {
	case v.kind == isNull && n.required:
		return errors.New("there is no value, and it is not null")
	case v.kind == isNull:
		s.nothing(n, repetition, n.definition-1)
		return nil
	case n.kind == kindStruct:
		return s.putStruct(n, v, repetition)
	case n.kind == kindArray:
		return s.putList(n, v, repetition)
	case n.kind == kindMap:
		return s.putMap(n, v, repetition)
	}
	leaf, err := n.leafValue(v)
	if err == nil {
		s.add(n.first, leaf, repetition, n.definition)
	}
	return err
}

func (s *shredder) add(leaf int, v parquet.Value, repetition, definition int) {
	s.leaves[leaf] = append(s.leaves[leaf], v.Level(repetition, definition, leaf))
}

// nothing says in all leaves of n that there is a value up to a level only.
func (s *shredder) nothing(n *node, repetition, definition int) {
	for leaf := n.first; leaf < n.end; leaf++ {
		s.add(leaf, parquet.NullValue(), repetition, definition)
	}
}

func (s *shredder) putStruct(n *node, v value, repetition int) error {
	if v.kind != isObject {
		return n.isNone(v, "")
	}
	fields := make([]value, len(n.children)) // null where the object has none
	given := make([]bool, len(n.children))
	for _, m := range v.members {
		i, ok := n.byName[m.name]
		if !ok && s.fold {
			i, ok = n.byName[strings.ToLower(m.name)]
		}
		switch {
		case ok && given[i]:
			return within(quoteName(n.fields[i].name), fmt.Errorf("it is there twice, once as %s", quoteName(m.name)))
		case ok:
			fields[i], given[i] = m.value, true
		case s.unknown == RejectUnknown && !m.value.empty():
			return within(quoteName(m.name), errors.New("it is not in the schema"))
		}
	}
	for i, child := range n.children {
		if err := s.put(child, fields[i], repetition); err != nil {
			return within(quoteName(child.name), err)
		}
	}
	return nil
}

func (s *shredder) putList(n *node, v value, repetition int) error {
	if v.kind != isArray {
		return n.isNone(v, "")
	}
	if len(v.elements) == 0 {
		s.nothing(n, repetition, n.definition)
	}
	for i, e := range v.elements {
		if err := s.put(n.children[0], e, repetition); err != nil {
			return within(fmt.Sprintf("[%d]", i), err)
		}
		repetition = n.repetition
	}
	return nil
}

func (s *shredder) putMap(n *node, v value, repetition int) error {
	if v.kind != isObject {
		return n.isNone(v, "")
	}
	if len(v.members) == 0 {
		s.nothing(n, repetition, n.definition)
	}
	for _, m := range v.members {
		s.add(n.first, parquet.ByteArrayValue([]byte(m.name)), repetition, n.definition+1)
		if err := s.put(n.children[0], m.value, repetition); err != nil {
			return within(fmt.Sprintf("[%q]", preview(m.name)), err)
		}
		repetition = n.repetition
	}
	return nil
}

package kinesisserver

import (
	"math"
)

// A shape is a type of the service's model: what a value must be, and the
// constraints on it. The shapes of all inputs are in the table of operations;
// type checks, validation and decoding walk over them. Outputs need no shapes:
// the structs of package account say all there is to say of them.
type shape struct {
	kind     shapeKind
	min, max int64 // of a number its value, else its length; noMin and noMax are no bounds
	pattern  *pattern
	enum     []string // in the order in which the service prints it
	key      *shape   // of a map's keys
	elem     *shape   // of a list's items and a map's values
	members  []memberShape
}

// A memberShape is a member of a structure. Members stand in the order in which
// the service reports what is wrong with them.
type memberShape struct {
	name     string
	shape    *shape
	required bool
}

type shapeKind uint8

const (
	stringShape shapeKind = iota
	integerShape
	booleanShape
	blobShape
	timestampShape
	listShape
	mapShape
	structureShape
)

const (
	noMin = math.MinInt64
	noMax = math.MaxInt64
)

// text is a string with a length and, unless nil, a pattern.
func text(min, max int64, p *pattern) *shape {
	return &shape{kind: stringShape, min: min, max: max, pattern: p}
}

// oneOf is a string that is one of some words.
func oneOf(words ...string) *shape {
	return &shape{kind: stringShape, min: noMin, max: noMax, enum: words}
}

func integer(min, max int64) *shape {
	return &shape{kind: integerShape, min: min, max: max}
}

func listOf(elem *shape, min, max int64) *shape {
	return &shape{kind: listShape, min: min, max: max, elem: elem}
}

func mapOf(key, elem *shape, min, max int64) *shape {
	return &shape{kind: mapShape, min: min, max: max, key: key, elem: elem}
}

func structure(members ...memberShape) *shape {
	return &shape{kind: structureShape, min: noMin, max: noMax, members: members}
}

// need is a member that must be there, may one that need not.
func need(name string, sh *shape) memberShape { return memberShape{name, sh, true} }
func may(name string, sh *shape) memberShape  { return memberShape{name, sh, false} }

// member returns the shape of the member with a name, or nil.
func (sh *shape) member(name string) *shape {
	for i := range sh.members {
		if sh.members[i].name == name {
			return sh.members[i].shape
		}
	}
	return nil
}

// admits reports whether a text meets the constraints of its shape, the length
// taken in bytes: only a pattern of ASCII makes that exact.
func (sh *shape) admits(s string) bool {
	n := int64(len(s))
	return n >= sh.min && n <= sh.max && (sh.pattern == nil || sh.pattern.matches(s))
}

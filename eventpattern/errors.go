package eventpattern

import (
	"errors"
	"fmt"
)

// ErrTooComplex is matched by the errors that say a pattern, or the way an event
// meets it, is past one of the limits of this package.
var ErrTooComplex = errors.New("too complex")

// A PatternError says where a pattern breaks which rule.
type PatternError struct {
	Path         string // such as $.detail.kind[0].prefix
	Offset       int    // in bytes, from 0
	Line, Column int    // from 1; columns are bytes
	Rule         string
	TooComplex   bool // then the error matches [ErrTooComplex]
}

func (e *PatternError) Error() string {
	return fmt.Sprintf("event pattern: %s, line %d, column %d: %s", e.Path, e.Line, e.Column, e.Rule)
}

// Is reports whether target is what the error matches.
func (e *PatternError) Is(target error) bool { return e.TooComplex && target == ErrTooComplex }

// An EventError says where an event is not a JSON object.
type EventError struct {
	Offset     int // in bytes, from 0
	Rule       string
	TooComplex bool // then the error matches [ErrTooComplex]
}

func (e *EventError) Error() string {
	return fmt.Sprintf("event: offset %d: %s", e.Offset, e.Rule)
}

// Is reports whether target is what the error matches.
func (e *EventError) Is(target error) bool { return e.TooComplex && target == ErrTooComplex }

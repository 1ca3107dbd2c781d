package eventpattern

import (
	"errors"
	"fmt"
)

var (
	// ErrTooComplex is matched by the errors that say a pattern is past a limit of
	// this package, or that an event was not decided within [MaxSteps]. Such an
	// event may match.
	ErrTooComplex = errors.New("too complex")
	// ErrTooDeep is matched by the errors that say a pattern or an event is nested
	// deeper than [MaxDepth].
	ErrTooDeep = errors.New("nested too deep")
)

// A PatternError says where a pattern breaks which rule.
type PatternError struct {
	Path         string // such as $.detail.kind[0].prefix
	Offset       int    // in bytes, from 0
	Line, Column int    // from 1; columns are bytes
	Rule         string
	Limit        error // [ErrTooComplex] or [ErrTooDeep] if the rule is a limit, else nil
}

// Error has the path, the line, the column and the rule.
func (e *PatternError) Error() string {
	return fmt.Sprintf("event pattern: %s, line %d, column %d: %s", e.Path, e.Line, e.Column, e.Rule)
}

// Unwrap returns the limit.
func (e *PatternError) Unwrap() error { return e.Limit }

// An EventError says where an event is not a JSON object, or past which limit it
// is.
type EventError struct {
	Offset int // in bytes, from 0
	Rule   string
	Limit  error // [ErrTooComplex] or [ErrTooDeep] if the rule is a limit, else nil: it is no JSON object
}

// Error has the offset and the rule.
func (e *EventError) Error() string {
	return fmt.Sprintf("event: offset %d: %s", e.Offset, e.Rule)
}

// Unwrap returns the limit.
func (e *EventError) Unwrap() error { return e.Limit }

// Package input reads events from text, a line each: Apache combined logs, JSON
// lines and comma-separated tables. A line that is no event is counted and
// reported with its number, and never ends the reading.
package input

import (
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/weirstream/weir"
)

// An Event is what one line says.
type Event struct {
	// Key is who caused the event, such as a client's address: 1 to 256 characters
	// of UTF-8, as a partition key must be.
	Key string
	// Time is when it happened, in UTC.
	Time time.Time
	// Status is the HTTP status, or 0 if the line has none.
	Status int
	// Page is the path that was asked for, without a query, or "" if the line has
	// none.
	Page string
	// Raw is the line without its end. It belongs to the event.
	Raw []byte
	// Size is how many bytes the event has: those of the line, unless a table says
	// otherwise.
	Size int
}

// checkKey checks what can be a partition key.
func checkKey(key string) error {
	switch n := utf8.RuneCountInString(key); {
	case n == 0:
		return fmt.Errorf("the key is empty")
	case n > weir.MaxPartitionKeyLength:
		return fmt.Errorf("the key has %d characters; at most %d are allowed", n, weir.MaxPartitionKeyLength)
	case !utf8.ValidString(key):
		return fmt.Errorf("the key %q is not UTF-8", key)
	}
	return nil
}

// A Format is how lines are written.
type Format int

const (
	// Unknown is the format of an input without a line.
	Unknown Format = iota
	// Combined is the Apache combined log format.
	Combined
	// JSONLines is one JSON object a line.
	JSONLines
	// Table is comma-separated values, the first line naming the columns.
	Table
)

// String returns the format's name for people.
func (f Format) String() string {
	switch f {
	case Combined:
		return "Apache combined log"
	case JSONLines:
		return "JSON lines"
	case Table:
		return "comma-separated table"
	default:
		return "unknown"
	}
}

package eventsource

import (
	"errors"

	"github.com/weirstream/weir"
)

// A filter says which records the function is to get: those that match one of
// its patterns, all if there are none.
type filter struct{ patterns []matcher }

// A matcher is a compiled pattern.
type matcher interface {
	Match(event []byte) (bool, error)
}

func newFilter(c FilterCriteria) (f filter, err error) {
	if len(c.Filters) > 0 {
		return f, errors.New("FilterCriteria: not yet")
	}
	return f, nil
}

// keep reports of each record whether it matches, and how many do not.
func (f filter) keep(records []weir.Record) (keep []bool, left int) { return nil, 0 }

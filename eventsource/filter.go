package eventsource

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/eventpattern"
)

// A filter says which records the function is to get: those that match one of
// its patterns, all if there are none.
type filter struct{ patterns []pattern }

// A pattern of records, whose fields are those of kinesis in an event: data,
// which is parsed as JSON, partitionKey and the others.
type pattern struct {
	matcher interface {
		Match(event []byte) (bool, error)
	}
	data bool // it says something of data
}

func compile(text string) (p pattern, err error) {
	if p.matcher, err = eventpattern.Compile([]byte(text)); err != nil {
		return p, err
	}
	p.data = namesData([]byte(text))
	return p, nil
}

// namesData reports whether a pattern says something of data.
func namesData(text []byte) bool {
	var fields map[string]json.RawMessage
	if json.Unmarshal(text, &fields) != nil {
		return false
	}
	for name, value := range fields {
		var any []json.RawMessage
		if name == "$or" && json.Unmarshal(value, &any) == nil {
			for _, one := range any {
				if namesData(one) {
					return true
				}
			}
		}
		if name == "data" || strings.HasPrefix(name, "data.") {
			return true
		}
	}
	return false
}

// newFilter returns the filter of criteria that were checked.
func newFilter(c FilterCriteria) (f filter, err error) {
	for i := range c.Filters {
		p, err := compile(c.Filters[i].Pattern)
		if err != nil {
			return f, fmt.Errorf("filter %d: %w", i, err)
		}
		f.patterns = append(f.patterns, p)
	}
	return f, nil
}

// keep reports of each record whether it matches, and how many do not. It is
// nil if all do.
func (f filter) keep(records []weir.Record) (keep []bool, left int) {
	if len(f.patterns) == 0 {
		return nil, 0
	}
	keep = make([]bool, len(records))
	var room []byte
	for i := range records {
		keep[i], room = f.matches(&records[i], room)
		if !keep[i] {
			left++
		}
	}
	return keep, left
}

// matches reports whether a record matches one of the patterns. It writes to
// room, which it returns for the next one.
func (f filter) matches(r *weir.Record, room []byte) (bool, []byte) {
	valid := json.Valid(r.Data)
	var written, withData bool
	for _, p := range f.patterns {
		if p.data && !valid {
			continue // it is left out, whatever the pattern says
		}
		if !written || withData != p.data {
			room, written, withData = appendSubject(room[:0], r, p.data), true, p.data
		}
		ok, err := p.matcher.Match(room)
		// What cannot be decided is not lost.
		if ok || errors.Is(err, eventpattern.ErrTooComplex) || errors.Is(err, eventpattern.ErrTooDeep) {
			return true, room
		}
	}
	return false, room
}

// appendSubject appends what patterns are matched against.
func appendSubject(dst []byte, r *weir.Record, data bool) []byte {
	dst = appendString(append(dst, `{"kinesisSchemaVersion":"1.0","partitionKey":`...), r.PartitionKey)
	dst = append(dst, `,"sequenceNumber":"`...)
	dst, _ = r.SequenceNumber.AppendText(dst) // never fails
	dst = appendArrival(append(dst, partArrival...), r.ArrivalTime)
	if data {
		dst = append(append(dst, `,"data":`...), r.Data...)
	}
	return append(dst, '}')
}

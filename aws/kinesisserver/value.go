package kinesisserver

import (
	"math"
	"strconv"
	"time"
)

// A value is one item of a request's body, whatever the protocol: what JSON and
// CBOR have in common, and what shapes are checked against. Members of a map
// are in the order of their first appearance and have different names.
type value struct {
	kind    valueKind
	text    string    // of a text; of a number in JSON, as it was written
	number  float64   // of a number
	bytes   []byte    // of a byte string; of any value taken as a blob
	time    time.Time // of a timestamp
	items   []value   // of a list
	members []member  // of a map
}

// A member is a named value.
type member struct {
	name string
	value
}

type valueKind uint8

const (
	nullValue valueKind = iota
	falseValue
	trueValue
	numberValue
	textValue
	bytesValue // CBOR only
	timeValue  // CBOR only
	listValue
	mapValue
)

// The most that a body may hold. The service's own bounds are not known; these
// keep a body of 16 MiB from becoming gigabytes.
const (
	maxValues = 1 << 17
	maxDepth  = 64
)

// get returns the member with a name, or nil if there is none or it is null.
func (v *value) get(name string) *value {
	for i := range v.members {
		if m := &v.members[i]; m.name == name {
			if m.kind == nullValue {
				return nil
			}
			return &m.value
		}
	}
	return nil
}

// unique keeps the last of the members that have the same name, in the place of
// the first.
func unique(members []member) []member {
	if len(members) < 2 {
		return members
	}
	at := make(map[string]int, len(members))
	kept := members[:0]
	for _, m := range members {
		if i, ok := at[m.name]; ok {
			kept[i].value = m.value
			continue
		}
		at[m.name] = len(kept)
		kept = append(kept, m)
	}
	return kept
}

// integer returns a number as the service reads it: without its fraction, and
// within 32 bits with a sign.
func (v *value) integer() int32 {
	if n, err := strconv.ParseInt(v.text, 10, 64); err == nil {
		return int32(min(max(n, math.MinInt32), math.MaxInt32))
	}
	switch {
	case v.number >= math.MaxInt32:
		return math.MaxInt32
	case v.number <= math.MinInt32:
		return math.MinInt32
	case v.number != v.number:
		return 0
	}
	return int32(v.number)
}

// The times that a number of seconds is cut to: the years 0 to 9999, more than
// any client means and within what the clients' languages can hold.
const (
	minSeconds = -62167219200
	maxSeconds = 253402300799
)

// timestamp returns a number of seconds since 1970 as a time, to the
// millisecond.
func (v *value) timestamp() time.Time {
	if v.kind == timeValue {
		return v.time
	}
	seconds := v.number
	if seconds != seconds {
		seconds = 0
	}
	seconds = min(max(seconds, minSeconds), maxSeconds)
	return time.UnixMilli(int64(math.Round(seconds * 1000))).UTC()
}

package eventbridge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// maxPathBytes is how long a path may be.
const maxPathBytes = 256

// A path finds a value in JSON. The zero path is $, all of it.
type path []step

// A step goes to a field, or, if all is set, to all fields and elements, or
// else if name is empty to an element.
type step struct {
	name  string
	index int
	all   bool
}

// parsePath reads a path; brackets says whether names may be in brackets.
func parsePath(text string, brackets bool) (path, error) {
	bad := func(format string, args ...any) (path, error) {
		return nil, fmt.Errorf("path %.80q: %w: %s", text, ErrInvalid, fmt.Sprintf(format, args...))
	}
	if len(text) > maxPathBytes {
		return bad("it has %d bytes, more than %d", len(text), maxPathBytes)
	}
	rest, ok := strings.CutPrefix(text, "$")
	if !ok {
		return bad("it does not begin with $")
	}
	var p path
	for rest != "" {
		at := len(text) - len(rest)
		var s step
		switch {
		case strings.HasPrefix(rest, ".*"):
			s, rest = step{all: true}, rest[2:]
		case rest[0] == '.':
			n := 1 + strings.IndexFunc(rest[1:]+"\x00", notInName)
			if n == 1 {
				return bad("there is no name behind the dot at byte %d", at)
			}
			s, rest = step{name: rest[1:n]}, rest[n:]
		case rest[0] == '[':
			end := strings.IndexByte(rest, ']')
			if end < 0 {
				return bad("the bracket at byte %d is not closed", at)
			}
			inside := rest[1:end]
			rest = rest[end+1:]
			switch n, err := strconv.ParseUint(inside, 10, 31); {
			case inside == "*":
				s = step{all: true}
			case err == nil:
				s = step{index: int(n)}
			case !brackets && strings.HasPrefix(inside, "'"):
				return bad("a name in brackets, at byte %d, is not for transformers", at)
			case len(inside) > 2 && inside[0] == '\'' && inside[len(inside)-1] == '\'':
				s = step{name: inside[1 : len(inside)-1]}
			default:
				return bad("the brackets at byte %d have no index, * or quoted name", at)
			}
		default:
			return bad("%q at byte %d is neither a dot nor a bracket", rest[0], at)
		}
		p = append(p, s)
	}
	return p, nil
}

func notInName(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_', r == '/':
		return false
	}
	return true
}

// find returns what a path leads to, in the text's own words, and whether there
// is something. With a * that is an array of all that there is. It reads the
// text once for each step.
func (p path) find(text json.RawMessage) (json.RawMessage, bool) {
	for i, s := range p {
		if s.all {
			var found []json.RawMessage
			for _, part := range parts(text) {
				if v, ok := p[i+1:].find(part); ok {
					found = append(found, v)
				}
			}
			list, err := marshal(found)
			return list, err == nil && found != nil
		}
		var ok bool
		if text, ok = s.find(text); !ok {
			return nil, false
		}
	}
	return text, true
}

func (s step) find(text json.RawMessage) (json.RawMessage, bool) {
	if s.name != "" {
		var fields map[string]json.RawMessage
		if json.Unmarshal(text, &fields) != nil {
			return nil, false
		}
		v, ok := fields[s.name]
		return v, ok
	}
	var elements []json.RawMessage
	if json.Unmarshal(text, &elements) != nil || s.index >= len(elements) {
		return nil, false
	}
	return elements[s.index], true
}

// parts returns the elements of an array, or the values of an object in their
// order.
func parts(text json.RawMessage) (list []json.RawMessage) {
	d := json.NewDecoder(bytes.NewReader(text))
	switch open, _ := d.Token(); open {
	case json.Delim('['), json.Delim('{'):
		for d.More() {
			if open == json.Delim('{') {
				if _, err := d.Token(); err != nil {
					return list
				}
			}
			var v json.RawMessage
			if d.Decode(&v) != nil {
				return list
			}
			list = append(list, v)
		}
	}
	return list
}

// compact returns JSON without blanks between its parts.
func compact(text []byte) ([]byte, error) {
	var b bytes.Buffer
	err := json.Compact(&b, text)
	return b.Bytes(), err
}

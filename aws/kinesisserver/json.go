package kinesisserver

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"unicode/utf8"
)

// errSyntax says that a body is not what its content type promises, or holds
// more than it may.
var errSyntax = errors.New("malformed body")

// parseJSON reads a body that must be one JSON object. What it returns shares no
// memory with body.
func parseJSON(body []byte) (value, error) {
	p := jsonParser{jsonScanner: jsonScanner{b: body}}
	v, err := p.value(0)
	if err != nil {
		return value{}, err
	}
	p.space()
	if v.kind != mapValue || p.i != len(p.b) {
		return value{}, errSyntax
	}
	return v, nil
}

// A jsonScanner walks over JSON text. Its methods report whether what they look
// for is there; if it is not, where the scanner stands is undefined.
type jsonScanner struct {
	b []byte
	i int
}

// space skips white space.
func (s *jsonScanner) space() {
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ' ', '\t', '\n', '\r':
			s.i++
		default:
			return
		}
	}
}

// peek skips white space and returns the next byte, or 0 at the end.
func (s *jsonScanner) peek() byte {
	if s.i < len(s.b) && s.b[s.i] > ' ' {
		return s.b[s.i]
	}
	s.space()
	if s.i == len(s.b) {
		return 0
	}
	return s.b[s.i]
}

// take skips white space and the byte c, if that is next.
func (s *jsonScanner) take(c byte) bool {
	if s.peek() != c {
		return false
	}
	s.i++
	return true
}

// literal skips a word such as null.
func (s *jsonScanner) literal(word string) bool {
	if len(s.b)-s.i < len(word) || string(s.b[s.i:s.i+len(word)]) != word {
		return false
	}
	s.i += len(word)
	return true
}

// raw skips a string, and returns what stands between its quotes as it is
// written: escapes are not resolved, and nothing is checked.
func (s *jsonScanner) raw() ([]byte, bool) {
	if !s.take('"') {
		return nil, false
	}
	start := s.i
	for {
		n := bytes.IndexByte(s.b[s.i:], '"')
		if n < 0 {
			return nil, false
		}
		s.i += n + 1
		if !escaped(s.b[start : s.i-1]) {
			return s.b[start : s.i-1], true
		}
	}
}

// escaped reports whether text ends in an odd number of backslashes, so that
// the quote after it belongs to the string.
func escaped(text []byte) bool {
	odd := false
	for i := len(text) - 1; i >= 0 && text[i] == '\\'; i-- {
		odd = !odd
	}
	return odd
}

// plain reports whether text is what it stands for: ASCII without escapes and
// control characters.
func plain(text []byte) bool {
	for _, c := range text {
		if c < ' ' || c == '\\' || c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// A jsonParser builds values.
type jsonParser struct {
	jsonScanner
	values int
}

func (p *jsonParser) value(depth int) (v value, err error) {
	if p.values++; p.values > maxValues || depth > maxDepth {
		return v, errSyntax
	}
	switch c := p.peek(); c {
	case '{':
		return p.object(depth)
	case '[':
		return p.array(depth)
	case '"':
		v.kind = textValue
		v.text, err = p.text()
		return v, err
	case 'n':
		return p.word("null", nullValue)
	case 't':
		return p.word("true", trueValue)
	case 'f':
		return p.word("false", falseValue)
	default:
		return p.number()
	}
}

func (p *jsonParser) word(word string, kind valueKind) (value, error) {
	if !p.literal(word) {
		return value{}, errSyntax
	}
	return value{kind: kind}, nil
}

func (p *jsonParser) object(depth int) (value, error) {
	v := value{kind: mapValue}
	p.i++
	if p.take('}') {
		return v, nil
	}
	for {
		var m member
		var err error
		if m.name, err = p.text(); err != nil {
			return v, err
		}
		if !p.take(':') {
			return v, errSyntax
		}
		if m.value, err = p.value(depth + 1); err != nil {
			return v, err
		}
		v.members = append(v.members, m)
		if p.take('}') {
			v.members = unique(v.members)
			return v, nil
		}
		if !p.take(',') {
			return v, errSyntax
		}
	}
}

func (p *jsonParser) array(depth int) (value, error) {
	v := value{kind: listValue}
	p.i++
	if p.take(']') {
		return v, nil
	}
	for {
		item, err := p.value(depth + 1)
		if err != nil {
			return v, err
		}
		v.items = append(v.items, item)
		if p.take(']') {
			return v, nil
		}
		if !p.take(',') {
			return v, errSyntax
		}
	}
}

// text reads a string. What is no UTF-8 and half surrogates become U+FFFD.
func (p *jsonParser) text() (string, error) {
	raw, ok := p.raw()
	if !ok {
		return "", errSyntax
	}
	if plain(raw) {
		return string(raw), nil
	}
	var s string
	if err := json.Unmarshal(p.b[p.i-len(raw)-2:p.i], &s); err != nil {
		return "", errSyntax
	}
	return s, nil
}

func (p *jsonParser) number() (value, error) {
	start := p.i
	for p.i < len(p.b) && isNumeric(p.b[p.i]) {
		p.i++
	}
	text := p.b[start:p.i]
	if len(text) == 0 || !json.Valid(text) {
		return value{}, errSyntax
	}
	v := value{kind: numberValue, text: string(text)}
	v.number, _ = strconv.ParseFloat(v.text, 64) // out of range gives an infinity
	if math.IsNaN(v.number) {
		return value{}, errSyntax
	}
	return v, nil
}

func isNumeric(c byte) bool {
	return c >= '0' && c <= '9' || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E'
}

package parquet

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxJSONDepth is how deep arrays and objects of a record may stand in each
// other: a record is read by recursion, which takes stack.
const maxJSONDepth = 100

// A value is one of JSON. Its strings share the memory of the text it was read
// from, where they have no escapes.
type value struct {
	kind     valueKind
	text     string   // a string's content, a number's digits
	raw      string   // as it stands in the text; of a string, array or object
	elements []value  // an array's
	members  []member // an object's, in their order
}

type member struct {
	name  string
	value value
}

type valueKind byte

const (
	isNull valueKind = iota
	isFalse
	isTrue
	isNumber
	isString
	isArray
	isObject
)

// empty tells whether nothing is lost if the value is not kept: it is null, has
// nothing in it, or is an object of such values.
func (v value) empty() bool {
	for _, m := range v.members {
		if !m.value.empty() {
			return false
		}
	}
	return v.kind == isNull || v.kind == isObject || v.kind == isArray && len(v.elements) == 0
}

// json is the value as a JSON text.
func (v value) json() string {
	switch v.kind {
	case isNull:
		return "null"
	case isFalse:
		return "false"
	case isTrue:
		return "true"
	case isString, isArray, isObject:
		return v.raw
	default:
		return v.text
	}
}

// parseJSON reads a text that is one JSON value, by RFC 8259, with white space
// around it. It is stricter than encoding/json where a value could be lost or
// changed without notice: text that is no UTF-8, half of a surrogate pair, and a
// name that an object has twice are errors.
func parseJSON(text string) (value, error) {
	p := parser{rest: text}
	v, err := p.value(0)
	if err != nil {
		return value{}, fmt.Errorf("at byte %d: %w", len(text)-len(p.rest), err)
	}
	if p.space(); p.rest != "" {
		return value{}, fmt.Errorf("at byte %d: more than one JSON value", len(text)-len(p.rest))
	}
	return v, nil
}

type parser struct{ rest string }

func (p *parser) space() {
	for p.rest != "" && strings.IndexByte(" \t\r\n", p.rest[0]) >= 0 {
		p.rest = p.rest[1:]
	}
}

// take consumes the character if it is next, with white space before it.
func (p *parser) take(c byte) bool {
	p.space()
	if p.rest == "" || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

var errEnd = errors.New("the JSON text ends in the middle")

func (p *parser) value(depth int) (value, error) {
	p.space()
	if p.rest == "" {
		return value{}, errEnd
	}
	start := p.rest
	switch c := start[0]; {
	case depth == maxJSONDepth && (c == '{' || c == '['):
		return value{}, fmt.Errorf("arrays and objects more than %d deep", maxJSONDepth)
	case c == '{':
		v, err := p.object(depth + 1)
		v.raw = start[:len(start)-len(p.rest)]
		return v, err
	case c == '[':
		v, err := p.array(depth + 1)
		v.raw = start[:len(start)-len(p.rest)]
		return v, err
	case c == '"':
		s, err := p.string()
		return value{kind: isString, text: s, raw: start[:len(start)-len(p.rest)]}, err
	case c == '-' || isDigit(c):
		s, err := p.number()
		return value{kind: isNumber, text: s}, err
	}
	return p.word()
}

func (p *parser) word() (value, error) {
	for kind, word := range []string{isNull: "null", isFalse: "false", isTrue: "true"} {
		if rest, ok := strings.CutPrefix(p.rest, word); ok {
			p.rest = rest
			return value{kind: valueKind(kind)}, nil
		}
	}
	return value{}, fmt.Errorf("no JSON value begins with %q", preview(p.rest))
}

func (p *parser) array(depth int) (value, error) {
	v := value{kind: isArray}
	p.take('[')
	if p.take(']') {
		return v, nil
	}
	for {
		e, err := p.value(depth)
		if err != nil {
			return v, err
		}
		v.elements = append(v.elements, e)
		if p.take(']') {
			return v, nil
		}
		if !p.take(',') {
			return v, p.expected("a comma or ]")
		}
	}
}

func (p *parser) object(depth int) (value, error) {
	v := value{kind: isObject}
	p.take('{')
	if p.take('}') {
		return v, nil
	}
	for {
		if p.space(); p.rest == "" || p.rest[0] != '"' {
			return v, p.expected("a name in quotes")
		}
		name, err := p.string()
		if err != nil {
			return v, err
		}
		if !p.take(':') {
			return v, p.expected("a colon")
		}
		e, err := p.value(depth)
		if err != nil {
			return v, err
		}
		v.members = append(v.members, member{name, e})
		if p.take('}') {
			return v, twice(v.members)
		}
		if !p.take(',') {
			return v, p.expected("a comma or }")
		}
	}
}

// twice tells which name is there twice. A few names are compared with each
// other, which is quicker than a map.
func twice(members []member) error {
	if len(members) > 16 {
		seen := make(map[string]struct{}, len(members))
		for _, m := range members {
			if _, ok := seen[m.name]; ok {
				return fmt.Errorf("an object has the name %q twice", preview(m.name))
			}
			seen[m.name] = struct{}{}
		}
		return nil
	}
	for i, m := range members {
		for _, before := range members[:i] {
			if before.name == m.name {
				return fmt.Errorf("an object has the name %q twice", preview(m.name))
			}
		}
	}
	return nil
}

func (p *parser) expected(what string) error {
	if p.rest == "" {
		return errEnd
	}
	return fmt.Errorf("%s is expected before %q", what, preview(p.rest))
}

// number consumes what RFC 8259 calls one, and no more.
func (p *parser) number() (string, error) {
	s := p.rest
	i := 0
	if s[i] == '-' {
		i++
	}
	from := i
	if i = wholeEnd(s, from); i == from {
		return "", fmt.Errorf("a number is expected before %q", preview(s))
	}
	if isOneOf(s, i, ".") {
		from = i + 1
		if i = digitsEnd(s, from); i == from {
			return "", fmt.Errorf("digits are missing after the point of %q", preview(s))
		}
	}
	if isOneOf(s, i, "eE") {
		from = i + 1
		if isOneOf(s, from, "+-") {
			from++
		}
		if i = digitsEnd(s, from); i == from {
			return "", fmt.Errorf("digits are missing in the exponent of %q", preview(s))
		}
	}
	p.rest = s[i:]
	return s[:i], nil
}

// wholeEnd returns where the part of a number before its point ends that begins
// at i: it has no zeros before other digits.
func wholeEnd(s string, i int) int {
	if isOneOf(s, i, "0") {
		return i + 1
	}
	return digitsEnd(s, i)
}

// digitsEnd returns where the digits end that begin at i; i if there are none.
func digitsEnd(s string, i int) int {
	for i < len(s) && isDigit(s[i]) {
		i++
	}
	return i
}

// isOneOf reports whether s has, at i, one of some characters.
func isOneOf(s string, i int, chars string) bool {
	return i < len(s) && strings.IndexByte(chars, s[i]) >= 0
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// string consumes a string with its quotes, and returns what is in it.
func (p *parser) string() (string, error) {
	s := p.rest[1:]
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			if !utf8.ValidString(s[:i]) {
				return "", fmt.Errorf("the string %q is not UTF-8", preview(s[:i]))
			}
			p.rest = s[i+1:]
			return s[:i], nil
		case c == '\\':
			return p.escaped(s, i)
		case c < ' ':
			return "", fmt.Errorf("the string %q has a control character", preview(s))
		}
	}
	return "", errEnd
}

var escapes = map[byte]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escaped is string from the first escape on, which is at i.
func (p *parser) escaped(s string, i int) (string, error) {
	out := append(make([]byte, 0, 2*i+16), s[:i]...)
	for i < len(s) {
		switch c := s[i]; {
		case c == '"':
			if !utf8.Valid(out) {
				return "", fmt.Errorf("the string %q is not UTF-8", preview(string(out)))
			}
			p.rest = s[i+1:]
			return string(out), nil
		case c < ' ':
			return "", fmt.Errorf("the string %q has a control character", preview(s))
		case c != '\\':
			out = append(out, c)
			i++
		default:
			r, n, err := unescape(s[i:])
			if err != nil {
				return "", err
			}
			out = utf8.AppendRune(out, r)
			i += n
		}
	}
	return "", errEnd
}

// unescape reads the escape that s begins with, and tells how long it is.
func unescape(s string) (rune, int, error) {
	if len(s) < 2 {
		return 0, 0, errEnd
	}
	if c, ok := escapes[s[1]]; ok {
		return rune(c), 2, nil
	}
	r, ok := hex4(s)
	if !ok {
		return 0, 0, fmt.Errorf("%q is no escape of JSON", preview(s[:min(len(s), 6)]))
	}
	if !utf16.IsSurrogate(r) {
		return r, 6, nil
	}
	low, _ := hex4(s[6:])
	if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
		return 0, 0, fmt.Errorf("%q is half of a character", s[:6])
	}
	return r, 12, nil
}

// hex4 reads \uXXXX.
func hex4(s string) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range []byte(s[2:6]) {
		digit := strings.IndexByte("0123456789abcdef", c|0x20)
		if isDigit(c) {
			digit = int(c - '0')
		} else if digit < 10 {
			return 0, false
		}
		r = r<<4 | rune(digit)
	}
	return r, true
}

// preview is the beginning of a text, for a message.
func preview(s string) string {
	if len(s) <= 40 {
		return s
	}
	return s[:40] + "…"
}

package kinesisserver

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
)

// errSyntax says that a body is not what its content type promises, or holds
// more than it may.
var errSyntax = errors.New("malformed body")

// parseJSON reads a body that must be one JSON object. What it returns shares
// no memory with body.
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

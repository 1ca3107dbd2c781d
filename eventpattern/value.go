package eventpattern

import (
	"bytes"
	"net/netip"
	"unicode"
	"unicode/utf8"
)

// A value is a scalar of an event.
type value struct {
	raw    []byte // of a string what it stands for
	text   bool   // it is a string
	number bool   // it can be compared as one
	f      float64
}

func newScalar(raw []byte) value {
	v := value{raw: raw}
	if c := raw[0]; c == '-' || c <= '9' {
		v.f, v.number = comparable(raw)
	}
	return v
}

// A test is one element of an array of alternatives.
type test interface{ matches(v *value) bool }

type (
	exists  struct{}
	literal []byte // true, false, null, or a number that cannot be compared
	number  float64
	exact   string
	prefix  string
	suffix  string
	folded  struct {
		text  string
		where byte // 'p' at the beginning, 's' at the end, '=' all of it
	}
	address  struct{ a netip.Addr }
	block    struct{ p netip.Prefix }
	wildcard [][]byte // what is between the stars
	between  struct {
		low, high         float64
		openLow, openHigh bool
	}
	anythingBut []test
	oneOf       map[string]struct{} // many exact strings
)

func (exists) matches(*value) bool      { return true }
func (t literal) matches(v *value) bool { return !v.text && bytes.Equal(v.raw, t) }
func (t number) matches(v *value) bool  { return v.number && v.f == float64(t) }
func (t exact) matches(v *value) bool   { return v.text && string(v.raw) == string(t) }
func (t oneOf) matches(v *value) bool {
	_, ok := t[string(v.raw)]
	return ok && v.text
}

func (t prefix) matches(v *value) bool {
	return v.text && len(v.raw) >= len(t) && string(v.raw[:len(t)]) == string(t)
}

func (t suffix) matches(v *value) bool {
	return v.text && len(v.raw) >= len(t) && string(v.raw[len(v.raw)-len(t):]) == string(t)
}

func (t address) matches(v *value) bool {
	a, ok := v.address()
	return ok && a == t.a
}

func (t block) matches(v *value) bool {
	a, ok := v.address()
	return ok && t.p.Contains(a)
}

func (v *value) address() (netip.Addr, bool) {
	if !v.text {
		return netip.Addr{}, false
	}
	return parseAddress(v.raw)
}

func (t between) matches(v *value) bool {
	return v.number && (v.f > t.low || v.f == t.low && !t.openLow) && (v.f < t.high || v.f == t.high && !t.openHigh)
}

func (t anythingBut) matches(v *value) bool {
	for _, but := range t {
		if but.matches(v) {
			return false
		}
	}
	return true
}

func (t folded) matches(v *value) bool {
	if !v.text {
		return false
	}
	s := v.raw
	if t.where == 's' {
		return foldedSuffix(s, t.text)
	}
	for _, want := range t.text {
		got, n := utf8.DecodeRune(s)
		if n == 0 || !sameFolded(want, got) {
			return false
		}
		s = s[n:]
	}
	return t.where == 'p' || len(s) == 0
}

func foldedSuffix(s []byte, t string) bool {
	for len(t) > 0 {
		want, n := utf8.DecodeLastRuneInString(t)
		got, m := utf8.DecodeLastRune(s)
		if m == 0 || !sameFolded(want, got) {
			return false
		}
		t, s = t[:len(t)-n], s[:len(s)-m]
	}
	return true
}

// sameFolded is not symmetric: the event's character must be the pattern's in
// lower or in upper case.
func sameFolded(want, got rune) bool {
	return got == unicode.ToLower(want) || got == unicode.ToUpper(want)
}

// matches looks for the pieces from left to right, each at the first place where
// it is: a later place would leave less for those that follow.
func (t wildcard) matches(v *value) bool {
	if !v.text {
		return false
	}
	s, last := v.raw, len(t)-1
	if last == 0 {
		return bytes.Equal(s, t[0])
	}
	if !bytes.HasPrefix(s, t[0]) {
		return false
	}
	s = s[len(t[0]):]
	for _, piece := range t[1:last] {
		i := bytes.Index(s, piece)
		if i < 0 {
			return false
		}
		s = s[i+len(piece):]
	}
	return bytes.HasSuffix(s, t[last])
}

// parseWildcard takes a wildcard apart at its stars.
func parseWildcard(s string) (pieces wildcard, rule string) {
	piece := []byte{}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '*' && i+1 < len(s) && s[i+1] == '*':
			return nil, "two stars in a row are not allowed in a wildcard"
		case c == '*':
			pieces, piece = append(pieces, piece), []byte{}
		case c == '\\':
			if i++; i == len(s) || s[i] != '*' && s[i] != '\\' {
				return nil, `a backslash in a wildcard must stand before a star or a backslash`
			}
			piece = append(piece, s[i])
		default:
			piece = append(piece, c)
		}
	}
	return append(pieces, piece), ""
}

package kinesisserver

import (
	"bytes"
	"unicode/utf8"
)

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

// members walks over an object that is not empty, and calls read for each
// member to skip its value.
func (s *jsonScanner) members(read func(name []byte) bool) bool {
	if !s.take('{') {
		return false
	}
	for {
		name, ok := s.raw()
		if !ok || !s.take(':') || !read(name) {
			return false
		}
		if !s.take(',') {
			return s.take('}')
		}
	}
}

// atEnd reports whether nothing but white space follows.
func (s *jsonScanner) atEnd() bool {
	s.space()
	return s.i == len(s.b)
}

// plain skips a string of plain ASCII.
func (s *jsonScanner) plain() ([]byte, bool) {
	raw, ok := s.raw()
	return raw, ok && plain(raw)
}

// digits skips a positive number of up to five digits.
func (s *jsonScanner) digits() (n int32, ok bool) {
	s.space()
	start := s.i
	for s.i < len(s.b) && s.i < start+6 && s.b[s.i] >= '0' && s.b[s.i] <= '9' {
		n = n*10 + int32(s.b[s.i]-'0')
		s.i++
	}
	return n, s.i > start && s.i < start+6 && s.b[start] != '0'
}

// isVerbatim reports whether a string's raw text stands for itself: no escapes,
// no control characters. What is not ASCII is not looked at.
func isVerbatim(raw []byte) bool {
	for _, c := range raw {
		if c < ' ' || c == '\\' {
			return false
		}
	}
	return true
}

package eventpattern

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// A text reads JSON strictly, as RFC 8259 has it. What fails is kept in rule, at
// pos, and every method then answers false.
type text struct {
	b     []byte
	pos   int
	depth int
	rule  string
	limit error // what rule is about, if it is a limit
}

func (t *text) fail(rule string) bool {
	if t.rule == "" {
		t.rule = rule
	}
	return false
}

// peek skips white space and returns the byte there, zero at the end.
func (t *text) peek() byte {
	for t.pos < len(t.b) {
		switch c := t.b[t.pos]; c {
		case ' ', '\t', '\n', '\r':
			t.pos++
		default:
			return c
		}
	}
	return 0
}

func (t *text) expect(c byte, rule string) bool {
	if t.peek() != c || t.pos == len(t.b) {
		return t.fail(rule)
	}
	t.pos++
	return true
}

// enter steps over an opening bracket.
func (t *text) enter() bool {
	if t.depth++; t.depth > MaxDepth {
		if t.rule == "" {
			t.limit = ErrTooDeep
		}
		return t.fail("nested deeper than 1000 levels")
	}
	t.pos++
	return true
}

// next reports whether there is one more member before the closing bracket, which
// it steps over. It stands at the member.
func (t *text) next(first bool, closing byte) bool {
	switch c := t.peek(); {
	case c == closing:
		t.pos++
		t.depth--
		return false
	case first:
		return true
	case c != ',':
		return t.fail("expected a comma or a closing bracket")
	}
	t.pos++
	if t.peek() == closing {
		return t.fail("a comma before a closing bracket")
	}
	return true
}

// str steps over a string and returns what is between its quotes, and whether
// there are escapes in it.
func (t *text) str(rule string) (raw []byte, escaped, ok bool) {
	if t.peek() != '"' {
		return nil, false, t.fail(rule)
	}
	begin, wide := t.pos+1, false
	for i := begin; i < len(t.b); i++ {
		for i+8 <= len(t.b) {
			word := binary.LittleEndian.Uint64(t.b[i:])
			stop := special(word)
			wide = wide || word&highs != 0
			if stop != 0 {
				i += bits.TrailingZeros64(stop) / 8
				break
			}
			i += 8
		}
		if i == len(t.b) {
			break
		}
		switch c := t.b[i]; {
		case c == '"':
			t.pos = i + 1
			raw = t.b[begin:i]
			if wide && !utf8.Valid(raw) {
				t.pos = begin
				return nil, false, t.fail("a string that is not UTF-8")
			}
			return raw, escaped, true
		case c == '\\':
			escaped = true
			n := escapeLen(t.b[i:])
			if n == 0 {
				t.pos = i
				return nil, false, t.fail("an escape that JSON does not have")
			}
			i += n - 1
		case c < ' ':
			t.pos = i
			return nil, false, t.fail("a control character in a string")
		case c >= utf8.RuneSelf:
			wide = true
		}
	}
	t.pos = len(t.b)
	return nil, false, t.fail("a string without an end")
}

const (
	ones  = 0x0101010101010101
	highs = 0x80 * ones
)

// special returns a word that is zero if none of eight bytes is a quote, a
// backslash or a control character, and else one whose lowest bit is in the first
// of them. Bits above that one mean nothing: a borrow may have set them.
func special(word uint64) uint64 {
	quote, backslash := word^'"'*ones, word^'\\'*ones
	return ((word-' '*ones)&^word | (quote-ones)&^quote | (backslash-ones)&^backslash) & highs
}

// escapeLen returns the length of the escape at the beginning of b, zero if it is
// none.
func escapeLen(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if len(b) >= 6 && hex4(b[2:6]) >= 0 {
			return 6
		}
	}
	return 0
}

func hex4(b []byte) rune {
	var r rune
	for _, c := range b {
		switch {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return -1
		}
	}
	return r
}

// unescape appends to dst what raw, a string that str returned, stands for.
func unescape(dst, raw []byte) []byte {
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			dst = append(dst, raw[i])
			continue
		}
		i++
		switch c := raw[i]; c {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r := hex4(raw[i+1 : i+5])
			i += 4
			if utf16.IsSurrogate(r) {
				low := rune(utf8.RuneError)
				if i+6 < len(raw) && raw[i+1] == '\\' && raw[i+2] == 'u' {
					low = hex4(raw[i+3 : i+7])
				}
				if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
					i += 6
				}
			}
			dst = utf8.AppendRune(dst, r)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// number steps over a number and returns its text.
func (t *text) number() ([]byte, bool) {
	begin, i := t.pos, t.pos
	at := func() byte {
		if i < len(t.b) {
			return t.b[i]
		}
		return 0
	}
	digits := func() bool {
		first := i
		for c := at(); '0' <= c && c <= '9'; c = at() {
			i++
		}
		return i > first
	}
	if at() == '-' {
		i++
	}
	zero := at() == '0'
	whole := i
	ok := digits() && (!zero || i == whole+1)
	if ok && at() == '.' {
		i++
		ok = digits()
	}
	if ok && at()|0x20 == 'e' {
		i++
		if c := at(); c == '+' || c == '-' {
			i++
		}
		ok = digits()
	}
	if !ok {
		return nil, t.fail("not a number as JSON writes them")
	}
	t.pos = i
	return t.b[begin:i], true
}

// word steps over true, false or null, and returns it.
func (t *text) word() ([]byte, bool) {
	for _, w := range []string{"true", "false", "null"} {
		if end := t.pos + len(w); end <= len(t.b) && string(t.b[t.pos:end]) == w {
			t.pos = end
			return t.b[end-len(w) : end], true
		}
	}
	return nil, t.fail("expected a value")
}

// scalar steps over a number or a word.
func (t *text) scalar() ([]byte, bool) {
	if c := t.peek(); c == '-' || '0' <= c && c <= '9' {
		return t.number()
	}
	return t.word()
}

// skip steps over a value of any kind.
func (t *text) skip() bool {
	switch t.peek() {
	case '{':
		return t.skipObject()
	case '[':
		if !t.enter() {
			return false
		}
		for first := true; t.next(first, ']'); first = false {
			if !t.skip() {
				return false
			}
		}
	case '"':
		_, _, ok := t.str("")
		return ok
	default:
		_, ok := t.scalar()
		return ok
	}
	return t.rule == ""
}

func (t *text) skipObject() bool {
	if !t.enter() {
		return false
	}
	for first := true; t.next(first, '}'); first = false {
		if _, _, ok := t.str("expected a name in quotes"); !ok || !t.expect(':', "expected a colon") || !t.skip() {
			return false
		}
	}
	return t.rule == ""
}

// end reports whether nothing follows.
func (t *text) end() bool {
	if t.peek(); t.pos < len(t.b) {
		return t.fail("something follows the object")
	}
	return true
}

package kinesisserver

import (
	"strconv"
	"time"
	"unicode/utf8"
)

// A jsonWriter writes JSON without white space.
type jsonWriter struct {
	b     []byte
	comma bool // something stands before what comes next
}

func (w *jsonWriter) beginMap(int) { w.next(); w.b = append(w.b, '{'); w.comma = false }
func (w *jsonWriter) endMap()      { w.b = append(w.b, '}'); w.comma = true }

func (w *jsonWriter) beginList(int) { w.next(); w.b = append(w.b, '['); w.comma = false }
func (w *jsonWriter) endList()      { w.b = append(w.b, ']'); w.comma = true }

func (w *jsonWriter) name(s string) {
	w.next()
	w.b = appendJSONText(w.b, s)
	w.b = append(w.b, ':')
	w.comma = false
}

func (w *jsonWriter) text(s string)    { w.next(); w.b = appendJSONText(w.b, s) }
func (w *jsonWriter) integer(n int64)  { w.next(); w.b = strconv.AppendInt(w.b, n, 10) }
func (w *jsonWriter) boolean(b bool)   { w.next(); w.b = strconv.AppendBool(w.b, b) }
func (w *jsonWriter) time(t time.Time) { w.next(); w.b = appendSeconds(w.b, t.UnixMilli()) }

// next writes what separates an item from the one before.
func (w *jsonWriter) next() {
	if w.comma {
		w.b = append(w.b, ',')
	}
	w.comma = true
}

// appendSeconds appends milliseconds as seconds with a fraction of three
// digits, or none where there are no milliseconds but one zero.
func appendSeconds(dst []byte, ms int64) []byte {
	if ms < 0 {
		dst = append(dst, '-')
		ms = -ms
	}
	dst = strconv.AppendInt(dst, ms/1000, 10)
	part := ms % 1000
	if part == 0 {
		return append(dst, ".0"...)
	}
	return append(dst, '.', byte('0'+part/100), byte('0'+part/10%10), byte('0'+part%10))
}

// appendJSONText appends s in quotes. What is no UTF-8 becomes U+FFFD.
func appendJSONText(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		size := 1
		if c >= utf8.RuneSelf {
			var r rune
			if r, size = utf8.DecodeRuneInString(s[i:]); r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
		}
		dst = append(dst, s[start:i]...)
		dst = appendEscape(dst, c)
		i += size
		start = i
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}

// appendEscape appends what stands for a byte that cannot stand for itself.
func appendEscape(dst []byte, c byte) []byte {
	const hex = "0123456789abcdef"
	switch {
	case c == '"' || c == '\\':
		return append(dst, '\\', c)
	case c == '\n':
		return append(dst, `\n`...)
	case c == '\r':
		return append(dst, `\r`...)
	case c == '\t':
		return append(dst, `\t`...)
	case c >= utf8.RuneSelf:
		return append(dst, `\ufffd`...)
	}
	return append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
}

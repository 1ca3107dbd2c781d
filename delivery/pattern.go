package delivery

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// A pattern is one of Java's DateTimeFormatter, in English: the fields that
// object names are made of. Weeks are those of ISO 8601.
type pattern []patternPart

// A patternPart is a field, by its letter and how often that stands there, or
// text if the letter is zero.
type patternPart struct {
	letter byte
	count  int
	text   string
}

// mostLetters is how often a letter may stand in a row.
var mostLetters = map[byte]int{
	'y': 19, 'u': 19, 'Y': 19, 'M': 5, 'L': 5, 'Q': 4, 'd': 2, 'D': 3, 'E': 5, 'w': 2,
	'H': 2, 'h': 2, 'k': 2, 'K': 2, 'm': 2, 's': 2, 'S': 9, 'a': 1,
}

// parsePattern reads a pattern: letters are fields, text in single quotes stands
// for itself, two quotes for one, and all else but {, }, [, ] and # too.
func parsePattern(s string) (p pattern, err error) {
	if s == "" {
		return nil, fmt.Errorf("the pattern is empty")
	}
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '\'':
			text, n := quoted(s[i:])
			if n == 0 {
				return nil, fmt.Errorf("%q has a quote that does not end", s)
			}
			p = p.with(text)
			i += n
		case isLetter(c):
			n := 1
			for i+n < len(s) && s[i+n] == c {
				n++
			}
			if most := mostLetters[c]; most == 0 {
				return nil, fmt.Errorf("%q has %q, which is no field; text belongs into single quotes", s, c)
			} else if n > most {
				return nil, fmt.Errorf("%q has %q %d times; up to %d mean something", s, c, n, most)
			}
			p = append(p, patternPart{letter: c, count: n})
			i += n
		case strings.IndexByte("{}[]#", c) >= 0:
			return nil, fmt.Errorf("%q has %q, which is reserved; put it into single quotes", s, c)
		default:
			p = p.with(s[i : i+1])
			i++
		}
	}
	return p, nil
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// quoted returns what a text in quotes stands for that s begins with, and its
// length with them; 0 if it does not end.
func quoted(s string) (text string, n int) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		if s[i] != '\'' {
			b.WriteByte(s[i])
			continue
		}
		if i+1 < len(s) && s[i+1] == '\'' && i > 1 {
			b.WriteByte('\'')
			i++
			continue
		}
		if i == 1 { // two quotes
			return "'", 2
		}
		return b.String(), i + 1
	}
	return "", 0
}

func (p pattern) with(text string) pattern {
	if n := len(p); n > 0 && p[n-1].letter == 0 {
		p[n-1].text += text
		return p
	}
	return append(p, patternPart{text: text})
}

// format appends a time in its zone.
func (p pattern) format(dst []byte, t time.Time) []byte {
	for _, f := range p {
		if f.letter == 0 {
			dst = append(dst, f.text...)
		} else {
			dst = f.format(dst, t)
		}
	}
	return dst
}

// At one of these moments each field is as short as it can be: numbers have one
// digit where they may, and there are no shorter names than May and Monday.
var shortMoments = [...]time.Time{
	time.Date(2000, time.May, 1, 1, 1, 1, 0, time.UTC),
	time.Date(2000, time.January, 3, 1, 1, 1, 0, time.UTC),
}

// least returns how many characters the pattern has at least.
func (p pattern) least() (n int) {
	for _, f := range p {
		if f.letter == 0 {
			n += utf8.RuneCountInString(f.text)
		} else {
			n += min(len(f.format(nil, shortMoments[0])), len(f.format(nil, shortMoments[1])))
		}
	}
	return n
}

func (f patternPart) format(dst []byte, t time.Time) []byte {
	switch f.letter {
	case 'y', 'u':
		return f.year(dst, t.Year())
	case 'Y':
		year, _ := t.ISOWeek()
		return f.year(dst, year)
	case 'M', 'L':
		return f.named(dst, int(t.Month()), t.Month().String())
	case 'Q':
		return f.quarter(dst, (int(t.Month())+2)/3)
	case 'E':
		f.count = max(f.count, 3)
		return f.named(dst, 0, t.Weekday().String())
	case 'S':
		return append(dst, fmt.Sprintf("%09d", t.Nanosecond())[:f.count]...)
	case 'a':
		return t.AppendFormat(dst, "PM")
	}
	return padded(dst, f.number(t), f.count)
}

// number returns the value of a field that is always a number.
func (f patternPart) number(t time.Time) int {
	switch f.letter {
	case 'd':
		return t.Day()
	case 'D':
		return t.YearDay()
	case 'w':
		_, week := t.ISOWeek()
		return week
	case 'H':
		return t.Hour()
	case 'h':
		return (t.Hour()+11)%12 + 1
	case 'k':
		return (t.Hour()+23)%24 + 1
	case 'K':
		return t.Hour() % 12
	case 'm':
		return t.Minute()
	case 's':
		return t.Second()
	}
	panic("no field: " + string(f.letter)) // parsePattern lets none pass
}

func (f patternPart) year(dst []byte, year int) []byte {
	if f.count == 2 {
		return padded(dst, year%100, 2)
	}
	return padded(dst, year, f.count)
}

// named appends a number, or from three letters on a name: short, full, or its
// first letter.
func (f patternPart) named(dst []byte, n int, name string) []byte {
	switch f.count {
	case 3:
		return append(dst, name[:3]...)
	case 4:
		return append(dst, name...)
	case 5:
		return append(dst, name[0])
	}
	return padded(dst, n, f.count)
}

func (f patternPart) quarter(dst []byte, n int) []byte {
	switch f.count {
	case 3:
		return append(dst, 'Q', byte('0'+n))
	case 4:
		return append(dst, [...]string{"1st", "2nd", "3rd", "4th"}[n-1]+" quarter"...)
	}
	return padded(dst, n, f.count)
}

func padded(dst []byte, n, width int) []byte {
	text := strconv.Itoa(n)
	for range width - len(text) {
		dst = append(dst, '0')
	}
	return append(dst, text...)
}

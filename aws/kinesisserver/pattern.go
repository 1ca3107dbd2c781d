package kinesisserver

import (
	"regexp"
	"strings"
	"sync"
)

// A pattern is a regular expression that the whole of a text must match. It is
// compiled when it is first needed, because most programs need few of them.
type pattern struct {
	text    string
	matches func(string) bool
}

// A text that is far too long for its shape is not looked at, and refused for its
// length alone: an expression takes a fifth of a second for a MiB.
func newPattern(text string) *pattern {
	compile := sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`\A(?:` + text + `)\z`)
	})
	return &pattern{text, func(s string) bool { return len(s) > maxMatchedBytes || compile().MatchString(s) }}
}

// maxMatchedBytes is more than a text may have that is matched with a compiled
// expression: 2,048 characters.
const maxMatchedBytes = 16 << 10

// unless is the same pattern, except that what usual accepts needs no look at
// the expression. Usual must accept nothing that the expression does not.
func (p *pattern) unless(usual func(string) bool) *pattern {
	return &pattern{p.text, func(s string) bool { return usual(s) || p.matches(s) }}
}

// fastPattern is a pattern that is matched by hand, because it stands in the
// way of records.
func fastPattern(text string, matches func(string) bool) *pattern {
	return &pattern{text, matches}
}

// isName matches `[a-zA-Z0-9_.-]+`.
func isName(s string) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '.', c == '-':
		default:
			return false
		}
	}
	return s != ""
}

// isDecimal matches a decimal number of at most digits digits without leading
// zeros.
func isDecimal(s string, digits int) bool {
	if s == "" || len(s) > digits || s[0] == '0' && s != "0" {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// isUsualStreamARN matches arn:aws:kinesis:REGION:ACCOUNT:stream/NAME.
func isUsualStreamARN(s string) bool { return isUsualARN(s, "stream/") }

// isUsualQueueARN matches arn:aws:kinesis:REGION:ACCOUNT:queue/ID.
func isUsualQueueARN(s string) bool { return isUsualARN(s, "queue/") }

func isUsualARN(s, kind string) bool {
	rest, ok := strings.CutPrefix(s, "arn:aws:kinesis:")
	if !ok {
		return false
	}
	region, rest, ok := strings.Cut(rest, ":")
	if !ok || !isName(region) {
		return false
	}
	id, rest, _ := strings.Cut(rest, ":")
	name, ok := strings.CutPrefix(rest, kind)
	return ok && isAccountID(id) && isName(name)
}

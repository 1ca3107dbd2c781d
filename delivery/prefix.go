package delivery

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/weirstream/weir"
)

// Bounds of prefixes, in bytes as they are written and in characters as they are
// evaluated for an object.
const (
	MaxPrefixBytes     = 1024
	MaxEvaluatedPrefix = 512
)

// timePath is what a prefix without a timestamp expression ends in.
const timePath = "!{timestamp:yyyy/MM/dd/HH/}"

// A prefix is what object names begin with, for one kind of objects: text with
// expressions.
type prefix struct {
	parts    []prefixPart
	keys     []partitionKey // that it refers to, each once
	timed    bool           // it has a timestamp expression
	dynamic  bool           // it has any expression
	forError bool           // it has the error's type
}

// A partitionKey is a value that a prefix refers to: by a Partitioner or by the
// transform.
type partitionKey struct {
	byTransform bool
	name        string
}

// A prefixPart is text, or an expression.
type prefixPart struct {
	text    string
	pattern pattern
	random  bool
	failure bool
	key     int // of prefix.keys and 1; 0 is none
}

// parsePrefix reads a prefix, and adds the time to one that has no timestamp
// expression. One that would be too long for every object is refused. field is
// for errors.
func parsePrefix(field, text string) (p prefix, err error) {
	if n := len(text); n > MaxPrefixBytes {
		err = fmt.Errorf("has %d bytes; up to %d are allowed", n, MaxPrefixBytes)
	} else if !utf8.ValidString(text) {
		err = fmt.Errorf("%q is not UTF-8, as names of objects are", text)
	} else {
		p, err = readPrefix(text)
	}
	if n := p.least(); err == nil && n > MaxEvaluatedPrefix {
		err = fmt.Errorf("has %d characters at least when it is evaluated; up to %d are allowed", n, MaxEvaluatedPrefix)
	}
	if err != nil {
		return prefix{}, &weir.ArgumentError{Field: field, Reason: err.Error()}
	}
	return p, nil
}

func readPrefix(text string) (p prefix, err error) {
	for rest := text; rest != ""; {
		before, after, found := strings.Cut(rest, "!{")
		if before != "" {
			p.parts = append(p.parts, prefixPart{text: before})
		}
		if !found {
			break
		}
		expression, behind, closed := strings.Cut(after, "}")
		if !closed {
			return prefix{}, fmt.Errorf("%q has an expression that does not end", text)
		}
		if err := p.add(expression); err != nil {
			return prefix{}, fmt.Errorf("expression !{%s}: %w", expression, err)
		}
		rest = behind
	}
	if !p.timed {
		p.add(strings.Trim(timePath, "!{}"))
		p.dynamic = len(p.keys) > 0 || p.forError || slices.ContainsFunc(p.parts, func(part prefixPart) bool { return part.random })
	}
	return p, nil
}

// least returns how many characters a prefix has at least, whatever is put in
// for its expressions, and with any type of error that is the delivery's own.
func (p prefix) least() (n int) {
	for _, part := range p.parts {
		switch {
		case part.pattern != nil:
			n += part.pattern.least()
		case part.random:
			n += randomLength
		case part.failure:
			n += len(longestErrorType)
		case part.key > 0:
			n++ // a value that is empty is none
		default:
			n += utf8.RuneCountInString(part.text)
		}
	}
	return n
}

// add reads an expression.
func (p *prefix) add(expression string) error {
	namespace, value, found := strings.Cut(expression, ":")
	if !found {
		return fmt.Errorf("it has no colon")
	}
	p.dynamic = true
	switch namespace {
	case "timestamp":
		pattern, err := parsePattern(value)
		if err != nil {
			return err
		}
		p.timed = true
		p.parts = append(p.parts, prefixPart{pattern: pattern})
	case "firehose":
		switch value {
		case "random-string":
			p.parts = append(p.parts, prefixPart{random: true})
		case "error-output-type":
			p.forError = true
			p.parts = append(p.parts, prefixPart{failure: true})
		default:
			return fmt.Errorf("%q is neither random-string nor error-output-type", value)
		}
	case "partitionKeyFromQuery", "partitionKeyFromLambda":
		key := partitionKey{namespace == "partitionKeyFromLambda", value}
		if value == "" {
			return fmt.Errorf("it names no key")
		}
		if !slices.Contains(p.keys, key) {
			p.keys = append(p.keys, key)
		}
		p.parts = append(p.parts, prefixPart{key: slices.Index(p.keys, key) + 1})
	default:
		return fmt.Errorf("%q is none of timestamp, firehose, partitionKeyFromQuery and partitionKeyFromLambda", namespace)
	}
	return nil
}

// Values are what the expressions of a prefix stand for in one object.
type values struct {
	arrival time.Time // of the oldest record, in the zone that counts
	failure string
	keys    []string // in the order of prefix.keys
	seed    string   // decides random strings, so that an object has one name
}

func (p prefix) evaluate(v values) string {
	var dst []byte
	for i, part := range p.parts {
		switch {
		case part.pattern != nil:
			dst = part.pattern.format(dst, v.arrival)
		case part.random:
			dst = append(dst, randomString(v.seed, i)...)
		case part.failure:
			dst = append(dst, v.failure...)
		case part.key > 0:
			dst = append(dst, v.keys[part.key-1]...)
		default:
			dst = append(dst, part.text...)
		}
	}
	return string(dst)
}

const randomLength = 11

const randomLetters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// randomString returns randomLength characters that a seed decides.
func randomString(seed string, i int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%d", seed, i))
	text := make([]byte, randomLength)
	for i := range text {
		text[i] = randomLetters[int(sum[i])%len(randomLetters)]
	}
	return string(text)
}

// prefixes are those of a delivery.
type prefixes struct{ good, bad, raw prefix }

// parsePrefixes reads all, and checks what they must be beside each other.
func parsePrefixes(good, bad, raw string) (p prefixes, errs []error) {
	refuse := func(field, format string, args ...any) {
		errs = append(errs, &weir.ArgumentError{Field: field, Reason: fmt.Sprintf(format, args...)})
	}
	read := func(into *prefix, field, text string) {
		var err error
		if *into, err = parsePrefix(field, text); err != nil {
			errs = append(errs, err)
		}
	}
	read(&p.good, "Prefix", good)
	if bad != "" {
		read(&p.bad, "ErrorPrefix", bad)
	} else if len(errs) == 0 {
		// The service puts it between the prefix and the time.
		p.bad, _ = readPrefix(good + "!{firehose:error-output-type}/")
	}
	read(&p.raw, "BackupPrefix", raw)
	switch {
	case p.good.forError:
		refuse("Prefix", "%q has !{firehose:error-output-type}, which is for ErrorPrefix", good)
	case p.good.dynamic && bad == "":
		refuse("ErrorPrefix", "is empty, but must be set because Prefix has an expression")
	case bad == "" && p.bad.least() > MaxEvaluatedPrefix:
		refuse("ErrorPrefix", "is empty, and Prefix with the type of an error has %d characters; up to %d are allowed", p.bad.least(), MaxEvaluatedPrefix)
	case len(p.bad.keys) > 0:
		refuse("ErrorPrefix", "%q refers to partition key %q; records that fail have none", bad, p.bad.keys[0].name)
	case bad != "" && p.bad.dynamic && !p.bad.forError:
		refuse("ErrorPrefix", "%q has an expression, but not !{firehose:error-output-type}", bad)
	}
	if p.raw.forError || len(p.raw.keys) > 0 {
		refuse("BackupPrefix", "%q refers to an error or a partition key; raw records have none", raw)
	}
	return p, errs
}

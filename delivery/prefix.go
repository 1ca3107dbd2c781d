package delivery

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

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
// expression. field is for errors.
func parsePrefix(field, text string) (p prefix, err error) {
	refuse := func(format string, args ...any) (prefix, error) {
		return prefix{}, &weir.ArgumentError{Field: field, Reason: fmt.Sprintf(format, args...)}
	}
	if n := len(text); n > MaxPrefixBytes {
		return refuse("has %d bytes; up to %d are allowed", n, MaxPrefixBytes)
	}
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
			return refuse("%q has an expression that does not end", text)
		}
		if err := p.add(expression); err != nil {
			return refuse("expression !{%s}: %v", expression, err)
		}
		rest = behind
	}
	if !p.timed {
		p.add(strings.Trim(timePath, "!{}"))
		p.dynamic = len(p.keys) > 0 || p.forError || slices.ContainsFunc(p.parts, func(part prefixPart) bool { return part.random })
	}
	return p, nil
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

const randomLetters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// randomString returns 11 characters that a seed decides.
func randomString(seed string, i int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%d", seed, i))
	text := make([]byte, 11)
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
	var err error
	if p.good, err = parsePrefix("Prefix", good); err != nil {
		errs = append(errs, err)
	}
	text := bad
	if bad == "" {
		// The service puts it between the prefix and the time.
		text = good + "!{firehose:error-output-type}/"
	}
	if p.bad, err = parsePrefix("ErrorPrefix", text); err != nil && bad != "" {
		errs = append(errs, err)
	}
	if p.raw, err = parsePrefix("BackupPrefix", raw); err != nil {
		errs = append(errs, err)
	}
	switch {
	case p.good.forError:
		refuse("Prefix", "%q has !{firehose:error-output-type}, which is for ErrorPrefix", good)
	case p.good.dynamic && bad == "":
		refuse("ErrorPrefix", "is empty, but must be set because Prefix has an expression")
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

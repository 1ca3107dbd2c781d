package dynamochange

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
)

// An Item is the attributes of an item, or a map within one.
type Item map[string]Value

// A Value is an attribute value. It is one of the following; the zero Value is
// none, and cannot be written.
//
//	string     S
//	Number     N     the digits as DynamoDB has them, up to 38
//	[]byte     B
//	bool       BOOL
//	nil        NULL
//	Item       M
//	[]Value    L
//	StringSet  SS    sets are not empty, and have each element once
//	NumberSet  NS
//	BinarySet  BS
//
// It must not be changed through what [Value.Any] or a conversion returned.
type Value struct {
	kind kind
	v    any
}

type (
	// A Number is the text of one.
	Number string
	// A StringSet is a set of strings.
	StringSet []string
	// A NumberSet is a set of numbers.
	NumberSet []Number
	// A BinarySet is a set of bytes.
	BinarySet [][]byte
)

type kind string

const (
	kindS    kind = "S"
	kindN    kind = "N"
	kindB    kind = "B"
	kindBool kind = "BOOL"
	kindNull kind = "NULL"
	kindM    kind = "M"
	kindL    kind = "L"
	kindSS   kind = "SS"
	kindNS   kind = "NS"
	kindBS   kind = "BS"
)

const (
	// MaxDepth is how deep maps and lists may lie within each other.
	MaxDepth = 32
	// maxDigits is how many digits of a number count.
	maxDigits = 38
)

// Any returns what the value is, one of the types above; nil for NULL.
func (v Value) Any() any { return v.v }

// Type returns the name that DynamoDB has for the value's type, such as "S";
// empty for the zero Value.
func (v Value) Type() string { return string(v.kind) }

// Equal reports whether two values are the same: numbers by what they say, sets
// in any order.
func (v Value) Equal(w Value) bool { return v.kind == w.kind && v.canonical() == w.canonical() }

// Equal reports whether two items have the same attributes.
func (it Item) Equal(other Item) bool {
	return (it == nil) == (other == nil) && maps.EqualFunc(it, other, Value.Equal)
}

// canonical is the same for equal values.
func (v Value) canonical() string {
	var b strings.Builder
	b.WriteString(string(v.kind))
	list := func(open string, elements []string) {
		b.WriteString(open)
		for _, e := range elements {
			fmt.Fprintf(&b, "%d:%s", len(e), e)
		}
	}
	sorted := func(elements []string) { slices.Sort(elements); list("{", elements) }
	switch x := v.v.(type) {
	case string:
		b.WriteString(x)
	case Number:
		b.WriteString(x.canonical())
	case []byte:
		b.Write(x)
	case bool:
		fmt.Fprint(&b, x)
	case Item:
		b.WriteString(x.canonical())
	case []Value:
		list("[", texts(x, Value.canonical))
	case StringSet:
		sorted(slices.Clone(x))
	case NumberSet:
		sorted(texts(x, Number.canonical))
	case BinarySet:
		sorted(texts(x, func(b []byte) string { return string(b) }))
	}
	return b.String()
}

func texts[T any](list []T, text func(T) string) []string {
	all := make([]string, len(list))
	for i, x := range list {
		all[i] = text(x)
	}
	return all
}

func (it Item) canonical() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(it)) {
		value := it[name].canonical()
		fmt.Fprintf(&b, "%d:%s%d:%s", len(name), name, len(value), value)
	}
	return b.String()
}

// parse takes a number apart: its digits without zeros at either end, and the
// power of ten of the last one.
func (n Number) parse() (negative bool, digits string, exponent int, err error) {
	bad := fmt.Errorf("number %.60q: %w", string(n), ErrInvalid)
	text := string(n)
	text, negative = strings.CutPrefix(text, "-")
	mantissa, power, scientific := strings.Cut(strings.ToLower(text), "e")
	if scientific {
		if exponent, err = strconv.Atoi(power); err != nil || len(power) > 5 {
			return false, "", 0, bad
		}
	}
	whole, fraction, dot := strings.Cut(mantissa, ".")
	digits = whole + fraction
	if whole == "" || dot && fraction == "" || strings.Trim(digits, "0123456789") != "" {
		return false, "", 0, bad
	}
	exponent -= len(fraction)
	digits = strings.TrimLeft(digits, "0")
	trimmed := strings.TrimRight(digits, "0")
	exponent += len(digits) - len(trimmed)
	if trimmed == "" {
		return false, "", 0, nil
	}
	// DynamoDB's numbers lie between 1e-130 and 1e126, less one digit.
	if top := exponent + len(trimmed) - 1; len(trimmed) > maxDigits || top < -130 || top > 125 {
		return false, "", 0, fmt.Errorf("%w: more than %d digits, or not within 1e-130 to 1e126", bad, maxDigits)
	}
	return negative, trimmed, exponent, nil
}

// canonical is the same for equal numbers.
func (n Number) canonical() string {
	negative, digits, exponent, err := n.parse()
	switch {
	case err != nil:
		return string(n)
	case digits == "":
		return "0"
	case negative:
		return fmt.Sprintf("-%se%d", digits, exponent)
	}
	return fmt.Sprintf("%se%d", digits, exponent)
}

// Rat returns the number's exact value.
func (n Number) Rat() (*big.Rat, error) {
	if _, _, _, err := n.parse(); err != nil {
		return nil, err
	}
	r, ok := new(big.Rat).SetString(string(n))
	if !ok {
		return nil, fmt.Errorf("number %.60q: %w", string(n), ErrInvalid)
	}
	return r, nil
}

// MarshalJSON writes a value as DynamoDB does, such as {"S":"x"}.
func (v Value) MarshalJSON() ([]byte, error) {
	if v.kind == "" {
		return nil, fmt.Errorf("attribute value: %w: it is none", ErrInvalid)
	}
	x := v.v
	if v.kind == kindNull {
		x = true
	}
	return marshal(map[kind]any{v.kind: x})
}

// UnmarshalJSON reads a value that is written so.
func (v *Value) UnmarshalJSON(text []byte) (err error) {
	*v, err = parseValue(text, 0)
	return err
}

// marshal writes JSON without escapes that only HTML needs.
func marshal(x any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(x)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

func parseValue(text []byte, depth int) (Value, error) {
	bad := func(format string, args ...any) (Value, error) {
		return Value{}, fmt.Errorf("attribute value: %w: "+format, append([]any{ErrInvalid}, args...)...)
	}
	if depth > MaxDepth {
		return bad("deeper than %d levels", MaxDepth)
	}
	var typed map[kind]json.RawMessage
	if err := json.Unmarshal(text, &typed); err != nil || len(typed) != 1 {
		return bad("%.60s is no object with one type", text)
	}
	for k, inner := range typed {
		x, err := parseKind(k, inner, depth)
		if err != nil {
			return Value{}, err
		}
		return Value{k, x}, nil
	}
	return Value{}, nil // one there is
}

func parseKind(k kind, text json.RawMessage, depth int) (any, error) {
	bad := fmt.Errorf("attribute value: %w: %.60s is no %s", ErrInvalid, text, k)
	if bytes.Equal(text, []byte("null")) {
		return nil, bad
	}
	switch k {
	case kindS:
		return as[string](text, bad)
	case kindN:
		n, err := as[Number](text, bad)
		if err == nil {
			_, _, _, err = n.parse()
		}
		return n, err
	case kindB:
		return as[[]byte](text, bad)
	case kindBool:
		return as[bool](text, bad)
	case kindNull:
		if isNull, err := as[bool](text, bad); err != nil || !isNull {
			return nil, bad
		}
		return nil, nil
	case kindM, kindL:
		return parseNested(k, text, depth, bad)
	case kindSS, kindNS, kindBS:
		return parseSetOf(k, text, depth, bad)
	}
	return nil, fmt.Errorf("attribute value: %w: there is no type %.20q", ErrInvalid, k)
}

// parseNested parses a map or a list, of values.
func parseNested(k kind, text json.RawMessage, depth int, bad error) (any, error) {
	if k == kindM {
		fields, err := as[map[string]json.RawMessage](text, bad)
		item := make(Item, len(fields))
		for name, inner := range fields {
			if item[name], err = parseValue(inner, depth+1); err != nil {
				return nil, err
			}
		}
		return item, err
	}
	elements, err := as[[]json.RawMessage](text, bad)
	list := make([]Value, len(elements))
	for i, inner := range elements {
		if list[i], err = parseValue(inner, depth+1); err != nil {
			return nil, err
		}
	}
	return list, err
}

// parseSetOf parses a set of strings, of numbers or of bytes.
func parseSetOf(k kind, text json.RawMessage, depth int, bad error) (any, error) {
	switch k {
	case kindSS:
		set, err := parseSet[string](kindS, text, depth, bad)
		return StringSet(set), checkSet(err, k, set)
	case kindNS:
		set, err := parseSet[Number](kindN, text, depth, bad)
		return NumberSet(set), checkSet(err, k, texts(set, Number.canonical))
	}
	set, err := parseSet[[]byte](kindB, text, depth, bad)
	return BinarySet(set), checkSet(err, k, texts(set, func(b []byte) string { return string(b) }))
}

func as[T any](text json.RawMessage, bad error) (x T, err error) {
	if json.Unmarshal(text, &x) != nil {
		return x, bad
	}
	return x, nil
}

func parseSet[T any](k kind, text json.RawMessage, depth int, bad error) ([]T, error) {
	elements, err := as[[]json.RawMessage](text, bad)
	set := make([]T, len(elements))
	for i, inner := range elements {
		x, err := parseKind(k, inner, depth)
		if err != nil {
			return nil, err
		}
		set[i] = x.(T)
	}
	return set, err
}

// checkSet returns err, or what is wrong with a set of those elements.
func checkSet(err error, k kind, elements []string) error {
	switch {
	case err != nil:
		return err
	case len(elements) == 0:
		return fmt.Errorf("attribute value: %w: an empty %s", ErrInvalid, k)
	case len(slices.Compact(slices.Sorted(slices.Values(elements)))) != len(elements):
		return fmt.Errorf("attribute value: %w: a %s with an element twice", ErrInvalid, k)
	}
	return nil
}

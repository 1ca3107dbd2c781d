package eventpattern_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"math/big"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// The naive twin reads a pattern into a tree and tries, for each combination of its
// $or and for each field, all values that the event has at that path. It shares no
// code with the package.

type (
	object []member // in order, duplicates included
	member struct {
		name  string
		value any // object, array, string, json.Number, bool or nil
	}
	array []any
)

// A combination is a pattern without $or: elements by path.
type combination map[string]array

var errInvalid = errors.New("invalid")

// naiveVerdict says what verdict should.
func naiveVerdict(pattern, event string) string {
	all, err := naiveCompile(pattern)
	if err != nil {
		return "invalid"
	}
	o, ok := readObject(event)
	if !ok {
		return "error"
	}
	values := flatten(nil, o, nil, nil, new(int))
	for _, c := range all {
		if c.solve(slices.Sorted(maps.Keys(c)), values, nil) {
			return "match"
		}
	}
	return "none"
}

func readObject(text string) (object, bool) {
	if !json.Valid([]byte(text)) {
		return nil, false
	}
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	o, ok := readValue(d).(object)
	return o, ok
}

func readValue(d *json.Decoder) any {
	switch token, _ := d.Token(); token {
	case json.Delim('{'):
		o := object{}
		for d.More() {
			name, _ := d.Token()
			o = append(o, member{name.(string), readValue(d)})
		}
		_, _ = d.Token()
		return o
	case json.Delim('['):
		a := array{}
		for d.More() {
			a = append(a, readValue(d))
		}
		_, _ = d.Token()
		return a
	default:
		return token
	}
}

func naiveCompile(text string) ([]combination, error) {
	o, ok := readObject(text)
	if !ok {
		return nil, errInvalid
	}
	all, err := expand(o, nil, []combination{{}}, true, false)
	if err != nil {
		all, err = expand(o, nil, []combination{{}}, false, false)
	}
	return all, err
}

var notInOr = strings.Fields(`exactly equals-ignore-case prefix suffix anything-but exists wildcard numeric cidr
	= < <= > >= regex not-wildcard not-equals-ignore-case date-after date-on-or-after date-before date-on-or-before
	in-date-range ip-address-in-range ip-address-not-in-range`)

// expand adds the fields of an object to all combinations.
func expand(o object, path []string, to []combination, or, within bool) ([]combination, error) {
	if len(o) == 0 {
		return nil, errInvalid
	}
	for _, m := range o {
		var err error
		at := m.name
		if above := strings.Join(path, "."); above != "" {
			at = above + "." + m.name
		}
		switch v := m.value.(type) {
		case array:
			if m.name == "$or" && or {
				to, err = alternatives(v, path, to)
			} else {
				err = errors.Join(invalidIf(within && slices.Contains(notInOr, m.name)), check(v))
				for _, c := range to {
					c[at] = v
				}
			}
		case object:
			if m.name == "$or" && or || within && slices.Contains(notInOr, m.name) {
				return nil, errInvalid
			}
			to, err = expand(v, append(slices.Clone(path), m.name), to, or, within)
		default:
			err = errInvalid
		}
		if err != nil {
			return nil, err
		}
	}
	return to, nil
}

func invalidIf(is bool) error {
	if is {
		return errInvalid
	}
	return nil
}

func alternatives(of array, path []string, to []combination) ([]combination, error) {
	var all []combination
	for _, v := range of {
		var mine []combination
		for _, c := range to {
			mine = append(mine, maps.Clone(c))
		}
		o, ok := v.(object)
		if !ok {
			return nil, errInvalid
		}
		mine, err := expand(o, path, mine, true, true)
		if err != nil {
			return nil, err
		}
		all = append(all, mine...)
	}
	return all, invalidIf(len(of) < 2)
}

// check tells whether an array is one of elements.
func check(a array) error {
	for _, e := range a {
		switch e := e.(type) {
		case array:
			return errInvalid
		case object:
			if len(e) != 1 || !validOperator(e[0].name, e[0].value) {
				return errInvalid
			}
		}
	}
	return invalidIf(len(a) == 0)
}

func validOperator(name string, operand any) bool {
	text, isText := operand.(string)
	o, isObject := operand.(object)
	switch name {
	case "exists":
		_, ok := operand.(bool)
		return ok
	case "exactly", "equals-ignore-case":
		return isText
	case "prefix", "suffix":
		return isText || isObject && len(o) == 1 && o[0].name == "equals-ignore-case" && validOperator(o[0].name, o[0].value)
	case "wildcard":
		_, ok := wildcardAsRegexp(text)
		return isText && ok
	case "cidr":
		_, _, ok := readBlock(text)
		return isText && ok
	case "numeric":
		a, _ := operand.(array)
		return validNumeric(a)
	case "anything-but":
		return isObject && validButOperator(o) || !isObject && validBut(operand)
	}
	return false
}

func validNumeric(a array) bool {
	if len(a) != 2 && len(a) != 4 {
		return false
	}
	op, _ := a[0].(string)
	low, ok := exactNumber(a[1])
	if !ok || !slices.Contains([]string{"=", "<", "<=", ">", ">="}, op) {
		return false
	}
	if len(a) == 2 {
		return true
	}
	second, _ := a[2].(string)
	high, ok := exactNumber(a[3])
	return ok && (op == ">" || op == ">=") && (second == "<" || second == "<=") && low.Cmp(high) < 0
}

func list(v any) array {
	if a, ok := v.(array); ok {
		return a
	}
	return array{v}
}

func validBut(operand any) bool {
	texts, numbers := 0, 0
	for _, v := range list(operand) {
		if _, ok := v.(string); ok {
			texts++
		} else if _, ok := exactNumber(v); ok {
			numbers++
		} else {
			return false
		}
	}
	return texts > 0 != (numbers > 0)
}

func validButOperator(o object) bool {
	if len(o) != 1 || !slices.Contains([]string{"prefix", "suffix", "wildcard", "equals-ignore-case"}, o[0].name) {
		return false
	}
	ending := o[0].name == "prefix" || o[0].name == "suffix"
	for _, v := range list(o[0].value) {
		if s, ok := v.(string); !ok || ending && s == "" || !validOperator(o[0].name, s) {
			return false
		}
	}
	return len(list(o[0].value)) > 0
}

// A found is a value of an event, and the element of each array that it is in.
type found struct {
	path string
	v    any
	in   map[int]int
}

func flatten(to []found, v any, names []string, in map[int]int, arrays *int) []found {
	switch v := v.(type) {
	case object:
		last := map[string]int{}
		for i, m := range v {
			last[m.name] = i
		}
		for i, m := range v {
			if last[m.name] == i {
				to = flatten(to, m.value, append(slices.Clone(names), m.name), in, arrays)
			}
		}
	case array:
		*arrays++
		id := *arrays
		for i, e := range v {
			within := in
			switch e.(type) {
			case object, array:
				if within = maps.Clone(in); within == nil {
					within = map[int]int{}
				}
				within[id] = i
			}
			to = flatten(to, e, names, within, arrays)
		}
	default:
		to = append(to, found{strings.Join(names, "."), v, in})
	}
	return to
}

func together(a, b found) bool {
	for id, i := range a.in {
		if j, ok := b.in[id]; ok && i != j {
			return false
		}
	}
	return true
}

// solve tries all values for the first path, and for each of those all for the
// others.
func (c combination) solve(paths []string, values, chosen []found) bool {
	if len(paths) == 0 {
		return true
	}
	absent := true
	for _, v := range values {
		if v.path != paths[0] || slices.ContainsFunc(chosen, func(o found) bool { return !together(o, v) }) {
			continue
		}
		absent = false
		met := slices.ContainsFunc(c[paths[0]], func(e any) bool { return meets(e, v.v) })
		if met && c.solve(paths[1:], values, append(slices.Clone(chosen), v)) {
			return true
		}
	}
	mayBeAbsent := slices.ContainsFunc(c[paths[0]], func(e any) bool {
		o, ok := e.(object)
		return ok && o[0].name == "exists" && o[0].value == false
	})
	return absent && mayBeAbsent && c.solve(paths[1:], values, chosen)
}

// meets tells whether a value meets an element.
func meets(e, v any) bool {
	if o, ok := e.(object); ok {
		return meetsOperator(o[0].name, o[0].value, v)
	}
	if s, ok := e.(string); ok {
		if a := readAddress(s); a != nil {
			text, _ := v.(string)
			return a.Equal(readAddress(text))
		}
	}
	if a, ok := exactNumber(e); ok {
		b, ok := exactNumber(v)
		return ok && a.Cmp(b) == 0
	}
	return e == v
}

func meetsOperator(name string, operand, v any) bool {
	text, isText := v.(string)
	switch name {
	case "exists":
		return operand == true
	case "exactly":
		return operand == v
	case "equals-ignore-case":
		return isText && len([]rune(text)) == len([]rune(operand.(string))) && foldedPrefix(text, operand.(string))
	case "prefix", "suffix":
		return isText && ends(name, operand, text)
	case "wildcard":
		r, _ := wildcardAsRegexp(operand.(string))
		return isText && r.MatchString(text)
	case "cidr":
		block, bits, _ := readBlock(operand.(string))
		a := readAddress(text)
		return isText && a != nil && (a.To4() == nil) == (block.To4() == nil) &&
			bytes.Equal(firstBits(a, bits), firstBits(block, bits))
	case "numeric":
		f, ok := exactNumber(v)
		return ok && inRange(f, operand.(array))
	}
	if o, ok := operand.(object); ok {
		return !slices.ContainsFunc(list(o[0].value), func(s any) bool { return meetsOperator(o[0].name, s, v) })
	}
	return !slices.ContainsFunc(list(operand), func(but any) bool {
		if _, ok := but.(string); ok {
			return but == v
		}
		return meets(but, v)
	})
}

func ends(name string, operand any, text string) bool {
	if want, ok := operand.(string); ok && name == "prefix" {
		return strings.HasPrefix(text, want)
	} else if ok {
		return strings.HasSuffix(text, want)
	}
	want := operand.(object)[0].value.(string)
	if name == "suffix" {
		text, want = reversed(text), reversed(want)
	}
	return foldedPrefix(text, want)
}

func reversed(s string) string {
	r := []rune(s)
	slices.Reverse(r)
	return string(r)
}

func foldedPrefix(s, prefix string) bool {
	text, want := []rune(s), []rune(prefix)
	if len(want) > len(text) {
		return false
	}
	for i, r := range want {
		if text[i] != unicode.ToLower(r) && text[i] != unicode.ToUpper(r) {
			return false
		}
	}
	return true
}

func inRange(f *big.Rat, bounds array) bool {
	for i := 0; i < len(bounds); i += 2 {
		b, _ := exactNumber(bounds[i+1])
		sign := f.Cmp(b)
		if !map[any]bool{"=": sign == 0, "<": sign < 0, "<=": sign <= 0, ">": sign > 0, ">=": sign >= 0}[bounds[i]] {
			return false
		}
	}
	return true
}

// exactNumber returns a number that can be compared.
func exactNumber(v any) (*big.Rat, bool) {
	n, _ := v.(json.Number)
	f, err := n.Float64()
	if err != nil {
		return nil, false
	}
	if digits, exponent, ok := strings.Cut(strings.ToLower(n.String()), "e"); ok {
		if strings.Trim(digits, "-0.") == "" {
			return new(big.Rat), true
		}
		if x, err := strconv.Atoi(exponent); err != nil || x < -5000 || x > 5000 {
			return nil, false // it would be a large fraction
		}
	}
	is, ok := new(big.Rat).SetString(n.String())
	short, _ := new(big.Rat).SetString(strconv.FormatFloat(f, 'e', -1, 64))
	return is, ok && is.Cmp(short) == 0
}

func wildcardAsRegexp(s string) (*regexp.Regexp, bool) {
	var b strings.Builder
	b.WriteString(`(?s)\A`)
	for i := 0; i < len(s); i++ {
		switch {
		case strings.HasPrefix(s[i:], "**"):
			return nil, false
		case s[i] == '*':
			b.WriteString(`.*`)
		case s[i] == '\\':
			if i++; i == len(s) || s[i] != '*' && s[i] != '\\' {
				return nil, false
			}
			b.WriteString(`\` + s[i:i+1])
		default:
			end := i + 1
			for end < len(s) && s[end] != '*' && s[end] != '\\' {
				end++
			}
			b.WriteString(regexp.QuoteMeta(s[i:end]))
			i = end - 1
		}
	}
	r, err := regexp.Compile(b.String() + `\z`)
	return r, err == nil
}

var fourNumbers = regexp.MustCompile(`^(\d+)\.(\d+)\.(\d+)\.(\d+)$`)

func readAddress(s string) net.IP {
	if parts := fourNumbers.FindStringSubmatch(s); parts != nil && len(s) <= 15 {
		a := make(net.IP, 4)
		for i, p := range parts[1:] {
			n, _ := strconv.Atoi(p)
			if n > 255 {
				return nil
			}
			a[i] = byte(n)
		}
		return a
	}
	if strings.Contains(s, ".") {
		return nil
	}
	return net.ParseIP(s)
}

func readBlock(s string) (a net.IP, bits int, ok bool) {
	address, mask, _ := strings.Cut(s, "/")
	bits, err := strconv.Atoi(mask)
	a = readAddress(address)
	whole := 128
	if a.To4() != nil {
		whole = 32
	}
	return a, bits, err == nil && a != nil && bits >= 0 && bits < whole
}

func firstBits(a net.IP, bits int) []byte {
	if a.To4() != nil {
		return a.Mask(net.CIDRMask(bits, 32))
	}
	return a.Mask(net.CIDRMask(bits, 128))
}

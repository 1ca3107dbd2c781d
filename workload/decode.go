package workload

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
)

// A node is a value of JSON, with the names of an object in their order, so that
// errors can say where they are and that a name was given twice.
type node struct {
	kind   nodeKind
	text   string // of a string or a number
	truth  bool
	names  []string // of an object
	values []node   // of an object or a list
}

type nodeKind string

const (
	nullNode   nodeKind = "null"
	boolNode   nodeKind = "true or false"
	numberNode nodeKind = "a number"
	stringNode nodeKind = "text"
	listNode   nodeKind = "a list"
	objectNode nodeKind = "an object"
)

// readNode reads the next value, whose syntax is known to be right.
func readNode(d *json.Decoder, path string) (node, error) {
	token, err := d.Token()
	if err != nil {
		return node{}, err
	}
	switch t := token.(type) {
	case bool:
		return node{kind: boolNode, truth: t}, nil
	case json.Number:
		return node{kind: numberNode, text: t.String()}, nil
	case string:
		return node{kind: stringNode, text: t}, nil
	case json.Delim:
		if t == '{' {
			return readObject(d, path)
		}
		return readList(d, path)
	default:
		return node{kind: nullNode}, nil
	}
}

func readObject(d *json.Decoder, path string) (node, error) {
	n := node{kind: objectNode}
	seen := make(map[string]bool)
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return node{}, err
		}
		name, _ := token.(string)
		field := join(path, name)
		if seen[name] {
			return node{}, fieldError(field, "is given twice")
		}
		seen[name] = true
		value, err := readNode(d, field)
		if err != nil {
			return node{}, err
		}
		n.names, n.values = append(n.names, name), append(n.values, value)
	}
	_, err := d.Token() // the closing brace
	return n, err
}

func readList(d *json.Decoder, path string) (node, error) {
	n := node{kind: listNode}
	for d.More() {
		value, err := readNode(d, element(path, len(n.values)))
		if err != nil {
			return node{}, err
		}
		n.values = append(n.values, value)
	}
	_, err := d.Token() // the closing bracket
	return n, err
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func element(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// decode stores n into what v points to. path is where n stands.
func (n node) decode(path string, v any) error {
	return n.store(path, reflect.ValueOf(v).Elem())
}

// store stores n into v, which can be set.
func (n node) store(path string, v reflect.Value) error {
	if n.kind == nullNode {
		return nil
	}
	isText := n.kind == stringNode || n.kind == numberNode
	switch target := v.Addr().Interface().(type) {
	case shorthand:
		if isText {
			return n.storeText(path, target.setShorthand)
		}
	case encoding.TextUnmarshaler:
		if isText {
			return n.storeText(path, func(text string) error { return target.UnmarshalText([]byte(text)) })
		}
		return n.unexpected(path, "text or a number")
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return n.store(path, v.Elem())
	case reflect.Struct:
		return n.storeStruct(path, v)
	case reflect.Slice:
		return n.storeSlice(path, v)
	default:
		return n.storeScalar(path, v)
	}
}

func (n node) storeText(path string, set func(string) error) error {
	if err := set(n.text); err != nil {
		return fieldError(path, "%s", err)
	}
	return nil
}

func (n node) storeStruct(path string, v reflect.Value) error {
	if n.kind != objectNode {
		return n.unexpected(path, objectNode)
	}
	fields := fieldsOf(v.Type())
	for i, name := range n.names {
		at := join(path, name)
		index, known := fields[name]
		if !known {
			return fieldError(at, "is unknown; %s", suggest(name, v.Type()))
		}
		field := v.Field(index)
		if v.Type().Field(index).Tag.Get("per") == "second" {
			field = field.Addr().Convert(reflect.TypeFor[*PerSecond]()).Elem()
		}
		if err := n.values[i].store(at, field); err != nil {
			return err
		}
	}
	return nil
}

// storeSlice also takes a text for a list of one text.
func (n node) storeSlice(path string, v reflect.Value) error {
	if n.kind == stringNode && v.Type().Elem().Kind() == reflect.String {
		n = node{kind: listNode, values: []node{n}}
	}
	if n.kind != listNode {
		return n.unexpected(path, listNode)
	}
	if len(n.values) == 0 {
		return nil
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.values), len(n.values)))
	for i, value := range n.values {
		if err := value.store(element(path, i), v.Index(i)); err != nil {
			return err
		}
	}
	return nil
}

func (n node) storeScalar(path string, v reflect.Value) error {
	switch kind := v.Kind(); {
	case kind == reflect.String && n.kind == stringNode:
		v.SetString(n.text)
	case kind == reflect.String:
		return n.unexpected(path, stringNode)
	case kind == reflect.Bool && n.kind == boolNode:
		v.SetBool(n.truth)
	case kind == reflect.Bool:
		return n.unexpected(path, boolNode)
	case n.kind != numberNode:
		return n.unexpected(path, numberNode)
	case kind == reflect.Float64:
		f, err := strconv.ParseFloat(n.text, 64)
		if err != nil {
			return fieldError(path, "%s is too large", n.text)
		}
		v.SetFloat(f)
	default:
		i, err := parseInteger(n.text)
		if err != nil || v.OverflowInt(i) {
			return fieldError(path, "%s is no whole number, or too large", n.text)
		}
		v.SetInt(i)
	}
	return nil
}

// parseInteger reads a whole number, which may be written as 1e6.
func parseInteger(text string) (int64, error) {
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return i, nil
	}
	const exact = 1 << 53
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > exact {
		return 0, errors.New("no whole number")
	}
	return int64(f), nil
}

func (n node) unexpected(path string, expected nodeKind) error {
	const longest = 40
	found := string(n.kind)
	if n.kind == stringNode || n.kind == numberNode {
		found = fmt.Sprintf("%q", n.text[:min(longest, len(n.text))])
	}
	return fieldError(path, "expected %s, found %s", expected, found)
}

// fieldsOf returns the numbers of a type's fields by their names in JSON.
func fieldsOf(t reflect.Type) map[string]int {
	fields := make(map[string]int, t.NumField())
	for i := range t.NumField() {
		fields[jsonName(t.Field(i))] = i
	}
	return fields
}

func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

// suggest says which name was meant, or which there are.
func suggest(name string, t reflect.Type) string {
	var all []string
	for i := range t.NumField() {
		known := jsonName(t.Field(i))
		if distance(strings.ToLower(name), known) <= 1+len(known)/4 {
			return fmt.Sprintf("did you mean %s?", known)
		}
		all = append(all, known)
	}
	return "there are " + strings.Join(all, ", ")
}

// distance returns how many letters have to be added, left out, replaced or swapped
// with their neighbour to make a into b, up to the length of the longer one.
func distance(a, b string) int {
	const longest = 64
	if len(a) > longest {
		return len(a)
	}
	var beforeLast []int
	last := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			replace := last[j]
			if a[i] != b[j] {
				replace++
			}
			row[j+1] = min(replace, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], beforeLast[j-1]+1)
			}
		}
		beforeLast, last = last, row
	}
	return last[len(b)]
}

package kinesistest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/fxamacker/cbor/v2"
)

const (
	contentJSON   = "application/x-amz-json-1.1"
	contentCBOR   = "application/x-amz-cbor-1.1"
	contentEvents = "application/vnd.amazon.eventstream"
)

// A message is the body of a request or a response.
type message struct {
	body []byte
	cbor bool
}

// text returns a member that is text, of the message itself or of what is
// nested in it, without reading all of it. The first one counts, or the last.
func (m message) text(name string, last bool) string {
	if m.cbor {
		tree, _ := m.tree()
		return find(tree, name, last)
	}
	// Within a JSON text a quote is escaped, so this can only be a member.
	mark := `"` + name + `"`
	i := bytes.Index(m.body, []byte(mark))
	if last {
		i = bytes.LastIndex(m.body, []byte(mark))
	}
	if i < 0 {
		return ""
	}
	rest := bytes.TrimLeft(m.body[i+len(mark):], " \t\r\n")
	if len(rest) == 0 || rest[0] != ':' {
		return ""
	}
	rest = bytes.TrimLeft(rest[1:], " \t\r\n")
	if len(rest) == 0 || rest[0] != '"' {
		return ""
	}
	end := bytes.IndexByte(rest[1:], '"') + 1
	if value := rest[1:max(end, 1)]; !bytes.ContainsRune(value, '\\') {
		return string(value)
	}
	tree, _ := m.tree()
	return find(tree, name, last)
}

// find returns the first or the last member of a name in x that is text.
func find(x any, name string, last bool) string {
	switch x := x.(type) {
	case map[string]any:
		if s, ok := x[name].(string); ok {
			return s
		}
		for _, member := range slices.Sorted(maps.Keys(x)) {
			if s := find(x[member], name, last); s != "" {
				return s
			}
		}
	case []any:
		for i := range x {
			if last {
				i = len(x) - 1 - i
			}
			if s := find(x[i], name, last); s != "" {
				return s
			}
		}
	}
	return ""
}

// plain returns the message as what encoding/json writes as the same message in
// JSON.
func (m message) plain() (any, error) {
	tree, err := m.tree()
	if err != nil || !m.cbor {
		return tree, err
	}
	return plain(tree), nil
}

func plain(x any) any {
	switch x := x.(type) {
	case time.Time:
		return float64(timeOf(x).UnixMilli()) / 1000
	case []any:
		for i := range x {
			x[i] = plain(x[i])
		}
	case map[string]any:
		for name := range x {
			x[name] = plain(x[name])
		}
	}
	return x
}

// cborMode reads text keys, and leaves times as the numbers that they are.
var cborMode = func() cbor.DecMode {
	mode, err := cbor.DecOptions{DefaultMapType: reflect.TypeFor[map[string]any]()}.DecMode()
	if err != nil {
		panic(err)
	}
	return mode
}()

// tree returns the message as maps, lists and scalars.
func (m message) tree() (map[string]any, error) {
	var tree map[string]any
	if m.cbor {
		return tree, cborMode.Unmarshal(m.body, &tree)
	}
	d := json.NewDecoder(bytes.NewReader(m.body))
	d.UseNumber()
	return tree, d.Decode(&tree)
}

// withTree returns a message of the same protocol that says what a tree says.
func (m message) withTree(tree map[string]any) message {
	var err error
	if m.cbor {
		m.body, err = cbor.Marshal(tree)
	} else {
		m.body, err = json.Marshal(tree)
	}
	if err != nil {
		panic(err) // trees come from messages
	}
	return m
}

// limited returns a request for no more than n. One that is not to be read, or
// asks for less than one, stays as it is.
func (m message) limited(n int) message {
	tree, err := m.tree()
	if err != nil || tree == nil {
		return m
	}
	asked, there := tree["Limit"]
	switch asked.(type) {
	case nil, json.Number, float64, int64, uint64:
	default:
		return m
	}
	if limit := numberOf(asked); there && asked != nil && (limit < 1 || limit <= float64(n)) {
		return m
	}
	tree["Limit"] = n
	return m.withTree(tree)
}

// into reads the message into a structure of the SDK, whose fields are named as
// the members are.
func (m message) into(v any) error {
	if len(m.body) == 0 {
		return errors.New("no body")
	}
	tree, err := m.tree()
	if err != nil {
		return err
	}
	fill(reflect.ValueOf(v).Elem(), tree)
	return nil
}

var timeType = reflect.TypeFor[time.Time]()

// fill sets v to what x says, as far as they agree.
func fill(v reflect.Value, x any) {
	if x == nil {
		return
	}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), x)
		return
	}
	if v.Type() == timeType {
		v.Set(reflect.ValueOf(timeOf(x)))
		return
	}
	switch x := x.(type) {
	case map[string]any:
		fillMembers(v, x)
	case []any:
		if v.Kind() == reflect.Slice {
			v.Set(reflect.MakeSlice(v.Type(), len(x), len(x)))
			for i := range x {
				fill(v.Index(i), x[i])
			}
		}
	case []byte:
		if v.Kind() == reflect.Slice {
			v.SetBytes(x)
		}
	case string:
		fillText(v, x)
	case bool:
		if v.Kind() == reflect.Bool {
			v.SetBool(x)
		}
	default:
		if n := numberOf(x); v.CanInt() {
			v.SetInt(int64(n))
		} else if v.CanFloat() {
			v.SetFloat(n)
		}
	}
}

func fillMembers(v reflect.Value, members map[string]any) {
	switch v.Kind() {
	case reflect.Struct:
		for name, x := range members {
			if f := v.FieldByName(name); f.IsValid() && f.CanSet() {
				fill(f, x)
			}
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for name, x := range members {
			e := reflect.New(v.Type().Elem()).Elem()
			fill(e, x)
			v.SetMapIndex(reflect.ValueOf(name).Convert(v.Type().Key()), e)
		}
	}
}

func fillText(v reflect.Value, s string) {
	switch {
	case v.Kind() == reflect.String:
		v.SetString(s)
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8:
		b, _ := base64.StdEncoding.DecodeString(s)
		v.SetBytes(b)
	}
}

// timeOf reads a time: seconds in JSON, in CBOR a number of milliseconds that
// the tag for seconds is put on.
func timeOf(x any) time.Time {
	if t, ok := x.(time.Time); ok {
		return time.UnixMilli(t.Unix()).UTC()
	}
	return time.UnixMilli(int64(numberOf(x)*1000 + 0.5)).UTC()
}

func numberOf(x any) float64 {
	switch x := x.(type) {
	case json.Number:
		n, _ := x.Float64()
		return n
	case float64:
		return x
	case int64:
		return float64(x)
	case uint64:
		return float64(x)
	}
	return 0
}

package dynamochange

import (
	"encoding"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Of returns the attribute value of a Go value:
//
//	string                               S
//	integers, floats, Number, *big.Int,
//	json.Number                          N
//	[]byte, [n]byte                      B
//	bool                                 BOOL
//	nil, nil pointers, maps and slices   NULL
//	structs, maps with string keys       M
//	other slices and arrays              L
//	StringSet, NumberSet, BinarySet      SS, NS, BS
//	what can marshal itself to text      S, such as time.Time
//
// and of a pointer that of what it points to. Fields of structs are named after
// their tag, dynamodbav:"name,option", or as in Go; those named "-" are left
// out. Options are omitempty, which leaves out zero values; stringset,
// numberset and binaryset, which make a set of a slice, and leave out empty
// ones; and unixtime, which makes a time.Time a number of seconds.
func Of(x any) (Value, error) { return of(reflect.ValueOf(x), "", "", 0) }

// ItemOf returns the item of a struct or a map, as [Of] does.
func ItemOf(x any) (Item, error) {
	v, err := Of(x)
	if err != nil {
		return nil, err
	}
	item, ok := v.v.(Item)
	if !ok {
		return nil, fmt.Errorf("%T: %w: it is no item but a %s", x, ErrInvalid, v.kind)
	}
	return item, nil
}

func refuse(path, format string, args ...any) error {
	if path == "" {
		path = "value"
	}
	return fmt.Errorf("%s: %w: %s", strings.TrimPrefix(path, "."), ErrInvalid, fmt.Sprintf(format, args...))
}

func of(v reflect.Value, option, path string, depth int) (Value, error) {
	for v.IsValid() && (v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface) && depth <= MaxDepth {
		if v.IsNil() {
			return Value{kind: kindNull}, nil
		}
		if b, ok := v.Interface().(*big.Int); ok {
			return number(Number(b.String()), path)
		}
		v = v.Elem()
		depth++ // pointers may go in circles
	}
	if !v.IsValid() {
		return Value{kind: kindNull}, nil
	}
	if depth > MaxDepth {
		return Value{}, refuse(path, "deeper than %d levels", MaxDepth)
	}
	if got, known, err := ofOurs(v.Interface(), option, path); known || err != nil {
		return got, err
	}
	return ofKind(v, option, path, depth)
}

// ofKind returns the value of what only its kind says what it is.
func ofKind(v reflect.Value, option, path string, depth int) (Value, error) {
	switch v.Kind() {
	case reflect.String:
		return Value{kindS, v.String()}, nil
	case reflect.Bool:
		return Value{kindBool, v.Bool()}, nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return Value{kindN, Number(strconv.FormatInt(v.Int(), 10))}, nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return Value{kindN, Number(strconv.FormatUint(v.Uint(), 10))}, nil
	case reflect.Float32, reflect.Float64:
		if f := v.Float(); math.IsNaN(f) || math.IsInf(f, 0) {
			return Value{}, refuse(path, "%v is no number of DynamoDB's", f)
		}
		return number(Number(strconv.FormatFloat(v.Float(), 'g', -1, v.Type().Bits())), path)
	case reflect.Struct:
		return ofStruct(v, path, depth)
	case reflect.Map:
		return ofMap(v, path, depth)
	case reflect.Slice, reflect.Array:
		return ofList(v, option, path, depth)
	}
	return Value{}, refuse(path, "a %s has no attribute value", v.Type())
}

// ofOurs returns the value of what is no kind but a type.
func ofOurs(x any, option, path string) (got Value, known bool, err error) {
	if option == "unixtime" {
		if at, ok := x.(time.Time); ok {
			return Value{kindN, Number(strconv.FormatInt(at.Unix(), 10))}, true, nil
		}
	}
	switch x := x.(type) {
	case Value:
		if x.kind == "" {
			return x, true, refuse(path, "a Value that is none")
		}
		return x, true, nil
	case Number:
		got, err = number(x, path)
	case json.Number:
		got, err = number(Number(x), path)
	case StringSet:
		got, err = Value{kindSS, x}, checkSet(nil, kindSS, x)
	case NumberSet:
		for _, n := range x {
			if _, err := number(n, path); err != nil {
				return got, true, err
			}
		}
		got, err = Value{kindNS, x}, checkSet(nil, kindNS, texts(x, Number.canonical))
	case BinarySet:
		got, err = Value{kindBS, x}, checkSet(nil, kindBS, texts(x, func(b []byte) string { return string(b) }))
	case encoding.TextMarshaler:
		text, err := x.MarshalText()
		if err != nil {
			return got, true, refuse(path, "%v", err)
		}
		return Value{kindS, string(text)}, true, nil
	default:
		return got, false, nil
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", strings.TrimPrefix(path+" ", "."), err)
	}
	return got, true, err
}

func number(n Number, path string) (Value, error) {
	if _, _, _, err := n.parse(); err != nil {
		return Value{}, refuse(path, "%v", err)
	}
	return Value{kindN, n}, nil
}

// A field is one of a struct that is an attribute.
type field struct {
	reflect.StructField
	name, option string
	omitEmpty    bool
}

func fieldsOf(t reflect.Type) (fields []field, err error) {
	for _, sf := range reflect.VisibleFields(t) {
		tag, tagged := sf.Tag.Lookup("dynamodbav")
		if !sf.IsExported() || tag == "-" || sf.Anonymous && !tagged {
			continue
		}
		f := field{StructField: sf, name: sf.Name}
		parts := strings.Split(tag, ",")
		if parts[0] != "" {
			f.name = parts[0]
		}
		for _, option := range parts[1:] {
			switch option {
			case "omitempty":
				f.omitEmpty = true
			case "stringset", "numberset", "binaryset", "unixtime":
				f.option = option
			default:
				return nil, fmt.Errorf("%s.%s: %w: there is no option %q", t, sf.Name, ErrInvalid, option)
			}
		}
		fields = append(fields, f)
	}
	return fields, nil
}

func ofStruct(v reflect.Value, path string, depth int) (Value, error) {
	fields, err := fieldsOf(v.Type())
	if err != nil {
		return Value{}, err
	}
	item := Item{}
	for _, f := range fields {
		inner, err := v.FieldByIndexErr(f.Index)
		if err != nil {
			continue // of an embedded pointer that is nil
		}
		isSet := strings.HasSuffix(f.option, "set")
		if f.omitEmpty && inner.IsZero() || isSet && inner.Kind() == reflect.Slice && inner.Len() == 0 {
			continue
		}
		if item[f.name], err = of(inner, f.option, path+"."+f.name, depth+1); err != nil {
			return Value{}, err
		}
	}
	return Value{kindM, item}, nil
}

func ofMap(v reflect.Value, path string, depth int) (Value, error) {
	if v.Type().Key().Kind() != reflect.String {
		return Value{}, refuse(path, "a %s has no attribute value: its keys are no strings", v.Type())
	}
	if v.IsNil() {
		return Value{kind: kindNull}, nil
	}
	item := make(Item, v.Len())
	for it := v.MapRange(); it.Next(); {
		name := it.Key().String()
		var err error
		if item[name], err = of(it.Value(), "", path+"."+name, depth+1); err != nil {
			return Value{}, err
		}
	}
	return Value{kindM, item}, nil
}

func ofList(v reflect.Value, option, path string, depth int) (Value, error) {
	isBytes := v.Type().Elem().Kind() == reflect.Uint8
	switch {
	case v.Kind() == reflect.Slice && v.IsNil():
		return Value{kind: kindNull}, nil
	case isBytes && option == "":
		b := make([]byte, v.Len())
		reflect.Copy(reflect.ValueOf(b), v)
		return Value{kindB, b}, nil
	}
	list := make([]Value, v.Len())
	for i := range list {
		var err error
		if list[i], err = of(v.Index(i), "", fmt.Sprintf("%s[%d]", path, i), depth+1); err != nil {
			return Value{}, err
		}
	}
	switch option {
	case "stringset":
		return setOf[string](kindS, kindSS, list, path, func(s []string) any { return StringSet(s) })
	case "numberset":
		return setOf[Number](kindN, kindNS, list, path, func(s []Number) any { return NumberSet(s) })
	case "binaryset":
		return setOf[[]byte](kindB, kindBS, list, path, func(s [][]byte) any { return BinarySet(s) })
	}
	return Value{kindL, list}, nil
}

func setOf[T any](of, k kind, list []Value, path string, set func([]T) any) (Value, error) {
	elements := make([]T, len(list))
	for i, v := range list {
		x, ok := v.v.(T)
		if !ok || v.kind != of {
			return Value{}, refuse(path, "a %s of a %s", k, v.kind)
		}
		elements[i] = x
	}
	if err := checkSet(nil, k, texts(list, Value.canonical)); err != nil {
		return Value{}, refuse(path, "%v", err)
	}
	return Value{k, set(elements)}, nil
}

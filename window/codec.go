package window

import (
	"encoding"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
)

// A coding says how accumulators are kept. Its name is kept with them.
type coding[A any] struct {
	name    string
	toBytes func(b []byte, a *A) ([]byte, error)
	ofBytes func(b []byte) (A, error)
}

// errShort says that an accumulator was not kept by the coding that reads it.
var errShort = errors.New("an accumulator has another length than it should have")

// codingOf returns how accumulators of an aggregator are kept, or an error that
// says why they cannot be.
func codingOf[A any](aggregator any) (coding[A], error) {
	if c, ok := aggregator.(Codec[A]); ok {
		return coding[A]{"own", func(b []byte, a *A) ([]byte, error) { return c.AppendState(b, *a) }, c.ReadState}, nil
	}
	t := reflect.TypeFor[A]()
	if c, ok := binaryCoding[A](t); ok {
		return c, nil
	}
	switch k := t.Kind(); {
	case k >= reflect.Int && k <= reflect.Int64:
		return intCoding[A](), nil
	case k >= reflect.Uint && k <= reflect.Uint64:
		return uintCoding[A](), nil
	case k == reflect.Float32 || k == reflect.Float64:
		return floatCoding[A](), nil
	case k == reflect.String:
		return stringCoding[A](), nil
	}
	if err := jsonKeeps(t, t.String(), map[reflect.Type]bool{}); err != nil {
		return coding[A]{}, err
	}
	return coding[A]{"json", func(b []byte, a *A) ([]byte, error) {
		text, err := json.Marshal(a)
		return append(b, text...), err
	}, func(b []byte) (a A, err error) {
		err = json.Unmarshal(b, &a)
		return a, err
	}}, nil
}

func intCoding[A any]() coding[A] {
	return coding[A]{"int", func(b []byte, a *A) ([]byte, error) {
		return binary.AppendVarint(b, reflect.ValueOf(a).Elem().Int()), nil
	}, func(b []byte) (a A, err error) {
		n, size := binary.Varint(b)
		v := reflect.ValueOf(&a).Elem()
		if size != len(b) || size == 0 || v.OverflowInt(n) {
			return a, errShort
		}
		v.SetInt(n)
		return a, nil
	}}
}

func uintCoding[A any]() coding[A] {
	return coding[A]{"uint", func(b []byte, a *A) ([]byte, error) {
		return binary.AppendUvarint(b, reflect.ValueOf(a).Elem().Uint()), nil
	}, func(b []byte) (a A, err error) {
		n, size := binary.Uvarint(b)
		v := reflect.ValueOf(&a).Elem()
		if size != len(b) || size == 0 || v.OverflowUint(n) {
			return a, errShort
		}
		v.SetUint(n)
		return a, nil
	}}
}

func floatCoding[A any]() coding[A] {
	return coding[A]{"float", func(b []byte, a *A) ([]byte, error) {
		return binary.LittleEndian.AppendUint64(b, math.Float64bits(reflect.ValueOf(a).Elem().Float())), nil
	}, func(b []byte) (a A, err error) {
		if len(b) != 8 {
			return a, errShort
		}
		reflect.ValueOf(&a).Elem().SetFloat(math.Float64frombits(binary.LittleEndian.Uint64(b)))
		return a, nil
	}}
}

func stringCoding[A any]() coding[A] {
	return coding[A]{"string", func(b []byte, a *A) ([]byte, error) {
		return append(b, reflect.ValueOf(a).Elem().String()...), nil
	}, func(b []byte) (a A, err error) {
		reflect.ValueOf(&a).Elem().SetString(string(b))
		return a, nil
	}}
}

// binaryCoding is for accumulators that turn themselves into bytes.
func binaryCoding[A any](t reflect.Type) (coding[A], bool) {
	if t.Kind() == reflect.Pointer || t.Kind() == reflect.Interface {
		return coding[A]{}, false
	}
	var a A
	_, to := any(&a).(encoding.BinaryMarshaler)
	_, of := any(&a).(encoding.BinaryUnmarshaler)
	return coding[A]{"binary", func(b []byte, a *A) ([]byte, error) {
		text, err := any(a).(encoding.BinaryMarshaler).MarshalBinary()
		return append(b, text...), err
	}, func(b []byte) (a A, err error) {
		err = any(&a).(encoding.BinaryUnmarshaler).UnmarshalBinary(b)
		return a, err
	}}, to && of
}

// jsonKeeps returns an error if JSON does not keep all of a value of a type.
func jsonKeeps(t reflect.Type, path string, seen map[reflect.Type]bool) error {
	if seen[t] || t.Implements(reflect.TypeFor[json.Marshaler]()) || t.Implements(reflect.TypeFor[encoding.TextMarshaler]()) ||
		reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) {
		return nil
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return jsonKeeps(t.Elem(), path+"[]", seen)
	case reflect.Map:
		if !isJSONKey(t.Key()) {
			return notKept(path, "has keys of type %v", t.Key())
		}
		return jsonKeeps(t.Elem(), path+"[]", seen)
	case reflect.Struct:
		return jsonKeepsFields(t, path, seen)
	case reflect.Chan, reflect.Func, reflect.UnsafePointer, reflect.Interface, reflect.Complex64, reflect.Complex128:
		return notKept(path, "is a %v", t)
	}
	return nil
}

// isJSONKey reports whether JSON takes a map's keys of a type.
func isJSONKey(t reflect.Type) bool {
	k := t.Kind()
	return k == reflect.String || k >= reflect.Int && k <= reflect.Uintptr || t.Implements(reflect.TypeFor[encoding.TextMarshaler]())
}

// jsonKeepsFields is jsonKeeps for a structure.
func jsonKeepsFields(t reflect.Type, path string, seen map[reflect.Type]bool) error {
	for i := range t.NumField() {
		f := t.Field(i)
		name := path + "." + f.Name
		switch {
		case !f.IsExported() && !f.Anonymous:
			return notKept(name, "is not exported")
		case f.Tag.Get("json") == "-":
			return notKept(name, "is left out")
		}
		if err := jsonKeeps(f.Type, name, seen); err != nil {
			return err
		}
	}
	return nil
}

func notKept(path, format string, args ...any) error {
	return fmt.Errorf("accumulators are kept as JSON, and %s %s; a Codec can keep it", path, fmt.Sprintf(format, args...))
}

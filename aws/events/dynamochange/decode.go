package dynamochange

import (
	"encoding"
	"encoding/json"
	"fmt"
	"math/big"
	"reflect"
	"strconv"
	"time"
)

// To sets what a pointer points to, the reverse of [Of]: NULL sets the zero
// value, an attribute that a struct has no field for is left out, and a field
// without an attribute stays as it is. A number that does not fit, such as 1.5
// or 300 into an int8, is an error; floats are rounded. Into an empty interface
// go string, Number, []byte, bool, nil, map[string]any, []any and the sets.
func (v Value) To(pointer any) error {
	p := reflect.ValueOf(pointer)
	if p.Kind() != reflect.Pointer || p.IsNil() {
		return refuse("", "a %T cannot be set: it is no pointer", pointer)
	}
	return v.to(p.Elem(), "", "")
}

// To sets a struct or a map, as [Value.To] does.
func (it Item) To(pointer any) error { return Value{kindM, it}.To(pointer) }

// plain is a value as Go's own types have it.
func (v Value) plain() any {
	switch x := v.v.(type) {
	case Item:
		m := make(map[string]any, len(x))
		for name, inner := range x {
			m[name] = inner.plain()
		}
		return m
	case []Value:
		list := make([]any, len(x))
		for i, inner := range x {
			list[i] = inner.plain()
		}
		return list
	}
	return v.v
}

func (v Value) to(dst reflect.Value, option, path string) error {
	switch {
	case dst.Type() == reflect.TypeFor[Value]():
		dst.Set(reflect.ValueOf(v))
		return nil
	case v.kind == kindNull || v.kind == "":
		dst.SetZero()
		return nil
	case dst.Kind() == reflect.Interface && dst.NumMethod() == 0:
		dst.Set(reflect.ValueOf(v.plain()))
		return nil
	case dst.Kind() == reflect.Pointer:
		inner := reflect.New(dst.Type().Elem())
		if err := v.toOurs(inner, option, path); err != nil {
			return err
		}
		dst.Set(inner)
		return nil
	case dst.CanAddr():
		if known, err := v.known(dst.Addr(), option, path); known {
			return err
		}
	}
	return v.toKind(dst, path)
}

// toKind sets what only its kind says how to set.
func (v Value) toKind(dst reflect.Value, path string) error {
	doesNotFit := func() error { return refuse(path, "a %s of DynamoDB's is no %s", v.kind, dst.Type()) }
	switch x := v.v.(type) {
	case string:
		if dst.Kind() != reflect.String || dst.Type() == reflect.TypeFor[Number]() || dst.Type() == reflect.TypeFor[json.Number]() {
			return doesNotFit()
		}
		dst.SetString(x)
	case bool:
		if dst.Kind() != reflect.Bool {
			return doesNotFit()
		}
		dst.SetBool(x)
	case Number:
		return x.to(dst, path)
	case []byte:
		return bytesTo(x, dst, doesNotFit)
	case Item:
		return x.to(dst, path, doesNotFit)
	case []Value:
		return listTo(x, dst, path, doesNotFit)
	case StringSet:
		return listTo(valuesOf(kindS, x), dst, path, doesNotFit)
	case NumberSet:
		return listTo(valuesOf(kindN, x), dst, path, doesNotFit)
	case BinarySet:
		return listTo(valuesOf(kindB, x), dst, path, doesNotFit)
	}
	return nil
}

func (v Value) toOurs(pointer reflect.Value, option, path string) error {
	if known, err := v.known(pointer, option, path); known {
		return err
	}
	return v.to(pointer.Elem(), option, path)
}

// known sets what is set by its type and not by its kind.
func (v Value) known(pointer reflect.Value, option, path string) (known bool, err error) {
	text, isText := v.v.(string)
	number, isNumber := v.v.(Number)
	switch p := pointer.Interface().(type) {
	case *big.Int:
		if !isNumber {
			return false, nil
		}
		r, err := number.Rat()
		if err != nil || !r.IsInt() {
			return true, refuse(path, "%s is no whole number", number)
		}
		p.Set(r.Num())
		return true, nil
	case *time.Time:
		if option == "unixtime" && isNumber {
			seconds, err := strconv.ParseInt(string(number), 10, 64)
			if err != nil {
				return true, refuse(path, "%s are no seconds", number)
			}
			*p = time.Unix(seconds, 0).UTC()
			return true, nil
		}
	}
	if u, ok := pointer.Interface().(encoding.TextUnmarshaler); ok && isText {
		if err := u.UnmarshalText([]byte(text)); err != nil {
			return true, refuse(path, "%v", err)
		}
		return true, nil
	}
	return false, nil
}

func (n Number) to(dst reflect.Value, path string) error {
	switch {
	case dst.Type() == reflect.TypeFor[Number](), dst.Type() == reflect.TypeFor[json.Number]():
		dst.SetString(string(n))
		return nil
	case dst.CanInt(), dst.CanUint():
		r, err := n.Rat()
		if err != nil {
			return err
		}
		whole := r.Num()
		if !r.IsInt() || dst.CanInt() && (!whole.IsInt64() || dst.OverflowInt(whole.Int64())) ||
			dst.CanUint() && (!whole.IsUint64() || dst.OverflowUint(whole.Uint64())) {
			return refuse(path, "%s does not fit %s", n, dst.Type())
		}
		if dst.CanInt() {
			dst.SetInt(whole.Int64())
		} else {
			dst.SetUint(whole.Uint64())
		}
		return nil
	case dst.CanFloat():
		f, err := strconv.ParseFloat(string(n), dst.Type().Bits())
		if err != nil {
			return refuse(path, "%s does not fit %s", n, dst.Type())
		}
		dst.SetFloat(f)
		return nil
	}
	return refuse(path, "a N of DynamoDB's is no %s", dst.Type())
}

func bytesTo(b []byte, dst reflect.Value, doesNotFit func() error) error {
	switch {
	case dst.Kind() == reflect.Slice && dst.Type().Elem().Kind() == reflect.Uint8:
		dst.SetBytes(append([]byte{}, b...))
	case dst.Kind() == reflect.Array && dst.Type().Elem().Kind() == reflect.Uint8 && dst.Len() == len(b):
		reflect.Copy(dst, reflect.ValueOf(b))
	default:
		return doesNotFit()
	}
	return nil
}

func valuesOf[T any](k kind, set []T) []Value {
	list := make([]Value, len(set))
	for i, x := range set {
		list[i] = Value{k, x}
	}
	return list
}

func listTo(list []Value, dst reflect.Value, path string, doesNotFit func() error) error {
	into := dst
	switch dst.Kind() {
	case reflect.Slice:
		into = reflect.MakeSlice(dst.Type(), len(list), len(list))
	case reflect.Array:
		if dst.Len() != len(list) {
			return refuse(path, "%d elements are no %s", len(list), dst.Type())
		}
	default:
		return doesNotFit()
	}
	for i, v := range list {
		if err := v.to(into.Index(i), "", fmt.Sprintf("%s[%d]", path, i)); err != nil {
			return err
		}
	}
	dst.Set(into)
	return nil
}

func (it Item) to(dst reflect.Value, path string, doesNotFit func() error) error {
	switch {
	case dst.Kind() == reflect.Map && dst.Type().Key().Kind() == reflect.String:
		m := reflect.MakeMapWithSize(dst.Type(), len(it))
		for name, v := range it {
			inner := reflect.New(dst.Type().Elem()).Elem()
			if err := v.to(inner, "", path+"."+name); err != nil {
				return err
			}
			m.SetMapIndex(reflect.ValueOf(name).Convert(dst.Type().Key()), inner)
		}
		dst.Set(m)
		return nil
	case dst.Kind() != reflect.Struct:
		return doesNotFit()
	}
	fields, err := fieldsOf(dst.Type())
	if err != nil {
		return err
	}
	for _, f := range fields {
		v, ok := it[f.name]
		if !ok {
			continue
		}
		inner, err := dst.FieldByIndexErr(f.Index)
		if err != nil {
			return refuse(path+"."+f.name, "it is in an embedded pointer that is nil")
		}
		if err := v.to(inner, f.option, path+"."+f.name); err != nil {
			return err
		}
	}
	return nil
}

package kinesisserver

import (
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/weirstream/weir/aws/account"
)

// A writer appends the items of a response in one protocol. Collections are
// told their length when they begin.
type writer interface {
	beginMap(n int)
	name(s string)
	endMap()
	beginList(n int)
	endList()
	text(s string)
	integer(n int64)
	boolean(b bool)
	time(t time.Time)
}

// appendOutput appends the output of an operation, and reports whether there is
// any: an output without members is an empty body.
func (p protocol) appendOutput(dst []byte, out any) ([]byte, bool) {
	switch out := out.(type) {
	case *account.GetRecordsOutput:
		return p.appendGetRecords(dst, out), true
	default:
		v := reflect.ValueOf(out).Elem()
		if v.NumField() == 0 {
			return dst, false
		}
		return p.appendStruct(dst, v), true
	}
}

// appendStruct appends a struct of package account as a map.
func (p protocol) appendStruct(dst []byte, v reflect.Value) []byte {
	if p == protocolCBOR {
		w := cborWriter{dst}
		writeStruct(&w, v)
		return w.b
	}
	w := jsonWriter{b: dst}
	writeStruct(&w, v)
	return w.b
}

// writeStruct writes the fields that are there. A nil pointer never is; what is
// tagged omitempty is not when it is empty.
func writeStruct(w writer, v reflect.Value) {
	fields := fieldsOf(v.Type())
	n := 0
	for i := range fields {
		if !fields[i].absent(v.Field(i)) {
			n++
		}
	}
	w.beginMap(n)
	for i := range fields {
		if f := v.Field(i); !fields[i].absent(f) {
			w.name(fields[i].name)
			writeValue(w, f)
		}
	}
	w.endMap()
}

func writeValue(w writer, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		writeValue(w, v.Elem())
	case reflect.String:
		w.text(v.String())
	case reflect.Int32, reflect.Int64, reflect.Int:
		w.integer(v.Int())
	case reflect.Bool:
		w.boolean(v.Bool())
	case reflect.Slice:
		w.beginList(v.Len())
		for i := range v.Len() {
			writeValue(w, v.Index(i))
		}
		w.endList()
	case reflect.Struct:
		if v.Type() == timeType {
			w.time(v.Interface().(time.Time))
			return
		}
		writeStruct(w, v)
	default:
		panic("kinesisserver: no member of an output is of type " + v.Type().String())
	}
}

// An outputField is what is known of a field of an output's struct.
type outputField struct {
	name      string
	omitEmpty bool
}

func (f *outputField) absent(v reflect.Value) bool {
	if v.Kind() == reflect.Slice {
		return f.omitEmpty && v.Len() == 0
	}
	return v.Kind() == reflect.Pointer && v.IsNil() || f.omitEmpty && v.IsZero()
}

// outputFields remembers the fields of the structs met so far.
var outputFields sync.Map // of reflect.Type to []outputField

func fieldsOf(t reflect.Type) []outputField {
	if fields, ok := outputFields.Load(t); ok {
		return fields.([]outputField)
	}
	fields := make([]outputField, t.NumField())
	for i := range fields {
		f := t.Field(i)
		fields[i] = outputField{f.Name, strings.HasSuffix(f.Tag.Get("json"), ",omitempty")}
	}
	outputFields.Store(t, fields)
	return fields
}

// writeChildShards writes the shards that follow a closed one.
func writeChildShards(w writer, children []account.ChildShard) {
	writeValue(w, reflect.ValueOf(children))
}

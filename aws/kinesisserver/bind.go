package kinesisserver

import (
	"reflect"
	"time"
)

// bind sets the fields of the struct that dst points to from the members of v
// that have their names. v was checked against sh; members that the struct does
// not have are left out.
func bind(v *value, sh *shape, dst any) {
	bindStruct(v, sh, reflect.ValueOf(dst).Elem())
}

func bindStruct(v *value, sh *shape, dst reflect.Value) {
	for i := range sh.members {
		m := &sh.members[i]
		got := v.get(m.name)
		if got == nil {
			continue
		}
		if field := dst.FieldByName(m.name); field.IsValid() {
			bindValue(got, m.shape, field)
		}
	}
}

func bindValue(v *value, sh *shape, dst reflect.Value) {
	if v.kind == nullValue {
		return
	}
	if dst.Kind() == reflect.Pointer {
		dst.Set(reflect.New(dst.Type().Elem()))
		dst = dst.Elem()
	}
	switch sh.kind {
	case stringShape:
		dst.SetString(v.text)
	case integerShape:
		dst.SetInt(int64(v.integer()))
	case booleanShape:
		dst.SetBool(v.kind == trueValue)
	case blobShape:
		dst.SetBytes(v.bytes)
	case timestampShape:
		dst.Set(reflect.ValueOf(v.timestamp()))
	case listShape:
		bindList(v, sh, dst)
	case mapShape:
		bindMap(v, dst)
	case structureShape:
		bindStruct(v, sh, dst)
	}
}

func bindList(v *value, sh *shape, dst reflect.Value) {
	list := reflect.MakeSlice(dst.Type(), len(v.items), len(v.items))
	for i := range v.items {
		bindValue(&v.items[i], sh.elem, list.Index(i))
	}
	dst.Set(list)
}

// bindMap sets a map of texts, the only kind there is.
func bindMap(v *value, dst reflect.Value) {
	pairs := make(map[string]string, len(v.members))
	for i := range v.members {
		pairs[v.members[i].name] = v.members[i].text
	}
	dst.Set(reflect.ValueOf(pairs))
}

// timeType is what timestamps are in the structs of inputs and outputs.
var timeType = reflect.TypeFor[time.Time]()

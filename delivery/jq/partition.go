package jq

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/itchyny/gojq"
	"github.com/weirstream/weir"
	"github.com/weirstream/weir/delivery"
)

// NewPartitioner returns a partitioner whose keys are what an expression makes
// of a record: one object, such as {customer: .user.id, day: .at[:10]}, whose
// values are strings, numbers or booleans. An expression that makes of a record
// no object, several, or another value of a key, such as null where the record
// lacks it, sends the record to the error output.
//
// It must decide by the record alone: an expression with now, localtime or
// strflocaltime is refused.
func NewPartitioner(expression string, c Config) (delivery.Partitioner, error) {
	q, parsed, err := compile(expression, c)
	if err != nil {
		return nil, err
	}
	if name := asksTheClock(reflect.ValueOf(parsed)); name != "" {
		return nil, &weir.ArgumentError{Field: "expression", Reason: name + " does not depend on the record alone"}
	}
	return &partitioner{q, names(parsed)}, nil
}

type partitioner struct {
	query *query
	names []string
}

// Names returns the names that stand in the expression, if it is an object.
func (p *partitioner) Names() []string { return p.names }

var errNoObject = errors.New("the expression makes no object of the record")

func (p *partitioner) Keys(r *delivery.Record) (map[string]string, error) {
	var keys map[string]string
	err := p.query.run(context.Background(), r.Data, func(v any) error {
		object, ok := v.(map[string]any)
		switch {
		case keys != nil:
			return errors.New("the expression makes more than one value of the record")
		case !ok:
			return errNoObject
		}
		keys = make(map[string]string, len(object))
		for name, v := range object {
			key, err := text(v)
			if err != nil {
				return fmt.Errorf("key %q: %w", name, err)
			}
			keys[name] = key
		}
		return nil
	})
	if err == nil && keys == nil {
		err = errNoObject
	}
	if err != nil {
		return nil, fmt.Errorf("jq: %w", err)
	}
	return keys, nil
}

// text is a key's value.
func text(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case nil, map[string]any, []any:
		return "", fmt.Errorf("it is %s, and a key is a string, a number or a boolean", gojq.TypeOf(v))
	}
	b, err := gojq.Marshal(v)
	return string(b), err
}

// names returns the keys of an expression that is an object with keys that are
// written out; else nil.
func names(q *gojq.Query) []string {
	if q.Term == nil || q.Op != 0 || q.Term.Type != gojq.TermTypeObject || len(q.Term.SuffixList) > 0 {
		return nil
	}
	names := []string{}
	for _, kv := range q.Term.Object.KeyVals {
		switch {
		case kv.Key != "":
			names = append(names, strings.TrimPrefix(kv.Key, "$"))
		case kv.KeyString != nil && len(kv.KeyString.Queries) == 0:
			names = append(names, kv.KeyString.Str)
		default:
			return nil
		}
	}
	return names
}

// asksTheClock returns the function in a parsed expression that depends on when
// or where it is called, if there is one.
func asksTheClock(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return ""
		}
		if f, ok := v.Interface().(*gojq.Func); ok {
			switch f.Name {
			case "now", "localtime", "strflocaltime":
				return f.Name
			}
		}
		return asksTheClock(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			if name := asksTheClock(v.Field(i)); name != "" {
				return name
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			if name := asksTheClock(v.Index(i)); name != "" {
				return name
			}
		}
	}
	return ""
}

package kinesisserver

import (
	"context"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/account"
)

// The table of operations is what the official client knows, and what accounts
// can do: the same operations with the same members, to the last one.
func TestOperations_matchTheClient(t *testing.T) {
	client, accounts := reflect.TypeFor[*kinesis.Client](), reflect.TypeFor[*account.Account]()
	names := make(map[string]bool)
	for i := range operations {
		op := &operations[i]
		names[op.name] = true
		t.Run(op.name, func(t *testing.T) {
			method, ok := client.MethodByName(op.name)
			if strings.Contains(op.name, "Queue") { // aws/clients/python compares them with another client
				require.False(t, ok, "the client knows it by now")
			} else {
				require.True(t, ok)
				sameMembers(t, op.name, op.input, method.Type.In(2).Elem(), true)
			}
			method, ok = accounts.MethodByName(op.name)
			require.True(t, ok)
			sameMembers(t, op.name, op.input, method.Type.In(2).Elem(), false)
		})
	}
	for i := range client.NumMethod() {
		m := client.Method(i)
		if m.Type.NumIn() > 2 && m.Type.In(1) == reflect.TypeFor[context.Context]() {
			assert.True(t, names[m.Name], "%s is not in the table", m.Name)
		}
	}
	assert.Len(t, names, 57)
}

// sameMembers checks that a struct has the members of a shape, and, if all is
// set, no others.
func sameMembers(t *testing.T, path string, sh *shape, typ reflect.Type, all bool) {
	for i := range sh.members {
		m := &sh.members[i]
		f, ok := typ.FieldByName(m.name)
		if !assert.True(t, ok, "%s.%s is no member of %s", path, m.name, typ) {
			continue
		}
		sameType(t, path+"."+m.name, m.shape, f.Type, all)
	}
	for i := range typ.NumField() {
		if f := typ.Field(i); all && f.IsExported() && strings.TrimSpace(f.Name) != "" {
			assert.NotNil(t, sh.member(f.Name), "%s.%s is not in the table", path, f.Name)
		}
	}
}

func sameType(t *testing.T, path string, sh *shape, typ reflect.Type, all bool) {
	if typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	want := map[shapeKind]reflect.Kind{
		stringShape: reflect.String, integerShape: reflect.Int32, booleanShape: reflect.Bool, blobShape: reflect.Slice,
		timestampShape: reflect.Struct, listShape: reflect.Slice, mapShape: reflect.Map, structureShape: reflect.Struct,
	}[sh.kind]
	if !assert.Equal(t, want, typ.Kind(), path) {
		return
	}
	switch sh.kind {
	case structureShape:
		sameMembers(t, path, sh, typ, all)
	case listShape:
		sameType(t, path+"[]", sh.elem, typ.Elem(), all)
	case timestampShape:
		assert.Equal(t, reflect.TypeFor[time.Time](), typ, path)
	}
}

// Patterns that are matched by hand agree with what they stand for.
func FuzzPattern(f *testing.F) {
	for _, s := range []string{"", "a", "a/b", "0", "01", "12", "arn:aws:kinesis:us-east-1:123456789012:stream/s", "arn:aws-cn:kinesis:x:123456789012:stream/ü",
		"arn:aws:kinesis:us-east-1:123456789012:stream/s/consumer/c:1", "arn:aws:kinesis::123456789012:stream/a b", strings.Repeat("1", 39), strings.Repeat("1", 40)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > maxMatchedBytes {
			return // refused for its length: see TestPattern_longTextIsNotLookedAt
		}
		for _, p := range []*pattern{namePattern, hashKeyShape.pattern, sequenceShape.pattern, streamARNPattern} {
			assert.Equal(t, regexp.MustCompile(`\A(?:`+p.text+`)\z`).MatchString(s), p.matches(s), "%s with %q", p.text, s)
		}
	})
}

// An expression takes a fifth of a second for a MiB of "arn:aws:kinesis:", and a
// request may have sixteen of them: four such requests a second took a machine.
func TestPattern_longTextIsNotLookedAt(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("arn:aws:kinesis:", maxMatchedBytes/16) + ":"
	var seen int
	var check func(path string, sh *shape)
	check = func(path string, sh *shape) {
		if sh == nil {
			return
		}
		if sh.pattern != nil {
			seen++
			assert.NotEmpty(t, broken(&value{kind: textValue, text: long}, sh), path)
		}
		check(path+"[]", sh.elem)
		check(path+" keys", sh.key)
		for i := range sh.members {
			check(path+"."+sh.members[i].name, sh.members[i].shape)
		}
	}
	for i := range operations {
		check(operations[i].name, operations[i].input)
	}
	assert.Greater(t, seen, 100)
	assert.True(t, consumerARN.pattern.matches(long), "it was looked at")
}

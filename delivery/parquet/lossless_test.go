package parquet_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/weirstream/weir/delivery/parquet"
)

// Of each record either everything comes back from the object, or it is
// rejected: for records that nobody has chosen.
func TestFormat_losesNothing(t *testing.T) {
	for seed := range uint64(300) {
		g := generator{rand.New(rand.NewPCG(seed, 16))}
		data := make([]string, 1+g.IntN(40))
		for i := range data {
			b, err := json.Marshal(g.object(3))
			require.NoError(t, err)
			data[i] = string(b)
		}
		checkLossless(t, data)
	}
}

// generator makes values of few names, so that they agree and disagree.
type generator struct{ *rand.Rand }

func (g generator) object(depth int) map[string]any {
	o := make(map[string]any)
	for range g.IntN(5) {
		name := string(rune('a' + g.IntN(6)))
		o[name] = g.value(name, depth-1)
	}
	return o
}

func (g generator) value(name string, depth int) any {
	kind := int(name[0]-'a') % 4 // what it mostly is
	if g.IntN(20) == 0 {
		kind = g.IntN(6)
	}
	if depth <= 0 {
		kind = kind % 2
	}
	switch kind {
	case 0:
		return []any{g.IntN(3), g.Float64(), -g.Int64(), 1e300}[g.IntN(4)]
	case 1:
		return []any{"", "x", "é\x00\u2028", strings.Repeat("long ", g.IntN(50))}[g.IntN(4)]
	case 2:
		list := make([]any, g.IntN(4))
		for i := range list {
			list[i] = g.value(name, depth-1)
		}
		return list
	case 3:
		return g.object(depth)
	case 4:
		return nil
	}
	return g.IntN(2) == 0
}

// checkLossless encodes the records with columns that are found out.
func checkLossless(t *testing.T, data []string) {
	t.Helper()
	object, rejected := encode(t, parquet.Config{KeepText: true}, data...)
	var rows []string
	if len(object) > 0 {
		rows = read(t, object)
	}
	require.Len(t, rows, len(data)-len(rejected), "%q: %q", data, rejected)
	for i, d := range data {
		if rejected[i] != "" {
			continue
		}
		require.True(t, json.Valid([]byte(d)), "%q", d)
		assert.Equal(t, essence(t, d), essence(t, rows[0]), "%s of %q", d, data)
		rows = rows[1:]
	}
}

// essence is what of a JSON value must not be lost: it is without the members
// of objects that have no value.
func essence(t *testing.T, text string) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	var v any
	require.NoError(t, d.Decode(&v))
	return strip(v)
}

func strip(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			if member = strip(member); hasNothing(member) {
				delete(v, name)
			} else {
				v[name] = member
			}
		}
	case []any:
		for i := range v {
			v[i] = strip(v[i])
		}
	case json.Number:
		f, err := v.Float64()
		whole := !strings.ContainsAny(v.String(), ".eE") && v != "-0"
		if err != nil || whole && strconv.FormatFloat(f, 'f', 0, 64) != v.String() {
			return v // more digits than a double has
		}
		return exactly(f + 0) // and -0 is 0
	}
	return v
}

func hasNothing(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return v == nil
}

func FuzzFormat(f *testing.F) {
	f.Add(`{"a":[{"b":1.5},null,{}],"c":"\ud83d\ude00"}` + "\n" + `{"a":[],"d":{"e":{"f":[[1],[]]}}}` + "\n" + `{"a":"x"}`)
	f.Add(`{"a":9223372036854775807,"b":-0}` + "\n" + `{"a":0.0,"b":1e-400}` + "\n[")
	f.Fuzz(func(t *testing.T, lines string) {
		checkLossless(t, strings.Split(lines, "\n"))
	})
}

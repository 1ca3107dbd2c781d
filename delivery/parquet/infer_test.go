package parquet_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/weirstream/weir/delivery/parquet"
)

func infer(data ...string) (*parquet.Schema, error) {
	in := make([][]byte, len(data))
	for i, d := range data {
		in[i] = []byte(d)
	}
	return parquet.Infer(in, false)
}

func TestInfer_takesWhatRecordsHave(t *testing.T) {
	for in, want := range map[string]string{
		`{"b":1} {"a":true}`:                                     "b bigint, a boolean",
		`{"a":1} {"a":2.5}`:                                      "a double",
		`{"a":9223372036854775807}`:                              "a bigint",
		`{"a":9223372036854775808}`:                              "a double",
		`{"a":1e2}`:                                              "a double",
		`{"a":"x"}`:                                              "a string",
		`{"a":"2024-03-05T07:08:09Z"}`:                           "a timestamp",
		`{"a":"2024-03-05T07:08:09.123456789+02:00"}`:            "a timestamp",
		`{"a":"2024-03-05T07:08:09Z"} {"a":"x"}`:                 "a string",
		`{"a":"2024-03-05T07:08:61Z"}`:                           "a string",
		`{"a":"2024-03-05"}`:                                     "a string",
		`{"a":null} {"a":[]} {"a":{}} {"b":1}`:                   "b bigint",
		`{"a":null} {"a":1}`:                                     "a bigint",
		`{"a":[null,1]} {"a":["x"]} {"a":["y"]}`:                 "a array<string>",
		`{"a":[[1.5],[]]}`:                                       "a array<array<double>>",
		`{"a":[{"b":1},{"c":{"d":true}}]}`:                       "a array<struct<b:bigint, c:struct<d:boolean>>>",
		`{"a":{"b":null}} {"c":1}`:                               "c bigint",
		`{"a":{"b":{"c":[null]}}} {"c":1}`:                       "c bigint",
		`{"a":"x"} {"a":1}`:                                      "a string",
		`{"a":1} {"a":"x"}`:                                      "a bigint",
		`{"a":1} {"a":"x"} {"a":"2024-03-05T07:08:09Z"}`:         "a string",
		`{"a":1} {"a":2.5} {"a":{"b":1}} {"a":{"c":1}} {"a":{}}`: "a struct<b:bigint, c:bigint>",
		`{"":1,"a-b":1,"a,b":2}`:                                 "`a-b` bigint, `a,b` bigint",
		`{"A":1,"a":1}`:                                          "A bigint, a bigint",
		`nonsense 5 [{"a":1}] {"b":1}`:                           "b bigint",
	} {
		s, err := infer(strings.Fields(in)...)
		require.NoError(t, err, in)
		assert.Equal(t, want, s.String(), in)
	}
	_, err := infer(`{}`, `{"a":null}`, `x`)
	assert.EqualError(t, err, "no record of the object has a value that could be a column")
	s, err := parquet.Infer([][]byte{[]byte(`{"a":"2024-03-05T07:08:09Z"}`)}, true)
	require.NoError(t, err)
	assert.Equal(t, "a string", s.String())
}

func TestInfer_keepsItsBounds(t *testing.T) {
	var many []string
	for i := range 3 * parquet.MaxColumns {
		many = append(many, fmt.Sprintf(`{"c%d":1}`, i))
	}
	s, err := infer(many...)
	require.NoError(t, err)
	assert.Equal(t, parquet.MaxColumns, strings.Count(s.String(), "bigint"))
	_, rejected := encode(t, parquet.Config{}, many...)
	assert.Len(t, rejected, 2*parquet.MaxColumns)
	assert.Equal(t, "column c2000: it is not in the schema", rejected[2000])

	deep := func(n int) string { return `{"b":1,"a":` + strings.Repeat("[", n) + "1" + strings.Repeat("]", n) + "}" }
	for n, want := range map[int]string{
		parquet.MaxDepth:     "b bigint, a " + strings.Repeat("array<", 32) + "bigint" + strings.Repeat(">", 32),
		parquet.MaxDepth + 1: "b bigint",
	} {
		s, err = infer(deep(n))
		require.NoError(t, err)
		assert.Equal(t, want, s.String())
		_, err = parquet.ParseSchema(s.String())
		require.NoError(t, err)
	}
	object, rejected := encode(t, parquet.Config{}, deep(parquet.MaxDepth), `{"b":2}`, deep(parquet.MaxDepth+1))
	assert.Equal(t, map[int]string{2: "column a" + strings.Repeat("[0]", 32) + ": [1] is no bigint"}, rejected)
	assert.Len(t, read(t, object), 2)
}

func TestFormat_rejectsWhatMostRecordsAreNot(t *testing.T) {
	object, rejected := encode(t, parquet.Config{}, `{"id":"none","n":1}`, `{"id":7,"n":2}`, `{"id":8}`, `{"id":[1],"n":3}`)
	assert.Equal(t, map[int]string{0: `column id: "none" is no bigint`, 3: "column id: [1] is no bigint"}, rejected)
	assert.Equal(t, []string{`{"id":7,"n":2}`, `{"id":8,"n":null}`}, read(t, object))
}

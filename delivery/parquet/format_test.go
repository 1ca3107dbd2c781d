package parquet_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	library "github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/weirstream/weir"
	"github.com/weirstream/weir/delivery/parquet"
)

func TestFormat_convertsWhatFitsAColumn(t *testing.T) {
	for _, row := range []struct{ typ, in, want string }{
		{"boolean", `true`, `true`},
		{"boolean", `"true"`, `column a: "true" is no boolean`},
		{"boolean", `0`, `column a: 0 is no boolean`},
		{"tinyint", `127`, `127`},
		{"tinyint", `128`, `column a: 128 is no tinyint: too large`},
		{"tinyint", `-129`, `column a: -129 is no tinyint: too large`},
		{"smallint", `-32768`, `-32768`},
		{"smallint", `32768`, `column a: 32768 is no smallint: too large`},
		{"int", `2147483647`, `2147483647`},
		{"int", `2147483648`, `column a: 2147483648 is no int: too large`},
		{"int", `1.50e1`, `15`},
		{"int", `1.55e1`, `column a: 1.55e1 is no int: not whole, or too large`},
		{"int", `1e999999999999`, `column a: 1e999999999999 is no int: not whole, or too large`},
		{"int", `0e999999999999`, `0`},
		{"int", `0.0`, `0`},
		{"int", `"1"`, `column a: "1" is no int`},
		{"bigint", `9223372036854775807`, `9223372036854775807`},
		{"bigint", `-9223372036854775808`, `-9223372036854775808`},
		{"bigint", `9223372036854775808`, `column a: 9223372036854775808 is no bigint: too large`},
		{"bigint", `9223372036854775807.000`, `9223372036854775807`},
		{"float", `0.1`, `0.1`},
		{"float", `16777217`, `column a: 16777217 is no float: it would become another number`},
		{"float", `1e39`, `column a: 1e39 is no float: too large`},
		{"double", `-1.5e-7`, `-1.5e-07`},
		{"double", `9007199254740992`, `9007199254740992`},
		{"double", `9007199254740993`, `column a: 9007199254740993 is no double: it would become another number`},
		{"double", `1e309`, `column a: 1e309 is no double: too large`},
		{"double", `{}`, `column a: {} is no double`},
		{"decimal(5,2)", `-123.45`, `-123.45`},
		{"decimal(5,2)", `"123.4"`, `123.4`},
		{"decimal(5,2)", `1000`, `column a: 1000 is no decimal(5,2): it has more digits`},
		{"decimal(5,2)", `1.005`, `column a: 1.005 is no decimal(5,2): it has more digits`},
		{"decimal(5,2)", `1.2300e-1`, `column a: 1.2300e-1 is no decimal(5,2): it has more digits`},
		{"decimal(5,2)", `1.200e-1`, `0.12`},
		{"decimal(5,2)", `"x"`, `column a: "x" is no decimal(5,2)`},
		{"decimal(5,2)", `"1 2"`, `column a: "1 2" is no decimal(5,2)`},
		{"string", `"a\u00e9\ud83d\ude00\n"`, `"aé😀\n"`},
		{"string", `5`, `column a: 5 is no string`},
		{"string", `{"b":1}`, `column a: {"b":1} is no string`},
		{"json", `{"b": [1, "x"]}`, `{"b":[1,"x"]}`},
		{"json", `"x"`, `"x"`},
		{"json", `-1.50`, `-1.5`},
		{"json", `true`, `true`},
		{"date", `"1969-12-31"`, `-1`},
		{"date", `"2024-02-30"`, `column a: "2024-02-30" is no date`},
		{"date", `5`, `column a: 5 is no date`},
		{"timestamp", `"1970-01-01T01:00:00.0000019+01:00"`, `1`},
		{"timestamp", `"1970-01-01 00:00:01.5"`, `1500000`},
		{"timestamp", `1700000000123`, `1700000000123000`},
		{"timestamp", `1.5`, `column a: 1.5 is no timestamp`},
		{"timestamp", `9223372036854775`, `column a: 9223372036854775 is no timestamp`},
		{"timestamp", `"yesterday"`, `column a: "yesterday" is no timestamp`},
		{"timestamp(3)", `"1969-12-31T23:59:59.999Z"`, `-1`},
		{"timestamp(9)", `"1970-01-01T00:00:00.000000001Z"`, `1`},
		{"timestamp(9)", `"2300-01-01T00:00:00Z"`, `column a: "2300-01-01T00:00:00Z" is no timestamp(9): too far from 1970`},
		{"array<int>", `[1,null]`, `[1,null]`},
		{"array<int>", `[]`, `[]`},
		{"array<int>", `[1,"x"]`, `column a[1]: "x" is no int`},
		{"array<int>", `1`, `column a: 1 is no array`},
		{"array<int not null>", `[1,null]`, `column a[1]: there is no value, and it is not null`},
		{"array<array<int>>", `[[],[1],null,[2,3]]`, `[[],[1],null,[2,3]]`},
		{"map<string,int>", `{"x":1,"y":null}`, `{"x":1,"y":null}`},
		{"map<string,int>", `{}`, `{}`},
		{"map<string,int>", `{"x":"y"}`, `column a["x"]: "y" is no int`},
		{"map<string,int>", `[]`, `column a: [] is no map`},
		{"struct<b:int not null, c:array<struct<d:int>>>", `{"b":1,"c":[{},{"d":2},null]}`, `{"b":1,"c":[{"d":null},{"d":2},null]}`},
		{"struct<b:int not null>", `{}`, `column a.b: there is no value, and it is not null`},
		{"struct<b:int not null>", `null`, `null`},
		{"struct<b:int>", `{"b":1,"x y":2}`, "column a.`x y`: it is not in the schema"},
		{"struct<b:int>", `{"b":1,"x":{"y":[]}}`, `{"b":1}`},
		{"struct<b:array<struct<c:int>>>", `{"b":[{"c":"z"}]}`, `column a.b[0].c: "z" is no int`},
		{"int not null", `null`, `column a: there is no value, and it is not null`},
		{"int", `null`, `null`},
	} {
		c := parquet.Config{Schema: mustSchema(t, "a "+row.typ)}
		object, rejected := encode(t, c, `{"a":`+row.in+`}`)
		got := rejected[0]
		if got == "" {
			got = strings.TrimSuffix(strings.TrimPrefix(read(t, object)[0], `{"a":`), "}")
		} else {
			assert.Empty(t, object)
		}
		assert.Equal(t, row.want, got, "%s of %s", row.typ, row.in)
	}
}

// values returns the first column as it stands in the file.
func values(t *testing.T, object []byte) []library.Value {
	t.Helper()
	f, err := library.OpenFile(bytes.NewReader(object), int64(len(object)))
	require.NoError(t, err)
	rows := make([]library.Row, f.NumRows())
	_, err = f.RowGroups()[0].Rows().ReadRows(rows)
	require.True(t, err == nil || err == io.EOF)
	var out []library.Value
	for _, row := range rows {
		out = append(out, row[0])
	}
	return out
}

func TestFormat_keepsAllDigitsOfDecimals(t *testing.T) {
	object, rejected := encode(t, parquet.Config{Schema: mustSchema(t, "a decimal(18,1)")}, `{"a":-99999999999999999.9}`)
	assert.Empty(t, rejected)
	assert.Equal(t, int64(-999999999999999999), values(t, object)[0].Int64())
	object, rejected = encode(t, parquet.Config{Schema: mustSchema(t, "a decimal(38,10)")},
		`{"a":-1}`, `{"a":9999999999999999999999999999.9999999999}`, `{"a":10000000000000000000000000000}`)
	assert.Equal(t, map[int]string{2: "column a: 10000000000000000000000000000 is no decimal(38,10): it has more digits"}, rejected)
	v := values(t, object)
	assert.Equal(t, "fffffffffffffffffffffffdabf41c00", fmt.Sprintf("%x", v[0].ByteArray()))
	assert.Equal(t, "4b3b4ca85a86c47a098a223fffffffff", fmt.Sprintf("%x", v[1].ByteArray()))
}

func TestFormat_keepsBytes(t *testing.T) {
	object, rejected := encode(t, parquet.Config{Schema: mustSchema(t, "a binary")}, `{"a":"AP8="}`, `{"a":"AP8"}`, `{"a":1}`)
	assert.Equal(t, map[int]string{1: `column a: "AP8" is no binary: not base64`, 2: "column a: 1 is no binary"}, rejected)
	assert.Equal(t, []byte{0, 255}, values(t, object)[0].ByteArray())
}

func TestFormat_keepsTheTextOfJSON(t *testing.T) {
	object, rejected := encode(t, parquet.Config{Schema: mustSchema(t, "a json")}, `{"a":{"b": [1.50]} }`, `{"a":"\u00e9"}`)
	assert.Empty(t, rejected)
	v := values(t, object)
	assert.Equal(t, `{"b": [1.50]}`, string(v[0].ByteArray()))
	assert.Equal(t, `"\u00e9"`, string(v[1].ByteArray()))
}

func TestFormat_saysOfARecordWhyItIsNoObject(t *testing.T) {
	deep := func(n int) string {
		return `{"a":` + strings.Repeat("[", n-1) + strings.Repeat("]", n-1) + "}"
	}
	for in, want := range map[string]string{
		``:                      "not JSON: at byte 0: the JSON text ends in the middle",
		`{"a":1`:                "not JSON: at byte 6: the JSON text ends in the middle",
		`{"a":1} {"a":2}`:       "not JSON: at byte 8: more than one JSON value",
		`[{"a":1}]`:             `[{"a":1}] is no object`,
		`"a"`:                   `"a" is no object`,
		`null`:                  `null is no object`,
		`{"a":1,"a":2}`:         `not JSON: at byte 13: an object has the name "a" twice`,
		`{"a":1,}`:              `not JSON: at byte 7: a name in quotes is expected before "}"`,
		`{"a" 1}`:               `not JSON: at byte 5: a colon is expected before "1}"`,
		`{"a":1 "b":2}`:         `not JSON: at byte 7: a comma or } is expected before "\"b\":2}"`,
		`{"a":[1 2]}`:           `not JSON: at byte 8: a comma or ] is expected before "2]}"`,
		`{"a":01}`:              `not JSON: at byte 6: a comma or } is expected before "1}"`,
		`{"a":1.}`:              `not JSON: at byte 5: digits are missing after the point of "1.}"`,
		`{"a":1e}`:              `not JSON: at byte 5: digits are missing in the exponent of "1e}"`,
		`{"a":-}`:               `not JSON: at byte 5: a number is expected before "-}"`,
		`{"a":nil}`:             `not JSON: at byte 5: no JSON value begins with "nil}"`,
		`{"a":"\ud800"}`:        `not JSON: at byte 5: "\\ud800" is half of a character`,
		`{"a":"\ud800\u0041"}`:  `not JSON: at byte 5: "\\ud800" is half of a character`,
		`{"a":"\udc00\ud800"}`:  `not JSON: at byte 5: "\\udc00" is half of a character`,
		`{"a":"\u00zz"}`:        `not JSON: at byte 5: "\\u00zz" is no escape of JSON`,
		`{"a":"\q"}`:            `not JSON: at byte 5: "\\q\"}" is no escape of JSON`,
		"{\"a\":\"\n\"}":        `not JSON: at byte 5: the string "\n\"}" has a control character`,
		"{\"a\":\"\\t\n\"}":     `not JSON: at byte 5: the string "\\t\n\"}" has a control character`,
		"{\"a\":\"\xff\"}":      `not JSON: at byte 5: the string "\xff" is not UTF-8`,
		"{\"a\":\"\\t\xff\"}":   `not JSON: at byte 5: the string "\t\xff" is not UTF-8`,
		deep(101):               `not JSON: at byte 104: arrays and objects more than 100 deep`,
		deep(1_000_000):         `not JSON: at byte 104: arrays and objects more than 100 deep`,
		strings.Repeat("9", 99): strings.Repeat("9", 40) + "… is no object",
	} {
		object, rejected := encode(t, parquet.Config{Schema: mustSchema(t, "a int")}, in, `{"a":5}`)
		assert.Equal(t, map[int]string{0: want}, rejected)
		assert.Equal(t, []string{`{"a":5}`}, read(t, object))
	}
	_, rejected := encode(t, parquet.Config{Schema: mustSchema(t, "a json")}, deep(100))
	assert.Empty(t, rejected)
}

func TestFormat_findsNamesInAnyCaseIfItIsTold(t *testing.T) {
	c := parquet.Config{Schema: mustSchema(t, "userid int, User struct<name:string>"), FoldCase: true}
	object, rejected := encode(t, c, `{"userId":1,"user":{"Name":"x"}}`, `{"userid":1,"USERID":2}`)
	assert.Equal(t, map[int]string{1: "column userid: it is there twice, once as USERID"}, rejected)
	assert.Equal(t, []string{`{"User":{"name":"x"},"userid":1}`}, read(t, object))
	_, rejected = encode(t, parquet.Config{Schema: c.Schema}, `{"userId":1}`)
	assert.Equal(t, map[int]string{0: "column userId: it is not in the schema"}, rejected)
}

func TestFormat_dropsUnknownFieldsIfItIsTold(t *testing.T) {
	object, rejected := encode(t, parquet.Config{Schema: mustSchema(t, "a int"), Unknown: parquet.DropUnknown}, `{"a":1,"b":{"c":2}}`)
	assert.Empty(t, rejected)
	assert.Equal(t, []string{`{"a":1}`}, read(t, object))
}

func TestFormat_writesNothingIfNothingFits(t *testing.T) {
	for _, c := range []parquet.Config{{}, {Schema: mustSchema(t, "a int not null")}} {
		object, rejected := encode(t, c, `{}`, `x`, `{"a":null}`)
		assert.Empty(t, object)
		assert.Len(t, rejected, 3)
	}
	_, rejected := encode(t, parquet.Config{}, `{}`)
	assert.Equal(t, map[int]string{0: "no record of the object has a value that could be a column"}, rejected)
}

func TestFormat_isTheSameEachTime(t *testing.T) {
	data := []string{`{"b":1,"a":{"z":1,"y":[true]}}`, `{"c":"x","a":{"x":1}}`, `{"d":{"e":"2024-01-01T00:00:00Z"}}`}
	first, _ := encode(t, parquet.Config{}, data...)
	for range 20 {
		again, _ := encode(t, parquet.Config{}, data...)
		require.Equal(t, first, again)
	}
}

func TestFormat_compressesWithin(t *testing.T) {
	data := make([]string, 2000)
	for i := range data {
		data[i] = fmt.Sprintf(`{"n":%d,"at":"2026-11-29T12:%02d:%02dZ"}`, i/10, i/60%60, i%60)
	}
	sizes := make(map[string]int)
	for _, name := range []string{"none", "snappy", "gzip", "zstd"} {
		compression, err := parquet.ParseCompression(name)
		require.NoError(t, err)
		assert.Equal(t, name, compression.String())
		object, rejected := encode(t, parquet.Config{Compression: compression}, data...)
		require.Empty(t, rejected)
		sizes[name] = len(object)
		f, err := library.OpenFile(bytes.NewReader(object), int64(len(object)))
		require.NoError(t, err)
		codec := f.Metadata().RowGroups[0].Columns[0].MetaData.Codec.String()
		assert.Equal(t, map[string]string{"none": "UNCOMPRESSED", "snappy": "SNAPPY", "gzip": "GZIP", "zstd": "ZSTD"}[name], codec)
		assert.Len(t, read(t, object), len(data))
	}
	assert.Less(t, sizes["snappy"], sizes["none"])
	assert.Less(t, sizes["zstd"], sizes["snappy"])
	_, err := parquet.ParseCompression("lzo")
	assert.EqualError(t, err, `compression: "lzo" is none of snappy, none, gzip, zstd`)
}

func TestFormat_endsRowGroupsBySize(t *testing.T) {
	data := make([]string, 10_000)
	for i := range data {
		data[i] = fmt.Sprintf(`{"n":%d,"text":"%032x"}`, i, rand.Uint64())
	}
	object, rejected := encode(t, parquet.Config{RowGroupBytes: parquet.MinRowGroupBytes}, data...)
	require.Empty(t, rejected)
	f, err := library.OpenFile(bytes.NewReader(object), int64(len(object)))
	require.NoError(t, err)
	groups := f.Metadata().RowGroups
	require.Greater(t, len(groups), 4)
	for _, g := range groups {
		assert.Less(t, g.TotalByteSize, int64(2*parquet.MinRowGroupBytes))
	}
	for i, row := range read(t, object) {
		require.Contains(t, row, fmt.Sprintf(`{"n":%d,`, i))
	}
}

// What is held besides the records and what was written is a row group, however
// large the object.
func TestFormat_holdsARowGroup(t *testing.T) {
	text := strings.Repeat("x", 8000)
	data := make([]string, 8000)
	for i := range data {
		data[i] = fmt.Sprintf(`{"n":%d,"text":"%016x%s"}`, i, rand.Uint64(), text)
	}
	in := records(data...)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	most, writes := uint64(0), 0
	w := writerFunc(func(b []byte) (int, error) {
		if writes++; writes%64 != 0 {
			return len(b), nil
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		most = max(most, after.HeapAlloc)
		return len(b), nil
	})
	f := newFormat(t, parquet.Config{RowGroupBytes: 4 << 20, Compression: parquet.Uncompressed})
	_, err := f.Encode(w, in)
	require.NoError(t, err)
	assert.Less(t, int64(most)-int64(before.HeapAlloc), int64(20<<20), "of 64 MB")
	runtime.KeepAlive(in)
}

type writerFunc func(b []byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

func TestFormat_returnsTheErrorOfItsWriter(t *testing.T) {
	full := errors.New("full")
	_, err := newFormat(t, parquet.Config{}).Encode(writerFunc(func([]byte) (int, error) { return 0, full }), records(`{"a":1}`))
	assert.ErrorIs(t, err, full)
}

func TestNew_refusesWhatItCannotDo(t *testing.T) {
	for want, c := range map[string]parquet.Config{
		"RowGroupBytes: 65535 is less than 65536": {RowGroupBytes: parquet.MinRowGroupBytes - 1},
		"RowGroupBytes: -1 is less than 65536":    {RowGroupBytes: -1},
		"Compression: there is no Compression(4)": {Compression: 4},
		"Unknown: there is no 2":                  {Unknown: 2},
		"Schema: it has no column":                {Schema: new(parquet.Schema)},
	} {
		_, err := parquet.New(c)
		assert.EqualError(t, err, want)
		assert.ErrorIs(t, err, weir.ErrInvalidArgument)
	}
}

func TestFormat_saysWhatItIs(t *testing.T) {
	f := newFormat(t, parquet.Config{})
	assert.Equal(t, []any{"parquet", ".parquet", "application/vnd.apache.parquet", false},
		[]any{f.Name(), f.Extension(), f.ContentType(), f.Compressible()})
}

// Package readers has other people's programs read what a delivery writes.
package readers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/delivery"
	"github.com/weirstream/weir/delivery/codec"
	"github.com/weirstream/weir/delivery/parquet"
)

// python runs read.py.
func python(t *testing.T, args ...string) string {
	interpreter := os.Getenv("WEIR_PYTHON")
	require.NotEmpty(t, interpreter, "these tests need Python: run delivery/readers/run")
	c := exec.Command(interpreter, append([]string{"read.py"}, args...)...)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	require.NoError(t, err, "%s", &stderr)
	return string(out)
}

func records(data ...string) []delivery.Record {
	out := make([]delivery.Record, len(data))
	for i, d := range data {
		out[i].Record = weir.Record{Data: []byte(d)}
	}
	return out
}

// write makes an object, and returns its file.
func write(t *testing.T, c parquet.Config, data ...string) string {
	f, err := parquet.New(c)
	require.NoError(t, err)
	file, err := os.CreateTemp(t.TempDir(), "*.parquet")
	require.NoError(t, err)
	rejected, err := f.Encode(file, records(data...))
	require.NoError(t, err)
	assert.Empty(t, rejected)
	require.NoError(t, file.Close())
	return file.Name()
}

// readers are those that print the rows of a file.
var readers = []string{"duckdb", "pyarrow"}

func TestParquet_isReadAsItWasMeant(t *testing.T) {
	schema, err := parquet.ParseSchema("b boolean, t tinyint, s smallint, i int, l bigint not null, f float, d double, " +
		"c decimal(5,2), e decimal(18,3), g decimal(38,10), text string, bin binary, day date, ms timestamp(3), us timestamp, " +
		"j json, list array<int>, deep array<array<struct<a:int, b:map<string,array<string>>>>>, m map<string,double>, " +
		"`odd, \"name\"` struct<x:struct<y:string not null> not null>")
	require.NoError(t, err)
	in := []string{
		`{"b":true,"t":-128,"s":32767,"i":-2147483648,"l":9223372036854775807,"f":0.5,"d":1e-300,
		  "c":-123.45,"e":999999999999999.999,"g":"-9999999999999999999999999999.9999999999","text":"é😀\u0000","bin":"AP8=",
		  "day":"1969-12-31","ms":"2024-02-29T23:59:59.999+01:00","us":"1969-12-31T23:59:59.999999Z",
		  "j":{"k":[1,"x"]},"list":[1,null,3],"deep":[[{"a":1,"b":{"k":["x",null],"z":[]}},null],[],null],"m":{"x":1.5,"y":null},
		  "odd, \"name\"":{"x":{"y":"in"}}}`,
		`{"l":1,"list":[],"deep":[],"m":{},"text":""}`,
		`{"l":-1}`,
	}
	want := []string{
		`{"b":true,"t":-128,"s":32767,"i":-2147483648,"l":9223372036854775807,"f":0.5,"d":1e-300,
		  "c":"decimal -123.45","e":"decimal 999999999999999.999","g":"decimal -9999999999999999999999999999.9999999999","text":"é😀\u0000","bin":"bytes AP8=",
		  "day":"date 1969-12-31","ms":"instant 2024-02-29T22:59:59.999000+00:00","us":"instant 1969-12-31T23:59:59.999999+00:00",
		  "j":"{\"k\":[1,\"x\"]}","list":[1,null,3],"deep":[[{"a":1,"b":{"k":["x",null],"z":[]}},null],[],null],"m":{"x":1.5,"y":null},
		  "odd, \"name\"":{"x":{"y":"in"}}}`,
		`{"b":null,"t":null,"s":null,"i":null,"l":1,"f":null,"d":null,"c":null,"e":null,"g":null,"text":"","bin":null,
		  "day":null,"ms":null,"us":null,"j":null,"list":[],"deep":[],"m":{},"odd, \"name\"":null}`,
		`{"b":null,"t":null,"s":null,"i":null,"l":-1,"f":null,"d":null,"c":null,"e":null,"g":null,"text":null,"bin":null,
		  "day":null,"ms":null,"us":null,"j":null,"list":null,"deep":null,"m":null,"odd, \"name\"":null}`,
	}
	var files []string
	for _, name := range []string{"snappy", "none", "gzip", "zstd"} {
		compression, err := parquet.ParseCompression(name)
		require.NoError(t, err)
		files = append(files, write(t, parquet.Config{Schema: schema, Compression: compression}, in...))
	}
	for _, reader := range readers {
		lines := strings.Split(strings.TrimSpace(python(t, append([]string{reader}, files...)...)), "\n")
		require.Len(t, lines, len(files)*len(want))
		for i := range lines {
			assert.JSONEq(t, want[i%len(want)], lines[i], "row %d of %s", i, reader)
		}
	}
}

// What is found out is read too, over several row groups.
func TestParquet_isReadWhereColumnsWereFoundOut(t *testing.T) {
	data := make([]string, 20_000)
	for i := range data {
		data[i] = fmt.Sprintf(`{"n":%d,"user":{"id":"u%d","tags":["a","b%d"]},"at":"2026-11-29T12:%02d:%02dZ","price":%d.25}`, i, i%100, i%7, i/60%60, i%60, i)
	}
	file := write(t, parquet.Config{RowGroupBytes: parquet.MinRowGroupBytes}, data...)
	for _, reader := range readers {
		lines := strings.Split(strings.TrimSpace(python(t, reader, file)), "\n")
		require.Len(t, lines, len(data), reader)
		for _, i := range []int{0, 1, 9_999, 19_999} {
			assert.JSONEq(t, fmt.Sprintf(`{"n":%d,"user":{"id":"u%d","tags":["a","b%d"]},"at":"instant 2026-11-29T12:%02d:%02d+00:00","price":%d.25}`,
				i, i%100, i%7, i/60%60, i%60, i), lines[i], reader)
		}
	}
	groups := python(t, "query", fmt.Sprintf("SELECT count(DISTINCT row_group_id) > 2 AS several, sum(num_values)::INT AS n, min(stats_min_value::INT) AS least, "+
		"max(stats_max_value::INT) AS most FROM parquet_metadata('%s') WHERE path_in_schema = 'n'", file))
	assert.JSONEq(t, `{"several":true,"n":20000,"least":0,"most":19999}`, groups)
}

// Objects whose columns differ are one table by name.
func TestParquet_isReadAsOneTableByName(t *testing.T) {
	a := write(t, parquet.Config{}, `{"id":1,"name":"ann"}`, `{"id":2}`)
	b := write(t, parquet.Config{}, `{"name":"bob","id":3.5,"new":{"x":true}}`)
	got := python(t, "query", fmt.Sprintf("SELECT * FROM read_parquet(['%s', '%s'], union_by_name = true) ORDER BY id", a, b))
	assert.Equal(t, `{"id": 1.0, "name": "ann", "new": null}
{"id": 2.0, "name": null, "new": null}
{"id": 3.5, "name": "bob", "new": {"x": true}}
`, got)
}

func TestCodec_isUnpackedByOthers(t *testing.T) {
	z, err := codec.Zstd(0)
	require.NoError(t, err)
	var text []byte
	for i := range 100_000 {
		text = fmt.Appendf(text, "{\"n\":%d,\"square\":%d}\n", i, i*i)
	}
	for _, c := range []delivery.Codec{z, codec.Snappy(), codec.HadoopSnappy()} {
		file, err := os.Create(filepath.Join(t.TempDir(), "x.json"+c.Extension()))
		require.NoError(t, err)
		w, err := c.NewWriter(file, "x.json")
		require.NoError(t, err)
		_, err = w.Write(text)
		require.NoError(t, err)
		require.NoError(t, w.Close())
		require.NoError(t, file.Close())
		assert.True(t, python(t, "unpack", c.Name(), file.Name()) == string(text), c.Name())
		if c.Name() != "zstd" {
			continue
		}
		var sum struct{ N, Most int }
		require.NoError(t, json.Unmarshal([]byte(python(t, "query", fmt.Sprintf("SELECT count(*) AS n, max(n) AS most FROM read_json('%s')", file.Name()))), &sum))
		assert.Equal(t, 100_000, sum.N)
		assert.Equal(t, 99_999, sum.Most)
	}
}

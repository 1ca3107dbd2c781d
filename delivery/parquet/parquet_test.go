package parquet_test

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"strconv"
	"testing"

	library "github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"
	"github.com/weirstream/weir"
	"github.com/weirstream/weir/delivery"
	"github.com/weirstream/weir/delivery/parquet"
)

func newFormat(t testing.TB, c parquet.Config) *parquet.Format {
	t.Helper()
	f, err := parquet.New(c)
	require.NoError(t, err)
	return f
}

func mustSchema(t testing.TB, text string) *parquet.Schema {
	t.Helper()
	s, err := parquet.ParseSchema(text)
	require.NoError(t, err)
	return s
}

func records(data ...string) []delivery.Record {
	out := make([]delivery.Record, len(data))
	for i, d := range data {
		out[i].Record = weir.Record{Data: []byte(d)}
	}
	return out
}

// encode returns the object, and why records are not in it.
func encode(t testing.TB, c parquet.Config, data ...string) (object []byte, rejected map[int]string) {
	t.Helper()
	var b bytes.Buffer
	rejections, err := newFormat(t, c).Encode(&b, records(data...))
	require.NoError(t, err)
	rejected = make(map[int]string)
	for i, r := range rejections {
		rejected[r.Index] = r.Err.Error()
		require.True(t, i == 0 || rejections[i-1].Index < r.Index, "rising")
	}
	return b.Bytes(), rejected
}

// read returns the rows of an object as JSON.
func read(t testing.TB, object []byte) []string {
	t.Helper()
	r := library.NewGenericReader[any](bytes.NewReader(object))
	defer r.Close()
	var out []string
	for {
		row := make([]any, 1)
		n, err := r.Read(row)
		if n == 1 {
			b, err := json.Marshal(exactly(row[0]))
			require.NoError(t, err)
			out = append(out, string(b))
		}
		if err == io.EOF {
			return out
		}
		require.NoError(t, err)
	}
}

// exactly writes out whole numbers of doubles, which would be rounded else.
func exactly(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name := range v {
			v[name] = exactly(v[name])
		}
	case []any:
		for i := range v {
			v[i] = exactly(v[i])
		}
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1e20 {
			return json.Number(strconv.FormatFloat(v, 'f', 0, 64))
		}
		return json.Number(strconv.FormatFloat(v, 'g', -1, 64))
	}
	return v
}

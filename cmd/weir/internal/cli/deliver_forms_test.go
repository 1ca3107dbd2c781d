package cli_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/zstd"
	library "github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// An order is what the tests deliver.
type order struct {
	ID       int64  `parquet:"id"`
	Customer string `parquet:"customer"`
}

// orders are as JSON, with one that does not fit, behind the 20 records of
// storedStream, which are no JSON.
func orders(t *testing.T) (dir string, records int) {
	dir, _ = storedStream(t)
	c := &consumption{t: t, dir: dir}
	c.put(`{"id":1,"customer":"a"}`, `{"id":2,"customer":"b"}`, `{"id":"three","customer":"a"}`, `{"id":4,"customer":"a","more":true}`)
	return dir, 24
}

func unzstd(t *testing.T, body string) string {
	d, err := zstd.NewReader(strings.NewReader(body))
	require.NoError(t, err)
	defer d.Close()
	text, err := io.ReadAll(d)
	require.NoError(t, err)
	return string(text)
}

func parquetRows(t *testing.T, body string) []order {
	rows, err := library.Read[order](strings.NewReader(body), int64(len(body)))
	require.NoError(t, err)
	return rows
}

func TestDeliver_makesParquet(t *testing.T) {
	dir, n := orders(t)
	schema := filepath.Join(t.TempDir(), "schema")
	require.NoError(t, os.WriteFile(schema, []byte("id bigint not null,\ncustomer string\n"), 0o644))
	for _, row := range []struct {
		flags []string
		want  []order
	}{
		{[]string{"--schema", schema}, []order{{1, "a"}, {2, "b"}}},
		{[]string{"--schema", schema, "--drop-unknown", "--compress", "zstd"}, []order{{1, "a"}, {2, "b"}, {4, "a"}}},
		{nil, []order{{1, "a"}, {2, "b"}, {4, "a"}}},
	} {
		k, lake := newTaker(t, ""), filepath.Join(t.TempDir(), "lake")
		status, errs := k.deliver(t, nil, n, append([]string{dir, "--to", lake, "--backup", k.url, "--interval", "200ms", "--store", t.TempDir(), "--format", "parquet"}, row.flags...)...)
		require.Zero(t, status, errs)
		var got []order
		failed := ""
		for name, body := range filesBelow(t, lake) {
			if strings.HasSuffix(name, ".parquet") {
				got = append(got, parquetRows(t, body)...)
			} else {
				assert.Contains(t, name, "format-conversion-failed/")
				failed += body
			}
		}
		assert.Equal(t, row.want, got)
		assert.Equal(t, n-len(row.want), strings.Count(failed, "\n"))
		assert.Contains(t, failed, `column id: \"three\" is no bigint`)
	}
}

// bucket is a store with one bucket, of which it knows as much as is asked.
type bucket struct {
	mu      sync.Mutex // guards what follows
	objects map[string]string
}

func (b *bucket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key, ok := strings.CutPrefix(r.URL.Path, "/lake")
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if r.Method == http.MethodHead {
		return
	}
	var body bytes.Buffer
	_, _ = body.ReadFrom(r.Body)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.objects[key] = body.String()
}

func TestDeliver_toABucket(t *testing.T) {
	dir, n := orders(t)
	b := &bucket{objects: make(map[string]string)}
	s := httptest.NewServer(b)
	defer s.Close()
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "none"))
	t.Setenv("AWS_REGION", "eu-central-1")
	t.Setenv("AWS_ENDPOINT_URL_S3", s.URL)
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	k := newTaker(t, "")
	status, errs := k.deliver(t, nil, n, dir, "--to", "s3://lake/orders", "--backup", k.url, "--interval", "200ms", "--store", t.TempDir(), "--compress", "zstd", "--prefix", "raw/")
	require.Zero(t, status, errs)
	text := ""
	for key, body := range b.objects {
		assert.True(t, strings.HasPrefix(key, "/orders/raw/2027/"), key)
		text += unzstd(t, body)
	}
	assert.Equal(t, n, strings.Count(text, "\n"))

	status, errs = k.deliver(t, nil, n, dir, "--to", "s3://other", "--store", t.TempDir())
	assert.Equal(t, 1, status)
	assert.Contains(t, errs, `there is no bucket "other"`)
}

func TestDeliver_refusesForms(t *testing.T) {
	dir, _ := storedStream(t)
	lake, wrong := filepath.Join(t.TempDir(), "lake"), filepath.Join(t.TempDir(), "wrong")
	require.NoError(t, os.WriteFile(wrong, []byte("a text"), 0o644))
	for want, args := range map[string][]string{
		`--compress, with --format parquet: compression: "zip" is none of snappy, none, gzip, zstd`: {"--to", lake, "--format", "parquet", "--compress", "zip"},
		"--drop-unknown is for the columns of Parquet":                                              {"--to", lake, "--drop-unknown"},
		`schema, at byte 6: column "a": there is no type "text"`:                                    {"--to", lake, "--format", "parquet", "--schema", wrong},
		"--partition: expression: at byte 5: unexpected EOF":                                        {"--to", lake, "--partition-jq", "{c:.c"},
		`Prefix: refers to partition key "d"`:                                                       {"--to", lake, "--partition-jq", "{c}", "--prefix", "!{partitionKeyFromQuery:d}/", "--error-prefix", "e/!{firehose:error-output-type}/"},
	} {
		status, _, errs := weir(t, "", append([]string{"deliver", dir, "--store", t.TempDir()}, args...)...)
		assert.Equal(t, 1, status, want)
		assert.Contains(t, errs, want)
	}
}

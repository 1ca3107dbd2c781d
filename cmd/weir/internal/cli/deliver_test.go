package cli_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/cmd/weir/internal/cli"
	"github.com/weirstream/weir/delivery"
)

// A taker is an endpoint that notes what it is given, and ends the run when that
// is enough.
type taker struct {
	url string

	mu     sync.Mutex // guards what follows
	texts  []string
	most   int
	enough func()
}

func newTaker(t *testing.T, key string) *taker {
	k := &taker{}
	s := httptest.NewServer(&delivery.Endpoint{AccessKey: key, Take: func(_ context.Context, r *delivery.EndpointRequest) error {
		k.mu.Lock()
		defer k.mu.Unlock()
		for _, data := range r.Records {
			k.texts = append(k.texts, string(data))
		}
		if len(k.texts) >= k.most {
			k.enough()
		}
		return nil
	}})
	t.Cleanup(s.Close)
	k.url = s.URL
	return k
}

// deliver runs weir deliver until the endpoint was given so many records.
func (k *taker) deliver(t *testing.T, env map[string]string, records int, args ...string) (status int, errs string) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	k.mu.Lock()
	k.texts, k.most, k.enough = nil, records, cancel
	k.mu.Unlock()
	var stderr bytes.Buffer
	status = cli.Run(ctx, append([]string{"deliver"}, args...), func(name string) string { return env[name] }, strings.NewReader(""), io.Discard, &stderr)
	return status, stderr.String()
}

// filesBelow returns what is in the files below a directory, by their names.
func filesBelow(t *testing.T, dir string) map[string]string {
	found := make(map[string]string)
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		found[filepath.ToSlash(name)] = string(body)
		return err
	}))
	return found
}

// An endpoint gets each record once, though there were two runs.
func TestDeliver_toAnEndpoint(t *testing.T) {
	dir, _ := storedStream(t)
	k := newTaker(t, "secret")
	args := []string{dir, "--to", k.url, "--store", t.TempDir(), "--interval", "0s", "--count", "7", "--compress", "gzip"}
	env := map[string]string{"WEIR_DELIVERY_ACCESS_KEY": "secret"}
	status, errs := k.deliver(t, env, 20, args...)
	require.Zero(t, status, errs)
	assert.Equal(t, all20(), k.texts)
	assert.Contains(t, errs, "orders → "+k.url+", group orders-deliver in ")
	assert.Contains(t, errs, "Group orders-deliver: records 20 read, 20 delivered; objects 3 of ")

	c := &consumption{t: t, dir: dir}
	c.put("later")
	status, errs = k.deliver(t, env, 1, args...)
	require.Zero(t, status, errs)
	assert.Equal(t, []string{"later"}, k.texts)
}

// Files have what was held at the end, by partition, and raw records go to a
// backup.
func TestDeliver_toADirectory(t *testing.T) {
	dir, _ := storedStream(t)
	c := &consumption{t: t, dir: dir}
	c.put(`{"c":"a"}{"c":"b"}`)
	k, lake := newTaker(t, ""), filepath.Join(t.TempDir(), "lake")
	status, errs := k.deliver(t, nil, 21, dir, "--to", lake, "--backup", k.url, "--store", t.TempDir(), "--compress", "gzip", "--count", "1000",
		"--partition", "c=.c", "--split-json", "--prefix", "c=!{partitionKeyFromQuery:c}/!{timestamp:yyyy}/", "--error-prefix", "errors/!{firehose:error-output-type}/!{timestamp:yyyy}/",
		"--zone", "Europe/Berlin", "--interval", "1s", "--extension", ".jsonl.gz")
	require.Zero(t, status, errs)
	got := make(map[string]string)
	for name, body := range filesBelow(t, lake) {
		where := filepath.ToSlash(filepath.Dir(filepath.Dir(name)))
		if strings.HasSuffix(name, ".jsonl.gz") {
			z, err := gzip.NewReader(strings.NewReader(body))
			require.NoError(t, err)
			text, err := io.ReadAll(z)
			require.NoError(t, err)
			got[where] += string(text)
		} else {
			got[where] += fmt.Sprint(strings.Count(body, "\n"), " errors")
		}
	}
	assert.Equal(t, map[string]string{"c=a": `{"c":"a"}` + "\n", "c=b": `{"c":"b"}` + "\n", "errors/processing-failed": "20 errors"}, got)
	assert.Contains(t, errs, "records 21 read, 2 delivered, 20 in the error output, 21 backed up")
}

// Parquet, other codecs and jq are modules of their own, which the command has.
func TestDeliver_formsOfOtherModules(t *testing.T) {
	dir, _ := storedStream(t)
	c := &consumption{t: t, dir: dir}
	c.put(`{"c":"a","n":1}`, `{"c":"b","n":2}`)
	for ending, row := range map[string]struct {
		magic string
		args  []string
	}{
		".parquet": {"PAR1", []string{"--format", "parquet"}},
		".zst":     {"\x28\xb5\x2f\xfd", []string{"--compress", "zstd"}},
		".snappy":  {"\xff\x06\x00\x00sNaPpY", []string{"--compress", "snappy"}},
	} {
		k, lake := newTaker(t, ""), filepath.Join(t.TempDir(), "lake")
		status, errs := k.deliver(t, nil, 22, append(row.args, dir, "--to", lake, "--backup", k.url, "--store", t.TempDir(), "--interval", "1s",
			"--jq", "select(.n == 2)", "--partition-jq", "{c}", "--prefix", "!{partitionKeyFromQuery:c}/!{timestamp:yyyy}/", "--error-prefix", "errors/!{firehose:error-output-type}/")...)
		require.Zero(t, status, errs)
		good := 0
		for name, body := range filesBelow(t, lake) {
			if strings.HasPrefix(name, "b/") {
				good++
				assert.True(t, strings.HasPrefix(body, row.magic), name)
				assert.Contains(t, name, ending)
			} else {
				assert.True(t, strings.HasPrefix(name, "errors/"), name)
			}
		}
		assert.Equal(t, 1, good, ending)
		assert.Contains(t, errs, "records 22 read, 1 delivered, 1 dropped, 20 in the error output, 22 backed up")
	}
}

func TestDeliver_refuses(t *testing.T) {
	dir := t.TempDir()
	lake := filepath.Join(dir, "lake")
	for want, args := range map[string][]string{
		"one stream is needed: weir deliver STREAM --to PLACE; 0": {"--to", lake},
		"a place is needed: --to DIRECTORY, --to s3":              {"orders"},
		`--to: "ftp://x" is neither a directory nor a URL`:        {"orders", "--to", "ftp://x"},
		`--to: s3sink: "s3://" is not like s3://bucket`:           {"orders", "--to", "s3://"},
		`--to: delivery: URL: "http://" is no URL`:                {"orders", "--to", "http://"},
		"--split-json and --split-at are two ways":                {"orders", "--to", lake, "--split-json", "--split-at", ","},
		"--zone: unknown time zone Nowhere/Atlantis":              {"orders", "--to", lake, "--zone", "Nowhere/Atlantis"},
		"--compress zip: an endpoint takes none or gzip":          {"orders", "--to", "http://localhost", "--compress", "zip"},
		`--partition: "c" is no NAME=PATH`:                        {"orders", "--to", lake, "--partition", "c"},
		`--partition: path of c: "$" leads nowhere`:               {"orders", "--to", lake, "--partition", "c=$"},
		`--transform: "x" is no URL`:                              {"orders", "--to", lake, "--transform", "x"},
		`--group: group name "a/b"`:                               {"orders", "--to", lake, "--group", "a/b"},
		"--failover 99ms: must be 100ms at least":                 {"orders", "--to", lake, "--failover", "99ms"},
		"--patience 1s: must be --failover, 2s, at least":         {"orders", "--to", lake, "--failover", "2s", "--patience", "1s"},
		`must be "none" or "gzip" or "zip"`:                       {"orders", "--to", lake, "--compress", "rar"},
		"--jq and --transform are two transforms":                 {"orders", "--to", lake, "--jq", ".", "--transform", "http://localhost/"},
		"--partition and --partition-jq are two ways":             {"orders", "--to", lake, "--partition", "c=.c", "--partition-jq", "{c}"},
		"--schema has the columns of Parquet":                     {"orders", "--to", lake, "--schema", "x"},
		"--schema: open /nothing/here":                            {"orders", "--to", lake, "--format", "parquet", "--schema", "/nothing/here"},
		"--format parquet: an endpoint gets records":              {"orders", "--to", "http://localhost", "--format", "parquet"},
		"--jq: ":                     {"orders", "--to", lake, "--jq", "{"},
		"there is no such directory": {"./nothing-here", "--to", lake},
	} {
		status, _, errs := weir(t, "", append([]string{"deliver", "--store", filepath.Join(dir, "groups")}, args...)...)
		assert.Equal(t, 1, status, want)
		assert.Contains(t, errs, want)
	}
	stream, _ := storedStream(t)
	for want, args := range map[string][]string{
		"ErrorPrefix: is empty, but must be set because Prefix has an expression": {"--prefix", "!{timestamp:yyyy}"},
		`expression !{when:yyyy}: "when" is none of timestamp`:                    {"--prefix", "!{when:yyyy}"},
		"Prefix: refers to partition key \"c\", and there is no Partition":        {"--prefix", "!{partitionKeyFromQuery:c}", "--error-prefix", "e/!{firehose:error-output-type}/"},
		"Memory: 1024 is not 10485760 to":                                         {"--memory", "1KiB"},
		"not a directory":                                                         {"--to", "/dev/null/x"},
	} {
		status, _, errs := weir(t, "", append([]string{"deliver", stream, "--to", lake, "--store", filepath.Join(dir, "groups")}, args...)...)
		assert.Equal(t, 1, status, want)
		assert.Contains(t, errs, want)
	}
}

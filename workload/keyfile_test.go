package workload_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/workload"
)

func TestParseKeys(t *testing.T) {
	keys, err := workload.ParseKeys(strings.NewReader("a\nb with spaces\t2.5\r\n\n#c\t1e3\né"))
	require.NoError(t, err)
	assert.Equal(t, []workload.WeightedKey{{Key: "a", Weight: 1}, {Key: "b with spaces", Weight: 2.5}, {Key: "#c", Weight: 1000}, {Key: "é", Weight: 1}}, keys)
}

func TestParseKeys_errors(t *testing.T) {
	for text, want := range map[string]string{
		"":                                "no keys",
		"\n\n":                            "no keys",
		"a\n\t5":                          "line 2: key is empty",
		"a\tmany":                         `line 1: weight "many" is no number from 1e-15 to 1e+15`,
		"a\t0":                            `line 1: weight "0" is no number from 1e-15 to 1e+15`,
		"a\t":                             `line 1: weight "" is no number from 1e-15 to 1e+15`,
		"a\n\xff":                         `line 2: key "\xff" is not UTF-8`,
		strings.Repeat("k", 257):          "line 1: key has 257 characters; at most 256 are allowed",
		"a\n" + strings.Repeat("k", 5000): "line 2: longer than 4096 bytes",
	} {
		_, err := workload.ParseKeys(strings.NewReader(text))
		assert.EqualError(t, err, want)
	}
	broken := errors.New("broken pipe")
	_, err := workload.ParseKeys(iotest.ErrReader(broken))
	assert.ErrorIs(t, err, broken)
}

func TestWorkload_ReadKeys(t *testing.T) {
	w := run(time.Second, workload.Traffic{Rate: workload.Rate{Constant: 1}})
	w.Traffic = append(w.Traffic, workload.Traffic{Rate: workload.Rate{Constant: 1}, Keys: workload.Keys{File: "keys.tsv"}})
	open := func(file string) (io.ReadCloser, error) {
		assert.Equal(t, "keys.tsv", file)
		return io.NopCloser(strings.NewReader("a\t3")), nil
	}
	read, err := w.ReadKeys(open)
	require.NoError(t, err)
	assert.Equal(t, workload.Keys{Weighted: []workload.WeightedKey{{Key: "a", Weight: 3}}}, read.Traffic[1].Keys)
	assert.Equal(t, "keys.tsv", w.Traffic[1].Keys.File, "the original is as it was")
	for _, a := range arrivals(t, read) {
		assert.Equal(t, a.Traffic == 1, a.Key.Text == "a")
	}

	missing := errors.New("no such file")
	_, err = w.ReadKeys(func(string) (io.ReadCloser, error) { return nil, missing })
	require.ErrorIs(t, err, missing)
	assert.EqualError(t, err, "traffic[1].keys.file: keys.tsv: no such file")
}

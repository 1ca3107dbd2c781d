package cli_test

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	engine "github.com/weirstream/weir"
	"github.com/weirstream/weir/console"
)

func TestTop_ofADirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "orders")
	s, err := engine.Open(dir, engine.Config{Name: "orders", Shards: 2})
	require.NoError(t, err)
	_, err = s.PutRecord(t.Context(), "k", []byte("kept"))
	require.NoError(t, err)
	require.NoError(t, s.Close())

	status, out, errs := weir(t, "", "top", dir)
	assert.Zero(t, status, errs)
	assert.Contains(t, out, "weir top")
	assert.Contains(t, out, "shardId-000000000001")
	status, out, errs = weir(t, "", "top", dir, "--json", "--count", "1")
	assert.Zero(t, status, errs)
	var seen console.Top
	require.NoError(t, json.Unmarshal([]byte(out), &seen))
	assert.Equal(t, 2, seen.Streams[0].OpenShards)
	assert.EqualValues(t, 5, seen.Streams[0].BytesHeld)

	for _, bad := range [][]string{{"top", "a", "b"}, {"top", "--endpoint", "x"}, {"top", dir, "--endpoint", "http://127.0.0.1:1"}, {"top", dir + "/none"}, {"console"}, {"console", dir, "--listen", "x"}} {
		status, _, errs = weir(t, "", bad...)
		assert.Equal(t, 1, status, bad)
		assert.NotEmpty(t, errs)
	}
}

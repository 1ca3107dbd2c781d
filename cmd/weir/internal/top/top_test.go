package top_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/cmd/weir/internal/top"
	"github.com/weirstream/weir/console"
)

// The hottest comes first, and its seconds stand beside its limit: those with
// throttles are marked, half the limit is half a block.
func TestLines(t *testing.T) {
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	cold, err := weir.NewStream("cold", weir.Config{Now: clock})
	require.NoError(t, err)
	hot, err := weir.NewStream("hot", weir.Config{Now: clock, Shards: 2})
	require.NoError(t, err)
	for second := range 10 {
		n := 500
		if second == 4 || second == 5 {
			n = 1600
		}
		for range n {
			hot.PutRecord(t.Context(), "a", []byte("x"))
		}
		now = now.Add(time.Second)
	}
	c, err := console.New(console.Config{Source: console.Streams(cold, hot), Now: clock})
	require.NoError(t, err)
	server := httptest.NewServer(c)
	defer server.Close()
	look, err := top.Endpoint(server.URL+"/", "", "")
	require.NoError(t, err)
	found, err := look(t.Context())
	require.NoError(t, err)
	lines := top.Lines(found, 3)
	text := strings.Join(lines, "\n")
	assert.Contains(t, lines[0], "12:00:10  2 streams")
	first := func(part string) int { return strings.Index(text, part) }
	assert.Less(t, first("\n hot "), first("\n cold "), text)
	assert.Contains(t, text, strings.Repeat(".", 25)+"▅▅!▅▅", "two seconds a character")
	assert.Len(t, top.Lines(found, 1), len(lines)-2)
}

// What is told of all streams stands in the title, also if not all are shown; and
// a shard that was throttled is shown before others.
func TestLines_sayWhatThereIsInAll(t *testing.T) {
	found := console.Top{Total: 300, RecordsPerSecond: 1000, Streams: []console.TopStream{{Name: "orders", RecordsPerSecond: 10, Shards: []console.TopShard{
		{ID: "shardId-000000000000", Load: 0.9, Peak: 0.9}, {ID: "shardId-000000000001", Load: 0.1, Peak: 1, Throttled: 5},
	}}}}
	lines := top.Lines(found, 1)
	assert.Contains(t, lines[0], "  300 streams, 1000 records/s in")
	assert.Contains(t, lines[len(lines)-1], "shardId-000000000001")
	v := new(top.View)
	v.Saw(found)
	assert.Contains(t, v.Frame(80, 24)[0], "  300 streams, 1000 records/s in")
	found.Total, found.RecordsPerSecond = 0, 0
	assert.Contains(t, top.Lines(found, 1)[0], "  1 stream, 10 records/s in", "of an endpoint of an earlier version")
}

func TestEndpoint_saysWhyItCannotLook(t *testing.T) {
	for _, bad := range []string{"", "127.0.0.1:4567", "ftp://a", "http://"} {
		_, err := top.Endpoint(bad, "", "")
		assert.ErrorContains(t, err, "is no URL", bad)
	}
	for status, want := range map[int]string{401: "WEIR_ACCESS_KEY", 403: "--console remote", 404: "no console", 500: "500"} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		look, err := top.Endpoint(server.URL, "a", "b")
		require.NoError(t, err)
		_, err = look(t.Context())
		assert.ErrorContains(t, err, want)
		server.Close()
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>")) }))
	defer server.Close()
	look, err := top.Endpoint(server.URL, "", "")
	require.NoError(t, err)
	_, err = look(t.Context())
	assert.ErrorContains(t, err, "no weir serve")
	server.Close()
	_, err = look(t.Context())
	assert.ErrorContains(t, err, "no answer: dial tcp 127.0.0.1:")
	assert.ErrorContains(t, err, "refused")
}

package main

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/delivery"
)

// A watched is an endpoint that sees the raw records of a delivery, and says when
// there were enough.
type watched struct {
	url string

	mu      sync.Mutex // guards what follows
	markers map[string]bool
	given   int
	left    int // records; or, if it is negative, markers
	enough  func()
}

func newWatched(t *testing.T) *watched {
	w := &watched{markers: make(map[string]bool)}
	s := httptest.NewServer(&delivery.Endpoint{Take: func(_ context.Context, r *delivery.EndpointRequest) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, data := range r.Records {
			if text := string(data); strings.HasPrefix(text, "marker") {
				w.markers[text] = true
			}
			w.given++
		}
		if w.left >= 0 && w.given >= w.left || w.left < 0 && len(w.markers) == -w.left {
			w.enough()
		}
		return nil
	}})
	t.Cleanup(s.Close)
	w.url = s.URL
	return w
}

// deliver runs weir deliver until so many records were seen, or if that is
// negative so many markers, and then sends it a signal.
func (w *watched) deliver(t *testing.T, dir, lake, store string, records int, end os.Signal) error {
	p := exec.Command(os.Args[0], "deliver", dir, "--to", lake, "--backup", w.url, "--store", store, "--failover", "1s", "--count", "37", "--interval", "50ms",
		"--prefix", "!{firehose:random-string}/!{timestamp:yyyy}/", "--error-prefix", "errors/!{firehose:error-output-type}/")
	p.Env = append(os.Environ(), asProgram+"=1", "GORACE=atexit_sleep_ms=0")
	p.Stdout, p.Stderr = io.Discard, io.Discard
	w.mu.Lock()
	w.given, w.left, w.enough = 0, records, sync.OnceFunc(func() { p.Process.Signal(end) })
	err := p.Start()
	w.mu.Unlock()
	require.NoError(t, err)
	return p.Wait()
}

// Whoever is killed at any moment, each record is in one file, once.
func TestDeliver_killed(t *testing.T) {
	const shards = 3
	runs := max(2, *kills/3)
	records := 3000 * (runs + 1)
	dir, lake, store := filepath.Join(t.TempDir(), "orders"), filepath.Join(t.TempDir(), "lake"), filepath.Join(t.TempDir(), "groups")
	s, err := weir.Open(dir, weir.Config{Shards: shards, Limits: weir.Unlimited(), Sync: weir.SyncNever})
	require.NoError(t, err)
	for i := range records {
		_, err := s.PutRecord(t.Context(), fmt.Sprint("key-", i), fmt.Appendf(nil, "record %d", i))
		require.NoError(t, err)
	}
	// The last record of each shard says that it is read to its end.
	for i, r := range weir.EvenRanges(shards) {
		_, err := s.PutRecords(t.Context(), []weir.Entry{{PartitionKey: "k", ExplicitHashKey: &r.Start, Data: fmt.Appendf(nil, "marker %d", i)}})
		require.NoError(t, err)
	}
	require.NoError(t, s.Close())
	w := newWatched(t)
	for range runs {
		require.Error(t, w.deliver(t, dir, lake, store, 1+rand.IntN(2000), os.Kill))
	}
	require.Less(t, len(w.markers), shards, "all was delivered before the last kill")
	require.NoError(t, w.deliver(t, dir, lake, store, -shards, syscall.SIGTERM), "exit status 0")
	times := make(map[string]int)
	require.NoError(t, filepath.WalkDir(lake, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), ".weir-") {
			return err
		}
		text, err := os.ReadFile(path)
		for line := range strings.Lines(string(text)) {
			times[strings.TrimSuffix(line, "\n")]++
		}
		return err
	}))
	for i := range records {
		require.Equal(t, 1, times[fmt.Sprint("record ", i)], "record %d", i)
	}
	assert.Len(t, times, records+shards)
}

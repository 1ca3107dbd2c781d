package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/lease"
)

// isProgram has the directory of the test's binary that is to be the program.
const isProgram = "WEIR_EXAMPLE_GROUP_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(isProgram); dir != "" {
		os.Args = []string{"group", "-dir", dir, "-orders", "1000"}
		main()
		return
	}
	os.Exit(m.Run())
}

// Killed and started again, it has counted each order once.
func TestMain_killed(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for the leases of the one that was killed")
	}
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), isProgram+"="+dir)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	_, err = bufio.NewReader(out).ReadString('\n') // it puts orders now
	require.NoError(t, err)
	leases, err := lease.OpenDir(filepath.Join(dir, "leases"), "count")
	require.NoError(t, err)
	for working := false; !working; {
		rows, err := leases.List(t.Context())
		require.NoError(t, err)
		working = slices.ContainsFunc(rows, func(l lease.Lease) bool { return l.Owner != "" })
	}
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())

	put := recordsIn(t, filepath.Join(dir, "orders"))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	before, known := 0, make(chan struct{})
	lines, w := io.Pipe()
	go func() {
		w.CloseWithError(run(ctx, w, dir, 100, func(n int) {
			<-known
			if before+n >= put+100 {
				stop()
			}
		}))
	}()
	in := bufio.NewScanner(lines)
	require.True(t, in.Scan())
	fmt.Sscan(in.Text(), &before)
	close(known)
	require.True(t, in.Scan())
	assert.Equal(t, fmt.Sprint(put+100, " orders have been counted"), in.Text())
	assert.False(t, in.Scan())
	require.NoError(t, in.Err())
}

// recordsIn returns how many records a stream on disk holds.
func recordsIn(t *testing.T, dir string) (n int) {
	s, err := weir.Open(dir, weir.Config{Limits: weir.Unlimited()})
	require.NoError(t, err)
	defer s.Close()
	for _, shard := range s.Shards() {
		r, err := client.Embedded(s).Read(t.Context(), shard.ID, weir.TrimHorizon(), client.Reading{Polling: true, Interval: -1})
		require.NoError(t, err)
		for more := true; more; {
			b, err := r.Next(t.Context())
			require.NoError(t, err)
			n += len(b.Records)
			more = len(b.Records) > 0
		}
		require.NoError(t, r.Close())
	}
	return n
}

// Stopped in the middle and started again, it has counted each order once.
func TestRun_goesOnWhereItStood(t *testing.T) {
	dir := t.TempDir()
	counts := func(orders, until int) (first, last string) {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var out strings.Builder
		require.NoError(t, run(ctx, &out, dir, orders, func(n int) {
			if n >= until {
				stop()
			}
		}))
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		require.Len(t, lines, 2)
		return lines[0], lines[1]
	}
	first, middle := counts(1000, 150)
	assert.Equal(t, "0 orders have been counted", first)
	assert.NotEqual(t, first, middle)
	var n int
	for _, digit := range strings.Fields(middle)[0] {
		n = 10*n + int(digit-'0')
	}
	again, last := counts(200, 1200-n)
	assert.Equal(t, middle, again)
	assert.Equal(t, "1200 orders have been counted", last)
}

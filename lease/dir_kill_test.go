package lease_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/lease"
)

// writerDir is the variable that makes the test binary a writer.
const writerDir = "WEIR_LEASE_WRITER_DIR"

// writerState is long enough for a write to take a while.
func writerState(n int64) []byte { return bytes.Repeat([]byte{byte('a' + n%26)}, 30_000) }

// A writer is another process: it updates one lease for ever, and says each time
// that it did.
func TestDir_writer(t *testing.T) {
	dir := os.Getenv(writerDir)
	if dir == "" {
		t.Skip("for TestDir_processesAndKills")
	}
	d, err := lease.OpenDir(dir, "orders")
	for errors.Is(err, context.DeadlineExceeded) { // the others have been quicker, all that time
		d, err = lease.OpenDir(dir, "orders")
	}
	require.NoError(t, err)
	var l lease.Lease
	for {
		l.Key = "a"
		l.State = writerState(l.Counter + 1)
		got, err := d.Update(t.Context(), l)
		if err != nil && !errors.Is(err, lease.ErrConflict) {
			t.Fatal(err)
		}
		if err == nil {
			fmt.Printf("\nwrote %d\n", got.Counter)
		}
		l = got
	}
}

// Processes share a directory, and one that is killed in the middle of a write
// leaves nothing torn, nothing locked and nothing lost.
func TestDir_processesAndKills(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDir(t, dir, "orders")
	require.NoError(t, d.Create(t.Context(), lease.Lease{Key: "a", State: writerState(0)}))
	stays := startWriter(t, dir)
	for kill := range 15 {
		w := startWriter(t, dir)
		for range 1 + kill%3 {
			w.wrote(t, 0)
		}
		// So that kills fall into all parts of a write.
		time.AfterFunc(time.Duration(kill)*200*time.Microsecond, func() { _ = w.cmd.Process.Kill() })
		for w.out.Scan() { // what it says until it is killed
			w.said(w.out.Text())
		}
		_ = w.cmd.Wait()
		list, err := d.List(t.Context())
		require.NoError(t, err)
		require.Len(t, list, 1)
		require.GreaterOrEqual(t, list[0].Counter, w.last, "what it said that it wrote")
		require.True(t, bytes.Equal(writerState(list[0].Counter), list[0].State))
		stays.wrote(t, list[0].Counter)
	}
}

// A writer is a process that can be killed.
type writer struct {
	cmd  *exec.Cmd
	out  *bufio.Scanner
	last int64
	rest []string // what else it said
}

func startWriter(t *testing.T, dir string) *writer {
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestDir_writer$", "-test.timeout=10m")
	cmd.Env = append(os.Environ(), writerDir+"="+dir)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return &writer{cmd: cmd, out: bufio.NewScanner(out)}
}

func (w *writer) said(line string) bool {
	var n int64
	if _, err := fmt.Sscanf(line, "wrote %d", &n); err != nil {
		w.rest = append(w.rest, line)
		return false
	}
	w.last = n
	return true
}

// wrote waits until the writer has written a counter above one.
func (w *writer) wrote(t *testing.T, above int64) {
	t.Helper()
	for w.out.Scan() {
		if w.said(w.out.Text()) && w.last > above {
			return
		}
	}
	assert.Fail(t, "the writer ended", "it said %q", w.rest)
}

package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const stateVariable = "WEIR_SERVICE_STATE" // set in the process that is to be killed

var seed = flag.Uint64("seed", uint64(time.Now().UnixNano()), "of the moments at which the program is killed")

func TestMain(m *testing.M) {
	if dir := os.Getenv(stateVariable); dir != "" {
		if err := run(context.Background(), os.Stdout, dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// runFor runs for so long on a bubble's clock, or to the end if that is zero, and
// returns what is printed.
func runFor(t *testing.T, dir string, d time.Duration) (out string) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		if d > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, d)
			defer cancel()
		}
		var w bytes.Buffer
		require.NoError(t, run(ctx, &w, dir))
		out = w.String()
	})
	return out
}

// An order is one as a reader's log has it.
type order struct{ producer, customer, n int }

// logged returns the orders that a reader handled, in order.
func logged(t *testing.T, dir, name string) (list []order) {
	text, err := os.ReadFile(filepath.Join(dir, name+".log"))
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		var o order
		_, err := fmt.Sscanf(line, "customer-%d-%d %d\n", &o.producer, &o.customer, &o.n)
		require.NoError(t, err, "%q", line)
		list = append(list, o)
	}
	return list
}

// handled returns how often each order was handled by a reader. It checks that none
// of a customer came before the one before it had been seen.
func handled(t *testing.T, dir, name string) map[order]int {
	times, next := make(map[order]int), make(map[[2]int]int)
	for _, o := range logged(t, dir, name) {
		customer := [2]int{o.producer, o.customer}
		if place := o.n / customers; place > next[customer] {
			require.Fail(t, "a gap", "%s: %v, but only %d came before", name, o, next[customer])
		} else if place == next[customer] {
			next[customer]++
		}
		times[o]++
	}
	return times
}

func TestRun_goesOnWhereItStood(t *testing.T) {
	dir := t.TempDir()
	first := runFor(t, dir, 700*time.Millisecond)
	t.Log(first)
	assert.Regexp(t, `^a new stream\n`, first)
	assert.Contains(t, first, "shardId-000000000000 is split into shardId-000000000002 and shardId-000000000003\n")
	// What is left to each reader: the end may have come before one of them read what
	// the other one has.
	var rest [len(names)]any
	for i, name := range names {
		left := producers*ordersEach - len(handled(t, dir, name))
		assert.Positive(t, left, name)
		rest[i] = left
	}

	second := runFor(t, dir, 0)
	t.Log(second)
	assert.Regexp(t, `^a stream with \d+ records; orders put: \[\d+ \d+ \d+\]\n`, second)
	assert.NotContains(t, second, "begins again")
	end := "billing  %4d read,   0 behind by 0s, 0 lost\nsearch   %4d read,   0 behind by 0s, 0 lost\n"
	assert.True(t, strings.HasSuffix(second, fmt.Sprintf(end, rest[:]...)), "each read its other %d", rest)
	for _, name := range names {
		times := handled(t, dir, name)
		assert.Len(t, times, producers*ordersEach)
		for order, n := range times {
			assert.Equal(t, 1, n, order)
		}
	}

	third := runFor(t, dir, 0)
	assert.Contains(t, third, "orders put: [1500 1500 1500]\n")
	assert.True(t, strings.HasSuffix(third, fmt.Sprintf(end, 0, 0)), "the stream has ended: %s", third)
}

// Killed at any moment and started again, it handles all orders, and the orders of a
// customer in their order. Some are handled twice.
func TestRun_killed(t *testing.T) {
	t.Log("seed", *seed)
	random, dir := rand.New(rand.NewPCG(*seed, 0)), t.TempDir()
	for range 4 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(random.IntN(300))*time.Millisecond)
		out := runProcess(t, ctx, dir)
		cancel()
		assert.NotContains(t, out, "begins again")
	}
	out := runProcess(t, t.Context(), dir)
	assert.NotContains(t, out, "begins again")
	for _, name := range names {
		assert.Len(t, handled(t, dir, name), producers*ordersEach)
	}
}

// runProcess runs in a process of its own, which is killed when ctx ends, and returns
// what is printed.
func runProcess(t *testing.T, ctx context.Context, dir string) string {
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), stateVariable+"="+dir)
	out, err := cmd.CombinedOutput()
	t.Logf("%v\n%s", err, out)
	if ctx.Err() == nil {
		assert.NoError(t, err)
	}
	return string(out)
}

// Killed after the stream was written and before the state was, it finds a state that
// is older: no position is refused, and nothing is missing.
func TestRun_killedBetweenTheTwoFiles(t *testing.T) {
	dir := t.TempDir()
	runFor(t, dir, saveEvery+saveEvery/2)
	old, err := os.ReadFile(filepath.Join(dir, "state"))
	require.NoError(t, err)
	runFor(t, dir, saveEvery/2) // one save only, at its end
	require.NoError(t, os.WriteFile(filepath.Join(dir, "state"), old, 0o644))

	out := runFor(t, dir, 0)

	assert.NotContains(t, out, "begins again")
	for _, name := range names {
		times := handled(t, dir, name)
		assert.Len(t, times, producers*ordersEach)
		repeated := 0
		for _, n := range times {
			repeated += n - 1
		}
		assert.Positive(t, repeated)
	}
}

// Positions that are of a later state of the stream are refused. Its readers begin
// again then, and miss nothing that there is.
func TestRun_streamPutBackFromACopy(t *testing.T) {
	for _, split := range []bool{false, true} { // whether the copy knows all shards of the positions
		dir := t.TempDir()
		out := runFor(t, dir, 150*time.Millisecond)
		if split {
			out = runFor(t, dir, 300*time.Millisecond)
		}
		require.Equal(t, split, strings.Contains(out, "is split"))
		old, err := os.ReadFile(filepath.Join(dir, "stream"))
		require.NoError(t, err)
		runFor(t, dir, 500*time.Millisecond)
		handled(t, dir, "search")
		require.NoError(t, os.WriteFile(filepath.Join(dir, "stream"), old, 0o644))

		out = runFor(t, dir, 0)

		for _, name := range names {
			assert.Contains(t, out, name+" begins again: ")
		}
		t.Log(out[:strings.Index(out, " read,")])
		// All that the copy has, and what was put after it was put back. Of what was put
		// only into the state that is gone, each has what it had read by then.
		var had, left, read int
		_, err = fmt.Sscanf(out, "a stream with %d records", &had)
		require.NoError(t, err)
		end := out[strings.LastIndex(out, "billing "):]
		for _, name := range names {
			_, err = fmt.Sscanf(end[strings.Index(end, name):], name+" %d read, %d behind", &read, &left)
			require.NoError(t, err)
			assert.GreaterOrEqual(t, read, had, end)
			assert.Zero(t, left, end)
		}
		assert.Contains(t, out, "0 lost\n")
	}
}

// A write that fails ends the program with its error.
func TestRun_saysWhatFailed(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "billing.log"), 0o755))
	synctest.Test(t, func(t *testing.T) {
		err := run(t.Context(), io.Discard, dir)
		assert.ErrorContains(t, err, "reader billing: open ")
	})
}

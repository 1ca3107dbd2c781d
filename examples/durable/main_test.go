package main

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
)

const dirVariable = "WEIR_DURABLE_DIR" // set in the process that is to be killed

var seed = flag.Uint64("seed", uint64(time.Now().UnixNano()), "of the moments at which the program is killed")

func TestMain(m *testing.M) {
	if dir := os.Getenv(dirVariable); dir != "" {
		if err := run(context.Background(), os.Stdout, dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// Killed several times, it puts and bills each order once.
func TestRun_killed(t *testing.T) {
	t.Log("seed", *seed)
	random, dir := rand.New(rand.NewPCG(*seed, 0)), t.TempDir()
	onDisk := 0
	for range 5 {
		begin, last := runProcess(t, dir, 1+random.IntN(6), time.Duration(random.IntN(100))*time.Millisecond)
		there, billed := counts(t, begin)
		assert.GreaterOrEqual(t, there, onDisk, "what was acknowledged is there")
		assert.LessOrEqual(t, billed, there, "and nothing is billed that is not")
		assert.True(t, there == orders || strings.Contains(begin, "closed: false"), begin)
		onDisk = max(onDisk, last)
	}

	begin, _ := runProcess(t, dir, orders, 0)
	there, _ := counts(t, begin)
	assert.GreaterOrEqual(t, there, onDisk)
	cents := 0
	for n := range orders {
		cents += 100 + n%900
	}
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out, dir))
	assert.Regexp(t, fmt.Sprintf("^%d orders are there, %d are billed; closed: true, cut off: 0 of [0-9]+ bytes\n%d orders are billed: %d.%02d\n$",
		orders, orders, orders, cents/100, cents%100), out.String())

	s, err := weir.Open(filepath.Join(dir, "orders"), weir.Config{})
	require.NoError(t, err)
	defer s.Close()
	assert.ErrorContains(t, run(t.Context(), &out, dir), "this program runs already: open stream in ")
	n := 0
	for r, err := range s.Records(t.Context(), weir.TrimHorizon().ToTip()) {
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf(`{"Number":%d,"Cents":%d}`, n, 100+n%900), string(r.Data))
		n++
	}
	assert.Equal(t, orders, n)
}

// counts reads the line that a run begins with.
func counts(t *testing.T, line string) (there, billed int) {
	_, err := fmt.Sscanf(line, "%d orders are there, %d are billed;", &there, &billed)
	require.NoError(t, err, line)
	return there, billed
}

// runProcess runs in a process of its own, which is killed some time after it has
// printed so many lines, unless it has ended. It returns the first line, and how many
// orders are on disk by the last one.
func runProcess(t *testing.T, dir string, lines int, after time.Duration) (begin string, onDisk int) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), dirVariable+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	scanner := bufio.NewScanner(out)
	for scanner.Scan() {
		line := scanner.Text()
		t.Log(line)
		if begin == "" {
			begin = line
		}
		if n := 0; strings.HasPrefix(line, "order ") {
			_, err := fmt.Sscanf(line, "order %d is on disk", &n)
			require.NoError(t, err, line)
			onDisk = n + 1
		}
		if lines--; lines == 0 {
			time.AfterFunc(after, cancel) // kill -9
		}
	}
	if err := cmd.Wait(); ctx.Err() == nil {
		require.NoError(t, err)
	}
	return begin, onDisk
}

package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// dirToKill is set in the process that is to be killed.
const dirToKill = "WEIR_EXAMPLE_QUEUE_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(dirToKill); dir != "" {
		if err := run(context.Background(), os.Stdout, dir); err != nil {
			panic(err)
		}
		return
	}
	os.Exit(m.Run())
}

func TestRun(t *testing.T) {
	dir := t.TempDir()
	var first bytes.Buffer
	require.NoError(t, run(t.Context(), &first, dir))
	lines := strings.Split(strings.TrimSpace(first.String()), "\n")
	assert.Equal(t, "0 orders are there, 0 are done", lines[0])
	assert.Contains(t, lines, "try 1: nobody knows the address")
	assert.Contains(t, lines, "try 3: nobody knows the address")
	assert.Equal(t, []string{`dead: {"Number":777,"Address":""}`, "1999 orders are done, 1 are dead"}, lines[len(lines)-2:])

	var again bytes.Buffer
	require.NoError(t, run(t.Context(), &again, dir))
	assert.Equal(t, `2000 orders are there, 1999 are done
dead: {"Number":777,"Address":""}
1999 orders are done, 1 are dead
`, again.String(), "nothing is done twice")
}

func TestRun_killed(t *testing.T) {
	dir, last := t.TempDir(), ""
	for written, kills := 250, 0; ; kills++ {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), dirToKill+"="+dir)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		for lines := bufio.NewScanner(out); lines.Scan(); {
			last = lines.Text()
			if last == fmt.Sprintf("%d letters are written", written) && kills < 2 {
				require.NoError(t, cmd.Process.Kill())
			}
		}
		if cmd.Wait() == nil {
			require.Equal(t, 2, kills)
			break
		}
	}
	assert.Equal(t, "1999 orders are done, 1 are dead", last)
}

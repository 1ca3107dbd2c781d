package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
)

// echoes, as the only argument, makes the test binary a command for weir consume.
const echoes = "echo-and-acknowledge"

// echo prints the lines that it reads to standard error, and acknowledges each.
func echo() {
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		fmt.Fprintf(os.Stderr, "got %s\n", lines.Text())
		var l struct{ ID uint64 }
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			os.Exit(9)
		}
		fmt.Println(l.ID)
	}
	os.Exit(0)
}

// A consumed is what commands were given of a stream.
type consumed struct {
	seen  map[string]int    // how often, by data
	last  map[string]string // the number of the last first delivery of a shard
	order bool              // each first delivery came behind those before it
	given int
}

// consume runs weir consume until its command was given so many lines, or all
// records that there will be were seen, and then sends it a signal.
func (c *consumed) consume(t *testing.T, dir, store string, lines, records int, end os.Signal) error {
	p := exec.Command(os.Args[0], "consume", dir, "--group", "audit", "--store", store, "--failover", "1s", "--", os.Args[0], echoes)
	p.Env = append(os.Environ(), asProgram+"=1", "GORACE=atexit_sleep_ms=0")
	out, err := p.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, p.Start())
	ended := false
	for in := bufio.NewScanner(out); in.Scan(); { // until the command has ended, too
		text, got := strings.CutPrefix(in.Text(), "got ")
		if !got {
			t.Log(text)
			continue
		}
		c.note(t, text)
		c.given++
		if lines--; !ended && (lines <= 0 || len(c.seen) == records) {
			require.NoError(t, p.Process.Signal(end))
			ended = true
		}
	}
	return p.Wait()
}

func (c *consumed) note(t *testing.T, text string) {
	var l struct{ Shard, Sequence, Text string }
	require.NoError(t, json.Unmarshal([]byte(text), &l), text)
	if c.seen[l.Text]++; c.seen[l.Text] == 1 {
		c.order = c.order && c.last[l.Shard] < l.Sequence // they have as many digits
		c.last[l.Shard] = l.Sequence
	}
}

// Whoever is killed at any moment has lost nothing: what it had not acknowledged
// comes again, in order.
func TestConsume_killed(t *testing.T) {
	// More than are processed until the last kill, or nobody would be killed.
	runs := max(1, *kills/3)
	records := 2000 * (runs + 1)
	dir, store := filepath.Join(t.TempDir(), "orders"), filepath.Join(t.TempDir(), "groups")
	put := func(from, to int) {
		s, err := weir.Open(dir, weir.Config{Shards: 4, Limits: weir.Unlimited(), Sync: weir.SyncNever})
		require.NoError(t, err)
		for i := from; i < to; i++ {
			_, err := s.PutRecord(t.Context(), fmt.Sprint("key-", i), fmt.Appendf(nil, "record %d", i))
			require.NoError(t, err)
		}
		require.NoError(t, s.Close())
	}
	put(0, records-1)
	c := &consumed{seen: make(map[string]int), last: make(map[string]string), order: true}
	for range runs {
		require.Error(t, c.consume(t, dir, store, 1+rand.IntN(800), records, os.Kill))
	}
	put(records-1, records)
	require.NoError(t, c.consume(t, dir, store, math.MaxInt, records, syscall.SIGTERM), "exit status 0")
	t.Logf("%d records, given %d times", records, c.given)
	assert.Equal(t, records, len(c.seen))
	assert.True(t, c.order, "first deliveries of each shard came in order")
}

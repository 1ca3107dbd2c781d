package weir_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
)

// lossDir and lossSync are set in the process that is to be killed.
const lossDir, lossSync = "WEIR_LOSS_DIR", "WEIR_LOSS_SYNC"

func init() {
	if dir := os.Getenv(lossDir); dir != "" {
		panic(putTimesUntilKilled(dir, os.Getenv(lossSync)))
	}
}

// putTimesUntilKilled puts the time, again and again, and prints what is
// acknowledged.
func putTimesUntilKilled(dir, sync string) error {
	every, err := time.ParseDuration(sync)
	if err != nil {
		return err
	}
	s, err := weir.Open(dir, weir.Config{Limits: weir.Unlimited(), Sync: every})
	if err != nil {
		return err
	}
	for {
		at := strconv.AppendInt(nil, time.Now().UnixNano(), 10)
		if _, err := s.PutRecord(context.Background(), "k", at); err != nil {
			return err
		}
		fmt.Printf("%s\n", at)
	}
}

// What a killed process takes back of puts that were acknowledged at once is no
// older than its interval and a write; of those that were handed to the
// operating system, nothing.
func TestOpen_lossWindow(t *testing.T) {
	for sync, puts := range map[time.Duration]int{
		0: 500, weir.SyncNever: 20_000, 20 * time.Millisecond: 50_000, 100 * time.Millisecond: 200_000,
	} {
		var most time.Duration
		lost := 0
		for range 5 {
			dir := filepath.Join(t.TempDir(), "test")
			acked := killedAfter(t, dir, sync, rand.IntN(puts))
			s := opened(t, dir, weir.Config{Limits: weir.Unlimited()})
			there := allDataOf(t, s)
			if len(there) >= len(acked) {
				require.Equal(t, acked, there[:len(acked)])
				continue
			}
			assert.Equal(t, acked[:len(there)], append([]string{}, there...), "the last ones are lost")
			most = max(most, nanos(t, acked[len(acked)-1])-nanos(t, acked[len(there)]))
			lost = max(lost, len(acked)-len(there))
			assert.True(t, s.Snapshot().Storage.Recovery.NumbersSkipped)
		}
		t.Logf("Sync %v: at most %v of puts lost, %d records", sync, most, lost)
		assert.LessOrEqual(t, most, max(0, sync)+time.Second, "a machine that is busy writes late")
		if sync <= 0 {
			assert.Zero(t, lost)
		}
	}
}

func nanos(t *testing.T, text string) time.Duration {
	n, err := strconv.ParseInt(text, 10, 64)
	require.NoError(t, err)
	return time.Duration(n)
}

// killedAfter kills a process that puts when it has acknowledged so many, and
// returns all that it had acknowledged by then.
func killedAfter(t *testing.T, dir string, sync time.Duration, n int) (acked []string) {
	ctx, kill := context.WithCancel(t.Context())
	defer kill()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), lossDir+"="+dir, lossSync+"="+fmt.Sprint(sync))
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	for lines := bufio.NewScanner(out); lines.Scan(); {
		acked = append(acked, lines.Text())
		if len(acked) == n+1 {
			kill()
		}
	}
	require.Error(t, cmd.Wait())
	return acked
}

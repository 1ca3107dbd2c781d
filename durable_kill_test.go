package weir_test

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
)

var kills = flag.Int("kills", 10, "how often the process of TestOpen_killed is killed")

// killDir is set in the process that is to be killed.
const killDir = "WEIR_KILL_DIR"

const killProducers = 8

func TestMain(m *testing.M) {
	if dir := os.Getenv(killDir); dir != "" {
		panic(putUntilKilled(dir))
	}
	os.Exit(m.Run())
}

// putUntilKilled puts from several producers and reshards, and prints what is
// acknowledged.
func putUntilKilled(dir string) error {
	s, err := weir.Open(dir, weir.Config{Shards: 2, Limits: weir.Unlimited()})
	if err != nil {
		return err
	}
	var printing sync.Mutex
	say := func(format string, args ...any) {
		printing.Lock()
		defer printing.Unlock()
		fmt.Printf(format+"\n", args...)
	}
	turn, next := make(chan struct{}), make(map[string]int)
	for r, err := range s.Records(context.Background(), weir.TrimHorizon().ToTip()) {
		if err != nil {
			return err
		}
		next[r.PartitionKey]++
	}
	for p := range killProducers {
		key := fmt.Sprint("p", p)
		go func() {
			for n := next[key]; ; n++ {
				if n%3 == 0 { // a batch of one
					results, err := s.PutRecords(context.Background(), []weir.Entry{{PartitionKey: key, Data: fmt.Append(nil, n)}})
					if err != nil || results[0].Err != nil {
						panic(fmt.Sprint(err, results))
					}
				} else if _, err := s.PutRecord(context.Background(), key, fmt.Append(nil, n)); err != nil {
					panic(err)
				}
				say("ack %s %d", key, n)
				if n%10 == 0 { // or there would be as many shards as records
					turn <- struct{}{}
				}
			}
		}()
	}
	for i := 0; ; i++ {
		<-turn
		if _, err := s.Resize(context.Background(), 1+i%5); err != nil {
			return err
		}
		say("resharded")
	}
}

// Killed at any moment, a stream has each record that was acknowledged, once
// and in order, and begins nothing that was not put.
func TestOpen_killed(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Log("seed", seed)
	random, dir, total := rand.New(rand.NewPCG(seed, 0)), "", 0
	acked := make(map[string]int) // how many of each producer
	for i := range *kills {
		if i%50 == 0 { // or there would be ever more closed shards to open again
			dir = t.TempDir()
			clear(acked)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cmd := exec.CommandContext(ctx, os.Args[0])
		cmd.Env = append(os.Environ(), killDir+"="+dir)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		// After so many lines, and a little: a wait by the clock would kill it before
		// it began on a busy machine.
		left := random.IntN(400)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			var key string
			var n int
			if _, err := fmt.Sscanf(lines.Text(), "ack %s %d", &key, &n); err == nil {
				acked[key] = max(acked[key], n+1)
			} else if !strings.HasPrefix(lines.Text(), "resharded") {
				t.Log(lines.Text())
			}
			if left--; left < 0 {
				cancel() // SIGKILL; what it says meanwhile is read too
			}
		}
		cmd.Wait()
		cancel()

		s, err := weir.Open(dir, weir.Config{Limits: weir.Unlimited()})
		require.NoError(t, err)
		require.NoError(t, weir.CheckInvariants(s))
		there := make(map[string]int)
		for _, r := range allRecords(t, s) {
			require.Equal(t, fmt.Sprint(there[r.PartitionKey]), string(r.Data), "of %s, in its order and once", r.PartitionKey)
			there[r.PartitionKey]++
		}
		for key, n := range acked {
			require.GreaterOrEqual(t, there[key], n, "%s: acknowledged", key)
			require.LessOrEqual(t, there[key], n+1, "%s: put", key)
			acked[key] = there[key]
		}
		require.NoError(t, s.Close())
		if i%50 == 49 || i == *kills-1 {
			for _, n := range acked {
				total += n
			}
		}
	}
	t.Logf("%d kills, %d records", *kills, total)
	assert.Positive(t, total)
}

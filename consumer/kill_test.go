package consumer_test

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/lease"
)

var groupKills = flag.Int("group-kills", 6, "how often the process of TestGroup_killedProcess is killed")

// killDir is set in the process that is to be killed, and killName names its
// worker.
const killDir, killName = "WEIR_GROUP_KILL_DIR", "WEIR_GROUP_KILL_NAME"

// stoppedName makes it the process that is stopped and goes on.
const stoppedName = "stopped"

func TestMain(m *testing.M) {
	dir := os.Getenv(killDir)
	switch {
	case dir != "" && os.Getenv(killName) == stoppedName:
		if err := processUntilStopped(dir); err != nil {
			panic(err)
		}
		return
	case dir != "":
		panic(processUntilKilled(dir, os.Getenv(killName)))
	}
	os.Exit(m.Run())
}

// killed are the stream and the leases of the process that is to be killed, both
// on disk.
func killed(dir string) (*weir.Stream, *lease.Dir, error) {
	s, err := weir.Open(filepath.Join(dir, "stream"), weir.Config{Shards: 3, Limits: weir.Unlimited()})
	if err != nil {
		return nil, nil, err
	}
	store, err := lease.OpenDir(filepath.Join(dir, "leases"), "killed")
	return s, store, err
}

// killedConfig has each batch written before the next one is read, so that what
// may come again is known: the batch in hand of each shard. The failover time is
// one in which a busy machine writes a lease.
func killedConfig(s *weir.Stream, store lease.Store, worker string, h consumer.Handler) consumer.Config {
	return consumer.Config{
		Name: "killed", Streams: []client.Stream{client.Embedded(s)}, Store: store, Worker: worker, Handler: h,
		Failover: 1500 * time.Millisecond, MaxRecords: 10, CheckpointEvery: -1,
	}
}

// processUntilKilled puts records of several keys, reshards, and processes what
// was put. It prints what is acknowledged and what is processed.
func processUntilKilled(dir, name string) error {
	s, store, err := killed(dir)
	if err != nil {
		return err
	}
	var printing sync.Mutex
	say := func(lines string) {
		printing.Lock()
		defer printing.Unlock()
		os.Stdout.WriteString(lines)
	}
	next := make(map[string]int)
	for r, err := range s.Records(context.Background(), weir.TrimHorizon().ToTip()) {
		if err != nil {
			return err
		}
		next[r.PartitionKey]++
	}
	turn, room := make(chan struct{}), make(chan struct{}, 200) // or it would put far more than it processes
	for p := range 6 {
		key := fmt.Sprint("p", p)
		go func() {
			for n := next[key]; ; n++ {
				room <- struct{}{}
				if _, err := s.PutRecord(context.Background(), key, fmt.Append(nil, n)); err != nil {
					panic(err)
				}
				say(fmt.Sprintf("ack %s %d\n", key, n))
				if n%100 == 99 {
					turn <- struct{}{}
				}
			}
		}()
	}
	go func() {
		for i := 0; ; i++ {
			<-turn
			if _, err := s.Resize(context.Background(), 1+i%5); err != nil {
				panic(err)
			}
		}
	}()
	g, err := consumer.New(killedConfig(s, store, name, func(_ context.Context, b *consumer.Batch) error {
		say(processedLines(b))
		for range b.Records {
			select {
			case <-room:
			default:
			}
		}
		return nil
	}))
	if err != nil {
		return err
	}
	return errors.Join(g.Run(context.Background()), errors.New("it was not killed"))
}

func processedLines(b *consumer.Batch) string {
	var lines strings.Builder
	for _, r := range b.Records {
		fmt.Fprintf(&lines, "did %s %s\n", r.PartitionKey, r.Data)
	}
	return lines.String()
}

// A history is what processes told before they were killed.
type history struct {
	acked   map[string]int // how many of each key
	done    map[string]int // how many of each key, without a gap
	ahead   []string       // what came before one that was put before it
	repeats int
}

// tell takes in a line, and reports whether it was one.
func (h *history) tell(line string) bool {
	var verb, key string
	var n int
	if _, err := fmt.Sscanf(line, "%s %s %d", &verb, &key, &n); err != nil {
		return false
	}
	switch {
	case verb == "ack":
		h.acked[key] = max(h.acked[key], n+1)
	case n < h.done[key]:
		h.repeats++
	case n == h.done[key]:
		h.done[key]++
	default:
		h.ahead = append(h.ahead, line)
	}
	return true
}

// A process is killed again and again, at any moment, with stream and leases on
// disk. No record is lost, those of a key come in order, and what comes again are
// the batches that were in hand. Who comes next has the name of the one that was
// killed, or another.
func TestGroup_killedProcess(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Log("seed", seed)
	random, dir := rand.New(rand.NewPCG(seed, 0)), t.TempDir()
	h := &history{acked: make(map[string]int), done: make(map[string]int)}
	for i := range *groupKills {
		ctx, kill := context.WithCancel(t.Context())
		cmd := exec.CommandContext(ctx, os.Args[0])
		name := "w"
		if i%4 > 1 {
			name = fmt.Sprint("w", i)
		}
		cmd.Env = append(os.Environ(), killDir+"="+dir, killName+"="+name)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		// After so many of what it did: a wait by the clock would kill it before it
		// began on a busy machine.
		left := random.IntN(600)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if !h.tell(lines.Text()) {
				t.Log(lines.Text())
			}
			if strings.HasPrefix(lines.Text(), "did") {
				left--
			}
			if left < 0 {
				kill() // SIGKILL; what it says meanwhile is read too
			}
		}
		cmd.Wait()
		kill()
	}

	s, store, err := killed(dir)
	require.NoError(t, err)
	defer s.Close()
	there := 0
	for _, err := range s.Records(t.Context(), weir.TrimHorizon().ToTip()) {
		require.NoError(t, err)
		there++
	}
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Minute)
	defer stop()
	var mu sync.Mutex
	g, err := consumer.New(killedConfig(s, store, "last", func(_ context.Context, b *consumer.Batch) error {
		mu.Lock()
		defer mu.Unlock()
		for line := range strings.Lines(processedLines(b)) {
			h.tell(line)
		}
		if sum(h.done) == there {
			stop()
		}
		return nil
	}))
	require.NoError(t, err)
	require.NoError(t, g.Run(ctx))
	t.Logf("%d kills, %d records, %d repeats", *groupKills, there, h.repeats)
	assert.Equal(t, there, sum(h.done), "all that was put is processed")
	for key, n := range h.acked {
		assert.GreaterOrEqual(t, h.done[key], n, "%s: what was acknowledged", key)
	}
	assert.Empty(t, h.ahead, "those of a key come in order")
	assert.LessOrEqual(t, h.repeats, *groupKills*5*10, "a batch of each shard")
	assert.Positive(t, there)
}

func sum(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

package queue_test

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
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/queue"
)

var kills = flag.Int("kills", 5, "how often the process of TestQueue_killed is killed")

// killDir is set in the process that is to be killed.
const killDir = "WEIR_QUEUE_KILL_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(killDir); dir != "" {
		panic(workUntilKilled(dir))
	}
	os.Exit(m.Run())
}

var killSettings = queue.Settings{MaxReceives: 3, Visibility: 50 * time.Millisecond}

// workUntilKilled puts, receives and acknowledges, and says what has returned.
func workUntilKilled(dir string) error {
	ctx := context.Background()
	s, err := weir.Open(dir, weir.Config{Shards: 2, Limits: weir.Unlimited()})
	if err != nil {
		return err
	}
	q, err := queue.New(s, queue.Config{Settings: killSettings})
	if err != nil {
		return err
	}
	var printing sync.Mutex
	say := func(format string, args ...any) {
		printing.Lock()
		defer printing.Unlock()
		fmt.Printf(format+"\n", args...)
	}
	var next atomic.Int64
	next.Store(s.Snapshot().RecordsHeld)
	for p := range 4 {
		go func() {
			for {
				n := next.Add(1)
				if _, err := s.PutRecord(ctx, fmt.Sprint("p", n), fmt.Append(nil, os.Getpid(), "-", n)); err != nil {
					panic(err)
				}
				if p == 0 && n%50 == 0 {
					if _, err := s.Resize(ctx, 1+int(n/50)%4); err != nil {
						panic(err)
					}
				}
			}
		}()
	}
	for w := range 4 {
		random := rand.New(rand.NewPCG(uint64(w), uint64(os.Getpid())))
		go func() {
			for {
				list, err := q.Receive(ctx, 1+random.IntN(5))
				if err != nil {
					panic(err)
				}
				for _, d := range list {
					say("got %s %d", d.Data, d.Receives)
					if random.IntN(3) == 0 {
						continue // it comes back
					}
					if d.Ack(ctx) == nil {
						say("ack %s", d.Data)
					}
				}
			}
		}()
	}
	for letters := q.DeadLetters(); ; {
		list, err := letters.Receive(ctx, 3)
		if err != nil {
			return err
		}
		for i, d := range list {
			switch i {
			case 0:
				if d.Ack(ctx) == nil {
					say("ack %s", d.Data)
				}
			case 1:
				say("restored %s", d.Data) // or is about to be
				if _, err := letters.Restore(ctx, d.Receipt); err != nil {
					return err
				}
			default:
				say("dead %s", d.Data)
			}
		}
	}
}

// Killed at any moment, a queue gives no record again that was acknowledged,
// has every other record of its stream, and knows how often it was received and
// what is dead.
func TestQueue_killed(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Log("seed", seed)
	random, dir := rand.New(rand.NewPCG(seed, 0)), t.TempDir()
	acked, received, dead := make(map[string]bool), make(map[string]int), make(map[string]bool)
	for range *kills {
		ctx, cancel := context.WithCancel(t.Context())
		cmd := exec.CommandContext(ctx, os.Args[0])
		cmd.Stderr = os.Stderr
		cmd.Env = append(os.Environ(), killDir+"="+dir)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		// What is received is not printed in the order in which it was.
		now, anew := make(map[string]int), make(map[string]bool)
		left, lines := random.IntN(600), bufio.NewScanner(out)
		for lines.Scan() {
			var what, data string
			n := 0
			fmt.Sscan(lines.Text(), &what, &data, &n)
			switch what {
			case "got":
				now[data] = max(now[data], n)
			case "ack":
				acked[data] = true
			case "restored":
				delete(dead, data)
				delete(received, data)
				anew[data] = true
			case "dead":
				dead[data] = true
			default:
				t.Log(lines.Text())
			}
			if left--; left < 0 {
				cancel() // SIGKILL; what it says meanwhile is read too
			}
		}
		cmd.Wait()
		cancel()
		for data, n := range now {
			if !anew[data] { // or it is not known which were before it was restored
				received[data] = n
			}
		}
		checkKilled(t, dir, acked, received, dead)
	}
	assert.NotEmpty(t, acked)
	t.Logf("%d kills, %d records acknowledged", *kills, len(acked))
}

// checkKilled looks at what a process has left behind, on a copy.
func checkKilled(t *testing.T, dir string, acked map[string]bool, received map[string]int, dead map[string]bool) {
	t.Helper()
	copied := t.TempDir()
	require.NoError(t, os.CopyFS(copied, os.DirFS(dir)))
	s, err := weir.Open(copied, weir.Config{Limits: weir.Unlimited(), Now: func() time.Time { return time.Now().Add(time.Hour) }})
	require.NoError(t, err)
	q, err := queue.New(s, queue.Config{})
	require.NoError(t, err)
	require.NoError(t, q.CheckInvariants())
	require.Equal(t, killSettings, q.Settings())
	require.NoError(t, q.Set(t.Context(), func(s *queue.Settings) { s.Visibility = time.Hour }))
	missing := make(map[string]bool)
	r, err := s.NewReader("", weir.TrimHorizon().ToTip())
	require.NoError(t, err)
	for {
		b, err := r.TryNext()
		if err != nil {
			break
		}
		for _, rec := range b.Records {
			missing[string(rec.Data)] = true
		}
	}
	r.Close()
	see := func(d queue.Delivery) {
		data := strings.Clone(string(d.Data))
		require.False(t, acked[data], "%s was acknowledged", data)
		require.True(t, missing[data], "%s comes once", data)
		require.Greater(t, d.Receives, received[data], "%s was received more often", data)
		delete(missing, data)
	}
	for _, d := range all(t, q) {
		require.False(t, dead[string(d.Data)], "%s is dead", d.Data)
		see(d)
	}
	for _, d := range all(t, q.DeadLetters()) {
		see(d)
	}
	// An acknowledgement whose return the process did not live to tell.
	untold := 0
	for data := range missing {
		if !acked[data] {
			untold++
			acked[data] = true
		}
	}
	require.LessOrEqual(t, untold, 5, "as many as were under way")
	require.NoError(t, q.Close())
	require.NoError(t, s.Close())
}

func all(t *testing.T, q interface {
	TryReceive(context.Context, int) ([]queue.Delivery, error)
}) (list []queue.Delivery) {
	for {
		more := try(t, q, queue.MaxRequest)
		if len(more) == 0 {
			return list
		}
		list = append(list, more...)
	}
}

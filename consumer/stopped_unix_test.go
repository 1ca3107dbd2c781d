//go:build unix

package consumer_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/internal/streamtest"
	"github.com/weirstream/weir/lease"
)

// stoppedConfig has leases that last longer than a busy machine lets a worker
// wait, for only one of them is to be lost.
func stoppedConfig(s *weir.Stream, store lease.Store, worker string, h consumer.Handler) consumer.Config {
	c := killedConfig(s, store, worker, h)
	c.Failover = 4 * time.Second
	return c
}

// processUntilStopped is at work on a batch until its lease is lost. Then it says
// that the batch is processed. It ends with its input.
func processUntilStopped(dir string) error {
	s, err := weir.NewStream("orders", weir.Config{Limits: weir.Unlimited()})
	if err != nil {
		return err
	}
	if _, err := s.PutRecord(context.Background(), "k", []byte("a record")); err != nil {
		return err
	}
	store, err := lease.OpenDir(dir, "killed")
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	g, err := consumer.New(stoppedConfig(s, store, "stopped", func(ctx context.Context, _ *consumer.Batch) error {
		fmt.Println("begun")
		<-ctx.Done()
		fmt.Println("ended:", context.Cause(ctx))
		return nil
	}))
	if err != nil {
		return err
	}
	err = g.Run(ctx)
	m := g.Metrics()
	fmt.Printf("run: %v, lost %d, checkpoints %d\n", err, m.Lost, m.Checkpoints)
	return err
}

// A process is stopped in the middle of a batch, for longer than its lease lasts,
// and goes on when another one has the shard: its handler is told, and what it
// then says of its batch is not written.
func TestGroup_aProcessThatWasStoppedOverwritesNothing(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "leases")
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), killDir+"="+dir, killName+"="+stoppedName)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(out)
	says := func() string {
		require.True(t, lines.Scan(), "it says something")
		return lines.Text()
	}
	require.Equal(t, "begun", says())
	store := openLeases(t, dir)
	stopOutsideOfTheLock(t, cmd.Process, store)

	// The streams of the two are not the same, but the leases are.
	s := streamtest.New(t, "orders", 1)
	streamtest.Put(t, s, "k 1")
	processed := make(chan struct{}, 2)
	g := run(t, stoppedConfig(s, store, "another", func(context.Context, *consumer.Batch) error {
		processed <- struct{}{}
		return nil
	}))
	<-processed
	require.NoError(t, cmd.Process.Signal(syscall.SIGCONT))
	assert.Contains(t, says(), "ended: "+consumer.ErrLeaseLost.Error())
	streamtest.Put(t, s, "k 2")
	<-processed
	in.Close()
	assert.Equal(t, "run: <nil>, lost 1, checkpoints 0", says())
	require.NoError(t, cmd.Wait())

	require.NoError(t, g.End())
	assert.Zero(t, g.Metrics().Lost)
	last := lease.Checkpoint{}
	for r := range s.Records(t.Context(), weir.TrimHorizon().ToTip()) {
		last.Sequence = r.SequenceNumber.String()
	}
	assert.Equal(t, last, leases(t, store)["shardId-000000000000"].Checkpoint)
}

// stopOutsideOfTheLock stops a process where it has not got the lock of the
// leases, which would be its own as long as it stands.
func stopOutsideOfTheLock(t *testing.T, p *os.Process, store lease.Store) {
	for free := false; !free; {
		require.NoError(t, p.Signal(syscall.SIGSTOP))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		_, err := store.List(ctx)
		cancel()
		if free = err == nil; !free {
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.NoError(t, p.Signal(syscall.SIGCONT))
		}
	}
}

func openLeases(t *testing.T, dir string) *lease.Dir {
	store, err := lease.OpenDir(dir, "killed")
	require.NoError(t, err)
	return store
}

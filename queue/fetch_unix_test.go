//go:build linux

package queue_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/queue"
)

// A disk that does not answer holds up whoever wants what is on it, and nobody
// else: records are acknowledged, and others delivered again. A pipe that nobody
// writes to is such a disk.
func TestQueue_diskThatDoesNotAnswer(t *testing.T) {
	for name, again := range map[string]bool{"what comes": false, "what comes again": true} {
		t.Run(name, func(t *testing.T) { diskThatDoesNotAnswer(t, again) })
	}
}

func diskThatDoesNotAnswer(t *testing.T, again bool) {
	const n = 300
	clock, dir := newClock(), t.TempDir()
	s := newSpilled(t, clock, dir, 1, n, 20_000) // more than what is kept of what was read
	q := newQueue(t, s, queue.Config{})
	first := try(t, q, 3)
	require.Equal(t, []string{"0", "1", "2"}, numbers(first))
	seen, times := len(first), 1
	if again {
		for seen < n {
			seen += len(try(t, q, 50))
		}
		times = 2
		clock.advance(time.Minute)
	}
	file := filepath.Join(dir, "0000000000000001.journal")
	require.NoError(t, os.Rename(file, file+"-away"))
	require.NoError(t, syscall.Mkfifo(file, 0o600))

	stuck := make(chan error, 1)
	go func() {
		for {
			list, err := q.TryReceive(t.Context(), 10)
			if err != nil {
				stuck <- err
				return
			}
			seen += len(list)
		}
	}()
	late := time.Now().Add(time.Minute)
	for !queue.IsFetching(q) {
		require.True(t, time.Now().Before(late), "nothing is read outside of the queue's lock")
		runtime.Gosched()
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		assert.NoError(t, q.Set(t.Context(), func(s *queue.Settings) { s.Visibility = time.Hour }))
		if again {
			return // Counts may read when the oldest record arrived
		}
		assert.NoError(t, first[0].Ack(t.Context()))
		_, err := q.Counts()
		assert.NoError(t, err)
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Error("they wait for the disk")
	}

	pipe, err := os.OpenFile(file, os.O_RDWR, 0) // now there is somebody who may write
	require.NoError(t, err)
	err = <-stuck
	var storage *weir.StorageError
	require.True(t, errors.As(err, &storage), "%v", err)
	require.NoError(t, pipe.Close())
	require.NoError(t, os.Rename(file+"-away", file))
	for {
		list := try(t, q, 50)
		if len(list) == 0 {
			break
		}
		seen += len(list)
	}
	assert.Equal(t, times*n, seen, "each came as often as it was due")
}

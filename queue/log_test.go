package queue_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/journal/journaltest"
	"github.com/weirstream/weir/queue"
)

// logged returns a logger, and what it has logged since it was asked last,
// without times.
func logged() (*slog.Logger, func() []string) {
	var b bytes.Buffer
	times := regexp.MustCompile(`time=\S+ `)
	return slog.New(slog.NewTextHandler(&b, nil)), func() (lines []string) {
		defer b.Reset()
		return strings.Split(strings.TrimSpace(times.ReplaceAllString(b.String(), "")), "\n")
	}
}

func TestQueue_logsDeadLettersAndWhatBecomesOfThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := newClock()
		s := newStream(t, weir.Config{Now: clock.Now})
		put(t, s, 3)
		log, lines := logged()
		q := newQueue(t, s, queue.Config{Name: "jobs", Settings: queue.Settings{MaxReceives: 1}, Logger: log})
		require.Len(t, try(t, q, 2), 2)
		assert.Equal(t, []string{""}, lines())
		clock.advance(time.Minute)
		require.Len(t, try(t, q, 1), 1)
		assert.Equal(t, []string{`level=WARN msg="records became dead letters" stream=orders queue=jobs records=2 total=2`}, lines())

		dead := try(t, q.DeadLetters(), 2)
		errs, err := q.DeadLetters().Restore(t.Context(), dead[0].Receipt, dead[1].Receipt)
		require.NoError(t, err)
		require.Nil(t, errs)
		assert.Equal(t, []string{`level=INFO msg="dead letters restored" stream=orders queue=jobs records=2`}, lines())

		clock.advance(time.Minute)
		require.Len(t, try(t, q, 1), 1)
		assert.Equal(t, []string{""}, lines(), "in the same second")
		require.NoError(t, q.Close())
		assert.Equal(t, []string{`level=WARN msg="records became dead letters" stream=orders queue=jobs "left out"=1`}, lines())
	})
}

func TestQueue_logsHandlersThatFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, weir.Config{})
		put(t, s, 1)
		log, lines := logged()
		q := newQueue(t, s, queue.Config{Name: "jobs", Logger: log})
		ctx, cancel := context.WithCancel(t.Context())
		tries := 0
		assert.ErrorIs(t, q.Process(ctx, 1, func(context.Context, queue.Delivery) error {
			if tries++; tries == 2 {
				cancel()
				return nil
			}
			return errors.New("no paper")
		}), context.Canceled)
		assert.Equal(t, []string{`level=WARN msg="handler failed" stream=orders queue=jobs receives=1 err="no paper"`}, lines())
	})
}

// A logger may take its time, or call the queue: no lock is held meanwhile.
func TestQueue_isNotLockedWhileItLogs(t *testing.T) {
	clock := newClock()
	s := newStream(t, weir.Config{Now: clock.Now})
	put(t, s, 2)
	var q *queue.Queue
	h := calling{slog.NewTextHandler(new(bytes.Buffer), nil), func() { _, _ = q.TryReceive(t.Context(), 1) }}
	q = newQueue(t, s, queue.Config{Settings: queue.Settings{MaxReceives: 1}, Logger: slog.New(h)})
	try(t, q, 1)
	clock.advance(time.Minute)
	try(t, q, 1)
	counts, err := q.Counts()
	require.NoError(t, err)
	assert.EqualValues(t, 1, counts.Totals.DeadLettered)
}

// A calling handler calls something.
type calling struct {
	slog.Handler
	call func()
}

func (c calling) WithAttrs(a []slog.Attr) slog.Handler {
	return calling{c.Handler.WithAttrs(a), c.call}
}

func (c calling) Handle(context.Context, slog.Record) error {
	c.call()
	return nil
}

func TestQueue_logsADiskThatFailsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock, disk := newClock(), journaltest.New()
		s := newStream(t, weir.Config{Now: clock.Now})
		put(t, s, 5)
		log, lines := logged()
		c := queue.Config{Name: "jobs", Logger: log}
		q, err := queue.OpenIn(s, c, disk)
		require.NoError(t, err)
		try(t, q, 1)
		disk.FailWith(func(journaltest.Op) error { return syscall.ENOSPC })
		for range 3 {
			_, err = q.TryReceive(t.Context(), 1)
			require.ErrorIs(t, err, weir.ErrStorage)
			time.Sleep(2 * time.Second) // it is not only for being too often
		}
		got := lines()
		require.Len(t, got, 1)
		assert.Contains(t, got[0], `level=ERROR msg="the queue could not be written, and does no more until it is opened again" stream=orders queue=jobs err=`)
		disk.FailWith(nil)
		disk.Crash(rand.New(rand.NewPCG(1, 1)))
		q.Abandon()

		for name, b := range disk.Files() {
			disk.Set(map[string][]byte{name: b[:len(b)-3]})
		}
		q, err = queue.OpenIn(s, c, disk)
		require.NoError(t, err)
		defer q.Close()
		assert.Contains(t, lines()[0], `level=WARN msg="a crash cut off the last write of a queue" stream=orders queue=jobs bytes=`)
	})
}

func TestQueue_logsAFunctionThatPanics(t *testing.T) {
	s := newStream(t, weir.Config{})
	put(t, s, 1)
	log, lines := logged()
	q := newQueue(t, s, queue.Config{Priority: func(r weir.Record) int { panic(string(r.Data) + r.PartitionKey) }, Logger: log})
	assert.Panics(t, func() { _, _ = q.TryReceive(t.Context(), 1) })
	assert.Equal(t, []string{`level=ERROR msg="a function that the queue was given panicked, and it does no more" stream=orders queue=queue`}, lines())
}

package crew_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/internal/crew"
	"github.com/weirstream/weir/lease"
)

// A worker is a group whose shards a crew works on.
type worker struct {
	crew  *crew.Crew[*member]
	group *consumer.Group
	stay  chan struct{} // stuck members end with this

	mu    sync.Mutex // guards what follows
	began []*member
	left  []*member
	taken int
	begin func(m *member)
}

// A member works until its lease ends.
type member struct {
	*worker
	ctx      context.Context
	progress *consumer.Progress
	stuck    bool
}

func (m *member) Attend() {
	select {
	case <-m.ctx.Done():
	case <-m.progress.Stopping():
		m.progress.Drop()
	}
	if m.stuck {
		<-m.stay
	}
}

func (m *member) Left() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.left = append(m.left, m)
}

func newWorker(t *testing.T, shards int) *worker {
	s, err := weir.NewStream("orders", weir.Config{Shards: shards})
	require.NoError(t, err)
	_, err = s.PutRecord(t.Context(), "key", nil)
	require.NoError(t, err)
	w := &worker{stay: make(chan struct{}), begin: func(*member) {}}
	c := consumer.Config{Name: "billing", Streams: []client.Stream{client.Embedded(s)}, Store: new(lease.Memory)}
	w.crew = crew.New[*member]("work", c)
	c.Begin = func(ctx context.Context, p *consumer.Progress) {
		m := &member{worker: w, ctx: ctx, progress: p}
		w.mu.Lock()
		w.began = append(w.began, m)
		w.begin(m)
		w.mu.Unlock()
		w.crew.Begin(ctx, p, m)
	}
	c.Handler = func(ctx context.Context, b *consumer.Batch) error {
		m, err := w.crew.For(ctx, b)
		assert.NoError(t, err)
		assert.Equal(t, b.Shard, m.progress.Shard())
		_, err = w.crew.For(t.Context(), b)
		assert.ErrorIs(t, err, crew.ErrGivenUp, "of another lease")
		w.mu.Lock()
		defer w.mu.Unlock()
		w.taken += len(b.Records)
		return nil
	}
	w.group, err = consumer.New(c)
	require.NoError(t, err)
	return w
}

// set is who there is, to be compared by who they are: what they hold changes
// while they work.
func set(members []*member) map[*member]bool {
	m := make(map[*member]bool)
	for _, one := range members {
		m[one] = true
	}
	return m
}

// run runs the worker for some time, and says how long it took.
func (w *worker) run(t *testing.T, d time.Duration) (time.Duration, error) {
	ctx, stop := context.WithTimeout(t.Context(), d)
	defer stop()
	began := time.Now()
	err := w.crew.Run(ctx, w.group.Run)
	return time.Since(began), err
}

func TestCrew_hasAMemberForEachLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorker(t, 3)
		for run := range 2 {
			done := make(chan struct{})
			go func() {
				defer close(done)
				_, err := w.run(t, time.Minute)
				assert.NoError(t, err)
			}()
			time.Sleep(30 * time.Second)
			synctest.Wait()
			assert.ErrorIs(t, w.crew.Run(t.Context(), w.group.Run), consumer.ErrRunning)
			assert.Equal(t, set(w.began[3*run:]), set(w.crew.Members()))
			assert.True(t, w.crew.Has("orders", 2))
			assert.False(t, w.crew.Has("orders", 3))
			<-done
			assert.Empty(t, w.crew.Members())
			assert.False(t, w.crew.Has("orders", 2))
			assert.Len(t, w.began, 3*run+3)
			assert.Equal(t, set(w.began), set(w.left))
		}
		assert.Equal(t, 2, w.taken, "nobody said that it is done")
	})
}

func TestCrew_aFailureEndsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorker(t, 2)
		bad, worse := errors.New("bad"), errors.New("worse")
		w.begin = func(m *member) {
			if m.progress.Shard() == 1 {
				w.crew.FailShard(m.progress, bad)
				w.crew.Fail(worse)
			}
		}
		took, err := w.run(t, time.Hour)
		assert.Less(t, took, time.Minute)
		assert.ErrorIs(t, err, bad)
		assert.EqualError(t, err, "work: orders shardId-000000000001: bad\nworse")
		w.begin = func(*member) {}
		_, err = w.run(t, time.Second)
		assert.NoError(t, err, "that was another run's")
	})
}

// Who does not end though the lease has ended is named, and left behind; a
// later run does not wait for it.
func TestCrew_namesWhoDoesNotEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorker(t, 3)
		w.begin = func(m *member) { m.stuck = m.progress.Shard() != 1 }
		took, err := w.run(t, time.Second)
		assert.Equal(t, 11*time.Second, took)
		var stuck *consumer.StuckError
		require.ErrorAs(t, err, &stuck)
		assert.Equal(t, &consumer.StuckError{Group: "billing", Shards: []string{"orders shardId-000000000000", "orders shardId-000000000002"}}, stuck)
		w.begin = func(*member) {}
		took, err = w.run(t, time.Second)
		assert.Equal(t, time.Second, took)
		assert.NoError(t, err)
		assert.Len(t, w.left, 4)
		close(w.stay)
		synctest.Wait()
		assert.Len(t, w.left, 4, "others have begun since on the shards of those who did not end")
	})
}

func TestCrew_refusesNoContext(t *testing.T) {
	w := newWorker(t, 1)
	var none context.Context
	err := w.crew.Run(none, w.group.Run)
	assert.EqualError(t, err, "work: context: is nil")
	assert.ErrorIs(t, err, weir.ErrInvalidArgument)
}

func TestRecovered_makesAnErrorOfAPanic(t *testing.T) {
	call := func(f func()) (err error) {
		defer crew.Recovered(&err)
		f()
		return nil
	}
	assert.NoError(t, call(func() {}))
	var panicked *consumer.PanicError
	require.ErrorAs(t, call(func() { panic("no") }), &panicked)
	assert.Equal(t, "no", panicked.Value)
	assert.Contains(t, string(panicked.Stack), "TestRecovered_makesAnErrorOfAPanic")
	var wrong runtime.Error
	require.ErrorAs(t, call(func() { _ = []int{}[len(t.Name())] }), &panicked)
	assert.Implements(t, &wrong, panicked.Value)
}

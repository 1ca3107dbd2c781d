package queue_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/queue"
)

// aClock is a clock that stands.
type aClock struct{ now time.Time }

func (c *aClock) Now() time.Time          { return c.now }
func (c *aClock) advance(d time.Duration) { c.now = c.now.Add(d) }

func newClock() *aClock { return &aClock{time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)} }

func openStream(t *testing.T, dir string, c weir.Config) *weir.Stream {
	t.Helper()
	c.Limits = weir.Unlimited()
	s, err := weir.Open(dir, c)
	require.NoError(t, err)
	return s
}

func TestQueue_onDiskIsThereAgain(t *testing.T) {
	clock, dir := newClock(), t.TempDir()
	s := openStream(t, dir, weir.Config{Now: clock.Now, Name: "orders"})
	q := newQueue(t, s, queue.Config{Settings: queue.Settings{MaxReceives: 2}})
	put(t, s, 6)
	_, err := queue.New(s, queue.Config{})
	require.ErrorIs(t, err, weir.ErrInUse)

	list := try(t, q, 4)
	require.Equal(t, []string{"0", "1", "2", "3"}, data(list))
	_, err = q.Acknowledge(t.Context(), list[1].Receipt)
	require.NoError(t, err)
	require.NoError(t, q.Set(t.Context(), func(s *queue.Settings) { s.Visibility = time.Minute }))
	clock.advance(30 * time.Second)
	require.Equal(t, []string{"0", "2"}, data(try(t, q, 2)))
	clock.advance(time.Minute)
	letters := try(t, q.DeadLetters(), 10)
	require.Equal(t, []string{"0", "2"}, data(letters))
	before, err := q.Counts()
	require.NoError(t, err)
	text := q.Text(letters[1].Receipt)
	require.NoError(t, q.Close())
	require.NoError(t, q.Close())
	_, err = q.TryReceive(t.Context(), 1)
	require.ErrorIs(t, err, weir.ErrClosed)
	require.NoError(t, s.Close())

	s = openStream(t, dir, weir.Config{Now: clock.Now})
	q = newQueue(t, s, queue.Config{})
	assert.Equal(t, queue.Settings{Visibility: time.Minute, MaxReceives: 2}, q.Settings())
	after, err := q.Counts()
	require.NoError(t, err)
	assert.Equal(t, before, after)
	r, err := q.ParseReceipt(text)
	require.NoError(t, err)
	errs, err := q.DeadLetters().Restore(t.Context(), r)
	require.NoError(t, err)
	require.Nil(t, errs)
	require.Equal(t, []string{"3", "2", "4", "5"}, data(try(t, q, 10)))
	clock.advance(time.Minute)
	require.Equal(t, []string{"0"}, data(try(t, q.DeadLetters(), 1)))
	require.NoError(t, q.Delete(t.Context()))
	_, err = q.TryReceive(t.Context(), 1)
	require.ErrorIs(t, err, queue.ErrDeleted)
	q = newQueue(t, s, queue.Config{})
	require.Len(t, try(t, q, 10), 6, "another queue of the same name")
	require.NoError(t, q.Close())
	require.NoError(t, s.Close())
}

func TestLoad_goesOnWhereSaveWas(t *testing.T) {
	clock := newClock()
	s := newStream(t, weir.Config{Now: clock.Now, Shards: 2})
	q := newQueue(t, s, queue.Config{Name: "a"})
	put(t, s, 6)
	list := try(t, q, 4)
	_, err := q.Acknowledge(t.Context(), list[1].Receipt)
	require.NoError(t, err)
	saved, err := q.Save()
	require.NoError(t, err)
	again, err := queue.Load(s, queue.Config{}, saved)
	require.NoError(t, err)
	assert.Equal(t, "a", again.Name())
	_, err = again.Acknowledge(t.Context(), list[2].Receipt)
	require.NoError(t, err)
	require.Equal(t, []string{"4", "5"}, data(try(t, again, 10)))
	clock.advance(30 * time.Second)
	require.Equal(t, []string{"0", "3", "4", "5"}, data(try(t, again, 10)))

	for n := range len(saved) {
		_, err := queue.Load(s, queue.Config{}, saved[:n])
		require.ErrorIs(t, err, queue.ErrDamaged)
		bad := append([]byte(nil), saved...)
		bad[n] ^= 1
		_, err = queue.Load(s, queue.Config{}, bad)
		require.ErrorIs(t, err, queue.ErrDamaged)
	}
	other := newStream(t, weir.Config{Now: clock.Now, Shards: 2, After: s.Shards()[0].StartingSequenceNumber})
	_, err = queue.Load(other, queue.Config{}, saved)
	require.ErrorIs(t, err, weir.ErrInvalidSequenceNumber)
}

// Shards that were split and merged for long have more ways back to the first
// than can be counted.
func TestNew_afterManySplitsAndMerges(t *testing.T) {
	dir := t.TempDir()
	s := openStream(t, dir, weir.Config{Sync: weir.SyncNever})
	q := newQueue(t, s, queue.Config{})
	for i := range 100 {
		put(t, s, 1)
		_, err := s.Resize(t.Context(), 1+(i+1)%2)
		require.NoError(t, err)
	}
	require.Len(t, try(t, q, 1000), 100)
	require.NoError(t, q.Close())
	q = newQueue(t, s, queue.Config{})
	put(t, s, 1)
	require.Len(t, try(t, q, 1000), 1)
	require.NoError(t, q.Close())
	require.NoError(t, s.Close())
}

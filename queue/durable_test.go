package queue_test

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/journal/journaltest"
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

func TestQueue_deletedAfterItWasClosed(t *testing.T) {
	dir := t.TempDir()
	s := openStream(t, dir, weir.Config{Name: "orders"})
	put(t, s, 2)
	old := newQueue(t, s, queue.Config{})
	require.Len(t, try(t, old, 1), 1)
	require.NoError(t, old.Close())
	q := newQueue(t, s, queue.Config{})
	require.ErrorIs(t, old.Delete(t.Context()), weir.ErrInUse)
	require.NoError(t, q.Close())
	q = newQueue(t, s, queue.Config{})
	require.Len(t, try(t, q, 10), 1, "it is as it was")
	require.NoError(t, q.Close())
	require.NoError(t, q.Delete(t.Context()))
	q = newQueue(t, s, queue.Config{})
	require.Len(t, try(t, q, 10), 2, "another queue of the same name")
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

// A shard can vanish between a queue's last look at its records and the moment
// at which it is written down.
func TestLoad_afterAShardHasVanished(t *testing.T) {
	clock, slow := newClock(), newClock()
	s := newStream(t, weir.Config{Now: clock.Now})
	q := newQueue(t, s, queue.Config{Now: slow.Now, Settings: queue.Settings{MaxReceives: 1, Visibility: -1}})
	put(t, s, 1)
	require.Len(t, try(t, q, 1), 1)
	require.Empty(t, try(t, q, 1), "it is a dead letter")
	sh := s.Shards()[0]
	_, err := s.SplitShard(t.Context(), sh.ID, sh.HashKeyRange.Middle())
	require.NoError(t, err)
	clock.advance(49 * time.Hour)
	require.Len(t, s.Shards(), 2)
	put(t, s, 1)
	saved, err := q.Save()
	require.NoError(t, err)

	again, err := queue.Load(s, queue.Config{Now: clock.Now}, saved)
	require.NoError(t, err)
	require.NoError(t, again.CheckInvariants())
	require.Empty(t, try(t, again.DeadLetters(), 1))
	require.Len(t, try(t, again, 10), 1)
	c, err := again.Counts()
	require.NoError(t, err)
	assert.EqualValues(t, 1, c.Expired)
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

func openIn(t *testing.T, s *weir.Stream, disk *journaltest.FS) (*queue.Queue, error) {
	t.Helper()
	return queue.OpenIn(s, queue.Config{}, disk)
}

// Whatever call of the disk fails, what a call of the queue has returned for is
// there again, and nothing is damaged.
func TestQueue_aDiskThatFails(t *testing.T) {
	for failing := range 60 {
		clock, disk := newClock(), journaltest.New()
		disk.RoomFrom = int64(failing % 2 * 200)
		random := rand.New(rand.NewPCG(uint64(failing), 9))
		s := newStream(t, weir.Config{Now: clock.Now})
		put(t, s, 100)
		n := 0
		disk.FailWith(func(journaltest.Op) error {
			if n++; n > failing {
				return syscall.ENOSPC
			}
			return nil
		})
		acked := make(map[string]bool)
		q, err := openIn(t, s, disk)
		for err == nil {
			var list []queue.Delivery
			if list, err = q.TryReceive(t.Context(), 2); err != nil || len(list) == 0 {
				break
			}
			if err = list[0].Ack(t.Context()); err == nil {
				acked[string(list[0].Data)] = true
			}
		}
		require.ErrorIs(t, err, weir.ErrStorage, "failing from call %d on", failing)
		if q != nil {
			_, err = q.TryReceive(t.Context(), 1)
			require.ErrorIs(t, err, weir.ErrStorage, "and ever after")
		}
		disk.FailWith(nil)
		disk.Crash(random)
		if q != nil {
			q.Abandon()
		}
		q, err = openIn(t, s, disk)
		require.NoError(t, err)
		clock.advance(time.Hour)
		list := try(t, q, 100)
		require.GreaterOrEqual(t, len(list), 100-len(acked)-1, "an acknowledgement may be there that failed")
		for _, d := range list {
			require.False(t, acked[string(d.Data)], "%s was acknowledged", d.Data)
		}
	}
}

// A file that was changed is noticed, and one that a crash cut off is not taken
// for damage.
func TestNew_noticesDamage(t *testing.T) {
	clock, disk := newClock(), journaltest.New()
	s := newStream(t, weir.Config{Now: clock.Now})
	put(t, s, 20)
	q, err := openIn(t, s, disk)
	require.NoError(t, err)
	for i, d := range try(t, q, 20) {
		if i%2 == 0 {
			require.NoError(t, d.Ack(t.Context()))
		}
	}
	require.NoError(t, q.Close())
	files, noticed, all := disk.Files(), 0, 0
	for name, sound := range files {
		for at := 0; at < len(sound); at += 7 {
			bad := append([]byte(nil), sound...)
			bad[at] ^= 0x10
			disk.Set(map[string][]byte{name: bad})
			all++
			q, err := openIn(t, s, disk)
			if err != nil {
				require.ErrorIs(t, err, queue.ErrDamaged, "byte %d", at)
				noticed++
				continue
			}
			// A damaged end is that of a write that was not finished.
			require.NoError(t, q.CheckInvariants())
			q.Abandon()
		}
	}
	assert.Greater(t, noticed, all*9/10)
}

// A queue that is used for long does not grow on disk.
func TestQueue_filesAreBounded(t *testing.T) {
	disk := journaltest.New()
	s := newStream(t, weir.Config{})
	q, err := openIn(t, s, disk)
	require.NoError(t, err)
	most, ops := 0, disk.Ops()
	for range 200 {
		_, err := s.PutCopies(t.Context(), weir.Entry{PartitionKey: "k", Data: []byte("data")}, 100)
		require.NoError(t, err)
		list := try(t, q, 100)
		receipts := make([]queue.Receipt, len(list))
		for i := range list {
			receipts[i] = list[i].Receipt
		}
		errs, err := q.Acknowledge(t.Context(), receipts...)
		require.NoError(t, err)
		require.Nil(t, errs)
		total := 0
		for _, b := range disk.Files() {
			total += len(b)
		}
		most = max(most, total)
	}
	assert.Less(t, most, 20<<10)
	assert.Greater(t, disk.Ops(), ops+1000, "files were made and removed")
	q.Abandon()
	disk.Crash(rand.New(rand.NewPCG(1, 1)))
	q, err = openIn(t, s, disk)
	require.NoError(t, err)
	c, err := q.Counts()
	require.NoError(t, err)
	assert.EqualValues(t, 20_000, c.Acknowledged)
	assert.Zero(t, c.Visible+c.InFlight)
	for range 100 { // slots are used again after a restart
		_, err := s.PutCopies(t.Context(), weir.Entry{PartitionKey: "k", Data: []byte("data")}, 100)
		require.NoError(t, err)
		for _, d := range try(t, q, 100) {
			require.NoError(t, d.Ack(t.Context()))
		}
	}
	assert.LessOrEqual(t, q.MemoryOf(), int64(64<<10))
}

// With an interval a call returns at once, and what a crash takes back is
// delivered again.
func TestQueue_withAnInterval(t *testing.T) {
	dir := t.TempDir()
	s := openStream(t, dir, weir.Config{Sync: time.Hour, Name: "orders"})
	q := newQueue(t, s, queue.Config{})
	put(t, s, 10)
	for _, d := range try(t, q, 10) {
		require.NoError(t, d.Ack(t.Context()))
	}
	q.Abandon()
	q = newQueue(t, s, queue.Config{})
	require.Len(t, try(t, q, 10), 10)
	require.NoError(t, q.Close())
	q = newQueue(t, s, queue.Config{})
	require.Empty(t, try(t, q, 10), "closed, it has all")
	require.NoError(t, q.Close())
	require.NoError(t, s.Close())
}

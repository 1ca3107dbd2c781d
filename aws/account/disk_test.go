package account_test

import (
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/account"
	"github.com/weirstream/weir/aws/internal/handclock"
	"github.com/weirstream/weir/internal/journal/journaltest"
)

// A rig is an account on a disk in memory, which can crash and fail.
type rig struct {
	*testing.T
	disk    *journaltest.FS
	engines *account.MemoryEngines
	clock   *handclock.Clock
	told    atomic.Int64
}

func newRig(t *testing.T) *rig {
	r := &rig{
		T: t, disk: journaltest.New(), engines: &account.MemoryEngines{Streams: make(map[uint64]*weir.Stream)},
		clock: handclock.New(time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)),
	}
	r.disk.RoomFrom = 300
	return r
}

func (r *rig) open() (*fixture, error) {
	r.Helper()
	c := account.Instant()
	c.ID, c.Now, c.Failed = id, r.clock.Now, func(error) { r.told.Add(1) }
	a, err := account.OpenIn(r.disk, r.engines, c)
	return &fixture{T: r.T, Account: a, ctx: r.Context(), clock: r.clock}, err
}

func (r *rig) mustOpen() *fixture {
	r.Helper()
	f, err := r.open()
	require.NoError(r, err)
	return f
}

// Wherever in an operation the machine stops, and whatever it leaves of what was
// not synced: what was answered is there, and the operation that was under way
// is there whole or not at all.
func TestOpen_crashesAtEachWriteAndSync(t *testing.T) {
	// upTo returns an account after so many steps.
	upTo := func(n int) (*rig, *fixture) {
		r := newRig(t)
		f := r.mustOpen()
		for _, s := range steps()[:n] {
			require.NoError(t, s.run(f), s.name)
		}
		return r, f
	}
	random, outcomes := rand.New(rand.NewPCG(1, 0)), make(map[string]int)
	for i, s := range steps() {
		_, f := upTo(i)
		was := everything(f)
		_, f = upTo(i + 1)
		done := everything(f)
		for at, reached := 1, true; reached; at++ {
			r, f := upTo(i)
			n := 0
			r.disk.FailWith(func(journaltest.Op) error {
				if n++; n >= at {
					return errors.New("the machine has stopped")
				}
				return nil
			})
			err := s.run(f)
			reached = n >= at
			r.disk.FailWith(nil)
			r.disk.Crash(random)
			after := everything(r.mustOpen())
			switch {
			case assert.ObjectsAreEqual(done, after):
				outcomes["done"]++
			case err == nil || !assert.ObjectsAreEqual(was, after):
				require.Equal(t, done, after, "%s, stopped at %d with %v", s.name, at, err)
			default:
				outcomes["not done"]++
			}
		}
	}
	t.Log(outcomes)
	assert.Greater(t, outcomes["done"], 50)
	assert.Greater(t, outcomes["not done"], 20)
}

// A stream whose creation failed with a sync may be there when the machine has
// stopped, or not. The account can be opened either way.
func TestOpen_failedSyncOfACreation(t *testing.T) {
	there := make(map[bool]int)
	for seed := range uint64(20) {
		r := newRig(t)
		f := r.mustOpen()
		require.NoError(t, steps()[0].run(f))
		r.disk.FailWith(func(op journaltest.Op) error {
			if op.Kind == "sync" || op.Kind == "truncate" {
				return errors.New("the disk is broken")
			}
			return nil
		})
		require.Error(t, steps()[1].run(f))
		r.disk.FailWith(nil)
		r.disk.Crash(rand.New(rand.NewPCG(seed, 0)))
		_, err := r.mustOpen().DescribeStreamSummary(t.Context(), &account.DescribeStreamSummaryInput{StreamName: ptr("D")})
		there[err == nil]++
	}
	assert.Len(t, there, 2)
}

// What the disk has no room for is refused, and is not there: not now, and not
// after a crash. When there is room it succeeds.
func TestOpen_accountWithoutRoom(t *testing.T) {
	r := newRig(t)
	f := r.mustOpen()
	for _, s := range steps() {
		refused := 0
		r.disk.FailWith(func(op journaltest.Op) error {
			if op.Kind == "write" {
				refused++
				return syscall.ENOSPC
			}
			return nil
		})
		told := r.told.Load()
		r.clock.Advance(2 * time.Second)
		before := everything(f)
		err := s.run(f)
		r.disk.FailWith(nil)
		if refused == 0 {
			require.NoError(t, err, "%s is the engine's alone", s.name)
			continue
		}
		require.ErrorIs(t, err, &account.Error{Code: account.CodeInternalFailure}, s.name)
		require.Equal(t, before, everything(f), "%s: nothing of it is seen", s.name)
		require.Equal(t, told+1, r.told.Load(), "%s: somebody is told", s.name)
		require.NoError(t, s.run(f), "%s: there is room again", s.name)
	}
	want := everything(f)
	require.NoError(t, f.Close())
	require.Equal(t, want, everything(r.mustOpen()))
}

// After a failed sync nothing is answered any more, and readers go on.
func TestOpen_accountAfterAFailedSync(t *testing.T) {
	r := newRig(t)
	f := r.mustOpen()
	f.create("S", 1)
	r.disk.FailWith(func(op journaltest.Op) error {
		if op.Kind == "sync" {
			return syscall.EIO
		}
		return nil
	})
	tag := func(f *fixture, key string) error {
		_, err := f.AddTagsToStream(f.ctx, &account.AddTagsToStreamInput{StreamName: S(), Tags: map[string]string{key: ""}})
		return err
	}
	f.failsAs(tag(f, "a"), account.CodeInternalFailure)
	r.disk.FailWith(nil)
	f.failsAs(tag(f, "b"), account.CodeInternalFailure)
	assert.Equal(t, account.StatusActive, f.status("S"))
	tags, err := f.ListTagsForStream(f.ctx, &account.ListTagsForStreamInput{StreamName: S()})
	require.NoError(t, err)
	assert.Empty(t, tags.Tags)
	require.Error(t, f.Close())
	f = r.mustOpen()
	require.NoError(t, tag(f, "c"))
}

// While an operation on settings waits for the disk, puts and reads go on, of the
// same stream and of others, also where memory is full and what has expired is
// looked for.
func TestOpen_recordsDoNotWaitForSettings(t *testing.T) {
	r := newRig(t)
	c := account.Instant()
	c.ID, c.Now, c.Memory = id, r.clock.Now, account.NewMemory(8<<20)
	a, err := account.OpenIn(r.disk, r.engines, c)
	require.NoError(t, err)
	f := &fixture{T: t, Account: a, ctx: t.Context(), clock: r.clock}
	f.create("S", 1)
	f.create("other", 1)
	f.put("k", "first")
	syncing, free := make(chan struct{}), make(chan struct{})
	var once sync.Once
	r.disk.FailWith(func(op journaltest.Op) error {
		if op.Kind == "sync" {
			once.Do(func() { close(syncing) })
			<-free
		}
		return nil
	})
	tagged := make(chan error)
	go func() {
		_, err := f.AddTagsToStream(f.ctx, &account.AddTagsToStreamInput{StreamName: S(), Tags: map[string]string{"a": ""}})
		tagged <- err
	}()
	<-syncing
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, name := range []string{"S", "other"} {
			_, err := f.PutRecord(f.ctx, &account.PutRecordInput{StreamName: &name, PartitionKey: ptr("k")})
			assert.NoError(t, err)
		}
		assert.Len(t, f.read(f.iterator(0, account.IteratorTrimHorizon)).Records, 2)
		f.failsAs(f.fill("other"), account.CodeThroughputExceeded)
		f.clock.Advance(25 * time.Hour)
		_, err := f.PutRecord(f.ctx, &account.PutRecordInput{StreamName: S(), PartitionKey: ptr("k")})
		assert.NoError(t, err, "what expired in the other made room")
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Error("they wait for the disk")
	}
	close(free)
	require.NoError(t, <-tagged)
}

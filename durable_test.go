package weir_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/journal"
	"github.com/weirstream/weir/internal/journal/journaltest"
)

// reopened closes a stream and opens its directory again.
func reopened(t testing.TB, s *weir.Stream, dir string, c weir.Config) *weir.Stream {
	require.NoError(t, s.Close())
	return opened(t, dir, c)
}

func opened(t testing.TB, dir string, c weir.Config) *weir.Stream {
	s, err := weir.Open(dir, c)
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

// What is there when a stream is closed is there when it is opened, as it was.
func TestOpen_isAsItWas(t *testing.T) {
	for _, sync := range []time.Duration{0, time.Hour, weir.SyncNever} {
		t.Run(fmt.Sprint(sync), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "orders")
			c := weir.Config{Shards: 2, Sync: sync}
			s := opened(t, dir, c)
			assert.Equal(t, "orders", s.Name())
			placed := mustPut(t, s, "a", "1")
			_, err := s.PutRecords(t.Context(), []weir.Entry{{PartitionKey: "a", Data: []byte("2")}, {PartitionKey: "b", Data: []byte("3")}})
			require.NoError(t, err)
			_, err = s.PutCopies(t.Context(), weir.Entry{PartitionKey: "c", Data: []byte("4")}, 3)
			require.NoError(t, err)
			_, err = s.PutRecordsWait(t.Context(), []weir.Entry{{PartitionKey: "d", Data: []byte("5")}})
			require.NoError(t, err)
			_, err = s.PutRecordWait(t.Context(), "e", []byte("6"))
			require.NoError(t, err)
			_, err = s.SplitShard(t.Context(), 0, s.Shards()[0].HashKeyRange.Middle())
			require.NoError(t, err)
			mustPut(t, s, "f", "7")
			_, err = s.Resize(t.Context(), 4)
			require.NoError(t, err)
			mustPut(t, s, "g", "8")
			_, err = s.RegisterConsumer(t.Context(), "audit")
			require.NoError(t, err)
			_, err = s.RegisterConsumer(t.Context(), "gone")
			require.NoError(t, err)
			require.NoError(t, s.DeregisterConsumer(t.Context(), "gone"))
			require.NoError(t, s.Set(t.Context(), func(to *weir.Settings) { to.Retention, to.RecordBytes = 48*time.Hour, 2<<20 }))
			require.NoError(t, s.TrimTo(placed.SequenceNumber))
			data, shards, settings, consumers := allRecords(t, s), s.Shards(), s.Settings(), s.Consumers()
			for range 3 {
				s = reopened(t, s, dir, c)
				assert.Equal(t, "orders", s.Name())
				assert.Equal(t, data, allRecords(t, s))
				assert.Equal(t, shards, s.Shards())
				assert.Equal(t, settings, s.Settings())
				assert.Equal(t, consumers, s.Consumers())
				require.NoError(t, weir.CheckInvariants(s))
				assert.True(t, s.Snapshot().Storage.Recovery.Closed)
				mustPut(t, s, "h", "9")
				data = allRecords(t, s)
			}
			require.NoError(t, s.EndWrites(t.Context()))
			s = reopened(t, s, dir, c)
			_, err = s.PutRecord(t.Context(), "k", nil)
			assert.ErrorIs(t, err, weir.ErrClosed)
			assert.Equal(t, data, allRecords(t, s))
		})
	}
}

// Puts that come at the same time share a sync, and each is there when it
// returns, for readers too.
func TestOpen_producersBesideEachOther(t *testing.T) {
	dir := t.TempDir()
	c := weir.Config{Shards: 3, Limits: weir.Unlimited()}
	s := opened(t, dir, c)
	const producers, each = 16, 60
	var all sync.WaitGroup
	for p := range producers {
		all.Go(func() {
			for n := range each {
				placed, err := s.PutRecord(t.Context(), fmt.Sprint(p), fmt.Append(nil, n))
				if !assert.NoError(t, err) {
					return
				}
				it, err := s.Iterator(t.Context(), placed.ShardID, weir.AtSequence(placed.SequenceNumber))
				assert.NoError(t, err)
				page, err := s.GetRecords(t.Context(), it, 1)
				assert.NoError(t, err)
				assert.Len(t, page.Records, 1)
				if p == 0 && n%20 == 10 {
					open := openShards(t, s)
					_, err := s.SplitShard(t.Context(), open[0].ID, open[0].HashKeyRange.Middle())
					assert.NoError(t, err)
				}
			}
		})
	}
	all.Wait()
	assert.Len(t, allRecords(t, s), producers*each)
	assert.LessOrEqual(t, s.Snapshot().Storage.Syncs, int64(producers*each+4))
	s = reopened(t, s, dir, c)
	next := make(map[string]int)
	for _, r := range allRecords(t, s) {
		assert.Equal(t, fmt.Sprint(next[r.PartitionKey]), string(r.Data))
		next[r.PartitionKey]++
	}
	assert.Len(t, next, producers)
}

// With an interval a put returns at once. What a crash takes back keeps its
// numbers: they are not given out again, and positions behind them are refused.
func TestOpen_interval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := journaltest.New()
		c := weir.Config{Sync: time.Second}
		s, err := weir.OpenIn(disk, "test", c)
		require.NoError(t, err)
		mustPut(t, s, "k", "on disk")
		time.Sleep(time.Second)
		synctest.Wait()
		lost := mustPut(t, s, "k", "lost")
		assert.Len(t, allRecords(t, s), 2, "readers see it at once")
		disk.Crash(rand.New(rand.NewPCG(1, 1)))
		s.Close()

		s, err = weir.OpenIn(disk, "test", c)
		require.NoError(t, err)
		assert.True(t, s.Snapshot().Storage.Recovery.NumbersSkipped)
		require.Len(t, allRecords(t, s), 1)
		_, err = s.Iterator(t.Context(), 0, weir.AfterSequence(lost.SequenceNumber))
		require.ErrorIs(t, err, weir.ErrInvalidSequenceNumber)
		again := mustPut(t, s, "k", "again")
		assert.True(t, lost.SequenceNumber.Compare(again.SequenceNumber) < 0)
		require.NoError(t, s.Close())

		s, err = weir.OpenIn(disk, "test", c)
		require.NoError(t, err)
		assert.False(t, s.Snapshot().Storage.Recovery.NumbersSkipped)
		assert.Len(t, allRecords(t, s), 2)
		_, err = s.Iterator(t.Context(), 0, weir.AfterSequence(lost.SequenceNumber))
		require.ErrorIs(t, err, weir.ErrInvalidSequenceNumber)
		require.NoError(t, s.Close())
	})
}

func TestOpen_diskFull(t *testing.T) {
	disk := journaltest.New()
	s, err := weir.OpenIn(disk, "test", weir.Config{MaxBytes: 10_000})
	require.NoError(t, err)
	mustPut(t, s, "k", "before")
	disk.FailWith(func(op journaltest.Op) error {
		if op.Kind == "write" {
			return syscall.ENOSPC
		}
		return nil
	})
	for range 20 { // and gives its room in memory back
		placed, err := s.PutRecord(t.Context(), "k", make([]byte, 1000))
		assert.Zero(t, placed)
		var storage *weir.StorageError
		require.ErrorAs(t, err, &storage)
		require.ErrorIs(t, err, weir.ErrStorage)
		require.ErrorIs(t, err, syscall.ENOSPC)
		assert.Equal(t, "stream test in memory: no space left on device", err.Error())
		results, err := s.PutRecords(t.Context(), []weir.Entry{{PartitionKey: "k", Data: make([]byte, 1000)}})
		require.NoError(t, err)
		require.ErrorIs(t, results[0].Err, syscall.ENOSPC)
		_, err = s.PutRecordsWait(t.Context(), []weir.Entry{{PartitionKey: "k", Data: make([]byte, 1000)}})
		require.ErrorIs(t, err, syscall.ENOSPC)
		_, err = s.PutRecordWait(t.Context(), "k", make([]byte, 1000))
		require.ErrorIs(t, err, syscall.ENOSPC)
		n, err := s.PutCopies(t.Context(), weir.Entry{PartitionKey: "k", Data: make([]byte, 1000)}, 3)
		require.ErrorIs(t, err, syscall.ENOSPC)
		assert.Zero(t, n)
	}
	shard := s.Shards()[0]
	_, err = s.SplitShard(t.Context(), 0, shard.HashKeyRange.Middle())
	require.ErrorIs(t, err, syscall.ENOSPC)
	_, err = s.Resize(t.Context(), 2)
	require.ErrorIs(t, err, syscall.ENOSPC)
	_, err = s.RegisterConsumer(t.Context(), "c")
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.ErrorIs(t, s.EndWrites(t.Context()), syscall.ENOSPC)
	require.ErrorIs(t, s.Set(t.Context(), func(to *weir.Settings) { to.Retention *= 2 }), syscall.ENOSPC)
	assert.Len(t, allRecords(t, s), 1)
	assert.Equal(t, []weir.Shard{shard}, s.Shards())

	disk.FailWith(nil)
	mustPut(t, s, "k", "after")
	assert.Equal(t, []string{"before", "after"}, allDataOf(t, s))
	require.NoError(t, s.Close())
	s, err = weir.OpenIn(disk, "test", weir.Config{})
	require.NoError(t, err)
	assert.Equal(t, []string{"before", "after"}, allDataOf(t, s))
	assert.Equal(t, 24*time.Hour, s.Settings().Retention)
	require.NoError(t, s.Close())
}

func allDataOf(t testing.TB, s *weir.Stream) (list []string) {
	for _, r := range allRecords(t, s) {
		list = append(list, string(r.Data))
	}
	return list
}

// What has expired or was trimmed makes room on the disk: whole files go, the
// oldest first, and the rest is whole without them.
func TestOpen_removesFilesWithoutRecords(t *testing.T) {
	defer weir.SetFileBytes(10_000)()
	disk, clock := journaltest.New(), newClock()
	c := weir.Config{Shards: 2, Limits: weir.Unlimited(), Now: clock.Now}
	s, err := weir.OpenIn(disk, "test", c)
	require.NoError(t, err)
	for i := range 25 * 60 {
		mustPut(t, s, fmt.Sprint("k", i%7), text(100))
		clock.Advance(time.Minute)
	}
	files := s.Snapshot().Storage.Files
	assert.InDelta(t, 24*60*(100+50)/10_000, files, 5, "those of a day")
	require.NoError(t, s.Close())
	s, err = weir.OpenIn(disk, "test", c)
	require.NoError(t, err)
	assert.InDelta(t, 24*60, len(allRecords(t, s)), 2)
	assert.InDelta(t, files, s.Snapshot().Storage.Files, 1)

	last := make(map[weir.ShardID]weir.SequenceNumber)
	for _, r := range allRecords(t, s) {
		last[r.ShardID()] = r.SequenceNumber
	}
	for _, n := range last {
		require.NoError(t, s.TrimTo(n))
	}
	assert.Less(t, s.Snapshot().Storage.Files, 5)
	clock.Advance(25 * time.Hour)
	s.Trim()
	assert.Equal(t, 1, s.Snapshot().Storage.Files)
	require.NoError(t, s.Close())
	s, err = weir.OpenIn(disk, "test", c)
	require.NoError(t, err)
	assert.Empty(t, allRecords(t, s))
	mustPut(t, s, "k", "new")
	require.NoError(t, s.Close())
}

// A clock that was set back between two runs reorders nothing and repeats no
// number.
func TestOpen_clockThatWentBack(t *testing.T) {
	disk, clock := journaltest.New(), newClock()
	c := weir.Config{Limits: weir.Unlimited(), Now: clock.Now}
	var last weir.Record
	for run := range 4 {
		s, err := weir.OpenIn(disk, "test", c)
		require.NoError(t, err)
		for range 3 {
			mustPut(t, s, "k", fmt.Sprint(run))
		}
		list := allRecords(t, s)
		require.Len(t, list, 3*(run+1))
		for i, r := range list {
			if i > 0 {
				assert.Positive(t, r.SequenceNumber.Compare(last.SequenceNumber))
				assert.False(t, r.ArrivalTime.Before(last.ArrivalTime))
			}
			last = r
		}
		require.NoError(t, s.Close())
		clock.Advance(-time.Hour)
	}
}

// What is wrong with a directory or a configuration is said, and nothing is
// changed.
func TestOpen_refuses(t *testing.T) {
	dir := t.TempDir()
	foreign := filepath.Join(dir, "foreign")
	require.NoError(t, os.Mkdir(foreign, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(foreign, "thesis.txt"), []byte("years of work"), 0o600))
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	later := filepath.Join(dir, "later")
	s := opened(t, later, weir.Config{})
	require.NoError(t, s.Close())
	first := filepath.Join(later, "0000000000000001.journal")
	b, err := os.ReadFile(first)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(first, append([]byte("weir journal 9\n\n"), b[16:]...), 0o600))
	inUse := filepath.Join(dir, "inuse")
	opened(t, inUse, weir.Config{})
	named := filepath.Join(dir, "1-named")
	s = opened(t, named, weir.Config{Name: "named"})
	require.Equal(t, "named", s.Name())
	require.NoError(t, s.Close())
	elses := filepath.Join(dir, "elses")
	writeElsesJournal(t, elses)

	for _, row := range []struct {
		dir  string
		c    weir.Config
		is   error
		says string
	}{
		{foreign, weir.Config{}, nil, "open stream in " + foreign + `: the directory holds other files, and no stream: "thesis.txt"`},
		{"", weir.Config{}, weir.ErrInvalidArgument, "dir: is empty; it must name the directory of the stream"},
		{file, weir.Config{}, syscall.ENOTDIR, "not a directory"},
		{later, weir.Config{}, nil, "0000000000000001.journal is of format 9; format 1 can be read"},
		{inUse, weir.Config{}, weir.ErrInUse, "directory in use"},
		{filepath.Join(dir, "a b"), weir.Config{}, weir.ErrInvalidArgument, `stream name: "a b" has characters other than`},
		{filepath.Join(dir, "x"), weir.Config{Name: "a b"}, weir.ErrInvalidArgument, `stream name: "a b" has characters other than`},
		{named, weir.Config{Name: "other"}, weir.ErrInvalidArgument, `Config.Name: the stream there is called "named", and not "other"`},
		{elses, weir.Config{}, nil, "the directory holds a journal, but not that of a stream"},
		{filepath.Join(dir, "x"), weir.Config{Hollow: true}, weir.ErrInvalidArgument, "Config.Hollow: is for streams in memory"},
		{filepath.Join(dir, "x"), weir.Config{Sync: -5}, weir.ErrInvalidArgument, "Config.Sync: -5ns is neither SyncNever nor a time"},
		{filepath.Join(dir, "x"), weir.Config{Shards: -1}, weir.ErrInvalidArgument, "Config.Shards"},
	} {
		_, err := weir.Open(row.dir, row.c)
		require.Error(t, err)
		assert.ErrorContains(t, err, row.says)
		if row.is != nil {
			assert.ErrorIs(t, err, row.is)
		}
	}
	entries, err := os.ReadDir(foreign)
	require.NoError(t, err)
	assert.Len(t, entries, 1)
	assert.NoDirExists(t, filepath.Join(dir, "x"))
	assert.NoDirExists(t, filepath.Join(dir, "a b"))
}

// writeElsesJournal writes a journal as it is, but not a stream's.
func writeElsesJournal(t *testing.T, dir string) {
	t.Helper()
	d, err := journal.Claim(journal.Dir(dir))
	require.NoError(t, err)
	j, err := journal.Create(d, journal.Options[int]{
		State: func() []byte { return []byte(`{"JournalOf":"somebody"}`) }, Settled: func([]int, journal.Spot, error) {},
	})
	require.NoError(t, err)
	require.NoError(t, j.Close())
}

// Somebody else's journal is not taken for a stream that is damaged, which a
// repair would cut.
func TestCheckStorage_elsesJournal(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "elses")
	writeElsesJournal(t, dir)
	_, err := weir.CheckStorage(dir)
	require.EqualError(t, err, "check stream in "+dir+": the directory holds a journal, but not that of a stream")
}

// A journal that is damaged in the middle is not opened, and the error says
// where; it is left as it is.
func TestOpen_damage(t *testing.T) {
	dir := t.TempDir()
	s := opened(t, dir, weir.Config{})
	for i := range 20 {
		mustPut(t, s, "k", fmt.Sprint(i))
	}
	require.NoError(t, s.Close())
	path := filepath.Join(dir, "0000000000000001.journal")
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	b[len(b)/2] ^= 4
	require.NoError(t, os.WriteFile(path, b, 0o600))
	_, err = weir.Open(dir, weir.Config{})
	require.ErrorIs(t, err, weir.ErrDamaged)
	assert.Regexp(t, `^open stream in .*: saved stream is damaged: 0000000000000001.journal is damaged at byte \d+: `, err.Error())
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, b, after)
}

// After a sync that failed nothing is put until the stream is opened again;
// readers go on.
func TestOpen_failedSync(t *testing.T) {
	disk, broken := journaltest.New(), errors.New("input/output error")
	s, err := weir.OpenIn(disk, "test", weir.Config{})
	require.NoError(t, err)
	mustPut(t, s, "k", "before")
	disk.FailWith(func(op journaltest.Op) error {
		if op.Kind == "sync" {
			return broken
		}
		return nil
	})
	_, err = s.PutRecord(t.Context(), "k", []byte("unsure"))
	require.ErrorIs(t, err, broken)
	disk.FailWith(nil)
	for range 3 {
		_, err = s.PutRecord(t.Context(), "k", []byte("refused"))
		require.ErrorIs(t, err, weir.ErrStorage)
		require.ErrorIs(t, err, broken)
	}
	require.ErrorIs(t, s.Snapshot().Storage.Refused, broken)
	assert.Equal(t, []string{"before"}, allDataOf(t, s))
	require.ErrorIs(t, s.Close(), broken)
	s, err = weir.OpenIn(disk, "test", weir.Config{})
	require.NoError(t, err)
	mustPut(t, s, "k", "after")
	assert.Equal(t, []string{"before", "after"}, allDataOf(t, s))
	require.NoError(t, s.Close())
}

// What was closed takes no more, and lets what it has be read.
func TestStream_close(t *testing.T) {
	s := opened(t, t.TempDir(), weir.Config{})
	mustPut(t, s, "k", "data")
	require.NoError(t, s.Close())
	require.NoError(t, s.Close())
	_, err := s.PutRecord(t.Context(), "k", nil)
	require.ErrorIs(t, err, weir.ErrClosed)
	results, err := s.PutRecords(t.Context(), []weir.Entry{{PartitionKey: "k"}})
	require.NoError(t, err)
	require.ErrorIs(t, results[0].Err, weir.ErrClosed)
	_, err = s.SplitShard(t.Context(), 0, s.Shards()[0].HashKeyRange.Middle())
	require.ErrorIs(t, err, weir.ErrClosed)
	assert.Equal(t, []string{"data"}, allDataOf(t, s))

	m := newStream(t, weir.Config{})
	require.NoError(t, m.Close())
	mustPut(t, m, "k", "a stream in memory has nothing to close")
}

// openWithSyncsHeld opens a stream of which each sync waits for its release.
func openWithSyncsHeld(t *testing.T) (*journaltest.FS, *weir.Stream, chan<- struct{}) {
	disk, release := journaltest.New(), make(chan struct{})
	s, err := weir.OpenIn(disk, "test", weir.Config{})
	require.NoError(t, err)
	disk.FailWith(func(op journaltest.Op) error {
		if op.Kind == "sync" {
			<-release
		}
		return nil
	})
	return disk, s, release
}

// No reader ever sees what is not on disk: no record, and no end of a shard.
func TestOpen_showsNothingEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk, s, release := openWithSyncsHeld(t)
		go s.PutRecord(t.Context(), "k", []byte("data"))
		synctest.Wait()
		assert.Empty(t, allRecords(t, s))
		release <- struct{}{}
		synctest.Wait()
		assert.Len(t, allRecords(t, s), 1)

		middle := s.Shards()[0].HashKeyRange.Middle()
		it := mustIterator(t, s, shard0, weir.TrimHorizon())
		go s.SplitShard(t.Context(), 0, middle)
		synctest.Wait()
		assert.Equal(t, 1, weir.OpenShards(s))
		assert.Empty(t, mustGet(t, s, it, 10).Children)
		release <- struct{}{}
		synctest.Wait()
		assert.Equal(t, 2, weir.OpenShards(s))
		assert.Len(t, mustGet(t, s, it, 10).Children, 2)
		disk.FailWith(nil)
		require.NoError(t, s.Close())
	})
}

// Who waits for the disk is told what became of the put, and not that a context
// ended meanwhile: then nobody would know.
func TestOpen_contextEndsWhileTheDiskWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, s, release := openWithSyncsHeld(t)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 2)
		for range cap(done) { // one writes, one waits for it
			go func() {
				_, err := s.PutRecord(ctx, "k", []byte("data"))
				done <- err
			}()
		}
		synctest.Wait()
		cancel()
		synctest.Wait()
		assert.Empty(t, done)
		close(release)
		require.NoError(t, <-done)
		require.NoError(t, <-done)
		assert.Len(t, allRecords(t, s), 2)
		_, err := s.PutRecord(ctx, "k", nil)
		require.ErrorIs(t, err, context.Canceled, "before it begins it is looked at")
		require.NoError(t, s.Close())
	})
}

// What a shared bound of memory is told of a stream on disk is what it takes,
// after a crash and after numbers were left out too.
func TestOpen_countsMemory(t *testing.T) {
	defer weir.SetFileBytes(100_000)()
	disk, clock := journaltest.New(), newClock()
	c := weir.Config{Shards: 2, Limits: weir.Unlimited(), Now: clock.Now, Sync: weir.SyncNever}
	s, err := weir.OpenIn(disk, "test", c)
	require.NoError(t, err)
	for i := range 3000 {
		mustPut(t, s, fmt.Sprint(i), text(300))
	}
	_, err = s.Resize(t.Context(), 3)
	require.NoError(t, err)
	disk.Crash(rand.New(rand.NewPCG(3, 1)))
	m := &sharedMemory{most: 1 << 40}
	c.Memory = m
	s, err = weir.OpenIn(disk, "test", c)
	require.NoError(t, err)
	held := m.held.Load()
	assert.Greater(t, held, s.Snapshot().BytesHeld)
	assert.Less(t, held, s.Snapshot().MemoryBytes+100_000)
	mustPut(t, s, "k", "one more")
	clock.Advance(25 * time.Hour)
	s.Trim()
	assert.Less(t, m.held.Load(), int64(bytesOfStream+6*bytesOfShard+20_000))
	require.NoError(t, s.Close())
}

// A stream may be used in a bubble and outside of it, as one that a fixture
// opened is: it keeps nothing that belongs to a bubble.
func TestOpen_outlivesABubble(t *testing.T) {
	for name, c := range map[string]weir.Config{
		"always": {}, "never": {Sync: weir.SyncNever}, "interval": {Sync: 50 * time.Millisecond}, "spill": {WhenFull: weir.Spill, MaxBytes: 1 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			c.Limits, c.Now = weir.Unlimited(), newClock().Now // or what a bubble's time saw has expired
			var s *weir.Stream
			put := func(t *testing.T) {
				var producers sync.WaitGroup
				for i := range 8 {
					producers.Go(func() {
						for range 20 { // so much that zeros are written ahead
							_, err := s.PutRecord(t.Context(), fmt.Sprint(i), make([]byte, 3000))
							assert.NoError(t, err)
						}
					})
				}
				producers.Wait()
			}
			inBubble := func(t *testing.T) {
				put(t)
				time.Sleep(c.Sync) // or a timer would be left that only the bubble can fire
			}
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				var err error
				s, err = weir.Open(dir, c)
				require.NoError(t, err)
				inBubble(t)
			})
			synctest.Test(t, inBubble)
			require.NoError(t, s.Close())
			s = opened(t, dir, c)
			synctest.Test(t, inBubble)
			put(t)
			assert.Equal(t, 4*8*20, len(allRecords(t, s)))
		})
	}
}

package weir_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/journal/journaltest"
)

// A spilled is a stream most of whose records have left memory.
type spilled struct {
	*weir.Stream
	t     testing.TB
	disk  *journaltest.FS
	clock *manualClock
	c     weir.Config
}

// spillBytes is what stays in memory of it.
const spillBytes = 64 << 10

// newSpilled returns a stream with records of a KiB, n in each of some shards,
// each put at a time of its own.
func newSpilled(t testing.TB, shards, n int) *spilled {
	t.Cleanup(weir.SetFileBytes(100_000))
	s := &spilled{t: t, disk: journaltest.New(), clock: newClock()}
	s.c = weir.Config{
		Shards: shards, Limits: weir.Unlimited(), Now: s.clock.Now, Sync: weir.SyncNever, MaxBytes: spillBytes, WhenFull: weir.Spill,
	}
	s.open()
	for i := range n {
		s.put(i)
	}
	t.Cleanup(func() {
		assert.NoError(t, weir.CheckInvariants(s.Stream))
		s.Close()
	})
	return s
}

func (s *spilled) open() {
	var err error
	s.Stream, err = weir.OpenIn(s.disk, "test", s.c)
	require.NoError(s.t, err)
}

// put puts a record into each open shard.
func (s *spilled) put(i int) {
	for _, sh := range openShards(s.t, s.Stream) {
		_, err := s.Put(s.t.Context(), weir.Entry{PartitionKey: "k", ExplicitHashKey: &sh.HashKeyRange.Start, Data: []byte(nth(sh.ID, i))})
		require.NoError(s.t, err)
	}
	s.clock.Advance(time.Millisecond)
}

// nth is the data of a shard's record.
func nth(shard weir.ShardID, i int) string {
	return fmt.Sprintf("%d/%d ", shard, i) + text(1000)
}

// firsts are the data of a shard's first n records.
func firsts(shard weir.ShardID, n int) (list []string) {
	for i := range n {
		list = append(list, nth(shard, i))
	}
	return list
}

// failReads makes reads of files fail, as long as f says so.
func (s *spilled) failReads(f func() bool) {
	s.disk.FailReadsWith(func(journaltest.Op) error {
		if f() {
			return syscall.EIO
		}
		return nil
	})
}

func yes() bool { return true }
func no() bool  { return false }

// isReadError says that err is that of a read that failed.
func isReadError(t testing.TB, err error) {
	t.Helper()
	require.ErrorIs(t, err, syscall.EIO)
	var typed *weir.StorageError
	require.ErrorAs(t, err, &typed)
	require.Equal(t, "test", typed.Stream)
	require.NotErrorIs(t, err, weir.ErrDamaged)
}

// However much is put, what is in memory stays within MaxBytes, and so it does
// while all of it is read and when it is opened again.
func TestSpill_boundsMemory(t *testing.T) {
	const most, each = 4 << 20, 10 << 10
	dir := t.TempDir()
	shared := &sharedMemory{most: 1 << 40}
	c := weir.Config{Shards: 4, Limits: weir.Unlimited(), Sync: weir.SyncNever, MaxBytes: most, WhenFull: weir.Spill, Memory: shared}
	heap := heapBytes()
	s, err := weir.Open(dir, c)
	require.NoError(t, err)
	check := func(what string) {
		t.Helper()
		st := s.Snapshot().Storage
		require.LessOrEqual(t, st.BytesInMemory+st.RecordsInMemory*weir.RecordOverheadBytes, int64(most), what)
		require.LessOrEqual(t, weir.ArenaBytes(s), int64(most+most/4), what)
		require.LessOrEqual(t, shared.held.Load(), int64(most+most/2), what)
	}
	entries := make([]weir.Entry, 100)
	for i := range 10 * most / each / len(entries) {
		for j := range entries {
			entries[j] = weir.Entry{PartitionKey: fmt.Sprint(i, j), Data: []byte(text(each))}
		}
		_, err := s.PutRecords(t.Context(), entries)
		require.NoError(t, err)
		check("while records are put")
	}
	st := s.Snapshot().Storage
	require.Greater(t, st.BytesInMemory, int64(most*3/4), "no more than needed leaves")
	require.Greater(t, st.BytesOnDisk, int64(8*most))
	n := int64(10 * most / each / len(entries) * len(entries))
	require.Equal(t, n, st.RecordsInMemory+st.RecordsOnDisk)

	replay := func() {
		seen := int64(0)
		for r, err := range s.Records(t.Context(), weir.TrimHorizon().ToTip()) {
			require.NoError(t, err)
			require.Len(t, r.Data, each)
			if seen++; seen%500 == 0 {
				check("while records are read")
				require.Less(t, heapBytes()-heap, int64(4*most), "with the batch that the reader was given")
			}
		}
		require.Equal(t, n, seen)
	}
	replay()
	clear(entries)
	require.Less(t, heapBytes()-heap, int64(3*most))
	require.NoError(t, s.Close())
	shared.held.Store(0) // the one that is closed gives nothing back
	s, err = weir.Open(dir, c)
	require.NoError(t, err)
	check("when it is opened again")
	require.Less(t, heapBytes()-heap, int64(3*most))
	replay()
	require.NoError(t, weir.CheckInvariants(s))
	require.NoError(t, s.Close())
}

func heapBytes() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// Readers at the tip never come to the disk, and so does nobody who puts.
func TestSpill_tipStaysInMemory(t *testing.T) {
	s := newSpilled(t, 4, 100)
	s.failReads(yes)
	r, err := s.NewReader("", weir.Latest())
	require.NoError(t, err)
	defer r.Close()
	it := mustIterator(t, s.Stream, shard0, weir.Latest())
	mustRegister(t, s.Stream, "c")
	sub := mustSubscribe(t, s.Stream, "c", shard0, weir.Latest())
	defer sub.Close()
	for i := 100; i < 300; i++ {
		s.put(i)
		for range 4 {
			b, err := r.Next(t.Context())
			require.NoError(t, err)
			require.Equal(t, []string{nth(b.Shard, i)}, dataOf(b.Records))
		}
		page := mustGet(t, s.Stream, it, 10)
		it = page.Next
		require.Equal(t, []string{nth(0, i)}, dataOf(page.Records))
		require.Equal(t, []string{nth(0, i)}, dataOf(mustNext(t, sub).Records))
	}
	s.Snapshot()
}

// A read that fails is a StorageError to that reader only, in whatever way it
// reads; nothing is skipped, and the next read has what this one had not.
func TestSpill_readFails(t *testing.T) {
	const records = 3000 // more than is kept of what was read
	s := newSpilled(t, 1, records)
	want := firsts(0, records)
	tried := 0
	flaky := func() bool { tried++; return tried%3 != 0 } // an opening and a read go through now and then
	failed := 0
	again := func(read func() ([]weir.Record, error)) (got []string) {
		failed = 0
		runtime.GC() // or blocks that somebody has read are there
		for len(got) < len(want) {
			s.failReads(flaky)
			records, err := read()
			if err != nil {
				isReadError(t, err)
				require.Empty(t, records)
				if failed++; failed > 2 {
					s.failReads(no)
					records, err = read()
					require.NoError(t, err)
				}
			}
			got = append(got, dataOf(records)...)
		}
		return got
	}

	it := mustIterator(t, s.Stream, shard0, weir.TrimHorizon())
	assert.Equal(t, want, again(func() ([]weir.Record, error) {
		page, err := s.GetRecords(t.Context(), it, 50)
		if err == nil {
			it = page.Next
		}
		return page.Records, err
	}))
	assert.NotZero(t, failed)
	for _, from := range []weir.Position{weir.TrimHorizon(), weir.TrimHorizon().In(shard0), weir.TrimHorizon().Strict()} {
		r, err := s.NewReader("", from)
		require.NoError(t, err)
		assert.Equal(t, want, again(func() ([]weir.Record, error) {
			b, err := r.Next(t.Context())
			return b.Records, err
		}))
		assert.NotZero(t, failed)
		assert.Zero(t, r.Lost())
		r.Close()
	}
	mustRegister(t, s.Stream, "c")
	sub := mustSubscribe(t, s.Stream, "c", shard0, weir.TrimHorizon())
	defer sub.Close()
	assert.Equal(t, want, again(func() ([]weir.Record, error) {
		ev, err := sub.Next(t.Context())
		return ev.Records, err
	}))
	assert.NotZero(t, failed)

	s.failReads(yes)
	runtime.GC()
	_, err := s.Iterator(t.Context(), shard0, weir.AtTime(epoch.Add(5*time.Millisecond)))
	isReadError(t, err)
	_, err = s.NewReader("", weir.AtTime(epoch.Add(5*time.Millisecond)))
	isReadError(t, err)
	isReadError(t, s.Save(io.Discard))
	for _, err := range s.Records(t.Context(), weir.TrimHorizon()) {
		isReadError(t, err)
	}
	s.put(records)
	s.failReads(no)
	assert.Equal(t, firsts(0, records+1), readable(t, s.Stream, shard0))
	page := mustGet(t, s.Stream, mustIterator(t, s.Stream, shard0, weir.AtTime(epoch.Add(5*time.Millisecond))), 1)
	assert.Equal(t, want[5:6], dataOf(page.Records))
}

// Who reads a whole stream reads each file about once, however much more some
// shards have than others.
func TestSpill_replayReadsFilesOnce(t *testing.T) {
	s := newSpilled(t, 4, 0)
	t.Cleanup(weir.SetFileBytes(0))
	require.NoError(t, s.Close())
	s.open()
	shards := openShards(t, s.Stream)
	const records = 12_000
	for i := range records {
		// Half of them are the first shard's, a quarter the second's and so on.
		of := min(bits.TrailingZeros(uint(i+1)), len(shards)-1)
		_, err := s.Put(t.Context(), weir.Entry{PartitionKey: "k", ExplicitHashKey: &shards[of].HashKeyRange.Start, Data: []byte(text(1000))})
		require.NoError(t, err)
	}
	pieces, opened := 0, 0
	for _, data := range s.disk.Files() {
		pieces += (len(data) + 256<<10 - 1) / (256 << 10)
	}
	s.disk.FailReadsWith(func(op journaltest.Op) error {
		if op.Kind == "open" {
			opened++
		}
		return nil
	})
	assert.Len(t, allDataOf(t, s.Stream), records)
	assert.LessOrEqual(t, opened, pieces*3/2)
}

// A shard that cannot be read holds up no other one: whoever reads on after the
// error gets what there is. Its children wait, because a key's records come in
// order.
func TestSpill_oneShardCannotBeRead(t *testing.T) {
	s := newSpilled(t, 3, 0)
	// The first shard's records are in files of their own, before the others'.
	first := openShards(t, s.Stream)[0]
	for i := range 200 {
		_, err := s.Put(t.Context(), weir.Entry{PartitionKey: "k", ExplicitHashKey: &first.HashKeyRange.Start, Data: []byte(nth(0, i))})
		require.NoError(t, err)
	}
	for i := range 200 {
		s.put(i)
	}
	_, err := s.SplitShard(t.Context(), 0, first.HashKeyRange.Middle())
	require.NoError(t, err)
	for i := range 100 {
		s.put(i)
	}
	broken := true
	s.disk.FailReadsWith(func(op journaltest.Op) error {
		if broken && op.Name == "0000000000000001.journal" {
			return syscall.EIO
		}
		return nil
	})
	r, err := s.NewReader("", weir.TrimHorizon().ToTip())
	require.NoError(t, err)
	defer r.Close()
	got, errs := make(map[weir.ShardID]int), 0
	for range 1000 {
		b, err := r.Next(t.Context())
		got[b.Shard] += len(b.Records)
		if err != nil {
			isReadError(t, err)
			errs++
		}
	}
	assert.Equal(t, map[weir.ShardID]int{0: 0, 1: 300, 2: 300}, got)
	assert.Greater(t, errs, 500, "and says so at each of its turns")
	broken = false
	for {
		b, err := r.Next(t.Context())
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		if got[b.Shard] += len(b.Records); b.Shard > 2 {
			require.Equal(t, 400, got[0], "parents come first")
		}
	}
	assert.Equal(t, map[weir.ShardID]int{0: 400, 1: 300, 2: 300, 3: 100, 4: 100}, got)
}

// What is damaged of records that have left memory is told with file and place,
// to whoever reads them; all else is read on.
func TestSpill_damageIsTold(t *testing.T) {
	s := newSpilled(t, 1, 400)
	files := s.disk.Files()
	const name = "0000000000000002.journal"
	files[name][50_000] ^= 4
	s.disk.Set(files)
	r, err := s.NewReader("", weir.TrimHorizon())
	require.NoError(t, err)
	defer r.Close()
	n := 0
	for {
		b, err := r.Next(t.Context())
		for _, rec := range b.Records {
			require.Equal(t, nth(0, n), string(rec.Data))
			n++
		}
		if err == nil {
			continue
		}
		require.ErrorIs(t, err, weir.ErrDamaged)
		require.ErrorIs(t, err, weir.ErrStorage)
		require.Regexp(t, `^stream test in memory: .*`+name+` is damaged at byte (49|50)\d\d\d: the checksum is wrong$`, err.Error())
		break
	}
	assert.Less(t, n, 200)
	late := mustIterator(t, s.Stream, shard0, weir.AtTime(epoch.Add(250*time.Millisecond)))
	assert.Equal(t, firsts(0, 400)[250:260], dataOf(mustGet(t, s.Stream, late, 10).Records))

	// Open refuses it, as ever.
	require.NoError(t, s.Close())
	_, err = weir.OpenIn(s.disk, "test", s.c)
	require.ErrorIs(t, err, weir.ErrDamaged)
	require.ErrorContains(t, err, name)
}

// What a reader was given stays as it is when retention removes its file.
func TestSpill_heldRecordsOutliveTheirFile(t *testing.T) {
	s := newSpilled(t, 2, 300)
	before := len(s.disk.Files())
	held := mustGet(t, s.Stream, mustIterator(t, s.Stream, shard0, weir.TrimHorizon()), 100).Records
	s.clock.Advance(24 * time.Hour)
	s.put(300)
	s.Trim()
	require.Less(t, len(s.disk.Files()), before/2)
	assert.Equal(t, []string{nth(0, 300)}, readable(t, s.Stream, shard0))
	for i := 301; i < 600; i++ {
		s.put(i)
	}
	readable(t, s.Stream, shard0)
	assert.Equal(t, firsts(0, 100), dataOf(held))
}

// A record may be larger than all that is to be in memory.
func TestSpill_largeRecords(t *testing.T) {
	s := newSpilled(t, 2, 0)
	large := func(i int) string { return fmt.Sprint(i, " ", strings.Repeat(fmt.Sprint(i%10), 3*spillBytes)) }
	var want []string
	for i := range 20 {
		want = append(want, large(i))
		mustPut(t, s.Stream, "k", large(i))
		st := s.Snapshot().Storage
		assert.LessOrEqual(t, st.RecordsInMemory, int64(2), "the newest of each shard")
	}
	n, err := s.PutCopies(t.Context(), weir.Entry{PartitionKey: "k", Data: []byte(large(20))}, 3)
	require.NoError(t, err)
	require.Equal(t, 3, n)
	want = append(want, large(20), large(20), large(20))
	assert.Equal(t, want, allDataOf(t, s.Stream))
	require.NoError(t, s.Close())
	s.open()
	assert.Equal(t, want, allDataOf(t, s.Stream))
}

// A stream is saved with all that it had when Save began, whatever expires
// before the writer has taken it.
func TestSpill_saveBesideRetention(t *testing.T) {
	s := newSpilled(t, 2, 300)
	before := len(s.disk.Files())
	var saved bytes.Buffer
	now := s.clock.Now()
	require.NoError(t, s.Save(writerFunc(func(b []byte) (int, error) {
		if saved.Len() == 0 {
			s.clock.Advance(25 * time.Hour)
			s.Trim()
			assert.Empty(t, readable(t, s.Stream, shard0))
		}
		assert.GreaterOrEqual(t, len(s.disk.Files()), before, "Save needs them")
		return saved.Write(b)
	})))
	assert.Less(t, len(s.disk.Files()), before/2, "nobody does")
	loaded, err := weir.LoadStream(&saved, weir.Config{Now: func() time.Time { return now }})
	require.NoError(t, err)
	for shard := range weir.ShardID(2) {
		assert.Equal(t, firsts(shard, 300), readable(t, loaded, shard))
	}
}

type writerFunc func(b []byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// Of a stream that is closed what is in memory can be read, and what has left
// it cannot.
func TestSpill_closed(t *testing.T) {
	s := newSpilled(t, 1, 300)
	r, err := s.NewReader("", weir.TrimHorizon())
	require.NoError(t, err)
	defer r.Close()
	require.NoError(t, s.Close())
	_, err = r.Next(t.Context())
	require.ErrorIs(t, err, weir.ErrClosed)
	late := mustIterator(t, s.Stream, shard0, weir.AtTime(epoch.Add(299*time.Millisecond)))
	assert.Equal(t, []string{nth(0, 299)}, dataOf(mustGet(t, s.Stream, late, 10).Records))
}

// What had expired before retention grows stays unreadable, to the record; as
// long as that cannot be looked up, retention does not grow.
func TestSpill_retentionGrows(t *testing.T) {
	s := newSpilled(t, 1, 300)
	s.clock.Advance(24*time.Hour - 200*time.Millisecond) // the record at 100 ms expires now
	s.failReads(yes)
	isReadError(t, setRetention(s.Stream, 48*time.Hour))
	assert.Equal(t, 24*time.Hour, s.Settings().Retention)
	s.failReads(no)
	require.NoError(t, setRetention(s.Stream, 48*time.Hour))
	assert.Equal(t, firsts(0, 300)[101:], readable(t, s.Stream, shard0))
}

// An askedMemory comes back to the stream when it is asked whether it is full.
type askedMemory struct {
	sharedMemory
	stream *weir.Stream
}

func (m *askedMemory) Full() bool {
	if m.stream != nil && m.sharedMemory.Full() {
		_ = weir.CheckOldest(m.stream) // takes the lock under which records leave
		m.stream.Trim()
	}
	return m.sharedMemory.Full()
}

// Memory that is shared, and full, makes records leave; a put is refused only
// where that is not enough.
func TestSpill_sharedMemory(t *testing.T) {
	defer weir.SetFileBytes(1 << 20)()
	m := &askedMemory{sharedMemory: sharedMemory{most: 1 << 20}}
	disk := journaltest.New()
	c := weir.Config{Limits: weir.Unlimited(), Sync: weir.SyncNever, WhenFull: weir.Spill, Memory: m}
	s, err := weir.OpenIn(disk, "test", c)
	require.NoError(t, err)
	m.stream = s
	var want []string
	for i := range 5000 {
		want = append(want, nth(0, i))
		mustPut(t, s, "k", nth(0, i))
		require.LessOrEqual(t, m.held.Load(), m.most+1<<20+2000, "a block more")
	}
	assert.Equal(t, want, allDataOf(t, s))
	m.held.Add(10 << 20) // somebody else's
	_, err = s.PutRecord(t.Context(), "k", nil)
	require.ErrorIs(t, err, weir.ErrMemoryFull)
	assert.Equal(t, want, allDataOf(t, s))
	require.NoError(t, s.Close())

	m = &askedMemory{sharedMemory: sharedMemory{most: 1 << 20}}
	c.Memory = m
	s, err = weir.OpenIn(disk, "test", c)
	require.NoError(t, err)
	assert.LessOrEqual(t, m.held.Load(), m.most+1<<20)
	assert.Equal(t, want, allDataOf(t, s))
	require.NoError(t, s.Close())
}

// A directory may be opened with any policy, whatever it was written with.
func TestSpill_otherPolicies(t *testing.T) {
	s := newSpilled(t, 2, 300)
	for _, policy := range []weir.FullPolicy{weir.Refuse, weir.Spill, weir.Wait, weir.Spill} {
		require.NoError(t, s.Close())
		s.c.WhenFull, s.c.MaxBytes = policy, 0
		if policy == weir.Spill {
			s.c.MaxBytes = spillBytes
		}
		s.open()
		for shard := range weir.ShardID(2) {
			assert.Equal(t, firsts(shard, 300), readable(t, s.Stream, shard))
		}
		assert.Equal(t, policy == weir.Spill, s.Snapshot().Storage.RecordsOnDisk > 0)
	}
}

// What is not on disk yet stays in memory, if that is more than MaxBytes too:
// nothing that was acknowledged is ever out of reach.
func TestSpill_beforeItIsWritten(t *testing.T) {
	disk := journaltest.New()
	s, err := weir.OpenIn(disk, "test", weir.Config{Limits: weir.Unlimited(), Sync: time.Hour, MaxBytes: spillBytes, WhenFull: weir.Spill})
	require.NoError(t, err)
	full := errors.New("no space")
	disk.FailWith(func(op journaltest.Op) error {
		if op.Kind == "write" {
			return full
		}
		return nil
	})
	var want []string
	for i := range 300 {
		want = append(want, nth(0, i))
		mustPut(t, s, "k", nth(0, i))
	}
	assert.Zero(t, s.Snapshot().Storage.RecordsOnDisk)
	assert.Equal(t, want, readable(t, s, shard0))
	disk.FailWith(nil)
	for i := 300; i < 3000; i++ { // so much that it is written before its time
		want = append(want, nth(0, i))
		mustPut(t, s, "k", nth(0, i))
	}
	require.NoError(t, s.Close())
}

package weir_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
)

// saved returns what Save writes.
func saved(t testing.TB, s *weir.Stream) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, s.Save(&b))
	return b.Bytes()
}

// loaded returns the stream that was saved.
func loaded(t testing.TB, b []byte, c weir.Config) *weir.Stream {
	t.Helper()
	s, err := weir.LoadStream(bytes.NewReader(b), c)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, weir.CheckInvariants(s)) })
	return s
}

// allRecords returns what a reader of the whole stream gets.
func allRecords(t testing.TB, s *weir.Stream) []weir.Record {
	t.Helper()
	var list []weir.Record
	for r, err := range s.Records(t.Context(), weir.TrimHorizon().ToTip()) {
		require.NoError(t, err)
		list = append(list, r)
	}
	return list
}

func TestStream_savedAndLoaded(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 2))
			clock := newClock()
			c := weir.Config{Shards: 1 + random.IntN(3), Limits: weir.Unlimited(), Now: clock.Now}
			s := newStream(t, c)
			for range 600 {
				switch random.IntN(12) {
				case 0:
					reshardAtRandom(t, s, random)
				case 1:
					clock.Advance(time.Duration(random.Int64N(int64(time.Hour))))
				default:
					mustPut(t, s, fmt.Sprint("key-", random.IntN(9)), text(random.IntN(3000)))
				}
			}
			_, err := s.RegisterConsumer(t.Context(), "billing")
			require.NoError(t, err)
			require.NoError(t, setRecordBytes(s, 2<<20))
			require.NoError(t, setRetention(s, 30*time.Hour))
			clock.Advance(time.Second) // so that nothing counts as of the load

			l := loaded(t, saved(t, s), c)
			assert.Equal(t, s.Shards(), l.Shards())
			assert.Equal(t, allRecords(t, s), allRecords(t, l))
			assert.Equal(t, s.Consumers(), l.Consumers())
			assert.Equal(t, s.CreatedAt(), l.CreatedAt())
			assert.Equal(t, 30*time.Hour, l.Settings().Retention)
			assert.Equal(t, 2<<20, l.Settings().RecordBytes)
			assert.Equal(t, s.Snapshot().RecordsHeld, l.Snapshot().RecordsHeld)
			requireSavedAlike(t, s, l)
			requireContinues(t, s, l, random)
		})
	}
}

// requireContinues checks that a loaded stream goes on where the saved one
// stood.
func requireContinues(t *testing.T, s, l *weir.Stream, random *rand.Rand) {
	t.Helper()
	open := openShards(t, s)
	it := mustIterator(t, s, open[0].ID, weir.Latest())
	same, err := l.ParseToken(s.Token(it))
	require.NoError(t, err)
	for range 50 {
		key := fmt.Sprint("key-", random.IntN(9))
		requireContinuesBeyond(t, mustPut(t, s, key, "later"), mustPut(t, l, key, "later"))
	}
	want, got := mustGet(t, s, it, 0), mustGet(t, l, same, 0)
	assert.Equal(t, dataOf(want.Records), dataOf(got.Records))
	reshardAtRandom(t, l, random)
	requireCovered(t, l)
}

func TestStream_savedInOnDemandMode(t *testing.T) {
	clock := newClock()
	c := weir.Config{Settings: weir.Settings{Mode: weir.OnDemand, Distribution: weir.DistributeAuto}, Now: clock.Now}
	s := newStream(t, c)
	_, err := s.PutRecord(t.Context(), "", []byte("without a key"))
	require.NoError(t, err)
	l := loaded(t, saved(t, s), weir.Config{Now: clock.Now})
	assert.Equal(t, weir.OnDemand, l.Settings().Mode)
	assert.Equal(t, weir.DistributeAuto, l.Settings().Distribution)
	assert.Equal(t, allRecords(t, s), allRecords(t, l))
	clock.Advance(time.Hour)
	_, err = l.PutRecord(t.Context(), "", nil)
	require.NoError(t, err)
}

// Whoever asked last, or whether anybody did, what is saved is the stream with
// all that had fallen due.
func TestStream_savedWithWhatHasFallenDue(t *testing.T) {
	clock := newClock()
	c := onDemandConfig()
	c.Now, c.Shards = clock.Now, 1
	s := newStream(t, c)
	clock.Advance(11 * time.Minute)
	l := loaded(t, saved(t, s), c)
	assert.Len(t, openShards(t, l), 4)
	assert.Equal(t, s.Shards(), l.Shards())
}

// A put may have been given a number of a second that the clock, set back
// since, has not reached again.
func TestStream_loadedAcceptsItsNumbersForOrdering(t *testing.T) {
	clock := newClock()
	c := weir.Config{Now: clock.Now}
	s := newStream(t, c)
	r := mustPut(t, s, "k", "")
	clock.Advance(-time.Minute)
	later := weir.Entry{PartitionKey: "k", SequenceNumberForOrdering: r.SequenceNumber}
	_, err := s.Put(t.Context(), later)
	require.NoError(t, err)
	_, err = loaded(t, saved(t, s), c).Put(t.Context(), later)
	require.NoError(t, err)
}

func TestStream_expiredWhileSaved(t *testing.T) {
	clock := newClock()
	c := weir.Config{Now: clock.Now}
	s := newStream(t, c)
	mustPut(t, s, "k", "old")
	clock.Advance(time.Hour)
	mustPut(t, s, "k", "new")
	b := saved(t, s)
	clock.Advance(23 * time.Hour)
	assert.Equal(t, []string{"new"}, dataOf(allRecords(t, loaded(t, b, c))))
}

func TestLoadStream_refusesDamage(t *testing.T) {
	s := newStream(t, weir.Config{Shards: 2})
	for i := range 20 {
		mustPut(t, s, fmt.Sprint(i), "data")
	}
	_, err := s.SplitShard(t.Context(), 0, weir.HashKey{Hi: 1 << 60})
	require.NoError(t, err)
	b := saved(t, s)
	for n := range b {
		_, err := weir.LoadStream(bytes.NewReader(b[:n]), weir.Config{})
		require.ErrorIs(t, err, weir.ErrDamaged, "cut off after %d bytes", n)
		changed := slices.Clone(b)
		changed[n] ^= 0x40
		_, err = weir.LoadStream(bytes.NewReader(changed), weir.Config{})
		require.ErrorIs(t, err, weir.ErrDamaged, "byte %d changed", n)
	}
	_, err = weir.LoadStream(bytes.NewReader(b), weir.Config{MaxBytes: -1})
	require.ErrorIs(t, err, weir.ErrInvalidArgument)
}

// What fails may be the disk and not the stream: an older one is no remedy.
func TestLoadStream_readersErrorIsNoDamage(t *testing.T) {
	s, failure := newStream(t, weir.Config{Shards: 2}), errors.New("the disk is on fire")
	mustPut(t, s, "k", "data")
	b := saved(t, s)
	for n := range b {
		_, err := weir.LoadStream(io.MultiReader(bytes.NewReader(b[:n]), iotest.ErrReader(failure)), weir.Config{})
		require.ErrorIs(t, err, failure, "after %d bytes", n)
		require.NotErrorIs(t, err, weir.ErrDamaged, "after %d bytes", n)
	}
}

func TestLoadStream_takesTheMemoryOfItsBlocks(t *testing.T) {
	s := newStream(t, weir.Config{Limits: weir.Unlimited()})
	_, err := s.PutCopies(t.Context(), weir.Entry{PartitionKey: "k", Data: make([]byte, 1000)}, 16<<10)
	require.NoError(t, err)
	b := saved(t, s)
	before := heapInUse()
	l := loaded(t, b, weir.Config{})
	took := heapInUse() - before
	assert.InDelta(t, weir.ArenaBytes(l), took, 3<<20, "blocks take %d bytes, the stream %d", weir.ArenaBytes(l), took)
	runtime.KeepAlive(s)
	runtime.KeepAlive(b)
}

// heapInUse returns how many bytes are reachable.
func heapInUse() int64 {
	runtime.GC()
	runtime.GC() // what the first one finalised
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A stream of a later version is called that, not damaged: an older file is not
// the remedy.
func TestLoadStream_laterVersion(t *testing.T) {
	rest := bytes.TrimPrefix(saved(t, newStream(t, weir.Config{})), []byte("weir stream 2\n"))
	for _, version := range []string{"3", "10", "4294967295"} {
		_, err := weir.LoadStream(bytes.NewReader(append([]byte("weir stream "+version+"\n"), rest...)), weir.Config{})
		require.EqualError(t, err, "saved stream is of version "+version+"; versions up to 2 can be read")
		require.NotErrorIs(t, err, weir.ErrDamaged)
	}
	for _, version := range []string{"", "0", "02", "-3", "+3", "x", "3 ", "33333333333333", "3\x00"} {
		_, err := weir.LoadStream(bytes.NewReader(append([]byte("weir stream "+version+"\n"), rest...)), weir.Config{})
		require.ErrorIs(t, err, weir.ErrDamaged, "%q", version)
	}
}

func TestStream_saveReportsWriteErrors(t *testing.T) {
	s := newStream(t, weir.Config{})
	r, w := io.Pipe()
	require.NoError(t, r.Close())
	require.ErrorIs(t, s.Save(w), io.ErrClosedPipe)
}

// What is saved under load is a stream all the same: each shard without a gap.
func TestStream_savedUnderLoad(t *testing.T) {
	s := newStream(t, weir.Config{Shards: 4, Limits: weir.Unlimited()})
	var wg sync.WaitGroup
	for p := range 4 {
		wg.Go(func() {
			for i := range 3000 {
				_, err := s.PutRecord(t.Context(), fmt.Sprint(p, i%7), fmt.Append(nil, i))
				assert.NoError(t, err)
			}
		})
	}
	for range 10 {
		l := loaded(t, saved(t, s), weir.Config{Limits: weir.Unlimited()})
		next := map[weir.ShardID]uint64{}
		for _, r := range allRecords(t, l) {
			next[r.ShardID()]++
			require.Equal(t, next[r.ShardID()], r.SequenceNumber.Index())
		}
	}
	wg.Wait()
}

// FuzzLoadStream changes saved streams behind their checksums' back.
func FuzzLoadStream(f *testing.F) {
	s := newStream(f, weir.Config{Shards: 2})
	for i := range 5 {
		mustPut(f, s, fmt.Sprint(i), "data")
	}
	f.Add(saved(f, s), uint16(0), byte(0))
	f.Add(saved(f, s), uint16(300), byte(1))
	hollow := newStream(f, weir.Config{Hollow: true})
	mustPut(f, hollow, "k", "data")
	f.Add(saved(f, hollow), uint16(0), byte(0))
	gapped := saved(f, s)
	for range 3 {
		l := loaded(f, gapped, weir.Config{})
		mustPut(f, l, "1", "behind a gap")
		gapped = saved(f, l)
	}
	f.Add(gapped, uint16(0), byte(0))
	for i := range 6 { // the digits of gaps, and what stands around them
		f.Add(gapped, uint16(bytes.Index(gapped, []byte(`"Gaps"`))+8*i+3), byte(1<<i))
	}
	old, err := os.ReadFile(filepath.Join("testdata", "saved", "v1-plain.weir"))
	require.NoError(f, err)
	f.Add(old, uint16(0), byte(0))
	f.Fuzz(func(t *testing.T, b []byte, at uint16, x byte) {
		if len(b) > 0 {
			b = slices.Clone(b)
			b[int(at)%len(b)] ^= x
		}
		l, err := weir.LoadStream(bytes.NewReader(weir.WithChecksums(b)), weir.Config{})
		if err != nil {
			return
		}
		require.NoError(t, weir.CheckInvariants(l))
		_, err = l.PutRecord(t.Context(), "k", nil)
		require.NoError(t, err)
		allRecords(t, l)
	})
}

func TestStream_nilReadersAndWriters(t *testing.T) {
	s := newStream(t, weir.Config{})
	assert.EqualError(t, s.Save(nil), "writer: is nil")
	_, err := weir.LoadStream(nil, weir.Config{})
	assert.EqualError(t, err, "reader: is nil")
	assert.ErrorIs(t, err, weir.ErrInvalidArgument)
}

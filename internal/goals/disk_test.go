package goals_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/journal"
)

// diskGoals are those of streams on disk. What they are compared with is a sync
// of a file that grows by as much as a put of 100 bytes, on the same disk in
// the same round.
func diskGoals() []goal {
	return []goal{
		{"D1", "put, 64 producers, synced, per record ÷ a sync", 0.1, 0.03, false, func(t testing.TB) sample {
			s := onDisk(t, 0)
			return ratios(func(n int) {
				var all sync.WaitGroup
				for p := range 64 {
					all.Go(func() {
						for i := range (n + 63) / 64 {
							mustPut(t, s, keyOf(64*i+p))
						}
					})
				}
				all.Wait()
			}, syncs(t))
		}},
		{"D2", "put, one producer, synced ÷ a sync", 1.25, 1.05, false, func(t testing.TB) sample {
			s := onDisk(t, 0)
			return ratios(func(n int) {
				for i := range n {
					mustPut(t, s, keyOf(i))
				}
			}, syncs(t))
		}},
		{"D3", "batch of 500, synced ÷ a sync and a batch in memory", 1.5, 1.15, false, func(t testing.TB) sample {
			s, memory, sync1 := onDisk(t, 0), inMemory(t), syncs(t)
			return ratios(batches(t, s), func(n int) {
				sync1(n)
				batches(t, memory)(n)
			})
		}},
		{"D4", "put with an interval ÷ put in memory", 2, 1.4, false, func(t testing.TB) sample {
			s, memory := onDisk(t, time.Second), inMemory(t)
			// So few that the disk keeps up: what it takes in at most is not the put's.
			puts := func(s *weir.Stream) work {
				return func(n int) {
					for i := range n {
						mustPut(t, s, keyOf(i))
					}
				}
			}
			return ratios(puts(s), puts(memory))
		}},
		{"D6", "opening 10 million records, ns of processor a record ÷ 333 (3 M/s)", 1, 0.3, false, openTenMillion},
		{"D7", "replay of what has left memory, 1 KiB records ÷ a read of the files", 2, 1.2, false, func(t testing.TB) sample {
			s, dir := mostlyOnDisk(t)
			return ratios(replays(t, s), readings(t, dir))
		}},
		{"D8", "bytes on disk beyond key and data, a record, in batches", 24, 10, false, func(t testing.TB) sample {
			dir := t.TempDir()
			s, err := weir.Open(filepath.Join(dir, "s"), weir.Config{Shards: 8, Limits: weir.Unlimited()})
			require.NoError(t, err)
			const n = 200
			batches(t, s)(n)
			require.NoError(t, s.Close())
			return value(float64(sizeOf(t, filepath.Join(dir, "s")))/(n*500) - (16 + 100))
		}},
	}
}

// keyOf returns one of a thousand keys of 16 bytes.
var keyOf = func() func(i int) string {
	var keys [1000]string
	for i := range keys {
		keys[i] = fmt.Sprintf("key-%012d", i)
	}
	return func(i int) string { return keys[i%len(keys)] }
}()

var hundredBytes = make([]byte, 100)

func mustPut(t testing.TB, s *weir.Stream, key string) {
	if _, err := s.PutRecord(t.Context(), key, hundredBytes); err != nil {
		t.Error(err)
	}
}

func onDisk(t testing.TB, sync time.Duration) *weir.Stream {
	s, err := weir.Open(filepath.Join(t.TempDir(), "s"), weir.Config{
		Shards: 8, Limits: weir.Unlimited(), MaxBytes: 64 << 20, WhenFull: weir.DropOldest, Sync: sync,
	})
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

func inMemory(t testing.TB) *weir.Stream {
	s, err := weir.NewStream("s", weir.Config{Shards: 8, Limits: weir.Unlimited(), MaxBytes: 64 << 20, WhenFull: weir.DropOldest})
	require.NoError(t, err)
	return s
}

// batches puts batches of 500 records.
func batches(t testing.TB, s *weir.Stream) work {
	entries := make([]weir.Entry, 500)
	for i := range entries {
		entries[i] = weir.Entry{PartitionKey: keyOf(i), Data: hundredBytes}
	}
	return func(n int) {
		for range n {
			if _, err := s.PutRecords(t.Context(), entries); err != nil {
				t.Error(err)
			}
		}
	}
}

// syncs writes 160 bytes at the end of a file and syncs it as the journal does.
func syncs(t testing.TB) work {
	f, err := journal.Dir(t.TempDir()).Create("f")
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	b, at := make([]byte, 160), int64(0)
	return func(n int) {
		for range n {
			if _, err := f.WriteAt(b, at); err != nil {
				t.Error(err)
			}
			at += int64(len(b))
			if err := f.Sync(); err != nil {
				t.Error(err)
			}
		}
	}
}

// openTenMillion opens a stream of ten million records.
func openTenMillion(t testing.TB) (measured sample) {
	dir := filepath.Join(t.TempDir(), "s")
	c := weir.Config{Shards: 8, Limits: weir.Unlimited(), Sync: weir.SyncNever}
	s, err := weir.Open(dir, c)
	require.NoError(t, err)
	batches(t, s)(tenMillion / 500)
	require.NoError(t, s.Close())
	// The first time is that of memory which the process did not have, where a
	// virtual machine has to ask its host for it: the median is another one's.
	for range 3 {
		s = nil
		runtime.GC()
		begin := processorTime(t)
		s, err = weir.Open(dir, c)
		took := processorTime(t) - begin
		require.NoError(t, err)
		require.EqualValues(t, tenMillion, s.Snapshot().RecordsHeld)
		require.NoError(t, s.Close())
		measured.ratios = append(measured.ratios, float64(took.Nanoseconds())/tenMillion/333)
	}
	return measured
}

// mostlyOnDisk returns a stream of 256 MiB, of which 16 MiB are in memory.
func mostlyOnDisk(t testing.TB) (s *weir.Stream, dir string) {
	dir = filepath.Join(t.TempDir(), "s")
	s, err := weir.Open(dir, weir.Config{
		Shards: 8, Limits: weir.Unlimited(), Sync: weir.SyncNever, MaxBytes: 16 << 20, WhenFull: weir.Spill,
	})
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	entries := make([]weir.Entry, 512)
	for n := 0; n < 256<<10; n += len(entries) {
		for i := range entries {
			entries[i] = weir.Entry{PartitionKey: keyOf(n + i), Data: make([]byte, 1<<10)}
		}
		_, err := s.PutRecords(t.Context(), entries)
		require.NoError(t, err)
	}
	st := s.Snapshot().Storage
	require.LessOrEqual(t, st.BytesInMemory, int64(16<<20))
	require.Greater(t, st.RecordsOnDisk, int64(240<<10))
	return s, dir
}

// replays reads a stream from its beginning to its end.
func replays(t testing.TB, s *weir.Stream) work {
	return func(n int) {
		for range n {
			r, err := s.NewReader("", weir.TrimHorizon().ToTip())
			require.NoError(t, err)
			records := 0
			for {
				b, err := r.Next(t.Context())
				if err == io.EOF {
					break
				}
				require.NoError(t, err)
				records += len(b.Records)
			}
			r.Close()
			require.Equal(t, 256<<10, records)
		}
	}
}

// readings reads the files of a directory, a MiB at a time, each into memory of
// its own: what a replay gives out stays valid too.
func readings(t testing.TB, dir string) work {
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	return func(n int) {
		for range n {
			for _, e := range entries {
				f, err := os.Open(filepath.Join(dir, e.Name()))
				require.NoError(t, err)
				for err == nil {
					_, err = f.Read(make([]byte, 1<<20))
				}
				require.Equal(t, io.EOF, err)
				f.Close()
			}
		}
	}
}

func sizeOf(t testing.TB, dir string) (n int64) {
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		info, err := e.Info()
		require.NoError(t, err)
		n += info.Size()
	}
	return n
}

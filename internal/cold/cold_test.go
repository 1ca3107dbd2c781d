package cold_test

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/internal/cold"
	"github.com/weirstream/weir/internal/journal"
	"github.com/weirstream/weir/internal/journal/journaltest"
	"github.com/weirstream/weir/internal/notes"
	"github.com/weirstream/weir/internal/shardlog"
)

// A rig is a journal, and logs whose records can leave memory.
type rig struct {
	t       testing.TB
	disk    *journaltest.FS
	dir     *journal.Directory
	journal *journal.Journal[struct{}]
	spot    journal.Spot
	attic   *cold.Attic
	rooms   []cold.Room
	ms      int64
}

func newRig(t testing.TB, logs int, kept, fileBytes int64) *rig {
	r := &rig{t: t, disk: journaltest.New(), ms: 1}
	var err error
	r.dir, err = journal.Claim(r.disk)
	require.NoError(t, err)
	t.Cleanup(func() { r.dir.Close() })
	r.journal, err = journal.Create(r.dir, journal.Options[struct{}]{
		Policy: journal.Never, FileBytes: fileBytes, State: func() []byte { return nil },
		Settled: func(_ []struct{}, at journal.Spot, _ error) { r.spot = at },
	})
	require.NoError(t, err)
	r.attic = cold.New(r.dir, kept)
	for id := range logs {
		log := new(shardlog.Log)
		log.Init(shardlog.Options{BlockBytes: 4 << 10})
		r.rooms = append(r.rooms, cold.Room{Log: log, Shelf: r.attic.NewShelf(int64(id)), Lock: new(sync.Mutex)})
	}
	return r
}

// blocks makes the blocks of the logs, which are empty, as large as that.
func (r *rig) blocks(bytes ...int) {
	for i := range r.rooms {
		r.rooms[i].Log = new(shardlog.Log)
		r.rooms[i].Log.Init(shardlog.Options{BlockBytes: bytes[i]})
	}
}

// A batch is records of one log.
type batch struct {
	log    int
	data   []string
	copies int // of the one there is, or zero
}

// group writes batches as one group, each of them at a time of its own.
func (r *rig) group(batches ...batch) {
	g, err := r.journal.Begin()
	require.NoError(r.t, err)
	from := make(map[int]uint64)
	for _, b := range batches {
		log := r.rooms[b.log].Log
		if _, ok := from[b.log]; !ok {
			from[b.log] = log.Next()
		}
		run := notes.Run{Shard: int64(b.log), Index: log.Next(), Ms: r.ms, First: log.First(), Count: len(b.data)}
		kind := notes.KindRun
		if b.copies > 0 {
			kind, run.Count = notes.KindCopies, b.copies
		}
		n := notes.AppendRun(g.Notes(), kind, run)
		for _, d := range b.data {
			n = notes.AppendRecord(n, "key", []byte(d))
			if b.copies > 0 {
				log.AppendCopies("key", []byte(d), r.ms, b.copies)
			} else {
				log.Append("key", []byte(d), r.ms)
			}
		}
		g.SetNotes(n)
		r.ms++
	}
	r.journal.End()
	require.NoError(r.t, r.journal.Commit(g))
	for log, first := range from {
		room := r.rooms[log]
		room.Log.Publish()
		room.Shelf.Note(first, room.Log.Next(), r.spot, room.Log.First())
	}
}

// put puts n records of some bytes into each log in turn, each in a new group.
func (r *rig) put(n, bytes int) {
	for i := range n {
		for log := range r.rooms {
			r.group(batch{log: log, data: []string{numbered(log, i, bytes)}})
		}
	}
}

func numbered(log, i, bytes int) string {
	text := fmt.Sprintf("%d/%d ", log, i)
	return text + strings.Repeat("x", max(0, bytes-len(text)))
}

// evictAll lets all leave memory that can.
func (r *rig) evictAll() (gone shardlog.Extent) {
	assert.False(r.t, cold.Evict(r.rooms, func(e shardlog.Extent) bool {
		gone = gone.Plus(e)
		return false
	}))
	for _, room := range r.rooms {
		require.NoError(r.t, room.Log.Check())
	}
	return gone
}

// read returns the data from a cursor on, up to an error.
func (r *rig) read(log int, c *shardlog.Cursor) (data []string, err error) {
	l := r.rooms[log].Log
	for {
		l.SkipTo(c, 0)
		n, _ := l.Take(c, 1000, 1<<30, true)
		if n == 0 {
			return data, c.Err()
		}
		for range n {
			b, i := c.Block()
			key, d := viewOf(b, i)
			assert.Equal(r.t, "key", key)
			data = append(data, string(d))
			c.Next++
		}
	}
}

// viewOf returns the key and the data of a record of a block.
func viewOf(b *shardlog.Block, i int) (key string, data []byte) {
	at, h := b.Start(i), b.Header(i)
	if b.IsScattered() {
		return b.View(i, at, h)
	}
	return b.Key(at, at+h.KeyLen()), b.Data(at+h.KeyLen(), h.End())
}

// set replaces all files, and lets go of what was read of them.
func (r *rig) set(files map[string][]byte) {
	r.disk.Set(files)
	r.attic.Forget()
	runtime.GC() // blocks that were fetched are found as long as they are there
}

// all is read for what cannot fail.
func (r *rig) all(log int) []string {
	data, err := r.read(log, &shardlog.Cursor{Next: 1})
	require.NoError(r.t, err)
	return data
}

// What has left memory is read as it was, a log at a time or all beside each
// other, over any number of files.
func TestShelf_recordsAreAsTheyWere(t *testing.T) {
	for _, fileBytes := range []int64{0, 3000} {
		r := newRig(t, 3, 1<<20, fileBytes)
		r.group(batch{log: 0, data: []string{"first", ""}}, batch{log: 1, data: []string{"other"}}, batch{log: 0, data: []string{"third"}})
		r.group(batch{log: 1, data: []string{"copied"}, copies: 700})
		r.put(200, 100)
		var want [3][]string
		for log := range want {
			want[log] = r.all(log)
		}
		gone := r.evictAll()
		assert.Greater(t, gone.Records, int64(1000))
		for log := range want {
			assert.Equal(t, want[log], r.all(log))
			held, cold := r.rooms[log].Log.Held(), r.rooms[log].Log.OnDisk()
			assert.EqualValues(t, len(want[log]), held.Records+cold.Records)
			assert.NotZero(t, held.Records, "the newest stay")
		}
	}
}

// Readers beside each other share what is read of the files, in whatever log
// they are; what is kept is bounded.
func TestAttic_isShared(t *testing.T) {
	r := newRig(t, 8, 4<<20, 0)
	r.put(100, 1000)
	r.evictAll()
	cursors := make([]shardlog.Cursor, len(r.rooms))
	for range 100 { // one block of each in turn
		for log := range cursors {
			c := &cursors[log]
			l := r.rooms[log].Log
			l.SkipTo(c, 0)
			n, _ := l.Take(c, 1000, 1<<30, true)
			require.NoError(t, c.Err())
			c.Next += uint64(n)
		}
	}
	for log := range cursors {
		assert.EqualValues(t, 101, cursors[log].Next)
	}
	files := int64(0)
	for _, data := range r.disk.Files() {
		files += int64(len(data))
	}
	assert.LessOrEqual(t, r.attic.Reads(), files>>18+2, "each piece of 256 KiB is read once")
	assert.LessOrEqual(t, r.attic.Bytes(), int64(4<<20))

	small := newRig(t, 1, 1, 0)
	small.put(3000, 1000)
	small.evictAll()
	small.all(0)
	assert.LessOrEqual(t, small.attic.Bytes(), int64(1<<20), "one piece is kept at least")
}

// What is read first is what arrived first, whatever log has it.
func TestEvict_oldestFirst(t *testing.T) {
	r := newRig(t, 2, 1<<20, 0)
	for i := range 50 {
		r.group(batch{log: 0, data: []string{numbered(0, i, 500)}})
	}
	for i := range 50 {
		r.group(batch{log: 1, data: []string{numbered(1, i, 500)}})
	}
	var gone shardlog.Extent
	assert.True(t, cold.Evict(r.rooms, func(e shardlog.Extent) bool {
		gone = gone.Plus(e)
		return gone.Records >= 30
	}))
	assert.Equal(t, gone, r.rooms[0].Log.OnDisk())
	assert.Zero(t, r.rooms[1].Log.OnDisk())
	assert.Less(t, gone.Records, int64(30+4096/500), "no more than a block too many")
	r.evictAll()
	assert.NotZero(t, r.rooms[1].Log.OnDisk())
	assert.False(t, cold.Evict(r.rooms, func(shardlog.Extent) bool { return true }), "nothing is left that can")
}

// Of a log that takes no more all leaves memory, and is read and trimmed as it
// would be.
func TestEvict_allOfALogThatHasEnded(t *testing.T) {
	r := newRig(t, 2, 1<<20, 0)
	r.put(50, 500)
	log := r.rooms[0].Log
	want, waiting := r.all(0), shardlog.Cursor{Next: 1}
	_, err := r.read(0, &waiting) // is at the end
	require.NoError(t, err)
	r.evictAll()
	require.NotZero(t, log.Held().Records, "the newest may be followed by others")

	log.Finish()
	gone := r.evictAll()
	assert.Zero(t, log.Held())
	assert.Equal(t, int64(50), log.OnDisk().Records)
	assert.NotZero(t, gone)
	assert.Zero(t, r.evictAll())
	assert.NotZero(t, r.rooms[1].Log.Held().Records, "the other log goes on")
	assert.Equal(t, want, r.all(0))
	last, err := r.read(0, &waiting)
	assert.NoError(t, err)
	assert.Empty(t, last)
	ms, ok := log.ArrivalOf(50)
	assert.True(t, ok)
	assert.Equal(t, uint64(50), log.SeekArrival(ms-1).Next)
	assert.Equal(t, uint64(51), log.SeekArrival(ms).Next)
	assert.Len(t, log.Blocks(), log.BlockCount()-1, "what is saved has records")

	log.TrimTo(20)
	require.NoError(t, log.Check())
	assert.Equal(t, want[19:], r.all(0))
	log.TrimExpired(ms)
	require.NoError(t, log.Check())
	assert.Equal(t, uint64(51), log.First())
	assert.Zero(t, log.BlockCount())
}

// What is not published yet, or followed by a gap, stays where it is.
func TestEvict_endThatIsNotThere(t *testing.T) {
	r := newRig(t, 2, 1<<20, 0)
	r.put(2, 500)
	open, gap := r.rooms[0].Log, r.rooms[1].Log
	open.Append("key", []byte("not on disk"), r.ms)
	require.NoError(t, gap.Skip(10))
	open.Finish()
	gap.Finish()
	assert.Zero(t, r.evictAll())
	open.Retract()
	assert.Equal(t, int64(2), r.evictAll().Records)
	assert.Len(t, r.all(0), 2)
}

// Records that are in no file yet stay, and so do those behind them.
func TestEvict_notBeforeItIsWritten(t *testing.T) {
	r := newRig(t, 1, 1<<20, 0)
	log := r.rooms[0].Log
	for i := range 100 {
		log.Append("key", []byte(numbered(0, i, 500)), r.ms)
	}
	log.Publish()
	assert.Zero(t, r.evictAll())
	assert.EqualValues(t, 100, log.Held().Records)

	// A shelf that lacks some in the middle gives up nothing either, and the call
	// comes to an end.
	r.rooms[0].Shelf.Note(1, 3, journal.Spot{File: 1, At: 16, To: 90}, 1)
	r.rooms[0].Shelf.Note(40, 101, journal.Spot{File: 1, At: 90, To: 200}, 1)
	assert.Zero(t, r.evictAll())
	assert.Equal(t, int64(100), log.Held().Records)
}

// A read that fails is the error of whoever reads: nothing is skipped, what is
// in memory can be read, and the next read has what this one had not.
func TestShelf_readFails(t *testing.T) {
	for _, kind := range []string{"open", "read"} {
		r := newRig(t, 2, 1, 0)
		r.put(2000, 1000)
		want := r.all(0)
		r.evictAll()
		told := errors.New("told")
		r.attic.Explain = func(err error) error { return errors.Join(told, err) }
		failing, n := true, 0
		r.disk.FailReadsWith(func(op journaltest.Op) error {
			if n++; failing && op.Kind == kind && n > 3 {
				return syscall.EIO
			}
			return nil
		})
		c := shardlog.Cursor{Next: 1}
		first, err := r.read(0, &c)
		require.ErrorIs(t, err, syscall.EIO)
		require.ErrorIs(t, err, told)
		require.NotEmpty(t, first)
		again, err := r.read(0, &c)
		require.ErrorIs(t, err, syscall.EIO)
		require.Empty(t, again)
		tip := shardlog.Cursor{Next: 2000}
		last, err := r.read(0, &tip)
		require.NoError(t, err)
		assert.Equal(t, want[1999:], last)
		failing = false
		rest, err := r.read(0, &c)
		require.NoError(t, err)
		assert.Equal(t, want, slices.Concat(first, rest))
	}
}

// Whatever is flipped of what has left memory, readers get what was put or an
// error that names file and place, and never anything else.
func TestShelf_damage(t *testing.T) {
	r := newRig(t, 2, 1, 5000)
	r.put(30, 300)
	want := r.all(0)
	r.evictAll()
	files := r.disk.Files()
	onDisk, found := int(r.rooms[0].Log.OnDisk().Records), 0
	for name, data := range files {
		for at := 0; at < len(data); at += 83 {
			damaged := slices.Clone(data)
			damaged[at] ^= 1 << (at % 8)
			all := make(map[string][]byte)
			for other, data := range files {
				all[other] = data
			}
			all[name] = damaged
			r.set(all)
			got, err := r.read(0, &shardlog.Cursor{Next: 1})
			require.Equal(t, append([]string(nil), want[:len(got)]...), got)
			if err == nil {
				require.Len(t, got, len(want))
				continue
			}
			found++
			var d *journal.Damage
			require.ErrorAs(t, err, &d)
			require.Equal(t, name, d.File)
			require.LessOrEqual(t, d.Offset, int64(at))
			require.Greater(t, d.Offset, int64(at-700), "of the frame that is damaged")
		}
	}
	assert.Greater(t, found, onDisk/4)
}

// A file that lacks its end, or is not there, is an error too, and a length
// that is damaged takes no memory.
func TestShelf_cutFile(t *testing.T) {
	r := newRig(t, 1, 1, 0)
	r.put(300, 1000)
	r.evictAll()
	files := r.disk.Files()
	require.Len(t, files, 1)
	for name, data := range files {
		for _, size := range []int{0, 10, 1000, 5000, len(data) / 2} {
			r.set(map[string][]byte{name: data[:size]})
			got, err := r.read(0, &shardlog.Cursor{Next: 1})
			var d *journal.Damage
			require.ErrorAs(t, err, &d, "%d bytes", size)
			assert.LessOrEqual(t, d.Offset, int64(max(size, 100)))
			assert.LessOrEqual(t, len(got), size/1000)
		}
		damaged := slices.Clone(data)
		damaged[frames(data)[10]+7] = 0x3f // 1 GiB, nearly
		r.set(map[string][]byte{name: damaged})
		_, err := r.read(0, &shardlog.Cursor{Next: 1})
		require.ErrorContains(t, err, "a frame of ")
		assert.LessOrEqual(t, r.attic.Bytes(), int64(2<<20))
	}
	r.set(nil)
	_, err := r.read(0, &shardlog.Cursor{Next: 1})
	require.ErrorContains(t, err, "not exist")
}

// frames returns where the frames of a file begin.
func frames(data []byte) (list []int) {
	for at := range data {
		if strings.HasPrefix(string(data[at:min(len(data), at+4)]), "WEIR") {
			list = append(list, at)
		}
	}
	return list
}

// A frame of another place that is sound by itself is no record of this one.
func TestShelf_misplacedFrames(t *testing.T) {
	r := newRig(t, 1, 1, 0)
	r.put(40, 1000)
	r.evictAll()
	for name, data := range r.disk.Files() {
		// A record's frame takes the place of the next, which is as long.
		at := frames(data)
		size := at[5] - at[4]
		require.Equal(t, size, at[6]-at[5])
		moved := slices.Clone(data)
		copy(moved[at[5]:], data[at[4]:at[5]])
		r.set(map[string][]byte{name: moved})
	}
	got, err := r.read(0, &shardlog.Cursor{Next: 1})
	require.Error(t, err)
	for i, d := range got {
		assert.Equal(t, numbered(0, i, 1000), d)
	}
}

// What is trimmed while it is fetched, its file removed, is not there for the
// reader: it goes on with what is.
func TestShelf_trimmedWhileItIsRead(t *testing.T) {
	r := newRig(t, 1, 1, 4000)
	r.put(60, 1000)
	want := r.all(0)
	r.evictAll()
	log, trimmed := r.rooms[0].Log, false
	r.disk.FailReadsWith(func(op journaltest.Op) error {
		if !trimmed {
			trimmed = true
			log.TrimTo(31)
			return syscall.ENOENT
		}
		return nil
	})
	got, err := r.read(0, &shardlog.Cursor{Next: 1})
	require.NoError(t, err)
	assert.True(t, trimmed)
	assert.Equal(t, want[30:], got)
}

// What a reader has stays as it is when its file is gone.
func TestShelf_heldRecordsStay(t *testing.T) {
	r := newRig(t, 1, 1, 4000)
	r.put(60, 1000)
	r.evictAll()
	log := r.rooms[0].Log
	c := shardlog.Cursor{Next: 5}
	n, _ := log.Take(&c, 1, 1<<20, true)
	require.Equal(t, 1, n)
	b, i := c.Block()
	_, held := viewOf(b, i)
	log.TrimTo(61)
	for name, data := range r.disk.Files() {
		r.set(map[string][]byte{name: make([]byte, len(data))})
	}
	small := newRig(t, 1, 1, 0) // other reads, in memory that this one gave back
	small.put(3000, 1000)
	small.evictAll()
	small.all(0)
	assert.Equal(t, numbered(0, 4, 1000), string(held))
}

// Many readers and a writer that evicts and trims: each reads all that is not
// trimmed before it comes there.
func TestShelf_readersBesideEviction(t *testing.T) {
	r := newRig(t, 2, 1<<20, 50_000)
	r.put(50, 500)
	const records = 600
	done := make(chan struct{})
	var readers sync.WaitGroup
	for n := range 4 {
		readers.Go(func() {
			c, log := shardlog.Cursor{Next: 1}, n%2
			for last, ended := -1, false; ; {
				select {
				case <-done:
					ended = true
				default:
				}
				got, err := r.read(log, &c)
				assert.NoError(t, err)
				for _, d := range got {
					var i int
					_, err := fmt.Sscanf(d, fmt.Sprint(log)+"/%d ", &i)
					assert.NoError(t, err)
					assert.Greater(t, i, last)
					last = i
				}
				if ended {
					assert.Equal(t, records-1, last)
					return
				}
			}
		})
	}
	for i := 50; i < records; i++ {
		for log := range r.rooms {
			r.rooms[log].Lock.Lock()
			r.group(batch{log: log, data: []string{numbered(log, i, 500)}})
			if i%50 == 0 && i > 300 {
				r.rooms[log].Log.TrimTo(uint64(i - 200))
			}
			r.rooms[log].Lock.Unlock()
		}
		cold.Evict(r.rooms, func(shardlog.Extent) bool { return true })
	}
	close(done)
	readers.Wait()
}

func TestBlockBytes_areAPartOfTheMemory(t *testing.T) {
	for _, test := range []struct {
		memory int64
		logs   int
		want   int
	}{
		{0, 1, 1 << 20}, {0, 4, 512 << 10},
		{32 << 20, 1, 1 << 20}, {32<<20 - 32, 1, 1<<20 - 1}, {1 << 40, 1, 1 << 20},
		{32 << 20, 4, 256 << 10}, {32 << 20, 0, 1 << 20},
		{32 << 20, 100_000, 4 << 10}, {1, 1, 4 << 10},
	} {
		assert.Equal(t, test.want, cold.BlockBytes(test.memory, test.logs), test)
	}
	for memory, want := range map[int64]int64{0: 8 << 20, 1: 2 << 20, 16 << 20: 2 << 20, 80 << 20: 10 << 20, 1 << 40: 64 << 20} {
		assert.Equal(t, want, cold.KeptBytes(memory))
	}
}

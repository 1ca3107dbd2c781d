package weir_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/journal"
	"github.com/weirstream/weir/internal/journal/journaltest"
)

// A damagedStream is what was put into a stream on disk that is to be damaged.
type damagedStream struct {
	disk    *journaltest.FS
	config  weir.Config
	clock   *manualClock
	data    map[string]string         // of each number that was given out
	order   map[weir.ShardID][]string // the numbers of each shard
	numbers map[string]weir.SequenceNumber
}

func newDamagedStream() *damagedStream {
	h := &damagedStream{
		disk: journaltest.New(), clock: newClock(), data: make(map[string]string),
		order: make(map[weir.ShardID][]string), numbers: make(map[string]weir.SequenceNumber),
	}
	h.config = weir.Config{Shards: 2, Limits: weir.Unlimited(), Now: h.clock.Now}
	return h
}

// goOn opens the stream, puts n records and reshards now and then.
func (h *damagedStream) goOn(t testing.TB, random *rand.Rand, n int) {
	s, err := weir.OpenIn(h.disk, "test", h.config)
	require.NoError(t, err)
	for range n {
		data := fmt.Sprint(len(h.data))
		p, err := s.PutRecord(t.Context(), fmt.Sprint(random.IntN(20)), []byte(data))
		require.NoError(t, err)
		number := p.SequenceNumber.String()
		require.NotContains(t, h.data, number, "a number is given out once")
		h.data[number], h.numbers[number] = data, p.SequenceNumber
		h.order[p.ShardID] = append(h.order[p.ShardID], number)
		h.clock.Advance(time.Duration(random.IntN(2000)) * time.Millisecond)
		if random.IntN(10) == 0 {
			_, err := s.Resize(t.Context(), 2+random.IntN(2))
			require.NoError(t, err)
		}
	}
	require.NoError(t, s.Close())
}

// damage flips a bit, cuts a file off or loses one.
func (h *damagedStream) damage(random *rand.Rand) {
	files := h.disk.Files()
	names := slices.Sorted(maps.Keys(files))
	names = slices.DeleteFunc(names, func(name string) bool { return filepath.Ext(name) != ".journal" })
	name := names[random.IntN(len(names))]
	at := random.IntN(len(files[name]))
	switch random.IntN(4) {
	case 0:
		files[name] = files[name][:at]
	case 1:
		delete(files, name)
	default:
		files[name][at] ^= 1 << random.IntN(8)
	}
	h.disk.Set(files)
}

// check checks that the stream has what its files have before the damage, and
// that positions in what is lost are refused.
func (h *damagedStream) check(t testing.TB, records int64) {
	s, err := weir.OpenIn(h.disk, "test", h.config)
	require.NoError(t, err)
	defer s.Close()
	require.NoError(t, weir.CheckInvariants(s))
	there := make(map[weir.ShardID][]string)
	for _, r := range allRecords(t, s) {
		number := r.SequenceNumber.String()
		require.Equal(t, h.data[number], string(r.Data))
		there[r.ShardID()] = append(there[r.ShardID()], number)
		records--
	}
	require.Zero(t, records)
	for id, numbers := range h.order {
		from := 0
		if len(there[id]) > 0 { // the oldest file may have gone
			from = slices.Index(numbers, there[id][0])
			require.Equal(t, numbers[from:from+len(there[id])], there[id])
		}
		if from > 0 {
			continue
		}
		for _, number := range numbers[len(there[id]):] {
			_, err := s.Iterator(t.Context(), id, weir.AfterSequence(h.numbers[number]))
			require.Error(t, err, "%s is lost, and no position", number)
		}
		h.order[id] = there[id]
	}
}

// A check finds what keeps a stream from being opened, and a repair makes one
// of it that has all that came before, and gives out no number again.
func TestStorageCheck_repair(t *testing.T) {
	defer weir.SetFileBytes(3000)()
	repaired := 0
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 5))
		h := newDamagedStream()
		h.goOn(t, random, 80)
		for range 2 { // damaged and repaired twice
			h.damage(random)
			before := h.disk.Files()
			c, err := weir.CheckIn(h.disk)
			require.Equal(t, before, h.disk.Files())
			if err != nil {
				require.ErrorContains(t, err, "is of format", "seed %d", seed)
				break
			}
			_, opening := weir.OpenIn(journalOf(before), "test", h.config)
			if c.Damage == nil {
				require.NoError(t, opening, "seed %d", seed)
				break // at the end, or the oldest file is missing
			}
			require.ErrorIs(t, opening, weir.ErrDamaged, "seed %d", seed)
			require.ErrorContains(t, opening, c.Damage.String(), "seed %d", seed)
			require.Equal(t, "test", c.Stream)
			require.True(t, c.Repairable)
			for c.Damage != nil {
				_, err = c.Repair(random.IntN(2) == 0)
				require.NoError(t, err, "seed %d", seed)
				c, err = weir.CheckIn(h.disk)
				require.NoError(t, err, "seed %d", seed)
			}
			records := int64(0)
			for _, f := range c.Files {
				records += f.Records
			}
			h.check(t, records)
			h.goOn(t, random, 30)
			repaired++
		}
	}
	assert.Greater(t, repaired, 50)
}

func journalOf(files map[string][]byte) *journaltest.FS {
	disk := journaltest.New()
	disk.Set(files)
	return disk
}

// What a check says of a file is what is in it.
func TestCheckStorage_counts(t *testing.T) {
	open, dir := filepath.Join(t.TempDir(), "orders"), filepath.Join(t.TempDir(), "copy")
	s := opened(t, open, weir.Config{})
	for i := range 10 {
		mustPut(t, s, "k", fmt.Sprint("number ", i))
	}
	_, err := weir.CheckStorage(open)
	require.ErrorIs(t, err, weir.ErrInUse)
	require.ErrorContains(t, err, "check stream in "+open+": ")
	_, err = s.PutCopies(t.Context(), weir.Entry{PartitionKey: "k"}, 5)
	require.NoError(t, err)
	require.NoError(t, os.CopyFS(dir, os.DirFS(open))) // as a crash would leave it

	c, err := weir.CheckStorage(dir)
	require.NoError(t, err)
	file := filepath.Join(dir, c.Files[0].Name)
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	size := int64(len(content))
	assert.Equal(t, []weir.StorageFile{{Name: "0000000000000001.journal", Bytes: size, SoundBytes: size, Groups: 11, Records: 15}}, public(c))
	assert.Equal(t, "orders", c.Stream)
	assert.Nil(t, c.Damage)
	assert.False(t, c.Repairable)
	kept, err := c.Repair(false)
	require.NoError(t, err)
	assert.Empty(t, kept, "there is nothing to do")

	require.NoError(t, os.WriteFile(file, content[:size-1], 0o600))
	c, err = weir.CheckStorage(dir)
	require.NoError(t, err)
	assert.Nil(t, c.Damage)
	assert.Equal(t, c.Files[0].Bytes-c.Files[0].SoundBytes, c.Torn)
	assert.Positive(t, c.Torn)
	assert.EqualValues(t, 10, c.Files[0].Records)

	content[bytes.Index(content, []byte("number 6"))] ^= 1
	require.NoError(t, os.WriteFile(file, content, 0o600))
	c, err = weir.CheckStorage(dir)
	require.NoError(t, err)
	require.NotNil(t, c.Damage)
	assert.True(t, c.Damage.Follows)
	assert.Equal(t, c.Damage.Offset, c.Files[0].SoundBytes)
	f := public(c)[0]
	assert.EqualValues(t, 6, f.Records)
	assert.EqualValues(t, 8, f.LostRecords, "all but the one that is damaged")
	assert.Equal(t, size, f.SoundBytes+f.LostBytes)

	require.NoError(t, os.WriteFile(filepath.Join(dir, c.Files[0].Name), append(content, 1), 0o600))
	_, err = c.Repair(false)
	assert.EqualError(t, err, fmt.Sprintf("repair stream in %s: the directory has changed since it was checked", dir))
	require.NoError(t, os.WriteFile(filepath.Join(dir, c.Files[0].Name), content, 0o600))
	kept, err = c.Repair(false)
	require.NoError(t, err)
	assert.Equal(t, []string{fmt.Sprintf("0000000000000001.journal.from-%d.damaged", f.SoundBytes)}, kept)
	tail, err := os.ReadFile(filepath.Join(dir, kept[0]))
	require.NoError(t, err)
	assert.Equal(t, content[f.SoundBytes:], tail)
	s = opened(t, dir, weir.Config{})
	assert.Len(t, allRecords(t, s), int(f.Records))
	assert.True(t, s.Snapshot().Storage.Recovery.NumbersSkipped)
}

// A check of a stream that is sound says what it is, and of one that is damaged
// nothing.
func TestCheckStorage_whatTheStreamIs(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "orders")
	s := opened(t, dir, weir.Config{Shards: 2})
	require.NoError(t, s.Set(t.Context(), func(t *weir.Settings) { t.Retention, t.RecordBytes = 48*time.Hour, 2<<20 }))
	_, err := s.RegisterConsumer(t.Context(), "reader")
	require.NoError(t, err)
	created, settings, consumers := s.CreatedAt(), s.Settings(), s.Consumers()
	require.NoError(t, s.Close())
	c, err := weir.CheckStorage(dir)
	require.NoError(t, err)
	assert.Equal(t, settings, c.Settings)
	assert.Equal(t, map[string]time.Time{"reader": consumers[0].CreatedAt}, c.Consumers)
	assert.Equal(t, created, c.CreatedAt)

	file := filepath.Join(dir, c.Files[0].Name)
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	content[bytes.Index(content, []byte("reader"))] ^= 1
	require.NoError(t, os.WriteFile(file, content, 0o600))
	c, err = weir.CheckStorage(dir)
	require.NoError(t, err)
	require.NotNil(t, c.Damage)
	assert.Equal(t, weir.Settings{}, c.Settings)
	assert.Empty(t, c.Consumers)
	assert.Zero(t, c.CreatedAt)
}

// public returns the files of a check as others see them.
func public(c *weir.StorageCheck) []weir.StorageFile {
	list := make([]weir.StorageFile, len(c.Files))
	for i, f := range c.Files {
		list[i] = weir.StorageFile{
			Name: f.Name, Bytes: f.Bytes, SoundBytes: f.SoundBytes, Groups: f.Groups, Records: f.Records,
			LostBytes: f.LostBytes, LostGroups: f.LostGroups, LostRecords: f.LostRecords,
		}
	}
	return list
}

func TestCheckStorage_whatIsNoStream(t *testing.T) {
	dir := t.TempDir()
	_, err := weir.CheckStorage(filepath.Join(dir, "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = weir.CheckStorage(dir)
	require.EqualError(t, err, "check stream in "+dir+": the directory holds no stream")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "thesis.txt"), nil, 0o600))
	_, err = weir.CheckStorage(dir)
	require.EqualError(t, err, "check stream in "+dir+`: the directory holds other files, and no stream: "thesis.txt"`)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, entries, 1)

	require.NoError(t, opened(t, filepath.Join(dir, "stream"), weir.Config{}).Close())
	t.Chdir(filepath.Join(dir, "stream"))
	_, err = weir.CheckStorage("")
	require.EqualError(t, err, "dir: is empty; it must name the directory of the stream")
}

// Of a stream whose only head is damaged nothing can be kept, and nothing is
// done.
func TestStorageCheck_nothingIsLeft(t *testing.T) {
	h := newDamagedStream()
	h.goOn(t, rand.New(rand.NewPCG(1, 1)), 5)
	files := h.disk.Files()
	files["0000000000000001.journal"][60] ^= 1
	h.disk.Set(files)
	c, err := weir.CheckIn(h.disk)
	require.NoError(t, err)
	assert.False(t, c.Repairable)
	assert.EqualValues(t, 5, c.Files[0].LostRecords)
	_, err = c.Repair(true)
	require.ErrorIs(t, err, weir.ErrDamaged)
	require.ErrorContains(t, err, "nothing of it can be kept: 0000000000000001.journal is damaged at byte 16: the checksum is wrong")
	assert.Equal(t, files, h.disk.Files())
}

// A readOnlyDisk is one on which nothing can be written.
type readOnlyDisk struct{ *journaltest.FS }

func (readOnlyDisk) Lock() (func() error, error)         { return nil, syscall.EROFS }
func (readOnlyDisk) Create(string) (journal.File, error) { return nil, syscall.EROFS }
func (d readOnlyDisk) Open(name string, readOnly bool) (journal.File, error) {
	if !readOnly {
		return nil, syscall.EROFS
	}
	return d.FS.Open(name, true)
}

// What cannot be written cannot be opened, but it can be checked.
func TestOpen_readOnlyDirectory(t *testing.T) {
	h := newDamagedStream()
	h.goOn(t, rand.New(rand.NewPCG(1, 1)), 5)
	files := h.disk.Files()
	disk := readOnlyDisk{h.disk}
	_, err := weir.OpenIn(disk, "test", h.config)
	require.ErrorIs(t, err, syscall.EROFS)
	c, err := weir.CheckIn(disk)
	require.NoError(t, err)
	assert.Nil(t, c.Damage)
	assert.Equal(t, files, h.disk.Files())

	dir := filepath.Join(t.TempDir(), "stream")
	require.NoError(t, opened(t, dir, weir.Config{}).Close())
	require.NoError(t, os.Chmod(dir, 0o500))
	require.NoError(t, os.Chmod(filepath.Join(dir, "0000000000000001.journal"), 0o400))
	defer os.Chmod(dir, 0o700)
	if _, err := os.Create(filepath.Join(dir, "probe")); err == nil {
		t.Skip("who runs this test may write anywhere")
	}
	_, err = weir.Open(dir, weir.Config{})
	require.ErrorIs(t, err, os.ErrPermission)
	_, err = weir.CheckStorage(dir)
	require.NoError(t, err)
}

package journal_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/internal/journal"
	"github.com/weirstream/weir/internal/journal/journaltest"
)

// A roomyFS is a disk whose files know what room was asked for.
type roomyFS struct {
	*journaltest.FS
	files []*roomyFile
}

// A roomyFile is one of its files. What there is room for is as long as room,
// if that is more than size.
type roomyFile struct {
	journal.File
	size, room int64
	asked      int
}

func (f *roomyFS) Create(name string) (journal.File, error) {
	file, err := f.FS.Create(name)
	r := &roomyFile{File: file}
	f.files = append(f.files, r)
	return r, err
}

func (f *roomyFS) Open(name string, readOnly bool) (journal.File, error) {
	file, err := f.FS.Open(name, readOnly)
	if err != nil || readOnly {
		return file, err
	}
	size, err := file.Size()
	r := &roomyFile{File: file, size: size, room: 1 << 40} // of one who was killed
	f.files = append(f.files, r)
	return r, err
}

func (f *roomyFile) Reserve(at, n int64) {
	f.asked++
	f.room = max(f.room, at+n)
}

func (f *roomyFile) WriteAt(b []byte, at int64) (int, error) {
	n, err := f.File.WriteAt(b, at)
	f.size = max(f.size, at+int64(n))
	return n, err
}

func (f *roomyFile) Truncate(size int64) error {
	f.size, f.room = size, size
	return f.File.Truncate(size)
}

// Room is asked for seldom, before it is needed, never for more than there is
// already, and given back when the file is not written any more. Small files
// and those that are not synced each time ask for none.
func TestJournal_room(t *testing.T) {
	for _, policy := range []journal.Policy{journal.Always, journal.Never} {
		disk := &roomyFS{FS: journaltest.New()}
		o := journal.Options[struct{}]{
			Policy: policy, FileBytes: 9 << 20, State: func() []byte { return []byte("state") }, Settled: func([]struct{}, journal.Spot, error) {},
		}
		d, err := journal.Claim(disk)
		require.NoError(t, err)
		j, err := journal.Create(d, o)
		require.NoError(t, err)
		put := func(bytes int) *roomyFile {
			g, err := j.Begin()
			require.NoError(t, err)
			g.SetNotes(append(g.Notes(), make([]byte, bytes)...))
			j.End()
			file := disk.files[len(disk.files)-1]
			require.NoError(t, j.Commit(g))
			return file
		}
		for range 60 {
			assert.Zero(t, put(1000).asked)
		}
		for range 40 {
			f := put(500_000)
			if policy == journal.Never {
				require.Zero(t, f.asked)
			} else if f == disk.files[len(disk.files)-1] { // else the group was its last
				require.True(t, f.size < 64<<10 || f.room >= f.size)
				require.LessOrEqual(t, f.room, min(2*f.size, f.size+4<<20)+500_100)
				require.LessOrEqual(t, f.asked, 8)
			}
		}
		require.Greater(t, len(disk.files), 1)
		for _, f := range disk.files[:len(disk.files)-1] {
			if policy == journal.Always {
				assert.Equal(t, f.size, f.room)
			}
		}
		j.Abandon()
		d, err = journal.Claim(disk)
		require.NoError(t, err)
		found, err := d.Replay(nothing{}, false)
		require.NoError(t, err)
		j, err = journal.Continue(d, found, o)
		require.NoError(t, err)
		put(30_000)
		require.NoError(t, j.Close())
		if last := disk.files[len(disk.files)-1]; policy == journal.Always {
			assert.Equal(t, last.size, last.room)
			size, err := last.Size()
			require.NoError(t, err)
			assert.Equal(t, size, last.size)
		}
	}
}

// A nothing takes what is replayed.
type nothing struct{}

func (nothing) Head(uint64, []byte) error     { return nil }
func (nothing) Repaired(uint64, []byte) error { return nil }
func (nothing) Place(journal.Spot)            {}
func (nothing) Group(uint64, []byte) error    { return nil }

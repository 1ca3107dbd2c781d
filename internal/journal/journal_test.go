package journal_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/internal/journal"
	"github.com/weirstream/weir/internal/journal/journaltest"
)

// A book is a journal of numbers, whose state is how many were noted.
type book struct {
	dir     journal.FS
	j       *journal.Journal[uint64]
	o       journal.Options[uint64]
	noted   uint64 // in the order of notes; guarded by the journal
	mu      sync.Mutex
	settled []uint64 // without error
	found   *journal.Recovery
	heads   []uint64
	read    []uint64 // by the replay
	beyond  uint64   // what a repair's mark says, until a number after it is noted
}

func openBook(dir journal.FS, p journal.Policy, fileBytes int64) (*book, error) {
	b := &book{dir: dir}
	b.o = journal.Options[uint64]{
		Policy: p, Every: time.Second, FileBytes: fileBytes,
		State: func() []byte { return binary.AppendUvarint(nil, b.noted) },
		Settled: func(touched []uint64, _ journal.Spot, err error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			if err == nil {
				b.settled = append(b.settled, touched...)
			} else if len(touched) > 0 {
				b.noted = touched[0] // nothing is noted meanwhile
			}
		},
	}
	d, err := journal.Claim(dir)
	if err != nil {
		return nil, err
	}
	if d.IsEmpty() {
		if b.j, err = journal.Create(d, b.o); err != nil {
			d.Close()
		}
		return b, err
	}
	if b.found, err = d.Replay(b, false); err == nil {
		b.noted = max(b.noted, b.beyond)
		b.j, err = journal.Continue(d, b.found, b.o)
	}
	if err != nil {
		d.Close()
	}
	return b, err
}

func (b *book) Head(_ uint64, state []byte) error {
	n, _ := binary.Uvarint(state)
	b.heads = append(b.heads, n)
	if len(b.heads) == 1 {
		b.noted = n
	}
	if n != b.noted {
		return &journal.Damage{Reason: fmt.Sprintf("state %d after %d notes", n, b.noted)}
	}
	return nil
}

func (b *book) Group(_ uint64, notes []byte) error {
	for len(notes) > 0 {
		v, n := binary.Uvarint(notes)
		if v >= b.beyond && b.beyond > 0 {
			b.noted, b.beyond = v, 0
		}
		if n <= 0 || v != b.noted {
			return &journal.Damage{Reason: fmt.Sprintf("note %d after %d", v, b.noted)}
		}
		b.noted++
		b.read, notes = append(b.read, v), notes[n:]
	}
	return nil
}

// Repaired takes note of a number before which nothing may be noted any more.
func (b *book) Repaired(_ uint64, mark []byte) error {
	n, _ := binary.Uvarint(mark)
	b.beyond = max(b.beyond, n)
	return nil
}

// note notes the next number, and returns it.
func (b *book) note() (n uint64, g *journal.Group[uint64], err error) {
	if g, err = b.j.Begin(); err != nil {
		return 0, nil, err
	}
	defer b.j.End()
	n = b.noted
	b.noted++
	g.SetNotes(binary.AppendUvarint(g.Notes(), n))
	*g.Touched() = append(*g.Touched(), n)
	return n, g, nil
}

func (b *book) put() error {
	_, g, err := b.note()
	if err != nil {
		return err
	}
	return b.j.Commit(g)
}

func upTo(n int) []uint64 {
	list := make([]uint64, n)
	for i := range list {
		list[i] = uint64(i)
	}
	return list
}

func TestJournal_hasWhatWasNoted(t *testing.T) {
	for _, p := range []journal.Policy{journal.Always, journal.Never} {
		dir := journal.Dir(t.TempDir() + "/new")
		b, err := openBook(dir, p, 300)
		require.NoError(t, err)
		for i := range 200 {
			require.NoError(t, b.put())
			if i == 100 {
				require.NoError(t, b.j.Close())
				assert.ErrorIs(t, b.put(), journal.ErrClosed)
				assert.ErrorIs(t, b.j.Close(), journal.ErrClosed)
				b, err = openBook(dir, p, 300)
				require.NoError(t, err)
				assert.True(t, b.found.Clean)
				assert.Equal(t, upTo(101), b.read)
			}
		}
		assert.Greater(t, b.j.Stats().Files, 10)
		b.j.Abandon()
		b, err = openBook(dir, p, 300)
		require.NoError(t, err)
		assert.Equal(t, upTo(200), b.read)
		assert.False(t, b.found.Clean)
		assert.Zero(t, b.found.Cut)
		require.NoError(t, b.j.Close())
	}
}

// Files before one are removed, and the rest is whole without them.
func TestJournal_releasesFiles(t *testing.T) {
	dir := journaltest.New()
	b, err := openBook(dir, journal.Always, 200)
	require.NoError(t, err)
	for range 100 {
		require.NoError(t, b.put())
	}
	n := b.j.Stats().CurrentNumber
	require.NoError(t, b.j.Release(n-2))
	assert.Equal(t, 3, b.j.Stats().Files)
	require.NoError(t, b.j.Release(n+5), "the one that is written stays")
	assert.Equal(t, 1, b.j.Stats().Files)
	require.NoError(t, b.j.Close())
	b, err = openBook(dir, journal.Always, 200)
	require.NoError(t, err)
	assert.EqualValues(t, 100, b.noted)
	assert.Equal(t, upTo(100)[b.heads[0]:], append([]uint64{}, b.read...)[:100-b.heads[0]])
}

// Who comes while a sync is under way shares the next one.
func TestJournal_groupsShareASync(t *testing.T) {
	const producers, each = 16, 50
	for _, sync1 := range []bool{false, true} {
		dir := journaltest.New()
		b, err := openBook(dir, journal.Always, 1<<20)
		require.NoError(t, err)
		var wait sync.WaitGroup
		release := make(chan struct{})
		if sync1 {
			first := true
			dir.FailWith(func(op journaltest.Op) error {
				if op.Kind == "sync" && first {
					first = false
					go close(release)
					<-release
				}
				return nil
			})
		}
		for range producers {
			wait.Go(func() {
				for range each {
					assert.NoError(t, b.put())
				}
			})
		}
		wait.Wait()
		assert.Equal(t, upTo(producers*each), b.settled, "in their order")
		assert.LessOrEqual(t, b.j.Stats().Syncs, int64(producers*each))
		require.NoError(t, b.j.Close())
		b, err = openBook(dir, journal.Always, 1<<20)
		require.NoError(t, err)
		assert.Equal(t, upTo(producers*each), b.read)
	}
}

// An interval's notes are written when it ends, together.
func TestJournal_intervalEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := journaltest.New()
		b, err := openBook(dir, journal.Interval, 1<<20)
		require.NoError(t, err)
		before := b.j.Stats().Syncs
		for range 100 {
			_, _, err := b.note()
			require.NoError(t, err)
		}
		assert.Equal(t, before, b.j.Stats().Syncs)
		time.Sleep(time.Second - 1)
		synctest.Wait()
		assert.Equal(t, before, b.j.Stats().Syncs)
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		assert.Equal(t, before+1, b.j.Stats().Syncs)
		b.j.Abandon()
		b, err = openBook(dir, journal.Interval, 1<<20)
		require.NoError(t, err)
		assert.Equal(t, upTo(100), b.read)
		_, _, err = b.note()
		require.NoError(t, err)
		require.NoError(t, b.j.Close(), "and its timer has ended: the bubble would not otherwise")
		b, err = openBook(dir, journal.Interval, 1<<20)
		require.NoError(t, err)
		assert.Equal(t, upTo(101), b.read)
		require.NoError(t, b.j.Close())
	})
}

var errFull = fmt.Errorf("write: %w", syscall.ENOSPC)

// What does not fit on the disk is refused, with all that was noted after it,
// and nothing of it is there later; then it goes on.
func TestJournal_diskFull(t *testing.T) {
	dir := journaltest.New()
	b, err := openBook(dir, journal.Always, 1<<20)
	require.NoError(t, err)
	require.NoError(t, b.put())
	dir.FailWith(func(op journaltest.Op) error {
		if op.Kind == "write" {
			return errFull
		}
		return nil
	})
	_, g1, err := b.note()
	require.NoError(t, err)
	_, g2, err := b.note()
	require.NoError(t, err)
	assert.Same(t, g1, g2)
	assert.ErrorIs(t, b.j.Commit(g1), syscall.ENOSPC)
	assert.ErrorIs(t, b.j.Commit(g2), syscall.ENOSPC)
	assert.ErrorIs(t, b.put(), syscall.ENOSPC)
	dir.FailWith(nil)
	require.NoError(t, b.put())
	require.NoError(t, b.put())
	b.j.Abandon()
	b, err = openBook(dir, journal.Always, 1<<20)
	require.NoError(t, err)
	assert.Equal(t, upTo(3), b.read)
	assert.Zero(t, b.found.Cut)
}

// With an interval what was noted is kept until there is room, and no more is
// taken meanwhile.
func TestJournal_diskFullForAnInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := journaltest.New()
		b, err := openBook(dir, journal.Interval, 1<<20)
		require.NoError(t, err)
		full := true
		dir.FailWith(func(op journaltest.Op) error {
			if op.Kind == "write" && full {
				return errFull
			}
			return nil
		})
		_, _, err = b.note()
		require.NoError(t, err)
		time.Sleep(time.Minute)
		synctest.Wait()
		_, _, err = b.note()
		require.ErrorIs(t, err, syscall.ENOSPC)
		full = false
		_, _, err = b.note()
		require.NoError(t, err)
		require.NoError(t, b.j.Close())
		b, err = openBook(dir, journal.Interval, 1<<20)
		require.NoError(t, err)
		assert.Equal(t, upTo(2), b.read)
		require.NoError(t, b.j.Close())
	})
}

// After a sync that failed nothing is written any more: see append.
func TestJournal_failedSyncIsFinal(t *testing.T) {
	dir, broken := journaltest.New(), errors.New("broken")
	b, err := openBook(dir, journal.Always, 1<<20)
	require.NoError(t, err)
	require.NoError(t, b.put())
	failed := false
	dir.FailWith(func(op journaltest.Op) error {
		if op.Kind == "sync" && !failed {
			failed = true
			return broken
		}
		return nil
	})
	assert.ErrorIs(t, b.put(), broken)
	assert.ErrorIs(t, b.put(), broken)
	assert.ErrorIs(t, b.j.Close(), broken)
	b, err = openBook(dir, journal.Always, 1<<20)
	require.NoError(t, err)
	assert.Equal(t, uint64(0), b.read[0])
	require.NoError(t, b.put())
}

// The last write may be cut off anywhere; what was written before it is there.
func TestJournal_tornAtEveryByte(t *testing.T) {
	dir := journaltest.New()
	b, err := openBook(dir, journal.Always, 1<<20)
	require.NoError(t, err)
	var sizes []int
	for range 5 {
		require.NoError(t, b.put())
		sizes = append(sizes, len(dir.Files()["0000000000000001.journal"]))
	}
	b.j.Abandon()
	whole := dir.Files()["0000000000000001.journal"]
	for size := sizes[0]; size <= len(whole); size++ {
		for _, zeros := range []int{0, len(whole) - size, 5000} { // that were there before
			torn := append(slices.Clone(whole[:size]), make([]byte, zeros)...)
			dir := journaltest.New()
			dir.Set(map[string][]byte{"0000000000000001.journal": torn})
			b, err := openBook(dir, journal.Always, 1<<20)
			require.NoError(t, err, "%d bytes", size)
			n := 0
			for n < len(sizes) && sizes[n] <= size {
				n++
			}
			assert.Equal(t, upTo(n), b.read)
			switch {
			case zeros == 0:
				assert.EqualValues(t, size-sizes[n-1], b.found.Cut)
			case size == sizes[n-1]: // room that nothing was written to
				assert.Zero(t, b.found.Cut)
			default:
				assert.Positive(t, b.found.Cut)
				assert.LessOrEqual(t, b.found.Cut, int64(22))
			}
			assert.Len(t, dir.Files()["0000000000000001.journal"], sizes[n-1]+22)
			require.NoError(t, b.put())
			b.j.Abandon()
			b, err = openBook(dir, journal.Always, 1<<20)
			require.NoError(t, err)
			assert.Equal(t, upTo(n+1), b.read)
			b.j.Abandon()
		}
	}
}

// written returns what a few files hold, and where their frames begin.
func written(t *testing.T) (files map[string][]byte, names []string) {
	dir := journaltest.New()
	b, err := openBook(dir, journal.Always, 300)
	require.NoError(t, err)
	for range 40 {
		require.NoError(t, b.put())
	}
	require.NoError(t, b.j.Close())
	files = dir.Files()
	return files, slices.Sorted(maps.Keys(files))
}

// A bit that flips anywhere is found, and the journal is left as it is. In the
// last frame it cannot be told from a write that was cut off.
func TestJournal_flippedBits(t *testing.T) {
	files, names := written(t)
	last := names[len(names)-1]
	for _, name := range names {
		for at := range files[name] {
			damaged := maps.Clone(files)
			damaged[name] = slices.Clone(files[name])
			damaged[name][at] ^= 1 << (at % 8)
			dir := journaltest.New()
			dir.Set(damaged)
			b, err := openBook(dir, journal.Always, 300)
			if name == last && at >= len(files[name])-21 {
				require.NoError(t, err)
				assert.Equal(t, upTo(40), b.read)
				continue
			}
			var damage *journal.Damage
			var later *journal.VersionError
			if errors.As(err, &later) {
				assert.Less(t, at, 16)
			} else if assert.ErrorAs(t, err, &damage, "%s byte %d", name, at) {
				assert.Equal(t, name, damage.File)
				assert.LessOrEqual(t, damage.Offset, int64(at))
			}
			assert.Equal(t, damaged, dir.Files(), "%s byte %d", name, at)
		}
	}
}

func TestJournal_missingAndShortFiles(t *testing.T) {
	files, names := written(t)
	for i, name := range names[:len(names)-1] {
		if i > 0 {
			missing := maps.Clone(files)
			delete(missing, name)
			dir := journaltest.New()
			dir.Set(missing)
			_, err := openBook(dir, journal.Always, 300)
			assert.ErrorContains(t, err, name+" is damaged at byte 0: the file is missing")
		}
		for size := range files[name] {
			short := maps.Clone(files)
			short[name] = files[name][:size]
			dir := journaltest.New()
			dir.Set(short)
			_, err := openBook(dir, journal.Always, 300)
			var damage *journal.Damage
			if assert.ErrorAs(t, err, &damage) {
				assert.Equal(t, name, damage.File)
			}
		}
	}
}

func TestClaim_refusesWhatIsNotOurs(t *testing.T) {
	dir := journaltest.New()
	dir.Set(map[string][]byte{"thesis.txt": []byte("years of work")})
	_, err := journal.Claim(dir)
	assert.ErrorIs(t, err, journal.ErrForeign)
	assert.ErrorContains(t, err, "thesis.txt")
	assert.Len(t, dir.Files(), 1)

	// Nor is a file taken for one of ours that was not finished.
	files, _ := written(t)
	files["my.journal.new"] = []byte("years of work")
	dir.Set(files)
	b, err := openBook(dir, journal.Always, 300)
	require.NoError(t, err)
	b.j.Abandon()
	assert.Contains(t, dir.Files(), "my.journal.new")

	d := journal.Dir(t.TempDir())
	first, err := journal.Claim(d)
	require.NoError(t, err)
	_, err = journal.Claim(d)
	assert.ErrorIs(t, err, journal.ErrLocked)
	require.NoError(t, first.Close())
	second, err := journal.Claim(d)
	require.NoError(t, err)
	require.NoError(t, second.Close())
}

func TestJournal_laterVersion(t *testing.T) {
	files, names := written(t)
	files[names[0]] = append([]byte("weir journal 22\n"), files[names[0]][16:]...)
	dir := journaltest.New()
	dir.Set(files)
	_, err := openBook(dir, journal.Always, 300)
	var later *journal.VersionError
	require.ErrorAs(t, err, &later)
	assert.Equal(t, "0000000000000001.journal is of format 22; format 1 can be read", err.Error())
}

// Whatever fails and whenever it crashes: what was acknowledged is there, in
// order, and nothing that was refused.
func TestJournal_crashes(t *testing.T) {
	for seed := range uint64(400) {
		crashes(t, seed)
	}
}

func FuzzJournal(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(crashes)
}

func crashes(t *testing.T, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 1))
	dir := journaltest.New()
	if random.IntN(2) == 0 {
		dir.RoomFrom = 1 + random.Int64N(200)
	}
	acknowledged, refused := uint64(0), map[uint64]bool{}
	for range 1 + random.IntN(6) {
		b, err := openBook(dir, journal.Always, int64(100+random.IntN(400)))
		if err != nil { // a crash or a fault may hit the opening
			var damage *journal.Damage
			require.False(t, errors.As(err, &damage), "seed %d: %v", seed, err)
		} else {
			require.Equal(t, upTo(int(b.noted))[b.noted-uint64(len(b.read)):], append([]uint64{}, b.read...), "seed %d", seed)
			require.GreaterOrEqual(t, b.noted, acknowledged, "seed %d", seed)
			acknowledged = b.noted
			failAt, final := dir.Ops()+random.IntN(30), random.IntN(2) == 0
			dir.FailWith(func(op journaltest.Op) error {
				if op.N == failAt || final && op.N > failAt && op.N < failAt+3 {
					return errFull
				}
				return nil
			})
			for range random.IntN(20) {
				n, g, err := b.note()
				if err != nil {
					continue
				}
				if random.IntN(3) == 0 {
					b.note() // in the same group
				}
				if b.j.Commit(g) == nil {
					acknowledged = max(acknowledged, n+1)
				} else {
					refused[n] = true
				}
			}
			dir.FailWith(nil)
			if random.IntN(4) == 0 {
				b.j.Close()
			}
			if random.IntN(4) == 0 && acknowledged > 0 {
				b.j.Release(b.j.Stats().CurrentNumber)
			}
		}
		dir.Crash(random)
	}
}

// That notes may be lost is known until one is made, wherever the process ends
// that is to make it, and whichever files are left.
func TestJournal_lossIsKnownUntilItIsNoted(t *testing.T) {
	for _, p := range []journal.Policy{journal.Always, journal.Interval, journal.Never} {
		synctest.Test(t, func(t *testing.T) {
			dir := journaltest.New()
			open := func(p journal.Policy) *book {
				b, err := openBook(dir, p, 100)
				require.NoError(t, err)
				return b
			}
			b := open(p)
			require.NoError(t, b.j.Close())
			b = open(p)
			assert.False(t, b.found.Lost, "nothing was noted")
			for range 100 {
				_, _, err := b.note()
				require.NoError(t, err)
				require.NoError(t, b.j.Flush())
			}
			require.NoError(t, b.j.Release(b.j.Stats().CurrentNumber), "with the file that says who writes")
			b.j.Abandon()
			lossy := p != journal.Always
			for range 3 { // each ends before it notes anything
				b = open(journal.Always)
				assert.Equal(t, lossy, b.found.Lost)
				b.j.Abandon()
			}
			b = open(journal.Never)
			assert.Equal(t, lossy, b.found.Lost)
			require.NoError(t, b.put())
			dir.Crash(rand.New(rand.NewPCG(1, 1)))
			b = open(journal.Always)
			assert.True(t, b.found.Lost)
			if lossy {
				assert.Equal(t, uint64(101), b.noted, "what is noted of a loss is on disk whatever the policy")
			}
			require.NoError(t, b.put())
			b.j.Abandon()
			assert.False(t, open(journal.Always).found.Lost)
		})
	}
}

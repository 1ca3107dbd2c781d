package journal_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/internal/journal"
	"github.com/weirstream/weir/internal/journal/journaltest"
)

// A loss is what a check tells of what is behind the damage.
type loss struct {
	groups int64
	next   uint64 // the number after the greatest
}

func (l *loss) Head(uint64, []byte) error { return nil }

func (l *loss) Group(_ uint64, notes []byte) error {
	v, _ := binary.Uvarint(notes)
	l.groups++
	l.next = max(l.next, v+1)
	return nil
}

func (l *loss) Repaired(_ uint64, mark []byte) error {
	n, _ := binary.Uvarint(mark)
	l.next = max(l.next, n)
	return nil
}

// check checks a journal of numbers.
func check(dir journal.FS) (*journal.Check, *loss, error) {
	d, err := journal.Inspect(dir, false)
	if err != nil {
		return nil, nil, err
	}
	defer d.Close()
	behind := &loss{}
	c, err := d.Check(func() journal.Visitor { return &book{} }, behind)
	return c, behind, err
}

// repair checks and repairs one. A number may have been in the frame that is
// damaged, so its mark says more than what can be read.
func repair(dir journal.FS, discard bool) (aside []string, err error) {
	return mend(dir, func(d *journal.Directory, c *journal.Check, next uint64) ([]string, error) {
		return d.Repair(c, binary.AppendUvarint(nil, next+100), discard)
	})
}

// mend has a journal of numbers mended, if there is damage. next is the number
// after the greatest that can be read.
func mend(dir journal.FS, by func(d *journal.Directory, c *journal.Check, next uint64) ([]string, error)) (aside []string, err error) {
	d, err := journal.Inspect(dir, true)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	behind := &loss{}
	c, err := d.Check(func() journal.Visitor { return &book{} }, behind)
	if err != nil || c.Damage == nil {
		return nil, err
	}
	return by(d, c, behind.next)
}

func diskOf(files map[string][]byte) *journaltest.FS {
	dir := journaltest.New()
	dir.Set(files)
	return dir
}

// damages returns every way to flip a bit, and to cut a file off or to lose it
// so that opening notices.
func damages(t *testing.T) (all map[string]map[string][]byte, names []string) {
	files, names := written(t)
	all = make(map[string]map[string][]byte)
	add := func(what, name string, data []byte) {
		damaged := maps.Clone(files)
		damaged[name] = data
		if data == nil {
			delete(damaged, name)
		}
		all[what] = damaged
	}
	for i, name := range names {
		for at := range files[name] {
			for bit := range 8 {
				flipped := slices.Clone(files[name])
				flipped[at] ^= 1 << bit
				add(fmt.Sprint(name, " flipped at ", at, " bit ", bit), name, flipped)
			}
			if i < len(names)-1 {
				add(fmt.Sprint(name, " cut at ", at), name, files[name][:at])
			}
		}
		if i > 0 && i < len(names)-1 {
			add(name+" missing", name, nil)
		}
	}
	return all, names
}

// A check says what opening says, and changes nothing. A repair makes a journal
// that can be opened, in which all is that came before the damage, and no
// number is noted again; and it keeps every byte.
func TestRepair_whateverIsDamaged(t *testing.T) {
	all, names := damages(t)
	last := names[len(names)-1]
	for what, files := range all {
		dir := diskOf(files)
		_, opening := openBook(dir, journal.Always, 300)
		dir = diskOf(files)
		c, behind, err := check(dir)
		assert.Equal(t, files, dir.Files(), what)
		if later := (*journal.VersionError)(nil); errors.As(opening, &later) {
			assert.Equal(t, opening, err, what)
			continue
		}
		require.NoError(t, err, what)
		if opening == nil {
			assert.Contains(t, what, last)
			assert.Nil(t, c.Damage, what)
			assert.Equal(t, last, c.CutFile)
			assert.False(t, c.CanRepair())
			continue
		}
		require.Equal(t, opening, error(c.Damage), what)
		if c.Damage.File == names[0] && c.Damage.Offset <= 16 {
			assert.EqualValues(t, 0, c.Files[0].Sound)
			assert.Positive(t, c.Files[1].Groups, "what is kept is counted")
		}
		groups, lost := int64(0), int64(0)
		for _, f := range c.Files {
			groups, lost = groups+f.Groups, lost+f.BehindGroups
			assert.Equal(t, f.Size, f.Sound+f.Behind, what)
		}
		assert.Equal(t, behind.groups, lost, what)
		assert.Equal(t, lost > 0 || c.Follows, c.Follows, what)

		aside, err := repair(dir, false)
		require.NoError(t, err, what)
		assert.Equal(t, whole(files), joined(dir.Files(), aside), what)
		c, _, err = check(dir)
		require.NoError(t, err, what)
		require.Nil(t, c.Damage, what)
		b, err := openBook(dir, journal.Always, 300)
		require.NoError(t, err, what)
		first := b.heads[0]
		require.Equal(t, upTo(int(first) + len(b.read))[first:], append([]uint64{}, b.read...), what)
		if first == 0 {
			assert.Len(t, b.read, int(groups), what)
			assert.True(t, b.found.Lost, what)
		} else {
			assert.EqualValues(t, 40, b.noted, what+": only the first file is given up")
		}
		assert.GreaterOrEqual(t, b.noted, uint64(40), what)
		for range 30 { // into another file
			require.NoError(t, b.put(), what)
		}
		read := slices.Concat(b.read, b.settled)
		require.NoError(t, b.j.Close())
		b, err = openBook(dir, journal.Always, 300)
		require.NoError(t, err, what)
		assert.Equal(t, read, b.read, what)
		require.NoError(t, b.j.Close())
	}
}

// whole returns the bytes of all files.
func whole(files map[string][]byte) map[string]string {
	m := make(map[string]string)
	for name, data := range files {
		m[name] = string(data)
	}
	return m
}

// joined returns the bytes of the files before a repair, put together of what
// it kept and what it put aside.
func joined(files map[string][]byte, aside []string) map[string]string {
	m := make(map[string]string)
	for name, data := range files {
		if !strings.HasSuffix(name, ".damaged") && name != "LOCK" {
			m[name] = string(data)
		}
	}
	last := slices.Max(slices.Collect(maps.Keys(m)))
	if begin := strings.LastIndex(m[last], "WEIR"); m[last][begin+20] == 'r' {
		m[last] = m[last][:begin]
	}
	for _, name := range aside {
		original, from, tail := strings.Cut(strings.TrimSuffix(name, ".damaged"), ".from-")
		if tail && fmt.Sprint(len(m[original])) != from {
			panic(name)
		}
		m[original] += string(files[name])
	}
	return m
}

func TestRepair_discards(t *testing.T) {
	files, names := written(t)
	files[names[1]][100] ^= 1
	dir := diskOf(files)
	aside, err := repair(dir, true)
	require.NoError(t, err)
	assert.Empty(t, aside)
	assert.Equal(t, names[:2], slices.Sorted(maps.Keys(dir.Files())))
}

// What a second repair cuts off does not replace what the first has kept.
func TestRepair_keepsWhatOthersKept(t *testing.T) {
	files, names := written(t)
	dir := diskOf(files)
	kept := make(map[string][]byte)
	for range 3 {
		files := dir.Files()
		files[names[1]][200] ^= 1
		dir.Set(files)
		_, err := repair(dir, false)
		require.NoError(t, err)
		for name, data := range kept {
			require.True(t, bytes.Equal(data, dir.Files()[name]), name)
		}
		for name, data := range dir.Files() {
			if strings.HasSuffix(name, ".damaged") {
				kept[name] = data
			}
		}
		b, err := openBook(dir, journal.Always, 300)
		require.NoError(t, err)
		for range 20 {
			require.NoError(t, b.put())
		}
		require.NoError(t, b.j.Close())
	}
	assert.Greater(t, len(kept), len(names))
}

// Whatever fails, and wherever it crashes, the journal is damaged as before or
// repaired; and then it is known that numbers are lost.
func TestRepair_crashes(t *testing.T) {
	all, _ := damages(t)
	whats := slices.Sorted(maps.Keys(all))
	for seed := range uint64(1500) {
		random := rand.New(rand.NewPCG(seed, 1))
		what := whats[random.IntN(len(whats))]
		files := maps.Clone(all[what])
		if random.IntN(2) == 0 { // written ahead
			for name, data := range files {
				files[name] = slices.Concat(data, make([]byte, random.IntN(300)))
			}
		}
		dir := diskOf(files)
		c, _, err := check(dir)
		if err != nil || c.Damage == nil {
			continue
		}
		later := c.Damage.File == c.Files[0].Name && c.Damage.Offset <= 16
		what = fmt.Sprint(what, " seed=", seed)
		for range 3 {
			failAt, crashed := dir.Ops()+1+random.IntN(12), false
			dir.FailWith(func(op journaltest.Op) error {
				if crashed = crashed || op.N == failAt; crashed {
					return errFull
				}
				return nil
			})
			_, err := repair(dir, random.IntN(2) == 0)
			if !crashed {
				require.NoError(t, err, what)
			}
			dir.FailWith(nil)
			dir.Crash(random)
			c, _, err := check(dir)
			require.NoError(t, err, what)
			if c.Damage == nil {
				require.True(t, c.Lost || later, what)
			}
		}
		_, err = repair(dir, false)
		require.NoError(t, err, what)
		b, err := openBook(dir, journal.Always, 300)
		require.NoError(t, err, what)
		require.True(t, b.found.Lost || later, what)
		require.GreaterOrEqual(t, b.noted, uint64(40), what)
	}
}

// Where there is nothing to keep, nothing is done.
func TestRepair_nothingIsLeft(t *testing.T) {
	files, names := written(t)
	for name := range files {
		if name != names[0] {
			delete(files, name)
		}
	}
	files[names[0]][30] ^= 1
	dir := diskOf(files)
	c, _, err := check(dir)
	require.NoError(t, err)
	assert.True(t, c.Follows)
	assert.False(t, c.CanRepair())
	_, err = repair(dir, false)
	assert.EqualError(t, err, "there is nothing to cut")
	assert.Equal(t, files[names[0]], dir.Files()[names[0]])
}

func TestInspect_makesNothing(t *testing.T) {
	for _, forWriting := range []bool{false, true} {
		dir := journaltest.New()
		_, err := journal.Inspect(dir, forWriting)
		assert.ErrorIs(t, err, fs.ErrNotExist)
		_, err = dir.List()
		assert.ErrorIs(t, err, fs.ErrNotExist)

		_, err = journal.Inspect(diskOf(nil), forWriting)
		assert.ErrorIs(t, err, journal.ErrNone)
		_, err = journal.Inspect(diskOf(map[string][]byte{"thesis.txt": nil}), forWriting)
		assert.ErrorIs(t, err, journal.ErrForeign)

		path := t.TempDir()
		b, err := openBook(journal.Dir(path), journal.Always, 300)
		require.NoError(t, err)
		_, err = journal.Inspect(journal.Dir(path), forWriting)
		assert.ErrorIs(t, err, journal.ErrLocked)
		require.NoError(t, b.j.Close())
		d, err := journal.Inspect(journal.Dir(path), forWriting)
		require.NoError(t, err)
		require.NoError(t, d.Close())
	}
}

// Where nothing is synced, a crash of the machine may keep a write and lose one
// before it. That is damage, and a repair mends it.
func TestRepair_holesOfWhatWasNotSynced(t *testing.T) {
	holes := 0
	for seed := range uint64(200) {
		dir := journaltest.New()
		b, err := openBook(dir, journal.Never, 300)
		require.NoError(t, err)
		for range 20 {
			require.NoError(t, b.put())
		}
		dir.Crash(rand.New(rand.NewPCG(seed, 1)))
		c, _, err := check(dir)
		require.NoError(t, err)
		assert.True(t, c.Lost || c.Damage != nil, "seed %d", seed)
		if c.Damage == nil {
			continue
		}
		holes++
		_, err = repair(dir, false)
		require.NoError(t, err)
		b, err = openBook(dir, journal.Always, 300)
		require.NoError(t, err, "seed %d", seed)
		assert.True(t, b.found.Lost)
		assert.Equal(t, upTo(len(b.read)), append([]uint64{}, b.read...))
	}
	assert.Positive(t, holes)
}

// Zeros behind the frames, as a process leaves them that was killed, change
// nothing of what a check says of damage, nor of what a repair keeps.
func TestRepair_zerosBehindTheFrames(t *testing.T) {
	all, _ := damages(t)
	for i, what := range slices.Sorted(maps.Keys(all)) {
		files, with := all[what], make(map[string][]byte)
		zero := false
		for name, data := range files {
			with[name] = slices.Concat(data, make([]byte, 3000))
			zero = zero || bytes.HasSuffix(data, []byte{0}) // where zeros begin cannot be told
		}
		if i%5 != 0 || zero {
			continue
		}
		plain, behind, err := check(diskOf(files))
		dir := diskOf(with)
		c, behindToo, errToo := check(dir)
		if err != nil {
			assert.Equal(t, err, errToo, what)
			continue
		}
		require.NoError(t, errToo, what)
		if plain.Damage == nil { // it is torn: its head says how much is cut off
			assert.Nil(t, c.Damage, what)
			continue
		}
		assert.Equal(t, plain.Files, c.Files, what)
		assert.Equal(t, behind, behindToo, what)
		assert.Equal(t, plain.Damage.File, c.Damage.File, what)
		assert.Equal(t, plain.Damage.Offset, c.Damage.Offset, what)
		aside, err := repair(dir, false)
		require.NoError(t, err, what)
		left := joined(dir.Files(), aside)
		for name, data := range files {
			assert.Equal(t, string(data), strings.TrimRight(left[name], "\x00"), what)
		}
		b, err := openBook(dir, journal.Always, 300)
		require.NoError(t, err, what)
		require.NoError(t, b.put(), what)
		b.j.Abandon()
	}
}

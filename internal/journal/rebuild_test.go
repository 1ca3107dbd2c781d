package journal_test

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/internal/journal"
	"github.com/weirstream/weir/internal/journal/journaltest"
)

// rebuild makes a journal of numbers anew that goes on after the greatest that
// can be read.
func rebuild(dir journal.FS, discard bool) (aside []string, err error) {
	return mend(dir, func(d *journal.Directory, c *journal.Check, next uint64) ([]string, error) {
		return d.Rebuild(c, binary.AppendUvarint(nil, next), discard)
	})
}

// oneFile returns a journal of one file, and where its head ends.
func oneFile(t *testing.T, number int) (name string, file []byte, headEnd int) {
	dir := journaltest.New()
	b, err := openBook(dir, journal.Always, 300)
	require.NoError(t, err)
	for b.noted < 5 || b.j.Stats().CurrentNumber < uint64(number) {
		require.NoError(t, b.put())
	}
	require.NoError(t, b.j.Release(b.j.Stats().CurrentNumber))
	require.NoError(t, b.put())
	require.NoError(t, b.j.Close())
	files := dir.Files()
	require.Len(t, files, 1)
	for name, file = range files {
	}
	return name, file, 16 + 20 + int(binary.LittleEndian.Uint32(file[20:]))
}

// A journal whose only head is damaged is made anew, and the damaged file is
// kept. Whether all that was noted stands behind the head is known.
func TestRebuild_whateverIsDamaged(t *testing.T) {
	for _, number := range []int{1, 3} {
		name, file, headEnd := oneFile(t, number)
		for at := range file {
			damaged := slices.Clone(file)
			damaged[at] ^= 1 << (at % 8)
			what := fmt.Sprint(name, " flipped at ", at)
			dir := diskOf(map[string][]byte{name: damaged})
			c, behind, err := check(dir)
			require.NoError(t, err, what)
			require.Equal(t, at < headEnd, c.CanRebuild(), what)
			if !c.CanRebuild() {
				_, err = rebuild(dir, false)
				if c.Damage != nil {
					require.ErrorContains(t, err, "there is nothing to begin anew", what)
				}
				continue
			}
			require.False(t, c.CanRepair(), what)
			require.Equal(t, number == 1 || at < 16, c.Whole, what)
			size := int64(len(file) - headEnd)
			if at < 16 {
				size = int64(len(file) - 16)
			}
			require.Equal(t, size, c.SoundBehind, what)
			aside, err := rebuild(dir, false)
			require.NoError(t, err, what)
			require.Equal(t, []string{name + ".damaged"}, aside, what)
			require.Equal(t, damaged, dir.Files()[aside[0]], what)
			b, err := openBook(dir, journal.Always, 300)
			require.NoError(t, err, what)
			require.Equal(t, behind.next, b.noted, what)
			require.NoError(t, b.put(), what)
			require.NoError(t, b.j.Close())
			b, err = openBook(dir, journal.Always, 300)
			require.NoError(t, err, what)
			require.Equal(t, []uint64{behind.next}, b.read, what)
			require.NoError(t, b.j.Close())
			require.Zero(t, dir.StillOpen(), what)
			files := dir.Files()
			files[name][40] ^= 1
			c, _, err = check(diskOf(files))
			require.NoError(t, err)
			require.True(t, c.CanRebuild() && c.Follows && !c.Whole, "%s: its head says more than that of a new journal", what)
		}
	}
}

// A frame that is missing behind the head is noticed.
func TestRebuild_gap(t *testing.T) {
	name, file, headEnd := oneFile(t, 1)
	file[30] ^= 1
	second := headEnd + 20 + int(binary.LittleEndian.Uint32(file[headEnd+4:]))
	third := second + 20 + int(binary.LittleEndian.Uint32(file[second+4:]))
	for _, damaged := range [][]byte{
		slices.Concat(file[:second], file[third:]), slices.Concat(file[:headEnd], file[second:]),
		slices.Concat(file[:second+25], []byte{1}, file[second+26:]),
	} {
		c, _, err := check(diskOf(map[string][]byte{name: damaged}))
		require.NoError(t, err)
		assert.True(t, c.CanRebuild())
		assert.False(t, c.Whole)
	}
	for end := headEnd; end < len(file); end++ { // a last write that was cut off is no gap
		c, _, err := check(diskOf(map[string][]byte{name: file[:end]}))
		require.NoError(t, err)
		assert.Equal(t, end >= second, c.Whole, end)
	}
}

// Whatever fails while a journal is made anew, and wherever it crashes, it is
// damaged as before or new; what was damaged is there in any case.
func TestRebuild_crashes(t *testing.T) {
	name, file, _ := oneFile(t, 1)
	file[30] ^= 1
	outcomes := make(map[bool]int)
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 2))
		dir := diskOf(map[string][]byte{name: file})
		failAt, ever := dir.Ops()+1+random.IntN(10), random.IntN(2) == 0
		dir.FailWith(func(op journaltest.Op) error {
			if op.N == failAt || ever && op.N > failAt {
				return errFull
			}
			return nil
		})
		_, err := rebuild(dir, false)
		dir.FailWith(nil)
		if ever {
			dir.Crash(random)
		}
		c, _, bad := check(dir)
		require.NoError(t, bad, seed)
		require.True(t, err != nil || c.Damage == nil, seed)
		outcomes[c.Damage == nil]++
		var held [][]byte
		for data := range maps.Values(dir.Files()) {
			held = append(held, data)
		}
		require.Contains(t, held, file, seed)
		_, err = rebuild(dir, false)
		require.NoError(t, err, seed)
		_, err = openBook(dir, journal.Always, 300)
		require.NoError(t, err, seed)
	}
	assert.Len(t, outcomes, 2)
}

// Where a repair cuts and it is not known whether the disk has that, what was
// cut off is kept all the same.
func TestRepair_keepsWhatIsCutOffWhateverFails(t *testing.T) {
	name, file, headEnd := oneFile(t, 1)
	file[headEnd+60] ^= 1
	for failAt := 1; ; failAt++ {
		dir := diskOf(map[string][]byte{name: file})
		first, reached := dir.Ops(), false
		dir.FailWith(func(op journaltest.Op) error {
			if op.N == first+failAt {
				reached = true
				return errFull
			}
			return nil
		})
		c, _, err := check(dir)
		require.NoError(t, err)
		cut := c.Files[0].Sound
		_, err = repair(dir, false)
		if !reached {
			require.NoError(t, err)
			require.Greater(t, failAt, 5)
			return
		}
		dir.FailWith(nil)
		files := dir.Files()
		if c, _, err = check(dir); c.Damage != nil {
			require.Equal(t, file, files[name], failAt)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, file[cut:], files[fmt.Sprintf("%s.from-%d.damaged", name, cut)], failAt)
	}
}

package journal_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/internal/journal"
	"github.com/weirstream/weir/internal/journal/journaltest"
)

const kiB = 1 << 10

var errBroken = errors.New("the disk is broken")

func fileOf(number int) string { return fmt.Sprintf("%016d.journal", number) }

// putMany notes so many numbers in one group.
func (b *book) putMany(n int) (err error) {
	var g *journal.Group[uint64]
	for range n {
		if _, g, err = b.note(); err != nil {
			return err
		}
	}
	return b.j.Commit(g)
}

// used returns how many bytes of a file come before the zeros at its end.
func used(dir *journaltest.FS, file int) int64 {
	return int64(len(bytes.TrimRight(dir.Files()[fileOf(file)], "\x00")))
}

// Zeros are written ahead of what is noted: seldom, never many more than the
// file has bytes, never behind where the next file begins, and given back when
// the file is not written any more. Small files, and those that are not synced
// each time, have none.
func TestJournal_room(t *testing.T) {
	for _, policy := range []journal.Policy{journal.Always, journal.Never} {
		const fileBytes = 300 * kiB
		dir := journaltest.New()
		dir.RoomFrom = 10 * kiB
		blanks := make(chan int64, 1000)
		dir.BeforeBlank = func(_, n int64) { blanks <- n }
		b, err := openBook(dir, policy, fileBytes)
		require.NoError(t, err)
		for file := 1; file <= 3; file++ {
			for b.j.Stats().CurrentNumber == uint64(file) {
				require.NoError(t, b.putMany(1000))
				size, used := int64(len(dir.Files()[fileOf(file)])), used(dir, file)
				require.LessOrEqual(t, size, max(used, min(3*used+10*kiB, fileBytes)))
			}
			if policy == journal.Always {
				assert.Less(t, len(blanks), 20)
				assert.Greater(t, len(blanks), 2)
			}
			for len(blanks) > 0 {
				assert.Positive(t, <-blanks)
				assert.Equal(t, journal.Always, policy)
			}
		}
		for file := 1; file <= 3; file++ {
			whole := dir.Files()[fileOf(file)]
			assert.NotZero(t, whole[len(whole)-1], "the last note is not zero")
		}
		for range 20 {
			require.NoError(t, b.putMany(1000))
		}
		noted := b.noted
		b.j.Abandon()
		b, err = openBook(dir, policy, fileBytes)
		require.NoError(t, err)
		assert.Zero(t, b.found.Cut)
		assert.Len(t, b.read, int(noted))
		require.NoError(t, b.j.Close())
		b, err = openBook(dir, policy, fileBytes)
		require.NoError(t, err)
		assert.True(t, b.found.Clean)
		assert.Len(t, b.read, int(noted))
		b.j.Abandon()
	}
}

// When a note is on disk, and with it zeros that it gave occasion to, there are
// half as many as the file has bytes at least, and three times that at most;
// but none behind where the next file begins, and 6 MiB at most. Whoever writes
// them closes the file.
func TestJournal_roomIsThereInTime(t *testing.T) {
	const unit, most = journaltest.RoomUnit, 4 << 20
	for _, c := range []struct{ fileBytes, notes, puts int }{{300*kiB + 5, 300, 400}, {20<<20 + 5, 500_000, 13}} {
		synctest.Test(t, func(t *testing.T) {
			dir := journaltest.New()
			dir.RoomFrom = 10 * kiB
			blanks := make(chan [2]int64, 10)
			dir.BeforeBlank = func(at, n int64) { blanks <- [2]int64{at, n} }
			b, err := openBook(dir, journal.Always, int64(c.fileBytes))
			require.NoError(t, err)
			full := int64(c.fileBytes+unit-1) / unit * unit
			for range c.puts {
				require.NoError(t, b.putMany(c.notes))
				synctest.Wait()
				if b.j.Stats().CurrentNumber > 1 {
					break
				}
				size, used := int64(len(dir.Files()[fileOf(1)])), used(dir, 1)
				if used < dir.RoomFrom {
					require.Equal(t, used, size)
					continue
				}
				n := min(most, used)
				require.GreaterOrEqual(t, size, min(used+n/2, full), "%d bytes", used)
				require.LessOrEqual(t, size, max(used, min(used+n+n/2+2*unit, full)), "%d bytes", used)
				require.LessOrEqual(t, len(blanks), 1)
				if len(blanks) > 0 {
					blank := <-blanks
					assert.Zero(t, blank[0]%unit)
					assert.Zero(t, blank[1]%unit)
					assert.LessOrEqual(t, blank[1], n+unit)
				}
				require.Equal(t, 1, dir.StillOpen())
			}
			b.j.Abandon()
			require.Zero(t, dir.StillOpen())
			assert.Greater(t, used(dir, 1), int64(c.fileBytes)*4/5)
		})
	}
}

// What is noted while zeros are written waits if it would come to them, and
// does not if it comes before.
func TestJournal_roomIsNotWrittenTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := journaltest.New()
		dir.RoomFrom = 10 * kiB
		begun, goOn := make(chan int64), make(chan bool)
		dir.BeforeBlank = func(at, _ int64) {
			begun <- at
			<-goOn
		}
		b, err := openBook(dir, journal.Always, 1<<20)
		require.NoError(t, err)
		var from int64
		for from == 0 {
			require.NoError(t, b.putMany(500))
			synctest.Wait()
			select {
			case from = <-begun:
			default:
			}
		}
		require.Greater(t, from, used(dir, 1))
		puts := 0
		for done := make(chan error, 1); ; puts++ {
			go func() { done <- b.putMany(500) }()
			synctest.Wait()
			select {
			case err := <-done:
				require.NoError(t, err)
				require.LessOrEqual(t, used(dir, 1), from)
				continue
			default:
			}
			break // it waits
		}
		assert.Positive(t, puts)
		go func() { // whoever makes room next does not wait
			for range begun {
			}
		}()
		close(goOn)
		synctest.Wait()
		for range 30 {
			require.NoError(t, b.putMany(500))
		}
		noted := b.noted
		require.NoError(t, b.j.Close())
		dir.BeforeBlank = nil
		close(begun)
		again, err := openBook(dir, journal.Always, 1<<20)
		require.NoError(t, err)
		assert.Len(t, again.read, int(noted))
		again.j.Abandon()
	})
}

// heldUp returns a journal into whose file zeros are about to be written, which
// go on when somebody closes the channel.
func heldUp(t *testing.T) (dir *journaltest.FS, b *book, goOn chan bool) {
	dir, goOn = journaltest.New(), make(chan bool)
	dir.RoomFrom = 10 * kiB
	dir.BeforeBlank = func(int64, int64) { <-goOn }
	b, err := openBook(dir, journal.Always, 1<<20)
	require.NoError(t, err)
	for used(dir, 1) < 10*kiB { // the last of these begins to make room
		require.NoError(t, b.putMany(500))
	}
	return dir, b, goOn
}

// A write that fails is taken back when no zeros come any more.
func TestJournal_roomWhenAWriteFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, b, goOn := heldUp(t)
		dir.FailWith(func(op journaltest.Op) error {
			if op.Kind == "write" {
				return errFull
			}
			return nil
		})
		done := make(chan error, 1)
		go func() { done <- b.put() }()
		synctest.Wait()
		select {
		case <-done:
			t.Error("it was taken back while zeros may be written behind it")
		default:
		}
		close(goOn)
		require.ErrorIs(t, <-done, errFull)
		dir.FailWith(nil)
		require.NoError(t, b.put())
		synctest.Wait()
		assert.Greater(t, int64(len(dir.Files()[fileOf(1)])), used(dir, 1)+10*kiB/2, "there are zeros again")
		for range 40 {
			require.NoError(t, b.putMany(500))
		}
		noted := b.noted
		b.j.Abandon()
		b, err := openBook(dir, journal.Always, 1<<20)
		require.NoError(t, err)
		assert.Len(t, b.read, int(noted))
		b.j.Abandon()
	})
}

// A sync that fails does not leave zeros coming into a file that is cut.
func TestJournal_roomWhenASyncFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, b, goOn := heldUp(t)
		dir.FailWith(func(op journaltest.Op) error {
			if op.Kind == "sync" {
				return errFull
			}
			return nil
		})
		done := make(chan error, 1)
		go func() { done <- b.put() }()
		synctest.Wait()
		assert.Empty(t, done)
		close(goOn)
		require.ErrorIs(t, <-done, errFull)
		assert.NotContains(t, string(dir.Files()[fileOf(1)][used(dir, 1):]), "\x00")
		assert.ErrorIs(t, b.j.Close(), errFull)
		assert.Zero(t, dir.StillOpen())
	})
}

// When a journal is closed, or let go of, no zeros come into its file any more:
// whoever opens it next would find its notes overwritten.
func TestJournal_roomEndsWithTheJournal(t *testing.T) {
	for what, end := range map[string]func(b *book) error{
		"close":   func(b *book) error { return b.j.Close() },
		"abandon": func(b *book) error { b.j.Abandon(); return nil },
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir, b, goOn := heldUp(t)
				done := make(chan error, 1)
				go func() { done <- end(b) }()
				synctest.Wait()
				assert.Empty(t, done)
				close(goOn)
				require.NoError(t, <-done)
				assert.Zero(t, dir.StillOpen())
				if what == "close" {
					assert.EqualValues(t, used(dir, 1), len(dir.Files()[fileOf(1)]))
				}
			})
		})
	}
}

// A file may end with zeros: also one that others follow, when the machine
// stopped before they were cut off. What is not zero is a write that was cut
// off, or damage.
func TestJournal_zerosBehindTheFrames(t *testing.T) {
	files, names := written(t)
	blank := make([]byte, 3000)
	for i, name := range names {
		dir := diskOf(files)
		with := dir.Files()
		with[name] = append(with[name], blank...)
		dir.Set(with)
		c, _, err := check(dir)
		require.NoError(t, err)
		assert.Nil(t, c.Damage)
		assert.Zero(t, c.Cut)
		assert.EqualValues(t, len(files[name]), c.Files[i].Size)
		assert.Equal(t, c.Files[i].Size, c.Files[i].Sound)

		stray := dir.Files()
		stray[name] = bytes.Clone(stray[name])
		stray[name][len(stray[name])-1000] = 1
		dir.Set(stray)
		c, _, err = check(dir)
		require.NoError(t, err)
		if i < len(names)-1 {
			require.NotNil(t, c.Damage)
			assert.Equal(t, name, c.Damage.File)
			assert.EqualValues(t, len(files[name]), c.Damage.Offset)
			_, err = repair(dir, false)
			require.NoError(t, err)
		} else {
			assert.Nil(t, c.Damage)
			assert.EqualValues(t, len(blank)-999, c.Cut)
			assert.Equal(t, c.Files[i].Size, c.Files[i].Sound+c.Cut)
		}
		b, err := openBook(dir, journal.Always, 1<<20)
		require.NoError(t, err)
		require.NoError(t, b.put())
		require.NoError(t, b.j.Close())
	}
}

// A frame may end with zeros itself, which are not those behind it, however
// many these are.
func TestJournal_zerosBehindAZero(t *testing.T) {
	dir := journaltest.New()
	b, err := openBook(dir, journal.Always, 0)
	require.NoError(t, err)
	require.NoError(t, b.put()) // the number 0
	b.j.Abandon()
	whole := dir.Files()[fileOf(1)]
	require.Zero(t, whole[len(whole)-1])
	for _, n := range []int{1, 19, 20, 21, 1 << 20, 1<<20 + 7, 3 << 20} {
		dir.Set(map[string][]byte{fileOf(1): append(whole[:len(whole):len(whole)], make([]byte, n)...)})
		b, err := openBook(dir, journal.Always, 0)
		require.NoError(t, err, "%d zeros", n)
		assert.Equal(t, []uint64{0}, b.read)
		assert.Zero(t, b.found.Cut, "%d zeros", n)
		b.j.Abandon()
	}
}

// What cannot be read is not the end, which would be cut off there.
func TestJournal_zerosThatCannotBeRead(t *testing.T) {
	files, names := written(t)
	last := names[len(names)-1]
	files[last] = append(files[last], make([]byte, 3<<20)...)
	dir := diskOf(files)
	for n := 1; ; n++ {
		reads, failed := 0, false
		dir.FailReadsWith(func(op journaltest.Op) error {
			if reads++; reads == n {
				failed = true
				return errBroken
			}
			return nil
		})
		b, err := openBook(dir, journal.Always, 300)
		if !failed {
			require.NoError(t, err)
			assert.Equal(t, upTo(40), b.read)
			assert.Greater(t, n, len(names)*3)
			b.j.Abandon()
			break
		}
		require.ErrorIs(t, err, errBroken, "reading for the %d. time", n)
		require.Equal(t, files, dir.Files())
	}
	assert.Zero(t, dir.StillOpen())
}

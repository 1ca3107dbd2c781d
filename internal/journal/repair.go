package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
)

// asideSuffix ends the names of what a repair has cut off.
const asideSuffix = ".damaged"

// CanRepair reports whether a repair leaves a journal.
func (c *Check) CanRepair() bool { return c.Damage != nil && (c.keep.number != 0 || c.beginsLater()) }

// beginsLater reports whether a repair gives up the first file, whose head is
// damaged, and keeps those behind it.
func (c *Check) beginsLater() bool {
	return c.keep.number == 0 && c.Damage.File == c.Files[0].Name && len(c.Files) > 1
}

// Repair cuts the journal of a directory that was inspected for writing where a
// check has found damage. It ends there with a mark, which is told to whoever
// replays it; a newline may follow the mark. Whenever a crash comes, the
// journal is damaged as before, or repaired. What is cut off is kept in files,
// whose names it returns, unless discard is set.
//
// If not even the head of the first file is sound, that file alone is given up:
// the next one says all there is to know.
func (d *Directory) Repair(c *Check, mark []byte, discard bool) (aside []string, err error) {
	if !c.CanRepair() {
		return nil, errors.New("there is nothing to cut")
	}
	if c.beginsLater() {
		aside, err = d.giveUp(c.Files[:1], discard)
	} else {
		aside, err = d.cut(c, mark, discard)
	}
	names, bad := d.fs.List()
	if bad == nil {
		d.files, bad = journals(names)
	}
	return aside, errors.Join(err, bad)
}

// CanRebuild reports whether there is one file that no repair leaves a part of.
func (c *Check) CanRebuild() bool { return c.Damage != nil && len(c.Files) == 1 && !c.CanRepair() }

// Rebuild makes a journal whose only file begins with damage one that begins
// with a state, and has no notes. Whenever a crash comes, the file is the
// damaged one or the new one. The damaged one is kept in another, whose name is
// returned, unless discard is set.
func (d *Directory) Rebuild(c *Check, state []byte, discard bool) (aside []string, err error) {
	if !c.CanRebuild() {
		return nil, errors.New("there is nothing to begin anew")
	}
	name, number := c.Files[0].Name, c.Files[0].Number
	if !discard {
		size, err := d.size(number)
		if err != nil {
			return nil, err
		}
		to, err := d.asideName(name)
		if err != nil {
			return nil, err
		}
		if err := d.copy(name, to, 0, size, nil); err != nil {
			return nil, err
		}
		aside = append(aside, to)
	}
	// No number that the first head of all has: what follows this one is not all.
	f, _, err := d.create(number, 0, max(1, c.next), Always, state)
	if err == nil {
		return aside, f.Close()
	}
	return d.unlessUnsure(aside, err), err
}

// unlessUnsure removes copies of what an error has left in place: unless it is
// not known whether the file is the old one or the new.
func (d *Directory) unlessUnsure(aside []string, err error) (kept []string) {
	if unsure := (*unsureError)(nil); errors.As(err, &unsure) {
		return aside
	}
	for _, name := range aside {
		d.fs.Remove(name)
	}
	return nil
}

// cut ends the last file that is kept with a mark, and gives up those behind.
func (d *Directory) cut(c *Check, mark []byte, discard bool) (aside []string, err error) {
	name := fileName(c.keep.number)
	if !discard && c.size > c.keep.size {
		tail, err := d.asideName(fmt.Sprintf("%s.from-%d", name, c.keep.size))
		if err != nil {
			return nil, err
		}
		if err := d.copy(name, tail, c.keep.size, c.size, nil); err != nil {
			return nil, err
		}
		aside = append(aside, tail)
	}
	// As long as files follow, it is damage that this one ends with a mark: it has
	// another size than the next file says. So the order is this one.
	if err := d.endWith(c, mark); err != nil {
		return d.unlessUnsure(aside, err), err
	}
	i, _ := slices.BinarySearch(d.files, c.keep.number)
	gone, err := d.giveUp(c.Files[i+1:], discard)
	return append(aside, gone...), err
}

// endWith replaces the last file that is kept with one that ends with a mark.
func (d *Directory) endWith(c *Check, mark []byte) error {
	name := fileName(c.keep.number)
	frame := append(appendHead(nil, kindRepaired), mark...)
	if c.keep.size+int64(len(frame)) == d.sizeSaid(c.keep.number) {
		frame = append(frame, '\n')
	}
	seal(frame, c.keep.frames)
	if err := d.copy(name, name+tempSuffix, 0, c.keep.size, frame); err != nil {
		return err
	}
	if err := d.fs.Rename(name+tempSuffix, name); err != nil {
		d.fs.Remove(name + tempSuffix)
		return err
	}
	if err := d.fs.SyncDir(); err != nil {
		return &unsureError{err}
	}
	return nil
}

// sizeSaid returns the size of a file that the next one says it had, or -1 if
// that cannot be read, or there is none.
func (d *Directory) sizeSaid(number uint64) int64 {
	f, err := d.fs.Open(fileName(number+1), true)
	if err != nil {
		return -1
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return -1
	}
	r := &frameReader{file: f, size: size, at: int64(len(magic))}
	if r.number, err = firstNumber(f, size); err != nil {
		return -1
	}
	fr, err := r.next()
	if err != nil || fr.kind != kindHead {
		return -1
	}
	h, err := parseHead(fr.content)
	if err != nil {
		return -1
	}
	return h.before
}

// copy makes a file of a part of another and what follows, durably.
func (d *Directory) copy(from, to string, begin, end int64, more []byte) (err error) {
	in, err := d.fs.Open(from, true)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := d.fs.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	out, err := d.fs.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.NewOffsetWriter(out, 0), io.NewSectionReader(in, begin, end-begin))
	if err == nil && len(more) > 0 {
		_, err = out.WriteAt(more, end-begin)
	}
	if err == nil {
		err = out.Sync()
	}
	if err = errors.Join(err, out.Close()); err == nil {
		err = d.fs.SyncDir()
	}
	if err != nil {
		d.fs.Remove(to)
	}
	return err
}

// giveUp puts files aside, or removes them, the last first.
func (d *Directory) giveUp(files []CheckedFile, discard bool) (aside []string, err error) {
	for _, f := range slices.Backward(files) {
		to := ""
		if discard {
			err = d.fs.Remove(f.Name)
		} else if to, err = d.asideName(f.Name); err == nil {
			err = d.fs.Rename(f.Name, to)
		}
		if err == nil {
			err = d.fs.SyncDir()
		}
		if err != nil {
			return aside, err
		}
		if to != "" {
			aside = append(aside, to)
		}
	}
	return aside, nil
}

// exists reports whether there is a file of that name.
func (d *Directory) exists(name string) (bool, error) {
	f, err := d.fs.Open(name, true)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, f.Close()
}

// asideName returns a name that no file has, for what is cut off.
func (d *Directory) asideName(name string) (string, error) {
	for n := 1; ; n++ {
		aside := name + asideSuffix
		if n > 1 {
			aside = fmt.Sprintf("%s.%d%s", name, n, asideSuffix)
		}
		if there, err := d.exists(aside); err != nil || !there {
			return aside, err
		}
	}
}

package journal

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"io"
	"slices"
)

// ErrNone says that a directory holds no journal.
var ErrNone = errors.New("the directory holds no stream")

// Inspect locks a directory that has a journal, for a check, or for a repair if
// forWriting is set. It makes and changes nothing, but for a repair the file
// that is locked: for a check, who has no such file is in use by nobody.
func Inspect(dir FS, forWriting bool) (*Directory, error) {
	names, err := dir.List()
	if err != nil {
		return nil, err
	}
	d := &Directory{fs: dir, unlock: func() error { return nil }}
	if forWriting || slices.Contains(names, lockName) {
		if d.unlock, err = dir.Lock(); err != nil {
			return nil, err
		}
	}
	if names, err = dir.List(); err == nil { // again: nobody else changes it now
		d.files, err = journals(names)
	}
	if err == nil && d.IsEmpty() {
		err = ErrNone
	}
	if err != nil {
		d.unlock()
		return nil, err
	}
	return d, nil
}

// A Check is what a look at a whole journal found.
type Check struct {
	Files   []CheckedFile
	Cut     int64 // as in [Recovery]
	CutFile string
	Lost    bool    // as in [Recovery]
	Damage  *Damage // the first; nil if there is none
	Follows bool    // sound frames follow the damage
	// SoundBehind is how many bytes these have that a repair gives up. Whole says
	// that nothing is missing between them, back to the first frame behind the
	// first head of all, or to a head that is sound.
	SoundBehind int64
	Whole       bool

	keep end // where a repair cuts; no number if nothing before the damage can be kept
	size int64
	next uint64 // number of the frame that should follow those that were found behind
}

// A CheckedFile is what there is of a file.
type CheckedFile struct {
	Number uint64
	Name   string
	Size   int64 // in bytes, without zeros at the end that nothing was written to
	// Sound is how many bytes come before the damage, and Groups what they hold.
	Sound  int64
	Groups int64
	// Behind is how many bytes a repair gives up, and BehindGroups what is in the
	// sound frames among them.
	Behind       int64
	BehindGroups int64
}

// Check reads a journal and goes on behind the first damage. A visitor is told
// what comes before that, and behind what sound frames come after, as far as a
// repair gives them up; what the latter returns does not matter. If the head of
// the first file is damaged, another visitor is told what is kept. The error
// says what cannot be read, or that a later version wrote it; damage is none.
func (d *Directory) Check(visitor func() Visitor, behind Visitor) (*Check, error) {
	c := &Check{}
	for _, number := range d.files {
		size, err := d.size(number)
		if err != nil {
			return nil, err
		}
		c.Files = append(c.Files, CheckedFile{Number: number, Name: fileName(number), Size: size, Sound: size})
	}
	r, err := d.Replay(&counter{visitor(), c}, true)
	if err == nil {
		r.Abandon()
		c.Cut, c.CutFile, c.Lost = r.Cut, r.CutFile, r.Lost
		for i := range c.Files { // zeros at the end are room that nothing was written to
			c.Files[i].Size, c.Files[i].Sound = r.sizes[i], r.sizes[i]
		}
		c.Files[len(c.Files)-1].Size += r.Cut
		return c, nil
	}
	if !errors.As(err, &c.Damage) {
		return nil, err
	}
	for i, size := range r.sizes {
		c.Files[i].Size, c.Files[i].Sound = size, size
	}
	if err := d.lookBehind(c, behind); err != nil || !c.beginsLater() {
		return c, err
	}
	rest, err := (&Directory{fs: d.fs, files: d.files[1:]}).Check(visitor, nobody{})
	if err != nil {
		return nil, err
	}
	for i, f := range rest.Files {
		kept := &c.Files[i+1]
		kept.Size, kept.Sound, kept.Groups = f.Size, f.Sound, f.Groups
	}
	return c, nil
}

// nobody is a visitor who takes note of nothing.
type nobody struct{}

func (nobody) Head(uint64, []byte) error     { return nil }
func (nobody) Group(uint64, []byte) error    { return nil }
func (nobody) Repaired(uint64, []byte) error { return nil }

func (d *Directory) size(number uint64) (int64, error) {
	f, err := d.fs.Open(fileName(number), true)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return f.Size()
}

// file returns the file of a number.
func (c *Check) file(number uint64) *CheckedFile {
	i, _ := slices.BinarySearchFunc(c.Files, number, func(f CheckedFile, n uint64) int { return cmp.Compare(f.Number, n) })
	return &c.Files[i]
}

// A counter counts the groups of each file on their way to a visitor.
type counter struct {
	Visitor
	check *Check
}

func (c *counter) Group(file uint64, notes []byte) error {
	err := c.Visitor.Group(file, notes)
	if err == nil {
		c.check.file(file).Groups++
	}
	return err
}

// lookBehind finds where a repair would cut, and what it would cut off.
func (d *Directory) lookBehind(c *Check, v Visitor) error {
	at, ok := numberOf(c.Damage.File)
	if !ok {
		return nil // it is of the whole, and no cut mends it
	}
	if err := d.findCut(c, at); err != nil {
		return err
	}
	for i := range c.Files {
		f := &c.Files[i]
		from := int64(0)
		switch {
		case f.Number == c.keep.number:
			from = c.keep.size
		case f.Number < c.keep.number, c.keep.number == 0 && i > 0:
			continue // kept
		}
		if err := d.soundFrames(f, from, c, v); err != nil {
			return err
		}
		f.Sound, f.Behind = from, f.Size-from
	}
	return nil
}

// findCut finds the last sound frame before the damage. If there is none, all
// that can be kept is what comes behind the first file.
func (d *Directory) findCut(c *Check, at uint64) error {
	for i, number := range slices.Backward(d.files) {
		if number > at {
			continue
		}
		limit := c.Files[i].Size
		if number == at {
			limit = min(limit, c.Damage.Offset)
		}
		size, frames, err := d.soundUpTo(number, limit)
		if err != nil {
			return err
		}
		if size > int64(len(magic)) { // else not even its head is sound
			c.keep, c.size = end{number: number, size: size, frames: frames}, c.Files[i].Size
			return nil
		}
	}
	return nil
}

// soundUpTo returns where the last frame ends that ends at or before a limit,
// and the number of the next one.
func (d *Directory) soundUpTo(number uint64, limit int64) (size int64, frames uint64, err error) {
	if limit < int64(len(magic))+headBytes {
		return 0, 0, nil
	}
	f, err := d.fs.Open(fileName(number), true)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	r := &frameReader{file: f, size: limit, at: int64(len(magic))}
	if r.number, err = firstNumber(f, limit); err != nil {
		return 0, 0, err
	}
	for {
		_, err := r.next()
		if _, bad := err.(errBad); bad || err == io.EOF {
			return r.at, r.number, nil
		}
		if err != nil {
			return 0, 0, err
		}
	}
}

// soundFrames tells a visitor of the sound frames of a file from a place on.
// Zeros behind them are no part of the file's size from then on.
func (d *Directory) soundFrames(file *CheckedFile, from int64, c *Check, v Visitor) error {
	f, err := d.fs.Open(file.Name, true)
	if err != nil {
		return err
	}
	defer f.Close()
	b := make([]byte, file.Size-from)
	if _, err := f.ReadAt(b, from); err != nil && err != io.EOF {
		return err
	}
	file.Size = from + int64(len(bytes.TrimRight(b, "\x00")))
	for at := from; ; {
		begin, end := soundFrame(b, 0)
		if begin < 0 {
			return nil
		}
		at += int64(end)
		file.Size = max(file.Size, at)
		c.found(b[begin:end], file.Number)
		content := b[begin+headBytes+1 : end]
		switch kind(b[begin+headBytes]) {
		case kindHead:
			if h, err := parseHead(content); err == nil {
				v.Head(file.Number, h.state)
			}
		case kindGroup:
			file.BehindGroups++
			v.Group(file.Number, content)
		case kindRepaired:
			v.Repaired(file.Number, content)
		}
		b = b[end:]
	}
}

// found takes note of a sound frame behind the damage.
func (c *Check) found(frame []byte, file uint64) {
	number := binary.LittleEndian.Uint64(frame[8:])
	if !c.Follows {
		c.Whole = kind(frame[headBytes]) == kindHead || file == firstFile && number == 1
	} else {
		c.Whole = c.Whole && number == c.next
	}
	c.Follows, c.next = true, number+1
	c.SoundBehind += int64(len(frame))
}

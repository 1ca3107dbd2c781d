package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"sync"
)

const (
	fileSuffix = ".journal"
	tempSuffix = ".new"
	firstFile  = 1 // number of the first file of all
)

func fileName(number uint64) string { return fmt.Sprintf("%016d%s", number, fileSuffix) }

// numberOf returns the number of a file by its name.
func numberOf(name string) (uint64, bool) {
	digits, ok := strings.CutSuffix(name, fileSuffix)
	n, err := strconv.ParseUint(digits, 10, 64)
	return n, ok && err == nil && fileName(n) == name
}

// isUnfinished reports whether a name is that of a file that is being made.
func isUnfinished(name string) bool {
	whole, ok := strings.CutSuffix(name, tempSuffix)
	_, ours := numberOf(whole)
	return ok && ours
}

// A Directory is one that is locked.
type Directory struct {
	fs     FS
	unlock func() error

	mu     sync.Mutex
	files  []uint64 // numbers, rising
	closed bool     // it is somebody else's now
}

// ErrForeign says that a directory holds what no journal put there.
var ErrForeign = errors.New("the directory holds other files, and no stream")

// Claim locks a directory, which it makes if there is none, and looks at which
// files it has. Nothing is changed in one that is not a journal's.
func Claim(dir FS) (*Directory, error) {
	names, err := dir.List()
	if errors.Is(err, fs.ErrNotExist) {
		err = dir.Make()
	}
	if err != nil {
		return nil, err
	}
	if _, err := journals(names); err != nil {
		return nil, err
	}
	unlock, err := dir.Lock()
	if err != nil {
		return nil, err
	}
	d := &Directory{fs: dir, unlock: unlock}
	if names, err = dir.List(); err == nil { // again: nobody else changes it now
		d.files, err = journals(names)
	}
	if err != nil {
		unlock()
		return nil, err
	}
	return d, nil
}

// journals returns the numbers of the files of a journal.
func journals(names []string) (files []uint64, err error) {
	foreign := ""
	for _, name := range names {
		if n, ok := numberOf(name); ok {
			files = append(files, n)
		} else if name != lockName && !isUnfinished(name) {
			foreign = name
		}
	}
	if len(files) == 0 && foreign != "" {
		return nil, fmt.Errorf("%w: %q", ErrForeign, foreign)
	}
	slices.Sort(files)
	return files, nil
}

// Close unlocks the directory.
func (d *Directory) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	return d.unlock()
}

// IsEmpty reports whether there is no file yet.
func (d *Directory) IsEmpty() bool { return len(d.files) == 0 }

// create makes a file with its head, so that under its name there is always a
// whole one.
func (d *Directory) create(number uint64, before int64, frame uint64, p Policy, state []byte) (f File, size int64, err error) {
	name := fileName(number)
	if err := d.fs.Remove(name + tempSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, 0, err
	}
	if f, err = d.fs.Create(name + tempSuffix); err != nil {
		return nil, 0, err
	}
	head := headContent(number, before, p, state)
	seal(head, frame)
	b := append([]byte(magic), head...)
	if _, err = f.WriteAt(b, 0); err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = d.fs.Rename(name+tempSuffix, name)
	}
	if err != nil {
		f.Close()
		d.fs.Remove(name + tempSuffix)
		return nil, 0, err
	}
	if err := d.fs.SyncDir(); err != nil {
		f.Close()
		return nil, 0, &unsureError{err}
	}
	return f, int64(len(b)), nil
}

// An unsureError leaves open whether a file will be there after a crash.
type unsureError struct{ err error }

func (e *unsureError) Error() string { return e.err.Error() }
func (e *unsureError) Unwrap() error { return e.err }

// release removes the files before one, the oldest first.
func (d *Directory) release(before uint64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return ErrClosed
	}
	removed := false
	for len(d.files) > 1 && d.files[0] < before {
		if err := d.fs.Remove(fileName(d.files[0])); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		d.files = d.files[1:]
		removed = true
	}
	if removed {
		return d.fs.SyncDir()
	}
	return nil
}

// Create begins a journal in a directory that has none.
func Create[T any](d *Directory, o Options[T]) (*Journal[T], error) {
	f, size, err := d.create(firstFile, 0, 0, o.Policy, o.State())
	if err != nil {
		return nil, err
	}
	d.files = []uint64{firstFile}
	return begin(d, o, &Recovery{end: end{file: f, number: firstFile, size: size, head: size, frames: 1}})
}

// Continue goes on writing a journal that was replayed.
func Continue[T any](d *Directory, r *Recovery, o Options[T]) (*Journal[T], error) {
	e := &r.end
	if r.spare > 0 {
		if err := e.file.Truncate(e.size); err != nil {
			return nil, err
		}
	}
	for _, n := range r.unfinished {
		if err := d.fs.Remove(n); err != nil {
			return nil, err
		}
	}
	return begin(d, o, r)
}

func begin[T any](d *Directory, o Options[T], r *Recovery) (*Journal[T], error) {
	if o.FileBytes == 0 {
		o.FileBytes = defaultFileBytes
	}
	j := &Journal[T]{dir: d, o: o, file: r.end.file, number: r.end.number, size: r.end.size, head: r.end.head, frames: r.end.frames, owed: r.Lost}
	j.idle.L = &j.mu
	j.pending = j.newGroup()
	if _, err := j.append(append(appendHead(nil, kindOpened), byte(o.Policy)), true); err != nil {
		j.file.Close()
		return nil, err
	}
	return j, nil
}

// A Damage is where a journal is not what was written.
type Damage struct {
	File   string // name in the directory
	Offset int64  // in bytes
	Reason string
}

func (e *Damage) Error() string {
	return fmt.Sprintf("%s is damaged at byte %d: %s", e.File, e.Offset, e.Reason)
}

// A VersionError says that a later version wrote a journal.
type VersionError struct{ File, Version string }

func (e *VersionError) Error() string {
	return fmt.Sprintf("%s is of format %s; format 1 can be read", e.File, e.Version)
}

// A Recovery is what was found in a journal.
type Recovery struct {
	Files  int
	Bytes  int64
	Groups int64
	// Cut is how many bytes at the end were a write that was not finished, and
	// CutFile the file that has them.
	Cut     int64
	CutFile string
	// Clean says that the journal was closed after the last note.
	Clean bool
	// Lost says that there may have been notes that were settled and are gone: a
	// process ended that settled them before they were on disk, or a repair cut
	// them off. It stays so until a note is made, so whoever continues the journal
	// makes first of all the note that draws the conclusions.
	Lost bool

	end        end
	sizes      []int64 // of the files, up to where their frames end
	spare      int64   // bytes of the last file behind that
	lossy      bool    // the process that wrote last settled notes that may be gone
	unfinished []string
}

// Abandon closes the file that a replay left open.
func (r *Recovery) Abandon() { r.end.file.Close() }

// An end is where a journal goes on.
type end struct {
	file   File
	number uint64
	size   int64
	head   int64 // of size, up to where the first frame ends
	frames uint64
}

// A Visitor is told what a journal holds, in order. An error of its own ends
// the replay; one that says that something cannot be is a [*Damage], which
// knows its place if the visitor returns one without.
type Visitor interface {
	// Head is given the state at the beginning of each file.
	Head(file uint64, state []byte) error
	// Group is given the notes of a group, which are valid until it returns.
	Group(file uint64, notes []byte) error
	// Repaired is given the mark of a repair, which stands for what was cut off.
	Repaired(file uint64, mark []byte) error
}

// A Placer is a visitor that is told before each group where it is.
type Placer interface{ Place(at Spot) }

// Replay reads the whole journal. The last file stays open for [Continue]
// unless there is an error.
func (d *Directory) Replay(v Visitor, readOnly bool) (*Recovery, error) {
	r := &Recovery{}
	names, err := d.fs.List()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if isUnfinished(name) {
			r.unfinished = append(r.unfinished, name)
		}
	}
	for i, number := range d.files {
		if i > 0 && number != d.files[i-1]+1 {
			return r, &Damage{File: fileName(d.files[i-1] + 1), Reason: "the file is missing"}
		}
		last := i == len(d.files)-1
		f, err := d.fs.Open(fileName(number), readOnly || !last)
		if err != nil {
			return r, err
		}
		size := r.end.size
		r.end.file, r.end.number = f, number
		if err := r.replay(f, size, i == 0, last, v); err != nil {
			f.Close()
			return r, err
		}
		if !last {
			f.Close()
		}
		r.Files++
	}
	r.Lost = r.Lost || r.lossy
	return r, nil
}

// replay reads one file. before is the size of the one before it, unless it is
// the first.
func (r *Recovery) replay(f File, before int64, first, last bool, v Visitor) error {
	frames, err := r.framesOf(f)
	if err != nil {
		return err
	}
	for head := true; ; head = false {
		fr, err := frames.next()
		if err != nil {
			return r.ended(frames, err, head, last)
		}
		if head {
			r.end.head = frames.at
		}
		if head != (fr.kind == kindHead) {
			return r.damage(fr.at, fmt.Sprintf("a frame of kind %q", fr.kind))
		}
		if head && !first && frames.number-1 != r.end.frames {
			return &Damage{fileName(r.end.number - 1), before,
				fmt.Sprintf("the frames end at %d, and the next file begins with %d", r.end.frames, frames.number-1)}
		}
		if err := r.visit(fr, before, first, v); err != nil {
			if d, ok := err.(*Damage); ok && d.File == "" {
				return r.damage(fr.at, d.Reason)
			}
			return err
		}
	}
}

// damage is damage to the file that is being read.
func (r *Recovery) damage(at int64, reason string) error {
	return &Damage{fileName(r.end.number), at, reason}
}

// framesOf begins to read the frames of a file.
func (r *Recovery) framesOf(f File) (*frameReader, error) {
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	if err := checkMagic(f, r.end.number); err != nil {
		return nil, err
	}
	frames := &frameReader{file: f, size: size, at: int64(len(magic))}
	// The head says the number of its frame, which replay compares: if it is
	// wrong, it is the file before that lacks frames.
	frames.number, err = firstNumber(f, size)
	if bad, ok := err.(errBad); ok {
		return nil, r.damage(frames.at, bad.Error())
	}
	return frames, err
}

// ended is told why there is no further frame in a file, and whether its head
// would have been next: io.EOF if that is the file's end.
func (r *Recovery) ended(frames *frameReader, why error, head, last bool) error {
	bad, isBad := why.(errBad)
	switch {
	case isBad && last && !head:
		return r.cutOff(frames, bad)
	case isBad:
		return r.damage(frames.at, bad.Error())
	case why == io.EOF && head:
		return r.damage(frames.at, "the head is missing")
	case why == io.EOF:
		r.finish(frames)
		return nil
	}
	return why
}

// cutOff ends the last file where there is no frame: a write that a crash cut
// off is the end of all there is. It is damage if sound frames follow.
func (r *Recovery) cutOff(frames *frameReader, bad errBad) error {
	more, err := frames.follows()
	if err != nil {
		return err
	}
	if more {
		return r.damage(frames.at, bad.Error()+", and sound frames follow")
	}
	if r.Cut, err = frames.torn(); err != nil {
		return err
	}
	r.CutFile = fileName(r.end.number)
	r.finish(frames)
	return nil
}

// finish takes note of where a file ends.
func (r *Recovery) finish(frames *frameReader) {
	r.end.size, r.end.frames = frames.at, frames.number
	r.sizes = append(r.sizes, frames.at)
	r.spare = frames.size - frames.at
	r.Bytes += frames.at
}

// visit takes note of a frame and tells the visitor.
func (r *Recovery) visit(f frame, before int64, first bool, v Visitor) error {
	number := r.end.number
	switch f.kind {
	case kindHead:
		h, err := parseHead(f.content)
		if err != nil || h.number != number {
			return &Damage{Reason: fmt.Sprintf("the head is that of file %d", h.number)}
		}
		if first && number > firstFile {
			r.lossy = h.policy != Always // the file that says who writes is gone
		}
		if !first && h.before != before {
			return &Damage{File: fileName(number - 1), Offset: min(before, h.before),
				Reason: fmt.Sprintf("the file has %d bytes of frames, and had %d when the next was begun", before, h.before)}
		}
		return v.Head(number, h.state)
	case kindOpened:
		if len(f.content) != 1 {
			return &Damage{Reason: "an opening without its policy"}
		}
		r.Clean, r.Lost = false, r.Lost || r.lossy
		r.lossy = Policy(f.content[0]) != Always
	case kindGroup:
		r.Clean, r.Lost = false, false
		r.Groups++
		if p, ok := v.(Placer); ok {
			p.Place(Spot{number, f.at, f.at + headBytes + 1 + int64(len(f.content))})
		}
		return v.Group(number, f.content)
	case kindRepaired:
		r.Clean, r.Lost = false, true
		return v.Repaired(number, f.content)
	case kindEnd:
		r.Clean, r.lossy = true, false
	default:
		return &Damage{Reason: fmt.Sprintf("a frame of kind %q", f.kind)}
	}
	return nil
}

// A fileHead is what the first frame of a file says.
type fileHead struct {
	number uint64
	before int64 // bytes of the file before
	policy Policy
	state  []byte
}

func parseHead(content []byte) (h fileHead, err error) {
	if h.number, content, err = uvarint(content); err != nil {
		return h, err
	}
	size, content, err := uvarint(content)
	if err == nil && len(content) == 0 {
		err = errors.New("the policy is missing")
	}
	if err != nil {
		return h, err
	}
	h.before, h.policy, h.state = int64(size), Policy(content[0]), content[1:]
	return h, nil
}

// checkMagic checks how a file begins.
func checkMagic(f File, number uint64) error {
	b := make([]byte, len(magic))
	n, err := f.ReadAt(b, 0)
	if err != nil && err != io.EOF {
		return err
	}
	if text := string(b[:n]); text != magic {
		if rest, ok := strings.CutPrefix(text, magicName); ok && n == len(magic) {
			if version := strings.TrimSpace(rest); version != "" && strings.Trim(version, "0123456789") == "" {
				return &VersionError{fileName(number), version}
			}
		}
		return &Damage{fileName(number), 0, fmt.Sprintf("it does not begin with %q", magic)}
	}
	return nil
}

// firstNumber returns the number of the first frame of a file, which none there
// is before.
func firstNumber(f File, size int64) (uint64, error) {
	if size < int64(len(magic))+headBytes {
		return 0, errBad("the head is missing")
	}
	b := make([]byte, headBytes)
	if _, err := f.ReadAt(b, int64(len(magic))); err != nil {
		return 0, whileReading(err)
	}
	return binary.LittleEndian.Uint64(b[8:]), nil
}

func uvarint(b []byte) (v uint64, rest []byte, err error) {
	v, n := binary.Uvarint(b)
	if n <= 0 {
		return 0, nil, errors.New("a number is cut off")
	}
	return v, b[n:], nil
}

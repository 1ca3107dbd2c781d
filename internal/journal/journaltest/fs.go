// Package journaltest has a directory in memory that crashes as disks do: what
// was not synced may be there, or not, or in part.
package journaltest

import (
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/weirstream/weir/internal/journal"
)

// An FS is a directory in memory. It may be used by any number of goroutines at
// a time.
type FS struct {
	// RoomFrom is how large a file is before zeros are written to its end ahead of
	// what the journal writes. Zero means never. It is set before the directory is
	// used.
	RoomFrom int64
	// BeforeBlank, if set, is called each time before that is done, in the
	// goroutine that does it.
	BeforeBlank func(at, n int64)

	mu     sync.Mutex
	files  map[string]*inode
	synced map[string]*inode // what SyncDir made durable
	exists bool
	locked *lock
	epoch  int // crashes so far: what was opened before does nothing any more
	open   int // files
	ops    int
	fail   func(op Op) error

	reads    int
	failRead func(op Op) error
}

type lock struct{ _ byte } // has a size, so that each has an address of its own

// An Op is a call that can fail.
type Op struct {
	N    int    // how many there were, this one included
	Kind string // "write", "sync", "truncate", "create", "rename", "remove" or "syncdir"; "open" or "read"
	Name string // of the file
}

// An inode is a file whatever it is called.
type inode struct {
	data   []byte
	synced []byte
	since  []change // since it was synced
}

// A change is a write or, if b is nil, a truncation.
type change struct {
	at int64
	b  []byte
}

// New returns a directory that does not exist yet.
func New() *FS {
	return &FS{files: make(map[string]*inode), synced: make(map[string]*inode)}
}

// FailWith makes each call that changes something fail with what f returns, if
// that is not nil. A write that fails has written a part. Nil means no faults.
func (f *FS) FailWith(fail func(op Op) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail = fail
}

// FailReadsWith makes each call that opens a file only to read it, or reads,
// fail with what f returns, if that is not nil. These calls are counted by
// themselves. Nil means no faults.
func (f *FS) FailReadsWith(fail func(op Op) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failRead = fail
}

// Ops returns how many calls could have failed so far.
func (f *FS) Ops() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ops
}

// StillOpen returns how many files were opened and not closed.
func (f *FS) StillOpen() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.open
}

// Crash ends all who have the directory open, and leaves of what was not synced
// what the source of random numbers says.
func (f *FS) Crash(random *rand.Rand) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.epoch++
	f.locked = nil
	// Names: those that were synced, or those of now. A journal renames one file at
	// a time, so there is nothing in between.
	if random.IntN(2) == 0 {
		f.files = cloneNames(f.synced)
	}
	seen := make(map[*inode]bool)
	for _, name := range sortedNames(f.files) {
		if n := f.files[name]; !seen[n] {
			seen[n] = true
			n.crash(random)
		}
	}
	f.synced = cloneNames(f.files)
}

func cloneNames(m map[string]*inode) map[string]*inode {
	c := make(map[string]*inode, len(m))
	for name, n := range m {
		c[name] = n
	}
	return c
}

func sortedNames(m map[string]*inode) (names []string) {
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// crash keeps what was synced and some of what came after.
func (n *inode) crash(random *rand.Rand) {
	n.data = slices.Clone(n.synced)
	mode := random.IntN(3) // none, all in order up to a torn one, or any
	last := random.IntN(len(n.since) + 1)
	for i, c := range n.since {
		switch {
		case mode == 0, mode == 1 && i > last, mode == 2 && random.IntN(2) == 0:
			continue
		case c.b == nil:
			n.truncate(c.at)
			continue
		}
		b := c.b
		if mode == 1 && i == last || mode == 2 {
			b = b[:random.IntN(len(b)+1)]
		}
		n.write(b, c.at)
	}
	n.synced, n.since = slices.Clone(n.data), nil
}

func (n *inode) write(b []byte, at int64) {
	if end := int(at) + len(b); end > len(n.data) {
		n.data = append(n.data, make([]byte, end-len(n.data))...)
	}
	copy(n.data[at:], b)
}

func (n *inode) truncate(size int64) {
	if size <= int64(len(n.data)) {
		n.data = n.data[:size:size]
	} else {
		n.write(nil, size)
	}
}

// Files returns a copy of what the files hold now.
func (f *FS) Files() map[string][]byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make(map[string][]byte)
	for name, n := range f.files {
		all[name] = slices.Clone(n.data)
	}
	return all
}

// Set replaces all files, all of them synced.
func (f *FS) Set(files map[string][]byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.exists = true
	f.files = make(map[string]*inode)
	for name, data := range files {
		f.files[name] = &inode{data: slices.Clone(data), synced: slices.Clone(data)}
	}
	f.synced = cloneNames(f.files)
}

// op counts a call and makes it fail if it should. The caller holds mu.
func (f *FS) op(epoch int, kind, name string) error {
	if epoch != f.epoch {
		return fs.ErrClosed
	}
	f.ops++
	if f.fail != nil {
		return f.fail(Op{f.ops, kind, name})
	}
	return nil
}

// readOp is op for a call that reads.
func (f *FS) readOp(kind, name string) error {
	f.reads++
	if f.failRead != nil {
		return f.failRead(Op{f.reads, kind, name})
	}
	return nil
}

func notExist(op, name string) error { return &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist} }

// RoomUnit divides where zeros begin and end.
const RoomUnit = 16

// Room is for the journal, which makes room in its files ahead.
func (f *FS) Room() (from, unit int64) { return f.RoomFrom, RoomUnit }

// Again is for the journal too.
func (f *FS) Again(name string, one journal.File) (journal.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.files[name] != one.(*file).n {
		return nil, notExist("open", name)
	}
	return f.newFile(f.files[name], name, false), nil
}

// Path implements [journal.FS].
func (f *FS) Path() string { return "memory" }

// List implements [journal.FS].
func (f *FS) List() ([]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.exists {
		return nil, notExist("list", "memory")
	}
	return sortedNames(f.files), nil
}

// Make implements [journal.FS].
func (f *FS) Make() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.exists = true
	return nil
}

// Open implements [journal.FS].
func (f *FS) Open(name string, readOnly bool) (journal.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if readOnly {
		if err := f.readOp("open", name); err != nil {
			return nil, err
		}
	}
	n := f.files[name]
	if n == nil {
		return nil, notExist("open", name)
	}
	return f.newFile(n, name, readOnly), nil
}

// Create implements [journal.FS].
func (f *FS) Create(name string) (journal.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.op(f.epoch, "create", name); err != nil {
		return nil, err
	}
	if f.files[name] != nil {
		return nil, &fs.PathError{Op: "create", Path: name, Err: fs.ErrExist}
	}
	n := &inode{}
	f.files[name] = n
	return f.newFile(n, name, false), nil
}

// Rename implements [journal.FS].
func (f *FS) Rename(from, to string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.op(f.epoch, "rename", from); err != nil {
		return err
	}
	n := f.files[from]
	if n == nil {
		return notExist("rename", from)
	}
	delete(f.files, from)
	f.files[to] = n
	return nil
}

// Remove implements [journal.FS].
func (f *FS) Remove(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.files[name] == nil {
		return notExist("remove", name)
	}
	if err := f.op(f.epoch, "remove", name); err != nil {
		return err
	}
	delete(f.files, name)
	return nil
}

// SyncDir implements [journal.FS].
func (f *FS) SyncDir() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.op(f.epoch, "syncdir", ""); err != nil {
		return err
	}
	f.synced = cloneNames(f.files)
	return nil
}

// Lock implements [journal.FS].
func (f *FS) Lock() (unlock func() error, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.locked != nil {
		return nil, journal.ErrLocked
	}
	mine := new(lock)
	f.locked = mine
	return func() error {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.locked == mine {
			f.locked = nil
		}
		return nil
	}, nil
}

// A file is an inode that is open.
type file struct {
	fs       *FS
	n        *inode
	name     string
	readOnly bool
	epoch    int
	closed   bool
}

// newFile opens an inode. The caller holds mu.
func (f *FS) newFile(n *inode, name string, readOnly bool) *file {
	f.open++
	return &file{fs: f, n: n, name: name, readOnly: readOnly, epoch: f.epoch}
}

func (f *file) ReadAt(b []byte, at int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.fs.readOp("read", f.name); err != nil {
		return 0, err
	}
	if at >= int64(len(f.n.data)) {
		return 0, io.EOF
	}
	n := copy(b, f.n.data[at:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (f *file) WriteAt(b []byte, at int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.readOnly {
		return 0, fs.ErrPermission
	}
	if err := f.fs.op(f.epoch, "write", f.name); err != nil {
		if f.epoch == f.fs.epoch {
			b = b[:len(b)/2]
			f.n.write(b, at)
			f.n.since = append(f.n.since, change{at, slices.Clone(b)})
			return len(b), err
		}
		return 0, err
	}
	f.n.write(b, at)
	f.n.since = append(f.n.since, change{at, slices.Clone(b)})
	return len(b), nil
}

func (f *file) Sync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.fs.op(f.epoch, "sync", f.name); err != nil {
		return err
	}
	f.n.synced, f.n.since = slices.Clone(f.n.data), nil
	return nil
}

func (f *file) Truncate(size int64) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.readOnly {
		return fs.ErrPermission
	}
	if err := f.fs.op(f.epoch, "truncate", f.name); err != nil {
		return err
	}
	f.n.truncate(size)
	f.n.since = append(f.n.since, change{at: size})
	return nil
}

func (f *file) Size() (int64, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	return int64(len(f.n.data)), nil
}

// Blank writes zeros, a piece at a time. It is no call that can fail.
func (f *file) Blank(at, n int64) {
	if before := f.fs.BeforeBlank; before != nil {
		before(at, n)
	}
	const piece = 1000
	for end := at + n; at < end; at += piece {
		f.fs.mu.Lock()
		if f.epoch == f.fs.epoch {
			zeros := make([]byte, min(piece, end-at))
			f.n.write(zeros, at)
			f.n.since = append(f.n.since, change{at, zeros})
		}
		f.fs.mu.Unlock()
	}
}

func (f *file) Close() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.closed {
		return fs.ErrClosed
	}
	f.closed = true
	f.fs.open--
	return nil
}

// String says what there is.
func (f *FS) String() string {
	text := ""
	for name, data := range f.Files() {
		text += fmt.Sprintf("%s %d bytes\n", name, len(data))
	}
	return text
}

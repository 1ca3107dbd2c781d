package journal

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// An FS is one directory. What it returns is of package os or like it, so that
// callers can ask with [errors.Is] for [fs.ErrNotExist] or syscall.ENOSPC.
type FS interface {
	// List returns the names of the files. The error matches [fs.ErrNotExist] if
	// there is no directory.
	List() ([]string, error)
	// Make makes the directory if there is none, durably.
	Make() error
	// Open opens a file that there is, to be written too unless readOnly is set.
	Open(name string, readOnly bool) (File, error)
	// Create makes a file that there must not be.
	Create(name string) (File, error)
	Rename(from, to string) error
	Remove(name string) error
	// SyncDir makes durable which files there are.
	SyncDir() error
	// Lock keeps other processes, and others of this one, from locking the
	// directory until unlock is called. The error matches [ErrLocked] if it is
	// locked already.
	Lock() (unlock func() error, err error)
	// Path returns where the directory is, for people.
	Path() string
}

// A File is a file of an [FS].
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Sync makes what was written durable.
	Sync() error
	Truncate(size int64) error
	Size() (int64, error)
}

// ErrLocked says that somebody else has the directory open.
var ErrLocked = errors.New("it is open already, in this process or another one")

// Dir returns the directory of the operating system with that path.
func Dir(path string) FS { return osDir(path) }

type osDir string

const lockName = "LOCK"

func (d osDir) Path() string { return string(d) }

func (d osDir) List() (names []string, err error) {
	entries, err := os.ReadDir(string(d))
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, err
}

func (d osDir) Make() error {
	path := filepath.Clean(string(d))
	if _, err := os.Stat(path); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	above := filepath.Dir(path)
	if err := osDir(above).Make(); err != nil {
		return err
	}
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(above)
}

func (d osDir) file(name string) string { return filepath.Join(string(d), name) }

func (d osDir) Open(name string, readOnly bool) (File, error) {
	flag := os.O_RDWR
	if readOnly {
		flag = os.O_RDONLY
	}
	return openFile(d.file(name), flag)
}

func (d osDir) Create(name string) (File, error) {
	return openFile(d.file(name), os.O_RDWR|os.O_CREATE|os.O_EXCL)
}

func (d osDir) Rename(from, to string) error { return os.Rename(d.file(from), d.file(to)) }
func (d osDir) Remove(name string) error     { return os.Remove(d.file(name)) }
func (d osDir) SyncDir() error               { return syncDir(string(d)) }

func (d osDir) Lock() (unlock func() error, err error) { return lockFile(d.file(lockName)) }

// An osFile is a File of the operating system. Its errors have the name that it
// has since it was made whole, and not the one under which it was begun.
type osFile struct{ *os.File }

func openFile(path string, flag int) (File, error) {
	f, err := os.OpenFile(path, flag, 0o600)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (f osFile) WriteAt(b []byte, at int64) (int, error) {
	n, err := f.File.WriteAt(b, at)
	return n, named(err)
}

func (f osFile) Truncate(size int64) error { return named(f.File.Truncate(size)) }
func (f osFile) Sync() error               { return named(syncFile(f.File)) }

func named(err error) error {
	if of := (*fs.PathError)(nil); errors.As(err, &of) {
		of.Path = strings.TrimSuffix(of.Path, tempSuffix)
	}
	return err
}

func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// Package state keeps accounts and their streams in a directory, so that a later
// process can go on with them.
//
// The directory has one file for each stream and a manifest that names them. A save
// writes the files of those streams that have changed under new names, then the new
// manifest beside the old one, and renames it: what is not in the manifest does not
// count, so a process that dies while it saves leaves the state of the save before.
// Nothing is removed before everything that the manifest names was read and found
// sound, and then only by the next save.
// Everything is checksummed. What is damaged, or of a later version, is refused with
// an error that names the file; it is never taken for empty.
package state

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
)

const (
	manifestName = "manifest.json"
	lockName     = "lock"
	streamSuffix = ".stream"
	tempSuffix   = ".tmp"

	dirMode  = 0o700 // records are nobody else's business
	fileMode = 0o600
)

// An Account is an account in one region, as it is saved.
type Account struct {
	ID     string
	Region string
	// Settings is what the account knows besides its streams' shards, in JSON.
	Settings json.RawMessage
	Streams  []Stream
}

// A Stream is a stream of an account, as it is saved.
type Stream struct {
	Name string
	// Version says what the stream holds: while it stays the same, it is not written
	// again. Empty means that it is written each time.
	Version string
	// Save writes the stream. It is nil in what [Dir.Load] returns.
	Save func(io.Writer) error
	// File is where the stream was written to: what Load returns.
	File string
}

// A Dir is a directory that holds the state of one process at a time. Use it from
// one goroutine at a time.
type Dir struct {
	path string
	lock *os.File
	last manifest // what the directory holds
	// checked says that the files which last names were read and are sound, or that
	// this process wrote them. Before that nothing is removed.
	checked bool
}

// Open opens a directory, which it creates if there is none, and reads its manifest.
// The error says why the directory cannot be used: it is no state, it is damaged,
// another process has it, or it cannot be written.
func Open(path string) (*Dir, error) {
	if err := os.MkdirAll(path, dirMode); err != nil {
		return nil, err
	}
	d := &Dir{path: path}
	if err := d.open(); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// Close lets go of the directory.
func (d *Dir) Close() error {
	if d.lock == nil {
		return nil
	}
	return d.lock.Close()
}

func (d *Dir) open() (err error) {
	if d.lock, err = os.OpenFile(d.file(lockName), os.O_RDWR|os.O_CREATE, fileMode); err != nil {
		return err
	}
	if err := lock(d.lock); err != nil {
		return fmt.Errorf("%s: another process uses this state: %w", d.path, err)
	}
	d.last, err = readManifest(d.file(manifestName))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := d.isNew(); err != nil {
			return err
		}
		d.checked = true                   // it names none
		return d.writeManifest(manifest{}) // and learn whether that is possible
	default:
		return err
	}
}

// isNew refuses a directory that has something in it already.
func (d *Dir) isNew() error {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if name := e.Name(); name != lockName && name != manifestName+tempSuffix {
			return fmt.Errorf("%s: has %s in it, but no %s: it is no state, or a part of one", d.path, name, manifestName)
		}
	}
	return nil
}

// isNewest refuses a manifest that was put back: files of saves after it are more
// than what one unfinished save leaves.
func (d *Dir) isNewest() error {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		generation, ok := generationOf(e.Name())
		if ok && generation > d.last.Generation+1 {
			return fmt.Errorf("%s is older than %s beside it: it names save %d, that is of save %d; move the file away to begin with what is older",
				d.file(manifestName), e.Name(), d.last.Generation, generation)
		}
	}
	return nil
}

// streamFile is the name of a stream's file: which save wrote it, and as which of its
// streams.
var streamFile = regexp.MustCompile(`^([0-9]+)-[0-9]+` + regexp.QuoteMeta(streamSuffix) + `$`)

// generationOf returns the save that wrote the file of a stream, by its name.
func generationOf(name string) (generation uint64, ok bool) {
	parts := streamFile.FindStringSubmatch(name)
	if parts == nil {
		return 0, false
	}
	generation, err := strconv.ParseUint(parts[1], 10, 64)
	return generation, err == nil
}

// sweep removes the files of this package that the manifest does not name. What
// somebody else put beside them stays.
func (d *Dir) sweep() error {
	named := d.last.files()
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := e.Name()
		if _, ours := generationOf(name); name == manifestName+tempSuffix || ours && !named[name] {
			err = cmp.Or(err, os.Remove(d.file(name)))
		}
	}
	return err
}

// Load returns what the directory holds. All files were read and are as they were
// written; nothing is removed or changed.
func (d *Dir) Load() ([]Account, error) {
	if err := d.isNewest(); err != nil {
		return nil, err
	}
	var accounts []Account
	for _, saved := range d.last.Accounts {
		a := Account{ID: saved.ID, Region: saved.Region, Settings: saved.Settings}
		for _, s := range saved.Streams {
			path := d.file(s.File)
			if err := s.check(path); err != nil {
				return nil, err
			}
			a.Streams = append(a.Streams, Stream{Name: s.Name, Version: s.Version, File: path})
		}
		accounts = append(accounts, a)
	}
	d.checked = true
	return accounts, nil
}

// Save makes accounts what the directory holds, and removes what it held before.
// After an error it holds what it held before. What is there already is read
// first, unless [Dir.Load] has done so.
func (d *Dir) Save(accounts []Account) error {
	if !d.checked {
		if _, err := d.Load(); err != nil {
			return err
		}
	}
	next, n := manifest{Generation: d.last.Generation + 1}, 0
	for _, a := range accounts {
		saved := savedAccount{ID: a.ID, Region: a.Region, Settings: a.Settings}
		for _, s := range a.Streams {
			n++
			stream, err := d.saveStream(a, s, fmt.Sprintf("%d-%d%s", next.Generation, n, streamSuffix))
			if err != nil {
				return errors.Join(err, d.sweep())
			}
			saved.Streams = append(saved.Streams, stream)
		}
		next.Accounts = append(next.Accounts, saved)
	}
	if next.equal(d.last) {
		return d.sweep() // of what a process left that died
	}
	if err := d.writeManifest(next); err != nil {
		return errors.Join(err, d.sweep())
	}
	return d.sweep()
}

// saveStream writes a stream to a file of that name, unless the directory has it.
func (d *Dir) saveStream(a Account, s Stream, name string) (savedStream, error) {
	before := d.last.stream(a.ID, a.Region, s.Name)
	if s.Version != "" && before != nil && before.Version == s.Version {
		return *before, nil
	}
	size, sum, err := writeFile(d.file(name), s.Save)
	return savedStream{Name: s.Name, File: name, Size: size, Checksum: sum, Version: s.Version}, err
}

func (d *Dir) file(name string) string { return filepath.Join(d.path, name) }

// sync makes what happened to the directory's entries durable.
func (d *Dir) sync() error {
	f, err := os.Open(d.path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

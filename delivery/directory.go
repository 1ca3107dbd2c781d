package delivery

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/weirstream/weir"
)

// A Directory is a sink that keeps each object in a file below a directory. Make
// one with [NewDirectory].
//
// A file is written beside its place, synced, and renamed into it; then its
// directory is synced, and those that were made for it. So a name that is there
// is that of a whole object, whatever crashes when. Files that a crash has left
// half written begin with ".weir-" and are of no use to anybody.
type Directory struct {
	root string

	mu    sync.Mutex // guards what follows
	known map[string]bool
}

// unfinished is what names of files begin with that are being written.
const unfinished = ".weir-"

// NewDirectory returns a sink that writes below a directory, which is made when
// it is first needed.
func NewDirectory(root string) (*Directory, error) {
	if root == "" {
		return nil, &weir.ArgumentError{Field: "directory", Reason: "is empty"}
	}
	return &Directory{root: filepath.Clean(root), known: make(map[string]bool)}, nil
}

// Check writes a file and removes it again.
func (d *Directory) Check(context.Context) error {
	if err := d.make(d.root); err != nil {
		return err
	}
	f, err := os.CreateTemp(d.root, unfinished+"*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// Deliver writes the object's body. Names that lead out of the directory, or
// that no file can have, are refused.
func (d *Directory) Deliver(_ context.Context, o *Object) error {
	local := filepath.FromSlash(o.Name)
	if !filepath.IsLocal(local) || strings.IndexByte(o.Name, 0) >= 0 || strings.HasPrefix(path.Base(o.Name), unfinished) {
		return &RefusedError{Code: "Directory.NotAName", Err: fmt.Errorf("%q is no name below a directory", o.Name)}
	}
	place := filepath.Join(d.root, local)
	err := d.write(place, o.Body)
	if errors.Is(err, fs.ErrNotExist) { // somebody has removed a directory
		d.mu.Lock()
		clear(d.known)
		d.mu.Unlock()
		err = d.write(place, o.Body)
	}
	for _, never := range []error{syscall.ENAMETOOLONG, syscall.ENOTDIR, syscall.EISDIR} {
		if errors.Is(err, never) {
			return &RefusedError{Code: "Directory.NotAName", Err: err}
		}
	}
	return err
}

func (d *Directory) write(place string, body []byte) (err error) {
	within := filepath.Dir(place)
	if err := d.make(within); err != nil {
		return err
	}
	f, err := os.CreateTemp(within, unfinished+"*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(body); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err = os.Chmod(f.Name(), 0o644); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), place); err != nil {
		return err
	}
	return syncDirectory(within)
}

// make makes a directory with all above it, and syncs what it has changed.
func (d *Directory) make(within string) error {
	d.mu.Lock()
	known := d.known[within]
	d.mu.Unlock()
	if known {
		return nil
	}
	var missing []string
	for at := within; ; at = filepath.Dir(at) {
		if _, err := os.Stat(at); err == nil || !errors.Is(err, fs.ErrNotExist) || at == filepath.Dir(at) {
			break
		}
		missing = append(missing, at)
	}
	if err := os.MkdirAll(within, 0o755); err != nil {
		return err
	}
	for _, made := range missing {
		if err := syncDirectory(filepath.Dir(made)); err != nil {
			return err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.known) >= maxKnown {
		clear(d.known)
	}
	d.known[within] = true
	return nil
}

// maxKnown is how many directories are remembered to be there.
const maxKnown = 10_000

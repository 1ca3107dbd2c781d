package window

import (
	"context"
	"errors"
	"io/fs"
	"strings"

	"github.com/weirstream/weir/internal/journal"
)

// Snapshots keep windows that are too large for a lease. A name is written once,
// before the lease that names it, so that lease and snapshot belong together;
// what no lease names is deleted. All methods may be called by any number of
// goroutines at a time. Names have letters, digits, dots and hyphens only, and
// are unique to their group if it alone uses the place.
type Snapshots interface {
	// Write keeps bytes under a new name. When it returns nil they are durable.
	Write(ctx context.Context, name string, b []byte) error
	// Read returns what was written. The error of a name that is not there must
	// match [fs.ErrNotExist].
	Read(ctx context.Context, name string) ([]byte, error)
	// List returns all names, in any order.
	List(ctx context.Context) ([]string, error)
	// Delete deletes a name. That there is none is fine.
	Delete(ctx context.Context, name string) error
}

// A Dir keeps snapshots as files of a directory, each of which is written to
// another name, synced and renamed. It is for one group, of whose workers all
// must reach it.
type Dir struct{ fs journal.FS }

// OpenDir opens a directory of snapshots, and makes it if need be. There is
// nothing to close.
func OpenDir(path string) (*Dir, error) {
	d := &Dir{journal.Dir(path)}
	return d, d.fs.Make()
}

const (
	snapshotSuffix = ".window"
	unwrittenMark  = ".tmp"
)

// Write implements [Snapshots].
func (d *Dir) Write(ctx context.Context, name string, b []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	temporary := name + unwrittenMark
	f, err := d.fs.Create(temporary)
	if err != nil {
		return err
	}
	if _, err = f.WriteAt(b, 0); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = d.fs.Rename(temporary, name+snapshotSuffix)
	}
	if err != nil {
		_ = d.fs.Remove(temporary) // or Delete does, when it is found
		return err
	}
	return d.fs.SyncDir()
}

// Read implements [Snapshots].
func (d *Dir) Read(ctx context.Context, name string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f, err := d.fs.Open(name+snapshotSuffix, true)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	b := make([]byte, size)
	if n, err := f.ReadAt(b, 0); n < len(b) {
		return nil, err
	}
	return b, nil
}

// List implements [Snapshots].
func (d *Dir) List(ctx context.Context) (names []string, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	files, err := d.fs.List()
	for _, f := range files {
		if name, ok := strings.CutSuffix(f, snapshotSuffix); ok {
			names = append(names, name)
		} else if name, ok := strings.CutSuffix(f, unwrittenMark); ok {
			names = append(names, name)
		}
	}
	return names, err
}

// Delete implements [Snapshots].
func (d *Dir) Delete(ctx context.Context, name string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, suffix := range []string{snapshotSuffix, unwrittenMark} {
		if err := d.fs.Remove(name + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return d.fs.SyncDir()
}

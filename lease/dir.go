package lease

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/weirstream/weir/internal/journal"
)

// A Dir keeps the leases of a group in a directory, which any number of
// processes of one machine may use at a time. It implements [Store]. What it has
// written is durable: it has been synced, and a crash at any moment leaves each
// lease as it was before a write or as it is after.
//
// A call locks the directory, which other calls wait for, those of other
// processes included. A process that is killed lets go of it; one that is
// stopped in the middle of a call, which takes milliseconds, holds the others
// up. The lock is the system's flock, or on Windows a file that is opened by
// nobody else: the directory must be on a disk of the machine, for network file
// systems promise neither. On systems that have no such lock (such as Solaris
// or Plan 9) one Dir alone may use it.
//
// A write costs the same whatever the number of leases: a file is written and
// synced, renamed, and the directory synced. A List reads all files.
type Dir struct {
	fs    journal.FS
	group string
	turn  chan struct{} // holds one when nobody of this Dir has the lock
}

// The files of a group's directory, beside those of leases.
const (
	groupPrefix = "group-" // of the directory
	markName    = "GROUP"  // says that it is one, and of which group
	lockName    = "LOCK"   // made and locked by package journal
	tempName    = "lease.tmp"
)

// OpenDir opens the leases of a group in the directory group-NAME below dir, and
// makes both if need be. Whoever looks at it finds a file for each lease, in
// JSON. For the name see [CheckGroup]. The error matches [ErrForeign] if there is
// something else, or leases of a later version. There is nothing to close.
func OpenDir(dir, group string) (*Dir, error) {
	if err := CheckGroup(group); err != nil {
		return nil, err
	}
	if err := journal.Dir(dir).Make(); err != nil {
		return nil, err
	}
	return openDir(journal.Dir(filepath.Join(dir, groupPrefix+group)), group)
}

func openDir(f journal.FS, group string) (*Dir, error) {
	d := &Dir{fs: f, group: group, turn: make(chan struct{}, 1)}
	d.turn <- struct{}{}
	if err := f.Make(); err != nil {
		return nil, err
	}
	names, err := f.List()
	if err == nil {
		err = d.onlyOurs(names) // before anything is made among other people's files
	}
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), openPatience)
	defer cancel()
	return d, d.locked(ctx, func() error { return d.mark(group) })
}

// openPatience is how long OpenDir waits for a directory that others use.
const openPatience = 10 * time.Second

// Groups returns the names of the groups that have a directory below dir, in
// order; none if there is no dir.
func Groups(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var groups []string
	for _, e := range entries {
		name, is := strings.CutPrefix(e.Name(), groupPrefix)
		if !is || !e.IsDir() || CheckGroup(name) != nil {
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, e.Name(), markName)); err == nil {
			groups = append(groups, name)
		}
	}
	slices.Sort(groups)
	return groups, nil
}

// mark makes the file that says which group it is, or reads it.
func (d *Dir) mark(group string) error {
	b, err := d.read(markName)
	if errors.Is(err, fs.ErrNotExist) {
		return d.replace(markName, seal(groupHead, []byte(group+"\n")))
	}
	if err != nil {
		return err
	}
	b, err = d.unseal(markName, groupHead, b)
	if err != nil {
		return err
	}
	if name := strings.TrimSuffix(string(b), "\n"); name != group {
		return d.foreign(markName, fmt.Sprintf("it is of the group %q, not of %q", name, group))
	}
	return nil
}

// Group returns the name of the group whose leases d holds.
func (d *Dir) Group() string { return d.group }

// List implements [Store].
func (d *Dir) List(ctx context.Context) (list []Lease, err error) {
	err = d.locked(ctx, func() error {
		names, err := d.fs.List()
		if err == nil {
			err = d.onlyOurs(names)
		}
		if err != nil {
			return err
		}
		list = make([]Lease, 0, len(names))
		for _, name := range names {
			if !isLeaseName(name) {
				continue
			}
			l, _, err := d.lease(name)
			if err != nil {
				return err
			}
			list = append(list, l)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(list, func(a, b Lease) int { return strings.Compare(a.Key, b.Key) })
	return list, nil
}

// Create implements [Store].
func (d *Dir) Create(ctx context.Context, l Lease) error {
	if err := check(ctx, l); err != nil {
		return err
	}
	return d.locked(ctx, func() error {
		name := leaseName(l.Key)
		if _, there, err := d.lease(name); err != nil {
			return err
		} else if there {
			return conflict(l.Key)
		}
		return d.put(name, l)
	})
}

// Update implements [Store].
func (d *Dir) Update(ctx context.Context, l Lease) (Lease, error) {
	if err := check(ctx, l); err != nil {
		return Lease{}, err
	}
	key := l.Key
	l = l.Clone()
	err := d.locked(ctx, func() error {
		name := leaseName(key)
		was, there, err := d.lease(name)
		if err != nil {
			return err
		}
		if !there || was.Counter != l.Counter {
			l = was
			return conflict(key)
		}
		l.Counter++
		return d.put(name, l)
	})
	if err != nil && !errors.Is(err, ErrConflict) {
		return Lease{}, err
	}
	return l, err
}

// Delete implements [Store].
func (d *Dir) Delete(ctx context.Context, l Lease) error {
	if err := check(ctx, l); err != nil {
		return err
	}
	return d.locked(ctx, func() error {
		name := leaseName(l.Key)
		was, there, err := d.lease(name)
		if err != nil || !there {
			return err
		}
		if was.Counter != l.Counter {
			return conflict(l.Key)
		}
		if err := d.fs.Remove(name); err != nil {
			return err
		}
		return d.fs.SyncDir()
	})
}

// locked calls a function while nobody else uses the directory.
func (d *Dir) locked(ctx context.Context, do func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case <-d.turn:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { d.turn <- struct{}{} }()
	unlock, err := d.lock(ctx)
	if err != nil {
		return err
	}
	err = do()
	return errors.Join(err, unlock())
}

// lock waits for the directory's lock. The system has no way to wait for it that
// ends with a context, so it is tried again and again.
func (d *Dir) lock(ctx context.Context) (unlock func() error, err error) {
	const longest = 8 * time.Millisecond
	for pause := longest / 64; ; pause = min(2*pause, longest) {
		unlock, err := d.fs.Lock()
		if !errors.Is(err, journal.ErrLocked) {
			return unlock, err
		}
		t := time.NewTimer(pause)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return nil, ctx.Err()
		}
	}
}

// lease reads a lease; there is false if there is none.
func (d *Dir) lease(name string) (l Lease, there bool, err error) {
	b, err := d.read(name)
	if errors.Is(err, fs.ErrNotExist) {
		return Lease{}, false, nil
	}
	if err == nil {
		b, err = d.unseal(name, leaseHead, b)
	}
	if err != nil {
		return Lease{}, false, err
	}
	if l, err = decode(b); err != nil {
		return Lease{}, false, d.foreign(name, err.Error())
	}
	if leaseName(l.Key) != name {
		return Lease{}, false, d.foreign(name, fmt.Sprintf("the lease of %.100q is in a file of that name", l.Key))
	}
	return l, true, nil
}

// put writes a lease.
func (d *Dir) put(name string, l Lease) error {
	b, err := encode(l)
	if err != nil {
		return err
	}
	return d.replace(name, seal(leaseHead, b))
}

// replace writes a file whole, or not at all. Once it is renamed, a crash may
// leave the one or the other until the directory is synced; both are whole.
func (d *Dir) replace(name string, b []byte) error {
	f, err := d.fs.Create(tempName)
	if errors.Is(err, fs.ErrExist) { // of one who was killed: nobody else has the lock
		if err = d.fs.Remove(tempName); err == nil {
			f, err = d.fs.Create(tempName)
		}
	}
	if err != nil {
		return err
	}
	_, err = f.WriteAt(b, 0)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := d.fs.Rename(tempName, name); err != nil {
		return err
	}
	return d.fs.SyncDir()
}

// read reads a file that is no larger than any of ours.
func (d *Dir) read(name string) ([]byte, error) {
	f, err := d.fs.Open(name, true)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	if size > maxFileBytes {
		return nil, d.foreign(name, fmt.Sprintf("%d bytes are more than a lease has", size))
	}
	b := make([]byte, size)
	if n, err := f.ReadAt(b, 0); n < len(b) {
		return nil, err
	}
	return b, nil
}

// onlyOurs refuses a directory that has other files. Those that begin with a dot
// may be there: systems and editors put them anywhere.
func (d *Dir) onlyOurs(names []string) error {
	for _, name := range names {
		if name != markName && name != lockName && name != tempName && !isLeaseName(name) && !strings.HasPrefix(name, ".") {
			return d.foreign(name, "it is no file of a group's leases")
		}
	}
	return nil
}

// foreign says what is wrong with a file.
func (d *Dir) foreign(name, why string) error {
	return fmt.Errorf("%s: %w: %s", filepath.Join(d.fs.Path(), name), ErrForeign, why)
}

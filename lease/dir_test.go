package lease_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/internal/journal"
	"github.com/weirstream/weir/internal/journal/journaltest"
	"github.com/weirstream/weir/lease"
	"github.com/weirstream/weir/lease/leasetest"
)

func TestDir_conforms(t *testing.T) {
	leasetest.Run(t, func(t *testing.T) func() lease.Store {
		dir := t.TempDir()
		return func() lease.Store { return openDir(t, dir, "orders") }
	})
}

func openDir(t *testing.T, dir, group string) *lease.Dir {
	t.Helper()
	d, err := lease.OpenDir(dir, group)
	require.NoError(t, err)
	return d
}

func TestDir_groupsAreApart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "too")
	groups, err := lease.Groups(dir)
	require.NoError(t, err)
	require.Empty(t, groups)
	for _, group := range []string{"orders", "Audit.2", ".hidden"} {
		d := openDir(t, dir, group)
		require.Equal(t, group, d.Group())
		require.NoError(t, d.Create(t.Context(), lease.Lease{Key: "a", Owner: group}))
		holds(t, d, lease.Lease{Key: "a", Owner: group})
	}
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "group-empty"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "group-file"), nil, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "other"), nil, 0o600))
	groups, err = lease.Groups(dir)
	require.NoError(t, err)
	require.Equal(t, []string{".hidden", "Audit.2", "orders"}, groups)

	_, err = lease.OpenDir(dir, "a/b")
	require.ErrorContains(t, err, `group name "a/b"`)
}

func holds(t *testing.T, s lease.Store, want ...lease.Lease) {
	t.Helper()
	list, err := s.List(t.Context())
	require.NoError(t, err)
	if len(list) != 0 || len(want) != 0 {
		require.Equal(t, want, list)
	}
}

// leaseFile returns the one file of a lease in the group orders.
func leaseFile(t *testing.T, dir string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "group-orders", "lease-*"))
	require.NoError(t, err)
	require.Len(t, names, 1)
	return names[0]
}

// What is not ours is named, and stays as it is.
func TestDir_foreignFiles(t *testing.T) {
	for name, c := range map[string]struct {
		change func(b []byte) []byte
		says   string
	}{
		"empty":        {func(b []byte) []byte { return nil }, `it does not begin with "weir lease" and a version`},
		"cut":          {func(b []byte) []byte { return b[:len(b)-5] }, "its checksum is of other bytes"},
		"cut early":    {func(b []byte) []byte { return b[:14] }, "its checksum is of other bytes"},
		"a bit":        {func(b []byte) []byte { b[len(b)-9] ^= 1; return b }, "its checksum is of other bytes"},
		"zeros":        {func(b []byte) []byte { return make([]byte, len(b)) }, "it does not begin with"},
		"other people": {func(b []byte) []byte { return []byte("{}\n") }, "it does not begin with"},
		"later":        {func(b []byte) []byte { return []byte("weir lease 2\n???") }, "version 2 is later than 1"},
		"huge":         {func(b []byte) []byte { return make([]byte, 3<<20) }, "3145728 bytes are more than a lease has"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			d := openDir(t, dir, "orders")
			l := lease.Lease{Key: "a", Owner: "me"}
			require.NoError(t, d.Create(t.Context(), l))
			file := leaseFile(t, dir)
			b, err := os.ReadFile(file)
			require.NoError(t, err)
			b = c.change(b)
			require.NoError(t, os.WriteFile(file, b, 0o600))

			_, listed := d.List(t.Context())
			_, updated := d.Update(t.Context(), l)
			for _, err := range []error{listed, updated, d.Create(t.Context(), l), d.Delete(t.Context(), l)} {
				require.ErrorIs(t, err, lease.ErrForeign)
				require.NotErrorIs(t, err, lease.ErrConflict)
				require.ErrorContains(t, err, file)
				require.ErrorContains(t, err, c.says)
			}
			after, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, len(b), len(after))
		})
	}
}

func TestDir_leaseInAnothersFile(t *testing.T) {
	dir := t.TempDir()
	d := openDir(t, dir, "orders")
	require.NoError(t, d.Create(t.Context(), lease.Lease{Key: "a"}))
	require.NoError(t, os.Rename(leaseFile(t, dir), filepath.Join(dir, "group-orders", "lease-b")))
	_, err := d.List(t.Context())
	require.ErrorIs(t, err, lease.ErrForeign)
	require.ErrorContains(t, err, `the lease of "a" is in a file of that name`)
}

func TestDir_othersDirectories(t *testing.T) {
	dir := t.TempDir()
	theirs := filepath.Join(dir, "group-orders")
	require.NoError(t, os.Mkdir(theirs, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(theirs, "letter.txt"), nil, 0o600))
	_, err := lease.OpenDir(dir, "orders")
	require.ErrorIs(t, err, lease.ErrForeign)
	require.ErrorContains(t, err, filepath.Join(theirs, "letter.txt"))
	entries, err := os.ReadDir(theirs)
	require.NoError(t, err)
	require.Len(t, entries, 1, "nothing was made there")

	openDir(t, dir, "audit")
	require.NoError(t, os.Rename(filepath.Join(dir, "group-audit"), filepath.Join(dir, "group-sales")))
	_, err = lease.OpenDir(dir, "sales")
	require.ErrorIs(t, err, lease.ErrForeign)
	require.ErrorContains(t, err, `it is of the group "audit", not of "sales"`)

	d := openDir(t, dir, "fine")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "group-fine", ".DS_Store"), nil, 0o600))
	holds(t, d)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "group-fine", "GROUP"), []byte("weir group 7 00000000\nfine\n"), 0o600))
	_, err = lease.OpenDir(dir, "fine")
	require.ErrorContains(t, err, "version 7 is later than 1")

	require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o600))
	_, err = lease.OpenDir(filepath.Join(dir, "file"), "orders")
	require.Error(t, err)
}

// A call waits for the lock of another process as long as its context lasts.
func TestDir_waitsForTheLock(t *testing.T) {
	dir := t.TempDir()
	d := openDir(t, dir, "orders")
	unlock, err := journal.Dir(filepath.Join(dir, "group-orders")).Lock()
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	_, err = d.List(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)

	done := make(chan error)
	go func() { done <- d.Create(t.Context(), lease.Lease{Key: "a"}) }()
	ctx, cancel = context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, d.Create(ctx, lease.Lease{Key: "b"}), context.DeadlineExceeded, "behind another call")
	require.NoError(t, unlock())
	require.NoError(t, <-done)
	holds(t, d, lease.Lease{Key: "a"})
}

// steps make, change and delete leases at random, and say what there is then.
type steps struct {
	random *rand.Rand
	leases map[string]lease.Lease
}

// step does one thing. If it fails, before and after are what there may be of
// the key; nil is no lease.
func (st *steps) step(t *testing.T, d *lease.Dir) (key string, before, after *lease.Lease, err error) {
	key = fmt.Sprint("shard-", st.random.IntN(4))
	l, there := st.leases[key]
	if there {
		was := l
		before = &was
	}
	switch {
	case !there:
		l = lease.Lease{Key: key, Owner: "me"}
		after, err = &l, d.Create(t.Context(), l)
	case st.random.IntN(3) == 0:
		err = d.Delete(t.Context(), l)
	default:
		l.State = make([]byte, st.random.IntN(3000))
		_, err = d.Update(t.Context(), l)
		l.Counter++
		after = &l
	}
	if err == nil {
		st.note(key, after)
	}
	return key, before, after, err
}

func (st *steps) note(key string, l *lease.Lease) {
	if l == nil {
		delete(st.leases, key)
	} else {
		st.leases[key] = *l
	}
}

// After a crash of the machine at any moment, and after any call to the disk
// that failed, each lease is as it was before the write or as it is after.
func TestDir_crash(t *testing.T) {
	broken := errors.New("the disk is broken")
	for seed := range uint64(400) {
		disk := journaltest.New()
		st := &steps{rand.New(rand.NewPCG(seed, 2)), make(map[string]lease.Lease)}
		crash := seed%2 == 0
		at := 5 + st.random.IntN(60)
		disk.FailWith(func(op journaltest.Op) error {
			if op.N == at || crash && op.N > at {
				return broken
			}
			return nil
		})
		d, err := lease.OpenFS(disk, "orders")
		for err != nil { // the failure was in the making
			require.ErrorIs(t, err, broken)
			disk.FailWith(nil)
			d, err = lease.OpenFS(disk, "orders")
		}
		for range 40 {
			key, before, after, err := st.step(t, d)
			if err == nil {
				continue
			}
			require.ErrorIs(t, err, broken, "seed %d", seed)
			if crash {
				disk.FailWith(nil)
				disk.Crash(st.random)
				d, err = lease.OpenFS(disk, "orders")
				require.NoError(t, err, "seed %d", seed)
			}
			list, err := d.List(t.Context())
			require.NoError(t, err, "seed %d", seed)
			var there *lease.Lease
			for i, l := range list {
				if l.Key == key {
					there = &list[i]
				}
			}
			require.True(t, same(there, before) || same(there, after), "seed %d: %v is neither %v nor %v", seed, there, before, after)
			st.note(key, there)
		}
		list, err := d.List(t.Context())
		require.NoError(t, err)
		require.Len(t, list, len(st.leases), "seed %d", seed)
		for _, l := range list {
			want := st.leases[l.Key]
			assert.True(t, same(&l, &want), "seed %d", seed)
		}
	}
}

func same(a, b *lease.Lease) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Key == b.Key && a.Counter == b.Counter && len(a.State) == len(b.State)
}

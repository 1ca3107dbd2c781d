package account_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/account"
	"github.com/weirstream/weir/aws/internal/handclock"
	"github.com/weirstream/weir/internal/journal/journaltest"
)

// A machine has an account whose own journal is in memory and whose streams are
// in a directory. It stops at the n-th of what it does to either.
type machine struct {
	*testing.T
	dir   string
	disk  *journaltest.FS
	clock *handclock.Clock

	ops, stopAt int         // zero: it does not stop
	moved       [][2]string // directories, by which is not synced
}

var errStopped = errors.New("the machine has stopped")

// op counts what is done, and fails from where the machine stops.
func (m *machine) op() error {
	if m.ops++; m.stopAt > 0 && m.ops >= m.stopAt {
		return errStopped
	}
	return nil
}

// Rename implements [account.Mover].
func (m *machine) Rename(from, to string) error {
	if err := m.op(); err != nil {
		return err
	}
	m.moved = append(m.moved, [2]string{from, to})
	return os.Rename(from, to)
}

// SyncDir implements [account.Mover].
func (m *machine) SyncDir(string) error {
	if err := m.op(); err != nil {
		return err
	}
	m.moved = nil
	return nil
}

// crash leaves of what was not synced what the source of random numbers says.
func (m *machine) crash(random *rand.Rand) {
	m.stopAt = 0
	m.disk.Crash(random)
	for _, move := range slices.Backward(m.moved) {
		if random.IntN(2) == 0 {
			require.NoError(m, os.Rename(move[1], move[0]))
		}
	}
	m.moved = nil
}

// newMachine returns a machine that has a copy of an account.
func newMachine(t *testing.T, from string, clock *handclock.Clock) *machine {
	t.Helper()
	m := &machine{T: t, dir: filepath.Join(t.TempDir(), "account"), disk: journaltest.New(), clock: clock}
	require.NoError(t, os.CopyFS(filepath.Join(m.dir, "streams"), os.DirFS(filepath.Join(from, "streams"))))
	files := make(map[string][]byte)
	names, err := filepath.Glob(filepath.Join(from, "*.journal"))
	require.NoError(t, err)
	for _, name := range names {
		files[filepath.Base(name)], err = os.ReadFile(name)
		require.NoError(t, err)
	}
	m.disk.Set(files)
	m.disk.FailWith(func(journaltest.Op) error { return m.op() })
	return m
}

func (m *machine) check() *account.StorageCheck {
	m.Helper()
	c, err := account.CheckOver(m.disk, m.dir, m)
	require.NoError(m, err)
	return c
}

// repair carries out what there is to repair, and what comes to light by that.
func (m *machine) repair(discard bool) error {
	for range 10 {
		list := m.check().Repairs()
		for i := range list {
			if _, err := list[i].Do(discard); err != nil {
				return err
			}
		}
		if len(list) == 0 {
			return nil
		}
	}
	return errors.New("there is always more")
}

// everything opens the account and returns what it says of itself.
func (m *machine) everything() map[string]any {
	m.Helper()
	c := account.Instant()
	c.ID, c.Now = id, m.clock.Now
	a, err := account.OpenOver(m.disk, m.dir, c)
	require.NoError(m, err)
	seen := everything(&fixture{T: m.T, Account: a, ctx: m.Context(), clock: m.clock})
	require.NoError(m, a.Close())
	return seen
}

var damagedName = regexp.MustCompile(`(lost-)?([^/]+?)(\.\d+)?\.damaged`)

// streams returns what is in the directories of streams and queues, whether they
// were put aside or not.
func (m *machine) streams() map[string]string {
	m.Helper()
	all := make(map[string]string)
	for path, content := range filesIn(m.T, filepath.Join(m.dir, "streams")) {
		path = damagedName.ReplaceAllString(strings.TrimPrefix(path, m.dir), "$2")
		require.NotContains(m, all, path)
		all[path] = content
	}
	return all
}

// Wherever in the repair of an account the machine stops, and whatever it leaves
// of what was not synced, the account is damaged as before, and is repaired
// again, or it is repaired; what was kept aside is there, and so is each stream.
func TestStorageRepair_crashesAtEachWriteAndSync(t *testing.T) {
	tag := func(f *fixture, value string) {
		_, err := f.AddTagsToStream(f.ctx, &account.AddTagsToStreamInput{StreamName: S(), Tags: map[string]string{"team": value}})
		require.NoError(f, err)
	}
	begin := func(t *testing.T) (f *fixture, dir string) {
		f, dir = newOnDisk(t, account.Instant())
		f.createOnDemand("S", "")
		f.putNth("S", 0)
		return f, dir
	}
	queueOf := func(f *fixture) {
		_, err := f.CreateQueue(f.ctx, &account.CreateQueueInput{QueueName: ptr("q"), StreamConfigurationList: []account.QueueStreamConfiguration{
			{StreamARN: ptr(arnS), StartingPosition: &account.QueueStartingPosition{Type: ptr(account.IteratorTrimHorizon)}}}})
		require.NoError(f, err)
	}
	// Each returns a damaged account, and how many writes, syncs and moves its repair
	// has at the least.
	scenes := map[string]func(t *testing.T) (dir string, clock *handclock.Clock, least int){
		"journal is cut": func(t *testing.T) (string, *handclock.Clock, int) {
			f, dir := begin(t)
			tag(f, "DAMAGED")
			f.create("later", 1)
			f.create("latest", 1)
			f.putNth("later", 0)
			queueOf(f)
			require.NoError(t, f.Close())
			flipped(t, filepath.Join(dir, journalName), "DAMAGED")
			return dir, f.clock, 13
		},
		"first head": func(t *testing.T) (string, *handclock.Clock, int) {
			f, dir := begin(t)
			queueOf(f)
			require.NoError(t, f.Close())
			flipped(t, filepath.Join(dir, journalName), "JournalOf")
			return dir, f.clock, 6
		},
		"later head": func(t *testing.T) (string, *handclock.Clock, int) {
			defer account.SetDiskFileBytes(1)()
			f, dir := begin(t)
			f.create("T", 1)
			queueOf(f)
			for i := range 30 {
				tag(f, fmt.Sprint(i))
			}
			b := breakable(f, dir)
			require.NotEqual(t, journalName, b.name)
			require.NoError(t, os.WriteFile(filepath.Join(dir, b.name), b.flippedAt(60), 0o600))
			return dir, f.clock, 8
		},
		"stream and queue are missing": func(t *testing.T) (string, *handclock.Clock, int) {
			f, dir := begin(t)
			queueOf(f)
			f.create("gone", 1)
			queue := (*f.queueARN())[strings.LastIndex(*f.queueARN(), "/")+1:]
			require.NoError(t, f.Close())
			require.NoError(t, os.RemoveAll(streamPath(dir, "0000000000000002-gone")))
			require.NoError(t, os.RemoveAll(filepath.Join(streamPath(dir, "0000000000000001-S"), "queue-"+queue)))
			return dir, f.clock, 12
		},
	}
	for name, scene := range scenes {
		t.Run(name, func(t *testing.T) {
			dir, clock, least := scene(t)
			whole := newMachine(t, dir, clock)
			before, streams, files := whole.check(), whole.streams(), whole.disk.Files()
			require.False(t, before.IsSound())
			require.NoError(t, whole.repair(false))
			ops := whole.ops
			require.GreaterOrEqual(t, ops, least)
			kept := asideOf(whole.disk.Files())
			want, paths := whole.everything(), slices.Sorted(maps.Keys(whole.streams()))
			outcomes := make(map[string]int)
			for at := 1; at <= ops; at++ {
				attempts := []bool{false, true}[:2-min(1, at%3)]
				if at == ops { // what the crash leaves decides it
					attempts = make([]bool, 8)
				}
				for i, discard := range attempts {
					what := fmt.Sprintf("stopped at %d, attempt %d, discard %v", at, i, discard)
					m := newMachine(t, dir, clock)
					m.stopAt = at
					err := m.repair(discard)
					if m.ops < at {
						require.True(t, discard, what) // it has less to do
						continue
					}
					m.crash(rand.New(rand.NewPCG(uint64(i), uint64(at))))
					require.Equal(t, streams, m.streams(), what)
					c := m.check()
					if err == nil { // what failed does not matter
						require.True(t, c.IsSound(), what)
					}
					switch {
					case c.IsSound():
						outcomes["repaired"]++
					case before.Damage != nil && c.Damage != nil:
						outcomes["as before"]++
						require.Equal(t, *before.Damage, *c.Damage, what)
						for name, content := range files {
							require.Equal(t, content, m.disk.Files()[name], what)
						}
					default: // the account's journal is repaired, or one of what is missing is given up
						outcomes["in part"]++
						require.Nil(t, c.Damage, what)
					}
					require.NoError(t, m.repair(discard), what)
					require.Equal(t, streams, m.streams(), what)
					if !discard {
						has := asideOf(m.disk.Files())
						for content := range kept {
							require.Contains(t, has, content, what)
						}
					}
					require.Equal(t, want, m.everything(), what)
					require.Equal(t, paths, slices.Sorted(maps.Keys(m.streams())), "%s: none is removed", what)
				}
			}
			t.Log(outcomes)
			assert.Len(t, outcomes, 2)
		})
	}
}

// asideOf returns what is in the files that are kept aside.
func asideOf(files map[string][]byte) map[string]bool {
	all := make(map[string]bool)
	for name := range maps.Keys(files) {
		if strings.HasSuffix(name, ".damaged") {
			all[string(files[name])] = true
		}
	}
	return all
}

package account

import (
	"fmt"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/journal"
)

// BesideToken is what excludes a NextToken, by operation.
var BesideToken = besideToken

// RememberedNames returns how many deleted names an account remembers.
func RememberedNames(a *Account) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.deleted.after)
}

// OpenIn is Open for any directory, whose streams are kept in memory.
func OpenIn(dir journal.FS, e *MemoryEngines, c Config) (*Account, error) { return openIn(dir, e, c) }

// OpenOver is Open for an account whose own journal is anywhere, and whose
// streams are below dir.
func OpenOver(fs journal.FS, dir string, c Config) (*Account, error) {
	return openIn(fs, streamDirs(dir), c)
}

// A Mover puts directories aside.
type Mover = mover

// OSMover does so in earnest.
var OSMover Mover = osMover{}

// CheckOver is CheckStorage for such an account. moves is asked to put
// directories aside.
func CheckOver(fs journal.FS, dir string, moves Mover) (*StorageCheck, error) {
	return place{dir, fs, moves}.check()
}

// SetDiskFileBytes says how large a file of an account's journal grows until the
// function that is returned is called.
func SetDiskFileBytes(n int64) (undo func()) {
	was := diskFileBytes
	diskFileBytes = n
	return func() { diskFileBytes = was }
}

// MemoryEngines keep streams in memory, whatever becomes of the account: as if
// what they do was on disk at once.
type MemoryEngines struct {
	Streams map[uint64]*weir.Stream
	// Fail is asked before a stream is created or removed; nil fails never.
	Fail func() error
}

func (m *MemoryEngines) create(number uint64, name string, c weir.Config) (*weir.Stream, error) {
	if m.Fail != nil {
		if err := m.Fail(); err != nil {
			return nil, err
		}
	}
	if m.Streams[number] != nil {
		return nil, fmt.Errorf("number %d is given twice", number)
	}
	s, err := weir.NewStream(name, c)
	if err == nil {
		m.Streams[number] = s
	}
	return s, err
}

func (m *MemoryEngines) open(number uint64, name string, _ weir.Config) (*weir.Stream, error) {
	s := m.Streams[number]
	if s == nil || s.Name() != name {
		return nil, fmt.Errorf("%w: there is no stream %s of number %d", weir.ErrDamaged, name, number)
	}
	return s, nil
}

func (m *MemoryEngines) remove(number uint64, _ string) error {
	if m.Fail != nil {
		if err := m.Fail(); err != nil {
			return err
		}
	}
	delete(m.Streams, number)
	return nil
}

func (m *MemoryEngines) sweep(known map[uint64]bool) (last uint64, err error) {
	for number := range m.Streams {
		last = max(last, number)
		if !known[number] {
			delete(m.Streams, number)
		}
	}
	return last, nil
}

func (m *MemoryEngines) sweepQueues(uint64, string, map[string]bool) {}

func (m *MemoryEngines) checkFiles(int, int) error { return nil }

func (m *MemoryEngines) end() error { return nil }

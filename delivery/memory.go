package delivery

import (
	"context"
	"sync"
)

// A memory counts what all shards of a delivery hold, and makes those wait that
// want to hold more.
type memory struct {
	most int

	mu    sync.Mutex // guards what follows
	used  int
	peak  int
	tight int           // how many wait
	freed chan struct{} // made by who waits, closed when something was given back
	press func()        // called when somebody begins to wait; not under mu
}

// acquire takes some bytes, when there is room for them. Somebody alone may
// take more than there is, or a record larger than the bound would never pass.
func (m *memory) acquire(ctx context.Context, n int) error {
	for waits := false; ; waits = true {
		m.mu.Lock()
		if waits {
			m.tight--
		}
		if m.used == 0 || m.used+n <= m.most {
			m.addLocked(n)
			m.mu.Unlock()
			return nil
		}
		if err := ctx.Err(); err != nil {
			m.mu.Unlock()
			return context.Cause(ctx)
		}
		m.tight++
		if m.freed == nil {
			m.freed = make(chan struct{})
		}
		freed := m.freed
		m.mu.Unlock()
		m.press()
		select {
		case <-freed:
		case <-ctx.Done():
		}
	}
}

// change takes in that something holds so many bytes more, or fewer.
func (m *memory) change(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.addLocked(n)
}

func (m *memory) addLocked(n int) {
	m.used += n
	m.peak = max(m.peak, m.used)
	if n < 0 && m.freed != nil {
		close(m.freed)
		m.freed = nil
	}
}

// isTight reports whether somebody waits.
func (m *memory) isTight() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.tight > 0
}

// state returns what is used, and what was at most.
func (m *memory) state() (used, peak int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.used, m.peak
}

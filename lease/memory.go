package lease

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
)

// A Memory keeps leases in the process. The zero value is an empty one. It
// implements [Store] and [Watcher].
type Memory struct {
	mu      sync.Mutex
	leases  map[string]Lease
	changed chan struct{} // nil if nobody waits
}

// List implements [Store].
func (m *Memory) List(ctx context.Context) ([]Lease, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	list := make([]Lease, 0, len(m.leases))
	for _, key := range slices.Sorted(maps.Keys(m.leases)) {
		list = append(list, m.leases[key].Clone())
	}
	return list, nil
}

// Create implements [Store].
func (m *Memory) Create(ctx context.Context, l Lease) error {
	if err := check(ctx, l); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, there := m.leases[l.Key]; there {
		return conflict(l.Key)
	}
	m.put(l.Clone())
	return nil
}

// Update implements [Store].
func (m *Memory) Update(ctx context.Context, l Lease) (Lease, error) {
	if err := check(ctx, l); err != nil {
		return Lease{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	was, there := m.leases[l.Key]
	if !there || was.Counter != l.Counter {
		return was.Clone(), conflict(l.Key)
	}
	l.Counter++
	m.leases[l.Key] = l.Clone()
	if l.Owner != was.Owner || l.Wanted != was.Wanted || l.Checkpoint.IsEnded() != was.Checkpoint.IsEnded() {
		m.tell()
	}
	return l.Clone(), nil
}

// Delete implements [Store].
func (m *Memory) Delete(ctx context.Context, l Lease) error {
	if err := check(ctx, l); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	was, there := m.leases[l.Key]
	if there && was.Counter != l.Counter {
		return conflict(l.Key)
	}
	delete(m.leases, l.Key)
	m.tell()
	return nil
}

// Changed implements [Watcher].
func (m *Memory) Changed() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.changed == nil {
		m.changed = make(chan struct{})
	}
	return m.changed
}

// put keeps a lease. The caller holds mu.
func (m *Memory) put(l Lease) {
	if m.leases == nil {
		m.leases = make(map[string]Lease)
	}
	m.leases[l.Key] = l
	m.tell()
}

// tell wakes who waits for a change. The caller holds mu.
func (m *Memory) tell() {
	if m.changed != nil {
		close(m.changed)
		m.changed = nil
	}
}

// check checks what every store refuses.
func check(ctx context.Context, l Lease) error {
	if err := l.Check(); err != nil {
		return err
	}
	return ctx.Err()
}

func conflict(key string) error { return fmt.Errorf("lease %s: %w", key, ErrConflict) }

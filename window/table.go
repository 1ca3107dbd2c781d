package window

import (
	"cmp"
	"context"
	"slices"
	"sync"
)

// A Table keeps the last result of each window of each key, by [Result.ID]. It is
// to make results exactly once: to put the same again changes nothing.
type Table[R any] interface {
	// Upsert puts each of the results in the place of the one of its ID, or
	// deletes that if the result is [Gone]. When it returns nil they are as
	// durable as they are to be. The slice is not kept.
	Upsert(ctx context.Context, results []Result[R]) error
}

// ToTable returns a [Config.Handler] that keeps results in a table.
func ToTable[R any](t Table[R]) Handler[R] { return t.Upsert }

// A Memory is a table in memory. The zero value is empty. Its methods may be
// called by any number of goroutines at a time.
type Memory[R any] struct {
	mu   sync.Mutex // guards what follows
	rows map[string]Result[R]
}

// Upsert implements [Table].
func (t *Memory[R]) Upsert(_ context.Context, results []Result[R]) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.rows == nil {
		t.rows = make(map[string]Result[R])
	}
	for _, r := range results {
		if r.Kind == Gone {
			delete(t.rows, r.ID())
		} else {
			t.rows[r.ID()] = r
		}
	}
	return nil
}

// Rows returns the results of those windows for which keep says so, all if it is
// nil, in the order of their windows' ends, then of their keys. keep must not
// call the table.
func (t *Memory[R]) Rows(keep func(Result[R]) bool) []Result[R] {
	t.mu.Lock()
	defer t.mu.Unlock()
	var rows []Result[R]
	for _, r := range t.rows {
		if keep == nil || keep(r) {
			rows = append(rows, r)
		}
	}
	slices.SortFunc(rows, func(a, b Result[R]) int {
		return cmp.Or(a.Window.End.Compare(b.Window.End), cmp.Compare(a.Key, b.Key), a.Window.Start.Compare(b.Window.Start), a.Window.First.Compare(b.Window.First), cmp.Compare(a.Window.Index, b.Window.Index))
	})
	return rows
}

// Delete deletes the results of those windows for which drop says so, and
// returns how many that were. drop must not call the table.
func (t *Memory[R]) Delete(drop func(Result[R]) bool) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(t.rows)
	for id, r := range t.rows {
		if drop(r) {
			delete(t.rows, id)
		}
	}
	return n - len(t.rows)
}

// Package wait lets many wait for a change without polling and without a
// goroutine of their own.
package wait

import (
	"sync"
	"sync/atomic"
)

// A List is those who wait for a change. The waiter makes the channel, the
// next change closes it: no goroutine, no polling, and a change that nobody
// waits for costs one atomic load. The zero value is ready.
//
// The order that makes it safe: a waiter enters the list, then looks whether
// what it waits for is there already; a writer publishes, then looks at the
// list.
type List struct {
	waiting atomic.Bool
	mu      sync.Mutex    // guards changed
	changed chan struct{} // nil if and only if nobody waits
}

// Enter returns a channel that the next change closes.
func (w *List) Enter() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.changed == nil {
		w.changed = make(chan struct{})
		w.waiting.Store(true)
	}
	return w.changed
}

// Wake releases all who entered before.
func (w *List) Wake() {
	if w.waiting.Load() {
		w.release()
	}
}

func (w *List) release() {
	w.mu.Lock()
	changed := w.changed
	w.changed = nil
	w.waiting.Store(false)
	w.mu.Unlock()
	if changed != nil {
		close(changed)
	}
}

// Package headway bounds how far records are read ahead of being put. Records
// that wait for their turn grow old: a file that is read faster than a stream
// takes it would give up most of its records without having tried to put them.
package headway

import (
	"context"
	"sync"
	"time"
)

// Least is how many records may be held whatever the stream takes: those of a
// call.
const Least = 500

// A Window admits records: [Least], and as many as were put lately. So a record
// that comes in is put within a part of the time that it may take, if the stream
// goes on to take what it took, and a faster stream is given more. Make one with
// [New]. Its methods may be called by any number of goroutines at a time, but for
// Enter, which is for one.
type Window struct {
	span time.Duration // immutable

	mu     sync.Mutex // guards what follows
	held   int
	put    int // in the span that runs
	before int // in the one before
	since  time.Time
	room   chan struct{} // made by who waits, closed when there is room
}

// New returns a window for records that are given up after a time.
func New(giveUp time.Duration) *Window {
	return &Window{span: giveUp / 8, since: time.Now()}
}

// Enter waits until a record may come in, or ctx ends.
func (w *Window) Enter(ctx context.Context) error {
	for {
		room := w.enter()
		if room == nil {
			return nil
		}
		select {
		case <-room:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// enter takes a record in, or returns what is closed when it may try again.
func (w *Window) enter() chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.held < Least+w.before+w.put {
		w.held++
		return nil
	}
	w.room = make(chan struct{})
	return w.room
}

// Leave says that a record is no more held: it was put, or given up.
func (w *Window) Leave(put bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held--
	switch late := time.Since(w.since); {
	case late >= 2*w.span:
		w.before, w.put, w.since = 0, 0, time.Now()
	case late >= w.span:
		w.before, w.put, w.since = w.put, 0, w.since.Add(w.span)
	}
	if put {
		w.put++
	}
	if w.room != nil && w.held < Least+w.before+w.put {
		close(w.room)
		w.room = nil
	}
}

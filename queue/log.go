package queue

import (
	"log/slog"

	"github.com/weirstream/weir/internal/journal"
	"github.com/weirstream/weir/internal/sparse"
)

// The log is written with no lock held: whoever takes it in may be slow, or
// call the queue.

// newLog returns the log of a queue.
func newLog(c *Config, stream string) *slog.Logger {
	return sparse.Logger(c.Logger, "stream", stream, "queue", c.Name)
}

// taleLocked returns what is to be told of what was counted since it was asked
// last, or nil. Whoever calls it holds the lock.
func (q *Queue) taleLocked() func() {
	if q.config.Logger == nil {
		return nil
	}
	was, now := q.told, q.m.counted
	if was.DeadLettered == now.DeadLettered && was.Restored == now.Restored {
		return nil
	}
	q.told = now
	return func() {
		if n := now.DeadLettered - was.DeadLettered; n > 0 {
			q.log.Warn("records became dead letters", "records", n, "total", now.DeadLettered)
		}
		if n := now.Restored - was.Restored; n > 0 {
			q.log.Info("dead letters restored", "records", n)
		}
	}
}

// tellFailed tells, once, that the journal has failed: nothing can be done with
// the queue until it is opened again.
func (q *Queue) tellFailed() {
	if failed := q.disk.failed.Load(); failed != nil && !q.disk.told.Swap(true) {
		q.log.Error("the queue could not be written, and does no more until it is opened again", "err", *failed)
	}
}

// tellFound tells what opening the queue has cut off or found lost.
func (q *Queue) tellFound(found *journal.Recovery) {
	if found.Cut > 0 {
		q.log.Warn("a crash cut off the last write of a queue", "bytes", found.Cut, "file", found.CutFile)
	}
	if found.Lost {
		q.log.Warn("acknowledgements may be lost that were not yet on disk; their records come again")
	}
}

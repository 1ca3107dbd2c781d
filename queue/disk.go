package queue

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/journal"
)

// A disk keeps a queue in a journal: see docs/decisions. The journal's lock is
// taken after the queue's, and held while anything of the queue changes, so
// that the state that a file begins with is that of all notes before.
type disk struct {
	queue   *Queue
	dir     journal.FS
	journal *journal.Journal[struct{}]
	group   *journal.Group[struct{}] // between begin and end
	file    uint64                   // the one in which something was noted last
	failed  atomic.Pointer[error]    // what is in memory is not on disk
	told    atomic.Bool              // that it failed is in the log
}

// fileBytes is how large a file grows, unless the state is larger.
const fileBytes = 4 << 20

// dirPrefix is what the directories of queues in that of their stream begin
// with.
const dirPrefix = "queue-"

// directory returns where the queue is on disk, or nothing if its stream is in
// memory.
func directory(s *weir.Stream, name string) string {
	on := s.Snapshot().Storage
	if on == nil {
		return ""
	}
	return filepath.Join(on.Dir, dirPrefix+name)
}

// open opens the queue of a directory, or begins one there, with files of so
// many bytes.
func (q *Queue) open(dir journal.FS, fileBytes int64) error {
	d := &disk{queue: q, dir: dir}
	claimed, err := journal.Claim(dir)
	if err != nil {
		return d.explain(err)
	}
	o := journal.Options[struct{}]{FileBytes: fileBytes, TwiceHead: true, State: q.state, Settled: d.settled}
	switch sync := q.stream.Config().Sync; {
	case sync == weir.SyncNever:
		o.Policy = journal.Never
	case sync > 0:
		o.Policy, o.Every = journal.Interval, sync
	}
	if claimed.IsEmpty() {
		if err = q.begin(); err == nil {
			d.journal, err = journal.Create(claimed, o)
		}
	} else {
		err = d.reopen(claimed, o)
	}
	if err != nil {
		claimed.Close()
		return d.explain(err)
	}
	q.disk, q.m.log.on = d, true
	return nil
}

// reopen goes on with a queue that is there.
func (d *disk) reopen(claimed *journal.Directory, o journal.Options[struct{}]) error {
	found, err := claimed.Replay(d, false)
	if err != nil {
		return err
	}
	d.queue.m.log.on = true // what has expired meanwhile is noted with the first call
	if err = d.queue.resume(); err != nil {
		found.Abandon()
		return err
	}
	d.journal, err = journal.Continue(claimed, found, o)
	if err != nil {
		found.Abandon()
		return err
	}
	d.queue.tellFound(found)
	return nil
}

// Head implements [journal.Visitor].
func (d *disk) Head(_ uint64, state []byte) error { return damage(d.queue.load(state)) }

// Group implements [journal.Visitor].
func (d *disk) Group(_ uint64, notes []byte) error {
	return damage(d.queue.m.replay(notes, &d.queue.lost))
}

// Repaired implements [journal.Visitor].
func (d *disk) Repaired(uint64, []byte) error { return nil }

func damage(err error) error {
	if err == nil {
		return nil
	}
	return &journal.Damage{Reason: err.Error()}
}

// explain makes an error of the journal one of this package.
func (d *disk) explain(err error) error {
	switch bad := (*journal.Damage)(nil); {
	case err == nil:
		return nil
	case errors.Is(err, journal.ErrClosed):
		return errClosed(d.queue.name)
	case errors.Is(err, journal.ErrNone):
		return err
	case errors.As(err, &bad):
		return fmt.Errorf("queue %s in %s: %w: %w", d.queue.name, d.dir.Path(), ErrDamaged, err)
	case errors.Is(err, journal.ErrLocked):
		return fmt.Errorf("queue %s in %s: %w: %w", d.queue.name, d.dir.Path(), weir.ErrInUse, err)
	case errors.Is(err, weir.ErrInvalidArgument), errors.Is(err, weir.ErrInvalidSequenceNumber):
		return err
	default:
		return &weir.StorageError{Stream: d.streamName(), Dir: d.dir.Path(), Err: err}
	}
}

// streamName is empty where there is no stream, for a check.
func (d *disk) streamName() string {
	if d.queue.stream == nil {
		return ""
	}
	return d.queue.stream.Name()
}

// begin begins a call that may change the queue.
func (d *disk) begin() (err error) {
	if failed := d.failed.Load(); failed != nil {
		return d.explain(*failed)
	}
	d.group, err = d.journal.Begin()
	return d.explain(err)
}

// end notes what the call has changed, and returns what to wait for, if there
// is anything.
func (d *disk) end() *journal.Group[struct{}] {
	l, g := &d.queue.m.log, d.group
	d.group = nil
	if len(l.notes) > 0 {
		g.SetNotes(append(g.Notes(), l.notes...))
	}
	urgent := l.urgent
	l.reset()
	d.journal.End()
	if !urgent {
		return nil
	}
	return g
}

// commit waits for what end returned.
func (d *disk) commit(g *journal.Group[struct{}]) error {
	if d.journal.Policy() == journal.Interval {
		d.journal.Relieve()
		return nil
	}
	return d.explain(d.journal.Commit(g))
}

// settled is told what became of a group. Where the notes are lost the queue in
// memory is ahead of the disk, and is of no use any more.
func (d *disk) settled(_ []struct{}, at journal.Spot, err error) {
	if err != nil {
		d.failed.CompareAndSwap(nil, &err)
		return
	}
	if at.File != d.file {
		d.file = at.File
		d.journal.Release(at.File) // what cannot be removed is with the next file
	}
}

// close closes the journal.
func (d *disk) close() error {
	if g, err := d.journal.Begin(); err == nil {
		d.queue.m.log.note(noteLost, uint64(d.queue.lostSoFar()))
		g.SetNotes(append(g.Notes(), d.queue.m.log.notes...))
		d.queue.m.log.reset()
		d.journal.End()
	}
	if err := d.journal.Close(); !errors.Is(err, journal.ErrClosed) {
		return d.explain(err)
	}
	return nil
}

// remove removes all that is on disk of the queue, unless that is somebody
// else's by now, who may have opened it if it was closed before.
func (d *disk) remove(mine bool) error {
	if !mine {
		claimed, err := journal.Claim(d.dir)
		if err != nil {
			return d.explain(err)
		}
		claimed.Close()
	}
	names, err := d.dir.List()
	for _, name := range names {
		if e := d.dir.Remove(name); e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return d.explain(err)
	}
	if e := os.Remove(d.dir.Path()); e != nil && !errors.Is(e, fs.ErrNotExist) {
		return d.explain(e)
	}
	return nil
}

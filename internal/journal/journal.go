// Package journal is a write-ahead log in a directory: what is noted in it is
// there again after a crash. It knows no streams; notes are bytes to it.
//
// Notes are made in groups: whoever wants to know that its note is durable
// waits for the group, and the first who waits writes and syncs it for all. So
// callers who come at the same time share one write and one sync, nobody waits
// for a timer or a goroutine.
//
// The log is cut into files. Each begins with the state of whoever makes the
// notes, as of the notes before, so that older files can be removed.
package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// A Policy says when what was noted is made durable.
type Policy byte

const (
	// Always writes and syncs a group before it is settled.
	Always Policy = iota
	// Interval settles at once; what was noted is written and synced a time after
	// it was, at the latest.
	Interval
	// Never writes a group before it is settled, and leaves it to the operating
	// system when that reaches the disk.
	Never
)

// Options are what a journal needs to know of whoever makes the notes.
type Options[T any] struct {
	Policy Policy
	// Every is the time of [Interval].
	Every time.Duration
	// FileBytes is how large a file may grow before another one is begun. Zero
	// means 64 MiB.
	FileBytes int64
	// TwiceHead lets a file grow to twice the size of its head in any case, so that
	// a state that is large by itself does not make a new file of each note.
	TwiceHead bool
	// State returns the state after all notes made so far, for the head of a file.
	// It is called between Begin and End.
	State func() []byte
	// Settled is told what became of a group: where it is, or why it is nowhere.
	// It is called for one group after the other, before those who wait for it
	// return. No note is made while it is told of an error; of several
	// groups it is told of the last one first then.
	Settled func(touched []T, at Spot, err error)
}

// A Spot is where a frame is.
type Spot struct {
	File   uint64
	At, To int64 // bytes
}

const (
	defaultFileBytes = 64 << 20
	// muchPending is how many bytes are written before an interval's end, beside
	// those who make notes, and maxPending how many keep these waiting.
	muchPending, maxPending = 1 << 20, 16 << 20
	// maxKept is how large a buffer is kept for the next group.
	maxKept = 4 << 20
)

// ErrClosed says that the journal is closed.
var ErrClosed = errors.New("the journal is closed")

// A Journal is open for writing.
type Journal[T any] struct {
	dir *Directory
	o   Options[T]

	mu      sync.Mutex
	pending *Group[T]
	spare   *Group[T]
	writing bool
	refuse  error       // no note may be made; nil if it may
	final   bool        // refuse holds for good
	timer   *time.Timer // nil, or to flush an interval's notes
	hurried bool        // the pending group is being flushed before its time
	flushes int         // timers that are set, and goroutines that flush for them
	zeroing bool        // the room is being blanked
	idle    sync.Cond   // writing or zeroing has become false, or flushes less

	// Of who writes.
	file   File
	number uint64 // of the file
	size   int64  // of it, as far as it is sound
	room   room   // behind size
	head   int64  // of it, the size of the head
	frames uint64 // number of the next frame
	owed   bool   // the next note is the one of [Recovery.Lost]

	synced, written atomic.Int64
}

// A Group is notes that are written together.
type Group[T any] struct {
	notes   []byte // with room for the frame's head
	touched []T
	// Made by the first who waits for somebody else: nobody does where there is one
	// producer, and channels belong to the bubble of testing/synctest in which they
	// were made, which the journal may outlive.
	done    chan struct{} // closed when the group is settled
	lead    chan struct{} // one of those who wait is to write the group
	settled bool
	err     error
}

// Notes returns the notes as they are, to be appended to.
func (g *Group[T]) Notes() []byte { return g.notes }

// SetNotes makes notes those of the group: what Notes returned, with more
// appended.
func (g *Group[T]) SetNotes(notes []byte) { g.notes = notes }

// Touched returns what was touched, to be appended to or changed.
func (g *Group[T]) Touched() *[]T { return &g.touched }

// newGroup returns an empty group in the memory of one that is settled, if
// there is one.
func (j *Journal[T]) newGroup() *Group[T] {
	g := &Group[T]{}
	if s := j.spare; s != nil {
		g.notes, g.touched, j.spare = s.notes[:0], s.touched[:0], nil
	} else if j.o.Policy == Interval { // or it would be copied again and again as it grows
		g.notes = make([]byte, 0, muchPending+muchPending/8)
	}
	g.notes = appendHead(g.notes, kindGroup)
	return g
}

func (g *Group[T]) empty() bool { return len(g.notes) == headBytes+1 }

// Policy returns the policy.
func (j *Journal[T]) Policy() Policy { return j.o.Policy }

// Do calls f while nothing is noted.
func (j *Journal[T]) Do(f func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	f()
}

// Begin returns the group that is noted in now, until End. The error says why
// nothing can be noted.
func (j *Journal[T]) Begin() (*Group[T], error) {
	j.mu.Lock()
	if j.refuse != nil && !j.retryLocked() {
		err := j.refuse
		j.mu.Unlock()
		return nil, err
	}
	return j.pending, nil
}

// End ends what Begin began.
func (j *Journal[T]) End() {
	if j.o.Policy == Interval && !j.pending.empty() {
		j.setTimerLocked()
	}
	j.mu.Unlock()
}

// setTimerLocked sees to it that what is noted is written in time.
func (j *Journal[T]) setTimerLocked() {
	flush := func() {
		j.Flush() // what fails is told by the next Begin
		j.mu.Lock()
		defer j.mu.Unlock()
		j.flushes--
		j.idle.Broadcast()
	}
	if j.timer == nil {
		j.flushes++
		j.timer = time.AfterFunc(j.o.Every, flush)
	}
	if len(j.pending.notes) > muchPending && !j.hurried {
		j.hurried = true
		if j.timer.Stop() { // else it flushes already
			go flush()
		}
	}
}

// stopTimerLocked spares the timer, because what it was for is being done.
func (j *Journal[T]) stopTimerLocked() {
	if j.timer != nil && j.timer.Stop() {
		j.flushes--
	}
	j.timer = nil
}

// retryLocked writes again what an interval's end could not write, and reports
// whether notes can be made.
func (j *Journal[T]) retryLocked() bool {
	if j.o.Policy != Interval || j.final || j.writing {
		return false
	}
	j.writeLocked()
	return j.refuse == nil
}

// Relieve writes what is noted if that is so much that it should not wait for
// its interval to end.
func (j *Journal[T]) Relieve() {
	if j.o.Policy != Interval {
		return
	}
	j.mu.Lock()
	much := len(j.pending.notes) > maxPending
	j.mu.Unlock()
	if much {
		j.Flush()
	}
}

// Flush writes and syncs what was noted so far.
func (j *Journal[T]) Flush() error {
	j.mu.Lock()
	for j.writing {
		j.idle.Wait()
	}
	defer j.mu.Unlock()
	if j.refuse != nil && (j.final || j.o.Policy != Interval) {
		return j.refuse
	}
	if !j.pending.empty() {
		return j.writeLocked()
	}
	return nil
}

// Commit waits until a group is settled, and returns what became of it.
func (j *Journal[T]) Commit(g *Group[T]) error {
	j.mu.Lock()
	for !g.settled {
		if !j.writing { // then g is the one that is written next
			j.writeLocked()
			continue
		}
		if g.done == nil {
			g.done, g.lead = make(chan struct{}), make(chan struct{}, 1)
		}
		j.mu.Unlock()
		select {
		case <-g.done:
		case <-g.lead:
		}
		j.mu.Lock()
	}
	j.mu.Unlock()
	return g.err
}

// writeLocked writes the pending group and settles it. Nobody else is writing.
// It lets go of the mutex meanwhile.
func (j *Journal[T]) writeLocked() error {
	j.writing = true
	if j.o.Policy == Always {
		// Those whom the group before has just woken note something again in no time,
		// if they are let: then they are in this group, and not in the one after it.
		j.mu.Unlock()
		for range 3 {
			runtime.Gosched()
		}
		j.mu.Lock()
	}
	g := j.pending
	j.nextLocked()
	var state []byte
	if j.size+int64(len(g.notes)) > j.most() {
		state = j.o.State()
	}
	j.stopTimerLocked()
	j.mu.Unlock()
	at := j.size
	final, err := j.append(g.notes, j.o.Policy != Never || j.owed)
	if err == nil {
		j.owed = false
		j.o.Settled(g.touched, Spot{j.number, at, j.size}, nil)
	}
	j.mu.Lock()
	if err != nil {
		j.failLocked(g, err, final)
	} else {
		if j.o.Policy == Interval {
			j.refuse = nil
		}
		j.settleLocked(g, nil)
		if state != nil {
			j.mu.Unlock()
			stuck := j.rotate(state)
			j.mu.Lock()
			if stuck != nil {
				j.refuse, j.final = stuck, true
			}
		}
	}
	j.writing = false
	j.idle.Broadcast()
	if !j.pending.empty() {
		select {
		case j.pending.lead <- struct{}{}:
		default: // nobody waits, or one knows already
		}
	}
	return err
}

// most returns how large the file may grow before another one is begun.
func (j *Journal[T]) most() int64 {
	if j.o.TwiceHead {
		return max(j.o.FileBytes, 2*j.head)
	}
	return j.o.FileBytes
}

// nextLocked begins another group.
func (j *Journal[T]) nextLocked() {
	j.hurried = false
	j.pending = j.newGroup()
}

// settleLocked tells those who wait for a group what became of it.
func (j *Journal[T]) settleLocked(g *Group[T], err error) {
	g.settled, g.err = true, err
	if cap(g.notes) <= maxKept {
		clear(g.touched)
		j.spare = &Group[T]{notes: g.notes, touched: g.touched}
	}
	g.notes, g.touched = nil, nil
	if g.done != nil {
		close(g.done)
	}
}

// failLocked takes back a group that was not written, and those noted after it,
// which build on it; or keeps them for later if they were settled at once.
func (j *Journal[T]) failLocked(g *Group[T], err error, final bool) {
	j.refuse, j.final = err, final
	later := j.pending
	if j.o.Policy == Interval {
		g.notes = append(g.notes, later.notes[headBytes+1:]...)
		g.touched = append(g.touched, later.touched...)
		j.pending = g
		if !final { // it was acknowledged: it must not wait until somebody notes something
			j.hurried = true // but as long as an interval
			j.setTimerLocked()
		}
		return
	}
	j.nextLocked()
	j.mu.Unlock()
	j.o.Settled(later.touched, Spot{}, err) // what was noted last is taken back first
	j.o.Settled(g.touched, Spot{}, err)
	j.mu.Lock()
	j.settleLocked(g, err)
	j.settleLocked(later, err)
	if !final {
		j.refuse = nil
	}
}

// append writes a frame whose head has room, and syncs it if that is asked for.
// final says that after this error nothing can be written any more.
func (j *Journal[T]) append(b []byte, sync bool) (final bool, err error) {
	if len(b)-headBytes > maxContent {
		return false, fmt.Errorf("%d bytes are too many for one write", len(b))
	}
	seal(b, j.frames)
	j.makeRoom(j.size+int64(len(b)), j.most())
	if _, err := j.file.WriteAt(b, j.size); err != nil {
		// What was written of it must not be taken for a frame that was damaged later.
		if cut := j.cut(); cut != nil {
			return true, errors.Join(err, cut)
		}
		return false, err
	}
	if sync {
		// After a failed sync the kernel may have dropped the pages and forgotten that
		// they were to be written: a later sync that succeeds says nothing of them.
		if err := j.file.Sync(); err != nil {
			j.cut() // who wrote it is refused; it may be there all the same
			return true, err
		}
		j.synced.Add(1)
	}
	j.frames++
	j.size += int64(len(b))
	j.written.Add(int64(len(b)))
	return false, nil
}

// rotate begins another file, if it can: else the one there is grows on. An
// error is final: it is not known which of the two is the last.
func (j *Journal[T]) rotate(state []byte) error {
	if j.o.Policy == Never { // what comes before a file is durable
		if err := j.file.Sync(); err != nil {
			return err
		}
	}
	f, size, err := j.dir.create(j.number+1, j.size, j.frames, j.o.Policy, state)
	if _, unsure := err.(*unsureError); unsure {
		return err
	}
	if err != nil {
		return nil
	}
	j.giveRoomBack()
	j.file.Close() // everything in it is synced
	j.file, j.size, j.head, j.room = f, size, size, room{}
	j.number++
	j.frames++
	j.dir.mu.Lock()
	j.dir.files = append(j.dir.files, j.number)
	j.dir.mu.Unlock()
	return nil
}

// Close writes what is noted, and closes the journal. The error says what of it
// may be lost. Whoever notes something later gets [ErrClosed].
func (j *Journal[T]) Close() error {
	j.mu.Lock()
	for j.writing {
		j.idle.Wait()
	}
	if j.refuse == ErrClosed {
		j.mu.Unlock()
		return ErrClosed
	}
	var err error
	if j.refuse != nil && !j.retryLocked() {
		err = j.refuse
	}
	for err == nil && !j.pending.empty() {
		err = j.writeLocked()
		for j.writing {
			j.idle.Wait()
		}
	}
	j.endLocked()
	if err == nil {
		_, err = j.append(appendHead(nil, kindEnd), true)
	}
	j.giveRoomBack()
	return errors.Join(err, j.file.Close(), j.dir.Close())
}

// Abandon closes the journal as a crash would: nothing more is written.
func (j *Journal[T]) Abandon() {
	j.mu.Lock()
	for j.writing {
		j.idle.Wait()
	}
	j.endLocked()
	j.waitForRoom()
	j.file.Close()
	j.dir.Close()
}

// endLocked refuses further notes, and lets go of the mutex.
func (j *Journal[T]) endLocked() {
	j.refuse, j.final = ErrClosed, true
	j.stopTimerLocked()
	for j.flushes > 0 {
		j.idle.Wait()
	}
	j.mu.Unlock()
}

// Release removes the files before one.
func (j *Journal[T]) Release(before uint64) error { return j.dir.release(before) }

// Stats are figures of a journal that is open.
type Stats struct {
	Files         int
	Bytes         int64 // written since it was opened
	Syncs         int64 // of groups
	Refused       error // why nothing can be noted; nil if it can
	CurrentNumber uint64
}

// Stats returns figures.
func (j *Journal[T]) Stats() Stats {
	j.mu.Lock()
	refused := j.refuse
	j.mu.Unlock()
	j.dir.mu.Lock()
	defer j.dir.mu.Unlock()
	return Stats{Files: len(j.dir.files), Bytes: j.written.Load(), Syncs: j.synced.Load(), Refused: refused, CurrentNumber: j.dir.files[len(j.dir.files)-1]}
}

// headContent returns the frame of a file's head.
func headContent(number uint64, before int64, p Policy, state []byte) []byte {
	b := appendHead(nil, kindHead)
	b = binary.AppendUvarint(b, number)
	b = binary.AppendUvarint(b, uint64(before))
	return append(append(b, byte(p)), state...)
}

package account

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/journal"
)

// Open opens the account that a directory holds, or begins one there. What an
// operation has answered is on disk, streams and their records included: after
// a crash at any moment all of it is there, and of what was not answered each
// operation whole or not at all. What is under way goes on: a stream that is
// UPDATING still is until the time that was set, and has changed by then. Call
// rates and dry runs are not kept.
//
// Config.Stream.Sync says when records are on disk, and what the engine's
// streams know: shards, retention, sizes of records, distribution. All else is
// on disk before the operation is answered, whatever it says.
//
// A directory that is missing is made by the first operation that leaves
// something behind. One process at a time can have it open: for another the
// error matches [weir.ErrInUse]. It matches [weir.ErrDamaged] if something is
// not as it was written, and names it; that is left as it is. The directory
// keeps the ID and the Region, and Open refuses others. Each stream takes two
// open files, each queue and the account two more: where the process may not
// have so many Open says how many, and what would make another answers
// LimitExceededException, which leaves some for connections. What is loaded counts in [Config.Memory]
// whether there is room for it or not.
//
// What cannot be written answers InternalFailureException, and did not happen;
// [Config.Failed] is told why.
func Open(dir string, c Config) (*Account, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open account in %s: %w", dir, err)
	}
	a, err := openIn(journal.Dir(abs), streamDirs(abs), c)
	if err != nil {
		return nil, fmt.Errorf("open account in %s: %w", dir, err)
	}
	return a, nil
}

// openIn is Open for any directory.
func openIn(dir journal.FS, e engines, c Config) (*Account, error) {
	a, err := newAccount(c)
	if err != nil {
		return nil, err
	}
	a.memory.Count(accountBytes)
	if err := a.openDisk(dir, e); err != nil {
		a.Discard()
		return nil, diskError(err)
	}
	if m := a.config.Memory; m != nil {
		m.join(a)
	}
	return a, nil
}

// tellEvery is how often [Config.Failed] is told something at most.
const tellEvery = time.Second

// diskError makes an error of the journal one of package weir.
func diskError(err error) error {
	var damage *journal.Damage
	switch {
	case errors.As(err, &damage):
		return fmt.Errorf("%w: %w", weir.ErrDamaged, err)
	case errors.Is(err, journal.ErrLocked):
		return fmt.Errorf("%w: %w", weir.ErrInUse, err)
	default:
		return err
	}
}

func (a *Account) openDisk(dir journal.FS, e engines) (err error) {
	d, err := readDisk(a, dir, e)
	defer func() {
		if err != nil {
			d.abandon()
		}
	}()
	if err != nil {
		return err
	}
	saved, err := d.saved()
	if err != nil {
		return fmt.Errorf("%w: %w", weir.ErrDamaged, err)
	}
	known := make(map[uint64]bool, len(saved.Streams))
	for i := range saved.Streams {
		known[saved.Streams[i].number] = true
	}
	if len(saved.Streams) > 0 {
		if err := e.checkFiles(len(saved.Streams), len(saved.Queues)); err != nil {
			return err
		}
	}
	if err := a.take(&saved, e.open, runtime.GOMAXPROCS(0)); err != nil {
		return err
	}
	if err := d.begin(known); err != nil {
		_ = a.closeEngines() // nothing was changed
		return err
	}
	a.deleted.changed = make(map[string]bool)
	a.disk = d
	d.tellFound()
	return nil
}

// tellFound tells what opening the account has cut off.
func (d *disk) tellFound() {
	if log, re := d.a.config.Logger, &d.told.Recovery; log != nil && re.Torn > 0 {
		log.Warn("a crash cut off the last write: it was never acknowledged, and is gone",
			"account", d.a.config.ID, "region", d.a.config.Region, "dir", d.told.Dir, "bytes", re.Torn, "file", re.TornFile)
	}
}

// begin goes on with what was read of a directory, if there is one.
func (d *disk) begin(known map[uint64]bool) error {
	if d.dir == nil {
		return nil
	}
	if err := d.goOn(); err != nil {
		return err
	}
	last, err := d.engines.sweep(known)
	d.last = max(d.last, last)
	queues := make(map[string]bool)
	for _, q := range *d.a.queues.Load() {
		queues[q.id] = q.engine != nil
	}
	for _, st := range *d.a.streams.Load() {
		d.engines.sweepQueues(st.number, st.name, queues)
	}
	if err == nil && d.adopted {
		err = d.note()
	}
	return err
}

// Storage returns what there is to tell of the account's own journal, which
// holds all but the shards and records of its streams: what [Open] found of it,
// and in Refused why nothing can be noted any more, if so. It has no records, and
// no numbers that could be left out; of a stream [weir.Stream.Snapshot] tells.
// It is nil for an account in memory, and waits for an operation on settings
// that is under way.
func (a *Account) Storage() *weir.Storage {
	if a.disk == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.disk.figures()
}

func (d *disk) figures() *weir.Storage {
	f := d.told
	if d.journal != nil {
		j := d.journal.Stats()
		f.Files, f.WrittenBytes, f.Syncs, f.Refused = j.Files, j.Bytes, j.Syncs, diskError(j.Refused)
	}
	if d.closed {
		f.Refused = errClosed
	}
	return &f
}

// Close writes what is not on disk yet, and gives the directory of an account
// that [Open] opened free for others. Operations after that answer
// InternalFailureException. The error says what could not be written. An
// account in memory needs no Close: nothing happens.
func (a *Account) Close() error {
	if a.disk == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.disk.closed {
		return nil
	}
	err := a.disk.note()
	a.disk.closed = true
	err = errors.Join(err, a.closeEngines())
	if j := a.disk.journal; j != nil {
		err = errors.Join(err, j.Close())
	}
	return err
}

// closeEngines closes the queues, and the streams that they are over.
func (a *Account) closeEngines() (err error) {
	for _, q := range *a.queues.Load() {
		if q.engine != nil {
			err = errors.Join(err, q.engine.Close())
		}
	}
	for _, st := range *a.streams.Load() {
		err = errors.Join(err, st.engine.Close())
	}
	return err
}

// discardDisk closes the account, and removes its directory if there is nothing
// to be kept.
func (a *Account) discardDisk() {
	if err := a.Close(); err != nil {
		_ = a.failed(err)
		return
	}
	if d := a.disk; len(d.noted) == 0 && d.journal != nil {
		_ = d.engines.end() // what is left of it does no harm
	}
}

// noteLocked writes down what has fallen due by itself. What cannot be written
// now is with the next change, or falls due again after a crash.
func (a *Account) noteLocked() {
	if a.disk != nil && len(a.disk.touched) > 0 {
		if err := a.disk.note(); err != nil {
			a.failed(err)
		}
	}
}

// settled ends an operation of an account on disk, whose error it is given.
func (c *control) settled(err error) error {
	reads := strings.HasPrefix(c.op, "Describe") || strings.HasPrefix(c.op, "List") || strings.HasPrefix(c.op, "Get")
	if err == nil && !reads {
		return c.keep()
	}
	if err != nil && !reads && c.met != nil {
		c.a.disk.touch(c.met) // it may have been changed before it was refused
	}
	c.a.noteLocked()
	return err
}

// keep writes down what an operation has changed, and then does what follows
// from it. If it cannot be written, the operation has not happened.
func (c *control) keep() error {
	a := c.a
	if c.met != nil {
		a.disk.touch(c.met)
	}
	if err := a.disk.note(); err != nil {
		c.undo()
		return a.failed(err)
	}
	for _, f := range c.after {
		f()
	}
	if c.met != nil {
		c.met.settleLocked(c.now)
	}
	c.settleChannels()
	c.settleQueues()
	a.noteLocked()
	return nil
}

// onceKept does what follows from an operation when it is on disk: at once
// where nothing is kept.
func (c *control) onceKept(f func()) {
	if c.a.disk == nil {
		f()
	} else {
		c.after = append(c.after, f)
	}
}

// undo takes back what an operation has changed.
func (c *control) undo() {
	a, d := c.a, c.a.disk
	var saved savedAccount
	if part := d.noted[keyAccount]; part != nil {
		must(json.Unmarshal(part, &saved))
	}
	a.commitment, a.channelSeq, a.queueSeq = saved.Commitment, saved.ChannelSeq, saved.QueueSeq
	st := c.met
	if st == nil {
		return
	}
	delete(d.touched, st)
	st.unreserve()
	for id, ch := range a.channels {
		if ch.st == st {
			delete(a.channels, id)
		}
	}
	if d.noted[streamKey(st.number)] == nil {
		a.undoQueues(st, nil)
		c.met = nil
		c.uncreate(st)
		return
	}
	was, rest, err := d.savedStream(st.number)
	must(err)
	must(st.fill(&was))
	must(a.loadChannels(rest.channels, *a.streams.Load()))
	a.undoQueues(st, rest.queues)
	_ = st.reconcile() // or at the next start
}

// uncreate takes back that a stream was created.
func (c *control) uncreate(st *stream) {
	c.a.setStreamLocked(st.name, nil)
	st.gone = true
	st.open.Store(false)
	if after := c.replaces; !after.IsZero() {
		c.a.deleted.set(st.name, after)
	}
	st.memory.end()
	_ = st.engine.Close()
	d := c.a.disk
	if d.journal == nil || d.journal.Stats().Refused == nil { // else it may be noted after all: the next start knows
		_ = d.engines.remove(st.number, st.name)
	}
}

// must is for what was written and read before.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// newEngine makes the engine's stream of a new one.
func (a *Account) newEngine(st *stream, config weir.Config) (*weir.Stream, error) {
	d := a.disk
	if d == nil {
		return weir.NewStream(st.name, config)
	}
	if d.closed {
		return nil, errClosed
	}
	if err := d.ensure(); err != nil {
		return nil, diskError(err)
	}
	d.last++
	st.number, config.Name = d.last, st.name
	return d.engines.create(st.number, st.name, config)
}

// failed tells [Config.Failed] of an internal failure, and returns how it is
// answered.
func (a *Account) failed(err error) error {
	if f := a.config.Failed; f != nil {
		now := a.config.Now().UnixNano()
		if last := a.told.Load(); (now-last >= int64(tellEvery) || now < last) && a.told.CompareAndSwap(last, now) {
			f(diskError(err))
		}
	}
	return internalFailure()
}

package consumer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/lease"
)

// A Progress is how far a shard is processed, where that is said otherwise than
// by the handler's return: see [Config.Begin]. Its methods may be called by any
// number of goroutines at a time, and do nothing when the shard is another
// worker's.
type Progress struct{ sh *shard }

// Stream returns the name of the stream.
func (p *Progress) Stream() string { return p.sh.source.name }

// Shard returns the shard.
func (p *Progress) Shard() weir.ShardID { return p.sh.id }

// State returns what was kept last with the shard's checkpoint, nil if nothing
// was. It must not be written to.
func (p *Progress) State() []byte { return p.sh.latestState() }

// Behind returns how long ago the last record arrived that was read, zero if
// there were no more, and whether the shard could not be read when that was
// tried last. Before anything was read it is zero.
func (p *Progress) Behind() (behind time.Duration, failing bool) {
	return time.Duration(p.sh.behind.Load()), p.sh.failing.Load()
}

// Stopping returns a channel that is closed when the shard is to be given up,
// because Run ends or another worker asks for it. What is in hand may be
// finished then, and Drop is for the rest.
func (p *Progress) Stopping() <-chan struct{} { return p.sh.stop }

// Done says that all records are processed up to one that was delivered, itself
// included, and keeps state with the checkpoint: they are one write, now or
// later. The zero number leaves the position where it is, as one does that lies
// before it. sub is the index within the record that it came from, see
// [Config.Expand]. The state is kept, and must not be written to; more of it
// than [lease.MaxStateBytes] is an error, and nothing happens.
func (p *Progress) Done(number weir.SequenceNumber, sub uint64, state []byte) error {
	if n := len(state); n > lease.MaxStateBytes {
		return fmt.Errorf("state of %d bytes; a lease keeps up to %d: %w", n, lease.MaxStateBytes, weir.ErrInvalidArgument)
	}
	sh, at := p.sh, place{number, sub}
	sh.mu.Lock()
	if at.before(sh.done) {
		at = sh.done
	}
	end, waits := sh.queue.last()
	if at != sh.done && (!waits || end.before(at)) {
		sh.mu.Unlock()
		return fmt.Errorf("record %v was not delivered: %w", number, weir.ErrInvalidArgument)
	}
	first := false
	if at != sh.done || !bytes.Equal(state, sh.state) {
		first = sh.advanceLocked(at, state, true)
	}
	if waits && at == end {
		sh.queue.batches = sh.queue.batches[:0]
		sh.queue.wake()
	}
	sh.mu.Unlock()
	if first {
		sh.g.hurry()
	}
	return nil
}

// Write writes what Done said last, if that is not written yet, and returns when
// the store has it: for those who must know that what they do next is
// remembered. An error that matches [ErrLeaseLost] says that the shard is not
// the worker's any more; any other can pass, and nobody knows then whether it is
// written.
func (p *Progress) Write(ctx context.Context) error {
	if !p.sh.unwritten() && !p.sh.isOver() {
		return nil
	}
	err := p.sh.write(ctx, nil)
	if errors.Is(err, errOver) {
		return fmt.Errorf("%s %v: %w", p.Stream(), p.Shard(), ErrLeaseLost)
	}
	return err
}

// Written reports whether what Done said last is in the lease.
func (p *Progress) Written() bool { return !p.sh.unwritten() }

// Drop says that what is not done will not be. The shard is given up at once,
// and comes again to this worker or another one, from behind what was done. It
// is not for a shard that goes on.
func (p *Progress) Drop() {
	sh := p.sh
	sh.mu.Lock()
	sh.queue.dropped = true
	sh.queue.wake()
	sh.mu.Unlock()
	sh.giveUp(sh.g.now() + sh.g.config.Patience)
}

// before reports whether p is before q.
func (p place) before(q place) bool {
	c := p.number.Compare(q.number)
	return c < 0 || c == 0 && p.sub < q.sub
}

// beginProgress calls Config.Begin.
func (sh *shard) beginProgress() {
	if begin := sh.g.config.Begin; begin != nil && !sh.stopping() {
		sh.progress = &Progress{sh}
		begin(sh.ctx, sh.progress)
	}
}

// deferBatch notes that the Progress is to say when the records of a batch are
// processed. That may be before the handler has returned.
func (sh *shard) deferBatch(b *Batch) {
	if sh.progress == nil || len(b.Records) == 0 {
		return
	}
	end := b.checkpoint(len(b.Records) - 1)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if !sh.done.before(end) {
		return
	}
	if q := &sh.queue; len(q.batches) == 0 {
		q.batches = append(q.batches, delivered{end: end})
	} else {
		q.batches[0].end = end
	}
}

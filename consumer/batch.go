package consumer

import (
	"sync"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/lease"
)

// A Batch is records of one shard in their order, for a [Handler]. It is valid
// until the handler returns; the records in it may be kept as [weir.Record]
// says.
type Batch struct {
	Stream string
	Shard  weir.ShardID
	// Records are never none, but in the last batch of a shard whose handler
	// has state: see Last.
	Records []weir.Record
	// Subs has for each of Records its index within the record that it came
	// from: an aggregate, or what [Config.Expand] says. It is nil if each is
	// whole.
	Subs []uint64
	// Last says that the shard is closed and that nothing follows. A shard that
	// ends without a record does not call the handler, unless there is state:
	// then there is a last batch without records.
	Last bool
	// Behind is how long ago the last record arrived, zero if there are no more:
	// the shard's lag.
	Behind time.Duration
	// Attempt is how often the handler has been called with these records
	// before.
	Attempt int

	state   []byte
	changed bool   // state was set
	acked   []bool // by Ack; nil until it is called
	prefix  int    // records that are acknowledged without a gap
	held    *Held
	shard   *shard
}

// State returns what was kept last with the shard's checkpoint, by this worker or
// another one; nil if nothing was. It must not be written to.
func (b *Batch) State() []byte { return b.state }

// SetState keeps state with the checkpoint that covers the batch: they are one
// write. It takes effect when the handler returns nil, and is forgotten when it
// does not. The slice is kept. More than [lease.MaxStateBytes] is an error of the
// handler.
func (b *Batch) SetState(state []byte) { b.state, b.changed = state, true }

// Ack says that a record of the batch has been processed, by its index in
// Records, in any order. If the handler then returns an error, what is
// acknowledged without a gap from the first record on is not given to it again.
// Ack is for the handler's goroutine; see [Batch.Hold] for others. An index that
// Records does not have means nothing.
func (b *Batch) Ack(i int) {
	if i < 0 || i >= len(b.Records) {
		return
	}
	if b.acked == nil {
		b.acked = make([]bool, len(b.Records))
	}
	b.acked[i] = true
	for b.prefix < len(b.acked) && b.acked[b.prefix] {
		b.prefix++
	}
}

// checkpoint returns the place of a record.
func (b *Batch) checkpoint(i int) place {
	p := place{number: b.Records[i].SequenceNumber}
	if b.Subs != nil {
		p.sub = b.Subs[i]
	}
	return p
}

// Hold keeps the batch open beyond the handler's return: its records count as
// processed one by one, as [Held.Ack] says so. The shard is read on meanwhile,
// until 10,000 records or 100 batches are held; its checkpoint stays before the
// first record that is not acknowledged. What is held when the lease is lost
// comes again; a shard that is to be handed over, and Run when it ends, wait for
// it as they wait for a handler.
//
// It is for the handler's goroutine, and has an effect if the handler returns
// nil.
func (b *Batch) Hold() *Held {
	if b.held == nil {
		b.held = &Held{shard: b.shard, left: len(b.Records), acked: make([]bool, len(b.Records)), places: make([]place, len(b.Records))}
		for i := range b.Records {
			b.held.places[i] = b.checkpoint(i)
		}
	}
	return b.held
}

// A Held is a batch whose records are acknowledged one by one, in any order. Its
// methods may be called by any number of goroutines at a time.
type Held struct {
	shard *shard

	mu     sync.Mutex // guards what follows; taken after shard.mu
	acked  []bool
	prefix int
	left   int
	places []place
}

// Ack says that a record has been processed, by its index in the batch's
// Records. To say it twice does no harm.
func (h *Held) Ack(i int) {
	h.mu.Lock()
	if i < 0 || i >= len(h.acked) || h.acked[i] {
		h.mu.Unlock()
		return
	}
	h.acked[i] = true
	h.left--
	before := h.prefix
	for h.prefix < len(h.acked) && h.acked[h.prefix] {
		h.prefix++
	}
	moved := h.prefix > before
	h.mu.Unlock()
	if moved {
		h.shard.settleHeld()
	}
}

// Drop says that what is not acknowledged will not be, because whoever had it is
// gone. The shard is given up at once: nobody waits for what is held, its lease
// is released, and what was not acknowledged comes again, to this worker or
// another one. Without Drop, a Run that ends waits for it, up to
// [Config.Patience].
func (h *Held) Drop() {
	h.mu.Lock()
	left := h.left
	h.mu.Unlock()
	if left == 0 {
		return
	}
	sh := h.shard
	sh.mu.Lock()
	sh.queue.dropped = true
	sh.queue.wake()
	sh.mu.Unlock()
	sh.giveUp(sh.g.now() + sh.g.config.Patience)
}

// A place is how far a shard has been processed, and not yet as text: the zero
// value is nowhere.
type place struct {
	number weir.SequenceNumber
	sub    uint64
}

func (p place) checkpoint() lease.Checkpoint {
	return lease.Checkpoint{Sequence: p.number.String(), Sub: p.sub}
}

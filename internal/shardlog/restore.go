package shardlog

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// A Gap is indexes that no record has or will have: from From on, before To. A
// log that was restored has one, because the run that it was saved by may have
// gone on and given those indexes out.
type Gap struct{ From, To uint64 }

// A State is what is saved of a log beside its blocks.
type State struct {
	First, End uint64 // the oldest index not trimmed, and the one after the newest record
	Bytes      int64  // sizes of all records ever
	OpenedMs   int64  // not after the arrival of any record, Unix milliseconds
	LastMs     int64  // not before it
	Gaps       []Gap  // rising
}

// A BlockHead is what is saved of a block beside its arena.
type BlockHead struct {
	Base   uint64
	BaseMs int64
	Bytes  int64 // sizes of the log's records before the block
	Count  uint32
	Used   uint32
}

// A SavedBlock is a block as it was at a moment. Data is nil in a hollow log.
type SavedBlock struct {
	BlockHead
	Data, Headers []byte
	cold          *Block
}

// Fetch fills in Data and Headers of a block whose records have left memory.
func (b *SavedBlock) Fetch() error {
	if b.cold == nil {
		return nil
	}
	full, err := b.cold.fetch()
	if err == nil {
		b.Data, b.Headers = full.gather(), full.arena[len(full.arena)-headerBytes*int(b.Count):]
	}
	return err
}

// gather returns the keys and the data of a scattered block, one record after
// the other.
func (b *Block) gather() []byte {
	all := make([]byte, 0, b.used)
	for i := range b.copied.of.count() {
		key, data := b.View(i, len(all), b.Header(i))
		all = append(append(all, key...), data...)
	}
	return all
}

// State returns the log as far as it is published. The caller holds the
// writers' lock.
func (l *Log) State(lastMs int64) State {
	return State{
		First: l.first.Load(), End: l.end.Load(), Bytes: l.Published().Bytes, LastMs: lastMs, Gaps: l.gaps,
	}
}

// Blocks returns the blocks of the published records that are not trimmed,
// oldest first. The caller holds the writers' lock; the memory it gets may be
// read without.
func (l *Log) Blocks() []SavedBlock {
	var list []SavedBlock
	for i := range l.ring.n {
		b := l.ring.at(i)
		if b.cold != nil {
			head := BlockHead{Base: b.base, BaseMs: b.baseMs, Bytes: b.bytes, Count: uint32(b.cold.count()), Used: uint32(b.used)}
			list = append(list, SavedBlock{BlockHead: head, cold: b})
			continue
		}
		n := b.published(l.end.Load(), b.next.Load())
		if n == 0 || b.base+uint64(n) <= l.first.Load() {
			break // the records that are left are not published
		}
		head := BlockHead{Base: b.base, BaseMs: b.baseMs, Bytes: b.bytes, Count: uint32(n), Used: uint32(b.Start(n))}
		saved := SavedBlock{BlockHead: head, Headers: b.arena[len(b.arena)-headerBytes*n:]}
		if !b.hollow {
			saved.Data = b.arena[:head.Used]
		}
		list = append(list, saved)
	}
	return list
}

// Lost returns the gap that index i lies in.
func (l *Log) Lost(i uint64) (Gap, bool) {
	for _, g := range l.gaps {
		if i >= g.From && i < g.To {
			return g, true
		}
	}
	return Gap{}, false
}

// Previous returns the index before i, gaps left out: what a position says that
// was read up to i.
func (l *Log) Previous(i uint64) uint64 {
	if g, lost := l.Lost(i - 1); lost {
		return g.From - 1
	}
	return i - 1
}

// BehindGap returns i or, if that lies in a gap, the index behind the gap.
func (l *Log) BehindGap(i uint64) uint64 {
	if g, lost := l.Lost(i); lost {
		return g.To
	}
	return i
}

// Gaps returns the log's gaps, which must not be changed.
func (l *Log) Gaps() []Gap { return l.gaps }

// A Restorer makes a log of what was saved of one.
type Restorer struct {
	log    *Log
	state  State
	resume uint64 // index of the next record
}

// Restore begins to make l, which must be the zero Log, the one that was saved
// as s. Its next record will have an index that is larger by skip than the one
// after the newest record's. It returns an error if s cannot be.
func Restore(l *Log, o Options, s State, skip uint64) (*Restorer, error) {
	switch {
	case s.First < 1 || s.First > s.End || s.Bytes < 0 || s.OpenedMs < 0 || s.LastMs < s.OpenedMs || s.End > maxIndex:
		return nil, fmt.Errorf("records %d to %d of %d bytes, at %d at last", s.First, s.End, s.Bytes, s.LastMs)
	case skip > maxIndex:
		return nil, fmt.Errorf("%d indexes are to be skipped", skip)
	}
	before := uint64(0)
	for _, g := range s.Gaps {
		// There is a record between two gaps, and one behind each but a last one that
		// begins at the end.
		if g.From <= before || g.To <= g.From || g.To > maxIndex || g.From != s.End && g.To >= s.End {
			return nil, fmt.Errorf("there is a gap from %d to %d before %d", g.From, g.To, s.End)
		}
		before = g.To
	}
	resume := max(s.End, before) + skip
	if resume > maxIndex {
		return nil, fmt.Errorf("the next record would have index %d", resume)
	}
	if resume > s.End {
		gaps := s.Gaps
		// A log that was restored and saved again before a record was appended has a
		// gap behind its end already, which the new one prolongs.
		if before > s.End {
			gaps = gaps[:len(gaps)-1]
		}
		s.Gaps = append(gaps[:len(gaps):len(gaps)], Gap{s.End, resume})
	}
	l.init(o)
	l.gaps = s.Gaps
	l.begin(&Block{base: 1, from: 1, baseMs: s.OpenedMs}, s.End)
	return &Restorer{log: l, state: s, resume: resume}, nil
}

// maxIndex bounds indexes well below what a sequence number holds.
const maxIndex = 1 << 62

// Block adds a block, whose arena is the data, unless the log is hollow, and
// the headers. It keeps the arena.
func (r *Restorer) Block(h BlockHead, arena []byte) error {
	l := r.log
	kept := uint64(h.Used)
	if l.options.Hollow {
		kept = 0
	}
	if uint64(len(arena)) != kept+headerBytes*uint64(h.Count) || h.Count == 0 {
		return fmt.Errorf("a block has %d bytes", len(arena))
	}
	if !r.follows(h) {
		return errors.New("a block does not follow the one before")
	}
	b := &Block{
		arena: arena, asked: len(arena), hollow: l.options.Hollow, base: h.Base, baseMs: h.BaseMs,
		from: r.from(h.Base), records: int64(h.Base-1) - l.skipped(h.Base), bytes: h.Bytes, used: int(h.Used),
	}
	if err := b.check(int(h.Count), r.state.LastMs); err != nil {
		return err
	}
	if !b.hollow {
		b.note(int(h.Count), &l.options)
	}
	if old := l.active; l.ring.n > 0 {
		old.next.Store(b)
	}
	l.active, l.n, l.next = b, int(h.Count), h.Base+uint64(h.Count)
	l.options.count(len(arena), len(arena))
	l.enter(b)
	return nil
}

// follows reports whether a block can come after those there are.
func (r *Restorer) follows(h BlockHead) bool {
	l := r.log
	if h.Base < 1 || h.Base > r.state.End || uint64(h.Count) > r.state.End-h.Base || h.Bytes < 0 || h.BaseMs < l.active.lastMs(l.n) {
		return false
	}
	end := h.Base + uint64(h.Count)
	for _, g := range l.gaps {
		if g.From < end && g.To > h.Base {
			return false
		}
	}
	if l.ring.n == 0 {
		return r.from(h.Base) <= r.state.First && r.state.First < end
	}
	return r.from(h.Base) == l.next && h.Bytes == l.Appended().Bytes
}

// from returns the index after the record before base.
func (r *Restorer) from(base uint64) uint64 {
	for _, g := range r.log.gaps {
		if g.To == base {
			return g.From
		}
	}
	return base
}

// skipped returns how many indexes before base lie in gaps.
func (l *Log) skipped(base uint64) (n int64) {
	for _, g := range l.gaps {
		if g.To <= base {
			n += int64(g.To - g.From)
		}
	}
	return n
}

// Done checks that the log holds what it should, and makes it ready.
func (r *Restorer) Done() error {
	l, s, resume := r.log, r.state, r.resume
	if l.ring.n == 0 {
		if s.First != s.End {
			return errors.New("it does not hold what it should")
		}
		b := &Block{base: resume, from: s.End, baseMs: s.LastMs, bytes: s.Bytes}
		b.records = int64(resume-1) - l.skipped(resume)
		l.begin(b, s.End)
		l.trimmed = Extent{b.records, b.bytes}
		return nil
	}
	if l.next != s.End || l.Appended().Bytes != s.Bytes {
		return errors.New("it does not hold what it should")
	}
	l.next = resume
	l.first.Store(s.First)
	l.end.Store(s.End)
	l.trimmed = l.before(s.First)
	return nil
}

// check checks that n headers describe the arena.
func (b *Block) check(n int, lastMs int64) error {
	at, delta := 0, int64(0)
	for i := range n {
		h := b.Header(i)
		if h.End() > b.used || at+h.KeyLen() > h.End() || h.End()-at > MaxRecordBytes ||
			h.Delta() < delta || h.Delta() > lastMs-b.baseMs || i == 0 && h.Delta() != 0 ||
			!b.hollow && !utf8.Valid(b.arena[at:at+h.KeyLen()]) {
			return fmt.Errorf("record %d of a block is impossible", i)
		}
		at, delta = h.End(), h.Delta()
	}
	if at != b.used {
		return errors.New("a block has bytes without a record")
	}
	return nil
}

// note notes the data of n records.
func (b *Block) note(n int, o *Options) {
	for i := range n {
		h := b.Header(i)
		o.note(b.Data(b.Start(i)+h.KeyLen(), h.End()))
	}
}

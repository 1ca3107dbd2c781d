package weir

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirstream/weir/internal/clock"
	"github.com/weirstream/weir/internal/shardlog"
	"github.com/weirstream/weir/internal/wait"
)

// retention returns how long records stay readable.
func (s *Stream) retention() time.Duration { return time.Duration(s.retains.Load()) }

// retainLocked changes the retention.
func (s *Stream) retainLocked(d time.Duration, now clock.Instant) {
	s.trimLocked(now) // with the old retention: what expired stays expired
	s.retains.Store(int64(d))
	s.trimLocked(now)
	s.full.room.Wake() // who waits for the oldest record to expire reckons anew
}

// Trim releases the memory of all records that have expired. Puts do so as they
// go, for their own shard and in turn for all others; Trim is for streams that
// rest. After a clock that had gone more than a day ahead was set back, what
// was put since expires as if it had arrived at the clock's reading, but not
// before one of these has looked at its shard.
func (s *Stream) Trim() {
	s.reshard.Lock()
	defer s.reshard.Unlock()
	s.trimLocked(s.now())
}

// TrimTo makes the records of n's shard up to and including n unreadable at
// once, as if their retention had passed, and releases their memory by whole
// blocks of up to a MiB. It is for programs that know all their readers, and
// that these have passed n; the service has nothing like it. A number beyond
// the newest record trims all there is. What is trimmed is not counted as
// dropped: nobody is to miss it.
//
// The error matches [ErrInvalidSequenceNumber] or [ErrShardNotFound] when n is
// not a number of this stream. A shard that has vanished is no error.
func (s *Stream) TrimTo(n SequenceNumber) error {
	sh, i, err := s.locateNumber(n, s.routes.Load(), s.horizonMs(s.now()))
	if sh == nil || err != nil {
		return err
	}
	return s.trimShardsTo(map[*shard]uint64{sh: i})
}

// TrimToPositions gives back the memory of what all of some readers have read,
// as [Stream.TrimTo] does: each shard is trimmed up to the least of the
// positions given, entirely if all have finished it, and not at all if one has
// not begun it. It is for programs that save the positions of all their readers
// and give them here. Empty positions have begun nothing, and no positions at
// all trim nothing.
//
// The error is what [Stream.NewReader] returns for positions that are not of
// this stream or give a shard twice; nothing is trimmed then.
func (s *Stream) TrimToPositions(p ...Positions) error {
	routes, horizonMs := s.routes.Load(), s.horizonMs(s.now())
	var least map[ShardID]uint64
	for i := range p {
		read, err := s.readOf(p[i], routes, horizonMs)
		if err != nil {
			return err
		}
		if i == 0 {
			least = read
			continue
		}
		for id := range least { // one that is not begun has index 0
			least[id] = min(least[id], read[id])
		}
	}
	upTo := make(map[*shard]uint64)
	for _, sh := range routes.all {
		if i := least[sh.id]; i > 0 {
			upTo[sh] = i
		}
	}
	return s.trimShardsTo(upTo)
}

// readOf returns the index up to which positions say that each shard was read,
// for those that were begun and have not vanished.
func (s *Stream) readOf(p Positions, routes *routing, horizonMs int64) (map[ShardID]uint64, error) {
	places, err := s.locatePositions(p, routes, horizonMs)
	if err != nil {
		return nil, err
	}
	read := make(map[ShardID]uint64, len(places))
	for _, sh := range slices.Backward(routes.all) { // children before their parents
		if at, ok := places[sh.id]; ok {
			read[sh.id] = max(read[sh.id], at.index)
		}
		if _, begun := read[sh.id]; begun {
			for _, parent := range sh.parents {
				read[parent] = closedShardIndex
			}
		}
	}
	return read, nil
}

// trimShardsTo trims shards, each up to and including an index.
func (s *Stream) trimShardsTo(upTo map[*shard]uint64) error {
	if s.disk != nil {
		if err := s.disk.trim(upTo); err != nil {
			return err
		}
		defer s.disk.sweep()
	}
	for sh, i := range upTo {
		s.full.giveExtent(sh.trimTo(i))
	}
	return nil
}

// tidyShards is how many shards are looked after in a second.
const tidyShards = 64

// tidy trims some shards, in turn, closed ones and idle ones among them, which
// no put would trim. It is called once in each second that is put in.
func (s *Stream) tidy(now clock.Instant) {
	if !s.reshard.TryLock() {
		return
	}
	defer s.reshard.Unlock()
	all := s.routes.Load().all
	for range min(tidyShards, len(all)) {
		s.tidied++
		s.trimShard(all[s.tidied%len(all)], now)
	}
	s.forgetExpiredLocked(now)
	if s.disk != nil {
		s.disk.sweep()
	}
}

// trimLocked trims every shard and forgets those that have vanished. The caller
// holds reshard.
func (s *Stream) trimLocked(now clock.Instant) (err error) {
	for _, sh := range s.routes.Load().all {
		s.trimShard(sh, now)
		if s.full.policy == Spill {
			err = errors.Join(err, s.trimSpilled(sh, now))
		}
	}
	s.forgetExpiredLocked(now)
	if s.disk != nil {
		s.disk.sweep()
	}
	return err
}

// trimSpilled trims what has expired of records that have left memory, to the
// record. Else that is done by the block: to look for the place in it takes a
// read of the disk.
func (s *Stream) trimSpilled(sh *shard, now clock.Instant) error {
	c := sh.log.SeekArrival(clock.HorizonMs(now, s.retention()))
	if err := c.Err(); err != nil {
		return err
	}
	s.full.giveExtent(sh.trimTo(c.Next - 1))
	return nil
}

// trimShard trims a shard if its oldest record has expired, or lies far ahead
// of the clock.
func (s *Stream) trimShard(sh *shard, now clock.Instant) {
	retention := s.retention()
	if ms, ok := sh.log.Oldest(); ok && (ms <= clock.HorizonMs(now, retention) || ms-now.Ms() > farAheadMs) {
		s.full.giveExtent(sh.trim(now, retention))
	}
}

// forgetExpiredLocked removes closed shards whose last record has expired. The
// caller holds reshard.
func (s *Stream) forgetExpiredLocked(now clock.Instant) {
	horizon := s.horizonMs(now)
	routes := s.routes.Load()
	gone := func(sh *shard) bool { return sh.expired(horizon) }
	if !slices.ContainsFunc(routes.all, gone) {
		return
	}
	past := routes.retired
	for _, sh := range routes.all {
		if gone(sh) {
			s.trimShard(sh, now) // or MaxBytes would count its records for ever
			past.add(sh)
			s.countMemory(-shardBytes - sh.history.Bytes() - sh.marks.Bytes())
			if s.disk != nil {
				s.disk.forget(sh)
			}
		}
	}
	all := slices.DeleteFunc(slices.Clone(routes.all), gone)
	s.routes.Store(newRouting(all, routes.open, routes.next, past))
}

// memoryBound keeps the records of all shards within Config.MaxBytes.
type memoryBound struct {
	max    int64 // zero: no bound, and held is not kept
	policy FullPolicy
	held   atomic.Int64 // data, keys and overhead of records held or about to be

	room wait.List  // woken when memory is given back
	line wait.Queue // puts that wait for room

	stuck atomic.Int64 // bytes that must be held before it is worth to look again for what can leave memory

	dropping sync.Mutex // guards oldest and shard.dated; taken before a shard's mutex
	oldest   datedHeap
}

// admit counts a record of size bytes as held, or reports that it does not fit.
// Where the oldest records are to be dropped instead, that is done by
// dropExcess once the record is stored, so that a record which a quota refuses
// drops nothing.
func (m *memoryBound) admit(size int) bool {
	n := int64(size) + RecordOverheadBytes
	if m.policy == Spill {
		m.held.Add(n)
		return true
	}
	if m.policy == DropOldest {
		if n <= m.max {
			m.held.Add(n)
		}
		return n <= m.max
	}
	return m.hold(n)
}

// hold counts n bytes as held if there is room for them. It does not add them
// first and take them back if that was too much: a smaller record of another
// put would be refused meanwhile, or wait although there is room for it.
func (m *memoryBound) hold(n int64) bool {
	for {
		held := m.held.Load()
		if n > m.max-held {
			return false
		}
		if m.held.CompareAndSwap(held, held+n) {
			return true
		}
	}
}

// give takes back what admit counted.
func (m *memoryBound) give(size int) { m.giveCopies(size, 1) }

// admitCopies counts n records of size bytes as held, or reports that they do
// not all fit, in which case none is counted. Without a bound it has nothing to
// count.
func (m *memoryBound) admitCopies(size, n int) bool {
	if m.max == 0 {
		return true
	}
	each := int64(size) + RecordOverheadBytes
	if m.policy == Wait && !m.line.Empty() {
		return false // one after the other then, in line
	}
	if m.policy == Spill && int64(n) <= m.max/each {
		m.held.Add(int64(n) * each)
		return true
	}
	return int64(n) <= m.max/each && m.hold(int64(n)*each)
}

// giveCopies takes back what admitCopies counted.
func (m *memoryBound) giveCopies(size, n int) {
	m.giveExtent(shardlog.Extent{Records: int64(n), Bytes: int64(n) * int64(size)})
}

// giveExtent takes back what was counted of records that are gone.
func (m *memoryBound) giveExtent(gone shardlog.Extent) {
	if m.max == 0 || gone.Records == 0 {
		return
	}
	m.held.Add(-memoryOf(gone))
	m.room.Wake()
}

// memoryOf returns what records count for against MaxBytes.
func memoryOf(e shardlog.Extent) int64 { return e.Bytes + e.Records*RecordOverheadBytes }

// makeRoom counts a record as held, waits for room if that is the policy, or
// refuses the record. It returns when there was room. The stream has a bound;
// the caller holds no shard's mutex.
func (s *Stream) makeRoom(ctx context.Context, size int, now clock.Instant) (clock.Instant, error) {
	if s.full.policy == Wait && int64(size)+RecordOverheadBytes <= s.full.max {
		return s.waitForRoom(ctx, size, now)
	}
	if !s.findRoom(size, now) {
		return now, ErrMemoryFull
	}
	return now, nil
}

// findRoom counts a record as held, or refuses it because it does not fit into
// MaxBytes though what has expired is trimmed.
func (s *Stream) findRoom(size int, now clock.Instant) bool {
	if s.full.admit(size) {
		return true
	}
	s.trimDated(now)
	if s.full.admit(size) {
		return true
	}
	s.history.Add(now.Second(), kindRefusedRecords, 1)
	return false
}

// waitForRoom counts a record as held when it fits and those who came before
// have been served. When ctx ends first, the error says so and matches
// [ErrMemoryFull].
func (s *Stream) waitForRoom(ctx context.Context, size int, now clock.Instant) (clock.Instant, error) {
	m := &s.full
	if m.line.Empty() && m.admit(size) {
		return now, nil
	}
	// Only who is first in line asks for room: a smaller record behind it could
	// take what it waits for again and again.
	turn := make(chan *wait.Ticket, 1)
	ticket := m.line.Enter(turn)
	defer m.line.Leave(ticket)
	// Whose turn it is looks at the stream's clock again: it may be further than
	// the timer that he waits for, as after a sleep of the machine.
	m.room.Wake()
	select {
	case <-turn:
	case <-ctx.Done():
		return 0, s.gaveUpRoom(ctx)
	}
	for {
		changed, now := m.room.Enter(), s.now()
		expires := s.trimDated(now)
		if s.ended() {
			return 0, s.errEnded()
		}
		if m.admit(size) {
			return now, nil
		}
		if !wait.Pause(ctx, expires, changed, nil) {
			return 0, s.gaveUpRoom(ctx)
		}
	}
}

// waitForSome returns how many of entries, from the first on, to put now. Where
// the policy is to wait for room that is as many as have room, which they are
// counted for, but one at least, which may be waited for; else it is all. An
// entry that has no room gets its error in results. An error is one of all
// entries: ctx has ended, or writes have.
func (s *Stream) waitForSome(ctx context.Context, entries []Entry, results []PutResult, now clock.Instant) (n int, at clock.Instant, err error) {
	if s.full.max == 0 || s.full.policy != Wait {
		return len(entries), now, nil
	}
	at, err = s.makeRoom(ctx, entries[0].Size(), now)
	if err == ErrMemoryFull {
		results[0].Err = err
		return 1, now, nil
	}
	if err != nil {
		for i := range results {
			results[i].Err = err
		}
		if errors.Is(err, ErrMemoryFull) { // the first is counted already
			s.history.Add(now.Second(), kindRefusedRecords, int64(len(results)-1))
		}
		return 0, now, err
	}
	for n = 1; n < len(entries) && s.full.line.Empty() && s.full.admit(entries[n].Size()); n++ {
	}
	return n, at, nil
}

func (s *Stream) gaveUpRoom(ctx context.Context) error {
	s.history.Add(s.now().Second(), kindRefusedRecords, 1)
	return fmt.Errorf("%w while waiting for memory: %w", context.Cause(ctx), ErrMemoryFull)
}

// dropExcess drops the oldest records of the stream until the rest fits into
// MaxBytes, if that is its policy. Of shards whose oldest records are as old
// the one with the lowest id gives way first, and goes on as long as no other
// has an older one. The caller holds no shard's mutex.
func (s *Stream) dropExcess(now clock.Instant) {
	m := &s.full
	if m.policy == Spill {
		s.spillExcess()
		return
	}
	if m.policy != DropOldest || m.held.Load() <= m.max {
		return
	}
	m.dropping.Lock()
	defer m.dropping.Unlock()
	retention := s.retention()
	horizon := clock.HorizonMs(now, retention)
	for m.held.Load() > m.max {
		first, next := m.oldest.settle()
		if first == nil {
			return // what is over the bound is about to be stored
		}
		if first.ms <= horizon { // it has expired, which is not to be counted as dropped
			m.giveExtent(first.sh.trim(now, retention))
			continue
		}
		// As many at once as are no younger than the oldest elsewhere: one by one
		// each would cost a look at the heap.
		gone := first.sh.drop(m.held.Load()-m.max, next)
		m.giveExtent(gone)
		first.sh.history.Add(now.Second(), kindDroppedRecords, gone.Records, gone.Bytes)
	}
}

// spillExcess lets the oldest records leave memory until the rest fits into
// MaxBytes, with some room to spare. What is not on disk yet stays, and so do
// the newest records of each shard.
func (s *Stream) spillExcess() {
	const spareShare = 16
	m := &s.full
	if held := m.held.Load(); held <= m.max || held < m.stuck.Load() {
		return
	}
	stuck := int64(0)
	if !s.spill(func() bool { return m.held.Load() <= m.max-m.max/spareShare }) {
		stuck = m.held.Load() + m.max/spareShare
	}
	m.stuck.Store(stuck)
}

// spill lets the oldest records leave memory until enough, which is asked first
// and after each block, says so. It reports whether it came as far as that.
func (s *Stream) spill(enough func() bool) bool {
	m := &s.full
	if m.policy != Spill || s.disk == nil {
		return false
	}
	m.dropping.Lock()
	defer m.dropping.Unlock()
	return enough() || s.disk.evict(func(gone shardlog.Extent) bool {
		m.giveExtent(gone)
		return enough()
	})
}

// isFull reports whether a put of n records is to be refused because the memory
// that the stream shares with others is full, and counts them if so. The caller
// holds no lock, and nor does who asks whether it is full.
func (s *Stream) isFull(n int, now clock.Instant) bool {
	for s.config.Memory != nil && s.config.Memory.Full() {
		const atOnce = 16 // blocks
		asked := 0
		if !s.spill(func() bool { asked++; return asked > atOnce }) && asked < 2 {
			s.history.Add(now.Second(), kindRefusedRecords, int64(n))
			return true
		}
	}
	return false
}

// trimDated trims, in a stream with a bound, what has expired, and returns how
// long it is until the next record does.
func (s *Stream) trimDated(now clock.Instant) (wait time.Duration) {
	m, retention := &s.full, s.retention()
	m.dropping.Lock()
	defer m.dropping.Unlock()
	for {
		first, _ := m.oldest.settle()
		if first == nil {
			return time.Duration(clock.Never)
		}
		expired, isAhead := first.ms <= clock.HorizonMs(now, retention), first.ms-now.Ms() > farAheadMs
		if !expired && !isAhead {
			return time.Duration(clock.Instant(first.ms*int64(time.Millisecond)).Plus(retention) - now)
		}
		gone := first.sh.trim(now, retention)
		if m.giveExtent(gone); isAhead && gone.Records == 0 {
			// The clock was set back, so its arrival says nothing of when it expires. The
			// shard counts from when it was looked at first (see farAheadMs), which was
			// now or before: by then it has expired.
			return time.Duration(clock.Instant(retention).Plus(retention / 512))
		}
	}
}

// date enters a shard that has records now into the order of the oldest.
func (m *memoryBound) date(sh *shard) {
	m.dropping.Lock()
	defer m.dropping.Unlock()
	if ms, ok := sh.log.Oldest(); ok && !sh.dated {
		sh.dated = true
		heap.Push(&m.oldest, dated{ms, sh})
	}
}

// A datedHeap is the shards with records, the one with the oldest first, the
// lowest id of several. A shard may be entered with an older record than it
// still has: what is at the top is looked at before it is believed. So a record
// that goes elsewhere, by retention, costs nothing here, and to find the oldest
// of n shards takes the time of log n, not of n.
type datedHeap []dated

type dated struct {
	ms int64 // arrival of the oldest record, or earlier
	sh *shard
}

// settle brings the shard with the oldest record to the top and returns it, nil
// if there is none, with the arrival of the oldest record in any other.
//
// An entry may be too old, but never too young: records are only taken away
// from the old end, and a shard is entered again when it gets its first. So an
// entry that is at the top, and right, is the oldest of all, and the same goes
// for the two below it and what is below those. The others need no look.
func (h *datedHeap) settle() (first *dated, next int64) {
	if !h.verify(0) {
		return nil, math.MaxInt64
	}
	next = math.MaxInt64
	for _, i := range [...]int{1, 2} {
		if h.verify(i) {
			next = min(next, (*h)[i].ms)
		}
	}
	return &(*h)[0], next
}

// verify makes what is at a place of the heap right, and reports whether there
// is anything.
func (h *datedHeap) verify(i int) bool {
	for i < len(*h) {
		d := &(*h)[i]
		ms, ok := d.sh.log.Oldest()
		switch {
		case !ok:
			d.sh.dated = false // its next record enters it again
			heap.Remove(h, i)
		case ms != d.ms:
			d.ms = ms
			heap.Fix(h, i) // downwards; whoever came up is looked at next
		default:
			return true
		}
	}
	return false
}

func (h datedHeap) Len() int      { return len(h) }
func (h datedHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h datedHeap) Less(i, j int) bool {
	return h[i].ms < h[j].ms || h[i].ms == h[j].ms && h[i].sh.id < h[j].sh.id
}
func (h *datedHeap) Push(x any) { *h = append(*h, x.(dated)) }
func (h *datedHeap) Pop() any {
	last := len(*h) - 1
	d := (*h)[last]
	(*h)[last] = dated{}
	*h = (*h)[:last]
	return d
}

// A FullPolicy says what a stream does when [Config.MaxBytes] is reached.
type FullPolicy int

const (
	// Refuse refuses the put with [ErrMemoryFull].
	Refuse FullPolicy = iota
	// DropOldest trims the oldest records of the stream, whatever their shard, to
	// make room. How many were dropped is a metric. To find them takes a put into a
	// full stream time in proportion to the logarithm of the number of shards.
	DropOldest
	// Wait lets the put wait, first come, first served, until records have
	// expired or were trimmed, or until its context ends: the error matches the
	// context's cause and [ErrMemoryFull] then. The records of a batch wait one
	// after the other, so it may be larger than MaxBytes. A record that is larger
	// is refused with [ErrMemoryFull] at once.
	Wait
	// Spill is for streams that [Open] opens. The oldest records of the stream,
	// whatever their shard, leave memory, by blocks of up to a MiB, and are read
	// from the disk again when somebody wants them: no put is refused, MaxBytes
	// bounds memory, and the disk what there is. The newest records of each shard
	// stay, so that readers at the tip never wait for the disk. On top of MaxBytes
	// come, for each reader of older ones, a block of each of its shards, and an
	// eighth of MaxBytes, 2 to 64 MiB, of what was read last. What a reader is
	// given stays valid, also when its file is removed. What cannot be read gives a
	// [*StorageError], which matches [ErrDamaged] where it is not what was written.
	Spill
)

package weir

import (
	"context"
	"fmt"
	"slices"

	"github.com/weirstream/weir/internal/clock"
	"github.com/weirstream/weir/internal/md5lanes"
	"github.com/weirstream/weir/internal/quota"
	"github.com/weirstream/weir/internal/shardlog"
	"github.com/weirstream/weir/internal/store"
)

// PutRecords puts up to [Limits.BatchRecords] records of up to
// [Limits.BatchBytes] together, and returns one result for each, in the order
// of entries. A record that a limit refuses does not stop the others: its
// result carries the error, and the records of a shard that are stored keep the
// order they have in entries. The error is not nil, and nothing is stored, when
// the call as a whole is refused: too many or no records, too many bytes, or an
// entry with a bad key or too much data. Where [Config.WhenFull] is [Wait],
// records are put bit by bit as there is room; if ctx ends meanwhile, the
// results of all that are left match its cause and [ErrMemoryFull].
func (s *Stream) PutRecords(ctx context.Context, entries []Entry) ([]PutResult, error) {
	now, err := s.begin(ctx)
	if err == nil {
		err = s.checkBatch(entries)
	}
	if err != nil {
		return nil, err
	}
	results := make([]PutResult, len(entries))
	for later, n := entries, 0; len(later) > 0; later = later[n:] {
		var ended error // the results say so
		if n, now, ended = s.waitForSome(ctx, later, results[len(entries)-len(later):], now); ended != nil {
			break
		}
		s.putBatch(later[:n], results[len(entries)-len(later):][:n], false, now)
	}
	s.countBatch(now, results)
	return results, nil
}

// putBatch puts entries that have been checked, with an outcome for each in
// results. If inOrder is set, those who wait for quota come first, and a record
// that is refused for throughput keeps the later ones of its shard from
// overtaking it, and its room in memory.
func (s *Stream) putBatch(entries []Entry, results []PutResult, inOrder bool, now clock.Instant) {
	if s.isFull(len(entries), now) {
		s.refuseBatch(entries, results)
		return
	}
	b := s.takeBatch()
	defer s.giveBatch(b)
	b.entries, b.results, b.inOrder = entries, results, inOrder
	b.list()
	if d := s.scaled(now); d != nil {
		b.deal(d, s.routes.Load())
	}
	if s.full.max > 0 && s.full.policy != Wait {
		b.makeRoom(now)
	}
	for routes := s.routes.Load(); len(b.items) > 0; routes = s.laterRoutes() {
		if len(routes.open) == 0 {
			b.refuseEnded()
			break
		}
		b.group(routes)
		b.put(routes, now)
	}
	if s.disk != nil {
		b.commit(now)
	}
	if s.full.max > 0 {
		s.dropExcess(now) // not shard by shard: what is about to be stored counts as held
	}
}

// refuseBatch refuses the entries that have no outcome yet because the memory
// that the stream shares with others is full.
func (s *Stream) refuseBatch(entries []Entry, results []PutResult) {
	for i := range entries {
		if results[i].Err != nil {
			continue
		}
		results[i].Err = ErrMemoryFull
		if s.full.max > 0 && s.full.policy == Wait { // waitForSome found it room
			s.full.give(entries[i].Size())
		}
	}
}

// checkBatch checks what refuses the call as a whole.
func (s *Stream) checkBatch(entries []Entry) error {
	if s.ended() {
		return s.errEnded()
	}
	if len(entries) == 0 || len(entries) > s.limits.BatchRecords {
		return invalidf("records", "there are %d; 1 to %d are allowed", len(entries), s.limits.BatchRecords)
	}
	total := 0
	for i := range entries {
		if err := s.checkRecord(entries[i].PartitionKey, entries[i].Data); err != nil {
			return fmt.Errorf("records[%d]: %w", i, err)
		}
		total += entries[i].Size()
	}
	if total > s.limits.BatchBytes {
		return invalidf("records", "data and partition keys have %d bytes; at most %d are allowed", total, s.limits.BatchBytes)
	}
	return nil
}

// A batch is the working memory of one PutRecords. It is used again and again.
type batch struct {
	stream  *Stream
	entries []Entry
	results []PutResult
	inOrder bool // a refused record holds back the later ones of its shard

	items []batchItem // what is still to be put
	// By place in routing.open: the first and last item of each shard's list, and
	// which places have one. Invariant: heads is all noItem between uses.
	heads, tails []int32
	touched      []int32

	hashed bool     // the items have their hash keys
	keys   []string // of the items that need hashing, and where those items are
	from   []int32
	sums   [][16]byte

	noted []notedPart // of a stream on disk
	which []int32     // entries of the parts
	tidy  bool        // the put is the first in a second
}

// A notedPart is the entries of a shard that are noted in a group.
type notedPart struct {
	group    *store.Group[*shard]
	from, to int // of which
}

// A batchItem is an entry on its way.
type batchItem struct {
	entry int32
	next  int32 // the next item of the same shard, or noItem
	hash  HashKey
}

const noItem = -1

func (s *Stream) takeBatch() *batch {
	if b, ok := s.batches.Get().(*batch); ok {
		return b
	}
	return &batch{stream: s}
}

// giveBatch returns b for the next call, without the caller's memory.
func (s *Stream) giveBatch(b *batch) {
	b.entries, b.results, b.hashed = nil, nil, false
	clear(b.noted)
	b.noted, b.which = b.noted[:0], b.which[:0]
	s.batches.Put(b)
}

// list lists the items to be put: those that have no outcome yet.
func (b *batch) list() {
	b.items = b.items[:0]
	for i := range b.entries {
		if b.results[i].Err == nil {
			b.items = append(b.items, batchItem{entry: int32(i)})
		}
	}
}

// makeRoom refuses the items that do not fit into MaxBytes, in their order and
// before a limit is asked: a record that is then throttled gives its room back,
// but not to this batch.
func (b *batch) makeRoom(now clock.Instant) {
	kept := b.items[:0]
	for _, item := range b.items {
		if b.stream.findRoom(b.entries[item.entry].Size(), now) {
			kept = append(kept, item)
		} else {
			b.results[item.entry] = PutResult{Err: ErrMemoryFull}
		}
	}
	b.items = kept
}

// deal gives each item a hash key of the shard whose turn it is, if any is
// open. Whether one is says the routing that is dealt from: another one may be
// the last.
func (b *batch) deal(d *dealer, routes *routing) {
	if len(routes.open) == 0 {
		return
	}
	b.hashed = true
	turn := d.take(len(b.items))
	for i := range b.items {
		b.items[i].hash = *routes.dealt(turn + uint64(i))
	}
}

// hashItems hashes the partition keys of all items side by side.
func (b *batch) hashItems() {
	b.hashed = true
	b.keys, b.from = b.keys[:0], b.from[:0]
	for i := range b.items {
		e := &b.entries[b.items[i].entry]
		if e.ExplicitHashKey != nil {
			b.items[i].hash = *e.ExplicitHashKey
			continue
		}
		b.keys = append(b.keys, e.PartitionKey)
		b.from = append(b.from, int32(i))
	}
	if cap(b.sums) < len(b.keys) {
		b.sums = make([][16]byte, cap(b.keys))
	}
	b.sums = b.sums[:len(b.keys)]
	md5lanes.Sums(b.sums, b.keys)
	for i, sum := range b.sums {
		b.items[b.from[i]].hash = hashKeyOf(sum)
	}
	clear(b.keys) // do not keep the caller's memory alive
}

// group links the items of each shard in their order.
func (b *batch) group(routes *routing) {
	if len(routes.open) > 1 && !b.hashed { // a single shard takes any hash
		b.hashItems()
	}
	for len(b.heads) < len(routes.open) {
		b.heads, b.tails = append(b.heads, noItem), append(b.tails, noItem)
	}
	b.touched = b.touched[:0]
	for i := range b.items {
		b.items[i].next = noItem
		place := routes.place(b.items[i].hash)
		if b.heads[place] == noItem {
			b.heads[place] = int32(i)
			b.touched = append(b.touched, int32(place))
		} else {
			b.items[b.tails[place]].next = int32(i)
		}
		b.tails[place] = int32(i)
	}
}

// put puts each shard's items, and keeps as items those whose shard was closed
// meanwhile.
func (b *batch) put(routes *routing, now clock.Instant) {
	var later []batchItem
	for _, place := range b.touched {
		head := b.heads[place]
		b.heads[place] = noItem
		if sh := routes.open[place]; sh.begin() {
			b.putTo(sh, head, now)
			continue
		}
		for i := head; i != noItem; i = b.items[i].next {
			later = append(later, b.items[i])
		}
	}
	b.items = append(b.items[:0], later...)
}

// putTo puts a list of items into a shard, which is between begin and end.
func (b *batch) putTo(sh *shard, head int32, now clock.Instant) {
	s, throttled := b.stream, int64(0)
	if sh.quota.Limited() {
		throttled = b.admit(sh, &head, now)
	}
	if head == noItem {
		sh.abandon()
	} else if s.disk != nil {
		b.putToDisk(sh, head, now)
	} else {
		ms, tidy := s.stamp(sh, now)
		before := sh.appended()
		b.appendTo(sh, head, ms)
		sh.countBatch(before)
		s.after(sh, sh.end(now, s.retention()), tidy, now)
	}
	if throttled > 0 {
		sh.history.Add(now.Second(), kindWriteThrottled, throttled, throttled)
	}
}

// putToDisk notes a list of items and appends them to a shard, which is between
// its begin and end. They are on disk when commit returns.
func (b *batch) putToDisk(sh *shard, head int32, now clock.Instant) {
	s, from := b.stream, len(b.which)
	for i := head; i != noItem; i = b.items[i].next {
		b.which = append(b.which, b.items[i].entry)
	}
	which := b.which[from:]
	ms, tidy := s.stamp(sh, now)
	g, err := noteEntries(sh, b.entries, which, ms, true)
	if err != nil {
		sh.abandon()
		b.refuseNoted(which, s.disk.refusal(err))
		return
	}
	before := sh.appended()
	appendEntries(sh, b.entries, which, b.results, ms)
	sh.countBatch(before)
	if s.disk.isDeferred() {
		s.after(sh, sh.end(now, s.retention()), tidy, now)
	} else {
		sh.abandon()
	}
	b.noted = append(b.noted, notedPart{g, from, len(b.which)})
	b.tidy = b.tidy || tidy
}

// commit waits until all parts are on disk, and refuses those that did not get
// there.
func (b *batch) commit(now clock.Instant) {
	for _, part := range b.noted {
		if err := b.stream.disk.commit(part.group); err != nil {
			b.refuseNoted(b.which[part.from:part.to], err)
		}
	}
	if b.tidy {
		b.tidy = false
		b.stream.tidy(now)
	}
}

// refuseNoted refuses entries that could not be noted.
func (b *batch) refuseNoted(which []int32, err error) {
	for _, i := range which {
		b.results[i] = PutResult{Err: err}
		b.stream.full.give(b.entries[i].Size())
	}
}

// appendTo appends a list of items without publishing them.
func (b *batch) appendTo(sh *shard, head int32, ms int64) {
	first := sh.number(0, ms)
	for i := head; i != noItem; {
		item := &b.items[i]
		e, r := &b.entries[item.entry], &b.results[item.entry]
		r.ShardID = sh.id
		r.SequenceNumber = first.atIndex(sh.log.Append(e.PartitionKey, e.Data, ms))
		i = item.next
	}
}

// admit takes the items that a write limit refuses out of a list, and returns
// how many there are.
func (b *batch) admit(sh *shard, head *int32, now clock.Instant) (refused int64) {
	for link := head; *link != noItem; {
		item := &b.items[*link]
		r := sh.admit(now, b.entries[item.entry].Size(), b.inOrder)
		switch {
		case r.Kind == quota.None:
			link = &item.next
		case b.inOrder:
			refused += b.refuseAll(*link, b.stream.limitError(sh.id, r))
			*link = noItem
		default:
			b.refuse(item, b.stream.limitError(sh.id, r))
			refused++
			*link = item.next
		}
	}
	return refused
}

// refuseEnded refuses all items because writes have ended.
func (b *batch) refuseEnded() {
	err := b.stream.errEnded()
	for i := range b.items {
		b.results[b.items[i].entry] = PutResult{Err: err}
		b.stream.full.give(b.entries[b.items[i].entry].Size())
	}
}

// refuseAll refuses the items from one on.
func (b *batch) refuseAll(from int32, err error) (n int64) {
	for i := from; i != noItem; i = b.items[i].next {
		b.refuse(&b.items[i], err)
		n++
	}
	return n
}

func (b *batch) refuse(item *batchItem, err error) {
	b.results[item.entry] = PutResult{Err: err}
	if !b.inOrder {
		b.stream.full.give(b.entries[item.entry].Size())
	}
}

// countBatch counts one PutRecords.
func (s *Stream) countBatch(now clock.Instant, results []PutResult) {
	stored := int64(0)
	if slices.ContainsFunc(results, func(r PutResult) bool { return r.Err == nil }) {
		stored = 1
	}
	s.history.Add(now.Second(), kindPutCalls, 1, int64(len(results)), stored)
}

// PutCopies puts n records that are all like e, as n calls of [Stream.Put] at
// one reading of the clock would, and returns how many were stored. If a limit
// refused the others, err is the error of the first one refused: a
// [*LimitError], or [ErrMemoryFull]. When ctx ends, which is looked at now and
// then, the rest is not put, and err is the context's or, where copies waited
// for memory, matches its cause and [ErrMemoryFull].
//
// It is for simulations and load: the limits are asked once for a million
// records, and a record costs a few nanoseconds on a stream with
// [Config.Hollow]. Only where the records do not all fit into [Config.MaxBytes]
// are they put one by one.
//
// Metrics know the records as n calls of PutRecord. An n below 1 gives an
// [*ArgumentError].
func (s *Stream) PutCopies(ctx context.Context, e Entry, n int) (stored int, err error) {
	now, err := s.begin(ctx)
	if err != nil {
		return 0, err
	}
	if n < 1 {
		return 0, invalidf("copies", "%d is less than 1", n)
	}
	if err := s.checkOrdering(e.SequenceNumberForOrdering, now); err != nil {
		return 0, err
	}
	return s.putCopies(ctx, &e, n, now)
}

func (s *Stream) putCopies(ctx context.Context, e *Entry, n int, now clock.Instant) (stored int, err error) {
	if err := s.checkRecord(e.PartitionKey, e.Data); err != nil {
		return 0, err
	}
	d := s.scaled(now)
	if !s.full.admitCopies(e.Size(), n) {
		return s.putEach(ctx, e, n, d, now)
	}
	if d != nil {
		stored, err = s.dealCopies(ctx, e, n, d, now)
	} else {
		stored, err = s.putCopiesTo(ctx, e, e.ExplicitHashKey, n, now)
	}
	s.full.giveCopies(e.Size(), n-stored)
	if s.full.max > 0 {
		s.dropExcess(now)
	}
	return stored, err
}

// singlesAtOnce is how many copies are put one by one between two looks at the
// context.
const singlesAtOnce = 256

// putEach puts copies one by one. What follows one that memory refused is
// refused too: nothing gives room at the same moment.
func (s *Stream) putEach(ctx context.Context, e *Entry, n int, d *dealer, now clock.Instant) (stored int, first error) {
	for i := range n {
		if i%singlesAtOnce == 0 && ctx.Err() != nil {
			return stored, ctx.Err()
		}
		if s.full.policy == Wait && i > 0 { // the one before may have waited
			now = s.now()
		}
		_, err := s.put(ctx, e.PartitionKey, e.Data, e.ExplicitHashKey, now, false)
		switch {
		case err == nil:
			stored++
		case first == nil:
			first = err
		}
		if _, limited := err.(*LimitError); err != nil && !limited && err != ErrMemoryFull {
			return stored, err // the context has ended while it waited, or writes have
		}
		if err == ErrMemoryFull {
			s.refuseRest(n-i-1, d, now)
			break
		}
	}
	return stored, first
}

// refuseRest counts n copies that do not fit into MaxBytes, as if each had been
// put.
func (s *Stream) refuseRest(n int, d *dealer, now clock.Instant) {
	s.history.Add(now.Second(), kindRefusedRecords, int64(n))
	if d != nil {
		d.take(n)
	}
}

// dealCopies deals copies to the open shards in turn. The error is the one of
// the copy refused that comes first in that order, or the context's.
func (s *Stream) dealCopies(ctx context.Context, e *Entry, n int, d *dealer, now clock.Instant) (stored int, first error) {
	routes := s.routes.Load()
	if len(routes.open) == 0 {
		return 0, s.errEnded()
	}
	shards, turn := len(routes.starts), d.take(n)
	refused := n
	for i := range min(n, shards) {
		share := (n-i-1)/shards + 1
		k, err := s.putCopiesTo(ctx, e, routes.dealt(turn+uint64(i)), share, now)
		stored += k
		if err != nil && err == ctx.Err() {
			return stored, err
		}
		if at := i + k*shards; err != nil && at < refused {
			refused, first = at, err
		}
	}
	return stored, first
}

// putCopiesTo puts as many of n copies as the write limits let pass to the
// shard of explicit or, if that is nil, of the key's hash. The error is what
// refused the next, or the context's.
func (s *Stream) putCopiesTo(ctx context.Context, e *Entry, explicit *HashKey, n int, now clock.Instant) (stored int, err error) {
	for stored < n {
		if err := ctx.Err(); err != nil {
			return stored, err
		}
		k, err := s.putSome(e, explicit, min(n-stored, shardlog.CopiesAtOnce), n-stored, now)
		stored += k
		if err != nil {
			return stored, err
		}
	}
	return stored, nil
}

// putSome puts as many of n copies as the write limits let pass. If they refuse
// one, all that are left of a call are counted as throttled.
func (s *Stream) putSome(e *Entry, explicit *HashKey, n, left int, now clock.Instant) (stored int, err error) {
	if s.isFull(left, now) {
		return 0, ErrMemoryFull
	}
	if s.config.Memory != nil { // which says between two blocks that it is full
		n = min(n, max(1, mib/max(1, e.Size())))
	}
	sh := s.beginWrite(e.PartitionKey, explicit)
	if sh == nil {
		return 0, s.errEnded()
	}
	stored = n
	if sh.quota.Limited() {
		var r quota.Refusal
		if stored, r = sh.quota.TakeMost(int64(now), e.Size(), n); stored < n {
			err = s.limitError(sh.id, r)
		}
	}
	if stored == 0 {
		sh.abandon()
	} else if s.disk != nil {
		if failed := s.copiesOnDisk(sh, e, stored, now); failed != nil {
			return 0, failed
		}
	} else {
		ms, tidy := s.stamp(sh, now)
		sh.log.AppendCopies(e.PartitionKey, e.Data, ms, stored)
		s.after(sh, sh.end(now, s.retention()), tidy, now)
	}
	if err != nil {
		sh.history.Add(now.Second(), kindWriteThrottled, int64(left-stored))
	}
	return stored, err
}

// copiesOnDisk appends copies to a shard that is between its begin and end.
func (s *Stream) copiesOnDisk(sh *shard, e *Entry, n int, now clock.Instant) error {
	ms, tidy := s.stamp(sh, now)
	g, err := sh.stored.Copies(e.PartitionKey, e.Data, n, ms)
	if err != nil {
		sh.abandon()
		return s.disk.refusal(err)
	}
	sh.log.AppendCopies(e.PartitionKey, e.Data, ms, n)
	return s.settle(sh, g, tidy, now)
}

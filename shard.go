package weir

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirstream/weir/internal/clock"
	"github.com/weirstream/weir/internal/quota"
	"github.com/weirstream/weir/internal/scale"
	"github.com/weirstream/weir/internal/seconds"
	"github.com/weirstream/weir/internal/shardlog"
	"github.com/weirstream/weir/internal/store"
	"github.com/weirstream/weir/internal/wait"
	"github.com/weirstream/weir/metrics"
)

// A shard is one ordered log of records with the hash key range that it takes
// writes for. It knows no stream: it is told what it needs, and returns what
// happened for the stream to act on.
//
// A put writes to it between [shard.begin] and [shard.end], which hold its
// mutex. Readers take no lock: they follow what the log publishes.
//
// Invariant: arrival times never fall.
type shard struct {
	identity              // immutable
	keys     HashKeyRange // immutable
	// parents are the shards that were closed to open this one: none, one after a
	// split, two after a merge, the lower first. Immutable.
	parents []ShardID
	opened  int64 // immutable; Unix milliseconds

	mu     sync.Mutex // guards what follows; taken after Stream.reshard, never two shards' at once
	closed bool       // takes no more puts
	quota  quota.Writes
	owed   quota.Kind // the limit that those who wait in line wait for
	lastMs int64      // arrival of the newest record; the next one's is not earlier
	marks  seconds.Marks
	markMs int64                // when the next second begins for marks
	log    shardlog.Log         // what writes to it; readers take no lock
	stored *store.Shard[*shard] // nil in memory

	ahead sightings // nil unless arrivals are far ahead of the clock

	counted scale.Load // what on-demand mode has counted; guarded by Stream.reshard instead

	_ [64]byte // keeps what readers load off the writers' cache lines

	line    wait.Queue                  // those who wait for quota
	ending  atomic.Pointer[shardEnding] // nil while the shard is open
	waiting wait.List
	history seconds.History
	lastAge atomic.Int64 // iterator age of the most recent GetRecords, milliseconds
	// What PutRecords put so far; the rest came from PutRecord.
	batchRecords, batchBytes atomic.Int64

	readMu sync.Mutex // guards reads
	reads  quota.Reads

	dated bool // in the stream's list of oldest records; guarded by memoryBound.dropping
}

// shardEnding is what is known of a shard once it is closed.
type shardEnding struct {
	index    uint64 // index after the last record
	closedMs int64
	second   uint64 // second of closing, as the ending sequence number has it
	children []*shard
}

// A shardKind is what the shards of a stream have in common.
type shardKind struct {
	limits Limits            // resolved
	large  bool              // records above 1 MiB are admitted
	window int64             // seconds that metrics are kept
	grown  func(bytes int64) // nil unless memory is counted
	log    shardlog.Options
}

func newShard(kind shardKind, of identity, keys HashKeyRange, parents []ShardID, nowMs int64) *shard {
	sh := &shard{identity: of, keys: keys, parents: parents, opened: nowMs, lastMs: nowMs}
	sh.quota = quota.NewWrites(kind.limits.WriteRecordsPerSecond, kind.limits.WriteBytesPerSecond)
	if kind.large {
		sh.quota.AdmitLarge()
	}
	sh.owed = quota.WriteRecords
	sh.reads = quota.NewReads(kind.limits.ReadCallsPerSecond, kind.limits.ReadBytesPerSecond)
	sh.history.Grown, sh.marks.Grown = kind.grown, kind.grown
	sh.history.Init(kind.window, shardSums, shardKinds-shardSums)
	sh.marks.Init(kind.window)
	sh.log.Init(kind.log)
	return sh
}

// begin takes the shard's mutex for a write, unless the shard is closed.
func (sh *shard) begin() bool {
	sh.mu.Lock()
	if sh.closed {
		sh.mu.Unlock()
		return false
	}
	return true
}

// admit takes a record's share of the write limits, or says what refuses it. If
// inLine is set, those who wait for quota come first. The caller is between
// begin and end.
func (sh *shard) admit(now clock.Instant, size int, inLine bool) quota.Refusal {
	if inLine && !sh.line.Empty() {
		return quota.Refusal{Kind: sh.owed, Wait: 1}
	}
	return sh.quota.Take(int64(now), size)
}

// stamp returns the arrival of what is put at ms: never earlier than what the
// shard holds already. It reports whether a second begins with it in which
// nothing was put yet. The caller is between begin and end, and puts something.
func (sh *shard) stamp(ms int64) (arrival int64, newSecond bool) {
	if ms > sh.lastMs {
		sh.lastMs = ms
	}
	if sh.lastMs < sh.markMs {
		return sh.lastMs, false
	}
	return sh.lastMs, sh.mark()
}

// An effect is what a write brought about, for the stream to act on.
type effect struct {
	freed shardlog.Extent // trimmed because it had expired
	first bool            // the shard had no records before
	ahead bool            // the clock is far behind: it is time to look after other shards
}

// end shows readers what was appended since begin, releases what has expired,
// and lets go of the mutex.
func (sh *shard) end(now clock.Instant, retention time.Duration) (e effect) {
	e.first = sh.log.First() == sh.log.End() // before Publish moves the end
	sh.log.Publish()
	return sh.release(e, now, retention)
}

// noteEntries notes some of a call's entries.
func noteEntries(sh *shard, entries []Entry, which []int32, ms int64, batch bool) (*store.Group[*shard], error) {
	n, err := sh.stored.Begin(len(which), ms, batch)
	if err != nil {
		return nil, err
	}
	for _, i := range which {
		n.Add(entries[i].PartitionKey, entries[i].Data)
	}
	return n.End(), nil
}

// appendEntries appends some of a call's entries without publishing them.
func appendEntries(sh *shard, entries []Entry, which []int32, results []PutResult, ms int64) {
	first := sh.number(0, ms)
	for _, i := range which {
		e := &entries[i]
		n := first.atIndex(sh.log.Append(e.PartitionKey, e.Data, ms))
		results[i] = PutResult{Placed: Placed{ShardID: sh.id, SequenceNumber: n}}
	}
}

// takeBack takes back what was appended and is not on disk, so much of it by
// batches. Its room in memory is for who put it to give back.
func (sh *shard) takeBack(batches shardlog.Extent) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.log.Retract()
	sh.batchRecords.Add(-batches.Records)
	sh.batchBytes.Add(-batches.Bytes)
}

// release releases what has expired, and lets go of the mutex.
func (sh *shard) release(e effect, now clock.Instant, retention time.Duration) effect {
	// Whole blocks only, and the newest is never given up: a put into a shard with
	// one block does not even reckon the horizon.
	if sh.log.BlockCount() > 1 {
		e.freed = sh.log.TrimBlocks(clock.HorizonMs(now, retention))
	}
	if sh.ahead != nil || sh.lastMs-now.Ms() > farAheadMs {
		var gone shardlog.Extent
		gone, e.ahead = sh.look(now, retention)
		e.freed = e.freed.Plus(gone)
	}
	sh.mu.Unlock()
	return e
}

// abandon lets go of the mutex when nothing was appended since begin.
func (sh *shard) abandon() { sh.mu.Unlock() }

// trim makes what has expired unreadable for good, and returns how much that
// was.
func (sh *shard) trim(now clock.Instant, retention time.Duration) shardlog.Extent {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	gone, _ := sh.look(now, retention)
	return gone.Plus(sh.log.TrimExpired(clock.HorizonMs(now, retention)))
}

// held returns the records that are not trimmed.
func (sh *shard) held() shardlog.Extent {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return sh.log.Held()
}

// startingNumber returns the number before the shard's first record.
func (sh *shard) startingNumber() SequenceNumber {
	return newSequenceNumber(sh.created, sh.id, 0, sh.created)
}

// endingNumber returns the number after the shard's last record, or the zero
// number while the shard is open.
func (sh *shard) endingNumber() SequenceNumber {
	e := sh.ending.Load()
	if e == nil {
		return SequenceNumber{}
	}
	return newSequenceNumber(sh.created, sh.id, closedShardIndex, e.second)
}

// describe returns the shard as callers see it.
func (sh *shard) describe() Shard {
	d := Shard{
		ID: sh.id, HashKeyRange: sh.keys, Parents: slices.Clone(sh.parents),
		StartingSequenceNumber: sh.startingNumber(), EndingSequenceNumber: sh.endingNumber(),
		OpenedAt: clock.TimeOfMs(sh.opened),
	}
	if e := sh.ending.Load(); e != nil {
		d.ClosedAt = clock.TimeOfMs(e.closedMs)
		for _, child := range e.children {
			d.Children = append(d.Children, child.id)
		}
	}
	return d
}

// read appends to dst at most maxRecords records from c on, of at most maxBytes
// together, but one at least if there is one, and moves c behind them. It also
// returns how many bytes they have.
func (sh *shard) read(dst []Record, c *shardlog.Cursor, horizonMs int64, maxRecords, maxBytes int) ([]Record, int) {
	sh.log.SkipTo(c, horizonMs) // if that fails, so does what follows
	size, before, most := 0, len(dst), len(dst)+min(maxRecords, math.MaxInt-len(dst))
	for len(dst) < most {
		n, bytes := sh.log.Take(c, most-len(dst), maxBytes-size, len(dst) == before)
		if n == 0 {
			break
		}
		if cap(dst)-len(dst) < n {
			dst = slices.Grow(dst, sh.expect(c, n, bytes, most-len(dst), maxBytes-size))
		}
		dst = appendViews(dst, c, n, sh.identity)
		size += bytes
		c.Next += uint64(n)
	}
	return dst, size
}

// expect returns how many records to make room for when the next n have so many
// bytes: as many as a budget will hold if the others are of the same size.
func (sh *shard) expect(c *shardlog.Cursor, n, bytes, maxRecords, maxBytes int) int {
	there := uint64(sh.log.Between(c.Next, sh.log.End())) // a gap has none
	fitting := uint64(maxBytes)/uint64(max(1, bytes/n)) + 1
	return max(n, int(min(uint64(maxRecords), there, fitting)))
}

// visible returns how many records from c on, at most most, have arrived delay
// ago or longer. It moves c up to the oldest readable record.
func (sh *shard) visible(c *shardlog.Cursor, horizon int64, now clock.Instant, delay time.Duration, most int) int {
	if delay == 0 {
		return most
	}
	sh.log.SkipTo(c, horizon)
	var hidden shardlog.Cursor
	sh.log.SkipTo(&hidden, clock.HorizonMs(now, delay))
	if hidden.Next <= c.Next {
		return 0
	}
	// Not by their indexes, of which some may have no record.
	there := sh.log.Before(hidden).Records - sh.log.Before(*c).Records
	return int(min(int64(most), there))
}

// numberBefore returns the number of the record before c or, where that is not
// known any more or never was, another one after which c follows.
func (sh *shard) numberBefore(c shardlog.Cursor) SequenceNumber {
	i, ms, ok := sh.log.ArrivalBefore(c)
	if ok {
		return sh.number(i, ms)
	}
	return newSequenceNumber(sh.created, sh.id, i, sh.created)
}

// behindLatest returns how many milliseconds ago the last of the records just
// read arrived, or 0 when c has reached the tip.
func (sh *shard) behindLatest(c *shardlog.Cursor, records []Record, now clock.Instant) int64 {
	if len(records) == 0 || c.Next >= sh.log.End() {
		return 0
	}
	return max(0, now.Ms()-records[len(records)-1].ArrivalTime.UnixMilli())
}

// ageMs returns how many milliseconds ago the first record from c on arrived
// that arrived after horizon, or 0 if there is none.
func (sh *shard) ageMs(c shardlog.Cursor, horizon int64, now clock.Instant) int64 {
	sh.log.SkipTo(&c, horizon)
	if ms, ok := sh.log.ArrivalAt(c); ok {
		return max(0, now.Ms()-ms)
	}
	return 0
}

// from returns the readable records from c on and before an index.
func (sh *shard) from(c shardlog.Cursor, end uint64, horizonMs int64) shardlog.Extent {
	sh.log.SkipTo(&c, horizonMs)
	if end = min(end, sh.log.End()); end <= c.Next {
		return shardlog.Extent{}
	}
	return sh.log.Before(shardlog.Cursor{Next: end}).Minus(sh.log.Before(c))
}

// lag is from with the age of the first of them.
func (sh *shard) lag(c shardlog.Cursor, end uint64, horizonMs int64, now clock.Instant) metrics.Lag {
	left := sh.from(c, end, horizonMs)
	if left.Records == 0 {
		return metrics.Lag{}
	}
	age := time.Duration(sh.ageMs(c, horizonMs, now)) * time.Millisecond
	return metrics.Lag{Records: left.Records, Bytes: left.Bytes, Age: age}
}

// finished reports whether c has passed the last record of a closed shard.
func (sh *shard) finished(c *shardlog.Cursor) bool {
	e := sh.ending.Load()
	return e != nil && c.Next >= e.index
}

// expired reports whether the shard is closed and its last record cannot be
// read any more.
func (sh *shard) expired(horizonMs int64) bool {
	e := sh.ending.Load()
	return e != nil && e.closedMs <= horizonMs
}

// What a shard's history counts.
const (
	kindWriteThrottled = iota // records that a write limit refused
	kindBatchThrottled        // those of them that PutRecords carried
	kindDroppedRecords        // records dropped for MaxBytes
	kindDroppedBytes
	kindTailRecords // records given to readers other than GetRecords
	kindTailBytes
	kindReadThrottled // calls of GetRecords that a read limit refused
	kindReadCalls     // calls of GetRecords that succeeded
	kindReadRecords   // records that they returned
	kindReadBytes
	shardSums
)

const (
	kindReadAge = shardSums + iota // greatest iterator age of a GetRecords, milliseconds
	shardKinds
)

// takenCounts returns what a shard or a stream took in.
func takenCounts(in seconds.Intake) metrics.Counts {
	return metrics.Counts{
		IncomingRecords: in.Records, IncomingBytes: in.Bytes,
		PutRecordRecords: in.Records - in.BatchRecords, PutRecordBytes: in.Bytes - in.BatchBytes,
	}
}

// shardCounts returns what a shard's history counted.
func shardCounts(n []int64) metrics.Counts {
	return metrics.Counts{
		WriteThrottled: n[kindWriteThrottled], PutRecordsThrottled: n[kindBatchThrottled],
		DroppedRecords: n[kindDroppedRecords], DroppedBytes: n[kindDroppedBytes],
		OutgoingRecords: n[kindReadRecords] + n[kindTailRecords],
		OutgoingBytes:   n[kindReadBytes] + n[kindTailBytes],
		GetRecordsCalls: n[kindReadCalls], GetRecordsRecords: n[kindReadRecords], GetRecordsBytes: n[kindReadBytes],
		ReadThrottled: n[kindReadThrottled], IteratorAgeMillis: n[kindReadAge],
	}
}

// retired is what vanished shards counted while they were there.
type retired struct {
	total metrics.Counts
	taken seconds.Intake
}

func (t *retired) add(sh *shard) {
	in := sh.takenIn()
	t.total.Add(takenCounts(in))
	t.total.Add(shardCounts(sh.history.Totals()))
	t.taken = t.taken.Plus(in)
}

// takenIn returns what the shard ever took in, as far as it is published.
func (sh *shard) takenIn() seconds.Intake { return sh.intakeOf(sh.log.Published()) }

// appended returns what the shard ever took in, published or not. The caller
// holds mu.
func (sh *shard) appended() seconds.Intake { return sh.intakeOf(sh.log.Appended()) }

func (sh *shard) intakeOf(all shardlog.Extent) seconds.Intake {
	return seconds.Intake{
		Records: all.Records, Bytes: all.Bytes,
		BatchRecords: sh.batchRecords.Load(), BatchBytes: sh.batchBytes.Load(),
	}
}

// mark marks the beginning of the second of lastMs, and reports whether that
// was not done yet. The caller is between begin and end.
func (sh *shard) mark() bool {
	sh.markMs = (sh.lastMs/1000 + 1) * 1000
	return sh.marks.Mark(markSecond(sh.lastMs), sh.appended())
}

// markSecond returns the second that marks know an arrival by: the first two of
// 1970 share one, because zero stands for no mark.
func markSecond(ms int64) int64 { return max(ms/1000, 1) }

// countBatch counts what a PutRecords put into the shard since before. The
// caller holds mu.
func (sh *shard) countBatch(before seconds.Intake) {
	put := sh.appended().Since(before)
	sh.batchRecords.Store(before.BatchRecords + put.Records)
	sh.batchBytes.Store(before.BatchBytes + put.Bytes)
}

// countRead counts a call of GetRecords that succeeded.
func (sh *shard) countRead(now clock.Instant, records, bytes int, ageMs int64) {
	sh.history.Add(now.Second(), kindReadCalls, 1, int64(records), int64(bytes), ageMs)
	sh.lastAge.Store(ageMs)
}

// countTail counts records given to a reader other than GetRecords.
func (sh *shard) countTail(now clock.Instant, records, bytes int) {
	sh.history.Add(now.Second(), kindTailRecords, int64(records), int64(bytes))
}

// trimTo trims the shard up to and including an index, or all that it has, and
// returns what that was.
func (sh *shard) trimTo(i uint64) shardlog.Extent {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return sh.log.TrimTo(i + 1)
}

// Arrivals never fall, so after a clock that had gone far ahead is set back all
// that is put into a shard arrives, by its stamp, at the time to which the
// clock had gone. Kept until retention has passed since then, it would be kept
// for years. So where the newest arrival is more than farAheadMs ahead of a
// reading of the clock, that reading counts instead: what is in the shard by
// then was put then or before, and expires when retention has passed since.
const farAheadMs = int64(24 * time.Hour / time.Millisecond)

// A sighting says that the records before an index were there at a reading of
// the clock that lay far behind them.
type sighting struct {
	ms  int64
	end uint64
}

// sightings are those of a shard. Both fields rise from one to the next.
type sightings []sighting

// look takes note of a reading of the clock that lies far behind the newest
// arrival, and trims what expired by the notes taken. A reading that does not
// lie there voids them: the clock has come back, or they were taken by callers
// that had been asleep while it went on. It reports whether another note was
// begun. The caller is between begin and end, or holds mu.
func (sh *shard) look(now clock.Instant, retention time.Duration) (gone shardlog.Extent, begun bool) {
	if sh.lastMs-now.Ms() <= farAheadMs {
		sh.ahead = nil
		return gone, false
	}
	const portions = 1024 // of the retention, so that there are no more sightings
	begun = sh.ahead.add(now.Ms(), retention.Milliseconds()/portions, sh.log.End())
	return sh.log.TrimTo(sh.ahead.expire(clock.HorizonMs(now, retention))), begun
}

// add takes note of the records before an index at a reading. It is taken for
// up to apartMs later than it is, so that one sighting serves many puts. It
// reports whether it took another one because none there was can be extended.
func (s *sightings) add(ms, apartMs int64, end uint64) (begun bool) {
	list := *s
	for len(list) > 0 && list[len(list)-1].ms > ms+apartMs { // the clock was set back again
		list = list[:len(list)-1]
	}
	if begun = len(list) == 0 || list[len(list)-1].ms < ms; begun {
		list = append(list, sighting{ms + apartMs, end})
	}
	list[len(list)-1].end = end
	*s = list
	return begun
}

// expire takes out the sightings up to horizonMs, and returns the index before
// which all has expired with them; zero if none has.
func (s *sightings) expire(horizonMs int64) (end uint64) {
	list := *s
	for len(list) > 0 && list[0].ms <= horizonMs {
		end, list = list[0].end, list[1:]
	}
	*s = list
	return end
}

// drop drops the oldest record and those after it that did not arrive after ms,
// until they count for need bytes.
func (sh *shard) drop(need, ms int64) shardlog.Extent {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return sh.log.TrimBytes(need, RecordOverheadBytes, ms)
}

// A Shard describes one shard of a stream.
type Shard struct {
	ID           ShardID
	HashKeyRange HashKeyRange
	// Parents are the shards that were closed to open this one: none for the
	// stream's first shards, one after a split, two after a merge (the lower
	// hash key range first). They may have vanished since.
	Parents []ShardID
	// Children are the shards that were opened when this one was closed.
	Children []ShardID
	// StartingSequenceNumber is less than every record's of the shard,
	// EndingSequenceNumber greater. The latter is zero while the shard is open.
	StartingSequenceNumber, EndingSequenceNumber SequenceNumber
	// OpenedAt and ClosedAt are when it began and ceased to take writes.
	// ClosedAt is zero while the shard is open.
	OpenedAt, ClosedAt time.Time
}

// IsOpen reports whether the shard takes writes.
func (d Shard) IsOpen() bool { return d.EndingSequenceNumber.IsZero() }

// locateNumber returns the index that n encodes, if n is a number of this
// shard.
func (sh *shard) locateNumber(n SequenceNumber) (uint64, error) {
	p, ok := n.decode()
	refuse := func(encodes ShardID, reason string) (uint64, error) {
		return 0, &SequenceNumberError{
			Text: cmp.Or(n.String(), "0"), Reason: reason, Shard: sh.id, Encodes: encodes, Malformed: !ok,
		}
	}
	switch {
	case !ok:
		return refuse(sh.id, "is invalid")
	case p.shard != sh.id:
		return refuse(p.shard, fmt.Sprintf("belongs to %s, not to %s", p.shard, sh.id))
	case p.version != sequenceVersion || p.created != sh.created:
		return refuse(sh.id, "did not come from this stream")
	}
	if _, lost := sh.log.Lost(p.index); lost {
		return refuse(sh.id, lostReason)
	}
	if e := sh.ending.Load(); p.index == closedShardIndex && (e == nil || p.time != e.second) {
		// The ending number of a lost run, in which the shard was closed.
		return refuse(sh.id, lostReason)
	}
	return p.index, nil
}

// clampToEnd keeps an index from lying beyond the end of a closed shard.
func (sh *shard) clampToEnd(i uint64) uint64 {
	if e := sh.ending.Load(); e != nil && i > e.index {
		return e.index
	}
	return i
}

// lostReason says why a number is refused that only a lost run can have given
// out.
const lostReason = "was given out after the stream was saved that was loaded since; what it named is lost"

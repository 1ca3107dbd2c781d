package weir

import (
	"iter"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/weirstream/weir/internal/clock"
	"github.com/weirstream/weir/internal/lineage"
	"github.com/weirstream/weir/internal/shardlog"
	"github.com/weirstream/weir/metrics"
)

// Positions says how far a whole stream has been read: for each shard that was
// begun the number of the last record given out, or its starting number when
// there was none yet, and for each shard that was read to its end its ending
// number. Shards that are not begun, and those that have vanished, are left
// out. [Positions.Of] says it for one shard.
//
// It prints as text, is read back by [ParsePositions], and can be kept for as
// long as the stream: what has been trimmed meanwhile is left out when reading
// resumes. The zero value is no positions.
type Positions []SequenceNumber

// Of returns the number after which a shard is to be read on, and whether there
// is nothing to come: no number if the shard is not begun, its starting number
// if it is begun and gave no record, else the last record's, and its ending
// number if it is finished. A shard is finished when it was closed and has been
// read to its end, or when it was closed before the place from which the stream
// is read. Of a record that has been trimmed the number has another second than
// it had; it still names the same place.
//
// Of a shard that had vanished when the positions were taken nothing is known,
// and Of says that it is not begun; so do positions that were saved before
// finished shards were part of them.
func (p Positions) Of(shard ShardID) (n SequenceNumber, finished bool) {
	for _, n := range p {
		if parts, ok := n.decode(); ok && parts.shard == shard {
			return n, parts.index == closedShardIndex
		}
	}
	return SequenceNumber{}, false
}

// String returns the numbers separated by commas.
func (p Positions) String() string {
	texts := make([]string, len(p))
	for i, n := range p {
		texts[i] = n.String()
	}
	return strings.Join(texts, ",")
}

// MarshalText returns what String does.
func (p Positions) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what [ParsePositions] reads.
func (p *Positions) UnmarshalText(text []byte) (err error) {
	*p, err = ParsePositions(string(text))
	return err
}

// ParsePositions reads what [Positions.String] returned; empty text is no
// positions. The error matches [ErrInvalidSequenceNumber].
func ParsePositions(text string) (Positions, error) {
	if text == "" {
		return nil, nil
	}
	var p Positions
	for _, part := range strings.Split(text, ",") {
		n, err := ParseSequenceNumber(part)
		if err != nil {
			return nil, err
		}
		p = append(p, n)
	}
	return p, nil
}

// Positions returns how far the reader has read: all records that Next returned
// are covered, the batch in hand included. Those of a reader of one shard speak
// of that shard only.
func (r *Reader) Positions() Positions {
	if r.isNone() {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var p Positions
	for _, at := range slices.Concat(r.cursors, r.stopped) {
		p = append(p, at.sh.numberBefore(at.cursor))
	}
	switch {
	case r.walk == nil && len(p) == 0:
		return Positions{r.only.endingNumber()}
	case r.walk == nil:
		return p
	}
	for sh, far := range r.progressLocked() {
		// A shard whose children are open already may have no ending yet, for a
		// moment.
		if n := sh.endingNumber(); far == finished && !n.IsZero() {
			p = append(p, n)
		}
	}
	return p
}

// A progress says how far a shard has been read.
type progress int

const (
	notBegun progress = iota
	begun
	finished
)

// progressLocked yields how far a reader of the whole stream is with each shard
// that has not vanished, children before their parents. Those are finished that
// the walk still needs as such, and those from which one comes that was begun.
func (r *Reader) progressLocked() iter.Seq2[*shard, progress] {
	return func(yield func(*shard, progress) bool) {
		reading, before := make(map[ShardID]bool), make(map[ShardID]bool)
		for _, at := range slices.Concat(r.cursors, r.stopped) {
			reading[at.sh.id] = true
		}
		for _, sh := range slices.Backward(r.stream.routes.Load().all) {
			far := notBegun
			switch {
			case before[sh.id] || r.walk.Over(sh.id):
				far = finished
			case reading[sh.id]:
				far = begun
			}
			if far != notBegun {
				for _, parent := range sh.parents {
					before[parent] = true
				}
			}
			if !yield(sh, far) {
				return
			}
		}
	}
}

// Age returns how long ago the oldest record that the reader has not been given
// yet arrived, or zero when there is none.
func (r *Reader) Age() time.Duration {
	if r.isNone() {
		return 0
	}
	now := r.stream.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ageLocked(now)
}

// ageLocked looks at a shard's children only where the shard has nothing left:
// what they hold is younger than what it does.
func (r *Reader) ageLocked(now clock.Instant) time.Duration {
	age, horizon := int64(0), r.stream.horizonMs(now)
	todo := slices.Clone(r.cursors)
	seen := make(map[ShardID]bool) // a merged shard has two parents
	for i := 0; i < len(todo); i++ {
		sh, c := todo[i].sh, todo[i].cursor
		sh.log.SkipTo(&c, horizon)
		if ms, ok := sh.log.ArrivalAt(c); ok && c.Next < r.tip(sh) {
			age = max(age, now.Ms()-ms)
			continue
		}
		if r.walk == nil || !sh.finished(&c) {
			continue
		}
		for _, child := range sh.ending.Load().children {
			if !seen[child.id] {
				seen[child.id] = true
				todo = append(todo, &shardCursor{sh: child, cursor: shardlog.Cursor{Next: 1}})
			}
		}
	}
	return time.Duration(age) * time.Millisecond
}

// Behind returns how many records there are now that the reader is still to be
// given, and the bytes of their data and partition keys. It looks at every
// shard.
func (r *Reader) Behind() (records, bytes int64) {
	if r.isNone() {
		return 0, 0
	}
	horizonMs := r.stream.horizonMs(r.stream.now())
	r.mu.Lock()
	defer r.mu.Unlock()
	var sum shardlog.Extent
	for sh, c := range r.aheadLocked() {
		sum = sum.Plus(sh.from(c, r.tip(sh), horizonMs))
	}
	return sum.Records, sum.Bytes
}

// Lags returns what [Reader.Behind] does by shard, of those shards that have
// any, and how old it is.
func (r *Reader) Lags() map[ShardID]metrics.Lag {
	if r.isNone() {
		return nil
	}
	now := r.stream.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lagsLocked(now)
}

func (r *Reader) lagsLocked(now clock.Instant) map[ShardID]metrics.Lag {
	lags, horizonMs := make(map[ShardID]metrics.Lag), r.stream.horizonMs(now)
	for sh, c := range r.aheadLocked() {
		if lag := sh.lag(c, r.tip(sh), horizonMs, now); lag.Records > 0 {
			lags[sh.id] = lag
		}
	}
	if len(lags) == 0 {
		return nil
	}
	return lags
}

// aheadLocked yields the shards that the reader has before it, and where in
// them it goes on.
func (r *Reader) aheadLocked() iter.Seq2[*shard, shardlog.Cursor] {
	return func(yield func(*shard, shardlog.Cursor) bool) {
		for _, at := range r.cursors {
			if !yield(at.sh, at.cursor) {
				return
			}
		}
		if r.walk == nil {
			return
		}
		for sh, far := range r.progressLocked() {
			if far == notBegun && !yield(sh, shardlog.Cursor{Next: 1}) {
				return
			}
		}
	}
}

// tip returns the index before which a shard is read.
func (r *Reader) tip(sh *shard) uint64 {
	if r.tips == nil {
		return math.MaxUint64
	}
	return r.tips[sh.id]
}

// Lost returns how many records expired, or were dropped or trimmed, before the
// reader came to them, in the shards that it has begun. What had gone when it
// was made is not lost, unless its position names a number behind which it was:
// that of [AtSequence] and [AfterSequence], and those of [Resume]. Of a shard
// that has vanished since positions were saved nobody knows how much was lost.
func (r *Reader) Lost() int64 {
	if r.isNone() {
		return 0
	}
	now := r.stream.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lostLocked(now)
}

// lostLocked returns what the reader has lost, what it has not come to yet
// included.
func (r *Reader) lostLocked(now clock.Instant) int64 {
	lost, horizonMs := r.lost, r.stream.horizonMs(now)
	for _, at := range r.cursors {
		c := at.cursor
		at.sh.log.SkipTo(&c, horizonMs)
		lost += at.sh.log.Between(at.cursor.Next, min(c.Next, r.tip(at.sh)))
	}
	return lost
}

// MayAggregate reports whether any record of the stream may be an aggregate of
// the Kinesis Producer Library, by its first bytes. False is a promise about
// all that the reader has returned: nobody need look at them. The stream has
// looked when they were put, so it costs an atomic load.
func (r *Reader) MayAggregate() bool {
	return r != nil && r.stream != nil && r.stream.aggregated.Load()
}

// resume continues at positions.
func (r *Reader) resume(p Positions, routes *routing, horizonMs int64) error {
	places, err := r.stream.locatePositions(p, routes, horizonMs)
	if err != nil {
		return err
	}
	var from lineage.Start[ShardID]
	for _, at := range places {
		if at.finished() {
			from.Ended = append(from.Ended, kin([]*shard{at.sh})...)
		} else {
			from.Begun = append(from.Begun, kin([]*shard{at.sh})...)
		}
	}
	r.walk = lineage.New(kin(routes.closedAfter(horizonMs)), from)
	for _, sh := range from.Begun {
		if r.walk.Over(sh.ID) {
			return invalidf("positions", "%v is given as well as a shard that follows it", sh.ID)
		}
	}
	for id := range r.walk.Ready() {
		sh, c := routes.shard(id), shardlog.Cursor{Next: 1}
		if at, ok := places[id]; ok {
			c = at.cursor()
		}
		r.cursors = append(r.cursors, &shardCursor{sh: sh, cursor: c})
	}
	return nil
}

// firstOf returns where shards begin that have been trimmed; nil if none has.
func firstOf(list []*shard) (first map[ShardID]uint64) {
	for _, sh := range list {
		if i := sh.log.First(); i > 1 {
			if first == nil {
				first = make(map[ShardID]uint64)
			}
			first[sh.id] = i
		}
	}
	return first
}

// tips returns the index after the newest record of each shard. It waits for a
// reshard that is under way: between the first put into a child and the end of
// its parents a reader would stop before the child. If one is set no other is
// needed.
func (s *Stream) tips(one bool, only ShardID) map[ShardID]uint64 {
	s.reshard.Lock()
	defer s.reshard.Unlock()
	routes := s.routes.Load()
	if one {
		tips := make(map[ShardID]uint64, 1)
		if sh := routes.shard(only); sh != nil {
			tips[sh.id] = sh.log.End()
		}
		return tips
	}
	tips := make(map[ShardID]uint64, len(routes.all))
	for _, sh := range routes.all {
		tips[sh.id] = sh.log.End()
	}
	return tips
}

// closedAfter returns the shards that are open, or were closed later than ms.
func (r *routing) closedAfter(ms int64) []*shard {
	var list []*shard
	for _, sh := range r.all {
		if !sh.expired(ms) {
			list = append(list, sh)
		}
	}
	return list
}

// kin returns what a lineage is told of shards.
func kin(shards []*shard) []lineage.Shard[ShardID] {
	list := make([]lineage.Shard[ShardID], len(shards))
	for i, sh := range shards {
		list[i] = lineage.Shard[ShardID]{ID: sh.id, Parents: sh.parents}
	}
	return list
}

// A place is what a number of some positions says: the index of the last record
// that was read of a shard.
type place struct {
	sh    *shard
	index uint64
}

// cursor returns where the shard is read on.
func (p place) cursor() shardlog.Cursor {
	return shardlog.Cursor{Next: p.sh.clampToEnd(min(p.index, closedShardIndex-1) + 1)}
}

// finished reports whether the shard was read to its end.
func (p place) finished() bool { return p.index == closedShardIndex && p.sh.ending.Load() != nil }

// locatePositions returns what positions say of shards that have not vanished.
// What those held that have vanished is expired.
func (s *Stream) locatePositions(p Positions, routes *routing, horizonMs int64) (map[ShardID]place, error) {
	places := make(map[ShardID]place, len(p))
	for _, n := range p {
		sh, i, err := s.locateNumber(n, routes, horizonMs)
		switch {
		case err != nil:
			return nil, err
		case sh == nil:
			continue
		}
		if _, twice := places[sh.id]; twice {
			return nil, invalidf("positions", "%v is given twice", sh.id)
		}
		places[sh.id] = place{sh, i}
	}
	return places, nil
}

// locateNumber returns the shard and the index that n encodes, or no shard if
// it has vanished.
func (s *Stream) locateNumber(n SequenceNumber, routes *routing, horizonMs int64) (*shard, uint64, error) {
	parts, ok := n.decode()
	if !ok {
		return nil, 0, &SequenceNumberError{Text: n.String(), Reason: "is invalid", Shard: parts.shard, Encodes: parts.shard, Malformed: true}
	}
	if parts.shard >= routes.next {
		return nil, 0, s.shardNotFound(parts.shard)
	}
	sh := routes.shard(parts.shard)
	if sh == nil || sh.expired(horizonMs) {
		return nil, 0, nil
	}
	i, err := sh.locateNumber(n)
	return sh, i, err
}

// Oldest returns the index of the oldest record of a shard that can be read, or
// of the next one that is put if there is none. It returns false if the shard
// has vanished, or never was.
func (r *Reader) Oldest(shard ShardID) (index uint64, ok bool) {
	if r.isNone() {
		return 0, false
	}
	horizonMs := r.stream.horizonMs(r.stream.now())
	sh := r.stream.routes.Load().shard(shard)
	if sh == nil || sh.expired(horizonMs) {
		return 0, false
	}
	c := shardlog.Cursor{Next: 1}
	sh.log.SkipTo(&c, horizonMs)
	return c.Next, true
}

// OnDisk reports whether [Reader.TryNext] would read the disk: the records that
// it returns next have left memory, see [Spill], and [Reader.Fetch] has not
// brought them back. For who reads with a lock held.
func (r *Reader) OnDisk() bool {
	if r.isNone() {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.coldLocked() != nil
}

// RecordOnDisk reports whether [Reader.AppendRecord] would read the disk.
func (r *Reader) RecordOnDisk(shard ShardID, index uint64) bool {
	if r.isNone() {
		return false
	}
	sh := r.stream.routes.Load().shard(shard)
	if sh == nil {
		return false
	}
	_, ok := sh.log.OnDiskAt(shardlog.Cursor{Next: index})
	return ok
}

// Fetch brings the records into memory that [Reader.TryNext] returns next, if
// they have left it: then that reads no disk, unless somebody else reads with
// the reader meanwhile. Fetch holds no lock while it reads, and moves nothing.
// The error is a [*StorageError] if they cannot be read.
func (r *Reader) Fetch() error {
	if r.isNone() {
		return errNoReader()
	}
	r.mu.Lock()
	at := r.coldLocked()
	if at == nil || r.closed {
		r.mu.Unlock()
		return nil
	}
	c, most := at.cursor, r.wanted(at, readerBatchRecords)
	got := fetched{of: at, next: c.Next}
	r.mu.Unlock()
	log := &at.sh.log
	log.SkipTo(&c, r.stream.horizonMs(r.stream.now()))
	for budget := log.ReadAtOnce(readerBatchBytes); most > 0; {
		n, bytes := log.Take(&c, most, budget, len(got.blocks) == 0)
		if n == 0 {
			break
		}
		got.blocks = append(got.blocks, c)
		c.Next, most, budget = c.Next+uint64(n), most-n, budget-bytes
	}
	if err := c.Err(); err != nil && len(got.blocks) == 0 {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fetched = got
	return nil
}

// fetched is what Fetch has brought into memory for a cursor at an index: as
// long as somebody holds the blocks they are found there.
type fetched struct {
	of     *shardCursor
	next   uint64
	blocks []shardlog.Cursor
}

// coldLocked returns the cursor that is read next, if its records are on disk
// and were not fetched; else nil.
func (r *Reader) coldLocked() *shardCursor {
	for i := range r.cursors {
		place := (r.turn + i) % len(r.cursors)
		at := r.cursors[place]
		if at.cursor.Next >= at.sh.log.End() {
			continue // it has nothing, and the next one is tried
		}
		first, ok := at.sh.log.OnDiskAt(at.cursor)
		if !ok {
			return nil
		}
		for _, other := range r.cursors {
			if p, ok := other.sh.log.OnDiskAt(other.cursor); ok && !at.failed && !other.failed && p.Before(first) {
				first, at = p, other
			}
		}
		if r.fetched.of == at && r.fetched.next == at.cursor.Next {
			return nil
		}
		return at
	}
	return nil
}

// Changes returns a channel that is closed when there may be more to read than
// at the call: for those who wait for something else as well. Enter, then look.
func (r *Reader) Changes() <-chan struct{} {
	if r.isNone() {
		return nil
	}
	return r.changes().Enter()
}

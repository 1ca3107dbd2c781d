package weir

import (
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/weirstream/weir/internal/clock"
	"github.com/weirstream/weir/internal/lineage"
	"github.com/weirstream/weir/internal/shardlog"
	"github.com/weirstream/weir/internal/wait"
)

// A Reader reads one shard, or a whole stream in order, straight from memory:
// it is no call of the service, spends no read quota, and waits for records
// without polling. Read with it from one goroutine at a time; its other methods
// may be called from any. A nil Reader reads nothing: its Next returns an error
// that matches [ErrInvalidArgument].
type Reader struct {
	stream *Stream
	name   string
	only   *shard // what it reads, unless that is the whole stream
	strict bool   // losing records is an error
	unseen bool   // it is no part of metrics
	// tips, unless nil, says at which index to stop in each shard. Shards that
	// are not in it are not read.
	tips map[ShardID]uint64
	// trimmed says where shards begin that had lost records before the reader
	// was made and that it begins later: these it has not lost.
	trimmed map[ShardID]uint64

	closing wait.List // waits for Close

	mu      sync.Mutex     // guards what follows; never held while waiting
	cursors []*shardCursor // the shards being read
	stopped []*shardCursor // those that were read to their tip
	turn    int            // the cursor to begin the next read with
	// walk says what to begin when a shard is read to its end; nil if the
	// reader ends with its one shard. Invariant: it has the shards of cursors
	// as ready ones.
	walk    *lineage.Walk[ShardID]
	closed  bool
	records int64
	bytes   int64
	lost    int64
	fetched fetched

	batch []Record
}

// shardCursor is a reader's place in one shard.
type shardCursor struct {
	sh     *shard
	cursor shardlog.Cursor
	failed bool // it could not be read when it was tried last
}

const (
	// readerBatchRecords is how many records Next takes at once.
	readerBatchRecords = 256
	// readerBatchBytes bounds what is taken from a shard at once.
	readerBatchBytes = 10 << 20
)

// NewReader returns a reader that begins at a position. Of the whole stream
// each key's records come in the order in which they were put, over any number
// of splits and merges, because a shard is begun only when its parents are read
// to their end; a sequence number is a position in one shard and needs
// [Position.In].
//
// Close the reader when it is not needed any more: until then it is part of the
// stream's metrics under name, which may be empty.
//
// The error is one of [Stream.Iterator] or, where positions are resumed,
// matches [ErrInvalidSequenceNumber] when they are not of this stream, and
// [ErrInvalidArgument] when they contradict each other.
func (s *Stream) NewReader(name string, from Position) (*Reader, error) {
	r := &Reader{stream: s, name: name, strict: from.strict, unseen: from.unseen}
	if from.toTip {
		r.tips = s.tips(from.one, from.shard)
	}
	// Clock, retention and shards are looked at once: what has vanished for one
	// shard has for all.
	now := s.now()
	routes, horizonMs := s.routes.Load(), s.horizonMs(now)
	var err error
	switch {
	case from.one:
		err = r.beginShard(from, routes, now, horizonMs)
	case from.saved != nil:
		err = r.resume(*from.saved, routes, horizonMs)
	default:
		err = r.begin(from, routes, now, horizonMs)
	}
	if err != nil {
		return nil, err
	}
	if !r.unseen {
		s.readers.add(r)
	}
	return r, nil
}

// beginShard begins to read one shard.
func (r *Reader) beginShard(from Position, routes *routing, now clock.Instant, horizonMs int64) error {
	sh := routes.shard(from.shard)
	if sh == nil || sh.expired(horizonMs) {
		return r.stream.shardNotFound(from.shard)
	}
	if from.saved != nil {
		places, err := r.stream.locatePositions(*from.saved, routes, horizonMs)
		if err != nil {
			return err
		}
		if at, ok := places[sh.id]; ok {
			r.only, r.cursors = sh, []*shardCursor{{sh: sh, cursor: at.cursor()}}
			return nil
		}
	}
	at, err := sh.enter(from, now, horizonMs)
	if err != nil {
		return err
	}
	r.only, r.cursors = sh, []*shardCursor{at}
	return nil
}

// enter returns the place of a reader that begins at a position. One that names
// a number stands there, even if the record is gone; one that does not begins
// with what there is.
func (sh *shard) enter(from Position, now clock.Instant, horizonMs int64) (*shardCursor, error) {
	c, err := sh.locate(from, now)
	if from.kind != atSequence && from.kind != afterSequence {
		sh.log.SkipTo(&c, horizonMs)
	}
	return &shardCursor{sh: sh, cursor: c}, err
}

// begin begins with the shards that can hold records from a position on and
// none of whose parents can.
func (r *Reader) begin(from Position, routes *routing, now clock.Instant, horizonMs int64) error {
	list := routes.open
	switch from.kind {
	case atSequence, afterSequence:
		return invalidf("position", "%v belongs to one shard; a stream is read from the trim horizon, latest or a time", from)
	case atTime:
		if from.ms > now.Ms() {
			return inFuture(from.ms, now)
		}
		list = routes.closedAfter(max(horizonMs, from.ms-1))
	case trimHorizon:
		list = routes.closedAfter(horizonMs)
	}
	r.walk = lineage.New(kin(list), lineage.Start[ShardID]{})
	for id := range r.walk.Ready() {
		at, err := routes.shard(id).enter(from, now, horizonMs)
		if err != nil {
			return err
		}
		r.cursors = append(r.cursors, at)
	}
	r.trimmed = firstOf(list)
	return nil
}

// Next returns the next records of one shard, in order, and waits for some when
// there are none. The slice is overwritten by the next call.
//
// A reader of one shard gives the last batch of a closed shard, with its
// children, even if it has no records, and then [io.EOF]. A reader of the whole
// stream follows the children itself and gives no last batches; it gets io.EOF
// when the stream has been read to the end that [Stream.EndWrites] or
// [Position.ToTip] gave it. Next also returns the context's error, one that
// matches [ErrClosed], a [*RecordsLostError] when the reader is to be strict,
// and a [*StorageError] where records cannot be read that have left memory,
// see [Spill]; after that it goes on: with other shards, and then with the same
// records again. Children of such a shard wait: a key's records have an order.
func (r *Reader) Next(ctx context.Context) (Batch, error) {
	if err := r.check(ctx); err != nil {
		return Batch{}, err
	}
	return r.next(ctx, readerBatchRecords)
}

// NextBatch is [Reader.Next] for at most so many records of one shard, for
// which it waits longer: once there is a first one, until there are that many,
// or linger has passed, or the shard or the context ends.
func (r *Reader) NextBatch(ctx context.Context, most int, linger time.Duration) (Batch, error) {
	if err := r.check(ctx); err != nil {
		return Batch{}, err
	}
	if most < 1 {
		return Batch{}, invalidf("most records", "%d is less than 1", most)
	}
	if linger < 0 {
		return Batch{}, invalidf("linger", "%v is negative", linger)
	}
	b, err := r.next(ctx, most)
	if err != nil || linger == 0 || len(b.Records) >= most || b.Last {
		return b, err
	}
	timer := time.NewTimer(linger)
	defer timer.Stop()
	for {
		changed, closed := r.changes().Enter(), r.closing.Enter()
		if r.more(&b, most) {
			return b, nil
		}
		select {
		case <-changed:
		case <-closed:
			return b, nil
		case <-timer.C:
			return b, nil
		case <-ctx.Done():
			return b, nil
		}
	}
}

// check checks what Next is called with.
func (r *Reader) check(ctx context.Context) error {
	if r.isNone() {
		return errNoReader()
	}
	return checkContext(ctx)
}

func errNoReader() error { return invalidf("reader", "is none; NewReader makes one") }

// isNone reports whether NewReader did not make the reader.
func (r *Reader) isNone() bool { return r == nil || r.stream == nil }

func (r *Reader) next(ctx context.Context, most int) (Batch, error) {
	for {
		if err := ctx.Err(); err != nil {
			return Batch{}, err
		}
		b, err := r.try(most)
		if len(b.Records) > 0 || b.Last || err != nil {
			return b, err
		}
		// Enter, then look again: what was put in between is not missed.
		changed, closed := r.changes().Enter(), r.closing.Enter()
		b, err = r.try(most)
		if len(b.Records) > 0 || b.Last || err != nil {
			return b, err
		}
		select {
		case <-changed:
		case <-closed:
		case <-ctx.Done():
		}
	}
}

// TryNext is [Reader.Next] without the waiting: it returns a zero Batch when
// there is nothing now.
func (r *Reader) TryNext() (Batch, error) {
	if r.isNone() {
		return Batch{}, errNoReader()
	}
	return r.try(readerBatchRecords)
}

func (r *Reader) try(most int) (Batch, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return Batch{}, r.errClosed()
	}
	defer func() { r.fetched = fetched{} }() // it is the batch's now
	return r.nextLocked(r.stream.now(), most)
}

func (r *Reader) errClosed() error {
	return fmt.Errorf("reader %q of stream %s: %w", r.name, r.stream.name, ErrClosed)
}

// changes returns what to wait for.
func (r *Reader) changes() *wait.List {
	if r.walk != nil {
		return &r.stream.waiting
	}
	return &r.only.waiting
}

// nextLocked reads from the shards in turn until one has records.
func (r *Reader) nextLocked(now clock.Instant, most int) (Batch, error) {
	horizonMs, inTurn := r.stream.horizonMs(now), false
	for tried := 0; tried < len(r.cursors); tried++ {
		if r.turn >= len(r.cursors) {
			r.turn = 0
		}
		place := r.placeLocked(inTurn)
		at := r.cursors[place]
		r.batch = r.batch[:0]
		err := r.readLocked(at, now, horizonMs, most)
		if at.failed = err != nil; at.failed {
			r.turn++ // or a shard that cannot be read would hold up the others
			return Batch{}, err
		}
		finished := at.sh.finished(&at.cursor)
		switch {
		case finished && r.only != nil:
			b := r.batchLocked(at, now)
			at.sh.endBatch(&b)
			r.cursors = nil
			return b, nil
		case len(r.batch) > 0:
			r.turn++
			return r.batchLocked(at, now), nil
		case finished:
			r.endShardLocked(place)
			tried = -1 // children may have been added
		case r.wanted(at, most) == 0:
			r.stopped = append(r.stopped, at)
			r.removeLocked(place)
			tried = -1
		case place != r.turn:
			inTurn, tried = true, -1 // whose turn it is was not tried
		default:
			r.turn++
		}
	}
	if len(r.cursors) == 0 {
		return Batch{}, io.EOF
	}
	return Batch{}, nil
}

// placeLocked returns the place of the cursor to read from: whose turn it is,
// or, unless inTurn, if that is on disk, whose records come first there: so
// the files are read once, and not once for each shard.
func (r *Reader) placeLocked(inTurn bool) int {
	place, at := r.turn, r.cursors[r.turn]
	first, ok := at.sh.log.OnDiskAt(at.cursor)
	if !ok || at.failed || inTurn {
		return place
	}
	for i, at := range r.cursors {
		if p, ok := at.sh.log.OnDiskAt(at.cursor); ok && !at.failed && p.Before(first) {
			first, place = p, i
		}
	}
	return place
}

// batchLocked returns the batch that was just read from a shard.
func (r *Reader) batchLocked(at *shardCursor, now clock.Instant) Batch {
	behind := at.sh.behindLatest(&at.cursor, r.batch, now)
	return Batch{
		Shard: at.sh.id, Records: r.batch, Continue: at.sh.after(&at.cursor, r.batch),
		Behind: time.Duration(behind) * time.Millisecond,
	}
}

// more reads on into a batch, and reports whether that is not to be prolonged.
func (r *Reader) more(b *Batch, most int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.stream.now()
	i := slices.IndexFunc(r.cursors, func(at *shardCursor) bool { return at.sh.id == b.Shard })
	if r.closed || i < 0 {
		return true
	}
	at := r.cursors[i]
	r.batch = b.Records
	if err := r.readLocked(at, now, r.stream.horizonMs(now), most-len(b.Records)); err != nil {
		return true // the next call meets it again
	}
	finished := at.sh.finished(&at.cursor)
	*b = r.batchLocked(at, now)
	if finished && r.only != nil {
		at.sh.endBatch(b)
		r.cursors = nil
	}
	return finished || len(b.Records) >= most || r.wanted(at, most) == 0
}

// readLocked reads up to so many records of one shard onto r.batch. Where a
// strict reader has lost records it stops: before them if there is anything in
// r.batch then, else behind them. It returns an error if it stops before it has
// read any.
func (r *Reader) readLocked(at *shardCursor, now clock.Instant, horizonMs int64, most int) error {
	wanted := r.wanted(at, most)
	if wanted == 0 {
		return nil
	}
	sh, begin, c, before := at.sh, at.cursor.Next, at.cursor, len(r.batch)
	batch, size := sh.read(r.batch, &c, horizonMs, wanted, sh.log.ReadAtOnce(readerBatchBytes))
	if err := c.Err(); err != nil && len(batch) == before {
		return err
	}
	if r.tips != nil { // trimming may have moved the cursor towards the tip, and the read beyond it
		c.Next = min(c.Next, r.tips[sh.id])
		batch, size = cut(batch, size, before, c.Next)
	}
	// The cursor has moved over what was read and over what was gone: what there
	// ever was in between and is not in the batch is lost.
	lost := sh.log.Between(begin, c.Next) - int64(len(batch)-before)
	if lost > 0 && r.strict {
		from, to := sh.missing(begin, c.Next, batch[before:])
		if from == begin {
			return r.loseLocked(at, from, to)
		}
		// Records were trimmed while they were read, behind some that were not: these
		// are given first, and the next call meets the gap.
		c.Next, lost = from, 0
		batch, size = cut(batch, size, before, from)
	}
	at.cursor, r.batch = c, batch
	r.lost += lost
	if n := len(batch) - before; n > 0 {
		r.records += int64(n)
		r.bytes += int64(size)
		if !r.unseen {
			sh.countTail(now, n, size)
		}
	}
	return nil
}

// cut takes the records with index i and above out of a batch, down to so many.
func cut(batch []Record, size, least int, i uint64) ([]Record, int) {
	for n := len(batch); n > least && batch[n-1].SequenceNumber.Index() >= i; n-- {
		size -= batch[n-1].Size()
		batch = batch[:n-1]
	}
	return batch, size
}

// missing returns the first indexes, from one to before another, of which the
// shard had records that are not among those that were read from i on and
// before end.
func (sh *shard) missing(i, end uint64, records []Record) (from, to uint64) {
	for n := range records {
		at := records[n].SequenceNumber.Index()
		if sh.log.Between(i, at) > 0 {
			return i, at
		}
		i = at + 1
	}
	return i, end
}

// loseLocked returns the error that says what is lost. Unless there are records
// to be given first, the reader goes on behind that.
func (r *Reader) loseLocked(at *shardCursor, from, to uint64) error {
	sh := at.sh
	n := sh.log.Between(from, to)
	if len(r.batch) == 0 {
		r.lost += n
		at.cursor.Next = to
	}
	number := func(i uint64) SequenceNumber { return newSequenceNumber(sh.created, sh.id, i, sh.created) }
	first, last := sh.log.BehindGap(from), sh.log.Previous(to) // no record lies in a gap
	return &RecordsLostError{Stream: r.stream.name, Shard: sh.id, Records: n, From: number(first), To: number(last)}
}

// lost returns the error that says that one record is lost.
func (s *Stream) lost(shard ShardID, n SequenceNumber) error {
	return &RecordsLostError{Stream: s.name, Shard: shard, Records: 1, From: n, To: n}
}

// AppendRecord appends the record of a shard that has an index to dst: for who
// keeps state for single records, and comes back to one that Next returned. The
// error is a [*RecordsLostError] if the record cannot be read any more, or
// there is none yet, and a [*StorageError] if it has left memory and is not to
// be had; then dst is returned as it was. It costs a lookup among blocks.
func (r *Reader) AppendRecord(dst []Record, shard ShardID, index uint64) ([]Record, error) {
	if r.isNone() {
		return dst, errNoReader()
	}
	s := r.stream
	horizonMs := s.horizonMs(s.now())
	sh := s.routes.Load().shard(shard)
	if sh == nil || sh.expired(horizonMs) {
		return dst, s.lost(shard, SequenceNumber{})
	}
	c, n := shardlog.Cursor{Next: index}, len(dst)
	dst, _ = sh.read(dst, &c, horizonMs, 1, 0)
	if err := c.Err(); err != nil {
		return dst[:n], err
	}
	if len(dst) == n || dst[n].SequenceNumber.Index() != index {
		number := newSequenceNumber(sh.created, shard, min(index, closedShardIndex-1), sh.created)
		return dst[:n], s.lost(shard, number)
	}
	return dst, nil
}

// wanted returns how many records to read from a shard at once: none at its tip
// if the reader stops there.
func (r *Reader) wanted(at *shardCursor, most int) int {
	if r.tips == nil {
		return most
	}
	tip := r.tips[at.sh.id]
	if at.cursor.Next >= tip {
		return 0
	}
	return int(min(uint64(most), tip-at.cursor.Next))
}

func (r *Reader) removeLocked(place int) {
	r.cursors = append(r.cursors[:place], r.cursors[place+1:]...)
}

// endShardLocked replaces the shard at a place, which has been read to its end,
// by those of its children whose parents have all been read. Shards that vanish
// before the reader comes to them change nothing: it knows them by their
// parents, and reads them to their end, without records.
func (r *Reader) endShardLocked(place int) {
	sh := r.cursors[place].sh
	r.removeLocked(place)
	children := sh.ending.Load().children
	begin := r.walk.Ended(sh.id, kin(children)...)
	if len(children) > 0 {
		r.walk.Forget(sh.id) // the reader looks at no other listing
	}
	for _, child := range children {
		if slices.Contains(begin, child.id) {
			c := shardlog.Cursor{Next: max(1, r.trimmed[child.id])}
			r.cursors = append(r.cursors, &shardCursor{sh: child, cursor: c})
		}
	}
}

// Close ends the reader, a waiting Next included, which returns an error that
// matches [ErrClosed], and takes it out of the stream's metrics.
func (r *Reader) Close() {
	if r.isNone() {
		return
	}
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.closing.Wake()
	r.stream.readers.remove(r)
}

// readerSet is the readers that metrics report.
type readerSet struct {
	mu      sync.Mutex // guards readers; taken before a Reader's
	readers []*Reader
}

func (set *readerSet) add(r *Reader) {
	set.mu.Lock()
	defer set.mu.Unlock()
	set.readers = append(set.readers, r)
}

func (set *readerSet) remove(r *Reader) {
	set.mu.Lock()
	defer set.mu.Unlock()
	set.readers = slices.DeleteFunc(set.readers, func(other *Reader) bool { return other == r })
}

// Records yields the records from a position on, as a [Reader] reads them, and
// waits for more until ctx ends, which is the last thing it yields, or until
// there is no more to come: where the one shard ends, the stream, or the
// position does. An error is yielded once, last, with a zero Record.
func (s *Stream) Records(ctx context.Context, from Position) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		r, err := s.NewReader("", from)
		if err != nil {
			yield(Record{}, err)
			return
		}
		defer r.Close()
		for {
			b, err := r.Next(ctx)
			if err == io.EOF {
				return
			}
			if err != nil {
				yield(Record{}, err)
				return
			}
			for i := range b.Records {
				if !yield(b.Records[i], nil) {
					return
				}
			}
		}
	}
}

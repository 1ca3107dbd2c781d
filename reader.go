package weir

import (
	"context"
	"errors"
	"io"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/weirstream/weir/internal/lineage"
	"github.com/weirstream/weir/internal/shardlog"
	"github.com/weirstream/weir/internal/wait"
)

// A Reader reads one shard, or a whole stream in order, straight from memory: it
// is no call of the service, spends no read quota, and waits for records without
// polling. Use it from one goroutine at a time; [Reader.Age] and [Reader.Close]
// may be called from any.
type Reader struct {
	stream *Stream
	name   string
	only   *shard // what it reads, unless that is the whole stream
	// tips, unless nil, says at which index to stop in each shard. Shards that are
	// not in it are not read.
	tips map[ShardID]uint64

	closing wait.List // waits for Close

	mu      sync.Mutex     // guards what follows; never held while waiting
	cursors []*shardCursor // the shards being read
	turn    int            // the cursor to begin the next read with
	// walk says what to begin when a shard is read to its end; nil if the reader ends
	// with its one shard. Invariant: it has the shards of cursors as ready ones.
	walk    *lineage.Walk[ShardID]
	closed  bool
	records int64
	bytes   int64

	batch []Record
}

// shardCursor is a reader's place in one shard.
type shardCursor struct {
	sh     *shard
	cursor shardlog.Cursor
}

// readerBatchRecords and readerBatchBytes are how much a Reader takes at once.
const (
	readerBatchRecords = 256
	readerBatchBytes   = 10 * mib
)

// ErrReaderClosed says that a [Reader] was closed.
var ErrReaderClosed = errors.New("reader closed")

// ReadShard returns a reader of one shard. Close it when it is not needed any
// more: until then its age is part of the stream's metrics under name, which may
// be empty.
func (s *Stream) ReadShard(name string, shard ShardID, from Position) (*Reader, error) {
	now := s.now()
	sh, err := s.readable(shard, now)
	if err != nil {
		return nil, err
	}
	c, err := sh.locate(from, now)
	if err != nil {
		return nil, err
	}
	r := &Reader{stream: s, name: name, only: sh, cursors: []*shardCursor{{sh, c}}}
	s.readers.add(r)
	return r, nil
}

// ReadStream returns a reader of the whole stream. Each key's records come in
// the order in which they were put, over any number of splits and merges,
// because a shard is begun only when its parents are read to their end. from is
// the trim horizon, latest or a time. Close the reader as [Stream.ReadShard]
// says.
func (s *Stream) ReadStream(name string, from Position) (*Reader, error) {
	return s.readOn(name, nil, from)
}

// readOn returns a reader of the whole stream that continues at saved positions
// or, if there are none, begins at another one. Clock, retention and shards are
// looked at once: what has vanished for one shard has for all.
func (s *Stream) readOn(name string, saved Positions, from Position) (*Reader, error) {
	now := s.now()
	routes, horizonMs := s.routes.Load(), s.horizonMs(now)
	r := &Reader{stream: s, name: name}
	var err error
	if len(saved) > 0 {
		err = r.resume(saved, routes, horizonMs)
	} else {
		err = r.begin(from, routes, now, horizonMs)
	}
	if err != nil {
		return nil, err
	}
	s.readers.add(r)
	return r, nil
}

// begin begins with the shards that can hold records from a position on and none
// of whose parents can.
func (r *Reader) begin(from Position, routes *routing, now instant, horizonMs int64) error {
	list := routes.open
	switch from.kind {
	case atSequence, afterSequence:
		return invalidf("position", "%v belongs to one shard; a stream is read from the trim horizon, latest or a time", from)
	case atTime:
		list = routes.closedAfter(max(horizonMs, from.ms-1))
	case trimHorizon:
		list = routes.closedAfter(horizonMs)
	}
	r.walk = lineage.New(kin(list), lineage.Start[ShardID]{})
	for id := range r.walk.Ready() {
		sh := routes.shard(id)
		c, err := sh.locate(from, now)
		if err != nil {
			return err
		}
		r.cursors = append(r.cursors, &shardCursor{sh, c})
	}
	return nil
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
		list[i] = lineage.Shard[ShardID]{ID: sh.shard, Parents: sh.parents}
	}
	return list
}

// Next returns the next records of one shard, in order, and waits for some when
// there are none. It returns [io.EOF] when a closed shard is read to its end
// (a whole stream has no end), or the context's error. The slice is overwritten
// by the next call; the records in it may be kept as [Record] says.
func (r *Reader) Next(ctx context.Context) ([]Record, error) {
	for {
		if err := checkContext(ctx); err != nil {
			return nil, err
		}
		records, err := r.TryNext()
		if len(records) > 0 || err != nil {
			return records, err
		}
		// Enter, then look again: what was put in between is not missed.
		changed, closed := r.changes().Enter(), r.closing.Enter()
		records, err = r.TryNext()
		if len(records) > 0 || err != nil {
			return records, err
		}
		select {
		case <-changed:
		case <-closed:
		case <-ctx.Done():
		}
	}
}

// TryNext is [Reader.Next] without the waiting: it returns no records when there
// are none now.
func (r *Reader) TryNext() ([]Record, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, ErrReaderClosed
	}
	return r.nextLocked(r.stream.now())
}

// changes returns what to wait for.
func (r *Reader) changes() *wait.List {
	if r.walk != nil {
		return &r.stream.waiting
	}
	return &r.only.waiting
}

// nextLocked reads from the shards in turn until one has records.
func (r *Reader) nextLocked(now instant) ([]Record, error) {
	horizonMs := r.stream.horizonMs(now)
	for tried := 0; tried < len(r.cursors); tried++ {
		if r.turn >= len(r.cursors) {
			r.turn = 0
		}
		at := r.cursors[r.turn]
		if r.readLocked(at, now, horizonMs) {
			r.turn++
			return r.batch, nil
		}
		switch {
		case at.sh.finished(&at.cursor):
			r.endShardLocked(r.turn)
			tried = -1 // children may have been added
		case r.wanted(at) == 0:
			r.removeLocked(r.turn)
			tried = -1
		default:
			r.turn++
		}
	}
	if len(r.cursors) == 0 {
		return nil, io.EOF
	}
	return nil, nil
}

// readLocked reads from one shard into r.batch and reports whether there was
// anything.
func (r *Reader) readLocked(at *shardCursor, now instant, horizonMs int64) bool {
	wanted := r.wanted(at)
	if wanted == 0 {
		return false
	}
	var size int
	r.batch, size = at.sh.read(r.batch[:0], &at.cursor, horizonMs, wanted, readerBatchBytes)
	if r.tips != nil { // trimming may have moved the cursor towards the tip, and the read beyond it
		for n := len(r.batch); n > 0 && r.batch[n-1].SequenceNumber.Index() >= r.tips[at.sh.shard]; n-- {
			size -= r.batch[n-1].Size()
			r.batch = r.batch[:n-1]
		}
	}
	if len(r.batch) == 0 {
		return false
	}
	r.records += int64(len(r.batch))
	r.bytes += int64(size)
	at.sh.countTail(now, len(r.batch), size)
	return true
}

// wanted returns how many records to read from a shard at once: none at its tip
// if the reader stops there.
func (r *Reader) wanted(at *shardCursor) int {
	if r.tips == nil {
		return readerBatchRecords
	}
	tip := r.tips[at.sh.shard]
	if at.cursor.Next >= tip {
		return 0
	}
	return int(min(readerBatchRecords, tip-at.cursor.Next))
}

func (r *Reader) removeLocked(place int) {
	r.cursors = append(r.cursors[:place], r.cursors[place+1:]...)
}

// endShardLocked replaces the shard at a place, which has been read to its end,
// by those of its children whose parents have all been read. Shards that vanish
// before the reader comes to them change nothing: it knows them by their parents,
// and reads them to their end, without records.
func (r *Reader) endShardLocked(place int) {
	sh := r.cursors[place].sh
	r.removeLocked(place)
	if r.walk == nil {
		return
	}
	children := sh.ending.Load().children
	begin := r.walk.Ended(sh.shard, kin(children)...)
	r.walk.Forget(sh.shard) // the reader looks at no other listing
	for _, child := range children {
		if slices.Contains(begin, child.shard) {
			r.cursors = append(r.cursors, &shardCursor{child, shardlog.Cursor{Next: 1}})
		}
	}
}

// Age returns how long ago the oldest record that the reader has not been given
// yet arrived, or zero when there is none.
func (r *Reader) Age() time.Duration {
	now := r.stream.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ageLocked(now)
}

func (r *Reader) ageLocked(now instant) time.Duration {
	age, horizon := int64(0), r.stream.horizonMs(now)
	for _, at := range r.cursors {
		age = max(age, at.sh.ageMs(at.cursor, horizon, now))
	}
	return time.Duration(age) * time.Millisecond
}

// Close ends the reader, a waiting Next included, which returns
// [ErrReaderClosed], and takes it out of the stream's metrics.
func (r *Reader) Close() {
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
	for i := range set.readers {
		if set.readers[i] == r {
			set.readers = append(set.readers[:i], set.readers[i+1:]...)
			return
		}
	}
}

// Records reads one shard from a position on and waits for more until ctx ends,
// which is the last thing it yields, or the shard is closed and read to its end.
// An error is yielded once, last, with a zero Record.
func (s *Stream) Records(ctx context.Context, shard ShardID, from Position) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		r, err := s.ReadShard("", shard, from)
		yieldAll(ctx, r, err, yield)
	}
}

// All reads the whole stream from a position on, each key in the order in which
// it was put, over any number of splits and merges, and waits for more until ctx
// ends. from is the trim horizon, latest or a time.
func (s *Stream) All(ctx context.Context, from Position) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		r, err := s.ReadStream("", from)
		yieldAll(ctx, r, err, yield)
	}
}

// RecordsToTip is [Stream.Records] without the waiting: it ends where the shard
// ended when the loop began.
func (s *Stream) RecordsToTip(ctx context.Context, shard ShardID, from Position) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		tips := s.tips()
		r, err := s.ReadShard("", shard, from)
		yieldAll(ctx, r.stopAt(tips), err, yield)
	}
}

// AllToTip is [Stream.All] without the waiting: it ends where the shards ended
// when the loop began.
func (s *Stream) AllToTip(ctx context.Context, from Position) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		tips := s.tips()
		r, err := s.ReadStream("", from)
		yieldAll(ctx, r.stopAt(tips), err, yield)
	}
}

// tips returns the index after the newest record of each shard. It waits for a
// reshard that is under way: between the first put into a child and the end of
// its parents a reader would stop before the child.
func (s *Stream) tips() map[ShardID]uint64 {
	s.reshard.Lock()
	defer s.reshard.Unlock()
	tips := make(map[ShardID]uint64)
	for _, sh := range s.routes.Load().all {
		tips[sh.shard] = sh.log.End()
	}
	return tips
}

// stopAt makes a new reader, unless nil, stop at tips.
func (r *Reader) stopAt(tips map[ShardID]uint64) *Reader {
	if r != nil {
		r.tips = tips
	}
	return r
}

// yieldAll yields what r reads until it ends or the caller stops, and closes r.
// If err is not nil, that is all it yields.
func yieldAll(ctx context.Context, r *Reader, err error, yield func(Record, error) bool) {
	if err != nil {
		yield(Record{}, err)
		return
	}
	defer r.Close()
	for {
		records, err := r.Next(ctx)
		if err == io.EOF {
			return
		}
		if err != nil {
			yield(Record{}, err)
			return
		}
		for i := range records {
			if !yield(records[i], nil) {
				return
			}
		}
	}
}

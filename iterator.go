package weir

import (
	"context"
	"slices"
	"time"

	"github.com/weirstream/weir/internal/quota"
	"github.com/weirstream/weir/internal/shardlog"
)

// An Iterator is a shard iterator: a position in a shard that expires
// [Limits.IteratorLifetime] after its issue. Until then it can be used any
// number of times, and gives the records from the same position each time,
// those that arrived meanwhile included. The zero value is no iterator. Iterators
// are values and may be copied; [Stream.Token] turns one into text.
type Iterator struct {
	stream  *Stream // nil in the zero value
	shard   ShardID
	created uint64 // of the shard
	issued  instant
	cursor  shardlog.Cursor
}

// IsZero reports whether it is the zero value: what a batch holds as its next
// iterator when the shard is closed and read to its end.
func (it Iterator) IsZero() bool { return it.stream == nil }

// ShardID returns the shard that it reads.
func (it Iterator) ShardID() ShardID { return it.shard }

// IssuedAt returns when it was issued.
func (it Iterator) IssuedAt() time.Time { return it.issued.time() }

// Iterator issues an iterator for a shard. The error matches [ErrShardNotFound],
// [ErrInvalidArgument] for a timestamp in the future, or
// [ErrInvalidSequenceNumber] for a number that is not one of this shard.
func (s *Stream) Iterator(shard ShardID, from Position) (Iterator, error) {
	now := s.now()
	sh, err := s.readable(shard, now)
	if err != nil {
		return Iterator{}, err
	}
	c, err := sh.locate(from, now)
	if err != nil {
		return Iterator{}, err
	}
	return Iterator{stream: s, shard: shard, created: sh.created, issued: now, cursor: c}, nil
}

// readable returns a shard that has not vanished.
func (s *Stream) readable(id ShardID, now instant) (*shard, error) {
	sh := s.routes.Load().shard(id)
	if sh == nil || sh.expired(s.horizonMs(now)) {
		return nil, s.shardNotFound(id)
	}
	return sh, nil
}

// A Batch is what one read of a shard returns.
type Batch struct {
	// Records are in the order of their sequence numbers. There may be none.
	Records []Record
	// Next continues after the last record. It is the zero Iterator when the
	// shard is closed and has been read to its end.
	Next Iterator
	// MillisBehindLatest is how long ago the last of Records arrived, in
	// milliseconds, or 0 when the shard has no more.
	MillisBehindLatest int64
	// Children are the shards that follow a closed one. They are given with the
	// zero Next.
	Children []ChildShard
}

// A ChildShard is a shard that a split or a merge opened.
type ChildShard struct {
	ID           ShardID
	Parents      []ShardID // one after a split, two after a merge
	HashKeyRange HashKeyRange
}

// pageRecords is how many records GetRecords returns when no limit is asked for.
const pageRecords = 10_000

// GetRecords returns up to limit records from the iterator's position on, as one
// call of the service: it never waits, it spends the shard's read quota, and it
// returns at most [Limits.ReadBytes], so a batch may hold fewer records than
// there are. Limit 0 means 10,000. Past the quota it returns a [*LimitError] and
// the iterator stays valid.
func (s *Stream) GetRecords(ctx context.Context, it Iterator, limit int) (Batch, error) {
	return s.AppendRecords(ctx, nil, it, limit)
}

// AppendRecords is [Stream.GetRecords] into the caller's slice: the batch's
// Records are dst with the records appended. A caller that passes the same slice
// each time, cut to length zero, reads without allocating.
func (s *Stream) AppendRecords(ctx context.Context, dst []Record, it Iterator, limit int) (Batch, error) {
	now, err := s.begin(ctx)
	if err != nil {
		return Batch{}, err
	}
	return s.getRecords(dst, it, limit, now)
}

func (s *Stream) getRecords(dst []Record, it Iterator, limit int, now instant) (Batch, error) {
	sh, limit, err := s.checkRead(it, limit, now)
	if err != nil {
		return Batch{}, err
	}
	if r := sh.admitRead(now); r.Kind != quota.None {
		sh.history.Add(now.second(), kindReadThrottled, 1)
		return Batch{}, s.limitError(sh.shard, r)
	}
	horizon := s.horizonMs(now)
	if s.config.GetRecordsDelay > 0 {
		limit = sh.visible(&it.cursor, horizon, now, s.config.GetRecordsDelay, limit)
	}
	before := len(dst)
	var b Batch
	var size int
	b.Records, size = sh.read(dst, &it.cursor, horizon, limit, s.limits.ReadBytes)
	b.MillisBehindLatest = sh.behindLatest(&it.cursor, b.Records[before:], now)
	sh.chargeRead(now, len(b.Records)-before, size, b.MillisBehindLatest)
	if sh.finished(&it.cursor) {
		b.Children = sh.children()
		return b, nil
	}
	it.issued = now
	b.Next = it
	return b, nil
}

// IteratorAge returns how long ago the oldest record arrived that can be read and
// that the iterator has not given out yet, in whole milliseconds; zero if there is
// none. It spends no read quota, and works for an iterator that has expired: a
// reader that was away for long is who asks. The error matches [ErrInvalidIterator]
// or [ErrShardNotFound].
func (s *Stream) IteratorAge(it Iterator) (time.Duration, error) {
	if it.stream != s {
		return 0, ErrInvalidIterator
	}
	now := s.now()
	sh, err := s.readable(it.shard, now)
	if err != nil {
		return 0, err
	}
	return time.Duration(sh.ageMs(it.cursor, s.horizonMs(now), now)) * time.Millisecond, nil
}

// ageMs returns how many milliseconds ago the first record from c on arrived that
// arrived after horizon, or 0 if there is none.
func (sh *shard) ageMs(c shardlog.Cursor, horizon int64, now instant) int64 {
	sh.log.SkipTo(&c, horizon)
	if ms, ok := sh.log.ArrivalAt(c); ok {
		return max(0, now.ms()-ms)
	}
	return 0
}

// checkRead checks a read's arguments, and returns its shard and limit.
func (s *Stream) checkRead(it Iterator, limit int, now instant) (*shard, int, error) {
	if it.stream != s {
		return nil, 0, ErrInvalidIterator
	}
	if now-it.issued > instant(s.limits.IteratorLifetime) {
		return nil, 0, &IteratorExpiredError{
			Issued: it.issued.time(), Used: now.time(), Lifetime: s.limits.IteratorLifetime,
		}
	}
	if limit < 0 || limit > s.limits.ReadRecords {
		return nil, 0, invalidf("limit", "%d is outside 1 to %d", limit, s.limits.ReadRecords)
	}
	if limit == 0 {
		limit = min(pageRecords, s.limits.ReadRecords)
	}
	sh, err := s.readable(it.shard, now)
	return sh, limit, err
}

// admitRead admits one call of GetRecords, or says what refuses it.
func (sh *shard) admitRead(now instant) quota.Refusal {
	if !sh.reads.Limited() {
		return quota.Refusal{}
	}
	sh.readMu.Lock()
	defer sh.readMu.Unlock()
	return sh.reads.Take(int64(now))
}

// chargeRead counts what a call of GetRecords returned, and pays for it.
func (sh *shard) chargeRead(now instant, records, size int, behind int64) {
	if sh.reads.Limited() {
		sh.readMu.Lock()
		sh.reads.Charge(size)
		sh.readMu.Unlock()
	}
	sh.countRead(now, records, size, behind)
}

// behindLatest returns how many milliseconds ago the last of the records just
// read arrived, or 0 when c has reached the tip.
func (sh *shard) behindLatest(c *shardlog.Cursor, records []Record, now instant) int64 {
	if len(records) == 0 || c.Next >= sh.log.End() {
		return 0
	}
	return max(0, now.ms()-records[len(records)-1].ArrivalTime.UnixMilli())
}

// children returns the shards that follow a closed one.
func (sh *shard) children() []ChildShard {
	e := sh.ending.Load()
	children := make([]ChildShard, len(e.children))
	for i, child := range e.children {
		children[i] = ChildShard{child.shard, slices.Clone(child.parents), child.keys}
	}
	return children
}

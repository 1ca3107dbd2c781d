package weir

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/weirstream/weir/internal/clock"
	"github.com/weirstream/weir/internal/quota"
	"github.com/weirstream/weir/internal/shardlog"
)

// A Position says where to begin reading, and how. Its zero value is the trim
// horizon of the whole stream.
//
// A position is made by [TrimHorizon], [Latest], [AtTime], [AtSequence],
// [AfterSequence] or, for one that was saved, [Resume]. What else a reader is
// to know is asked of the position: [Position.In], [Position.ToTip],
// [Position.Strict], [Position.Unseen]. An iterator and a subscription read one
// shard from one place on, so they take none of that but In, of the same shard.
type Position struct {
	kind   positionKind
	one    bool // reads one shard, which is shard
	toTip  bool
	strict bool
	unseen bool
	shard  ShardID
	number SequenceNumber // for atSequence and afterSequence
	ms     int64          // for atTime; Unix milliseconds
	saved  *Positions     // nil or not empty; where a whole stream is gone on with
}

type positionKind uint8

const (
	trimHorizon positionKind = iota
	latest
	atTime
	atSequence
	afterSequence
)

// TrimHorizon is the oldest record that is still readable.
func TrimHorizon() Position { return Position{kind: trimHorizon} }

// Latest is just after the newest record: what is put from now on.
func Latest() Position { return Position{kind: latest} }

// AtTime is the first record that arrived at t or later, t taken to the
// millisecond. A time before the trim horizon means the trim horizon; one after
// the newest record means the tip; one in the future is refused with an error
// that matches [ErrInvalidArgument].
func AtTime(t time.Time) Position { return Position{kind: atTime, ms: clock.Of(t).Ms()} }

// AtSequence is the record with number n, or the next one that is readable if
// that record is trimmed or n lies between two records. The shard's starting
// sequence number is its beginning. A number beyond the newest record is a
// place to wait for. A number that was given out after the stream was saved
// that was loaded since is refused with an error that matches
// [ErrInvalidSequenceNumber].
func AtSequence(n SequenceNumber) Position { return Position{kind: atSequence, number: n} }

// AfterSequence is the record that follows the one with number n. After the
// ending number of a closed shard there is none: who reads from there learns at
// once that the shard has ended, and its children.
func AfterSequence(n SequenceNumber) Position { return Position{kind: afterSequence, number: n} }

// Resume is where a reader stood that gave saved: reading goes on there,
// nothing left out that can still be read and nothing repeated. Shards that
// were opened since are begun in their turn, and what saved says of shards that
// have vanished has expired. If saved is empty, Resume is otherwise, and what
// otherwise was asked beside the place holds in any case.
func Resume(saved Positions, otherwise Position) Position {
	if len(saved) > 0 {
		saved = slices.Clone(saved)
		otherwise.saved = &saved
	}
	return otherwise
}

// In is the same position in one shard: a reader of it reads that shard and no
// other. A sequence number makes sense there only.
func (p Position) In(shard ShardID) Position {
	p.one, p.shard = true, shard
	return p
}

// ToTip is the same position for a reader that does not wait: it ends with
// [io.EOF] where the shards ended when it was made.
func (p Position) ToTip() Position {
	p.toTip = true
	return p
}

// Strict is the same position for a reader that is to say so when it has lost
// records: its Next returns a [*RecordsLostError] then.
func (p Position) Strict() Position {
	p.strict = true
	return p
}

// Unseen is the same position for a reader that is no part of the stream's
// metrics: neither is it listed, nor does it count what it reads.
func (p Position) Unseen() Position {
	p.unseen = true
	return p
}

// Kind returns the kind of position by the service's word: TRIM_HORIZON,
// LATEST, AT_TIMESTAMP, AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER. Where
// [Resume] goes on with saved positions, of which the service knows nothing, it
// is empty.
func (p Position) Kind() string {
	switch {
	case p.saved != nil:
		return ""
	case p.kind == latest:
		return "LATEST"
	case p.kind == atTime:
		return "AT_TIMESTAMP"
	case p.kind == atSequence:
		return "AT_SEQUENCE_NUMBER"
	case p.kind == afterSequence:
		return "AFTER_SEQUENCE_NUMBER"
	default:
		return "TRIM_HORIZON"
	}
}

// Number returns the sequence number of an [AtSequence] or [AfterSequence], and
// zero for all others.
func (p Position) Number() SequenceNumber {
	if p.saved != nil {
		return SequenceNumber{}
	}
	return p.number
}

// Time returns the time of an [AtTime], to the millisecond and in UTC, and zero
// for all others.
func (p Position) Time() time.Time {
	if p.kind != atTime || p.saved != nil {
		return time.Time{}
	}
	return clock.TimeOfMs(p.ms)
}

// String returns the position in the service's words.
func (p Position) String() string {
	text := p.Kind()
	switch {
	case p.saved != nil:
		text = "positions " + p.saved.String()
	case p.kind == atTime:
		text += " " + p.Time().Format(time.RFC3339Nano)
	case p.kind == atSequence, p.kind == afterSequence:
		text += " " + p.number.String()
	}
	if p.one {
		text += " in " + p.shard.String()
	}
	if p.toTip {
		text += " to the tip"
	}
	if p.strict {
		text += ", strict"
	}
	if p.unseen {
		text += ", unseen"
	}
	return text
}

// checkPlain checks that p is one place in a shard, as iterators and
// subscriptions take it.
func (p Position) checkPlain(shard ShardID) error {
	switch {
	case p.saved != nil || p.toTip || p.strict || p.unseen:
		return invalidf("position", "%v is for readers", p)
	case p.one && p.shard != shard:
		return invalidf("position", "%v is not in %v", p, shard)
	}
	return nil
}

// locate returns where p lies in the shard.
func (sh *shard) locate(p Position, now clock.Instant) (shardlog.Cursor, error) {
	switch p.kind {
	case latest:
		return shardlog.Cursor{Next: sh.log.End()}, nil
	case atTime:
		return sh.locateTime(p.ms, now)
	case atSequence, afterSequence:
		i, err := sh.locateNumber(p.number)
		if p.kind == afterSequence || sh.isBehind(p.number, i) {
			i++
		}
		return shardlog.Cursor{Next: sh.clampToEnd(max(1, i))}, err
	default:
		return shardlog.Cursor{Next: sh.log.First()}, nil
	}
}

// isBehind reports whether n, which encodes the index i, is greater than the
// number of the record there: it is what [SequenceNumber.Later] returns.
func (sh *shard) isBehind(n SequenceNumber, i uint64) bool {
	ms, ok := sh.log.ArrivalOf(i)
	return ok && n.Compare(sh.number(i, ms)) > 0
}

func (sh *shard) locateTime(ms int64, now clock.Instant) (shardlog.Cursor, error) {
	if ms > now.Ms() {
		return shardlog.Cursor{}, inFuture(ms, now)
	}
	c := sh.log.SeekArrival(ms - 1)
	return c, c.Err()
}

func inFuture(ms int64, now clock.Instant) error {
	return invalidf("timestamp", "%s lies in the future: the time is %s",
		clock.TimeOfMs(ms).Format(time.RFC3339Nano), now.Time().Format(time.RFC3339Nano))
}

// An Iterator is a shard iterator: a position in a shard that expires
// [Limits.IteratorLifetime] after its issue. Until then it can be used any
// number of times, and gives the records from the same position each time,
// those that arrived meanwhile included. The zero value is no iterator.
// Iterators are values and may be copied; [Stream.Token] turns one into text.
type Iterator struct {
	stream  *Stream // nil in the zero value
	shard   ShardID
	created uint64 // of the shard
	issued  clock.Instant
	cursor  shardlog.Cursor
}

// IsZero reports whether it is the zero value: what a [Page] has as its Next
// when the shard is closed and read to its end.
func (it Iterator) IsZero() bool { return it.stream == nil }

// ShardID returns the shard that it reads.
func (it Iterator) ShardID() ShardID { return it.shard }

// IssuedAt returns when it was issued.
func (it Iterator) IssuedAt() time.Time { return it.issued.Time() }

// Iterator issues an iterator for a shard. The error matches
// [ErrShardNotFound], [ErrInvalidArgument] for a timestamp in the future, or
// [ErrInvalidSequenceNumber] for a number that is not one of this shard.
func (s *Stream) Iterator(ctx context.Context, shard ShardID, from Position) (Iterator, error) {
	now, err := s.begin(ctx)
	if err != nil {
		return Iterator{}, err
	}
	sh, c, err := s.locate(shard, from, now)
	if err != nil {
		return Iterator{}, err
	}
	return Iterator{stream: s, shard: shard, created: sh.created, issued: now, cursor: c}, nil
}

// locate returns a shard that has not vanished, and where a position lies in
// it.
func (s *Stream) locate(id ShardID, from Position, now clock.Instant) (*shard, shardlog.Cursor, error) {
	if err := from.checkPlain(id); err != nil {
		return nil, shardlog.Cursor{}, err
	}
	sh, err := s.readable(id, now)
	if err != nil {
		return nil, shardlog.Cursor{}, err
	}
	c, err := sh.locate(from, now)
	return sh, c, err
}

// A Batch is what one read of a shard gave: a page of GetRecords, an event of a
// subscription, or what a [Reader] read.
type Batch struct {
	Shard ShardID
	// Last says that the shard is closed and that nothing follows. Then there
	// are Children, unless it was closed by [Stream.EndWrites].
	Last bool
	// Records are in the order of their sequence numbers. There may be none.
	// What overwrites the slice is said where the batch comes from; the records
	// in it may be kept as [Record] says.
	Records []Record
	// Continue is where the shard is read on: after the last of Records or,
	// when there are none, after the number before the place where they were
	// looked for. In the last batch of a closed shard it is behind the shard's
	// ending number.
	Continue Position
	// Behind is how long ago the last of Records arrived, in whole
	// milliseconds, zero when the shard has no more. In an event without
	// Records it is the age of the oldest record that waits to be given.
	Behind time.Duration
	// Children are the shards that follow a closed one, as [Stream.ListShards]
	// describes them. They are given in its last batch only.
	Children []Shard
}

// A Page is what a call of GetRecords returns.
type Page struct {
	Batch
	// Next continues after the last record. It is the zero Iterator when the
	// shard is closed and has been read to its end.
	Next Iterator
}

// pageRecords is how many records GetRecords returns when no limit is asked
// for.
const pageRecords = 10_000

// GetRecords returns up to limit records from the iterator's position on, as
// one call of the service: it never waits, it spends the shard's read quota,
// and it returns at most [Limits.ReadBytes], so a page may hold fewer records
// than there are. Limit 0 means 10,000. Past the quota it returns a
// [*LimitError] and the iterator stays valid.
func (s *Stream) GetRecords(ctx context.Context, it Iterator, limit int) (Page, error) {
	return s.AppendRecords(ctx, nil, it, limit)
}

// AppendRecords is [Stream.GetRecords] into the caller's slice: the page's
// Records are dst with the records appended. A caller that passes the same
// slice each time, cut to length zero, reads without allocating.
func (s *Stream) AppendRecords(ctx context.Context, dst []Record, it Iterator, limit int) (Page, error) {
	now, err := s.begin(ctx)
	if err != nil {
		return Page{}, err
	}
	return s.getRecords(dst, it, limit, now)
}

func (s *Stream) getRecords(dst []Record, it Iterator, limit int, now clock.Instant) (Page, error) {
	sh, limit, err := s.checkRead(it, limit, now)
	if err != nil {
		return Page{}, err
	}
	if r := sh.admitRead(now); r.Kind != quota.None {
		sh.history.Add(now.Second(), kindReadThrottled, 1)
		return Page{}, s.limitError(sh.id, r)
	}
	horizon := s.horizonMs(now)
	if s.config.GetRecordsDelay > 0 {
		limit = sh.visible(&it.cursor, horizon, now, s.config.GetRecordsDelay, limit)
	}
	before := len(dst)
	var p Page
	var size int
	p.Shard = it.shard
	p.Records, size = sh.read(dst, &it.cursor, horizon, limit, s.limits.ReadBytes)
	read := p.Records[before:]
	if err := it.cursor.Err(); err != nil && len(read) == 0 {
		return Page{}, err
	}
	behind := sh.behindLatest(&it.cursor, read, now)
	p.Behind = time.Duration(behind) * time.Millisecond
	sh.chargeRead(now, len(read), size, behind)
	if sh.finished(&it.cursor) {
		sh.endBatch(&p.Batch)
		return p, nil
	}
	p.Continue = sh.after(&it.cursor, read)
	it.issued = now
	p.Next = it
	return p, nil
}

// after returns the position behind the records just read, which ended at c.
func (sh *shard) after(c *shardlog.Cursor, records []Record) Position {
	if n := len(records); n > 0 {
		return AfterSequence(records[n-1].SequenceNumber)
	}
	return AfterSequence(sh.numberBefore(*c))
}

// endBatch makes a batch the last one of the shard, which is closed.
func (sh *shard) endBatch(b *Batch) {
	b.Last, b.Continue = true, AfterSequence(sh.endingNumber())
	if children := sh.ending.Load().children; len(children) > 0 {
		b.Children = make([]Shard, len(children))
		for i, child := range children {
			b.Children[i] = child.describe()
		}
	}
}

// Age returns how long ago the oldest record arrived that can be read and that
// the iterator has not given out yet, in whole milliseconds; zero if there is
// none. It spends no read quota, and works for an iterator that has expired: a
// reader that was away for long is who asks. The error matches
// [ErrInvalidIterator] for the zero value, or [ErrShardNotFound].
func (it Iterator) Age() (time.Duration, error) {
	s := it.stream
	if s == nil {
		return 0, ErrInvalidIterator
	}
	now := s.now()
	sh, err := s.readable(it.shard, now)
	if err != nil {
		return 0, err
	}
	return time.Duration(sh.ageMs(it.cursor, s.horizonMs(now), now)) * time.Millisecond, nil
}

// checkRead checks a read's arguments, and returns its shard and limit.
func (s *Stream) checkRead(it Iterator, limit int, now clock.Instant) (*shard, int, error) {
	if it.stream != s {
		return nil, 0, ErrInvalidIterator
	}
	if now-it.issued > clock.Instant(s.limits.IteratorLifetime) {
		return nil, 0, &IteratorExpiredError{
			Issued: it.issued.Time(), Used: now.Time(), Lifetime: s.limits.IteratorLifetime,
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
func (sh *shard) admitRead(now clock.Instant) quota.Refusal {
	if !sh.reads.Limited() {
		return quota.Refusal{}
	}
	sh.readMu.Lock()
	defer sh.readMu.Unlock()
	return sh.reads.Take(int64(now))
}

// chargeRead counts what a call of GetRecords returned, and pays for it.
func (sh *shard) chargeRead(now clock.Instant, records, size int, behind int64) {
	if sh.reads.Limited() {
		sh.readMu.Lock()
		sh.reads.Charge(size)
		sh.readMu.Unlock()
	}
	sh.countRead(now, records, size, behind)
}

// A token is an iterator as text: base64 of the version, the stream's creation,
// the shard's number and creation, the position, when it was issued, the
// stream's name, and a checksum of all that. It says everything a read needs,
// so it may be sent to another process that holds the same stream. It is
// opaque, not secret: the checksum tells damage from a token, no more.
const (
	tokenVersion  = 1
	tokenFixed    = 1 + 8 + 4 + 8 + 8 + 8 // bytes before the name
	tokenChecksum = 8
)

// Token returns an iterator as opaque text of at most 512 characters, which
// [Stream.ParseToken] reads, or "" if it is not an iterator of this stream.
func (s *Stream) Token(it Iterator) string {
	if it.stream != s {
		return ""
	}
	b := make([]byte, 0, tokenFixed+len(s.name)+tokenChecksum)
	b = append(b, tokenVersion)
	b = binary.BigEndian.AppendUint64(b, uint64(s.created))
	b = binary.BigEndian.AppendUint32(b, uint32(it.shard))
	b = binary.BigEndian.AppendUint64(b, it.created)
	b = binary.BigEndian.AppendUint64(b, s.beforeGap(it))
	b = binary.BigEndian.AppendUint64(b, uint64(it.issued))
	b = append(b, s.name...)
	sum := sha256.Sum256(b)
	return base64.StdEncoding.EncodeToString(append(b, sum[:tokenChecksum]...))
}

// beforeGap returns the index that an iterator reads next or, behind a gap, the
// one that the gap begins with. It is as good until there is a record behind
// the gap, and is not taken for a lost one when the stream is saved and loaded
// before that.
func (s *Stream) beforeGap(it Iterator) uint64 {
	sh := s.routes.Load().shard(it.shard)
	if sh == nil {
		return it.cursor.Next
	}
	return sh.log.Previous(it.cursor.Next) + 1
}

// TokenStream returns the name of the stream that a token reads. The error
// matches [ErrInvalidIterator].
func TokenStream(token string) (string, error) {
	b, err := decodeToken(token)
	if err != nil {
		return "", err
	}
	return string(b[tokenFixed:]), nil
}

// decodeToken returns a token's bytes without the checksum.
func decodeToken(token string) ([]byte, error) {
	b, err := base64.StdEncoding.Strict().DecodeString(token)
	if err != nil || len(token) != base64.StdEncoding.EncodedLen(len(b)) || // it skips line breaks
		len(b) < tokenFixed+tokenChecksum || b[0] != tokenVersion {
		return nil, fmt.Errorf("%w: %q is not a token", ErrInvalidIterator, abbreviate(token))
	}
	b, check := b[:len(b)-tokenChecksum], b[len(b)-tokenChecksum:]
	if sum := sha256.Sum256(b); string(sum[:tokenChecksum]) != string(check) {
		return nil, fmt.Errorf("%w: the token is damaged", ErrInvalidIterator)
	}
	return b, nil
}

// ParseToken returns the iterator that a token stands for. The error matches
// [ErrInvalidIterator] when it is no token or one of another stream; a token of
// an earlier stream of the same name counts as such, and one whose shard has
// vanished gives [ErrShardNotFound]. One that was given out by a run that is
// lost, see [LoadStream], matches [ErrInvalidSequenceNumber] as well. Whether
// the iterator has expired is for the read to say.
func (s *Stream) ParseToken(token string) (Iterator, error) {
	b, err := decodeToken(token)
	if err != nil {
		return Iterator{}, err
	}
	if string(b[tokenFixed:]) != s.name || clock.Instant(binary.BigEndian.Uint64(b[1:])) != s.created {
		return Iterator{}, fmt.Errorf("%w: the token belongs to another stream", ErrInvalidIterator)
	}
	it := Iterator{
		stream: s, shard: ShardID(binary.BigEndian.Uint32(b[9:])), created: binary.BigEndian.Uint64(b[13:]),
		cursor: shardlog.Cursor{Next: binary.BigEndian.Uint64(b[21:])}, issued: clock.Instant(binary.BigEndian.Uint64(b[29:])),
	}
	sh := s.routes.Load().shard(it.shard)
	if sh == nil {
		return Iterator{}, s.shardNotFound(it.shard)
	}
	if it.cursor.Next == 0 || it.cursor.Next > closedShardIndex+1 {
		return Iterator{}, fmt.Errorf("%w: the token belongs to another stream", ErrInvalidIterator)
	}
	if err := sh.checkLost(it); err != nil {
		return Iterator{}, err
	}
	return it, nil
}

// checkLost refuses an iterator of the shard that a lost run gave out.
func (sh *shard) checkLost(it Iterator) error {
	reason := ""
	if g, lost := sh.log.Lost(it.cursor.Next); lost && it.cursor.Next > g.From {
		reason = lostReason
	}
	if sh.created != it.created { // of the same stream, so the shard was another one
		reason = "did not come from this stream"
	}
	if reason == "" {
		return nil
	}
	n := newSequenceNumber(it.created, sh.id, it.cursor.Next, it.created)
	return fmt.Errorf("%w: %w", ErrInvalidIterator,
		&SequenceNumberError{Text: n.String(), Reason: reason, Shard: sh.id, Encodes: sh.id})
}

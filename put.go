package weir

import (
	"context"

	"github.com/weirstream/weir/internal/clock"
	"github.com/weirstream/weir/internal/quota"
)

// The way of a put. What is indented happens within, in this order.
//
//	PutRecord, Put, PutRecords, PutCopies        (and their waiting forms)
//	  begin                  context; the one reading of the clock
//	  checkRecord            key, size, number for ordering
//	  attendTo               what has fallen due; whose turn it is
//	  makeRoom               memory, or wait for it               retention.go
//	  beginWrite             which shard, its mutex
//	    shard.begin            closed meanwhile? look again
//	    shard.admit            the write limits                   internal/quota
//	    stamp                  arrival; marks of the second
//	    log.Append             into the newest block              internal/shardlog
//	    shard.end              publish, release what expired
//	  after                  memory back, wake readers, tidy
//	  dropExcess             the oldest records of any shard      retention.go
//
// A batch does the part from beginWrite to after once for each shard.

// PutRecord appends a record to the shard whose hash key range holds the MD5 of
// key, and returns where it went. data is copied; it may be empty. Past a write
// limit of the shard PutRecord does not wait: it returns a [*LimitError], which
// matches [ErrThroughputExceeded], and nothing is stored. What does not fit into
// [Config.MaxBytes] is dealt with as [Config.WhenFull] says.
func (s *Stream) PutRecord(ctx context.Context, key string, data []byte) (Placed, error) {
	now, err := s.begin(ctx)
	if err != nil {
		return Placed{}, err
	}
	return s.put(ctx, key, data, nil, now, false)
}

// Put is [Stream.PutRecord] with all that the service's operation of that name
// takes: an explicit hash key and a sequence number for ordering. A number for
// ordering that no put can have returned gives a [*SequenceNumberError].
func (s *Stream) Put(ctx context.Context, e Entry) (Placed, error) {
	now, err := s.begin(ctx)
	if err != nil {
		return Placed{}, err
	}
	if err := s.checkOrdering(e.SequenceNumberForOrdering, now); err != nil {
		return Placed{}, err
	}
	return s.put(ctx, e.PartitionKey, e.Data, e.ExplicitHashKey, now, false)
}

// put puts a record to the shard of explicit or, if that is nil, of key's hash. If
// inLine is set, those who wait for the shard's quota come first, and a record that
// a limit refuses keeps its room in memory.
func (s *Stream) put(ctx context.Context, key string, data []byte, explicit *HashKey, now clock.Instant, inLine bool) (Placed, error) {
	if err := s.checkRecord(key, data); err != nil {
		return Placed{}, err
	}
	if d := s.scaled(now); d != nil {
		explicit = d.next(s.routes.Load())
	}
	size := len(key) + len(data)
	if s.full.max > 0 {
		var err error
		if now, err = s.makeRoom(ctx, size, now); err != nil {
			return Placed{}, err
		}
	}
	sh := s.beginWrite(key, explicit)
	if sh == nil {
		s.full.give(size)
		return Placed{}, s.errEnded()
	}
	if sh.quota.Limited() {
		if r := sh.admit(now, size, inLine); r.Kind != quota.None {
			sh.abandon()
			if !inLine {
				s.full.give(size)
			}
			sh.history.Add(now.Second(), kindWriteThrottled, 1)
			return Placed{}, s.limitError(sh.shard, r)
		}
	}
	ms, tidy := s.stamp(sh, now)
	i := sh.log.Append(key, data, ms)
	s.after(sh, sh.end(now, s.retention()), tidy, now)
	if s.full.max > 0 {
		s.dropExcess(now)
	}
	return Placed{ShardID: sh.shard, SequenceNumber: sh.number(i, ms)}, nil
}

// beginWrite returns the shard that takes a record, between its begin and end, or
// nil when writes have ended. The hash is spared where there is one shard only to
// choose from.
func (s *Stream) beginWrite(key string, explicit *HashKey) *shard {
	for routes := s.routes.Load(); ; routes = s.laterRoutes() {
		if len(routes.open) == 0 {
			return nil
		}
		sh := routes.open[0]
		if len(routes.open) > 1 {
			sh = routes.open[routes.place(hashKey(key, explicit))]
		}
		if sh.begin() {
			return sh
		}
	}
}

// laterRoutes returns the routing after the reshard that is under way.
func (s *Stream) laterRoutes() *routing {
	s.reshard.Lock()
	defer s.reshard.Unlock()
	return s.routes.Load()
}

// stamp returns the arrival of what is put into a shard, which is between begin
// and end. It reports whether this is the first put of a second on the stream. The
// stream's mark is made here, before anything of that second is published.
func (s *Stream) stamp(sh *shard, now clock.Instant) (ms int64, tidy bool) {
	ms, newSecond := sh.stamp(now.Ms())
	if newSecond {
		tidy = s.mark(markSecond(ms))
	}
	return ms, tidy
}

// after does what a write brought about: it holds no shard's mutex.
func (s *Stream) after(sh *shard, e effect, tidy bool, now clock.Instant) {
	if s.full.max > 0 {
		s.full.giveExtent(e.freed)
		if e.first {
			s.full.date(sh)
		}
	}
	sh.waiting.Wake()
	s.waiting.Wake()
	if tidy || e.ahead {
		s.tidy(now)
	}
}

// limitError makes an error of what a shard refused.
func (s *Stream) limitError(id ShardID, r quota.Refusal) *LimitError {
	return &LimitError{Quota: quotaOf[r.Kind], Stream: s.name, Shard: id, RetryAfter: r.Wait}
}

func hashKey(key string, explicit *HashKey) HashKey {
	if explicit != nil {
		return *explicit
	}
	return HashPartitionKey(key)
}

// checkRecord checks what does not depend on the shard.
func (s *Stream) checkRecord(key string, data []byte) error {
	if err := checkKey(key); err != nil && !(key == "" && s.mayLackKey()) {
		return err
	}
	if size, limit := len(key)+len(data), int(s.recordBytes.Load()); size > limit {
		return invalidf("record", "data and partition key have %d bytes; at most %d are allowed", size, limit)
	}
	return nil
}

// checkOrdering checks a number for ordering as the service does: it must be of
// version 1 or 2, its time must not lie in the future, and its index not be
// beyond a closed shard's. A clock that stepped back does not make numbers that
// puts returned before refusable.
func (s *Stream) checkOrdering(n SequenceNumber, now clock.Instant) error {
	if n.IsZero() {
		return nil
	}
	if s.dealer() != nil {
		return invalidf("sequence number for ordering", "is not possible while the stream distributes records itself")
	}
	p, ok := n.decode()
	if !ok || p.version < 1 || int64(p.time) > max(now.Second(), s.marks.Last()) {
		return &SequenceNumberError{Text: n.String(), Reason: "is invalid for ordering"}
	}
	return nil
}

// PutCopies puts n records that are all like e, as n calls of [Stream.Put] at one
// reading of the clock would, and returns how many were stored. If a limit refused
// the others, err is the error of the first one refused: a [*LimitError], or
// [ErrMemoryFull]. When ctx ends, which is looked at now and then, the rest is not
// put, and err is the context's or, where copies waited for memory, matches its
// cause and [ErrMemoryFull].
//
// It is for simulations and load: the limits are asked once for a million records,
// and a record costs a few nanoseconds on a stream with [Config.Hollow]. Only where
// the records do not all fit into [Config.MaxBytes] are they put one by one.
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
	return stored, err
}

const (
	// singlesAtOnce is how many copies are put one by one between two looks at the
	// context.
	singlesAtOnce = 256
	// copiesAtOnce is how many are put together.
	copiesAtOnce = 1 << 20
)

// putEach puts copies one by one. What follows one that memory refused is refused
// too: nothing gives room at the same moment.
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

// dealCopies deals copies to the open shards in turn. The error is the one of the
// copy refused that comes first in that order, or the context's.
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

// putCopiesTo puts as many of n copies as the write limits let pass to the shard of
// explicit or, if that is nil, of the key's hash. The error is what refused the
// next, or the context's.
func (s *Stream) putCopiesTo(ctx context.Context, e *Entry, explicit *HashKey, n int, now clock.Instant) (stored int, err error) {
	for stored < n {
		if err := ctx.Err(); err != nil {
			return stored, err
		}
		k, err := s.putSome(e, explicit, min(n-stored, copiesAtOnce), n-stored, now)
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
	sh := s.beginWrite(e.PartitionKey, explicit)
	if sh == nil {
		return 0, s.errEnded()
	}
	stored = n
	if sh.quota.Limited() {
		var r quota.Refusal
		if stored, r = sh.quota.TakeMost(int64(now), e.Size(), n); stored < n {
			err = s.limitError(sh.shard, r)
		}
	}
	if stored == 0 {
		sh.abandon()
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

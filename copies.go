package weir

import (
	"context"

	"github.com/weirstream/weir/internal/quota"
)

// PutCopies puts n records that are all like e, as n calls of [Stream.Put] at one
// reading of the clock would, and returns how many were stored. If a limit refused
// the others, err is the error of the first one refused: a [*LimitError], or
// [ErrMemoryFull]. It is for simulations and load: the limits are asked once
// whatever n is, and a record costs a few nanoseconds on a stream with
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

func (s *Stream) putCopies(ctx context.Context, e *Entry, n int, now instant) (stored int, err error) {
	if err := s.checkRecord(e.PartitionKey, e.Data); err != nil {
		return 0, err
	}
	d := s.scaled(now)
	if !s.full.admitCopies(e.Size(), n) {
		return s.putEach(ctx, e, n, d, now)
	}
	if d != nil {
		stored, err = s.dealCopies(e, n, d, now)
	} else {
		stored, err = s.putCopiesTo(e, e.ExplicitHashKey, n, now)
	}
	s.full.giveCopies(e.Size(), n-stored)
	return stored, err
}

// copiesAtOnce is how many copies are put one by one between two looks at the
// context.
const copiesAtOnce = 256

// putEach puts copies one by one. What follows one that memory refused is refused
// too: nothing gives room at the same moment.
func (s *Stream) putEach(ctx context.Context, e *Entry, n int, d *dealer, now instant) (stored int, first error) {
	for i := range n {
		if i%copiesAtOnce == 0 && ctx.Err() != nil {
			return stored, ctx.Err()
		}
		_, err := s.put(ctx, e.PartitionKey, e.Data, e.ExplicitHashKey, now, false)
		switch {
		case err == nil:
			stored++
		case first == nil:
			first = err
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
func (s *Stream) refuseRest(n int, d *dealer, now instant) {
	s.history.Add(now.second(), kindRefusedRecords, int64(n))
	if d != nil {
		d.take(n)
	}
}

// dealCopies deals copies to the open shards in turn. The error is the one of the
// copy refused that comes first in that order.
func (s *Stream) dealCopies(e *Entry, n int, d *dealer, now instant) (stored int, first error) {
	routes := s.routes.Load()
	shards, turn := len(routes.starts), d.take(n)
	refused := n
	for i := range min(n, shards) {
		share := (n-i-1)/shards + 1
		k, err := s.putCopiesTo(e, routes.dealt(turn+uint64(i)), share, now)
		stored += k
		if at := i + k*shards; err != nil && at < refused {
			refused, first = at, err
		}
	}
	return stored, first
}

// putCopiesTo puts as many of n copies as the write limits let pass to the shard of
// explicit or, if that is nil, of the key's hash. The error is what refused the
// next.
func (s *Stream) putCopiesTo(e *Entry, explicit *HashKey, n int, now instant) (stored int, err error) {
	sh := s.beginWrite(e.PartitionKey, explicit)
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
		s.after(sh, sh.end(now, s.Retention()), tidy, now)
	}
	if stored < n {
		sh.history.Add(now.second(), kindWriteThrottled, int64(n-stored))
	}
	return stored, err
}

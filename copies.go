package weir

import (
	"context"

	"github.com/weirstream/weir/internal/quota"
)

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

func (s *Stream) putCopies(ctx context.Context, e *Entry, n int, now instant) (stored int, err error) {
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
func (s *Stream) putEach(ctx context.Context, e *Entry, n int, d *dealer, now instant) (stored int, first error) {
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
			return stored, err // the context has ended while it waited
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
// copy refused that comes first in that order, or the context's.
func (s *Stream) dealCopies(ctx context.Context, e *Entry, n int, d *dealer, now instant) (stored int, first error) {
	routes := s.routes.Load()
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
func (s *Stream) putCopiesTo(ctx context.Context, e *Entry, explicit *HashKey, n int, now instant) (stored int, err error) {
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
func (s *Stream) putSome(e *Entry, explicit *HashKey, n, left int, now instant) (stored int, err error) {
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
		s.after(sh, sh.end(now, s.retention()), tidy, now)
	}
	if err != nil {
		sh.history.Add(now.second(), kindWriteThrottled, int64(left-stored))
	}
	return stored, err
}

package weir

import (
	"context"
	"errors"
	"time"
)

// PutRecord appends a record to the shard whose hash key range holds the MD5 of
// key, and returns where it went. data is copied; it may be empty. Past a write
// limit of the shard PutRecord does not wait: it returns a [*LimitError], which
// matches [ErrThroughputExceeded], and nothing is stored.
func (s *Stream) PutRecord(ctx context.Context, key string, data []byte) (PutResult, error) {
	e := Entry{PartitionKey: key, Data: data}
	return s.put(ctx, &e)
}

// Put is [Stream.PutRecord] with all that the service's operation of that name
// takes: an explicit hash key and a sequence number for ordering. A number for
// ordering that no put can have returned gives a [*SequenceNumberError].
func (s *Stream) Put(ctx context.Context, e Entry) (PutResult, error) {
	return s.put(ctx, &e)
}

func (s *Stream) put(ctx context.Context, e *Entry) (PutResult, error) {
	now, err := s.begin(ctx)
	if err != nil {
		return PutResult{}, err
	}
	if err := s.checkEntry(e); err != nil {
		return PutResult{}, err
	}
	if err := checkOrdering(e.SequenceNumberForOrdering, now); err != nil {
		return PutResult{}, err
	}
	for routes := s.routes.Load(); ; routes = s.laterRoutes() {
		sh := routes.open[0]
		if len(routes.open) > 1 {
			sh = routes.open[routes.place(e.hashKey())]
		}
		if r, err := sh.put(e, now); err != errClosedMeanwhile {
			return r, err
		}
	}
}

// errClosedMeanwhile says that a shard was closed after it was looked up.
var errClosedMeanwhile = errors.New("shard closed since it was looked up")

// laterRoutes returns the routing after the reshard that is under way.
func (s *Stream) laterRoutes() *routing {
	s.reshard.Lock()
	defer s.reshard.Unlock()
	return s.routes.Load()
}

func (e *Entry) hashKey() HashKey {
	if e.ExplicitHashKey != nil {
		return *e.ExplicitHashKey
	}
	return HashPartitionKey(e.PartitionKey)
}

// checkEntry checks what does not depend on the shard.
func (s *Stream) checkEntry(e *Entry) error {
	if err := checkKey(e.PartitionKey); err != nil {
		return err
	}
	if limit := int(s.recordBytes.Load()); e.Size() > limit {
		return invalidf("record", "data and partition key have %d bytes; at most %d are allowed", e.Size(), limit)
	}
	return nil
}

// checkOrdering checks a number for ordering as the service does: it must be of
// version 1 or 2, its time must not lie in the future, and its index not be
// beyond a closed shard's.
func checkOrdering(n SequenceNumber, now instant) error {
	if n.IsZero() {
		return nil
	}
	p, ok := n.decode()
	if !ok || p.version < 1 || int64(p.time) > now.second() {
		return &SequenceNumberError{Text: n.String(), Reason: "is invalid for ordering"}
	}
	return nil
}

// put appends one record, or refuses it.
func (sh *shard) put(e *Entry, now instant) (PutResult, error) {
	size := e.Size()
	if err := sh.stream.makeRoom(size, now); err != nil {
		return PutResult{}, err
	}
	sh.mu.Lock()
	if sh.closed {
		sh.mu.Unlock()
		sh.stream.full.give(size)
		return PutResult{}, errClosedMeanwhile
	}
	if sh.quota.limited {
		if err := sh.takeQuotaLocked(now, size); err != nil {
			sh.mu.Unlock()
			sh.stream.full.give(size)
			sh.countThrottled(now, 1)
			return PutResult{}, err
		}
	}
	ms := sh.stampLocked(now.ms())
	i := sh.appendLocked(e.PartitionKey, e.Data, ms)
	sh.publishLocked()
	sh.releaseLocked(now)
	sh.mu.Unlock()
	sh.stream.dropExcess(now)
	sh.wake()
	return PutResult{ShardID: sh.shard, SequenceNumber: sh.number(i, ms)}, nil
}

// takeQuotaLocked takes a record's share of the write limits. The limiters are
// given times that never go back, whatever the clock does.
func (sh *shard) takeQuotaLocked(now instant, size int) error {
	sh.lastNs = max(sh.lastNs, int64(now))
	limit, wait := sh.quota.take(time.Unix(0, sh.lastNs), size)
	if limit == "" {
		return nil
	}
	return &LimitError{Limit: limit, Stream: sh.stream.name, Shard: sh.shard, RetryAfter: max(1, wait)}
}

// wake wakes those who wait for records, of this shard or of any.
func (sh *shard) wake() {
	sh.waiting.wake()
	sh.stream.waiting.wake()
}

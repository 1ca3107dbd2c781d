package weir

import (
	"context"
	"errors"
)

// PutRecord appends a record to the shard whose hash key range holds the MD5 of
// key, and returns where it went. data is copied; it may be empty. Past a write
// limit of the shard PutRecord does not wait: it returns a [*LimitError], which
// matches [ErrThroughputExceeded], and nothing is stored.
func (s *Stream) PutRecord(ctx context.Context, key string, data []byte) (PutResult, error) {
	now, err := s.begin(ctx)
	if err != nil {
		return PutResult{}, err
	}
	r, err := s.put(key, data, nil, now)
	if s.config.MeasureLatency {
		s.countLatency(countPutLatency, now)
	}
	return r, err
}

// Put is [Stream.PutRecord] with all that the service's operation of that name
// takes: an explicit hash key and a sequence number for ordering. A number for
// ordering that no put can have returned gives a [*SequenceNumberError].
func (s *Stream) Put(ctx context.Context, e Entry) (PutResult, error) {
	now, err := s.begin(ctx)
	if err != nil {
		return PutResult{}, err
	}
	if err := s.checkOrdering(e.SequenceNumberForOrdering, now); err != nil {
		return PutResult{}, err
	}
	r, err := s.put(e.PartitionKey, e.Data, e.ExplicitHashKey, now)
	if s.config.MeasureLatency {
		s.countLatency(countPutLatency, now)
	}
	return r, err
}

// put puts a record to the shard of explicit or, if that is nil, of key's hash.
// The hash is spared where there is one shard only to choose from.
func (s *Stream) put(key string, data []byte, explicit *HashKey, now instant) (PutResult, error) {
	if err := s.checkRecord(key, data); err != nil {
		return PutResult{}, err
	}
	if int64(now) >= s.attend.Load() && s.attendTo(now) {
		explicit = s.nextTurn()
	}
	for routes := s.routes.Load(); ; routes = s.laterRoutes() {
		sh := routes.open[0]
		if len(routes.open) > 1 {
			sh = routes.open[routes.place(hashKey(key, explicit))]
		}
		i, ms, err := sh.put(key, data, now)
		if err == nil {
			return PutResult{ShardID: sh.shard, SequenceNumber: sh.number(i, ms)}, nil
		}
		if err != errClosedMeanwhile {
			return PutResult{}, err
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
func (s *Stream) checkOrdering(n SequenceNumber, now instant) error {
	if n.IsZero() {
		return nil
	}
	if s.Distribution() == DistributeAuto {
		return invalidf("sequence number for ordering", "is not possible while the stream distributes records itself")
	}
	p, ok := n.decode()
	if !ok || p.version < 1 || int64(p.time) > max(now.second(), s.marks.last.Load()) {
		return &SequenceNumberError{Text: n.String(), Reason: "is invalid for ordering"}
	}
	return nil
}

// put appends one record and returns its index and arrival, or refuses it.
func (sh *shard) put(key string, data []byte, now instant) (i uint64, ms int64, err error) {
	size := len(key) + len(data)
	if sh.stream.full.max > 0 {
		if err := sh.stream.makeRoom(size, now); err != nil {
			return 0, 0, err
		}
	}
	sh.mu.Lock()
	if sh.closed || sh.quota.limited {
		if err := sh.admitLocked(size, now); err != nil {
			sh.mu.Unlock()
			sh.refused(err, size, now)
			return 0, 0, err
		}
	}
	ms, tidy := sh.stampLocked(now.ms())
	i = sh.log.Append(key, data, ms)
	sh.log.Publish()
	sh.releaseLocked(now)
	sh.mu.Unlock()
	if sh.stream.full.max > 0 {
		sh.stream.dropExcess(now)
	}
	sh.wake()
	if tidy {
		sh.stream.tidy(now)
	}
	return i, ms, nil
}

// admitLocked refuses a record if the shard is closed or past a write limit.
func (sh *shard) admitLocked(size int, now instant) error {
	if sh.closed {
		return errClosedMeanwhile
	}
	return sh.takeQuotaLocked(now, size)
}

// refused accounts for a record that admitLocked refused.
func (sh *shard) refused(err error, size int, now instant) {
	sh.stream.full.give(size)
	if err != errClosedMeanwhile {
		sh.countThrottled(now)
	}
}

// takeQuotaLocked takes a record's share of the write limits.
func (sh *shard) takeQuotaLocked(now instant, size int) error {
	at, behind := sh.clock.read(now)
	limit, wait := sh.quota.take(at, size)
	if limit == "" {
		return nil
	}
	wait = max(1, wait) + behind
	return &LimitError{Limit: limit, Stream: sh.stream.name, Shard: sh.shard, RetryAfter: wait}
}

// wake wakes those who wait for records, of this shard or of any.
func (sh *shard) wake() {
	sh.waiting.Wake()
	sh.stream.waiting.Wake()
}

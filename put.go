package weir

import (
	"context"

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
func (s *Stream) put(ctx context.Context, key string, data []byte, explicit *HashKey, now instant, inLine bool) (Placed, error) {
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
	if sh.quota.Limited() {
		if r := sh.admit(now, size, inLine); r.Kind != quota.None {
			sh.abandon()
			if !inLine {
				s.full.give(size)
			}
			sh.history.Add(now.second(), kindWriteThrottled, 1)
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

// beginWrite returns the shard that takes a record, between its begin and end. The
// hash is spared where there is one shard only to choose from.
func (s *Stream) beginWrite(key string, explicit *HashKey) *shard {
	for routes := s.routes.Load(); ; routes = s.laterRoutes() {
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
func (s *Stream) stamp(sh *shard, now instant) (ms int64, tidy bool) {
	ms, newSecond := sh.stamp(now.ms())
	if newSecond {
		tidy = s.mark(markSecond(ms))
	}
	return ms, tidy
}

// after does what a write brought about: it holds no shard's mutex.
func (s *Stream) after(sh *shard, e effect, tidy bool, now instant) {
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
func (s *Stream) checkOrdering(n SequenceNumber, now instant) error {
	if n.IsZero() {
		return nil
	}
	if s.dealer() != nil {
		return invalidf("sequence number for ordering", "is not possible while the stream distributes records itself")
	}
	p, ok := n.decode()
	if !ok || p.version < 1 || int64(p.time) > max(now.second(), s.marks.Last()) {
		return &SequenceNumberError{Text: n.String(), Reason: "is invalid for ordering"}
	}
	return nil
}

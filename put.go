package weir

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/weirstream/weir/internal/clock"
	"github.com/weirstream/weir/internal/quota"
	"github.com/weirstream/weir/internal/store"
	"github.com/weirstream/weir/internal/wait"
)

// The way of a put. What is indented happens within, in this order.
//
//	PutRecord, Put, PutRecords, PutCopies        (and their waiting forms)
//	  begin                  context; the one reading of the clock
//	  checkRecord            key, size, number for ordering
//	  isFull                 memory shared with other streams   retention.go
//	  scaled                 what has fallen due; whose turn it is
//	  makeRoom               memory, or wait for it             retention.go
//	  beginWrite             which shard, its mutex
//	    shard.begin            closed meanwhile? look again
//	    shard.admit            the write limits                 internal/quota
//	    stamp                  arrival; marks of the second
//	    log.Append             into the newest block            internal/shardlog
//	    shard.end              publish, release what expired
//	  after                  memory back, wake readers, tidy
//	  dropExcess             the oldest records of any shard    retention.go
//
// A batch does the part from beginWrite to after once for each shard.

// PutRecord appends a record to the shard whose hash key range holds the MD5 of
// key, and returns where it went. data is copied; it may be empty. Past a write
// limit of the shard PutRecord does not wait: it returns a [*LimitError], which
// matches [ErrThroughputExceeded], and nothing is stored. What does not fit
// into [Config.MaxBytes] is dealt with as [Config.WhenFull] says.
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

// put puts a record to the shard of explicit or, if that is nil, of key's hash.
// If inLine is set, those who wait for the shard's quota come first, and a
// record that a limit refuses keeps its room in memory.
func (s *Stream) put(ctx context.Context, key string, data []byte, explicit *HashKey, now clock.Instant, inLine bool) (Placed, error) {
	if err := s.checkRecord(key, data); err != nil {
		return Placed{}, err
	}
	if d := s.scaled(now); d != nil {
		explicit = d.next(s.routes.Load())
	}
	if s.isFull(1, now) {
		return Placed{}, ErrMemoryFull
	}
	size := len(key) + len(data)
	if s.full.max > 0 {
		// Before the shard is taken: to make room may take a wait, and the mutex of
		// another shard.
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
			if !inLine { // else it is going to wait for the quota, with its room
				s.full.give(size)
			}
			sh.history.Add(now.Second(), kindWriteThrottled, 1)
			return Placed{}, s.limitError(sh.id, r)
		}
	}
	if s.disk != nil {
		p, err := s.putOnDisk(sh, key, data, now)
		if err != nil {
			s.full.give(size)
		} else if s.full.max > 0 {
			s.dropExcess(now)
		}
		return p, err
	}
	ms, tidy := s.stamp(sh, now)
	i := sh.log.Append(key, data, ms)
	s.after(sh, sh.end(now, s.retention()), tidy, now)
	if s.full.max > 0 {
		// Last: a record that was refused drops nothing, and what is to be dropped
		// may be in any shard, this one too.
		s.dropExcess(now)
	}
	return Placed{ShardID: sh.id, SequenceNumber: sh.number(i, ms)}, nil
}

// putOnDisk appends a record to a shard that is between its begin and end.
func (s *Stream) putOnDisk(sh *shard, key string, data []byte, now clock.Instant) (Placed, error) {
	ms, tidy := s.stamp(sh, now)
	g, err := sh.stored.Record(key, data, ms)
	if err != nil {
		sh.abandon()
		return Placed{}, s.disk.refusal(err)
	}
	i := sh.log.Append(key, data, ms)
	if err := s.settle(sh, g, tidy, now); err != nil {
		return Placed{}, err
	}
	return Placed{ShardID: sh.id, SequenceNumber: sh.number(i, ms)}, nil
}

// settle waits until what was appended to a shard since begin is on disk and
// shown to readers, or shows it if it gets there later. It lets go of the
// shard's mutex. An error says that nothing of it is there.
func (s *Stream) settle(sh *shard, g *store.Group[*shard], tidy bool, now clock.Instant) error {
	if s.disk.isDeferred() {
		s.after(sh, sh.end(now, s.retention()), tidy, now)
		return s.disk.commit(g)
	}
	sh.abandon()
	if err := s.disk.commit(g); err != nil {
		return err
	}
	if tidy {
		s.tidy(now)
	}
	return nil
}

// show shows readers the records of a shard before an index, which are on disk.
func (s *Stream) show(sh *shard, upTo uint64) {
	now := s.now()
	sh.mu.Lock()
	first := sh.log.First() == sh.log.End() // before the end moves
	sh.log.PublishTo(upTo)
	s.after(sh, sh.release(effect{first: first}, now, s.retention()), false, now)
}

// beginWrite returns the shard that takes a record, between its begin and end,
// or nil when writes have ended. The hash is spared where there is one shard
// only to choose from.
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
		// It was closed since the routing was loaded. The next routing is published
		// before the reshard is over, so who waits for that does not come here twice
		// for the same shard.
	}
}

// laterRoutes returns the routing after the reshard that is under way.
func (s *Stream) laterRoutes() *routing {
	s.reshard.Lock()
	defer s.reshard.Unlock()
	return s.routes.Load()
}

// stamp returns the arrival of what is put into a shard, which is between begin
// and end. It reports whether this is the first put of a second on the stream.
//
// The stream's mark is made here, while nothing of that second is published:
// it says what had come in before, so what is published any earlier would count
// for the second before.
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

// PutRecordWait is [Stream.PutRecord] for a caller who rather waits than be
// refused: past a write limit it waits until there is room or ctx ends. Those
// who wait for a shard are served in the order in which they came, over a split
// or merge too. Puts that do not wait do not overtake them, but right after a
// split or merge, when the children have their full buckets. Each costs the
// same however many wait. When ctx ends the error matches its cause and the
// [*LimitError] that it waited for, and the quota is as if it had not been
// there. Metrics count a record that has to wait as throttled once.
//
// It is [Config.Now] that says whether the wait is over, and a timer of package
// time that says when to ask: while the stream's clock stands still, nothing
// passes.
func (s *Stream) PutRecordWait(ctx context.Context, key string, data []byte) (Placed, error) {
	now, err := s.begin(ctx)
	if err != nil {
		return Placed{}, err
	}
	r, err := s.put(ctx, key, data, nil, now, true)
	if _, over := err.(*LimitError); !over {
		return r, err
	}
	q := waitingPut{stream: s, entries: []Entry{{PartitionKey: key, Data: data}}, results: []PutResult{{Err: err}}, single: true}
	if err = q.put(ctx, []int32{0}); err == nil {
		err = q.results[0].Err
	}
	return q.results[0].Placed, err
}

// PutRecordsWait is [Stream.PutRecords] for a caller who rather waits than be
// refused: it waits for the quota of each shard as [Stream.PutRecordWait] does,
// and keeps the order of entries within each shard. Metrics know it as one
// call.
//
// The error is nil if and only if all records are stored; the results say what
// became of each. When ctx ends while records wait, it matches the context's
// cause and the limit that was waited for, and what is left is not stored; when
// writes end, it matches [ErrClosed]. Else it is why the first record that is
// not stored is not: one that does not fit into [Config.MaxBytes] gives
// [ErrMemoryFull].
func (s *Stream) PutRecordsWait(ctx context.Context, entries []Entry) ([]PutResult, error) {
	begin, err := s.begin(ctx)
	if err == nil {
		err = s.checkBatch(entries)
	}
	if err != nil {
		return nil, err
	}
	q := waitingPut{stream: s, entries: entries, results: make([]PutResult, len(entries))}
	defer func() { s.countBatch(begin, q.results) }()
	now := begin
	for from, n := 0, 0; from < len(entries); from += n {
		if n, now, err = s.waitForSome(ctx, entries[from:], q.results[from:], now); err != nil {
			return q.results, fmt.Errorf("records[%d]: %w", from, err)
		}
		s.putBatch(entries[from:from+n], q.results[from:from+n], true, now)
		if refused := q.refused(from, from+n); len(refused) > 0 {
			if err := q.put(ctx, refused); err != nil {
				q.refuseFrom(from+n, err)
				return q.results, err
			}
			now = s.now()
		}
	}
	return q.results, q.firstError()
}

// patience bounds how long a record waits for others, so that they are put
// together instead of one by one as soon as the first may pass.
const patience = 20 * time.Millisecond

// slowClock is the shortest time after which a stream's clock is looked at
// again that has not got as far as a timer.
const slowClock = time.Millisecond

// A waitingPut is a call that waits for quota. What it waits for has its room
// in memory already.
type waitingPut struct {
	stream  *Stream
	entries []Entry
	results []PutResult
	single  bool // it counts as a PutRecord
}

// A lineup is the part of a waiting put that waits for one shard: records in
// their order, which are put one after the other as the quota allows.
type lineup struct {
	sh     *shard
	left   []int32 // entries not stored, in order
	ticket *wait.Ticket
	debt   quota.Debt
	owed   int       // how many of left, from the first on, the debt is for
	due    time.Time // when to look whether it is paid off, by package time
	err    *LimitError
}

// refused returns those of the entries of a range that a limit refused.
func (q *waitingPut) refused(from, to int) (refused []int32) {
	for i := from; i < to; i++ {
		if _, over := q.results[i].Err.(*LimitError); over {
			refused = append(refused, int32(i))
		}
	}
	return refused
}

// refuseFrom says of the entries from one on, which were not begun, why.
func (q *waitingPut) refuseFrom(from int, err error) {
	for i := from; i < len(q.results); i++ {
		q.results[i].Err = err
	}
}

// firstError returns why the first record that is not stored is not.
func (q *waitingPut) firstError() error {
	for i := range q.results {
		if err := q.results[i].Err; err != nil {
			return fmt.Errorf("records[%d]: %w", i, err)
		}
	}
	return nil
}

// put puts entries, whose results carry the limit that refused them, as the
// quotas of their shards allow. It lets the part of each shard have its turn;
// where a shard was closed meanwhile, its part moves on to the children. When
// ctx ends it returns an error that says which limit it waited for.
func (q *waitingPut) put(ctx context.Context, entries []int32) error {
	// Each line has an entry at least, and tells of its turn once.
	turns := make(chan *wait.Ticket, len(entries))
	lines := q.lineUp(q.stream.routes.Load(), entries, turns)
	if len(lines) == 0 {
		return q.refuseEnded(entries)
	}
	for len(lines) > 0 {
		l, err := q.next(ctx, lines, turns)
		if err != nil {
			q.giveUp(lines)
			return err
		}
		if !q.putLine(l) {
			// Before the turn is passed on, so that who comes next stays behind.
			moved := q.lineUp(q.stream.laterRoutes(), l.left, turns)
			if len(moved) == 0 {
				var left []int32
				for _, l := range lines {
					left, l.left = append(left, l.left...), nil
				}
				q.giveUp(lines)
				return q.refuseEnded(left)
			}
			lines = append(lines, moved...)
			l.left = nil
		}
		if len(l.left) == 0 {
			l.sh.line.Leave(l.ticket)
			lines = slices.DeleteFunc(lines, func(o *lineup) bool { return o == l })
		}
	}
	return nil
}

// refuseEnded refuses entries, which have room in memory, because writes have
// ended.
func (q *waitingPut) refuseEnded(entries []int32) error {
	err := q.stream.errEnded()
	for _, i := range entries {
		q.results[i] = PutResult{Err: err}
		q.stream.full.give(q.entries[i].Size())
	}
	return err
}

// lineUp divides entries by shard and takes a place in the line of each. There
// are no lines when writes have ended.
func (q *waitingPut) lineUp(routes *routing, entries []int32, turns chan<- *wait.Ticket) (lines []*lineup) {
	if len(routes.open) == 0 {
		return nil
	}
	dealer, byShard := q.stream.dealer(), make(map[*shard]*lineup)
	for _, i := range entries {
		explicit := q.entries[i].ExplicitHashKey
		if dealer != nil {
			explicit = dealer.next(routes)
		}
		sh := routes.open[routes.place(hashKey(q.entries[i].PartitionKey, explicit))]
		l := byShard[sh]
		if l == nil {
			l = &lineup{sh: sh, err: q.results[i].Err.(*LimitError)}
			byShard[sh] = l
			lines = append(lines, l)
		}
		l.left = append(l.left, i)
	}
	for _, l := range lines {
		l.ticket = l.sh.line.Enter(turns)
	}
	return lines
}

// next waits until one of lines has its turn, is to look whether its debt is
// paid off, or has a debt to a shard that takes no more; or until ctx ends.
func (q *waitingPut) next(ctx context.Context, lines []*lineup, turns <-chan *wait.Ticket) (*lineup, error) {
	var first *lineup // of those that have a debt
	for {
		// Enter, then look: a reshard in between is not missed.
		resharded := q.stream.resharded.Enter()
		if first = soonest(lines); first != nil && first.sh.ending.Load() != nil {
			return first, nil
		}
		var due <-chan time.Time
		if first != nil {
			timer := time.NewTimer(time.Until(first.due))
			defer timer.Stop() // there are few reshards while it waits
			due = timer.C
		}
		select {
		case t := <-turns: // of one of lines: a line that is left has had its turn
			return lines[slices.IndexFunc(lines, func(l *lineup) bool { return l.ticket == t })], nil
		case <-due:
			return first, nil
		case <-resharded:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w while waiting: %w", context.Cause(ctx), cmp.Or(first, lines[0]).err)
		}
	}
}

// soonest returns which of lines that have a debt is to be looked at first: one
// to a shard that takes no more, or the one that is due. It is nil if none has.
func soonest(lines []*lineup) (first *lineup) {
	for _, l := range lines {
		switch {
		case l.owed == 0:
		case l.sh.ending.Load() != nil:
			return l
		case first == nil || l.due.Before(first.due):
			first = l
		}
	}
	return first
}

// putLine puts what of a line is paid for and what the quota lets pass besides,
// and takes a debt for what comes next. It reports whether the shard is open;
// if not, nothing is put, and there is no debt to a shard that takes no more.
func (q *waitingPut) putLine(l *lineup) bool {
	sh, now := l.sh, q.stream.now()
	if !sh.begin() {
		return false
	}
	if left := sh.quota.Left(&l.debt, int64(now)); left > 0 {
		// The stream's clock decides; the timer only said when to look.
		l.due = time.Now().Add(max(left, slowClock))
		sh.abandon()
		return true
	}
	passed := l.owed
	for passed < len(l.left) && sh.admit(now, q.entries[l.left[passed]].Size(), false).Kind == quota.None {
		passed++
	}
	stored := l.left[:passed]
	l.left, l.owed, l.debt = l.left[passed:], 0, quota.Debt{}
	for l.owed < len(l.left) && (l.owed == 0 || l.debt.Wait < patience) {
		sh.quota.Owe(&l.debt, int64(now), q.entries[l.left[l.owed]].Size())
		l.owed++
	}
	if l.owed > 0 {
		sh.owed = l.debt.By
		l.due = time.Now().Add(l.debt.Wait)
		l.err = q.stream.limitError(sh.id, quota.Refusal{Kind: l.debt.By, Wait: l.debt.Wait})
	}
	if passed == 0 {
		sh.abandon()
		return true
	}
	q.store(sh, stored, now)
	return true
}

// store appends entries that may pass to a shard, which is between begin and
// end, and waits until they are on disk if they are to be.
func (q *waitingPut) store(sh *shard, which []int32, now clock.Instant) {
	s := q.stream
	ms, tidy := s.stamp(sh, now)
	if err := q.append(sh, which, ms, tidy, now); err != nil {
		for _, i := range which {
			q.results[i] = PutResult{Err: err}
			s.full.give(q.entries[i].Size())
		}
	}
	if s.full.max > 0 {
		s.dropExcess(now)
	}
}

// append is store for what can fail, which is what is to be on disk.
func (q *waitingPut) append(sh *shard, which []int32, ms int64, tidy bool, now clock.Instant) (err error) {
	s, before := q.stream, sh.appended()
	var g *store.Group[*shard]
	if s.disk != nil {
		if g, err = noteEntries(sh, q.entries, which, ms, !q.single); err != nil {
			sh.abandon()
			return s.disk.refusal(err)
		}
	}
	appendEntries(sh, q.entries, which, q.results, ms)
	if !q.single {
		sh.countBatch(before)
	}
	if s.disk != nil {
		return s.settle(sh, g, tidy, now)
	}
	s.after(sh, sh.end(now, s.retention()), tidy, now)
	return nil
}

// giveUp leaves all lines, gives room and quota back, and says of each record
// that is not stored what it waited for.
func (q *waitingPut) giveUp(lines []*lineup) {
	now := q.stream.now()
	for _, l := range lines {
		l.sh.mu.Lock()
		l.sh.quota.Forgive(&l.debt, int64(now))
		l.sh.mu.Unlock()
		l.sh.line.Leave(l.ticket)
		for _, i := range l.left {
			q.results[i] = PutResult{Err: l.err}
			if q.stream.full.max > 0 {
				q.stream.full.give(q.entries[i].Size())
			}
		}
	}
}

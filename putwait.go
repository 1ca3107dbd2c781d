package weir

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/weirstream/weir/internal/clock"
	"github.com/weirstream/weir/internal/quota"
	"github.com/weirstream/weir/internal/wait"
)

// PutRecordWait is [Stream.PutRecord] for a caller who rather waits than be
// refused: past a write limit it waits until there is room or ctx ends. Those who
// wait for a shard are served in the order in which they came, over a split or merge
// too, and puts that do not wait do not overtake them; each costs the same however
// many wait. When ctx ends the error matches its cause and the [*LimitError] that it
// waited for, and the quota is as if it had not been there. Metrics count a record
// that has to wait as throttled once.
//
// It is [Config.Now] that says whether the wait is over, and a timer of package time
// that says when to ask: while the stream's clock stands still, nothing passes.
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
	err = q.put(ctx, []int{0})
	return q.results[0].Placed, err
}

// PutRecordsWait is [Stream.PutRecords] for a caller who rather waits than be
// refused: it waits for the quota of each shard as [Stream.PutRecordWait] does, and
// keeps the order of entries within each shard. Metrics know it as one call.
//
// The error is nil if and only if all records are stored; the results say what became
// of each. When ctx ends while records wait, it matches the context's cause and the
// limit that was waited for, and what is left is not stored. Else it is why the first
// record that is not stored is not: one that does not fit into [Config.MaxBytes] gives
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
		n, now = s.waitForSome(ctx, entries[from:], q.results[from:], now)
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

// slowClock is the shortest time after which a stream's clock is looked at again that
// has not got as far as a timer.
const slowClock = time.Millisecond

// A waitingPut is a call that waits for quota. What it waits for has its room in
// memory already.
type waitingPut struct {
	stream  *Stream
	entries []Entry
	results []PutResult
	single  bool // it counts as a PutRecord
}

// A lineup is the part of a waiting put that waits for one shard: records in their
// order, which are put one after the other as the quota allows.
type lineup struct {
	sh     *shard
	left   []int // entries not stored, in order
	ticket *wait.Ticket
	debt   quota.Debt
	owed   int       // how many of left, from the first on, the debt is for
	due    time.Time // when to look whether it is paid off, by package time
	err    *LimitError
}

// refused returns those of the entries of a range that a limit refused.
func (q *waitingPut) refused(from, to int) (refused []int) {
	for i := from; i < to; i++ {
		if _, over := q.results[i].Err.(*LimitError); over {
			refused = append(refused, i)
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

// put puts entries, whose results carry the limit that refused them, as the quotas
// of their shards allow. It lets the part of each shard have its turn; where a shard
// was closed meanwhile, its part moves on to the children. When ctx ends it returns
// an error that says which limit it waited for.
func (q *waitingPut) put(ctx context.Context, entries []int) error {
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
				var left []int
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
func (q *waitingPut) refuseEnded(entries []int) error {
	err := q.stream.errEnded()
	for _, i := range entries {
		q.results[i] = PutResult{Err: err}
		q.stream.full.give(q.entries[i].Size())
	}
	return err
}

// lineUp divides entries by shard and takes a place in the line of each. There are
// no lines when writes have ended.
func (q *waitingPut) lineUp(routes *routing, entries []int, turns chan<- *wait.Ticket) (lines []*lineup) {
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

// next waits until one of lines has its turn, is to look whether its debt is paid
// off, or has a debt to a shard that takes no more; or until ctx ends.
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

// soonest returns which of lines that have a debt is to be looked at first: one to
// a shard that takes no more, or the one that is due. It is nil if none has.
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

// putLine puts what of a line is paid for and what the quota lets pass besides, and
// takes a debt for what comes next. It reports whether the shard is open; if not,
// nothing is put, and there is no debt to a shard that takes no more.
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
		l.err = q.stream.limitError(sh.shard, quota.Refusal{Kind: l.debt.By, Wait: l.debt.Wait})
	}
	if passed == 0 {
		sh.abandon()
		return true
	}
	q.store(sh, stored, now)
	return true
}

// store appends entries that may pass to a shard, which is between begin and end.
func (q *waitingPut) store(sh *shard, entries []int, now clock.Instant) {
	s := q.stream
	ms, tidy := s.stamp(sh, now)
	before := sh.appended()
	for _, i := range entries {
		e := &q.entries[i]
		at := sh.log.Append(e.PartitionKey, e.Data, ms)
		q.results[i] = PutResult{Placed: Placed{ShardID: sh.shard, SequenceNumber: sh.number(at, ms)}}
	}
	if !q.single {
		sh.countBatch(before)
	}
	s.after(sh, sh.end(now, s.retention()), tidy, now)
	if s.full.max > 0 {
		s.dropExcess(now)
	}
}

// giveUp leaves all lines, gives room and quota back, and says of each record that
// is not stored what it waited for.
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

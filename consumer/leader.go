package consumer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/lease"
)

// A leader is the goroutine of a group that looks at the leases, takes what the
// machine decides, and starts the shards whose parents have ended.
type leader struct {
	g       *Group
	machine *machine
	synced  time.Duration // when the next sync is due
	looked  time.Duration // when the last look ended
	debt    time.Duration // what looking has cost then, at ten times what it took
	wish    string        // the lease that was asked for last, "" if none was

	syncs   sync.WaitGroup
	syncing atomic.Bool // a sync is under way
	failed  atomic.Bool // the last one failed
}

// run leads until ctx ends or the group has failed.
func (l *leader) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer l.syncs.Wait()
	defer cancel()
	if err := l.start(ctx); err != nil || ctx.Err() != nil {
		return err
	}
	for ctx.Err() == nil && !l.g.failed() {
		changed := l.changed()
		began := l.g.now()
		next, err := l.look(ctx)
		if err != nil && ctx.Err() == nil {
			if errors.Is(err, lease.ErrForeign) {
				return err
			}
			l.g.counts.storeErrors.Add(1)
			l.g.log.Warn("looking at the leases failed", "err", err)
		}
		// A few changes are followed at once; those that come all the time take a
		// tenth of it at most.
		now := l.g.now()
		l.debt = max(0, l.debt-(now-l.looked)) + max(time.Millisecond, 10*(now-began))
		l.looked = now
		if !l.pause(ctx, l.debt-maxDebt, nil, nil) {
			break
		}
		l.pause(ctx, next-l.g.now(), changed, l.g.wake)
	}
	return nil
}

// maxDebt is for how long looks follow each other without a pause.
const maxDebt = 20 * time.Millisecond

// changed returns what is closed when the store tells of a change, nil if it
// does not.
func (l *leader) changed() <-chan struct{} {
	if w, ok := l.g.config.Store.(lease.Watcher); ok {
		return w.Changed()
	}
	return nil
}

func (l *leader) pause(ctx context.Context, d time.Duration, changed, wake <-chan struct{}) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-changed:
	case <-wake:
	case <-ctx.Done():
		return false
	}
	return true
}

// start waits until the store and the streams can be reached, and makes the
// leases that are missing.
func (l *leader) start(ctx context.Context) error {
	limit := l.g.now() + l.g.config.StartWithin
	for failed := 0; ; failed++ {
		err := l.tryStart(ctx)
		switch {
		case err == nil, ctx.Err() != nil:
			return nil
		case errors.Is(err, lease.ErrForeign):
			return err
		case l.g.now() >= limit:
			return fmt.Errorf("group %s: not to be begun within %v: %w", l.g.config.Name, l.g.config.StartWithin, err)
		}
		l.g.log.Warn("beginning failed", "err", err)
		l.pause(ctx, min(l.g.backoff(failed), max(1, limit-l.g.now())), nil, nil)
	}
}

func (l *leader) tryStart(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, l.g.config.StartWithin/2)
	defer cancel()
	leases, err := l.g.store.List(ctx)
	if err != nil {
		return fmt.Errorf("lease store: %w", err)
	}
	if len(l.g.sources) > 1 {
		for _, src := range l.g.sources {
			if err := src.identify(ctx); err != nil {
				return fmt.Errorf("stream %s: %w", src.name, err)
			}
		}
	}
	if err := l.g.checkOurs(leases); err != nil {
		return err
	}
	for _, src := range l.g.sources {
		if err := l.g.sync(ctx, src); err != nil {
			return fmt.Errorf("stream %s: %w", src.name, err)
		}
	}
	l.synced = l.g.now() + l.g.jitter(l.g.config.SyncEvery)
	return nil
}

// checkOurs returns an error if leases are not of the group's streams. Those of
// a group of several streams may be of one that it does not read any more.
func (g *Group) checkOurs(leases []lease.Lease) error {
	for _, l := range leases {
		src, _ := g.find(l.Key)
		_, err := weir.ParseShardID(l.Key)
		switch {
		case src == nil && len(g.sources) > 1 && err == nil:
			// To begin anew beside it would repeat, or leave out, what it covers.
			return fmt.Errorf("group %s: lease %q is one of a group of one stream, this one reads %d: %w", g.config.Name, l.Key, len(g.sources), lease.ErrForeign)
		case src == nil && len(g.sources) > 1:
		case src == nil:
			return fmt.Errorf("group %s: lease %q is of no shard of stream %s: %w", g.config.Name, l.Key, g.sources[0].name, lease.ErrForeign)
		case l.Stream != "" && len(g.sources) == 1 && l.Stream != src.name:
			return fmt.Errorf("group %s: lease %q is of stream %s, not of %s: %w", g.config.Name, l.Key, l.Stream, src.name, lease.ErrForeign)
		}
	}
	return nil
}

// find returns the stream and the shard of a lease, nil if it is of none.
func (g *Group) find(key string) (*source, weir.ShardID) {
	for _, s := range g.sources {
		if id, ours := s.id(key); ours {
			return s, id
		}
	}
	return nil, 0
}

// look looks at the leases and acts. It returns when to look again.
func (l *leader) look(ctx context.Context) (next time.Duration, err error) {
	g := l.g
	next = g.now() + g.jitter(g.config.Failover/3)
	if l.failed.Swap(false) {
		l.synced = next
	}
	if g.now() >= l.synced && !l.syncing.Load() {
		l.synced = g.now() + g.jitter(g.config.SyncEvery)
		l.sync(ctx)
	}
	leases, err := l.list(ctx)
	if err != nil {
		return next, err
	}
	l.machine.list(slices.DeleteFunc(leases, func(row lease.Lease) bool { s, _ := g.find(row.Key); return s == nil }), g.now())
	l.compare()
	d := l.machine.decide(func(key string) bool { return g.shard(key) != nil }, g.now())
	again := l.take(d.take)
	if d.ask != nil {
		again = l.ask(*d.ask) || again
	}
	for _, sh := range g.shardsByKey() {
		if !l.machine.blocked(sh.current()) {
			g.begin(sh)
		}
	}
	if again {
		return g.now(), nil
	}
	return min(next, d.next), nil
}

func (l *leader) list(ctx context.Context) ([]lease.Lease, error) {
	ctx, cancel := context.WithTimeout(ctx, l.g.config.Failover/2)
	defer cancel()
	return l.g.store.List(ctx)
}

// compare looks at what others did with the worker's own leases.
func (l *leader) compare() {
	for _, sh := range l.g.shardsByKey() {
		s := l.machine.seen[sh.key]
		if s == nil {
			continue
		}
		sh.mu.Lock()
		// Who is writing, or tries again, finds out; it may be what was listed.
		newer := s.Counter > sh.row.Counter && len(sh.unsure) == 0 && len(sh.turn) == 0
		if newer && s.Owner == l.g.config.Worker {
			sh.note(s.Lease)
		}
		sh.mu.Unlock()
		if newer && s.Owner != l.g.config.Worker {
			sh.lose(fmt.Errorf("%w: worker %q has it", ErrLeaseLost, s.Owner))
		}
		sh.heed()
		if sh.isOver() {
			sh.giveUp(1)
		}
	}
}

// take takes leases. It reports whether some were not as they were seen: then
// there is another look.
func (l *leader) take(rows []lease.Lease) (again bool) {
	g := l.g
	type taken struct {
		row   lease.Lease
		began time.Duration
		err   error
	}
	results := make([]taken, len(rows))
	indices := make([]int, len(rows))
	for i := range indices {
		indices[i] = i
	}
	inParallel(indices, func(i int) {
		row, began := rows[i], g.now()
		row.Switches++ // also of one that it has: its writes of before are another tenure's
		row.Owner, row.Wanted = g.config.Worker, ""
		// A run that ends does not cut it off: a lease that was taken is released.
		bounded, cancel := context.WithTimeout(g.base, g.config.Failover/4)
		defer cancel()
		got, err := g.store.Update(bounded, row)
		results[i] = taken{got, began, err}
	})
	for i, r := range results {
		switch {
		case r.err == nil:
			l.machine.see(r.row, g.now())
			src, id := g.find(r.row.Key)
			if rows[i].Owner == g.config.Worker {
				g.counts.moved.Add(1)
			}
			g.hold(src, id, r.row, r.began)
			g.log.Info("lease taken", "lease", r.row.Key, "from", rows[i].Owner)
		case errors.Is(r.err, lease.ErrConflict):
			g.counts.conflicts.Add(1)
			again = true
			if r.row.Key != "" {
				l.machine.see(r.row, g.now())
			}
		default:
			g.counts.storeErrors.Add(1)
		}
	}
	if len(rows) > 0 {
		g.hurry() // there are leases to renew
	}
	return again
}

// ask asks the owner of a lease to hand it over. It reports whether the lease was
// not as it was seen: then there is another look.
func (l *leader) ask(row lease.Lease) (again bool) {
	ctx, cancel := context.WithTimeout(l.g.base, l.g.config.Failover/4)
	defer cancel()
	l.wish = row.Key
	asked := l.g.now()
	row.Wanted = l.g.config.Worker
	got, err := l.g.store.Update(ctx, row)
	switch {
	case err == nil:
		l.machine.ask(row.Key, max(asked, l.g.now()))
		// Its counter was moved by this worker, not by its owner.
		if s := l.machine.seen[row.Key]; s != nil && s.Counter == row.Counter {
			s.Lease = got
		}
		l.g.log.Info("lease asked for", "lease", row.Key, "of", row.Owner)
	case errors.Is(err, lease.ErrConflict):
		l.g.counts.conflicts.Add(1)
		return true
	default:
		l.g.counts.storeErrors.Add(1)
	}
	return false
}

// withdraw takes back, when a run has ended, what would keep others waiting: the
// wish for a lease, and one that was handed over too late.
func (l *leader) withdraw() {
	ctx, cancel := context.WithTimeout(l.g.base, l.g.config.Failover/4)
	defer cancel()
	for l.wish != "" {
		rows, err := l.g.store.List(ctx)
		i := slices.IndexFunc(rows, func(row lease.Lease) bool { return row.Key == l.wish })
		if err != nil || i < 0 {
			return
		}
		row := rows[i]
		switch l.g.config.Worker {
		case row.Owner:
			row.Owner = ""
		case row.Wanted:
			row.Wanted = ""
		default:
			return
		}
		if _, err := l.g.store.Update(ctx, row); !errors.Is(err, lease.ErrConflict) {
			return
		}
	}
}

// sync makes missing leases, and deletes those that nobody needs. It does so
// beside the looking, which a stream that does not answer is not to hold up.
func (l *leader) sync(ctx context.Context) {
	ended := l.machine.disposable()
	l.syncing.Store(true)
	l.syncs.Go(func() {
		defer l.g.wakeUp() // there may be leases to be taken
		defer l.syncing.Store(false)
		if err := l.g.syncAll(ctx, ended); err != nil && ctx.Err() == nil {
			l.g.log.Warn("looking for shards failed", "err", err)
			l.failed.Store(true)
		}
	})
}

// syncAll deletes leases, and makes those that are missing.
func (g *Group) syncAll(ctx context.Context, ended []lease.Lease) error {
	ctx, cancel := context.WithTimeout(ctx, g.config.StartWithin)
	defer cancel()
	for _, row := range ended { // parents first
		if err := g.store.Delete(ctx, row); err != nil && !errors.Is(err, lease.ErrConflict) {
			return err
		}
	}
	for _, src := range g.sources {
		if err := g.sync(ctx, src); err != nil {
			return err
		}
	}
	return nil
}

// sync makes the leases of a stream that are missing, and deletes those of shards
// that have vanished and ended. Any worker may do it at any time.
func (g *Group) sync(ctx context.Context, src *source) error {
	// Leases are listed first: of a shard that is listed after them, and has none
	// among them, nobody had begun to read the children.
	leases, err := g.store.List(ctx)
	if err != nil {
		return err
	}
	shards, err := src.stream.Shards(ctx)
	if err != nil {
		return err
	}
	listed := make(map[weir.ShardID]bool, len(shards))
	for _, s := range shards {
		listed[s.ID] = true
	}
	leased := make(map[weir.ShardID]bool)
	for _, l := range leases {
		id, ours := src.id(l.Key)
		if !ours {
			continue
		}
		leased[id] = true
		if l.Checkpoint.IsEnded() && !listed[id] && len(shards) > 0 && !isAwaited(l, leases) {
			if err := g.store.Delete(ctx, l); err != nil && !errors.Is(err, lease.ErrConflict) {
				return err
			}
		}
	}
	var starts []start
	if len(leased) == 0 {
		starts = firstLeases(shards, g.config.From)
	} else {
		starts = missingLeases(shards, func(id weir.ShardID) bool { return leased[id] }, g.config.From)
	}
	for _, s := range starts {
		if err := g.create(ctx, src, s); err != nil {
			return err
		}
	}
	return nil
}

// isAwaited reports whether a lease has state, and a child that has not been
// begun: whoever begins it may need what its parent has left.
func isAwaited(l lease.Lease, leases []lease.Lease) bool {
	return len(l.State) > 0 && slices.ContainsFunc(leases, func(c lease.Lease) bool {
		return c.Checkpoint.Sequence == lease.TrimHorizon && slices.Contains(c.Parents, l.Key)
	})
}

// create makes a lease, unless there is one.
func (g *Group) create(ctx context.Context, src *source, s start) error {
	row := lease.Lease{
		Key: src.key(s.shard.ID), Stream: src.name, Counter: g.firstCounter(), Checkpoint: lease.Checkpoint{Sequence: s.checkpoint},
		FirstHashKey: s.shard.HashKeyRange.Start.String(), LastHashKey: s.shard.HashKeyRange.End.String(),
	}
	for _, p := range s.shard.Parents {
		row.Parents = append(row.Parents, src.key(p))
	}
	switch s.checkpoint {
	case lease.AtTimestamp:
		if t := g.config.From.Time(); t.Unix() > 0 { // who goes on with it may be told another one
			row.Checkpoint.Sub = uint64(t.UnixNano())
		}
	case lease.Latest:
		at, err := tip(ctx, src.stream, s.shard.ID)
		if err != nil {
			return err
		}
		row.Checkpoint.Sequence = cmp.Or(at, lease.Latest)
	}
	err := g.store.Create(ctx, row)
	if errors.Is(err, lease.ErrConflict) {
		return nil
	}
	return err
}

// firstCounter returns the counter of a lease that is made: one that no earlier
// lease of its key has had. If one is deleted and made again, a late write that
// saw the first one is not to fit the second.
func (g *Group) firstCounter() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.chaos.Int64N(1 << 40)
}

// tip returns the number after which a shard's tip is, so that it is kept, and
// what is put before the first batch is read even if another worker reads it. It
// is empty if the stream does not tell.
func tip(ctx context.Context, s client.Stream, shard weir.ShardID) (string, error) {
	r, err := s.Read(ctx, shard, weir.Latest(), client.Reading{Polling: true, Interval: -1})
	if err != nil {
		return "", err
	}
	defer r.Close()
	b, err := r.Next(ctx)
	if err != nil || len(b.Records) > 0 || b.Continue.Kind() != "AFTER_SEQUENCE_NUMBER" {
		return "", ctx.Err()
	}
	return b.Continue.Number().String(), nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

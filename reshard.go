package weir

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"sort"
	"time"

	"github.com/weirstream/weir/internal/clock"
	"github.com/weirstream/weir/internal/keyspace"
	"github.com/weirstream/weir/internal/plan"
)

// ShardOf returns the open shard that takes a partition key's records, or -1
// after [Stream.EndWrites].
func (s *Stream) ShardOf(key string) ShardID { return s.ShardOfHashKey(HashPartitionKey(key)) }

// ShardOfHashKey returns the open shard that takes records of a hash key, or -1
// after [Stream.EndWrites].
func (s *Stream) ShardOfHashKey(k HashKey) ShardID {
	if s.mode() == OnDemand { // or the clock would be read for nothing
		s.catchUp(s.now())
	}
	routes := s.routes.Load()
	if len(routes.open) == 0 {
		return -1
	}
	return routes.open[routes.place(k)].id
}

// SplitShard closes an open shard and opens two in its place, the second of
// which begins at hash key at. As on the service at must lie from the shard's
// start + 2 to its end - 1, so that each child has two hash keys at least. It
// returns the children, the lower one first.
func (s *Stream) SplitShard(ctx context.Context, id ShardID, at HashKey) ([2]ShardID, error) {
	if err := checkContext(ctx); err != nil {
		return [2]ShardID{}, err
	}
	s.reshard.Lock()
	defer s.reshard.Unlock()
	if err := s.provisionedLocked(); err != nil {
		return [2]ShardID{}, err
	}
	now := s.now()
	sh, err := s.openShardLocked(id, now)
	if err != nil {
		return [2]ShardID{}, err
	}
	if !sh.keys.CanSplitAt(at) {
		return [2]ShardID{}, invalidf("new starting hash key",
			"%s is not both greater than one plus the start of %s, %s, and less than its end, %s",
			at, id, sh.keys.Start, sh.keys.End)
	}
	lower := s.routes.Load().next
	split := plan.Step{Lower: int64(id), Upper: plan.Split, At: keyspace.Key(at), Child: int64(lower)}
	if err := s.reshardLocked([]plan.Step{split}, now, s.resizes); err != nil {
		return [2]ShardID{}, err
	}
	return [2]ShardID{lower, lower + 1}, nil
}

// MergeShards closes two open shards and opens one in their place. As on the
// service the first must be the one with the lower hash keys, and the other
// follow it without a gap.
func (s *Stream) MergeShards(ctx context.Context, lower, upper ShardID) (ShardID, error) {
	if err := checkContext(ctx); err != nil {
		return 0, err
	}
	s.reshard.Lock()
	defer s.reshard.Unlock()
	if err := s.provisionedLocked(); err != nil {
		return 0, err
	}
	now := s.now()
	lo, err := s.openShardLocked(lower, now)
	if err != nil {
		return 0, err
	}
	hi, err := s.openShardLocked(upper, now)
	if err != nil {
		return 0, err
	}
	if !lo.keys.Adjoins(hi.keys) {
		return 0, invalidf("shards", "%s and %s are not an adjacent pair, the lower one first", lower, upper)
	}
	child := s.routes.Load().next
	merge := plan.Step{Lower: int64(lower), Upper: int64(upper), Child: int64(child)}
	if err := s.reshardLocked([]plan.Step{merge}, now, s.resizes); err != nil {
		return 0, err
	}
	return child, nil
}

// A Reshard is one split or one merge.
type Reshard struct {
	Parents  []ShardID // one that is split, or two that are merged, the lower first
	Children []ShardID // two, the lower first, or one
	// At is where the second child of a split begins. It is zero in a merge.
	At HashKey
}

// IsSplit reports whether r is a split; else it is a merge.
func (r Reshard) IsSplit() bool { return len(r.Parents) == 1 }

// String returns the split or merge in words.
func (r Reshard) String() string {
	switch {
	case len(r.Parents) == 1 && len(r.Children) == 2:
		return fmt.Sprintf("split %v at %v into %v and %v", r.Parents[0], r.At, r.Children[0], r.Children[1])
	case len(r.Parents) == 2 && len(r.Children) == 1:
		return fmt.Sprintf("merge %v and %v into %v", r.Parents[0], r.Parents[1], r.Children[0])
	default:
		return fmt.Sprintf("%v into %v", r.Parents, r.Children)
	}
}

// PlanResize returns what [Stream.Resize] would do, without doing it.
func (s *Stream) PlanResize(target int) ([]Reshard, error) {
	s.reshard.Lock()
	defer s.reshard.Unlock()
	steps, err := s.planLocked(target, s.now())
	return reshards(steps), err
}

// Resize changes the number of open shards as the service's UpdateShardCount
// with UNIFORM_SCALING does, and returns the splits and merges that it took, in
// order. Double the number splits each shard once in the middle, half the
// number merges neighbours; any other target gives even hash key ranges by the
// fewest splits and merges, and the present number changes nothing.
// [Limits.ResizeFactor], [Limits.MaxShards] and [Limits.ResizesPerDay] say what
// is refused, with a [*LimitError].
func (s *Stream) Resize(ctx context.Context, target int) ([]Reshard, error) {
	if err := checkContext(ctx); err != nil {
		return nil, err
	}
	s.reshard.Lock()
	defer s.reshard.Unlock()
	now := s.now()
	steps, err := s.planLocked(target, now)
	if err != nil || len(steps) == 0 {
		return nil, err
	}
	resizes := append(slices.Clone(s.resizes), now)
	if err := s.reshardLocked(steps, now, resizes); err != nil {
		return nil, err
	}
	return reshards(steps), nil
}

// reshards returns steps as callers see them.
func reshards(steps []plan.Step) (list []Reshard) {
	for _, step := range steps {
		lower, upper, child := ShardID(step.Lower), ShardID(step.Upper), ShardID(step.Child)
		if step.IsSplit() {
			list = append(list, Reshard{[]ShardID{lower}, []ShardID{child, child + 1}, HashKey(step.At)})
		} else {
			list = append(list, Reshard{Parents: []ShardID{lower, upper}, Children: []ShardID{child}})
		}
	}
	return list
}

// planLocked checks the rules and plans. The caller holds reshard.
func (s *Stream) planLocked(target int, now clock.Instant) ([]plan.Step, error) {
	if err := s.provisionedLocked(); err != nil {
		return nil, err
	}
	routes := s.routes.Load()
	if len(routes.open) == 0 {
		return nil, s.errEnded()
	}
	if target < 1 {
		return nil, invalidf("target shard count", "%d is less than 1", target)
	}
	if err := s.checkResizeLocked(len(routes.open), target, now); err != nil {
		return nil, err
	}
	steps, err := plan.Resize(routes.planned(), target, int64(routes.next))
	if narrow := (*plan.NarrowError)(nil); errors.As(err, &narrow) {
		return nil, invalidf("target shard count", "%v has too few hash keys to be split", ShardID(narrow.Shard))
	}
	return steps, err
}

// planned returns the open shards as they are told to what plans.
func (r *routing) planned() []plan.Shard {
	open := make([]plan.Shard, len(r.open))
	for i, sh := range r.open {
		open[i] = plan.Shard{ID: int64(sh.id), Keys: sh.keys.inKeyspace()}
	}
	return open
}

// checkResizeLocked checks the service's rules for a target.
func (s *Stream) checkResizeLocked(current, target int, now clock.Instant) error {
	factor := float64(s.limits.ResizeFactor)
	over := func(q Quota, most int) error { return &LimitError{Quota: q, Stream: s.name, Most: most} }
	switch {
	case target == current:
		return nil
	case target > s.limits.MaxShards, target == s.limits.MaxShards && current > target:
		return over(QuotaShards, s.limits.MaxShards) // who has more already may only go below
	case float64(target) > float64(current)*factor:
		return over(QuotaResizeUp, int(float64(current)*factor))
	case float64(target)*factor < float64(current):
		return over(QuotaResizeDown, (current+s.limits.ResizeFactor-1)/s.limits.ResizeFactor)
	default:
		return s.checkResizesLocked(now)
	}
}

// checkResizesLocked checks how many resizes there were in 24 hours.
func (s *Stream) checkResizesLocked(now clock.Instant) error {
	most := s.limits.ResizesPerDay
	s.resizes = ofTheDay(s.resizes, now)
	n := len(s.resizes) // more than most if the stream was saved under another limit
	if n < most {
		return nil
	}
	return &LimitError{
		Quota: QuotaResizes, Stream: s.name, Most: most,
		RetryAfter: time.Duration(s.resizes[n-most] + clock.Instant(day) - now),
	}
}

// openShardLocked returns an open shard. The caller holds reshard.
func (s *Stream) openShardLocked(id ShardID, now clock.Instant) (*shard, error) {
	sh, err := s.readable(id, now)
	if err != nil {
		return nil, err
	}
	if sh.ending.Load() != nil { // written under reshard only
		return nil, fmt.Errorf("%s of stream %s: %w", id, s.name, ErrShardClosed)
	}
	return sh, nil
}

func (s *Stream) shardNotFound(id ShardID) error {
	return fmt.Errorf("%s of stream %s: %w", id, s.name, ErrShardNotFound)
}

// reshardLocked carries out splits and merges, all of one moment. The caller
// holds reshard. now may have passed: what was put since stays where it is. It
// makes resizes those of the last 24 hours. An error says that nothing was
// done.
func (s *Stream) reshardLocked(steps []plan.Step, now clock.Instant, resizes []clock.Instant) error {
	if len(steps) == 0 {
		return nil
	}
	c := &shardChange{stream: s, kind: s.shardKind(), now: now, routes: s.routes.Load()}
	for _, step := range steps {
		c.carryOut(step)
	}
	return c.publish(resizes)
}

// EndWrites closes all open shards for good, without children: the stream takes
// no more records, and whoever reads it gets [io.EOF] when it has read what
// there is. What is put later, or waits for room or quota, is refused with an
// error that matches [ErrClosed]; there is nothing left to split, merge or
// resize. The last pages and events of the shards have no children. Records
// expire as ever, and the stream can be saved. To end the writes again does
// nothing.
func (s *Stream) EndWrites(ctx context.Context) error {
	now, err := s.begin(ctx)
	if err != nil {
		return err
	}
	s.reshard.Lock()
	defer s.reshard.Unlock()
	s.catchUpLocked(now)
	c := &shardChange{stream: s, kind: s.shardKind(), now: now, routes: s.routes.Load()}
	for _, sh := range c.routes.open {
		c.replace([]*shard{sh})
	}
	if err := c.publish(s.resizes); err != nil {
		return err
	}
	s.full.room.Wake()
	return nil
}

// A shardChange is one or more splits and merges of one moment, from the
// closing of the first parent to the publication of the new routing. Puts that
// look a closed parent up meanwhile wait for reshard and look again. It takes
// time in proportion to the open shards, and little more for each step.
type shardChange struct {
	stream *Stream
	kind   shardKind
	now    clock.Instant
	routes *routing // before the change
	opened []*shard // by the change, by id, some of them closed by it too
	closed []*shard
	ending []shardEnding // of closed
}

// carryOut does one step.
func (c *shardChange) carryOut(step plan.Step) {
	lower := c.shard(step.Lower)
	if step.IsSplit() {
		at := HashKey(step.At)
		c.replace([]*shard{lower}, HashKeyRange{lower.keys.Start, at.Sub(1)}, HashKeyRange{at, lower.keys.End})
		return
	}
	upper := c.shard(step.Upper)
	c.replace([]*shard{lower, upper}, HashKeyRange{lower.keys.Start, upper.keys.End})
}

// shard returns a shard that was there before the change or that it opened.
func (c *shardChange) shard(id int64) *shard {
	if opened := ShardID(id) - c.routes.next; opened >= 0 {
		return c.opened[opened]
	}
	return c.routes.shard(ShardID(id))
}

// replace closes parents, neighbours in rising order, to writers and makes
// their children. No put reaches the parents from then on. A child's creation
// second exceeds the ending second of its parents, so all its sequence numbers
// exceed theirs.
func (c *shardChange) replace(parents []*shard, ranges ...HashKeyRange) {
	var ids []ShardID
	ending := shardEnding{closedMs: c.now.Ms()}
	for _, parent := range parents {
		ids = append(ids, parent.id)
		ending.closedMs = max(ending.closedMs, parent.close())
		ending.second = max(ending.second, parent.created)
	}
	// The ending second too lies after those of a lost run, so that its ending
	// numbers differ from these.
	ending.second = max(ending.second, uint64(ending.closedMs)/1000, c.stream.opensAfter)
	for _, keys := range ranges {
		id := identity{created: ending.second + 1, id: c.routes.next + ShardID(len(c.opened))}
		child := newShard(c.kind, id, keys, ids, ending.closedMs)
		ending.children = append(ending.children, child)
		c.opened = append(c.opened, child)
	}
	if c.stream.mode() == OnDemand {
		inheritLoad(parents, ending.children)
	}
	for _, parent := range parents {
		c.closed, c.ending = append(c.closed, parent), append(c.ending, ending)
	}
}

// publish opens the new shards to writers, and then ends the closed ones for
// readers, who learn of the children. In this order, since a reader that has
// come to the end of a parent looks for its children at once. In between the
// children may take records already, and a reader of the whole stream comes to
// them all the same: it begins them at their beginning.
func (c *shardChange) publish(resizes []clock.Instant) error {
	s, before := c.stream, c.routes
	if s.disk != nil {
		// What was put into the parents is noted before, so it is shown when this is
		// on disk.
		if err := s.disk.reshard(c, resizes); err != nil {
			c.undo()
			return err
		}
	}
	s.countMemory(int64(len(c.opened)) * shardBytes)
	all := slices.Concat(before.all, c.opened)
	s.routes.Store(newRouting(all, c.open(), before.next+ShardID(len(c.opened)), before.retired))
	for i, sh := range c.closed {
		sh.finish(c.ending[i])
	}
	s.resizes = resizes
	s.waiting.Wake()   // those who read several shards,
	s.resharded.Wake() // and those who wait for the quota of one that is closed
	s.forgetExpiredLocked(c.now)
	return nil
}

// undo opens the parents to writers again. Nobody has seen their children.
func (c *shardChange) undo() {
	for _, sh := range c.closed {
		sh.mu.Lock()
		sh.closed = false
		sh.mu.Unlock()
	}
}

// open returns the shards that take writes after the change, by hash key.
func (c *shardChange) open() []*shard {
	isClosed := func(sh *shard) bool { return sh.closed } // it is written under reshard too
	opened := slices.DeleteFunc(slices.Clone(c.opened), isClosed)
	slices.SortFunc(opened, func(a, b *shard) int { return a.keys.Start.Compare(b.keys.Start) })
	open := make([]*shard, 0, len(c.routes.open)+len(opened))
	for _, sh := range c.routes.open {
		if sh.closed {
			continue
		}
		for len(opened) > 0 && opened[0].keys.Start.less(sh.keys.Start) {
			open, opened = append(open, opened[0]), opened[1:]
		}
		open = append(open, sh)
	}
	return append(open, opened...)
}

// close ends the shard for writers: later puts find it closed. It returns the
// arrival of the newest record.
func (sh *shard) close() int64 {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.closed = true
	return sh.lastMs
}

// finish ends a shard that is closed to writers for readers too, who learn of
// its children.
func (sh *shard) finish(e shardEnding) {
	sh.mu.Lock()
	sh.log.Finish()
	sh.mu.Unlock()
	// close took the mutex: whoever put before has published, nobody puts after.
	e.index = sh.log.End()
	sh.ending.Store(&e)
	sh.waiting.Wake() // after the store: who is woken looks for it
}

// A ShardQuery says which shards [Stream.ListShards] returns. The zero value
// means all that have not vanished.
type ShardQuery struct {
	Filter ShardFilter
	// ShardID is what [ShardsAfterID] compares with.
	ShardID ShardID
	// Time is what [ShardsAtTime] and [ShardsFromTime] compare with.
	Time time.Time
	// From leaves out shards with a smaller id: with Limit it pages through a
	// long list, each page beginning one after the last id of the page before.
	From ShardID
	// Limit is how many shards to return at most. Zero means all.
	Limit int
}

// A ShardFilter is one of the service's six ways to choose shards. A shard that
// has vanished is chosen by none.
type ShardFilter int

const (
	// ShardsFromTrimHorizon is every shard that can hold readable records, open or
	// closed. The service's name is FROM_TRIM_HORIZON.
	ShardsFromTrimHorizon ShardFilter = iota
	// ShardsAtTrimHorizon is the shards that were open at the trim horizon:
	// AT_TRIM_HORIZON.
	ShardsAtTrimHorizon
	// ShardsAtLatest is the shards that are open now: AT_LATEST.
	ShardsAtLatest
	// ShardsAtTime is the shards that were open at a time, both ends included:
	// AT_TIMESTAMP. In the future that is the shards open now.
	ShardsAtTime
	// ShardsFromTime is the shards that were open at a time or later:
	// FROM_TIMESTAMP.
	ShardsFromTime
	// ShardsAfterID is the shards with a greater id: AFTER_SHARD_ID.
	ShardsAfterID
	numShardFilters
)

// Shards returns the shards that have not vanished, open and closed, by id.
func (s *Stream) Shards() []Shard {
	shards, _ := s.ListShards(context.Background(), ShardQuery{})
	return shards
}

// ListShards returns the shards that a query chooses, by id. The error matches
// [ErrInvalidArgument] when the query names no filter or a negative limit.
func (s *Stream) ListShards(ctx context.Context, q ShardQuery) ([]Shard, error) {
	if err := checkContext(ctx); err != nil {
		return nil, err
	}
	if q.Filter < 0 || q.Filter >= numShardFilters {
		return nil, invalidf("shard filter", "%d is unknown", q.Filter)
	}
	if q.Limit < 0 {
		return nil, invalidf("limit", "%d is negative", q.Limit)
	}
	s.reshard.Lock() // not between the two halves of a reshard
	defer s.reshard.Unlock()
	now := s.now()
	s.catchUpLocked(now)
	all, horizon := s.routes.Load().all, s.horizonMs(now)
	from := sort.Search(len(all), func(i int) bool { return all[i].id >= q.From })
	var list []Shard
	for _, sh := range all[from:] {
		if q.Limit > 0 && len(list) == q.Limit {
			break
		}
		if sh.chosen(q, horizon, s.created.Ms()) {
			list = append(list, sh.describe())
		}
	}
	return list, nil
}

// chosen reports whether a query chooses the shard when what arrived at
// horizonMs or before has expired. The stream was created at createdMs.
func (sh *shard) chosen(q ShardQuery, horizonMs, createdMs int64) bool {
	if sh.expired(horizonMs) {
		return false
	}
	switch q.Filter {
	case ShardsAtTrimHorizon:
		return sh.openAt(max(horizonMs, createdMs))
	case ShardsAtLatest:
		return sh.ending.Load() == nil
	case ShardsAtTime:
		return sh.openAt(q.Time.UnixMilli())
	case ShardsFromTime:
		return sh.openSince(q.Time.UnixMilli())
	case ShardsAfterID:
		return sh.id > q.ShardID
	default:
		return true
	}
}

// openSince reports whether the shard was open at ms or later.
func (sh *shard) openSince(ms int64) bool {
	e := sh.ending.Load()
	return e == nil || e.closedMs >= ms
}

func (sh *shard) openAt(ms int64) bool { return sh.opened <= ms && sh.openSince(ms) }

// routing says which shard takes which hash keys. It is immutable: a reshard
// publishes a new one.
type routing struct {
	// open is the shards that take writes, by hash key. Invariant: their ranges
	// cover 0 to 2^128-1 exactly once, until [Stream.EndWrites] leaves none.
	open   []*shard
	starts []HashKey // of open
	// all is every shard that has not vanished, open or closed, by id.
	all  []*shard
	next ShardID // id of the next shard to be opened
	// retired is here so that readers of metrics find each shard's counts in
	// exactly one place: under all or in this.
	retired retired
}

func newRouting(all, open []*shard, next ShardID, gone retired) *routing {
	r := &routing{all: all, open: open, next: next, retired: gone, starts: make([]HashKey, len(open))}
	for i, sh := range open {
		r.starts[i] = sh.keys.Start
	}
	return r
}

// place returns the place in open of the shard that takes k; there must be open
// ones. It guesses from an even split of the key space, looks around, and
// searches only then: most streams are split evenly, or nearly so.
func (r *routing) place(k HashKey) int {
	const nearby = 4
	guess, _ := bits.Mul64(k.Hi, uint64(len(r.starts)))
	i := int(guess)
	for range nearby {
		switch {
		case k.less(r.starts[i]):
			i--
		case i+1 < len(r.starts) && !k.less(r.starts[i+1]):
			i++
		default:
			return i
		}
	}
	return sort.Search(len(r.starts), func(i int) bool { return k.less(r.starts[i]) }) - 1
}

// shard returns a shard that has not vanished, or nil.
func (r *routing) shard(id ShardID) *shard {
	i := sort.Search(len(r.all), func(i int) bool { return r.all[i].id >= id })
	if i == len(r.all) || r.all[i].id != id {
		return nil
	}
	return r.all[i]
}

// openFirstShards opens the stream's first n shards.
func (s *Stream) openFirstShards(n int) {
	shards := make([]*shard, n)
	created := max(uint64(s.created.Second()), s.opensAfter)
	for i, keys := range EvenRanges(n) {
		id := identity{created: created, id: ShardID(i)}
		shards[i] = newShard(s.shardKind(), id, keys, nil, s.created.Ms())
	}
	s.routes.Store(newRouting(shards, shards, ShardID(n), retired{}))
}

// readable returns a shard that has not vanished.
func (s *Stream) readable(id ShardID, now clock.Instant) (*shard, error) {
	sh := s.routes.Load().shard(id)
	if sh == nil || sh.expired(s.horizonMs(now)) {
		return nil, s.shardNotFound(id)
	}
	return sh, nil
}

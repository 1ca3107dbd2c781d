// Package lineage says which shards of a stream may be read: parents before
// their children, each shard once.
//
// A [Walk] is a pure machine. It reads nothing and knows no stream: whoever
// reads tells it what there is and what has been read, and learns what to
// begin. What it is told may be late. This is what it promises:
//
//  1. A shard is begun when all its parents are over, and not before. A shard
//     is over when it has been read to its end, has vanished, or was not to be
//     read.
//  2. A shard is begun once, however often and by whatever way it is heard of.
//  3. Every shard that it hears of is begun in the end, if the reading goes
//     on: nothing that can hold records is left out.
//  4. The child of a merge waits for both parents, whichever of them names it.
//  5. A shard that vanishes before it was begun is passed over, but not before
//     its own parents are over: its children wait for what came before it.
//  6. A parent that a listing lacks, though it has a younger shard, has
//     vanished and counts as read. If older shards are not over that the
//     listing lacks as well, the parent may descend from them: they and their
//     children come first.
//  7. A parent that only its child has named is waited for until it is heard
//     of, forgotten, or found to have vanished by 6.
//  8. A listing that is late changes nothing that was known before it. It ends
//     no shard: one that it lacks is begun all the same, and whoever finds
//     that it has vanished says so with [Walk.Forget].
//  9. A walk that is made from what another one had begun and ended goes on
//     where that one was. What comes before a shard that was begun or ended is
//     over.
//  10. A shard that has ended takes no memory from when it is forgotten, or a
//     later listing lacks it, and its children are begun.
//
// Ids rise: a child has a greater one than its parents. Listings are given in
// the order in which they were made. What contradicts this never panics, but
// may keep a shard from being begun.
package lineage

import (
	"cmp"
	"iter"
	"maps"
	"slices"
)

// A Shard is what a walk is told of a shard.
type Shard[ID cmp.Ordered] struct {
	ID ID
	// Parents are the shards that were closed to open this one: none, one after a
	// split, two after a merge.
	Parents []ID
}

// A Start is how far the shards of a stream were read before. The zero value is
// not at all.
type Start[ID cmp.Ordered] struct {
	// Begun are the shards that were begun and are not over, Ended those that are
	// over. Of these, the ones are needed whose children are not all begun or over,
	// and the ones that a late listing may have without their children.
	Begun, Ended []Shard[ID]
}

// A Walk goes through the shards of a stream. Make one with [New]. It is for
// one goroutine at a time.
type Walk[ID cmp.Ordered] struct {
	shards  map[ID]*shard[ID]
	waiting int  // shards in stage waiting that are to be handed out
	begun   []ID // by the call under way
}

// shard is what a walk knows of one shard.
//
// Invariants: pending counts the parents that are not over, and each of those
// has the shard among its children; a shard is in stage waiting between calls
// only if pending is above zero.
type shard[ID cmp.Ordered] struct {
	id     ID
	stage  stage
	passed bool // not to be handed out: over as soon as its parents are
	// unlisted says that it had vanished before it was known. In place of its
	// parents it has those that may be its ancestors, by promise 6.
	unlisted bool
	pending  int          // parents that are not over
	parents  []*shard[ID] // until it is begun or over
	children []*shard[ID] // that wait for it, until it is over
	unbegun  int          // children that are known and not begun or over
	// ended says that its children are known, because it was read to its end;
	// forgotten that nobody will speak of it again. With both it is let go of as
	// soon as unbegun is zero.
	ended, forgotten bool
}

// A stage is how far the walk is with a shard.
type stage uint8

const (
	rumoured stage = iota // heard of as a parent only
	waiting               // for its parents
	ready                 // begun, and not over
	over
)

// New returns a walk through the shards of a listing, which are those that are
// to be read: what it lacks does not count. A reader that begins at the tip
// lists the open shards, another one all that can hold what it wants. What
// [Walk.Ready] gives is to be begun, or to be gone on with if it was begun
// before.
//
// A shard of from.Begun that precedes another one of from counts as read, by
// promise 9; it is not among the ready ones then.
func New[ID cmp.Ordered](listing []Shard[ID], from Start[ID]) *Walk[ID] {
	w := &Walk[ID]{shards: make(map[ID]*shard[ID], len(listing))}
	seen := newView(listing)
	for id := range ancestors(listing, from) {
		if !seen.lacks(id) {
			w.shard(id).stage = over
		}
	}
	for _, s := range from.Ended {
		if !seen.lacks(s.ID) {
			w.shard(s.ID).stage = over
		}
	}
	for _, s := range from.Begun {
		if sh := w.shard(s.ID); sh.stage == rumoured && !seen.lacks(s.ID) {
			sh.stage = ready
		}
	}
	w.hear(listing, seen)
	w.begun = nil
	return w
}

// ancestors returns the ids of all shards that come before those of a start.
func ancestors[ID cmp.Ordered](listing []Shard[ID], from Start[ID]) map[ID]bool {
	if len(from.Begun)+len(from.Ended) == 0 {
		return nil
	}
	parents := make(map[ID][]ID, len(listing))
	for _, s := range slices.Concat(listing, from.Begun, from.Ended) {
		parents[s.ID] = s.Parents
	}
	found := make(map[ID]bool)
	var todo []ID
	for _, s := range slices.Concat(from.Begun, from.Ended) {
		todo = append(todo, s.Parents...)
	}
	for len(todo) > 0 {
		id := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if !found[id] {
			found[id] = true
			todo = append(todo, parents[id]...)
		}
	}
	return found
}

// A view is what a listing says: which shards there are, up to the youngest
// that it has. Of younger ones it says nothing.
type view[ID cmp.Ordered] struct {
	listed   map[ID]bool
	youngest ID
}

func newView[ID cmp.Ordered](listing []Shard[ID]) view[ID] {
	v := view[ID]{listed: make(map[ID]bool, len(listing))}
	for i, s := range listing {
		v.listed[s.ID] = true
		if i == 0 || s.ID > v.youngest {
			v.youngest = s.ID
		}
	}
	return v
}

// lacks reports whether the listing says that a shard has vanished.
func (v view[ID]) lacks(id ID) bool {
	return len(v.listed) > 0 && id <= v.youngest && !v.listed[id]
}

// List tells of all shards that there are, or were when the listing was made,
// and returns those that are to be begun, by id.
func (w *Walk[ID]) List(listing []Shard[ID]) (begin []ID) {
	w.hear(listing, newView(listing))
	return w.take()
}

func (w *Walk[ID]) hear(listing []Shard[ID], seen view[ID]) {
	for _, s := range listing {
		w.learn(s)
	}
	w.believe(seen)
	w.beginListed(listing)
}

// believe takes in what a listing says by what it lacks: a parent that was only
// heard of has vanished, and a shard that is over will not be heard of again.
func (w *Walk[ID]) believe(seen view[ID]) {
	var vanished, lost []*shard[ID]
	for id, sh := range w.shards {
		switch {
		case !seen.lacks(id):
		case sh.stage == rumoured:
			vanished = append(vanished, sh)
		case sh.stage == over:
			delete(w.shards, id)
		default:
			lost = append(lost, sh)
		}
	}
	for _, sh := range vanished {
		sh.stage, sh.passed, sh.unlisted = waiting, true, true
		for _, older := range lost {
			if older.id < sh.id {
				sh.follow(older)
			}
		}
	}
	for _, sh := range vanished {
		w.settle(sh)
	}
}

func (w *Walk[ID]) beginListed(listing []Shard[ID]) {
	for _, s := range listing {
		w.settle(w.shard(s.ID))
	}
}

// Opened tells of shards by their ids and parents, not of all there are, and
// returns those of them that are to be begun, by id.
func (w *Walk[ID]) Opened(shards ...Shard[ID]) (begin []ID) {
	for _, s := range shards {
		w.learn(s)
	}
	w.beginListed(shards)
	return w.take()
}

// Ended tells that a shard has been read to its end, and which shards follow
// it, as far as the caller knows. It returns those that are to be begun now, by
// id. Where somebody else read the shard, before its turn, it is passed over as
// if it had vanished. To tell it twice does no harm.
func (w *Walk[ID]) Ended(id ID, children ...Shard[ID]) (begin []ID) {
	sh := w.shard(id)
	sh.ended = true
	for _, s := range children {
		w.learn(s)
	}
	w.pass(sh)
	w.beginListed(children)
	return w.take()
}

// Forget tells that a shard has vanished, or that nobody will speak of it
// again: if it is not over, it is over without having been read to its end,
// though not before its parents. It returns the shards that are to be begun
// now, by id.
func (w *Walk[ID]) Forget(id ID) (begin []ID) {
	sh := w.shard(id)
	sh.forgotten = true
	w.pass(sh)
	w.letGo(sh)
	return w.take()
}

// Ready yields the shards that are begun and not over, by id.
func (w *Walk[ID]) Ready() iter.Seq[ID] {
	return func(yield func(ID) bool) {
		for _, id := range slices.Sorted(maps.Keys(w.shards)) {
			if w.shards[id].stage == ready && !yield(id) {
				return
			}
		}
	}
}

// Waits reports whether a shard is known and not yet to be read.
func (w *Walk[ID]) Waits(id ID) bool {
	sh := w.shards[id]
	return sh != nil && sh.stage == waiting && !sh.passed
}

// Waiting returns how many shards are known and not yet to be read.
func (w *Walk[ID]) Waiting() int { return w.waiting }

// Over reports whether a shard is known to be over. One that the walk has let
// go of, by promise 10, is not known.
func (w *Walk[ID]) Over(id ID) bool {
	sh := w.shards[id]
	return sh != nil && sh.stage == over
}

// shard returns what is known of a shard, if only that somebody spoke of it.
func (w *Walk[ID]) shard(id ID) *shard[ID] {
	sh := w.shards[id]
	if sh == nil {
		sh = &shard[ID]{id: id}
		w.shards[id] = sh
	}
	return sh
}

// learn takes in a shard with its parents, unless it is known. It is not begun
// before it is settled: its parents may be learned of after it.
func (w *Walk[ID]) learn(s Shard[ID]) {
	sh := w.shard(s.ID)
	if sh.stage != rumoured {
		return
	}
	sh.stage = waiting
	w.waiting++
	for _, id := range s.Parents {
		parent := w.shard(id)
		// What may descend from the parent may descend from the shard.
		for _, other := range parent.children {
			if other.unlisted && sh.id < other.id {
				other.follow(sh)
			}
		}
		sh.follow(parent)
	}
}

// follow makes a shard wait for a parent.
func (sh *shard[ID]) follow(parent *shard[ID]) {
	sh.parents = append(sh.parents, parent)
	parent.unbegun++
	if parent.stage != over {
		sh.pending++
		parent.children = append(parent.children, sh)
	}
}

// settle begins a shard that waits for nothing any more.
func (w *Walk[ID]) settle(sh *shard[ID]) {
	switch {
	case sh.stage != waiting || sh.pending > 0:
	case sh.passed:
		w.finish(sh)
	default:
		sh.stage = ready
		w.waiting--
		w.begun = append(w.begun, sh.id)
		w.leaveParents(sh)
	}
}

// pass makes a shard over that nobody will read, or read on: at once if it was
// begun, else when its parents are over.
func (w *Walk[ID]) pass(sh *shard[ID]) {
	switch sh.stage {
	case ready:
		w.finish(sh)
		return
	case rumoured:
		sh.stage = waiting
	case waiting:
		if !sh.passed {
			w.waiting--
		}
	case over:
		return
	}
	sh.passed = true
	w.settle(sh)
}

// finish makes a shard over, and begins those that waited for it alone.
func (w *Walk[ID]) finish(sh *shard[ID]) {
	sh.stage = over
	w.leaveParents(sh)
	children := sh.children
	sh.children = nil
	for _, child := range children {
		child.pending--
		w.settle(child)
	}
	w.letGo(sh)
}

// leaveParents notes that a shard needs its parents no more.
func (w *Walk[ID]) leaveParents(sh *shard[ID]) {
	for _, parent := range sh.parents {
		parent.unbegun--
		w.letGo(parent)
	}
	sh.parents = nil
}

// letGo lets go of a shard that nobody will ask for.
func (w *Walk[ID]) letGo(sh *shard[ID]) {
	if sh.stage == over && sh.ended && sh.forgotten && sh.unbegun == 0 && w.shards[sh.id] == sh {
		delete(w.shards, sh.id)
	}
}

// take returns what the call under way has begun.
func (w *Walk[ID]) take() []ID {
	begun := w.begun
	w.begun = nil
	slices.Sort(begun)
	return begun
}

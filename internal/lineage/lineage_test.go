package lineage_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/internal/lineage"
)

var seedFlag = flag.Uint64("seed", 0, "seed of the one history to run; 0 runs many")

type (
	shard = lineage.Shard[int]
	start = lineage.Start[int]
)

// sh returns a shard with its parents.
func sh(id int, parents ...int) shard { return shard{ID: id, Parents: parents} }

func walk(listing ...shard) *lineage.Walk[int] { return lineage.New(listing, start{}) }

func ready(w *lineage.Walk[int]) []int { return slices.Collect(w.Ready()) }

func TestWalk_beginsWithShardsThatHaveNoListedParents(t *testing.T) {
	w := walk(sh(5, 3, 4), sh(2), sh(6, 2), sh(7, 5, 6))
	assert.Equal(t, []int{2, 5}, ready(w), "3 and 4 vanished before: they count as read")
	assert.Equal(t, 2, w.Waiting())
	assert.True(t, w.Waits(6))
	assert.False(t, w.Waits(5))
	assert.False(t, w.Waits(3), "not known")
	assert.Empty(t, ready(walk()), "nothing to read")
}

func TestWalk_endOfAParentBeginsItsChildren(t *testing.T) {
	w := walk(sh(1))
	assert.Equal(t, []int{2, 3}, w.Ended(1, sh(3, 1), sh(2, 1)), "by id")
	assert.Empty(t, w.Ended(1, sh(2, 1), sh(3, 1)), "once")
	assert.Equal(t, []int{2, 3}, ready(w))
	assert.True(t, w.Over(1))
	assert.False(t, w.Over(2))
}

func TestWalk_mergeWaitsForBothParents(t *testing.T) {
	for _, first := range []int{1, 2} {
		w := walk(sh(1), sh(2))
		assert.Empty(t, w.Ended(first, sh(3, 1, 2)))
		assert.True(t, w.Waits(3))
		assert.Equal(t, []int{3}, w.Ended(3-first, sh(3, 1, 2)))
	}
}

// The other parent of a merge may be a shard that nobody has heard of yet,
// because it is opened by the end of one that is being read.
func TestWalk_mergeWaitsForAParentThatIsNotKnownYet(t *testing.T) {
	w := walk(sh(1), sh(2))
	assert.Empty(t, w.Ended(1, sh(5, 1, 4)))
	assert.Equal(t, []int{3, 4}, w.Ended(2, sh(3, 2), sh(4, 2)))
	assert.Empty(t, w.Ended(3))
	assert.Equal(t, []int{5}, w.Ended(4, sh(5, 1, 4)))
}

func TestWalk_vanishedParentOfAMerge(t *testing.T) {
	tests := []struct {
		name string
		tell func(w *lineage.Walk[int]) []int
	}{
		{"forgotten", func(w *lineage.Walk[int]) []int { return w.Forget(2) }},
		{"forgotten twice", func(w *lineage.Walk[int]) []int { return append(w.Forget(2), w.Forget(2)...) }},
		{"read to its end by somebody else", func(w *lineage.Walk[int]) []int { return w.Ended(2) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := walk(sh(1), sh(2), sh(3, 1, 2))
			assert.Empty(t, test.tell(w), "1 is still being read")
			assert.Equal(t, []int{3}, w.Ended(1, sh(3, 1, 2)))
			w = walk(sh(1), sh(2), sh(3, 1, 2))
			assert.Empty(t, w.Ended(1, sh(3, 1, 2)))
			assert.Equal(t, []int{3}, test.tell(w))
		})
	}
}

// A reader that lags behind retention meets a merge one of whose parents has
// vanished while what the other one came from is still being read. To ask the
// stream what the child descends from leads nowhere then: the way up is cut
// where the parent vanished, the child seems to wait for nothing, and is
// delivered before the records in hand of its ancestor. The walk goes by what
// it was told before.
func TestWalk_childWaitsBehindAVanishedParentForTheGrandparent(t *testing.T) {
	whole := []shard{sh(1), sh(2), sh(3, 1), sh(4, 1), sh(5, 2, 3), sh(6, 4, 5), sh(7, 6)}
	t.Run("that was listed", func(t *testing.T) {
		w := walk(whole...)
		for _, id := range []int{3, 5, 6} { // each vanishes before its turn
			assert.Empty(t, w.Forget(id))
		}
		assert.Empty(t, w.List(whole[6:]), "only 7 is left")
		assert.Empty(t, w.Ended(2))
		assert.Equal(t, []int{4}, w.Ended(1, sh(3, 1), sh(4, 1)))
		assert.Equal(t, []int{7}, w.Forget(4))
	})
	t.Run("that was never listed", func(t *testing.T) {
		w := walk(sh(1), sh(2))
		assert.Empty(t, w.List(whole[6:]), "6 may descend from 1 and 2, which are not listed any more")
		assert.Empty(t, w.Ended(2))
		assert.Equal(t, []int{3, 4}, w.Ended(1, sh(3, 1), sh(4, 1)), "and so from 3 and 4")
		assert.Empty(t, w.Forget(3))
		assert.Equal(t, []int{7}, w.Forget(4))
	})
	t.Run("that only its child named", func(t *testing.T) {
		w := walk(sh(1), sh(2))
		assert.Empty(t, w.Ended(2, sh(5, 2, 3)), "3 is not known")
		assert.Empty(t, w.List(whole[5:]), "3 and 4 have vanished and may descend from 1")
		assert.Equal(t, []int{5}, w.Ended(1, sh(3, 1), sh(4, 1)))
		assert.Equal(t, []int{6}, w.Ended(5, sh(6, 4, 5)))
	})
}

func TestWalk_waitsForAParentThatOnlyItsChildNamed(t *testing.T) {
	begin := func() *lineage.Walk[int] {
		w := walk(sh(1), sh(2))
		require.Empty(t, w.Ended(1, sh(9, 1, 7)))
		return w
	}
	w := begin()
	assert.Empty(t, w.List([]shard{sh(2), sh(6, 2)}), "a listing from before 7 says nothing of it")
	assert.Equal(t, []int{9}, w.Forget(7))
	w = begin()
	assert.Equal(t, []int{7}, w.Opened(sh(7)))
	assert.Equal(t, []int{9}, w.Ended(7))
	w = begin()
	assert.Empty(t, w.List([]shard{sh(10, 9)}), "7 has vanished, but 2 is being read")
	assert.Equal(t, []int{9}, w.Forget(2))
}

func TestWalk_lateListingChangesNothing(t *testing.T) {
	w := walk(sh(1))
	require.Equal(t, []int{2, 3}, w.Ended(1, sh(2, 1), sh(3, 1)))
	assert.Empty(t, w.List([]shard{sh(1)}), "from before the split")
	assert.Equal(t, []int{2, 3}, ready(w))
	require.Equal(t, []int{4}, w.Ended(2, sh(4, 2)))
	assert.Empty(t, w.List([]shard{sh(1), sh(2, 1), sh(3, 1)}))
	assert.Empty(t, w.List([]shard{sh(3, 1), sh(4, 2)}), "1 and 2 have vanished")
	assert.Equal(t, []int{3, 4}, ready(w))
	assert.Empty(t, w.List(nil), "says nothing")
	assert.Equal(t, []int{3, 4}, ready(w))
}

func TestWalk_goesOnWhereAnotherOneWas(t *testing.T) {
	listing := []shard{sh(1), sh(2), sh(3, 1), sh(4, 1), sh(5, 2, 3), sh(6, 4)}
	tests := []struct {
		name  string
		from  start
		ready []int
	}{
		{"nothing was read", start{}, []int{1, 2}},
		{"what was begun", start{Begun: []shard{sh(1), sh(2)}}, []int{1, 2}},
		{"what comes before it counts as read", start{Begun: []shard{sh(4, 1)}}, []int{2, 3, 4}},
		{"both parents of a merge ended", start{Ended: []shard{sh(2), sh(3, 1)}}, []int{4, 5}},
		{"one parent of a merge ended", start{Begun: []shard{sh(2)}, Ended: []shard{sh(3, 1)}}, []int{2, 4}},
		{"one that precedes another", start{Begun: []shard{sh(1), sh(4, 1)}}, []int{2, 3, 4}},
		{"one that vanished", start{Begun: []shard{sh(0), sh(2)}, Ended: []shard{sh(-1)}}, []int{1, 2}},
		{"one that is younger than the listing", start{Begun: []shard{sh(2), sh(7, 6)}}, []int{2, 3, 7}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			assert.Equal(t, test.ready, ready(lineage.New(listing, test.from)))
		})
	}
	t.Run("children that the listing lacks", func(t *testing.T) {
		w := lineage.New([]shard{sh(1)}, start{Ended: []shard{sh(1)}})
		assert.Empty(t, ready(w))
		assert.Equal(t, []int{2, 3}, w.List([]shard{sh(1), sh(2, 1), sh(3, 1)}))
	})
}

// A reader that follows splits and merges for years, and forgets what it has
// read, remembers what it is about to read and no more.
func TestWalk_takesMemoryForWhatIsAhead(t *testing.T) {
	w := walk(sh(0), sh(1))
	for id := 2; id < 3000; id += 3 { // two shards are merged, and the one split
		left, right := id-2, id-1
		require.Empty(t, w.Ended(left, sh(id, left, right)))
		require.Empty(t, w.Forget(left))
		require.True(t, w.Over(left), "as long as its child waits")
		require.Equal(t, []int{id}, w.Ended(right, sh(id, left, right)))
		require.Empty(t, w.Forget(right))
		require.Equal(t, []int{id + 1, id + 2}, w.Ended(id, sh(id+1, id), sh(id+2, id)))
		require.Empty(t, w.Forget(id))
		require.Equal(t, 2, lineage.Known(w))
	}
	w = walk(sh(0))
	for id := range 3000 {
		require.Equal(t, []int{id + 1}, w.Ended(id, sh(id+1, id)))
		w.List([]shard{sh(id, id-1), sh(id+1, id)})
		require.LessOrEqual(t, lineage.Known(w), 3, "what a listing lacks is let go of")
	}
}

// Input that contradicts itself neither panics nor runs for ever.
func TestWalk_survivesNonsense(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for range 2000 {
		any := func() (list []shard) {
			for range random.IntN(5) {
				s := sh(random.IntN(6))
				for range random.IntN(3) {
					s.Parents = append(s.Parents, random.IntN(6))
				}
				list = append(list, s)
			}
			return list
		}
		w := lineage.New(any(), start{Begun: any(), Ended: any()})
		for range 20 {
			switch random.IntN(4) {
			case 0:
				w.List(any())
			case 1:
				w.Opened(any()...)
			case 2:
				w.Ended(random.IntN(6), any()...)
			default:
				w.Forget(random.IntN(6))
			}
			require.GreaterOrEqual(t, w.Waiting(), 0)
		}
	}
}

// Histories at random: shards are split and merged and vanish, are listed late,
// read in any order, and reading resumes from what was saved.
func TestWalk_keepsItsPromisesOverAnyHistory(t *testing.T) {
	if *seedFlag != 0 {
		runHistory(t, *seedFlag)
		return
	}
	for seed := range uint64(4000) {
		runHistory(t, seed+1)
		if t.Failed() {
			return
		}
	}
}

// A history is a stream of shards beside a reader of it, whose notes are naive.
type history struct {
	*testing.T
	seed   uint64
	random *rand.Rand

	shards   []shard // by id, which is the place
	children map[int][]int
	open     []int // by hash key
	vanished map[int]bool
	listed   [][]shard // every listing that could have been made, oldest first
	seen     int       // the listing that was given last

	w      *lineage.Walk[int]
	skips  map[int]bool // not to be read: closed when the reader began
	begun  map[int]int  // how often
	over   map[int]bool // read to its end, or found to have vanished
	follow bool         // reads vanished shards to their end, and is given no listing
}

func runHistory(t *testing.T, seed uint64) {
	h := &history{
		T: t, seed: seed, random: rand.New(rand.NewPCG(seed, 1)),
		children: map[int][]int{}, vanished: map[int]bool{}, skips: map[int]bool{},
		begun: map[int]int{}, over: map[int]bool{},
	}
	h.follow = h.random.IntN(3) == 0
	for range 1 + h.random.IntN(3) {
		h.open = append(h.open, h.opened())
	}
	for range h.random.IntN(15) {
		h.change()
	}
	h.begin()
	for range 5 + h.random.IntN(60) {
		switch op := h.random.IntN(10); {
		case op < 4:
			h.change()
		case op < 8:
			h.read()
		case op < 9:
			h.list()
		default:
			h.resume()
		}
	}
	h.finish()
}

func (h *history) fail(format string, args ...any) {
	require.FailNow(h, fmt.Sprintf(format, args...), "-seed=%d", h.seed)
}

// opened adds a shard.
func (h *history) opened(parents ...int) int {
	id := len(h.shards)
	h.shards = append(h.shards, sh(id, parents...))
	for _, parent := range parents {
		h.children[parent] = append(h.children[parent], id)
	}
	return id
}

// change splits, merges, or has a shard vanish whose parents have vanished.
func (h *history) change() {
	place := h.random.IntN(len(h.open))
	switch op := h.random.IntN(5); {
	case op < 2 && len(h.open) < 6:
		id := h.open[place]
		h.open = slices.Replace(h.open, place, place+1, h.opened(id), h.opened(id))
	case op < 4 && len(h.open) > 1:
		place = min(place, len(h.open)-2)
		h.open = slices.Replace(h.open, place, place+2, h.opened(h.open[place], h.open[place+1]))
	default:
		for id := range h.shards {
			left := func(id int) bool { return !h.vanished[id] }
			if left(id) && h.children[id] != nil && !slices.ContainsFunc(h.shards[id].Parents, left) && h.random.IntN(2) == 0 {
				h.vanished[id] = true
			}
		}
	}
	h.listed = append(h.listed, h.listing())
}

func (h *history) listing() (list []shard) {
	for _, s := range h.shards {
		if !h.vanished[s.ID] {
			list = append(list, s)
		}
	}
	return list
}

// begin makes the walk, from the trim horizon or the tip.
func (h *history) begin() {
	listing := h.listing()
	if h.random.IntN(2) == 0 {
		listing = nil
		for _, id := range h.open {
			listing = append(listing, h.shards[id])
		}
	}
	for _, s := range h.shards {
		h.skips[s.ID] = !slices.ContainsFunc(listing, func(l shard) bool { return l.ID == s.ID })
	}
	h.listed, h.seen = nil, 0
	h.w = lineage.New(listing, start{})
	h.check(slices.Collect(h.w.Ready()))
}

// check says what is wrong with beginning some shards.
func (h *history) check(begin []int) {
	for _, id := range begin {
		if h.begun[id]++; h.begun[id] > 1 {
			h.fail("%d is begun again", id)
		}
		if h.skips[id] {
			h.fail("%d is begun, which was not to be read", id)
		}
	}
	for _, id := range begin {
		for a := range h.ancestors(id) {
			switch {
			case h.begun[a] > 0 && !h.over[a]:
				h.fail("%d is begun while %d is being read", id, a)
			case h.begun[a] == 0 && !h.skips[a] && !h.vanished[a]:
				h.fail("%d is begun before %d", id, a)
			}
		}
	}
}

func (h *history) ancestors(id int) map[int]bool {
	all := map[int]bool{}
	var add func(id int)
	add = func(id int) {
		for _, parent := range h.shards[id].Parents {
			if !all[parent] {
				all[parent] = true
				add(parent)
			}
		}
	}
	add(id)
	return all
}

// read reads some shard to its end, if it has one, or finds that it has
// vanished.
func (h *history) read() bool {
	var closed []int
	for _, id := range ready(h.w) {
		if h.children[id] != nil {
			closed = append(closed, id)
		}
	}
	if len(closed) == 0 {
		return false
	}
	id := closed[h.random.IntN(len(closed))]
	h.over[id] = true
	if h.vanished[id] && !h.follow && h.random.IntN(2) == 0 {
		h.check(h.w.Forget(id))
		return true
	}
	var children []shard
	for _, child := range h.children[id] {
		children = append(children, h.shards[child])
	}
	h.check(h.w.Ended(id, children...))
	if h.follow {
		h.check(h.w.Forget(id))
	}
	return true
}

// list gives a listing that is not older than the one before.
func (h *history) list() {
	if !h.follow && h.seen < len(h.listed) {
		h.seen += h.random.IntN(len(h.listed) - h.seen)
		h.check(h.w.List(h.tell()))
	}
}

// tell returns the listing to be given, without what was not to be read.
func (h *history) tell() (list []shard) {
	for _, s := range h.listed[h.seen] {
		if !h.skips[s.ID] {
			list = append(list, s)
		}
	}
	return list
}

// resume makes another walk from what is being read and was read.
func (h *history) resume() {
	var from start
	for id := range h.shards {
		switch {
		case h.begun[id] > 0 && !h.over[id]:
			from.Begun = append(from.Begun, h.shards[id])
		case h.over[id]:
			from.Ended = append(from.Ended, h.shards[id])
		}
	}
	listing := h.listing()
	if !h.follow && h.seen < len(h.listed) && h.random.IntN(2) == 0 {
		listing = h.listed[h.seen]
	}
	listing = slices.DeleteFunc(slices.Clone(listing), func(s shard) bool { return h.skips[s.ID] })
	h.w = lineage.New(listing, from)
	if len(h.listed) > 0 {
		h.seen = len(h.listed) - 1
	}
	var begin []int
	for _, id := range ready(h.w) {
		if h.begun[id] == 0 {
			begin = append(begin, id)
		}
	}
	for _, s := range from.Begun { // one that a listing lacks is passed over
		if !slices.Contains(ready(h.w), s.ID) {
			if !h.vanished[s.ID] {
				h.fail("%d is not read on", s.ID)
			}
			h.over[s.ID] = true
		}
	}
	h.check(begin)
}

// finish reads what is left, and looks whether anything was left out.
func (h *history) finish() {
	h.listed = append(h.listed, h.listing())
	h.seen = len(h.listed) - 1
	h.list()
	for h.read() {
	}
	for _, s := range h.shards {
		if h.begun[s.ID] == 0 && !h.vanished[s.ID] && !h.skips[s.ID] {
			h.fail("%d was left out", s.ID)
		}
	}
	if h.w.Waiting() > 0 {
		h.fail("%d shards wait for ever", h.w.Waiting())
	}
	if h.follow && lineage.Known(h.w) > 4*len(h.shards) {
		h.fail("%d shards are remembered", lineage.Known(h.w))
	}
}

package weir

import (
	"math/bits"
	"sort"
)

// routing says which shard takes which hash keys. It is immutable: a reshard
// publishes a new one.
type routing struct {
	// open is the shards that take writes, by hash key. Invariant: their ranges
	// cover 0 to 2^128-1 exactly once.
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

// place returns the place in open of the shard that takes k. It guesses from an
// even split of the key space, looks around, and searches only then.
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
	i := sort.Search(len(r.all), func(i int) bool { return r.all[i].shard >= id })
	if i == len(r.all) || r.all[i].shard != id {
		return nil
	}
	return r.all[i]
}

// openFirstShards opens the stream's first n shards.
func (s *Stream) openFirstShards(n int) {
	shards := make([]*shard, n)
	created := max(uint64(s.created.second()), s.opensAfter)
	for i, keys := range EvenRanges(n) {
		id := logID{created: created, shard: ShardID(i)}
		shards[i] = newShard(s.shardKind(), id, keys, nil, s.created.ms())
	}
	s.routes.Store(newRouting(shards, shards, ShardID(n), retired{}))
}

package kinesistest

import (
	"context"
	"fmt"
	"slices"

	"github.com/weirstream/weir"
)

// Split splits an open shard of a stream, given by its number, in the middle
// and returns the children. Like the service's it takes [Config.Delays] to
// happen; then there are no children yet, and the ids are zero.
func (k *Fake) Split(stream string, shard int) [2]weir.ShardID {
	k.t.Helper()
	k.takeTurn(fmt.Sprint("split ", stream, " ", shard), nil)
	defer k.drain()
	sh := k.openShard(stream, shard)
	if err := k.locked(func() error { return k.splitLocked(stream, sh) }); err != nil {
		k.t.Fatalf("kinesistest: split shard %d of %s: %v", shard, stream, err)
	}
	var children [2]weir.ShardID
	for _, now := range k.need(stream).Shards() {
		if now.ID == sh.ID {
			copy(children[:], now.Children)
		}
	}
	return children
}

// Merge merges two open shards with adjacent hash key ranges, in either order,
// and returns the child, with the reserve of [Fake.Split].
func (k *Fake) Merge(stream string, a, b int) weir.ShardID {
	k.t.Helper()
	k.takeTurn(fmt.Sprint("merge ", stream, " ", a, " ", b), nil)
	defer k.drain()
	lower, upper := k.openShard(stream, a), k.openShard(stream, b)
	if lower.HashKeyRange.Start.Compare(upper.HashKeyRange.Start) > 0 {
		lower, upper = upper, lower
	}
	if err := k.locked(func() error { return k.mergeLocked(stream, lower.ID, upper.ID) }); err != nil {
		k.t.Fatalf("kinesistest: merge shards %d and %d of %s: %v", a, b, stream, err)
	}
	for _, now := range k.need(stream).Shards() {
		if now.ID == lower.ID && len(now.Children) > 0 {
			return now.Children[0]
		}
	}
	return 0
}

func (k *Fake) locked(f func() error) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return f()
}

func (k *Fake) openShard(stream string, shard int) weir.Shard {
	k.t.Helper()
	shards := k.need(stream).Shards()
	i := slices.IndexFunc(shards, func(sh weir.Shard) bool { return sh.ID == weir.ShardID(shard) && sh.IsOpen() })
	if i < 0 {
		k.t.Fatalf("kinesistest: stream %s has no open shard %d", stream, shard)
	}
	return shards[i]
}

// OpenShards returns the numbers of a stream's open shards by their hash keys.
func (k *Fake) OpenShards(stream string) []int {
	k.t.Helper()
	open, err := k.need(stream).ListShards(context.Background(), weir.ShardQuery{Filter: weir.ShardsAtLatest})
	if err != nil {
		k.t.Fatalf("kinesistest: %v", err)
	}
	slices.SortFunc(open, func(a, b weir.Shard) int { return a.HashKeyRange.Start.Compare(b.HashKeyRange.Start) })
	ids := make([]int, len(open))
	for i, sh := range open {
		ids[i] = int(sh.ID)
	}
	return ids
}

// Reshard splits or merges something, chosen by the seed: a step of a test that
// reshards while consumers run. It says what it did.
func (k *Fake) Reshard(stream string) string {
	k.t.Helper()
	k.takeTurn("reshard "+stream, nil)
	s := k.need(stream)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.chaos == nil {
		k.chaos = newChaos(k.seed, Profile{}.withDefaults(), k.Now())
		k.chaos.calm = true // nothing happens by itself
	}
	k.chaos.reshards++
	text := k.oneLocked(s, k.chaos)
	k.drainLocked(stream)
	k.events = append(k.events, chaosEvent{k.Now(), text})
	return text
}

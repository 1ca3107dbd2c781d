package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/workload"
)

// A Reshard is what became of one of the workload's.
type Reshard struct {
	What string `json:"what"`
	// At is when it was begun, in seconds since the run began, and Took how long it
	// took.
	At    float64       `json:"at_seconds"`
	Took  time.Duration `json:"took_ns"`
	Error string        `json:"error,omitempty"`
}

// reshard changes the shards as the workload says, until ctx ends.
func (r *run) reshard(ctx context.Context) {
	events := slices.Clone(r.w.Reshards)
	slices.SortStableFunc(events, func(a, b workload.Reshard) int { return cmp.Compare(a.At, b.At) })
	for _, e := range events {
		if r.wait(ctx, time.Duration(e.At)-r.since()) != nil {
			return
		}
		begin := r.since()
		what, err := r.reshardOnce(ctx, e)
		done := Reshard{What: what, At: begin.Seconds(), Took: r.since() - begin}
		switch {
		case err != nil && ctx.Err() != nil:
			done.Error = "was not over when the run was"
		case err != nil:
			done.Error = err.Error()
		}
		r.reshards = append(r.reshards, done)
	}
}

// reshardOnce carries out one reshard and says what it was.
func (r *run) reshardOnce(ctx context.Context, e workload.Reshard) (string, error) {
	target := r.config.Target
	if e.Shards > 0 {
		return fmt.Sprintf("resize to %d shards", e.Shards), target.Resize(ctx, e.Shards)
	}
	shards, err := target.Shards(ctx)
	if err != nil {
		return "list the shards", err
	}
	if e.Split != "" {
		shard, err := r.toSplit(shards, e.Split)
		if err != nil {
			return "split " + e.Split, err
		}
		return "split " + shard.ID.String(), target.SplitShard(ctx, shard.ID, shard.HashKeyRange.Middle())
	}
	lower, upper, err := r.toMerge(shards, e.Merge)
	if err != nil {
		return fmt.Sprintf("merge %v", e.Merge), err
	}
	return fmt.Sprintf("merge %s and %s", lower, upper), target.MergeShards(ctx, lower, upper)
}

// toSplit returns the shard that a workload names to be split.
func (r *run) toSplit(shards []weir.Shard, name string) (weir.Shard, error) {
	open := openShards(shards)
	if name == workload.BusiestShard {
		if len(open) == 0 {
			return weir.Shard{}, errors.New("no shard is open")
		}
		load := r.load()
		return slices.MaxFunc(open, func(a, b weir.Shard) int { return cmp.Compare(load(a.ID), load(b.ID)) }), nil
	}
	id, err := weir.ParseShardID(name)
	if err != nil {
		return weir.Shard{}, err
	}
	i := slices.IndexFunc(open, func(s weir.Shard) bool { return s.ID == id })
	if i < 0 {
		return weir.Shard{}, fmt.Errorf("%s is not open", id)
	}
	return open[i], nil
}

// toMerge returns the neighbours that a workload names to be merged.
func (r *run) toMerge(shards []weir.Shard, names []string) (lower, upper weir.ShardID, err error) {
	if len(names) == 2 {
		if lower, err = weir.ParseShardID(names[0]); err != nil {
			return 0, 0, err
		}
		upper, err = weir.ParseShardID(names[1])
		return lower, upper, err
	}
	open := openShards(shards)
	if len(open) < 2 {
		return 0, 0, errors.New("fewer than two shards are open")
	}
	load, coldest := r.load(), 0
	pair := func(i int) int64 { return load(open[i].ID) + load(open[i+1].ID) }
	for i := range len(open) - 1 {
		if pair(i) < pair(coldest) {
			coldest = i
		}
	}
	return open[coldest].ID, open[coldest+1].ID, nil
}

// openShards returns the shards that are open, by hash key range.
func openShards(shards []weir.Shard) []weir.Shard {
	open := slices.DeleteFunc(slices.Clone(shards), func(s weir.Shard) bool { return !s.IsOpen() })
	slices.SortFunc(open, func(a, b weir.Shard) int { return a.HashKeyRange.Start.Compare(b.HashKeyRange.Start) })
	return open
}

// load returns how many records were put to a shard so far.
func (r *run) load() func(weir.ShardID) int64 {
	r.meter.mu.Lock()
	defer r.meter.mu.Unlock()
	counts := r.meter.shardsLocked()
	return func(id weir.ShardID) int64 { return counts.of(id).records }
}

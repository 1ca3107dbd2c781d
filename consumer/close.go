package consumer

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/lease"
)

// close ends a shard that is processed to its end: its children get leases
// first, and then its own says that it has ended. So a worker that is killed
// meanwhile leaves nothing out.
func (sh *shard) close(children []weir.Shard) error {
	if err := sh.awaitHeld(); err != nil {
		return err
	}
	for failed := 0; ; failed++ {
		err := sh.tryClose(children)
		if err == nil || errors.Is(err, errOver) {
			return err
		}
		if errors.Is(err, errWaits) {
			sh.log.Debug("the end of a shard waits", "err", err)
		} else {
			sh.log.Warn("the end of a shard could not be written", "err", err)
		}
		// The children wait for it, so it is not tried more and more seldom.
		if err := sh.wait(min(sh.g.backoff(failed), sh.g.config.Failover/10)); err != nil {
			return err
		}
	}
}

// errWaits is no failure: the other parent's own parents are still processed.
var errWaits = errors.New("a parent has no lease yet")

func (sh *shard) tryClose(children []weir.Shard) (err error) {
	ctx, cancel := context.WithTimeout(sh.ctx, sh.g.config.Failover)
	defer cancel()
	if children == nil {
		if children, err = sh.heirs(ctx); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(children, func(c weir.Shard) bool { return len(c.Parents) > 1 }) {
		// A merged child waits for the leases of both parents; the other one may
		// have none yet.
		if err := sh.g.sync(ctx, sh.source); err != nil {
			return err
		}
		if err := sh.awaited(ctx, children); err != nil {
			return err
		}
	}
	keys := make([]string, len(children))
	for i, c := range children {
		keys[i] = sh.source.key(c.ID)
		if err := sh.g.create(ctx, sh.source, start{c, lease.TrimHorizon}); err != nil {
			return err
		}
	}
	return sh.write(ctx, func(l *lease.Lease) {
		l.Checkpoint, l.Children = lease.Checkpoint{Sequence: lease.ShardEnd}, keys
		l.Owner, l.Wanted = "", ""
	})
}

// awaited returns an error if a child has another parent that is still to get a
// lease, from its own parents: a child that was begun without it would come
// before it.
func (sh *shard) awaited(ctx context.Context, children []weir.Shard) error {
	rows, err := sh.g.store.List(ctx)
	if err != nil {
		return err
	}
	shards, err := sh.source.stream.Shards(ctx)
	if err != nil {
		return err
	}
	leased := func(id weir.ShardID) bool {
		return slices.ContainsFunc(rows, func(l lease.Lease) bool { return l.Key == sh.source.key(id) })
	}
	for _, c := range children {
		for _, p := range c.Parents {
			listed := slices.ContainsFunc(shards, func(s weir.Shard) bool { return s.ID == p })
			if listed && !leased(p) && !leased(c.ID) {
				return fmt.Errorf("%w: %v needs that of %v", errWaits, c.ID, p)
			}
		}
	}
	return nil
}

// heirs returns the shards that follow one that names no children, because it
// has vanished: the oldest of those that hold its keys. There are none if the
// stream takes no more records.
func (sh *shard) heirs(ctx context.Context) (heirs []weir.Shard, err error) {
	shards, err := sh.source.stream.Shards(ctx)
	if err != nil {
		return nil, err
	}
	row := sh.current()
	listed := make(map[weir.ShardID]bool, len(shards))
	for _, s := range shards {
		listed[s.ID] = true
	}
	for _, s := range shards {
		oldest := !slices.ContainsFunc(s.Parents, func(id weir.ShardID) bool { return listed[id] })
		if s.ID > sh.id && (slices.Contains(s.Parents, sh.id) || oldest && overlaps(row, s.HashKeyRange)) {
			heirs = append(heirs, s)
		}
	}
	return heirs, nil
}

// overlaps reports whether a range has keys of a lease's.
func overlaps(l lease.Lease, r weir.HashKeyRange) bool {
	first, err := weir.ParseHashKey(l.FirstHashKey)
	last, err2 := weir.ParseHashKey(l.LastHashKey)
	return err == nil && err2 == nil && first.Compare(r.End) <= 0 && r.Start.Compare(last) <= 0
}

package window

import (
	"context"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/lease"
)

// prefix is what the names of a shard's snapshots begin with.
func (r *runner[V, A, R]) prefix() string {
	return r.windower.prefix(r.name.stream) + r.name.id.String() + "-"
}

// prefix is what the names of the group's snapshots of a stream begin with.
func (w *Windower[V, A, R]) prefix(stream string) string {
	return fmt.Sprintf("%08x-%s-", crc32.ChecksumIEEE([]byte(w.config.Group.Name)), stream)
}

// swap takes in that the lease will name another snapshot, or none.
func (r *runner[V, A, R]) swap(name string) {
	if r.snapshot != "" {
		r.outdated = append(r.outdated, r.snapshot)
	}
	r.snapshot = name
}

// tidy deletes the snapshots that the lease named before, if it is known that it
// does not any more: that what it was given last is written.
func (r *runner[V, A, R]) tidy() {
	if len(r.outdated) == 0 || !r.progress.Written() {
		return
	}
	for _, old := range r.outdated {
		r.remove(old)
	}
	r.outdated = nil
}

// remove deletes a snapshot. One that could not be deleted is found when somebody
// begins with the shard.
func (r *runner[V, A, R]) remove(name string) {
	if err := r.call(func() error { return r.windower.config.Snapshots.Delete(context.WithoutCancel(r.ctx), name) }); err != nil {
		r.log("a snapshot could not be deleted", err)
	}
}

// sweep deletes what a crash has left, or a shard that is gone: snapshots that no
// lease names, of this shard, or of one whose lease nobody writes any more.
func (r *runner[V, A, R]) sweep(ctx context.Context) error {
	keep := r.windower.config.Snapshots
	if keep == nil {
		return nil
	}
	names, err := keep.List(ctx)
	if err != nil || len(names) == 0 {
		return err
	}
	rows, err := r.windower.config.Group.Store.List(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		rest, ours := strings.CutPrefix(name, r.windower.prefix(r.name.stream))
		id := rest[:max(0, strings.LastIndexByte(rest, '-'))]
		// Another stream's name may begin as this one's, and go on after a hyphen.
		if shard, err := weir.ParseShardID(id); !ours || err != nil || shard.String() != id {
			continue
		}
		i := slices.IndexFunc(rows, func(l lease.Lease) bool { return r.shardOf(l.Key) == id })
		switch own := strings.HasPrefix(name, r.prefix()); {
		case own && name != r.snapshot, i < 0, !own && rows[i].Checkpoint.IsEnded() && snapshotName(rows[i].State) != name:
			r.remove(name)
		}
	}
	return nil
}

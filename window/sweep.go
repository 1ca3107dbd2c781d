package window

import (
	"context"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"

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

// swap takes in that the lease will name another snapshot, or none. Those that it
// named before are deleted when it is known that it does not any more: that the
// one that it was given last is written.
func (r *runner[V, A, R]) swap(name string) {
	if len(r.outdated) > 0 && r.progress.Written() {
		for _, old := range r.outdated {
			r.remove(old)
		}
		r.outdated = nil
	}
	if r.snapshot != "" {
		r.outdated = append(r.outdated, r.snapshot)
	}
	r.snapshot = name
}

// remove deletes a snapshot. One that could not be deleted is found when somebody
// begins with the shard.
func (r *runner[V, A, R]) remove(name string) {
	if err := r.call(func() error { return r.windower.config.Snapshots.Delete(r.ctx, name) }); err != nil {
		r.log("a snapshot could not be deleted", err)
	}
}

// sweep deletes what a crash has left, or a shard that is gone: snapshots that no
// lease names, of this shard, or of one without a lease.
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
		if !ours {
			continue
		}
		leased := slices.ContainsFunc(rows, func(l lease.Lease) bool {
			id := l.Key[strings.LastIndexByte(l.Key, ':')+1:]
			return l.Stream == r.name.stream && strings.HasPrefix(rest, id+"-")
		})
		if own := strings.HasPrefix(name, r.prefix()); own && name != r.snapshot || !leased {
			r.remove(name)
		}
	}
	return nil
}

package window

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/crew"
	"github.com/weirstream/weir/lease"
)

// resume makes the machine: from what was kept, or from what the shard's parents
// left. It waits for the store and the stream until the shard is given up.
func (r *runner[V, A, R]) resume() (err error) {
	r.began = time.Now()
	r.saved, r.heard, r.tooMany = r.began, r.began, 2*minMany
	for pause := minRetry; ; pause = min(2*pause, maxRetry) {
		if err = r.tryResume(); err == nil {
			r.show(false)
			if err := r.sweep(r.ctx); err != nil {
				r.log("snapshots that are not needed could not be looked for", err)
			}
			return nil
		}
		if fatal := (*StateError)(nil); errors.As(err, &fatal) || errors.Is(err, lease.ErrForeign) {
			return err
		}
		r.log("windows cannot be read", err)
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-r.progress.Stopping():
			timer.Stop()
			return crew.ErrGivenUp
		case <-r.ctx.Done():
			timer.Stop()
			return crew.ErrGivenUp
		}
	}
}

func (r *runner[V, A, R]) tryResume() (err error) {
	kept := r.progress.State()
	if r.machine, err = r.load(r.name.id, kept); err != nil {
		return err
	}
	if r.snapshot = snapshotName(kept); len(kept) > 0 {
		r.machine.raise(r.machine.promised)
		return nil
	}
	keys, parents, err := r.parents()
	if err != nil || len(parents) == 0 {
		return err
	}
	r.machine.inherit(keys, parents)
	r.unsaved = true
	return nil
}

// load makes a machine of what was kept.
func (r *runner[V, A, R]) load(id weir.ShardID, kept []byte) (*machine[V, A, R], error) {
	if name := snapshotName(kept); name != "" {
		s := r.windower.config.Snapshots
		if s == nil {
			return nil, r.stateError(fmt.Errorf("it is in snapshot %s, and Config.Snapshots is nil", name))
		}
		var err error
		if kept, err = s.Read(r.ctx, name); err != nil {
			return nil, fmt.Errorf("window: snapshot %s: %w", name, err)
		}
	}
	m, err := decode(r.windower.plan, r.name.stream, id, kept)
	if err != nil {
		return nil, r.stateError(err)
	}
	return m, nil
}

// parents returns the keys of the shard and what its parents left, of a shard
// of which nothing was read.
func (r *runner[V, A, R]) parents() (keys weir.HashKeyRange, list []heritage[V, A, R], err error) {
	rows, err := r.windower.config.Group.Store.List(r.ctx)
	if err != nil {
		return keys, nil, err
	}
	byKey := make(map[string]lease.Lease, len(rows))
	var own lease.Lease
	for _, row := range rows {
		byKey[row.Key] = row
		if r.shardOf(row.Key) == r.name.id.String() {
			own = row
		}
	}
	if own.Checkpoint.Sequence != lease.TrimHorizon {
		return keys, nil, nil
	}
	if keys, err = rangeOf(own); err != nil {
		return keys, nil, err
	}
	for _, key := range own.Parents {
		row, there := byKey[key]
		if !there || len(row.State) == 0 {
			continue
		}
		h := heritage[V, A, R]{}
		if h.keys, err = rangeOf(row); err != nil {
			return keys, nil, err
		}
		if h.state, err = r.load(r.name.id, row.State); err != nil {
			return keys, nil, err
		}
		list = append(list, h)
	}
	return keys, list, nil
}

// shardOf returns the shard that a lease is of, empty if it is one of another
// stream. Keys are the shard's name in a group of one stream, and end with a
// colon and it in one of several, of which the stream's name is the second part.
func (r *runner[V, A, R]) shardOf(key string) string {
	at := strings.LastIndexByte(key, ':')
	if at >= 0 && !strings.Contains(key[:at+1], ":"+r.name.stream+":") {
		return ""
	}
	return key[at+1:]
}

// rangeOf returns the hash keys of a lease; all if it does not say which.
func rangeOf(l lease.Lease) (keys weir.HashKeyRange, err error) {
	if l.FirstHashKey == "" && l.LastHashKey == "" {
		return weir.EvenRanges(1)[0], nil
	}
	if keys.Start, err = weir.ParseHashKey(l.FirstHashKey); err == nil {
		keys.End, err = weir.ParseHashKey(l.LastHashKey)
	}
	return keys, err
}

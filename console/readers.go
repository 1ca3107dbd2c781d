package console

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/lease"
)

// readersData is the page of who reads a stream.
type readersData struct {
	frame
	Readers   []weir.ReaderMetrics
	Consumers []weir.ConsumerMetrics
	Open      int
	Groups    []groupView
	GroupsErr string
	Queues    []queueView
	QueuesErr string
}

// A groupView is a group's progress in a stream.
type groupView struct {
	Name    string
	Err     string
	Shards  []groupShard
	Workers []worker
	Behind  int64 // records, of all shards; -1 where that is not known
	Left    int   // shards that are not shown
}

type worker struct {
	Name   string
	Shards int
}

// A groupShard is how far a group has read a shard.
type groupShard struct {
	Shard, Owner, At string
	Finished         bool
	Behind           int64
	Age              time.Duration
}

const (
	// mostGroups are looked into for one page, and mostGroupShards of each shown.
	mostGroups      = 20
	mostGroupShards = 200
	groupsWithin    = 2 * time.Second
)

func (c *Console) readersPage(r *http.Request) answer {
	f, s, err := c.engineFrame(r, "readers")
	if err != nil {
		return answer{err: err}
	}
	snap := s.Snapshot()
	d := readersData{frame: f, Readers: snap.Readers, Consumers: snap.Consumers, Open: snap.Capacity.OpenShards}
	ctx, cancel := context.WithTimeout(r.Context(), groupsWithin)
	defer cancel()
	c.viewGroups(ctx, &d, s)
	c.viewQueues(ctx, &d)
	return answer{template: "readers", data: d}
}

// viewGroups fills in the groups that read a stream.
func (c *Console) viewGroups(ctx context.Context, d *readersData, s *weir.Stream) {
	if c.config.Groups == nil {
		return
	}
	groups, err := c.config.Groups(ctx)
	if err != nil {
		d.GroupsErr = err.Error()
	}
	for _, g := range groups[:min(len(groups), mostGroups)] {
		if view, ok := viewGroup(ctx, g, s); ok {
			d.Groups = append(d.Groups, view)
		}
	}
}

// viewGroup returns a group's progress, if it reads the stream.
func viewGroup(ctx context.Context, g Group, s *weir.Stream) (v groupView, ok bool) {
	v.Name = g.Name
	leases, err := g.Store.List(ctx)
	if err != nil {
		v.Err = err.Error()
		return v, true
	}
	owned := make(map[string]int)
	for _, l := range leases {
		if l.Stream != s.Name() && l.Stream != "" {
			continue
		}
		ok = true
		if l.Owner != "" {
			owned[l.Owner]++
		}
		row := shardProgress(l, s)
		v.Behind += max(row.Behind, 0)
		if len(v.Shards) < mostGroupShards {
			v.Shards = append(v.Shards, row)
		} else {
			v.Left++
		}
	}
	for name, n := range owned {
		v.Workers = append(v.Workers, worker{name, n})
	}
	slices.SortFunc(v.Workers, func(a, b worker) int { return strings.Compare(a.Name, b.Name) })
	return v, ok
}

// shardProgress returns how far a lease says that a shard has been read, and how
// much of it is left: what a reader from there on would be behind.
func shardProgress(l lease.Lease, s *weir.Stream) groupShard {
	row := groupShard{Shard: l.Key, Owner: l.Owner, At: l.Checkpoint.Sequence, Behind: -1}
	id, err := weir.ParseShardID(l.Key[strings.LastIndexByte(l.Key, ':')+1:])
	if err != nil {
		return row
	}
	from, finished := positionOf(l.Checkpoint)
	if finished {
		row.Finished, row.Behind = true, 0
		return row
	}
	r, err := s.NewReader("", from.In(id))
	if err != nil {
		return row // the shard has vanished
	}
	defer r.Close()
	row.Behind, _ = r.Behind()
	row.Age = r.Age()
	return row
}

// positionOf returns where a checkpoint says to go on.
func positionOf(at lease.Checkpoint) (from weir.Position, finished bool) {
	switch {
	case at.IsEnded():
		return from, true
	case at.Sequence == lease.Latest:
		return weir.Latest(), false
	case at.Sequence == lease.AtTimestamp && at.Sub > 0:
		return weir.AtTime(time.Unix(0, int64(at.Sub))), false
	}
	if n, err := weir.ParseSequenceNumber(at.Sequence); err == nil && !n.IsZero() {
		return weir.AfterSequence(n), false
	}
	return weir.TrimHorizon(), false
}

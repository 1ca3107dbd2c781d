package console

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/lease"
	"github.com/weirstream/weir/metrics"
)

// readersData is the page of who reads a stream.
type readersData struct {
	frame
	Readers    []readerView
	Consumers  []consumerView
	Open       int
	Groups     []groupView
	GroupsErr  string
	GroupsLeft int // that were not looked into
	Queues     []queueView
	QueuesErr  string
	QueuesLeft int
}

// lags are rows of a table of lag by shard.
type lags struct {
	Of     string // what the table is of, for those who do not see it
	Rows   []lagRow
	Left   int            // shards that are not shown, less behind than these
	Owners bool           // rows have an owner and a place
	Unread []weir.ShardID // of which nothing is known, for nobody has read them
}

// A lagRow is how far behind somebody is in a shard.
type lagRow struct {
	Shard, Owner, At string
	Behind           int64 // negative: not known
	Age              time.Duration
	Note             string
	Width            float64 // of the bar, in percent of the longest
}

// mostLags are shown of a reader.
const mostLags = 200

// cut keeps the rows that are the furthest behind, if there are too many, in
// their order, and measures their bars.
func (l *lags) cut(of string) {
	l.Of = of
	if n := len(l.Rows) - mostLags; n > 0 {
		by := slices.Clone(l.Rows)
		slices.SortStableFunc(by, func(a, b lagRow) int { return cmp.Compare(b.Behind, a.Behind) })
		kept := make(map[string]bool, mostLags)
		for _, row := range by[:mostLags] {
			kept[row.Shard] = true
		}
		l.Rows = slices.DeleteFunc(l.Rows, func(row lagRow) bool { return !kept[row.Shard] })
		l.Left = n
	}
	var most int64
	for _, row := range l.Rows {
		most = max(most, row.Behind)
	}
	for i := range l.Rows {
		if n := l.Rows[i].Behind; n > 0 {
			l.Rows[i].Width = max(1, 100*float64(n)/float64(most))
		}
	}
}

// of adds lags that metrics tell.
func (l *lags) of(list map[weir.ShardID]metrics.Lag, note func(weir.ShardID) string) (behind int64) {
	for _, id := range slices.Sorted(maps.Keys(list)) {
		lag := list[id]
		behind += lag.Records
		l.Rows = append(l.Rows, lagRow{Shard: id.String(), Behind: lag.Records, Age: lag.Age, Note: note(id)})
	}
	return behind
}

// consumerView is a registered consumer as a page shows it.
type consumerView struct {
	weir.ConsumerMetrics
	Behind int64
	Idle   int // open shards without a subscription
	Lags   lags
}

// readerView is a reader of this process as a page shows it.
type readerView struct {
	weir.ReaderMetrics
	Lags lags
}

// A groupView is a group's progress in a stream.
type groupView struct {
	Name     string
	Kept     string
	ReadOnly bool
	Err      string
	Workers  []worker
	Behind   int64 // records, of all shards that are known
	Age      time.Duration
	Lags     lags
	Finished int // shards
	Unknown  int // shards whose lag is not known
}

type worker struct {
	Name   string
	Shards int
}

const (
	// mostGroups are looked into for one page, for so long.
	mostGroups   = 50
	groupsWithin = 2 * time.Second
)

func (c *Console) readersPage(r *http.Request) answer {
	f, s, err := c.engineFrame(r, "readers")
	if err != nil {
		return answer{err: err}
	}
	snap := s.Snapshot()
	d := readersData{frame: f, Open: snap.Capacity.OpenShards}
	for _, m := range snap.Consumers {
		d.Consumers = append(d.Consumers, viewConsumer(m, snap))
	}
	for _, m := range snap.Readers {
		v := readerView{ReaderMetrics: m}
		v.Lags.of(m.Lags, func(weir.ShardID) string { return "" })
		v.Lags.cut("Shards of reader " + cmp.Or(m.Name, "without a name"))
		d.Readers = append(d.Readers, v)
	}
	ctx, cancel := context.WithTimeout(r.Context(), groupsWithin)
	defer cancel()
	c.viewGroups(ctx, &d, s)
	c.viewQueues(ctx, &d)
	return answer{template: "readers", data: d}
}

// viewConsumer returns a consumer with what it is behind in each shard, and the
// open ones that it does not read.
func viewConsumer(m weir.ConsumerMetrics, snap weir.Snapshot) consumerView {
	v := consumerView{ConsumerMetrics: m}
	reads := make(map[weir.ShardID]bool, len(m.Shards))
	for _, id := range m.Shards {
		reads[id] = true
	}
	v.Behind = v.Lags.of(m.Lags, func(id weir.ShardID) string {
		if reads[id] {
			return ""
		}
		return "subscription ended"
	})
	for _, sh := range snap.Shards {
		if !sh.Open || reads[sh.Shard] {
			continue
		}
		v.Idle++
		if _, known := m.Lags[sh.Shard]; !known {
			v.Lags.Unread = append(v.Lags.Unread, sh.Shard)
		}
	}
	v.Lags.cut("Shards of consumer " + m.Name)
	return v
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
	for i, g := range groups {
		if i == mostGroups || ctx.Err() != nil {
			d.GroupsLeft = len(groups) - i
			break
		}
		if view, ok := viewGroup(ctx, g, s); ok {
			d.Groups = append(d.Groups, view)
		}
	}
}

// viewGroup returns a group's progress, if it reads the stream.
func viewGroup(ctx context.Context, g Group, s *weir.Stream) (v groupView, ok bool) {
	v.Name, v.Kept, v.ReadOnly = g.Name, g.Kept, g.ReadOnly
	leases, err := g.Store.List(ctx)
	if err != nil {
		v.Err = err.Error()
		return v, true
	}
	owned := make(map[string]int)
	v.Lags.Owners = true
	for _, l := range leases {
		if !isOf(l, s.Name()) {
			continue
		}
		ok = true
		if l.Owner != "" {
			owned[l.Owner]++
		}
		row, finished := shardProgress(l, s)
		switch {
		case finished:
			v.Finished++
			continue
		case row.Behind < 0:
			v.Unknown++
		}
		v.Behind, v.Age = v.Behind+max(row.Behind, 0), max(v.Age, row.Age)
		v.Lags.Rows = append(v.Lags.Rows, row)
	}
	for name, n := range owned {
		v.Workers = append(v.Workers, worker{name, n})
	}
	slices.SortFunc(v.Workers, func(a, b worker) int { return strings.Compare(a.Name, b.Name) })
	v.Lags.cut("Shards of group " + g.Name)
	return v, ok
}

// isOf reports whether a lease is of a stream, or does not say of which. The
// Kinesis Client Library's say account:stream:epoch, where there are several.
func isOf(l lease.Lease, stream string) bool {
	name := l.Stream
	if parts := strings.Split(name, ":"); len(parts) == 3 {
		name = parts[1]
	}
	return name == stream || name == ""
}

// shardProgress returns how far a lease says that a shard has been read, and how
// much of it is left: what a reader from there on would be behind.
func shardProgress(l lease.Lease, s *weir.Stream) (row lagRow, finished bool) {
	row = lagRow{Shard: l.Key, Owner: l.Owner, At: l.Checkpoint.Sequence, Behind: -1, Age: -1}
	id, err := weir.ParseShardID(l.Key[strings.LastIndexByte(l.Key, ':')+1:])
	if err != nil {
		row.Note = "no shard of this stream"
		return row, false
	}
	row.Shard = id.String()
	from, finished := positionOf(l.Checkpoint)
	if finished {
		return row, true
	}
	r, err := s.NewReader("", from.In(id).Unseen())
	if err != nil {
		row.Note = "not there any more" // it has vanished, or the number is another stream's
		return row, false
	}
	defer r.Close()
	row.Behind, _ = r.Behind()
	row.Age = r.Age()
	return row, false
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

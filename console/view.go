package console

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/metrics"
)

var errNotYet = errors.New("the stream is being created or deleted, and has nothing to show")

// overviewData is the page of one stream.
type overviewData struct {
	frame
	Shard    string // the one that charts show; empty for all
	Snap     weir.Snapshot
	Settings weir.Settings
	Created  time.Time
	Now      flow
	Last     flow
	Price    Price
	Charts   []chart
	Map      []box
	Relative bool
	Heat     heat
	HeatOf   int // open shards
	Hottest  shardView
	Throttle verdict
}

// A verdict says how near to its limits a stream is.
type verdict struct{ Kind, Text string }

func (c *Console) streamPage(r *http.Request) answer {
	f, err := c.streamFrame(r, "stream")
	if err != nil {
		return answer{err: err}
	}
	d := overviewData{frame: f}
	s := f.Stream.Engine
	if s == nil {
		return answer{template: "stream", data: d}
	}
	now := c.config.Now()
	to := now.Truncate(time.Second)
	d.Snap, d.Settings, d.Created = s.Snapshot(), s.Settings(), s.CreatedAt()
	seconds, limit, err := d.secondsOf(r, s, to)
	if err != nil {
		return answer{status: http.StatusNotFound, err: err}
	}
	d.Now, d.Last = flowOf(seconds, to.Add(-recently), to, writeLimits{}), flowOf(seconds, to.Add(-minute), now, writeLimits{})
	d.Price = c.price(s, d.Snap, d.Now)
	d.Charts = chartsOf(seconds, to, limit)
	views := shardViews(s, d.Snap, now)
	d.HeatOf = len(views)
	d.Map = mapOf(f, views, false)
	hot := hottest(views, heatRows)
	if len(hot) > 0 {
		d.Hottest, d.Relative = hot[0], hot[0].Relative
	}
	d.Throttle = judge(d.Last, views, limitsOf(s))
	slices.SortFunc(hot, func(a, b shardView) int { return a.HashKeyRange.Start.Compare(b.HashKeyRange.Start) })
	d.Heat = heatOf(f, s, hot, now)
	return answer{template: "stream", data: d}
}

const heatRows = 16

// secondsOf returns the seconds of the shard that a request names, or of the whole
// stream, and what limits it.
func (d *overviewData) secondsOf(r *http.Request, s *weir.Stream, to time.Time) ([]metrics.Second, writeLimits, error) {
	limit, from := limitsOf(s), to.Add(-shown)
	if d.Shard = r.FormValue("shard"); d.Shard != "" {
		id, err := shardOf(r, "shard")
		if err != nil {
			return nil, limit, err
		}
		list, err := s.Seconds(from, id)
		return list, limit, err
	}
	list, err := s.Seconds(from)
	n := float64(d.Snap.Capacity.OpenShards)
	return list, writeLimits{limit.Records * n, limit.Bytes * n, limit.ReadBytes * n}, err
}

// chartsOf draws what goes in and out.
func chartsOf(list []metrics.Second, to time.Time, l writeLimits) []chart {
	mean := func(c metrics.Counts) float64 { // bytes of a record that passed
		if c.IncomingRecords == 0 {
			return 0
		}
		return float64(c.IncomingBytes) / float64(c.IncomingRecords)
	}
	return []chart{
		chartOf(list, to, measure{"Records in", "records", l.Records, func(c metrics.Counts) (float64, float64) {
			return float64(c.IncomingRecords), float64(c.WriteThrottled)
		}, rateText}),
		chartOf(list, to, measure{"Bytes in", "a second", l.Bytes, func(c metrics.Counts) (float64, float64) {
			return float64(c.IncomingBytes), float64(c.WriteThrottled) * mean(c)
		}, bytesText[float64]}),
		chartOf(list, to, measure{"Bytes out, polled", "a second", l.ReadBytes, func(c metrics.Counts) (float64, float64) {
			return float64(c.GetRecordsBytes), 0
		}, bytesText[float64]}),
		chartOf(list, to, measure{"Records out, all readers", "records", 0, func(c metrics.Counts) (float64, float64) {
			return float64(c.OutgoingRecords), 0
		}, rateText}),
	}
}

// judge says in a sentence what is to be known first.
func judge(last flow, views []shardView, l writeLimits) verdict {
	var busiest shardView
	for _, v := range views {
		if v.Peak > busiest.Peak || busiest.ID == "" {
			busiest = v
		}
	}
	switch {
	case last.Throttled > 0:
		return verdict{"bad", fmt.Sprintf("%s throttled in the last minute", number(last.Throttled, "record was", "records were"))}
	case l.None():
		return verdict{"good", "No limit is set: nothing is throttled"}
	case busiest.Peak >= 0.8:
		return verdict{"warn", fmt.Sprintf("%s came to %s of its limit in a second of the last minute", busiest.ID, percentText(busiest.Peak))}
	case busiest.Peak > 0:
		return verdict{"good", fmt.Sprintf("The busiest shard's busiest second of the last minute came to %s of its limit", percentText(busiest.Peak))}
	}
	return verdict{"idle", "Nothing was put in the last minute"}
}

// shardsData is the page of a stream's shards.
type shardsData struct {
	frame
	Map       []box
	Lineage   lineage
	Rows      []shardRow
	Sort      string
	Pager     Pager
	Open      int
	Closed    int
	Target    int // of the form that resizes
	Changing  bool
	Retention time.Duration
	Relative  bool
}

type shardRow struct {
	shardView
	Shard          weir.Shard
	Story          string
	Share          float64
	Above          string // the id of the open shard with the next hash keys
	SplitAt        string
	Records, Bytes int64
}

func (c *Console) shardsPage(r *http.Request) answer {
	f, s, err := c.engineFrame(r, "shards")
	if err != nil {
		return answer{err: err}
	}
	now, snap := c.config.Now(), s.Snapshot()
	views, shards := shardViews(s, snap, now), s.Shards()
	d := shardsData{frame: f, Open: len(views), Closed: len(snap.Shards) - len(views), Target: 2 * len(views), Sort: r.FormValue("sort"),
		Retention: s.Settings().Retention, Changing: s.Settings().Mode == weir.Provisioned && !c.config.ReadOnly}
	if d.Sort != "keys" && d.Sort != "id" {
		d.Sort = "" // by load
	}
	if len(views) > 0 {
		d.Relative = views[0].Relative
	}
	d.Map = mapOf(f, views, d.Changing)
	d.Lineage = lineageOf(shards, views, d.Retention, now)
	described := make(map[weir.ShardID]weir.Shard, len(shards))
	for _, sh := range shards {
		described[sh.ID] = sh
	}
	above := make(map[weir.ShardID]string, len(views))
	for i := range views[:max(0, len(views)-1)] {
		above[views[i].Shard] = views[i+1].ID
	}
	rows := sortedRows(views, snap, d.Sort)
	var from, to int
	d.Pager, from, to = pagerOf(r, len(rows), rowsAPage)
	for _, v := range rows[from:to] {
		sh := described[v.ShardMetrics.Shard]
		d.Rows = append(d.Rows, shardRow{shardView: v, Shard: sh, Share: v.HashKeyRange.Share(), Story: shardStory(sh, d.Retention, now),
			Above: above[v.ShardMetrics.Shard], SplitAt: v.HashKeyRange.Middle().String()})
	}
	return answer{template: "shards", data: d}
}

// sortedRows returns open shards by load, hash key or number, and closed ones
// behind them.
func sortedRows(views []shardView, snap weir.Snapshot, by string) []shardView {
	rows := slices.Clone(views)
	switch by {
	case "keys":
	case "id":
		slices.SortFunc(rows, func(a, b shardView) int { return cmp.Compare(a.Shard, b.Shard) })
	default:
		rows = hottest(rows, len(rows))
	}
	for _, m := range snap.Shards {
		if !m.Open {
			rows = append(rows, shardView{ShardMetrics: m, ID: m.Shard.String()})
		}
	}
	return rows
}

// Meter returns how long the bar of the shard's load is, in percent.
func (v shardView) Meter() float64 { return 100 * min(v.Load, 1) }

// PageLink returns the address of a page of the table.
func (d shardsData) PageLink(page int) string {
	return d.Link("shards", "sort", d.Sort, "page", strconv.Itoa(page))
}

// settingsData is the page of what can be changed.
type settingsData struct {
	frame
	Settings  weir.Settings
	Hours     int
	OnDemand  bool
	Capacity  weir.Capacity
	Limits    weir.Limits
	Storage   *weir.Storage
	Created   time.Time
	OpenCount int
}

func (c *Console) settingsPage(r *http.Request) answer {
	f, s, err := c.engineFrame(r, "settings")
	if err != nil {
		return answer{err: err}
	}
	f.Live = false // it would take forms away from under those who fill them in
	snap := s.Snapshot()
	return answer{template: "settings", data: settingsData{
		frame: f, Settings: s.Settings(), Hours: int(s.Settings().Retention / time.Hour), OnDemand: s.Settings().Mode == weir.OnDemand,
		Capacity: snap.Capacity, Limits: s.Config().Limits, Storage: snap.Storage, Created: s.CreatedAt(), OpenCount: snap.Capacity.OpenShards,
	}}
}

func (c *Console) newPage(r *http.Request) answer {
	if err := c.mayChange(r); err != nil {
		return answer{status: http.StatusForbidden, err: err}
	}
	f := c.frame(r, "New stream", "new")
	if !f.Create {
		return answer{status: http.StatusForbidden, err: errNoCreating}
	}
	return answer{template: "new", data: f}
}

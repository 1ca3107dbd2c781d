package console

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/weirstream/weir"
)

const (
	rowsAPage    = 50
	streamsAPage = 200
	// lookFor is how long the list looks into the streams of a page: those behind
	// are listed without their figures. 200 of some shards take a few milliseconds,
	// one of 10,000 shards more than ten.
	lookFor = 400 * time.Millisecond
)

type listData struct {
	frame
	Rows   []streamRow
	Total  int // of those that match
	All    int
	Query  string
	Sort   string
	Places bool // rows say where the stream is
	Priced bool // rows say what a month costs
	Pager
	Unseen int // rows without figures

	Unsorted int           // streams that sorting did not come to yet
	Oldest   time.Duration // how long ago it looked into the others
}

// A head is that of a column, with the address of the list sorted by it.
type head struct {
	Title, Small string
	Link         string
	Left, Sorted bool
}

// Heads are those of the columns.
func (d listData) Heads() []head {
	list := []head{{Title: "Stream", Left: true}, {Title: "Last minute", Left: true}}
	for _, by := range sortings[hottestFirst+1:] {
		if by.Name == "cost" && !d.Priced {
			continue
		}
		h := head{Title: by.Title, Small: by.small, Sorted: by.Name == d.Sort}
		if d.All > 1 {
			h.Link = d.SortLink(by.Name)
		}
		list = append(list, h)
	}
	return list
}

// SortLink returns the address of the list in another order.
func (d listData) SortLink(by string) string { return listLink(d.Query, by, 0) }

// A Pager is where a page of a long list stands.
type Pager struct{ First, Last, Of, Prev, Next int } // pages count from 1; zero is none

// pagerOf cuts a page out of n rows.
func pagerOf(r *http.Request, n, size int) (p Pager, from, to int) {
	pages := max(1, (n+size-1)/size)
	page, _ := strconv.Atoi(r.FormValue("page"))
	page = min(max(page, 1), pages)
	from, to = (page-1)*size, min(page*size, n)
	p = Pager{First: min(from+1, n), Last: to, Of: n, Prev: page - 1}
	if page < pages {
		p.Next = page + 1
	}
	return p, from, to
}

// A streamRow is a stream in the list.
type streamRow struct {
	Stream
	Link   string
	Seen   bool
	Mode   string
	Shards int
	Now    flow
	Last   flow // the last minute
	Spark  string
	Held   int64
	Age    time.Duration
	Total  int64 // write throttles ever
	Price  Price
	Hot    bool // it was throttled in the last minute
}

func (c *Console) listPage(r *http.Request) answer {
	all, err := c.config.Source.Streams(r.Context())
	if err != nil {
		return answer{status: http.StatusInternalServerError, err: err}
	}
	d := listData{frame: c.frame(r, "Streams", ""), All: len(all), Query: strings.TrimSpace(r.FormValue("q")), Priced: c.config.Price != nil}
	d.Live = true
	for _, s := range all {
		d.Places = d.Places || s.At != all[0].At
	}
	found := matching(all, d.Query)
	for _, by := range sortings {
		if by.compare != nil && by.Name == r.FormValue("sort") {
			d.Sort = by.Name
			found, d.Unsorted, d.Oldest = c.sort(r.Context(), found, by, standingsFor)
		}
	}
	var from, to int
	d.Total = len(found)
	d.Pager, from, to = pagerOf(r, len(found), streamsAPage)
	begin := time.Now()
	for _, s := range found[from:to] {
		row := streamRow{Stream: s, Link: link("stream", s)}
		if s.Engine != nil && time.Since(begin) < lookFor {
			c.look(&row)
		} else if s.Engine != nil {
			d.Unseen++
		}
		d.Rows = append(d.Rows, row)
	}
	return answer{template: "list", data: d}
}

// PageLink returns the address of a page of the list.
func (d listData) PageLink(page int) string {
	return listLink(d.Query, d.Sort, page)
}

func listLink(query, by string, page int) string {
	q := url.Values{}
	if query != "" {
		q.Set("q", query)
	}
	if by != "" {
		q.Set("sort", by)
	}
	if page > 1 {
		q.Set("page", strconv.Itoa(page))
	}
	if len(q) == 0 {
		return "./"
	}
	return "./?" + q.Encode()
}

// look fills in what a stream does.
func (c *Console) look(row *streamRow) {
	s, now := row.Engine, c.config.Now()
	to := now.Truncate(time.Second)
	snap := s.Snapshot()
	seconds, _ := s.Seconds(to.Add(-minute)) // no shard is named, so there is no error
	row.Seen, row.Mode, row.Shards = true, snap.Capacity.Mode.String(), snap.Capacity.OpenShards
	row.Now, row.Last = flowOf(seconds, to.Add(-recently), to, writeLimits{}), flowOf(seconds, to.Add(-minute), now, writeLimits{})
	row.Spark, row.Held, row.Age = spark(seconds, to), snap.BytesHeld, snap.IteratorAge
	row.Total, row.Hot = snap.Total.WriteThrottled, row.Last.Throttled > 0
	row.Price = c.price(s, snap, row.Now)
}

// price returns what a month at a rate costs, if that is known.
func (c *Console) price(s *weir.Stream, snap weir.Snapshot, f flow) Price {
	if c.config.Price == nil {
		return Price{}
	}
	u := Use{
		Period: recently, OpenShards: snap.Capacity.OpenShards, Consumers: len(snap.Consumers),
		Retention: s.Settings().Retention, Mode: snap.Capacity.Mode,
		Records: int64(f.Records * recently.Seconds()), Bytes: int64(f.Bytes * recently.Seconds()), OutBytes: int64(f.OutBytes * recently.Seconds()),
	}
	for _, consumer := range snap.Consumers {
		list, err := s.ConsumerSeconds(snap.At.Add(-recently), consumer.Name)
		if err != nil {
			continue // deregistered meanwhile
		}
		for _, second := range list {
			u.FanOutBytes += second.EventBytes
		}
	}
	return c.config.Price(u)
}

package console

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"
)

// A Top is streams and shards by how hot they are, as weir top shows them.
type Top struct {
	At time.Time `json:"at"`
	// Total is how many streams there are, and RecordsPerSecond what goes into
	// those of them that were looked into, each within the last seconds.
	Total            int         `json:"total"`
	RecordsPerSecond float64     `json:"records_per_second"`
	Streams          []TopStream `json:"streams"` // the hottest ones
	// Unseen is how many streams there was no time to look into so far; further
	// looks come to them.
	Unseen int `json:"unseen,omitempty"`
}

// A TopStream is a stream's traffic: rates of the last ten seconds, throttles of
// the last minute.
type TopStream struct {
	At               string     `json:"in,omitempty"`
	Name             string     `json:"name"`
	Status           string     `json:"status,omitempty"`
	Mode             string     `json:"mode,omitempty"`
	OpenShards       int        `json:"open_shards"`
	RecordsPerSecond float64    `json:"records_per_second"`
	BytesPerSecond   float64    `json:"bytes_per_second"`
	OutPerSecond     float64    `json:"out_records_per_second"`
	Throttled        int64      `json:"throttled"`
	AgeMillis        int64      `json:"age_millis"`
	BytesHeld        int64      `json:"bytes_held"`
	Shards           []TopShard `json:"shards"` // the hottest ones
}

// A TopShard is a shard beside its limits. Load is the part of the nearer limit
// that the last ten seconds came to, Peak that of the busiest second of the last
// minute; both are zero where there is no limit. Seconds are the loads of the
// last sixty seconds, the oldest first; a second with throttles is at least 1.
type TopShard struct {
	ID               string    `json:"id"`
	RecordsPerSecond float64   `json:"records_per_second"`
	BytesPerSecond   float64   `json:"bytes_per_second"`
	Load             float64   `json:"load"`
	Peak             float64   `json:"peak"`
	Throttled        int64     `json:"throttled"`
	Seconds          []float64 `json:"seconds"`
}

const (
	topStreams = 100
	topShards  = 50
	topFor     = 300 * time.Millisecond
)

// Top returns the hottest streams of the source, and of each the hottest shards.
func (c *Console) Top(ctx context.Context) (Top, error) {
	now := c.config.Now()
	top := Top{At: now}
	all, err := c.config.Source.Streams(ctx)
	if err != nil {
		return top, err
	}
	all, top.Unseen, _ = c.sort(ctx, all, sortings[hottestFirst], topFor/2)
	top.Total, top.RecordsPerSecond = len(all), c.standings.in(all)
	begin := time.Now()
	for _, s := range all[:min(len(all), topStreams)] {
		if time.Since(begin) > topFor {
			break // of streams with thousands of shards
		}
		top.Streams = append(top.Streams, c.topStream(s, now))
	}
	slices.SortStableFunc(top.Streams, func(a, b TopStream) int {
		return cmp.Or(cmp.Compare(b.Throttled, a.Throttled), cmp.Compare(b.RecordsPerSecond, a.RecordsPerSecond))
	})
	return top, nil
}

func (c *Console) topStream(s Stream, now time.Time) TopStream {
	t := TopStream{At: s.At, Name: s.Name, Status: s.Status}
	if s.Engine == nil {
		return t
	}
	row := streamRow{Stream: s}
	c.look(&row)
	t.Mode, t.OpenShards, t.BytesHeld, t.AgeMillis = row.Mode, row.Shards, row.Held, row.Age.Milliseconds()
	t.RecordsPerSecond, t.BytesPerSecond, t.OutPerSecond = row.Now.Records, row.Now.Bytes, row.Now.OutRecords
	t.Throttled = row.Last.Throttled
	l, to := limitsOf(s.Engine), now.Truncate(time.Second)
	for _, v := range hottest(shardViews(s.Engine, s.Engine.Snapshot(), now), topShards) {
		sh := TopShard{ID: v.ID, RecordsPerSecond: v.Now.Records, BytesPerSecond: v.Now.Bytes, Peak: v.Peak, Throttled: v.Throttled}
		if !v.Relative {
			sh.Load = v.Load
		}
		sh.Seconds = make([]float64, int(minute/time.Second))
		seconds, err := s.Engine.Seconds(to.Add(-minute), v.Shard)
		if err != nil {
			continue // it was closed and has vanished meanwhile
		}
		for _, second := range seconds {
			i := int(second.At.Sub(to.Add(-minute)) / time.Second)
			if i < 0 || i >= len(sh.Seconds) {
				continue
			}
			sh.Seconds[i] = l.share(float64(second.IncomingRecords), float64(second.IncomingBytes))
			if second.WriteThrottled > 0 {
				sh.Seconds[i] = max(1, sh.Seconds[i])
			}
		}
		t.Shards = append(t.Shards, sh)
	}
	return t
}

// topPage answers weir top.
func (c *Console) topPage(r *http.Request) answer {
	top, err := c.Top(r.Context())
	if err != nil {
		return answer{status: http.StatusInternalServerError, err: err}
	}
	body, err := json.Marshal(top)
	if err != nil {
		return answer{status: http.StatusInternalServerError, err: err}
	}
	return answer{raw: body, header: http.Header{"Content-Type": {"application/json"}}}
}

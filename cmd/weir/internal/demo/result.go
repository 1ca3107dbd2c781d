package demo

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/cmd/weir/internal/figures"
	"github.com/weirstream/weir/cmd/weir/internal/input"
)

// How many keys and pages a Result names.
const (
	hotKeys  = 10
	topPages = 10
)

// A Result is what a run saw. It is also the JSON object that the command
// prints: the names of its fields are stable. Bytes are partition keys and data
// together, the data being the event's line and 24 bytes in front of it.
type Result struct {
	// About the run; the command fills in the first four.
	Input      string            `json:"input"`
	Format     string            `json:"format"`
	Rejected   int               `json:"rejected"` // lines of the input that are no events
	Rejections []input.Rejection `json:"rejections,omitempty"`

	Limits      string  `json:"limits"` // "service" or "none"
	Speed       float64 `json:"speed"`  // 0 is as fast as the limits allow
	Producers   int     `json:"producers"`
	Interrupted bool    `json:"interrupted"` // ended before its input

	// Duration is from the first put until the last record was read.
	Duration       float64 `json:"duration_seconds"`
	RecordsPerSec  float64 `json:"records_per_second"`
	BytesPerSecond float64 `json:"bytes_per_second"`

	// RecordsIn were acknowledged by the stream, RecordsOut were read from it;
	// each is counted where it happens. Throttled is how often a limit refused
	// a record, which was then put again.
	RecordsIn  int64 `json:"records_in"`
	RecordsOut int64 `json:"records_out"`
	BytesIn    int64 `json:"bytes_in"`
	Throttled  int64 `json:"throttled"`

	// What would be wrong: records that were acknowledged but never read, that
	// were read again, and that were read after a later one of the same key.
	Lost            int64 `json:"lost"`
	Duplicated      int64 `json:"duplicated"`
	OrderViolations int64 `json:"order_violations"`
	// Complete says that RecordsIn is RecordsOut and nothing is wrong.
	Complete bool `json:"complete"`

	Keys    int        `json:"keys"`
	HotKeys []KeyCount `json:"hot_keys"` // the busiest ones

	Shards []ShardResult `json:"shards"`

	Latency     Latencies   `json:"latency"`
	IteratorAge IteratorAge `json:"iterator_age"`

	Minutes  []Minute    `json:"minutes"` // by event time
	TopPages []PageCount `json:"top_pages"`

	// Samples are the shards over time. KeyShares is the share of all records
	// that the 1, 2, 3 … busiest keys have together.
	Samples   []Sample  `json:"-"`
	KeyShares []float64 `json:"-"`
}

// A ShardResult is one shard after the run.
type ShardResult struct {
	Shard     weir.ShardID `json:"shard"`
	Records   int64        `json:"records"`
	Read      int64        `json:"records_read"`
	Bytes     int64        `json:"bytes"`
	Share     float64      `json:"share"` // of the records, 0 to 1
	Throttled int64        `json:"throttled"`
	// Busiest is the records of the busiest second of the clock, and BusiestAt
	// when it began, in seconds since the run did.
	Busiest   int64   `json:"busiest_second_records"`
	BusiestAt float64 `json:"busiest_second_at"`
}

// A KeyCount is how many records a key has.
type KeyCount struct {
	Key     string       `json:"key"`
	Records int64        `json:"records"`
	Share   float64      `json:"share"` // of the records, 0 to 1
	Shard   weir.ShardID `json:"shard"`
}

// IteratorAge is how far the readers were behind, looked at a few times a
// second.
type IteratorAge struct {
	Max     time.Duration
	Mean    time.Duration // of each moment's slowest reader
	Last    time.Duration // at the end
	Samples int           // how often it was looked at
}

// MarshalJSON returns the ages in milliseconds.
func (a IteratorAge) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Max     float64 `json:"max_ms"`
		Mean    float64 `json:"mean_ms"`
		Last    float64 `json:"last_ms"`
		Samples int     `json:"samples"`
	}{figures.Millis(a.Max), figures.Millis(a.Mean), figures.Millis(a.Last), a.Samples})
}

// result puts together what a finished run saw.
func (r *run) result(duration time.Duration, interrupted bool) *Result {
	snap := r.stream.Snapshot()
	res := &Result{
		Limits: limitsName(r.config.Limits), Speed: r.config.Speed, Producers: r.config.Producers,
		Interrupted: interrupted, Duration: duration.Seconds(),
		BytesIn: snap.Total.IncomingBytes, Throttled: snap.Total.WriteThrottled,
		Latency: Latencies{
			Put: r.puts.fromDue.Latency(), PutCall: r.puts.call.Latency(),
			EndToEnd: r.reads.fromDue.Latency(), Stream: r.reads.fromSent.Latency(),
		},
		IteratorAge: r.timeline.iteratorAge(),
		Samples:     r.timeline.samples(),
	}
	r.count(res)
	for i, m := range snap.Shards {
		res.Shards = append(res.Shards, r.shardResult(m, r.consumers[i].records, res.RecordsIn))
	}
	res.RecordsPerSec = figures.Ratio(float64(res.RecordsIn), res.Duration)
	res.BytesPerSecond = figures.Ratio(float64(res.BytesIn), res.Duration)
	return res
}

func limitsName(l weir.Limits) string {
	if l == weir.Unlimited() {
		return "none"
	}
	return "service"
}

// count adds up what producers and readers counted, each on their own, and
// compares them.
func (r *run) count(res *Result) {
	var seen int64 // different records
	windows := NewWindows()
	for _, c := range r.consumers {
		res.RecordsOut += c.records
		res.Duplicated += c.order.Duplicates()
		res.OrderViolations += c.order.Late()
		windows.Add(c.windows)
		seen += c.records - c.order.Duplicates()
	}
	keys := r.storedKeys()
	for _, k := range keys {
		res.RecordsIn += k.Records
	}
	// Not RecordsOut: a record that is read twice must not make up for one that
	// is lost.
	res.Lost = res.RecordsIn - seen
	res.Complete = res.RecordsIn == res.RecordsOut && res.Lost == 0 && res.Duplicated == 0 && res.OrderViolations == 0
	res.Minutes, res.TopPages = windows.Minutes(), windows.TopPages(topPages)
	res.countKeys(keys)
}

// storedKeys returns the keys of which a record was acknowledged, the busiest
// first.
func (r *run) storedKeys() []KeyCount {
	keys := []KeyCount{}
	for _, p := range r.producers {
		for key, count := range p.keys {
			if count.stored > 0 {
				keys = append(keys, KeyCount{Key: key, Records: int64(count.stored)})
			}
		}
	}
	slices.SortFunc(keys, func(a, b KeyCount) int {
		return cmp.Or(cmp.Compare(b.Records, a.Records), strings.Compare(a.Key, b.Key))
	})
	for i := range keys[:min(hotKeys, len(keys))] {
		keys[i].Shard = r.stream.ShardOf(keys[i].Key)
	}
	return keys
}

// countKeys describes how skewed the keys are, which come the busiest first.
func (res *Result) countKeys(keys []KeyCount) {
	res.Keys = len(keys)
	sum := int64(0)
	for i := range keys {
		keys[i].Share = figures.Share(keys[i].Records, res.RecordsIn)
		sum += keys[i].Records
		res.KeyShares = append(res.KeyShares, figures.Share(sum, res.RecordsIn))
	}
	res.HotKeys = slices.Clone(keys[:min(hotKeys, len(keys))])
}

// shardResult describes a shard, of which a reader read some records.
func (r *run) shardResult(m weir.ShardMetrics, read, all int64) ShardResult {
	s := ShardResult{
		Shard: m.Shard, Records: m.Total.IncomingRecords, Read: read, Bytes: m.Total.IncomingBytes,
		Share:     figures.Share(m.Total.IncomingRecords, all),
		Throttled: m.Total.WriteThrottled, Busiest: m.Peaks.IncomingRecords.N,
	}
	if s.Busiest > 0 {
		s.BusiestAt = max(0, m.Peaks.IncomingRecords.At.Sub(r.start).Seconds())
	}
	return s
}

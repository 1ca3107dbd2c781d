package weir

import (
	"cmp"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/weirstream/weir/internal/clock"
	"github.com/weirstream/weir/internal/seconds"
	"github.com/weirstream/weir/internal/shardlog"
	"github.com/weirstream/weir/metrics"
)

// A Snapshot is a stream's metrics at one moment.
type Snapshot struct {
	Stream   string         `json:"stream"`
	At       time.Time      `json:"at"`
	Capacity Capacity       `json:"capacity"`
	Total    metrics.Counts `json:"total"`
	Peaks    metrics.Peaks  `json:"peaks"` // of incoming records and bytes only; the shards have theirs
	// RecordsHeld and BytesHeld are the readable records and their data and
	// partition keys; MemoryBytes is what they occupy, free space in blocks and
	// expired records not yet released included.
	RecordsHeld int64 `json:"records_held"`
	BytesHeld   int64 `json:"bytes_held"`
	MemoryBytes int64 `json:"memory_bytes"`
	// IteratorAge is the greatest age of any reader: of the Readers and
	// Consumers now, and of each shard's most recent GetRecords.
	IteratorAge time.Duration   `json:"iterator_age_ns"`
	Shards      []ShardMetrics  `json:"shards"`
	Readers     []ReaderMetrics `json:"readers,omitempty"`
	// Consumers are the registered consumers, in the order of their
	// registration.
	Consumers []ConsumerMetrics `json:"consumers,omitempty"`
	// Storage is nil for a stream in memory.
	Storage *Storage `json:"storage,omitempty"`
}

// A Storage is what there is to tell of a stream on disk.
type Storage struct {
	Dir   string `json:"dir"`
	Files int    `json:"files"`
	// WrittenBytes and Syncs count since the stream was opened. Puts that come at
	// the same time share a sync.
	WrittenBytes int64 `json:"written_bytes"`
	Syncs        int64 `json:"syncs"`
	// Refused is why nothing can be put; nil if it can.
	Refused error `json:"-"`
	// RecordsInMemory and BytesInMemory are of what is held in memory,
	// RecordsOnDisk and BytesOnDisk of what has left it, by [Spill]. What has
	// expired counts until its block has.
	RecordsInMemory int64 `json:"records_in_memory"`
	BytesInMemory   int64 `json:"bytes_in_memory"`
	RecordsOnDisk   int64 `json:"records_on_disk"`
	BytesOnDisk     int64 `json:"bytes_on_disk"`
	// Recovery is what [Open] found.
	Recovery struct {
		Files int   `json:"files"`
		Bytes int64 `json:"bytes"`
		// Torn is how many bytes at the end were a write that a crash had cut off.
		// They were never acknowledged, and are gone. TornFile had them.
		Torn     int64  `json:"torn_bytes"`
		TornFile string `json:"torn_file,omitempty"`
		// Closed says that the stream had been closed with [Stream.Close].
		Closed bool `json:"closed"`
		// NumbersSkipped says that records may be lost which had been acknowledged
		// before they were on disk, as [Config.Sync] allows. Their numbers are left
		// out, so that none is given out twice and positions behind them are refused.
		NumbersSkipped bool `json:"numbers_skipped"`
	} `json:"recovery"`
}

// ShardMetrics are the metrics of one shard that has not vanished.
type ShardMetrics struct {
	Shard        ShardID        `json:"shard"`
	Open         bool           `json:"open"`
	HashKeyRange HashKeyRange   `json:"hash_key_range"`
	Total        metrics.Counts `json:"total"`
	Peaks        metrics.Peaks  `json:"peaks"`
	RecordsHeld  int64          `json:"records_held"`
	BytesHeld    int64          `json:"bytes_held"`
	MemoryBytes  int64          `json:"memory_bytes"`
}

// ReaderMetrics are the metrics of a [Reader] that is not closed.
type ReaderMetrics struct {
	Name    string        `json:"name"`
	Shards  []ShardID     `json:"shards"` // those it reads now
	Records int64         `json:"records"`
	Bytes   int64         `json:"bytes"`
	Age     time.Duration `json:"age_ns"` // how long ago the oldest record it was not given arrived
	// RecordsBehind and BytesBehind are what it is still to be given, and Lost is
	// what had gone before it came there: see [Reader.Behind] and [Reader.Lost].
	RecordsBehind int64 `json:"records_behind"`
	BytesBehind   int64 `json:"bytes_behind"`
	Lost          int64 `json:"lost"`
	// Lags are RecordsBehind and BytesBehind by shard, of those that have any:
	// see [Reader.Lags].
	Lags map[ShardID]metrics.Lag `json:"lags,omitempty"`
}

// ConsumerMetrics are the metrics of a registered consumer.
type ConsumerMetrics struct {
	Consumer
	Shards []ShardID          `json:"shards"` // those it is subscribed to now
	Total  metrics.Deliveries `json:"total"`
	// PeakEventBytes and PeakEventRecords are the busiest seconds.
	PeakEventBytes   metrics.Peak `json:"peak_event_bytes"`
	PeakEventRecords metrics.Peak `json:"peak_event_records"`
	// Age is how long ago the oldest record arrived that a subscription has not
	// given out yet.
	Age time.Duration `json:"age_ns"`
	// Lags are what the last subscription to a shard has not given out, by shard,
	// zeros included: of those in Shards, and of those whose subscription has
	// ended, which nobody reads until they are subscribed to again. A shard that
	// was never subscribed to, or not for long, or was read to its end has none.
	Lags map[ShardID]metrics.Lag `json:"lags,omitempty"`
}

// Snapshot returns the stream's metrics. It takes no lock that a put takes.
func (s *Stream) Snapshot() Snapshot {
	now := s.now()
	s.catchUp(now)
	horizon := s.horizonMs(now)
	routes := s.routes.Load()
	snap := Snapshot{Stream: s.name, At: now.Time(), Capacity: s.capacity(), Total: routes.retired.total}
	snap.Total.Add(streamCounts(s.history.Totals()))
	for _, sh := range routes.all {
		m := sh.metrics(horizon)
		if sh.expired(horizon) { // vanished, but not forgotten yet
			snap.Total.Add(m.Total)
			continue
		}
		snap.Shards = append(snap.Shards, m)
		snap.Total.Add(m.Total)
		snap.RecordsHeld += m.RecordsHeld
		snap.BytesHeld += m.BytesHeld
		snap.MemoryBytes += m.MemoryBytes
		snap.IteratorAge = max(snap.IteratorAge, time.Duration(sh.lastAge.Load())*time.Millisecond)
	}
	snap.Readers = s.readers.metrics(now)
	for _, r := range snap.Readers {
		snap.IteratorAge = max(snap.IteratorAge, r.Age)
	}
	if s.disk != nil {
		snap.Storage = s.disk.figures()
	}
	snap.Consumers = s.fanOut.metrics(now)
	for _, c := range snap.Consumers {
		snap.IteratorAge = max(snap.IteratorAge, c.Age)
	}
	records, bytes := s.marks.Peaks(seconds.Intake{Records: snap.Total.IncomingRecords, Bytes: snap.Total.IncomingBytes})
	snap.Peaks = metrics.Peaks{IncomingRecords: peakOf(records), IncomingBytes: peakOf(bytes)}
	return snap
}

// metrics returns the shard's metrics when what arrived at horizonMs or before
// has expired.
func (sh *shard) metrics(horizonMs int64) ShardMetrics {
	total := sh.takenIn()
	m := ShardMetrics{
		Shard: sh.id, Open: sh.ending.Load() == nil, HashKeyRange: sh.keys,
		Total: takenCounts(total),
	}
	m.Total.Add(shardCounts(sh.history.Totals()))
	var c shardlog.Cursor
	sh.log.SkipTo(&c, horizonMs)
	gone := sh.log.Before(c)
	m.RecordsHeld = max(0, total.Records-gone.Records)
	m.BytesHeld = max(0, total.Bytes-gone.Bytes)
	m.MemoryBytes = sh.log.MemoryBytes()
	records, bytes := sh.marks.Peaks(total)
	m.Peaks = metrics.Peaks{
		IncomingRecords: peakOf(records), IncomingBytes: peakOf(bytes),
		WriteThrottled:  peakOf(sh.history.Peak(kindWriteThrottled)),
		GetRecordsBytes: peakOf(sh.history.Peak(kindReadBytes)),
		ReadThrottled:   peakOf(sh.history.Peak(kindReadThrottled)),
	}
	return m
}

// metrics returns the metrics of all readers.
func (set *readerSet) metrics(now clock.Instant) []ReaderMetrics {
	set.mu.Lock()
	readers := slices.Clone(set.readers)
	set.mu.Unlock()
	var list []ReaderMetrics
	for _, r := range readers {
		list = append(list, r.metrics(now))
	}
	return list
}

func (r *Reader) metrics(now clock.Instant) ReaderMetrics {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := ReaderMetrics{
		Name: r.name, Records: r.records, Bytes: r.bytes, Age: r.ageLocked(now),
		Lost: r.lostLocked(now), Lags: r.lagsLocked(now),
	}
	for _, lag := range m.Lags {
		m.RecordsBehind += lag.Records
		m.BytesBehind += lag.Bytes
	}
	for _, at := range r.cursors {
		m.Shards = append(m.Shards, at.sh.id)
	}
	return m
}

// metrics returns the metrics of all consumers.
func (f *fanOut) metrics(now clock.Instant) []ConsumerMetrics {
	f.mu.Lock()
	consumers := slices.Clone(f.consumers)
	f.mu.Unlock()
	var list []ConsumerMetrics
	for _, c := range consumers {
		m := ConsumerMetrics{Consumer: c.describe(), Total: deliveriesOf(c.history.Totals())}
		m.PeakEventBytes = peakOf(c.history.Peak(kindEventBytes))
		m.PeakEventRecords = peakOf(c.history.Peak(kindEventRecords))
		for _, sub := range f.subscriptionsOf(c) {
			lag, known := sub.lag(now)
			if !sub.over(now) {
				m.Shards = append(m.Shards, sub.sh.id)
				m.Age = max(m.Age, lag.Age)
			}
			if !known {
				continue
			}
			if m.Lags == nil {
				m.Lags = make(map[ShardID]metrics.Lag)
			}
			m.Lags[sub.sh.id] = lag
		}
		slices.SortFunc(m.Shards, cmp.Compare)
		list = append(list, m)
	}
	return list
}

// String returns the snapshot as a table of the stream and its shards.
func (snap Snapshot) String() string {
	var b strings.Builder
	t := snap.Total
	fmt.Fprintf(&b, "%s at %s: %d records in (%d bytes), %d out, %d held (%d bytes), %d write throttles, %d read throttles, iterator age %v\n",
		snap.Stream, snap.At.Format(time.RFC3339), t.IncomingRecords, t.IncomingBytes, t.OutgoingRecords,
		snap.RecordsHeld, snap.BytesHeld, t.WriteThrottled, t.ReadThrottled, snap.IteratorAge)
	fmt.Fprintf(&b, "capacity: %v\n", snap.Capacity)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "shard\trecords in\tbytes in\tthrottled\tbusiest second\trecords out\theld")
	for _, sh := range snap.Shards {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d records\t%d\t%d\n", sh.Shard, sh.Total.IncomingRecords,
			sh.Total.IncomingBytes, sh.Total.WriteThrottled, sh.Peaks.IncomingRecords.N,
			sh.Total.OutgoingRecords, sh.RecordsHeld)
	}
	w.Flush()
	snap.writeConsumers(&b)
	return b.String()
}

// writeConsumers writes a table of the consumers, if there are any.
func (snap Snapshot) writeConsumers(to io.Writer) {
	if len(snap.Consumers) == 0 {
		return
	}
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "consumer\tshards\trecords out\tbytes out\tevents\tage")
	for _, c := range snap.Consumers {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%v\n", c.Name, len(c.Shards), c.Total.EventRecords,
			c.Total.EventBytes, c.Total.Events, c.Age)
	}
	w.Flush()
}

// Seconds returns the seconds in which anything happened, from a time on, as
// far back as [Config.MetricsWindow] reaches, oldest first; the last one may
// not be over. They are the whole stream's or, if shards are named, those
// shards' taken together, without what is known per stream only. The error is
// not nil only if a shard is named that does not exist: it matches
// [ErrShardNotFound].
func (s *Stream) Seconds(from time.Time, shards ...ShardID) ([]metrics.Second, error) {
	now := s.now()
	sum := newSecondsFrom(from, now, s.history.Window())
	if len(shards) == 0 {
		sum.addStream(s)
		return sum.sorted(), nil
	}
	shards = slices.Sorted(slices.Values(shards))
	for _, id := range slices.Compact(shards) {
		sh, err := s.readable(id, now)
		if err != nil {
			return nil, err
		}
		sum.addTaken(sh.marks.Seconds(sh.takenIn()))
		sum.addHistory(&sh.history, shardCounts)
	}
	return sum.sorted(), nil
}

// secondsFrom gathers the events of seconds from one on.
type secondsFrom struct {
	from   int64
	counts map[int64]*metrics.Counts
}

func newSecondsFrom(from time.Time, now clock.Instant, window int64) secondsFrom {
	return secondsFrom{firstSecond(from, now, window), make(map[int64]*metrics.Counts)}
}

// firstSecond returns the first second from a time on that lies in the window.
func firstSecond(from time.Time, now clock.Instant, window int64) int64 {
	return max(from.Unix(), now.Second()-window+1)
}

// addStream adds what the stream and its shards counted. What vanished shards
// took in is in the stream's marks, what else they counted is gone with them.
func (f secondsFrom) addStream(s *Stream) {
	routes := s.routes.Load()
	total := routes.retired.taken
	for _, sh := range routes.all {
		total = total.Plus(sh.takenIn())
	}
	f.addTaken(s.marks.Seconds(total))
	f.addHistory(&s.history, streamCounts)
	for _, sh := range routes.all {
		f.addHistory(&sh.history, shardCounts)
	}
}

func (f secondsFrom) addTaken(taken iter.Seq2[int64, seconds.Intake]) {
	for at, in := range taken {
		f.add(at, takenCounts(in))
	}
}

func (f secondsFrom) addHistory(h *seconds.History, countsOf func(n []int64) metrics.Counts) {
	for at, n := range h.Seconds(f.from) {
		f.add(at, countsOf(n))
	}
}

func (f secondsFrom) add(at int64, c metrics.Counts) {
	if at < f.from {
		return
	}
	sum := f.counts[at]
	if sum == nil {
		sum = new(metrics.Counts)
		f.counts[at] = sum
	}
	sum.Add(c)
}

func (f secondsFrom) sorted() []metrics.Second {
	var list []metrics.Second
	for _, at := range slices.Sorted(maps.Keys(f.counts)) {
		list = append(list, metrics.Second{At: unixTime(at), Counts: *f.counts[at]})
	}
	return list
}

// ConsumerSeconds is [Stream.Seconds] for a registered consumer. The error
// matches [ErrConsumerNotFound].
func (s *Stream) ConsumerSeconds(from time.Time, consumer string) ([]metrics.DeliverySecond, error) {
	now := s.now()
	s.fanOut.mu.Lock()
	c, err := s.consumerLocked(consumer)
	s.fanOut.mu.Unlock()
	if err != nil {
		return nil, err
	}
	var list []metrics.DeliverySecond
	for at, n := range c.history.Seconds(firstSecond(from, now, c.history.Window())) {
		list = append(list, metrics.DeliverySecond{At: unixTime(at), Deliveries: deliveriesOf(n)})
	}
	slices.SortFunc(list, func(a, b metrics.DeliverySecond) int { return a.At.Compare(b.At) })
	return list, nil
}

// streamCounts returns what a stream's history counted.
func streamCounts(n []int64) metrics.Counts {
	return metrics.Counts{
		PutRecordsCalls: n[kindPutCalls], PutRecordsSuccess: n[kindPutCallsStored],
		PutRecordsTotalRecords: n[kindPutCallRecords], RefusedRecords: n[kindRefusedRecords],
	}
}

// deliveriesOf returns what a consumer's history counted.
func deliveriesOf(n []int64) metrics.Deliveries {
	return metrics.Deliveries{
		SubscribeSuccess: n[kindSubscribed], SubscribeRateExceeded: n[kindSubscribeRefused],
		Events: n[kindEvents], EventRecords: n[kindEventRecords], EventBytes: n[kindEventBytes],
		MillisBehindLatest: n[kindBehind], MillisBehindLatestSum: n[kindBehindSum],
	}
}

func peakOf(p seconds.Peak) metrics.Peak {
	if p.N == 0 {
		return metrics.Peak{}
	}
	return metrics.Peak{N: p.N, At: unixTime(p.At)}
}

func unixTime(second int64) time.Time { return time.Unix(second, 0).UTC() }

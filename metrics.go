package weir

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/weirstream/weir/internal/shardlog"
)

// Counts are the events of a period: all since the stream was created, or one
// second. Bytes are data and partition keys together.
type Counts struct {
	// IncomingRecords and IncomingBytes were put successfully.
	IncomingRecords int64 `json:"incoming_records"`
	IncomingBytes   int64 `json:"incoming_bytes"`
	// PutRecordRecords of them, one a call, came by PutRecord; the rest by
	// PutRecords.
	PutRecordRecords int64 `json:"put_record_records"`
	PutRecordBytes   int64 `json:"put_record_bytes"`
	// PutRecordsCalls is the calls of PutRecords that were not refused as a whole,
	// PutRecordsSuccess those of them that stored a record at least, and
	// PutRecordsTotalRecords the records they carried. Known per stream only.
	PutRecordsCalls        int64 `json:"put_records_calls"`
	PutRecordsSuccess      int64 `json:"put_records_success"`
	PutRecordsTotalRecords int64 `json:"put_records_total_records"`
	// WriteThrottled is the records, not calls, that a write limit refused, and
	// PutRecordsThrottled those of them that PutRecords carried. A record that is
	// put again is counted again. The service's name of the former is
	// WriteProvisionedThroughputExceeded.
	WriteThrottled      int64 `json:"write_throttled"`
	PutRecordsThrottled int64 `json:"put_records_throttled"`
	// RefusedRecords did not fit into Config.MaxBytes. Known per stream only.
	RefusedRecords int64 `json:"refused_records"`
	// DroppedRecords and DroppedBytes were dropped before their retention was
	// over, to stay within Config.MaxBytes.
	DroppedRecords int64 `json:"dropped_records"`
	DroppedBytes   int64 `json:"dropped_bytes"`
	// OutgoingRecords and OutgoingBytes were given to readers of any kind.
	OutgoingRecords int64 `json:"outgoing_records"`
	OutgoingBytes   int64 `json:"outgoing_bytes"`
	// GetRecordsCalls is the calls that succeeded, GetRecordsRecords and
	// GetRecordsBytes what they returned.
	GetRecordsCalls   int64 `json:"get_records_calls"`
	GetRecordsRecords int64 `json:"get_records_records"`
	GetRecordsBytes   int64 `json:"get_records_bytes"`
	// ReadThrottled is the calls of GetRecords that a read limit refused. The
	// service's name is ReadProvisionedThroughputExceeded.
	ReadThrottled int64 `json:"read_throttled"`
	// IteratorAgeMillis is the greatest age, in milliseconds, of the last record
	// that a GetRecords returned; 0 if all calls reached the tip.
	IteratorAgeMillis int64 `json:"iterator_age_millis"`
}

// add adds the events of another shard or period.
func (c *Counts) add(o Counts) {
	c.IncomingRecords += o.IncomingRecords
	c.IncomingBytes += o.IncomingBytes
	c.PutRecordRecords += o.PutRecordRecords
	c.PutRecordBytes += o.PutRecordBytes
	c.PutRecordsCalls += o.PutRecordsCalls
	c.PutRecordsSuccess += o.PutRecordsSuccess
	c.PutRecordsTotalRecords += o.PutRecordsTotalRecords
	c.WriteThrottled += o.WriteThrottled
	c.PutRecordsThrottled += o.PutRecordsThrottled
	c.RefusedRecords += o.RefusedRecords
	c.DroppedRecords += o.DroppedRecords
	c.DroppedBytes += o.DroppedBytes
	c.OutgoingRecords += o.OutgoingRecords
	c.OutgoingBytes += o.OutgoingBytes
	c.GetRecordsCalls += o.GetRecordsCalls
	c.GetRecordsRecords += o.GetRecordsRecords
	c.GetRecordsBytes += o.GetRecordsBytes
	c.ReadThrottled += o.ReadThrottled
	c.IteratorAgeMillis = max(c.IteratorAgeMillis, o.IteratorAgeMillis)
}

// countsOf returns what a shard or stream took in and what its history counted.
func countsOf(in intake, n *[numCounts]int64) Counts {
	return Counts{
		IncomingRecords: in.records, IncomingBytes: in.bytes,
		PutRecordRecords: in.records - in.batchRecords, PutRecordBytes: in.bytes - in.batchBytes,
		PutRecordsCalls: n[countPutCalls], PutRecordsSuccess: n[countPutCallsOK],
		PutRecordsTotalRecords: n[countPutCallRecords],
		WriteThrottled:         n[countThrottledRecords], RefusedRecords: n[countRefusedRecords],
		DroppedRecords: n[countDroppedRecords], DroppedBytes: n[countDroppedBytes],
		OutgoingRecords: n[countReadRecords] + n[countTailRecords],
		OutgoingBytes:   n[countReadBytes] + n[countTailBytes],
		GetRecordsCalls: n[countReadCalls], GetRecordsRecords: n[countReadRecords], GetRecordsBytes: n[countReadBytes],
		ReadThrottled: n[countReadThrottles], IteratorAgeMillis: n[countAge],
		PutRecordsThrottled: n[countBatchThrottled],
	}
}

// A Second is the events of one second.
type Second struct {
	At time.Time `json:"at"`
	Counts
}

// A Peak is the most that a single second had of something, and which second
// that was.
type Peak struct {
	N  int64     `json:"n"`
	At time.Time `json:"at"` // zero if there was none
}

func (p *Peak) offer(n, at int64) {
	if n > p.N {
		*p = Peak{n, time.Unix(at, 0).UTC()}
	}
}

// Peaks are the busiest seconds since the stream was created.
type Peaks struct {
	IncomingRecords Peak `json:"incoming_records"`
	IncomingBytes   Peak `json:"incoming_bytes"`
	WriteThrottled  Peak `json:"write_throttled"`
	GetRecordsBytes Peak `json:"get_records_bytes"`
	ReadThrottled   Peak `json:"read_throttled"`
}

// A Snapshot is a stream's metrics at one moment.
type Snapshot struct {
	Stream   string    `json:"stream"`
	At       time.Time `json:"at"`
	Capacity Capacity  `json:"capacity"`
	Total    Counts    `json:"total"`
	Peaks    Peaks     `json:"peaks"` // of incoming records and bytes only; the shards have theirs
	// RecordsHeld and BytesHeld are the readable records and their data and
	// partition keys; MemoryBytes is what they occupy, free space in blocks and
	// expired records not yet released included.
	RecordsHeld int64 `json:"records_held"`
	BytesHeld   int64 `json:"bytes_held"`
	MemoryBytes int64 `json:"memory_bytes"`
	// IteratorAge is the greatest age of any reader: of the Readers and Consumers
	// now, and of each shard's most recent GetRecords.
	IteratorAge time.Duration   `json:"iterator_age_ns"`
	Shards      []ShardMetrics  `json:"shards"`
	Readers     []ReaderMetrics `json:"readers,omitempty"`
	// Consumers are the registered consumers, in the order of their registration.
	Consumers []ConsumerMetrics `json:"consumers,omitempty"`
}

// ShardMetrics are the metrics of one shard that has not vanished.
type ShardMetrics struct {
	Shard        ShardID      `json:"shard"`
	Open         bool         `json:"open"`
	HashKeyRange HashKeyRange `json:"hash_key_range"`
	Total        Counts       `json:"total"`
	Peaks        Peaks        `json:"peaks"`
	RecordsHeld  int64        `json:"records_held"`
	BytesHeld    int64        `json:"bytes_held"`
	MemoryBytes  int64        `json:"memory_bytes"`
}

// ReaderMetrics are the metrics of a [Reader] that is not closed.
type ReaderMetrics struct {
	Name    string        `json:"name"`
	Shards  []ShardID     `json:"shards"` // those it reads now
	Records int64         `json:"records"`
	Bytes   int64         `json:"bytes"`
	Age     time.Duration `json:"age_ns"` // how long ago the oldest record it was not given arrived
}

// Snapshot returns the stream's metrics. It takes no lock that a put takes.
func (s *Stream) Snapshot() Snapshot {
	now := s.now()
	s.catchUp(now)
	horizon := s.horizonMs(now)
	routes := s.routes.Load()
	snap := Snapshot{Stream: s.name, At: now.time(), Capacity: s.capacity(), Total: routes.retired.total}
	snap.Total.add(countsOf(intake{}, s.counts.total()))
	for _, sh := range routes.all {
		m := sh.metrics(horizon)
		if sh.expired(horizon) { // vanished, but not forgotten yet
			snap.Total.add(m.Total)
			continue
		}
		snap.Shards = append(snap.Shards, m)
		snap.Total.add(m.Total)
		snap.RecordsHeld += m.RecordsHeld
		snap.BytesHeld += m.BytesHeld
		snap.MemoryBytes += m.MemoryBytes
		age := time.Duration(sh.counts.lastAge.Load()) * time.Millisecond
		snap.IteratorAge = max(snap.IteratorAge, age)
	}
	snap.Readers = s.readers.metrics(now)
	for _, r := range snap.Readers {
		snap.IteratorAge = max(snap.IteratorAge, r.Age)
	}
	snap.Consumers = s.fanOut.metrics(now)
	for _, c := range snap.Consumers {
		snap.IteratorAge = max(snap.IteratorAge, c.Age)
	}
	s.marks.peaks(&snap.Peaks, intake{records: snap.Total.IncomingRecords, bytes: snap.Total.IncomingBytes})
	return snap
}

// metrics returns the shard's metrics when what arrived at horizonMs or before
// has expired.
func (sh *shard) metrics(horizonMs int64) ShardMetrics {
	total := sh.takenIn()
	m := ShardMetrics{
		Shard: sh.shard, Open: sh.ending.Load() == nil, HashKeyRange: sh.keys,
		Total: countsOf(total, sh.counts.total()),
	}
	var c shardlog.Cursor
	sh.log.SkipTo(&c, horizonMs)
	gone := sh.log.Before(c)
	m.RecordsHeld = max(0, total.records-gone.Records)
	m.BytesHeld = max(0, total.bytes-gone.Bytes)
	m.MemoryBytes = sh.log.MemoryBytes()
	sh.marks.peaks(&m.Peaks, total)
	sh.counts.peak(&m.Peaks.WriteThrottled, countThrottledRecords)
	sh.counts.peak(&m.Peaks.GetRecordsBytes, countReadBytes)
	sh.counts.peak(&m.Peaks.ReadThrottled, countReadThrottles)
	return m
}

// peaks fills in the busiest seconds of what was taken in, the one that is not
// finished included.
func (m *markHistory) peaks(p *Peaks, total intake) {
	p.IncomingRecords.offer(m.peakRecords.n.Load(), m.peakRecords.at.Load())
	p.IncomingBytes.offer(m.peakBytes.n.Load(), m.peakBytes.at.Load())
	if marks := m.sorted(); len(marks) > 0 {
		last := marks[len(marks)-1]
		p.IncomingRecords.offer(total.records-last.records, last.at)
		p.IncomingBytes.offer(total.bytes-last.bytes, last.at)
	}
}

// peak fills in the busiest second of one count.
func (h *history) peak(p *Peak, c count) { p.offer(h.peaks[c].Load(), h.peakAt[c].Load()) }

// total returns all that was counted so far.
func (h *history) total() *[numCounts]int64 {
	var n [numCounts]int64
	for c := range n {
		n[c] = h.totals[c].Load()
	}
	return &n
}

// Seconds returns the stream's seconds in which anything happened, from a time
// on, as far back as [Config.MetricsWindow] reaches, oldest first. The last one
// may not be over.
func (s *Stream) Seconds(from time.Time) []Second {
	seconds := newSecondsFrom(from, s.now(), s.counts.window)
	routes := s.routes.Load()
	total := routes.retired.taken
	for _, sh := range routes.all {
		total.add(sh.takenIn())
	}
	seconds.addIntakes(s.marks.seconds(total))
	seconds.addHistory(&s.counts)
	for _, sh := range routes.all {
		seconds.addHistory(&sh.counts)
	}
	return seconds.sorted()
}

// ShardSeconds is [Stream.Seconds] for one shard.
func (s *Stream) ShardSeconds(id ShardID, from time.Time) ([]Second, error) {
	now := s.now()
	sh, err := s.readable(id, now)
	if err != nil {
		return nil, err
	}
	seconds := newSecondsFrom(from, now, s.counts.window)
	seconds.addIntakes(sh.marks.seconds(sh.takenIn()))
	seconds.addHistory(&sh.counts)
	return seconds.sorted(), nil
}

// secondsFrom gathers the events of seconds from one on.
type secondsFrom struct {
	from   int64
	counts map[int64]*Counts
}

func newSecondsFrom(from time.Time, now instant, window int64) secondsFrom {
	return secondsFrom{max(from.Unix(), now.second()-window+1), make(map[int64]*Counts)}
}

func (f secondsFrom) add(at int64, c Counts) {
	if at < f.from {
		return
	}
	sum := f.counts[at]
	if sum == nil {
		sum = new(Counts)
		f.counts[at] = sum
	}
	sum.add(c)
}

func (f secondsFrom) addIntakes(seconds []intake) {
	for _, in := range seconds {
		f.add(in.at, countsOf(in, new([numCounts]int64)))
	}
}

func (f secondsFrom) addHistory(h *history) {
	h.seconds(f.from, func(at int64, n *[numCounts]int64) { f.add(at, countsOf(intake{}, n)) })
}

func (f secondsFrom) sorted() []Second {
	var list []Second
	for _, at := range slices.Sorted(maps.Keys(f.counts)) {
		list = append(list, Second{time.Unix(at, 0).UTC(), *f.counts[at]})
	}
	return list
}

// metrics returns the metrics of all readers.
func (set *readerSet) metrics(now instant) []ReaderMetrics {
	set.mu.Lock()
	readers := slices.Clone(set.readers)
	set.mu.Unlock()
	var list []ReaderMetrics
	for _, r := range readers {
		list = append(list, r.metrics(now))
	}
	return list
}

func (r *Reader) metrics(now instant) ReaderMetrics {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := ReaderMetrics{Name: r.name, Records: r.records, Bytes: r.bytes, Age: r.ageLocked(now)}
	for _, at := range r.cursors {
		m.Shards = append(m.Shards, at.sh.shard)
	}
	return m
}

// retired is what vanished shards counted while they were there.
type retired struct {
	total Counts
	taken intake
}

func (t *retired) add(sh *shard) {
	in := sh.takenIn()
	t.total.add(countsOf(in, sh.counts.total()))
	t.taken.add(in)
}

// countThrottled counts a record of PutRecord that a write limit refused.
func (sh *shard) countThrottled(now instant) {
	sh.counts.add(now.second(), countThrottledRecords, 1)
}

// countBatchThrottled counts records of a PutRecords that a write limit refused.
func (sh *shard) countBatchThrottled(now instant, records int64) {
	sh.counts.add(now.second(), countThrottledRecords, records)
	sh.counts.add(now.second(), countBatchThrottled, records)
}

// countDropped counts records that were dropped for MaxBytes.
func (sh *shard) countDropped(now instant, records, bytes int64) {
	sh.counts.add(now.second(), countDroppedRecords, records)
	sh.counts.add(now.second(), countDroppedBytes, bytes)
}

// countBatch counts one PutRecords.
func (s *Stream) countBatch(now instant, results []PutResult) {
	stored := slices.ContainsFunc(results, func(r PutResult) bool { return r.Err == nil })
	s.counts.countPutCall(now.second(), len(results), stored)
}

func (h *history) countPutCall(at int64, records int, stored bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	sec := h.placeLocked(at)
	h.addLocked(sec, countPutCalls, 1)
	h.addLocked(sec, countPutCallRecords, int64(records))
	if stored {
		h.addLocked(sec, countPutCallsOK, 1)
	}
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

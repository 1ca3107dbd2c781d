package weir

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// ConsumerCounts are the events of a registered consumer in a period: all since
// it was registered, or one second.
type ConsumerCounts struct {
	// SubscribeSuccess is the subscriptions that began, SubscribeRateExceeded the
	// calls of Subscribe that were refused with [ErrSubscriptionActive]. The
	// service's names are SubscribeToShard.Success and .RateExceeded.
	SubscribeSuccess      int64 `json:"subscribe_success"`
	SubscribeRateExceeded int64 `json:"subscribe_rate_exceeded"`
	// Events is the events given out, EventRecords and EventBytes what was in
	// them. The service's names are SubscribeToShardEvent.Success, .Records and
	// .Bytes.
	Events       int64 `json:"events"`
	EventRecords int64 `json:"event_records"`
	EventBytes   int64 `json:"event_bytes"`
	// MillisBehindLatest is the greatest of any event, MillisBehindLatestSum the
	// sum over all events; divided by Events it is the average.
	MillisBehindLatest    int64 `json:"millis_behind_latest"`
	MillisBehindLatestSum int64 `json:"millis_behind_latest_sum"`
}

// A ConsumerSecond is the events of a registered consumer in one second.
type ConsumerSecond struct {
	At time.Time `json:"at"`
	ConsumerCounts
}

// ConsumerMetrics are the metrics of a registered consumer.
type ConsumerMetrics struct {
	Consumer
	Shards []ShardID      `json:"shards"` // those it is subscribed to now
	Total  ConsumerCounts `json:"total"`
	// PeakEventBytes and PeakEventRecords are the busiest seconds.
	PeakEventBytes   Peak `json:"peak_event_bytes"`
	PeakEventRecords Peak `json:"peak_event_records"`
	// Age is how long ago the oldest record arrived that a subscription has not
	// given out yet.
	Age time.Duration `json:"age_ns"`
}

// countSubscribe counts a call of Subscribe.
func (c *consumer) countSubscribe(now instant, err error) {
	if err != nil {
		c.counts.add(now.second(), countRefusedSubscribe, 1)
	} else {
		c.counts.add(now.second(), countSubscribes, 1)
	}
}

// countEvent counts an event of a consumer.
func (h *history) countEvent(at int64, records, bytes int, behind int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	sec := h.placeLocked(at)
	h.addLocked(sec, countEvents, 1)
	h.addLocked(sec, countTailRecords, int64(records))
	h.addLocked(sec, countTailBytes, int64(bytes))
	h.addLocked(sec, countBehind, behind)
	h.maxLocked(sec, countAge, behind)
}

// consumerCountsOf returns what a consumer's history counted in a period. The
// greatest distance from the tip is a maximum, which has no total.
func consumerCountsOf(n *[numCounts]int64) ConsumerCounts {
	return ConsumerCounts{
		SubscribeSuccess: n[countSubscribes], SubscribeRateExceeded: n[countRefusedSubscribe],
		Events: n[countEvents], EventRecords: n[countTailRecords], EventBytes: n[countTailBytes],
		MillisBehindLatest: n[countAge], MillisBehindLatestSum: n[countBehind],
	}
}

// ConsumerSeconds returns the seconds in which a registered consumer did
// anything, as [Stream.Seconds] does for the stream.
func (s *Stream) ConsumerSeconds(name string, from time.Time) ([]ConsumerSecond, error) {
	now := s.now()
	s.fanOut.mu.Lock()
	c, err := s.consumerLocked(name)
	s.fanOut.mu.Unlock()
	if err != nil {
		return nil, err
	}
	var list []ConsumerSecond
	first := max(from.Unix(), now.second()-c.counts.window+1)
	c.counts.seconds(first, func(at int64, n *[numCounts]int64) {
		list = append(list, ConsumerSecond{time.Unix(at, 0).UTC(), consumerCountsOf(n)})
	})
	slices.SortFunc(list, func(a, b ConsumerSecond) int { return a.At.Compare(b.At) })
	return list, nil
}

// metrics returns the metrics of all consumers.
func (f *fanOut) metrics(now instant) []ConsumerMetrics {
	f.mu.Lock()
	consumers := slices.Clone(f.consumers)
	f.mu.Unlock()
	var list []ConsumerMetrics
	for _, c := range consumers {
		m := ConsumerMetrics{Consumer: c.describe(), Total: consumerCountsOf(c.counts.total())}
		m.Total.MillisBehindLatest = c.counts.peaks[countAge].Load()
		c.counts.peak(&m.PeakEventBytes, countTailBytes)
		c.counts.peak(&m.PeakEventRecords, countTailRecords)
		for _, sub := range f.active(c, now) {
			m.Shards = append(m.Shards, sub.sh.shard)
			m.Age = max(m.Age, time.Duration(sub.behind(now))*time.Millisecond)
		}
		slices.SortFunc(m.Shards, cmp.Compare)
		list = append(list, m)
	}
	return list
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

package console

import (
	"cmp"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/metrics"
)

// The periods that pages speak of. All lie in the window of seconds that metrics
// keep, unless that was made shorter.
const (
	recently = 10 * time.Second // what "now" means for a rate
	minute   = time.Minute
	shown    = 3 * time.Minute // in charts
)

// writeLimits are those of one shard; zero means none.
type writeLimits struct{ Records, Bytes, ReadBytes float64 }

func limitsOf(s *weir.Stream) writeLimits {
	l := s.Config().Limits
	return writeLimits{limitOf(l.WriteRecordsPerSecond), limitOf(l.WriteBytesPerSecond), limitOf(l.ReadBytesPerSecond)}
}

func limitOf(l rate.Limit) float64 {
	if l < 0 || l == rate.Inf {
		return 0
	}
	return float64(l)
}

// None reports whether nothing limits puts.
func (l writeLimits) None() bool { return l.Records == 0 && l.Bytes == 0 }

// share returns which part of the nearest limit so much in a second is.
func (l writeLimits) share(records, bytes float64) (part float64) {
	if l.Records > 0 {
		part = records / l.Records
	}
	if l.Bytes > 0 {
		part = max(part, bytes/l.Bytes)
	}
	return part
}

// A flow is what went in and out in a period, by the second.
type flow struct {
	Records, Bytes       float64
	OutRecords, OutBytes float64
	Throttled            int64 // in all, writes
	ReadThrottled        int64
	Polls                float64
	PeakRecords          int64 // of a single second
	PeakBytes            int64
	Peak                 float64 // of the limits of one shard, where it is one's
}

// flowOf sums up finished seconds from one on, and divides by how many there
// could be.
func flowOf(list []metrics.Second, from, to time.Time, l writeLimits) (f flow) {
	var sum metrics.Counts
	for _, s := range list {
		if s.At.Before(from) || !s.At.Before(to) {
			continue
		}
		sum.Add(s.Counts)
		f.PeakRecords, f.PeakBytes = max(f.PeakRecords, s.IncomingRecords), max(f.PeakBytes, s.IncomingBytes)
		f.Peak = max(f.Peak, l.share(float64(s.IncomingRecords), float64(s.IncomingBytes)))
	}
	n := max(1, to.Sub(from).Seconds())
	f.Records, f.Bytes = float64(sum.IncomingRecords)/n, float64(sum.IncomingBytes)/n
	f.OutRecords, f.OutBytes = float64(sum.OutgoingRecords)/n, float64(sum.OutgoingBytes)/n
	f.Polls = float64(sum.GetRecordsCalls) / n
	f.Throttled, f.ReadThrottled = sum.WriteThrottled, sum.ReadThrottled
	return f
}

// A shardView is a shard as pages show it.
type shardView struct {
	weir.ShardMetrics
	ID         string
	Now        flow // of the last seconds
	Load, Peak float64
	Level      int // of colour, 0 to 10
	Throttled  int64
	Relative   bool // there is no limit: Load is of the busiest shard
}

// levels is how many colours of load there are beside that of nothing.
const levels = 10

func levelOf(load float64) int {
	switch {
	case load <= 0:
		return 0
	case load >= 1:
		return levels
	}
	return 1 + int(load*(levels-1))
}

// shardViews returns the open shards of a snapshot by hash key, with what they
// took in of late.
func shardViews(s *weir.Stream, snap weir.Snapshot, now time.Time) []shardView {
	l, to := limitsOf(s), now.Truncate(time.Second)
	var list []shardView
	var most float64
	for _, m := range snap.Shards {
		if !m.Open {
			continue
		}
		seconds, err := s.Seconds(to.Add(-minute), m.Shard)
		if err != nil {
			continue // it was closed and has vanished meanwhile
		}
		v := shardView{ShardMetrics: m, ID: m.Shard.String(), Now: flowOf(seconds, to.Add(-recently), to, l)}
		last := flowOf(seconds, to.Add(-minute), to.Add(time.Second), l)
		v.Load, v.Peak, v.Throttled = l.share(v.Now.Records, v.Now.Bytes), last.Peak, last.Throttled
		most = max(most, v.Now.Records)
		list = append(list, v)
	}
	for i := range list {
		if v := &list[i]; l.None() {
			v.Relative = true
			if most > 0 {
				v.Load = v.Now.Records / most
			}
		}
		list[i].Level = levelOf(list[i].Load)
		if list[i].Now.Throttled > 0 {
			list[i].Level = levels // whatever the mean of some seconds is
		}
	}
	slices.SortFunc(list, func(a, b shardView) int { return a.HashKeyRange.Start.Compare(b.HashKeyRange.Start) })
	return list
}

// hottest returns the n busiest shards, those throttled before others: a burst may
// be refused whose mean is small.
func hottest(list []shardView, n int) []shardView {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b shardView) int {
		return cmp.Or(cmp.Compare(min(b.Throttled, 1), min(a.Throttled, 1)), cmp.Compare(b.Load, a.Load), cmp.Compare(b.Throttled, a.Throttled), cmp.Compare(b.Peak, a.Peak))
	})
	return list[:min(n, len(list))]
}

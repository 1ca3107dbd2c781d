package window

import (
	"sync/atomic"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/consumer"
)

// Metrics are what a windower has done since it was made. What comes again after
// a crash counts again.
type Metrics struct {
	// Records are those that were read, Events those that [Config.Read] made of
	// them.
	Records, Events int64
	// Gaps are events that fell between sliding windows. Late ones came too late,
	// and Rejected are records and events that could not be used, and results that
	// were refused.
	Gaps, Late, Rejected int64
	// Scattered is how often a window was opened of a key that has windows in
	// another shard of the worker: it does not follow from the partition key, and
	// each shard has its own windows of it. Of many keys some are looked at.
	Scattered int64
	// Results that were made, by kind.
	Final, Early, Updates, Gone int64
	// Failures is how often Handler or Aside failed.
	Failures int64
	// Checkpoints is how often windows were kept, and Snapshots how often not in a
	// lease.
	Checkpoints, Snapshots int64
	// Shards are those that the worker has, in no order.
	Shards []ShardMetrics
	// Group is what the group has done.
	Group consumer.Metrics
}

// ShardMetrics are where a shard stands.
type ShardMetrics struct {
	Stream string
	Shard  weir.ShardID
	// Watermark is the time up to which windows are complete, zero before the
	// first record. Idle says that it does not wait for the shard's records.
	Watermark time.Time
	Idle      bool
	// Windows is how many are open, and StateBytes how large they were when they
	// were kept last.
	Windows, StateBytes int
}

type counters struct {
	records, events, gaps, late, rejected atomic.Int64
	results                               [Gone + 1]atomic.Int64
	scattered                             atomic.Int64
	failures, checkpoints, snapshots      atomic.Int64
}

// add adds what a machine has counted.
func (c *counters) add(t *tally) {
	c.records.Add(t.records)
	c.events.Add(t.events)
	c.gaps.Add(t.gaps)
	c.late.Add(t.late)
	c.rejected.Add(t.rejected)
	for k := range t.results {
		c.results[k].Add(t.results[k])
	}
	*t = tally{}
}

// Metrics returns what the windower has done.
func (w *Windower[V, A, R]) Metrics() Metrics {
	c := &w.counts
	m := Metrics{
		Records: c.records.Load(), Events: c.events.Load(), Gaps: c.gaps.Load(), Late: c.late.Load(), Rejected: c.rejected.Load(),
		Scattered: c.scattered.Load(), Final: c.results[Final].Load(), Early: c.results[Early].Load(), Updates: c.results[Late].Load(), Gone: c.results[Gone].Load(),
		Failures: c.failures.Load(), Checkpoints: c.checkpoints.Load(), Snapshots: c.snapshots.Load(), Group: w.group.Metrics(),
	}
	for _, r := range w.crew.Members() {
		if s := r.shown.Load(); s != nil {
			m.Shards = append(m.Shards, *s)
		}
	}
	return m
}

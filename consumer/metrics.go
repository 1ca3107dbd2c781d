package consumer

import (
	"sync/atomic"
	"time"

	"github.com/weirstream/weir"
)

// Metrics are what a worker has done since its group was made, and where it
// stands.
type Metrics struct {
	Group, Worker string
	// Records, Bytes (of data and keys) and Batches are what handlers processed;
	// Skipped records were left out by policy, and DeadLetters handed over.
	// Discarded user records were in aggregates that have some of another
	// shard, or that cannot be read.
	Records, Bytes, Batches, Skipped, DeadLetters, Discarded int64
	// Errors is how often a handler failed, Panics how often of these it
	// panicked, Retries how often it was called again.
	Errors, Panics, Retries int64
	// Throttled and ReadErrors are how often reading was refused by a limit, or
	// failed otherwise. Expired is how often records had gone before they were
	// read, and LostRecords how many, as far as is known.
	Throttled, ReadErrors, Expired, LostRecords int64
	// Taken is how many leases the worker has taken, Moved how many of those
	// another one handed over, Lost how many were lost to others, Released how
	// many it gave back, and Ended how many shards it read to their end.
	Taken, Moved, Lost, Released, Ended int64
	// Checkpoints is how many were written, CheckpointTime how long that took in
	// all, and CheckpointMax how long the slowest took.
	Checkpoints                   int64
	CheckpointTime, CheckpointMax time.Duration
	// StoreErrors is how often the store did not do what it was asked, other
	// than by a conflict; Conflicts how often it was another's turn.
	StoreErrors, Conflicts int64
	// Shards are those that the worker has leases of, by stream and id.
	Shards []ShardMetrics
}

// ShardMetrics are where a shard stands that a worker has the lease of.
type ShardMetrics struct {
	Stream string
	Shard  weir.ShardID
	// Waits says that it waits for its parents to be processed.
	Waits bool
	// Records is what was processed since the lease was taken.
	Records int64
	// Behind is the lag: the age of the last batch's last record when it was
	// read, zero if there were no more.
	Behind time.Duration
	// Working is for how long the handler has been at its batch, zero if it is
	// at none; Failures how often in a row it failed with it, and Err how.
	Working  time.Duration
	Failures int
	Err      error
	// Unwritten is whether the checkpoint is behind what was processed.
	Unwritten bool
}

// counters are the counts of Metrics.
type counters struct {
	records, bytes, batches                        atomic.Int64
	skipped, deadLetters, discarded                atomic.Int64
	errors, panics, retries                        atomic.Int64
	throttled, readErrors, expired, lostRecords    atomic.Int64
	taken, moved, lost, released, ended            atomic.Int64
	checkpoints, checkpointTime, checkpointSlowest atomic.Int64
	storeErrors, conflicts                         atomic.Int64
}

func (c *counters) checkpointed(d time.Duration) {
	c.checkpoints.Add(1)
	c.checkpointTime.Add(int64(d))
	for {
		most := c.checkpointSlowest.Load()
		if int64(d) <= most || c.checkpointSlowest.CompareAndSwap(most, int64(d)) {
			return
		}
	}
}

// Metrics returns what the worker has done, and where its shards stand. It may
// be called at any time, by any number of goroutines.
func (g *Group) Metrics() Metrics {
	c := &g.counts
	m := Metrics{
		Group: g.config.Name, Worker: g.config.Worker,
		Records: c.records.Load(), Bytes: c.bytes.Load(), Batches: c.batches.Load(), Skipped: c.skipped.Load(), DeadLetters: c.deadLetters.Load(),
		Discarded: c.discarded.Load(),
		Errors:    c.errors.Load(), Panics: c.panics.Load(), Retries: c.retries.Load(),
		Throttled: c.throttled.Load(), ReadErrors: c.readErrors.Load(), Expired: c.expired.Load(), LostRecords: c.lostRecords.Load(),
		Taken: c.taken.Load(), Moved: c.moved.Load(), Lost: c.lost.Load(), Released: c.released.Load(), Ended: c.ended.Load(),
		Checkpoints: c.checkpoints.Load(), CheckpointTime: time.Duration(c.checkpointTime.Load()),
		CheckpointMax: time.Duration(c.checkpointSlowest.Load()), StoreErrors: c.storeErrors.Load(), Conflicts: c.conflicts.Load(),
	}
	for _, sh := range g.shardsByKey() {
		m.Shards = append(m.Shards, sh.metrics())
	}
	return m
}

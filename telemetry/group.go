package telemetry

import "github.com/weirstream/weir/consumer"

// Group returns the figures of a worker of a group, and of the shards that it
// has. Nil is no source.
func Group(g *consumer.Group) Source {
	if g == nil {
		return Source{}
	}
	return Source{[]thing{workerOf(g.Metrics())}, func(to emitter) {
		m := g.Metrics()
		emitGroup(to, &m)
	}}
}

// workerOf returns the worker whose figures emitGroup gives out.
func workerOf(m consumer.Metrics) thing { return thingOf("worker", m.Worker, "group", m.Group) }

func emitGroup(to emitter, m *consumer.Metrics) {
	groups.emit(to, m, m.Group, m.Worker)
	for i := range m.Shards {
		s := &m.Shards[i]
		groupShards.emit(to, s, m.Group, m.Worker, s.Stream, s.Shard.String())
	}
}

var groups = familyOf("group", []string{"group", "worker"},
	figure[consumer.Metrics]{"records", "RecordsProcessed", Counter, "{record}", "Records that handlers processed.",
		func(m *consumer.Metrics) float64 { return float64(m.Records) }},
	figure[consumer.Metrics]{"processed", "DataBytesProcessed", Counter, "By", "Data and partition keys that handlers processed.",
		func(m *consumer.Metrics) float64 { return float64(m.Bytes) }},
	figure[consumer.Metrics]{"batches", "", Counter, "{batch}", "Batches that handlers processed.",
		func(m *consumer.Metrics) float64 { return float64(m.Batches) }},
	figure[consumer.Metrics]{"skipped_records", "", Counter, "{record}", "Records left out by policy.",
		func(m *consumer.Metrics) float64 { return float64(m.Skipped) }},
	figure[consumer.Metrics]{"dead_letters", "", Counter, "{record}", "Records handed over as dead letters.",
		func(m *consumer.Metrics) float64 { return float64(m.DeadLetters) }},
	figure[consumer.Metrics]{"discarded_records", "", Counter, "{record}", "User records of aggregates that belong to another shard, or cannot be read.",
		func(m *consumer.Metrics) float64 { return float64(m.Discarded) }},
	figure[consumer.Metrics]{"errors", "", Counter, "{call}", "Calls of a handler that failed.",
		func(m *consumer.Metrics) float64 { return float64(m.Errors) }},
	figure[consumer.Metrics]{"panics", "", Counter, "{call}", "Of these, those that panicked.",
		func(m *consumer.Metrics) float64 { return float64(m.Panics) }},
	figure[consumer.Metrics]{"retries", "", Counter, "{call}", "Calls of a handler with a batch that had failed.",
		func(m *consumer.Metrics) float64 { return float64(m.Retries) }},
	figure[consumer.Metrics]{"throttled", "", Counter, "{call}", "Reads that a limit refused.",
		func(m *consumer.Metrics) float64 { return float64(m.Throttled) }},
	figure[consumer.Metrics]{"read_errors", "", Counter, "{call}", "Reads that failed otherwise.",
		func(m *consumer.Metrics) float64 { return float64(m.ReadErrors) }},
	figure[consumer.Metrics]{"lost_records", "", Counter, "{record}", "Records that had gone before they were read, as far as is known.",
		func(m *consumer.Metrics) float64 { return float64(m.LostRecords) }},
	figure[consumer.Metrics]{"leases_taken", "", Counter, "{lease}", "Leases that the worker has taken.",
		func(m *consumer.Metrics) float64 { return float64(m.Taken) }},
	figure[consumer.Metrics]{"leases_lost", "", Counter, "{lease}", "Leases that were lost to others.",
		func(m *consumer.Metrics) float64 { return float64(m.Lost) }},
	figure[consumer.Metrics]{"leases_released", "", Counter, "{lease}", "Leases that the worker gave back.",
		func(m *consumer.Metrics) float64 { return float64(m.Released) }},
	figure[consumer.Metrics]{"shards_ended", "", Counter, "{shard}", "Shards that were processed to their end.",
		func(m *consumer.Metrics) float64 { return float64(m.Ended) }},
	figure[consumer.Metrics]{"checkpoints", "", Counter, "{checkpoint}", "Checkpoints that were written.",
		func(m *consumer.Metrics) float64 { return float64(m.Checkpoints) }},
	figure[consumer.Metrics]{"checkpoint_time", "", Counter, "s", "How long that took.",
		func(m *consumer.Metrics) float64 { return m.CheckpointTime.Seconds() }},
	figure[consumer.Metrics]{"store_errors", "", Counter, "{call}", "Calls of the store of leases that failed, other than by a conflict.",
		func(m *consumer.Metrics) float64 { return float64(m.StoreErrors) }},
	figure[consumer.Metrics]{"shards", "", Gauge, "{shard}", "Shards that the worker has the leases of.",
		func(m *consumer.Metrics) float64 { return float64(len(m.Shards)) }},
)

var groupShards = familyOf("group_shard", []string{"group", "worker", "stream", "shard"},
	figure[consumer.ShardMetrics]{"lag", "MillisBehindLatest", Gauge, "s", "Age of the last record that was read, zero if there were no more.",
		func(m *consumer.ShardMetrics) float64 { return m.Behind.Seconds() }},
	figure[consumer.ShardMetrics]{"records", "RecordsProcessed", Counter, "{record}", "Records processed since the lease was taken.",
		func(m *consumer.ShardMetrics) float64 { return float64(m.Records) }},
	figure[consumer.ShardMetrics]{"working", "", Gauge, "s", "For how long the handler has been at its batch, zero if it is at none.",
		func(m *consumer.ShardMetrics) float64 { return m.Working.Seconds() }},
	figure[consumer.ShardMetrics]{"failures", "", Gauge, "{call}", "How often in a row the handler failed with its batch.",
		func(m *consumer.ShardMetrics) float64 { return float64(m.Failures) }},
)

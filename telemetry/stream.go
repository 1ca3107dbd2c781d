package telemetry

import (
	"math"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/metrics"
)

// Stream returns the figures of a stream, its readers and its registered
// consumers. Nil is no source.
func Stream(s *weir.Stream) Source { return streamSource(s, false) }

// StreamByShard returns the same and the figures of each shard, which are five
// times as many for a stream of one shard and thousands for one of a thousand.
func StreamByShard(s *weir.Stream) Source { return streamSource(s, true) }

func streamSource(s *weir.Stream, byShard bool) Source {
	if s == nil {
		return Source{}
	}
	return Source{[]thing{thingOf("stream", s.Name(), "", "")}, func(to emitter) {
		snap := s.Snapshot()
		emitStream(to, &snap, recent(s, snap.At))
		if byShard {
			for i := range snap.Shards {
				shards.emit(to, &snap.Shards[i], snap.Stream, snap.Shards[i].Shard.String())
			}
		}
	}}
}

// A moment is a stream's figures.
type moment struct {
	*weir.Snapshot
	open    int
	busiest metrics.Counts // the most of any second of the last minute
}

// minute is how far back the busiest second is looked for: a minute's sum hides
// it, and it is what limits are about.
const minute = time.Minute

// recent returns the most that any second of the last minute had.
func recent(s *weir.Stream, now time.Time) (most metrics.Counts) {
	list, _ := s.Seconds(now.Add(-minute)) // no shard is named, so there is no error
	for _, second := range list {
		most.IncomingRecords = max(most.IncomingRecords, second.IncomingRecords)
		most.IncomingBytes = max(most.IncomingBytes, second.IncomingBytes)
		most.WriteThrottled = max(most.WriteThrottled, second.WriteThrottled)
	}
	return most
}

func emitStream(to emitter, snap *weir.Snapshot, busiest metrics.Counts) {
	m := moment{Snapshot: snap, busiest: busiest}
	for i := range snap.Shards {
		if snap.Shards[i].Open {
			m.open++
		}
	}
	streams.emit(to, &m, snap.Stream)
	if snap.Storage != nil {
		storage.emit(to, snap.Storage, snap.Stream)
	}
	for _, r := range byName(snap.Readers) {
		readers.emit(to, &r, snap.Stream, r.Name)
	}
	for i := range snap.Consumers {
		consumers.emit(to, &snap.Consumers[i], snap.Stream, snap.Consumers[i].Name)
	}
}

// byName puts readers of the same name together: names need not be different. So
// what they count falls when one is closed, and is no counter.
func byName(list []weir.ReaderMetrics) (merged []weir.ReaderMetrics) {
	places := make(map[string]int)
	for _, r := range list {
		r.Name = label(r.Name)
		i, there := places[r.Name]
		if !there {
			places[r.Name] = len(merged)
			merged = append(merged, r)
			continue
		}
		m := &merged[i]
		m.Records += r.Records
		m.Bytes += r.Bytes
		m.RecordsBehind += r.RecordsBehind
		m.BytesBehind += r.BytesBehind
		m.Lost += r.Lost
		m.Age = max(m.Age, r.Age)
	}
	return merged
}

var streams = familyOf("stream", []string{"stream"},
	figure[moment]{"incoming_records", "IncomingRecords", Counter, "{record}", "Records put successfully.",
		func(m *moment) float64 { return float64(m.Total.IncomingRecords) }},
	figure[moment]{"incoming", "IncomingBytes", Counter, "By", "Data and partition keys put successfully.",
		func(m *moment) float64 { return float64(m.Total.IncomingBytes) }},
	figure[moment]{"put_records_calls", "PutRecords.Success", Counter, "{call}", "Calls of PutRecords that were not refused as a whole.",
		func(m *moment) float64 { return float64(m.Total.PutRecordsCalls) }},
	figure[moment]{"write_throttled", "WriteProvisionedThroughputExceeded", Counter, "{record}", "Records that a write limit refused.",
		func(m *moment) float64 { return float64(m.Total.WriteThrottled) }},
	figure[moment]{"refused_records", "", Counter, "{record}", "Records that did not fit into memory.",
		func(m *moment) float64 { return float64(m.Total.RefusedRecords) }},
	figure[moment]{"dropped_records", "", Counter, "{record}", "Records dropped before their retention was over, to stay within the bound of memory.",
		func(m *moment) float64 { return float64(m.Total.DroppedRecords) }},
	figure[moment]{"outgoing_records", "", Counter, "{record}", "Records given to readers of any kind.",
		func(m *moment) float64 { return float64(m.Total.OutgoingRecords) }},
	figure[moment]{"outgoing", "", Counter, "By", "Data and partition keys given to readers of any kind.",
		func(m *moment) float64 { return float64(m.Total.OutgoingBytes) }},
	figure[moment]{"get_records_calls", "GetRecords.Success", Counter, "{call}", "Calls of GetRecords that succeeded.",
		func(m *moment) float64 { return float64(m.Total.GetRecordsCalls) }},
	figure[moment]{"get_records_records", "GetRecords.Records", Counter, "{record}", "Records that GetRecords returned.",
		func(m *moment) float64 { return float64(m.Total.GetRecordsRecords) }},
	figure[moment]{"get_records", "GetRecords.Bytes", Counter, "By", "Data and partition keys that GetRecords returned.",
		func(m *moment) float64 { return float64(m.Total.GetRecordsBytes) }},
	figure[moment]{"read_throttled", "ReadProvisionedThroughputExceeded", Counter, "{call}", "Calls of GetRecords that a read limit refused.",
		func(m *moment) float64 { return float64(m.Total.ReadThrottled) }},
	figure[moment]{"busiest_second_records", "", Gauge, "{record}", "Records put in the busiest second of the last minute.",
		func(m *moment) float64 { return float64(m.busiest.IncomingRecords) }},
	figure[moment]{"busiest_second", "", Gauge, "By", "Data and partition keys put in the busiest second of the last minute.",
		func(m *moment) float64 { return float64(m.busiest.IncomingBytes) }},
	figure[moment]{"busiest_second_throttled", "", Gauge, "{record}", "Records that a write limit refused in the worst second of the last minute.",
		func(m *moment) float64 { return float64(m.busiest.WriteThrottled) }},
	figure[moment]{"write_records_limit", "", Gauge, "{record}", "Records a second that all open shards may take; infinite without limits.",
		func(m *moment) float64 { return limit(m.Capacity.WriteRecordsPerSecond) }},
	figure[moment]{"write_limit", "", Gauge, "By", "Bytes a second that all open shards may take; infinite without limits.",
		func(m *moment) float64 { return limit(m.Capacity.WriteBytesPerSecond) }},
	figure[moment]{"records_held", "", Gauge, "{record}", "Records that can be read.",
		func(m *moment) float64 { return float64(m.RecordsHeld) }},
	figure[moment]{"held", "", Gauge, "By", "Data and partition keys of the records that can be read.",
		func(m *moment) float64 { return float64(m.BytesHeld) }},
	figure[moment]{"memory", "", Gauge, "By", "Memory that records occupy.",
		func(m *moment) float64 { return float64(m.MemoryBytes) }},
	figure[moment]{"iterator_age", "GetRecords.IteratorAgeMilliseconds", Gauge, "s", "Greatest age of any reader.",
		func(m *moment) float64 { return m.IteratorAge.Seconds() }},
	figure[moment]{"shards", "", Gauge, "{shard}", "Shards that have not vanished, open and closed.",
		func(m *moment) float64 { return float64(len(m.Shards)) }},
	figure[moment]{"open_shards", "OpenShardCount", Gauge, "{shard}", "Shards that take records.",
		func(m *moment) float64 { return float64(m.open) }},
)

// limit makes a value of a limit, of which -1 is none.
func limit(n int64) float64 {
	if n < 0 {
		return math.Inf(1)
	}
	return float64(n)
}

var shards = familyOf("shard", []string{"stream", "shard"},
	figure[weir.ShardMetrics]{"incoming_records", "IncomingRecords", Counter, "{record}", "Records put successfully.",
		func(m *weir.ShardMetrics) float64 { return float64(m.Total.IncomingRecords) }},
	figure[weir.ShardMetrics]{"incoming", "IncomingBytes", Counter, "By", "Data and partition keys put successfully.",
		func(m *weir.ShardMetrics) float64 { return float64(m.Total.IncomingBytes) }},
	figure[weir.ShardMetrics]{"outgoing_records", "OutgoingRecords", Counter, "{record}", "Records given to readers of any kind.",
		func(m *weir.ShardMetrics) float64 { return float64(m.Total.OutgoingRecords) }},
	figure[weir.ShardMetrics]{"outgoing", "OutgoingBytes", Counter, "By", "Data and partition keys given to readers of any kind.",
		func(m *weir.ShardMetrics) float64 { return float64(m.Total.OutgoingBytes) }},
	figure[weir.ShardMetrics]{"write_throttled", "WriteProvisionedThroughputExceeded", Counter, "{record}", "Records that a write limit refused.",
		func(m *weir.ShardMetrics) float64 { return float64(m.Total.WriteThrottled) }},
	figure[weir.ShardMetrics]{"read_throttled", "ReadProvisionedThroughputExceeded", Counter, "{call}", "Calls of GetRecords that a read limit refused.",
		func(m *weir.ShardMetrics) float64 { return float64(m.Total.ReadThrottled) }},
	figure[weir.ShardMetrics]{"iterator_age", "IteratorAgeMilliseconds", Gauge, "s", "Greatest age of the last record that a GetRecords returned.",
		func(m *weir.ShardMetrics) float64 { return float64(m.Total.IteratorAgeMillis) / 1000 }},
	figure[weir.ShardMetrics]{"records_held", "", Gauge, "{record}", "Records that can be read.",
		func(m *weir.ShardMetrics) float64 { return float64(m.RecordsHeld) }},
	figure[weir.ShardMetrics]{"held", "", Gauge, "By", "Data and partition keys of the records that can be read.",
		func(m *weir.ShardMetrics) float64 { return float64(m.BytesHeld) }},
	figure[weir.ShardMetrics]{"open", "", Gauge, "1", "1 if the shard takes records, 0 if it is closed.",
		func(m *weir.ShardMetrics) float64 { return oneIf(m.Open) }},
)

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

var readers = familyOf("reader", []string{"stream", "reader"},
	figure[weir.ReaderMetrics]{"records", "", Gauge, "{record}", "Records that readers of this name were given, of those that are open.",
		func(m *weir.ReaderMetrics) float64 { return float64(m.Records) }},
	figure[weir.ReaderMetrics]{"age", "", Gauge, "s", "How long ago the oldest record arrived that the reader was not given.",
		func(m *weir.ReaderMetrics) float64 { return m.Age.Seconds() }},
	figure[weir.ReaderMetrics]{"records_behind", "", Gauge, "{record}", "Records that the reader is still to be given.",
		func(m *weir.ReaderMetrics) float64 { return float64(m.RecordsBehind) }},
	figure[weir.ReaderMetrics]{"behind", "", Gauge, "By", "Data and partition keys that the reader is still to be given.",
		func(m *weir.ReaderMetrics) float64 { return float64(m.BytesBehind) }},
	figure[weir.ReaderMetrics]{"lost_records", "", Gauge, "{record}", "Records that had gone before readers of this name came to them, of those that are open.",
		func(m *weir.ReaderMetrics) float64 { return float64(m.Lost) }},
)

var consumers = familyOf("consumer", []string{"stream", "consumer"},
	figure[weir.ConsumerMetrics]{"subscriptions", "SubscribeToShard.Success", Counter, "{call}", "Subscriptions that began.",
		func(m *weir.ConsumerMetrics) float64 { return float64(m.Total.SubscribeSuccess) }},
	figure[weir.ConsumerMetrics]{"subscriptions_refused", "SubscribeToShard.RateExceeded", Counter, "{call}", "Subscriptions that were refused because one was active.",
		func(m *weir.ConsumerMetrics) float64 { return float64(m.Total.SubscribeRateExceeded) }},
	figure[weir.ConsumerMetrics]{"active_subscriptions", "", Gauge, "{shard}", "Shards that the consumer is subscribed to.",
		func(m *weir.ConsumerMetrics) float64 { return float64(len(m.Shards)) }},
	figure[weir.ConsumerMetrics]{"events", "SubscribeToShardEvent.Success", Counter, "{event}", "Events given out.",
		func(m *weir.ConsumerMetrics) float64 { return float64(m.Total.Events) }},
	figure[weir.ConsumerMetrics]{"records", "SubscribeToShardEvent.Records", Counter, "{record}", "Records in them.",
		func(m *weir.ConsumerMetrics) float64 { return float64(m.Total.EventRecords) }},
	figure[weir.ConsumerMetrics]{"outgoing", "SubscribeToShardEvent.Bytes", Counter, "By", "Data and partition keys in them.",
		func(m *weir.ConsumerMetrics) float64 { return float64(m.Total.EventBytes) }},
	figure[weir.ConsumerMetrics]{"age", "SubscribeToShardEvent.MillisBehindLatest", Gauge, "s", "How long ago the oldest record arrived that a subscription has not given out.",
		func(m *weir.ConsumerMetrics) float64 { return m.Age.Seconds() }},
)

var storage = familyOf("storage", []string{"stream"},
	figure[weir.Storage]{"written", "", Counter, "By", "Bytes written since the stream was opened.",
		func(m *weir.Storage) float64 { return float64(m.WrittenBytes) }},
	figure[weir.Storage]{"syncs", "", Counter, "{sync}", "Syncs since the stream was opened; puts that come at the same time share one.",
		func(m *weir.Storage) float64 { return float64(m.Syncs) }},
	figure[weir.Storage]{"files", "", Gauge, "{file}", "Files of the stream.",
		func(m *weir.Storage) float64 { return float64(m.Files) }},
	figure[weir.Storage]{"memory_held", "", Gauge, "By", "Data and partition keys that are held in memory.",
		func(m *weir.Storage) float64 { return float64(m.BytesInMemory) }},
	figure[weir.Storage]{"disk_held", "", Gauge, "By", "Data and partition keys that have left memory and are read from disk.",
		func(m *weir.Storage) float64 { return float64(m.BytesOnDisk) }},
	figure[weir.Storage]{"refused", "", Gauge, "1", "1 if nothing can be put, because writing has failed.",
		func(m *weir.Storage) float64 { return oneIf(m.Refused != nil) }},
)

package telemetry

import "github.com/weirstream/weir/producer"

// Producer returns the figures of a producer, by a name that tells it from other
// producers of the same stream. Nil is no source.
func Producer(name string, p *producer.Producer) Source {
	if p == nil {
		return Source{}
	}
	return Source{[]thing{thingOf("producer", name, "stream", p.Metrics().Stream)}, func(to emitter) {
		m := p.Metrics()
		producers.emit(to, &m, name, m.Stream)
	}}
}

var producers = familyOf("producer", []string{"producer", "stream"},
	figure[producer.Metrics]{"taken_records", "UserRecordsReceived", Counter, "{record}", "Records that were taken in.",
		func(m *producer.Metrics) float64 { return float64(m.Taken) }},
	figure[producer.Metrics]{"delivered_records", "UserRecordsPut", Counter, "{record}", "Records that were stored.",
		func(m *producer.Metrics) float64 { return float64(m.Delivered) }},
	figure[producer.Metrics]{"failed_records", "", Counter, "{record}", "Records that were not stored.",
		func(m *producer.Metrics) float64 { return float64(m.Failed) }},
	figure[producer.Metrics]{"expired_records", "UserRecordExpired", Counter, "{record}", "Of these, those that were too old.",
		func(m *producer.Metrics) float64 { return float64(m.Expired) }},
	figure[producer.Metrics]{"calls", "", Counter, "{call}", "Calls of PutRecords that were made.",
		func(m *producer.Metrics) float64 { return float64(m.Put) }},
	figure[producer.Metrics]{"entries", "KinesisRecordsPut", Counter, "{record}", "Records of the stream that these had.",
		func(m *producer.Metrics) float64 { return float64(m.Entries) }},
	figure[producer.Metrics]{"retries", "", Counter, "{record}", "Records that were put back to be put again.",
		func(m *producer.Metrics) float64 { return float64(m.Retries) }},
	figure[producer.Metrics]{"throttled", "", Counter, "{record}", "Records that a limit refused.",
		func(m *producer.Metrics) float64 { return float64(m.Throttled) }},
	figure[producer.Metrics]{"aggregates", "", Counter, "{record}", "Aggregates that were stored.",
		func(m *producer.Metrics) float64 { return float64(m.Aggregates) }},
	figure[producer.Metrics]{"aggregated_records", "", Counter, "{record}", "Records in them.",
		func(m *producer.Metrics) float64 { return float64(m.Aggregated) }},
	figure[producer.Metrics]{"held_records", "UserRecordsPending", Gauge, "{record}", "Records whose outcome was not told.",
		func(m *producer.Metrics) float64 { return float64(m.Records) }},
	figure[producer.Metrics]{"held", "", Gauge, "By", "What they take of the producer's bound of memory.",
		func(m *producer.Metrics) float64 { return float64(m.Bytes) }},
	figure[producer.Metrics]{"calls_under_way", "", Gauge, "{call}", "Calls that are under way.",
		func(m *producer.Metrics) float64 { return float64(m.Calls) }},
	figure[producer.Metrics]{"latency_p50", "", Gauge, "s", "How long half of all records took at most from the put to being stored, to a power of two, since the producer was made.",
		func(m *producer.Metrics) float64 { return m.LatencyQuantile(0.5).Seconds() }},
	figure[producer.Metrics]{"latency_p99", "", Gauge, "s", "How long 99 of 100 took at most.",
		func(m *producer.Metrics) float64 { return m.LatencyQuantile(0.99).Seconds() }},
)

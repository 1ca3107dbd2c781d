package kinesisserver

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/weirstream/weir"
)

// A streamMetric is one figure of a stream.
type streamMetric struct {
	name  string
	help  string
	kind  prometheus.ValueType
	value func(*weir.Snapshot) float64
}

// streamMetrics are the figures of each stream, with the names that the service
// gives them where it has some.
var streamMetrics = []streamMetric{
	{"weir_stream_incoming_records_total", "Records put successfully.", prometheus.CounterValue,
		func(s *weir.Snapshot) float64 { return float64(s.Total.IncomingRecords) }},
	{"weir_stream_incoming_bytes_total", "Data and partition keys put successfully.", prometheus.CounterValue,
		func(s *weir.Snapshot) float64 { return float64(s.Total.IncomingBytes) }},
	{"weir_stream_write_throttled_total", "Records that a write limit refused.", prometheus.CounterValue,
		func(s *weir.Snapshot) float64 { return float64(s.Total.WriteThrottled) }},
	{"weir_stream_refused_records_total", "Records that did not fit into memory.", prometheus.CounterValue,
		func(s *weir.Snapshot) float64 { return float64(s.Total.RefusedRecords) }},
	{"weir_stream_outgoing_records_total", "Records given to readers of any kind.", prometheus.CounterValue,
		func(s *weir.Snapshot) float64 { return float64(s.Total.OutgoingRecords) }},
	{"weir_stream_outgoing_bytes_total", "Data and partition keys given to readers of any kind.", prometheus.CounterValue,
		func(s *weir.Snapshot) float64 { return float64(s.Total.OutgoingBytes) }},
	{"weir_stream_get_records_calls_total", "Calls of GetRecords that succeeded.", prometheus.CounterValue,
		func(s *weir.Snapshot) float64 { return float64(s.Total.GetRecordsCalls) }},
	{"weir_stream_read_throttled_total", "Calls of GetRecords that a read limit refused.", prometheus.CounterValue,
		func(s *weir.Snapshot) float64 { return float64(s.Total.ReadThrottled) }},
	{"weir_stream_records_held", "Records that can be read.", prometheus.GaugeValue,
		func(s *weir.Snapshot) float64 { return float64(s.RecordsHeld) }},
	{"weir_stream_memory_bytes", "Memory that records occupy.", prometheus.GaugeValue,
		func(s *weir.Snapshot) float64 { return float64(s.MemoryBytes) }},
	{"weir_stream_iterator_age_seconds", "Greatest age of any reader.", prometheus.GaugeValue,
		func(s *weir.Snapshot) float64 { return s.IteratorAge.Seconds() }},
	{"weir_stream_shards", "Shards that have not vanished, open and closed.", prometheus.GaugeValue,
		func(s *weir.Snapshot) float64 { return float64(len(s.Shards)) }},
}

// A streamCollector reads the figures of all streams when they are asked for.
type streamCollector struct {
	accounts *Registry
	descs    []*prometheus.Desc
}

func newStreamCollector(accounts *Registry) *streamCollector {
	c := &streamCollector{accounts: accounts}
	for _, m := range streamMetrics {
		c.descs = append(c.descs, prometheus.NewDesc(m.name, m.help, []string{"account", "region", "stream"}, nil))
	}
	return c
}

// Describe sends what there is to collect.
func (c *streamCollector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		to <- d
	}
}

// Collect sends the figures.
func (c *streamCollector) Collect(to chan<- prometheus.Metric) {
	for _, open := range c.accounts.Accounts() {
		for _, stream := range open.Account.Streams() {
			snap := stream.Snapshot()
			for i, m := range streamMetrics {
				to <- prometheus.MustNewConstMetric(c.descs[i], m.kind, m.value(&snap), open.ID, open.Region, stream.Name())
			}
		}
	}
}

package kinesisserver

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/weirstream/weir/aws/account"
)

// A queueMetric is one figure of a queue.
type queueMetric struct {
	name  string
	help  string
	kind  prometheus.ValueType
	value func(*account.QueueStats) int64
}

// queueMetrics are the figures of each queue. Their names are those of the
// service's metrics where it has some: the first six.
var queueMetrics = []queueMetric{
	{"weir_queue_received_records_total", "Records received, dead letters too.", prometheus.CounterValue,
		func(q *account.QueueStats) int64 { return q.Received }},
	{"weir_queue_acknowledged_records_total", "Records acknowledged, dead letters too.", prometheus.CounterValue,
		func(q *account.QueueStats) int64 { return q.Acknowledged }},
	{"weir_queue_empty_receives_total", "Receives that returned nothing.", prometheus.CounterValue,
		func(q *account.QueueStats) int64 { return q.EmptyReceives }},
	{"weir_queue_visible_records", "Records that can be received.", prometheus.GaugeValue,
		func(q *account.QueueStats) int64 { return q.Visible }},
	{"weir_queue_in_flight_records", "Records received and not acknowledged, dead letters too.", prometheus.GaugeValue,
		func(q *account.QueueStats) int64 { return q.InFlight + q.DeadInFlight }},
	{"weir_queue_visible_dead_letter_records", "Dead letters that can be received.", prometheus.GaugeValue,
		func(q *account.QueueStats) int64 { return q.DeadVisible }},
	{"weir_queue_redelivered_records_total", "Records received that had been received before.", prometheus.CounterValue,
		func(q *account.QueueStats) int64 { return q.Redelivered }},
	{"weir_queue_expired_records_total", "Records that expired before they were acknowledged.", prometheus.CounterValue,
		func(q *account.QueueStats) int64 { return q.Expired }},
}

// A queueCollector reads the figures of all queues when they are asked for.
type queueCollector struct {
	accounts *Registry
	descs    []*prometheus.Desc
}

func newQueueCollector(accounts *Registry) *queueCollector {
	c := &queueCollector{accounts: accounts}
	for _, m := range queueMetrics {
		c.descs = append(c.descs, prometheus.NewDesc(m.name, m.help, []string{"account", "region", "stream", "queue", "queue_id"}, nil))
	}
	return c
}

// Describe sends what there is to collect.
func (c *queueCollector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		to <- d
	}
}

// Collect sends the figures.
func (c *queueCollector) Collect(to chan<- prometheus.Metric) {
	for _, open := range c.accounts.Accounts() {
		for _, q := range open.Account.QueueStats() {
			for i, m := range queueMetrics {
				to <- prometheus.MustNewConstMetric(c.descs[i], m.kind, float64(m.value(&q)), open.ID, open.Region, q.Stream, q.Name, q.ID)
			}
		}
	}
}

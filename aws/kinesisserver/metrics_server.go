package kinesisserver

import (
	"maps"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// newScrapeHandler returns what answers a scrape: the server's own metrics and
// those of all streams.
func newScrapeHandler(s *Server) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(newStreamCollector(s.config.Accounts), newQueueCollector(s.config.Accounts), newServerCollector(s))
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
}

// A serverCollector reads the server's counts when they are asked for.
type serverCollector struct {
	server                                   *Server
	requests, duration, received, sent       *prometheus.Desc
	inFlight, panics, subscriptions, account *prometheus.Desc
}

func newServerCollector(s *Server) *serverCollector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	return &serverCollector{
		server: s,
		requests: desc("weir_requests_total", "Requests answered, by operation and by the code of the error, empty for success.",
			"operation", "code"),
		duration: desc("weir_request_duration_seconds",
			"Time from a request's headers to the end of its response, by operation.", "operation"),
		received:      desc("weir_received_bytes_total", "Bytes of the bodies of requests.", "operation"),
		sent:          desc("weir_sent_bytes_total", "Bytes of the bodies of responses.", "operation"),
		inFlight:      desc("weir_requests_in_flight", "Requests being answered, subscriptions included."),
		panics:        desc("weir_panics_total", "Requests whose handling panicked: each one is a bug."),
		subscriptions: desc("weir_subscriptions", "Open SubscribeToShard responses."),
		account:       desc("weir_accounts", "Accounts and regions that are open."),
	}
}

// Describe sends what there is to collect.
func (c *serverCollector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.requests, c.duration, c.received, c.sent, c.inFlight, c.panics, c.subscriptions, c.account} {
		to <- d
	}
}

// Collect sends the figures, of operations that were never called too.
func (c *serverCollector) Collect(to chan<- prometheus.Metric) {
	s := c.server
	gauge := func(d *prometheus.Desc, v int) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v))
	}
	gauge(c.inFlight, int(s.metrics.inFlight.Load()))
	gauge(c.subscriptions, int(s.subscriptions.open.Load()))
	gauge(c.account, len(s.config.Accounts.Accounts()))
	to <- prometheus.MustNewConstMetric(c.panics, prometheus.CounterValue, float64(s.metrics.panics.Load()))
	for i := range s.metrics.byOperation {
		name := noOperation
		if i < len(operations) {
			name = operations[i].name
		}
		o := s.metrics.byOperation[i].Load()
		if o == nil {
			o = new(operationCounts)
		}
		c.operation(to, name, o)
	}
}

// operation sends the figures of one operation.
func (c *serverCollector) operation(to chan<- prometheus.Metric, name string, o *operationCounts) {
	count := func(d *prometheus.Desc, n int64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	count(c.requests, o.succeeded.Load(), name, "")
	o.mu.Lock()
	failed := maps.Clone(o.failed)
	o.mu.Unlock()
	for code, n := range failed {
		count(c.requests, n, name, code)
	}
	count(c.received, o.received.Load(), name)
	count(c.sent, o.sent.Load(), name)

	buckets := make(map[float64]uint64, len(durationBuckets))
	total := uint64(0)
	for i := range o.buckets {
		total += uint64(o.buckets[i].Load())
		if i < len(durationBuckets) {
			buckets[durationBuckets[i].Seconds()] = total
		}
	}
	sum := float64(o.nanoseconds.Load()) / 1e9
	to <- prometheus.MustNewConstHistogram(c.duration, total, sum, buckets, name)
}

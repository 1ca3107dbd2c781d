package kinesisserver

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// The paths that are the server's own, beside the API.
const (
	healthPath  = "/_weir/health"
	metricsPath = "/_weir/metrics"
)

// serverMetrics are what the server counts of itself.
type serverMetrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	received *prometheus.CounterVec
	sent     *prometheus.CounterVec
	inFlight prometheus.Gauge
	panics   prometheus.Counter
	handler  http.Handler

	byOperation map[string]operationMetrics // immutable; "none" is for what names no operation
}

// operationMetrics are the metrics of one operation, looked up beforehand.
type operationMetrics struct {
	succeeded, received, sent prometheus.Counter
	duration                  prometheus.Observer
}

func newServerMetrics(s *Server) *serverMetrics {
	byOperation := []string{"operation"}
	m := &serverMetrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "weir_requests_total",
			Help: "Requests answered, by operation and by the code of the error, empty for success."},
			[]string{"operation", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "weir_request_duration_seconds",
			Help: "Time from a request's headers to the end of its response, by operation.", Buckets: durationBuckets},
			byOperation),
		received: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "weir_received_bytes_total",
			Help: "Bytes of the bodies of requests."}, byOperation),
		sent: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "weir_sent_bytes_total",
			Help: "Bytes of the bodies of responses."}, byOperation),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{Name: "weir_requests_in_flight",
			Help: "Requests being answered, subscriptions included."}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{Name: "weir_panics_total",
			Help: "Requests whose handling panicked: each one is a bug."}),
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(newStreamCollector(s.config.Accounts), m.requests, m.duration, m.received, m.sent, m.inFlight, m.panics,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "weir_subscriptions", Help: "Open SubscribeToShard responses."},
			func() float64 { return float64(s.subscriptions.open.Load()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "weir_accounts", Help: "Accounts and regions that are open."},
			func() float64 { return float64(len(s.config.Accounts.Accounts())) }),
	)
	m.byOperation = map[string]operationMetrics{noOperation: m.of(noOperation)}
	for i := range operations {
		m.byOperation[operations[i].name] = m.of(operations[i].name)
	}
	m.handler = promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	return m
}

// durationBuckets reach from what a put takes to a subscription's five minutes.
var durationBuckets = []float64{10e-6, 50e-6, 100e-6, 500e-6, 1e-3, 5e-3, 10e-3, 50e-3, 0.1, 0.5, 1, 10, 60, 300}

func (m *serverMetrics) begin() { m.inFlight.Inc() }

// noOperation stands for the operation of a request that names none.
const noOperation = "none"

func (m *serverMetrics) of(operation string) operationMetrics {
	return operationMetrics{
		succeeded: m.requests.WithLabelValues(operation, ""),
		received:  m.received.WithLabelValues(operation),
		sent:      m.sent.WithLabelValues(operation),
		duration:  m.duration.WithLabelValues(operation),
	}
}

// end counts a request that was answered.
func (m *serverMetrics) end(c *call, took time.Duration) {
	name := noOperation
	if c.op != nil {
		name = c.op.name
	}
	own := m.byOperation[name]
	if c.code == "" {
		own.succeeded.Inc()
	} else {
		m.requests.WithLabelValues(name, c.code).Inc()
	}
	own.duration.Observe(took.Seconds())
	own.received.Add(float64(len(c.body)))
	own.sent.Add(float64(c.written))
	m.inFlight.Dec()
}

// serveOwn answers what is no part of the API.
func (s *Server) serveOwn(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
	case r.URL.Path == metricsPath:
		s.metrics.handler.ServeHTTP(w, r)
	case s.subscriptions.closing.Err() != nil:
		http.Error(w, `{"status":"closing"}`, http.StatusServiceUnavailable)
	default:
		w.Header().Set("Content-Type", "application/json")
		w.Write([]byte(`{"status":"ok"}` + "\n"))
	}
}

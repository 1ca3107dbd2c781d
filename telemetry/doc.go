// Package telemetry gives the figures of streams, and of what stands on them,
// to Prometheus and to OpenTelemetry, and carries the context of a span from
// the put of a record to its processing.
//
//	figures := telemetry.NewFigures()
//	err := figures.Add(
//		telemetry.StreamByShard(stream),
//		telemetry.Producer("orders", p),
//		telemetry.Group(g),
//	)
//	…
//	prometheus.MustRegister(figures.Collector()) // and, or:
//	registration, err := figures.Observe(meter)
//
// Nothing is counted here, and nothing is kept: figures are read from their
// sources when somebody asks, those of streams without a lock that a put takes. A
// source that was added twice is refused, because its figures would be there
// twice.
//
// [Catalog] lists all figures, docs/telemetry.md prints it, with the names that
// the service gives them.
//
// [Tracing] links the span that processes a record to that which put it.
package telemetry

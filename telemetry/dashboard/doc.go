// Package dashboard checks that the queries of weir.json, a dashboard for
// Grafana, have answers. It is a module of its own because of what it
// downloads: Prometheus.
package dashboard

package kinesisserver

import (
	"net/http"
	"time"
)

// The paths that are the server's own, beside the API.
const (
	healthPath  = "/_weir/health"
	metricsPath = "/_weir/metrics"
)

// serveOwn answers what is no part of the API.
func (s *Server) serveOwn(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
	case r.URL.Path == metricsPath:
		s.serveMetrics(w, r)
	case s.subscriptions.closing.Err() != nil:
		http.Error(w, `{"status":"closing"}`, http.StatusServiceUnavailable)
	default:
		w.Header().Set("Content-Type", "application/json")
		w.Write([]byte(`{"status":"ok"}` + "\n"))
	}
}

// serveMetrics answers with the metrics, which tell the streams' names, whoever
// may call the API.
func (s *Server) serveMetrics(w http.ResponseWriter, r *http.Request) {
	if err := s.guard.check(r.Host, r.Header.Get("Origin")); err != nil {
		http.Error(w, toWire(err).message, http.StatusForbidden)
		return
	}
	if err := s.checkBasic(r); err != nil {
		w.Header().Set("WWW-Authenticate", `Basic realm="weir"`)
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	http.NewResponseController(w).SetWriteDeadline(time.Now().Add(scrapeTime)) // not supported in process
	s.metrics.handler().ServeHTTP(w, r)
}

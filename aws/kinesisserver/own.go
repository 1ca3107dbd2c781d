package kinesisserver

import (
	"bytes"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// The paths that are the server's own, beside the API.
const (
	ownPath     = "/_weir/"
	healthPath  = ownPath + "health"
	metricsPath = ownPath + "metrics"
)

// serveOwn answers what is no part of the API.
func (s *Server) serveOwn(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path != healthPath && r.URL.Path != metricsPath:
		s.serveConsole(w, r)
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

// serveConsole answers with the console, if there is one.
func (s *Server) serveConsole(w http.ResponseWriter, r *http.Request) {
	if s.config.Console == nil {
		http.NotFound(w, r)
		return
	}
	if s.mayLook(w, r) {
		s.config.Console.ServeHTTP(w, r)
	}
}

// serveMetrics answers with the metrics.
func (s *Server) serveMetrics(w http.ResponseWriter, r *http.Request) {
	if s.mayLook(w, r) {
		s.metrics.scrapes.serve(w, r, s.metrics.handler())
	}
}

// mayLook refuses who may not call the API, for what is shown has the streams'
// names in it.
func (s *Server) mayLook(w http.ResponseWriter, r *http.Request) bool {
	if err := s.guard.check(r.Host, r.Header.Get("Origin")); err != nil {
		http.Error(w, toWire(err).message, http.StatusForbidden)
		return false
	}
	if err := s.checkBasic(r); err != nil {
		w.Header().Set("WWW-Authenticate", `Basic realm="weir"`)
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return false
	}
	return true
}

const (
	// maxScrapes is how many scrapes may be under way, for each holds the text of
	// the metrics of all streams. Others get 503.
	maxScrapes = 4
	// scrapeTime is how long a scrape may take to be read.
	scrapeTime = 10 * time.Second
)

// scrapes are those under way. The zero value is none.
type scrapes struct {
	open atomic.Int64
	mu   sync.Mutex // held while the text is made out: one processor is enough
}

// serve answers a scrape with what a handler says, unless there are too many.
func (s *scrapes) serve(w http.ResponseWriter, r *http.Request, handler http.Handler) {
	defer s.open.Add(-1)
	if s.open.Add(1) > maxScrapes {
		http.Error(w, "too many scrapes at a time", http.StatusServiceUnavailable)
		return
	}
	made := madeOut{header: w.Header(), status: http.StatusOK}
	func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		handler.ServeHTTP(&made, r)
	}()
	http.NewResponseController(w).SetWriteDeadline(time.Now().Add(scrapeTime)) // not supported in process
	w.WriteHeader(made.status)
	w.Write(made.body.Bytes())
}

// madeOut is a response that is not written yet.
type madeOut struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (m *madeOut) Header() http.Header         { return m.header }
func (m *madeOut) WriteHeader(status int)      { m.status = status }
func (m *madeOut) Write(b []byte) (int, error) { return m.body.Write(b) }

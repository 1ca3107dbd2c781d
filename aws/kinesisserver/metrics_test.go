package kinesisserver_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// Every operation is there from the first scrape on, and what was counted
// before it is not forgotten.
func TestHandler_metricsOfOperations(t *testing.T) {
	s := newServer(t)
	put := `{"StreamName":"missing","PartitionKey":"a","Data":"AAE="}`
	for range 3 {
		s.call("PutRecord", put)
	}
	s.call("ListStreams", `{}`)
	s.call("Nonsense", `{}`)
	text := s.metricsText()
	for _, line := range []string{
		`weir_requests_total{code="",operation="PutRecord"} 0`,
		`weir_requests_total{code="ResourceNotFoundException",operation="PutRecord"} 3`,
		`weir_requests_total{code="",operation="ListStreams"} 1`,
		`weir_requests_total{code="",operation="MergeShards"} 0`,
		`weir_requests_total{code="UnknownOperationException",operation="none"} 1`,
		`weir_received_bytes_total{operation="PutRecord"} 171`, // three times put
		`weir_sent_bytes_total{operation="MergeShards"} 0`,
		`weir_request_duration_seconds_bucket{operation="PutRecord",le="+Inf"} 3`,
		`weir_request_duration_seconds_bucket{operation="PutRecord",le="300"} 3`,
		`weir_request_duration_seconds_count{operation="PutRecord"} 3`,
		`weir_request_duration_seconds_bucket{operation="MergeShards",le="1e-05"} 0`,
		`weir_requests_in_flight 0`,
	} {
		assert.Contains(t, text, line+"\n")
	}
	assert.NotContains(t, text, `weir_request_duration_seconds_sum{operation="PutRecord"} 0`+"\n")
	s.call("PutRecord", put)
	assert.Contains(t, string(s.do(httptest.NewRequest("GET", "/_weir/metrics", nil)).body),
		`weir_request_duration_seconds_count{operation="PutRecord"} 4`)
	assert.Equal(t, 15*58, strings.Count(text, "weir_request_duration_seconds_bucket"), "14 ends and infinity, 57 operations and none")
}

// A hundred scrapes that nobody read held the metrics of 2,000 streams each,
// 500 MiB together, and took half a second from all others.
func TestHandler_fewScrapesAtATime(t *testing.T) {
	const most = 4
	s := newServer(t)
	goOn, stalled := make(chan struct{}), make(chan struct{}, most)
	done := make(chan int, most)
	for range most {
		go func() {
			w := &stallingWriter{ResponseRecorder: httptest.NewRecorder(), stalled: stalled, goOn: goOn}
			s.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/_weir/metrics", nil))
			done <- w.Code
		}()
	}
	for range most {
		<-stalled
	}
	assert.Equal(t, http.StatusServiceUnavailable, s.do(httptest.NewRequest("GET", "/_weir/metrics", nil)).status)
	assert.Equal(t, http.StatusOK, s.do(httptest.NewRequest("GET", "/_weir/health", nil)).status)
	close(goOn)
	for range most {
		assert.Equal(t, http.StatusOK, <-done)
	}
	assert.Equal(t, http.StatusOK, s.do(httptest.NewRequest("GET", "/_weir/metrics", nil)).status)
}

// A stallingWriter stalls at its first byte until it may go on.
type stallingWriter struct {
	*httptest.ResponseRecorder
	stalled chan<- struct{}
	goOn    <-chan struct{}
	begun   bool
}

func (w *stallingWriter) Write(b []byte) (int, error) {
	if !w.begun {
		w.begun = true
		w.stalled <- struct{}{}
		<-w.goOn
	}
	return w.ResponseRecorder.Write(b)
}

package kinesisserver_test

import (
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
	assert.Equal(t, 15*46, strings.Count(text, "weir_request_duration_seconds_bucket"), "14 ends and infinity, 45 operations and none")
}

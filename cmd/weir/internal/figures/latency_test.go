package figures_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirstream/weir/cmd/weir/internal/figures"
)

func TestHistogram_Latency(t *testing.T) {
	assert.Zero(t, figures.NewHistogram().Latency())
	h := figures.NewHistogram()
	for i := range 10 {
		h.Record(time.Duration(i+1) * 10)
	}
	l := h.Latency()
	assert.Equal(t, figures.Percentile{Percent: 0, Time: 10}, l.Curve[0])
	assert.Len(t, l.Curve, 9, "as many nines as ten values are good for: one, in eight steps, and the least")
	l.Curve = nil
	assert.Equal(t, figures.Latency{
		Count: 10, Min: 10, Mean: 55, P50: 50, P90: 90, P95: 100, P99: 100, P999: 100, P9999: 100, Max: 100,
	}, l)
	assert.Equal(t, figures.NamedLatency{Name: "put", Latency: l}, l.Named("put"))
}
